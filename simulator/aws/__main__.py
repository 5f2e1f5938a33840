"""`python -m simulator.aws --port P --home DIR`: the simulator as a process of its own.

Its administrator's key is the first line of stdin, since arguments and environments are for others to see; where stdin
ends, it does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from simulator.clock import DEFAULT_PACE
from simulator.keys import Key


def main() -> int:
    """Serves; 1 and a sentence when the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m simulator.aws", description=__doc__)
    parser.add_argument("--port", type=int, default=5000, help="0 takes a free one, written to DIR/address")
    parser.add_argument("--home", type=Path, required=True, help="a folder for the clock and unpacked functions")
    parser.add_argument("--pace", type=float, default=DEFAULT_PACE, help="wall seconds per simulated second of waiting")
    given = parser.parse_args()
    from simulator.aws.server import serve

    try:
        key = Key.from_json(sys.stdin.readline())
    except ValueError as missing:
        print(missing, file=sys.stderr)
        return 1
    try:
        serve(given.port, given.home, key, given.pace)
    except (OSError, SystemExit) as taken:
        sentence = f"Port {given.port} of this machine is in use; stop what uses it or choose another port."
        print(f"{sentence} ({taken})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
