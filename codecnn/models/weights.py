"""A trained network as one safetensors file: the tensors, its RdnConfig and free notes as JSON in the header."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from codecnn.errors import InputError
from codecnn.io.files import write_whole
from codecnn.models.rdn.network import Rdn, RdnConfig

FORMAT = "codecnn-rdn-1"
# Of those notes that have a type, and of the items of those that are lists
KINDS = {"recipe": dict, "windows": int, "step": int, "seconds": float, "hardware": str, "torch": str, "commit": str}
ITEMS = {"sources": str, "sources_sha256": str, "codecs": str, "qps": int, "stages": dict}
Notes = dict[str, Any]  # whatever JSON can hold; "stages" are notes of former trainings


def save(path: Path, model: Rdn, notes: Notes) -> None:
    """Write the weights with their configuration, and notes on how they came about."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    header = {
        "format": FORMAT,
        "config": json.dumps(dataclasses.asdict(model.config)),
        "notes": json.dumps(notes),
    }
    write_whole(path, to_bytes(tensors, header))


class Opened(NamedTuple):
    """A weights file that is open, and what its header says."""

    file: Any  # of safe_open, which has no types
    config: RdnConfig
    notes: Notes


@contextmanager
def opened(path: Path, file_format: str, framework: str) -> Iterator[Opened]:
    """Open a weights file; what is found to be wrong with it, here or while it is open, becomes an InputError."""
    try:
        with safe_open(path, framework=framework) as file:
            header = file.metadata() or {}
            if (found := header.get("format")) != file_format:
                raise InputError(f"{path}: format {found!r:.80}, this version reads {file_format!r}")
            config, notes = RdnConfig(**json.loads(header["config"])), json.loads(header["notes"])
            _check_notes(notes)
            yield Opened(file, config, notes)
    except InputError:
        raise
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: not readable as weights ({shorten(str(error), 300)})") from error


def load(path: Path) -> tuple[Rdn, Notes]:
    """The network, on the CPU and ready to filter, and its notes; InputError if the file is none of ours, or damaged.

    Nothing in the file is executed, and its size bounds the memory that is taken.
    """
    with opened(path, FORMAT, "pt") as (file, config, notes):
        with torch.device("meta"):  # takes no memory
            expected = {name: [*tensor.shape] for name, tensor in Rdn(config).state_dict().items()}
        found = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
        for name in sorted(expected.keys() | found.keys()):
            if (shape := found.get(name)) != expected.get(name):
                raise ValueError(f"the shape of {name} is {shape}, not {expected.get(name)}")
        model = Rdn(config)
        model.load_state_dict({name: file.get_tensor(name) for name in expected})
        for name, tensor in model.state_dict().items():
            if not tensor.isfinite().all():
                raise ValueError(f"{name} is not finite everywhere")
    return model.eval(), notes


def _check_notes(notes: object) -> None:
    """Raise ValueError unless what is read of them has its type."""
    if not isinstance(notes, dict):
        raise ValueError("its notes are no JSON object")
    for name, kind in ITEMS.items():
        items = notes.get(name, [])
        if not (isinstance(items, list) and all(type(item) is kind for item in items)):
            raise ValueError(f"the {name} in its notes are no list of {kind.__name__}")
    for name, kind in KINDS.items():
        if type(notes.get(name)) not in (kind, type(None)):
            raise ValueError(f"the {name} in its notes is no {kind.__name__}")
    for stage in notes.get("stages", []):
        _check_notes(stage | {"stages": []})  # nobody reads the stages of a stage
