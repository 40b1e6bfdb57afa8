"""A real Safe 1.5.0: hashes as it computes them, signatures in its order, proposals in its name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from novacron.chain import TransactionManager
from novacron.chain.typed_data import typed_data_signer
from novacron.exceptions import ProposalStateError, SafeError
from novacron.governance.lifecycle.lifecycle import Lifecycle
from novacron.governance.lifecycle.safe import SafeAccount, SafeTransaction, signature_owner
from novacron.governance.lifecycle.safe_calls import argument_words, function_words, safe_call
from novacron.governance.lifecycle.safe_files import builder_document, file_name, load_transaction, save_transaction
from novacron.governance.lifecycle.sending import Call, SafeSender
from novacron.governance.lifecycle.steps import Step
from novacron.governance.lifecycle.votes import Support, cast_vote
from novacron.governance.onchain import GovernorReader
from novacron.governance.suite import Suite
from tests.support.small_dao import NOVA, STRANGER, SmallDao
from tests.support.small_dao_lifecycle import Stage, mint_proposal

#: Owners are anvil's accounts 1 to 3; two of them must sign.
OWNERS = (1, 2, 3)


@pytest.fixture
def safe(suite: Suite) -> SafeAccount:
    return SafeAccount(suite.pool, suite.address_of("GuardianSafe"))


@pytest.fixture
def payment(dao: SmallDao, safe: SafeAccount) -> SafeTransaction:
    """Send 5 wei, which the Safe has, to a stranger."""
    dao.node.rpc("anvil_setBalance", safe.address, hex(100))
    return safe.transaction(dao.accounts[STRANGER], b"", value=5, title="pay")


def signed(dao: SmallDao, transaction: SafeTransaction, *owners: int) -> SafeTransaction:
    for owner in owners:
        transaction = transaction.signed_by(typed_data_signer(dao.signer(owner)))
    return transaction


def balance(dao: SmallDao, account: int) -> int:
    return int(dao.w3.eth.get_balance(dao.accounts[account]))


def test_the_safe_is_read_as_it_is(dao: SmallDao, safe: SafeAccount) -> None:
    assert (safe.version.split("+")[0], safe.threshold, safe.nonce()) == ("1.5.0", 2, 0)
    assert set(safe.owners) == {dao.accounts[owner] for owner in OWNERS}


def test_our_hash_is_the_contracts(dao: SmallDao, safe: SafeAccount) -> None:
    made = SafeTransaction(31337, safe.address, dao.accounts[4], 12, b"\x12\x34\x56\x78", 9)
    arguments = (made.to, 12, made.data, 0, 0, 0, 0, "0x" + "0" * 40, "0x" + "0" * 40, 9)
    assert safe.handle.call("getTransactionHash", *arguments) == made.hash


def test_another_contract_is_no_safe(dao: SmallDao, suite: Suite) -> None:
    with pytest.raises(SafeError, match="is no Safe"):
        SafeAccount(suite.pool, suite.address_of("CPU"))


@pytest.mark.parametrize("owners", [(1, 2), (2, 1), (3, 1), (1, 2, 3)])
def test_signatures_in_any_order_execute(
    dao: SmallDao, safe: SafeAccount, payment: SafeTransaction, manager: TransactionManager, owners: tuple[int, ...]
) -> None:
    before = balance(dao, STRANGER)
    safe.execute(manager, signed(dao, payment, *owners))
    assert (balance(dao, STRANGER) - before, safe.nonce()) == (5, 1)


def test_executing_twice_pays_once(
    dao: SmallDao, safe: SafeAccount, payment: SafeTransaction, manager: TransactionManager, tmp_path: Path
) -> None:
    before, ready = balance(dao, STRANGER), signed(dao, payment, 1, 2)
    first, again = safe.execute(manager, ready), safe.execute(manager, ready)
    assert first.hash == again.hash
    other = dao.manager(4, tmp_path / "other.db")
    with pytest.raises(SafeError, match="was executed already"):
        safe.execute(other, ready)
    assert balance(dao, STRANGER) - before == 5


def test_too_few_signatures_name_who_can_still_sign(
    dao: SmallDao, safe: SafeAccount, payment: SafeTransaction, manager: TransactionManager
) -> None:
    ready = signed(dao, payment, 1)
    assert safe.missing(ready) == 1
    with pytest.raises(SafeError, match=f"1 of 2 signatures are there; .*{dao.accounts[2]}"):
        safe.execute(manager, ready)


def test_a_signature_of_no_owner_is_refused(dao: SmallDao, safe: SafeAccount, payment: SafeTransaction) -> None:
    with pytest.raises(SafeError, match="is no owner"):
        safe.signatures(signed(dao, payment, 1, 4))


def test_a_transaction_changed_after_signing_is_refused(
    dao: SmallDao, safe: SafeAccount, payment: SafeTransaction
) -> None:
    ready = signed(dao, payment, 1, 2)
    with pytest.raises(SafeError, match="the transaction was changed"):
        safe.signatures(replace(ready, value=50))


def test_an_approval_on_chain_counts_as_a_signature(
    dao: SmallDao, safe: SafeAccount, payment: SafeTransaction, manager: TransactionManager
) -> None:
    dao.send(dao.accounts[3], "GuardianSafe", "approveHash", payment.hash)
    ready = signed(dao, payment, 1)
    assert safe.missing(ready) == 0
    safe.execute(manager, ready)
    assert safe.nonce() == 1


def test_a_signature_over_the_bare_hash_counts(
    dao: SmallDao, safe: SafeAccount, payment: SafeTransaction, manager: TransactionManager
) -> None:
    """What eth_sign makes, with 4 added to v as Safe wants it."""
    raw = Account.sign_message(encode_defunct(payment.hash), dao.node.accounts[2][1]).signature
    shifted = bytes(raw[:64]) + bytes([raw[64] + 4])
    assert signature_owner(payment.hash, shifted) == dao.accounts[2]
    safe.execute(manager, signed(dao, payment, 1).with_signature(shifted))
    assert safe.nonce() == 1


def test_the_next_nonce_comes_first(
    dao: SmallDao, safe: SafeAccount, payment: SafeTransaction, manager: TransactionManager
) -> None:
    later = safe.transaction(payment.to, b"", value=1, nonce=3)
    with pytest.raises(SafeError, match="next nonce is 0, this transaction has 3: execute the earlier ones first"):
        safe.execute(manager, signed(dao, later, 1, 2))


def test_a_call_that_fails_inside_is_an_error_that_says_why(
    dao: SmallDao, suite: Suite, safe: SafeAccount, manager: TransactionManager
) -> None:
    cpu = suite.contract("CPU")
    failing = safe.transaction(cpu.address, cpu.handle.encode("mint", dao.accounts[1], 1))
    with pytest.raises(Exception, match="AccessManagedUnauthorized"):
        safe.execute(manager, signed(dao, failing, 1, 2))
    assert safe.nonce() == 0


def test_delegate_calls_are_not_signed(safe: SafeAccount, payment: SafeTransaction) -> None:
    with pytest.raises(SafeError, match="foreign code"):
        safe.check_hash(replace(payment, operation=1))


def test_a_transaction_of_another_safe_or_chain_is_refused(safe: SafeAccount, payment: SafeTransaction) -> None:
    with pytest.raises(SafeError, match="on chain 1,"):
        safe.check_hash(replace(payment, chain_id=1))


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_file_keeps_the_transaction_and_its_signatures(
    dao: SmallDao, payment: SafeTransaction, tmp_path: Path
) -> None:
    ready = signed(dao, payment, 1, 2)
    assert load_transaction(save_transaction(tmp_path / "tx.json", ready)) == ready


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": "6"}, "was changed"),
        ({"data": "0x00"}, "was changed"),
        ({"signatures": {"0x" + "11" * 20: "0x" + "22" * 65}}, "is not theirs"),
        ({"format": "x"}, "its format is not"),
        ({"to": 7}, "malformed"),
        ({"nonce": -1}, "malformed"),
        ({"data": "zz"}, "malformed"),
    ],
)
def test_a_changed_file_is_refused(
    dao: SmallDao, payment: SafeTransaction, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    path = save_transaction(tmp_path / "tx.json", signed(dao, payment, 1))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SafeError, match=words):
        load_transaction(path)


def test_the_transaction_builder_gets_the_call_alone(payment: SafeTransaction) -> None:
    document = builder_document(payment)
    assert document["transactions"] == [
        {"to": payment.to, "value": "5", "data": "0x", "contractMethod": None, "contractInputsValues": None}
    ]
    assert (document["chainId"], document["version"]) == ("31337", "1.0")


# -- governance --------------------------------------------------------------------------------------------------------


def execute_waiting(stage: Stage, step: Step) -> None:
    assert step.sent is not None
    assert step.sent.file is not None
    dao, path = stage.dao, step.sent.file
    safe = SafeAccount(stage.suite.pool, stage.suite.address_of("GuardianSafe"))
    safe.execute(dao.manager(4, stage.folder / "pays.db"), signed(dao, load_transaction(path), 1, 3))


def test_a_safe_proposes_queues_and_executes(stage: Stage) -> None:
    dao, suite = stage.dao, stage.suite
    safe = SafeAccount(suite.pool, suite.address_of("GuardianSafe"))
    dao.send(dao.members[1], "NovaToken", "delegate", safe.address)
    dao.pass_time(5)
    sender = SafeSender(safe, stage.folder / "safe")

    def run() -> Lifecycle:
        lifecycle = stage.lifecycle()
        lifecycle.sender = sender
        return lifecycle

    proposal = mint_proposal(suite, 7 * NOVA)
    step = run().submit(proposal)
    assert (step.outcome, step.transaction) == ("waiting", None)
    again = run().submit(proposal)
    assert again.sent == step.sent, "the same file, not a second transaction"
    with pytest.raises(ProposalStateError, match="waits for the Safe's owners"):
        run().simulate(proposal, safe.address)
    execute_waiting(stage, step)
    done = run().submit(proposal)
    assert (done.outcome, stage.reader.proposal(done.proposal).proposer) == ("done", safe.address)
    dao.carry(done.proposal)
    execute_waiting(stage, run().queue("mint_cpu"))
    dao.pass_time(2 * 86_400)
    execute_waiting(stage, run().execute("mint_cpu"))
    final = run().execute("mint_cpu")
    assert final.verification is not None
    assert (final.verification.differences, final.verification.inside) == ((), safe.address)


def test_a_safe_votes(dao: SmallDao, suite: Suite, reader: GovernorReader, safe: SafeAccount, tmp_path: Path) -> None:
    dao.send(dao.members[0], "NovaToken", "transfer", safe.address, 1_000_000 * NOVA)
    dao.send(dao.accounts[5], "IdentityGate", "verify", safe.address, dao.now // (91 * 86_400) + 1)
    dao.pass_time(5)
    number = dao.propose(dao.mint(1), description="vote")
    dao.open_vote(number)
    sent = cast_vote(reader, SafeSender(safe, tmp_path), number, Support.FOR, "all of us")
    assert sent.file is not None
    safe.execute(dao.manager(4, tmp_path / "pays.db"), signed(dao, load_transaction(sent.file), 2, 3))
    assert reader.has_voted(number, safe.address)


def test_waiting_transactions_get_different_nonces(safe: SafeAccount, dao: SmallDao, tmp_path: Path) -> None:
    sender = SafeSender(safe, tmp_path)
    first = sender.send(Call("a", dao.accounts[1], b"\x01", "first"))
    second = sender.send(Call("b", dao.accounts[1], b"\x02", "second"))
    assert [one.safe_transaction.nonce for one in (first, second) if one.safe_transaction] == [0, 1]


def test_a_planted_file_far_ahead_is_ignored_and_named(dao: SmallDao, safe: SafeAccount, tmp_path: Path) -> None:
    """It would put off what is asked for until a nonce that never comes."""
    sender = SafeSender(safe, tmp_path)
    far = safe.transaction(dao.accounts[1], b"\x01", nonce=2**60)
    planted = save_transaction(tmp_path / file_name(far), far)
    for call, nonce in ((Call("a", dao.accounts[1], b"\x01", "x"), 0), (Call("b", dao.accounts[1], b"\x02", "y"), 1)):
        sent = sender.send(call)
        assert sent.safe_transaction is not None
        assert (sent.safe_transaction.nonce, sent.ignored) == (nonce, (planted,))


def test_a_planted_delegate_call_does_not_stand_for_the_call(dao: SmallDao, safe: SafeAccount, tmp_path: Path) -> None:
    evil = replace(safe.transaction(dao.accounts[1], b"\x01"), operation=1)
    save_transaction(tmp_path / file_name(evil), evil)
    sent = SafeSender(safe, tmp_path).send(Call("a", dao.accounts[1], b"\x01", "x"))
    assert sent.safe_transaction is not None
    assert (sent.safe_transaction.operation, sent.safe_transaction.nonce) == (0, 1)


# -- words -------------------------------------------------------------------------------------------------------------


def test_a_call_is_told_by_what_is_signed_and_not_by_its_title(
    dao: SmallDao, suite: Suite, reader: GovernorReader, safe: SafeAccount
) -> None:
    approval = suite.contract("CPU").approve(suite.contract("Timelock"), 25)
    made = safe.transaction(approval.target, approval.calldata, title="harmless")
    call = safe_call(reader, made)
    assert (call.title, call.step, call.proposal) == ("CPU.approve", None, None)
    spender, amount = (argument_words("CPU", *pair) for pair in call.action.arguments)
    assert spender == f"Timelock ({suite.address_of('Timelock')})"
    assert amount.startswith("25")


def test_a_call_of_the_governor_names_the_proposal_and_its_step(
    dao: SmallDao, reader: GovernorReader, safe: SafeAccount
) -> None:
    number = dao.propose(dao.mint(7), description="# Real title\n\nbody")
    arguments = reader.proposal(number).call_arguments
    for name, step in (("queue", "queue"), ("execute", "execute"), ("cancel", None)):
        made = safe.transaction(reader.governor.address, reader.governor.encode(name, *arguments), title="harmless")
        call = safe_call(reader, made)
        assert (call.title, call.step, call.proposal) == (f"Governance.{name}: Real title", step, number)
        assert [function_words(one) for one in call.inner] == ["CPU.mint"]
    vote = safe.transaction(reader.governor.address, reader.governor.encode("castVote", number, 1))
    assert safe_call(reader, vote).title == "Governance.castVote: Real title"
    new = reader.governor.encode("propose", *arguments[:3], "# Another\n\nbody")
    assert safe_call(reader, safe.transaction(reader.governor.address, new)).title == "Governance.propose: Another"


def test_a_call_of_the_governor_that_cannot_be_read_is_not_signed(reader: GovernorReader, safe: SafeAccount) -> None:
    with pytest.raises(SafeError, match="cannot be decoded"):
        safe_call(reader, safe.transaction(reader.governor.address, b"\x12\x34\x56\x78"))


def test_an_unknown_contract_is_said_to_be_unknown(dao: SmallDao, reader: GovernorReader, safe: SafeAccount) -> None:
    target = dao.accounts[STRANGER]
    assert safe_call(reader, safe.transaction(target, b"\x12\x34\x56\x78", title="harmless")).title == (
        f"unknown function 0x12345678 of {target}"
    )
    assert safe_call(reader, safe.transaction(target, b"", value=5)).title == f"ETH to {target}"
