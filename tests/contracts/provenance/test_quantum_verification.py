"""QuantumVerification as a Python user meets it: with cheap doubles for what is exact, and with the real verifiers,
an SLH-DSA root and ML-DSA-87 working keys, for a whole life of keys and data."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PrivateKey
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from pqcrypto.sign import slh_dsa_sha2_128s as slh_dsa
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import Web3Exception
from web3.types import TxReceipt

from novacron.chain.anvil import Anvil
from tests.contracts.evm import events, refusal, send
from tests.property.quantum_model import DAY, LIFE, ML_DSA_87, NONE, SLH_DSA, ZERO, Message, digest, key_id
from tests.support.contracts import ROOT, artifact, deploy

ROOT_KEY, WORK_KEY = b"\xa0" * 32, b"\xb0" * 32
DATA, OTHER = b"\x01" * 32, b"\x02" * 32
GAS_LIMIT = 8_000_000


# ---------------------------------------------------------------------------------------------------------------------
# Doubles
# ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Cheap:
    """A contract over doubles, with a root and a working key whose signatures are hashes."""

    w3: Web3
    double: Contract
    contract: Contract
    root: bytes = key_id(NONE, SLH_DSA, ROOT_KEY)
    key: bytes = key_id(key_id(NONE, SLH_DSA, ROOT_KEY), ML_DSA_87, WORK_KEY)
    sent: list[TxReceipt] = field(default_factory=list)

    def sign(self, public_key: bytes, kind: str, **values: Any) -> bytes:
        message: Message = (kind, values)
        return keccak(public_key + digest(self.w3.eth.chain_id, self.contract.address, message))

    def begin(self) -> None:
        now = self.w3.eth.get_block("latest")["timestamp"]
        f, sender = self.contract.functions, self.w3.eth.accounts[0]
        signature = self.sign(ROOT_KEY, "RootEnrolment", scheme=SLH_DSA, publicKey=ROOT_KEY, account=ZERO)
        self.sent.append(send(self.w3, f.enrolRoot(SLH_DSA, ROOT_KEY, ZERO, signature), sender))
        terms = (self.root, ML_DSA_87, WORK_KEY, ZERO, 0, now + DAY, NONE)
        names = ("root", "scheme", "publicKey", "account", "validFrom", "validUntil", "replaces")
        signature = self.sign(ROOT_KEY, "KeyAuthorization", **dict(zip(names, terms, strict=True)), nonce=0)
        self.sent.append(send(self.w3, f.authorizeKey(*terms, signature), sender))

    def proof(self, data: bytes) -> bytes:
        return self.key + self.sign(WORK_KEY, "Verification", dataHash=data, key=self.key, account=ZERO)

    def batch_proof(self, root: bytes, size: int) -> bytes:
        return self.key + self.sign(WORK_KEY, "Batch", root=root, size=size, key=self.key, account=ZERO)


@pytest.fixture(scope="module")
def doubles(w3: Web3) -> tuple[Contract, Contract]:
    double = deploy(w3, "VerifierDouble")
    return double, deploy(w3, "QuantumVerification", [double.address] * 4)


@pytest.fixture
def cheap(node: Anvil, w3: Web3, doubles: tuple[Contract, Contract]) -> Iterator[Cheap]:
    snapshot = node.rpc("evm_snapshot")
    world = Cheap(w3, *doubles)
    world.begin()
    yield world
    assert node.rpc("evm_revert", snapshot) is True


def test_keys_are_announced_as_they_are_kept(cheap: Cheap) -> None:
    enrolled, authorized = (events(cheap.contract, receipt) for receipt in cheap.sent)
    told = {"root": cheap.root, "scheme": SLH_DSA, "publicKey": ROOT_KEY, "account": ZERO}
    assert enrolled == [("RootEnrolled", told)]
    times = [cheap.w3.eth.get_block(receipt["blockNumber"])["timestamp"] for receipt in cheap.sent]
    root, _, public_key, account, since, until, revoked = cheap.contract.functions.keyOf(cheap.root).call()
    assert (root, public_key, account, since, until, revoked) == (NONE, ROOT_KEY, ZERO, times[0], 2**40 - 1, 0)
    _, _, _, _, since, until, _ = cheap.contract.functions.keyOf(cheap.key).call()
    told = {"root": cheap.root, "key": cheap.key, "scheme": ML_DSA_87, "publicKey": WORK_KEY, "account": ZERO}
    assert authorized == [("KeyAuthorized", told | {"validFrom": since, "validUntil": until})]
    assert since == times[1]


def test_digests_are_those_of_a_wallet(cheap: Cheap) -> None:
    f = cheap.contract.functions

    def of(kind: str, **values: Any) -> bytes:
        return digest(cheap.w3.eth.chain_id, cheap.contract.address, (kind, values))

    account = cheap.w3.eth.accounts[3]
    expected = of("RootEnrolment", scheme=1, publicKey=DATA, account=account)
    assert f.rootDigest(1, DATA, account).call() == expected
    terms = {"root": DATA, "scheme": 3, "publicKey": OTHER, "account": account, "validFrom": 2**40 - 2}
    terms |= {"validUntil": 2**40 - 1, "replaces": cheap.key, "nonce": 2**256 - 1}
    assert f.authorizationDigest(*terms.values()).call() == of("KeyAuthorization", **terms)
    expected = of("KeyRevocation", key=DATA, since=2**40 - 1, reason=OTHER)
    assert f.revocationDigest(DATA, 2**40 - 1, OTHER).call() == expected
    assert f.verificationDigest(DATA, cheap.key).call() == of(
        "Verification", dataHash=DATA, key=cheap.key, account=ZERO
    )
    expected = of("Batch", root=DATA, size=2**64 - 1, key=cheap.key, account=ZERO)
    assert f.batchDigest(DATA, 2**64 - 1, cheap.key).call() == expected
    domain = f.eip712Domain().call()
    assert domain[1:5] == ["QuantumVerification", "1", cheap.w3.eth.chain_id, cheap.contract.address]


def test_a_datum_is_verified_once_and_by_one_static_call(cheap: Cheap, alice: str, bob: str) -> None:
    f, proof = cheap.contract.functions, cheap.proof(DATA)
    receipt = send(cheap.w3, f.verifyData(DATA, proof), alice)
    told = {"dataHash": DATA, "key": cheap.key, "verifier": alice, "proofDigest": keccak(proof)}
    assert events(cheap.contract, receipt) == [("DataVerified", told)]
    record = (cheap.key, keccak(proof), cheap.w3.eth.get_block(receipt["blockNumber"])["timestamp"], alice, True)
    assert tuple(f.verificationOf(cheap.key, DATA).call()) == record
    assert refusal(f.verifyData(DATA, proof), bob) == ("QuantumVerification_AlreadyVerified", (cheap.key, DATA))
    answer = cheap.w3.provider.make_request(
        "debug_traceTransaction", [receipt["transactionHash"].to_0x_hex(), {"tracer": "callTracer"}]
    )
    [call] = answer["result"]["calls"]
    assert (call["type"], Web3.to_checksum_address(call["to"])) == ("STATICCALL", cheap.double.address)
    question = encode(
        ["bytes", "bytes32", "bytes"], [WORK_KEY, f.verificationDigest(DATA, cheap.key).call(), proof[32:]]
    )
    assert bytes.fromhex(call["input"][10:]) == question


def test_bytes_that_are_no_proof_are_refused(cheap: Cheap, alice: str) -> None:
    noise, good, f = random.Random(7), cheap.proof(DATA), cheap.contract.functions
    for length in range(0, 33):
        error = ("QuantumVerification_MalformedProof", (length,))
        assert refusal(f.verifyData(DATA, good[:length]), alice) == error
    invalid = ("QuantumVerification_InvalidSignature", (cheap.key, f.verificationDigest(DATA, cheap.key).call()))
    for _ in range(30):
        place = noise.randrange(len(good))
        damaged = good[:place] + bytes([good[place] ^ (1 << noise.randrange(8))]) + good[place + 1 :]
        unknown = ("QuantumVerification_UnknownKey", (damaged[:32],))
        assert refusal(f.verifyData(DATA, damaged), alice) == (unknown if place < 32 else invalid)
    for shape in (good[:-1], good + b"\0", cheap.key + bytes(32), cheap.key + b"\xff" * 32, cheap.key + bytes(5_000)):
        assert refusal(f.verifyData(DATA, shape), alice) == invalid


def test_a_scheme_that_does_not_exist_is_refused(cheap: Cheap, alice: str) -> None:
    call = bytes(32 - 1) + b"\x04" + bytes(32 * 2) + (128).to_bytes(32, "big") + bytes(32)
    selector = keccak(text="enrolRoot(uint8,bytes32,address,bytes)")[:4]
    with pytest.raises(Web3Exception):
        cheap.w3.eth.call({"from": alice, "to": cheap.contract.address, "data": selector + call})


def test_a_verifier_is_a_contract(w3: Web3, doubles: tuple[Contract, Contract]) -> None:
    double = doubles[0].address
    built = artifact("QuantumVerification")
    factory = w3.eth.contract(abi=built["abi"], bytecode=built["bytecode"]["object"])
    for place in range(4):
        verifiers = [double] * place + [w3.eth.accounts[5]] + [double] * (3 - place)
        with pytest.raises(Web3Exception) as refused:
            factory.constructor(verifiers).estimate_gas()
        named = encode(["uint8", "address"], [place, w3.eth.accounts[5]])
        assert (keccak(text="QuantumVerification_NotAVerifier(uint8,address)")[:4] + named).hex() in str(refused.value)


def test_nobody_administers_it() -> None:
    functions = [entry for entry in artifact("QuantumVerification")["abi"] if entry["type"] == "function"]
    writing = {entry["name"] for entry in functions if entry["stateMutability"] not in ("view", "pure")}
    assert writing == {"enrolRoot", "authorizeKey", "revokeKey", "verifyData", "verifyBatch"}
    assert {entry["stateMutability"] for entry in functions} == {"view", "pure", "nonpayable"}


SCRIPT = """
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
console.log(JSON.stringify(JSON.parse(process.argv[1]).map(n => {
  const values = Array.from({length: n}, (_, i) => ['0x' + (i + 1).toString(16).padStart(64, '0')]);
  const tree = StandardMerkleTree.of(values, ['bytes32']);
  const leaves = values.map((v, i) => ({data: v[0], leaf: tree.leafHash(v), proof: tree.getProof(i)}));
  return {n, root: tree.root, leaves};
})));
"""


@pytest.fixture(scope="module")
def npm_trees() -> list[dict[str, Any]]:
    command = ["node", "--input-type=module", "-e", SCRIPT, json.dumps([1, 2, 7, 100])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    loaded: list[dict[str, Any]] = json.loads(done.stdout)
    return loaded


def test_one_signature_for_all_leaves_of_a_tree_of_the_npm_package(
    cheap: Cheap, alice: str, npm_trees: list[dict[str, Any]]
) -> None:
    f = cheap.contract.functions
    for tree in npm_trees:
        root, size = bytes.fromhex(tree["root"][2:]), tree["n"]
        proof = cheap.batch_proof(root, size)
        receipt = send(cheap.w3, f.verifyBatch(root, size, proof), alice)
        told = {"root": root, "key": cheap.key, "verifier": alice, "size": size, "proofDigest": keccak(proof)}
        assert events(cheap.contract, receipt) == [("BatchVerified", told)]
        assert f.batchOf(cheap.key, root).call()[1] == size
        check = f.isVerifiedInBatch
        for entry in tree["leaves"][:: max(1, size // 10)]:
            assert check(cheap.key, root, entry["data"], entry["proof"]).call() is True
            assert check(cheap.key, root, entry["leaf"], entry["proof"]).call() is False  # hashed here, twice
            assert check(cheap.root, root, entry["data"], entry["proof"]).call() is False
            assert check(cheap.key, root, entry["data"], [*entry["proof"], DATA]).call() is False
            assert check(cheap.key, root, "0x" + "ff" * 32, entry["proof"]).call() is False


# ---------------------------------------------------------------------------------------------------------------------
# The real verifiers
# ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Real:
    """A contract over the verifiers of this project."""

    w3: Web3
    keys: Contract
    contract: Contract
    gas: dict[str, int] = field(default_factory=dict)

    def send(self, name: str, function: ContractFunction, sender: str) -> TxReceipt:
        """Mined with the gas that one transaction may use; whole-transaction gas is noted."""
        hashed = function.transact({"from": sender, "gas": GAS_LIMIT})
        receipt = self.w3.eth.wait_for_transaction_receipt(hashed, poll_latency=0.005)
        assert receipt["status"] == 1, name
        self.gas[name] = receipt["gasUsed"]
        return receipt

    def register(self, public_key: bytes, sender: str) -> bytes:
        """An ML-DSA-87 key, step by step; returns its 32 bytes."""
        function = self.keys.functions.registerKey(ML_DSA_87, public_key)
        for step in range(3):
            self.send(f"registerKey, step {step + 1} (ML-DSA-87)", function, sender)
        return bytes(self.keys.functions.keyIdOf(ML_DSA_87, public_key).call())


@pytest.fixture(scope="module")
def real(node: Anvil, w3: Web3) -> Iterator[Real]:
    snapshot = node.rpc("evm_snapshot")
    keys = deploy(w3, "PostQuantumKeys")
    ml_dsa, slh = deploy(w3, "MLDSA87", keys.address).address, deploy(w3, "SLHDSASHA2128s").address
    # No key here is of the two smaller sets: any contract may stand for their verifiers.
    yield Real(w3, keys, deploy(w3, "QuantumVerification", [keys.address, keys.address, ml_dsa, slh]))
    assert node.rpc("evm_revert", snapshot) is True


def test_a_life_of_keys_and_data_with_the_real_verifiers(
    node: Anvil, w3: Web3, real: Real, alice: str, bob: str, npm_trees: list[dict[str, Any]]
) -> None:
    f = real.contract.functions
    root_public, root_secret = slh_dsa.keygen()
    sign_root: Callable[[bytes], bytes] = lambda message: bytes(slh_dsa.sign(root_secret, message, b""))  # noqa: E731

    # A root that works for alice only: ECDSA and SLH-DSA are needed from here on.
    root = key_id(NONE, SLH_DSA, root_public)
    enrolment = f.rootDigest(SLH_DSA, root_public, alice).call()
    real.send("enrolRoot (SLH-DSA)", f.enrolRoot(SLH_DSA, root_public, alice, sign_root(enrolment)), bob)

    # A working key: its authorisation does not wait for the registration.
    first = MLDSA87PrivateKey.generate()
    public_key = first.public_key().public_bytes_raw()
    name = keccak(encode(["uint8", "bytes"], [ML_DSA_87, public_key]))
    now = w3.eth.get_block("latest")["timestamp"]
    terms = (root, ML_DSA_87, name, alice, 0, now + LIFE - 3_600, NONE)
    authorization = sign_root(f.authorizationDigest(*terms, 0).call())
    error = ("QuantumVerification_WrongAccount", (root, alice, bob))
    assert refusal(f.authorizeKey(*terms, authorization), bob) == error
    real.send("authorizeKey (SLH-DSA)", f.authorizeKey(*terms, authorization), alice)
    key = key_id(root, ML_DSA_87, name)
    message = f.verificationDigest(DATA, key).call()
    proof = key + first.sign(message)
    invalid = ("QuantumVerification_InvalidSignature", (key, message))
    assert refusal(f.verifyData(DATA, proof), alice) == invalid  # not registered
    assert real.register(public_key, bob) == name

    # Data.
    for wrong in (proof[:-1], proof + b"\0", proof[:100] + bytes([proof[100] ^ 1]) + proof[101:], key + bytes(4_627),
                  key + b"\xff" * 4_627, key + first.sign(message, b"context"), key + first.sign(DATA)):  # fmt: skip
        assert refusal(f.verifyData(DATA, wrong), alice) == invalid
    assert refusal(f.verifyData(DATA, proof), bob) == ("QuantumVerification_WrongAccount", (key, alice, bob))
    real.send("verifyData (ML-DSA-87)", f.verifyData(DATA, proof), alice)
    assert f.isVerified(key, DATA).call() is True
    starved = f.verifyData(OTHER, key + first.sign(f.verificationDigest(OTHER, key).call()))
    for gas in (300_000, 700_000, 1_200_000):
        hashed = starved.transact({"from": alice, "gas": gas})
        assert w3.eth.wait_for_transaction_receipt(hashed, poll_latency=0.005)["status"] == 0
    assert f.isVerified(key, OTHER).call() is False

    # A hundred data by one signature.
    tree = npm_trees[-1]
    statement = f.batchDigest(tree["root"], 100, key).call()
    batch = f.verifyBatch(tree["root"], 100, key + first.sign(statement))
    real.send("verifyBatch of 100 (ML-DSA-87)", batch, alice)
    for entry in tree["leaves"][::9]:
        assert f.isVerifiedInBatch(key, tree["root"], entry["data"], entry["proof"]).call() is True

    # Rotation.
    second = MLDSA87PrivateKey.generate()
    other = keccak(encode(["uint8", "bytes"], [ML_DSA_87, second.public_key().public_bytes_raw()]))
    terms = (root, ML_DSA_87, other, ZERO, 0, now + LIFE - 3_600, key)
    rotation = sign_root(f.authorizationDigest(*terms, 1).call())
    receipt = real.send("authorizeKey, rotating (SLH-DSA)", f.authorizeKey(*terms, rotation), alice)
    assert [name for name, _ in events(real.contract, receipt)] == ["KeyAuthorized", "KeyRotated"]
    assert (f.isValidKey(key).call(), f.isVerified(key, DATA).call()) == (False, True)
    assert f.isValidKey(key_id(root, ML_DSA_87, other)).call() is True

    # Revocation as of the second in which the datum was verified: it goes, and so does the later batch.
    since = f.verificationOf(key, DATA).call()[2]
    revocation = sign_root(f.revocationDigest(key, since, DATA).call())
    real.send("revokeKey (SLH-DSA)", f.revokeKey(key, since, DATA, revocation), alice)
    assert f.isVerified(key, DATA).call() is False
    assert f.isVerifiedInBatch(key, tree["root"], tree["leaves"][0]["data"], tree["leaves"][0]["proof"]).call() is False
    assert all(gas < GAS_LIMIT for gas in real.gas.values()), real.gas
