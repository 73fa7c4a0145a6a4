"""Feeds damaged data of every kind to the readers: `make fuzz`, or this file [SECONDS].

Every answer but data or a UserError is a find: an exception, a hang (5 s), 500 MB more than at the
start, an unpickled object, a file left in the temporary folder. libFuzzer writes the input that
led to it beside it; `readers.py --again FILE` reads it once more.
"""

from __future__ import annotations

import gzip
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))
with atheris.instrument_imports(include=["edgekiln.pipeline.data", "edgekiln.pipeline.wire"]):
    from edgekiln.core.data import DataSource
    from edgekiln.core.errors import UserError
    from edgekiln.pipeline.data.source import open_data

from pipeline.whole import WHOLE, Whole, npy, png, record, tar, zipped

HANG_S, MEMORY_MB, MOST_BYTES = 5, 500, 4096
MOST_ROWS = 20


def _named(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\0", "") or "x"


# What a checksum, a compression or a name would hide from single bytes: the bytes go inside.
INSIDE: dict[str, tuple[Callable[[bytes], Whole], bytes]] = {
    "gzip": (lambda b: Whole("a-idx3.gz", gzip.compress(b, 1)), b"\0\0\x08\x01\0\0\0\2ab"),
    "member": (lambda b: Whole("d.npz", zipped({"x.npy": b})), WHOLE["npy"].content),
    "header": (lambda b: Whole("x.npy", npy(b.decode("latin-1"), b"\0" * 16)), b"{'descr': '<f4'"),
    "example": (lambda b: Whole("r.tfrecord", record(b)), b"\n\x05\n\x03\n\x01x"),
    "zip-name": (lambda b: Whole("d.zip", zipped({_named(b): png()})), b"../a.png"),
    "tar-name": (lambda b: Whole("d.tar.gz", tar((_named(b),))), b"/a.png"),
    "chunk": (lambda b: Whole("c/a.wav", b"RIFF" + struct.pack("<I", len(b) + 4) + b"WAVE" + b,
                              is_folder=True), WHOLE["wav"].content[12:]),
}  # fmt: skip
KINDS = (*WHOLE, *INSIDE)


def seeds(folder: Path) -> None:
    """One file a kind: its number, then the content."""
    contents = [
        *(whole.content for whole in WHOLE.values()),
        *(seed for _, seed in INSIDE.values()),
    ]
    for number, content in enumerate(contents):
        (folder / f"seed-{number}").write_bytes(bytes((number,)) + content)


def read(data: bytes, folder: Path) -> None:
    """All that a reader does with one file; what is not a UserError is a find."""
    if not data:
        return
    name = KINDS[data[0] % len(KINDS)]
    if name in WHOLE:
        path = WHOLE[name].lay(folder, data[1:])
    else:
        path = INSIDE[name][0](data[1:]).lay(folder)
    try:
        opened = open_data(DataSource(path))
        for i in range(min(len(opened), MOST_ROWS)):
            for row in opened.rows:
                opened.raw(i, row)
            opened.truth(i)
            opened.called(i)
    except UserError as error:
        if not (str(error.what) and str(error.why) and str(error.do)):
            raise AssertionError(f"no words: {error!r}") from error


def once(data: bytes) -> None:
    """One input in folders of its own, which must be empty of what was unpacked when it is over."""
    place = Path(tempfile.mkdtemp(prefix="fuzz-"))
    tempfile.tempdir = str(place / "temporary")
    (place / "temporary").mkdir()
    try:
        read(data, place / "data")
        left = [p for p in (place / "temporary").rglob("*") if p.is_file()]
        if left:
            raise AssertionError(f"left behind: {left}")
        if peak() - AT_START > MEMORY_MB:
            raise AssertionError(f"{peak() - AT_START} MB more than at the start")
    finally:
        tempfile.tempdir = None
        shutil.rmtree(place, ignore_errors=True)


def peak() -> int:
    """The most memory this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


AT_START = peak()


def no_pickle(event: str, arguments: tuple[object, ...]) -> None:
    """Python tells of every class that a pickle asks for."""
    if event == "pickle.find_class":
        print("unpickling", arguments, file=sys.stderr)
        os.abort()


def fuzz(seconds: int, work: Path) -> int:
    """Run libFuzzer on all kinds in a child; its exit code."""
    corpus = work / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    seeds(corpus)
    limits = (f"-max_total_time={seconds}", f"-timeout={HANG_S}", f"-max_len={MOST_BYTES}")
    prints = ("-rss_limit_mb=0", f"-artifact_prefix={work}/found-", "-print_final_stats=1")
    command = [sys.executable, __file__, "--engine", *limits, *prints, str(corpus)]
    memory = {"TMPDIR": "/dev/shm"} if Path("/dev/shm").is_dir() else {}  # many small files
    return subprocess.run(command, check=False, env={**os.environ, **memory}).returncode


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--again"]:
        once(Path(arguments[1]).read_bytes())
        return 0
    if arguments[:1] == ["--engine"]:
        sys.addaudithook(no_pickle)
        atheris.Setup([sys.argv[0], *arguments[1:]], once)
        atheris.Fuzz()
        return 0
    seconds = int(arguments[0]) if arguments else 300
    return fuzz(
        seconds, Path(os.environ.get("EDGEKILN_FUZZ", tempfile.gettempdir()), "edgekiln-fuzz")
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
