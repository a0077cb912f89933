"""Measure what a network costs, compare it with closed forms, and fill in the sheet that JVET asks for neural tools."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from codecnn.errors import InputError
from codecnn.inference.filtering import ctu_windows, filter_picture
from codecnn.io.validated import validated
from codecnn.io.yaml_files import read_yaml
from codecnn.models.closed_forms import ClosedForms
from codecnn.models.costs import kmac_per_sample, parameter_count
from codecnn.models.in_loop_filter import FilterNetwork
from codecnn.models.network import Network
from codecnn.models.registry import FAMILIES, family_of, make_network
from codecnn.models.weights import find_weights, read_weights
from codecnn.models.weights_header import Notes
from codecnn.tasks.in_loop_filter import InLoopFilter
from codecnn.training.device import hardware
from codecnn.training.optimisers import make_optimiser
from codecnn.training.recipe import Optimiser
from codecnn.video.picture import Picture
from experiments.export import onnx_graph
from experiments.reports.shared.timing import in_turns

CTU = 128
PATCHES, BATCHES = (32, 64, 128), (1, 2, 4, 8)  # measured
HEIGHT, WIDTH = 240, 416
HD = 1080, 1920
ROUNDS = 3
STEPS = len(PATCHES) * len(BATCHES) + 1  # of measuring a network that has closed forms
Part = TypeVar("Part")
NOT_RECORDED = "not recorded"


class Named(NamedTuple):
    """Hold a network with its name; without notes if it is not trained."""

    name: str
    network: FilterNetwork
    notes: Notes


@dataclass(frozen=True)
class Need:
    """Hold the peak memory, in bytes, of training in bf16 and inference in float32 on a batch of patches."""

    batch: int
    patch: int
    training: int
    training_measured: int
    inference: int
    inference_measured: int


@dataclass(frozen=True)
class Cost:
    """Hold the figures of a network."""

    name: str
    parameters: int
    kmac: float  # per luma sample of a CTU of 128, by closed form; NaN for a family without
    kmac_measured: float
    needs: list[Need]  # none for a family without closed forms
    largest: dict[int, int]  # training batch by patch
    frames_per_s: dict[str, float]  # 416x240, CTU by CTU, by framework
    sheet: list[tuple[str, str]]


def ctus(height: int, width: int) -> int:
    """Count the CTUs of a picture."""
    return -(-height // CTU) * -(-width // CTU)


def find_network(word: str, name: str) -> Named:
    """Return the filter of a weights file, a run folder, a name, or a .yaml configuration (with random weights).

    name: in the report.
    """
    if not word.endswith((".yaml", ".yml")):
        file = find_weights(word)
        network, _, notes = read_weights(file)
        if not isinstance(network, FilterNetwork):
            raise InputError(f"{file}: no in-loop filter of floating-point numbers")
        return Named(name, network, notes)
    fields = read_yaml(Path(word))
    if not isinstance(fields, dict) or "model" not in fields:
        raise InputError(f"{word}: no configuration of a network in it")
    family = fields.get("network", InLoopFilter.network)
    if family not in FAMILIES:
        raise InputError(f"{word}: network must be one of {', '.join(FAMILIES)}, not {family!r:.80}")
    config = validated(FAMILIES[family].config, fields["model"], f"{word}: model")
    network = make_network(config).eval()
    if not isinstance(network, FilterNetwork):
        raise InputError(f"{word}: no configuration of an in-loop filter")
    return Named(name, network.merged(), {})


def cost_of(named: Named, memory: int, device: torch.device, step: Callable[[], object] = int) -> Cost:
    """Compute and measure all costs of a network.

    memory: the bytes that the largest batch must fit into; step: called after each of STEPS.
    """

    def after(value: Part) -> Part:
        step()
        return value

    network, closed_forms = named.network, family_of(named.network.config).closed_forms
    forms = closed_forms(network.config) if closed_forms else None
    return Cost(
        name=named.name,
        parameters=parameter_count(network),
        kmac=forms.ctu_macs(CTU) / CTU**2 / 1000 if forms else math.nan,
        kmac_measured=kmac_per_sample(network, CTU),
        needs=[after(_need(forms, batch, patch, device)) for patch in PATCHES for batch in BATCHES] if forms else [],
        largest={patch: largest_batch(forms, patch, memory) for patch in PATCHES} if forms else {},
        frames_per_s=after(_speeds(named, device)),
        sheet=_sheet(named, forms, device),
    )


def largest_batch(forms: ClosedForms, patch: int, memory: int) -> int:
    """Return the largest training batch within `memory` bytes by the closed form; 0 if one patch is too large."""
    weights = forms.training_bytes(0, patch, "bf16", "muon")
    return max(0, (memory - weights) // (forms.training_bytes(1, patch, "bf16", "muon") - weights))


def _need(forms: ClosedForms, batch: int, patch: int, device: torch.device) -> Need:
    def muon(network: Network) -> torch.optim.Optimizer:
        return make_optimiser(network, Optimiser())

    return Need(
        batch=batch,
        patch=patch,
        training=forms.training_bytes(batch, patch, "bf16", "muon"),
        training_measured=forms.measured_training_bytes(batch, patch, "bf16", device, muon),
        inference=forms.inference_bytes(batch, patch),
        inference_measured=forms.measured_inference_bytes(batch, patch, device),
    )


def random_picture(height: int = HEIGHT, width: int = WIDTH) -> Picture:
    """Return a picture of even size for timing; the time of filtering does not depend on the content."""
    rng = np.random.default_rng(0)
    shapes = [(height, width), *[(height // 2, width // 2)] * 2]
    return Picture.of((rng.integers(0, 256, shape, np.uint8) for shape in shapes), 8)


def onnx_filter(named: Named, picture: Picture) -> Callable[[], object] | None:
    """Return a function that filters all CTUs by onnxruntime, on PyTorch's number of threads; None without it."""
    exports = family_of(named.network.config).on_integer_samples is not None
    if not exports or not all(find_spec(name) for name in onnx_graph.EXTRA):
        return None
    import onnxruntime

    network = named.network
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    graph = onnx_graph.export(network, named.notes)
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def work() -> object:
        windows = ctu_windows(network.config, picture, picture, 32, CTU)
        return session.run(None, onnx_graph.feed(windows, picture.bit_depth))

    return work


