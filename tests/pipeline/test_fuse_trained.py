"""A classifier trained on digits keeps its accuracy when it is fused, in float and in int8."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[1] / "bench"
NAME = "pre-activation ResNet"
NOISE = 2 / 797  # pictures, in the mean of five calibrations, that rounding may tip
PROGRAM = f"""
import json
from fusion_trained import rows
from edgekiln.core.codec import encode
print(json.dumps(encode(next(rows(None, {NAME!r})))))
"""


def test_a_trained_classifier_is_as_good_when_it_is_fused() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=BENCH, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout.splitlines()[-1])
    before, after = row["operators"]
    plain, fused, int8_plain, int8_fused = row["judged"]
    assert after <= before - 7  # a BatchNorm for each that the converter leaves
    assert plain["accuracy"] > 0.95
    assert fused["same"] == plain["same"] == 797
    assert int8_fused["accuracy"] >= int8_plain["accuracy"] - NOISE
