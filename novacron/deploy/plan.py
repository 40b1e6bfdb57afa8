"""A deployment plan: named instances of contracts, their constructor arguments, which needs which, and what follows.

A plan is data. `check_against_abis` (module `arguments`) compares it with the compiled contracts before anything is
sent, so that a wrong name or a missing argument costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from novacron.deploy.create2 import salt_of
from novacron.exceptions import PlanError

if TYPE_CHECKING:
    from novacron.chain.endpoints import EndpointPool
    from novacron.deploy.compiler import CompiledContract
    from novacron.deploy.manifest import DeploymentManifest

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]*")


@dataclass(frozen=True)
class Ref:
    """The address of another instance of the same plan."""

    instance: str


@dataclass(frozen=True)
class Account:
    """The address of an account that the deployment is given by name; `deployer` always exists."""

    name: str


@dataclass(frozen=True)
class Calldata:
    """An encoded call as an argument, such as the initialiser that a proxy's constructor takes.

    Args:
        signature: `initialize(address,uint32)`.
        arguments: as those of an instance.
    """

    signature: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Instance:
    """One contract to deploy with CREATE2.

    Args:
        name: unique in the plan.
        contract: the Solidity contract, `Name` or `contracts/path/File.sol:Name`; or a published artifact,
            `npm:<package>/<path of the artifact>.json`.
        arguments: constructor arguments in order; `Ref` and `Account` may stand for addresses, `Calldata` for bytes,
            also within lists.
        version: part of the salt. Change it to deploy the same code to another address.
        salt_label: what the salt is the Keccak-256 of; `<plan>/<name>/<version>` when empty.
        implementation: of a proxy, the instance whose functions it answers.
    """

    name: str
    contract: str
    arguments: tuple[Any, ...] = ()
    version: str = "1"
    salt_label: str = ""
    implementation: str = ""


@dataclass(frozen=True)
class Created:
    """A contract that the constructor of another instance creates with CREATE; it has no transaction of its own.

    Args:
        name, contract, arguments: as an `Instance`; the arguments that the creator hands over.
        creator: the instance whose constructor creates it.
        nonce: the creator's nonce at that moment; the first creation has 1 (EIP-161).
    """

    name: str
    contract: str
    creator: str
    arguments: tuple[Any, ...] = ()
    nonce: int = 1
    implementation: str = ""


@dataclass(frozen=True)
class SafeAccount:
    """A Safe, created by `SafeProxyFactory.createProxyWithNonce`; its address commits to owners and threshold.

    Args:
        name: unique in the plan.
        owners, threshold: how many of whom sign. Addresses or `Account`s.
        contract: artifact of the proxy that the factory deploys.
        factory, singleton, handler: instances of the factory, the Safe's code and its fallback handler.
        version, salt_label: as those of an `Instance`.
    """

    name: str
    owners: tuple[Any, ...]
    threshold: int
    contract: str
    factory: str
    singleton: str
    handler: str
    version: str = "1"
    salt_label: str = ""

    @property
    def implementation(self) -> str:
        """The instance whose functions it answers."""
        return self.singleton


Item = Instance | Created | SafeAccount


@dataclass(frozen=True)
class Reading:
    """A view whose answer shows that a call has taken effect.

    Args:
        target: instance.
        function: full signature.
        arguments: as those of an instance.
        expected: the answer; of several return values a tuple, in which None stands for any.
    """

    target: str
    function: str
    arguments: tuple[Any, ...]
    expected: Any


@dataclass(frozen=True)
class Emitted:
    """The latest event of a kind, for what no view shows.

    Args:
        target: instance.
        event: name.
        filters: indexed arguments that pick the events.
        expected: arguments that the latest of them must have.
    """

    target: str
    event: str
    filters: Mapping[str, Any]
    expected: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A transaction of the deployer to an instance. It is sent only while one of `done` does not hold.

    Args:
        label: unique in the plan; part of the journal's key.
        target: instance.
        function: full signature.
        arguments: as those of an instance.
        done: what shows on the chain that it has taken effect.
    """

    label: str
    target: str
    function: str
    arguments: tuple[Any, ...]
    done: tuple[Reading | Emitted, ...]


#: What must hold before the hand-over: chain, manifest so far, contracts by instance → one sentence for each violation.
Gate = Callable[["EndpointPool", "DeploymentManifest", "Mapping[str, CompiledContract]"], Sequence[str]]


