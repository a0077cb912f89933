"""Open a weights file, and read its header."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import Any

from safetensors import SafetensorError, safe_open

from codecnn.errors import InputError
from codecnn.io.files import require_file
from codecnn.io.validated import validated

FORMAT, FIRST_FORMAT = "codecnn-weights-2", "codecnn-rdn-1"
INTEGER_FORMAT = "codecnn-rdn-int16-1"
FILTER_TASK = "in-loop-filter"  # the task of files that do not name one
Notes = dict[str, Any]  # whatever JSON can hold


@dataclass(frozen=True)
class KnownNotes:
    """List the notes that have a type; a file may have others."""

    recipe: dict[str, Any] | None = None
    windows: int | None = None
    step: int | None = None
    seconds: float | None = None
    hardware: str | None = None
    torch: str | None = None
    commit: str | None = None
    sources: list[str] = field(default_factory=list)
    sources_sha256: list[str] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)  # the sources by which the best checkpoint was chosen
    held_out_sha256: list[str] = field(default_factory=list)
    perceptual_hashes: dict[str, str] = field(default_factory=dict)  # of all these sources, by name
    codecs: list[str] = field(default_factory=list)
    qps: list[int] = field(default_factory=list)
    bit_depths: list[int] = field(default_factory=list)  # of the decoder's output
    stages: list[dict[str, Any]] = field(default_factory=list)  # the notes of former trainings


@contextmanager
def opened(path: Path, framework: str) -> Iterator[tuple[Any, dict[str, str]]]:
    """Open a weights file and read its header; faults found while it is open become InputError with its name."""
    require_file(path)
    try:
        with safe_open(path, framework=framework) as file:
            header = file.metadata() or {}
            if (found := header.get("format")) not in (FORMAT, FIRST_FORMAT, INTEGER_FORMAT):
                raise InputError(f"{path}: format {found!r:.80}, this version reads {FORMAT!r}")
            yield file, header
    except InputError:
        raise
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: not readable as weights ({shorten(str(error), 300)})") from error


def header_of(header: dict[str, str], kind: type[Any]) -> tuple[Any, Notes]:
    """Return the configuration and the notes of a header; ValueError if they are not valid."""
    config, notes = json.loads(header["config"]), json.loads(header["notes"])
    try:
        checked = validated(kind, config, "its configuration")
        known = validated(KnownNotes, notes, "its notes", extra="ignore")
        for stage in known.stages:
            validated(KnownNotes, stage, "a stage in its notes", extra="ignore")
    except InputError as error:
        raise ValueError(str(error)) from error
    return checked, notes
