"""`python -m rehearsal.aws --port P --home DIR`: the simulator as a process of its own.

Its administrator's key is the first line of stdin, since arguments and environments are for others to see; where stdin
ends, it does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rehearsal.access_keys import AccessKey
from rehearsal.simulated_clock import DEFAULT_PACE


def main() -> int:
    """Serves until the end. Returns 1 after an error message if the port is in use."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.aws", description=__doc__)
    parser.add_argument("--port", type=int, default=5000, help="0 takes a free one, written to DIR/address")
    parser.add_argument("--directory", type=Path, required=True, help="a folder for the clock and unpacked functions")
    parser.add_argument("--pace", type=float, default=DEFAULT_PACE, help="wall seconds per simulated second of waiting")
    args = parser.parse_args()
    from rehearsal.aws.server import serve

    try:
        key = AccessKey.from_json(sys.stdin.readline())
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        serve(args.port, args.directory, key, args.pace)
    except (OSError, SystemExit) as error:
        sentence = f"Port {args.port} of this machine is in use; stop what uses it or choose another port."
        print(f"{sentence} ({error})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
