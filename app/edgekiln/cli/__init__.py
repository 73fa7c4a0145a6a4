"""Every step as a command, without Qt."""

from edgekiln.cli.main import main

__all__ = ["main"]
