"""Small patterns before and after: operators, error, and what int8 gains.

Operators as TensorFlow's converter makes them of the export, as it makes them of the frozen graph
with its batch pinned, and after the step `fuse` with its proof. The error and the int8 figures are
measured here once more, on 32 patches of photographs that calibrated nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from models import Converted, converted, error, folder_for, int8, operators, photographs, run, sqnr

from edgekiln.core.plans import FusionPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.fuse.fuse import fuse

SAMPLES = 32


@dataclass(frozen=True)
class Row:
    """One pattern. `noise`: SQNR of int8 in dB, before and after; None where nothing was fused or
    int8 cannot be made."""

    name: str
    exported: int
    pinned: int
    fused: int
    error: float
    noise: tuple[float, float] | None
    passes: tuple[str, ...]


def measure(name: str, model: Converted) -> Row:
    """Fuse one pattern and compare."""
    with TemporaryDirectory() as scratch:
        folder, before = Path(scratch), model.pinned.path
        done = fuse(model.pinned, FusionPlan(timed=0), folder, silent)
        after = done.artifact.path
        samples = photographs(model.pinned, SAMPLES, seed=2)
        exact = run(before, samples)
        passes = tuple(item.name for item in done.passes if item.applied)
        calibration = photographs(model.pinned, SAMPLES, seed=1)
        pair = None
        if passes:
            made = [
                int8(each, calibration, folder / f"{each.stem}-int8.tflite")
                for each in (before, after)
            ]
            pair = tuple(sqnr(exact, run(each, samples)) for each in made)
        return Row(
            name,
            operators(model.exported),
            operators(before),
            operators(after),
            error(exact, run(after, samples)),
            pair,
            passes,
        )


def rows(models: Path | None) -> Iterator[Row]:
    """All patterns, converted first."""
    with folder_for(models, "patterns") as folder:
        for name, model in converted("keras_patterns.py", folder).items():
            yield measure(name.replace("|", "/"), model)


def main(models: Path | None = None) -> None:
    """Print the table."""
    print(f"{'pattern':<36}{'exported':>9}{'pinned':>7}{'fused':>6}{'error':>9}  int8 SQNR, passes")
    made = []
    for row in rows(models):
        made.append(row)
        noise = f"{row.noise[0]:.1f} -> {row.noise[1]:.1f} dB" if row.noise else ""
        print(
            f"{row.name:<36}{row.exported:>9}{row.pinned:>7}{row.fused:>6}{row.error:>9.0e}  "
            f"{noise:<18} {', '.join(row.passes)}",
            flush=True,
        )
    totals = (sum(getattr(row, key) for row in made) for key in ("exported", "pinned", "fused"))
    grown = {row.name for row in made if row.fused > row.pinned}
    print("{} patterns, operators {} -> {} -> {};".format(len(made), *totals), end=" ")
    print(f"largest error {max(row.error for row in made):.0e}; more operators: {sorted(grown)}")


if __name__ == "__main__":
    main(*(Path(each) for each in sys.argv[1:2]))
