"""Filters exported to ONNX, run by onnxruntime beside the network itself on photographs."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from codecnn.dataset.schema import SIGNALS
from codecnn.metrics import psnr
from codecnn.models.in_loop_filter import Windows
from codecnn.models.rdn import integer_samples
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.video.picture import Plane
from experiments.export import onnx_graph as export_onnx
from tests.extras import extra
from tests.pictures import photograph
from tests.weights_files import save

onnx = extra("onnx")
onnxruntime = extra("onnxruntime")
extra("onnxscript")

CONFIG = RdnConfig(channels=6, blocks=2, convolutions=3, growth=4)
CONFIGS = [
    CONFIG,
    replace(CONFIG, input="baseline", head="one 5x5", margin=4, inner_residual=False),
    replace(CONFIG, input="unfiltered", head="6x6 by 2", residual_output=False),
    replace(CONFIG, modulation=3, attention=2),
]


def network(config: RdnConfig) -> Rdn:
    torch.manual_seed(0)
    model = Rdn(config).eval()
    nn.init.normal_(model.last.weight, std=0.3)
    for name, parameter in model.named_parameters():
        if name.endswith(("expand.weight", "output.weight")):  # they are zero at first
            nn.init.normal_(parameter, std=0.1)
    if not config.residual_output:
        nn.init.constant_(model.last.bias, 0.5)  # type: ignore[arg-type]
    return model


def windows(bit_depths: tuple[int, ...]) -> list[Plane]:
    """Y, U, V and another Y, of a size and number that the export knows nothing of; (n, 50, 70) and its chroma."""
    pictures = [photograph("astronaut", 50, 70, depth) for depth in bit_depths]
    other = [photograph("chelsea", 50, 70, depth).y for depth in bit_depths]
    planes = ([p.y for p in pictures], [p.u for p in pictures], [p.v for p in pictures], other)
    return [np.stack([plane.astype(np.int32) for plane in each]) for each in planes]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_graph_filters_as_the_network(
    tmp_path: Path, config: RdnConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    model, path = network(config), tmp_path / "out" / "a.onnx"
    save(tmp_path / "a.safetensors", model, {"commit": "abc123"})
    assert export_onnx.main([str(tmp_path / "a.safetensors"), "--out", str(path)]) == 0
    printed = capsys.readouterr().out
    assert f" of {4 * 160 * 192} samples differ, by " in printed  # of four pictures, each sample once
    assert [file.name for file in path.parent.iterdir()] == ["a.onnx"]

    properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert RdnConfig(**json.loads(properties["network"])) == config
    assert (properties["margin"], properties["commit"]) == (str(config.margin), "abc123")

    depths, qps = (8, 10, 12), [22, 37, 51]
    y, u, v, other = windows(depths)
    feed: dict[str, Any] = {
        "y": y,
        "u": u,
        "v": v,
        "qp": np.array(qps, np.int32),
        "bit_depth": np.array(depths, np.int32),
    }
    if config.input == "both":
        feed["unfiltered_y"] = other
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert {i.name: i.type for i in session.get_inputs()} == dict.fromkeys(feed, "tensor(int32)")
    (filtered,) = session.run(["filtered_y"], feed)
    assert filtered.dtype == np.int32

    peak = torch.tensor([(1 << depth) - 1 for depth in depths])
    extra = torch.from_numpy(other) if config.input == "both" else None
    with torch.inference_mode():
        tensors = [torch.from_numpy(plane) for plane in (y, u, v)]
        fed = Windows(tensors[0], tensors[1], tensors[2], extra, torch.tensor(qps), peak)
        luma = (model(fed)[:, 0] * peak.view(-1, 1, 1)).numpy()
    expected = np.clip(np.rint(luma), 0, peak.numpy()[:, None, None])
    assert filtered.shape == expected.shape == (3, 50 - 2 * config.margin, 70 - 2 * config.margin)
    ties = np.abs(luma - np.floor(luma) - 0.5)
    assert ties[filtered != expected].max(initial=0) < 2e-6 * np.abs(luma).max()  # where float32 may round either way
    assert np.mean(filtered != expected) < 0.003
    assert np.abs(filtered - expected).max() <= 1
    assert (luma < -1).any()  # so that it is clipped
    assert (luma > peak.numpy()[:, None, None] + 1).any()
    inner = y[:, config.margin : -config.margin, config.margin : -config.margin]
    assert np.mean(filtered != inner) > 0.1  # it does something


def test_the_pictures_of_the_check_are_coded(tmp_path: Path) -> None:
    shards = export_onnx.coded_pictures(tmp_path)
    assert sorted((s.info.codec, s.info.bit_depth, s.info.qp) for s in shards) == [
        ("x265", depth, qp) for depth in (8, 10) for qp in (22, 37)
    ]
    for shard in shards:
        original, baseline, unfiltered = (shard.picture(signal, 0).y for signal in SIGNALS)
        depth = shard.info.bit_depth
        assert original.shape == (160, 192)
        assert original.max() > 200 << (depth - 8)
        low, high = (38, 48) if shard.info.qp == 22 else (28, 38)
        assert low < psnr(original, unfiltered, depth) < psnr(original, baseline, depth) < high


@pytest.fixture
def untrained(tmp_path: Path) -> Path:
    save(tmp_path / "a.safetensors", network(replace(CONFIG, blocks=1)), {})
    return tmp_path / "a.safetensors"


def refused(arguments: list[str], out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert export_onnx.main([*arguments, "--out", str(out)]) == 2
    assert not out.exists()
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_graph_that_computes_something_else_is_not_saved(
    untrained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(integer_samples, "QP_PLANE", 1)
    line = refused([str(untrained)], untrained.with_name("a.onnx"), capsys)
    assert line.startswith("export-onnx: onnxruntime and PyTorch: ")
    assert line.endswith("not saved")


@pytest.mark.parametrize("name", ["onnx", "onnxruntime", "onnxscript"])
def test_without_the_extra(
    untrained: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    line = refused([str(untrained)], untrained.with_name("a.onnx"), capsys)
    assert line == f"export-onnx: {name} not installed: pip install 'codecnn[onnx]'"


def test_bad_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad").write_bytes(b"no weights")
    line = refused([str(tmp_path / "bad")], tmp_path / "a.onnx", capsys)
    assert line.startswith(f"export-onnx: {tmp_path / 'bad'}: not readable as weights")


def test_a_network_of_several_residuals_is_not_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "a.safetensors", tmp_path / "a.onnx"
    save(file, Rdn(replace(CONFIG, residuals=2)), {})
    assert export_onnx.main([str(file), "--out", str(out)]) == 2
    assert capsys.readouterr().err == (
        f"export-onnx: {file}: a graph gives one picture, and the network has 2 residuals\n"
    )
    assert not out.exists()
