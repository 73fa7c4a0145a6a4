"""The step `probe`: what a box is, asked by one POSIX script over stdin."""

from __future__ import annotations

from pathlib import Path

from edgekiln.core.device import Contact, DeviceFacts, ProbePlan, Profile
from edgekiln.core.errors import UserError
from edgekiln.core.report import Report
from edgekiln.core.text import Text, say
from edgekiln.profiles import all_profiles, load_profile
from edgekiln.ship.device.connect import connect
from edgekiln.ship.device.pythons import FIND, parse_pythons, python_for
from edgekiln.ship.device.run import Session

_MARK = "edgekiln-probe"
# /proc/device-tree/model ends in a NUL; `df` of the nearest folder that exists.
_SCRIPT = (
    r"""
say() { printf '%s\t%s\n' "$1" "$2"; }
say edgekiln-probe 1
say arch "$(uname -m)"
say kernel "$(uname -r)"
say system "$(. /etc/os-release 2>/dev/null && printf %s "$PRETTY_NAME")"
say glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null | tr -dc '0-9.')"
say board "$(tr -d '\000' </proc/device-tree/model 2>/dev/null)"
say memory_kib "$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo 2>/dev/null)"
[ -d /usr/local/Ascend ] || [ -e /dev/davinci0 ] || [ -e /etc/hdcBasic.cfg ] && say ascend 1
case "$1" in "~"*) d="$HOME${1#\~}";; *) d="$1";; esac
say data_dir "$d"
while [ ! -d "$d" ]; do d=$(dirname "$d"); done
say free_kib "$(df -Pk "$d" 2>/dev/null | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4)"
want=
"""
    + FIND
)
_BOARDS = (("RDK X5", "rdk-x5"), ("X3 PI", "rdk-x3"), ("RDK X3", "rdk-x3"), ("XJ3", "rdk-x3"))


def probe(inputs: Contact, plan: ProbePlan, out_dir: Path, report: Report) -> DeviceFacts:
    """What the box says of itself, and the profile this points to."""
    del out_dir
    device = inputs.device
    report(0.1, say("Connecting to {name}", name=device.name))
    data_dir = load_profile(device.profile).data_dir if device.profile else "~/edgekiln"
    with connect(inputs, plan.timeout_s) as session:
        report(0.5, say("Asking {name} what it is", name=device.name))
        text = _ask(session, data_dir)
    return facts_from(text)


def facts_from(text: str) -> DeviceFacts:
    """The facts in the script's answer."""
    rows = (line.partition("\t") for line in text.splitlines())
    said = {key: value.strip() for key, _, value in rows if key != "python"}
    pythons = parse_pythons(text)
    profile = suggest_profile(said, all_profiles())
    best = python_for(pythons, profile.runtime) if pythons else None
    return DeviceFacts(
        arch=said.get("arch", ""),
        system=said.get("system", ""),
        kernel=said.get("kernel", ""),
        glibc=said.get("glibc", ""),
        python=best.release if best else "",
        board=said.get("board", ""),
        runtimes=best.runtimes if best else (),
        memory_bytes=_bytes(said.get("memory_kib", "")),
        disk_free_bytes=_bytes(said.get("free_kib", "")),
        data_dir=said.get("data_dir", ""),
        profile=profile.name,
        notes=_notes(best is not None, best.runtimes if best else (), profile),
    )


def suggest_profile(said: dict[str, str], profiles: tuple[Profile, ...]) -> Profile:
    """By the board's own name, then by vendor files; "this-computer" for any other."""
    by_name = {profile.name: profile for profile in profiles}
    for words, name in _BOARDS:
        if words in said.get("board", "") and name in by_name:
            return by_name[name]
    if "ascend" in said and "atlas-200i-dk-a2" in by_name:
        return by_name["atlas-200i-dk-a2"]
    return by_name["this-computer"]


def _ask(session: Session, data_dir: str) -> str:
    outcome = session.run(["sh", "-s", "--", data_dir], _SCRIPT.encode())
    text = outcome.out.decode("utf-8", "replace")
    if f"{_MARK}\t1" not in text:
        raise UserError(
            say("{name} lets us in but runs no commands.", name=session.device.name),
            say("Its shell is restricted, as on an Atlas 500 outside its developer mode."),
            say("Switch the box to developer mode, or log in as a user with a plain shell."),
        )
    return text


def _bytes(kib: str) -> int | None:
    return int(kib) * 1024 if kib.isdigit() else None


def _notes(has_python: bool, runtimes: tuple[str, ...], profile: Profile) -> tuple[Text, ...]:
    if not has_python:
        return (say("There is no Python 3.7 or newer: nothing can be checked on this box."),)
    if any(found.split(" ")[0] == profile.runtime.split(" ")[0] for found in runtimes):
        return ()
    return (say("{runtime} is not installed; a push will be refused.", runtime=profile.runtime),)
