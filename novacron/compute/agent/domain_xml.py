"""Domain XML (https://libvirt.org/formatdomain.html): made from a template, with our identity in its metadata."""

from __future__ import annotations

import copy
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path

from novacron.compute.agent.domains import DomainSpec, Owner
from novacron.compute.capacity import Capacity
from novacron.exceptions import ConfigurationError

#: Namespace of our element in a domain's metadata.
NAMESPACE = "urn:novacron:domain:1"
PREFIX = "novacron"
_PERIOD = 100_000  # microseconds; libvirt's default scheduling period
_LEAST_QUOTA = 1_000

_MINIMAL = "<domain type='{type}'><os><type>hvm</type></os><on_crash>destroy</on_crash><devices/></domain>"
#: What the agent sets itself; a template must not hold it.
_OURS = ("name", "uuid", "metadata", "memory", "currentMemory", "maxMemory", "vcpu", "cputune")

ET.register_namespace(PREFIX, NAMESPACE)


def load_template(path: Path | None, domain_type: str) -> ET.Element:
    """The provider's domain template, or a minimal one of `domain_type` (test, kvm, qemu).

    Raises:
        ConfigurationError: it cannot be read, is no domain, or sets what the agent sets.
    """
    if path is None:
        return ET.fromstring(_MINIMAL.format(type=domain_type))  # noqa: S314 - our own text
    try:
        root = ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - the provider's own file
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError(f"domain template {path}: {reason}") from error
    except ET.ParseError as error:
        raise ConfigurationError(f"domain template {path} is no XML: {error}") from error
    if root.tag != "domain":
        raise ConfigurationError(f"domain template {path} holds a <{root.tag}>; its root must be a <domain>")
    taken = [tag for tag in _OURS if root.find(tag) is not None]
    if taken:
        raise ConfigurationError(
            f"domain template {path} sets {', '.join(f'<{tag}>' for tag in taken)}, which the agent sets for each VM: "
            "take it out"
        )
    return root


def domain_xml(template: ET.Element, owner: Owner, spec: DomainSpec) -> str:
    """The XML that defines a VM: the template with its placeholders filled in, size and identity.

    Placeholders in attributes and texts: `{vm}`, `{uuid}`, `{name}`, `{mac}`, `{storage_gb}`.
    """
    root = copy.deepcopy(template)
    identifier = owner.uuid_of(spec.vm_id)
    values = {
        "{vm}": str(spec.vm_id),
        "{uuid}": str(identifier),
        "{name}": owner.name_of(spec.vm_id),
        "{mac}": mac_of(identifier),
        "{storage_gb}": str(spec.capacity.sto),
    }
    for element in root.iter():
        element.text = _filled(element.text, values)
        for name, value in element.attrib.items():
            element.set(name, _filled(value, values) or "")
    vcpus = max(-(-spec.capacity.cpu // 1000), 1)
    head = [
        _element("name", owner.name_of(spec.vm_id)),
        _element("uuid", str(identifier)),
        _element("metadata"),
        _element("memory", str(spec.capacity.mem), unit="MB"),
        _element("vcpu", str(vcpus)),
    ]
    head[2].append(identity_element(owner, spec))
    if spec.capacity.cpu % 1000:
        tune = _element("cputune")
        quota = max(spec.capacity.cpu * _PERIOD // 1000 // vcpus, _LEAST_QUOTA)
        tune.extend([_element("period", str(_PERIOD)), _element("quota", str(quota))])
        head.append(tune)
    for position, element in enumerate(head):
        root.insert(position, element)
    return ET.tostring(root, encoding="unicode")


def identity_element(owner: Owner, spec: DomainSpec) -> ET.Element:
    """Our metadata element."""
    element = ET.Element(f"{{{NAMESPACE}}}vm")
    size = spec.capacity
    values = {
        "chain": owner.chain_id,
        "contract": owner.contract,
        "host": owner.host_id,
        "id": spec.vm_id,
        "epoch": spec.epoch,
        "cpu": size.cpu,
        "memory": size.mem,
        "storage": size.sto,
        "network": size.net,
    }
    for name, value in values.items():
        element.set(name, str(value))
    return element


def bare_identity(owner: Owner, spec: DomainSpec) -> str:
    """Our metadata element as `virDomainSetMetadata` wants it: without a prefix; libvirt adds the namespace."""
    element = identity_element(owner, spec)
    element.tag = "vm"
    return ET.tostring(element, encoding="unicode")


def parse_identity(text: str, owner: Owner) -> DomainSpec | None:
    """Which of the owner's VMs a metadata element names; None for another owner's, or one that we did not write."""
    try:
        found = ET.fromstring(text).attrib  # noqa: S314 - libvirt's own output
        if (found["chain"], found["contract"].lower(), found["host"]) != (
            str(owner.chain_id),
            owner.contract,
            str(owner.host_id),
        ):
            return None
        numbers = {name: int(found[name]) for name in ("id", "epoch", "cpu", "memory", "storage", "network")}
    except (ET.ParseError, KeyError, ValueError):
        return None
    size = Capacity(numbers["cpu"], numbers["memory"], numbers["storage"], numbers["network"])
    return DomainSpec(numbers["id"], numbers["epoch"], size)


def uuid_in(text: str) -> str | None:
    """The <uuid> of a domain's XML, in lower case."""
    try:
        found = ET.fromstring(text).findtext("uuid")  # noqa: S314 - libvirt's own output
    except ET.ParseError:
        return None
    return None if found is None else found.strip().lower()


def mac_of(identifier: uuid.UUID) -> str:
    """A VM's MAC address: KVM's prefix and three bytes of the UUID, so that it is the same on every host."""
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in identifier.bytes[-3:])


def _element(tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.Element(tag, attributes)
    element.text = text
    return element


def _filled(text: str | None, values: dict[str, str]) -> str | None:
    if text is None or "{" not in text:
        return text
    for name, value in values.items():
        text = text.replace(name, value)
    return text
