"""A model as a CycloneDX 1.6 ML-BOM: what it is made of, what it was trained on, and how well it does.

The library has no model cards; they are put into its document, which is then validated against the schema.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType, Pedigree
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import LicenseAcknowledgement
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import novacron
from novacron.exceptions import InputError
from novacron.models.evaluation import Evaluation
from novacron.models.exports.facts import PREFIX, ModelFacts, moment
from novacron.models.lineage import Node

#: Of serial numbers (RFC 9562, version 5): those of the same document are the same.
_SERIALS = uuid.uuid5(uuid.NAMESPACE_URL, "https://novacron.dev/ml-bom/v1")


def ml_bom(facts: ModelFacts) -> str:
    """CycloneDX 1.6, JSON. The same facts give the same bytes: the time is that of their block, and the serial number
    follows from the content.

    The component's hash is the root of its manifest, as the registry and model-signing have it; those of its files, by
    name, are among its components when `facts.manifest` is there.

    Raises:
        InputError: something of the facts has no place in CycloneDX.
    """
    root = facts.graph.root
    component = _model(root, facts.name, facts.statements())
    component.description = facts.member("description")
    licence = facts.member("license", "licence")
    if licence is not None:
        made = LicenseFactory().make_from_string(licence, license_acknowledgement=LicenseAcknowledgement.DECLARED)
        component.licenses.add(made)
    if facts.manifest is not None:
        component.components.update(
            Component(
                name=facts.manifest.name if file.path == "." else file.path,
                type=ComponentType.FILE,
                bom_ref=f"file:{number}",
                hashes=[_sha256(file.digest)],
                properties=[Property(name=f"{PREFIX}:size", value=str(file.size))],
            )
            for number, file in enumerate(facts.manifest.files)
        )
    ancestors = [_model(node, f"0x{node.model_hash.hex()}", facts.of_node(node)) for node in facts.graph.ancestors]
    if ancestors:
        component.pedigree = Pedigree(ancestors=ancestors)
    tool = Component(name="novacron", version=novacron.__version__, type=ComponentType.APPLICATION)
    metadata = BomMetaData(
        component=component, timestamp=moment(facts.graph.pin.time), tools=ToolRepository(components=[tool])
    )
    # The serial number follows from the document; zero stands in for it till then.
    bom = Bom(metadata=metadata, serial_number=uuid.UUID(int=0), dependencies=[Dependency(ref=component.bom_ref)])
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    document["metadata"]["component"]["modelCard"] = _card(facts)
    content = json.dumps(document, sort_keys=True, ensure_ascii=False).encode(errors="surrogatepass")
    document["serialNumber"] = uuid.uuid5(_SERIALS, hashlib.sha256(content).hexdigest()).urn
    text = json.dumps(document, indent=2, sort_keys=True)
    finding = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if finding is not None:
        raise InputError(f"what is known of {facts.name} makes no valid CycloneDX document: {finding!r}")
    return text + "\n"


def _model(node: Node, name: str, statements: Iterator[tuple[str, str]]) -> Component:
    return Component(
        name=name,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model:0x{node.model_hash.hex()}",
        version=node.state.model.version,
        hashes=[_sha256(node.model_hash)],
        properties=[Property(name=f"{PREFIX}:{key}", value=value) for key, value in statements],
    )


def _sha256(digest: bytes) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest.hex())


def _card(facts: ModelFacts) -> dict[str, Any]:
    card: dict[str, Any] = {"bom-ref": "model-card"}
    datasets = [
        {"type": "dataset", "name": f"0x{one.hex()}", "bom-ref": f"dataset:0x{one.hex()}"}
        for one in facts.graph.root.state.lineage.datasets
    ]
    if datasets:
        card["modelParameters"] = {"datasets": datasets}
    if facts.evaluation is not None:
        card["quantitativeAnalysis"] = {"performanceMetrics": list(_metrics(facts.evaluation))}
        card["properties"] = [
            {"name": f"{PREFIX}:evaluation.data", "value": f"0x{facts.evaluation.data.hex()}"},
            {"name": f"{PREFIX}:evaluation.digest", "value": f"0x{facts.evaluation.digest.hex()}"},
            {"name": f"{PREFIX}:evaluation.certified", "value": "true" if facts.certified else "false"},
            {"name": f"{PREFIX}:evaluation.seed", "value": str(facts.evaluation.seed)},
        ]
    return card


def _metrics(evaluation: Evaluation) -> Iterator[dict[str, str]]:
    """Numbers as the evaluation's document has them."""
    found = evaluation.to_dict()
    part = evaluation.test_part
    held = "all of the data" if part is None else f"test part {part} of the data"
    yield {"type": "accuracy", "value": str(found["accuracy"]), "slice": f"{held}, {evaluation.examples} examples"}
    cross = found["cross_validation"]
    if cross is not None:
        count = len(cross["folds"])
        yield {"type": "accuracy, mean of folds", "value": str(cross["mean"]), "slice": f"{count} folds"}
        yield {"type": "accuracy, standard deviation of folds", "value": str(cross["deviation"])}
        for number, score in enumerate(cross["folds"], 1):
            yield {"type": "accuracy", "value": str(score), "slice": f"fold {number} of {count}"}
    for name, value in found["latency_ms"].items():
        yield {"type": f"latency of one prediction, milliseconds, {name}", "value": str(value)}
    yield {"type": "processor time of all predictions, seconds", "value": str(found["cpu_seconds"])}
    yield {"type": "peak of memory, bytes", "value": str(found["peak_memory_bytes"])}
