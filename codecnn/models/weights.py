"""Save and load a trained network as one safetensors file: its tensors, and a header.

The header holds text: `format`, `task` (the name of a task, such as in-loop-filter), `network` (a name of the
registry), `config` (the fields of the configuration as JSON) and `notes` (how the weights came about, as JSON). Files
of the first format, codecnn-rdn-1, have neither task nor network: they are in-loop filters of the family rdn.
"""

import dataclasses
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save as to_bytes

from codecnn.errors import InputError
from codecnn.io.files import write_whole
from codecnn.models.in_loop_filter import AnyFilter, FilterNetwork, IntegerFilter
from codecnn.models.network import Network
from codecnn.models.rdn.integer_weights import read_integers
from codecnn.models.registry import FAMILIES, make_network, name_of
from codecnn.models.weights_header import (
    FILTER_TASK,
    FIRST_FORMAT,
    FORMAT,
    INTEGER_FORMAT,
    Notes,
    header_of,
    opened,
)

PRETRAINED = Path(str(files("codecnn.models") / "pretrained"))  # the weights that come with the project


class Weights(NamedTuple):
    """Hold a network on the CPU, ready for use, with the name of its task and the notes of its file."""

    network: Network | IntegerFilter
    task: str
    notes: Notes


def load_weights(name: str | Path) -> Network | IntegerFilter:
    """Return the network of a weights file, a run folder, or a name of the project's weights such as "rdn_s".

    The network is on the CPU and ready for use. Raises InputError as `find_weights` and `read_weights`.
    """
    return read_weights(find_weights(str(name))).network


def read_filter(path: Path) -> tuple[AnyFilter, Notes]:
    """Return the in-loop filter of a weights file, of floats or integers, and its notes; InputError as `read_weights`.

    InputError as well if the weights are from another task.
    """
    network, task, notes = read_weights(path)
    if isinstance(network, Network) and not isinstance(network, FilterNetwork):
        raise InputError(f"{path}: weights of the task {task}, not of an in-loop filter")
    return network, notes


def find_weights(name: str) -> Path:
    """Return the weights file of a name: a file, the best of a run folder, or weights that come with the project."""
    path = Path(name)
    if not name:
        raise InputError("the name of the weights is empty")
    if path.is_dir():
        return path / "best.safetensors"
    known = {file.stem: file for file in PRETRAINED.glob("*.safetensors")}
    if not path.exists() and name not in known:
        raise InputError(f"{name}: no such file or folder, and no weights of the project ({', '.join(known)})")
    return path if path.exists() else known[name]


def save_weights(path: Path, network: Network, task: str, notes: Notes) -> None:
    """Write the tensors of a network, merged for use, with its configuration, the name of its task and notes."""
    network = network.merged()
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    header = {
        "format": FORMAT,
        "task": task,
        "network": name_of(network.config),
        "config": json.dumps(dataclasses.asdict(network.config)),
        "notes": json.dumps(notes),
    }
    write_whole(path, to_bytes(tensors, header))


def read_weights(path: Path) -> Weights:
    """Return the network of a weights file; InputError if it is damaged or not a weights file of this project.

    Nothing in the file is executed, and the size of the file bounds the memory that is taken.
    """
    with opened(path, "pt") as (file, header):
        if header.get("format") == INTEGER_FORMAT:
            return Weights(*read_integers(path))
        first = header.get("format") == FIRST_FORMAT
        name, task = ("rdn", FILTER_TASK) if first else (header["network"], header["task"])
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,80}", task):
            raise InputError(f"{path}: {task!r:.80} is no name of a task")
        if name not in FAMILIES:
            raise InputError(f"{path}: network {name!r:.80}, this version knows {', '.join(FAMILIES)}")
        config, notes = header_of(header, FAMILIES[name].config)
        with torch.device("meta"):  # takes no memory
            expected = {key: [*tensor.shape] for key, tensor in make_network(config).state_dict().items()}
        found = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118
        for key in sorted(expected.keys() | found.keys()):
            if (shape := found.get(key)) != expected.get(key):
                raise ValueError(f"the shape of {key} is {shape}, not {expected.get(key)}")
        network = make_network(config)
        network.load_state_dict({key: file.get_tensor(key) for key in expected})
        for key, tensor in network.state_dict().items():
            if not tensor.isfinite().all():
                raise ValueError(f"{key} is not finite everywhere")
    return Weights(network.eval(), task, notes)
