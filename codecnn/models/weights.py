"""Keep a trained network in one safetensors file: its tensors, and a header.

The header holds text: `format`, `task` (the name of a task, such as in-loop-filter), `network` (a name of the
registry), `config` (the fields of the configuration as JSON) and `notes` (how the weights came about, as JSON). Files
of the first format, codecnn-rdn-1, have neither task nor network: they are in-loop filters of the family rdn.
"""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes

from codecnn.errors import InputError
from codecnn.io.files import write_whole
from codecnn.io.validated import validated
from codecnn.models.in_loop_filter import IntegerFilter
from codecnn.models.network import Network
from codecnn.models.registry import FAMILIES, make_network, name_of

FORMAT, FIRST_FORMAT = "codecnn-weights-2", "codecnn-rdn-1"
INTEGER_FORMAT = "codecnn-rdn-int16-1"
FILTER_TASK = "in-loop-filter"  # of files that do not name theirs
PRETRAINED = Path(str(files("codecnn.models") / "pretrained"))  # the weights that come with the project
Notes = dict[str, Any]  # whatever JSON can hold


class Weights(NamedTuple):
    """Hold a network on the CPU, ready for use, with the name of its task and the notes of its file."""

    network: Network | IntegerFilter
    task: str
    notes: Notes


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
    codecs: list[str] = field(default_factory=list)
    qps: list[int] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)  # the notes of former trainings


def load_weights(name: str | Path) -> Network | IntegerFilter:
    """Return the network of a weights file, a run folder, or a name of the project's weights such as "rdn_s".

    The network is on the CPU and ready for use. Raises InputError as `find_weights` and `read_weights`.
    """
    return read_weights(find_weights(str(name))).network


def find_weights(name: str) -> Path:
    """Return the weights file of a name: a file, the best of a run folder, or weights that come with the project."""
    path = Path(name)
    if path.is_dir():
        return path / "best.safetensors"
    known = {file.stem: file for file in PRETRAINED.glob("*.safetensors")}
    if not path.exists() and name not in known:
        raise InputError(f"{name}: no such file or folder, and no weights of the project ({', '.join(known)})")
    return path if path.exists() else known[name]


def save_weights(path: Path, network: Network, task: str, notes: Notes) -> None:
    """Write the tensors of a network with its configuration, the name of its task and notes."""
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
    """Return the network of a weights file; InputError if it is damaged, or no weights of this project.

    Nothing in the file is executed, and the size of the file bounds the memory that is taken.
    """
    with opened(path, "pt") as (file, header):
        if header.get("format") == INTEGER_FORMAT:
            from codecnn.models.rdn.integer_weights import read_integers  # compiled code, needed only here

            return Weights(*read_integers(path))
        first = header.get("format") == FIRST_FORMAT
        name, task = ("rdn", FILTER_TASK) if first else (header["network"], header["task"])
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


@contextmanager
def opened(path: Path, framework: str) -> Iterator[tuple[Any, dict[str, str]]]:
    """Open a weights file and read its header; InputError for what is found to be wrong while it is open."""
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
    """Return the configuration and the notes of a header; ValueError if they are not what they should be."""
    config, notes = json.loads(header["config"]), json.loads(header["notes"])
    try:
        checked = validated(kind, config, "its configuration")
        known = validated(KnownNotes, notes, "its notes", extra="ignore")
        for stage in known.stages:
            validated(KnownNotes, stage, "a stage in its notes", extra="ignore")
    except InputError as error:
        raise ValueError(str(error)) from error
    return checked, notes
