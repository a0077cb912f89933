"""Find the filter of a name: weights, a foreign filter, or one of these for each QP."""

from pathlib import Path
from typing import NamedTuple

import torch

from codecnn.errors import InputError
from codecnn.inference.by_qp import OneForEachQp
from codecnn.models.chroma_rdn import ChromaRdn
from codecnn.models.foreign.load import imported, is_foreign, read_foreign
from codecnn.models.in_loop_filter import AnyFilter, FilterNetwork
from codecnn.models.weights import find_weights, read_filter, read_weights
from codecnn.models.weights_header import Notes

QP = "{qp}"  # stands for the QP in a name, for one filter for each QP
LARGEST_QP = 255  # of AV1


class LoadedChroma(NamedTuple):
    """Hold a chroma filter on its device, with its notes and the name of its file."""

    name: str
    network: ChromaRdn
    notes: Notes


class Loaded(NamedTuple):
    """Hold a filter on its device with its notes, none for a foreign filter, by QP if there is one for each QP."""

    name: str  # of its file if it has one
    network: AnyFilter
    notes: Notes


def load_filter(name: str, device: torch.device) -> Loaded:
    """Return the filter of a name; InputError in one line if it cannot be used.

    name: of weights, as for `find_weights`; an ONNX file; or module:function in Python. With {qp} in it it stands for
    one filter for each QP.
    """
    if QP in name:
        of_qps = {qp: load_filter(name.replace(QP, str(qp)), device) for qp in found_qps(name)}
        network = OneForEachQp(name, {qp: one.network for qp, one in of_qps.items()})
        return Loaded(name, network, {"by_qp": {str(qp): one.notes for qp, one in of_qps.items()}})
    if is_foreign(name):
        return Loaded(name, read_foreign(name, device), {})
    file = find_weights(name)
    of_file, notes = read_filter(file)
    return Loaded(str(file), of_file.to(device) if isinstance(of_file, FilterNetwork) else of_file, notes)


def load_chroma_filter(name: str, device: torch.device) -> LoadedChroma:
    """Return the chroma filter of a name as for `find_weights`; InputError in one line if it cannot be used."""
    file = find_weights(name)
    network, task, notes = read_weights(file)
    if not isinstance(network, ChromaRdn):
        raise InputError(f"{file}: weights of the task {task}, not of a chroma filter")
    return LoadedChroma(str(file), network.to(device), notes)


def found_qps(name: str) -> list[int]:
    """Return the QPs for which there is a file, or a function, of a name with {qp} in it."""
    qps = [qp for qp in range(LARGEST_QP + 1) if _exists(name.replace(QP, str(qp)))]
    if not qps:
        raise InputError(f"{name}: no file or function of this name with a QP in the place of {QP}")
    return qps


def _exists(name: str) -> bool:
    if name.endswith(".onnx") or not is_foreign(name):
        return Path(name).exists()
    return hasattr(imported(name), name.split(":")[1])
