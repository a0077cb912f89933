"""Networks of integers: equal to plain int64 arithmetic, the same on any number of threads, close to the float ones."""

import dataclasses
import json
import math
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import nn

from benchmarks import inference
from codecnn.codecs.x265 import X265
from codecnn.dataset.reader import Shard
from codecnn.errors import InputError
from codecnn.inference import filtering
from codecnn.inference.filtering import ctu_windows, filter_picture, filter_windows
from codecnn.metrics import psnr_gain
from codecnn.models.costs import parameter_count
from codecnn.models.in_loop_filter import Windows, to_tensors
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.integer import IntegerRdn, wiring
from codecnn.models.rdn.integer_conv import LIMIT, IntegerConv
from codecnn.models.rdn.integer_program import INPUT, Layer, Program
from codecnn.models.rdn.integer_weights import read_integers, save_integers
from codecnn.models.rdn.network import Rdn
from codecnn.models.rdn.quantise import quantise
from codecnn.models.weights import find_weights
from codecnn.models.weights_header import INTEGER_FORMAT
from codecnn.video.clip import open_clip
from codecnn.video.picture import SCALES, Picture, Plane
from codecnn.video.raw import write_raw
from data_tools import build_dataset
from experiments import quantise_filter as command
from experiments.reports.complexity.measure import Named
from experiments.reports.gain import command as report
from tests import integer_reference
from tests.filter_windows import planes_at, windows_of
from tests.pictures import FORMATS, photograph
from tests.reports.results_schema import read_results
from tests.weights_files import load, load_filter, save

CONFIG = RdnConfig(channels=6, blocks=2, convolutions=3, growth=4)
CONFIGS = [
    CONFIG,
    replace(CONFIG, channels=20, growth=17, input="baseline"),  # more than one group of lanes, and none of them full
    replace(CONFIG, input="unfiltered", margin=6, head="one 5x5"),
    replace(CONFIG, head="6x6 by 2", margin=4),
    replace(CONFIG, head="6x6 by 2", input="baseline", global_residual=False),
    replace(CONFIG, blocks=1, convolutions=2, global_residual=False),
    replace(CONFIG, residual_output=False),
    replace(CONFIG, inner_residual=False, margin=4),
]


def network(config: RdnConfig) -> Rdn:
    """With biases, and an output that is about a picture."""
    torch.manual_seed(0)
    model = Rdn(config).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.05)
    nn.init.normal_(model.last.weight, std=0.01)
    nn.init.constant_(model.last.bias, 0.01 if config.residual_output else 0.5)  # type: ignore[arg-type]
    return model


def pictures(height: int = 45, width: int = 53, bit_depth: int = 8, chroma: str = "420") -> tuple[Picture, Picture]:
    """A baseline and another picture of its size to stand for the unfiltered one."""
    baseline, unfiltered = (photograph(n, height, width, bit_depth, chroma) for n in ("astronaut", "chelsea"))
    return baseline, unfiltered


def integers(model: Rdn, bit_depth: int = 8, chroma: str = "420") -> IntegerRdn:
    """The network in integers, calibrated on the pictures that the tests filter."""
    both = pictures(bit_depth=bit_depth, chroma=chroma)
    return quantise(model, [to_tensors(ctu_windows(model.config, *both, qp, ctu_size=16)) for qp in (22, 37)])


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_wiring_is_that_of_the_network(config: RdnConfig) -> None:
    convolutions = {name: m for name, m in Rdn(config).named_modules() if isinstance(m, nn.Conv2d)}
    wires = wiring(config)
    assert wires.keys() == convolutions.keys()
    outputs = {"planes": config.planes} | {name: wire.outputs for name, wire in wires.items()}
    for name, wire in wires.items():
        layer, inputs = convolutions[name], sum(outputs[source] for source in wire.sources)
        more = config.channels if name == "last" and config.global_residual else 0
        assert (wire.outputs, inputs) == (layer.out_channels, layer.in_channels + more)
        assert (wire.side, wire.side) == layer.kernel_size


