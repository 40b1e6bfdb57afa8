"""Replaying the embedded chain: its full check, its export to JSON and the import of one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from novacron.atomic import write_atomically
from novacron.exceptions import (
    InputError,
    NovaCronError,
    ProofFormatError,
    ProofInvalidError,
    StoreConflictError,
)
from novacron.provenance.clients.local_ledger import NO_PARENT, Block, Ledger, Row
from novacron.provenance.clients.tree import BatchTree, build_tree, parse
from novacron.provenance.digest import canonical_json, hex_digest, parse_digest
from novacron.provenance.rfc9162 import EMPTY_ROOT, verify_consistency
from novacron.stores import translate_errors

FORMAT = "novacron-local-chain"
VERSION = 1

#: The records of one block: (digest, canonical JSON of its metadata or b"").
Records = Sequence[tuple[bytes, bytes]]


class _Bad(Exception):
    """A block that breaks a rule; the caller says where it came from."""


@dataclass
class Replay:
    """The rules of the chain, applied block by block from the genesis on."""

    number: int = -1
    parent: bytes = NO_PARENT
    timestamp: int = 0
    genesis: dict[str, Any] = field(default_factory=dict)
    digests: set[bytes] = field(default_factory=set)
    runs: dict[bytes, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    trees: int = 0

    def apply(self, block: Block, records: Records) -> tuple[BatchTree | None, list[int]]:
        """Check one block with its records; returns a batch's tree and each record's node.

        Raises:
            _Bad: with the rule it breaks.
        """
        if block.number != self.number + 1:
            raise _Bad(f"block {block.number} stands where block {self.number + 1} belongs")
        if not block.intact:
            raise _Bad(f"block {block.number} was altered: its content does not have its hash")
        if block.parent != self.parent:
            raise _Bad(f"block {block.number} does not follow block {self.number}: it commits to another parent")
        if block.timestamp < self.timestamp:
            raise _Bad(f"block {block.number} is older than the block before it")
        self.number, self.parent, self.timestamp = block.number, block.hash, block.timestamp
        try:
            return self._apply_content(block.number, block.content(), records)
        except (KeyError, TypeError, ValueError) as error:
            raise _Bad(f"block {block.number} is malformed: {error!r}") from error

    def _apply_content(
        self, number: int, content: Mapping[str, Any], records: Records
    ) -> tuple[BatchTree | None, list[int]]:
        kind = content.get("kind")
        tree, nodes = None, [0] * len(records)
        if (kind == "genesis") != (number == 0):
            raise _Bad(f"block {number} has kind {kind!r}")
        if kind == "genesis":
            self.genesis = dict(content)
        elif kind == "anchor":
            expected = (parse_digest(content["digest"]), content["metadata"])
            if [(digest, parse(metadata)) for digest, metadata in records] != [expected]:
                raise _Bad(f"the record of block {number} is not the one that the block commits to")
        elif kind == "batch":
            if len(records) != content["size"] or not records:
                raise _Bad(f"block {number} is a batch of {content['size']} records, {len(records)} are there")
            tree, nodes, encoding = build_tree(records)
            if (hex_digest(tree.root), list(encoding)) != (content["root"], content["leafEncoding"]):
                raise _Bad(f"the records of batch block {number} do not have its Merkle root")
            self.trees += 1
        elif kind == "run":
            self._apply_run(number, content)
        else:
            raise _Bad(f"block {number} has unknown kind {kind!r}")
        if kind in ("genesis", "run") and records:
            raise _Bad(f"block {number} holds no records, {len(records)} claim to be in it")
        for digest, _ in records:
            if digest in self.digests:
                raise _Bad(f"digest {digest.hex()} of block {number} is recorded twice")
            self.digests.add(digest)
        return tree, nodes

    def _apply_run(self, number: int, content: Mapping[str, Any]) -> None:
        run, size, root = parse_digest(content["run"]), int(content["size"]), parse_digest(content["root"])
        proof = [parse_digest(node) for node in content["proof"]]
        _, before = self.runs.get(run, (0, None))
        name = f"block {number}, run {run.hex()}"
        if before is None:
            if size or root != EMPTY_ROOT or content["model"] is not None or proof:
                raise _Bad(f"{name}: a run opens empty")
        elif before["model"] is not None:
            raise _Bad(f"{name}: changes a sealed run")
        elif (content["salt"], content["manifest"]) != (before["salt"], before["manifest"]):
            raise _Bad(f"{name}: changes the run's identity")
        elif content["model"] is not None:
            if (size, content["root"]) != (before["size"], before["root"]) or proof or not size:
                raise _Bad(f"{name}: sealing changes the head, or seals an empty run")
        elif size <= before["size"] or not verify_consistency(
            int(before["size"]), parse_digest(before["root"]), size, root, proof
        ):
            raise _Bad(f"{name}: its head does not extend the one before")
        self.runs[run] = (number, dict(content))


def check(ledger: Ledger) -> None:
    """Replay every block and compare every index with it.

    Raises:
        CorruptStoreError: naming the first block or record that was altered.
    """
    with ledger.snapshot():
        ledger.check_ends()
        replay = Replay()
        for block in ledger.blocks():
            rows = ledger.rows_of(block.number)
            try:
                tree, nodes = replay.apply(block, [(row.digest, row.metadata) for row in rows])
            except (_Bad, NovaCronError) as error:
                raise ledger.damaged(str(error)) from error
            if [(row.position, row.node) for row in rows] != list(enumerate(nodes)):
                raise ledger.damaged(f"the index of the records of block {block.number} was altered")
            if tree is not None and ledger.tree(block.number).nodes != tree.nodes:
                raise ledger.damaged(f"the Merkle tree of batch block {block.number} was altered")
        for run, (number, _) in replay.runs.items():
            if ledger.run_block(run) != number:
                raise ledger.damaged(f"the index of run {run.hex()} was altered")
        number, _, count = ledger.head()
        if (number, count) != (replay.number, len(replay.digests)):
            raise ledger.damaged("the head does not count what is stored")
        if ledger.counts() != (replay.trees, len(replay.runs)):
            raise ledger.damaged("an index has entries that no block made")


def export_json(ledger: Ledger, path: Path) -> int:
    """Write the chain to `path` through a temporary file that is renamed once it is safe on disk."""
    with ledger.snapshot():
        check(ledger)
        number, head, _ = ledger.head()
        blocks = [_block_json(block, ledger.rows_of(block.number)) for block in ledger.blocks()]
    text = json.dumps(
        {"format": FORMAT, "version": VERSION, "store": ledger.store_id, "head": hex_digest(head), "blocks": blocks},
        indent=1,
        ensure_ascii=False,
    )
    write_atomically(path, text + "\n")
    return number + 1


def _block_json(block: Block, rows: Iterable[Row]) -> dict[str, Any]:
    value: dict[str, Any] = {
        "number": block.number,
        "parent": hex_digest(block.parent),
        "timestamp": block.timestamp,
        "hash": hex_digest(block.hash),
        "body": block.content(),
    }
    if value["body"].get("kind") == "batch":
        value["records"] = [[hex_digest(row.digest), parse(row.metadata) or None] for row in rows]
    return value


def import_json(ledger: Ledger, path: Path) -> int:
    """Verify an export and take what this store does not have; see `LocalBlockchainClient.import_json`."""
    parsed = list(_read(path))
    replay = Replay()
    nodes: list[tuple[BatchTree | None, list[int]]] = []
    for block, records in parsed:
        try:
            nodes.append(replay.apply(block, records))
        except (_Bad, NovaCronError) as error:
            raise ProofInvalidError(f"{path}: {error}; nothing was imported") from error
    try:
        return _take(ledger, path, parsed, nodes, replay)
    finally:
        ledger.identify(ledger.block(0))  # the genesis block the store has now, whatever came of the import


def _take(
    ledger: Ledger,
    path: Path,
    parsed: list[tuple[Block, Records]],
    nodes: list[tuple[BatchTree | None, list[int]]],
    replay: Replay,
) -> int:
    with ledger.writing():
        number, head, _ = ledger.head()
        genesis = parsed[0][0]
        if number == 0 and genesis.hash != head:
            if genesis.content()["submitter"] != ledger.submitter and ledger.named:
                raise StoreConflictError(
                    f"{path} is of submitter {genesis.content()['submitter']!r}, this client is {ledger.submitter!r}"
                )
            ledger.adopt(genesis)
            number, head = 0, genesis.hash
        shared = parsed[min(number, len(parsed) - 1)][0]
        if ledger.block(shared.number).hash != shared.hash:
            raise StoreConflictError(
                f"{path} holds another history than {ledger.path}: block {shared.number} differs; "
                "import it into a new store"
            )
        added = parsed[number + 1 :]
        for (block, records), (tree, places) in zip(added, nodes[number + 1 :], strict=True):
            stored = ledger.append(block.content(), block.timestamp)
            if stored.hash != block.hash:
                raise ProofInvalidError(f"{path}: block {block.number} is not canonical; nothing was imported")
            rows = [
                Row(digest, block.number, position, node, metadata)
                for position, ((digest, metadata), node) in enumerate(zip(records, places, strict=True))
            ]
            if rows:
                ledger.put_records(rows)
            if tree is not None:
                ledger.put_tree(block.number, tree)
        for run, (last, _) in replay.runs.items():
            if last > number:
                ledger.put_run(run, last)
    return len(added)


def _read(path: Path) -> Iterator[tuple[Block, Records]]:
    with translate_errors(path):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ProofFormatError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT or data.get("version") != VERSION:
        raise ProofFormatError(f"{path} is no export of a local chain (format {FORMAT!r}, version {VERSION})")
    blocks = data.get("blocks")
    if not isinstance(blocks, list) or not blocks:
        raise ProofFormatError(f"{path} holds no blocks")
    try:
        if data["head"] != blocks[-1]["hash"]:
            raise ProofInvalidError(f"{path} is cut short: its head is {data['head']}, its last block is another")
        for value in blocks:
            yield _block_of(value)
    except (KeyError, TypeError, InputError) as error:
        raise ProofFormatError(f"{path}: a block is malformed: {error!r}") from error


def _block_of(value: Mapping[str, Any]) -> tuple[Block, Records]:
    body = value["body"]
    block = Block(
        int(value["number"]),
        parse_digest(value["parent"]),
        int(value["timestamp"]),
        canonical_json(body),
        parse_digest(value["hash"]),
    )
    if not 0 <= block.number < 2**63 or not 0 <= block.timestamp < 2**63:
        raise InputError(f"block number {block.number} or timestamp {block.timestamp} is out of range")
    if body.get("kind") == "anchor":
        return block, [(parse_digest(body["digest"]), _metadata(body["metadata"]))]
    return block, [(parse_digest(digest), _metadata(metadata)) for digest, metadata in value.get("records", ())]


def _metadata(value: Mapping[str, Any] | None) -> bytes:
    return canonical_json(dict(value)) if value else b""
