"""`make bench`: what EdgeKiln promises, each figure beside a peer measured in the same run.

A ratio holds when the machine's speed drifts; the absolute medians are for orientation. What is
compared runs in turn, A B A B …, after a warm-up of each. Nothing here passes or fails a test.

`bench.py [--models FOLDER] [PART …]`: with a folder, converted models are kept and used again. The
parts but `pairs` each run in a process of their own, named in SCRIPTS, where they say what they
measure. The part `pairs`:

- start: from the start of the process to the first window on the screen (offscreen platform),
  against a bare PySide6 window with one label.
- stall: the longest time the window's event loop stood still while a SavedModel was converted,
  against the same conversion in a thread of the window's process.
- calibration: 100 samples through a MobileNetV2, against TensorFlow's own converter and against
  ai-edge-quantizer, imports aside.
- sensitivity: what int8 does to 65 operators (MobileNetV2's size, 224 x 224) on 10 samples, in a
  child with its start, against a child that only loads the runtime.
- demo: the whole way on the embedded sample in a fresh workspace, against `import tensorflow`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = {
    "patterns": "fusion_patterns.py",
    "networks": "fusion_networks.py",
    "trained": "fusion_trained.py",
    "time": "fusion_time.py",
    "kit": "quant_kit.py",
    "breaking": "breaking.py",
    "search": "search.py",
    "matrix": "runtime_matrix.py",
    "sizes": "quant_sizes.py",
    "throughput": "throughput.py",
    "grid": "grid.py",
}
KEEPS_NOTHING = ("kit", "matrix", "throughput", "grid")
PARTS = ("pairs", *SCRIPTS)
ENVIRONMENT = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "TF_CPP_MIN_LOG_LEVEL": "3"}


@dataclass(frozen=True)
class Pair:
    """What is measured, against what, how often; both return one figure."""

    name: str
    unit: str
    limit: float
    ours: Callable[[], float]
    peer: Callable[[], float]
    peer_name: str
    runs: int


def printed_figure(*command: str) -> float:
    """The last line a program prints, as a number."""
    done = subprocess.run(
        [sys.executable, *command], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def seconds(*command: str) -> float:
    """How long a whole process takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], env=ENVIRONMENT, capture_output=True, check=True)
    return time.perf_counter() - began


def demo() -> float:
    """`edgekiln demo` in a fresh workspace, whole process."""
    with tempfile.TemporaryDirectory() as folder:
        report = str(Path(folder) / "demo.html")
        return seconds("-m", "edgekiln", "demo", "--workspace", folder, "--report", report)


def import_tensorflow() -> float:
    """What the demo pays TensorFlow for being there."""
    return seconds("-c", "import tensorflow")


def sensitivity(folder: Path, part: str) -> float:
    """The step `sensitivity`, or the bare start of its child; `folder` keeps the models."""
    folder = folder / "sensitivity"
    folder.mkdir(exist_ok=True)
    return printed_figure(str(HERE / "sensitivity.py"), str(folder), part)


def calibration(way: str, folder: Path) -> float:
    """Seconds of calibration alone, of a model that is made at the first call."""
    script, folder = str(HERE / "calibration.py"), folder / "calibration"
    folder.mkdir(exist_ok=True)
    if not (folder / "samples.npz").exists():
        seconds(script, "make", str(folder))
    return printed_figure(script, way, str(folder))


def pairs(folder: Path) -> tuple[Pair, ...]:
    """The figures of the promise; `folder` keeps what several runs need."""
    return (
        Pair(
            "window on screen",
            "ms",
            1500,
            lambda: printed_figure("-m", "edgekiln", "gui", "--measure-start"),
            lambda: printed_figure(str(HERE / "bare_window.py")),
            "bare PySide6 window",
            7,
        ),
        Pair(
            "longest stall in a conversion",
            "ms",
            100,
            lambda: printed_figure(str(HERE / "stall.py"), "job"),
            lambda: printed_figure(str(HERE / "stall.py"), "thread"),
            "conversion in a thread",
            3,
        ),
        Pair(
            "sensitivity, 65 operators",
            "s",
            5,
            lambda: sensitivity(folder, "step"),
            lambda: sensitivity(folder, "start"),
            "loading the runtime",
            5,
        ),
        *(
            Pair(
                "calibration of 100 samples",
                "s",
                limit,
                lambda: calibration("ours", folder),
                lambda way=way: calibration(way, folder),
                name,
                3,
            )
            for way, name, limit in (
                ("stock", "TensorFlow's converter", 10),
                ("peer", "ai-edge-quantizer", 10),
            )
        ),
        Pair("demo", "s", 60, demo, import_tensorflow, "import tensorflow", 3),
    )


def measure_pairs() -> None:
    """Measure all pairs and print one table."""
    with tempfile.TemporaryDirectory() as folder:
        for pair in pairs(Path(folder)):
            measure(pair)


def measure(pair: Pair) -> None:
    """Print one row."""
    pair.ours(), pair.peer()
    figures = [(pair.ours(), pair.peer()) for _ in range(pair.runs)]
    ours, peer = zip(*figures, strict=True)
    ratio = statistics.median(a / b for a, b in figures)
    print(
        f"{pair.name:<30} {_spread(ours)} {pair.unit} (promise: {pair.limit:g}), "
        f"{pair.peer_name} {_spread(peer)} {pair.unit}, ratio {ratio:.2f}, n={pair.runs}"
    )


def measure_tables(part: str, models: Path | None) -> None:
    """One of the scripts; what the tools say besides is shown only when it fails."""
    kept = [str(models)] if models and part not in KEEPS_NOTHING else []
    command = [sys.executable, str(HERE / SCRIPTS[part]), *kept]
    with tempfile.TemporaryFile("w+") as log:
        if subprocess.run(command, env=ENVIRONMENT, stderr=log, check=False).returncode:
            log.seek(0)
            sys.exit(log.read())


def main() -> None:
    """Measure the parts asked for, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="|".join(PARTS))
    parser.add_argument("--models", type=Path)
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}; median (min–max), n in turn")
    for part in asked.parts or PARTS:
        print(f"\n{part}", flush=True)
        if part == "pairs":
            measure_pairs()
        else:
            measure_tables(part, asked.models)


def _spread(figures: tuple[float, ...]) -> str:
    low, middle, high = min(figures), statistics.median(figures), max(figures)
    return f"{middle:.3g} ({low:.3g}–{high:.3g})"


if __name__ == "__main__":
    main()
