"""The string interface: to the letter, with exact errors and events as a Python user sees them."""

from __future__ import annotations

import hashlib

import pytest
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractCustomError

from tests.contracts.evm import decode_error, events, refusal, send
from tests.support.contracts import artifact

DIGITS = hashlib.sha256(b"a model").hexdigest()
#: Selectors and topics as existing users of the string interface know them; keccak256 of the text beside each.
SELECTORS = {
    "storeHash(string,string)": ("6f28ee09", "nonpayable", ["uint256"]),
    "getHash(uint256)": ("6b2fafa9", "view", ["string", "string", "uint256", "uint256", "address"]),
    "verifyHash(string,uint256)": ("f8146c86", "view", ["bool"]),
    "getTransactionCount()": ("2e7700f0", "view", ["uint256"]),
    "transactionExists(uint256)": ("9abd4f36", "view", ["bool"]),
    "pauseContract()": ("439766ce", "nonpayable", []),
    "unpauseContract()": ("b33712c5", "nonpayable", []),
    "transferOwnership(address)": ("f2fde38b", "nonpayable", []),
    "acceptOwnership()": ("79ba5097", "nonpayable", []),
    "owner()": ("8da5cb5b", "view", ["address"]),
}
TOPICS = {
    "HashStored(uint256,string,address,uint256,uint256)": [True, True, True, False, False],
    "ContractPaused(address,uint256)": [True, False],
    "ContractUnpaused(address,uint256)": [True, False],
    "OwnershipTransferred(address,address)": [True, True],
}


def test_functions_of_the_string_interface_to_the_letter() -> None:
    built = artifact("ProofOfTraining")
    functions = {
        f"{f['name']}({','.join(i['type'] for i in f['inputs'])})": f for f in built["abi"] if f["type"] == "function"
    }
    for signature, (selector, mutability, outputs) in SELECTORS.items():
        assert Web3.keccak(text=signature)[:4].hex() == selector
        assert built["methodIdentifiers"][signature] == selector
        assert functions[signature]["stateMutability"] == mutability
        assert [o["type"] for o in functions[signature]["outputs"]] == outputs


def test_events_of_the_string_interface_to_the_letter(w3: Web3, proof: Contract, owner: str) -> None:
    declared = {
        f"{e['name']}({','.join(i['type'] for i in e['inputs'])})": [i["indexed"] for i in e["inputs"]]
        for e in artifact("ProofOfTraining")["abi"]
        if e["type"] == "event"
    }
    assert {signature: declared[signature] for signature in TOPICS} == TOPICS
    receipt = send(w3, proof.functions.storeHash("0x" + DIGITS.upper(), "m"), owner)
    log = receipt["logs"][0]
    block = w3.eth.get_block(receipt["blockNumber"])
    # Raw: the topics of id, of the canonical digits and of the submitter; then time and block in the data.
    assert [bytes(topic) for topic in log["topics"]] == [
        Web3.keccak(text="HashStored(uint256,string,address,uint256,uint256)"),
        (1).to_bytes(32, "big"),
        Web3.keccak(text=DIGITS),
        bytes(12) + bytes.fromhex(owner[2:]),
    ]
    assert bytes(log["data"]) == block["timestamp"].to_bytes(32, "big") + block["number"].to_bytes(32, "big")


@pytest.mark.parametrize("spelling", [DIGITS, DIGITS.upper(), "0x" + DIGITS, "0x" + DIGITS.swapcase()])
@pytest.mark.parametrize("metadata", ["", "é", "m" * 31, "m" * 32, "m" * 33, '{"epoch": 3}', "x" * 2_048])
def test_store_and_get(w3: Web3, proof: Contract, alice: str, spelling: str, metadata: str) -> None:
    receipt = send(w3, proof.functions.storeHash(spelling, metadata), alice)
    block = w3.eth.get_block(receipt["blockNumber"])
    [(name, arguments)] = events(proof, receipt)
    assert name == "HashStored"
    assert arguments == {
        "transactionId": 1,
        "hashValue": Web3.keccak(text=DIGITS),
        "submitter": alice,
        "timestamp": block["timestamp"],
        "blockNumber": block["number"],
    }
    expected = [DIGITS, metadata, block["timestamp"], block["number"], alice]
    assert proof.functions.getHash(1).call() == expected
    for other in (DIGITS, DIGITS.upper(), "0x" + DIGITS):
        assert proof.functions.verifyHash(other, 1).call() is True
    assert proof.functions.verifyHash(DIGITS[:-1] + "0", 1).call() is (DIGITS[-1] == "0")


