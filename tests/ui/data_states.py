"""What a check of the data finds, and the states of its page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgekiln.core.data import (
    Alike,
    DataCheck,
    DataLook,
    DataSource,
    Drift,
    FindPlan,
    Preprocessing,
    Proposal,
    Slice,
    Unreadable,
)
from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say
from edgekiln.core.workspace import InHand
from edgekiln.ui.data_page import DataPage
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.quant_wizard import QuantWizard
from edgekiln.ui.state import Desk, sample_draft
from ui import examples
from ui.conftest import failed_job, job_at_work

LOOK = DataLook(
    "list", True, "picture", "classes", 1200, 1188, tuple("ABCDEFGHIJ"), 10, "", ("camera", "shift")
)


def proposal(evidence: Text) -> Proposal:
    return Proposal(Preprocessing("imagenet, crop 0.875"), evidence)


def check(root: Path) -> DataCheck:
    """Of a set with something of everything in it."""

    def group(n: int, exact: bool, across: bool = False, disputed: bool = False) -> Alike:
        names = (f"cat/img_{n:04d}.jpg", f"dog/img_{n + 40:04d}_from_the_second_camera.jpg")
        files = [examples.picture(root / f"alike-{n}-{k}.png", 30 * n) for k in range(2 - exact)]
        return Alike(names, exact, across, disputed, tuple(files))

    classes = [Slice("class", f"class {n}", 40 - 3 * n, 30 if n != 7 else 0) for n in range(12)]
    sizes = [Slice("size", "640×480", 200, 300), Slice("size", "320×240", 62, 30)]
    shifts = [Slice("shift", name, 87, 110) for name in ("early", "late", "night")]
    return DataCheck(
        samples=262,
        evaluation_samples=330,
        slices=(*classes, *sizes, *shifts),
        unreadable=tuple(
            Unreadable(f"cat/broken_{n}.jpg", say("It is broken or no picture.")) for n in range(9)
        ),
        unreadable_count=9,
        alike=(
            group(0, exact=True, across=True),
            group(1, exact=True, disputed=True),
            *(group(n, exact=True) for n in range(2, 12)),
            group(12, exact=False),
        ),
        exact_count=12,
        near_count=1,
        drift=(Drift("brightness", 0.31, 0.13), Drift("classes", 0.05, 0.12)),
        strange=("class 10", "class 11"),
        unlabelled=4,
    )


def page_of(window: MainWindow) -> DataPage:
    page = window.pages["data"]
    assert isinstance(page, DataPage)
    return page


def found(window: MainWindow, desk: Desk, root: Path) -> DataPage:
    """The page as if the check had ended."""
    desk.quant_draft = sample_draft("rdk-x5")
    page = page_of(window)
    page._asked, page._check = page._request(), check(root)
    return page


def data_empty(window: MainWindow, desk: Desk, root: Path) -> str:
    return "data"


def data_busy(window: MainWindow, desk: Desk, root: Path) -> str:
    page = found(window, desk, root)
    page._check = None
    page.job = job_at_work(
        desk, say("Check the data in {name}", name="evaluation.npz"), 0.4,
        say("Looking at sample {i} of {count}", i=40, count=100),
    )  # fmt: skip
    return "data"


def data_refused(window: MainWindow, desk: Desk, root: Path) -> str:
    page = found(window, desk, root)
    page._check = None
    why = UserError(
        say("There is no data at {path}.", path="/data/line-3/empty"),
        say("It does not exist."),
        say("Choose another folder."),
    )
    page.job = failed_job(desk, why)
    return "data"


def data_found(window: MainWindow, desk: Desk, root: Path) -> str:
    found(window, desk, root)
    return "data"


def data_recognised(window: MainWindow, desk: Desk, root: Path) -> str:
    """The wizard's data step, once the looks are there; one source that is split."""
    desk.put(replace(InHand(), model=examples.model(root), fusion=examples.fusion(root)))
    desk.quant_draft = replace(
        sample_draft("rdk-x5"), step="data", share=0.2, calibration=root, evaluation=None
    )
    page = window.pages["quantize"]
    assert isinstance(page, QuantWizard)
    source, artifact = DataSource(root), examples.fusion(root).artifact
    evidence = say("Trying preprocessings on {count} samples", count=100)
    for key, result in ((source, LOOK), ((artifact.sha256, FindPlan(source)), proposal(evidence))):
        job = job_at_work(desk, say("Try preprocessings"), None, say("Try preprocessings"))
        job.done(result)
        page._looks.jobs[key] = job
    return "quantize"


def data_not_recognised(window: MainWindow, desk: Desk, root: Path) -> str:
    """The same for what is no data, and for data with more classes than the model has."""
    place = data_recognised(window, desk, root)
    page = window.pages["quantize"]
    assert isinstance(page, QuantWizard)
    other = root / "second.npz"
    other.touch()
    desk.quant_draft = replace(desk.quant_draft, share=None, evaluation=other)
    why = UserError(
        say("There are several sets of data in {path}.", path="/data/line-3"),
        say("Files of images: {names}", names="t10k-images, train-images"),
        say("Choose one of them; its labels are found by its name."),
        ("/data/line-3/t10k-images-idx3-ubyte", "/data/line-3/train-images-idx3-ubyte"),
    )
    page._looks.jobs[DataSource(other)] = failed_job(desk, why)
    job = job_at_work(desk, say("Try preprocessings"), None, say("Try preprocessings"))
    job.done(replace(LOOK, classes=12))
    page._looks.jobs[DataSource(root)] = job
    return place


DATA_STATES = (
    data_recognised,
    data_not_recognised,
    data_empty,
    data_busy,
    data_refused,
    data_found,
)
