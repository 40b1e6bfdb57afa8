"""Options that the model commands share, and what they stand for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from novacron.chain.receipts import TransactionReceipt
from novacron.cli.app import App
from novacron.cli.network import acting, reading, require_finished, settings_of
from novacron.cli.options import emit_sent, parse_moment
from novacron.exceptions import InputError, InvalidDigestError
from novacron.market.deployment import Account
from novacron.models.advice import MODEL_ADVICE
from novacron.models.onchain import Stage, hexed, parse_stage
from novacron.models.policy import Policy
from novacron.models.references import Reference, parse_reference
from novacron.models.registry import ModelRegistry
from novacron.provenance.digest import parse_digest

PATH = click.Path(path_type=Path)

publisher_option = click.option(
    "--publisher",
    envvar="NOVACRON_PUBLISHER",
    help="Whose names are meant where none is written. Default: the configured account, where a key is needed anyway.",
)
at_option = click.option("--at", metavar="TIME", help="What an alias meant then: 2026-12-01T10:00Z, or Unix seconds.")
_POLICY = (
    click.option(
        "--policy",
        "policy_file",
        type=PATH,
        envvar="NOVACRON_MODEL_POLICY",
        help="TOML file with what is demanded. Default: a certificate that stands, and nothing revoked.",
    ),
    click.option("--signed", is_flag=True, help="Also demand a post-quantum signature that the chain verified."),
    click.option("--root", "roots", multiple=True, metavar="ID", help="Also demand a signature under this root key."),
    click.option("--run", "with_run", is_flag=True, help="Also demand a training run that was sealed with the model."),
    click.option("--names", is_flag=True, help="Also demand that the files' names are bound, not only their contents."),
    click.option("--stage", "stages", multiple=True, help="Also demand this stage; several: one of them."),
    click.option("--uncertified", is_flag=True, help="Do without a certificate. Not with --policy."),
)


def policy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `policy_of`."""
    for option in reversed(_POLICY):
        command = option(command)
    return command


def policy_of(words: dict[str, Any]) -> Policy:
    """The policy that options give; takes them out of `words`. Options demand more than the file, never less.

    Raises:
        ConfigurationError: the file. InputError: an option.
    """
    file, uncertified = words.pop("policy_file"), words.pop("uncertified")
    if file is not None and uncertified:
        raise click.UsageError("--policy says what is demanded; --uncertified cannot take of it away")
    policy = Policy(certified=not uncertified) if file is None else Policy.from_toml(file)
    signed, run, names = (words.pop(name) for name in ("signed", "with_run", "names"))
    roots = frozenset(map(parse_digest, words.pop("roots")))
    stages = frozenset(map(parse_stage, words.pop("stages")))
    return replace(
        policy,
        signed=policy.signed or signed,
        run=policy.run or run,
        names=policy.names or names,
        roots=_narrowed(policy.roots, roots, "--root"),
        stages=_narrowed(policy.stages, stages, "--stage"),
    )


def _narrowed(before: frozenset[Any], more: frozenset[Any], option: str) -> frozenset[Any]:
    """What both allow; empty stands for anything, so nothing in common is an error, not a way through."""
    if not before or not more:
        return before or more
    if not before & more:
        raise click.UsageError(f"{option} names nothing that the policy file allows: nothing could pass")
    return before & more


@dataclass(frozen=True)
class Consumer:
    """A registry to be read, as whoever uses models does."""

    registry: ModelRegistry
    confirmations: int
    publisher: str | None

    def reference(self, text: str) -> Reference:
        """What a model is named by."""
        return parse_reference(text, self.publisher)

    def resolve(self, text: str) -> bytes:
        """The digest of a model, at a confirmed block."""
        return self.registry.view(self.confirmations).resolve(self.reference(text))


@contextmanager
def consuming(app: App, publisher: str | None) -> Iterator[Consumer]:
    """The configured registry; needs no key."""
    confirmations = settings_of(app, reading=True).confirmations
    with reading(app) as deployment:
        yield Consumer(ModelRegistry(deployment), confirmations, publisher)


def resolved(app: App, text: str, publisher: str | None) -> bytes:
    """The digest of a model; a digest needs no chain."""
    digest = parse_reference(text, publisher).model_hash
    if digest is not None:
        return digest
    with consuming(app, publisher) as consumer:
        return consumer.resolve(text)


@dataclass(frozen=True)
class Releaser(Consumer):
    """A registry and the account that acts on it; names are those of the account where nobody else is named."""

    account: Account


@contextmanager
def releasing(app: App, publisher: str | None, key: str | None = None, *, once: bool = False) -> Iterator[Releaser]:
    """The configured registry and account.

    Args:
        key: the action's name.
        once: whether the action can be told from any other by what it does, so that a repetition is harmless.
    """
    confirmations = settings_of(app, reading=False).confirmations
    with acting(app, MODEL_ADVICE) as account:
        if not once:
            require_finished(app, account, key)
        whose = account.address if publisher is None else publisher
        yield Releaser(ModelRegistry(account.deployment), confirmations, whose, account)


def time_of(at: str | None) -> int | None:
    """--at as Unix seconds."""
    if at is not None and at.lstrip().startswith("+"):
        raise InputError(f"--at {at!r}: write a time that is over, such as 2026-12-01T10:00Z")
    return None if at is None else parse_moment(at, 0, "--at")


def digest_or_file(words: str, option: str) -> bytes:
    """SHA-256 of a file, or the digest itself. Raises InputError."""
    path = Path(words)
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    try:
        return parse_digest(words)
    except InvalidDigestError:
        raise InputError(f"{option} {words!r} is no file, and not the 64 hexadecimal digits of a digest") from None


def sent(app: App, title: str, receipt: TransactionReceipt, model_hash: bytes, **rows: Any) -> None:
    """What came of a transaction about a model."""
    shown = {"model": hexed(model_hash), **{name.replace("_", " "): value for name, value in rows.items()}}
    emit_sent(app, title, receipt, shown, model=hexed(model_hash), **rows)


class StageType(click.ParamType):
    """A stage by its name."""

    name = "stage"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Stage:
        """From text, in any case."""
        try:
            return value if isinstance(value, Stage) else parse_stage(value)
        except InputError as error:
            self.fail(str(error), param, ctx)
