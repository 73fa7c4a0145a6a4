"""What became of the passes: whether one may have its places, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edgekiln.core.fusion import PassOutcome
from edgekiln.core.plans import FusionPlan
from edgekiln.core.text import Text, say


@dataclass(frozen=True)
class Fates:
    """Outcomes by the pass's name, with the plan that led to them."""

    outcomes: Mapping[str, PassOutcome]
    plan: FusionPlan

    @classmethod
    def of(cls, outcomes: Iterable[PassOutcome], plan: FusionPlan) -> Fates:
        """The fates of one run."""
        return cls({outcome.name: outcome for outcome in outcomes}, plan)

    def is_on(self, name: str) -> bool:
        """Whether the pass ran."""
        outcome = self.outcomes.get(name)
        return outcome is not None and not outcome.skipped

    def why_not(self, name: str, tensor: str) -> Text | None:
        """Why a pass left a place it could take; None when it did not."""
        outcome = self.outcomes.get(name)
        if (name, tensor) in self.plan.leave:
            return say("Switched off at this place.")
        if not self.is_on(name):
            return say("The pass “{name}” is switched off.", name=name)
        if outcome is not None and outcome.taken_back:
            return say("The pass “{name}” was taken back: its proof failed.", name=name)
        return None
