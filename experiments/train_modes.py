"""Train a network that ranks intra modes: train-modes CONFIG --data DIR --out DIR."""

import codecnn.torch_settings  # noqa: F401

# isort: split

import sys
from collections.abc import Sequence

from codecnn.tasks.intra_mode import IntraMode
from experiments.training_command import training_command


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the command line says; return the exit code."""
    return training_command("train-modes", IntraMode, argv)


if __name__ == "__main__":
    sys.exit(main())
