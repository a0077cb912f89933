"""A network of integers as one safetensors file: weights, biases and shifts, its RdnConfig and notes in the header."""

import dataclasses
import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from codecnn import weights
from codecnn.errors import InputError
from codecnn.files import write_whole
from codecnn.integer import IntegerRdn
from codecnn.integer_conv import IntegerConv
from codecnn.models.rdn import Rdn, RdnConfig
from codecnn.weights import Notes

FORMAT = "codecnn-rdn-int16-1"
FIELDS = [field.name for field in dataclasses.fields(IntegerConv)]


def save(path: Path, model: IntegerRdn, notes: Notes) -> None:
    """Write the network with its configuration, and notes on how it came about."""
    tensors = {f"{name}.{field}": getattr(conv, field) for name, conv in model.convs.items() for field in FIELDS}
    header = {
        "format": FORMAT,
        "config": json.dumps(dataclasses.asdict(model.config)),
        "notes": json.dumps(notes),
    }
    write_whole(path, to_bytes(tensors, header))


def load(path: Path) -> tuple[IntegerRdn, Notes]:
    """The network and its notes; InputError if the file is none of ours, damaged, or made so that a sum can overflow.

    Nothing in the file is executed.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise InputError(f"{path}: format {header.get('format')!r}, this version reads {FORMAT!r}")
            config, names = RdnConfig(**json.loads(header["config"])), set(file.keys())
            if config.blocks * config.convolutions > len(names):  # a forged number would take all memory
                raise ValueError(f"{len(names)} tensors are not {config.blocks} blocks")
            convs = {
                name: IntegerConv(**{field: file.get_tensor(f"{name}.{field}") for field in FIELDS})
                for name in sorted({name.rpartition(".")[0] for name in names})
            }
            model, notes = IntegerRdn(config, convs), json.loads(header["notes"])
    except InputError:
        raise
    except (OSError, SafetensorError, ArithmeticError, KeyError, TypeError, ValueError, MemoryError) as error:
        raise InputError(f"{path}: not readable as weights ({' '.join(str(error).split())})") from error
    return model, notes


def load_filter(path: Path) -> tuple[Rdn | IntegerRdn, Notes]:
    """The network of a weights file of either kind; InputError as load has it."""
    try:
        with safe_open(path, framework="numpy") as file:
            is_integer = (file.metadata() or {}).get("format") == FORMAT
    except (OSError, SafetensorError):
        is_integer = False  # weights.load says what is wrong
    return load(path) if is_integer else weights.load(path)
