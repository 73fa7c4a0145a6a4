"""The workspace keeps what is in hand, and clears what no longer follows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekiln.core.artifact import Artifact
from edgekiln.core.device import Device, HostKey
from edgekiln.core.devices import DeviceList
from edgekiln.core.drawing import Drawing
from edgekiln.core.fusion import FusionResult, Price
from edgekiln.core.model import InspectedModel, ModelSource, Signature
from edgekiln.core.workspace import InHand, Workspace

MODEL = InspectedModel(
    ModelSource(Path("/m"), "saved-model", "f"),
    ("serve",),
    (Signature("s", (), ()),),
    "2.21",
    (),
    1,
    2,
    3,
)
ARTIFACT = Artifact(Path("/a.tflite"), "00", 10, Signature("s", (), ()))
PRICE = Price(9, 1, 1, 1, 1)
FUSION = FusionResult(
    ARTIFACT, PRICE, PRICE, 0.0, 0.0, 8, "random", "litert 2.3.0", (), (), Drawing(()), Drawing(())
)


def test_what_is_in_hand_is_there_again(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.load() == InHand()
    in_hand = InHand().with_model(MODEL).with_fusion(FUSION)
    workspace.save(in_hand)
    assert Workspace(tmp_path).load() == in_hand


def test_a_new_model_clears_the_table() -> None:
    assert InHand().with_model(MODEL).with_fusion(FUSION).with_model(MODEL).fusion is None


def test_an_unreadable_file_is_an_empty_table_and_is_kept(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (tmp_path / "workspace.json").write_text("{ not json")
    assert workspace.load() == InHand()
    assert [p.name for p in tmp_path.glob("workspace.json.unreadable*")] == [
        "workspace.json.unreadable"
    ]


@dataclass(frozen=True)
class Draft:
    target: str


def test_drafts_and_history(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.draft("quant") == {}
    workspace.save_draft("quant", Draft("rdk-x5"))
    assert workspace.draft("quant")["target"] == "rdk-x5"
    workspace.remember("fuse", "done", "30 → 12")
    assert [row[1:] for row in workspace.history()] == [("fuse", "done", "30 → 12")]


def test_boxes_are_kept_without_secrets(tmp_path: Path) -> None:
    known = DeviceList(tmp_path)
    known.put(Device("box", "10.0.0.1", 22, "root", "rdk-x5"))
    known.pin("box", HostKey("ssh-ed25519", "AAAA", "SHA256:x"))
    again = DeviceList(tmp_path).get("box")
    assert again.host_key == HostKey("ssh-ed25519", "AAAA", "SHA256:x")
    assert "assword" not in (tmp_path / "devices.json").read_text()
