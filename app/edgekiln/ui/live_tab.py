"""One picture or sound at a time through the float model and the candidate, side by side."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QHideEvent, QPixmap
from PySide6.QtWidgets import QFileDialog, QFrame, QLabel, QProgressBar, QWidget

from edgekiln.core.accuracy import Candidate, QuantResult
from edgekiln.core.live import Guess, LiveAnswer, LiveRefusal, LiveSide, LiveStart
from edgekiln.core.text import Words
from edgekiln.jobs.live import Live
from edgekiln.ui import figures
from edgekiln.ui.camera import Camera, why_no_camera
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.choose_path import dropped
from edgekiln.ui.widgets.kit import (
    Action,
    button,
    card,
    clear,
    column,
    line,
    notice,
    picture,
    row,
    text,
    word,
)
from edgekiln.ui.widgets.panels import bar

_SIDE = 224
_FINEST = 1000


def live_start(desk: Desk, result: QuantResult, candidate: Candidate) -> LiveStart | None:
    """Both models and how they are fed; None where one of them is not there."""
    in_hand = desk.in_hand
    reference = in_hand.fusion.artifact if in_hand.fusion else in_hand.converted
    if reference is None or candidate.artifact is None:
        return None
    report = candidate.report
    is_classifier = report is not None and report.task == "classification"
    names = report.class_names if report is not None and is_classifier else ()
    return LiveStart(reference, candidate.artifact, result.preprocessing, names)


class LiveTab(QFrame):
    """Drop or choose a picture, or let the camera run; both answers with their latency. What was
    asked last stays in `live`, which lives longer than this widget."""

    def __init__(
        self, words: Words, tokens: Tokens, live: Live, start: LiveStart, scheme: str
    ) -> None:
        super().__init__()
        self._words, self._tokens, self._live = words, tokens, live
        self._start, self._scheme = start, scheme
        self._camera: Camera | None = None
        self.setObjectName("live")
        self.setAcceptDrops(True)
        self._place = column(gap=12)
        column(self._head(), self._place, None, gap=12, margin=8, into=self)
        live.changed.connect(self._draw)
        if live.file is not None and live.start != start and live.file.is_file():
            live.ask(start, live.file)  # the same picture, another candidate
        self._draw()

    def run(self, file: Path) -> None:
        """This one through both."""
        self._live.ask(self._start, file)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """A picture or sound may be dropped anywhere on it."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Run the first one."""
        if (path := dropped(event)) is not None:
            self.run(path)

    def hideEvent(self, event: QHideEvent) -> None:
        """The camera runs only where it is seen."""
        self._stop_camera()
        super().hideEvent(event)

    # Where pictures come from

    def _head(self) -> QWidget:
        words, none = self._words, why_no_camera()
        choose = button(Action(words("Picture or sound…"), self._ask, "live-choose"))
        why_not = words.render(none) if none is not None else ""
        self._switch = button(Action(words("Camera"), self._turn, "live-camera", why_not))
        self._switch.setCheckable(True)
        said = text(why_not or words("The camera's pictures go no further than this."), "muted")
        return row(choose, self._switch, said, gap=12, wide=2)

    def _ask(self) -> None:
        words = self._words
        kinds = words("Pictures and sounds") + (
            " (*.png *.jpg *.jpeg *.bmp *.gif *.webp *.ppm *.tif *.tiff *.wav)"
        )
        chosen, _ = QFileDialog.getOpenFileName(self, words("Picture or sound…"), "", kinds)
        if chosen:
            self.run(Path(chosen))

    def _turn(self) -> None:
        if self._camera is None:
            self._camera = Camera(self.run, lambda: not self._live.waiting)
        else:
            self._stop_camera()

    def _stop_camera(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None
            self._switch.setChecked(False)

    # What is said

    def _draw(self) -> None:
        layout = self._place.layout()
        assert layout is not None
        clear(layout)
        layout.addWidget(self._body())

    def _body(self) -> QWidget:
        words, tokens, live = self._words, self._tokens, self._live
        if live.crash:
            said = words("The child that runs the models ended: {words}", words=live.crash)
            again = Action(words("Try again"), self._again, "live-again")
            return notice(tokens, "bad", said, again)
        if live.file is None:
            return card(
                picture("image-plus-outline", tokens.muted, 40),
                text(words("Drop a picture or a WAV file here"), "strong"),
                text(words("It runs through both models at once, on this computer."), "muted"),
            )
        if live.waiting and (live.last is None or self._camera is None):  # frames follow each other
            return card(line(words("Running {name} …", name=live.file.name), "muted"))
        if isinstance(live.last, LiveRefusal):
            refusal = live.last
            whole = (words.render(t) for t in (refusal.what, refusal.why, refusal.do))
            return notice(tokens, "bad", " ".join(whole))
        assert isinstance(live.last, LiveAnswer)
        return self._answered(live.last)

    def _again(self) -> None:
        if self._live.file is not None:
            self.run(self._live.file)

    def _answered(self, answer: LiveAnswer) -> QWidget:
        words = self._words
        sides = row(
            self._side("float", answer.reference),
            self._side(self._scheme, answer.candidate),
            gap=12,
        )
        said = column(self._verdict(answer), sides, self._measured(answer), None, gap=12)
        shown = QLabel()
        shown.setFixedSize(_SIDE, _SIDE)
        shown.setAlignment(Qt.AlignmentFlag.AlignCenter)
        shown.setProperty("role", "picture")
        shown.setAccessibleName(answer.file.name)
        image = QPixmap(str(answer.file))
        if image.isNull():
            shown.setText(words("A sound"))
        else:
            keep = Qt.AspectRatioMode.KeepAspectRatio
            small = max(image.width(), image.height()) < _SIDE // 2
            way = (
                Qt.TransformationMode.FastTransformation
                if small
                else Qt.TransformationMode.SmoothTransformation
            )
            shown.setPixmap(image.scaled(_SIDE, _SIDE, keep, way))
        left = column(shown, line(answer.file.name, "muted"), None)
        left.setFixedWidth(_SIDE)
        return row(left, said, gap=16, wide=1)

    def _verdict(self, answer: LiveAnswer) -> QWidget:
        words = self._words
        first, second = answer.reference.top, answer.candidate.top
        if not first or not second:
            close = "–" if answer.cosine is None else f"{answer.cosine:.4f}"
            return text(words("Cosine of the two outputs: {value}", value=close), "strong")
        if first[0].name == second[0].name:
            return text(words("✓ Both say {name}", name=first[0].name), "strong", "good")
        said = words(
            "✕ float says {first}, {scheme} says {second}",
            first=first[0].name,
            scheme=self._scheme,
            second=second[0].name,
        )
        return text(said, "strong", "bad")

    def _side(self, who: str, side: LiveSide) -> QFrame:
        ms = word(figures.milliseconds(side.ms), "muted")
        rows: list[QWidget | None] = [row(line(who, "strong"), ms, wide=0)]
        rows += [self._guess(who, guess) for guess in side.top]
        rows += [line(f"{value:.5g}".replace("-", "−")) for value in side.values]
        made = card(*rows, None)
        made.setObjectName(f"live-{who}")
        return made

    def _guess(self, who: str, guess: Guess) -> QWidget:
        share: QProgressBar = bar(f"{who}: {guess.name}")
        share.setRange(0, _FINEST)
        share.setValue(round(guess.share * _FINEST))
        said = row(line(guess.name), word(figures.percent(guess.share)), wide=0)
        return column(said, share, gap=2)

    def _measured(self, answer: LiveAnswer) -> QWidget:
        said = self._words(
            "Inference alone, one thread, {runtime}, on this computer, not on the device; with "
            "reading and preparing {ms} for both.",
            runtime=answer.runtime,
            ms=figures.milliseconds(answer.total_ms),
        )
        return text(said, "muted")
