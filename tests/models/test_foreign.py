"""Foreign filters: what they get by their contract, what is made of what they give, and every fault in one line."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from codecnn.errors import InputError
from codecnn.inference.filtering import filter_picture
from codecnn.inference.load import load_filter
from codecnn.models.foreign.filter import ForeignFilter
from codecnn.models.foreign.load import read_foreign
from codecnn.models.foreign.onnx_graph import count_macs
from codecnn.models.vrcnn import Vrcnn, VrcnnConfig
from codecnn.video.picture import Picture, Plane
from tests.extras import extra
from tests.pictures import photograph

CPU = torch.device("cpu")
PEERS = """
import numpy
import torch

seen = []

def same(planes):
    seen.append(planes)
    return planes[:, 0]

def of_numpy(planes):
    return numpy.asarray(planes)[:, :1, 2:-2, 2:-2] * 6 - 2

of_numpy.contract = {"margin": 2, "reach": 0}

def integers(planes):
    seen.append(planes)
    return planes[:, 0] + 0.4

integers.contract = {"input": "both", "planes": ["v", "unfiltered_y", "y", "qp"], "range": "integers", "qp_over": 51}

def one_row_less(planes):
    return planes[:, 0, 1:]

def not_finite(planes):
    return planes[:, 0] * float("inf")

def raises(planes):
    raise KeyError("two\\nlines")

def leaves(planes):
    raise SystemExit(3)

def gives_none(planes):
    return None

def whole(planes):
    return planes[:, 0] * 0 + planes[:, 0].mean((1, 2), keepdim=True)

def misspelt(planes):
    return planes

misspelt.contract = {"plane": ["y"]}

def twice(planes):
    return 2 * planes[:, 0]

dark_22 = torch.nn.Identity()
dark_37 = lambda planes: planes * 0
a_number = 3
"""


@pytest.fixture
def peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of Python that can be imported."""
    (tmp_path / "peers_of_test.py").write_text(PEERS)
    (tmp_path / "broken_peers.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield __import__("peers_of_test")
    del sys.modules["peers_of_test"]


def pictures(depth: int = 8, height: int = 40, width: int = 56) -> tuple[Picture, Picture]:
    baseline, unfiltered = (photograph(name, height, width, depth) for name in ("chelsea", "coffee"))
    return baseline, unfiltered


def filtered(name: str, depth: int = 8, way: Any = "picture", qp: int = 37) -> Plane:  # noqa: ANN401
    return filter_picture(load_filter(name, CPU).network, *pictures(depth), qp, 32, way)


@pytest.mark.parametrize("way", ["ctu", "picture"])
def test_a_function_gets_luma_by_default(peers: Any, way: str) -> None:  # noqa: ANN401
    baseline, _ = pictures()
    assert np.array_equal(filtered("peers_of_test:same", way=way), baseline.y)
    first = peers.seen[0]
    assert (first.dtype, first.shape) == (torch.float32, (4, 1, 32, 32) if way == "ctu" else (1, 1, 40, 56))
    assert first[0, 0, :32, :32].numpy() == pytest.approx(baseline.y[:32, :32] / 255)


@pytest.mark.usefixtures("peers")
@pytest.mark.parametrize("depth", [8, 10])
def test_the_output_is_rounded_and_clipped(depth: int) -> None:
    baseline, _ = pictures(depth)
    peak = (1 << depth) - 1
    wanted = np.clip(np.rint((baseline.y / peak * 6 - 2) * peak), 0, peak)
    for way in ("ctu", "picture"):
        luma = filtered("peers_of_test:of_numpy", depth, way)
        assert luma.dtype == baseline.y.dtype
        assert np.abs(luma - wanted).max() <= 1  # float32 may round otherwise
        assert np.mean(luma != wanted) < 0.001
    assert {0, peak} <= set(wanted.ravel())


def test_planes_in_the_order_and_range_of_the_contract(peers: Any) -> None:  # noqa: ANN401
    baseline, unfiltered = pictures(10)
    luma = filtered("peers_of_test:integers", 10)
    (planes,) = peers.seen
    v = baseline.v.repeat(2, 0).repeat(2, 1)
    for plane, wanted in zip(planes[0], (v, unfiltered.y, baseline.y), strict=False):
        assert np.array_equal(plane.numpy(), wanted)
    assert planes[0, 3].numpy() == pytest.approx(np.full(v.shape, 37 / 51))
    assert np.array_equal(luma, v)  # 0.4 is rounded away


@pytest.mark.usefixtures("peers")
def test_without_a_reach_a_large_picture_is_one_piece() -> None:
    picture = photograph("coffee", 560, 40)
    network = load_filter("peers_of_test:whole", CPU).network
    luma = filter_picture(network, picture, picture, 37, way="picture")
    assert (luma == round(float(picture.y.mean()))).all()


@pytest.mark.usefixtures("peers")
def test_one_function_for_each_qp() -> None:
    baseline, _ = pictures()
    assert np.array_equal(filtered("peers_of_test:dark_{qp}", qp=22), baseline.y)
    assert not filtered("peers_of_test:dark_{qp}", qp=37).any()
    with pytest.raises(InputError, match=r"^peers_of_test:dark_\{qp\}: no filter for QP 27, only 22, 37$"):
        filtered("peers_of_test:dark_{qp}", qp=27)


@pytest.mark.usefixtures("peers")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("one_row_less", r"its luma has the shape \(1, 39, 56\), not \(1, 40, 56\)"),
        ("not_finite", "its luma is not finite everywhere"),
        ("raises", r"KeyError: 'two\\nlines'"),
        ("leaves", "SystemExit: 3"),
        ("gives_none", "TypeError: it gives NoneType, not a tensor or an array of real numbers"),
        ("misspelt", r"contract: plane: Unexpected keyword argument, not \['y'\]"),
        ("a_number", "the module peers_of_test has no function a_number"),
        ("nothing", "the module peers_of_test has no function nothing"),
        ("nothing_{qp}", "no file or function of this name with a QP in the place of {qp}"),
    ],
)
def test_faults_of_a_function_are_one_line(name: str, words: str) -> None:
    with pytest.raises(InputError, match=f"^peers_of_test:{name}: {words}$".replace("{qp}", r"\{qp\}")):
        filtered(f"peers_of_test:{name}")


