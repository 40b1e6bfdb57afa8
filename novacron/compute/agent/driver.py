"""The hypervisor, as narrow as the agent needs it, and its implementation over libvirt.

A domain is ours when its metadata names our chain, contract and host. Every operation looks at that first: a foreign
domain is never touched, whatever its name or UUID.
"""

from __future__ import annotations

import importlib
import os
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from novacron.compute.agent.domain_xml import (
    NAMESPACE,
    PREFIX,
    bare_identity,
    domain_xml,
    load_template,
    parse_identity,
    uuid_in,
)
from novacron.compute.agent.domains import Domain, DomainSpec, DomainState, Owner
from novacron.exceptions import ConfigurationError, ForeignDomainError, HypervisorError, HypervisorUnavailableError


class Hypervisor(Protocol):
    """One host's hypervisor. Each operation may be repeated: done already, it does nothing.

    Raises (all operations):
        HypervisorUnavailableError: it does not answer; nothing is known.
        ForeignDomainError: another owner's domain has the VM's UUID or name.
        HypervisorError: it refused.
    """

    def domains(self) -> dict[int, Domain]:
        """Our domains by VM id, inactive ones too."""

    def define(self, spec: DomainSpec) -> None:
        """Define a VM, or change the definition that its next start takes. Does not start it."""

    def mark(self, spec: DomainSpec) -> None:
        """Write the epoch into an existing domain, active or not."""

    def start(self, vm_id: int) -> None:
        """Boot a defined domain."""

    def shutdown(self, vm_id: int) -> None:
        """Ask the guest to power off (ACPI); it may take its time, or not obey."""

    def destroy(self, vm_id: int) -> None:
        """Cut the power. The definition stays."""

    def suspend(self, vm_id: int) -> None:
        """Halt the vCPUs; memory stays."""

    def resume(self, vm_id: int) -> None:
        """Let a paused domain run on."""

    def save(self, vm_id: int, path: Path) -> None:
        """Write the memory of an active domain to `path`, whole or not at all, and power it off."""

    def restore(self, spec: DomainSpec, path: Path) -> None:
        """Bring a defined, inactive domain back from `path`, PAUSED, with our definition and not the image's."""

    def undefine(self, vm_id: int) -> None:
        """Forget an inactive domain."""

    def describe(self, vm_id: int) -> str:
        """The domain's XML."""

    def close(self) -> None:
        """Let go of the connection; domains run on."""


