"""argv -> gui | cli | worker: the only fork."""

from __future__ import annotations

import sys


def main() -> int:
    """The command `edgekiln`: without arguments the window, else a command."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["worker"]:
        from edgekiln.worker import main as worker

        return worker(*arguments[1:2])
    if not arguments or arguments[0] == "gui":
        from edgekiln.gui import main as gui

        return gui(arguments[1:])
    from edgekiln.cli import main as cli

    return cli(arguments)


if __name__ == "__main__":
    sys.exit(main())
