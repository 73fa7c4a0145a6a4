"""Accuracy and agreement: small models by hand, public models against plain NumPy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekiln.core.accuracy import EvalInputs
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import PRESETS, DataSource, Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.inference import RuntimeFamily
from edgekiln.core.plans import EvalPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.data.arrays import load_arrays
from edgekiln.pipeline.data.choose import choose
from edgekiln.pipeline.data.source import write_samples
from edgekiln.pipeline.evaluate import metrics
from edgekiln.pipeline.evaluate.embedded import Note, embed_note, embedded_note
from edgekiln.pipeline.evaluate.evaluate import evaluate
from edgekiln.pipeline.evaluate.judge import judge, judge_on_target
from edgekiln.pipeline.graph.artifact import artifact_of
from pipeline.graphs import GraphBuilder, as_artifact

KIT = Path(__file__).parents[2] / "../shared/eval"
kit = pytest.mark.evaluation_kit
without_kit = pytest.mark.skipif(not KIT.is_dir(), reason="the evaluation kit is not here")
RUNTIMES: tuple[RuntimeFamily, ...] = ("litert", "tflite-runtime")

# Nothing of ours: quantize, invoke, take the largest.
PLAIN = """
import json, sys
import numpy as np
model, data, family = sys.argv[1:]
if family == "litert":
    from ai_edge_litert.interpreter import Interpreter
else:
    from tflite_runtime.interpreter import Interpreter
interpreter = Interpreter(model_path=model, num_threads=1)
interpreter.allocate_tensors()
port, = interpreter.get_input_details()
result, = interpreter.get_output_details()
scale, zero = port["quantization"]
data = np.load(data)
predicted = []
for x in data["x"].astype(np.float64):
    q = np.clip(np.round(x / scale) + zero, -128, 127).astype(np.int8)
    interpreter.set_tensor(port["index"], q[None])
    interpreter.invoke()
    predicted.append(int(interpreter.get_tensor(result["index"])[0].argmax()))
print(json.dumps({"accuracy": float((np.array(predicted) == data["y"]).mean()),
                  "predicted": predicted}))
"""


def run(artifact: Artifact, data: Path, folder: Path, **options: object):
    plan = EvalPlan(
        DataSource(data),
        str(options.get("runtime", "litert")),
        options.get("preprocessing"),  # type: ignore[arg-type]
    )
    against = options.get("against")
    assert against is None or isinstance(against, Artifact)
    return evaluate(EvalInputs(artifact, against), plan, folder, silent)


def classifier(folder: Path, name: str, weights: np.ndarray) -> Artifact:
    """Scores are weights · x: the identity says class i for the i-th unit vector."""
    builder = GraphBuilder()
    x = builder.input((1, weights.shape[1]))
    out = builder.dense(x, weights.shape[0], bias=False)
    graph = builder.graph(out)
    constant = graph.main.operators[0].inputs[1]
    assert constant is not None
    constant.data = weights.astype(np.float32).tobytes()
    return as_artifact(graph, folder, name)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Ten samples of three classes; the last two are labelled wrong on purpose."""
    classes = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 2])
    labels = classes.copy()
    labels[8:] = [0, 1]
    np.savez(tmp_path / "data.npz", x=np.eye(3, dtype=np.float32)[classes], y=labels)
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    return tmp_path / "data.npz"


def test_accuracy_confusion_and_names(labelled: Path, tmp_path: Path) -> None:
    report = run(classifier(tmp_path, "m.tflite", np.eye(3)), labelled, tmp_path)
    assert report.accuracy == 0.8
    assert report.agreement is None
    assert report.confusion == ((3, 0, 1), (0, 3, 1), (0, 0, 2))
    assert report.class_names == ("a", "b", "c")
    assert report.samples == 10
    assert report.preprocessing.name == "none"
    assert report.data.endswith("data.npz")
    outputs = load_arrays(report.outputs)
    assert outputs["scores"].shape == (10, 3)
    assert outputs["predicted"].tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 2]
    left = {p.name for p in tmp_path.iterdir() if p.name != "home"}
    assert left == {"data.npz", "labels.txt", "m.tflite", report.outputs.name}


def test_agreement_and_where_they_differ(labelled: Path, tmp_path: Path) -> None:
    swapped = np.eye(3)[[1, 0, 2]]
    report = run(
        classifier(tmp_path, "swapped.tflite", swapped),
        labelled,
        tmp_path,
        against=classifier(tmp_path, "m.tflite", np.eye(3)),
        runtime="tflite-runtime",
    )
    assert report.agreement == 0.4
    assert report.accuracy == 0.2
    assert report.runtime.startswith("tflite-runtime ")
    assert [d.index for d in report.differing] == [0, 1, 3, 4, 6, 7]
    first = report.differing[0]
    assert (first.label, first.float_class, first.candidate_class) == (0, 0, 1)


