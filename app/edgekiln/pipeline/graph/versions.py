"""The lowest runtime release a graph runs on, by the versions its operators truly need.

The version a file states is not to be trusted: ai-edge-quantizer leaves it as it was, and a runtime
that is too old then computes wrong numbers without an error. So what an operator's tensors need
counts, whatever the file says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from edgekiln import assets
from edgekiln.core.text import Text, say
from edgekiln.pipeline.graph.graph import Graph, Operator
from edgekiln.pipeline.graph.op_versions import needed_version, set_versions

OLDEST = "1.5.0"  # the first release in the table
# Measured, a Dense with a scale for each unit: 2.7.0, 2.8.0, 2.9.1 wrong, 2.10.0 to 2.14.0 right
_WHOLE_PER_CHANNEL = "2.10.0"
# LiteRT counts anew: from this release on it has the operators of that release of the table.
# Asked of 1.0.1, 1.2.0, 1.4.0, 2.0.3, 2.1.6 and 2.3.0, which has every version in the table.
_LITERT_AS = (("1.0.0", "2.18.0"), ("2.0.0", "2.20.0"), ("2.1.0", "2.22.0"), ("2.3.0", "99"))
_NOTE, _NOTE_LENGTH = "min_runtime_version", 16
# Pairs of operator numbers, wrong after an edit; without it runtimes keep the order of all
# operators that have side effects.
_ORDER = "model_control_dependencies"
# Custom operators the standard interpreter brings along.
_KNOWN_CUSTOM = frozenset(
    ("TFLite_Detection_PostProcess", "NumericVerify", "Mfcc", "AudioSpectrogram")
)


@dataclass(frozen=True)
class NeededRuntime:
    """`release`: the lowest that runs every operator the table knows; `because`: the operators that
    need it, as (operator, true version, release), version 0 where no version tells it; `unknown`:
    (operator, version) not in the table, version 0 for a custom operator."""

    release: str
    because: tuple[tuple[str, int, str], ...]
    unknown: tuple[tuple[str, int], ...] = ()


def needed_runtime(graph: Graph) -> NeededRuntime:
    """The lowest runtime release for the graph, by the operator table and the true versions."""
    needs = sorted({need for operator in graph.operators() for need in _needs(operator)})
    known = [need for need in needs if need[2]]
    release = max((need[2] for need in known), key=release_order, default=OLDEST)
    because = tuple(need for need in known if need[2] == release)
    return NeededRuntime(release, because, tuple(need[:2] for need in needs if not need[2]))


def runs_on(graph: Graph, release: str) -> Text | None:
    """Why the graph does not run on a runtime release ("2.14.0"); None when it does."""
    needed = needed_runtime(graph)
    if needed.unknown:
        return _unknown(*needed.unknown[0])
    if release_order(needed.release) <= release_order(release):
        return None
    operator, version, wanted = needed.because[0]
    if not version:
        return say(
            "{operator} with integer weights that have a scale for each unit is computed rightly "
            "by runtime {needed} and newer; the device has {release}.",
            operator=operator,
            needed=wanted,
            release=release,
        )
    return say(
        "{operator} is needed in version {version}, which runtime {needed} and newer have; "
        "the device has {release}.",
        operator=operator,
        version=version,
        needed=wanted,
        release=release,
    )


def litert_as(release: str) -> str:
    """The release of the table whose operators a LiteRT release has; above all of them from 2.3."""
    order = release_order(release)
    return next((a for r, a in reversed(_LITERT_AS) if release_order(r) <= order), _LITERT_AS[0][1])


def stamp_needed_runtime(graph: Graph) -> None:
    """Write the needed version into every operator, and the lowest release into the graph's notes
    where the file has such a note; a graph with an operator the table does not know keeps what it
    says. For whoever edited operators: `write_graph` itself changes nothing."""
    set_versions(graph)
    graph.notes.pop(_ORDER, None)
    needed = needed_runtime(graph)
    if _NOTE in graph.notes and not needed.unknown:
        graph.notes[_NOTE] = needed.release.encode().ljust(_NOTE_LENGTH, b"\0")


def true_version(operator: Operator) -> int:
    """The version a runtime must have for the operator of a file: the one the file states, which a
    runtime insists on, or a higher one its tensors ask for."""
    return max(operator.version, needed_version(operator) or 0)


def lower_forms(graph: Graph, release: str) -> int:
    """Give operators that state a version too new for a release the one they need, where that one
    is old enough; how many. Only running it shows whether it then computes the same."""
    changed = 0
    for operator in graph.operators():
        needed = needed_version(operator) or operator.version
        if needed < operator.version and not _has(operator, operator.version, release):
            changed += _has(operator, needed, release)
            operator.version = needed if _has(operator, needed, release) else operator.version
    return changed


def _has(operator: Operator, version: int, release: str) -> bool:
    lowest = _lowest_release(operator.name, version)
    return bool(lowest) and release_order(lowest) <= release_order(release)


def release_order(release: str) -> tuple[int, ...]:
    """Sorts releases: "2.9.0" before "2.14.0"; what is no number ("rc0") counts as 0."""
    parts = [int(part) if part.isdigit() else 0 for part in release.split(".")]
    return tuple([*parts, 0, 0, 0][:3])


def _unknown(operator: str, version: int) -> Text:
    if not version:
        return say("The custom operator {operator} is in no standard runtime.", operator=operator)
    return say(
        "{operator} version {version} is newer than every runtime release known here.",
        operator=operator,
        version=version,
    )


def _need(operator: Operator) -> tuple[str, int, str]:
    if operator.is_custom:
        return operator.name, 0, OLDEST if operator.name in _KNOWN_CUSTOM else ""
    version = true_version(operator)
    return operator.name, version, _lowest_release(operator.name, version)


def _needs(operator: Operator) -> Iterator[tuple[str, int, str]]:
    yield _need(operator)
    if operator.name == "FULLY_CONNECTED" and _is_whole_per_channel(operator):
        yield operator.name, 0, _WHOLE_PER_CHANNEL


def _lowest_release(name: str, version: int) -> str:
    """The release for a version, or for the next version the table has; "" above the last."""
    versions = _table().get(name, {})
    return next((release for known, release in versions.items() if known >= version), "")


@cache
def _table() -> dict[str, dict[int, str]]:
    stored = json.loads(assets.path("runtimes/op_min_runtime.json").read_text("utf-8"))
    return {
        name: {int(version): versions[version] for version in sorted(versions, key=int)}
        for name, versions in stored["min_runtime"].items()
    }


def _is_whole_per_channel(operator: Operator) -> bool:
    """No version tells it: runtimes up to 2.9 read the first scale only, without a word."""
    source, weights = operator.inputs[:2]
    if source is None or weights is None or weights.quantization is None:
        return False
    integers = source.dtype in ("int8", "int16") and weights.dtype == "int8"
    return integers and len(weights.quantization.scales) > 1
