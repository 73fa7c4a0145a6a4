"""The child: reads one Request, performs one step, answers, exits.

Whatever native code prints lands in the job's log and never between two messages. `faulthandler`
leaves the Python stack there when native code crashes.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import sys
import threading
import traceback
from importlib import import_module
from typing import BinaryIO

from edgekiln import steps
from edgekiln.child import ChildCrashed, crash_error
from edgekiln.core.codec import encode
from edgekiln.core.errors import UserError
from edgekiln.core.quantization import Attempt
from edgekiln.core.text import Text, say
from edgekiln.protocol import (
    VERSION,
    Done,
    Failed,
    Found,
    Message,
    Progress,
    Ready,
    Request,
    from_line,
    own_stdout,
    to_line,
)

FAILED = 1
PARENT_GONE = 3
# What the system, not we, is the cause of
_REFUSALS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENAMETOOLONG,
    errno.EIO,
)


def main(warm: str = "") -> int:
    """Serve one request; `warm` names a module to import before saying Ready (a spare child)."""
    out = own_stdout()
    faulthandler.enable()
    _die_with_parent()
    if warm:
        import_module(warm)
        steps.releases()  # reading them takes as long as fifty pictures
    _send(out, Ready(VERSION, os.getpid()))
    line = sys.stdin.buffer.readline()
    if not line:
        return 0  # a spare child that was not needed
    threading.Thread(target=_watch_parent, daemon=True).start()
    request = from_line(line)
    if not isinstance(request, Request):
        raise TypeError(f"expected a Request, got {type(request).__name__}")
    return _serve(request, out)


def _serve(request: Request, out: BinaryIO) -> int:
    def report(fraction: float | None, text: Text, found: Attempt | None = None) -> None:
        if found is not None:
            _send(out, Found(found))
        _send(out, Progress(fraction, text))

    try:
        inputs, plan = steps.decode_arguments(request.step, request.inputs, request.plan)
        result = steps.perform(request.step, inputs, plan, request.root, report)
        _send(out, Done(encode(result)))
        return 0
    except UserError as error:
        _send(out, Failed(error.what, error.why, error.do, error.choices))
    except ChildCrashed as crashed:  # a child of this child: its log becomes part of ours
        sys.stderr.write(crashed.log)
        said = crash_error(crashed)
        _send(out, Failed(said.what, said.why, said.do))
    except OSError as error:
        _send(out, _refused(error) if error.errno in _REFUSALS else _bug(error))
    except Exception as error:  # noqa: BLE001  (the boundary: our bug becomes a message)
        _send(out, _bug(error))
    return FAILED


def _refused(error: OSError) -> Failed:
    traceback.print_exc()
    return Failed(
        say("A file could not be read or written."),
        say(
            "The system says: {reason}.",
            reason=": ".join(filter(None, (error.strerror, str(error.filename or "")))),
        ),
        say("Make room or change the permissions, then try again. Nothing was changed."),
    )


def _bug(error: Exception) -> Failed:
    trace = traceback.format_exc()
    sys.stderr.write(trace)
    return Failed(
        say("This step failed because of an error in EdgeKiln."),
        say("{kind}: {text}", kind=type(error).__name__, text=str(error)[:500]),
        say("Nothing was changed. Please send us the log of this job."),
        is_bug=True,
        traceback=trace,
    )


def _send(out: BinaryIO, message: Message) -> None:
    out.write(to_line(message))


def _watch_parent() -> None:
    """End with the parent: it holds our stdin open for as long as it lives.

    Read below Python's buffer, whose lock would be ours for good when the interpreter shuts down.
    """
    while os.read(0, 1):
        pass
    os._exit(PARENT_GONE)


def _die_with_parent() -> None:
    """On Linux the kernel ends us with the parent even while native code holds the GIL."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes
    import signal

    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
