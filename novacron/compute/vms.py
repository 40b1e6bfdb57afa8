"""VMLifecycle: virtual machines as leases. Every command is sent once an epoch, however often it is repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from novacron.chain.addresses import parse_address
from novacron.chain.receipts import TransactionReceipt
from novacron.compute.advice import COMPUTE_ADVICE
from novacron.compute.capacity import Capacity
from novacron.compute.regions import region_bytes
from novacron.compute.state_words import ADVICE, State, label
from novacron.exceptions import AcknowledgementTimeoutError, InconsistentEndpointError, InputError, MachineError
from novacron.market.advice import moment
from novacron.market.deployment import Account, Deployment, new_key, read, recipient_of
from novacron.market.permits import can_permit, sign_permit
from novacron.market.quotes import DEADLINE, deadline
from novacron.market.resources import Resource

_CREATE = "createVM(uint256,(uint32,uint32,uint32,uint32),uint40,uint32,bytes32)"
_BATCH = 100
#: Shortest funding at creation, seconds.
MIN_LEASE = 3_600
_MAX_SECONDS = (1 << 40) - 1


@dataclass(frozen=True)
class VM:
    """A VM as the chain has it; see `IVMLifecycle.VM`.

    Attributes:
        origin: the state that a migration began in.
        released: in Migrating: the source has let go of it.
        holding: whether it holds its capacity on the host.
        host, target: numbers; the target is 0 outside a migration.
        since: the host's clock up to which `used` is counted.
        used, funded, settled: seconds.
        deadline: Unix seconds, 0 for never.
        record: digest of the latest state record, 32 bytes.
    """

    id: int
    customer: str
    policy: int
    state: State
    origin: State
    released: bool
    holding: bool
    epoch: int
    host: int
    target: int
    since: int
    used: int
    funded: int
    settled: int
    deadline: int
    capacity: Capacity
    record: bytes

    @classmethod
    def of(cls, number: int, answer: tuple[Any, ...]) -> VM:
        """From `vmOf`."""
        customer, policy, state, origin, released, holding, epoch, host, target, *seconds, capacity, record = answer
        since, used, funded, settled, deadline_ = seconds
        return cls(
            id=number,
            customer=customer,
            policy=policy,
            state=State(state),
            origin=State(origin),
            released=released,
            holding=holding,
            epoch=epoch,
            host=host,
            target=target,
            since=since,
            used=used,
            funded=funded,
            settled=settled,
            deadline=deadline_,
            capacity=Capacity.of(capacity),
            record=record,
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON; seconds, and thousandths of each resource."""
        return {
            "id": self.id,
            "customer": self.customer,
            "policy": self.policy,
            "state": label(self.state),
            "origin": label(self.origin) if self.state in (State.MIGRATION_PENDING, State.MIGRATING) else None,
            "released": self.released,
            "holding": self.holding,
            "epoch": self.epoch,
            "host": self.host,
            "target": self.target or None,
            "used": self.used,
            "funded": self.funded,
            "settled": self.settled,
            "deadline": self.deadline or None,
            "capacity": self.capacity.to_dict(),
            "record": self.record.hex(),
        }


