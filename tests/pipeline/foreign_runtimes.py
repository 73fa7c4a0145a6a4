"""The runtimes of other releases that this computer has, for tests that need one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = os.environ.get("EDGEKILN_RUNTIMES", "")  # read before a test gives itself another home


def a_foreign(prefix: str) -> str:
    """ "tflite-runtime 2.8.0" for "tflite-runtime-2.8"; skips the test where there is none."""
    found = sorted(Path(FOLDER).glob(f"{prefix}*")) if FOLDER else []
    if not found:
        pytest.skip(f"no {prefix} in $EDGEKILN_RUNTIMES: see “edgekiln runtime add”")
    family, _, release = found[-1].name.rpartition("-")
    return f"{family} {release}"
