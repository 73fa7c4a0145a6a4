"""A sample with the boxes or masks of both models: drawn by children, shown beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QWidget

from edgekiln.core.accuracy import AccuracyReport, Candidate
from edgekiln.core.data import DataSource
from edgekiln.core.errors import UserError
from edgekiln.core.samples import Overlay, OverlayInputs, OverlayPlan, Overlays
from edgekiln.core.text import Words
from edgekiln.jobs.job import Job
from edgekiln.jobs.lanes import Lanes
from edgekiln.ui import figures, tasks
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import CutLabel, column, line, row, text
from edgekiln.ui.widgets.picture_view import PictureView


def overlay_inputs(
    candidate: Candidate,
    report: AccuracyReport,
    reference: AccuracyReport | None,
    data: DataSource | None,
) -> OverlayInputs | None:
    """What is drawn from; None where there are no boxes or masks of both models."""
    if candidate.artifact is None or reference is None or data is None:
        return None
    if report.task not in ("detection", "segmentation"):
        return None
    if (reference.task, reference.data_fingerprint) != (report.task, report.data_fingerprint):
        return None
    return OverlayInputs(
        report.outputs,
        reference.outputs,
        data,
        candidate.artifact.signature,
        report.preprocessing,
        report.class_names,
    )


class Drawings(QObject):
    """Samples drawn with both models' answers, by one child at a time. `arrived` tells that some
    are there, or why not."""

    arrived = Signal()

    def __init__(self, lanes: Lanes, inputs: OverlayInputs, fingerprint: str, side: int) -> None:
        super().__init__()
        self._lanes, self._inputs = lanes, inputs
        self._fingerprint, self._side = fingerprint, side
        self._drawn: dict[int, Overlay] = {}
        self._failed: dict[int, UserError] = {}
        self._wanted: Sequence[int] = ()
        self._asked: tuple[int, ...] = ()
        self.job: Job | None = None

    def want(self, indexes: Sequence[int]) -> None:
        """The first is looked at now; what a child draws without it is of no use any more."""
        self._wanted = indexes
        busy = self.job is not None and not self.job.ended
        if busy and indexes and self._is_missing(indexes[0]) and indexes[0] not in self._asked:
            self._end()
        self._draw_next()

    def drawn(self, index: int) -> Overlay | None:
        """None while it is not drawn."""
        return self._drawn.get(index)

    def error(self, index: int) -> UserError | None:
        """Why it could not be drawn."""
        return self._failed.get(index)

    def close(self) -> None:
        """Nobody looks any more."""
        self._wanted = ()
        self._end()

    def _end(self) -> None:
        if self.job is not None and not self.job.ended and self.job.state != "cancelling":
            self._lanes.cancel(self.job)

    def _is_missing(self, index: int) -> bool:
        return index not in self._drawn and index not in self._failed

    def _draw_next(self) -> None:
        if self.job is not None and not self.job.ended:
            return
        asked = tuple(filter(self._is_missing, self._wanted))
        if not asked:
            return
        self._asked = asked
        plan = OverlayPlan(asked, self._side, self._fingerprint)
        self.job = self._lanes.submit(tasks.overlay(self._inputs, plan), self._take)
        self.job.finished.connect(self._over)

    def _take(self, made: Overlays) -> None:
        self._drawn.update(zip(self._asked, made.drawn, strict=True))

    def _over(self) -> None:
        job = self.job
        if job is None:
            return
        if job.error is not None:
            self._failed.update(dict.fromkeys(self._asked, job.error))
        self.arrived.emit()
        self._draw_next()


class OverlayPair(QWidget):
    """Float's drawing beside the candidate's, each with its figures, and what the lines mean."""

    def __init__(self, words: Words, tokens: Tokens, scheme: str) -> None:
        super().__init__()
        self._words = words
        self._views = (PictureView(tokens), PictureView(tokens))
        self._counts: tuple[CutLabel, CutLabel] = (line("", "muted"), line("", "muted"))
        self._said = text("", "muted")
        each = zip(("float", scheme), self._counts, self._views, strict=True)
        whole = (column(line(n, "strong"), said, v, gap=2, wide=2) for n, said, v in each)
        pair = row(*whole, gap=12)
        column(pair, self._said, gap=6, wide=0, into=self)
        self.put(None, "")

    def put(self, drawn: Overlay | None, sample: str) -> None:
        """Show a drawing of a sample; None: that it is being made."""
        files = ("", "") if drawn is None else (str(drawn.of_float), str(drawn.of_candidate))
        for view, count, file, said in zip(
            self._views, self._counts, files, self._figures(drawn), strict=True
        ):
            picture = QPixmap(file) if file else QPixmap()
            view.show_picture(picture, picture.rect())
            view.setAccessibleName(f"{sample} · {said}" if said else sample)
            count.set_full(said)
        self._said.setText(self._meaning(drawn))

    def _figures(self, drawn: Overlay | None) -> tuple[str, str]:
        words = self._words
        if drawn is None:
            return "", ""
        if drawn.alike is not None:
            return "", words("{share} as float", share=figures.percent(drawn.alike))
        return (
            words("boxes: {boxes}", boxes=drawn.float_boxes),
            words(
                "boxes: {boxes}, {agreeing} as float's",
                boxes=drawn.boxes,
                agreeing=drawn.agreeing,
            ),
        )

    def _meaning(self, drawn: Overlay | None) -> str:
        words = self._words
        if drawn is None:
            return words("Drawing the answers of both models")
        if drawn.alike is not None:
            return words("Hatched: pixels the two models see otherwise.")
        return words("Orange: only this model has the box. Dashed: true boxes.")
