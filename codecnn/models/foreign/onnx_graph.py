"""Filter by an ONNX file, run by onnxruntime, and count its multiply-accumulates."""

import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codecnn.errors import InputError
from codecnn.models.costs import zero_windows
from codecnn.models.foreign.contract import Contract
from codecnn.models.foreign.filter import stacked
from codecnn.models.in_loop_filter import Windows

TYPES: dict[str, type[np.generic]] = {  # of the inputs of a graph
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8, "tensor(uint16)": np.uint16, "tensor(int32)": np.int32, "tensor(int64)": np.int64,
}  # fmt: skip
COUNTED = ("Conv", "ConvTranspose", "MatMul", "Gemm")
# Operators that multiply and accumulate in a way that is not counted here, or that run other graphs.
NOT_COUNTED = {
    *("ConvInteger", "QLinearConv", "MatMulInteger", "QLinearMatMul", "DeformConv", "Einsum", "Attention"),
    *("GRU", "LSTM", "RNN", "If", "Loop", "Scan"),
}


class OnnxGraph:
    """Run a graph on the CPU.

    A graph with one input gets the planes of the contract as (B, P, H, W). One with several inputs gets each by its
    name: y, u, v and unfiltered_y (B, H, W), chroma as it is stored, and qp and bit_depth (B,). Its first output is the
    luma. A graph for a batch of 1 is run for each window.
    """

    def __init__(self, file: Path) -> None:
        if find_spec("onnxruntime") is None:
            raise InputError(f"{file}: onnxruntime is not installed: pip install 'codecnn[onnx]'")
        self.file, self.session = file, _session(str(file))
        self.types = {e.name: TYPES[e.type] for e in self.session.get_inputs()}
        self.one_at_a_time = self.session.get_inputs()[0].shape[:1] == [1]

    @property
    def contract(self) -> str:
        """Return the contract in the file, JSON."""
        return str(self.session.get_modelmeta().custom_metadata_map.get("contract", "{}"))

    def __call__(self, windows: Windows[Tensor], contract: Contract) -> object:
        """Return the first output of the graph."""
        inputs = self._inputs(windows, contract)
        step = 1 if self.one_at_a_time else len(windows.y)
        parts = []
        for start in range(0, len(windows.y), step):
            feed = {name: array[start : start + step] for name, array in inputs.items()}
            parts.append(self.session.run(None, feed)[0])
        return np.concatenate(parts)

    def macs(self, contract: Contract, size: int) -> float | None:
        """Count the multiply-accumulates for a sample from the shapes in the graph; None if not known."""
        height = self.session.get_inputs()[0].shape[-2]
        if isinstance(height, int) and len(self.types) == 1:  # a graph for one size
            size = height - 2 * contract.margin
        inputs = self._inputs(zero_windows(contract, 1, size), contract)
        found = count_macs(self.file, inputs)
        return None if found is None else found / size**2

    def _inputs(self, windows: Windows[Tensor], contract: Contract) -> dict[str, NDArray[Any]]:
        if len(self.types) == 1:
            named = dict.fromkeys(self.types, stacked(windows, contract))
        else:
            named = _by_name(windows, contract)
            if unknown := self.types.keys() - named.keys():
                raise ValueError(
                    f"inputs {', '.join(sorted(unknown))} of its graph, where {', '.join(named)} are known"
                )
        return {name: _as_type(named[name].numpy(), kind, name) for name, kind in self.types.items()}


def _as_type(array: NDArray[Any], kind: type[np.generic], name: str) -> NDArray[Any]:
    """Return an array in the type of an input; ValueError if a type of integers cannot hold it."""
    with np.errstate(invalid="ignore"):
        cast = array.astype(kind)
    if np.issubdtype(kind, np.integer) and not np.array_equal(cast, array):
        raise ValueError(
            f"its input {name} is of {np.dtype(kind)}, which does not hold numbers of this range or bit depth"
        )
    return cast


def _by_name(windows: Windows[Tensor], contract: Contract) -> dict[str, Tensor]:
    """Return the inputs that a graph may have, by name; at 4:0:0 chroma is mid-grey, at half the size."""
    peak = windows.peak.view(-1, 1, 1)
    count, height, width = windows.y.shape
    grey = ((peak + 1) // 2).expand(count, -(-height // 2), -(-width // 2))
    u, v = (chroma if chroma.numel() else grey for chroma in (windows.u, windows.v))
    samples = {"y": windows.y, "u": u, "v": v}
    if windows.unfiltered_y is not None:
        samples["unfiltered_y"] = windows.unfiltered_y
    divisor = peak if contract.range == "0..1" else 1
    bit_depth = (windows.peak + 1).double().log2()
    planes = {name: plane.float() / divisor for name, plane in samples.items()}
    return {**planes, "qp": windows.qp / contract.qp_over, "bit_depth": bit_depth}


def count_macs(file: Path, inputs: Mapping[str, NDArray[Any]]) -> int | None:
    """Count the multiply-accumulates of a graph for given inputs, from the shapes that its tensors have then.

    None without the package onnx, or if an operator multiplies and accumulates and is none of COUNTED.
    """
    if find_spec("onnx") is None:
        return None
    import onnx.inliner

    model = onnx.inliner.inline_local_functions(onnx.load(file))
    nodes = model.graph.node
    if any(node.op_type in NOT_COUNTED or node.domain not in ("", "ai.onnx") for node in nodes):
        return None
    counted = [node for node in nodes if node.op_type in COUNTED]
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    shapes |= {name: array.shape for name, array in inputs.items()}
    asked = sorted({name for node in counted for name in (*node.input[:2], node.output[0])} - shapes.keys())
    if asked:  # shape inference fails on sizes that the graph computes itself
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in asked)
        found = _session(model.SerializeToString()).run(asked, dict(inputs))
        shapes |= {name: array.shape for name, array in zip(asked, found, strict=True)}
    return sum(_macs_of(node, shapes) for node in counted)


def _session(graph: str | bytes) -> Any:  # noqa: ANN401
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # its errors are raised as well
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _macs_of(node: Any, shapes: Mapping[str, tuple[int, ...]]) -> int:  # noqa: ANN401
    """Count the multiply-accumulates of one node."""
    first, second, output = shapes[node.input[0]], shapes[node.input[1]], shapes[node.output[0]]
    if node.op_type == "Conv":
        return math.prod(output) * math.prod(second[1:])
    if node.op_type == "ConvTranspose":
        return math.prod(first) * math.prod(second[1:])
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return math.prod(output) * first[0 if transposed else -1]