@pytest.mark.usefixtures("peers")
def test_faults_of_a_module_are_one_line() -> None:
    with pytest.raises(InputError, match=r"^broken_peers:f: ZeroDivisionError: division by zero$"):
        load_filter("broken_peers:f", CPU)
    with pytest.raises(InputError, match=r"^no_such_peers:f: ModuleNotFoundError: No module named 'no_such_peers'$"):
        load_filter("no_such_peers:f", CPU)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"planes": []}, "planes must name one plane or more"),
        ({"planes": ["unfiltered_y"]}, 'the plane unfiltered_y needs the input "both"'),
        ({"margin": 3}, "margin must be even and from 0 to 128, not 3"),
        ({"reach": -1}, "reach must be from 0 to 16384, not -1"),
        ({"range": "0..255"}, "range: must be '0..1' or 'integers', not '0..255'"),
        ({"qp_over": 0}, "qp_over must be above 0, not 0.0"),
        (3, "must be an object, not 3"),
    ],
)
def test_faults_of_a_contract_are_one_line(peers: Any, fields: Any, words: str) -> None:  # noqa: ANN401
    peers.same.contract = fields
    with pytest.raises(InputError) as error:
        load_filter("peers_of_test:same", CPU)
    assert str(error.value) == f"peers_of_test:same: contract: {words}"


def test_macs_of_a_module_are_counted(peers: Any) -> None:  # noqa: ANN401
    """Those of VRCNN are the numbers of its paper."""
    network = Vrcnn(VrcnnConfig())

    def forward(planes: Tensor) -> Tensor:
        features = torch.relu(network.first(planes))
        for layer in (network.second, network.third):
            features = torch.cat([torch.relu(conv(features)) for conv in layer], 1)
        restored: Tensor = planes + network.last(features)
        return restored

    peers.vrcnn = forward
    assert read_foreign("peers_of_test:vrcnn", CPU).kmac_per_sample(64) == pytest.approx(54.512)
    peers.padded = nn.Conv2d(1, 1, 3)
    peers.padded.contract = {"margin": 2}
    assert read_foreign("peers_of_test:padded", CPU).kmac_per_sample(64) == pytest.approx(9 * 66**2 / 64**2 / 1000)
    assert read_foreign("peers_of_test:of_numpy", CPU).kmac_per_sample(64) is None


