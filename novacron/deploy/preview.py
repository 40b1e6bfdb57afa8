"""What a deployment would do and cost, without signing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from novacron.chain.endpoints import EndpointPool
from novacron.chain.errors import classify
from novacron.chain.fees import FeePolicy, FeeQuote
from novacron.deploy.checks import Calls
from novacron.deploy.compiler import ContractSource
from novacron.deploy.create2 import DEPLOYMENT_PROXY
from novacron.deploy.onchain import code_at, require_proxy, simulate_constructor
from novacron.deploy.plan import Call, Created, Plan
from novacron.deploy.resolve import ResolvedInstance, compile_plan, resolve_plan
from novacron.exceptions import InsufficientFundsError, RejectedError, RevertedError

#: Predeployed contract of OP-stack chains that knows the fee for posting a transaction to the parent chain.
OP_GAS_ORACLE = "0x420000000000000000000000000000000000000F"


@dataclass(frozen=True)
class PreviewRow:
    """One instance or call.

    Attributes:
        instance: its name, or the call's label.
        contract: what it is; of a call, the instance it goes to.
        exists: its code is on the chain already; it will be adopted and costs nothing. Of a call: it has taken effect.
        gas: estimated gas, None when the node cannot estimate it (`note` says why).
        data_fee: wei an OP-stack chain charges on top for posting the transaction to its parent chain, else 0.
    """

    instance: str
    contract: str
    address: str
    exists: bool
    gas: int | None
    data_fee: int
    note: str


@dataclass(frozen=True)
class Preview:
    """A dry run's result; amounts in wei, `price` in wei per gas as the next block would charge it."""

    rows: tuple[PreviewRow, ...]
    quote: FeeQuote
    balance: int

    @property
    def price(self) -> int:
        """Base fee and tip of the next block, or the gas price on chains without a base fee."""
        if self.quote.legacy:
            return self.quote.max_fee_per_gas
        return min(self.quote.max_fee_per_gas, self.quote.base_fee + self.quote.max_priority_fee_per_gas)

    def cost(self, row: PreviewRow) -> int | None:
        """What one instance costs at the current price; None when its gas is unknown."""
        return None if row.gas is None else row.gas * self.price + row.data_fee

    @property
    def total(self) -> int:
        """What all instances of known gas cost."""
        return sum(self.cost(row) or 0 for row in self.rows)

    @property
    def reserve(self) -> int:
        """What the account must hold for the most expensive case the fee quote allows."""
        return sum((row.gas or 0) * self.quote.max_fee_per_gas + row.data_fee for row in self.rows)


def preview_plan(
    pool: EndpointPool,
    plan: Plan,
    deployer: str,
    compiler: ContractSource,
    *,
    accounts: Mapping[str, str] | None = None,
    fees: FeePolicy | None = None,
    since: int = 0,
) -> Preview:
    """Estimate a deployment.

    Nodes that offer `eth_simulateV1` are asked for all transactions in a row, so that each sees what the ones before
    have done. Elsewhere each is estimated by itself, which says less; the rows' notes tell.

    Args:
        pool: the chain.
        plan: what to deploy.
        deployer: address that would send.
        compiler: compiles the plan's contracts.
        accounts: further accounts the plan names.
        fees: how the fees would be chosen.
        since: block from which to look for events that show a call's effect.

    Raises:
        PlanError, CompilerError: the plan does not hold together or does not compile.
        DeployError: the deployment proxy is missing on this chain.
        ChainUnavailableError: no endpoint answers.
    """
    known = {**(accounts or {}), "deployer": deployer}
    compiled = compile_plan(plan, compiler)
    resolved = resolve_plan(plan, compiled, known)
    require_proxy(pool)
    quote = (fees or FeePolicy()).quote(pool)
    codes = pool.batch([("eth_getCode", [item.address, "latest"]) for item in resolved])
    there = {item.name for item, code in zip(resolved, codes, strict=True) if len(str(code)) > 2}
    steps = [_step_of(item, item.name in there) for item in resolved]
    calls = Calls(pool, plan, {item.name: item.address for item in resolved}, known, compiled)
    steps += [
        _Step(
            call.label, call.target, calls.addresses[call.target], done, calls.addresses[call.target], calls.data(call)
        )
        for call, done in _done(calls, there, since)
    ]
    outcomes = _simulate(pool, deployer, steps)
    if outcomes is None:
        outcomes = _estimate(pool, deployer, steps, {item.name: item for item in resolved})
    rows = [_row(pool, step, outcomes.get(step.name, (0, step.note))) for step in steps]
    return Preview(tuple(rows), quote, int(str(pool.request("eth_getBalance", [deployer, "latest"])), 16))


