"""Files to a box over SFTP: pipelined, and counted only when the box has them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import paramiko

from edgekiln.core.report import Report
from edgekiln.core.text import Text, say
from edgekiln.ship.device.faults import spoken
from edgekiln.ship.device.run import Session

_REQUEST = 32 << 10
_FIRST = 2 * _REQUEST
_MOST = 96 * _REQUEST  # paramiko loses replies beyond 100 requests in flight
_BRISK_S = 0.25
_MEGA = 1_000_000


def upload(
    session: Session,
    files: Mapping[str, bytes],
    folder: str,
    report: Report,
    beat: Callable[[], None],
) -> int:
    """Write every file below `folder`; the fraction reported is of bytes the box acknowledged.

    OSError when the box refuses to write or stores less than was sent, ConnectionLost when the
    line breaks. `beat` is called between windows.
    """
    total, stored = sum(len(data) for data in files.values()), 0
    with spoken(session.device), session.sftp() as sftp:
        for name, data in files.items():
            for window in _windows(sftp, f"{folder}/{name}", data):
                stored += window
                report(stored / total, _said(stored, total))
                beat()
    return stored


def _windows(sftp: paramiko.SFTPClient, path: str, data: bytes) -> Iterator[int]:
    """Send in windows that grow while the line is brisk; each ends with the size the box has.

    A window is opened and closed on its own: paramiko forgets the failed writes of a pipelined
    file, so its size is the only honest receipt.
    """
    offset, window = 0, _FIRST
    while True:
        chunk, start = data[offset : offset + window], time.monotonic()
        with sftp.open(path, "r+b" if offset else "wb") as file:
            file.set_pipelined(True)
            file.seek(offset)
            for at in range(0, len(chunk), _REQUEST):
                file.write(chunk[at : at + _REQUEST])
            if file.stat().st_size != offset + len(chunk):
                raise OSError("the box stored less than was sent")
        yield len(chunk)
        offset += len(chunk)
        if offset >= len(data):
            return
        if time.monotonic() - start < _BRISK_S:
            window = min(window * 2, _MOST)


def _said(stored: int, total: int) -> Text:
    if total < _MEGA:
        return say("Sent {done} of {all} kB", done=stored // 1000, all=total // 1000)
    done, everything = f"{stored / _MEGA:.1f}", f"{total / _MEGA:.1f}"
    return say("Sent {done} of {all} MB", done=done, all=everything)
