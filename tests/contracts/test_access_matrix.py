"""The table of roles names every state-changing function of every contract, and its restrictions are real."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode
from eth_utils.crypto import keccak
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractCustomError

from novacron.chain import load_abi
from novacron.chain.anvil import Anvil
from novacron.chain.codec import selector_of, signature_of, types_of
from novacron.chain.endpoints import EndpointPool
from novacron.chain.errors import ErrorDecoder, revert_data
from novacron.deploy.genesis import LOCAL_GENESIS
from novacron.deploy.handover_authority import zero_of
from novacron.deploy.local import deploy_local, local_compiler
from novacron.deploy.manifest import DeploymentManifest
from novacron.deploy.matrix import render
from novacron.deploy.plans import suite
from novacron.deploy.published import load_artifact
from novacron.deploy.roles import OWNERS, TABLE, missing_from_table, state_changing
from novacron.deploy.rules import Who
from tests.support.contracts import deploy

ROOT = Path(__file__).resolve().parents[2]
PLAN = suite(LOCAL_GENESIS)
ITEMS = {item.name: item for item in PLAN.instances}
ZERO = b"\0" * 32
STRANGER = "0x00000000000000000000000000000000000057a9"


def abi_of(instance: str) -> Sequence[dict[str, Any]]:
    """The shipped ABI of what answers at an instance; a published contract's from its artifact."""
    contract = ITEMS[ITEMS[instance].implementation or instance].contract
    return load_artifact(ROOT, contract).abi if contract.startswith("npm:") else load_abi(contract)


# ----------------------------------------------------------------------------------------------------------------------
# Completeness
# ----------------------------------------------------------------------------------------------------------------------


def test_the_table_has_the_instances_of_the_plan() -> None:
    assert set(TABLE) == set(ITEMS)


@pytest.mark.parametrize("instance", ITEMS)
def test_the_table_has_every_function_and_no_other(instance: str) -> None:
    assert not missing_from_table(instance, abi_of(instance))


def test_a_new_function_is_missed() -> None:
    new = {"type": "function", "name": "rescue", "inputs": [], "stateMutability": "payable"}
    assert missing_from_table("CPU", [*abi_of("CPU"), new]) == [
        "rescue() is not in the table of novacron/deploy/roles.py"
    ]


def test_a_function_that_is_gone_is_missed() -> None:
    left = [item for item in abi_of("CPU") if item.get("name") != "mint"]
    assert missing_from_table("CPU", left) == [
        "mint(address,uint256) is in the table, and the contract has no such function"
    ]


def test_views_need_no_line_and_receive_does() -> None:
    assert state_changing([{"type": "receive"}, {"type": "function", "name": "f", "stateMutability": "view"}]) == {
        "receive()"
    }


