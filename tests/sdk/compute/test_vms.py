"""VMs through the lifecycle: money to the base unit, commands once an epoch, waiting, a provider that vanishes."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from novacron.compute.capacity import Capacity
from novacron.compute.choices import choices
from novacron.compute.configuration import LEASE, create_described, store_configuration
from novacron.compute.state_words import ADVICE, State, label
from novacron.compute.vms import VM, VMs
from novacron.exceptions import AcknowledgementTimeoutError, InputError, MachineError, RevertedError
from novacron.market.deployment import Account
from novacron.market.resources import UNIT, Resource
from novacron.storage.records import StateRecord
from novacron.storage.storage import open_storage
from tests.support.market_world import STOCK, THERE, Actors, MarketWorld

SIZE = Capacity(2_000, 4_000, 50, 10_000)
DIGEST = b"\x11" * 32
HOUR = 3_600
STARTING = frozenset({State.STARTING})


@pytest.fixture
def vms(customer: Account) -> VMs:
    return VMs(customer.deployment)


def lease(vms: VMs, customer: Account, seconds: int = 10 * HOUR, host: int = 1) -> int:
    return vms.create(customer, host, SIZE, seconds, DIGEST)[0]


def running(world: MarketWorld, vms: VMs, customer: Account) -> int:
    number = lease(vms, customer)
    vms.start(customer, number)
    world.acknowledge("acknowledgeStart", number, 1)
    return number


def test_states_have_the_contracts_numbers_and_words() -> None:
    assert [label(state) for state in State] == [
        *("Stopped", "Starting", "Running", "Stopping", "Paused", "MigrationPending"),
        *("Migrating", "Failed", "Unknown", "Suspended", "Terminated"),
    ]
    assert set(ADVICE) == set(State)


def test_what_a_customer_can_do_follows_the_table_of_states() -> None:
    assert choices(State.STOPPED) == ("start", "migrate", "top-up", "terminate")
    assert choices(State.RUNNING) == ("stop", "pause", "migrate", "top-up", "terminate")
    assert choices(State.MIGRATING) == ("cancel-migration", "top-up", "terminate")
    assert choices(State.TERMINATED) == ()


def test_creating_takes_the_prepaid_balance_first_and_then_exactly_what_it_lacks(
    world: MarketWorld, customer: Account, vms: VMs
) -> None:
    vms.deposit(customer, Resource.CPU, 5 * UNIT)
    assert vms.balances(customer.address)[Resource.CPU] == 5 * UNIT
    number = lease(vms, customer)
    cost = SIZE.funded(10 * HOUR)
    assert cost == {Resource.CPU: 20 * UNIT, Resource.MEM: 40 * UNIT, Resource.STO: UNIT // 2, Resource.NET: 100 * UNIT}
    assert vms.escrow(number) == cost
    assert vms.balances(customer.address) == dict.fromkeys(Resource, 0)
    for resource in Resource:
        assert world.balance(resource, customer.address) == STOCK - cost[resource]
        assert vms.deployment.token(resource).call("allowance", customer.address, vms.contract.address) == 0
    vm = vms.vm(number)
    assert (vm.state, vm.epoch, vm.host, vm.record, vm.capacity) == (State.STOPPED, 1, 1, DIGEST, SIZE)
    assert vms.vms_of(customer.address) == [vm] == list(vms.stream())


def test_a_whole_life_pays_the_provider_to_the_second_and_gives_the_rest_back(
    world: MarketWorld, customer: Account, vms: VMs
) -> None:
    number = running(world, vms, customer)
    for _ in range(3):
        world.pass_time(250)
        world.beat(1)
    vms.settle(customer, number)
    vms.terminate(customer, number)
    vm = vms.vm(number)
    assert vm.state is State.TERMINATED
    assert vm.used >= 750
    spent, paid = SIZE.used(vm.used), vms.balances(world.provider)
    assert paid == spent
    assert vms.balances(customer.address) == {r: SIZE.funded(10 * HOUR)[r] - spent[r] for r in Resource}
    for resource in Resource:
        vms.withdraw(customer, resource, vms.balances(customer.address)[resource])
        assert world.balance(resource, customer.address) == STOCK - spent[resource]
    with pytest.raises(RevertedError, match="deposit more"):
        vms.withdraw(customer, Resource.CPU, 1)


def test_a_command_repeated_in_its_epoch_is_the_same_transaction(
    world: MarketWorld, customer: Account, vms: VMs
) -> None:
    number = lease(vms, customer)
    world.node.rpc("evm_setAutomine", False)
    try:
        results: list[str] = []
        threads = [threading.Thread(target=lambda: results.append(vms.start(customer, number).hash)) for _ in range(2)]
        threads[0].start()
        while not customer.unfinished(["vm/start"]):
            threads[0].join(0.02)
        threads[1].start()
        threads[1].join(0.3)
        world.node.rpc("evm_mine")
    finally:
        world.node.rpc("evm_setAutomine", True)
    for thread in threads:
        thread.join(20)
    assert len(results) == 2
    assert len(set(results)) == 1
    assert vms.vm(number).epoch == 2


def test_a_named_creation_happens_once(customer: Account, vms: VMs) -> None:
    first = vms.create(customer, 1, SIZE, HOUR, DIGEST, key="web")
    assert vms.create(customer, 1, SIZE, HOUR, b"\x12" * 32, key="web") == first
    assert vms.count() == 1
    with pytest.raises(InputError, match="another call"):
        vms.create(customer, 2, SIZE, HOUR, DIGEST, key="web")


def test_waiting_tells_each_state_and_ends_when_the_host_has_acknowledged(
    world: MarketWorld, customer: Account, vms: VMs
) -> None:
    number, seen = lease(vms, customer), []
    vms.start(customer, number)

    def notify(vm: VM) -> None:
        seen.append(vm.state)
        if vm.state is State.STARTING:
            world.acknowledge("acknowledgeStart", number, 1)

    found = vms.wait(number, lambda vm: vm.state is State.RUNNING, on_the_way=STARTING, interval=0.1, notify=notify)
    assert (found.state, seen) == (State.RUNNING, [State.STARTING, State.RUNNING])


def test_waiting_says_what_to_do_when_it_takes_too_long_or_goes_wrong(
    world: MarketWorld, customer: Account, vms: VMs
) -> None:
    number = lease(vms, customer)
    vms.start(customer, number)

    def wait() -> VM:
        return vms.wait(number, lambda vm: vm.state is State.RUNNING, on_the_way=STARTING, timeout=0.2, interval=0.1)

    with pytest.raises(AcknowledgementTimeoutError, match=r"still Starting.*novacron vm expire"):
        wait()
    world.acknowledge("reportFailure", number, 1)
    with pytest.raises(MachineError, match="is Failed: it does not run and nothing is charged"):
        wait()


def test_a_provider_that_vanishes_keeps_nothing_unspent(world: MarketWorld, customer: Account, vms: VMs) -> None:
    number = running(world, vms, customer)
    world.pass_time(3 * HOUR)  # no heartbeat
    vms.expire(customer, number)
    vm = vms.vm(number)
    assert vm.state is State.UNKNOWN
    assert vm.used <= 301
    vms.terminate(customer, number)
    refund = SIZE.funded(10 * HOUR)[Resource.CPU] - SIZE.used(vm.used)[Resource.CPU]
    assert vms.balances(customer.address)[Resource.CPU] == refund


def test_funds_that_run_out_suspend_and_a_top_up_starts_anew(world: MarketWorld, customer: Account, vms: VMs) -> None:
    number, _ = vms.create(customer, 1, SIZE, HOUR, DIGEST)
    vms.start(customer, number)
    world.acknowledge("acknowledgeStart", number, 1)
    for _ in range(16):
        world.pass_time(250)
        world.beat(1)
    assert vms.remaining(number) == 0
    vm = vms.vm(number)
    cost = vms.top_up_cost(vm, 1_000)
    vms.top_up(customer, number, 1_000)
    assert {r: vms.deployment.token(r).call("balanceOf", customer.address) for r in Resource} == {
        r: STOCK - SIZE.funded(HOUR)[r] - cost[r] for r in Resource
    }
    vm = vms.vm(number)
    assert (vm.state, vm.used, vm.funded) == (State.SUSPENDED, HOUR, HOUR + 1_000)
    vms.start(customer, number)
    assert vms.vm(number).state is State.STARTING


def test_errors_say_what_to_do(world: MarketWorld, actors: Actors, customer: Account, vms: VMs) -> None:
    number = lease(vms, customer)
    for call, words in (
        (lambda: vms.vm(99), "there is no VM 99: list yours"),
        (
            lambda: vms.pause(customer, number),
            "VM 1 is Stopped, in which this cannot be done: what can be is start, migrate, top-up, terminate",
        ),
        (lambda: vms.start(actors.account(8), number), "use its customer's account"),
        (lambda: vms.expire(customer, number), "nothing to expire"),
        (lambda: vms.migrate(customer, number, "mars"), "cannot move to region mars.*--to-host"),
        (lambda: vms.create(customer, 1, Capacity(65_000, 1), HOUR, DIGEST), "has 62 vCPU left, not 65 vCPU"),
        (lambda: vms.create(customer, 9, SIZE, HOUR, DIGEST), "there is no host 9"),
        (lambda: vms.create(customer, 1, SIZE, HOUR, DIGEST, policy=9), "there is no policy 9"),
        (lambda: vms.create(customer, 1, SIZE, HOUR, bytes(32)), "32 zero bytes"),
    ):
        with pytest.raises(RevertedError, match=words):
            call()
    with pytest.raises(InputError, match="an hour"):
        vms.create(customer, 1, SIZE, 60, DIGEST)
    with pytest.raises(InputError, match="1 MB of memory"):
        vms.create(customer, 1, Capacity(1_000), HOUR, DIGEST)
    world.send(world.lifecycle, "pauseContract")
    with pytest.raises(RevertedError, match="paused"):
        vms.start(customer, number)
    vms.terminate(customer, number)  # an exit never stops
    assert vms.balances(customer.address)[Resource.CPU] == 20 * UNIT


def test_a_vm_moves_within_reach_of_its_provider_and_can_stay(world: MarketWorld, customer: Account, vms: VMs) -> None:
    number = running(world, vms, customer)
    vms.migrate(customer, number, THERE)
    vm = vms.vm(number)
    assert (vm.state, vm.target, vm.origin) == (State.MIGRATION_PENDING, 2, State.RUNNING)
    assert vms.entitled_host(number) == 1
    vms.cancel_migration(customer, number)
    assert vms.vm(number).state is State.RUNNING
    vms.migrate_to_host(customer, number, 2)
    assert vms.vm(number).state is State.MIGRATION_PENDING


def test_a_new_vms_record_says_what_it_has_and_names_it(
    customer: Account, vms: VMs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "cloud-init.yaml"
    image.write_text("#cloud-config\n")
    with open_storage(str(tmp_path / "store")) as storage:
        number, _ = create_described(vms, customer, storage, 1, SIZE, HOUR, files={"cloud-init.yaml": image})
        record = StateRecord.verify(storage, vms.vm(number).record)
        assert (record.vm_id, record.epoch, record.kind) == (number, 1, "configuration")
        assert set(record.files) == {LEASE, "cloud-init.yaml"}
        assert storage.get(record.files[LEASE].cid) == b'{"cpu":2000,"mem":4000,"net":10000,"sto":50}'
        # Somebody else was faster: the number is another one, and the right record follows at once.
        count = vms.count()
        monkeypatch.setattr(vms, "count", lambda: count + 5)
        second, _ = create_described(vms, customer, storage, 1, SIZE, HOUR, files={}, key="second")
        assert StateRecord.get(storage, vms.vm(second).record).vm_id == second == number + 1
        with pytest.raises(InputError, match="cannot be read"):
            store_configuration(vms, storage, 1, SIZE, {"x": tmp_path / "missing"})
        with pytest.raises(InputError, match="another name"):
            store_configuration(vms, storage, 1, SIZE, {LEASE: image})
