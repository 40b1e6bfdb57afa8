"""Events, transfers, roles and new contracts of a transaction, in the suite's words."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from novacron.chain.anvil import Anvil
from novacron.chain.endpoints import EndpointPool
from novacron.governance.decoding.effects import Bookkeeping, EffectsReader, effects_of
from novacron.governance.decoding.roles import RoleNames, role_changes
from novacron.governance.model import EventRecord, Proposal, RoleChange, Transfer, Write
from novacron.governance.suite import NOBODY, Suite
from tests.support.small_dao import SmallDao
from tests.support.zoo import ZooStage

TARGET = to_checksum_address("0x" + "77" * 20)


def changes(*found: RoleChange) -> list[tuple[str, str, str]]:
    return [(change.role, change.account, change.change) for change in found]


# -- events --------------------------------------------------------------------------------------------------------


def test_an_event_with_indexed_text_arrays_and_structs(zoo: ZooStage) -> None:
    (event,) = zoo.effects("Zoo", "announce", zoo.people[1]).events
    assert event.name == "Zoo.Wrote"
    assert event.arguments == (
        ("who", "Keeper"),
        ("title", "0x" + keccak(text="title").hex()),  # an indexed text is only its hash
        ("values", (1, 2)),
        ("cage", (1, 2, "Keeper", 1)),
    )


def test_an_event_that_nobody_knows_keeps_its_topics_and_data(zoo: ZooStage) -> None:
    # LOG1 of one word, in a contract of no source: PUSH32 topic, PUSH1 32, PUSH1 0, LOG1.
    topic = keccak(text="NobodyKnows(uint256)")
    zoo.fork.rpc("anvil_setCode", TARGET, "0x7f" + topic.hex() + "60205fa1")
    receipt = zoo.fork.send(zoo.people[0], TARGET)
    (event,) = zoo.reader.effects(receipt.transaction_hash).events
    assert (event.contract, event.event) == (TARGET, "")
    assert event.arguments == (("topic0", "0x" + topic.hex()), ("data", "0x" + "00" * 32))


# -- transfers and new contracts -----------------------------------------------------------------------------------


def test_a_contract_that_a_call_makes(zoo: ZooStage) -> None:
    effects = zoo.effects("Actor", "make", 100, value=7)
    (coin,) = effects.created
    assert effects.transfers == (
        Transfer("ETH", zoo.people[0], "Actor", 7),
        Transfer("ETH", "Actor", coin, 7),
        Transfer(coin, NOBODY, "Actor", 100),
        Transfer(coin, "Actor", zoo.people[0], 1),
    )
    written = {write.name: write.after for write in effects.writes}
    assert written["Actor.last"] == coin
    assert written[f"{coin}._balances[Actor]"] == 99
    assert written[f"{coin}._totalSupply"] == 100
    assert written[f"{coin}._pendingOwner"] == zoo.people[0]
    assert written[f"{coin}._name"] == "Coin"
    assert ("pendingOwner", zoo.people[0], "granted") in changes(*effects.roles)
    assert ("owner", "Actor", "granted") in changes(*effects.roles)


def test_eth_that_a_contract_leaves_when_it_destroys_itself(zoo: ZooStage) -> None:
    effects = zoo.effects("Actor", "flash", TARGET, value=9)
    moved: dict[str, int] = {}
    for transfer in (one for one in effects.transfers if one.token == "ETH"):
        moved[transfer.source] = moved.get(transfer.source, 0) - transfer.amount
        moved[transfer.to] = moved.get(transfer.to, 0) + transfer.amount
    assert moved[TARGET] == 9
    assert sum(moved.values()) == 0
    assert not [write for write in effects.writes if write.path == "balance"]


def test_what_an_undone_call_did_is_not_told(zoo: ZooStage) -> None:
    zoo.fork.rpc("anvil_setBalance", zoo.contracts["Actor"].address, hex(50))
    effects = zoo.effects("Actor", "attempt", TARGET)
    assert (effects.writes, effects.events, effects.transfers) == ((), (), ())


def test_a_plain_payment(zoo: ZooStage) -> None:
    zoo.fork.rpc("anvil_setBalance", zoo.contracts["Actor"].address, hex(50))
    effects = zoo.effects("Actor", "pay", TARGET, 20)
    assert effects.transfers == (Transfer("ETH", "Actor", TARGET, 20),)
    assert effects.writes == ()


def test_a_transfer_of_an_nft_is_no_amount_of_a_token(zoo: ZooStage) -> None:
    # LOG4 without data: PUSH1 9 (id), two addresses, the topic that ERC-20 has too, PUSH1 0, PUSH1 0, LOG4.
    topic = keccak(text="Transfer(address,address,uint256)")
    addresses = "".join("73" + person[2:] for person in zoo.people[:2])
    zoo.fork.rpc("anvil_setCode", TARGET, "0x6009" + addresses + "7f" + topic.hex() + "5f5fa4")
    effects = zoo.reader.effects(zoo.fork.send(zoo.people[0], TARGET).transaction_hash)
    assert len(effects.events) == 1
    assert effects.transfers == ()
    # LOG3 with the same word as data is ERC-20's.
    zoo.fork.rpc("anvil_setCode", TARGET, "0x60095f52" + addresses + "7f" + topic.hex() + "60205fa3")
    effects = zoo.reader.effects(zoo.fork.send(zoo.people[0], TARGET).transaction_hash)
    assert effects.transfers == (Transfer(TARGET, "Keeper", zoo.people[0], 9),)


def test_on_the_real_chain_fees_are_no_effect(zoo_node: tuple[SmallDao, Suite]) -> None:
    stage, suite = zoo_node
    sent = stage.contracts["Zoo"].functions.onlyMode(1).transact({"from": stage.accounts[2]})
    stage.w3.eth.wait_for_transaction_receipt(sent)
    effects = effects_of(suite.pool, sent.to_0x_hex(), suite)
    assert [(write.name, write.after) for write in effects.writes] == [("Zoo.mode", 1)]
    assert effects.transfers == ()


# -- roles ---------------------------------------------------------------------------------------------------------


def record(name: str, **arguments: Any) -> EventRecord:
    return EventRecord("0x1", "X", name, tuple((key.rstrip("_"), value) for key, value in arguments.items()))


def write(path: str, before: Any) -> Write:
    return Write("0x1", "X", path, "address", before, "")


PROPOSER = "0x" + keccak(text="PROPOSER_ROLE").hex()


@pytest.mark.parametrize(
    ("event", "writes", "expected"),
    [
        (
            record("RoleGranted", roleId=1, account="A", delay=0, since=5, newMember=True),
            [],
            [("GUARDIAN", "A", "granted")],
        ),
        (record("RoleRevoked", roleId=99, account="A"), [], [("99", "A", "revoked")]),
        (record("RoleGranted", role=PROPOSER, account="A", sender="B"), [], [("PROPOSER_ROLE", "A", "granted")]),
        (
            record("RoleRevoked", role="0x" + "00" * 32, account="A", sender="B"),
            [],
            [("DEFAULT_ADMIN_ROLE", "A", "revoked")],
        ),
        (
            record("RoleAdminChanged", role=PROPOSER, previousAdminRole="0x" + "00" * 32, newAdminRole=PROPOSER),
            [],
            [
                ("admin of PROPOSER_ROLE", "DEFAULT_ADMIN_ROLE", "revoked"),
                ("admin of PROPOSER_ROLE", "PROPOSER_ROLE", "granted"),
            ],
        ),
        (
            record("RoleAdminChanged", roleId=2, admin=1),
            [write("_roles[ATTESTER].admin", 0)],
            [("admin of ATTESTER", "ADMIN", "revoked"), ("admin of ATTESTER", "GUARDIAN", "granted")],
        ),
        (record("RoleGuardianChanged", roleId=2, guardian=1), [], [("guardian of ATTESTER", "GUARDIAN", "granted")]),
        (
            record("TargetFunctionRoleUpdated", target="CPU", selector="0x40c10f19", roleId=(1 << 64) - 1),
            [write("_targets[CPU].allowedRoles[mint(address,uint256)]", 0)],
            [("CPU.mint(address,uint256)", "ADMIN", "revoked"), ("CPU.mint(address,uint256)", "PUBLIC", "granted")],
        ),
        (
            record("OwnershipTransferred", previousOwner="A", newOwner=NOBODY),
            [],
            [("owner", "A", "revoked")],
        ),
        (
            record("OwnershipTransferred", previousOwner=NOBODY, newOwner="A"),
            [],
            [("owner", "A", "granted")],
        ),
        (record("OwnershipTransferStarted", previousOwner="A", newOwner="B"), [], [("pendingOwner", "B", "granted")]),
        (
            record("ProposalGuardianSet", oldProposalGuardian="A", newProposalGuardian="B"),
            [],
            [("proposalGuardian", "A", "revoked"), ("proposalGuardian", "B", "granted")],
        ),
        (
            record("Upgraded", implementation="B"),
            [write("erc1967.implementation", "A")],
            [("implementation", "A", "revoked"), ("implementation", "B", "granted")],
        ),
        (
            record("AuthorityUpdated", authority="B"),
            [write("$AccessManaged._authority", "A")],
            [("authority", "A", "revoked"), ("authority", "B", "granted")],
        ),
        (record("AddedOwner", owner="A"), [], [("owner", "A", "granted")]),
        (record("RemovedOwner", owner="A"), [], [("owner", "A", "revoked")]),
        (record("EnabledModule", module="A"), [], [("module", "A", "granted")]),
        (record("ChangedGuard", guard=NOBODY), [write("guard", "A")], [("guard", "A", "revoked")]),
        (record("Transfer", from_="A", to="B", value=1), [], []),
    ],
    ids=lambda value: value.event if isinstance(value, EventRecord) else "",
)
def test_events_that_change_who_may_do_what(
    event: EventRecord, writes: list[Write], expected: list[tuple[str, str, str]]
) -> None:
    assert changes(*role_changes([event], writes, RoleNames.of_package())) == expected


def test_roles_of_the_suite_by_their_labels(dao: SmallDao, suite: Suite) -> None:
    timelock, members, stranger = dao.contracts["Timelock"].address, dao.members, dao.accounts[7]
    receipt = dao.send(timelock, "Authority", "grantRole", 1, members[0], 0)
    effects = effects_of(suite.pool, receipt["transactionHash"].to_0x_hex(), suite)
    assert [w.path for w in effects.writes] == [f"_roles[GUARDIAN].members[{members[0]}].since"]
    assert changes(*effects.roles) == [("GUARDIAN", members[0], "granted")]
    receipt = dao.send(timelock, "Timelock", "grantRole", keccak(text="PROPOSER_ROLE"), stranger)
    effects = effects_of(suite.pool, receipt["transactionHash"].to_0x_hex(), suite)
    assert [w.name for w in effects.writes] == [f"Timelock._roles[PROPOSER_ROLE].hasRole[{stranger}]"]
    assert changes(*effects.roles) == [("PROPOSER_ROLE", stranger, "granted")]


def test_a_safe_is_told_in_its_own_words(dao: SmallDao, suite: Suite) -> None:
    safe, fresh = dao.contracts["GuardianSafe"].address, dao.accounts[8]
    receipt = dao.send(safe, "GuardianSafe", "addOwnerWithThreshold", fresh, 3)
    effects = effects_of(suite.pool, receipt["transactionHash"].to_0x_hex(), suite)
    written = {write.name: (write.before, write.after) for write in effects.writes}
    assert written["GuardianSafe.threshold"] == (2, 3)
    assert written["GuardianSafe.ownerCount"] == (3, 4)
    assert f"GuardianSafe.owners[{fresh}]" in written
    assert all(not name.startswith("GuardianSafe.slot(") for name in written)
    assert [event.name for event in effects.events] == ["GuardianSafe.AddedOwner", "GuardianSafe.ChangedThreshold"]
    assert changes(*effects.roles) == [("owner", fresh, "granted")]


def test_a_proxy_is_told_by_its_implementation(dao: SmallDao, suite: Suite) -> None:
    receipt = dao.send(dao.contracts["Timelock"].address, "IdentityGate", "setQuota", 7)
    effects = effects_of(suite.pool, receipt["transactionHash"].to_0x_hex(), suite)
    assert [(w.name, w.before, w.after) for w in effects.writes] == [("IdentityGate.$IdentityGate.quota", 100, 7)]
    assert [event.name for event in effects.events] == ["IdentityGate.QuotaSet"]


# -- the proposal's own bookkeeping --------------------------------------------------------------------------------


def bookkeeping(suite: Suite) -> Bookkeeping:
    proposal = Proposal("x", "t", "b", (suite.contract("CPU").mint(suite.contract("Timelock"), 5),))
    return Bookkeeping.of(suite, proposal, "description")


def test_the_operation_is_the_timelocks_own_hash(dao: SmallDao, suite: Suite) -> None:
    own = bookkeeping(suite)
    governance, timelock = dao.contracts["Governance"].address, dao.contracts["Timelock"]
    salt = bytes.fromhex(governance[2:]).ljust(32, b"\0")
    mixed = bytes(left ^ right for left, right in zip(salt, keccak(text="description"), strict=True))
    data = dao.contracts["CPU"].encode_abi("mint", [timelock.address, 5])
    calls = [[dao.contracts["CPU"].address], [0], [bytes.fromhex(data[2:])]]
    assert timelock.functions.hashOperationBatch(*calls, bytes(32), mixed).call() == own.operation
    encoded = encode(["address[]", "uint256[]", "bytes[]", "bytes32"], [*calls, keccak(text="description")])
    assert own.proposal == int.from_bytes(keccak(encoded), "big")


def test_only_what_accounts_for_this_very_proposal_is_set_aside(suite: Suite) -> None:
    own = bookkeeping(suite)
    other, operation = own.proposal + 1, "0x" + own.operation.hex()

    def aside(where: str, contract: str, path: str) -> bool:
        return own.of_write(Write(where, contract, path, "uint256", 0, 1)) is not None

    places = [("governance", own.governance), ("timelock", own.timelock), ("elsewhere", TARGET)]
    paths = {
        f"_proposals[{own.proposal}].executed": "governance",
        f"_proposals[{other}].executed": "",
        f"_proposals[{own.proposal}].canceled": "",
        f"_timelockIds[{own.proposal}]": "governance",
        f"_timelockIds[{other}]": "",
        "_governanceCall._begin": "governance",
        "_governanceCallers": "",
        f"_timestamps[{operation}]": "timelock",
        f"_timestamps[0x{'11' * 32}]": "",
        "_minDelay": "",
    }
    for (name, where), (path, home) in itertools.product(places, paths.items()):
        assert aside(where, name, path) == (name == home), (name, path)


def test_an_event_about_another_proposal_is_an_effect(suite: Suite) -> None:
    own = bookkeeping(suite)

    def aside(where: str, event: str, first: Any) -> bool:
        return own.of_event(EventRecord(where, "X", event, (("id", first),))) is not None

    assert aside(own.governance, "ProposalExecuted", own.proposal)
    assert not aside(own.governance, "ProposalExecuted", own.proposal + 1)
    assert not aside(TARGET, "ProposalExecuted", own.proposal)
    assert not aside(own.governance, "ProposalCanceled", own.proposal)
    assert aside(own.timelock, "CallExecuted", "0x" + own.operation.hex())
    assert not aside(own.timelock, "CallExecuted", "0x" + "11" * 32)
    assert not aside(own.timelock, "Cancelled", "0x" + own.operation.hex())


def test_a_reader_serves_many_transactions(zoo: ZooStage) -> None:
    with Anvil() as node, EndpointPool([node.url], health_interval=None) as pool:
        assert EffectsReader(pool, zoo.suite, zoo.reader.book).errors().decode(b"\0\0\0\0") == (None, ())
