"""A practice box that says where it is, or what the folder's name asks for."""

from __future__ import annotations

import json
import sys


def main() -> int:
    password = sys.stdin.readline().strip()
    if "broken" in sys.argv[1]:
        print("no free port", flush=True)
        sys.stdin.read()
    if "dies" in sys.argv[1]:
        sys.stderr.write("first\nno such module\n")
        return 1
    address = {"host": "127.0.0.1", "port": 1, "user": "practice", "fingerprint": password}
    print(json.dumps(address), flush=True)
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
