"""Weights of chroma filters that come with the project: their gain on a picture that they were not trained on."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from codecnn.codecs.x265 import X265
from codecnn.inference.chroma import filter_chroma
from codecnn.inference.load import load_chroma_filter
from codecnn.metrics import psnr_gain
from codecnn.tasks.chroma_filter import ChromaFilter
from codecnn.training.recipe import describe
from codecnn.video.clip import open_clip
from codecnn.video.raw import write_raw
from experiments.run_arguments import parse_run
from tests.pictures import photograph

# dB that U and V gain, by QP
CHROMA_GAINS = {
    "rdn_xs_chroma": {22: (0.5993, 0.6550), 37: (1.1332, 0.6902)},
    "rdn_s_chroma": {22: (0.9321, 0.9332), 37: (1.4015, 0.9015)},
}


@pytest.mark.parametrize("name", CHROMA_GAINS)
def test_shipped_weights_gain(tmp_path: Path, name: str) -> None:
    network = load_chroma_filter(name, torch.device("cpu")).network
    write_raw(tmp_path / "c_256x256.yuv", [photograph("astronaut", 256, 256)])
    clip = open_clip(tmp_path / "c_256x256.yuv")
    for qp, gains in CHROMA_GAINS[name].items():
        (frame,) = X265().encode(clip, qp)
        planes = zip(
            frame.original.planes[1:],
            frame.baseline.planes[1:],
            filter_chroma(network, frame.baseline, frame.unfiltered, qp),
            strict=True,
        )
        found = [psnr_gain(original, baseline, filtered, 8) for original, baseline, filtered in planes]
        assert found == pytest.approx(gains, abs=0.005)


@pytest.mark.parametrize("name", CHROMA_GAINS)
def test_the_configuration_that_comes_with_weights_is_theirs(name: str) -> None:
    chosen = load_chroma_filter(name, torch.device("cpu"))
    assert chosen.notes["sources"]
    recipe = parse_run("train-chroma", ChromaFilter, [name, "--data=d", "--out=o"]).recipe
    assert chosen.network.config == recipe.model
    described: dict[str, Any] = json.loads(json.dumps(describe(recipe)))
    folders: dict[str, Any] = {"weights": {}}  # of where the data were
    assert described | chosen.notes["recipe"] | folders == described | folders
