"""What can go wrong and is said to the user; every other exception is our bug."""

from __future__ import annotations

from dataclasses import dataclass

from edgekiln.core.text import Text


@dataclass
class UserError(Exception):
    """What happened, why, and what to do about it; `choices` are ready answers to offer."""

    what: Text
    why: Text
    do: Text
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.what} {self.why} {self.do}"


class Cancelled(Exception):
    """The user stopped it; nothing is shown but the state."""
