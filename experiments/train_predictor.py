"""Train a network that predicts blocks: train-predictor CONFIG --data DIR --out DIR."""

import codecnn.torch_settings  # noqa: F401

# isort: split

import sys
from collections.abc import Sequence

from codecnn.tasks.intra_prediction import IntraPrediction
from experiments.training_command import training_command


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the command line says; return the exit code."""
    return training_command("train-predictor", IntraPrediction, argv)


if __name__ == "__main__":
    sys.exit(main())
