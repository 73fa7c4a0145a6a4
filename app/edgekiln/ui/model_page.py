"""Place 1: open a model and see what it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import QComboBox, QFrame, QSpinBox, QWidget

from edgekiln.core.data import OfferedSizes
from edgekiln.core.flow import unpinned
from edgekiln.core.model import DYNAMIC, InspectedModel, ModelSource, Signature, TensorSpec
from edgekiln.ui import figures, tasks
from edgekiln.ui.state import sample_path
from edgekiln.ui.widgets.choose_path import choose_data, choose_file, choose_folder
from edgekiln.ui.widgets.kit import (
    Action,
    button,
    card,
    column,
    line,
    notice,
    picture,
    row,
    text,
    word,
)
from edgekiln.ui.widgets.page import Page
from edgekiln.ui.widgets.panels import tile, tiles
from edgekiln.ui.widgets.table import Cell, table

_LARGEST_SIZE = 1_000_000


class ModelPage(Page):
    """Empty: drop or open; busy: reading; error: choices; done: what the model is."""

    def open_model(self, path: Path) -> None:
        """Look at what lies there, then read it. TensorFlow is loaded meanwhile."""
        self.desk.lanes.warm_up()
        if self.job is not None and not self.job.ended:
            self.desk.lanes.cancel(self.job)  # the user thought better of the one before
        self.start(self.desk.run(tasks.identify(path), self._identified))

    def repeat(self) -> None:
        """Read the model anew."""
        if (model := self.desk.in_hand.model) is not None and self.busy() is None:
            self.open_model(model.source.path)

    def draw(self) -> None:
        """The state of the page."""
        words, model = self.words, self.desk.in_hand.model
        title = words("Model")
        if (busy := self.busy()) is not None:
            self.show_page(title, words("Reading what the model is made of."), busy)
        elif (failure := self._failure()) is not None:
            self.show_page(title, words("The model could not be opened."), failure)
        elif model is None:
            lead = words("Open a trained TensorFlow model to see what it is made of.")
            self.show_page(title, lead, self._empty())
        else:
            self._draw_model(model)

    def _identified(self, source: ModelSource) -> None:
        self.desk.stop_making()
        self.start(self.desk.run(tasks.inspect(source), self._inspected))
        self.desk.lanes.warm_up()  # the next one, for the conversion

    def _inspected(self, model: InspectedModel) -> None:
        self.desk.put_model(model, sample=model.source.path == sample_path())

    def _failure(self) -> QWidget | None:
        words, model = self.words, self.desk.in_hand.model
        said = words("Open another model")
        if model is not None:
            said = words("Back to {name}", name=figures.model_name(model.source.path))
        other = Action(said, self.forget_job, "open-another")
        return self.failure(lambda path: self.ways.open_model(Path(path)), other)

    # Empty

    def _empty(self) -> QWidget:
        words = self.words
        area = QFrame()
        area.setProperty("box", "drop")
        area.setAccessibleName(words("Drop a model here"))
        column(
            picture("tray-arrow-down", self.tokens.muted, 48),
            text(words("Drop a SavedModel folder here"), "strong"),
            text(words("or a .keras, .h5 or .tflite file"), "muted"),
            row(*self._open_buttons(), None),
            margin=24,
            gap=12,
            into=area,
        )
        sample = notice(
            self.tokens,
            "",
            words("No model at hand? The sample is a small digits classifier with its own data."),
            Action(words("Open the sample"), self._open_sample, "open-sample"),
        )
        return column(area, sample, self._recent(), gap=16)

    def _open_buttons(self) -> tuple[QWidget, QWidget]:
        words = self.words
        folder = Action(words("Open folder…"), lambda: self._ask(folder=True), "open-folder")
        file = Action(words("Open file…"), lambda: self._ask(folder=False), "open-file")
        return button(folder, primary=True), button(file)

    def _recent(self) -> QWidget:
        models = [path for path in self.desk.recent.models if path.exists()]
        if not models:
            return QWidget()
        rows = [
            button(
                Action(str(path), lambda p=path: self.ways.open_model(p), f"recent-{n}"),  # type: ignore[misc]
                flat=True,
                wide=True,
            )
            for n, path in enumerate(models)
        ]
        return column(
            text(self.words("Opened lately"), "strong"), *(row(r, None) for r in rows), gap=4
        )

    def _open_sample(self) -> None:
        self.ways.open_model(sample_path())

    def _ask(self, folder: bool) -> None:
        chosen = choose_folder(self.words, self) if folder else choose_file(self.words, self)
        if chosen is not None:
            self.ways.open_model(chosen)

    # Done

    def _draw_model(self, model: InspectedModel) -> None:
        words, signature = self.words, self._signature(model)
        open_names = unpinned(self.desk.model_draft, signature)
        why_not = ""
        if open_names:
            why_not = words("Set every size of {names} first.", names=", ".join(open_names))
        elif model.obstacles:
            why_not = words("A box cannot run this model; see below.")
        lead = words(
            "{name}: {signatures} signatures, {operators} kinds of operators.",
            name=figures.model_name(model.source.path),
            signatures=len(model.signatures),
            operators=len(model.operators),
        )
        parts: list[QWidget] = [self._figures(model), self._choice(model, signature)]
        parts += [notice(self.tokens, "", words.render(note)) for note in model.notes]
        parts += [notice(self.tokens, "warn", words.render(said)) for said in model.obstacles]
        if open_names:
            parts.append(notice(self.tokens, "warn", why_not))
        if sizes := self._sizes(signature):
            parts.append(sizes)
        parts.append(row(self._tensors(signature), self._operators(model), gap=16))
        primary = Action(
            words("Next: fuse operators"), lambda: self.ways.go("fuse"), "next", why_not
        )
        other = Action(words("Open another model"), self._put_away, "open-another")
        self.show_page(words("Model"), lead, column(*parts, gap=16), primary, (other,))

    def _put_away(self) -> None:
        self.desk.stop_making()
        self.desk.put(type(self.desk.in_hand)())
        self.forget_job()

    def _figures(self, model: InspectedModel) -> QWidget:
        words = self.words
        return tiles(
            tile(figures.count(model.parameters), words("Parameters")),
            tile(figures.count(model.macs), words("MACs per sample")),
            tile(figures.size(model.size_bytes), words("On disk")),
            tile(str(sum(o.count for o in model.operators)), words("Operators")),
            tile(model.tensorflow_version or "–", words("TensorFlow")),
        )

    def _signature(self, model: InspectedModel) -> Signature:
        wanted = self.desk.model_draft.signature
        found = next((s for s in model.signatures if s.key == wanted), None)
        return found or model.default_signature

    def _choice(self, model: InspectedModel, signature: Signature) -> QWidget:
        box = QComboBox()
        box.setObjectName("signature")
        box.setAccessibleName(self.words("Signature"))
        box.addItems([s.key for s in model.signatures])
        box.setCurrentText(signature.key)
        box.setEnabled(len(model.signatures) > 1)
        box.setMinimumWidth(240)
        box.textActivated.connect(self._choose_signature)
        return row(text(self.words("Signature"), "strong"), box, None, gap=16)

    def _choose_signature(self, key: str) -> None:
        self.desk.save_model_draft(replace(self.desk.model_draft, signature=key, sizes=()))
        self.desk.unpin()

    def _sizes(self, signature: Signature) -> QWidget | None:
        """A field for each dynamic size but the batch, which becomes 1."""
        dynamic = [spec for spec in signature.inputs if DYNAMIC in spec.shape[1:]]
        if not dynamic:
            return None
        rows: list[QWidget] = []
        for spec in dynamic:
            fields = [
                self._size(spec, axis) for axis, size in enumerate(spec.shape) if size < 0 and axis
            ]
            rows.append(row(word(f"{spec.name}  {figures.shape(spec.shape)}"), *fields, None))
        title = self.words("Dynamic sizes: set them as the device will feed them")
        return card(text(title, "strong"), *rows, self._offers(signature))

    def _size(self, spec: TensorSpec, axis: int) -> QSpinBox:
        field = QSpinBox()
        field.setRange(0, _LARGEST_SIZE)
        field.setSpecialValueText("?")
        field.setValue(max(0, self.desk.model_draft.pinned(spec.name, spec.shape)[axis]))
        field.setObjectName(f"size-{spec.name}-{axis}")
        field.setAccessibleName(self.words("Size {axis} of {name}", axis=axis, name=spec.name))
        field.setMinimumWidth(120)
        field.editingFinished.connect(lambda: self._pin(spec, axis, field.value()))
        return field

    def _pin(self, spec: TensorSpec, axis: int, value: int) -> None:
        draft = self.desk.model_draft
        sizes = list(draft.pinned(spec.name, spec.shape))
        if sizes[axis] == (value or DYNAMIC):
            return
        sizes[axis] = value or DYNAMIC
        self._take_sizes(OfferedSizes(((spec.name, tuple(sizes)),)))

    def _take_sizes(self, offered: OfferedSizes) -> None:
        self.desk.save_model_draft(self.desk.model_draft.with_sizes(offered.sizes))
        self.desk.unpin()

    def _offers(self, signature: Signature) -> QWidget:
        """The data at hand has the answer; where there is none yet, the user may point at some."""
        words, desk = self.words, self.desk
        known = (desk.quant_draft.calibration, desk.quant_draft.evaluation, desk.fuse_draft.data)
        at_hand = next((path for path in known if path is not None and path.exists()), None)
        if at_hand is not None:
            said = words("Take the sizes of {name}", name=at_hand.name)
            return row(
                button(Action(said, lambda: self._ask_sizes(at_hand, signature), "offer")), None
            )
        folder = Action(
            words("Sizes of a folder…"),
            lambda: self._ask_sizes(choose_folder(words, self), signature),
            "offer-folder",
        )
        archive = Action(
            words("Sizes of a data file…"),
            lambda: self._ask_sizes(choose_data(words, self), signature),
            "offer-npz",
        )
        return row(button(folder), button(archive), None)

    def _ask_sizes(self, data: Path | None, signature: Signature) -> None:
        if data is not None:
            self.start(self.desk.run(tasks.offer_sizes(data, signature), self._take_sizes))

    def _tensors(self, signature: Signature) -> QWidget:
        words = self.words
        headers = (words("Name"), words("Shape"), words("Type"), words("Quantization"))
        return column(
            line(words("Inputs"), "strong"),
            table(self.tokens, words("Inputs"), headers, _rows(signature.inputs)),
            line(words("Outputs"), "strong"),
            table(self.tokens, words("Outputs"), headers, _rows(signature.outputs)),
            None,
        )

    def _operators(self, model: InspectedModel) -> QWidget:
        words = self.words
        rows = [(Cell(o.name), Cell(str(o.count), number=True)) for o in model.operators]
        headers = (words("Operator"), words("Count"))
        return column(
            line(words("Operators"), "strong"),
            table(self.tokens, words("Operators"), headers, rows, most_rows=10),
            None,
        )


def _rows(specs: tuple[TensorSpec, ...]) -> list[tuple[Cell, ...]]:
    return [
        (Cell(s.name), Cell(figures.shape(s.shape)), Cell(s.dtype), Cell(_quantization(s)))
        for s in specs
    ]


def _quantization(spec: TensorSpec) -> str:
    if spec.quantization is None:
        return "–"
    scale, zero = spec.quantization.scales[0], spec.quantization.zero_points[0]
    return f"{scale:.4g} × (q − {zero})"
