"""The step `fuse`: what it proves, what it takes back, what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgekiln.child import run_step
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import DataSource
from edgekiln.core.errors import UserError
from edgekiln.core.files import sha256
from edgekiln.core.fusion import FusionResult
from edgekiln.core.passes import FUSION_PASSES
from edgekiln.core.plans import FusionPlan
from edgekiln.core.report import silent
from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse import affine_forward
from edgekiln.pipeline.fuse.affine import Affine
from edgekiln.pipeline.fuse.fuse import fuse
from edgekiln.pipeline.fuse.passes import PASSES, Pass
from edgekiln.pipeline.graph.graph import Graph, Tensor
from edgekiln.pipeline.graph.read import read_graph
from pipeline.graphs import GraphBuilder, as_artifact
from pipeline.runs import random_samples, run_file

AFFINE = ("affine-forward", "affine-depthwise")
SOFTMAX_LIKE = 1e-6  # an end that hides what happens before it


def _graph() -> Graph:
    """SUB, MUL, conv (foldable), MUL, ADD+RELU6 (standing), dense: 6 operators, 3 when fused."""
    build = GraphBuilder(7)
    x = build.input((1, 8, 8, 3))
    y = build.affine("MUL", build.affine("SUB", x, [0.1, 0.2, 0.3]), [0.5, 1.5, 2.0])
    y = build.conv(y, 4, 3, activation="relu")
    y = build.affine("MUL", y, [1.0, -2.0, 3.0, 0.5])
    y = build.affine("ADD", y, [0.1, 0.2, 0.3, 0.4], "relu6")
    return build.graph(build.dense(y, 5))


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    return as_artifact(_graph(), tmp_path / "in")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_a_fused_model_is_smaller_equal_and_proven(
    artifact: Artifact, out: Path, tmp_path: Path
) -> None:
    told: list[tuple[float | None, Text]] = []
    result = fuse(artifact, FusionPlan(), out, lambda f, t, _=None: told.append((f, t)))
    assert (result.before.operators, result.after.operators) == (6, 3)
    assert [(p.name, p.applied) for p in result.passes if p.applied] == [
        ("affine-forward", 1),
        ("affine-depthwise", 1),
    ]
    assert not any(p.taken_back for p in result.passes)
    assert (result.proof_samples, result.proof_data) == (32, "random")
    assert result.runtime.startswith("litert ")
    assert result.after.macs == result.before.macs + 6 * 6 * 4
    assert 0 <= result.max_relative_error <= 1e-5
    samples = random_samples(read_graph(artifact.path))
    before = run_file(artifact.path, samples, tmp_path)["out0"]
    after = run_file(result.artifact.path, samples, tmp_path)["out0"]
    assert np.abs(before - after).max() <= 1e-5 * np.abs(before).max()
    fractions = [fraction for fraction, _ in told if fraction is not None]
    assert fractions == sorted(fractions)
    assert [path.name for path in out.iterdir()] == ["fused.tflite"]


def test_the_artifact_tells_where_it_came_from(artifact: Artifact, out: Path) -> None:
    fused = fuse(artifact, FusionPlan(), out, silent).artifact
    assert fused.made_from == artifact.sha256
    assert fused.sha256 == sha256(fused.path)
    assert fused.signature == artifact.signature
    assert fused.made_by[-1][0] == "edgekiln"


@pytest.mark.parametrize(
    ("skip", "applied", "ops"),
    [(("affine-forward",), (0, 2), 4), (("affine-depthwise",), (1, 0), 4)],
)
def test_a_pass_can_be_switched_off(
    skip: tuple[str, ...], applied: tuple[int, int], ops: int, artifact: Artifact, out: Path
) -> None:
    result = fuse(artifact, FusionPlan(skip=skip), out, silent)
    assert tuple(p.applied for p in result.passes if p.name in AFFINE) == applied
    asked = [info.name for info in FUSION_PASSES if info.asked]
    assert {p.name for p in result.passes if p.skipped} == {*skip, *asked}
    assert result.after.operators == ops


def test_nothing_to_do_is_a_copy_and_needs_no_run(artifact: Artifact, out: Path) -> None:
    plan = FusionPlan(skip=AFFINE)
    result = fuse(artifact, plan, out, silent)
    assert result.artifact.path.read_bytes() == artifact.path.read_bytes()
    assert (result.proof_samples, result.max_abs_error) == (0, 0.0)
    assert {group.state for group in result.groups if group.fused_by} == {"possible"}


def test_an_unknown_pass_is_named_with_those_there_are(artifact: Artifact, out: Path) -> None:
    with pytest.raises(UserError) as caught:
        fuse(artifact, FusionPlan(skip=("magic",)), out, silent)
    assert "magic" in str(caught.value.what)
    assert caught.value.choices == tuple(item.name for item in PASSES)


def _with(apply: object, match: object = affine_forward.match) -> Sequence[Pass]:
    (last,) = (item for item in PASSES if item.name == "affine-depthwise")
    return (Pass("wrong", say("A pass that is wrong"), match, apply), last)


def _slightly_wrong(graph: Graph, place: affine_forward.ForwardPlace) -> None:
    scaled = replace(place.affine, scale=place.affine.scale * 1.01)
    affine_forward.apply(graph, replace(place, affine=scaled))


def _breaks_the_graph(graph: Graph, place: affine_forward.ForwardPlace) -> None:
    affine_forward.apply(graph, place)
    place.target.options.strideH = place.target.options.strideW = 0


@pytest.mark.parametrize("wrong", [_slightly_wrong, _breaks_the_graph])
def test_a_wrong_pass_is_taken_back_and_the_next_goes_on(
    wrong: object, artifact: Artifact, out: Path
) -> None:
    result = fuse(artifact, FusionPlan(), out, silent, _with(wrong))
    first, second = result.passes
    assert (first.taken_back, first.applied) == (True, 0)
    assert first.max_relative_error > 1e-4
    assert (second.taken_back, second.applied) == (False, 2)
    assert result.max_relative_error <= 1e-4
    assert result.after.operators == 4


def test_an_error_a_squashing_output_hides_is_found_inside(tmp_path: Path, out: Path) -> None:
    build = GraphBuilder()
    y = build.conv(build.affine("MUL", build.input((1, 4, 4, 3)), [1.0, 2.0, 3.0]), 4, 3)
    y = build.affine("MUL", build.dense(y, 2), [SOFTMAX_LIKE])
    y = build.affine("ADD", y, [1.0])
    artifact = as_artifact(build.graph(y), tmp_path / "in")
    result = fuse(artifact, FusionPlan(), out, silent, _with(_slightly_wrong)[:1])
    assert result.passes[0].taken_back


def test_a_pass_that_does_not_end_is_our_bug(artifact: Artifact, out: Path) -> None:
    def does_nothing(graph: Graph, place: Affine) -> None: ...

    with pytest.raises(RuntimeError, match="smaller"):
        fuse(artifact, FusionPlan(), out, silent, _with(does_nothing))
    assert list(out.iterdir()) == []


def test_a_model_that_cannot_run_here_says_so_and_what_to_do(tmp_path: Path, out: Path) -> None:
    build = GraphBuilder()
    y = build.affine("MUL", build.custom("Mine", build.input((1, 4, 4, 3))), [1.0, 2.0, 3.0])
    artifact = as_artifact(build.graph(build.conv(y, 4)), tmp_path / "in")
    with pytest.raises(UserError) as caught:
        fuse(artifact, FusionPlan(), out, silent)
    assert "Mine" in str(caught.value.why)
    assert "affine-forward" in str(caught.value.do)
    assert list(out.iterdir()) == []
    assert fuse(artifact, FusionPlan(skip=("affine-forward",)), out, silent).after.operators == 3


def test_the_proof_takes_the_calibration_data(
    artifact: Artifact, out: Path, tmp_path: Path
) -> None:
    x = np.random.default_rng(0).normal(size=(20, 8, 8, 3)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x)
    plan = FusionPlan(data=DataSource(tmp_path / "data.npz"), samples=6)
    result = fuse(artifact, plan, out, silent)
    assert (result.proof_data, result.proof_samples) == ("calibration", 6)


def test_data_that_does_not_fit_is_a_user_error(
    artifact: Artifact, out: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "data.npz", x=np.zeros((4, 5, 5), np.float32))
    with pytest.raises(UserError):
        fuse(artifact, FusionPlan(data=DataSource(tmp_path / "data.npz")), out, silent)
    assert list(out.iterdir()) == []


def test_a_graph_already_quantized_is_left_as_it_is(tmp_path: Path, out: Path) -> None:
    build = GraphBuilder()
    y = build.affine("MUL", build.input((1, 4, 4, 3)), [1.0, 2.0, 3.0])
    graph = build.graph(build.conv(y, 4))
    for tensor in graph.main.tensors:
        tensor.dtype = "int8"
    artifact = as_artifact(graph, tmp_path / "in")
    result = fuse(artifact, FusionPlan(), out, silent)
    assert not any(p.applied for p in result.passes)


def test_as_a_step_in_a_child(artifact: Artifact, tmp_path: Path) -> None:
    result = run_step("fuse", artifact, FusionPlan(samples=4), tmp_path / "ws", FusionResult)
    assert result.after.operators == 3
    assert result.artifact.path.is_file()


def test_what_was_done_possible_and_impossible_is_told(tmp_path: Path, out: Path) -> None:
    """A RepVGG branch is done, a clip switched off, a padding no SAME equals stays."""
    build = GraphBuilder()
    x = build.input((1, 6, 6, 4))
    y = build.affine("ADD", build.affine("MUL", x, [0.5] * 4), [1.0] * 4)
    y = build.add(build.conv(x, 4, 3, same=True), y)
    branches, y = y, build.conv(build.pad(y, 1, 1), 4, 3, stride=2)
    padded, y = y, build.relu(y)
    artifact = as_artifact(build.graph(y), tmp_path / "in")
    result = fuse(artifact, FusionPlan(skip=("activation-back",)), out, silent)
    found = {(g.place, g.state): (g.pattern, g.fused_by) for g in result.groups}
    assert found[branches.name, "by-edgekiln"] == (
        "CONV_2D + MUL + ADD + ADD",
        "parallel-branches",
    )
    assert found[padded.name, "not-possible"] == ("PAD + CONV_2D", "")
    assert found[y.name, "possible"] == ("CONV_2D + RELU", "activation-back")
    assert found[padded.name, "possible"] == ("CONV_2D + PAD + CONV_2D", "equalize")
    assert len(result.groups) == len(found) == 4


def test_passes_go_on_until_nothing_changes(tmp_path: Path, out: Path) -> None:
    """A norm behind a sum of branches folds only once the branches are one convolution."""
    build = GraphBuilder()
    x = build.input((1, 6, 6, 4))
    y = build.add(build.conv(x, 4, 3, same=True), x)
    y = build.affine("ADD", build.affine("MUL", y, [1.0, 2.0, 3.0, 4.0]), [1.0] * 4, "relu6")
    y = build.conv(build.relu(y), 4)
    artifact = as_artifact(build.graph(y), tmp_path / "in")
    result = fuse(artifact, FusionPlan(), out, silent)
    applied = {p.name: p.applied for p in result.passes if p.applied}
    assert result.after.operators == 2
    assert applied == {"parallel-branches": 1, "activation-back": 1, "affine-back": 1}
    again = fuse(result.artifact, FusionPlan(), out, silent)
    assert not any(p.applied for p in again.passes)


def test_an_output_that_overflows_can_be_proven(tmp_path: Path, out: Path) -> None:
    build = GraphBuilder()
    y = build.conv(build.affine("MUL", build.input((1, 4, 4, 3)), [100.0]), 2)
    artifact = as_artifact(build.graph(build.unary("EXP", y)), tmp_path / "in")
    result = fuse(artifact, FusionPlan(samples=6), out, silent)
    assert [p.name for p in result.passes if p.applied or p.taken_back] == ["affine-forward"]


def test_the_file_says_which_runtime_it_needs_now(tmp_path: Path, out: Path) -> None:
    build = GraphBuilder()
    y = build.tile(build.reshape(build.input((1, 4, 4, 3)), 1, 4, 1, 12), 1, 1, 2, 1)
    graph = build.graph(build.reshape(y, 1, 8, 4, 3))
    graph.notes["min_runtime_version"] = b"1.5.0".ljust(16, b"\0")
    result = fuse(as_artifact(graph, tmp_path / "in"), FusionPlan(), out, silent)
    after = read_graph(result.artifact.path)
    assert [operator.name for operator in after.operators()] == ["RESIZE_NEAREST_NEIGHBOR"]
    assert after.notes["min_runtime_version"] == b"1.13.1".ljust(16, b"\0")


def _softplus(build: GraphBuilder, x: Tensor) -> Tensor:
    return build.unary("LOG", build.affine("ADD", build.unary("EXP", x), 1.0))


def test_softplus_no_longer_overflows(tmp_path: Path, out: Path) -> None:
    build = GraphBuilder()
    x = build.input((1, 401))
    artifact = as_artifact(build.graph(_softplus(build, x)), tmp_path / "in")
    result = fuse(artifact, FusionPlan(samples=6), out, silent)
    assert [p.name for p in result.passes if p.applied] == ["softplus"]
    assert result.max_relative_error < 1e-5
    values = np.linspace(-200, 200, 401, dtype=np.float32)[None]
    right = np.logaddexp(0, values.astype(np.float64))
    assert np.isinf(run_file(artifact.path, {"x": values}, tmp_path)["out0"]).any()
    after = run_file(result.artifact.path, {"x": values}, tmp_path)["out0"]
    assert np.abs(after - right).max() < 2e-5


def test_mish_is_without_an_exponential_and_right(tmp_path: Path, out: Path) -> None:
    build = GraphBuilder()
    graph = build.graph(build.mish(build.input((1, 401))))
    result = fuse(as_artifact(graph, tmp_path / "in"), FusionPlan(samples=6), out, silent)
    assert [p.name for p in result.passes if p.applied] == ["softplus"]
    after = read_graph(result.artifact.path)
    assert not after.has_operator("EXP")
    assert len(after.main.operators) == len(graph.main.operators)
    values = np.linspace(-200, 200, 401, dtype=np.float32)[None]
    right = values * np.tanh(np.logaddexp(0, values.astype(np.float64)))
    made = run_file(result.artifact.path, {"x": values}, tmp_path)["out0"]
    assert np.abs(made - right).max() < 2e-5
