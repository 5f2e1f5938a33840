"""`python -m simulator.aws --port P --home DIR`: the simulator as a process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from simulator.clock import DEFAULT_PACE


def main() -> int:
    """Serves; 1 and a sentence when the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m simulator.aws", description=__doc__)
    parser.add_argument("--port", type=int, default=5000, help="0 takes a free one, written to DIR/address")
    parser.add_argument("--home", type=Path, required=True, help="a folder for the clock and unpacked functions")
    parser.add_argument("--pace", type=float, default=DEFAULT_PACE, help="wall seconds per simulated second of waiting")
    parser.add_argument("--parent", type=int, help="stop when this process is no longer the parent")
    given = parser.parse_args()
    from simulator.aws.server import serve

    try:
        serve(given.port, given.home, given.pace, given.parent)
    except (OSError, SystemExit) as taken:
        sentence = f"Port {given.port} of this machine is in use; stop what uses it or choose another port."
        print(f"{sentence} ({taken})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
