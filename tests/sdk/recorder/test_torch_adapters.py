"""Adapters against the real PyTorch, Hugging Face Trainer and Lightning; `make test-deep` runs them in a venv."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from novacron.provenance.clients.local import LocalBlockchainClient
from novacron.provenance.recorder import ProvenanceRecorder

torch = pytest.importorskip("torch", reason="PyTorch lives in the environment of `make test-deep`")

Record = Callable[..., ProvenanceRecorder]


def types(run: ProvenanceRecorder) -> list[str]:
    return [entry.type for entry in run.entries()]


def data() -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(32, 4, generator=generator)
    return x, x.sum(dim=1, keepdim=True)


def test_a_torch_loop_is_recorded(record: Record, local: LocalBlockchainClient, tmp_path: Path) -> None:
    from novacron.exceptions import InputError
    from novacron.provenance.adapters.torch import TorchCheckpointer

    torch.manual_seed(1)
    module = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    x, y = data()
    run = record(local, anchor_every=2)
    checkpoints = TorchCheckpointer(run, tmp_path / "models")
    for epoch in range(1, 4):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(module(x), y)
        loss.backward()
        optimizer.step()
        checkpoints.save(module, optimizer=optimizer, epoch=epoch, metrics={"loss": loss})
    with pytest.raises(InputError, match="epoch or a step"):
        checkpoints.save(module)
    sealed = run.seal()
    assert types(run) == ["open", *["checkpoint"] * 3, "seal"]
    assert run.entries()[3].metrics["loss"] < run.entries()[1].metrics["loss"]
    path = tmp_path / "models" / "epoch-000003.pt"
    assert run.verify_proof(run.generate_proof(sealed), artifact_path=path).complete
    restored = torch.load(path, weights_only=True)
    assert torch.equal(restored["model"]["weight"], module.state_dict()["weight"])


def test_the_hugging_face_trainer_is_recorded(record: Record, local: LocalBlockchainClient, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="the Trainer needs accelerate")
    from novacron.provenance.adapters.huggingface import trainer_callback

    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, num_labels=2
    )
    model = transformers.BertForSequenceClassification(config)
    rows = [{"input_ids": [1, n % 40 + 2, 3], "labels": n % 2} for n in range(8)]
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path / "out"),
        num_train_epochs=2,
        per_device_train_batch_size=4,
        save_strategy="epoch",
        eval_strategy="epoch",
        logging_strategy="epoch",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    run = record(local, anchor_every=1)
    trainer = transformers.Trainer(
        model=model, args=arguments, train_dataset=rows, eval_dataset=rows, callbacks=[trainer_callback(run)]
    )
    trainer.train()
    assert sorted(types(run)) == sorted(["open", *["checkpoint"] * 2, *["validation"] * 2, "seal"])
    assert run.status().sealed_on_chain
    last = tmp_path / "out" / "checkpoint-4"
    assert run.verify_proof(run.generate_proof(-1), artifact_path=last).complete
    saved = [entry for entry in run.entries() if entry.type == "checkpoint"]
    assert [entry.step for entry in saved] == [2, 4]
    assert "loss" in saved[-1].metrics


def test_lightning_is_recorded(record: Record, local: LocalBlockchainClient, tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning.pytorch", reason="lightning is not installed")
    from novacron.provenance.adapters.lightning import lightning_callback

    class Regression(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def training_step(self, batch: Any, _: int) -> Any:
            loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def validation_step(self, batch: Any, _: int) -> None:
            self.log("validation_loss", torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*data()), batch_size=16)
    run = record(local, anchor_every=1)
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        callbacks=[lightning_callback(run, tmp_path / "models")],
    )
    trainer.fit(Regression(), loader, loader)
    assert types(run) == ["open", *["validation", "checkpoint"] * 2, "seal"]
    assert run.status().sealed_on_chain
    last = tmp_path / "models" / "epoch-000002.ckpt"
    assert run.verify_proof(run.generate_proof(-1), artifact_path=last).complete
    assert "loss" in run.entries()[4].metrics