def test_the_document_is_what_the_table_says() -> None:
    written = (ROOT / "docs" / "access-matrix.md").read_text()
    assert written == render(), "run python -m novacron.deploy.matrix --write"
    shown = subprocess.run(
        [sys.executable, "-m", "novacron.deploy.matrix"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shown.stdout == written


def test_nothing_of_proof_of_training_is_payable() -> None:
    assert not [item["name"] for item in load_abi("ProofOfTraining") if item.get("stateMutability") == "payable"]


# ----------------------------------------------------------------------------------------------------------------------
# Every restriction, by a stranger's call
# ----------------------------------------------------------------------------------------------------------------------

#: The custom error (or the text of a Safe's) that a stranger gets, by who may call.
REFUSALS: dict[Who, set[str]] = {
    Who.ADMIN: {"AccessManagedUnauthorized", "AccessManagerUnauthorizedAccount"},
    Who.ROLE_ADMIN: {"AccessManagerUnauthorizedAccount"},
    Who.GUARDIAN: {"AccessManagedUnauthorized"},
    Who.ATTESTER: {"AccessManagedUnauthorized"},
    Who.AUTHORITY: {"AccessManagedUnauthorized"},
    Who.MEMBER: {"AccessManagerBadConfirmation", "AccessControlBadConfirmation"},
    Who.ITSELF: {"TimelockUnauthorizedCaller", "AccessControlUnauthorizedAccount", "GS031"},
    Who.PROPOSER: {"AccessControlUnauthorizedAccount"},
    Who.CANCELLER: {"AccessControlUnauthorizedAccount"},
    Who.EXECUTOR: {"AccessControlUnauthorizedAccount"},
    Who.TIMELOCK: {"GovernorOnlyExecutor"},
    Who.THRESHOLD: {"GovernorInsufficientProposerVotes"},
    Who.PROPOSAL: {"GovernorNonexistentProposal"},
    Who.TOKEN: {"QuadraticVotes_NotToken"},
    Who.DELEGATEE: {"QuadraticVotes_NotDelegator"},
    Who.OWNER: {"Records_NotOwner", "OwnableUnauthorizedAccount"},
    Who.OFFERED: {
        "Records_NotPendingOwner", "OwnableUnauthorizedAccount", "ModelRegistry_NotPendingOwner",
        "ModelRegistry_NotPendingNameOwner",
    },
    Who.AUDITOR: {"AccessManagedUnauthorized"},
    Who.ARBITER: {"AccessManagedUnauthorized"},
    Who.LIFECYCLE: {"HostRegistry_NotLifecycle"},
    Who.STAKING: {"HostRegistry_NotStaking"},
    # Of hosts, VMs, offers, positions and agreements there are none here; that a stranger cannot touch one that exists
    # is tested with the contracts: tests/contracts/compute, tests/solidity.
    Who.PROVIDER: {"HostRegistry_UnknownHost", "VMLifecycle_UnknownVM"},
    Who.AGENT: {"HostRegistry_UnknownHost", "VMLifecycle_UnknownVM"},
    Who.CUSTOMER: {"VMLifecycle_UnknownVM"},
    Who.RECORDS: {"VMLifecycle_UnknownVM"},
    Who.APPROVER: {"VMLifecycle_UnknownVM"},
    Who.HOLDER: {"ResourceStaking_NoPosition"},
    Who.MAKER: {"OrderBook_NoOffer"},
    Who.OFFERER: {"SLA_UnknownAgreement"},
    Who.ACCEPTER: {"SLA_UnknownAgreement"},
    Who.PARTY: {"SLA_UnknownAgreement"},
    Who.ARBITRATOR: {"SLA_UnknownDispute"},
    # Of models, names and keys there are none here either.
    Who.CERTIFIER: {"AccessManagedUnauthorized"},
    Who.REVOKER: {"ModelRegistry_UnknownModel"},
    Who.MODEL_OWNER: {"ModelRegistry_UnknownModel"},
    Who.NAME_OWNER: {"ModelRegistry_UnknownName"},
    Who.BOTH_OWNER: {"ModelRegistry_UnknownName"},
    Who.ROOT: {"QuantumVerification_UnknownKey"},
    Who.SIGNING_ROOT: {"QuantumVerification_UnknownKey"},
    Who.SIGNING_KEY: {"QuantumVerification_MalformedProof"},
    Who.RUN_OWNER: {"TrainingRuns_UnknownRun", "TrainingRuns_NotOwner"},
    Who.RECORDER: {"TrainingRuns_UnknownRun", "TrainingRuns_NotRecorder"},
    Who.SIGNERS: {"GS020"},
    Who.OWNER_OF_SAFE: {"GS030"},
    Who.MODULE: {"GS104"},
    Who.NOBODY: {
        "InvalidInitialization", "GovernorDisabledDeposit", "UUPSUnauthorizedCallContext", "AccessManagedUnauthorized",
        "GS001", "GS020", "GS030", "GS031", "GS104", "GS200",
    },
}  # fmt: skip
#: Arguments without which a call fails for another reason first.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "updateDelay(uint256)": (24 * 3600,),
    "purchaseResource(uint8,uint256,address,uint256)": (0, 1, STRANGER, 2**255),
    "setup(address[],uint256,address,bytes,address,address,uint256,address)": (
        [STRANGER], 1, "0x" + "00" * 20, b"", "0x" + "00" * 20, "0x" + "00" * 20, 0, "0x" + "00" * 20,
    ),
}  # fmt: skip
#: Calls that only a contract can make: a stranger's fails, whatever the reason.
ANY_REASON = {Who.MANAGED}
RESTRICTED = [
    (instance, function)
    for instance, rules in TABLE.items()
    for function, rule in rules.items()
    if rule.who is not Who.EVERYBODY
]


@pytest.fixture(scope="module")
def chain() -> Iterator[Anvil]:
    with Anvil() as anvil:
        yield anvil


@pytest.fixture(scope="module")
def manifest(chain: Anvil, tmp_path_factory: pytest.TempPathFactory) -> DeploymentManifest:
    return deploy_local(chain.url, tmp_path_factory.mktemp("deployed") / "ethereum-local")


@pytest.fixture(scope="module")
def pool(chain: Anvil) -> Iterator[EndpointPool]:
    with EndpointPool([chain.url]) as endpoints:
        yield endpoints


@pytest.fixture(scope="module")
def errors() -> ErrorDecoder:
    compiler = local_compiler()
    return ErrorDecoder(*(compiler.compile(contract).abi for contract in {item.contract for item in PLAN.instances}))


def refusal(
    pool: EndpointPool, errors: ErrorDecoder, manifest: DeploymentManifest, instance: str, function: str
) -> str:
    """Name of the error, or the text of a require, that a stranger's call ends in; "" when it goes through."""
    call = {"from": STRANGER, "to": manifest.address_of(instance), "gas": hex(5_000_000)}
    if function == "receive()":
        call["value"] = "0x0"
    else:
        item = next(one for one in abi_of(instance) if one.get("type") == "function" and signature_of(one) == function)
        types = types_of(item["inputs"])
        values = ARGUMENTS.get(function) or [zero_of(kind) for kind in types]
        call["data"] = "0x" + (selector_of(item) + encode(types, values)).hex()
    answer = pool.exchange("eth_call", [call, "latest"])
    if "error" not in answer:
        return ""
    name, arguments = errors.decode(revert_data(answer["error"]) or b"")
    return str(arguments[0]) if name == "Error" else name or "no reason"


@pytest.mark.parametrize(("instance", "function"), RESTRICTED, ids=lambda value: str(value).partition("(")[0])
def test_a_stranger_is_refused(
    pool: EndpointPool, errors: ErrorDecoder, manifest: DeploymentManifest, instance: str, function: str
) -> None:
    found = refusal(pool, errors, manifest, instance, function)
    assert found, f"{instance}.{function} lets a stranger in"
    who = TABLE[instance][function].who
    assert who in ANY_REASON or found in REFUSALS[who], found


def test_what_is_open_does_not_ask_for_a_role(
    pool: EndpointPool, errors: ErrorDecoder, manifest: DeploymentManifest
) -> None:
    refusals = {"AccessManagedUnauthorized", "AccessManagerUnauthorizedAccount", "AccessControlUnauthorizedAccount"}
    for instance, rules in TABLE.items():
        for function, rule in rules.items():
            if rule.who is Who.EVERYBODY and function not in ("fallback()", "execute(address,bytes)"):
                assert refusal(pool, errors, manifest, instance, function) not in refusals, (instance, function)


# ----------------------------------------------------------------------------------------------------------------------
# What a pause stops
# ----------------------------------------------------------------------------------------------------------------------

PAUSED_ERROR = "EnforcedPause"


@pytest.fixture(scope="module")
def paused(chain: Anvil, pool: EndpointPool, manifest: DeploymentManifest) -> Iterator[None]:
    """Everything that the brake can stop is stopped; afterwards nothing is."""
    state, brake = chain.rpc("evm_snapshot"), manifest.address_of("EmergencyBrake")
    chain.rpc("anvil_setBalance", brake, hex(10**18))
    chain.rpc("anvil_impersonateAccount", brake)
    for instance in set(OWNERS) - {"ProofOfTraining"}:  # whose pause is of its own kind; tests/contracts has it
        data = "0x" + keccak(text="pauseContract()")[:4].hex()
        call = {"from": brake, "to": manifest.address_of(instance), "data": data}
        receipt: Any = chain.rpc("eth_sendTransactionSync", call)
        assert receipt["status"] == "0x1", instance
    chain.rpc("anvil_stopImpersonatingAccount", brake)
    yield
    assert chain.rpc("evm_revert", state)


@pytest.mark.parametrize("instance", sorted(set(OWNERS) - {"ProofOfTraining"}))
@pytest.mark.usefixtures("paused")
def test_a_pause_stops_what_the_table_says_and_nothing_else(
    pool: EndpointPool, errors: ErrorDecoder, manifest: DeploymentManifest, instance: str
) -> None:
    stopped = {
        function for function in TABLE[instance] if refusal(pool, errors, manifest, instance, function) == PAUSED_ERROR
    }
    said = {
        function
        for function, rule in TABLE[instance].items()
        if "not paused" in rule.when and function != "pauseContract()"
    }
    assert stopped == said
    assert stopped


# ----------------------------------------------------------------------------------------------------------------------
# ProofOfTraining's own runs: somebody else's is refused, too
# ----------------------------------------------------------------------------------------------------------------------

OF_A_RUN: dict[str, tuple[tuple[Any, ...], str]] = {
    "extendRun(bytes32,uint64,bytes32,bytes32[])": ((1, ZERO, []), "TrainingRuns_NotRecorder(bytes32,address)"),
    "sealRun(bytes32,bytes32)": ((b"\1" * 32,), "TrainingRuns_NotOwner(bytes32,address)"),
    "setRecorder(bytes32,address,bool)": (("0x" + "11" * 20, True), "TrainingRuns_NotOwner(bytes32,address)"),
}


@pytest.fixture(scope="module")
def contract(chain: Anvil) -> Contract:
    w3 = Web3(Web3.HTTPProvider(chain.url))
    return deploy(w3, "ProofOfTraining", w3.eth.accounts[0])


def test_every_function_of_a_run_is_proven_here() -> None:
    runs = {name for name, rule in TABLE["ProofOfTraining"].items() if rule.who in (Who.RUN_OWNER, Who.RECORDER)}
    assert runs == set(OF_A_RUN)


@pytest.mark.parametrize("signature", OF_A_RUN)
def test_a_stranger_is_refused_by_a_run_that_exists(contract: Contract, signature: str) -> None:
    w3 = contract.w3
    owner, stranger = w3.eth.accounts[1], w3.eth.accounts[2]
    salt = Web3.keccak(text=signature)
    w3.eth.wait_for_transaction_receipt(contract.functions.openRun(salt, ZERO).transact({"from": owner}))
    run = contract.functions.runId(owner, salt, ZERO).call()
    arguments, error = OF_A_RUN[signature]
    with pytest.raises(ContractCustomError) as caught:
        contract.functions[signature](run, *arguments).call({"from": stranger})
    assert str(caught.value.data).startswith("0x" + Web3.keccak(text=error)[:4].hex())
