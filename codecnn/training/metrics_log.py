"""Read metrics.jsonl, the log of a training: one JSON object a line, on some steps and on every validation."""

import json
from pathlib import Path
from typing import NamedTuple

from codecnn.errors import InputError
from codecnn.io.files import require_file
from codecnn.io.validated import validated

HELD_OUT = "held_out_"  # before the name of a figure of the loss, where it is of held-out batches
Row = dict[str, float]  # "step" among the names; rows of steps have "lr", rows of validations have not


class Validation(NamedTuple):
    """Hold the figures of one validation."""

    step: int
    figures: dict[str, float]

    def by_qp(self, figure: str) -> dict[int, float]:
        """Return a figure at each QP, such as "gain" from gain_22 and gain_37."""
        names = (name.removeprefix(f"{figure}_") for name in self.figures if name.startswith(f"{figure}_"))
        return {int(qp): self.figures[f"{figure}_{qp}"] for qp in names if qp.isdecimal()}


def read_rows(file: Path) -> list[Row]:
    """Return the lines of a log, without a last one that a kill has cut; InputError if it is damaged."""
    require_file(file)
    try:
        rows = [json.loads(line) for line in file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: not readable as the log of a training ({error!s:.80})") from error
    for number, row in enumerate(rows, start=1):
        validated(dict[str, float], row, f"{file}: line {number}")
        if type(row.get("step")) is not int:
            raise InputError(f"{file}: line {number}: has no step")
    return rows


def validations(file: Path, rows: list[Row], decides: str) -> list[Validation]:
    """Return the validations among the rows of a log, which have the figure that decides; InputError for none."""
    found = [
        Validation(int(row["step"]), {name: value for name, value in row.items() if name != "step"})
        for row in rows
        if decides in row and "lr" not in row
    ]
    if not found:
        raise InputError(f"{file}: the training was never validated")
    return found
