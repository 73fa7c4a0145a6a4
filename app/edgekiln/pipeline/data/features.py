"""A sound as numbers: resampled, cut to length, and as log-mel or MFCC features.

Two conventions, each as TensorFlow has it:

`tf.signal`: tf.signal.stft (periodic Hann window, magnitude), linear_to_mel_weight_matrix
(triangles on the HTK mel scale, 1127 ln(1 + f / 700), no weight for 0 Hz), ln(mel + floor), DCT-II
divided by sqrt(2 bins) (mfccs_from_log_mel_spectrograms).
`audio-ops`: tensorflow/core/kernels/{spectrogram,mfcc_mel_filterbank,mfcc_dct,mfcc}.cc, which the
speech commands example uses: the same window; bands of bins + 2 equal steps of mel, weights of
whole FFT bins from the one above `low_hz` on, ln(max(mel, floor)), DCT-II times sqrt(2 / bins).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from edgekiln.core.data import FrontEnd
from edgekiln.pipeline.data.arrays import Array

_ZEROS = 16  # zero crossings of the filter on each side


def features(end: FrontEnd, sound: Array, rate: int) -> Array:
    """float32 of `end.shape` from a mono sound in -1…1 at `rate` Hz."""
    values = clip(resample(sound, rate, end.rate), end.samples)
    if end.peak:
        values = values / (np.float32(values.max()) or np.float32(1))
    if end.features == "waveform":
        return np.asarray(values, np.float32)
    mel = _spectrum(end, values) @ _mel(end)
    added = end.convention == "tf.signal"
    logs = np.log(mel + end.floor if added else np.maximum(mel, end.floor))
    if end.features == "mfcc":
        logs = logs @ _cosines(end.mel_bins, end.coefficients)
    return np.asarray(logs, np.float32)


def resample(sound: Array, rate: int, wanted: int) -> Array:
    """A sound at another rate: float32 [ceil(time * wanted / rate)]. Band-limited interpolation
    (J. O. Smith, "Digital Audio Resampling"): a sinc under a Hann window, 16 zero crossings a side,
    cut at the lower of the two rates."""
    if rate == wanted:
        return sound.astype(np.float32, copy=False)
    common = math.gcd(rate, wanted)
    up, down = wanted // common, rate // common
    filters, reach = _filters(up, down)
    count = -(-len(sound) * up // down)
    at = np.arange(count, dtype=np.int64) * down
    padded = np.concatenate([np.zeros(reach, sound.dtype), sound, np.zeros(reach + 1, sound.dtype)])
    out = np.empty(count, np.float32)
    offsets = np.arange(2 * reach)
    for start in range(0, count, 1 << 13):  # a window a value: a little at a time
        some = at[start : start + (1 << 13)]
        taken = padded[(some // up)[:, None] + offsets + 1]
        out[start : start + len(some)] = np.einsum("ij,ij->i", taken, filters[some % up])
    return out


def clip(sound: Array, samples: int) -> Array:
    """The first `samples` of a sound, silence after its end."""
    if len(sound) >= samples:
        return sound[:samples]
    return np.concatenate([sound, np.zeros(samples - len(sound), np.float32)])


@cache
def _filters(up: int, down: int) -> tuple[Array, int]:
    """One filter for each of the `up` places between two samples, and half its length."""
    cut = min(1.0, up / down)
    reach = math.ceil(_ZEROS / cut)
    offsets = np.arange(-reach + 1, reach + 1)
    place = offsets[None, :] - np.arange(up)[:, None] / up
    window = np.where(np.abs(place) < reach, 0.5 + 0.5 * np.cos(np.pi * place / reach), 0)
    taps = cut * np.sinc(cut * place) * window
    return (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32), reach


def _spectrum(end: FrontEnd, values: Array) -> Array:
    frames = np.lib.stride_tricks.sliding_window_view(values, end.window)[:: end.stride]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(end.window) / end.window)
    spectrum = np.fft.rfft(frames * window, _fft(end.window), axis=1)
    return np.asarray(np.abs(spectrum))


def _fft(window: int) -> int:
    return 1 << (window - 1).bit_length()


@cache
def _mel(end: FrontEnd) -> Array:
    """Weights [FFT bins, mel bins]."""
    count = _fft(end.window) // 2 + 1
    hertz = np.linspace(0, end.rate / 2, count)
    edges = np.linspace(_to_mel(end.low_hz), _to_mel(end.high_hz), end.mel_bins + 2)
    mel = _to_mel(hertz)[:, None]
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rise, fall = (mel - lower) / (centre - lower), (upper - mel) / (upper - centre)
    weights = np.maximum(0, np.minimum(rise, fall))
    weights[0] = 0
    if end.convention == "audio-ops":
        step = hertz[1]
        weights[: int(1.5 + end.low_hz / step)] = 0
        weights[int(end.high_hz / step) + 1 :] = 0
    return np.asarray(weights)


def _to_mel(hertz: float | Array) -> Array:
    return np.asarray(1127.0 * np.log1p(np.asarray(hertz) / 700.0))


@cache
def _cosines(bins: int, coefficients: int) -> Array:
    """DCT-II [mel bins, coefficients], times sqrt(2 / bins): both conventions have that."""
    place = (np.arange(bins)[:, None] + 0.5) * np.arange(coefficients)
    return np.asarray(np.sqrt(2.0 / bins) * np.cos(np.pi / bins * place))
