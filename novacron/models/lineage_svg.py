"""The lineage of a model as one SVG file: ancestors on the left, the model on the right, what is tainted in red.

Nodes are put into layers by their longest way to the model, an edge over several layers gets a bend in each, and the
order within layers follows the neighbours' (Sugiyama, Tagawa, Toda, 1981). Everything a stranger wrote is escaped.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape

from novacron.market.advice import moment
from novacron.models.lineage import LineageGraph, Node, certificate_text, node_lines, printable
from novacron.models.onchain import Verdict, hexed, short

_WIDTH, _HEIGHT, _BEND = 300, 104, 18
_GAP_X, _GAP_Y, _MARGIN, _HEAD, _FOOT = 132, 26, 28, 64, 44
_SWEEPS = 6
#: Room of an entry of the legend.
_ENTRY = 232

#: How each verdict looks, and what the legend calls it.
_KINDS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.DEPLOYABLE: ("good", "may be deployed"),
    Verdict.REVOKED: ("bad", "revoked"),
    Verdict.ANCESTOR_REVOKED: ("tainted", "descends from a revoked model"),
    Verdict.VERIFICATION_VOID: ("tainted", "its signature counts no more"),
    Verdict.NOT_CERTIFIED: ("open", "not certified"),
    Verdict.CERTIFICATE_EXPIRED: ("open", "its certificate has ended"),
    Verdict.PROVISIONAL: ("open", "provisional"),
    Verdict.UNKNOWN: ("open", "unknown"),
}
_LEGEND = (
    ("good", "may be deployed"),
    ("open", "not certified, or not final"),
    ("tainted", "tainted by what it depends on"),
    ("bad", "revoked"),
)
_STYLE = """
svg{--ink:#17202a;--soft:#5d6b7a;--paper:#fff;--card:#f7f9fb;--line:#b8c2cc;--good:#1a7f4b;--open:#b7791f;--tainted:#c2521b;
--bad:#b3261e;font-family:system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif;background:var(--paper)}
@media(prefers-color-scheme:dark){svg{--ink:#e8edf2;--soft:#9aa8b6;--paper:#12171d;--card:#1b222b;--line:#46525f;
--good:#4cc38a;--open:#e0a84e;--tainted:#f0894f;--bad:#ff6b61}}
.paper{fill:var(--paper)}text{fill:var(--ink)}.soft{fill:var(--soft)}.mono{font-family:ui-monospace,Menlo,Consolas,monospace}
.card{fill:var(--card);stroke:var(--line)}.root{stroke:var(--ink);stroke-width:2}.edge{fill:none;stroke:var(--line);stroke-width:1.6}
.edge.bad{stroke:var(--bad);stroke-dasharray:6 4}.tip{fill:var(--line)}.tip.bad{fill:var(--bad)}
.good{fill:var(--good)}.open{fill:var(--open)}.tainted{fill:var(--tainted)}text.bad,rect.bad{fill:var(--bad)}
""".replace("\n", "")


@dataclass
class _Place:
    """A node, or a bend of an edge, and where it lies."""

    node: Node | None
    layer: int
    x: float = 0.0
    y: float = 0.0
    left: list[_Place] = field(default_factory=list)
    right: list[_Place] = field(default_factory=list)

    @property
    def height(self) -> int:
        return _BEND if self.node is None else _HEIGHT


@dataclass(frozen=True)
class _Edge:
    """Places from a parent to its child, bends between them."""

    places: tuple[_Place, ...]
    relation: str
    bad: bool


def lineage_svg(graph: LineageGraph, title: str | None = None) -> str:
    """The graph as a standalone SVG document; light and dark follow the reader's preference.

    Args:
        title: what the model is called; its digest when None.
    """
    layers, edges = _laid_out(graph)
    columns = len(layers)
    tallest = max(sum(place.height + _GAP_Y for place in layer) - _GAP_Y for layer in layers)
    width = 2 * _MARGIN + columns * _WIDTH + (columns - 1) * _GAP_X
    width = max(width, 2 * _MARGIN + _ENTRY * len(_LEGEND))
    height = _HEAD + tallest + _FOOT + _MARGIN
    root = graph.root
    name = printable(title) if title is not None else f"{short(root.model_hash)} {root.state.model.version}"
    when = f"as of block {graph.pin.number}, {moment(graph.pin.time)}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="title about">',
        f'<title id="title">Lineage of {escape(name)}</title>',
        f'<desc id="about">{escape(_description(graph))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        f'<text x="{_MARGIN}" y="32" font-size="18" font-weight="600">Lineage of {escape(_cut(name, 80))}</text>',
        f'<text class="soft" x="{_MARGIN}" y="52" font-size="12">{escape(when)}</text>',
    ]
    edges.sort(key=lambda edge: edge.bad)  # what is tainted is drawn over what is not
    parts += [_edge(edge) for edge in edges]
    parts += [_label(edge) for edge in edges]
    for layer in layers:
        parts += [_card(place, graph) for place in layer if place.node is not None]
    parts.append(_legend(height - _FOOT + 10))
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


# -- layout ----------------------------------------------------------------------------------------------------------


def _laid_out(graph: LineageGraph) -> tuple[list[list[_Place]], list[_Edge]]:
    """Layers from the oldest (left) to the model (right), each from top to bottom, and the edges between them."""
    depth = _depths(graph)
    layers: list[list[_Place]] = [[] for _ in range(max(depth.values()) + 1)]
    places = {}
    for digest, node in graph.nodes.items():
        places[digest] = _Place(node, depth[digest])
        layers[depth[digest]].append(places[digest])
    edges = []
    for digest, node in graph.nodes.items():
        for parent in node.state.lineage.parents:
            ancestor = graph.nodes[parent.model_hash]
            way = [places[parent.model_hash]]
            for layer in range(depth[parent.model_hash] - 1, depth[digest], -1):
                way.append(_Place(None, layer))
                layers[layer].append(way[-1])
            way.append(places[digest])
            for one, following in itertools.pairwise(way):
                one.right.append(following)
                following.left.append(one)
            bad = ancestor.revoked or ancestor.state.verdict is Verdict.ANCESTOR_REVOKED
            edges.append(_Edge(tuple(way), parent.relation.word, bad))
    _order(layers)
    tallest = max(sum(place.height + _GAP_Y for place in layer) for layer in layers)
    for number, column in enumerate(layers):
        x = _MARGIN + (len(layers) - 1 - number) * (_WIDTH + _GAP_X)
        y = _HEAD + (tallest - sum(place.height + _GAP_Y for place in column)) / 2
        for place in column:
            place.x, place.y = x, y
            y += place.height + _GAP_Y
    return layers, edges


def _depths(graph: LineageGraph) -> dict[bytes, int]:
    """Longest way from each node to the model; the registry lets a parent be older only, so there is no cycle."""
    depth = {graph.root.model_hash: 0}
    # As many rounds as the longest way has steps; one more would mean a cycle, which cannot be registered.
    for _ in graph.nodes:
        for digest, node in graph.nodes.items():
            for parent in node.state.lineage.parents:
                if digest in depth:
                    depth[parent.model_hash] = max(depth.get(parent.model_hash, 0), depth[digest] + 1)
    return {digest: min(found, len(graph.nodes) - 1) for digest, found in depth.items()}


def _order(layers: Sequence[list[_Place]]) -> None:
    """Put each place near the middle of its neighbours, sweeping to and fro."""
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        for layer in layers if forth else reversed(layers):
            rank = {id(place): number for column in layers for number, place in enumerate(column)}
            here = {id(place): number for number, place in enumerate(layer)}

            def middle(
                place: _Place, rank: dict[int, int] = rank, here: dict[int, int] = here, forth: bool = forth
            ) -> float:
                near = place.right if forth else place.left
                return sum(rank[id(one)] for one in near) / len(near) if near else float(here[id(place)])

            layer.sort(key=middle)


# -- drawing ---------------------------------------------------------------------------------------------------------


def _edge(edge: _Edge) -> str:
    points = []
    for number, place in enumerate(edge.places):
        y = place.y + place.height / 2
        if number:
            points.append((place.x, y))
        if number < len(edge.places) - 1:
            points.append((place.x + _WIDTH, y))
    path = f"M{points[0][0]:.0f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        bend = (x1 - x0) / 2
        path += f"C{x0 + bend:.0f} {y0:.1f} {x1 - bend:.0f} {y1:.1f} {x1:.0f} {y1:.1f}"
    x, y = points[-1]
    kind = " bad" if edge.bad else ""
    return f'<path class="edge{kind}" d="{path}"/><path class="tip{kind}" d="M{x:.0f} {y:.1f}l-9 -5v10z"/>'


def _label(edge: _Edge) -> str:
    """The relation, near the parent, where edges of one child are still apart."""
    start, following = edge.places[0], edge.places[1]
    x = start.x + _WIDTH + _GAP_X / 2
    y = (start.y + start.height / 2 + following.y + following.height / 2) / 2
    size = 7 * len(edge.relation) + 14
    return (
        f'<rect class="paper" x="{x - size / 2:.1f}" y="{y - 10:.1f}" width="{size}" height="19" rx="9"/>'
        f'<text class="soft" x="{x:.1f}" y="{y + 4:.1f}" font-size="12" text-anchor="middle">{edge.relation}</text>'
    )


def _card(place: _Place, graph: LineageGraph) -> str:
    node = place.node
    assert node is not None  # bends are not drawn
    model, now = node.state.model, graph.pin.time
    kind, words = _KINDS[node.state.verdict]
    if node.revoked:
        words = f"revoked {_day(model.revoked_at)}"
    elif node.state.verdict is Verdict.DEPLOYABLE and node.state.certificate is not None:
        words = f"certified until {_day(node.state.certificate.expires_at)}"
    root = " root" if node is graph.root else ""
    x, y = place.x, place.y
    tooltip = "\n".join([str(hexed(node.model_hash)), *map(printable, node_lines(node, now))])
    owner, left, right = f"{model.owner[:6]}…{model.owner[-4:]}", f"{x + 22:.0f}", f"{x + _WIDTH - 14:.0f}"
    evidence, stage = _evidence(node), model.stage.word if int(model.stage) else ""
    room = _WIDTH - 36
    heading = f"{node.names[0][0].name} {node.names[0][1]}" if node.names else model.version
    size, small = _fitting(heading, 15, room - 8 * len(stage), 0.62), _fitting(evidence, 12, room, 0.53)
    return (
        f"<g><title>{escape(tooltip)}</title>"
        f'<rect class="card{root}" x="{x:.0f}" y="{y:.1f}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>'
        f'<rect class="{kind}" x="{x + 8:.0f}" y="{y + 12:.1f}" width="4" height="{_HEIGHT - 24}" rx="2"/>'
        f'<text x="{left}" y="{y + 26:.1f}" font-size="{size}" font-weight="600">{escape(printable(heading))}</text>'
        f'<text class="soft" x="{right}" y="{y + 26:.1f}" font-size="12" text-anchor="end">{stage}</text>'
        f'<text class="soft mono" x="{left}" y="{y + 46:.1f}" font-size="12">{short(node.model_hash)}</text>'
        f'<text class="soft mono" x="{right}" y="{y + 46:.1f}" font-size="12" text-anchor="end">{owner}</text>'
        f'<text class="{kind}" x="{left}" y="{y + 68:.1f}" font-size="13" font-weight="600">{escape(words)}</text>'
        f'<text class="soft" x="{left}" y="{y + 89:.1f}" font-size="{small}">{escape(evidence)}</text></g>'
    )


def _fitting(text: str, size: float, room: float, width: float) -> str:
    """A font size at which text takes no more than so much room; a letter is about `width` of its size wide."""
    return f"{min(size, room / (width * max(len(text), 1))):.1f}"


def _evidence(node: Node) -> str:
    """What there is to show for it: signature, run, data."""
    lineage, parts = node.state.lineage, []
    if any(lineage.verification_key):
        good = node.signature is not None and node.signature.good
        scheme = node.signature.scheme.fips_name if node.signature is not None else "signed"
        parts.append(scheme if good or node.signature is None else f"{scheme} void")
    if any(lineage.run):
        parts.append("run sealed" if node.run is None else f"run of {node.run.size:,} entries")
    if lineage.datasets:
        count = len(lineage.datasets)
        parts.append(f"{count} data set{'s' if count > 1 else ''}")
    return " · ".join(parts) or "no run, no signature"


def _legend(y: float) -> str:
    parts = []
    for number, (kind, words) in enumerate(_LEGEND):
        x = _MARGIN + _ENTRY * number
        parts.append(f'<rect class="{kind}" x="{x}" y="{y:.0f}" width="14" height="14" rx="3"/>')
        parts.append(f'<text class="soft" x="{x + 21}" y="{y + 12:.0f}" font-size="12">{words}</text>')
    return "".join(parts)


def _description(graph: LineageGraph) -> str:
    """The picture for those who do not see it."""
    root, revoked = graph.root, [one for one in graph.nodes.values() if one.revoked]
    words = f"{hexed(root.model_hash)}, version {root.state.model.version}, {certificate_text(root, graph.pin.time)}; "
    words += f"{len(graph.ancestors)} ancestors"
    if revoked:
        words += "; revoked: " + ", ".join(f"{hexed(one.model_hash)} {one.state.model.version}" for one in revoked)
    return words


def _day(timestamp: int) -> str:
    if not 0 <= timestamp < 253_402_300_800:
        return str(timestamp)
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
