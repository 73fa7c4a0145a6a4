"""What a spare child imports ahead of its request: TensorFlow takes 5 to 16 s to load."""

from __future__ import annotations

import edgekiln.pipeline.convert.describe
import edgekiln.pipeline.convert.prove
import edgekiln.pipeline.convert.to_tflite  # noqa: F401
