"""The step `convert`: a model as one float `.tflite` with its signature's names, proven equal."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from edgekiln import __version__
from edgekiln.core.artifact import Artifact
from edgekiln.core.errors import UserError
from edgekiln.core.files import write_atomic
from edgekiln.core.model import DYNAMIC, ModelSource, Signature, TensorSpec
from edgekiln.core.plans import ConvertPlan
from edgekiln.core.report import Report, part_of
from edgekiln.core.text import say
from edgekiln.pipeline.convert.choose import choose_signature
from edgekiln.pipeline.graph.artifact import artifact_of

MODEL = "model.tflite"


def convert(inputs: ModelSource, plan: ConvertPlan, out_dir: Path, report: Report) -> Artifact:
    """Freeze the signature, pin its sizes, convert, and compare with TensorFlow on random inputs.

    A `.tflite` is taken as it is. UserError for what cannot run on a box; `source_groups.json` is
    left beside the artifact.
    """
    if inputs.kind == "tflite":
        from edgekiln.pipeline.convert.take import take

        report(None, say("Reading the model"))
        return take(inputs, plan, out_dir / MODEL)
    return _convert(inputs, plan, out_dir, report)


def _convert(inputs: ModelSource, plan: ConvertPlan, out_dir: Path, report: Report) -> Artifact:
    report(0.0, say("Starting TensorFlow"))
    # Not at the top: a .tflite needs none of it
    from edgekiln.pipeline.convert.freeze import freeze, opened
    from edgekiln.pipeline.convert.groups import source_groups, write_groups
    from edgekiln.pipeline.convert.loops import settle_loops
    from edgekiln.pipeline.convert.prove import prove
    from edgekiln.pipeline.convert.to_tflite import to_tflite

    report(0.2, say("Reading the model"))
    with opened(inputs) as model:
        signature = choose_signature(model.signatures, plan.signature)
        shapes = {spec.name: pin(spec, plan) for spec in signature.inputs}
        _refuse_unknown_inputs(signature, plan)
        frozen = settle_loops(freeze(model, signature, shapes))
    write_groups(source_groups(frozen.graph_def), out_dir)
    report(0.4, say("Converting"))
    write_atomic(out_dir / MODEL, to_tflite(frozen))
    prove(frozen, out_dir / MODEL, part_of(report, 0.7, 1.0))
    return artifact_of(
        out_dir / MODEL, scheme="float32", made_from=inputs.fingerprint, made_by=made_by()
    )


def made_by() -> tuple[tuple[str, str], ...]:
    """The tools that made the artifact, with their releases."""
    return (("tensorflow", metadata.version("tensorflow-cpu")), ("edgekiln", __version__))


def pin(spec: TensorSpec, plan: ConvertPlan) -> tuple[int, ...]:
    """The input's whole shape: the plan's, else the declared one with a batch of 1."""
    asked = dict(plan.sizes).get(spec.name)
    if asked is None:
        shape = tuple(1 if i == 0 and n == DYNAMIC else n for i, n in enumerate(spec.shape))
        if DYNAMIC in shape:
            raise _unpinned(spec)
        return shape
    fits = len(asked) == len(spec.shape) and all(
        n > 0 and declared in (DYNAMIC, n) for n, declared in zip(asked, spec.shape, strict=True)
    )
    if not fits:
        raise UserError(
            say(
                "The sizes {asked} do not fit the input “{name}”.",
                asked=_words(asked),
                name=spec.name,
            ),
            say("The model declares {declared}.", declared=_words(spec.shape)),
            say("Give one size for each “?”; the others stay as they are."),
        )
    return asked


def _unpinned(spec: TensorSpec) -> UserError:
    example = tuple((1 if i == 0 else 224) if n == DYNAMIC else n for i, n in enumerate(spec.shape))
    return UserError(
        say("The input “{name}” has no fixed size.", name=spec.name),
        say("The model declares {declared}; a box needs every size.", declared=_words(spec.shape)),
        say(
            "Give the size the model will be fed, for example {example} "
            "(command line: --pin {name}={sizes}).",
            example=_words(example),
            name=spec.name,
            sizes=",".join(map(str, example)),
        ),
    )


def _refuse_unknown_inputs(signature: Signature, plan: ConvertPlan) -> None:
    known = {spec.name for spec in signature.inputs}
    if not known:
        raise UserError(
            say("The signature “{key}” has no inputs.", key=signature.key),
            say("It computes the same values every time; there is nothing to feed it with."),
            say("Choose or export a signature that takes the model's inputs."),
        )
    if foreign := sorted(name for name, _ in plan.sizes if name not in known):
        raise UserError(
            say("There is no input “{name}”.", name=foreign[0]),
            say("The signature “{key}” has: {names}.", key=signature.key, names=", ".join(known)),
            say("Give sizes for these inputs only."),
            tuple(sorted(known)),
        )
    if text := [spec.name for spec in signature.inputs if spec.dtype == "string"]:
        raise UserError(
            say("The input “{name}” takes text.", name=text[0]),
            say("A runtime on a box is fed with plain numbers."),
            say("Choose or export a signature whose inputs are numbers."),
        )


def _words(shape: tuple[int, ...]) -> str:
    return "×".join("?" if n == DYNAMIC else str(n) for n in shape)
