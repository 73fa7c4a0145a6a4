"""The step `rollback`: back to the release before, once the box has proven it."""

from __future__ import annotations

from pathlib import Path

from edgekiln.core.device import Contact, Device, DeviceStatus
from edgekiln.core.errors import UserError
from edgekiln.core.plans import DeployPlan
from edgekiln.core.report import Report
from edgekiln.core.text import Text, say
from edgekiln.ship.deploy.box import find_box
from edgekiln.ship.deploy.lock import Hold, locked, new_token
from edgekiln.ship.deploy.refusals import as_user_error
from edgekiln.ship.device.connect import connect


def rollback(inputs: Contact, plan: DeployPlan, out_dir: Path, report: Report) -> DeviceStatus:
    """Switch to the previous release; a second roll-back goes forward again.

    UserError when there is none, or when it fails its check: then nothing was switched.
    """
    del out_dir
    device = inputs.device
    report(0.1, say("Connecting to {name}", name=device.name))
    with connect(inputs, plan.timeout_s) as session, as_user_error(device):
        box = find_box(session, plan)
        if not box.app:
            raise _nothing_before(device)
        with locked(box, new_token()) as hold:
            _switch(hold, device, report)
        return box.status()


def _switch(hold: Hold, device: Device, report: Report) -> None:
    box, said = hold.box, hold.box.ask("status")
    runtimes = {release["id"]: release["runtime"] for release in said["releases"]}
    older = [release for release in runtimes if release < said["current"]]
    previous = said["previous"] if said["previous"] in runtimes else "".join(older[:1])
    if not previous or previous == said["current"]:
        raise _nothing_before(device)
    report(0.4, say("Checking {release} on the box", release=previous))
    health = box.check(previous, runtimes[previous])
    if health.why is not None:
        raise _failed(device, previous, health.why)
    report(0.7, say("Switching to {release}", release=previous))
    before = hold.ask("activate", previous)
    health = box.check("", runtimes[previous])
    if health.why is not None:
        hold.ask("take_back", str(before["was"]), str(before["before"]))
        raise _failed(device, previous, health.why)
    report(1.0, say("{release} is live", release=previous))


def _nothing_before(device: Device) -> UserError:
    return UserError(
        say("{name} cannot go back.", name=device.name),
        say("There is no earlier release on it."),
        say("Push a bundle instead."),
    )


def _failed(device: Device, release: str, why: Text) -> UserError:
    return UserError(
        say("{name} did not go back to {release}.", name=device.name, release=release),
        why,
        say("What was live still is. Push a sound bundle instead."),
    )
