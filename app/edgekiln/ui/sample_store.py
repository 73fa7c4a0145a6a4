"""The samples of one candidate and their pictures, as children bring them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, QRect, Signal
from PySide6.QtGui import QPixmap

from edgekiln.core.data import PER_SHEET, SHEET_COLUMNS, DataSource, ThumbnailPlan, Thumbnails
from edgekiln.core.errors import UserError
from edgekiln.core.samples import ListInputs, OverlayInputs, SampleList, Samples, read_samples
from edgekiln.core.text import say
from edgekiln.jobs.job import Job
from edgekiln.jobs.lanes import Lanes
from edgekiln.ui import tasks
from edgekiln.ui.overlays import Drawings

SIDE = 72  # pixels of a picture in the grid
LARGE = 320  # and of the one that is looked at
_MOST_ASKED = 4 * PER_SHEET  # of one child: it should answer soon
_SHEETS_KEPT = 40  # about 1 MB each


@dataclass(frozen=True)
class Wanted:
    """What a store is about: another one of these, another store. `overlay`: of boxes or masks."""

    inputs: ListInputs
    fingerprint: str
    overlay: OverlayInputs | None = None


class SampleStore(QObject):
    """`listed` tells that `samples` or `error` is there. `before`: one whose pictures may serve."""

    listed = Signal()

    def __init__(self, lanes: Lanes, wanted: Wanted, before: SampleStore | None = None) -> None:
        super().__init__()
        self.wanted = wanted
        self.samples: Samples | None = None
        self.error: UserError | None = None
        self.pictures: Pictures | None = None
        self.large: Pictures | None = None
        self.drawings: Drawings | None = None
        self.job: Job | None = None
        self._lanes = lanes
        self._before = before if before is not None and before.is_of(wanted) else None

    def is_of(self, wanted: Wanted) -> bool:
        """Whether it is about the same data: then its pictures serve as well."""
        mine = (self.wanted.inputs.data, self.wanted.fingerprint)
        return mine == (wanted.inputs.data, wanted.fingerprint)

    def ask(self) -> None:
        """Have a child make the list."""
        task = tasks.list_samples(self.wanted.inputs, self.wanted.fingerprint)
        self.job = self._lanes.submit(task, self.take)
        self.job.finished.connect(self._over)

    def close(self, heir: SampleStore | None = None) -> None:
        """Nobody looks any more: end what is being listed, and drawn, but what its heir shows."""
        if self.drawings is not None:
            self.drawings.close()
        kept = heir is not None and heir.is_of(self.wanted)
        drawn = [] if kept else [each for each in (self.pictures, self.large) if each is not None]
        for job in (self.job, *(each.job for each in drawn)):
            if job is not None and not job.ended:
                self._lanes.cancel(job)

    def take(self, made: SampleList) -> None:
        """The list is there."""
        try:
            self.samples = read_samples(made)
        except (OSError, ValueError):
            self.error = UserError(
                say("The list of samples cannot be read."),
                say("{file} was changed or cut off.", file=made.numbers.name),
                say("Press F5 to make it again."),
            )
            return
        data = self.wanted.inputs.data
        if data is not None and made.same_data:
            before, self._before = self._before, None
            self.pictures = (before and before.pictures) or Pictures(self._lanes, data)
            self.large = (before and before.large) or Pictures(self._lanes, data, LARGE)
            overlay = self.wanted.overlay
            if overlay is not None:
                self.drawings = Drawings(self._lanes, overlay, self.wanted.fingerprint, LARGE)

    def _over(self) -> None:
        if self.job is not None and self.error is None:
            self.error = self.job.error
        self.listed.emit()


class Pictures(QObject):
    """Samples as pictures; those that are looked at are drawn next, by one child at a time."""

    arrived = Signal()

    def __init__(self, lanes: Lanes, data: DataSource, side: int = SIDE) -> None:
        super().__init__()
        self._lanes, self._data, self._side = lanes, data, side
        self._places: dict[int, tuple[str, int]] = {}  # sample -> sheet, cell
        self._sheets: OrderedDict[str, QPixmap] = OrderedDict()  # the last used ones
        self._wanted: Sequence[int] = ()
        self.job: Job | None = None
        self.error: UserError | None = None

    def want(self, indexes: Sequence[int]) -> None:
        """These are looked at now, the most important first."""
        self._wanted = indexes
        self._draw_next()

    def has(self, index: int) -> bool:
        """Whether a child has drawn it."""
        return index in self._places

    def picture(self, index: int) -> tuple[QPixmap, QRect] | None:
        """A sheet and where on it the sample is; None while it is not drawn."""
        if index not in self._places:
            return None
        file, cell = self._places[index]
        if file not in self._sheets:
            self._sheets[file] = QPixmap(file)
            if len(self._sheets) > _SHEETS_KEPT:
                self._sheets.popitem(last=False)
        self._sheets.move_to_end(file)
        row, column = divmod(cell, SHEET_COLUMNS)
        side = self._side
        return self._sheets[file], QRect(column * side, row * side, side, side)

    def _draw_next(self) -> None:
        if self.error is not None or (self.job is not None and not self.job.ended):
            return
        missing = [i for i in self._wanted if i not in self._places][:_MOST_ASKED]
        if not missing:
            return
        task = tasks.thumbnails(self._data, ThumbnailPlan(tuple(missing), self._side))
        self.job = self._lanes.submit(task, lambda made: self.take(missing, made))
        self.job.finished.connect(self._over)

    def take(self, drawn: list[int], made: Thumbnails) -> None:
        """These were drawn."""
        for n, index in enumerate(drawn):
            self._places[index] = (str(made.sheets[n // PER_SHEET]), n % PER_SHEET)

    def _over(self) -> None:
        job = self.job
        if job is None or job.state == "cancelled":
            return
        self.error = job.error
        self.arrived.emit()
        self._draw_next()
