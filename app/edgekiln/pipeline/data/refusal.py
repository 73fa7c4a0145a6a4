"""What is said about data that cannot be used."""

from __future__ import annotations

from pathlib import Path

from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say

BROKEN_SHARE = 0.5  # more than this broken: the data is refused, else they are left out and named


def unusable(path: Path, why: Text, do: Text) -> UserError:
    """The error for data that is there but cannot be used."""
    return UserError(say("The data in {path} cannot be used.", path=str(path)), why, do)


def cut_off(path: Path, wanted: int, found: int) -> UserError:
    """The error for a file with fewer or more bytes than its own header says."""
    return unusable(
        path,
        say(
            "By its header it should have {wanted} bytes; it has {found}.",
            wanted=wanted,
            found=found,
        ),
        say("Copy or download it again."),
    )


def check_share(path: Path, bad: int, count: int, why: Text) -> None:
    """UserError when more than half of what is listed cannot be used."""
    if bad > BROKEN_SHARE * count:
        raise unusable(path, why, say("Correct the list or put the files where it says."))