def test_records_are_numbered_from_one(w3: Web3, proof: Contract, alice: str, bob: str) -> None:
    assert proof.functions.getTransactionCount().call() == 0
    for number, sender in enumerate((alice, bob, alice), start=1):
        assert proof.functions.storeHash(DIGITS, "").call({"from": sender}) == number
        send(w3, proof.functions.storeHash(DIGITS, ""), sender)
        assert proof.functions.getTransactionCount().call() == number
    assert [proof.functions.transactionExists(i).call() for i in (0, 1, 3, 4, 2**256 - 1)] == [
        False,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("identifier", [0, 1, 2**64, 2**256 - 1])
def test_unknown_records(proof: Contract, alice: str, identifier: int) -> None:
    assert refusal(proof.functions.getHash(identifier), alice) == ("Records_UnknownRecord", (identifier,))
    assert proof.functions.verifyHash("0" * 64, identifier).call() is False


@pytest.mark.parametrize(
    "text", ["", "0", "0x", DIGITS[:-1], DIGITS + "0", "0x" + DIGITS[:-1], "0x" + DIGITS[:-2], "0X" + DIGITS, "ab" * 64]
)
def test_a_hash_of_another_length_is_refused(proof: Contract, alice: str, text: str) -> None:
    assert refusal(proof.functions.storeHash(text, ""), alice) == ("Records_InvalidHashLength", (len(text),))
    assert proof.functions.verifyHash(text, 1).call() is False


@pytest.mark.parametrize("wrong", ["g", "G", "/", ":", "@", "`", " ", "\x10", "\x19", "\x00", "x", "."])
@pytest.mark.parametrize("position", [0, 1, 31, 32, 63])
def test_a_hash_with_another_character_is_refused(proof: Contract, alice: str, wrong: str, position: int) -> None:
    # A digit that is no '0' before the wrong character, so that the text does not begin with 0x.
    text = ("7" + DIGITS[1:])[:position] + wrong + DIGITS[position + 1 :]
    refused = ("Records_InvalidHashCharacter", (position,))
    assert refusal(proof.functions.storeHash(text, ""), alice) == refused
    refused = ("Records_InvalidHashCharacter", (position + 2,))
    assert refusal(proof.functions.storeHash("0x" + text, ""), alice) == refused
    assert proof.functions.verifyHash(text, 1).call() is False


def test_length_counts_bytes_not_letters(proof: Contract, alice: str) -> None:
    text = DIGITS[:-1] + "é"  # 64 letters, 65 bytes
    assert refusal(proof.functions.storeHash(text, ""), alice) == ("Records_InvalidHashLength", (65,))
    error = ("Records_MetadataTooLong", (2_050, 2_048))
    assert refusal(proof.functions.storeHash(DIGITS, "é" * 1_025), alice) == error


def test_metadata_over_the_limit_is_refused(proof: Contract, alice: str) -> None:
    error = ("Records_MetadataTooLong", (2_049, 2_048))
    assert refusal(proof.functions.storeHash(DIGITS, "x" * 2_049), alice) == error


def test_pausing_stops_new_records_and_nothing_else(w3: Web3, proof: Contract, owner: str, alice: str) -> None:
    send(w3, proof.functions.storeHash(DIGITS, "kept"), alice)
    assert refusal(proof.functions.unpauseContract(), owner) == ("Records_NotPaused", ())
    receipt = send(w3, proof.functions.pauseContract(), owner)
    now = w3.eth.get_block(receipt["blockNumber"])["timestamp"]
    assert events(proof, receipt) == [("ContractPaused", {"owner": owner, "timestamp": now})]
    assert proof.functions.paused().call() is True
    assert refusal(proof.functions.storeHash(DIGITS, ""), alice) == ("Records_Paused", ())
    assert refusal(proof.functions.pauseContract(), owner) == ("Records_Paused", ())

    digest = bytes.fromhex(DIGITS)
    run = proof.functions.runId(alice, digest, digest).call()
    for function in (
        proof.functions["anchor(bytes32)"](digest),
        proof.functions["anchor(bytes32,bytes)"](b"\x01" * 32, b"m"),
        proof.functions.anchorBatch(b"\x02" * 32, 2, b""),
        proof.functions.anchorMany([b"\x03" * 32]),
        proof.functions.openRun(digest, digest),
        proof.functions.extendRun(run, 1, digest, []),
        proof.functions.setRecorder(run, owner, True),
        proof.functions.sealRun(run, digest),
    ):
        send(w3, function, alice)
    assert proof.functions.getHash(1).call()[:2] == [DIGITS, "kept"]
    assert proof.functions.verifyHash(DIGITS, 1).call() is True

    receipt = send(w3, proof.functions.unpauseContract(), owner)
    now = w3.eth.get_block(receipt["blockNumber"])["timestamp"]
    assert events(proof, receipt) == [("ContractUnpaused", {"owner": owner, "timestamp": now})]
    send(w3, proof.functions.storeHash(DIGITS, ""), alice)


def test_only_the_owner_administers(proof: Contract, alice: str) -> None:
    error = ("Records_NotOwner", (alice,))
    for function in (
        proof.functions.pauseContract(),
        proof.functions.unpauseContract(),
        proof.functions.transferOwnership(alice),
    ):
        assert refusal(function, alice) == error


def test_ownership_passes_in_two_steps(w3: Web3, proof: Contract, owner: str, alice: str, bob: str) -> None:
    zero = "0x" + "00" * 20
    receipt = send(w3, proof.functions.transferOwnership(alice), owner)
    assert events(proof, receipt) == [("OwnershipTransferStarted", {"previousOwner": owner, "newOwner": alice})]
    assert (proof.functions.owner().call(), proof.functions.pendingOwner().call()) == (owner, alice)
    assert refusal(proof.functions.acceptOwnership(), bob) == ("Records_NotPendingOwner", (bob,))
    assert refusal(proof.functions.pauseContract(), alice) == ("Records_NotOwner", (alice,))

    send(w3, proof.functions.transferOwnership(zero), owner)  # withdrawn
    assert refusal(proof.functions.acceptOwnership(), alice) == ("Records_NotPendingOwner", (alice,))
    send(w3, proof.functions.transferOwnership(alice), owner)
    receipt = send(w3, proof.functions.acceptOwnership(), alice)
    assert events(proof, receipt) == [("OwnershipTransferred", {"previousOwner": owner, "newOwner": alice})]
    assert (proof.functions.owner().call(), proof.functions.pendingOwner().call()) == (alice, zero)
    assert refusal(proof.functions.pauseContract(), owner) == ("Records_NotOwner", (owner,))
    send(w3, proof.functions.pauseContract(), alice)


def test_the_first_owner_cannot_be_zero(w3: Web3, owner: str) -> None:
    built = artifact("ProofOfTraining")
    factory = w3.eth.contract(abi=built["abi"], bytecode=built["bytecode"]["object"])
    with pytest.raises(ContractCustomError) as refused:
        factory.constructor("0x" + "00" * 20).transact({"from": owner})
    assert decode_error(built["abi"], str(refused.value.data)) == ("Records_ZeroOwner", ())


def test_the_contract_takes_no_ether(w3: Web3, proof: Contract, alice: str) -> None:
    for data in ("0x", "0x6b2fafa9"):
        with pytest.raises(Exception, match="revert"):
            w3.eth.call({"from": alice, "to": proof.address, "value": 1, "data": data})
