"""The Pythons of a box and the TFLite runtimes in each: boards have a system and a conda one."""

from __future__ import annotations

from dataclasses import dataclass

from edgekiln.core.errors import UserError
from edgekiln.core.text import say
from edgekiln.ship.device.run import Session

FAMILIES = {"tflite-runtime": "tflite-runtime", "ai-edge-litert": "litert"}
_OLDEST = (3, 7)

# Each Python says its release and its runtimes; "</dev/null" keeps it from eating this script.
FIND = """
seen=
for p in python3 /usr/bin/python3 /usr/local/bin/python3 /usr/local/miniconda3/bin/python3 \\
         "$HOME/miniconda3/bin/python3" /opt/conda/bin/python3; do
  q=$(command -v "$p" 2>/dev/null) || continue
  case "$seen" in *"|$q|"*) continue;; esac
  seen="$seen|$q|"
  found=$("$q" -c '
import sys
try:
    from importlib.metadata import version
except ImportError:
    from pkg_resources import get_distribution
    version = lambda name: get_distribution(name).version
found = []
for name in ("tflite-runtime", "ai-edge-litert"):
    try:
        found.append(name + " " + version(name))
    except Exception:
        pass
print("\\t".join(["python", sys.argv[1], "%d.%d.%d" % sys.version_info[:3]] + found))
' "$q" </dev/null 2>/dev/null) || continue
  printf '%s\\n' "$found"
  [ -n "$want" ] || continue
  case "$found" in *"\t$want "*) break;; esac
done
"""


@dataclass(frozen=True)
class RemotePython:
    """An interpreter on the box: its path, release, and runtimes ("tflite-runtime 2.14.0")."""

    path: str
    release: str
    runtimes: tuple[str, ...]


def find_pythons(session: Session, runtime: str = "") -> tuple[RemotePython, ...]:
    """The usable ones, the login's own first, up to the first with `runtime` if one is wanted.
    UserError when there is none."""
    family = runtime.split(" ")[0]
    wanted = next((name for name, own in FAMILIES.items() if own == family), "")
    outcome = session.run(["sh", "-s"], f"want={wanted}\n{FIND}".encode())
    found = parse_pythons(outcome.out.decode("utf-8", "replace"))
    if not found:
        name = session.device.name
        raise UserError(
            say("{name} has no Python 3.7 or newer.", name=name),
            say("The check on the box needs one; none answered in the usual places."),
            say("Install python3 on the box, or log in as the user who has it."),
        )
    return found


def parse_pythons(text: str) -> tuple[RemotePython, ...]:
    """The `python` lines of FIND."""
    rows = (line.split("\t") for line in text.splitlines() if line.startswith("python\t"))
    found = (RemotePython(row[1], row[2], _families(row[3:])) for row in rows if len(row) >= 3)
    return tuple(python for python in found if _is_new_enough(python.release))


def python_for(pythons: tuple[RemotePython, ...], runtime: str) -> RemotePython:
    """The first one with a runtime of that family, else the first."""
    family = runtime.split(" ")[0]
    for python in pythons:
        if any(found.split(" ")[0] == family for found in python.runtimes):
            return python
    return pythons[0]


def _families(runtimes: list[str]) -> tuple[str, ...]:
    pairs = (runtime.partition(" ") for runtime in runtimes)
    return tuple(f"{FAMILIES[name]} {release}" for name, _, release in pairs if name in FAMILIES)


def _is_new_enough(release: str) -> bool:
    parts = release.split(".")
    return all(part.isdigit() for part in parts) and tuple(map(int, parts))[:2] >= _OLDEST
