"""A model and all that was made from it, as the steps give it back."""

from __future__ import annotations

import zlib
from pathlib import Path

from edgekiln.core.accuracy import (
    AccuracyReport,
    Candidate,
    Differing,
    QuantResult,
    TargetReport,
)
from edgekiln.core.artifact import SCHEMES, Artifact, SchemeName, Verdict
from edgekiln.core.bundle import Bundle, BundledFile, Figure, Golden, Manifest
from edgekiln.core.data import Preprocessing
from edgekiln.core.device import (
    Device,
    DeviceFacts,
    DeviceStatus,
    Health,
    HostKey,
    PushResult,
    Release,
)
from edgekiln.core.drawing import Drawing, Node
from edgekiln.core.errors import UserError
from edgekiln.core.fusion import (
    FusionGroup,
    FusionResult,
    Latency,
    PassOutcome,
    Price,
    SourceLatency,
)
from edgekiln.core.model import InspectedModel, ModelSource, OperatorCount, Signature, TensorSpec
from edgekiln.core.text import say

CLASSES = tuple(str(n) for n in range(10))
KEY = HostKey("ssh-ed25519", "AAAA", "SHA256:0rZ1mN6cVpX8yq2uJt5LbK3hGfDsA9wEiQ7vRnTzUxY")
DEVICE = Device("line-3-cabinet", "192.168.127.10", 22, "sunrise", "rdk-x5", KEY)
OTHER_DEVICE = Device("practice-box", "127.0.0.1", 40022, "practice", "this-computer", KEY)
LITERT, BOARD = "litert 2.3.0", "tflite-runtime 2.14.0"
ERROR = UserError(
    say("“{path}” is not a SavedModel.", path="/data/models/resnet"),
    say("It has no saved_model.pb itself, but holds {count} models.", count=2),
    say("Choose one of them: {names}.", names="2, 1"),
    ("/data/models/resnet/2", "/data/models/resnet/1"),
)
CRASH = UserError(
    say("“{title}” crashed.", title=say("Fuse operators")),
    say("The process ended without a result ({how}).", how="SIGSEGV"),
    say("Nothing was changed. Try again; the log shows where it happened."),
)


def signature(dynamic: bool = False) -> Signature:
    side = -1 if dynamic else 8
    return Signature(
        "serving_default",
        (TensorSpec("image", (-1, side, side, 1), "float32"),),
        (TensorSpec("probabilities", (-1, 10), "float32"),),
    )


def model(root: Path, dynamic: bool = False) -> InspectedModel:
    return InspectedModel(
        source=ModelSource(root / "digits-classifier", "saved-model", "ab" * 32),
        tags=("serve",),
        signatures=(signature(dynamic), Signature("serve", signature().inputs, ())),
        tensorflow_version="2.21.0",
        operators=(
            OperatorCount("Conv2D", 4),
            OperatorCount("FusedBatchNormV3", 4),
            OperatorCount("Relu6", 4),
            OperatorCount("DepthwiseConv2dNative", 2),
            OperatorCount("MatMul", 1),
            OperatorCount("BiasAdd", 1),
        ),
        parameters=37_482,
        macs=1_234_567,
        size_bytes=214_400,
        notes=(),
    )


def artifact(root: Path, scheme: SchemeName = "float32", size: int = 152_300) -> Artifact:
    path = root / f"{scheme}.tflite"
    path.touch()  # what has no file is not in hand
    return Artifact(path, "cd" * 32, size, signature(), scheme)


def fusion(root: Path) -> FusionResult:
    return FusionResult(
        artifact=artifact(root),
        before=Price(14, 1_234_567, 2_400_000, 400_000, 180_000, _latency(3.1)),
        after=Price(11, 1_201_200, 2_100_000, 400_000, 178_000, _latency(2.8)),
        max_abs_error=2.4e-7,
        max_relative_error=1.1e-7,
        proof_samples=32,
        proof_data="calibration",
        runtime=LITERT,
        passes=(
            PassOutcome(
                "affine-forward",
                say("Fold a scale and offset into the convolution or dense layer after it"),
                2,
                False,
                False,
                2.4e-7,
                1.1e-7,
            ),
            PassOutcome(
                "affine-depthwise",
                say("Make a remaining scale and offset one depthwise convolution"),
                0,
                True,
                False,
                0.0,
                0.0,
            ),
        ),
        groups=(
            FusionGroup(
                "Conv2D + BatchNorm + Relu6", "conv1", "by-converter", say("kept"),
                operators=("net/conv1",),
            ),
            FusionGroup(
                "BatchNorm + Conv2D", "norm2/conv2", "by-edgekiln", say("kept"),
                "affine-forward", "net/conv2", ("net/norm2/mul", "net/norm2/add", "net/conv2"),
            ),
            FusionGroup(
                "Conv2D + Conv2D", "head", "possible", say("switched off"), "affine-depthwise",
                "net/head", ("net/head",),
            ),
            FusionGroup("Conv2D + BatchNorm", "skip", "not-possible", say("not possible")),
        ),
        drawing_before=drawing(("conv1", "norm2/mul", "norm2/add", "conv2", "head")),
        drawing_after=drawing(("conv1", "conv2", "head")),
    )  # fmt: skip


def _latency(median: float) -> Latency:
    return Latency(median, median * 0.97, median * 1.05, 30, LITERT, 1)


SOURCE_LATENCY = SourceLatency(_latency(9.5), _latency(4.2))


