"""Measure speed and memory: python -m benchmarks [labels] [dataset] ...; without names, all."""

import sys
from importlib import import_module

PARTS = ("labels", "dataset", "training", "inference", "hevc")


def main() -> int:
    """Run the parts that are named; return the exit code."""
    named = sys.argv[1:] or PARTS
    if unknown := set(named) - set(PARTS):
        print(f"benchmarks: no part {', '.join(sorted(unknown))}, only {', '.join(PARTS)}", file=sys.stderr)
        return 2
    for part in named:
        print(f"-- {part}")
        import_module(f"benchmarks.{part}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
