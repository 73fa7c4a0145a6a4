"""What the user set: language and theme, kept with the workspace."""

from __future__ import annotations

from dataclasses import dataclass

from edgekiln.assets import system_language
from edgekiln.core.flow import recall
from edgekiln.core.workspace import Workspace
from edgekiln.ui.theme import ThemeChoice

_DRAFT = "settings"


@dataclass(frozen=True)
class Settings:
    """`language` "" follows the system."""

    language: str = ""
    theme: ThemeChoice = "system"

    def spoken(self) -> str:
        """The language to show."""
        return self.language or system_language()


def load_settings(workspace: Workspace) -> Settings:
    """What was set last."""
    return recall(Settings, workspace.draft(_DRAFT))


def save_settings(workspace: Workspace, settings: Settings) -> None:
    """Keep it."""
    workspace.save_draft(_DRAFT, settings)
