"""Weights files: those of the project gain on a picture that they were not trained on, forged ones are refused."""

import dataclasses
import json
import math
import os
import resource
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.codecs.codec import Codec
from codecnn.codecs.vvenc import VVenC
from codecnn.codecs.x265 import X265
from codecnn.errors import InputError
from codecnn.inference.filtering import filter_picture
from codecnn.metrics import psnr_gain
from codecnn.models import registry
from codecnn.models.network import Network
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.integer_weights import read_integers
from codecnn.models.rdn.network import Rdn
from codecnn.models.weights import PRETRAINED, load_weights, read_filter, read_weights, save_weights
from codecnn.models.weights_header import FILTER_TASK, FIRST_FORMAT
from codecnn.tasks.in_loop_filter import InLoopFilter
from codecnn.training.recipe import Recipe, describe
from codecnn.video.clip import open_clip
from codecnn.video.raw import write_raw
from experiments.run_arguments import CONFIGS as CONFIGS_FOLDER
from experiments.run_arguments import parse_run
from tests.forked import start
from tests.pictures import photograph
from tests.weights_files import load, load_filter, save

# dB that the weights of the project gain on a picture that they were not trained on, by QP
GAINS: dict[str, tuple[Codec, dict[int, float]]] = {
    "rdn_xs": (X265(), {22: 0.3295, 37: 0.4973}),
    "rdn_s": (X265(), {22: 0.4015, 37: 0.6145}),
    "rdn_s_int16": (X265(), {22: 0.4011, 37: 0.6161}),
    "rdn_m": (X265(), {22: 0.4247, 37: 0.6466}),
    "rdn_xs_vvc": (VVenC(), {22: 0.1760, 37: 0.4107}),
    "rdn_s_vvc": (VVenC(), {22: 0.2442, 37: 0.5549}),
    "rdn_m_vvc": (VVenC(), {22: 0.2787, 37: 0.6257}),
    "rdn_s_baseline": (X265(), {22: 0.1921, 37: 0.3593}),
}


@pytest.mark.parametrize("name", GAINS)
def test_shipped_weights_gain(tmp_path: Path, name: str) -> None:
    model, notes = load_filter(PRETRAINED / f"{name}.safetensors")
    assert notes["sources"]
    write_raw(tmp_path / "c_256x256.yuv", [photograph("astronaut", 256, 256)])
    clip = open_clip(tmp_path / "c_256x256.yuv")
    codec, gains = GAINS[name]
    for qp, gain in gains.items():
        (frame,) = codec.encode(clip, qp)
        filtered = filter_picture(model, frame.baseline, frame.unfiltered, qp)
        depth = frame.baseline.bit_depth  # the decoder's
        original = convert_bit_depth(frame.original, depth).y
        assert psnr_gain(original, frame.baseline.y, filtered, depth) == pytest.approx(gain, abs=0.003)


CONFIGS = {"rdn_m": "rdn_m_4", "rdn_s_int16": "rdn_s"}  # of the last stage, where it has another name


@pytest.mark.parametrize("name", GAINS)
def test_the_configuration_that_comes_with_weights_is_theirs(name: str) -> None:
    """But for where they start from and how often sources are in the data: folders of where they were made."""
    noted = load_filter(PRETRAINED / f"{name}.safetensors")[1]["recipe"]
    recipe = json.loads(json.dumps(describe(read_config(CONFIGS_FOLDER / f"{CONFIGS.get(name, name)}.yaml"))))
    folders = {"start": "", "weights": {}}
    assert recipe | noted | folders == recipe | folders  # fields that came later have their default


def test_what_configurations_start_from_is_there() -> None:
    starts = [read_config(path).training.start for path in CONFIGS_FOLDER.glob("rdn_*.yaml")]
    assert any(starts)
    assert all(not start or start.startswith("runs/") or start in GAINS for start in starts)


def read_config(path: Path) -> Recipe:
    return parse_run("train-filter", InLoopFilter, [str(path), "--data=data", "--out=out"]).recipe


CONFIG = RdnConfig(channels=4, blocks=1, convolutions=2, growth=4)
LARGE = {"channels": 1024, "blocks": 64, "convolutions": 64, "growth": 1024}  # as large as a configuration can be


def forge(
    path: Path, config: Mapping[str, object], notes: str = "{}", tensors: Mapping[str, torch.Tensor] | None = None
) -> None:
    """The file of an untrained network, with other fields in its configuration, other notes and other tensors."""
    save(path, Rdn(CONFIG), {})
    fields = json.dumps({**dataclasses.asdict(CONFIG), **config})
    save_file(load_file(path) | dict(tensors or {}), path, {"format": FIRST_FORMAT, "config": fields, "notes": notes})


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < len(str(path)) + 400
    return str(error.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("margin", 2.0),
        ("margin", 20000),
        ("margin", 10**1000),
        ("head", "foo" * 1000),
        ("input", None),
        ("blocks", 10**9),
        ("channels", 10**9),
        ("depth" * 1000, 1),
    ],
)
def test_forged_configurations(tmp_path: Path, field: str, value: object) -> None:
    forge(tmp_path / "a", {})
    load(tmp_path / "a")
    forge(tmp_path / "a", {field: value})
    assert field in refusal(tmp_path / "a") or len(field) > 80


