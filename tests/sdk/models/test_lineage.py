"""The graph of a model's ancestors: as data, as text, as a picture."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from novacron.chain import EndpointPool
from novacron.market.deployment import Deployment
from novacron.models.lineage import LineageGraph, lineage_lines, lineage_of
from novacron.models.lineage_svg import lineage_svg
from novacron.models.onchain import Lineage, Parent, Relation, Verdict
from novacron.models.references import NameReference
from novacron.models.registry import ModelRegistry
from tests.support.model_world import CERTIFIER, DAY, Actors, ModelWorld, digest_of

SVG = "{http://www.w3.org/2000/svg}"


def family(world: ModelWorld) -> bytes:
    """base ← tuned ← merged → base, teacher ← tuned; the base is revoked. Returns the merged one."""
    base = world.released("base", "1.0.0")
    teacher = world.released("teacher", "3.1.4-teacher.build+20261121")
    tuned = world.released(
        "tuned", "2.0.0", lineage=Lineage((Parent(base, Relation.FINE_TUNE), Parent(teacher, Relation.DISTILLATION)))
    )
    merged, parents = digest_of("merged"), (Parent(tuned, Relation.MERGE), Parent(base, Relation.BASE))
    run, key = world.sealed_run(merged), world.verify(merged)
    data = (digest_of("data"), digest_of("more data"))
    world.released("merged", "4.0.0", lineage=Lineage(parents, data, run, key))
    world.certify(merged)
    world.certify(teacher, 30)
    world.send(world.registry, "revokeModel", base, 'poisoned <data> & "worse" \x1b[31m\u202e', sender=CERTIFIER)
    world.next_block_at(world.now() + 60)
    return merged


@pytest.fixture(scope="module")
def graph(built: ModelWorld) -> LineageGraph:
    """What is read of the family; read once, since it never changes."""
    before = built.node.rpc("evm_snapshot")
    merged = family(built)
    with EndpointPool([built.node.url], health_interval=None) as pool:
        found = lineage_of(ModelRegistry(Deployment.of_manifest(built.manifest, pool)).view(), merged, names=True)
    built.node.rpc("evm_revert", before)
    return found


def test_all_ancestors_are_there_once_with_what_is_known_of_each(graph: LineageGraph) -> None:
    nodes = [digest_of(name) for name in ("merged", "tuned", "base", "teacher")]
    assert list(graph.nodes) == nodes
    verdicts = [node.state.verdict for node in graph.nodes.values()]
    assert verdicts == [
        Verdict.ANCESTOR_REVOKED,
        Verdict.ANCESTOR_REVOKED,
        Verdict.REVOKED,
        Verdict.CERTIFICATE_EXPIRED,
    ]
    root = graph.root
    assert (root.run is not None and root.run.size, root.signature is not None and root.signature.good) == (3, True)
    assert graph.nodes[digest_of("base")].reason == 'poisoned <data> & "worse" \x1b[31m\u202e'
    assert graph.how_related(digest_of("base")) == "its parent"
    assert graph.how_related(digest_of("teacher")) == "its grandparent"
    assert [parent.relation for parent in graph.path_to(digest_of("teacher"))] == [
        Relation.MERGE,
        Relation.DISTILLATION,
    ]


def test_the_text_is_a_tree_in_which_everything_is_written_out_once(graph: LineageGraph) -> None:
    lines = list(lineage_lines(graph))
    text = "\n".join(lines)
    assert lines[0] == f"0x{digest_of('merged').hex()} 4.0.0 (descends from a revoked model)"
    assert f"├─ merge 0x{digest_of('tuned').hex()} 2.0.0 (descends from a revoked model)" in lines
    assert f"│  ├─ fine-tune 0x{digest_of('base').hex()} 1.0.0 REVOKED" in lines
    assert f"└─ base 0x{digest_of('base').hex()} (see above)" in lines
    assert "3 entries, sealed" in text
    assert "signed with SLH-DSA-SHA2-128s by key" in text
    assert text.count("poisoned") == 1
    # What a stranger wrote does not steer the terminal.
    assert "\\u001b[31m\\u202e" in text
    assert all(line.isprintable() for line in lines)
    assert len([line for line in lines if "certified by" in line and ", expired 20" in line]) == 1


def test_the_picture_is_well_formed_and_says_the_same(graph: LineageGraph) -> None:
    picture = lineage_svg(graph, "acme/<merged>@champion")
    tree = ElementTree.fromstring(picture)
    titles = [one.text or "" for one in tree.iter(f"{SVG}title")]
    assert titles[0] == "Lineage of acme/<merged>@champion"
    for name in ("merged", "tuned", "base", "teacher"):
        assert any(f"0x{digest_of(name).hex()}" in title for title in titles)
    words = [one.text or "" for one in tree.iter(f"{SVG}text")]
    for word in ("fine-tune", "distillation", "merge", "base", "4.0.0", "descends from a revoked model"):
        assert word in words
    assert any(word.startswith("revoked 20") for word in words)
    assert "SLH-DSA-SHA2-128s · run of 3 entries · 2 data sets" in words
    # Both ways from the revoked base to the model are red, the teacher's is not.
    kinds = [one.get("class") for one in tree.iter(f"{SVG}path")]
    assert sorted(kind for kind in kinds if kind and "edge" in kind) == ["edge"] + ["edge bad"] * 3
    assert "script" not in picture
    assert "\x1b" not in picture
    assert "href" not in picture


def test_cards_do_not_overlap_and_lie_inside_the_picture(graph: LineageGraph) -> None:
    tree = ElementTree.fromstring(lineage_svg(graph))
    width, height = (float(tree.get(name, "0")) for name in ("width", "height"))
    boxes = []
    for one in tree.iter(f"{SVG}rect"):
        if (one.get("class") or "").startswith("card"):
            x, y, w, h = (float(one.get(name, "0")) for name in ("x", "y", "width", "height"))
            assert x >= 0
            assert y >= 0
            assert x + w <= width
            assert y + h <= height
            assert all(x + w <= a or a + c <= x or y + h <= b or b + d <= y for a, b, c, d in boxes)
            boxes.append((x, y, w, h))
    assert len(boxes) == 4


def test_a_model_without_ancestors_has_a_picture_too(world: ModelWorld, actors: Actors) -> None:
    digest = world.released("alone")
    graph = lineage_of(actors.registry.view(), digest, names=True)
    assert graph.root.names == ()
    assert next(lineage_lines(graph)).endswith(" 1.0.0")
    assert re.search(r">not certified<", lineage_svg(graph))
    assert "0 ancestors" in lineage_svg(graph)
    name = NameReference(graph.root.state.model.owner, "alone")
    named = LineageGraph(graph.pin, {digest: replace(graph.root, names=((name, "1.0.0"),))})
    assert ">alone 1.0.0<" in lineage_svg(named)


def test_what_is_not_in_the_manifest_is_said_to_be_unknown(world: ModelWorld, actors: Actors) -> None:
    merged = family(world)
    instances = {"ModelRegistry": actors.deployment.instances["ModelRegistry"]}
    view = ModelRegistry(Deployment(actors.pool, instances)).view()
    graph = lineage_of(view, merged)
    assert (graph.root.run, graph.root.signature) == (None, None)
    text = "\n".join(lineage_lines(graph))
    assert "ProofOfTraining is not in the manifest" in text
    assert "QuantumVerification is not in the manifest" in text
    assert ElementTree.fromstring(lineage_svg(graph)) is not None


def test_a_signature_that_counts_no_more_is_marked(world: ModelWorld, actors: Actors) -> None:
    digest = digest_of("signed")
    world.released("signed", lineage=Lineage(verification_key=world.verify(digest)))
    world.certify(digest, 10 * DAY)
    world.revoke_key()
    graph = lineage_of(actors.registry.view(), digest)
    assert graph.root.state.verdict is Verdict.VERIFICATION_VOID
    assert "VOID" in "\n".join(lineage_lines(graph))
    assert "SLH-DSA-SHA2-128s void" in lineage_svg(graph)
