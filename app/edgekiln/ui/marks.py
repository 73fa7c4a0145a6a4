"""How far each place is: what the rail shows."""

from __future__ import annotations

from edgekiln.core.device import Device, PushResult
from edgekiln.core.workspace import InHand
from edgekiln.jobs.job import Job
from edgekiln.ui.tasks import PLACES
from edgekiln.ui.widgets.rail import Mark


def marks(
    in_hand: InHand, device: Device | None, pushed: PushResult | None, jobs: list[Job]
) -> dict[str, Mark]:
    """By place: running beats attention, attention beats done."""
    quantized = in_hand.quantized
    done = {
        "model": in_hand.model is not None,
        "fuse": in_hand.fusion is not None,
        "quantize": quantized is not None and quantized.chosen is not None,
        "preview": quantized is not None and quantized.chosen is not None and not quantized.random,
        "devices": device is not None,
        "deploy": pushed is not None and pushed.state == "live",
    }
    attention = {
        "quantize": quantized is not None and (quantized.chosen is None or quantized.random),
        "deploy": pushed is not None and pushed.state != "live",
    }
    last = {PLACES[job.task.step]: job for job in jobs if job.task.step in PLACES}
    shown: dict[str, Mark] = {}
    for place, is_done in done.items():
        job = last.get(place)
        if job is not None and not job.ended:
            shown[place] = "running"
        elif (job is not None and job.error is not None) or attention.get(place):
            shown[place] = "attention"
        else:
            shown[place] = "done" if is_done else "empty"
    return shown
