"""What a command prints: tables for people, pure JSON for machines, errors as what / why / do."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgekiln.child import StepFailed
from edgekiln.core.errors import UserError
from edgekiln.core.quantization import Attempt
from edgekiln.core.text import Text, Words, say


@dataclass(frozen=True)
class Output:
    """Where a command speaks: the language, and whether stdout carries only JSON."""

    words: Words
    as_json: bool

    def report(self, fraction: float | None, text: Text, found: Attempt | None = None) -> None:
        """Progress on stderr, on one line that overwrites itself; silent where nobody watches."""
        if not sys.stderr.isatty():
            return
        if found is not None:
            self._found(found)
        share = "   " if fraction is None else f"{fraction:>4.0%}"
        sys.stderr.write(f"\r\033[K{share} {self.words.render(text)[:100]}")
        sys.stderr.flush()

    def _found(self, attempt: Attempt) -> None:
        loss = self.words("unknown") if attempt.loss is None else f"{attempt.loss * 100:.1f}"
        line = self.words(
            "{scheme}, {kept} of {count} operators not int8: {loss} points lost, {size}",
            scheme=attempt.scheme,
            kept=len(attempt.kept),
            count=attempt.operators,
            loss=loss,
            size=kilobytes(attempt.size_bytes),
        )
        sys.stderr.write(f"\r\033[K{line}\n")

    def end_progress(self) -> None:
        """Clear the progress line."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K")

    def result(self, data: dict[str, Any]) -> None:
        """The machine's answer; nothing for people, who get lines and tables."""
        self.end_progress()
        if self.as_json:
            print(json.dumps(data, ensure_ascii=False, indent=1))

    def line(self, template: str = "", **values: Any) -> None:
        """A line for people; `template` is a translation key."""
        self.end_progress()
        if not self.as_json:
            print(self.words(template, **values) if template else "", flush=True)

    def text(self, text: Text) -> None:
        """A ready sentence for people."""
        if not self.as_json:
            print(self.words.render(text))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table for people, aligned by what the characters are wide (Chinese ones are two)."""
        self.end_progress()
        if self.as_json:
            return
        widths = [max(_width(row[i]) for row in [head, *rows]) for i in range(len(head))]
        for row in [head, ["─" * w for w in widths], *rows]:
            cells = (cell + " " * (w - _width(cell)) for cell, w in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip())

    def error(self, error: UserError) -> None:
        """What happened, why, what to do: on stderr, always."""
        self.end_progress()
        render = self.words.render
        lines = [render(error.what), render(error.why), "→ " + render(error.do)]
        lines += [f"  · {choice}" for choice in error.choices]
        print("\n".join(lines), file=sys.stderr)

    def log(self, text: str) -> None:
        """What a step that crashed had printed last."""
        self.end_progress()
        if text.strip():
            print(text.rstrip(), file=sys.stderr)

    def bug(self, failed: StepFailed) -> None:
        """An error of ours: its traceback, then what to do with it."""
        self.log(str(failed))
        self.error(
            UserError(
                say("This step failed because of an error in EdgeKiln."),
                say("The lines above show where."),
                say("Nothing was changed. Please send us these lines."),
            )
        )


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def percent(share: float | None) -> str:
    """0.9828 -> "98.28 %"."""
    return "–" if share is None else f"{share:.2%}".replace("%", " %")


def kilobytes(size: int) -> str:
    """Bytes as kB (1000)."""
    return f"{size / 1000:,.1f} kB"
