"""Whole networks before and after: operators, and latency measured in turn.

Float and int8, each pinned and fused: four models in one child, A B C D A B C D … Figures are for
LiteRT on one thread of this computer; int8 is calibrated on 16 photographs' parts.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from models import (
    Converted,
    converted,
    folder_for,
    int8,
    operators,
    photographs,
    spell,
    time_in_turn,
)

from edgekiln.core.fusion import Latency
from edgekiln.core.plans import FusionPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.fuse.fuse import fuse

SAMPLES = 16
BARS = {"ConvNeXt-Tiny": 352, "TCN": 57, "DenseNet121": 250, "ResNet50V2": 98}  # operators


@dataclass(frozen=True)
class Row:
    """One network: operators, the fusion's error, and latencies pinned and fused (one alone where
    no pass applied)."""

    name: str
    exported: int
    pinned: int
    fused: int
    error: float
    floats: tuple[Latency, ...]
    ints: tuple[Latency, ...]


def measure(name: str, model: Converted) -> Row:
    """Fuse one network, quantize both, time all four in turn."""
    with TemporaryDirectory() as scratch:
        folder, before = Path(scratch), model.pinned.path
        done = fuse(model.pinned, FusionPlan(timed=0, samples=8), folder, silent)
        after = done.artifact.path
        samples = photographs(model.pinned, SAMPLES, seed=1)
        both = (before, after)
        ints = tuple(int8(each, samples, folder / f"{each.stem}-int8.tflite") for each in both)
        changed = any(item.applied for item in done.passes)
        timed = (*both, *ints) if changed else (before, ints[0])
        latencies = time_in_turn(timed, folder, samples).latencies
        return Row(
            name,
            operators(model.exported),
            operators(before),
            operators(after),
            done.max_relative_error,
            latencies[: len(latencies) // 2],
            latencies[len(latencies) // 2 :],
        )


def main(models: Path | None = None, *names: str) -> None:
    """Print the table."""
    print(f"{'network':<18}{'exported':>9}{'pinned':>7}{'fused':>6}{'bar':>5}{'error':>9}  latency")
    with folder_for(models, "networks") as folder:
        for name, model in converted("keras_networks.py", folder, *names).items():
            if names and name not in names:
                continue
            row = measure(name, model)
            print(
                f"{row.name:<18}{row.exported:>9}{row.pinned:>7}{row.fused:>6}"
                f"{BARS.get(name, ''):>5}{row.error:>9.0e}  float {spell(row.floats)}; "
                f"int8 {spell(row.ints)}; n={row.floats[0].runs}",
                flush=True,
            )


if __name__ == "__main__":
    main(*(Path(each) for each in sys.argv[1:2]), *sys.argv[2:])
