"""The step `overlay`: the boxes or the masks of both models, drawn over what the model sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from edgekiln.core.errors import UserError
from edgekiln.core.report import Report
from edgekiln.core.samples import Overlay, OverlayInputs, OverlayPlan, Overlays
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array, load_arrays
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.prepare import intake_of
from edgekiln.pipeline.data.source import open_data
from edgekiln.pipeline.data.thumbnails import scaled, sheet
from edgekiln.pipeline.evaluate.boxes import Boxes
from edgekiln.pipeline.evaluate.detection import matched_pairs
from edgekiln.pipeline.evaluate.masks import enlarged
from edgekiln.pipeline.evaluate.painting import paint_boxes, paint_mask
from edgekiln.pipeline.evaluate.samples import Outputs, boxes_of

_LEAST_SCORE = 0.25  # as where the agreement of two detectors is measured
_UNUSED = ("scores", "labels")


def overlay(inputs: OverlayInputs, plan: OverlayPlan, out_dir: Path, report: Report) -> Overlays:
    """Draw the samples as the model is fed them, so that corners need no way back; nothing around
    a picture that is not square. UserError for data that is gone or is another by now."""
    report(None, say("Drawing the answers of both models"))
    data = open_data(inputs.data)
    if data.fingerprint != plan.fingerprint:
        raise UserError(
            say("The pictures cannot be drawn with the answers."),
            say("The data has changed since the models were asked about it."),
            say("Quantize again to judge the models on the data as it is."),
        )
    own, other = (load_arrays(path, _UNUSED) for path in (inputs.candidate, inputs.reference))
    over = _boxes_over if "corners" in own else _masks_over
    return Overlays(
        tuple(
            over(_seen(data, i, inputs, plan.side), (own, other), i, inputs.class_names, out_dir)
            for i in plan.samples
        )
    )


def _seen(data: DataSet, i: int, inputs: OverlayInputs, side: int) -> Image.Image:
    """Resized and framed as for the model; neither scaled nor shifted."""
    signature = inputs.signature
    intakes = [intake_of(data, spec, signature) for spec in signature.inputs]
    intake = next((each for each in intakes if each.pixels), None)
    if intake is None:
        raise UserError(
            say("The pictures cannot be drawn with the answers."),
            say("The data is numbers as the model takes them, not pictures."),
            say("Judge the model on picture files, or on arrays of values 0…255."),
        )
    pixels = intake.picture(data.raw(i, intake.array), inputs.preprocessing)
    return scaled(pixels, side).convert("RGB")


def _boxes_over(
    seen: Image.Image,
    outputs: tuple[Outputs, Outputs],
    i: int,
    names: tuple[str, ...],
    out_dir: Path,
) -> Overlay:
    own, other = (_strong(boxes_of(each)[i]) for each in outputs)
    truth = boxes_of(outputs[0], "true_")[i] if "true_corners" in outputs[0] else None
    pairs = matched_pairs(own, other)
    partners = ({a for a, _ in pairs}, {b for _, b in pairs})
    drawn = [
        paint_boxes(seen, boxes, truth, [n in paired for n in range(len(boxes))], names)
        for boxes, paired in zip((own, other), partners, strict=True)
    ]
    files = _save(drawn, i, out_dir)
    return Overlay(*files, float_boxes=len(other), boxes=len(own), agreeing=len(pairs))


def _strong(boxes: Boxes) -> Boxes:
    return boxes.only(boxes.scores >= _LEAST_SCORE)


def _masks_over(
    seen: Image.Image,
    outputs: tuple[Outputs, Outputs],
    i: int,
    names: tuple[str, ...],  # noqa: ARG001  (a mask has no room for them)
    out_dir: Path,
) -> Overlay:
    own = outputs[0]["masks"][i]
    other = enlarged(outputs[1]["masks"][[i]], *own.shape)[0]
    differ = _large(own != other, seen)
    drawn = [paint_mask(seen, _large(mask, seen), differ) for mask in (own, other)]
    return Overlay(*_save(drawn, i, out_dir), alike=float(np.mean(own == other)))


def _large(mask: Array, seen: Image.Image) -> Array:
    return np.asarray(enlarged(mask[None], seen.height, seen.width)[0])


def _save(drawn: list[Image.Image], i: int, out_dir: Path) -> tuple[Path, Path]:
    """The candidate's and float's drawing, each on a square; float's file first."""
    files = out_dir / f"{i}-float.png", out_dir / f"{i}-candidate.png"
    for file, picture in zip(files, reversed(drawn), strict=True):
        sheet([picture], max(picture.size)).save(file, compress_level=1)
    return files
