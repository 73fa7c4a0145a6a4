"""TensorFlow's own: features of a sound, a WAV as it decodes it, and records it writes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf


def signal_features(x: np.ndarray, window: int, stride: int, bins: int) -> tuple[np.ndarray, ...]:
    """tf.signal, by the published recipe of keyword spotting (MLPerf Tiny)."""
    fft = 1 << (window - 1).bit_length()
    spectrum = tf.abs(tf.signal.stft(x, window, stride, fft))
    weights = tf.signal.linear_to_mel_weight_matrix(bins, fft // 2 + 1, 16000, 20.0, 4000.0)
    logs = tf.math.log(tf.tensordot(spectrum, weights, 1) + 1e-6)
    return logs.numpy(), tf.signal.mfccs_from_log_mel_spectrograms(logs)[..., :10].numpy()


def operator_features(x: np.ndarray, window: int, stride: int, count: int) -> np.ndarray:
    """The operators of the speech commands example."""
    spectrum = tf.raw_ops.AudioSpectrogram(
        input=x[:, None], window_size=window, stride=stride, magnitude_squared=True
    )
    return tf.raw_ops.Mfcc(
        spectrogram=spectrum, sample_rate=16000, dct_coefficient_count=count
    ).numpy()[0]


def feature(value: object) -> tf.train.Feature:
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    array = np.ravel(value)
    if array.dtype.kind == "f":
        return tf.train.Feature(float_list=tf.train.FloatList(value=array))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=array))


def write(path: Path, examples: list[dict[str, object]]) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for example in examples:
            features = tf.train.Features(feature={k: feature(v) for k, v in example.items()})
            writer.write(tf.train.Example(features=features).SerializeToString())


def main(folder: Path) -> None:
    x = np.load(folder / "sound.npy")
    logs, mfcc = signal_features(x, 480, 320, 40)
    np.savez(
        folder / "features.npz", logs=logs, mfcc=mfcc,
        ops=operator_features(x, 480, 160, 40),
        wav=tf.audio.decode_wav((folder / "sound.wav").read_bytes())[0].numpy(),
    )  # fmt: skip
    pixels = np.load(folder / "pixels.npy")
    encoded = [tf.io.encode_png(p).numpy() for p in pixels]
    write(
        folder / "pictures.tfrecord",
        [
            {
                "image/encoded": data, "image/class/label": i % 3, "image/height": 6,
                "image/width": 8, "image/object/bbox/xmin": [0.25, 0.0],
                "image/object/bbox/ymin": [0.0, 0.5], "image/object/bbox/xmax": [0.5, 1.0],
                "image/object/bbox/ymax": [0.5, 1.0], "image/object/class/label": [i, -1],
            }
            for i, data in enumerate(encoded)
        ],
    )  # fmt: skip
    raw = [{"image_raw": p.tobytes(), "height": 6, "width": 8, "depth": 3, "label": b"cat"}
           for p in pixels]  # fmt: skip
    write(folder / "raw.tfrecord", raw)
    large = np.arange(30000, dtype=np.float32)
    write(folder / "numbers.tfrecord-00000-of-00001", [{"x": large + i, "n": [i, -i, 1 << 40],
          "label": i} for i in range(2)])  # fmt: skip


main(Path(sys.argv[1]))
