"""Runs all benchmarks one after another: `make bench`. Exit code 1 if a figure is above its limit."""

from __future__ import annotations

from bench import policies, publish, rollback, up
from bench.drift.__main__ import main as drift


def main() -> int:
    benches = (up.main, policies.main, rollback.main, lambda: publish.main([]), lambda: drift([]))
    return max([bench() for bench in benches])


if __name__ == "__main__":
    raise SystemExit(main())
