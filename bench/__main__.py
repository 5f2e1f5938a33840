"""Runs all benchmarks one after another: `make bench`. Exit code 1 if a figure is above its limit."""

from __future__ import annotations

from bench import publish, rollback, up
from bench.drift.__main__ import main as drift


def main() -> int:
    return max([bench() for bench in (up.main, rollback.main, lambda: publish.main([]), lambda: drift([]))])


if __name__ == "__main__":
    raise SystemExit(main())
