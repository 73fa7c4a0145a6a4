"""What runs on a box: `agent.py`, sent as text, and `preprocess.py`, for the application there; and
under other Pythons of this computer: `elsewhere.py`. Nothing here imports them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def agent_source() -> bytes:
    """The agent's text, as it is bundled and as it is run on a box over stdin."""
    return files(__name__).joinpath("agent.py").read_bytes()


def preprocess_source() -> bytes:
    """The text of what makes a picture the model's input, as it is bundled."""
    return files(__name__).joinpath("preprocess.py").read_bytes()


def elsewhere() -> Path:
    """The script for another Python of this computer; the agent lies beside it."""
    return Path(__file__).with_name("elsewhere.py")
