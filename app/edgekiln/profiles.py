"""The kinds of boxes we know: one `resources/devices/<name>.toml` each."""

from __future__ import annotations

import tomllib
from pathlib import Path

from edgekiln import assets
from edgekiln.core.codec import decode
from edgekiln.core.device import Profile
from edgekiln.core.errors import UserError
from edgekiln.core.text import say

_SUFFIX = ".toml"
_FIRST = "this-computer"


def all_profiles() -> tuple[Profile, ...]:
    """Every profile; this computer first, the boards by name."""
    profiles = (_read(file) for file in assets.path("devices").glob(f"*{_SUFFIX}"))
    return tuple(sorted(profiles, key=lambda p: (p.name != _FIRST, p.name)))


def load_profile(name: str) -> Profile:
    """The profile of that name; a UserError with the known names as choices."""
    by_name = {profile.name: profile for profile in all_profiles()}
    if name in by_name:
        return by_name[name]
    names = tuple(by_name)
    raise UserError(
        say("There is no device profile named {name}.", name=name),
        say("Known profiles: {names}.", names=", ".join(names)),
        say("Choose one of the known profiles."),
        choices=names,
    )


def _read(file: Path) -> Profile:
    """A profile; a file that does not fit is our bug and raises CodecError naming the place."""
    data = tomllib.loads(file.read_text("utf-8"))
    return decode(Profile, {"name": file.stem, **data}, where=file.name)
