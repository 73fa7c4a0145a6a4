"""What a fusion gained, in words and rows: the same on the command line and in the report."""

from __future__ import annotations

from edgekiln.core.fusion import FusionResult, Latency, SourceLatency
from edgekiln.core.text import Text, say

PriceRow = tuple[Text, str, str]


def gain(result: FusionResult) -> Text:
    """The operators before and after, and the proof."""
    return say(
        "{before} operators became {after}; "
        "largest difference {error:.1e} on {count} samples ({runtime})",
        before=result.before.operators,
        after=result.after.operators,
        error=result.max_abs_error,
        count=result.proof_samples,
        runtime=result.runtime,
    )


def price_rows(result: FusionResult) -> list[PriceRow]:
    """What the model costs for one sample: each figure with its value before and after."""
    before, after = result.before, result.after
    rows = [
        (say("MACs"), f"{before.macs:,}", f"{after.macs:,}"),
        (say("Bytes moved"), f"{before.bytes_moved:,}", f"{after.bytes_moved:,}"),
        (say("Arena, bytes"), f"{before.arena_bytes:,}", f"{after.arena_bytes:,}"),
        (say("File, bytes"), f"{before.file_bytes:,}", f"{after.file_bytes:,}"),
    ]
    if before.latency is not None and after.latency is not None:
        label = say("ms here, median (quartiles), {runs} runs in turn", runs=after.latency.runs)
        rows.append((label, milliseconds(before.latency), milliseconds(after.latency)))
    return rows


def milliseconds(latency: Latency) -> str:
    """Median and quartiles: "3.4 (3.3–3.6)"."""
    return f"{latency.median:.3g} ({latency.low:.3g}–{latency.high:.3g})"


def source_rows(source: SourceLatency) -> list[tuple[Text, str | Text]]:
    """The source model on TensorFlow: its plain graph and XLA, in milliseconds or why not."""
    runtime, runs = source.plain.runtime, source.plain.runs
    plain = say("{runtime}, plain graph, ms here, {runs} runs in turn", runtime=runtime, runs=runs)
    xla = say("{runtime}, compiled by XLA", runtime=runtime)
    compiled = milliseconds(source.xla) if source.xla else source.why_no_xla or "–"
    return [(plain, milliseconds(source.plain)), (xla, compiled)]
