"""Keras models converted twice in one TensorFlow process: as everybody does it, and by EdgeKiln.

In `FOLDER/NAME` come to lie `exported.tflite` (TensorFlow's converter on the exported SavedModel,
its batch dynamic) and `pinned/model.tflite` (the step `convert`). What lies there already stays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
import tensorflow as tf

from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.convert.convert import convert

Build = Callable[[], keras.Model]


def convert_both(builds: Mapping[str, Build], folder: Path) -> None:
    """Build, export and convert the models one after another; the SavedModel is not kept."""
    for name, build in builds.items():
        place = folder / name.replace("/", "|")
        if (place / "pinned" / "model.tflite").exists():
            continue
        keras.utils.set_random_seed(7)
        tf.keras.backend.clear_session()
        model = build()
        saved = place / "saved_model"
        model.export(saved, verbose=False)
        exported = tf.lite.TFLiteConverter.from_saved_model(str(saved)).convert()
        (place / "exported.tflite").write_bytes(exported)
        (place / "pinned").mkdir(exist_ok=True)
        source = ModelSource(saved, "saved-model", "")
        convert(source, ConvertPlan(sizes=sizes(model)), place / "pinned", silent)
        print(name, flush=True)


def sizes(model: keras.Model) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Sizes for the inputs whose height and width are open, too: 224."""
    return tuple(
        (x.name, (1, *(224 if size is None else size for size in x.shape[1:])))
        for x in model.inputs
        if None in x.shape[1:]
    )


def settle(model: keras.Model, size: int = 224) -> keras.Model:
    """Random weights as training leaves them: BatchNorm scales and offsets away from 1 and 0, and
    its statistics those of the activations, so that no layer's values vanish or overflow."""
    random = np.random.default_rng(7)
    norms = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
    for norm in norms:
        units = norm.moving_mean.shape[0]
        norm.gamma is not None and norm.gamma.assign(random.uniform(0.5, 1.5, units))
        norm.beta is not None and norm.beta.assign(random.normal(0, 0.3, units))
        norm.momentum = 0.0
    shape = [size if n is None else n for n in model.inputs[0].shape[1:]]
    if norms:
        model(random.uniform(-1, 1, (4, *shape)).astype("f"), training=True)
    return model
