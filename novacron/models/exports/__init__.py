"""What the chain says of a model, in the formats of other tools: MLflow, CycloneDX, model-signing."""

from __future__ import annotations

from novacron.models.exports.bundle import load_signing_key, model_signing_bundle
from novacron.models.exports.facts import ModelFacts
from novacron.models.exports.ml_bom import ml_bom
from novacron.models.exports.mlflow import mlflow_tags

__all__ = ["ModelFacts", "load_signing_key", "ml_bom", "mlflow_tags", "model_signing_bundle"]
