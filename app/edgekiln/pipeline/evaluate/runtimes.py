"""The TFLite runtimes of this environment, each in a child of its own."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from edgekiln.child import ChildCrashed, describe_exit, run_step
from edgekiln.core.errors import UserError
from edgekiln.core.inference import InferInputs, InferPlan, InferResult, RuntimeFamily
from edgekiln.core.report import Report, silent
from edgekiln.core.text import say
from edgekiln.pipeline.evaluate.infer import DISTRIBUTIONS, name_runtime


def run_model(
    model: Path,
    samples: Path,
    runtime: RuntimeFamily,
    outputs: Path,
    root: Path,
    report: Report = silent,
    threads: int = 1,
    brief: tuple[str, ...] = (),
) -> InferResult:
    """`model` on all `samples` with a runtime; outputs go to the `.npz` `outputs`, the `brief` ones
    for the first samples alone.

    A child that native code took down counts as a refusal: on a box it would have been the same.
    """
    try:
        return run_step(
            "infer",
            InferInputs(model, samples, outputs),
            InferPlan(runtime, threads, brief),
            root,
            InferResult,
            report,
        )
    except ChildCrashed as crash:
        release = name_runtime(runtime)
        how = describe_exit(crash.returncode)
        why = say("{runtime} crashed on the model ({how}).", runtime=release, how=how)
        return InferResult(release, 0, 0.0, why)


def installed_runtimes() -> dict[RuntimeFamily, str]:
    """Runtime family -> release, of this environment."""
    return {family: metadata.version(name) for family, name in DISTRIBUTIONS.items()}


def as_family(name: str) -> RuntimeFamily:
    """The runtime family of that name; UserError for another."""
    if name == "litert":
        return "litert"
    if name == "tflite-runtime":
        return "tflite-runtime"
    raise UserError(
        say("There is no runtime “{name}”.", name=name),
        say("EdgeKiln runs models with litert and tflite-runtime."),
        say("Choose one of the two."),
        choices=tuple(DISTRIBUTIONS),
    )


def parse_runtime(text: str) -> tuple[RuntimeFamily, str]:
    """ "tflite-runtime 2.13.0" -> ("tflite-runtime", "2.13.0"); the release may be missing."""
    name, _, release = text.strip().partition(" ")
    return as_family(name), release.strip()


def stand_in(target_runtime: str) -> RuntimeFamily:
    """The family here that stands in for a box's runtime: the same one, in the release we have.

    Releases of one family differ little in their kernels; the two families differ a lot.
    """
    return parse_runtime(target_runtime)[0]