def test_unlabelled_data_has_no_accuracy(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.eye(3, dtype=np.float32))
    model = classifier(tmp_path, "m.tflite", np.eye(3))
    report = run(model, tmp_path / "data.npz", tmp_path, against=model)
    assert report.accuracy is None
    assert report.agreement == 1.0
    assert report.confusion == ()
    assert report.class_names == ("0", "1", "2")


def test_scores_that_are_not_numbers_are_wrong(tmp_path: Path) -> None:
    model = classifier(tmp_path, "m.tflite", np.array([[3e38, 0], [3e38, 0]]))
    np.savez(tmp_path / "d.npz", x=np.array([[1, 0], [0, 1]], np.float32) * 0, y=[0, 0])
    sound = run(model, tmp_path / "d.npz", tmp_path)
    assert sound.accuracy == 1.0
    broken = classifier(tmp_path, "n.tflite", np.array([[np.nan, 0], [1, 0]]))
    assert run(broken, tmp_path / "d.npz", tmp_path).accuracy == 0.0


def test_no_classifier_has_no_accuracy(tmp_path: Path) -> None:
    builder = GraphBuilder()
    artifact = as_artifact(builder.graph(builder.relu(builder.input((1, 4, 4, 2)))), tmp_path)
    np.savez(tmp_path / "d.npz", x=np.random.default_rng(0).normal(size=(3, 4, 4, 2)))
    report = run(artifact, tmp_path / "d.npz", tmp_path, against=artifact)
    assert (report.accuracy, report.agreement, report.confusion) == (None, None, ())


def test_refused_model_is_a_user_error(labelled: Path, tmp_path: Path) -> None:
    builder = GraphBuilder()
    graph = builder.graph(builder.custom("NobodyKnows", builder.input((1, 3))))
    with pytest.raises(UserError, match="NobodyKnows"):
        run(as_artifact(graph, tmp_path), labelled, tmp_path)
    with pytest.raises(UserError, match="onnx"):
        run(as_artifact(graph, tmp_path), labelled, tmp_path, runtime="onnx")


def test_note_gives_preprocessing_and_order_of_classes(tmp_path: Path) -> None:
    from PIL import Image

    builder = GraphBuilder()
    x = builder.input((1, 4, 4, 3))
    scored = builder.dense(builder.flatten(x), 2)
    artifact = as_artifact(builder.graph(scored), tmp_path)
    note = Note(Preprocessing("-1..1", (1 / 127.5,), (-1.0,)), ("zebra", "ant"))
    embed_note(artifact.path, note)
    assert embedded_note(artifact.path) == note
    for name in ("ant", "zebra"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4), "red" if name == "ant" else "blue").save(
            tmp_path / "pictures" / name / "1.png"
        )
    report = run(artifact, tmp_path / "pictures", tmp_path)
    assert report.preprocessing == note.preprocessing
    assert report.class_names == ("zebra", "ant")
    assert load_arrays(report.outputs)["labels"].tolist() == [0, 1]


def test_target_runs_an_unbiased_part(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], (60, 30, 10))
    x = np.eye(3, dtype=np.float32)[np.where(random.random(100) < 0.8, y, 0)]
    np.savez(tmp_path / "d.npz", x=x, y=y)
    artifact = classifier(tmp_path, "m.tflite", np.eye(3))
    samples = write_samples(
        DataSource(tmp_path / "d.npz"), None, artifact.signature, tmp_path / "s.npz"
    )
    fast = judge(artifact, samples, None, "litert", tmp_path, tmp_path, Preprocessing())
    target = judge_on_target(
        artifact, samples, fast, "tflite-runtime", 50, tmp_path, tmp_path, fast
    )
    assert target.samples == 50
    assert target.same_as_fast == 1.0
    assert target.agreement == 1.0
    chosen = metrics.top1(x)[np.asarray(_chosen(samples.labels))]
    assert target.accuracy == np.mean(chosen == y[np.asarray(_chosen(samples.labels))])
    assert not list(tmp_path.glob(".*"))


