"""Adapters against the real scikit-learn and Keras, a plain loop, and frameworks that are not installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from novacron.exceptions import ConfigurationError, InputError, RunConflictError
from novacron.provenance.adapters.frameworks import numeric_metrics
from novacron.provenance.adapters.huggingface import trainer_callback
from novacron.provenance.adapters.keras import keras_callback
from novacron.provenance.adapters.lightning import lightning_callback
from novacron.provenance.adapters.loop import training_loop
from novacron.provenance.adapters.sklearn import fit_recorded, record_estimator
from novacron.provenance.adapters.torch import TorchCheckpointer
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.recorder import ProvenanceRecorder

Record = Callable[..., ProvenanceRecorder]


def types(run: ProvenanceRecorder) -> list[str]:
    return [entry.type for entry in run.entries()]


# -- plain loop -------------------------------------------------------------------------------------------------------


def test_a_plain_loop_saves_records_and_seals(record: Record, local: LocalBlockchainClient, tmp_path: Path) -> None:
    run = record(local, anchor_every=2)
    with training_loop(run, tmp_path / "checkpoints") as loop:
        for epoch in range(1, 4):
            loop.checkpoint(
                lambda path, n=epoch: path.write_bytes(bytes([n])), epoch=epoch, metrics={"loss": 1 / epoch}
            )
            loop.validation({"accuracy": 0.5}, epoch=epoch)
    assert types(run) == ["open", *["checkpoint", "validation"] * 3, "seal"]
    assert run.status().sealed_on_chain
    last = run.generate_proof(-1)
    assert run.verify_proof(last, artifact_path=tmp_path / "checkpoints" / "epoch-000003.ckpt").complete


def test_a_loop_that_fails_seals_nothing_and_anchors_what_there_is(
    record: Record, local: LocalBlockchainClient, tmp_path: Path
) -> None:
    run = record(local)

    def failing() -> None:
        with training_loop(run, tmp_path / "checkpoints") as loop:
            loop.checkpoint(lambda path: path.write_bytes(b"1"), step=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert types(run) == ["open", "checkpoint"]
    assert run.status().anchored_size == 2
    assert not run.status().sealed


def test_a_failing_anchor_does_not_hide_why_the_training_failed(
    record: Record, local: LocalBlockchainClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record(local)

    def conflict() -> None:
        raise RunConflictError("the log was altered")

    def failing() -> None:
        with training_loop(run, tmp_path / "checkpoints"):
            raise ZeroDivisionError

    monkeypatch.setattr(run, "reconcile", conflict)
    with pytest.raises(ZeroDivisionError) as caught:
        failing()
    assert caught.value.__notes__ == ["what was recorded could not be anchored: the log was altered"]


def test_a_recorded_checkpoint_is_not_overwritten(record: Record, tmp_path: Path) -> None:
    with training_loop(record(), tmp_path / "checkpoints", seal=False) as loop:
        loop.checkpoint(lambda path: path.write_bytes(b"1"), epoch=1)
        with pytest.raises(InputError, match="epoch-000001"):
            loop.checkpoint(lambda path: path.write_bytes(b"2"), epoch=1)
        with pytest.raises(InputError, match="epoch, a step or a name"):
            loop.checkpoint(lambda path: path.write_bytes(b"2"))
        assert (loop.folder / "epoch-000001.ckpt").read_bytes() == b"1"


# -- scikit-learn -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits() -> Any:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x[:600] / 16, y[:600]


def test_partial_fit_is_recorded_epoch_by_epoch(
    record: Record, local: LocalBlockchainClient, tmp_path: Path, digits: Any
) -> None:
    import joblib
    from sklearn.linear_model import SGDClassifier

    x, y = digits
    run = record(local, anchor_every=2)
    seen: list[int] = []
    model = fit_recorded(
        run,
        SGDClassifier(random_state=1),
        x[:500],
        y[:500],
        folder=tmp_path / "models",
        epochs=3,
        classes=np.arange(10),
        batch_size=100,
        validation=(x[500:], y[500:]),
        on_epoch=lambda epoch, _: seen.append(epoch),
    )
    assert seen == [1, 2, 3]
    assert types(run) == ["open", *["checkpoint", "validation"] * 3]
    entries = run.entries()
    assert entries[-1].metrics["score"] == pytest.approx(model.score(x[500:], y[500:]))
    assert entries[1].details == {"estimator": "SGDClassifier"}
    saved = joblib.load(tmp_path / "models" / "epoch-000003.joblib")
    assert np.array_equal(saved.predict(x), model.predict(x))
    report = run.verify_proof(run.generate_proof(5), artifact_path=tmp_path / "models" / "epoch-000003.joblib")
    assert report.check("artifact").status == "passed"


def test_an_estimator_without_partial_fit_is_recorded_after_fit(record: Record, tmp_path: Path, digits: Any) -> None:
    from sklearn.tree import DecisionTreeClassifier

    x, y = digits
    run = record()
    tree = DecisionTreeClassifier(max_depth=3, random_state=1).fit(x, y)
    with pytest.raises(InputError, match="partial_fit"):
        fit_recorded(run, tree, x, y, folder=tmp_path, epochs=1)
    result = record_estimator(run, tree, tmp_path / "tree.joblib", metrics={"score": tree.score(x, y)})
    assert result.index == 1


# -- Keras ------------------------------------------------------------------------------------------------------------

KERAS = """
import sys
from pathlib import Path
import numpy as np, keras
from novacron.provenance.adapters.keras import keras_callback
from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.recorder import ProvenanceRecorder

