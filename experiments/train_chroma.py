"""Train an in-loop filter of chroma: train-chroma CONFIG --data DIR --out DIR."""

import codecnn.torch_settings  # noqa: F401

# isort: split

import sys
from collections.abc import Sequence

from codecnn.tasks.chroma_filter import ChromaFilter
from experiments.training_command import training_command


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the command line says; return the exit code."""
    return training_command("train-chroma", ChromaFilter, argv)


if __name__ == "__main__":
    sys.exit(main())