class LibvirtHypervisor:
    """A hypervisor behind libvirt.

    Args:
        uri: `qemu:///system`, `test:///path/to/host.xml`, … (https://libvirt.org/uri.html).
        owner: whose domains these are.
        template: the provider's domain XML; None for a minimal domain.
        domain_type: of the minimal domain; None for `test` on the test driver and `kvm` elsewhere.

    Raises:
        ConfigurationError: no binding, a malformed URI or template.
        HypervisorUnavailableError: no connection.
    """

    def __init__(self, uri: str, owner: Owner, *, template: Path | None = None, domain_type: str | None = None) -> None:
        self.uri, self.owner = uri, owner
        self._libvirt = _binding()
        self._connection = self._open()
        self._is_test = self._connection.getType() == "TEST"
        self._template = load_template(template, domain_type or ("test" if self._is_test else "kvm"))

    def __repr__(self) -> str:
        return f"<LibvirtHypervisor {self.uri}>"

    def __enter__(self) -> LibvirtHypervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection; domains run on (the test driver's end with it)."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @property
    def restores_paused(self) -> bool:
        """Whether the driver restores without running for a moment; libvirt's test driver cannot."""
        return not self._is_test

    # -- looking -----------------------------------------------------------------------------------------------------

    def domains(self) -> dict[int, Domain]:
        """See Hypervisor."""
        found: dict[int, Domain] = {}
        with self._calls("list the domains"):
            for handle in self._connected().listAllDomains():
                spec = self._identity(handle)
                if spec is not None and handle.UUIDString() == str(self.owner.uuid_of(spec.vm_id)):
                    found[spec.vm_id] = Domain(spec.vm_id, spec.epoch, spec.capacity, self._state(handle))
        return found

    def describe(self, vm_id: int) -> str:
        """See Hypervisor."""
        with self._calls(f"describe VM {vm_id}"):
            return str(self._required(vm_id).XMLDesc(0))

    # -- acting ------------------------------------------------------------------------------------------------------

    def define(self, spec: DomainSpec) -> None:
        """See Hypervisor."""
        with self._calls(f"define VM {spec.vm_id}"):
            self._find(spec.vm_id)
            self._connected().defineXML(domain_xml(self._template, self.owner, spec))

    def mark(self, spec: DomainSpec) -> None:
        """See Hypervisor."""
        with self._calls(f"mark VM {spec.vm_id}"):
            handle = self._required(spec.vm_id)
            flags = self._libvirt.VIR_DOMAIN_AFFECT_CONFIG
            flags |= self._libvirt.VIR_DOMAIN_AFFECT_LIVE if handle.isActive() else 0
            kind = self._libvirt.VIR_DOMAIN_METADATA_ELEMENT
            handle.setMetadata(kind, bare_identity(self.owner, spec), PREFIX, NAMESPACE, flags)

    def start(self, vm_id: int) -> None:
        """See Hypervisor."""
        with self._calls(f"start VM {vm_id}"):
            handle = self._required(vm_id)
            if not handle.isActive():
                handle.create()

    def shutdown(self, vm_id: int) -> None:
        """See Hypervisor."""
        with self._calls(f"shut VM {vm_id} down"):
            handle = self._find(vm_id)
            if handle is not None and handle.isActive():
                handle.shutdown()

    def destroy(self, vm_id: int) -> None:
        """See Hypervisor."""
        with self._calls(f"stop VM {vm_id}"):
            handle = self._find(vm_id)
            if handle is not None and handle.isActive():
                handle.destroy()

    def suspend(self, vm_id: int) -> None:
        """See Hypervisor."""
        with self._calls(f"pause VM {vm_id}"):
            handle = self._required(vm_id)
            if self._state(handle) is DomainState.RUNNING:
                handle.suspend()

    def resume(self, vm_id: int) -> None:
        """See Hypervisor."""
        with self._calls(f"resume VM {vm_id}"):
            handle = self._required(vm_id)
            if self._state(handle) is DomainState.PAUSED:
                handle.resume()

    def save(self, vm_id: int, path: Path) -> None:
        """See Hypervisor."""
        draft = path.with_name(path.name + ".partial")
        with self._calls(f"save VM {vm_id}"):
            handle = self._required(vm_id)
            if handle.isActive():
                handle.save(str(draft))
            elif self._state(handle) is not DomainState.SAVED or not draft.exists():
                if path.exists():
                    return
                raise HypervisorError(f"VM {vm_id} cannot be saved: it does not run, and {path} is not there")
            self._connected().saveImageGetXMLDesc(str(draft), 0)  # readable: a crash may have come in between
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)

    def restore(self, spec: DomainSpec, path: Path) -> None:
        """See Hypervisor."""
        with self._calls(f"restore VM {spec.vm_id} from {path.name}"):
            handle = self._required(spec.vm_id)
            if handle.isActive():
                return
            connection = self._connected()
            found = uuid_in(connection.saveImageGetXMLDesc(str(path), 0))
            if found != str(self.owner.uuid_of(spec.vm_id)):
                raise HypervisorError(f"{path.name} is the saved state of domain {found}, not of VM {spec.vm_id}")
            # The image names the devices of the host that wrote it: ours are those of our template.
            paused = self._libvirt.VIR_DOMAIN_SAVE_PAUSED
            connection.saveImageDefineXML(str(path), domain_xml(self._template, self.owner, spec), paused)
            if self._is_test:
                connection.restore(str(path))
                self._required(spec.vm_id).suspend()
            else:
                connection.restoreFlags(str(path), None, paused)

    def undefine(self, vm_id: int) -> None:
        """See Hypervisor."""
        with self._calls(f"undefine VM {vm_id}"):
            handle = self._find(vm_id)
            if handle is None:
                return
            if handle.isActive():
                raise HypervisorError(f"VM {vm_id} is active: stop it before it is undefined")
            flags = self._libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
            handle.undefineFlags(flags | (0 if self._is_test else self._libvirt.VIR_DOMAIN_UNDEFINE_NVRAM))

    # -- inside ------------------------------------------------------------------------------------------------------

    def _open(self) -> Any:
        _require_test_file(self.uri)
        try:
            return self._libvirt.open(self.uri)
        except self._libvirt.libvirtError as error:
            raise HypervisorUnavailableError(
                f"no connection to the hypervisor {self.uri}: {error}; is the URI right and libvirtd running?"
            ) from error

    def _connected(self) -> Any:
        if self._connection is None or not self._connection.isAlive():
            self._connection = self._open()  # libvirtd was restarted
        return self._connection

    def _find(self, vm_id: int) -> Any:
        """The VM's domain, or None. Raises ForeignDomainError when another owner's is in its place."""
        connection, identifier = self._connected(), str(self.owner.uuid_of(vm_id))
        name = self.owner.name_of(vm_id)
        for lookup, value in ((connection.lookupByUUIDString, identifier), (connection.lookupByName, name)):
            try:
                handle = lookup(value)
            except self._libvirt.libvirtError as error:
                if error.get_error_code() != self._libvirt.VIR_ERR_NO_DOMAIN:
                    raise
                continue
            spec = self._identity(handle)
            if spec is None or spec.vm_id != vm_id or handle.UUIDString() != identifier:
                raise ForeignDomainError(
                    f"domain {handle.name()!r} ({handle.UUIDString()}) on {self.uri} is in the place of VM {vm_id} and "
                    f"is not of host {self.owner.host_id}: it is left alone; rename or remove it by hand"
                )
            return handle
        return None

    def _required(self, vm_id: int) -> Any:
        handle = self._find(vm_id)
        if handle is None:
            raise HypervisorError(f"the hypervisor {self.uri} has no domain of VM {vm_id}")
        return handle

    def _identity(self, handle: Any) -> DomainSpec | None:
        try:
            text = handle.metadata(self._libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE)
        except self._libvirt.libvirtError as error:
            known = (self._libvirt.VIR_ERR_NO_DOMAIN_METADATA, self._libvirt.VIR_ERR_NO_DOMAIN)
            if error.get_error_code() in known:  # not ours, or gone since it was listed
                return None
            raise
        return parse_identity(text, self.owner)

    def _state(self, handle: Any) -> DomainState:
        state, reason = handle.state()
        if state in (self._libvirt.VIR_DOMAIN_SHUTOFF, self._libvirt.VIR_DOMAIN_CRASHED):
            saved = state == self._libvirt.VIR_DOMAIN_SHUTOFF and reason == self._libvirt.VIR_DOMAIN_SHUTOFF_SAVED
            return DomainState.SAVED if saved else DomainState.OFF
        halted = (self._libvirt.VIR_DOMAIN_PAUSED, self._libvirt.VIR_DOMAIN_PMSUSPENDED)
        return DomainState.PAUSED if state in halted else DomainState.RUNNING

    @contextmanager
    def _calls(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._libvirt.libvirtError as error:
            alive = self._connection is not None and self._connection.isAlive()
            kind = HypervisorError if alive else HypervisorUnavailableError
            raise kind(f"cannot {what} on {self.uri}: {error}") from error


def _binding() -> Any:
    """The libvirt module: optional, so imported here only."""
    try:
        module = importlib.import_module("libvirt")
    except ImportError as error:
        raise ConfigurationError(
            "the libvirt binding is not installed: run `make setup`, which names the system packages it lacks"
        ) from error
    module.registerErrorHandler(lambda *_: None, None)  # it would print to standard error what it also raises
    return module


def _require_test_file(uri: str) -> None:
    """libxml2 prints to standard error when a test driver's file is missing; say it better."""
    parts = urllib.parse.urlsplit(uri)
    if not parts.scheme:
        raise ConfigurationError(f"hypervisor URI {uri!r}: give qemu:///system or test:///path/to/host.xml")
    if parts.scheme == "test" and not parts.netloc and parts.path != "/default":
        path = Path("/" + parts.path.lstrip("/"))
        if not path.is_file():
            raise ConfigurationError(f"hypervisor URI {uri}: there is no file {path}; write a <node/> into it")
