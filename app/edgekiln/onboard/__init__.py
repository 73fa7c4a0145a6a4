"""What runs on a box: `agent.py`, sent as text; nothing here imports it."""

from __future__ import annotations

from importlib.resources import files


def agent_source() -> bytes:
    """The agent's text, as it is bundled and as it is run on a box over stdin."""
    return files(__name__).joinpath("agent.py").read_bytes()
