"""`novacron model evaluate` and `export`: what was measured, and what the chain says, as other tools read it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from novacron.atomic import write_atomically
from novacron.chain.signer import variable_name
from novacron.cli.app import App, facts, pass_app
from novacron.cli.model_options import PATH, consuming, publisher_option
from novacron.exceptions import InputError
from novacron.models.evaluation import TEST_PART, Evaluation
from novacron.models.evaluation import evaluate as measure
from novacron.models.lineage import lineage_of
from novacron.models.onchain import hexed
from novacron.provenance.digest import canonical_json
from novacron.provenance.manifest import build_manifest

_KEY_VARIABLE = "NOVACRON_SIGNING_KEY_PASSPHRASE"
_FORMATS = ("mlflow", "ml-bom", "bundle")


@click.command()
@click.argument("source", type=PATH)
@click.option(
    "--load", "loader", required=True, metavar="MODULE:FUNCTION", help="Your code: a path to a function that predicts."
)
@click.option("--data", type=PATH, required=True, help="An .npz file with arrays `inputs` and `labels`.")
@click.option(
    "--fit", metavar="MODULE:FUNCTION", help="Your code, for cross-validation: inputs and labels to a predictor."
)
@click.option("--whole", is_flag=True, help="The model has seen none of the data: measure on all of it.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the splits.")
@click.option("-o", "--output", type=PATH, required=True, help="The document; its digest is what `certify` takes.")
@pass_app
def evaluate(
    app: App, source: Path, loader: str, data: Path, fit: str | None, whole: bool, seed: int, output: Path
) -> None:
    """Measure the model in SOURCE: accuracy on a held-out fifth, 5-fold cross-validation, latency, resources.

    MODULE is looked for in the working directory, too. It is your code and runs as it is: load models without pickle.
    """
    predict = _function(loader, "--load")(source)
    inputs, labels = _arrays(data)
    found = measure(
        predict,
        inputs,
        labels,
        model_hash=build_manifest(source).root,
        fit=None if fit is None else _function(fit, "--fit"),
        test_part=None if whole else TEST_PART,
        seed=seed,
    )
    found.save(output)
    rows: dict[str, Any] = {
        "model": hexed(found.model_hash),
        "accuracy": f"{found.accuracy:.4f}",
        "examples": found.examples,
    }
    if found.folds:
        rows["cross-validation"] = ", ".join(f"{one:.4f}" for one in found.folds)
    rows |= {f"latency {name}": f"{value:.3f} ms" for name, value in found.latency.items()}
    rows |= {"evidence": hexed(found.digest), "written to": output}
    app.emit({**found.to_dict(), "evidence": hexed(found.digest), "output": str(output)}, facts("Evaluation", rows))


@click.command()
@click.argument("kind", type=click.Choice(_FORMATS), metavar="|".join(_FORMATS))
@click.argument("reference")
@click.option("-o", "--output", type=PATH, required=True, help="The file to write.")
@click.option("--model", "files", type=PATH, help="The model's files, to be listed; needed for a bundle.")
@click.option("--evaluation", type=PATH, help="What `evaluate` wrote.")
@click.option("--signing-key", type=PATH, help="For a bundle: an ECDSA key (PEM), as model-signing takes it.")
@click.option(
    "--signing-passphrase-env", default=_KEY_VARIABLE, show_default=True, help="Variable with the key's passphrase."
)
@publisher_option
@pass_app
def export(
    app: App,
    /,
    kind: str,
    reference: str,
    output: Path,
    files: Path | None,
    evaluation: Path | None,
    signing_key: Path | None,
    signing_passphrase_env: str,
    publisher: str | None,
) -> None:
    """Write what the chain says of a model: MLflow tags, a CycloneDX 1.6 ML-BOM, or a model-signing bundle."""
    # Imported here: the CycloneDX library takes more than a second, which no other command should wait for.
    from novacron.models.exports import ModelFacts, load_signing_key, ml_bom, mlflow_tags, model_signing_bundle

    if kind == "bundle" and (files is None or signing_key is None):
        raise click.UsageError("a bundle is of files, and signed: give --model PATH and --signing-key PEM")
    manifest = None if files is None else build_manifest(files)
    measured = None if evaluation is None else Evaluation.load(evaluation)
    with consuming(app, publisher) as consumer:
        registry = consumer.registry
        view = registry.view(consumer.confirmations)
        graph = lineage_of(view, view.resolve(consumer.reference(reference)), names=True)
        known = ModelFacts(
            graph,
            registry.deployment.pool.chain_id(),
            registry.contract.address,
            manifest=manifest,
            evaluation=measured,
            metadata=view.metadata(graph.root.state),
        )
    if kind == "mlflow":
        text = canonical_json(mlflow_tags(known)).decode()
    elif kind == "ml-bom":
        text = ml_bom(known)
    else:
        assert signing_key is not None  # looked at above
        word = os.environ.get(variable_name(signing_passphrase_env, "--signing-passphrase-env"))
        text = model_signing_bundle(known, load_signing_key(signing_key, None if word is None else word.encode()))
    write_atomically(output, text)
    value = {"model": hexed(graph.root.model_hash), "format": kind, "output": str(output)}
    app.emit(value, facts("Exported", value))


def _function(words: str, option: str) -> Callable[..., Any]:
    """A function of the caller's, found as `python -m` would find its module. Raises InputError."""
    module, colon, name = words.partition(":")
    if not colon or not module or not name:
        raise InputError(f"{option} {words!r}: write MODULE:FUNCTION")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{option} {words!r}: {error}") from error
    if not callable(found):
        raise InputError(f"{option} {words!r} is no function")
    return found  # type: ignore[no-any-return]


def _arrays(path: Path) -> tuple[Any, Any]:
    try:
        with np.load(path, allow_pickle=False) as found:
            return found["inputs"], found["labels"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"--data {path}: an .npz file with arrays `inputs` and `labels`, without objects: {error}"
        ) from None


COMMANDS: tuple[click.Command, ...] = (evaluate, export)
