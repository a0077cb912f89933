"""Train an in-loop filter: train-filter CONFIG --data DIR --out DIR."""

import codecnn.torch_settings  # noqa: F401

# isort: split

import sys
from collections.abc import Sequence

from codecnn.tasks.in_loop_filter import InLoopFilter
from experiments.training_command import training_command


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the command line says; return the exit code."""
    return training_command("train-filter", InLoopFilter, argv)


if __name__ == "__main__":
    sys.exit(main())