def drawing(names: tuple[str, ...]) -> Drawing:
    """A chain of these operators behind the input."""
    kinds = {"mul": "MUL", "add": "ADD", "head": "FULLY_CONNECTED"}
    nodes = [Node("INPUT", "", "", (1, 8, 8, 1), "float32", "image", ())]
    for i, name in enumerate(names):
        kind = kinds.get(name.split("/")[-1], "CONV_2D")
        fused, detail = ("RELU6", "3×3 SAME") if kind == "CONV_2D" else ("", "")
        shape = (1, 8, 8, 16) if kind != "FULLY_CONNECTED" else (1, 10)
        nodes.append(Node(kind, fused, detail, shape, "float32", f"net/{name}", (i,)))
    return Drawing(tuple(nodes))


def confusion() -> tuple[tuple[int, ...], ...]:
    return tuple(
        tuple(34 if t == p else int((t, p) in {(3, 5), (8, 1), (9, 7)}) for p in range(10))
        for t in range(10)
    )


def report(root: Path, accuracy: float, agreement: float) -> AccuracyReport:
    return AccuracyReport(
        runtime=LITERT,
        data="evaluation.npz",
        data_fingerprint="ef" * 32,
        samples=359,
        accuracy=accuracy,
        agreement=agreement,
        confusion=confusion(),
        class_names=CLASSES,
        outputs=root / "outputs.npz",
        median_ms=0.042,
        preprocessing=Preprocessing("0..1", (1 / 16,), (0.0,), "gray"),
        differing=(
            Differing(17, 3, 3, 5),
            Differing(102, 8, 8, 1),
            Differing(240, 9, 7, 9),
            Differing(301, 1, 1, 8),
        ),
    )


FIGURES: dict[SchemeName, tuple[int, float, float]] = {
    "float32": (152_300, 0.991, 1.0),
    "float16": (78_200, 0.991, 1.0),
    "dynamic-range": (47_100, 0.089, 0.095),
    "int8": (44_500, 0.989, 0.992),
    "int8-float-io": (44_700, 0.972, 0.986),
    "int16x8": (48_900, 0.991, 0.997),
}


def candidate(root: Path, scheme: SchemeName) -> Candidate:
    size, accuracy, agreement = FIGURES[scheme]
    usable = scheme != "dynamic-range"
    why = say("The runtime of the target computes wrong numbers here.") if not usable else None
    return Candidate(
        scheme,
        artifact(root, scheme, size),
        "ai-edge-quantizer 0.10",
        Verdict(usable, BOARD, BOARD, 200, 0.01 if usable else 1.0, "2.3.0", why),
        report(root, accuracy, agreement),
        TargetReport(BOARD, 200, accuracy, agreement, 1.0),
    )


def quantized(root: Path, chosen: SchemeName | None = "int8") -> QuantResult:
    return QuantResult(
        float_report=report(root, 0.991, 1.0),
        candidates=tuple(candidate(root, scheme) for scheme in SCHEMES),
        chosen=chosen,
        reason=say("usable on {runtime}", runtime=f"{BOARD} ({chosen})"),
        target="rdk-x5",
        preprocessing=Preprocessing("0..1", (1 / 16,), (0.0,), "gray"),
        preprocessing_evidence=say("Calibration data"),
        calibration_samples=100,
    )


def bundle(root: Path, target: str = "rdk-x5") -> Bundle:
    manifest = Manifest(
        1,
        "digits-classifier",
        "20261122-231500-3f9a1c",
        "2026-11-22T23:15:00Z",
        target,
        BOARD,
        "int8",
        "model.tflite",
        CLASSES,
        Preprocessing(),
        Golden("golden/inputs.npz", "golden/outputs.npz", 8, 0.05, BOARD),
        tuple(BundledFile(f"file-{n}", "00" * 32, 10) for n in range(6)),
        (Figure("accuracy", 0.989, LITERT),),
        (("edgekiln", "0.1.0"),),
    )
    path = root / "digits.zip"
    path.touch()
    return Bundle(path, "aa" * 32, 61_300, manifest, "9c" * 32)


FACTS = DeviceFacts(
    "aarch64",
    "Ubuntu 22.04.3 LTS",
    "5.10.0",
    "2.35",
    "3.10.12",
    "D-Robotics RDK X5 V1.0",
    (BOARD,),
    8_000_000_000,
    21_400_000_000,
    "/userdata/edgekiln",
    "rdk-x5",
)
HEALTH = Health(True, BOARD, 8, 0.004, 1.83)
STATUS = DeviceStatus(
    (
        Release("20261122-231500-3f9a1c", "digits-classifier", "int8", True, 61_300),
        Release("20261120-101000-77aa01", "digits-classifier", "int16x8", False, 65_800),
    ),
    "",
    HEALTH,
)
PUSHED = PushResult("live", "20261122-231500-3f9a1c", HEALTH, None, 61_300, 2.4)
SICK = Health(False, BOARD, 8, 0.98, 1.8, "outputs differ", say("not usable"))
ROLLED_BACK = PushResult(
    "rolled-back", "20261120-101000-77aa01", SICK, say("Try again"), 61_300, 3.1
)


def picture(file: Path, shade: int) -> Path:
    """An 8 × 8 gray PNG, written by hand."""
    raw = b"".join(b"\0" + bytes((shade + 23 * x * y) % 256 for x in range(8)) for y in range(8))

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    header = (8).to_bytes(4, "big") * 2 + bytes((8, 0, 0, 0, 0))
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )
    return file
