"""What a fusion did and what it gained, printed."""

from __future__ import annotations

import shlex

from edgekiln.cli.run import Runner
from edgekiln.core.errors import UserError
from edgekiln.core.fusion import FusionGroup, FusionResult, SourceLatency
from edgekiln.core.gain import gain, price_rows, source_rows
from edgekiln.core.text import Text, say

PLACE = "@"  # between a pass and a tensor: `--leave affine-back@conv1/Relu`


def print_fusion(result: FusionResult, run: Runner) -> None:
    """The proof, the price before and after, what changed outside, and the passes."""
    output, words = run.output, run.output.words
    if result.proof_samples == 0:
        count = result.after.operators
        output.line("No pass applies: {count} operators stay as they are.", count=count)
        return
    output.text(gain(result))
    rows = [[words.render(label), *figures] for label, *figures in price_rows(result)]
    output.table([words("Price"), words("Before"), words("After")], rows)
    for told in (*result.interface, *result.notes):
        output.text(told)
    rows = [[p.name, str(p.applied), words.render(p.title)] for p in result.passes]
    output.table([words("Pass"), words("Applied"), ""], rows)


def print_source(source: SourceLatency, run: Runner) -> None:
    """What TensorFlow takes for the same sample."""
    words = run.output.words
    rows = [
        [words.render(label), words.render(figure) if isinstance(figure, Text) else figure]
        for label, figure in source_rows(source)
    ]
    run.output.table([words("TensorFlow"), ""], rows)


def print_groups(groups: tuple[FusionGroup, ...], run: Runner) -> None:
    """Each place with its state and its reason; below it what `--leave` calls it, quoted for a
    shell, since the converter joins names with semicolons."""
    words = run.output.words
    states = {
        "by-converter": words("fused by the converter"),
        "by-edgekiln": words("fused by EdgeKiln"),
        "possible": words("possible"),
        "not-possible": words("not possible"),
    }
    rows = [[g.pattern, states[g.state], g.place, words.render(g.why)] for g in groups]
    run.output.table([words("Operators"), words("State"), words("Place"), words("Why")], rows)
    run.output.line()
    run.output.line("Places that can be left:")
    for name in dict.fromkeys(f"{g.fused_by}{PLACE}{g.tensor}" for g in groups if g.tensor):
        run.output.line("  --leave {place}", place=shlex.quote(name))


def check_places(leave: tuple[tuple[str, str], ...], groups: tuple[FusionGroup, ...]) -> None:
    """UserError when a place to leave is not one of the model."""
    known = {(group.fused_by, group.tensor) for group in groups}
    for name, tensor in leave:
        if (name, tensor) not in known:
            raise UserError(
                say("The model has no place “{place}”.", place=f"{name}{PLACE}{tensor}"),
                say("The pass does not apply there, or another one was there first."),
                say("“fuse --groups” lists the places: write --leave PASS@TENSOR"),
            )