folder = Path(sys.argv[1])
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1)])
model.compile("sgd", "mse", metrics=["mae"])
x = np.random.default_rng(1).normal(size=(64, 8)).astype("float32")
y = x.sum(axis=1, keepdims=True)
with LocalBlockchainClient(folder / "chain.sqlite") as client:
    with ProvenanceRecorder(folder / "run", client, model="keras", anchor_every=1) as run:
        model.fit(x, y, epochs=2, validation_split=0.25, verbose=0,
                  callbacks=[keras_callback(run, folder / "models")])
        assert [entry.type for entry in run.entries()] == ["open", *["checkpoint", "validation"] * 2, "seal"]
        assert set(run.entries()[1].metrics) == {"loss", "mae"} == set(run.entries()[2].metrics)
        assert run.status().sealed_on_chain and not run.status().pending
        last = folder / "models" / "epoch-000002.keras"
        assert run.verify_proof(run.generate_proof(-1), artifact_path=last).complete
        again = keras.models.load_model(last)
        assert np.allclose(again.predict(x, verbose=0), model.predict(x, verbose=0))
"""


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="keras is not installed")
def test_keras_fit_is_recorded_and_sealed(tmp_path: Path) -> None:
    """In a process of its own: the backend is chosen by the environment when keras is first imported."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", KERAS, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr


# -- what is not installed, and what is no number ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "use"),
    [
        ("torch", lambda run, folder: TorchCheckpointer(run, folder)),
        ("transformers", lambda run, _: trainer_callback(run)),
        ("lightning", lambda run, folder: lightning_callback(run, folder)),
        ("keras", lambda run, folder: keras_callback(run, folder)),
        ("sklearn", lambda run, folder: record_estimator(run, object(), folder / "x")),
    ],
)
def test_a_framework_that_is_not_installed_is_named(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, use: Callable[..., Any]
) -> None:
    """`None` in sys.modules is how Python says that an import is impossible."""
    run = record()
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    if module == "lightning":
        monkeypatch.setitem(sys.modules, "pytorch_lightning", None)
    with pytest.raises(ConfigurationError, match="is not installed: install it"):
        use(run, tmp_path)
    assert types(run) == ["open"]


@pytest.mark.parametrize("use", [keras_callback, lightning_callback])
def test_an_interval_below_one_is_refused(record: Record, tmp_path: Path, use: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="every_n_epochs"):
        use(record(), tmp_path, every_n_epochs=0)


def test_only_numbers_are_taken_from_a_frameworks_logs() -> None:
    logs = {"loss": np.float32(0.5), "nan": float("nan"), "name": "x", "list": [1.0], "none": None}
    assert set(numeric_metrics(logs)) == {"loss", "nan"}
    assert numeric_metrics(None) == {}


def test_importing_the_adapters_imports_no_framework() -> None:
    code = (
        "import sys, novacron.provenance.adapters.keras, novacron.provenance.adapters.torch,"
        " novacron.provenance.adapters.lightning, novacron.provenance.adapters.huggingface,"
        " novacron.provenance.adapters.sklearn, novacron.provenance.adapters.loop;"
        "print([m for m in ('torch', 'keras', 'sklearn', 'transformers', 'lightning') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
