"""All passes on MobileNetV2: time and memory, beside reading and writing the same file.

`python fusion_time.py measure KIND MODEL` is the process that is measured: after its imports it
does one thing and prints seconds, and by how many MB its resident set rose at most above what it
was before. "passes" reads, runs all sixteen and writes; "step" is the whole step `fuse` with all of
them, the proof on 32 samples included. The proof's children, where the runtime is, count in the
time; their memory is printed beside it.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from edgekiln.core.plans import FusionPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.fuse.fuse import fuse
from edgekiln.pipeline.fuse.passes import PASSES
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import write_graph

RUNS = 5
KINDS = ("read-write", "passes", "step")
LIMIT_S, LIMIT_TIMES = 2.0, 4.0
ASKED = tuple(item.name for item in PASSES if item.asked)


def perform(kind: str, model: Path, folder: Path) -> None:
    """One thing to measure."""
    if kind == "step":
        artifact = artifact_of(model, scheme="float32", made_from="", made_by=())
        fuse(artifact, FusionPlan(extra=ASKED, timed=0), folder, silent)
        return
    graph = read_graph(model)
    if kind == "passes":
        turn = 0
        while turn < len(PASSES):
            turn = 0 if PASSES[turn].run(graph) else turn + 1
    write_graph(graph, folder / "written.tflite")


def measure(kind: str, model: Path) -> None:
    """Print seconds, MB of this process above its imports, and MB of its largest child."""
    with TemporaryDirectory() as folder:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
        before, began = _own_peak(), time.perf_counter()
        perform(kind, model, Path(folder))
        seconds = time.perf_counter() - began
    assert "tensorflow" not in sys.modules
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(seconds, _own_peak() - before, child)


def _own_peak() -> float:
    """In MB. Not ru_maxrss: a child starts with its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measured(kind: str, model: Path) -> tuple[float, float, float]:
    """The three figures of a fresh process."""
    command = [sys.executable, __file__, "measure", kind, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, own, child = map(float, done.stdout.split()[-3:])
    return seconds, own, child


def main(models: Path | None = None) -> None:
    """Print one line a kind, runs in turn; the ratio is that to reading and writing."""
    from models import converted, folder_for

    with folder_for(models, "networks") as folder:
        model = converted("keras_networks.py", folder, "MobileNetV2")["MobileNetV2"].pinned.path
        size = model.stat().st_size / 2**20
        turns = [{kind: measured(kind, model) for kind in KINDS} for _ in range(RUNS)]
        print(
            f"MobileNetV2 ({size:.1f} MB), limits {LIMIT_S:g} s and {LIMIT_TIMES:g} times that size"
        )
        for kind in KINDS:
            seconds, rise, child = (
                statistics.median(turn[kind][i] for turn in turns) for i in range(3)
            )
            ratio = statistics.median(turn[kind][0] / turn[KINDS[0]][0] for turn in turns)
            print(
                f"  {kind:<11}{seconds:.2f} s ({ratio:.1f} times read-write), "
                f"{rise:.0f} MB above the imports ({rise / size:.1f} times the file)"
                + (f", largest child {child:.0f} MB in all" if child else "")
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(sys.argv[2], Path(sys.argv[3]))
    else:
        main(*(Path(each) for each in sys.argv[1:2]))
