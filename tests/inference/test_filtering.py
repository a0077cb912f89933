"""Filtering a picture against the network applied by hand, and weights files: whole, foreign, damaged."""

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from codecnn.errors import InputError
from codecnn.inference import filtering
from codecnn.inference.filtering import filter_picture
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.video.picture import SCALES, Picture
from tests.pictures import FORMATS, photograph
from tests.weights_files import load, save

CONFIG = RdnConfig(channels=6, blocks=2, convolutions=3, growth=4)


def network(config: RdnConfig = CONFIG) -> Rdn:
    torch.manual_seed(0)
    model = Rdn(config)
    nn.init.normal_(model.last.weight, std=0.05)
    return model


def pictures(height: int = 75, width: int = 83, bit_depth: int = 8, chroma: str = "420") -> tuple[Picture, Picture]:
    """A baseline and another picture of its size to stand for the unfiltered one."""
    baseline, unfiltered = (photograph(n, height, width, bit_depth, chroma) for n in ("astronaut", "chelsea"))
    return baseline, unfiltered


@pytest.mark.parametrize("allowed", [True, False])
def test_a_gpu_computes_in_whole_float32(monkeypatch: pytest.MonkeyPatch, allowed: bool) -> None:
    """TF32 is off while the network runs, and afterwards, or after an error, as it was."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
    model, seen = network(), []
    model.last.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    filter_picture(model, *pictures(), 32, way="picture")
    assert seen == [False]
    assert torch.backends.cudnn.allow_tf32 == allowed
    del model.last.bias
    with pytest.raises(AttributeError):
        filter_picture(model, *pictures(), 32)
    assert torch.backends.cudnn.allow_tf32 == allowed


@pytest.mark.parametrize("way", ["ctu", "picture"])
def test_arguments_that_cannot_be(way: str) -> None:
    model, both = network(), pictures()
    wrong: list[dict[str, Any]] = [
        *({"batch": number} for number in (0, -1)),
        *({"ctu_size": number} for number in (0, -2, 63)),
        *({"qp": qp} for qp in (float("nan"), float("inf"), 256, -65, 1 << 80)),
    ]
    for change in [*({"way": way} | fields for fields in wrong), {"way": "CTU"}]:
        with pytest.raises(ValueError, match=r"at a time|a QP of|none of ctu, picture"):
            filter_picture(model, *both, **{"qp": 32} | change)


def test_samples_that_cannot_be() -> None:
    model, (baseline, unfiltered) = network(), pictures()
    deep, _ = pictures(bit_depth=10)
    for wrong, reason in (
        (replace(baseline, y=baseline.y.astype(np.int16)), "Y samples of int16, not uint8 or uint16"),
        (replace(baseline, v=baseline.v / 255), "V samples of float64"),
        (replace(deep, bit_depth=8), "a Y sample of [0-9]+, above 255: the data are not 8 bit"),
    ):
        for given, name in (((wrong, unfiltered), "the baseline"), ((baseline, wrong), "the unfiltered picture")):
            with pytest.raises(InputError, match=f"{name} has {reason}"):
                filter_picture(model, *given, 32)


@pytest.mark.parametrize("way", ["ctu", "picture"])
def test_weights_that_are_too_large_are_an_error(way: filtering.Way) -> None:
    model = network()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 1e38)
    with pytest.raises(InputError, match="not finite"):
        filter_picture(model, *pictures(), 32, way=way)


def by_hand(model: Rdn, baseline: Picture, unfiltered: Picture, qp: int, top: int, left: int, size: int) -> np.ndarray:
    """One CTU, every sample of its window fetched on its own, beyond the picture the nearest one."""
    config, picture = model.config, unfiltered if model.config.input == "unfiltered" else baseline
    height, width = picture.y.shape
    rows, cols = (np.arange(first - config.margin, first + size + config.margin) for first in (top, left))

    def fetch(plane: np.ndarray, down: int, across: int) -> np.ndarray:
        if not plane.size:  # mid-grey for chroma that is not there
            return np.full((len(rows), len(cols)), (1 << (picture.bit_depth - 1)) / ((1 << picture.bit_depth) - 1))
        r = np.clip(rows // down, 0, plane.shape[0] - 1)
        c = np.clip(cols // across, 0, plane.shape[1] - 1)
        return plane[np.ix_(r, c)] / ((1 << picture.bit_depth) - 1)

    down, across = {"400": (1, 1), "420": (2, 2), "422": (1, 2), "444": (1, 1)}[picture.chroma]
    planes = [fetch(picture.y, 1, 1), fetch(picture.u, down, across), fetch(picture.v, down, across)]
    planes.append(np.full((len(rows), len(cols)), qp / 64))
    if config.input == "both":
        planes.append(fetch(unfiltered.y, 1, 1))
    with torch.no_grad():
        luma = model.restore(torch.from_numpy(np.stack(planes)[None].astype(np.float32)))[0, 0].numpy()
    peak = (1 << picture.bit_depth) - 1
    rounded: np.ndarray = np.clip(np.rint(luma * peak), 0, peak)[: height - top, : width - left]
    return rounded


@pytest.mark.parametrize(("chroma", "bit_depth"), FORMATS)
@pytest.mark.parametrize(
    "config", [CONFIG, replace(CONFIG, input="baseline", margin=6), replace(CONFIG, input="unfiltered")]
)
def test_ctu_by_ctu_is_the_network_on_every_window(config: RdnConfig, chroma: str, bit_depth: int) -> None:
    model, (baseline, unfiltered) = network(config), pictures(bit_depth=bit_depth, chroma=chroma)
    filtered = filter_picture(model, baseline, unfiltered, 32, ctu_size=32, batch=4)
    assert filtered.dtype == baseline.y.dtype
    assert filtered.shape == baseline.y.shape
    assert np.any(filtered != (unfiltered if config.input == "unfiltered" else baseline).y)
    for top in range(0, 75, 32):
        for left in range(0, 83, 32):
            expected = by_hand(model, baseline, unfiltered, 32, top, left, 32)
            part = filtered[top : top + 32, left : left + 32].astype(int)
            assert np.abs(part - expected).max() <= 1  # a sum in another order may round to the other side
            assert np.mean(part != expected) < 0.01


def test_the_batch_makes_no_difference() -> None:
    model, (baseline, unfiltered) = network(), pictures()
    one, all_ = (filter_picture(model, baseline, unfiltered, 27, 32, batch=b).astype(int) for b in (1, 100))
    assert np.abs(one - all_).max() <= 1
    assert np.mean(one != all_) < 0.01


def test_samples_stay_within_the_bit_depth() -> None:
    model, (baseline, unfiltered) = network(), pictures(bit_depth=10)
    nn.init.constant_(model.last.bias, 0.6)  # type: ignore[arg-type]
    assert filter_picture(model, baseline, unfiltered, 27, 32).max() == 1023
    nn.init.constant_(model.last.bias, -2.0)  # type: ignore[arg-type]
    assert filter_picture(model, baseline, unfiltered, 27, 32).max() == 0


@pytest.mark.parametrize("chroma", SCALES)
def test_a_picture_of_one_ctu_is_the_same_both_ways(chroma: str) -> None:
    model, (baseline, unfiltered) = network(), pictures(64, 64, chroma=chroma)
    by_ctu = filter_picture(model, baseline, unfiltered, 37, 64, "ctu")
    assert np.array_equal(by_ctu, filter_picture(model, baseline, unfiltered, 37, 64, "picture"))


@pytest.mark.parametrize("chroma", SCALES)
@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, head="6x6 by 2")], ids=["two 3x3", "6x6 by 2"])
def test_a_picture_at_once_does_not_depend_on_its_parts(
    monkeypatch: pytest.MonkeyPatch, config: RdnConfig, chroma: str
) -> None:
    model, (baseline, unfiltered) = network(config), pictures(chroma=chroma)
    whole = by_hand(model, baseline, unfiltered, 37, 0, 0, 83)  # one window larger than the picture
    filtered = filter_picture(model, baseline, unfiltered, 37, way="picture")
    monkeypatch.setattr(filtering, "PART", 20)
    parts = filter_picture(model, baseline, unfiltered, 37, way="picture")
    assert np.array_equal(parts, filtered)
    inner = np.s_[: -config.reach]  # below the picture the window by hand goes on, the picture does not
    assert np.mean(filtered[inner] != whole[inner]) < 0.01
    assert np.any(filtered != filter_picture(model, baseline, unfiltered, 37, 32))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    save(tmp_path / "a.safetensors", network(), {"step": 7, "sources": ["x"]})
    return tmp_path / "a.safetensors"


def test_weights_round_trip(weights: Path) -> None:
    model, notes = load(weights)
    assert notes == {"step": 7, "sources": ["x"]}
    assert model.config == CONFIG
    for name, tensor in network().state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)
    assert [path.name for path in weights.parent.iterdir()] == [weights.name]


def test_bad_weights(weights: Path) -> None:
    data = weights.read_bytes()
    tensors = load_file(weights)
    header = {"format": "codecnn-rdn-1", "notes": "{}", "config": json.dumps({"channels": 6})}
    bad = weights.with_name("bad.safetensors")

    def missing() -> None:
        bad.unlink(missing_ok=True)

    writers: dict[str, Callable[[], object]] = {
        "no such file": missing,
        "truncated": lambda: bad.write_bytes(data[: len(data) // 2]),
        "header only": lambda: bad.write_bytes(data[:100]),
        "empty": lambda: bad.write_bytes(b""),
        "foreign": lambda: bad.write_bytes(b"\x80\x04" + b"pickle" * 100),
        "another's safetensors": lambda: save_file(tensors, bad),
        "another network": lambda: save_file(tensors, bad, header),
        "unknown field": lambda: save_file(tensors, bad, header | {"config": '{"depth": 3}'}),
        "impossible field": lambda: save_file(tensors, bad, header | {"config": '{"margin": 1}'}),
        "no JSON": lambda: save_file(tensors, bad, header | {"config": "channels"}),
        "JSON of another kind": lambda: save_file(tensors, bad, header | {"config": "[1]"}),
        "no configuration": lambda: save_file(tensors, bad, {"format": "codecnn-rdn-1"}),
    }
    for what, write in writers.items():
        write()
        with pytest.raises(InputError) as error:
            load(bad)
        assert str(bad) in str(error.value), what
        assert "\n" not in str(error.value), what


def test_a_failed_save_leaves_the_old_file(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    before = weights.read_bytes()
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save(weights, network(), {})
    assert weights.read_bytes() == before
    assert [path.name for path in weights.parent.iterdir()] == [weights.name]
