"""`novacron model name`, `alias` and `publish`: how models are called, and what that means at any time."""

from __future__ import annotations

import click
from rich.console import Console

from novacron.chain.addresses import parse_address
from novacron.chain.receipts import TransactionReceipt
from novacron.cli.app import App, facts, pass_app, rows_table
from novacron.cli.model_options import Consumer, at_option, consuming, publisher_option, releasing, sent, time_of
from novacron.cli.options import emit_sent, key_option
from novacron.market.advice import moment
from novacron.models.onchain import ZERO, hexed
from novacron.models.references import (
    NameReference,
    parse_alias_reference,
    parse_name_reference,
    parse_reference,
)
from novacron.provenance.digest import parse_digest

_NAME = click.argument("name")
_ALIAS = click.argument("alias", metavar="NAME@ALIAS")


@click.group()
def name() -> None:
    """Names: publisher/name, with versions that never change and aliases that move."""


@name.command("create")
@_NAME
@pass_app
def create(app: App, name: str) -> None:
    """Create NAME in the configured account's namespace."""
    with releasing(app, None, once=True) as releaser:
        made, receipt = releaser.registry.create_name(releaser.account, name)
    _sent_about(app, "Created", receipt, made)


@name.command("list")
@click.argument("publisher")
@pass_app
def list_(app: App, publisher: str) -> None:
    """List the names that PUBLISHER created."""
    with consuming(app, publisher) as consumer:
        view = consumer.registry.view(consumer.confirmations)
        found = [view.name(one) for one in view.names_by(parse_address(publisher, "publisher"))]
    rows = [(str(one.reference), one.owner, "yes" if one.frozen else "no") for one in found]
    app.emit([one.to_dict() for one in found], rows_table("Names", ("name", "owner", "frozen"), rows))


@name.command("show")
@_NAME
@publisher_option
@pass_app
def show(app: App, name: str, publisher: str | None) -> None:
    """Print the versions and aliases of NAME."""
    with consuming(app, publisher) as consumer:
        reference = parse_name_reference(name, consumer.publisher)
        view = consumer.registry.view(consumer.confirmations)
        state, versions, aliases = view.name(reference), view.versions(reference), view.aliases(reference)
    value = state.to_dict() | {
        "versions": [{"version": version, "model": hexed(digest)} for version, digest in versions],
        "aliases": [
            {"alias": alias, "model": hexed(digest), "frozen": frozen} for alias, (digest, frozen) in aliases.items()
        ],
        "block": view.pin.to_dict(),
    }
    called = {digest: version for version, digest in versions}

    def show_all(console: Console) -> None:
        owner = {"owner": state.owner, "offered to": state.pending_owner, "frozen": "yes" if state.frozen else "no"}
        facts(str(reference), owner)(console)
        rows_table("Versions", ("version", "model"), [(word, hexed(digest)) for word, digest in versions])(console)
        rows = [(word, called.get(one), hexed(one), "yes" if still else "no") for word, (one, still) in aliases.items()]
        rows_table("Aliases", ("alias", "version", "model", "frozen"), rows)(console)

    app.emit(value, show_all)


@name.command("transfer")
@_NAME
@click.option("--to", "new_owner", help="The new owner, who must accept.")
@click.option("--withdraw", is_flag=True, help="Take an offer back.")
@publisher_option
@key_option
@pass_app
def transfer(
    app: App, name: str, new_owner: str | None, withdraw: bool, publisher: str | None, key: str | None
) -> None:
    """Offer NAME to somebody. It stays in its publisher's namespace."""
    if (new_owner is None) is not withdraw:
        raise click.UsageError("give --to ADDRESS, or --withdraw")
    with releasing(app, publisher, key) as releaser:
        found = parse_name_reference(name, releaser.publisher)
        receipt = releaser.registry.transfer_name(releaser.account, found, new_owner, key=key)
    _sent_about(app, "Offer withdrawn" if withdraw else "Offered", receipt, found)


@name.command("accept")
@_NAME
@publisher_option
@key_option
@pass_app
def accept(app: App, name: str, publisher: str | None, key: str | None) -> None:
    """Take NAME, which was offered to the configured account."""
    with releasing(app, publisher, key) as releaser:
        found = parse_name_reference(name, releaser.publisher)
        receipt = releaser.registry.accept_name(releaser.account, found, key=key)
    _sent_about(app, "Yours", receipt, found)


@name.command("freeze")
@_NAME
@publisher_option
@pass_app
def freeze(app: App, name: str, publisher: str | None) -> None:
    """End all change under NAME, versions and aliases, for good."""
    with releasing(app, publisher, once=True) as releaser:
        found = parse_name_reference(name, releaser.publisher)
        receipt = releaser.registry.freeze_name(releaser.account, found)
    _sent_about(app, "Frozen", receipt, found)


