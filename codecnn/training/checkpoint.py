"""Keep what a training goes on from in one file, last.pt, with a checksum."""

import hashlib
import io
import math
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from codecnn.errors import InputError
from codecnn.io.files import require_file, write_whole
from codecnn.io.validated import validated
from codecnn.training.notes import Former

DIGEST = 64  # bytes of a SHA-256 in hexadecimal digits


@dataclass(frozen=True)
class Progress:
    """Hold how far a training is, and what it may go on with; ValueError if that cannot be."""

    recipe: dict[str, Any]  # as `describe` gives it
    data: str  # fingerprint of the shards
    former: Former
    step: int
    seconds: float
    running: list[list[float]]  # since the last line logged: sum and count of each figure of the loss
    best: float  # the best value of the figure that decides
    stale: int  # validations since then

    def __post_init__(self) -> None:
        if min(self.step, self.stale) < 0 or not 0 <= self.seconds < math.inf or math.isnan(self.best):
            raise ValueError(f"{self.step} steps, {self.stale} stale, {self.seconds} s, best {self.best} cannot be")
        if not all(len(pair) == 2 and math.isfinite(pair[0]) and pair[1] >= 0 for pair in self.running):
            raise ValueError(f"running {self.running!r:.80} holds no sums and counts")


class Checkpoint(NamedTuple):
    """Hold all that training goes on from."""

    progress: Progress
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]


class CheckpointFile(NamedTuple):
    """Write and read a checkpoint: what torch.save makes, with its SHA-256 as the comment that ends a zip file."""

    path: Path

    def write(self, checkpoint: Checkpoint) -> None:
        """Write the file, whole or not at all, in types that torch.load reads without executing anything."""
        buffer = io.BytesIO()
        torch.save(checkpoint._asdict() | {"progress": asdict(checkpoint.progress)}, buffer)
        content = buffer.getvalue()[:-2] + DIGEST.to_bytes(2, "little")  # the length of the comment that follows
        write_whole(self.path, content + hashlib.sha256(content).hexdigest().encode())

    def read(self) -> Checkpoint:
        """Read the file; InputError if it is damaged, or no checkpoint. Its tensors are checked by `restore`."""
        require_file(self.path)
        try:
            data = self.path.read_bytes()
            if hashlib.sha256(data[:-DIGEST]).hexdigest().encode() != data[-DIGEST:]:
                raise ValueError("its checksum is wrong")
            saved = Checkpoint(**torch.load(io.BytesIO(data), map_location="cpu", weights_only=True))
            return saved._replace(progress=validated(Progress, saved.progress, "its progress"))
        except (OSError, EOFError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError) as error:
            raise self._unreadable(error) from error

    def restore(
        self, saved: Checkpoint, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
    ) -> None:
        """Set network, average and optimiser; InputError if tensors of the checkpoint are not theirs, or not finite."""
        try:
            for module, state in ((network, saved.model), (average, saved.average)):
                _check_tensors(state, module.state_dict())
                module.load_state_dict(state)
            _check_optimiser(saved.optimiser, optimiser)
            optimiser.load_state_dict(saved.optimiser)
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> InputError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return InputError(f"{self.path}: not a readable checkpoint ({reason})")


def _check_tensors(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    if state.keys() != expected.keys():
        raise ValueError(f"tensors are missing or too many, such as {min(state.keys() ^ expected.keys())}")
    for name, tensor in state.items():
        if (tensor.shape, tensor.dtype) != (expected[name].shape, expected[name].dtype) or not tensor.isfinite().all():
            raise ValueError(f"{name} has another shape or type, or is not finite")


def _check_optimiser(saved: Mapping[str, Any], optimiser: torch.optim.Optimizer) -> None:
    """Check that a state is of these parameters: for each, finite numbers and tensors of its shape."""
    own = optimiser.state_dict()["param_groups"]
    if [group["params"] for group in saved["param_groups"]] != [group["params"] for group in own]:
        raise ValueError("the optimiser has other parameters")
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    for number, state in saved["state"].items():
        for name, value in state.items():
            tensor = torch.zeros(()) if value is None else torch.as_tensor(value)
            if tensor.shape not in ((), parameters[number].shape) or not tensor.isfinite().all():
                raise ValueError(f"{name} of the optimiser has another shape, or is not finite")
            if name == "step" and tensor < 0:
                raise ValueError(f"step {int(tensor)} of the optimiser cannot be")