class VMs:
    """The VM lifecycle of a deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.contract = deployment.handle("VMLifecycle")

    # -- reading -----------------------------------------------------------------------------------------------------

    def vm(self, number: int) -> VM:
        """A VM by its number. Raises RevertedError with advice when there is none."""
        return VM.of(number, read(self.contract, COMPUTE_ADVICE, "vmOf", number))

    def count(self) -> int:
        """How many VMs there have been; their numbers are 1 to this."""
        return int(self.contract.call("vmCount"))

    def vms_of(self, customer: str) -> list[VM]:
        """An account's VMs, oldest first, terminated ones included."""
        filters = {"customer": parse_address(customer, "customer")}
        events = self.contract.events("VMCreated", self.deployment.first_block, filters=filters)
        numbers = [int(event.args["vmId"]) for event in events]
        found: list[VM] = []
        for start in range(0, len(numbers), _BATCH):
            batch = numbers[start : start + _BATCH]
            found += [VM.of(n, answer) for n, answer in zip(batch, self.contract.call("vmsOf", batch), strict=True)]
        return found

    def used(self, number: int) -> int:
        """Seconds that a VM has used so far, the present stretch included."""
        return int(read(self.contract, COMPUTE_ADVICE, "usedOf", number))

    def remaining(self, number: int) -> int:
        """Seconds left before a VM's funds run out."""
        return int(read(self.contract, COMPUTE_ADVICE, "remainingOf", number))

    def escrow(self, number: int) -> dict[Resource, int]:
        """Base units that are held for a VM and not used."""
        calls = [("escrowOf", number, int(resource)) for resource in Resource]
        return dict(zip(Resource, self.contract.call_many(calls), strict=True))

    def entitled_host(self, number: int) -> int:
        """The host that may run a VM now; 0 when none may."""
        return int(read(self.contract, COMPUTE_ADVICE, "entitledHost", number))

    def balances(self, account: str) -> dict[Resource, int]:
        """What an account has prepaid, base units."""
        who = parse_address(account, "account")
        calls = [("balanceOf", who, int(resource)) for resource in Resource]
        return dict(zip(Resource, self.contract.call_many(calls), strict=True))

    # -- money -------------------------------------------------------------------------------------------------------

    def deposit(
        self,
        account: Account,
        resource: Resource,
        amount: int,
        *,
        beneficiary: str | None = None,
        key: str | None = None,
    ) -> TransactionReceipt:
        """Pay `amount` base units of the account's tokens into a prepaid balance, its own by default.

        With a permit where the account signs messages, else with an approval of exactly `amount`.
        """
        name, token = new_key("vm/deposit", key), self.deployment.token(resource)
        common = (int(resource), amount, recipient_of(account, beneficiary))
        if not account.begun(name):
            account.require_held(resource, amount)
        if can_permit(account):
            until = deadline(self.deployment.pool, DEADLINE)
            permit = sign_permit(account, token, self.contract.address, amount, until)
            signature = (until, permit.v, permit.r, permit.s)
            return account.send(name, self.contract, "depositWithPermit", *common, *signature, varying=(3, 4, 5, 6))
        if not account.begun(name):
            account.allow(token, self.contract.address, amount, name)
        return account.send(name, self.contract, "deposit", *common)

    def withdraw(
        self, account: Account, resource: Resource, amount: int, *, recipient: str | None = None, key: str | None = None
    ) -> TransactionReceipt:
        """Take `amount` base units out of the account's prepaid balance; always works."""
        name, to = new_key("vm/withdraw", key), recipient_of(account, recipient)
        return account.send(name, self.contract, "withdraw", int(resource), amount, to)

    def missing(self, account: str, needed: Mapping[Resource, int]) -> dict[Resource, int]:
        """What an account's prepaid balance lacks of `needed`, base units, of the resources of which it lacks any."""
        balances = self.balances(account)
        return {r: amount - balances[r] for r, amount in needed.items() if amount > balances[r]}

    def create(
        self,
        account: Account,
        host: int,
        capacity: Capacity,
        seconds: int,
        configuration: bytes,
        *,
        policy: int = 0,
        key: str | None = None,
    ) -> tuple[int, TransactionReceipt]:
        """Lease a VM, Stopped. Its funding comes out of the prepaid balance; what that lacks is approved and taken.

        Args:
            host: on which host.
            seconds: how long it can run on this funding, an hour at least.
            configuration: digest of the record that describes it, 32 bytes.
            policy: who approves moves abroad; 0 for the default.
            key: as everywhere; a repetition may have another configuration, the first one counts.

        Returns:
            The VM's number, and the receipt.

        Raises:
            InputError: no vCPU or memory, less than an hour.
            RevertedError: with advice, as where the host has not the capacity.
        """
        if capacity.cpu == 0 or capacity.mem == 0:
            raise InputError("a VM has at least a thousandth of a vCPU and 1 MB of memory")
        if not MIN_LEASE <= seconds <= _MAX_SECONDS:
            raise InputError(f"{seconds} seconds: fund a new VM for an hour (3600) at least")
        name = new_key("vm/create", key)
        self._allow_missing(account, capacity.funded(seconds), name)
        arguments = (host, capacity.to_tuple(), seconds, policy, configuration)
        receipt = account.send(name, self.contract, _CREATE, *arguments, varying=(7,))
        found = self.contract.decode_logs(receipt, "VMCreated")
        if len(found) != 1:
            raise InconsistentEndpointError(f"transaction {receipt.hash} has no VMCreated among its logs")
        return int(found[0].args["vmId"]), receipt

    def top_up_cost(self, vm: VM, seconds: int) -> dict[Resource, int]:
        """Base units that `seconds` more take."""
        before, after = vm.capacity.funded(vm.funded), vm.capacity.funded(vm.funded + seconds)
        return {resource: after[resource] - before[resource] for resource in Resource}

    def top_up(self, account: Account, number: int, seconds: int, *, key: str | None = None) -> TransactionReceipt:
        """Fund a VM for `seconds` more, by anybody; what the prepaid balance lacks is approved and taken."""
        vm = self.vm(number)
        if not 1 <= seconds <= _MAX_SECONDS - vm.funded:
            raise InputError(f"{seconds} seconds: fund at least one, and 2^40 in total")
        name = new_key(f"vm/top-up/{number}", key)
        self._allow_missing(account, self.top_up_cost(vm, seconds), name)
        return account.send(name, self.contract, "topUp", number, seconds)

    def _allow_missing(self, account: Account, needed: Mapping[Resource, int], name: str) -> None:
        if account.begun(name):
            return
        missing = self.missing(account.address, needed)
        for resource, amount in missing.items():
            account.require_held(resource, amount)
        for resource, amount in missing.items():
            account.allow(self.deployment.token(resource), self.contract.address, amount, f"{name}/{resource.name}")

    def settle(self, account: Account, number: int, *, key: str | None = None) -> TransactionReceipt:
        """Pay the provider what a VM has used; by anybody."""
        return account.send(new_key(f"vm/settle/{number}", key), self.contract, "settle", number)

    # -- commands ----------------------------------------------------------------------------------------------------

    def start(self, account: Account, number: int) -> TransactionReceipt:
        """Stopped, Failed or Suspended → Starting."""
        return self._command(account, number, "start")

    def stop(self, account: Account, number: int) -> TransactionReceipt:
        """Running, Starting, Paused or Unknown → Stopping."""
        return self._command(account, number, "stop")

    def pause(self, account: Account, number: int) -> TransactionReceipt:
        """Running → Paused; nothing is charged from this block on."""
        return self._command(account, number, "pause")

    def resume(self, account: Account, number: int) -> TransactionReceipt:
        """Paused → Starting."""
        return self._command(account, number, "resume")

    def terminate(self, account: Account, number: int) -> TransactionReceipt:
        """End the lease, in any state; what is not used goes to the customer's prepaid balance."""
        return self._command(account, number, "terminate")

    def expire(self, account: Account, number: int) -> TransactionReceipt:
        """Do what time has decided: a deadline, funds that ran out, a host that vanished; by anybody."""
        return self._command(account, number, "expire")

    def migrate(self, account: Account, number: int, region: str) -> TransactionReceipt:
        """Move to the provider's host in another region; it takes approvals."""
        return self._command(account, number, "migrateVM", region_bytes(region))

    def migrate_to_host(self, account: Account, number: int, host: int) -> TransactionReceipt:
        """Move to a given host, of another provider too; approvals where it leaves the region."""
        return self._command(account, number, "migrateToHost", host)

    def cancel_migration(self, account: Account, number: int) -> TransactionReceipt:
        """Give a migration up: back to the source."""
        return self._command(account, number, "cancelMigration")

    def record(self, account: Account, number: int, digest: bytes) -> TransactionReceipt:
        """Put the digest of a state record on chain, 32 bytes, for the VM's present epoch."""
        vm = self.vm(number)
        name = f"vm/record/{number}/{vm.epoch}/{digest.hex()}"
        return account.send(name, self.contract, "recordState", number, vm.epoch, digest)

    def _command(self, account: Account, number: int, fn: str, *args: Any) -> TransactionReceipt:
        """A command of the VM's present epoch: repeated before its epoch has passed, it is the same transaction."""
        epoch = self.vm(number).epoch
        return account.send(f"vm/{fn}/{number}/{epoch}", self.contract, fn, number, *args)

    # -- waiting -----------------------------------------------------------------------------------------------------

    def wait(
        self,
        number: int,
        goal: Callable[[VM], bool],
        *,
        on_the_way: frozenset[State],
        timeout: float = 900.0,
        interval: float = 2.0,
        notify: Callable[[VM], None] | None = None,
    ) -> VM:
        """Look at a VM until `goal` holds.

        Args:
            on_the_way: states in which it may still come to that.
            timeout, interval: seconds; the first looks follow each other faster.
            notify: told the VM whenever its state or epoch has changed.

        Raises:
            MachineError: it has gone another way; names the state.
            AcknowledgementTimeoutError: not yet, but it still may.
        """
        end, pause, before = time.monotonic() + timeout, min(0.1, interval), None
        while True:
            vm = self.vm(number)
            if notify is not None and before != (vm.state, vm.epoch):
                notify(vm)
            before = (vm.state, vm.epoch)
            if goal(vm):
                return vm
            if vm.state not in on_the_way:
                raise MachineError(
                    f"VM {number} went another way and is {label(vm.state)}: {ADVICE[vm.state]} "
                    f"(novacron vm show {number})"
                )
            if time.monotonic() + pause >= end:
                until = f", which ends at {moment(vm.deadline)}; then expire it (novacron vm expire {number})"
                slow = (
                    f"approvals are missing (novacron vm approve {number}). Have them given, or give the move up "
                    f"(novacron vm cancel-migration {number})"
                    if vm.state is State.MIGRATION_PENDING
                    else f"its host has not acknowledged in {timeout:g} seconds. Wait on, or look at the host "
                    f"(novacron host show {vm.host})"
                )
                raise AcknowledgementTimeoutError(
                    f"VM {number} is still {label(vm.state)}{until if vm.deadline else ''}; {slow}"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, interval)

    def stream(self, start: int = 1) -> Iterator[VM]:
        """All VMs from a number on, in order."""
        count = self.count()
        for first in range(start, count + 1, _BATCH):
            numbers = list(range(first, min(first + _BATCH, count + 1)))
            for number, answer in zip(numbers, self.contract.call("vmsOf", numbers), strict=True):
                yield VM.of(number, answer)