@pytest.mark.parametrize(
    ("config", "chroma", "bit_depth"),
    [(CONFIG, *form) for form in FORMATS] + [(config, "420", 10) for config in CONFIGS[1:]],
    ids=str,
)
def test_equal_to_plain_arithmetic_and_close_to_the_float_network(
    config: RdnConfig, chroma: str, bit_depth: int
) -> None:
    model = network(config)
    quantised = integers(model, bit_depth, chroma)
    windows = ctu_windows(config, *pictures(bit_depth=bit_depth, chroma=chroma), qp=37, ctu_size=32)
    filtered = quantised.filter_windows(windows)
    assert filtered.dtype == windows.y.dtype
    for index in range(len(filtered)):
        expected, _ = integer_reference.filter_window(quantised, planes_at(windows, index), 37, bit_depth)
        assert np.array_equal(filtered[index], expected)
    floats = filter_windows(model, windows).astype(int)
    margin = config.margin
    changes = floats - windows.y[:, margin:-margin, margin:-margin]
    assert np.std(changes) > 5  # more than a trained network's
    assert np.std(filtered - floats) < 0.01 * np.std(changes) + 0.3  # of which 0.3 for the rounding
    assert abs(np.mean(filtered - floats)) < 0.01 * np.std(changes)


@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, head="6x6 by 2")], ids=["two 3x3", "6x6 by 2"])
@pytest.mark.parametrize("shape", [(23, 31), (24, 17), (9, 8)])
def test_windows_of_any_size(config: RdnConfig, shape: tuple[int, int]) -> None:
    quantised = integers(network(config))
    baseline, unfiltered = pictures(*shape)
    window = [baseline.y, baseline.u, baseline.v, unfiltered.y]
    (filtered,) = quantised.filter_windows(windows_of([plane[None] for plane in window], 27, 8))
    assert np.array_equal(filtered, integer_reference.filter_window(quantised, window, 27, 8)[0])


def test_features_have_the_headroom_and_no_more() -> None:
    """At least twice the largest of the calibration fits; what is left of 16 bits is less than twice that."""
    model = network(CONFIG)
    windows = ctu_windows(CONFIG, *pictures(), qp=22, ctu_size=32)
    quantised = quantise(model, [to_tensors(windows)])
    largest = dict.fromkeys(quantised.convs, 0)
    for index in range(len(windows.y)):
        _, made = integer_reference.filter_window(quantised, planes_at(windows, index), 22, 8)
        largest = {name: max(largest[name], int(np.abs(made[name]).max())) for name in largest}
    assert len(largest) == 2 + 2 * 3 + 3
    for name, value in largest.items():
        assert value < 0.501 * LIMIT, name
        assert value > 0.249 * LIMIT or name == "last", name


def extremes(config: RdnConfig, bit_depth: int, qp: int) -> Windows[Plane]:
    """Windows of noise, of stripes and of checks between black and white."""
    rng, peak, side = np.random.default_rng(0), (1 << bit_depth) - 1, 24 + 2 * config.margin
    rows, columns = np.mgrid[:side, :side]
    luma = np.stack([rng.integers(0, 2, (side, side)), rows % 2, (rows + columns) % 2, rows // 7 % 2, 0 * rows])
    luma = (luma * peak).astype(np.uint16)
    chroma = luma[:, ::2, ::2]
    return windows_of([luma, chroma, peak - chroma, peak - luma], qp, bit_depth)


def test_saturation_is_a_picture_too() -> None:
    """Calibrated on grey alone, most features are beyond their range on anything else."""
    model = network(replace(CONFIG, residual_output=False))
    nn.init.normal_(model.last.weight, std=1.0)
    windows = extremes(CONFIG, 10, 255)
    grey = windows_of([np.full_like(plane, 512) for plane in (*windows[:3], windows.y)], 0, 10)
    quantised = quantise(model, [to_tensors(grey)])
    filtered = quantised.filter_windows(windows)
    ends = set()
    for index in range(len(filtered)):
        expected, made = integer_reference.filter_window(quantised, planes_at(windows, index), 255, 10)
        assert np.array_equal(filtered[index], expected)
        ends |= {int(value) for features in made.values() for value in (features.min(), features.max())}
    assert {-LIMIT, 0, LIMIT} <= ends
    assert (filtered.min(), filtered.max()) == (0, 1023)


def test_samples_beyond_the_bit_depth_are_a_picture_too() -> None:
    quantised = integers(network(CONFIG))
    y, u, v, other, *_ = extremes(CONFIG, 8, -64)
    assert other is not None
    windows = windows_of([plane + np.uint16(60000) for plane in (y, u, v, other)], -64, 8)
    filtered = quantised.filter_windows(windows)
    for index in range(len(filtered)):
        expected, _ = integer_reference.filter_window(quantised, planes_at(windows, index), -64, 8)
        assert np.array_equal(filtered[index], expected)


@pytest.mark.parametrize("chroma", SCALES)
@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, head="6x6 by 2")], ids=["two 3x3", "6x6 by 2"])
def test_one_picture_however_it_is_computed(monkeypatch: pytest.MonkeyPatch, config: RdnConfig, chroma: str) -> None:
    quantised = integers(network(config))
    baseline, unfiltered = pictures(75, 83, chroma=chroma)

    def all_equal(way: filtering.Way) -> Plane:
        filtered = []
        for threads in (1, 2, 5):
            monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
            filtered += [filter_picture(quantised, baseline, unfiltered, 37, 32, way, batch) for batch in (1, 4, 100)]
        assert all(np.array_equal(filtered[0], other) for other in filtered)
        return filtered[0]

    by_ctu, at_once = all_equal("ctu"), all_equal("picture")
    assert np.any(by_ctu != at_once)
    monkeypatch.setattr(filtering, "PART", 20)
    assert np.array_equal(all_equal("picture"), at_once)
    one_ctu = filter_picture(quantised, baseline.crop(64, 64), unfiltered.crop(64, 64), 37, 64)
    assert np.array_equal(
        one_ctu, filter_picture(quantised, baseline.crop(64, 64), unfiltered.crop(64, 64), 37, way="picture")
    )


