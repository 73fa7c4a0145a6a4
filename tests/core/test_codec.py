"""Frozen dataclasses survive the way to JSON and back, and bad JSON is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekiln.core.codec import CodecError, decode, encode
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.model import Quantization, Signature, TensorSpec
from edgekiln.core.plans import QuantPlan
from edgekiln.core.text import Text, say


def test_a_plan_survives_json() -> None:
    plan = QuantPlan(
        DataSource(Path("/data/calibration"), 100),
        None,
        "rdk-x5",
        ("int8", "float16"),
        Preprocessing("0..1", (1 / 255,), (0.0,)),
    )
    assert decode(QuantPlan, json.loads(json.dumps(encode(plan)))) == plan


@given(
    st.builds(
        Signature,
        st.text(),
        st.lists(
            st.builds(
                TensorSpec,
                st.text(),
                st.lists(st.integers(-1, 9)).map(tuple),
                st.just("int8"),
                st.none() | st.just(Quantization((0.5,), (3,), 1)),
            )
        ).map(tuple),
        st.just(()),
    )
)
def test_any_signature_survives(signature: Signature) -> None:
    assert decode(Signature, json.loads(json.dumps(encode(signature)))) == signature


def test_nested_text_survives() -> None:
    text = say("{a} because {why}", a=1.5, why=say("it is {b}", b="so"))
    again = decode(Text, json.loads(json.dumps(encode(text))))
    assert again == text
    assert str(again) == "1.5 because it is so"


def test_paths_below_the_base_move_with_it(tmp_path: Path) -> None:
    data = encode(DataSource(tmp_path / "x" / "data.npz"), base=tmp_path)
    assert data["path"] == "@/x/data.npz"
    assert decode(DataSource, data, base=Path("/new")).path == Path("/new/x/data.npz")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"path": 3}, "value.path"),
        ({"path": "a", "limit": "many"}, "value.limit"),
        ({"path": "a", "colour": 1}, "value"),
        ([], "value"),
    ],
)
def test_what_does_not_fit_is_named(data: object, place: str) -> None:
    with pytest.raises(CodecError, match=place):
        decode(DataSource, data)
