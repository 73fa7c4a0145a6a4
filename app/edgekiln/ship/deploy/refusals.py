"""The agent's codes in words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edgekiln.core.device import Device, Health
from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say


class Refused(Exception):
    """The box said no, for a reason it knows: nothing was switched."""

    def __init__(self, code: str, values: dict[str, Any]) -> None:
        super().__init__(code)
        self.code, self.values = code, values

    @property
    def why(self) -> Text:
        """The reason, for the user."""
        return _sentence(self.code, self.values)


def health_from(answer: dict[str, Any], why: Text | None = None) -> Health:
    """The health in an answer of `check`, or in the refusal with its reason."""
    return Health(
        healthy=why is None,
        runtime=str(answer.get("runtime", "")),
        samples=int(answer.get("samples", 0)),
        max_relative_error=answer.get("max_relative_error"),
        median_ms=answer.get("median_ms"),
        reason="" if why is None else str(why),
        why=why,
    )


def _sentence(code: str, values: dict[str, Any]) -> Text:
    if code == "os-error":
        return _of_system(values)
    if code in ("wrong-numbers", "runtime-refuses", "no-module", "unknown-runtime", "crashed"):
        return _of_runtime(code, values)
    return _of_release(code, values)


def _of_system(values: dict[str, Any]) -> Text:
    match values.get("errno"):
        case errno.ENOSPC | errno.EDQUOT:
            return say("The disk of the box is full.")
        case errno.EROFS:
            return say("The disk of the box is read-only.")
        case errno.EACCES | errno.EPERM:
            return say("This login may not write there: {words}", words=str(values.get("words")))
        case _:
            return say("The box says: {words}", words=str(values.get("words")))


def _of_runtime(code: str, values: dict[str, Any]) -> Text:
    match code:
        case "wrong-numbers":
            return say(
                "{runtime} on the box computes other numbers than expected: relative error "
                "{error}, allowed {allowed}, {samples} samples.",
                runtime=values["runtime"],
                error=f"{values['max_relative_error']:.2g}",
                allowed=f"{values['allowed']:.2g}",
                samples=values["samples"],
            )
        case "runtime-refuses":
            return say(
                "{runtime} on the box does not run the model: {words}",
                runtime=values["runtime"],
                words=values["words"],
            )
        case "no-module":
            return say(
                "Python on the box has no usable {module}: {words}",
                module=values["module"],
                words=values["words"],
            )
        case "crashed":
            return say("The runtime on the box crashed: {words}", words=values["words"])
        case _:
            return say("The runtime {runtime} is unknown.", runtime=str(values.get("runtime")))


def _of_release(code: str, values: dict[str, Any]) -> Text:
    match code:
        case "locked" | "lock-lost":
            return say("{owner} is changing this box right now.", owner=str(values.get("owner")))
        case "other-key":
            return say(
                "The box trusts the key {trusted}…, but the bundle is signed with {found}….",
                trusted=values["trusted"],
                found=values["found"],
            )
        case "bad-signature":
            return say("The signature does not fit the manifest on the box.")
        case "corrupt-file":
            return say("“{file}” on the box is not what was packed.", file=values["file"])
        case "missing-file":
            return say("“{file}” is missing on the box.", file=values["file"])
        case "no-space":
            return say(
                "The box has {free} MB free, {needed} MB are needed.",
                free=f"{values['free'] / 1e6:.1f}",
                needed=f"{values['needed'] / 1e6:.1f}",
            )
        case _:
            return say("The box says: {words}", words=str(values.get("words", code)))


@contextmanager
def as_user_error(device: Device) -> Iterator[None]:
    """Outside a push, the box's no is an error for the user."""
    try:
        yield
    except Refused as refused:
        raise UserError(
            say("{name} refuses.", name=device.name),
            refused.why,
            say("Nothing was changed. Remove the reason, then try again."),
        ) from refused
