"""The step `status`: what is on a box, and whether the live release is sound."""

from __future__ import annotations

from pathlib import Path

from edgekiln.core.device import Contact, DeviceStatus
from edgekiln.core.plans import DeployPlan
from edgekiln.core.report import Report
from edgekiln.core.text import say
from edgekiln.ship.deploy.box import find_box
from edgekiln.ship.deploy.refusals import as_user_error
from edgekiln.ship.device.connect import connect


def status(inputs: Contact, plan: DeployPlan, out_dir: Path, report: Report) -> DeviceStatus:
    """The releases, newest first, and the live one checked on the box; nothing is changed."""
    del out_dir
    report(0.1, say("Connecting to {name}", name=inputs.device.name))
    with connect(inputs, plan.timeout_s) as session, as_user_error(inputs.device):
        report(0.5, say("Asking {name} what is live", name=inputs.device.name))
        return find_box(session, plan).status()
