"""A trained network as one safetensors file: the tensors, its RdnConfig and free notes as JSON in the header."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from codecnn.errors import InputError
from codecnn.files import write_whole
from codecnn.models.rdn import Rdn, RdnConfig

FORMAT = "codecnn-rdn-1"
Notes = dict[str, Any]  # whatever JSON can hold


def save(path: Path, model: Rdn, notes: Notes) -> None:
    """Write the weights with their configuration, and notes on how they came about."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    header = {
        "format": FORMAT,
        "config": json.dumps(dataclasses.asdict(model.config)),
        "notes": json.dumps(notes),
    }
    write_whole(path, to_bytes(tensors, header))


def load(path: Path) -> tuple[Rdn, Notes]:
    """The network, on the CPU and ready to filter, and its notes; InputError if the file is none of ours, or damaged.

    Nothing in the file is executed.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise InputError(f"{path}: format {header.get('format')!r}, this version reads {FORMAT!r}")
            model = Rdn(RdnConfig(**json.loads(header["config"])))
            model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
            notes: Notes = json.loads(header["notes"])
    except InputError:
        raise
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: not readable as weights ({' '.join(str(error).split())})") from error
    return model.eval(), notes
