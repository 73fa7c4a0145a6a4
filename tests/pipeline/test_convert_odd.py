"""Every model gets to the graph, or it is said before converting why not, where, and what to do.

`convert` compares each with TensorFlow on random inputs itself: an artifact is a proof.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekiln.core.artifact import Artifact
from edgekiln.core.codec import decode
from edgekiln.core.model import InspectedModel
from edgekiln.core.plans import ConvertPlan, InspectPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.identify import identify
from pipeline.conftest import HERE, run_python

RECURRENT = ("lstm", "gru", "stacked", "both_ways", "masked", "backwards", "pictures")
TF1 = ("tf1_loop", "tf1_recurrent", "tf1_flag")
LOOPS = ("tf1_branch", "until", "long", "any_length")
DOORS = ("tf1_tags", "shards", "gpu", "foreign_class", "text_form", "constants", "ints", "prints")
PLAIN = ("rfft2d", "gelu", "einsum")
REFUSED = ("erf", "irfft", "strings", "float64")


@pytest.fixture(scope="module")
def odd_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    run_python(HERE / "odd_models.py", folder)
    return folder


@pytest.fixture(scope="module")
def driven(odd_models: Path, drive: Callable[..., Any]) -> Any:
    jobs = []
    for name in (*RECURRENT, *TF1, *LOOPS, *DOORS, *PLAIN, *REFUSED, "growing"):
        source = identify(odd_models / name, InspectPlan(), odd_models, silent)
        jobs.append((f"inspect {name}", "inspect-source", source, InspectPlan()))

        jobs.append((f"convert {name}", "convert", source, ConvertPlan()))
    return drive(jobs)


@pytest.fixture(scope="module")
def operators(driven: Any) -> Callable[[str], Counter[str]]:
    def count(name: str) -> Counter[str]:
        artifact = decode(Artifact, driven.result(f"convert {name}"))
        return Counter(operator.name for operator in read_graph(artifact.path).operators())

    return count


@pytest.fixture(scope="module")
def inspected(driven: Any) -> Callable[[str], InspectedModel]:
    return lambda name: decode(InspectedModel, driven.result(f"inspect {name}"))


@pytest.mark.parametrize("name", [*RECURRENT, *TF1])
def test_a_loop_of_known_length_becomes_plain_operators(
    operators: Callable[[str], Counter[str]], name: str
) -> None:
    found = operators(name)
    assert found
    assert not {"WHILE", "IF", "CALL_ONCE", "VAR_HANDLE"} & set(found)


def test_each_step_is_there_once(operators: Callable[[str], Counter[str]]) -> None:
    """12 steps of x·W and, but for the first, where the state is zero, h·U; then the Dense."""
    assert operators("lstm")["FULLY_CONNECTED"] == 12 + 11 + 1
    assert operators("lstm")["TANH"] == 2 * 12


def test_a_loop_can_be_counted(inspected: Callable[[str], InspectedModel]) -> None:
    """The first step has no h·U, so that it is not counted."""
    assert inspected("lstm").macs == 12 * 6 * 20 + 11 * 5 * 20 + 5 * 3


@pytest.mark.parametrize(("name", "operator"), [("long", "WHILE"), ("until", "WHILE"), ("tf1_branch", "IF")])  # fmt: skip  # noqa: E501
def test_what_is_long_or_depends_on_values_stays_a_loop(
    operators: Callable[[str], Counter[str]], name: str, operator: str
) -> None:
    assert operators(name)[operator] > 0


def test_an_open_length_is_asked_for(driven: Any, operators: Callable[[str], Any]) -> None:
    assert "--pin" in str(driven.error("convert any_length"))


@pytest.mark.parametrize("name", DOORS)
def test_every_way_in(operators: Callable[[str], Counter[str]], name: str) -> None:
    assert operators(name)


def test_the_serving_graph_is_taken_of_several(
    inspected: Callable[[str], InspectedModel],
) -> None:
    assert inspected("tf1_tags").tags == ("serve",)


def test_a_print_is_dropped(operators: Callable[[str], Counter[str]]) -> None:
    assert operators("prints") == {"MUL": 1}


@pytest.mark.parametrize("name", PLAIN)
def test_what_can_be_plain_is_not_refused(
    operators: Callable[[str], Counter[str]],
    inspected: Callable[[str], InspectedModel],
    name: str,
) -> None:
    assert inspected(name).obstacles == ()
    assert operators(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("erf", ("Erf (curve)", "standard operators")),
        ("irfft", ("IRFFT (irfft)", "tf.signal.rfft")),
        ("strings", ("AsString (words)", "StringLength", "outside of the model")),
        ("float64", ("float64", "Mul", "float32")),
    ],
)
def test_what_cannot_is_said_before_and_when_converting(
    driven: Any, inspected: Callable[[str], InspectedModel], name: str, words: tuple[str, ...]
) -> None:
    before = " ".join(str(text) for text in inspected(name).obstacles)
    error = driven.error(f"convert {name}")
    for word in words:
        assert word in before
        assert word in f"{error['why']} {error['do']}"


def test_a_loop_that_cannot_says_which_and_why(driven: Any) -> None:
    error = driven.error("convert growing")
    assert "loop" in error["what"]
    assert "depends on the values" in error["why"]
    assert "while" in error["why"]
