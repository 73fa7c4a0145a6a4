"""One push in a process of its own; prints how it ended. Port, bundle, user, key, host key, app."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from edgekiln.core.device import Contact, Device, HostKey, PushInputs
from edgekiln.core.errors import UserError
from edgekiln.core.plans import DeployPlan
from edgekiln.core.report import silent
from edgekiln.ship.deploy.push import push

port, bundle, user, key, host_key, app = sys.argv[1:]
device = Device(
    "box",
    "127.0.0.1",
    int(port),
    user,
    "this-computer",
    HostKey("ssh-ed25519", host_key, ""),
    Path(key),
)
with tempfile.TemporaryDirectory() as scratch:
    try:
        inputs = PushInputs(Contact(device), Path(bundle))
        print(push(inputs, DeployPlan(app, timeout_s=3.0), Path(scratch), silent).state)
    except UserError as error:
        print(type(error).__name__)