def graph(
    path: Path,
    side: Any,  # noqa: ANN401
    nodes: list[Any],
    weights: dict[str, NDArray[Any]],
    kind: str = "FLOAT",
    **contract: Any,  # noqa: ANN401
) -> str:
    """Write an ONNX file: x, (n, 1, side, side) or of any side and n, to y."""
    onnx = extra("onnx")
    helper = onnx.helper
    shape = ["n" if side == "s" else 1, 1, side, side]
    kinds = {"x": onnx.TensorProto.DataType.Value(kind), "y": onnx.TensorProto.FLOAT}
    ends = [helper.make_tensor_value_info(name, each, shape) for name, each in kinds.items()]
    initial = [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()]
    model = helper.make_model(helper.make_graph(nodes, "peer", ends[:1], ends[1:], initial))
    model.opset_import[0].version, model.ir_version = 17, 8
    if contract:
        helper.set_model_props(model, {"contract": json.dumps(contract)})
    onnx.save(model, path)
    return str(path)


def conv(first: str, weight: str, output: str, kernel: int = 3) -> Any:  # noqa: ANN401
    made = extra("onnx").helper.make_node("Conv", [first, weight], [output], pads=[kernel // 2] * 4)
    return made


@pytest.fixture
def smoothing(tmp_path: Path) -> str:
    """An ONNX file for each QP: at 22 the identity, at 37 the mean of 3x3 samples."""
    extra("onnxruntime")
    for qp, weight in ((22, np.zeros((1, 1, 3, 3), np.float32)), (37, np.full((1, 1, 3, 3), 1 / 9, np.float32))):
        weight[0, 0, 1, 1] = 1 if qp == 22 else 1 / 9
        graph(tmp_path / f"s_{qp}.onnx", "s", [conv("x", "w", "y")], {"w": weight}, input="unfiltered", reach=1)
    return str(tmp_path / "s_{qp}.onnx")


def mean_of_9(luma: Plane) -> NDArray[np.float64]:
    padded = np.pad(luma.astype(float), 1)
    height, width = luma.shape
    mean: NDArray[np.float64] = np.mean([padded[y : y + height, x : x + width] for y in range(3) for x in range(3)], 0)
    return mean


def test_an_onnx_file_filters(smoothing: str) -> None:
    baseline, unfiltered = pictures(10)
    network = load_filter(smoothing, CPU).network
    assert np.array_equal(filter_picture(network, baseline, unfiltered, 22, 32), unfiltered.y)
    whole = filter_picture(network, baseline, unfiltered, 37, way="picture")
    assert np.abs(whole - mean_of_9(unfiltered.y)).max() < 0.501
    by_ctu = filter_picture(network, baseline, unfiltered, 37, 32)
    assert np.abs(by_ctu[:32, :32] - mean_of_9(unfiltered.y[:32, :32])).max() < 0.501
    tall = photograph("coffee", 560, 24)  # in parts
    assert np.abs(filter_picture(network, tall, tall, 37, way="picture") - mean_of_9(tall.y)).max() < 0.501


def test_a_graph_for_one_window_gets_one_at_a_time(tmp_path: Path) -> None:
    extra("onnxruntime")
    weight = np.full((1, 1, 3, 3), 1 / 9, np.float32)
    name = graph(tmp_path / "fixed.onnx", 32, [conv("x", "w", "y")], {"w": weight})
    network, (baseline, unfiltered) = load_filter(name, CPU).network, pictures()
    luma = filter_picture(network, baseline, unfiltered, 37, 32)
    assert np.abs(luma[:32, :32] - mean_of_9(baseline.y[:32, :32])).max() < 0.501
    assert isinstance(network, ForeignFilter)
    assert network.kmac_per_sample() == pytest.approx(9 / 1000)
    with pytest.raises(InputError, match=rf"^{name}: \w*InvalidArgument: .*Got invalid dimensions"):
        filter_picture(network, baseline, unfiltered, 37, way="picture")


def test_macs_of_a_graph_by_hand(tmp_path: Path) -> None:
    helper = extra("onnx").helper
    weights: dict[str, NDArray[Any]] = {
        "down": np.zeros((6, 1, 4, 4), np.float32),  # stride 2
        "grouped": np.zeros((6, 2, 3, 3), np.float32),  # 3 groups
        "up": np.zeros((6, 1, 4, 4), np.float32),
        "square": np.zeros((32, 32), np.float32),
        "shape": np.array([16, 64], np.int64),
        "g": np.zeros((16, 16), np.float32),
    }
    weights["back"] = np.array([-1, 1, 32, 32], np.int64)
    nodes = [
        helper.make_node("Conv", ["x", "down"], ["a"], strides=[2, 2], pads=[1] * 4),
        helper.make_node("Conv", ["a", "grouped"], ["b"], group=3, pads=[1] * 4),
        helper.make_node("ConvTranspose", ["b", "up"], ["c"], strides=[2, 2], pads=[1] * 4),
        helper.make_node("MatMul", ["c", "square"], ["d"]),
        helper.make_node("Reshape", ["d", "shape"], ["e"]),
        helper.make_node("Gemm", ["e", "g"], ["f"], transA=1),
        helper.make_node("Reshape", ["f", "back"], ["y"]),
    ]
    name = graph(tmp_path / "a.onnx", "s", nodes, weights)
    by_hand = [16 * 16 * 6 * 16, 16 * 16 * 6 * 2 * 9, 16 * 16 * 6 * 16, 32 * 32 * 32, 64 * 16 * 16]
    assert count_macs(Path(name), {"x": np.zeros((1, 1, 32, 32), np.float32)}) == sum(by_hand)
    unknown = graph(tmp_path / "b.onnx", "s", [helper.make_node("Einsum", ["x"], ["y"], equation="abcd->abcd")], {})
    assert count_macs(Path(unknown), {"x": np.zeros((1, 1, 32, 32), np.float32)}) is None


def test_a_graph_of_integers_gets_integers_that_it_can_hold(tmp_path: Path) -> None:
    helper = extra("onnx").helper
    extra("onnxruntime")
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=1)]
    name = graph(tmp_path / "bytes.onnx", "s", nodes, {}, kind="UINT8", range="integers")
    assert np.array_equal(filtered(name), pictures()[0].y)
    with pytest.raises(InputError, match=r"bytes\.onnx: ValueError: its input x is of uint8, which does not hold"):
        filtered(name, 10)
    fractions = graph(tmp_path / "f.onnx", "s", nodes, {}, kind="UINT8")
    with pytest.raises(InputError, match=r"f\.onnx: ValueError: its input x is of uint8, which does not hold"):
        filtered(fractions)


