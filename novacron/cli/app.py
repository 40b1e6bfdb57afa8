"""What every command shares: the configured client, output for people and for machines, errors in one line."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from novacron.exceptions import ConfigurationError, InputError, NovaCronError

if TYPE_CHECKING:
    from novacron.provenance.clients.base import BlockchainClient
    from novacron.provenance.clients.config import ClientConfig


#: What a terminal obeys instead of showing (C0, DEL, C1), what reorders or hides text (bidirectional and zero-width
#: characters, line separators), and lone surrogates, which no terminal encoding has.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


@dataclass
class App:
    """The global options and what follows from them."""

    config: Path | None = None
    as_json: bool = False
    _console: Console | None = field(default=None, repr=False)

    # -- configuration ------------------------------------------------------------------------------------------------

    @property
    def configured(self) -> bool:
        """Whether a client is configured, by --config or by the environment."""
        return self.config is not None or any(
            os.environ.get(name) for name in ("NOVACRON_CLIENT", "NOVACRON_RPC_URLS", "NOVACRON_MANIFEST")
        )

    def settings(self) -> ClientConfig:
        """The client's configuration. Raises ConfigurationError."""
        from novacron.provenance.clients.config import ClientConfig

        if self.config is None:
            if not self.configured:
                raise ConfigurationError(
                    "no client is configured: give --config FILE, or set NOVACRON_CLIENT=local and NOVACRON_STORE, "
                    "or NOVACRON_RPC_URLS and NOVACRON_CONTRACT"
                )
            return ClientConfig.from_environment()
        if self.config.suffix == ".json":
            return ClientConfig.from_environment(manifest=self.config)
        return ClientConfig.from_toml(self.config)

    def client(self, *, reading: bool = False, **changes: Any) -> BlockchainClient:
        """Open the configured client; the caller closes it. Raises ConfigurationError, SigningKeyError, ChainError.

        With `reading` an embedded store must exist: a mistyped path is an error, not an empty store.
        """
        from novacron.provenance.clients.factory import client_from_config

        settings = replace(self.settings(), **changes)
        if reading and settings.kind == "local" and settings.store is not None:
            require_store(settings.store)
        return client_from_config(settings)

    @contextmanager
    def optional_client(self, *, reading: bool = False) -> Iterator[BlockchainClient | None]:
        """The configured client, None when nothing is configured; `reading` as for `client`."""
        if not self.configured:
            yield None
            return
        with self.client(reading=reading) as client:
            yield client

    # -- output -------------------------------------------------------------------------------------------------------

    @property
    def console(self) -> Console:
        """Standard output."""
        if self._console is None:
            self._console = Console(soft_wrap=False, highlight=False)
        return self._console

    def emit(self, value: Any, show: Callable[[Console], None] | None = None) -> None:
        """Print `value` as JSON with --json, else let `show` print it for people."""
        if self.as_json or show is None:
            click.echo(json_text(value))
        else:
            show(self.console)

    @contextmanager
    def progress(self, description: str = "Hashing") -> Iterator[Callable[[int, int], None] | None]:
        """A progress bar on standard error, None where nobody would see it."""
        if self.as_json or not sys.stderr.isatty():
            yield None
            return
        from novacron.provenance.manifest import progress_bar

        with progress_bar(description, console=Console(stderr=True)) as update:
            yield update


pass_app = click.make_pass_decorator(App)


def require_store(path: Path) -> None:
    """Raises ConfigurationError when no file is at `path`."""
    if not path.exists():
        raise ConfigurationError(
            f"{path}: there is no store here (it does not exist); `novacron anchor hash`, `run open` or `store import` "
            "creates one"
        )


def safe_text(text: str) -> str:
    """`text` with control, bidirectional and other invisible characters written as `\\u001b`.

    A stranger's file must not steer the terminal.
    """
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def json_text(value: Any) -> str:
    """Indented JSON of `value`, with the characters of `safe_text` escaped as JSON does it."""
    lines = json.dumps(value, indent=2, ensure_ascii=False, default=plain).split("\n")
    return "\n".join(map(safe_text, lines))


def plain(value: Any) -> Any:
    """JSON form of the values that commands print: digests in hex, paths as text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "to_dict"):
        return value.to_dict()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def facts(title: str, rows: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Callable[[Console], None]:
    """A two-column table of names and values; `name  value` lines where the output is no terminal."""
    pairs = list(rows.items() if isinstance(rows, Mapping) else rows)

    def show(console: Console) -> None:
        if not for_people(console):
            for name, value in pairs:
                click.echo(f"{name}  {cell_text(value)}", file=console.file)
            return
        table = Table(title=text_of(title), show_header=False, title_justify="left")
        table.add_column(style="bold", no_wrap=True)
        _print(console, table, [""], [[name, value] for name, value in pairs])

    return show


def rows_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Callable[[Console], None]:
    """A table with a header; tab-separated lines where the output is no terminal."""
    cells = [list(row) for row in rows]

    def show(console: Console) -> None:
        if not for_people(console):
            for row in [columns, *cells]:
                click.echo("\t".join(map(cell_text, row)), file=console.file)
            return
        _print(console, Table(title=text_of(title), title_justify="left"), columns, cells)

    return show


def for_people(console: Console) -> bool:
    """Whether a terminal shows what is printed; colours forced upon a pipe do not make it one."""
    return console.file.isatty()


def _print(console: Console, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Add the last columns and all rows. Text wraps between words; a digest, id or path is never broken or cut."""
    first = len(rows[0]) - len(columns) if rows else 0
    for number, column in enumerate(columns, first):
        words = [word for row in rows for word in cell_text(row[number]).split()]
        table.add_column(column, min_width=max(map(cell_len, [column, *words])))
    for row in rows:
        table.add_row(*(text_of(value) for value in row))
    console.print(table, crop=False)


def cell_text(value: Any) -> str:
    """A value in one line, "-" for None; control characters in it are shown, not obeyed."""
    return "-" if value is None else safe_text(value.hex() if isinstance(value, bytes) else str(value))


def text_of(value: Any) -> str:
    """A value for rich; markup and control characters in it are shown, not obeyed."""
    return escape(cell_text(value))


def parse_metadata(text: str | None) -> dict[str, Any] | None:
    """--metadata: a JSON object, or @FILE with one. Raises InputError."""
    if text is None:
        return None
    if text.startswith("@"):
        text = read_text(Path(text[1:]))
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"metadata is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"metadata is a JSON object, not {type(value).__name__}")
    return value


def read_text(path: Path) -> str:
    """A text file. Raises InputError."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text") from error


class OneLineError(click.ClickException):
    """An expected error: one line on standard error, exit code 1."""

    def __init__(self, error: NovaCronError, as_json: bool) -> None:
        super().__init__(safe_text(" ".join(str(error).split())) or type(error).__name__)
        self._kind, self._as_json = type(error).__name__, as_json

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it."""
        if self._as_json:
            click.echo(json.dumps({"error": {"type": self._kind, "message": self.message}}), err=True, file=file)
        else:
            click.echo(f"error: {self.message}", err=True, file=file)


class Commands(click.Group):
    """The top group: turns this package's errors into one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NovaCronError as error:
            raise OneLineError(error, _wants_json(ctx)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output went away: click ends quietly
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise OneLineError(InputError(f"{where}{error.strerror or error}"), _wants_json(ctx)) from error


def _wants_json(ctx: click.Context) -> bool:
    return isinstance(ctx.obj, App) and ctx.obj.as_json
