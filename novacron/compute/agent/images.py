"""Saved memories on the host's disk: where they lie, of which epoch they are, and under which record they are stored.

An image is whole or not there: the driver writes a draft and renames it. What is known about it lies in a file beside
it, written before the image is made, so that an image without such a file cannot be of use and is removed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from novacron.atomic import write_atomically
from novacron.compute.agent.domains import Owner
from novacron.compute.agent.leases import Image


class ImageStore:
    """The images of one host's VMs, in `folder`.

    The hypervisor writes and reads the files itself: with `qemu:///system` the folder must be one that libvirtd's user
    reaches.
    """

    def __init__(self, folder: Path, owner: Owner) -> None:
        self.folder, self.owner = folder.resolve(), owner
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    def path_of(self, vm_id: int) -> Path:
        """Where a VM's image lies, or will."""
        return self.folder / f"{self.owner.uuid_of(vm_id)}.image"

    def get(self, vm_id: int) -> Image | None:
        """A VM's image, or None."""
        note = self._note(vm_id)
        if note is None or not self.path_of(vm_id).exists():
            return None
        return Image(note["epoch"], note["record"])

    def is_unfinished(self, vm_id: int) -> bool:
        """Whether a save was announced and written, and not brought to its end."""
        path = self.path_of(vm_id)
        return not path.exists() and path.with_name(path.name + ".partial").exists() and self._note(vm_id) is not None

    def record_of(self, vm_id: int, epoch: int) -> bytes | None:
        """Digest of the record that was stored for a VM's release in `epoch`, with an image or without one."""
        note = self._note(vm_id)
        return note["record"] if note is not None and note["epoch"] == epoch else None

    def announce(self, vm_id: int, epoch: int) -> Path:
        """Note that an image of `epoch` is about to be made; returns its path. Forgets an older image."""
        note = self._note(vm_id)
        if note is None or note["epoch"] != epoch:
            self.path_of(vm_id).unlink(missing_ok=True)
            self._write(vm_id, epoch, None)
        return self.path_of(vm_id)

    def keep(self, vm_id: int, epoch: int) -> None:
        """Note that the image is still the VM's latest memory in a later epoch."""
        note = self._note(vm_id)
        if note is not None:
            self._write(vm_id, epoch, None)

    def recorded(self, vm_id: int, epoch: int, record: bytes) -> None:
        """Note the record of a release, before its digest goes on chain: a repetition sends the same one."""
        self._write(vm_id, epoch, record)

    def discard(self, vm_id: int) -> None:
        """Remove a VM's image and everything known about it."""
        path = self.path_of(vm_id)
        for name in (path, self._note_path(vm_id), path.with_name(path.name + ".partial")):
            name.unlink(missing_ok=True)

    def link(self, vm_id: int) -> Path:
        """A second name for the image's bytes, so that they can be stored while the VM runs on."""
        path = self.path_of(vm_id)
        copy = path.with_name(path.name + ".snapshot")
        copy.unlink(missing_ok=True)
        os.link(path, copy)
        return copy

    def _note_path(self, vm_id: int) -> Path:
        return self.path_of(vm_id).with_suffix(".json")

    def _note(self, vm_id: int) -> dict[str, Any] | None:
        try:
            found = json.loads(self._note_path(vm_id).read_text())
            record = found["record"]
            return {"epoch": int(found["epoch"]), "record": None if record is None else bytes.fromhex(record)}
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):  # written by something else: as if there were none
            return None

    def _write(self, vm_id: int, epoch: int, record: bytes | None) -> None:
        text = json.dumps({"epoch": epoch, "record": None if record is None else record.hex()})
        write_atomically(self._note_path(vm_id), text + "\n")
