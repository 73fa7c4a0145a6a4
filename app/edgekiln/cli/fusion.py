"""What a fusion did and what it gained, printed."""

from __future__ import annotations

from edgekiln.cli.run import Runner
from edgekiln.core.fusion import FusionResult


def print_fusion(result: FusionResult, run: Runner) -> None:
    """The proof, the price before and after, what changed outside, and the passes."""
    output, words = run.output, run.output.words
    if result.proof_samples == 0:
        count = result.after.operators
        output.line("No pass applies: {count} operators stay as they are.", count=count)
        return
    output.line(
        "{before} operators became {after}; "
        "largest difference {error:.1e} on {count} samples ({runtime})",
        before=result.before.operators,
        after=result.after.operators,
        error=result.max_abs_error,
        count=result.proof_samples,
        runtime=result.runtime,
    )
    _print_price(result, run)
    for told in (*result.interface, *result.notes):
        output.text(told)
    rows = [[p.name, str(p.applied), words.render(p.title)] for p in result.passes]
    output.table([words("Pass"), words("Applied"), ""], rows)


def _print_price(result: FusionResult, run: Runner) -> None:
    """What the model costs before and after, for one sample."""
    words, before, after = run.output.words, result.before, result.after
    rows = [
        [words("MACs"), f"{before.macs:,}", f"{after.macs:,}"],
        [words("Bytes moved"), f"{before.bytes_moved:,}", f"{after.bytes_moved:,}"],
        [words("Arena, bytes"), f"{before.arena_bytes:,}", f"{after.arena_bytes:,}"],
        [words("File, bytes"), f"{before.file_bytes:,}", f"{after.file_bytes:,}"],
    ]
    if before.latency is not None and after.latency is not None:
        figures = [
            f"{x.median:.3g} ({x.low:.3g}–{x.high:.3g})" for x in (before.latency, after.latency)
        ]
        label = words("ms here, median (quartiles), {runs} runs in turn", runs=after.latency.runs)
        rows.append([label, *figures])
    run.output.table([words("Price"), words("Before"), words("After")], rows)
