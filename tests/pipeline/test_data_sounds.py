"""Sounds and records, beside TensorFlow's own reading of them."""

from __future__ import annotations

import struct
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekiln.core.data import SOUND_PRESETS, DataSource, FrontEnd, Preprocessing, ThumbnailPlan
from edgekiln.core.errors import UserError
from edgekiln.core.model import Signature, TensorSpec
from edgekiln.core.report import silent
from edgekiln.pipeline.data.arrays import load_arrays
from edgekiln.pipeline.data.crc32c import crc32c
from edgekiln.pipeline.data.features import features, resample
from edgekiln.pipeline.data.sounds import read_sound
from edgekiln.pipeline.data.source import open_data, write_samples
from edgekiln.pipeline.data.thumbnails import thumbnails
from edgekiln.pipeline.data.truth import Boxes

PEER = Path(__file__).parents[1] / "peers" / "sound_features.py"
RANDOM = np.random.default_rng(5)
PIXELS = RANDOM.integers(0, 256, (3, 6, 8, 3), np.uint8)


def tone(hertz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype("f")


def save(path: Path, sound: np.ndarray, rate: int, bits: int = 16, channels: int = 1) -> Path:
    """A WAV by the standard library; every channel the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = np.rint(sound.astype(np.float64) * (2 ** (bits - 1) - 1)).astype(np.int64)
    whole = np.repeat(whole[:, None], channels, axis=1) + (128 if bits == 8 else 0)
    data = whole.astype("<i8").view(np.uint8).reshape(-1, 8)[:, : bits // 8].tobytes()
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, bits // 8, rate, 0, "NONE", ""))
        file.writeframes(data)
    return path


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("peer")
    sound = (0.3 * RANDOM.normal(size=16000) * np.linspace(0, 1, 16000)).clip(-1, 1)
    np.save(folder / "sound.npy", sound.astype(np.float32))
    np.save(folder / "pixels.npy", PIXELS)
    save(folder / "sound.wav", sound, 16000)
    subprocess.run([sys.executable, str(PEER), str(folder)], check=True, capture_output=True)
    return folder


def test_features_are_those_of_tensorflow(peer: Path) -> None:
    sound, theirs = np.load(peer / "sound.npy"), np.load(peer / "features.npz")
    ends = {
        "logs": FrontEnd("log-mel"),
        "mfcc": FrontEnd("mfcc"),
        "ops": SOUND_PRESETS[-1].sound,
    }
    for name, end in ends.items():
        assert end is not None
        ours = features(end, sound, 16000)
        assert ours.shape == theirs[name].shape == end.shape
        assert np.abs(ours - theirs[name]).max() < 2e-3, name


def test_a_wav_is_what_tensorflow_decodes(peer: Path) -> None:
    ours, rate = read_sound(peer / "sound.wav")
    assert rate == 16000
    assert np.array_equal(ours, np.load(peer / "features.npz")["wav"][:, 0])


def test_records_of_encoded_pictures_and_boxes(peer: Path) -> None:
    data = open_data(DataSource(peer / "pictures.tfrecord"))
    assert data.labels == (0, 1, 2)
    for i in range(3):
        assert np.array_equal(data.raw(i), PIXELS[i])
        truth = data.truth(i)
        assert isinstance(truth, Boxes)
        assert truth.corners.tolist() == [[2, 0, 4, 3], [0, 3, 8, 6]]
        assert truth.classes.tolist() == [i, -1]


def test_records_of_raw_pixels(peer: Path) -> None:
    data = open_data(DataSource(peer / "raw.tfrecord"))
    assert data.class_names == ("cat",)
    assert data.has_pixels()
    assert all(np.array_equal(data.raw(i), PIXELS[i]) for i in range(3))


def test_records_of_numbers(peer: Path) -> None:
    data = open_data(DataSource(peer / "numbers.tfrecord-00000-of-00001"))
    assert data.labels == (0, 1)
    assert data.raw(1, "x")[:2].tolist() == [1, 2]
    assert data.raw(1, "n").tolist() == [1, -1, 1 << 40]


def test_records_with_a_flipped_byte_are_left_out(peer: Path, tmp_path: Path) -> None:
    damaged = bytearray((peer / "pictures.tfrecord").read_bytes())
    damaged[60] ^= 1
    (tmp_path / "p.tfrecord").write_bytes(damaged)
    data = open_data(DataSource(tmp_path / "p.tfrecord"))
    assert len(data) == 2
    assert "1 broken samples are left out: p.tfrecord/0" in str(data.notes[-1])


def test_records_cut_off(peer: Path, tmp_path: Path) -> None:
    whole = (peer / "pictures.tfrecord").read_bytes()
    (tmp_path / "p.tfrecord").write_bytes(whole[:-9])
    data = open_data(DataSource(tmp_path / "p.tfrecord"))
    assert len(data) == 2
    assert "cut off or damaged after record 2" in str(data.notes[0])
    (tmp_path / "p.tfrecord").write_bytes(whole[:30])
    with pytest.raises(UserError, match="no whole record"):
        open_data(DataSource(tmp_path / "p.tfrecord"))


@pytest.mark.parametrize(
    ("data", "crc"),
    [(b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43)],
)
def test_checksums_of_the_standard(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc


@given(st.integers(2048, 9000), st.integers(0, 255))
def test_long_checksums_are_those_of_plain_steps(length: int, seed: int) -> None:
    data = np.random.default_rng(seed).integers(0, 256, length, np.uint8).tobytes()
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    assert crc32c(data) == state ^ 0xFFFFFFFF


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_of_every_width(bits: int, channels: int, tmp_path: Path) -> None:
    sound = tone(440, 8000)
    read, rate = read_sound(save(tmp_path / "s.wav", sound, 8000, bits, channels))
    assert rate == 8000
    assert np.abs(read - sound).max() < 2.0 / 2 ** (bits - 1) + 1e-6


def test_wav_of_floats_and_the_extensible_form(tmp_path: Path) -> None:
    sound = tone(440, 8000, 0.1)
    data = sound.astype("<f4").tobytes()
    tail = struct.pack("<HHIH14s", 22, 32, 0, 3, bytes(14))
    head = struct.pack("<HHIIHH", 0xFFFE, 1, 8000, 32000, 4, 32) + tail
    chunks = (
        b"fmt " + struct.pack("<I", len(head)) + head + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    )
    body = b"WAVE" + chunks + b"data" + struct.pack("<I", len(data)) + data
    (tmp_path / "f.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert np.array_equal(read_sound(tmp_path / "f.wav")[0], sound)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_a_tone_keeps_its_pitch_and_level(rate: int) -> None:
    ours = resample(tone(1000, rate), rate, 16000)
    assert len(ours) == 16000
    assert np.abs(ours - tone(1000, 16000))[200:-200].max() < 2e-3


def test_what_the_lower_rate_cannot_hold_is_gone() -> None:
    assert np.abs(resample(tone(11000, 44100), 44100, 16000))[200:-200].max() < 1e-2


@pytest.fixture
def words(tmp_path: Path) -> Path:
    for name, hertz in (("down", 300.0), ("up", 1200.0)):
        for i, rate in enumerate((8000, 16000, 44100)):
            save(tmp_path / "words" / name / f"{i}.wav", tone(hertz, rate, 0.7), rate)
    return tmp_path / "words"


def taking(*shape: int) -> Signature:
    spec = TensorSpec("x", (1, *shape), "float32")
    return Signature("s", (spec,), (TensorSpec("y", (1, 2), "float32"),))


def test_sounds_by_class_reach_the_model(words: Path, tmp_path: Path) -> None:
    samples = write_samples(DataSource(words), None, taking(49, 10, 1), tmp_path / "s.npz")
    x = load_arrays(samples.path)["x"]
    assert x.shape == (6, 49, 10, 1)
    assert samples.labels == (0, 0, 0, 1, 1, 1)
    # of one pitch at three rates: alike, and unlike the other pitch
    same, other = np.abs(x[1] - x[2]).mean(), np.abs(x[1] - x[4]).mean()
    assert same < 0.5 * other


def test_a_front_end_that_makes_something_else_is_refused(words: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\[49, 10\]"):
        write_samples(
            DataSource(words), Preprocessing("m", sound=FrontEnd("mfcc")), taking(98, 40),
            tmp_path / "s.npz",
        )  # fmt: skip
    assert not (tmp_path / "s.npz").exists()


def test_broken_sounds_are_left_out(words: Path) -> None:
    whole = (words / "up" / "0.wav").read_bytes()
    (words / "up" / "3.wav").write_bytes(whole[: len(whole) // 2])
    (words / "up" / "4.wav").write_bytes(b"RIFF")
    data = open_data(DataSource(words))
    assert len(data) == 6
    assert str(data.notes[-1]).startswith("2 broken samples are left out: up/3.wav, up/4.wav")


def test_a_sound_is_drawn(words: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (file,) = thumbnails(DataSource(words), ThumbnailPlan((0,)), tmp_path / "out", silent).sheets
    assert file.stat().st_size > 200
