"""What a network costs: its figures, measured and by closed form, and the sheet that JVET asks of neural tools."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from statistics import median

import numpy as np
import torch

from codecnn.errors import InputError
from codecnn.inference.filtering import ctu_windows, filter_picture
from codecnn.io.yaml_files import read_yaml
from codecnn.models import weights
from codecnn.models.pretrained import find_weights
from codecnn.models.rdn.macs import kmac_per_sample, measured_ctu_macs, parameter_count
from codecnn.models.rdn.memory import (
    inference_bytes,
    largest_batch,
    measured_inference_bytes,
    measured_training_bytes,
    training_bytes,
)
from codecnn.models.rdn.network import Rdn, RdnConfig
from codecnn.models.weights import Notes
from codecnn.training.device import hardware
from codecnn.video.picture import Picture
from experiments.export import onnx_graph as export_onnx

CTU = 128
PATCHES, BATCHES = (32, 64, 128), (1, 2, 4, 8)  # measured
HEIGHT, WIDTH = 240, 416
HD = 1080, 1920
ROUNDS = 3
NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Network:
    """A network by its name; no notes where it is not trained."""

    name: str
    model: Rdn
    notes: Notes


@dataclass(frozen=True)
class Need:
    """The peak memory of a batch of patches in bytes: of training in bf16, of inference in float32."""

    batch: int
    patch: int
    training: int
    training_measured: int
    inference: int
    inference_measured: int


@dataclass(frozen=True)
class Cost:
    """The figures of a network."""

    name: str
    parameters: int
    kmac: float  # per luma sample of a CTU of 128
    kmac_measured: float
    needs: list[Need]
    largest: dict[int, int]  # training batch by patch
    frames_per_s: dict[str, float]  # 416x240, CTU by CTU, by framework
    sheet: list[tuple[str, str]]


def ctus(height: int, width: int) -> int:
    """How many CTUs a picture has."""
    return -(-height // CTU) * -(-width // CTU)


def find_network(name: str) -> Network:
    """The network of a weights file, a run folder, a name, or with random weights that of a .yaml configuration."""
    if not name.endswith((".yaml", ".yml")):
        file = find_weights(name)
        model, notes = weights.load(file)
        return Network(file.parent.name if Path(name).is_dir() else file.stem, model, notes)
    fields = read_yaml(Path(name))
    if not isinstance(fields, dict):
        raise InputError(f"{name}: no configuration of a network in it")
    try:
        model = Rdn(RdnConfig(**fields["model"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{name}: no configuration of a network in it ({error})") from error
    return Network(Path(name).stem, model.eval(), {})


def cost_of(network: Network, memory: int, device: torch.device) -> Cost:
    """Compute and measure all of it; `memory` in bytes is what the largest batch has to fit into."""
    model, config = network.model, network.model.config
    return Cost(
        name=network.name,
        parameters=parameter_count(model),
        kmac=kmac_per_sample(config, CTU),
        kmac_measured=measured_ctu_macs(model, CTU) / CTU**2 / 1000,
        needs=[_need(config, batch, patch, device) for patch in PATCHES for batch in BATCHES],
        largest={patch: largest_batch(config, patch, memory) for patch in PATCHES},
        frames_per_s=_speeds(network, device),
        sheet=_sheet(network, device),
    )


def _need(config: RdnConfig, batch: int, patch: int, device: torch.device) -> Need:
    return Need(
        batch=batch,
        patch=patch,
        training=training_bytes(config, batch, patch),
        training_measured=measured_training_bytes(config, batch, patch, "bf16", device),
        inference=inference_bytes(config, batch, patch),
        inference_measured=measured_inference_bytes(config, batch, patch, device),
    )


def random_picture() -> Picture:
    """A picture of 416x240 to take the time of filtering with, which does not hang on what is in it."""
    rng = np.random.default_rng(0)
    shapes = [(HEIGHT, WIDTH), *[(HEIGHT // 2, WIDTH // 2)] * 2]
    return Picture.of((rng.integers(0, 256, shape, np.uint8) for shape in shapes), 8)


def onnx_filter(network: Network, picture: Picture) -> Callable[[], object] | None:
    """What filters all CTUs of a picture by onnxruntime, on as many threads as PyTorch has; None without the extra."""
    if not all(find_spec(name) for name in export_onnx.EXTRA):
        return None
    import onnxruntime

    model = network.model
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    graph = export_onnx.export(model, network.notes)
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def work() -> object:
        y, u, v, *unfiltered_y = ctu_windows(model.config, picture, picture, CTU)
        arrays = (y, u, v, *(np.full(len(y), number) for number in (32, picture.bit_depth)), *unfiltered_y)
        feed = dict(zip(export_onnx.input_names(model), (a.astype(np.int32) for a in arrays), strict=True))
        return session.run(None, feed)

    return work


def in_turns(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds that each of the ways takes, all of them in each round, after one to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(1 + rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
    return {name: times[1:] for name, times in seconds.items()}


def _speeds(network: Network, device: torch.device) -> dict[str, float]:
    """Frames of 416x240 a second by framework."""
    picture = random_picture()
    ways: dict[str, Callable[[], object]] = {}
    if device.type == "cpu" and (by_onnx := onnx_filter(network, picture)):
        ways["onnxruntime float32"] = by_onnx
    model = network.model.to(device)
    ways["PyTorch float32"] = lambda: filter_picture(model, picture, picture, 32, CTU)
    return {name: 1 / median(times) for name, times in in_turns(ways, ROUNDS).items()}


def _sheet(network: Network, device: torch.device) -> list[tuple[str, str]]:
    """The reporting sheet of the NNVC common test conditions, from the notes of the weights where it is on training."""
    model, notes = network.model, network.notes
    config = model.config
    parameters = 4 * parameter_count(model)
    window = CTU + 2 * config.margin

    stages = [*notes.get("stages", []), notes]

    def noted(tell: Callable[[Notes], str]) -> str:
        """What the stages tell, a stage that tells the same as the one before left out."""
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
        ("inference: number of parameters", f"{parameter_count(model):,}"),
        ("inference: precision of parameters", "float32"),
        ("inference: memory of parameters", f"{parameters / 2**20:.2f} MiB"),
        (
            "inference: memory temporary, one window",
            f"{(inference_bytes(config, 1, CTU) - parameters) / 2**20:.1f} MiB",
        ),
        ("inference: kMAC/px, whole CTU", f"{kmac_per_sample(config, CTU):.1f} (of {CTU})"),
        (
            f"inference: kMAC/px, a picture of {HD[1]}x{HD[0]}",
            f"{kmac_per_sample(config, CTU) * ctus(*HD) * CTU**2 / math.prod(HD):.1f}",
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
