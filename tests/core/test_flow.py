"""The wizards' flow, without a display."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgekiln.core.codec import encode
from edgekiln.core.data import DataSource
from edgekiln.core.flow import (
    FUSE,
    QUANTIZE,
    FuseDraft,
    ModelDraft,
    QuantDraft,
    Switches,
    recall,
    unpinned,
)
from edgekiln.core.model import Signature, TensorSpec
from edgekiln.core.passes import FUSION_PASSES
from edgekiln.core.workspace import Workspace


def test_the_way_through_quantize(tmp_path: Path) -> None:
    draft = QuantDraft()
    assert QUANTIZE.next_step("target", draft) == "data"
    assert QUANTIZE.next_step("data", draft) == "data"  # nothing to calibrate with
    draft = replace(draft, calibration=tmp_path)
    assert QUANTIZE.next_step("data", replace(draft, schemes=())) == "data"
    assert QUANTIZE.next_step("data", draft) == "run"
    assert QUANTIZE.next_step("run", draft) == "look"
    assert QUANTIZE.is_last("result")
    assert QUANTIZE.next_step("result", draft) == "result"


def test_back_is_always_safe() -> None:
    for flow in (FUSE, QUANTIZE):
        names = flow.names()
        assert flow.previous_step(names[0]) == names[0]
        assert [flow.previous_step(name) for name in names[1:]] == list(names[:-1])


def test_data_that_is_gone(tmp_path: Path) -> None:
    draft = QuantDraft(calibration=tmp_path / "gone")
    (problem,) = QUANTIZE.problems("data", draft)
    assert "not there any more" in str(problem)
    (problem,) = FUSE.problems("choose", FuseDraft(data=tmp_path / "gone"))
    assert "not there any more" in str(problem)


def test_calibrated_schemes_need_samples(tmp_path: Path) -> None:
    draft = QuantDraft(calibration=tmp_path, calibration_samples=0)
    assert QUANTIZE.problems("data", draft)
    assert not QUANTIZE.problems("data", replace(draft, schemes=("float16",)))


def test_without_data_there_are_random_numbers(tmp_path: Path) -> None:
    draft = QuantDraft(random=True, evaluation=tmp_path / "gone")
    assert not QUANTIZE.problems("data", draft)
    plan = draft.plan()
    assert (plan.calibration, plan.evaluation) == (None, None)
    kept = QuantDraft(random=True, calibration=tmp_path)  # chosen before, and not used
    assert kept.plan().calibration is None


def test_operators_switched_by_hand() -> None:
    draft = QuantDraft(found=(("a", "float32"), ("b", "float32")))
    assert draft.kept == draft.found
    draft = replace(draft, switches=(("c", "int16x8"), ("a", "int8"), ("b", "int16x8")))
    assert draft.kept == (("b", "int16x8"), ("c", "int16x8"))
    assert replace(draft, switches=(*draft.switches, ("a", "float32"))).kept[0][0] == "a"


def test_plans(tmp_path: Path) -> None:
    plan = QuantDraft(calibration=tmp_path, evaluation=tmp_path, target="rdk-x5").plan()
    assert plan.calibration == DataSource(tmp_path, 200)
    assert plan.evaluation == DataSource(tmp_path)
    assert plan.target == "rdk-x5"
    with pytest.raises(ValueError, match="calibration"):
        QuantDraft().plan()
    assert FuseDraft(skip=("a",)).plan().skip == ("a",)
    assert FuseDraft().plan().data is None


def test_switches_can_be_undone() -> None:
    usual = next(info for info in FUSION_PASSES if not info.asked)
    asked = next(info for info in FUSION_PASSES if info.asked)
    place = ("affine-back", "net/conv")
    draft = FuseDraft(made=Switches())
    assert draft.undo() == draft.redo() == draft
    steps = [
        Switches(skip=(usual.name,)),
        Switches(skip=(usual.name,), extra=(asked.name,)),
        Switches(skip=(usual.name,), extra=(asked.name,), leave=(place,)),
    ]
    draft = draft.switch(draft.switches.with_pass(usual, False))
    draft = draft.switch(draft.switches.with_pass(asked, True))
    draft = draft.switch(draft.switches.with_place(place, False))
    assert draft.switches == steps[2]
    assert draft.plan().leave == (place,)
    assert draft.undo().switches == steps[1]
    assert draft.undo().undo().switches == steps[0]
    assert draft.undo().undo().redo().switches == steps[1]
    start = draft.undo().undo().undo()
    assert (draft.changed, start.changed) == (True, False)
    assert start.redo().redo().redo() == draft
    other = draft.undo().switch(Switches())
    assert other.redo() == other


def test_there_and_back_is_no_change() -> None:
    info = FUSION_PASSES[0]
    switches = Switches(skip=(FUSION_PASSES[4].name, info.name))
    back = switches.with_pass(info, True).with_pass(info, False)
    assert (back.has(info), set(back.skip)) == (False, set(switches.skip))
    assert back.with_pass(info, True).with_pass(info, False) == back


def test_a_draft_survives_the_window(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    draft = QuantDraft(step="data", calibration=tmp_path, schemes=("int8",))
    workspace.save_draft("quantize", draft)
    assert recall(QuantDraft, workspace.draft("quantize")) == draft
    assert recall(QuantDraft, {"from": "another release"}) == QuantDraft()
    assert recall(FuseDraft, encode(FuseDraft(skip=("x",)))) == FuseDraft(skip=("x",))


def test_dynamic_sizes() -> None:
    spec = TensorSpec("x", (-1, -1, 8), "float32")
    signature = Signature("serve", (spec,), ())
    assert unpinned(ModelDraft(), signature) == ("x",)
    draft = ModelDraft("serve", (("x", (1, 16, 8)),))
    assert unpinned(draft, signature) == ()
    assert draft.plan().sizes == (("x", (1, 16, 8)),)
    assert ModelDraft().pinned("x", (-1, 28, 28, 1)) == (1, 28, 28, 1)