@dataclass(frozen=True)
class _Step:
    """What one row is about; without `to` there is no transaction of its own."""

    name: str
    contract: str
    address: str
    done: bool
    to: str
    data: bytes = field(repr=False)
    note: str = ""

    @property
    def pending(self) -> bool:
        return not self.done and self.to != ""


def _step_of(item: ResolvedInstance, done: bool) -> _Step:
    note = "already deployed" if done else ""
    if isinstance(item.instance, Created):
        note = note or f"created by {item.instance.creator}"
        return _Step(item.name, item.contract.name, item.address, done, "", b"", note)
    return _Step(item.name, item.contract.name, item.address, done, item.creator, item.call_data, note)


def _done(calls: Calls, there: set[str], since: int) -> list[tuple[Call, bool]]:
    """Each call and whether it has taken effect; all of them once the hand-over is made."""

    def holds(call: Call) -> bool:
        return all(check.target in there for check in call.done) and calls.done(call, since)

    handover = [(call, holds(call)) for call in calls.plan.handover]
    over = bool(handover) and all(done for _, done in handover)
    return [*((call, over or holds(call)) for call in calls.plan.calls), *handover]


def _simulate(pool: EndpointPool, sender: str, steps: Sequence[_Step]) -> dict[str, tuple[int | None, str]] | None:
    """Gas and note of each pending step, all in a row; None when the node cannot do that."""
    pending = [step for step in steps if step.pending]
    blocks = [{"calls": [{"from": sender, "to": step.to, "data": "0x" + step.data.hex()}]} for step in pending]
    if not blocks:
        return {}
    try:
        answers = pool.request("eth_simulateV1", [{"blockStateCalls": blocks}, "latest"])
        results = [block["calls"][0] for block in answers]
    except (RejectedError, RevertedError, KeyError, IndexError, TypeError):
        return None
    found: dict[str, tuple[int | None, str]] = {}
    for step, result in zip(pending, results, strict=True):
        if result["status"] != "0x1":
            reason = classify(result["error"], context=step.name) if "error" in result else "no reason given"
            found[step.name] = (None, f"it reverts: {reason}")
            continue
        found[step.name] = (int(result["gasUsed"], 16), "")
    return found


def _estimate(
    pool: EndpointPool, sender: str, steps: Sequence[_Step], resolved: Mapping[str, ResolvedInstance]
) -> dict[str, tuple[int | None, str]]:
    """Gas and note of each pending step by itself; instances with the code of those they need, without its storage."""
    found: dict[str, tuple[int | None, str]] = {}
    pending: dict[str, tuple[str, bytes]] = {}  # address and code of what this plan would have deployed by then
    for step in (step for step in steps if step.pending):
        item = resolved.get(step.name)
        missing = dict(pending[name] for name in (item.needs if item else ()) if name in pending)
        overrides = {address: {"code": "0x" + code.hex()} for address, code in missing.items()}
        transaction = {"from": sender, "to": step.to, "data": "0x" + step.data.hex()}
        if step.to != DEPLOYMENT_PROXY and not code_at(pool, step.to):
            found[step.name] = (None, f"this node cannot estimate it before {step.contract} is deployed")
            continue
        try:
            gas = int(
                str(pool.request("eth_estimateGas", [transaction, *(["latest", overrides] if overrides else [])])), 16
            )
            note = "estimated as if its dependencies were deployed, without their storage" if overrides else ""
            found[step.name] = (gas, note)
            if item is not None and step.to == DEPLOYMENT_PROXY:
                code = simulate_constructor(pool, item.address, item.init_code, missing, children=item.children)
                if code is not None:
                    pending[item.name] = (item.address, code)
        except RevertedError as error:
            found[step.name] = (None, f"it reverts: {error}")
        except InsufficientFundsError:
            found[step.name] = (None, "the account cannot pay for the estimate")
        except RejectedError as error:
            found[step.name] = (None, f"the node cannot estimate: {error}")
    return found


def _row(pool: EndpointPool, step: _Step, outcome: tuple[int | None, str]) -> PreviewRow:
    gas, note = outcome
    data_fee = _data_fee(pool, step.data) if step.pending else 0
    return PreviewRow(step.name, step.contract, step.address, step.done, gas, data_fee, note or step.note)


def _data_fee(pool: EndpointPool, data: bytes) -> int:
    """Fee for the parent chain on OP-stack chains (`GasPriceOracle.getL1Fee`), 0 elsewhere."""
    if not code_at(pool, OP_GAS_ORACLE):
        return 0
    # The oracle takes the unsigned transaction; its other fields weigh about 40 bytes beside the data.
    call = keccak(text="getL1Fee(bytes)")[:4] + encode(["bytes"], [data + b"\xff" * 40])
    return int(str(pool.request("eth_call", [{"to": OP_GAS_ORACLE, "data": "0x" + call.hex()}, "latest"])), 16)