@pytest.mark.parametrize(
    "notes",
    [
        "[]",
        "null",
        '{"sources": 3}',
        '{"sources": [[]]}',
        '{"sources": {"a": 1}}',
        '{"recipe": 3}',
        '{"seconds": "long"}',
        '{"step": "x"}',
        '{"windows": 0.5}',
        '{"sources_sha256": "00ff"}',
        '{"codecs": [3]}',
        '{"codecs": null}',
        '{"qps": [true]}',
        '{"torch": 2}',
        '{"stages": [{"qps": ["22"]}]}',
        '{"stages": 3}',
        '{"stages": [3]}',
        '{"stages": [{"seconds": "2"}]}',
        "{",
        "[" * 100_000,
    ],
    ids=lambda notes: notes[:20],
)
def test_forged_notes(tmp_path: Path, notes: str) -> None:
    forge(tmp_path / "a", {}, '{"sources": ["a.png"], "more": [1]}')
    assert load(tmp_path / "a")[1] == {"sources": ["a.png"], "more": [1]}
    forge(tmp_path / "a", {}, notes)
    refusal(tmp_path / "a")


def test_tensors_of_another_network(tmp_path: Path) -> None:
    forge(tmp_path / "a", {}, tensors={"last.bias": torch.zeros(2)})
    assert "the shape of last.bias is [2], not [1]" in refusal(tmp_path / "a")
    forge(tmp_path / "a", {}, tensors={"more": torch.zeros(())})
    assert "the shape of more is [], not None" in refusal(tmp_path / "a")
    forge(tmp_path / "a", {}, tensors={f"{number}{'a' * 1000}": torch.zeros(1) for number in range(100)})
    refusal(tmp_path / "a")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
def test_what_is_not_finite(tmp_path: Path, value: float) -> None:
    """Nor would 1e300 be, as 32 bits."""
    bias = torch.zeros(4, dtype=torch.float64)
    bias[2] = value
    forge(tmp_path / "a", {}, tensors={"blocks.0.fuse.bias": bias})
    assert "blocks.0.fuse.bias is not finite everywhere" in refusal(tmp_path / "a")


def test_weights_tell_their_task_and_their_network(tmp_path: Path) -> None:
    network = Rdn(CONFIG)
    save_weights(tmp_path / "a", network, "denoising", {"step": 3})
    with safe_open(tmp_path / "a", framework="pt") as file:
        header = file.metadata()
    assert (header["format"], header["task"], header["network"]) == ("codecnn-weights-2", "denoising", "rdn")
    read = read_weights(tmp_path / "a")
    assert (read.task, read.notes, read.network.config) == ("denoising", {"step": 3}, CONFIG)
    save_file(load_file(tmp_path / "a"), tmp_path / "b", header | {"network": "unknown"})
    assert "network 'unknown', this version knows rdn" in refusal(tmp_path / "b")
    for task in ("", "[]", '{"', "a" * 81, "a\nb"):
        save_file(load_file(tmp_path / "a"), tmp_path / "b", header | {"task": task})
        assert f"{task!r:.80} is no name of a task" in refusal(tmp_path / "b")


def test_weights_of_another_task_are_no_filter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(Network):
        def __init__(self, config: RdnConfig) -> None:
            super().__init__()
            self.config, self.layer = config, nn.Linear(1, 1)

    monkeypatch.setitem(registry.FAMILIES, "rdn", registry.Family(RdnConfig, Other))
    save_weights(tmp_path / "a", Other(CONFIG), "other", {})
    with pytest.raises(InputError, match="weights of the task other, not of an in-loop filter"):
        read_filter(tmp_path / "a")


def test_weights_of_the_first_format_are_filters_of_the_family_rdn(tmp_path: Path) -> None:
    forge(tmp_path / "a", {})
    read = read_weights(tmp_path / "a")
    assert (read.task, type(read.network)) == (FILTER_TASK, Rdn)


def test_the_size_of_the_file_bounds_the_memory(tmp_path: Path) -> None:
    """The configuration asks for some 5 TB."""
    forge(tmp_path / "a", LARGE)

    def with_a_gigabyte(_: object) -> int:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + (1 << 30)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        with pytest.raises(InputError, match=r"the shape of blocks.0.fuse.bias is \[4\], not \[1024\]"):
            read_weights(tmp_path / "a")
        return 0

    assert start(with_a_gigabyte, [], tmp_path / "errors").end() == (0, "")


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for pipe in (tmp_path / "pipe.safetensors", tmp_path / "run" / "best.safetensors"):
        os.mkfifo(pipe)
        for read in (read_weights, read_integers):
            with pytest.raises(InputError, match=f"{pipe}: a pipe or a device, not a file"):
                read(pipe)
    with pytest.raises(InputError, match="a pipe or a device"):
        load_weights(tmp_path / "run")
