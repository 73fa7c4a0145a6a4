"""A worker that misbehaves on request: the step's name says how. A program, not a mock."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
from typing import Any


def send(kind: str, **fields: Any) -> None:
    os.write(1, json.dumps({"$": kind, **fields}).encode() + b"\n")


def text(template: str) -> dict[str, Any]:
    return {"$": "Text", "template": template, "values": []}


def answer() -> None:
    send("Done", result={"$": "InspectPlan"})


def half_then_answer() -> None:
    send("Progress", fraction=0.5, text=text("half"))
    answer()


def hang() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    send("Progress", fraction=None, text=text("deaf"))
    time.sleep(600)


def wait() -> None:
    send("Progress", fraction=None, text=text("waiting"))
    time.sleep(600)


def brief() -> None:
    time.sleep(0.3)
    answer()


def fail() -> None:
    send("Failed", what=text("What"), why=text("Why"), do=text("Do"), choices=["a", "b"])
    sys.exit(1)


def done_then_die() -> None:
    answer()
    os.kill(os.getpid(), signal.SIGSEGV)


def done_but_1() -> None:
    answer()
    sys.exit(1)


def nonsense() -> None:
    os.write(1, b"hello there\n")
    time.sleep(600)


def wrong_type() -> None:
    send("Done", result={"$": "InspectPlan", "unknown": 1})


def log() -> None:
    send("Log", line="a line of the log")
    answer()


def nothing() -> None:
    """End well without an answer."""


def flood() -> None:
    line = json.dumps({"$": "Progress", "fraction": 0.1, "text": text("flood")}).encode() + b"\n"
    for _ in range(200):
        os.write(1, line * 500)
        os.write(2, b"noise\n" * 500)
    answer()


def offer_sizes() -> None:
    send("Done", result={"$": "OfferedSizes", "sizes": [["image", [1, 32, 24, 1]]]})


def quantize() -> None:
    """A search that never ends: three attempts, one after another."""
    for size, loss in ((100_000, 0.0), (30_000, 0.034), (26_000, 0.008)):
        send("Progress", fraction=None, text=text("searching"))
        send(
            "Found",
            attempt={
                "$": "Attempt",
                "scheme": "int8" if loss else "float32",
                "kept": [["conv1", "float32"]] if loss and loss < 0.01 else [],
                "operators": 9,
                "size_bytes": size,
                "loss": loss,
                "median_ms": 0.5,
                "usable": True,
                "within": loss < 0.01,
            },
        )
        time.sleep(0.05)
    time.sleep(600)


def look_at_data() -> None:
    """64 pictures of two classes."""
    kind = {"kind": "folder", "packed": False, "content": "picture", "truth": "classes"}
    count = {"samples": 64, "labelled": 60, "class_names": ["cat", "dog"], "classes": 2}
    send("Done", result={"$": "DataLook", **kind, **count, "size": "", "columns": []})


def propose() -> None:
    fed = {"$": "Preprocessing", "name": "imagenet"}
    evidence = text("right on 60 of 64")
    send("Done", result={"$": "Proposal", "preprocessing": fed, "evidence": evidence})


def slices() -> None:
    """Two shifts; the night loses."""

    def share(value: float, samples: int) -> dict[str, Any]:
        interval = {"$": "Interval", "low": value - 0.05, "high": value + 0.01, "method": "wilson"}
        own = {"name": "accuracy", "value": value, "samples": samples, "interval": interval}
        return {"$": "Measure", **own}

    def one(by: str, value: str, samples: int, own: float, other: float) -> dict[str, Any]:
        test = {"$": "PairedTest", "difference": own - other, "p": 0.5 if own > 0.9 else 0.001}
        paired = {**test, "samples": samples, "method": "mcnemar", "gained": 0, "lost": 9}
        figures = {"primary": share(own, samples), "float_primary": share(other, samples)}
        place = {"by": by, "value": value, "samples": samples}
        return {"$": "SliceFigures", **place, **figures, "paired": paired}

    told = [one("shift", "day", 260, 0.99, 0.99), one("shift", "night", 99, 0.81, 0.95)]
    told.append(one("size", "640×480", 359, 0.98, 0.99))
    send("Done", result={"$": "SliceTable", "slices": told})


def check_data() -> None:
    """Two samples that are the same, to calibrate and to evaluate."""
    alike = {"$": "Alike", "samples": ["3", "4"], "exact": True, "across": True, "disputed": False}
    one = {"$": "Slice", "by": "class", "value": "cat", "samples": 5, "evaluation": 5}
    found = {"samples": 5, "evaluation_samples": 5, "slices": [one], "alike": [alike]}
    none = {"unreadable": [], "unreadable_count": 0, "exact_count": 1, "near_count": 0}
    rest = {"drift": [], "strange": [], "unlabelled": 0}
    send("Done", result={"$": "DataCheck", **found, **none, **rest})


WAYS = {
    "check-data": check_data,
    "look-at-data": look_at_data,
    "propose": propose,
    "slices": slices,
    "offer-sizes": offer_sizes,
    "quantize": quantize,
    "answer": half_then_answer,
    "convert": answer,
    "abort": os.abort,
    "hang": hang,
    "wait": wait,
    "brief": brief,
    "flood": flood,
    "fail": fail,
    "done-then-die": done_then_die,
    "done-but-1": done_but_1,
    "nonsense": nonsense,
    "wrong-type": wrong_type,
    "log": log,
    "nothing": nothing,
}


def main() -> int:
    faulthandler.enable()
    if sys.argv[1:]:
        sys.stderr.write(f"warm {sys.argv[1]}\n")
    version = int(os.environ.get("FAKE_WORKER_VERSION", "2"))
    send("Ready", version=version, pid=os.getpid())
    if line := sys.stdin.readline():
        WAYS[json.loads(line)["step"]]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
