"""The one mutable document: what is in hand, as readable JSON, and a history in SQLite.

<root>/workspace.json   what is in hand
<root>/history.sqlite   what was done, one row a step
<root>/artifacts/       results, each in a folder named by the hash of what led to it
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekiln.core.accuracy import QuantResult
from edgekiln.core.artifact import Artifact
from edgekiln.core.bundle import Bundle
from edgekiln.core.codec import CodecError, decode, encode
from edgekiln.core.errors import UserError
from edgekiln.core.files import write_atomic
from edgekiln.core.fusion import FusionResult, SourceLatency
from edgekiln.core.model import InspectedModel
from edgekiln.core.text import say


@dataclass(frozen=True)
class InHand:
    """The model on the table and how far it has come; each step clears what follows from it."""

    model: InspectedModel | None = None
    converted: Artifact | None = None
    fusion: FusionResult | None = None
    quantized: QuantResult | None = None
    bundle: Bundle | None = None
    source_latency: SourceLatency | None = None  # of the model itself, so fusing anew keeps it

    def with_model(self, model: InspectedModel) -> InHand:
        """A new model: everything that was made from the old one leaves the table."""
        return InHand(model=model)

    def with_fusion(self, fusion: FusionResult) -> InHand:
        """A new fused model: candidates and bundle of the old one leave the table."""
        return replace(self, fusion=fusion, quantized=None, bundle=None)

    def with_quantized(self, quantized: QuantResult) -> InHand:
        """New candidates: the bundle of the old ones leaves the table."""
        return replace(self, quantized=quantized, bundle=None)


def default_root() -> Path:
    """Where the workspace is unless told: $EDGEKILN_HOME, else the user's data folder."""
    if home := os.environ.get("EDGEKILN_HOME"):
        return Path(home)
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "edgekiln"


class Workspace:
    """The folder with all of it. Every change is on the disk before the call returns."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._history = root / "history.sqlite"
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._open_history()
        except (OSError, sqlite3.OperationalError) as error:
            raise UserError(
                say("The workspace {root} cannot be written.", root=str(root)),
                say(
                    "The system says: {reason}.",
                    reason=getattr(error, "strerror", "") or str(error),
                ),
                say("Make room, change its permissions, or choose another workspace."),
            ) from error

    def _open_history(self) -> None:
        """The file with its table. One that is no database is put aside: it is only a record."""
        create = "CREATE TABLE IF NOT EXISTS steps (at REAL, step TEXT, outcome TEXT, text TEXT)"
        try:
            with closing(sqlite3.connect(self._history)) as database, database:
                database.execute(create)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self._history.replace(self._history.with_suffix(".unreadable"))
            self._open_history()

    def load(self) -> InHand:
        """What was in hand last. A file we cannot read (another release of ours) is put aside."""
        file = self.root / "workspace.json"
        try:
            return decode(InHand, json.loads(file.read_bytes()), self.root)
        except FileNotFoundError:
            return InHand()
        except (ValueError, CodecError):
            file.replace(self.root / "workspace.json.unreadable")
            return InHand()

    def save(self, in_hand: InHand) -> None:
        """Keep what is in hand."""
        self._write("workspace.json", encode(in_hand, self.root))

    def draft(self, name: str) -> dict[str, Any]:
        """The saved draft of a wizard ({} when there is none)."""
        try:
            loaded = json.loads((self.root / f"draft-{name}.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return loaded if isinstance(loaded, dict) else {}

    def save_draft(self, name: str, draft: object) -> None:
        """Keep a wizard's draft."""
        self._write(f"draft-{name}.json", encode(draft))

    def remember(self, step: str, outcome: str, text: str) -> None:
        """A row of history."""
        with closing(sqlite3.connect(self._history)) as database, database:
            database.execute(
                "INSERT INTO steps VALUES (?,?,?,?)", (time.time(), step, outcome, text)
            )

    def history(self, limit: int = 200) -> tuple[tuple[float, str, str, str], ...]:
        """What was done, newest first: (time, step, outcome, text)."""
        with closing(sqlite3.connect(self._history)) as database:
            rows = database.execute("SELECT * FROM steps ORDER BY at DESC LIMIT ?", (limit,))
            return tuple((float(at), step, outcome, text) for at, step, outcome, text in rows)

    def _write(self, name: str, data: Any) -> None:
        write_atomic(self.root / name, json.dumps(data, ensure_ascii=False, indent=1).encode())
