"""Every entry of the list of broken data gets its answer in words, and leaves the rest usable."""

from __future__ import annotations

import gc
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgekiln.core.codec import decode, encode
from edgekiln.core.data import DataCheck, DataCheckPlan, DataSource
from edgekiln.core.errors import UserError
from edgekiln.core.model import Signature, TensorSpec
from edgekiln.pipeline.data.source import open_data, write_samples
from edgekiln.protocol import Done, Failed, Request, from_line
from edgekiln.worker import _serve
from pipeline.broken import BROKEN
from pipeline.whole import WHOLE, png

NOBODY = 65534


def use(path: Path, out: Path) -> tuple[int, str]:
    """Everything that is done to data before a model sees it: how many samples, and the notes."""
    data = open_data(DataSource(path))
    for i in range(len(data)):
        data.raw(i)
        data.truth(i)
    if not (data.has_pixels() or data.has_sounds()):
        row = data.raw(0)
        spec = TensorSpec("x", (1, *row.shape), "float32")
        write_samples(DataSource(path), None, Signature("s", (spec,), (spec,)), out)
    return len(data), " ".join(map(str, data.notes))


def held() -> int:
    """Files this process has open."""
    gc.collect()
    own = Path("/proc/self/fd")
    return len(list(own.iterdir())) if own.is_dir() else 0


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_answered_in_words_and_the_rest_stays_usable(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, temporary = BROKEN[name], tmp_path / "temporary"
    temporary.mkdir()
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    path, before = broken.lay(tmp_path / "data"), held()
    if broken.left:
        count, notes = use(path, tmp_path / "out.npz")
        assert count == broken.left
        assert broken.words in notes
    else:
        with pytest.raises(UserError) as caught:
            use(path, tmp_path / "out.npz")
        assert broken.words in str(caught.value.why)
        assert str(caught.value.what)
        assert str(caught.value.do)
        assert str(temporary) not in str(caught.value)
        del caught
    assert not (tmp_path / "out.npz").exists() or broken.left
    good = WHOLE["zip"].lay(tmp_path / "good")
    assert use(good, tmp_path / "good.npz")[0] == 2
    assert held() <= before
    assert not [p for p in temporary.rglob("*") if p.is_file()]


def test_the_list_is_as_long_as_was_promised() -> None:
    assert len(BROKEN) >= 25


@contextmanager
def another_user() -> Iterator[Path]:
    """A folder that root made, if it is root who tests, and that another looks at."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    root = os.geteuid() == 0
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(folder)


def check(folder: Path) -> Done | Failed:
    """What a child answers."""
    out = io.BytesIO()
    arguments = encode(DataSource(folder / "d")), encode(DataCheckPlan())
    _serve(Request("check-data", *arguments, folder / "work"), out)
    answer = from_line(out.getvalue().splitlines()[-1])
    assert isinstance(answer, Done | Failed)
    return answer


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights of POSIX")
@pytest.mark.parametrize("closed", ["d", "d/cat", "d/labels.txt", "d/cat/0.png"])
def test_what_may_not_be_read(closed: str) -> None:
    """At the boundary of a step, which answers what the system refuses."""
    with another_user() as folder:
        for i in range(3):
            for sub in ("cat", "dog"):
                (folder / "d" / sub).mkdir(parents=True, exist_ok=True)
                (folder / "d" / sub / f"{i}.png").write_bytes(png())
        (folder / "d/labels.txt").write_text("cat\ndog\n")
        assert isinstance(check(folder), Done)  # and what is imported late is there
        shutil.rmtree(folder / "work")
        (folder / closed).chmod(0)
        if os.geteuid() == 0:
            os.seteuid(NOBODY)
        answer = check(folder)
        if closed.endswith(".png"):
            assert isinstance(answer, Done)
            assert [bad.sample for bad in decode(DataCheck, answer.result).unreadable] == [
                "cat/0.png"
            ]
        else:
            assert isinstance(answer, Failed)
            assert not answer.is_bug
            assert "Permission denied" in str(answer.why)
            assert closed in str(answer.why)
        if os.getuid() == 0:
            os.seteuid(0)
        (folder / closed).chmod(0o755)
        again = check(folder)
        assert isinstance(again, Done)
        assert not decode(DataCheck, again.result).unreadable
