"""Plans: what is refused before anything is sent, and the order of deployment."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novacron.deploy.arguments import encode_arguments, resolve_arguments
from novacron.deploy.compiler import Compiler
from novacron.deploy.create2 import salt_of
from novacron.deploy.manifest import readable_arguments
from novacron.deploy.plan import Account, Instance, Plan, Ref, references
from novacron.deploy.plans import FOUNDATION, PLAN_NAMES, plan_named
from novacron.deploy.resolve import compile_plan, resolve_plan
from novacron.exceptions import PlanError
from tests.deploy.support import PLAN

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def test_instances_come_after_those_they_refer_to() -> None:
    assert [item.name for item in PLAN.ordered()] == ["Registry", "MainVault"]


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30), st.randoms())
def test_every_order_respects_every_reference(edges: list[tuple[int, int]], random: Any) -> None:
    needs = {n: sorted({low for low, high in edges if high == n and low < n}) for n in range(12)}
    instances = [Instance(f"N{n}", "C", ([Ref(f"N{m}") for m in needs[n]],)) for n in range(12)]
    random.shuffle(instances)
    order = [item.name for item in Plan("p", tuple(instances)).ordered()]
    assert sorted(order) == sorted(item.name for item in instances)
    assert all(order.index(f"N{m}") < order.index(f"N{n}") for n in needs for m in needs[n])


def test_a_cycle_is_named() -> None:
    with pytest.raises(PlanError, match="A → B → C → A"):
        Plan("p", (Instance("A", "X", (Ref("B"),)), Instance("B", "X", (Ref("C"),)), Instance("C", "X", (Ref("A"),))))


def test_an_instance_that_refers_to_itself_is_a_cycle() -> None:
    with pytest.raises(PlanError, match="A → A"):
        Plan("p", (Instance("A", "X", (Ref("A"),)),))


def test_a_name_used_twice_is_refused() -> None:
    with pytest.raises(PlanError, match="two instances named A"):
        Plan("p", (Instance("A", "X"), Instance("A", "Y")))


def test_an_unknown_reference_is_named() -> None:
    with pytest.raises(PlanError, match="A refers to Missing"):
        Plan("p", (Instance("A", "X", ([Ref("Missing")],)),))


def test_two_instances_may_not_share_contract_and_salt() -> None:
    with pytest.raises(PlanError, match="A and B share"):
        Plan("p", (Instance("A", "X", salt_label="s"), Instance("B", "X", salt_label="s")))


@pytest.mark.parametrize("name", ["", "1A", "a b", "a:b", "a/b", "../x", "ä"])
def test_a_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(PlanError, match="starts with a letter"):
        Plan("p", (Instance(name, "X"),))
    with pytest.raises(PlanError, match="starts with a letter"):
        Plan(name, (Instance("A", "X"),))


def test_a_plan_without_instances_is_refused() -> None:
    with pytest.raises(PlanError, match="no instances"):
        Plan("p", ())


def test_a_malformed_version_is_refused() -> None:
    with pytest.raises(PlanError, match="version"):
        Plan("p", (Instance("A", "X", version="1/2"),))


def test_the_salt_names_plan_instance_and_version_but_no_chain() -> None:
    instance = Instance("A", "X", version="2")
    assert Plan("p", (instance,)).salt(instance) == salt_of("p/A/2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), r"0 constructor arguments given, the constructor takes \(address\)"),
        ((Account("deployer"), 1), "2 constructor arguments given"),
        ((5,), "argument 1 is 5, which is no address"),
        (("0x12",), "argument 1 is '0x12', which is no address"),
        ((True,), "which is no address"),
    ],
)
def test_arguments_that_do_not_fit_name_instance_and_argument(
    compiler: Compiler, arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        compile_plan(Plan("p", (Instance("Reg", "Registry", arguments),)), compiler)
    assert str(caught.value).startswith("Reg:")


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        ("uint8", 255, True),
        ("uint8", 256, False),
        ("uint256", -1, False),
        ("bytes32", b"\1" * 32, True),
        ("bytes32", b"\1" * 33, False),
        ("bool", 1, False),
        ("string", b"x", False),
        ("uint256[2]", [1, 2], True),
        ("uint256[2]", [1], False),
        ("address[]", [OWNER], True),
    ],
)
def test_values_are_checked_against_the_abi(kind: str, value: Any, fits: bool) -> None:
    abi = [{"type": "constructor", "inputs": [{"name": "x", "type": kind}]}]
    if fits:
        assert readable_arguments(abi, encode_arguments("A", abi, [value]))[0].type == kind
    else:
        with pytest.raises(PlanError, match="argument 1"):
            encode_arguments("A", abi, [value])


def test_struct_arguments_are_encoded_by_their_components() -> None:
    fields = [{"name": "a", "type": "uint64"}, {"name": "b", "type": "bytes4"}]
    abi = [{"type": "constructor", "inputs": [{"name": "s", "type": "tuple", "components": fields}]}]
    encoded = encode_arguments("A", abi, [(1, b"abcd")])
    assert readable_arguments(abi, encoded)[0].value == ["1", "0x61626364"]


def test_an_account_that_was_not_given_is_named(compiler: Compiler) -> None:
    plan = Plan("p", (Instance("Reg", "Registry", (Account("treasury"),)),))
    with pytest.raises(PlanError, match="'treasury'; given: deployer"):
        resolve_plan(plan, compile_plan(plan, compiler), {"deployer": OWNER})


def test_a_mistyped_address_is_caught_by_its_checksum() -> None:
    wrong = OWNER.replace("F6", "f6", 1)
    with pytest.raises(PlanError, match="EIP-55"):
        resolve_arguments(Instance("A", "X", (wrong,)), {}, {})


def test_references_inside_lists_are_found_and_resolved() -> None:
    instance = Instance("A", "X", (1, [Ref("B"), [Ref("C")]], Account("deployer")))
    assert references(instance.arguments) == ["B", "C"]
    resolved = resolve_arguments(instance, {"B": OWNER, "C": OWNER}, {"deployer": OWNER.lower()})
    assert resolved == (1, [OWNER, [OWNER]], OWNER)


def test_addresses_follow_arguments_and_versions(compiler: Compiler) -> None:
    def address(deployer: str, version: str = "1") -> str:
        plan = Plan("p", (Instance("Reg", "Registry", (Account("deployer"),), version=version),))
        return resolve_plan(plan, compile_plan(plan, compiler), {"deployer": deployer})[0].address

    other = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    assert address(OWNER) == address(OWNER)
    assert len({address(OWNER), address(other), address(OWNER, "2")}) == 3


def test_the_foundation_plan_makes_the_deployer_owner() -> None:
    assert [item.name for item in FOUNDATION.instances] == ["ProofOfTraining"]
    assert FOUNDATION.instances[0].arguments == (Account("deployer"),)
    assert plan_named("foundation") is FOUNDATION


def test_an_unknown_plan_lists_the_known_ones() -> None:
    with pytest.raises(PlanError, match="there are: novacron, foundation"):
        plan_named("nothing")
    assert PLAN_NAMES == ("novacron", "foundation")
