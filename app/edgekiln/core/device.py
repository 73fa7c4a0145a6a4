"""Boxes: how they are reached, what they are, what runs on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgekiln.core.text import Text


@dataclass(frozen=True)
class Profile:
    """A kind of box, from `resources/devices/*.toml`. `runtime` is "family release"."""

    name: str
    title: str
    runtime: str
    arch: str
    data_dir: str  # where releases live; "~" is the login's home
    users: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    python: str = ""
    note: str = ""


@dataclass(frozen=True)
class HostKey:
    """A box's SSH identity: key type, base64 key and OpenSSH's "SHA256:…" fingerprint."""

    kind: str
    key: str
    fingerprint: str


@dataclass(frozen=True)
class Device:
    """A box the user added. No secret is in here: passwords live in the system keyring."""

    name: str
    host: str
    port: int
    user: str
    profile: str
    host_key: HostKey | None = None
    key_file: Path | None = None


@dataclass(frozen=True)
class Secret:
    """A password on its way over stdin; it never shows in a log or a repr."""

    value: str

    def __repr__(self) -> str:
        return "Secret(…)"


@dataclass(frozen=True)
class Contact:
    """All that is needed to log in to a box once."""

    device: Device
    password: Secret | None = None


@dataclass(frozen=True)
class ReadHostKeyPlan:
    """How long to wait for the box's identity; nobody logs in for it."""

    timeout_s: float = 10.0


@dataclass(frozen=True)
class ProbePlan:
    """How long each question to a box may take."""

    timeout_s: float = 20.0


@dataclass(frozen=True)
class PushInputs:
    """A bundle (`.zip`) and the box it goes to."""

    contact: Contact
    bundle: Path


@dataclass(frozen=True)
class DeviceFacts:
    """What a probe saw. Sizes in bytes; "" or None where the box did not say."""

    arch: str
    system: str  # "Ubuntu 22.04.3 LTS"
    kernel: str
    glibc: str
    python: str
    board: str  # device-tree model
    runtimes: tuple[str, ...]  # "tflite-runtime 2.14.0"
    memory_bytes: int | None
    disk_free_bytes: int | None
    data_dir: str
    profile: str  # the profile the facts point to
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Health:
    """The box's own runtime on the golden inputs: did it compute what the laptop computed?"""

    healthy: bool
    runtime: str
    samples: int
    max_relative_error: float | None
    median_ms: float | None  # measured on the box
    reason: str = ""
    why: Text | None = None  # the reason, translatable; None when healthy


@dataclass(frozen=True)
class Release:
    """One release on a box."""

    id: str
    name: str
    scheme: str
    current: bool
    size_bytes: int


PushState = Literal["live", "refused", "rolled-back"]


@dataclass(frozen=True)
class PushResult:
    """How a push ended. `release` is what `current` points to afterwards ("" for none)."""

    state: PushState
    release: str
    health: Health | None
    why: Text | None = None
    sent_bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class DeviceStatus:
    """What is on a box: releases newest first, who holds the lock ("" for nobody)."""

    releases: tuple[Release, ...]
    locked_by: str
    health: Health | None
