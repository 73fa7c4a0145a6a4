"""The preview page's slices and its live tab: nothing yet, answered, refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgekiln.core.accuracy import SliceTable
from edgekiln.core.live import Guess, LiveAnswer, LiveRefusal, LiveSide
from edgekiln.core.measures import Interval, Measure, PairedTest, SliceFigures
from edgekiln.core.text import say
from edgekiln.core.workspace import InHand
from edgekiln.ui.live_tab import live_start
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.preview_page import PreviewPage
from edgekiln.ui.state import Desk, sample_draft
from ui import examples
from ui.conftest import job_at_work

LONG = "a class with a name that is much longer than the column is wide, as ImageNet has them"


def _open(window: MainWindow, desk: Desk, root: Path) -> str:
    desk.put(replace(InHand(), model=examples.model(root), fusion=examples.fusion(root),
                     quantized=examples.quantized(root)))  # fmt: skip
    desk.quant_draft = replace(sample_draft("rdk-x5"), step="result")
    page = window.pages["preview"]
    assert isinstance(page, PreviewPage)
    page.looking.tab = "live"
    result = desk.in_hand.quantized
    assert result is not None
    desk.live.start = live_start(desk, result, result.candidate("int8"))
    return "preview"


def live_nothing(window: MainWindow, desk: Desk, root: Path) -> str:
    return _open(window, desk, root)


def live_answered(window: MainWindow, desk: Desk, root: Path) -> str:
    place = _open(window, desk, root)
    file = examples.picture(root / "line-3-2026-11-20.png", 40)
    shares = ((0.6, 0.2, 0.1, 0.06, 0.04), (0.45, 0.3, 0.15, 0.06, 0.04))
    names = (("3", LONG, "8", "9", "0"), (LONG, "3", "8", "0", "9"))
    sides = [
        LiveSide(ms, tuple(Guess(name, share) for name, share in zip(*each, strict=True)))
        for ms, *each in zip((0.82, 0.31), names, shares, strict=True)
    ]
    desk.live.file = file
    desk.live.last = LiveAnswer(file, examples.LITERT, sides[0], sides[1], 0.98, 6.4)
    return place


def live_refused(window: MainWindow, desk: Desk, root: Path) -> str:
    place = live_answered(window, desk, root)
    desk.live.last = LiveRefusal(
        say("“{path}” cannot be read.", path=str(root / "line-3.png")),
        say("It is not there any more, or is a folder."),
        say("Drop one picture or one WAV file."),
    )
    return place


def slices_shown(window: MainWindow, desk: Desk, root: Path) -> str:
    """By a column of the table: the night loses more than noise."""
    place = _open(window, desk, root)
    page = window.pages["preview"]
    assert isinstance(page, PreviewPage)
    page.looking.tab = "slices"
    result, data = desk.in_hand.quantized, desk.data()
    assert result is not None
    assert data is not None
    report, reference = result.candidate("int8").report, result.float_report
    assert report is not None
    assert reference is not None
    job = job_at_work(desk, say("Slice the data"), None, say("Slicing the data"))
    page._looks.jobs[report.outputs, reference.outputs, data] = job
    job.done(SliceTable(tuple(_slice(*each) for each in SLICES)))
    return place


SLICES = (
    ("shift", "day", 212, 0.995, 0.991, 0.6),
    ("shift", "night, with the lamp of the second cabinet on", 98, 0.81, 0.95, 0.001),
    ("shift", "early", 49, 0.98, 0.98, 1.0),
)


def _slice(by: str, value: str, samples: int, own: float, other: float, p: float) -> SliceFigures:
    interval = Interval(own - 0.04, min(1.0, own + 0.02), "wilson")
    return SliceFigures(
        by,
        value,
        samples,
        Measure("accuracy", own, samples, interval),
        Measure("accuracy", other, samples, None),
        PairedTest(own - other, p, samples, "mcnemar", 1, 3),
    )


LIVE_STATES = (slices_shown, live_nothing, live_answered, live_refused)
