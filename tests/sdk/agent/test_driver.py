"""The libvirt driver: what it defines, that its operations can be repeated, and that it leaves strangers alone."""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from novacron.compute.agent.domain_xml import domain_xml, load_template, parse_identity
from novacron.compute.agent.domains import Domain, DomainSpec, DomainState, Owner
from novacron.compute.agent.driver import LibvirtHypervisor
from novacron.compute.capacity import Capacity
from novacron.exceptions import ConfigurationError, ForeignDomainError, HypervisorError, HypervisorUnavailableError
from tests.sdk.agent.conftest import CONTRACT, needs_libvirt, owner

pytestmark = needs_libvirt

SIZE = Capacity(2000, 4000, 50, 10_000)
SPEC = DomainSpec(7, 3, SIZE)


def state(host: LibvirtHypervisor, vm_id: int = 7) -> DomainState | None:
    found = host.domains().get(vm_id)
    return None if found is None else found.state


def raw(host: LibvirtHypervisor) -> Any:
    """The libvirt connection behind a host: for what the driver itself never does."""
    return host._connection


def foreign(host: LibvirtHypervisor, *, name: str = "somebody", identifier: str | None = None, inside: str = "") -> Any:
    text = f"<domain type='test'><name>{name}</name><uuid>{identifier or uuid.uuid4()}</uuid>{inside}"
    text += "<memory unit='MB'>128</memory><os><type>hvm</type></os></domain>"
    return raw(host).defineXML(text)


def test_a_domain_has_the_vms_uuid_size_and_identity(host: LibvirtHypervisor) -> None:
    host.define(SPEC)
    assert host.domains() == {7: Domain(7, 3, SIZE, DomainState.OFF)}
    root = ET.fromstring(host.describe(7))
    assert root.findtext("uuid") == str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:novacron:vm:31337:{CONTRACT}:7"))
    assert (root.findtext("vcpu"), root.findtext("memory")) == ("2", "3906250")  # KiB


@pytest.mark.parametrize(
    ("cpu", "vcpus", "quota"),
    [(1, "1", "1000"), (250, "1", "25000"), (1000, "1", None), (1001, "2", "50050"), (2500, "3", "83333")],
)
def test_a_part_of_a_vcpu_is_a_quota(cpu: int, vcpus: str, quota: str | None) -> None:
    text = domain_xml(load_template(None, "kvm"), owner(), DomainSpec(1, 1, Capacity(cpu, 1, 0, 0)))
    root = ET.fromstring(text)
    assert (root.findtext("vcpu"), root.findtext("cputune/quota")) == (vcpus, quota)


def test_the_uuid_depends_on_chain_contract_and_vm_only() -> None:
    here = owner(1).uuid_of(5)
    assert here == owner(2).uuid_of(5) == Owner(31337, CONTRACT.upper().replace("0X", "0x"), 1).uuid_of(5)
    others = {Owner(1, CONTRACT, 1).uuid_of(5), Owner(31337, CONTRACT[:-1] + "6", 1).uuid_of(5), owner().uuid_of(6)}
    assert here not in others
    assert len(others) == 3


def test_a_domain_lives_through_all_operations(host: LibvirtHypervisor, tmp_path: Path) -> None:
    steps: list[tuple[Callable[[], None], DomainState | None]] = [
        (lambda: host.define(SPEC), DomainState.OFF),
        (lambda: host.start(7), DomainState.RUNNING),
        (lambda: host.suspend(7), DomainState.PAUSED),
        (lambda: host.resume(7), DomainState.RUNNING),
        (lambda: host.save(7, tmp_path / "image"), DomainState.SAVED),
        (lambda: host.restore(SPEC, tmp_path / "image"), DomainState.PAUSED),
        (lambda: host.resume(7), DomainState.RUNNING),
        (lambda: host.shutdown(7), DomainState.OFF),
        (lambda: host.start(7), DomainState.RUNNING),
        (lambda: host.destroy(7), DomainState.OFF),
        (lambda: host.undefine(7), None),
    ]
    for act, expected in steps:
        act()
        assert state(host) is expected
        act()  # repeated, it does nothing
        assert state(host) is expected


