"""The boxes the user knows, in `<root>/devices.json`. No secret is ever in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from edgekiln.core.codec import decode, encode
from edgekiln.core.device import Device, HostKey
from edgekiln.core.errors import UserError
from edgekiln.core.files import write_atomic
from edgekiln.core.text import say


class DeviceList:
    """All known boxes by name; every change is on the disk before the call returns."""

    def __init__(self, root: Path) -> None:
        self._file = root / "devices.json"

    def all(self) -> tuple[Device, ...]:
        """Every box, in the order they were added."""
        try:
            data = json.loads(self._file.read_bytes())
            return decode(tuple[Device, ...], data)
        except FileNotFoundError:
            return ()
        except ValueError as error:
            raise UserError(
                say("The list of boxes cannot be read."),
                say("{file} is damaged: {reason}", file=str(self._file), reason=str(error)[:200]),
                say("Repair it or move it away; then add the boxes again."),
            ) from error

    def get(self, name: str) -> Device:
        """The box of that name."""
        for device in self.all():
            if device.name == name:
                return device
        known = ", ".join(d.name for d in self.all()) or "-"
        raise UserError(
            say("There is no box named {name}.", name=name),
            say("Known boxes: {known}.", known=known),
            say("Add it first: edgekiln device add {name} --host ADDRESS --user USER", name=name),
            choices=tuple(d.name for d in self.all()),
        )

    def put(self, device: Device) -> None:
        """Add a box, or replace the one of that name."""
        others = [d for d in self.all() if d.name != device.name]
        self._save((*others, device))

    def pin(self, name: str, key: HostKey) -> Device:
        """Remember the host key the user confirmed."""
        device = replace(self.get(name), host_key=key)
        self.put(device)
        return device

    def remove(self, name: str) -> None:
        """Forget a box."""
        self._save(tuple(d for d in self.all() if d.name != name))

    def _save(self, devices: tuple[Device, ...]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self._file, json.dumps(encode(devices), ensure_ascii=False, indent=1).encode())