@dataclass(frozen=True)
class Plan:
    """Named instances, deployed in the order of their references, then calls, then the hand-over.

    Args:
        name: unique.
        instances: what is deployed.
        calls: sent in this order when every instance is there.
        handover: the last calls: after them the deployer may do nothing. Once they have all taken effect, `calls` are
            not looked at any more: what they have set is then governance's to change.
        gate: asked before the first call of the hand-over.
        configuration: what the plan was made from, as JSON; kept in the manifest.
        others: accounts that have a part in the result, so that the deployer may be none of them.
    """

    name: str
    instances: tuple[Item, ...]
    calls: tuple[Call, ...] = ()
    handover: tuple[Call, ...] = ()
    gate: Gate | None = field(default=None, compare=False)
    configuration: Mapping[str, Any] | None = None
    others: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check names and references.

        Raises:
            PlanError: naming what is malformed, used twice, unknown, or part of a cycle.
        """
        _check_name("plan", self.name)
        if not self.instances:
            raise PlanError(f"plan {self.name} has no instances; add one")
        seen: set[str] = set()
        labels: dict[tuple[str, str], str] = {}
        for instance in self.instances:
            _check_name(f"plan {self.name}: instance", instance.name)
            if instance.name in seen:
                raise PlanError(f"plan {self.name} has two instances named {instance.name}; rename one")
            seen.add(instance.name)
            if isinstance(instance, Created):
                continue
            if _VERSION.fullmatch(instance.version) is None:
                raise PlanError(f"{instance.name}: version {instance.version!r} is not of the form 1 or 1.2-rc1")
            other = labels.setdefault((self.salt_label(instance), instance.contract), instance.name)
            if other != instance.name:
                raise PlanError(f"{other} and {instance.name} share a contract and a salt label; give them two labels")
        for instance in self.instances:
            for reference in needs(instance):
                if reference not in seen:
                    raise PlanError(f"{instance.name} refers to {reference}, which plan {self.name} does not have")
        self._check_creators()
        self._check_calls(seen)
        self.ordered()

    def _check_creators(self) -> None:
        by_name = {instance.name: instance for instance in self.instances}
        places: dict[tuple[str, int], str] = {}
        for instance in self.instances:
            if not isinstance(instance, Created):
                continue
            if not isinstance(by_name[instance.creator], Instance):
                raise PlanError(f"{instance.name}: {instance.creator} is no Instance, so it cannot be its creator")
            if instance.nonce < 1:
                raise PlanError(f"{instance.name}: nonce {instance.nonce}; a contract's nonces begin with 1 (EIP-161)")
            other = places.setdefault((instance.creator, instance.nonce), instance.name)
            if other != instance.name:
                raise PlanError(f"{other} and {instance.name} are both creation {instance.nonce} of {instance.creator}")

    def _check_calls(self, known: set[str]) -> None:
        labels: set[str] = set()
        for call in (*self.calls, *self.handover):
            if call.label in labels or ":" in call.label or not call.label:
                raise PlanError(f"plan {self.name}: the label {call.label!r} of a call is empty, used twice or has a :")
            labels.add(call.label)
            if not call.done:
                raise PlanError(f"{call.label}: nothing tells whether it is done; give a reading")
            targets = [call.target, *(check.target for check in call.done), *references(call.arguments)]
            missing = [target for target in targets if target not in known]
            if missing:
                raise PlanError(f"{call.label} refers to {missing[0]}, which plan {self.name} does not have")

    def salt_label(self, instance: Instance | SafeAccount) -> str:
        """What the salt of `instance` is derived from; the same on every chain."""
        return instance.salt_label or f"{self.name}/{instance.name}/{instance.version}"

    def salt(self, instance: Instance | SafeAccount) -> bytes:
        """CREATE2 salt, 32 bytes."""
        return salt_of(self.salt_label(instance))

    def ordered(self) -> tuple[Item, ...]:
        """The instances, each after those it refers to, otherwise in the plan's order.

        Raises:
            PlanError: naming the cycle.
        """
        by_name = {instance.name: instance for instance in self.instances}
        done: dict[str, Item] = {}
        path: list[str] = []

        def visit(name: str) -> None:
            if name in done:
                return
            if name in path:
                raise PlanError(f"references go in a circle: {' → '.join([*path[path.index(name) :], name])}")
            path.append(name)
            for reference in needs(by_name[name]):
                visit(reference)
            path.pop()
            done[name] = by_name[name]

        for instance in self.instances:
            visit(instance.name)
        return tuple(done.values())


def needs(instance: Item) -> list[str]:
    """Names of the instances that must be there first, in order."""
    if isinstance(instance, SafeAccount):
        return [instance.factory, instance.singleton, instance.handler]
    found = references(instance.arguments)
    if isinstance(instance, Created):
        return [instance.creator, *found]
    return [*found, instance.implementation] if instance.implementation else found


def references(arguments: Sequence[Any]) -> list[str]:
    """Names of the instances that `arguments` refer to, nested ones included, in order."""
    found: list[str] = []
    for value in arguments:
        if isinstance(value, Ref):
            found.append(value.instance)
        elif isinstance(value, Calldata):
            found.extend(references(value.arguments))
        elif isinstance(value, (list, tuple)):
            found.extend(references(value))
    return found


def _check_name(what: str, name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise PlanError(f"{what} {name!r}: a name starts with a letter and has letters, digits, - and _ only")
