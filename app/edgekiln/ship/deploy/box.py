"""The application's folder on a box, spoken to through the agent."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from edgekiln.core.device import Device, DeviceStatus, Health, Release
from edgekiln.core.errors import UserError
from edgekiln.core.plans import DeployPlan
from edgekiln.core.text import say
from edgekiln.onboard import agent_source
from edgekiln.profiles import load_profile
from edgekiln.ship.deploy.refusals import Refused, health_from
from edgekiln.ship.device.faults import TooSlow
from edgekiln.ship.device.pythons import RemotePython, find_pythons, python_for
from edgekiln.ship.device.run import KILLED, Outcome, Session

_CHECK_S = 120.0
_SIGNAL_EXIT = 128


@dataclass(frozen=True)
class Box:
    """A session, the Pythons there, and the folder `app` ("" before the first push)."""

    session: Session
    pythons: tuple[RemotePython, ...]
    app: str = ""
    free_bytes: int = 0
    fell_back: bool = False

    def ask(self, command: str, *arguments: str) -> dict[str, Any]:
        """One command of the agent on `app`; Refused with the box's reason."""
        return self._answer(self._run(self.pythons[0], command, self.app, *arguments))

    def check(self, release: str, runtime: str) -> Health:
        """The golden inputs on the box's own runtime: of a release, or of `current` for ""."""
        folder = f"{self.app}/releases/{release}" if release else f"{self.app}/current"
        python = python_for(self.pythons, runtime)
        try:
            outcome = self._run(python, "check", self.app, folder, timeout_s=_CHECK_S)
            if outcome.code == KILLED or outcome.code >= _SIGNAL_EXIT:
                raise Refused("crashed", {"words": _tail(outcome)})
            return health_from(self._answer(outcome))
        except Refused as refused:
            return health_from(refused.values, refused.why)
        except TooSlow as slow:
            return health_from({}, slow.why)

    def status(self, with_health: bool = True) -> DeviceStatus:
        """The releases, newest first, and the health of the live one."""
        if not self.app:
            return DeviceStatus((), "", None)
        said = self.ask("status")
        releases = tuple(
            Release(r["id"], r["name"], r["scheme"], r["id"] == said["current"], r["size_bytes"])
            for r in said["releases"]
        )
        live = [r["runtime"] for r in said["releases"] if r["id"] == said["current"]]
        health = self.check("", live[0]) if live and with_health else None
        return DeviceStatus(releases, said["locked_by"], health)

    def _run(
        self, python: RemotePython, *arguments: str, timeout_s: float | None = None
    ) -> Outcome:
        argv = [python.path, "-", *arguments]
        return self.session.run(argv, agent_source(), timeout_s)

    def _answer(self, outcome: Outcome) -> dict[str, Any]:
        lines = outcome.out.decode("utf-8", "replace").strip().splitlines()
        try:
            answer = json.loads(lines[-1])
            code = "" if answer["ok"] else str(answer["code"])
        except (IndexError, ValueError, KeyError, TypeError) as error:
            raise self._silent(outcome) from error
        if code:
            raise Refused(code, answer)
        return dict(answer)

    def _silent(self, outcome: Outcome) -> UserError:
        return UserError(
            say("The agent on {name} did not answer.", name=self.session.device.name),
            say("Exit code {code}: {words}", code=outcome.code, words=_tail(outcome)),
            say("Check that Python on the box works: python3 --version"),
        )


def find_box(session: Session, plan: DeployPlan) -> Box:
    """The box as it is; nothing is made there."""
    box = Box(session, find_pythons(session))
    outcome = box._run(box.pythons[0], "stage", _data_dir(session.device), plan.app, "")
    return replace(box, app=box._answer(outcome)["app"])


def prepare_box(session: Session, plan: DeployPlan, runtime: str) -> Box:
    """The box with its folder made; Refused when that is impossible."""
    box = Box(session, find_pythons(session, runtime))
    said = box._answer(box._run(box.pythons[0], "stage", _data_dir(session.device), plan.app))
    return replace(box, app=said["app"], free_bytes=said["free"], fell_back=said["fell_back"])


def _data_dir(device: Device) -> str:
    return load_profile(device.profile).data_dir


def _tail(outcome: Outcome) -> str:
    return outcome.err.decode("utf-8", "replace").strip()[-300:] or "-"
