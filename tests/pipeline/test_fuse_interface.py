"""The passes that change what a model is fed or gives: asked for, proven, and noted in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekiln.child import run_step
from edgekiln.core.accuracy import QuantResult
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import PRESETS, DataSource, Preprocessing
from edgekiln.core.fusion import FusionResult
from edgekiln.core.plans import FusionPlan, QuantPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.fuse.fuse import fuse
from edgekiln.pipeline.fuse.passes import PASSES
from edgekiln.pipeline.graph.graph import Graph, Tensor
from edgekiln.pipeline.graph.interface import Fed, Parted, read_interface
from edgekiln.pipeline.graph.read import read_graph
from pipeline.graphs import GraphBuilder, as_artifact
from pipeline.runs import Outputs, run_file

ASK_INPUT, ASK_SPLIT = (
    FusionPlan(extra=(name,)) for name in ("input-normalisation", "split-output")
)
SIZE = (1, 8, 8, 3)


def _normalised(b: GraphBuilder, scale: object = 1 / 127.5, offset: object = -1.0) -> Tensor:
    x = b.input(SIZE)
    return b.affine("ADD", b.affine("MUL", x, scale), offset)


def _classifier(b: GraphBuilder, *, scale: object = 1 / 127.5, offset: object = -1.0) -> Graph:
    """The normalisation stands before a SAME convolution, which cannot take its offset in."""
    y = b.conv(_normalised(b, scale, offset), 4, 3, same=True, activation="relu")
    return b.graph(b.dense(b.flatten(y), 5))


def _detector(b: GraphBuilder) -> Graph:
    x = b.input(SIZE)
    y = b.conv(x, 8, 3, same=True, activation="relu6")
    boxes = b.affine("MUL", b.reshape(b.unary("LOGISTIC", b.conv(y, 4)), 1, 64, 4), [640.0])
    scores = b.unary("LOGISTIC", b.reshape(b.conv(y, 2), 1, 64, 2))
    return b.graph(b.concat(boxes, scores, axis=2))


def _fused(graph: Graph, plan: FusionPlan, folder: Path) -> tuple[Artifact, FusionResult]:
    artifact = as_artifact(graph, folder / "in")
    (folder / "out").mkdir()
    return artifact, fuse(artifact, plan, folder / "out", silent)


def _bytes(count: int = 6) -> Outputs:
    pixels = np.random.default_rng(3).integers(0, 256, (count, *SIZE[1:]))
    return {"x": pixels.astype(np.float32)}


def test_the_normalisation_leaves_and_the_proof_feeds_it(tmp_path: Path) -> None:
    before, result = _fused(_classifier(GraphBuilder()), ASK_INPUT, tmp_path)
    assert result.before.operators - result.after.operators == 2
    assert not any(outcome.taken_back for outcome in result.passes)
    assert result.max_relative_error < 1e-5
    (fed,) = read_interface(read_graph(result.artifact.path)).fed
    assert (fed.name, round(1 / fed.scale, 3), fed.offset) == ("x", 127.5, -1.0)
    assert "x" in str(result.interface[0])
    samples = _bytes()
    fed_samples = {"x": samples["x"] / np.float32(127.5) - 1}
    first = run_file(before.path, samples, tmp_path)
    second = run_file(result.artifact.path, fed_samples, tmp_path)
    np.testing.assert_allclose(first["out0"], second["out0"], rtol=1e-4, atol=1e-4)


def test_nothing_changes_unless_asked(tmp_path: Path) -> None:
    _, result = _fused(_classifier(GraphBuilder()), FusionPlan(), tmp_path)
    assert result.interface == ()
    assert {o.name: o.skipped for o in result.passes}["input-normalisation"]
    (possible,) = (g for g in result.groups if g.fused_by == "input-normalisation")
    assert possible.state == "possible"


def test_a_model_that_left_its_normalisation_is_fused_again(tmp_path: Path) -> None:
    _, once = _fused(_classifier(GraphBuilder()), ASK_INPUT, tmp_path)
    graph = read_graph(once.artifact.path)
    x = graph.main.inputs[0]
    build = GraphBuilder(9)
    build._subgraph = graph.main  # goes on where the file ends: one more affine in front
    shifted = build.affine("ADD", x, [0.25])
    made = graph.main.operators.pop()
    graph.main.operators.insert(0, made)
    for operator in graph.main.operators[1:]:
        operator.inputs = [shifted if t is x else t for t in operator.inputs]
    _, twice = _fused(graph, ASK_INPUT, tmp_path / "again")
    assert twice.max_relative_error < 1e-5
    (fed,) = read_interface(read_graph(twice.artifact.path)).fed
    assert fed == Fed("x", pytest.approx(1 / 127.5), pytest.approx(-0.75))


MISSES = {
    "one value a channel": lambda b: _classifier(b, scale=[0.1, 0.2, 0.3], offset=[0.1, 0.2, 0.3]),
    "takes it in": lambda b: b.graph(b.conv(_normalised(b), 4, 3)),
    "operators read the input": lambda b: b.graph(
        b.unary("TANH", y := _normalised(b)), b.two("SUB", y, b.inputs[0])
    ),
    "several inputs": lambda b: b.graph(
        b.two("SUB", b.unary("TANH", _normalised(b)), b.input(SIZE, "other"))
    ),
    "An activation follows": lambda b: b.graph(
        b.unary("TANH", b.affine("MUL", b.input(SIZE), 0.5, "relu"))
    ),
}


@pytest.mark.parametrize("word", MISSES)
def test_a_normalisation_that_has_to_stay_says_why(word: str) -> None:
    (item,) = (p for p in PASSES if p.name == "input-normalisation")
    graph = MISSES[word](GraphBuilder())
    assert item.places(graph) == []
    assert any(word in str(why) for _, why in item.misses(graph))


def test_int8_takes_bytes_as_they_are(tmp_path: Path) -> None:
    _, result = _fused(_classifier(GraphBuilder()), ASK_INPUT, tmp_path)
    pixels = np.random.default_rng(5).integers(0, 256, (40, *SIZE[1:]), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", x=pixels, y=np.arange(40) % 5)
    source = DataSource(tmp_path / "data.npz")
    plan = QuantPlan(source, source, schemes=("int8",), preprocessing=PRESETS[0])
    out = tmp_path / "quantized"
    made = run_step("quantize", result.artifact, plan, out, QuantResult)
    assert made.preprocessing.scale[0] == pytest.approx(1 / 127.5)
    assert made.preprocessing.absorbed == (pytest.approx(1 / 127.5), -1.0)
    artifact = made.candidates[0].artifact
    assert artifact is not None
    quantization = artifact.signature.inputs[0].quantization
    assert quantization is not None
    assert quantization.scales[0] == pytest.approx(1 / 127.5, rel=1e-3)
    value = np.arange(256) / 127.5 - 1
    stored = np.rint(value / quantization.scales[0]) + quantization.zero_points[0]
    # The zero point is a rounded half: a byte is met within one step, and never out of range.
    assert np.abs(stored - (np.arange(256) - 128)).max() <= 1


def test_the_parts_of_an_output_become_outputs(tmp_path: Path) -> None:
    before, result = _fused(_detector(GraphBuilder(4)), ASK_SPLIT, tmp_path)
    assert result.before.operators - result.after.operators == 1
    assert not any(outcome.taken_back for outcome in result.passes)
    interface = read_interface(read_graph(result.artifact.path))
    assert interface.parted == (Parted("out0", ("out0_0", "out0_1"), 2),)
    assert [spec.name for spec in result.artifact.signature.outputs] == ["out0_0", "out0_1"]
    first = run_file(before.path, _bytes(), tmp_path)
    second = interface.joined(run_file(result.artifact.path, _bytes(), tmp_path))
    np.testing.assert_allclose(first["out0"], second["out0"], rtol=1e-4, atol=1e-4)


def test_unlike_parts_are_told_without_being_asked(tmp_path: Path) -> None:
    _, result = _fused(_detector(GraphBuilder(4)), FusionPlan(), tmp_path)
    (note,) = (str(n) for n in result.notes if "joins" in str(n))
    assert "split-output" in note


def test_a_wrong_join_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgekiln.pipeline.fuse import split_output

    def swapped(graph: Graph, place: split_output.SplitPlace) -> None:
        place.join.inputs = place.join.inputs[::-1]
        split_output.apply(graph, place)

    items = tuple(
        p if p.name != "split-output" else type(p)(**{**vars(p), "apply": swapped}) for p in PASSES
    )
    artifact = as_artifact(_detector(GraphBuilder(4)), tmp_path / "in")
    result = fuse(artifact, ASK_SPLIT, tmp_path, silent, items)
    assert {o.name: o.taken_back for o in result.passes}["split-output"]
    assert result.interface == ()


def test_scores_survive_int8_once_they_have_a_scale_of_their_own(tmp_path: Path) -> None:
    errors = {}
    for name, plan in (("joined", FusionPlan()), ("split", ASK_SPLIT)):
        folder = tmp_path / name
        _, result = _fused(_detector(GraphBuilder(4)), plan, folder)
        np.savez(folder / "data.npz", x=_bytes(24)["x"] / 255)
        source = DataSource(folder / "data.npz")
        quant = QuantPlan(source, None, schemes=("int8",))
        made = run_step("quantize", result.artifact, quant, folder / "q", QuantResult)
        artifact = made.candidates[0].artifact
        assert artifact is not None
        samples = {"x": _bytes()["x"] / 255}
        joined = read_interface(read_graph(artifact.path)).joined
        true = joined(run_file(result.artifact.path, samples, folder))["out0"][..., 4:]
        seen = joined(run_file(artifact.path, samples, folder))["out0"][..., 4:]
        errors[name] = float(np.sqrt(np.mean((seen - true) ** 2) / np.mean(true**2)))
    assert errors["split"] < 0.1 * errors["joined"]


def test_preprocessings_compose() -> None:
    composed = Preprocessing("0..1", (1 / 255,), (0.0,)).then(2.0, -1.0).then(0.5, 3.0)
    pixel = np.float64(100)
    expected = ((pixel / 255) * 2 - 1) * 0.5 + 3
    assert pixel * composed.scale[0] + composed.offset[0] == pytest.approx(expected)
    assert composed.absorbed == (1.0, 2.5)
