"""Run by a Python that is not ours, with a release of the runtime that is not ours: `elsewhere.py
infer|time …`, a JSON line on stdout. The agent beside it computes, so that what is measured here is
what a box with that release does.

Python 3.7, numpy and a TFLite runtime. It ends with its parent, which holds its stdin open.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from typing import Any, Dict, List

Answer = Dict[str, Any]
FEWEST, WARM_UP = 5, 2  # runs, whatever time they take
agent = importlib.import_module("agent")


def infer(family: str, samples: str, outputs: str, model: str) -> Answer:
    """A model on every sample; outputs in real values go to an `.npz`."""
    np, (runtime, make) = agent.load("numpy"), agent.runtime_here(family)
    rows = _rows(np, samples)
    try:
        found, times = agent.compute(np, make(model), rows)
    except (RuntimeError, ValueError) as error:
        return {"runtime": runtime, "refused": str(error)}
    np.savez(outputs, **found)
    return {"runtime": runtime, "samples": len(rows), "median_ms": float(np.median(times))}


def time_in_turn(
    family: str, samples: str, runs: str, seconds: str, threads: str, *models: str
) -> Answer:
    """The milliseconds of models on the first sample, A B A B …: a list for each."""
    np, (runtime, make) = agent.load("numpy"), agent.runtime_here(family)
    sample = _rows(np, samples)[0]
    times = [[] for _ in models]  # type: List[List[float]]
    try:
        nets = [make(model, int(threads)) for model in models]
        loaded = [(net, agent.prepare(net)) for net in nets]
        for net, ports in loaded * WARM_UP:
            agent.run_once(np, net, ports, sample)
        began = time.monotonic()
        while len(times[-1]) < int(runs):
            if len(times[-1]) >= FEWEST and time.monotonic() - began > float(seconds):
                break
            for (net, ports), each in zip(loaded, times):  # noqa: B905  (Python 3.7)
                each.append(agent.run_once(np, net, ports, sample)[1])
    except (RuntimeError, ValueError) as error:
        return {"runtime": runtime, "refused": str(error)}
    return {"runtime": runtime, "times": times}


def _rows(np: Any, path: str) -> List[Answer]:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    count = min(len(array) for array in arrays.values())
    return [{name: array[i] for name, array in arrays.items()} for i in range(count)]


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(3)


def main(arguments: List[str]) -> int:
    """Run one command; what cannot even be imported is `missing`."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    commands = {"infer": infer, "time": time_in_turn}  # type: Dict[str, Any]
    try:
        answer = commands[arguments[0]](*arguments[1:])
    except agent.Refusal as refusal:
        answer = {"missing": refusal.answer}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