def coded(picture: Picture, step: int) -> Picture:
    """A picture in few levels, as if it had been coded."""
    return Picture.of((plane // step * step + step // 2 for plane in picture.planes), picture.bit_depth)


PRETRAINED_CRC = 1455618468


def coded_photograph() -> tuple[Picture, Picture]:
    picture = photograph("chelsea", 75, 83)
    return coded(picture, 8), coded(picture, 12)


def filter_by_shipped() -> Plane:
    """It through weights that were made integers elsewhere: arithmetic of integers alone."""
    quantised, _ = load_filter(find_weights("rdn_s_int16"))
    return filter_picture(quantised, *coded_photograph(), 32, 64)


def test_the_shipped_integers_filter_to_this_very_picture() -> None:
    """If this fails on a machine, pictures are not the same there."""
    made = [zlib.crc32(b"".join(plane.tobytes() for plane in p.planes)) for p in coded_photograph()]
    assert made == [4047126039, 503679410]  # else it is the conversion of the photograph that differs
    filtered = filter_by_shipped()
    assert filtered.shape == (75, 83)
    assert zlib.crc32(filtered.tobytes()) == PRETRAINED_CRC
    quantised, _ = load_filter(find_weights("rdn_s_int16"))
    assert isinstance(quantised, IntegerRdn)
    windows = ctu_windows(quantised.config, *coded_photograph(), 32, 32)
    expected, _ = integer_reference.filter_window(quantised, planes_at(windows, 0), 32, 8)
    assert np.array_equal(quantised.filter_windows(windows.rows(slice(1)))[0], expected)


WIDE_REGISTERS = r"%[yz]mm"  # of AVX
ELSEWHERE = f"""
import re, zlib
from codecnn.models.rdn.integer_rows import compute
from tests.models.test_integer import filter_by_shipped
crc = zlib.crc32(filter_by_shipped().tobytes())
print(crc, any(re.search("{WIDE_REGISTERS}", text) for text in compute.inspect_asm().values()))
"""


def test_the_same_picture_without_the_instructions_of_this_processor(tmp_path: Path) -> None:
    environment = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    printed = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        cwd=Path(__file__).parents[2],
        env=os.environ | environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    assert printed == f"{PRETRAINED_CRC} False\n"


def test_little_is_lost_on_a_coded_photograph(tmp_path: Path) -> None:
    model, _ = load(find_weights("rdn_s"))
    for name in ("coffee", "astronaut"):
        write_raw(tmp_path / f"{name}_128x128.yuv", [photograph(name, 128, 128)])
    calibration, measured = (
        [next(iter(X265().encode(open_clip(tmp_path / f"{name}_128x128.yuv"), qp))) for qp in (22, 37)]
        for name in ("coffee", "astronaut")
    )
    quantised = quantise(
        model,
        [
            to_tensors(ctu_windows(model.config, frame.baseline, frame.unfiltered, qp, 128))
            for frame, qp in zip(calibration, (22, 37), strict=True)
        ],
    )
    for frame, qp in zip(measured, (22, 37), strict=True):
        floats, filtered = (filter_picture(m, frame.baseline, frame.unfiltered, qp) for m in (model, quantised))
        assert psnr_gain(frame.original.y, frame.baseline.y, filtered, 8) > 0.15
        assert abs(psnr_gain(frame.original.y, floats, filtered, 8)) < 0.01


def conv(weight: int, inputs: int, bias: int, shift: int) -> IntegerConv:
    return IntegerConv(
        np.full((1, inputs, 1, 1), weight, np.int16), np.array([bias], np.int32), np.array([shift], np.uint8)
    )


def test_the_largest_sum_that_fits() -> None:
    """32767 * 65537 + 2^15 is 2^31 - 1."""
    weight, rest = divmod(65537, 16)
    edge = IntegerConv(
        np.array([weight] * 15 + [weight + rest], np.int16).reshape(1, 16, 1, 1),
        np.zeros(1, np.int32),
        np.array([16], np.uint8),
    )
    program = Program({"edge": Layer(edge, [INPUT])}, 16)
    for value in (LIMIT, -LIMIT):
        assert (program.run(np.full((16, 3, 5), value, np.int16), 0, 3) == np.full((1, 3, 5), value)).all()
    for sign in (1, -1):
        with pytest.raises(ValueError, match="overflow"):
            replace(edge, bias=np.array([sign], np.int32))
    with pytest.raises(ValueError, match="overflow"):
        replace(edge, shift=np.array([17], np.uint8))


def test_convolutions_that_cannot_be() -> None:
    good = conv(100, 16, 5, 7)
    wrong: dict[str, dict[str, np.ndarray]] = {
        "above 30": {"shift": np.array([31], np.uint8)},
        "int64": {"weight": good.weight.astype(np.int64)},
        "float32": {"bias": np.array([0], np.float32)},
        "int32": {"shift": np.array([1], np.int32)},
        r"\(2,\)": {"bias": np.array([0, 0], np.int32)},
        r"\(16,\)": {"weight": good.weight[0, :, 0, 0]},
        "overflow": {"weight": np.full((1, 1, 1, 1), -32768, np.int16)},
    }
    for message, fields in wrong.items():
        with pytest.raises(ValueError, match=message):
            replace(good, **fields)


def test_networks_that_cannot_be() -> None:
    quantised = integers(network(CONFIG))
    with pytest.raises(ValueError, match="convolutions"):
        IntegerRdn(CONFIG, {name: c for name, c in quantised.convs.items() if name != "entry"})
    with pytest.raises(ValueError, match="the weights of shallow are"):
        IntegerRdn(replace(CONFIG, input="baseline"), quantised.convs)
    with pytest.raises(ValueError, match="nothing to calibrate on"):
        quantise(network(CONFIG), [])
    for value, message in ((float("nan"), "not finite"), (float("inf"), "not finite"), (1e9, "too large")):
        model = network(CONFIG)
        nn.init.constant_(model.last.weight, value)
        with pytest.raises(ValueError, match=message):
            integers(model)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_integers(tmp_path / "a.safetensors", integers(network(CONFIG)), {"step": 7})
    return tmp_path / "a.safetensors"


def test_weights_round_trip(saved: Path) -> None:
    quantised = integers(network(CONFIG))
    for model, notes in (load_filter(saved), read_integers(saved)[::2]):
        assert isinstance(model, IntegerRdn)
        assert (model.config, notes) == (CONFIG, {"step": 7})
        assert model.convs.keys() == quantised.convs.keys()
        for name, layer in quantised.convs.items():
            for field in ("weight", "bias", "shift"):
                assert np.array_equal(getattr(model.convs[name], field), getattr(layer, field))
    save(saved, network(CONFIG), {})
    assert isinstance(load_filter(saved)[0], Rdn)
    with pytest.raises(InputError, match="format 'codecnn-weights-2' holds no integers"):
        read_integers(saved)


def test_bad_weights(saved: Path) -> None:
    data, tensors, bad = saved.read_bytes(), load_file(saved), saved.with_name("bad.safetensors")
    header = {
        "format": INTEGER_FORMAT,
        "notes": "{}",
        "config": json.dumps(dataclasses.asdict(CONFIG)),
    }

    def forge(name: str, value: int) -> Callable[[], None]:
        tensor = np.full_like(tensors[name], value)
        return lambda: save_file(tensors | {name: tensor}, bad, header)

    def configure(**fields: object) -> Callable[[], None]:
        return lambda: save_file(tensors, bad, header | {"config": json.dumps(dataclasses.asdict(CONFIG) | fields)})

    short = {name: tensor for name, tensor in tensors.items() if name != "entry.shift"}
    save_file(tensors, bad, header)
    load_filter(bad)  # the header is right
    writers: dict[str, Callable[[], object]] = {
        "no such file": bad.unlink,
        "truncated": lambda: bad.write_bytes(data[: len(data) // 2]),
        "empty": lambda: bad.write_bytes(b""),
        "a shift that is not there": forge("entry.shift", 200),
        "a shift that makes the rounding overflow": forge("last.shift", 31),
        "weights that overflow": forge("blocks.1.fuse.weight", 32767),
        "a weight that has no negative": forge("entry.weight", -32768),
        "a bias that overflows": forge("fuse.0.bias", -(2**31)),
        "floats, and one that is none": lambda: save_file(
            tensors | {"entry.weight": np.full(tensors["entry.weight"].shape, np.nan, np.float32)}, bad, header
        ),
        "a tensor missing": lambda: save_file(short, bad, header),
        "another network": configure(channels=7),
        "another input": configure(input="baseline"),
        "too many blocks": configure(blocks=10**12),
        "too many channels": configure(channels=10**18),
        "more convolutions than the file has": configure(convolutions=12000),
        "as large as can be": configure(channels=1024, blocks=64, convolutions=64, growth=1024),
        "an unknown head": configure(head="none"),
        "no number": configure(growth="4"),
        "no whole number": configure(margin=2.0),
        "a margin without end": configure(margin=20000),
        "an unknown input": configure(input="none"),
        "a tensor too many": lambda: save_file(tensors | {"entry.more": tensors["entry.bias"]}, bad, header),
        "many tensors too many": lambda: save_file({f"a{i}.bias": np.zeros(1) for i in range(1000)}, bad, header),
        "notes of another kind": lambda: save_file(tensors, bad, header | {"notes": "[1]"}),
        "sources of another kind": lambda: save_file(tensors, bad, header | {"notes": '{"sources": 1}'}),
        "deep notes": lambda: save_file(tensors, bad, header | {"notes": "[" * 100_000}),
        "JSON of another kind": lambda: save_file(tensors, bad, header | {"config": "[1]"}),
        "no notes": lambda: save_file(tensors, bad, {name: header[name] for name in ("format", "config")}),
    }
    for what, write in writers.items():
        write()
        for read in (read_integers, load_filter):
            with pytest.raises(InputError) as error:
                read(bad)
            assert str(bad) in str(error.value), what
            assert "\n" not in str(error.value), what
            assert len(str(error.value)) < len(str(bad)) + 400, what


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("integer")
    for name in ("astronaut", "coffee"):
        write_raw(folder / f"{name}_150x70.yuv", [photograph(name, 70, 150)] * 2)
    sources = [str(path) for path in sorted(folder.glob("*.yuv"))]
    assert build_dataset.main([*sources, "--out", str(folder / "data"), "--no-labels", "--qp", "27", "37"]) == 0
    return folder / "data"


def test_quantised_and_reported(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new" / "rdn.safetensors"
    arguments = ["rdn_s", "--data", str(data), "--windows", "2", "--out", str(file)]
    assert command.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")][1:]
    assert [(qp, ctus) for qp, ctus, *_ in table] == [("27", "4"), ("37", "4")]
    assert all(abs(float(loss)) < 0.02 and 0 < float(share[:-1]) < 10 for _, _, loss, share, _ in table), table
    assert lines[-1] == f"saved {file}"
    assert lines[0] == f"loss on {data}, whose windows the scales were chosen by"
    _, notes = load_filter(file)
    _, original = load(find_weights("rdn_s"))
    assert notes["sources"] == original["sources"]
    assert len(notes["calibration"]["files"]) == 4
    first = load_file(file)
    assert command.main(arguments) == 0
    again = load_file(file)
    assert all(np.array_equal(again[name], tensor) for name, tensor in first.items())

    for weights_file in ("rdn_s", str(file)):
        out = tmp_path / Path(weights_file).stem
        assert report.main([weights_file, "--data", str(data), "--out", str(out)]) == 0
    found, floats = (read_results(tmp_path / name) for name in ("rdn", "rdn_s"))
    assert found["about"]["network"] == floats["about"]["network"] + ", in 16-bit integers"
    assert f"{parameter_count(Rdn(RdnConfig())):,} parameters" in found["about"]["network"]
    for row, other in zip(found["tables"]["rows"], floats["tables"]["rows"], strict=True):
        assert row["gain"] == pytest.approx(other["gain"], abs=0.01)
        assert row["gain"] != other["gain"]


def test_the_loss_on_other_sources(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [tmp_path / source for source in ("astronaut", "coffee")]
    for folder in folders:
        folder.mkdir()
        for file in data.glob(f"{folder.name}*_qp37.h5"):
            (folder / file.name).symlink_to(file)
    first, second = map(str, folders)

    def table(*arguments: str) -> tuple[str, str, dict[str, NDArray]]:
        out = tmp_path / "out.safetensors"
        assert command.main(["rdn_s", "--windows", "1", "--out", str(out), *arguments]) == 0
        about, *lines = capsys.readouterr().out.splitlines()
        return about, lines[-2], load_file(out)

    about, row, tensors = table("--data", first, "--val", second)
    assert about == f"loss on {second}"
    _, same_row, same_tensors = table("--data", first)
    assert row != same_row  # measured on the one,
    assert all(np.array_equal(same_tensors[name], tensor) for name, tensor in tensors.items())  # made by the other
    assert command.main(["rdn_s", "--data", str(data), "--val", second, "--out", str(tmp_path / "none")]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == f"quantise-filter: {second}: coffee_150x70.yuv is calibrated on as well"
    assert not (tmp_path / "none").exists()
    table("--data", str(data), "--sources", "1", "--val", second)
    calibration = load_filter(tmp_path / "out.safetensors")[1]["calibration"]["files"]
    assert calibration == ["astronaut_150x70_x265_qp27.h5", "astronaut_150x70_x265_qp37.h5"]


def test_the_benchmark_has_integers_beside_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "onnx_filter", lambda *_: None)  # whose export takes long
    measured = inference.ways(Named("tiny", network(CONFIG), {}), photograph("astronaut", 64, 64))
    filtered, floats = (measured[way]() for way in ("the same in int16", "filter_picture"))
    assert isinstance(filtered, np.ndarray)
    assert isinstance(floats, np.ndarray)
    assert 0 < np.mean(filtered != floats) < 0.2
    assert np.abs(filtered.astype(int) - floats).max() <= 2


def test_bad_input_is_one_line_and_exit_code_2(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, endless = tmp_path / "bad", tmp_path / "endless"
    bad.write_bytes(b"no weights")
    model = network(CONFIG)
    nn.init.constant_(model.last.weight, float("inf"))
    save(endless, model, {})
    for file, folder, named in ((bad, data, bad), (endless, data, endless), ("rdn_s", tmp_path, tmp_path)):
        out = tmp_path / "out.safetensors"
        assert command.main([str(file), "--data", str(folder), "--out", str(out)]) == 2
        (line,) = capsys.readouterr().err.splitlines()[-1:]
        assert line.startswith(f"quantise-filter: {named}: ")
        assert not out.exists()


def test_a_dataset_that_cannot_be_read_is_named_alone(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def picture(shard: Shard, _signal: str, _frame: int) -> Picture:
        raise InputError(f"{shard.path}: damaged")

    monkeypatch.setattr(Shard, "picture", picture)
    assert command.main(["rdn_s", "--data", str(data), "--out", str(tmp_path / "out")]) == 2
    first = min(data.glob("*.h5"))
    assert capsys.readouterr().err.splitlines()[-1] == f"quantise-filter: {first}: damaged"


def test_the_loss_is_told_of_how_many_ctus_it_is() -> None:
    """A CTU that is filtered without error has no loss in dB."""
    same = np.zeros((2, 2), np.int64)
    losses = [command.Loss(22, 0.5, same), command.Loss(22, math.nan, same), command.Loss(37, math.nan, same)]
    text = command.table(losses)
    assert "| 22 | 2 | +0.5000 (1 of 2) | 0.00% | 0 |" in text
    assert "| 37 | 1 | (a) | 0.00% | 0 |" in text
    assert text.endswith("a: filtered without error.")
