"""The step `push`: a bundle onto a box, and live only when the box itself has proven it.

receive -> verify -> on the disk -> checked -> switched -> checked again. Until the switch nothing
that runs on the box is touched; after it, a failing check takes it back.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edgekiln.core.bundle import Bundle
from edgekiln.core.device import Contact, Health, PushInputs, PushResult, PushState
from edgekiln.core.errors import UserError
from edgekiln.core.plans import DeployPlan
from edgekiln.core.report import Report, part_of
from edgekiln.core.text import say
from edgekiln.ship.bundle.verify import open_files
from edgekiln.ship.deploy.box import Box, find_box, prepare_box
from edgekiln.ship.deploy.lock import Hold, locked, new_token
from edgekiln.ship.deploy.refusals import Refused
from edgekiln.ship.deploy.upload import upload
from edgekiln.ship.device.connect import connect
from edgekiln.ship.device.faults import ConnectionLost
from edgekiln.ship.device.run import Session

_ROOM = 2  # times the size of the bundle must be free


def push(inputs: PushInputs, plan: DeployPlan, out_dir: Path, report: Report) -> PushResult:
    """Make the bundle live, or leave the box as it was and say why.

    UserError when the bundle is not to be trusted or the box cannot be talked to; state "refused"
    or "rolled-back" when the box says no.
    """
    del out_dir
    started, contact = time.monotonic(), inputs.contact
    report(0.0, say("Checking the bundle"))
    bundle, files = open_files(inputs.bundle)
    token = new_token()
    report(0.03, say("Connecting to {name}", name=contact.device.name))
    try:
        with connect(contact, plan.timeout_s) as session:
            result = _deliver(session, Delivery(bundle, files, plan, token, report))
    except ConnectionLost:
        _tidy(contact, plan, token, bundle.manifest.release)
        raise
    return replace(result, seconds=time.monotonic() - started)


@dataclass(frozen=True)
class Delivery:
    """What is brought, under which plan and lock."""

    bundle: Bundle
    files: dict[str, bytes]
    plan: DeployPlan
    token: str
    report: Report

    @property
    def release(self) -> str:
        """The id of the release on its way."""
        return self.bundle.manifest.release

    @property
    def runtime(self) -> str:
        """What it needs there."""
        return self.bundle.manifest.runtime


def _deliver(session: Session, delivery: Delivery) -> PushResult:
    """Everything the box knows a reason for becomes a refusal; `current` is read back from it."""
    report = delivery.report
    box: Box | None = None
    try:
        report(0.06, say("Preparing {name}", name=session.device.name))
        box = prepare_box(session, delivery.plan, delivery.runtime)
        if box.fell_back:
            report(0.07, say("No permission for the data folder: using {app}", app=box.app))
        with locked(box, delivery.token) as hold:
            return _make_live(hold, delivery)
    except Refused as refused:
        found = box or find_box(session, delivery.plan)  # to look, where nothing can be made
        return PushResult("refused", _current(found), None, refused.why)


def _make_live(hold: Hold, delivery: Delivery) -> PushResult:
    report, box, release = delivery.report, hold.box, delivery.release
    with suppress(Refused):  # a damaged `current` is no reason to refuse a good release
        hold.ask("recover")
    sent = _bring(hold, delivery)
    report(0.75, say("Checking on the box, before the switch"))
    health = box.check(release, delivery.runtime)
    hold.beat()
    if not health.healthy:
        if sent:
            hold.ask("discard", release)
        return _result(box, "refused", health, sent)
    try:
        return _switch(hold, delivery, sent)
    except ConnectionLost as lost:
        raise ConnectionLost(
            lost.what,
            lost.why,
            say("{release} passed its check and may be live: ask for the status.", release=release),
        ) from lost


def _switch(hold: Hold, delivery: Delivery, sent: int) -> PushResult:
    report, box, release = delivery.report, hold.box, delivery.release
    report(0.85, say("Switching to {release}", release=release))
    before = hold.ask("activate", release)
    report(0.9, say("Checking on the box, after the switch"))
    health = box.check("", delivery.runtime)
    if not health.healthy:
        hold.ask("take_back", str(before["was"]), str(before["before"]))
        if sent:
            hold.ask("discard", release)
        return _result(box, "rolled-back", health, sent)
    hold.ask("prune", str(delivery.plan.keep))
    report(1.0, say("{release} is live", release=release))
    return _result(box, "live", health, sent)


def _bring(hold: Hold, delivery: Delivery) -> int:
    """The release, complete and verified, on the box's disk; the bytes that had to be sent."""
    release, report = delivery.release, delivery.report
    part = str(hold.ask("receive", release)["part"])
    if not part:
        report(0.7, say("The release is already on the box"))
        return 0
    try:
        _refuse_without_room(hold.box, delivery)
        sent = _send(hold, delivery, part)
        report(0.7, say("Comparing every file on the box"))
        hold.ask("commit", release)
    except Refused:
        hold.ask("discard", release + ".part")
        raise
    return sent


def _refuse_without_room(box: Box, delivery: Delivery) -> None:
    needed = _ROOM * sum(len(data) for data in delivery.files.values())
    if box.free_bytes < needed:
        raise Refused("no-space", {"free": box.free_bytes, "needed": needed})


def _send(hold: Hold, delivery: Delivery, part: str) -> int:
    """SFTP says "Failure" for a full and for a read-only disk alike: the box is asked which."""
    session, report = hold.box.session, part_of(delivery.report, 0.1, 0.7)
    try:
        return upload(session, delivery.files, part, report, hold.beat)
    except OSError as error:
        prepare_box(
            session, delivery.plan, delivery.runtime
        )  # Refused with the true reason, if it shows one
        raise Refused("os-error", {"words": str(error)}) from error


def _result(box: Box, state: PushState, health: Health, sent: int) -> PushResult:
    return PushResult(state, _current(box), health, health.why, sent)


def _current(box: Box) -> str:
    return str(box.ask("status")["current"]) if box.app else ""


def _tidy(contact: Contact, plan: DeployPlan, token: str, release: str) -> None:
    """One try on a new line: what was half sent goes, the lock is given back."""
    with suppress(UserError, Refused), connect(contact, plan.timeout_s) as session:
        box = find_box(session, plan)
        if box.app:
            with suppress(Refused):
                box.ask("discard", release + ".part", token)
            box.ask("unlock", token)
