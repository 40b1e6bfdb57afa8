"""Every write of a transaction gets its variable's name and its value; none is dropped."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from novacron.governance.decoding.artifacts import ArtifactBook
from novacron.governance.decoding.ast_types import namespace_slot
from novacron.governance.decoding.safe_words import SAFE_SLOTS, safe_layout
from novacron.governance.decoding.slots import SlotNamer
from novacron.governance.decoding.storage_layout import ERC1967, Region
from novacron.governance.suite import NOBODY
from tests.support.zoo import ZooStage


def test_members_of_a_packed_slot_are_told_apart(zoo: ZooStage) -> None:
    assert zoo.changes("Zoo", "packed", zoo.people[1]) == {
        "flag": (False, True),
        "mode": (0, 2),
        "when": (0, 77),
        "who": (NOBODY, "Keeper"),
        "money": (0, 5),
        "signed": (0, -3),
        "tag": ("0x00000000", "0x01020304"),
        "callback": ("0x" + "00" * 24, zoo.contracts["Zoo"].address.lower() + "448f30a3"),
        "place": (NOBODY, "Keeper"),
    }


def test_only_the_member_that_changed_is_told(zoo: ZooStage) -> None:
    zoo.send("Zoo", "packed", zoo.people[1])
    assert zoo.changes("Zoo", "onlyMode", 1) == {"mode": (2, 1)}


def test_keys_of_mappings_are_named_by_their_type(zoo: ZooStage) -> None:
    name = "a name that is a good deal longer than thirty-two bytes"
    assert zoo.changes("Zoo", "mappings", zoo.people[1], 1001, name, -7) == {
        f"nested[Keeper][0x{b'key'.hex().ljust(64, '0')}]": (0, 9),
        "house.rooms[1001].height": (0, 3),
        f'byName["{name}"]': (0, 1),
        f"odd[2][-7][true][0x{keccak(text=name)[:4].hex()}]": (0, 4),
    }


@pytest.mark.parametrize("name", ["", "x" * 32, "x" * 64], ids=["empty", "a word", "two words"])
def test_a_text_may_be_a_key_of_any_length(zoo: ZooStage, name: str) -> None:
    assert zoo.changes("Zoo", "mappings", zoo.people[1], 1, name, 1)[f'byName["{name}"]'] == (0, 1)


def test_keys_that_the_compiler_hashed_are_found_again(zoo: ZooStage) -> None:
    assert zoo.changes("Zoo", "constantKeys") == {
        "house.rooms[42].width": (0, 1),
        f"nested[{NOBODY}][0x{'0' * 64}]": (0, 2),
    }


def test_elements_of_fixed_dynamic_packed_and_nested_arrays(zoo: ZooStage) -> None:
    assert zoo.changes("Zoo", "arrays", zoo.people[1]) == {
        "pair[1].keeper": (NOBODY, "Keeper"),
        "row.length": (0, 1),
        "row[0].width": (0, 4),
        "row[0].height": (0, 5),
        "row[0].keeper": (NOBODY, "Keeper"),
        "row[0].mode": (0, 1),
        "house.doors.length": (0, 2),
        "house.doors[0]": (0, 1),
        "house.doors[1]": (0, 2),
        "bytesRow[33]": (0, 6),
        "numbers.length": (0, 2),
        "numbers[0]": (0, 7),
        "numbers[1]": (0, 8),
        "grid.length": (0, 1),
        "grid[0][0]": (0, 1),
        "grid[0][1]": (0, 2),
        "grid[0][2]": (0, 3),
    }
    assert zoo.changes("Zoo", "drop") == {
        "numbers.length": (2, 1),
        "numbers[1]": (8, 0),
        "row.length": (1, 0),
        "row[0].width": (4, 0),
        "row[0].height": (5, 0),
        "row[0].keeper": ("Keeper", NOBODY),
        "row[0].mode": (1, 0),
    }


def test_texts_are_put_together_from_their_slots(zoo: ZooStage) -> None:
    long = "a text that takes more than one slot, and a little more than two of them: so it is"
    first = zoo.changes("Zoo", "texts", long, b"\x01" * 40)
    assert first == {"text": ("", long), "blob": ("0x", "0x" + "01" * 40), "house.label": ("", "short")}
    # Only one of the slots changes here; the others are read, so that the whole value is seen.
    assert zoo.changes("Zoo", "lastByte") == {"blob": ("0x" + "01" * 40, "0x" + "01" * 39 + "07")}
    assert zoo.changes("Zoo", "texts", "", b"\xff\xfe") == {
        "text": (long, ""),
        "blob": ("0x" + "01" * 39 + "07", "0xfffe"),
    }


def test_a_namespace_is_laid_out_from_the_sources(zoo: ZooStage) -> None:
    assert zoo.changes("Zoo", "aviary", zoo.people[1]) == {
        "$Aviary.birds": (0, 3),
        "$Aviary.opened": (0, 99),
        "$Aviary.warden": (NOBODY, "Keeper"),
        "$Aviary.nests[Keeper].keeper": (NOBODY, "Keeper"),
        "$Aviary.rows.length": (0, 1),
        "$Aviary.rows[0].width": (0, 1),
        "$Aviary.rows[0].height": (0, 2),
        "$Aviary.rows[0].keeper": (NOBODY, "Keeper"),
        "$Aviary.rows[0].mode": (0, 2),
        "$Aviary.perches[4]": (0, 8),
        "$Aviary.price": (0, 11),
        "$Aviary.mode": (0, 1),
    }


def test_checkpoints_and_delays_of_openzeppelin_are_split(zoo: ZooStage) -> None:
    assert zoo.changes("Zoo", "checkpoint", 1234, 56) == {
        "_history._checkpoints.length": (0, 1),
        "_history._checkpoints[0]._key": (0, 1234),
        "_history._checkpoints[0]._value": (0, 56),
        "delay.effect": (0, 1234),
        "delay.valueBefore": (0, 5),
        "delay.valueAfter": (0, 6),
    }


@pytest.mark.parametrize(
    "slot",
    [0x123456789ABCDEF, int.from_bytes(keccak(b"nowhere"), "big"), (1 << 256) - 1],
    ids=["low", "hashed", "last"],
)
def test_a_slot_that_nothing_explains_is_shown_raw(zoo: ZooStage, slot: int) -> None:
    word = (7).to_bytes(32, "big")
    found = zoo.changes("Zoo", "raw", slot.to_bytes(32, "big"), word)
    assert found == {f"slot(0x{slot:064x})": ("0x" + "00" * 32, "0x" + word.hex())}


def test_bytes_between_the_variables_of_a_slot_are_not_lost(zoo: ZooStage) -> None:
    found = zoo.changes("Zoo", "padding", 0xABCDEF01)
    assert found == {f"slot(0x{0:064x})": ("0x" + "00" * 32, "0xabcdef01" + "00" * 28)}


def test_what_is_put_back_within_the_transaction_is_no_change(zoo: ZooStage) -> None:
    assert zoo.changes("Zoo", "backAndForth") == {}


def test_a_text_with_a_malformed_head_is_shown_raw(zoo: ZooStage) -> None:
    (head,) = [r.slot for r in zoo.reader.book.layout_of("Zoo").regions if r.label == "text"]
    # The lowest bit says long, the length says short: Solidity panics on it (0x22).
    found = zoo.changes("Zoo", "raw", head.to_bytes(32, "big"), (5).to_bytes(32, "big"))
    assert found == {f"slot(0x{head:064x})": ("0x" + "00" * 32, "0x" + "00" * 31 + "05")}


def test_bytes_beyond_a_texts_length_are_not_lost(zoo: ZooStage) -> None:
    (head,) = [r.slot for r in zoo.reader.book.layout_of("Zoo").regions if r.label == "text"]
    # Its length stays zero, and so its content: the slot changed nevertheless.
    found = zoo.changes("Zoo", "raw", head.to_bytes(32, "big"), b"\xff" + bytes(31))
    assert found == {f"slot(0x{head:064x})": ("0x" + "00" * 32, "0xff" + "00" * 31)}


# -- where the layouts come from -----------------------------------------------------------------------------------


def test_a_contract_is_known_by_its_code_whatever_its_immutables(zoo_artifacts: Path) -> None:
    book = ArtifactBook([zoo_artifacts])
    box = book.find("Box")
    assert box is not None
    assert box.immutables
    start, length = box.immutables[0]
    code = bytearray(box.runtime_code)
    code[start : start + length] = b"\x05" * length
    assert book.identify(bytes(code)) == box
    code[start - 1] ^= 1
    assert book.identify(bytes(code)) is None
    assert book.identify(b"") is None


def test_a_file_that_is_no_artifact_is_left_out(tmp_path: Path, zoo_artifacts: Path) -> None:
    (tmp_path / "Half.json").write_text('{"abi": [')
    (tmp_path / "Other.json").write_text('{"abi": [], "metadata": {}}')
    book = ArtifactBook([tmp_path, zoo_artifacts])
    assert book.find("Half") is None
    assert book.find("Other") is None
    assert book.find("Zoo") is not None


def test_slots_of_the_standards_are_the_published_ones() -> None:
    assert f"{ERC1967['implementation']:x}" == "360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"
    assert f"{ERC1967['admin']:x}" == "b53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103"
    assert f"{SAFE_SLOTS['guard']:x}" == "4a204f620c8c5ccdca3fd54d003badd85ba500436a431f0cbda4f558c93c34c8"
    assert f"{SAFE_SLOTS['fallbackHandler']:x}" == "6c9a6c4a39284e37ed1cf53d337577d14212a4870fb976a4366c693b939918d5"
    assert f"{SAFE_SLOTS['moduleGuard']:x}" == "b104e0b93118902c651344349b610029d694cfdec91c589c91ebafbcd0289947"
    # The example of ERC-7201.
    assert f"{namespace_slot('example.main'):x}" == "183a6125c38840424c4a85fa12bab2ab606c4b6d0e7cc73c0c06ba5300eab500"


def test_a_safe_has_its_documented_variables() -> None:
    layout = safe_layout()
    preimage = bytes(12) + b"\x11" * 20 + (2).to_bytes(32, "big")
    slot = int.from_bytes(keccak(preimage), "big")
    namer = SlotNamer(layout, {slot: preimage}, lambda kind, raw, path: raw[12:].hex())
    assert [leaf.path for leaf in namer.leaves(slot)] == ["owners[" + "11" * 20 + "]"]
    assert namer.leaves(slot + 1) == []  # a neighbour by chance
    assert [leaf.path for leaf in namer.leaves(4)] == ["threshold"]
    assert Region("singleton", 0, 0, "t_address") in layout.regions
