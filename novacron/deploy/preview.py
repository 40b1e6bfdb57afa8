"""What a deployment would do and cost, without signing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from novacron.chain.endpoints import EndpointPool
from novacron.chain.fees import FeePolicy, FeeQuote
from novacron.deploy.compiler import Compiler
from novacron.deploy.create2 import DEPLOYMENT_PROXY
from novacron.deploy.onchain import code_at, require_proxy, simulate_constructor
from novacron.deploy.plan import Plan
from novacron.deploy.resolve import ResolvedInstance, compile_plan, resolve_plan
from novacron.exceptions import InsufficientFundsError, RejectedError, RevertedError

#: Predeployed contract of OP-stack chains that knows the fee for posting a transaction to the parent chain.
OP_GAS_ORACLE = "0x420000000000000000000000000000000000000F"


@dataclass(frozen=True)
class PreviewRow:
    """One instance.

    Attributes:
        exists: its code is on the chain already; it will be adopted and costs nothing.
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
    compiler: Compiler,
    *,
    accounts: Mapping[str, str] | None = None,
    fees: FeePolicy | None = None,
) -> Preview:
    """Estimate a deployment.

    Args:
        pool: the chain.
        plan: what to deploy.
        deployer: address that would send.
        compiler: compiles the plan's contracts.
        accounts: further accounts the plan names.
        fees: how the fees would be chosen.

    Raises:
        PlanError, CompilerError: the plan does not hold together or does not compile.
        DeployError: the deployment proxy is missing on this chain.
        ChainUnavailableError: no endpoint answers.
    """
    resolved = resolve_plan(plan, compile_plan(plan, compiler), {**(accounts or {}), "deployer": deployer})
    require_proxy(pool)
    quote = (fees or FeePolicy()).quote(pool)
    pending: dict[str, tuple[str, bytes]] = {}  # address and code of what this plan would have deployed by then
    rows = [_row(pool, item, deployer, pending) for item in resolved]
    return Preview(tuple(rows), quote, int(str(pool.request("eth_getBalance", [deployer, "latest"])), 16))


def _row(
    pool: EndpointPool, item: ResolvedInstance, deployer: str, pending: dict[str, tuple[str, bytes]]
) -> PreviewRow:
    contract = item.contract.name
    if code_at(pool, item.address):
        return PreviewRow(item.name, contract, item.address, True, 0, 0, "already deployed")
    gas, note = None, ""
    transaction = {"from": deployer, "to": DEPLOYMENT_PROXY, "data": "0x" + item.call_data.hex()}
    missing = dict(pending[name] for name in item.needs if name in pending)
    overrides = {address: {"code": "0x" + code.hex()} for address, code in missing.items()}
    try:
        parameters = [transaction, "latest", overrides] if overrides else [transaction]
        gas = int(str(pool.request("eth_estimateGas", parameters)), 16)
        code = simulate_constructor(pool, item.address, item.init_code, missing)
        if code is not None:
            pending[item.name] = (item.address, code)
        if overrides:
            note = "estimated as if its dependencies were deployed, without their storage"
    except RevertedError as error:
        note = f"the constructor reverts: {error}"
    except InsufficientFundsError:
        note = "the account cannot pay for the estimate"
    except RejectedError as error:
        note = f"the node cannot estimate: {error}"
    return PreviewRow(item.name, contract, item.address, False, gas, _data_fee(pool, item.call_data), note)


def _data_fee(pool: EndpointPool, data: bytes) -> int:
    """Fee for the parent chain on OP-stack chains (`GasPriceOracle.getL1Fee`), 0 elsewhere."""
    if not code_at(pool, OP_GAS_ORACLE):
        return 0
    # The oracle takes the unsigned transaction; its other fields weigh about 40 bytes beside the data.
    call = keccak(text="getL1Fee(bytes)")[:4] + encode(["bytes"], [data + b"\xff" * 40])
    return int(str(pool.request("eth_call", [{"to": OP_GAS_ORACLE, "data": "0x" + call.hex()}, "latest"])), 16)