def test_marking_moves_the_epoch_of_a_running_domain_and_of_its_next_start(host: LibvirtHypervisor) -> None:
    host.define(SPEC)
    host.start(7)
    host.mark(DomainSpec(7, 9, SIZE))
    assert host.domains()[7].epoch == 9
    host.destroy(7)
    assert host.domains()[7].epoch == 9


def test_defining_again_changes_the_next_start_only(host: LibvirtHypervisor) -> None:
    host.define(SPEC)
    host.start(7)
    host.define(DomainSpec(7, 4, SIZE))
    assert host.domains()[7] == Domain(7, 3, SIZE, DomainState.RUNNING)
    host.destroy(7)
    assert host.domains()[7].epoch == 4


def test_strangers_are_never_listed(host: LibvirtHypervisor) -> None:
    foreign(host)
    other = host.owner.uuid_of(8)
    metadata = f"<vm xmlns='urn:novacron:domain:1' chain='31337' contract='{CONTRACT}' host='2' id='8' epoch='1'/>"
    foreign(host, name="of host 2", identifier=str(other), inside=f"<metadata>{metadata}</metadata>")
    foreign(host, name="broken", inside="<metadata><vm xmlns='urn:novacron:domain:1' chain='x'/></metadata>")
    copied = ET.fromstring(domain_xml(load_template(None, "test"), host.owner, SPEC)).find("metadata")
    assert copied is not None
    foreign(host, name="copied metadata", inside=ET.tostring(copied, encoding="unicode"))
    assert host.domains() == {}


def test_a_stranger_in_the_place_of_a_vm_is_left_alone(host: LibvirtHypervisor, tmp_path: Path) -> None:
    stranger = foreign(host, identifier=str(host.owner.uuid_of(7)))
    stranger.create()
    operations: list[Callable[[], None]] = [
        lambda: host.define(SPEC),
        lambda: host.mark(SPEC),
        lambda: host.start(7),
        lambda: host.shutdown(7),
        lambda: host.destroy(7),
        lambda: host.suspend(7),
        lambda: host.resume(7),
        lambda: host.save(7, tmp_path / "image"),
        lambda: host.restore(SPEC, tmp_path / "image"),
        lambda: host.undefine(7),
    ]
    for operation in operations:
        with pytest.raises(ForeignDomainError, match="is not of host 1: it is left alone"):
            operation()
    assert stranger.isActive()
    assert stranger.name() == "somebody"


def test_a_stranger_with_the_vms_name_is_left_alone(host: LibvirtHypervisor) -> None:
    foreign(host, name=host.owner.name_of(7))
    with pytest.raises(ForeignDomainError, match="rename or remove it by hand"):
        host.define(SPEC)


def test_two_files_are_two_hosts(host_of: Callable[..., LibvirtHypervisor], tmp_path: Path) -> None:
    source, target = host_of(1), host_of(2)
    source.define(SPEC)
    source.start(7)
    source.save(7, tmp_path / "image")
    assert target.domains() == {}
    target.define(SPEC)
    target.restore(SPEC, tmp_path / "image")
    assert (state(source), state(target)) == (DomainState.SAVED, DomainState.PAUSED)


def test_the_target_restores_with_its_own_definition(host_of: Callable[..., LibvirtHypervisor], tmp_path: Path) -> None:
    source, target = host_of(1), host_of(2)
    source.define(SPEC)
    source.start(7)
    source.save(7, tmp_path / "image")
    theirs = f"<domain type='test'><name>novacron-x</name><uuid>{source.owner.uuid_of(7)}</uuid>"
    theirs += "<memory unit='MB'>4000</memory><os><type>hvm</type></os><devices><disk type='file' device='disk'>"
    theirs += "<source file='/etc/shadow'/><target dev='vda'/></disk></devices></domain>"
    raw(source).saveImageDefineXML(str(tmp_path / "image"), theirs, 0)
    target.define(DomainSpec(7, 9, SIZE))
    target.restore(DomainSpec(7, 9, SIZE), tmp_path / "image")
    assert "shadow" not in target.describe(7)
    assert target.domains()[7].epoch == 9


