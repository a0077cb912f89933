"""What a training logs: metrics.jsonl, a JSON object a line, some on the loss and some on a validation."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from codecnn.errors import InputError

Row = dict[str, Any]  # names and numbers, "step" among them


class Validation(NamedTuple):
    """What a validation came to, in dB."""

    step: int
    gain: float  # mean over the QPs
    by_qp: dict[int, float]


def read_rows(file: Path) -> list[Row]:
    """The lines of a log, but for a last one that a kill has cut; InputError if it is not readable, or damaged."""
    try:
        rows = [json.loads(line) for line in file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: not readable as the log of a training ({error!s:.80})") from error
    for number, row in enumerate(rows, start=1):
        if not (isinstance(row, dict) and all(map(_sound, row.keys(), row.values())) and type(row.get("step")) is int):
            raise InputError(f"{file}: line {number} is none of a training")
    return rows


def validations(file: Path, rows: list[Row]) -> list[Validation]:
    """Those among the rows of a log; InputError if there is none."""
    found = [
        Validation(
            row["step"], row["gain"], {int(name[5:]): value for name, value in row.items() if name.startswith("gain_")}
        )
        for row in rows
        if "gain" in row
    ]
    if not found:
        raise InputError(f"{file}: the training was never validated")
    return found


def _sound(name: str, value: object) -> bool:
    return type(value) in (int, float) and (not name.startswith("gain_") or re.fullmatch(r"\d+", name[5:]) is not None)