def test_what_cannot_be_counted_loses_no_report(peers: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    def one_size(planes: Tensor) -> Tensor:
        assert planes.shape[-1] == 56
        return planes

    peers.one_size = one_size
    assert np.array_equal(filtered("peers_of_test:one_size"), pictures()[0].y)
    assert read_foreign("peers_of_test:one_size", CPU).kmac_per_sample() is None
    monkeypatch.setenv("CODECNN_TRACEBACK", "1")
    with pytest.raises(KeyError):
        filtered("peers_of_test:raises")


def test_faults_of_an_onnx_file_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extra("onnxruntime")
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(InputError, match=r"text\.onnx: InvalidProtobuf: .*Protobuf parsing failed"):
        load_filter(str(tmp_path / "text.onnx"), CPU)
    with pytest.raises(InputError, match=r"none\.onnx: no such file"):
        load_filter(str(tmp_path / "none.onnx"), CPU)
    weight = {"w": np.zeros((1, 2, 3, 3), np.float32)}  # for two planes
    wrong = graph(tmp_path / "two.onnx", "s", [conv("x", "w", "y")], weight)
    with pytest.raises(InputError, match=r"two\.onnx: "):
        filtered(wrong)
    name = graph(tmp_path / "c.onnx", "s", [conv("x", "w", "y")], {"w": weight["w"][:, :1]}, margins=2)
    with pytest.raises(InputError, match=r"c\.onnx: contract: margins: Unexpected keyword argument, not 2$"):
        load_filter(name, CPU)
    monkeypatch.setattr("codecnn.models.foreign.onnx_graph.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"c\.onnx: onnxruntime is not installed: pip install 'codecnn\[onnx\]'$"):
        load_filter(name, CPU)