@click.command()
@_NAME
@click.argument("reference")
@publisher_option
@pass_app
def publish(app: App, name: str, reference: str, publisher: str | None) -> None:
    """Publish a model as its version of NAME, for good. The name is created where it is your own and not there."""
    with releasing(app, publisher, once=True) as releaser:
        found, digest = parse_name_reference(name, releaser.publisher), releaser.resolve(reference)
        account, registry = releaser.account, releaser.registry
        if found.publisher == account.address and not registry.view().has_name(found):
            registry.create_name(account, found.name)
        receipt = registry.publish(account, found, digest)
        version = registry.view().state(digest).model.version
    sent(app, f"Published as {found}/{version}", receipt, digest, name=str(found), version=version)


@click.group()
def alias() -> None:
    """Aliases, such as resnet50@champion: what they point to is the owner's word, and may change."""


@alias.command("set")
@_ALIAS
@click.argument("reference")
@click.option(
    "--from", "before", metavar="DIGEST|none", help="What it must point to now. Default: what it does point to."
)
@publisher_option
@key_option
@pass_app
def set_(app: App, alias: str, reference: str, before: str | None, publisher: str | None, key: str | None) -> None:
    """Point NAME@ALIAS to a published model, unless somebody moves it first."""
    with releasing(app, publisher, key) as releaser:
        found, word = parse_alias_reference(alias, releaser.publisher)
        to = releaser.resolve(reference)
        seen = _before(releaser, found, word, before)
        receipt = releaser.registry.set_alias(releaser.account, found, word, before=seen, to=to, key=key)
    sent(app, f"{found}@{word} moved", receipt, to, alias=f"{found}@{word}", before=hexed(seen))


@alias.command("remove")
@_ALIAS
@click.option(
    "--from", "before", metavar="DIGEST|none", help="What it must point to now. Default: what it does point to."
)
@publisher_option
@key_option
@pass_app
def remove(app: App, alias: str, before: str | None, publisher: str | None, key: str | None) -> None:
    """Make NAME@ALIAS point to nothing."""
    with releasing(app, publisher, key) as releaser:
        found, word = parse_alias_reference(alias, releaser.publisher)
        seen = _before(releaser, found, word, before)
        receipt = releaser.registry.set_alias(releaser.account, found, word, before=seen, to=ZERO, key=key)
    value = {"alias": f"{found}@{word}", "before": hexed(seen)}
    emit_sent(app, f"{found}@{word} removed", receipt, value, **value)


@alias.command("freeze")
@_ALIAS
@publisher_option
@pass_app
def freeze_alias(app: App, alias: str, publisher: str | None) -> None:
    """End all movement of NAME@ALIAS, for good."""
    with releasing(app, publisher, once=True) as releaser:
        found, word = parse_alias_reference(alias, releaser.publisher)
        receipt = releaser.registry.freeze_alias(releaser.account, found, word)
    emit_sent(app, f"{found}@{word} frozen", receipt, {}, alias=f"{found}@{word}")


@alias.command("show")
@_ALIAS
@at_option
@publisher_option
@pass_app
def show_alias(app: App, alias: str, at: str | None, publisher: str | None) -> None:
    """Print what NAME@ALIAS points to, or pointed to --at a time."""
    with consuming(app, publisher) as consumer:
        view = consumer.registry.view(consumer.confirmations)
        found = view.resolve(parse_reference(alias, consumer.publisher), time_of(at))
        model = view.state(found).model
    value = {"alias": alias, "model": hexed(found), "version": model.version, "block": view.pin.to_dict()}
    app.emit(value, facts(alias, {"model": hexed(found), "version": model.version, "as of": moment(view.pin.time)}))


@alias.command("history")
@_ALIAS
@publisher_option
@pass_app
def history(app: App, alias: str, publisher: str | None) -> None:
    """List the movements of NAME@ALIAS, oldest first."""
    with consuming(app, publisher) as consumer:
        found, word = parse_alias_reference(alias, consumer.publisher)
        view = consumer.registry.view(consumer.confirmations)
        moves = view.alias_moves(found, word)
    value = [{"block": block, "model": hexed(digest)} for block, digest in moves]
    rows = [(block, hexed(digest) or "nothing") for block, digest in moves]
    app.emit(value, rows_table(f"{found}@{word}", ("since block", "model"), rows))


def _before(consumer: Consumer, name: NameReference, alias: str, given: str | None) -> bytes:
    """What an alias must still point to when the transaction is mined."""
    if given is None:
        return consumer.registry.view().alias(name, alias)[0]
    return ZERO if given == "none" else parse_digest(given)


def _sent_about(app: App, title: str, receipt: TransactionReceipt, name: NameReference) -> None:
    value = {"name": str(name), "id": hexed(name.id)}
    emit_sent(app, title, receipt, value, **value)


COMMANDS = (name, publish, alias)
