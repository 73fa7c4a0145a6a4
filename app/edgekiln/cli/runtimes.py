"""The commands on runtimes of other releases: runtime add | list."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from edgekiln.cli.run import Runner
from edgekiln.core.inference import InferResult, RuntimeInputs, RuntimePlan


def add(arguments: Namespace, run: Runner) -> int:
    """Install a runtime with its Python and let it compute once."""
    wheels = Path(arguments.wheels).absolute() if arguments.wheels else None
    inputs = RuntimeInputs(arguments.runtime, Path(arguments.python))
    result = run.step("add-runtime", inputs, RuntimePlan(wheels), InferResult)
    run.output.result({"runtime": result.runtime})
    run.output.line("{runtime} was added and computes.", runtime=result.runtime)
    return 0


def list_runtimes(arguments: Namespace, run: Runner) -> int:
    """Every runtime that candidates can be run on here."""
    from edgekiln.pipeline.evaluate.foreign import runtimes_folder
    from edgekiln.pipeline.evaluate.runtimes import known_runtimes

    del arguments
    known = known_runtimes()
    run.output.result({"runtimes": list(known), "folder": str(runtimes_folder())})
    run.output.table([run.output.words("Runtime")], [[name] for name in known])
    run.output.line("Those that were added lie in {folder}.", folder=str(runtimes_folder()))
    return 0