def test_another_vms_image_is_refused(host: LibvirtHypervisor, tmp_path: Path) -> None:
    host.define(DomainSpec(8, 1, SIZE))
    host.start(8)
    host.save(8, tmp_path / "image")
    host.define(SPEC)
    with pytest.raises(HypervisorError, match="not of VM 7"):
        host.restore(SPEC, tmp_path / "image")
    assert state(host) is DomainState.OFF


@pytest.mark.parametrize("content", [b"", b"TestGuestMagic\x00\x00\x00", b"\x00" * 4096])
def test_a_damaged_image_is_refused_and_nothing_starts(host: LibvirtHypervisor, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "image").write_bytes(content)
    host.define(SPEC)
    with pytest.raises(HypervisorError, match="cannot restore VM 7 from image"):
        host.restore(SPEC, tmp_path / "image")
    assert state(host) is DomainState.OFF


def test_a_crash_after_libvirt_saved_is_finished_by_the_next_save(host: LibvirtHypervisor, tmp_path: Path) -> None:
    host.define(SPEC)
    host.start(7)
    raw(host).lookupByUUIDString(str(host.owner.uuid_of(7))).save(str(tmp_path / "image.partial"))
    host.save(7, tmp_path / "image")  # the agent had died before it renamed the file
    assert [path.name for path in tmp_path.iterdir() if "image" in path.name] == ["image"]
    host.restore(SPEC, tmp_path / "image")
    assert state(host) is DomainState.PAUSED


def test_a_domain_that_does_not_run_cannot_be_saved(host: LibvirtHypervisor, tmp_path: Path) -> None:
    host.define(SPEC)
    with pytest.raises(HypervisorError, match="it does not run"):
        host.save(7, tmp_path / "image")


def test_an_active_domain_is_not_undefined(host: LibvirtHypervisor) -> None:
    host.define(SPEC)
    host.start(7)
    with pytest.raises(HypervisorError, match="stop it before"):
        host.undefine(7)
    assert state(host) is DomainState.RUNNING


def test_a_closed_connection_is_opened_again(host: LibvirtHypervisor) -> None:
    host.close()
    assert host.domains() == {}


def test_no_hypervisor_names_the_uri(tmp_path: Path) -> None:
    with pytest.raises(HypervisorUnavailableError, match=r"qemu\+unix:///system"):
        LibvirtHypervisor("qemu+unix:///system?socket=/nonexistent", owner())
    with pytest.raises(ConfigurationError, match=r"there is no file /nonexistent\.xml"):
        LibvirtHypervisor("test:///nonexistent.xml", owner())
    with pytest.raises(ConfigurationError, match="give qemu:///system"):
        LibvirtHypervisor("host.xml", owner())


# -- template --------------------------------------------------------------------------------------------------------


def template(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "template.xml"
    path.write_text(text)
    return path


def test_the_providers_template_is_filled_in(tmp_path: Path) -> None:
    path = template(
        tmp_path,
        "<domain type='kvm'><os><type>hvm</type></os><devices>"
        "<disk type='file'><source file='/vms/{uuid}.qcow2'/></disk>"
        "<interface type='network'><mac address='{mac}'/></interface></devices></domain>",
    )
    root = ET.fromstring(domain_xml(load_template(path, "kvm"), owner(), SPEC))
    identifier = owner().uuid_of(7)
    source, mac = root.find("devices/disk/source"), root.find("devices/interface/mac")
    assert source is not None
    assert mac is not None
    assert source.get("file") == f"/vms/{identifier}.qcow2"
    assert mac.get("address") == "52:54:00:" + ":".join(f"{byte:02x}" for byte in identifier.bytes[-3:])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<domain><memory>1</memory></domain>", "sets <memory>"),
        ("<domain><metadata/></domain>", "sets <metadata>"),
        ("<network/>", "its root must be a <domain>"),
        ("<domain>", "is no XML"),
    ],
)
def test_a_template_that_cannot_serve_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        load_template(template(tmp_path, text), "kvm")


@pytest.mark.parametrize("text", ["", "<vm/>", "<vm", "<vm chain='31337' contract='0x' host='1' id='x'/>"])
def test_metadata_that_is_not_ours_names_no_vm(text: str) -> None:
    assert parse_identity(text, owner()) is None
