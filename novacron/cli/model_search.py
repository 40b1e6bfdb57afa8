"""`novacron model search`, `embed` and `index`: models by the likeness of their weights."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from novacron.cli.app import App, facts, pass_app, read_text, rows_table
from novacron.cli.model_options import PATH, consuming, publisher_option, resolved
from novacron.exceptions import ConfigurationError, InputError
from novacron.models.embedding import DIMENSIONS, Embedding, embed
from novacron.models.index import Hit, ModelIndex
from novacron.models.onchain import hexed
from novacron.models.similar import deployable_matches, matches
from novacron.provenance.manifest import build_manifest

_index_option = click.option(
    "--index",
    "index_folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="NOVACRON_MODEL_INDEX",
    help="Folder of the index.",
)
_own_option = click.option(
    "--embedding",
    type=PATH,
    help="Your own embedding: a JSON list of numbers, or a .npy file. Default: of the weights.",
)
_dimensions_option = click.option(
    "--dimensions",
    type=click.IntRange(1, 3_072),
    default=DIMENSIONS,
    show_default=True,
    help="Of the weights' embedding.",
)


@click.command("embed")
@click.argument("source", type=PATH)
@_own_option
@_dimensions_option
@pass_app
def embed_(app: App, source: Path, embedding: Path | None, dimensions: int) -> None:
    """Print the digest of the embedding of SOURCE, for `novacron model register --vector`."""
    found = _embedding(source, embedding, dimensions)
    value = {"vector_hash": hexed(found.hash), "kind": found.kind, "dimensions": found.dimensions}
    app.emit(value, facts("Embedding", {"vector": value["vector_hash"], "kind": found.kind, "dimensions": dimensions}))


@click.group()
def index() -> None:
    """The index that `search` looks into, on this machine."""


@index.command("add")
@click.argument("sources", type=PATH, nargs=-1, required=True, metavar="PATH…")
@_own_option
@_dimensions_option
@_index_option
@pass_app
def add(
    app: App, sources: tuple[Path, ...], embedding: Path | None, dimensions: int, index_folder: Path | None
) -> None:
    """Add the models in PATH… to the index."""
    if embedding is not None and len(sources) > 1:
        raise click.UsageError("--embedding is that of one model: add them one by one")
    made = [(build_manifest(one).root, _embedding(one, embedding, dimensions)) for one in sources]
    with _open(index_folder) as found:
        found.add_many(made)
        found.build()
        count = len(found)
    value = [{"model": hexed(digest), "vector_hash": hexed(vector.hash)} for digest, vector in made]
    rows = [(one["model"], one["vector_hash"]) for one in value]
    app.emit({"added": value, "models": count}, rows_table(f"{count} models", ("added", "vector"), rows))


@index.command("remove")
@click.argument("reference")
@_index_option
@publisher_option
@pass_app
def remove(app: App, reference: str, index_folder: Path | None, publisher: str | None) -> None:
    """Remove a model from the index."""
    digest = resolved(app, reference, publisher)
    with _open(index_folder) as found:
        there, count = found.remove(digest), len(found)
    if not there:
        raise InputError(f"the index has no model {hexed(digest)}")
    app.emit({"model": hexed(digest), "models": count}, facts("Removed", {"model": hexed(digest), "left": count}))


@click.command()
@click.argument("source", type=PATH)
@click.option("-k", "--count", type=click.IntRange(min=1), default=10, show_default=True, help="How many.")
@click.option(
    "--deployable", is_flag=True, help="Only models that may be deployed, with the embedding that is registered."
)
@_own_option
@_dimensions_option
@_index_option
@pass_app
def search(
    app: App,
    source: Path,
    count: int,
    deployable: bool,
    embedding: Path | None,
    dimensions: int,
    index_folder: Path | None,
) -> None:
    """List the models that are most like the one in SOURCE, with what the chain says of each.

    An embedding is "registered" when the model's owner registered the very one that was compared; else it is only the
    index's word.
    """
    vector = _embedding(source, embedding, dimensions).vector
    with consuming(app, None) as consumer, _open(index_folder) as found:
        view = consumer.registry.view(consumer.confirmations)

        def best(count: int) -> list[Hit]:
            return found.search(vector, count) if len(found) else []

        matched = deployable_matches(view, best, count) if deployable else matches(view, best(count))
    rows = []
    for one in matched:
        state = one.state
        vector_word = "registered" if one.bound else "unregistered"
        if state is not None and not one.bound:
            vector_word = "NOT the registered one" if any(state.model.vector_hash) else "none is registered"
        version, verdict = ("-", "unknown") if state is None else (state.model.version, state.verdict.word)
        rows.append((f"{one.hit.similarity:.4f}", hexed(one.hit.model_hash), version, verdict, vector_word))
    value = {"block": view.pin.to_dict(), "matches": [one.to_dict() for one in matched]}
    app.emit(value, rows_table(f"Like {source}", ("similarity", "model", "version", "verdict", "embedding"), rows))


def _open(folder: Path | None) -> ModelIndex:
    if folder is None:
        raise ConfigurationError("where is the index? Give --index FOLDER, or set NOVACRON_MODEL_INDEX")
    folder.mkdir(parents=True, exist_ok=True)
    return ModelIndex(folder)


def _embedding(source: Path, own: Path | None, dimensions: int) -> Embedding:
    """The embedding of weights, or the caller's own. Raises InputError."""
    if own is None:
        return embed(source, dimensions)
    try:
        if own.suffix == ".npy":
            with own.open("rb") as stream:
                return Embedding.of(np.load(stream, allow_pickle=False))
        numbers = json.loads(read_text(own))
        if not isinstance(numbers, list) or not all(type(one) in (int, float) for one in numbers):
            raise ValueError("no list of numbers")
        return Embedding.of(numbers)
    except ValueError as error:
        raise InputError(f"--embedding {own}: {error}") from None


COMMANDS: tuple[click.Command, ...] = (embed_, index, search)
