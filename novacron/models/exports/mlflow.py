"""A model as tags of an MLflow run, registered model or model version.

for key, value in mlflow_tags(facts).items():
    client.set_model_version_tag("resnet50", "7", key, value)
"""

from __future__ import annotations

from collections.abc import Sequence

from novacron.models.exports.facts import PREFIX, ModelFacts

#: Longest value, characters. MLflow 3 takes 8,000 for a run; older servers take 5,000.
MAX_VALUE = 5_000


def mlflow_tags(facts: ModelFacts) -> dict[str, str]:
    """What the chain says of a model, as tags `novacron.…`; what it does not have has no tag.

    Several parents, data sets or names are in one tag, separated by `, `. A value that is too long ends with `…` and
    how many more there are (of a text, how many characters), so that it is never taken for the whole.
    """
    found: dict[str, list[str]] = {}
    for name, value in facts.statements():
        found.setdefault(f"{PREFIX}.{name}", []).append(value)
    found[f"{PREFIX}.ancestors"] = [str(len(facts.graph.ancestors))]
    if facts.evaluation is not None:
        for name, metric in facts.evaluation.metrics().items():
            found[f"{PREFIX}.evaluation.{name}"] = [str(metric)]
    licence = facts.member("license", "licence")
    if licence is not None:
        found[f"{PREFIX}.license"] = [licence]
    return {name: _joined(values) for name, values in found.items()}


def _joined(values: Sequence[str]) -> str:
    if len(values) == 1:
        only = values[0]
        return only if len(only) <= MAX_VALUE else f"{only[: MAX_VALUE - 20]}… {len(only) - MAX_VALUE + 20}"
    text = ", ".join(values)
    kept = len(values)
    while len(text) > MAX_VALUE:
        kept -= 1
        text = ", ".join([*values[:kept], f"… {len(values) - kept}"])
    return text