def _speeds(named: Named, device: torch.device) -> dict[str, float]:
    """Measure the frames of 416x240 a second in each framework."""
    picture = random_picture()
    ways: dict[str, Callable[[], object]] = {}
    if device.type == "cpu" and (by_onnx := onnx_filter(named, picture)):
        ways["onnxruntime float32"] = by_onnx
    network = named.network.to(device)
    ways["PyTorch float32"] = lambda: filter_picture(network, picture, picture, 32, CTU)
    return {name: 1 / median(times) for name, times in in_turns(ways, ROUNDS).items()}


def _sheet(named: Named, forms: ClosedForms | None, device: torch.device) -> list[tuple[str, str]]:
    """Return the reporting sheet of the NNVC common test conditions; facts on training are from the weights' notes."""
    network, notes = named.network, named.notes
    parameters, kmac = 4 * parameter_count(network), kmac_per_sample(network, CTU)
    window = CTU + 2 * network.config.margin
    temporary = f"{(forms.inference_bytes(1, CTU) - parameters) / 2**20:.1f} MiB" if forms else NOT_RECORDED

    stages = [*notes.get("stages", []), notes]

    def noted(tell: Callable[[Notes], str]) -> str:
        """Join the notes of the stages; a stage with the same text as the one before is left out."""
        return " then ".join(told for told, _ in groupby(map(tell, stages)))

    def of_recipe(*names: str) -> str:
        def tell(stage: Notes) -> str:
            recipe = stage.get("recipe") or {}
            return ", ".join(str(recipe[name]) for name in names) if recipe.keys() >= set(names) else NOT_RECORDED

        return noted(tell)

    def framework(stage: Notes) -> str:
        return f"PyTorch {stage.get('torch') or ''}".strip() if stage.get("recipe") else NOT_RECORDED

    def qps(stage: Notes) -> str:
        if "qps" in stage:
            return ", ".join(map(str, stage["qps"]))
        recipe = stage.get("recipe") or {}
        return (str(recipe["qps"]).strip("[]") or "all of the data") if "qps" in recipe else NOT_RECORDED

    def epochs(stage: Notes) -> str:
        step, windows, batch = stage.get("step"), stage.get("windows"), (stage.get("recipe") or {}).get("batch")
        if not step:
            return NOT_RECORDED
        return f"{step:,} steps" + (
            f" ({step * batch / windows:.1f} epochs)" if windows and isinstance(batch, int) else ""
        )

    def hours(stage: Notes) -> str:
        return f"{stage['seconds'] / 3600:.2f} h" if stage.get("seconds") else NOT_RECORDED

    sources = notes.get("sources")
    return [
        ("inference: hardware", hardware(device)),
        ("inference: framework", f"PyTorch {torch.__version__}"),
        ("inference: number of parameters", f"{parameter_count(network):,}"),
        ("inference: precision of parameters", "float32"),
        ("inference: memory of parameters", f"{parameters / 2**20:.2f} MiB"),
        ("inference: memory temporary, one window", temporary),
        ("inference: kMAC/px, whole CTU", f"{kmac:.1f} (of {CTU})"),
        (
            f"inference: kMAC/px, a picture of {HD[1]}x{HD[0]}",
            f"{kmac * ctus(*HD) * CTU**2 / math.prod(HD):.1f}",
        ),
        ("inference: passes", "1"),
        ("inference: patch size", f"{window}x{window} for {CTU}x{CTU}"),
        ("training: hardware", noted(lambda stage: stage.get("hardware") or NOT_RECORDED)),
        ("training: framework", noted(framework)),
        ("training: epochs", " then ".join(map(epochs, stages))),
        ("training: batch size", of_recipe("batch")),
        ("training: loss", of_recipe("loss")),
        ("training: optimiser", of_recipe("optimiser.name")),
        ("training: learning rate, schedule", of_recipe("optimiser.lr", "optimiser.schedule")),
        ("training: patch size", of_recipe("patch")),
        ("training: precision", of_recipe("precision")),
        ("training: set", NOT_RECORDED if sources is None else f"{len(sources)} sources"),
        ("training: time", " then ".join(map(hours, stages))),
        ("training: QPs", noted(qps)),
    ]