def test_target_is_also_asked_what_float_and_candidate_dispute(tmp_path: Path) -> None:
    """Class 2 is seen as 1. The accuracy stays that of the samples chosen without looking."""
    y = np.repeat([0, 1, 2], (60, 30, 10))
    np.savez(tmp_path / "d.npz", x=np.eye(3, dtype=np.float32)[y], y=y)
    float_, merged = (
        classifier(tmp_path, f"{name}.tflite", weights)
        for name, weights in (("f", np.eye(3)), ("m", np.array([[1, 0, 0], [0, 1, 2], [0, 0, 1]])))
    )
    samples = write_samples(
        DataSource(tmp_path / "d.npz"), None, float_.signature, tmp_path / "s.npz"
    )
    rest = (tmp_path, tmp_path, Preprocessing())
    reference = judge(float_, samples, None, "litert", *rest, is_reference=True)
    fast = judge(merged, samples, reference, "litert", *rest)
    target = judge_on_target(
        merged, samples, fast, "tflite-runtime", 20, tmp_path, tmp_path, reference
    )
    chosen = np.asarray(choose(samples.labels, 20, 0))
    assert target.samples == len(chosen) == 20
    assert target.accuracy == np.mean(y[chosen] != 2) == 0.9
    assert target.float_accuracy == 1.0
    assert target.disputed is not None
    assert (target.disputed.samples, target.disputed.of) == (5, 10)
    assert target.disputed.same_as_fast == 1.0
    assert target.disputed.as_float == 0.0


def _chosen(labels: tuple[int, ...]) -> tuple[int, ...]:
    return choose(labels, 50, 0)


def test_single_value_is_the_second_of_two_classes() -> None:
    scores = metrics.scores_of(np.array([[0.2], [0.9]], np.float32))
    assert scores is not None
    assert np.allclose(scores, [[0.8, 0.2], [0.1, 0.9]])
    logits = metrics.scores_of(np.array([[-3.0], [4.0]], np.float32))
    assert logits is not None
    assert metrics.top1(logits).tolist() == [0, 1]


@given(
    pairs=st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=60),
)
def test_confusion_adds_up(pairs: list[tuple[int, int]]) -> None:
    predicted, labels = (np.array(side) for side in zip(*pairs, strict=True))
    counts = np.array(metrics.confusion(predicted, labels, 4))
    seen = (labels >= 0) & (predicted >= 0)
    assert counts.sum() == seen.sum()
    share = metrics.accuracy(predicted, labels)
    if share is None:
        assert (labels < 0).all()
    elif counts.size:
        assert counts.trace() / (labels >= 0).sum() == pytest.approx(share)


@given(st.lists(st.integers(-1, 3), max_size=40))
def test_a_model_agrees_with_itself(classes: list[int]) -> None:
    predicted = np.array(classes, np.int64)
    agreed = metrics.agreement(predicted, predicted)
    assert metrics.differing(predicted, predicted, predicted) == ()
    assert agreed == (np.mean(predicted >= 0) if classes else None)


@kit
@without_kit
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(
    ("name", "samples", "published"),
    [("dscnn_kws", 401, 0.9152), ("resnet8_cifar10", 2000, 0.8630)],
)
def test_public_models_equal_plain_numpy(
    name: str, samples: int, published: float, runtime: RuntimeFamily, tmp_path: Path
) -> None:
    """The int8 files of the source repositories. The kit's figures are of the newest runtime."""
    model, data = KIT / name / "reference_int8.tflite", KIT / name / "evaluation.npz"
    answer = subprocess.run(
        [sys.executable, "-c", PLAIN, str(model), str(data), runtime],
        capture_output=True,
        check=True,
    )
    plain = json.loads(answer.stdout)
    artifact = artifact_of(model, scheme="int8", made_from="", made_by=())
    report = run(artifact, data, tmp_path, runtime=runtime, preprocessing=PRESETS[0])
    assert report.samples == samples
    assert load_arrays(report.outputs)["predicted"].tolist() == plain["predicted"]
    assert report.accuracy == plain["accuracy"]
    if runtime == "litert":
        assert report.accuracy == pytest.approx(published, abs=5e-5)


@kit
@without_kit
def test_public_model_on_a_folder_of_pictures(tmp_path: Path) -> None:
    model = KIT / "mobilenetv1_025_vww" / "reference_int8.tflite"
    artifact = artifact_of(model, scheme="int8", made_from="", made_by=())
    report = run(artifact, model.parent / "evaluation", tmp_path)
    assert report.preprocessing.name == "0..1"
    assert report.samples == 800
    assert report.accuracy == pytest.approx(0.8525, abs=5e-5)
    assert report.class_names == ("non_person", "person")
