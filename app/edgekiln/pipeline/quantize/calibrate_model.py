"""The step `calibrate`: a float model and samples in, one calibration file out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from edgekiln.core.quantization import (
    CalibrationInputs,
    CalibrationPlan,
    CalibrationResult,
    Provenance,
)
from edgekiln.core.report import Report
from edgekiln.pipeline.data.arrays import load_arrays, save_arrays
from edgekiln.pipeline.evaluate.infer import name_runtime
from edgekiln.pipeline.quantize.bias_correction import mean_inputs
from edgekiln.pipeline.quantize.calibrate import calibrate
from edgekiln.pipeline.quantize.calibration_file import save_calibration
from edgekiln.pipeline.quantize.honesty import check_finite, honest_notes

_FILE, _MEANS = "calibration.npz", "means.npz"
_MEAN_SAMPLES = 64


def calibrate_model(
    inputs: CalibrationInputs, plan: CalibrationPlan, out_dir: Path, report: Report
) -> CalibrationResult:
    """What every tensor of the model holds on the samples, in one file in `out_dir`.

    UserError when the model does not run, and when samples or what it computes are not finite.
    """
    samples = load_arrays(inputs.samples)
    check_finite(samples)
    model = inputs.model
    calibration = calibrate(model.path, model.signature, samples, report, plan.carry_on)
    provenance = Provenance(
        model_sha256=model.sha256,
        data=inputs.data,
        data_fingerprint=inputs.data_fingerprint,
        samples_digest=inputs.digest,
        samples=calibration.samples,
        preprocessing=plan.preprocessing,
        runtime=name_runtime("litert"),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    save_calibration(out_dir / _FILE, calibration, provenance)
    few = {name: rows[:_MEAN_SAMPLES] for name, rows in samples.items()}
    save_arrays(out_dir / _MEANS, mean_inputs(model.path, model.signature, few))
    if plan.carry_on is not None:
        plan.carry_on.unlink(missing_ok=True)
    notes = tuple(honest_notes(inputs, calibration, samples))
    return CalibrationResult(out_dir / _FILE, out_dir / _MEANS, provenance, notes)
