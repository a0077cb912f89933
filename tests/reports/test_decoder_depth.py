"""Test that pictures are filtered and measured at the decoder's bit depth, with the bits of their own streams."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.random import default_rng
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.reader import Shard, open_folder
from codecnn.dataset.schema import ShardInfo
from codecnn.dataset.writer import ShardWriter
from codecnn.inference.filtering import filter_picture
from codecnn.metrics import bd_rate, psnr
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.tasks.in_loop_filter import InLoopFilter
from codecnn.video.picture import Picture
from experiments.reports.codecs import command as report_codecs
from experiments.reports.gain import command as report_gain
from experiments.reports.where import command as report_where
from tests.pictures import photograph
from tests.reports.results_schema import read_results
from tests.weights_files import save

QPS = (22, 27, 32, 37)
OFF = "not all in-loop filters of blur preset fast were on in the baseline: deblocking on, SAO off"


def blurred(picture: Picture, width: float) -> Picture:
    """A picture of 10 bit that is no picture of 8 bit scaled up."""
    planes = (np.round(gaussian_filter(plane.astype(float), width)) for plane in picture.planes)
    return Picture.of((plane.astype(np.uint16) for plane in planes), 10)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 8 bit, coded at 10 bit; its unfiltered pictures are of a second stream that takes 5 % fewer bits."""
    folder = tmp_path_factory.mktemp("deep")
    original = photograph("coffee", 76, 90)
    for qp in QPS:
        info = ShardInfo(
            source="coffee.png", source_sha256="0" * 64, width=90, height=76, bit_depth=8, chroma="420", fps="30",
            colour="", first_frames=0, every=1, codec="blur", codec_version="1", preset="fast", codec_parameters="",
            decoder_version="", unfiltered_by="", qp=qp, ctu_size=32, margin=2, label_sizes="", label_modes="",
            label_references="none", package_version="", coded_bit_depth=10, unfiltered_stream="second",
        )  # fmt: skip
        deep = convert_bit_depth(original, 10)
        baseline = blurred(deep, qp / 30)
        signals = {"original": original, "baseline": baseline, "unfiltered": blurred(deep, qp / 29)}
        with ShardWriter(folder / f"{qp}.h5", info) as writer:
            bits = 100 * (50 - qp)
            filters = {"deblocking": True, "SAO": False}
            writer.append(signals, bits, qp, unfiltered_bits=95 * bits // 100, in_loop_filters=filters)
    return folder


def brighter(steps: float) -> Rdn:
    """A network that adds so many steps of 10 bit to every sample."""
    model = Rdn(RdnConfig(channels=4, blocks=1, convolutions=2, growth=4))
    with torch.no_grad():
        assert model.last.bias is not None
        model.last.bias.fill_(steps / 1023)
    return model.eval()


def expected(shard: Shard, signal: str, more: int = 0) -> float:
    """PSNR-Y at 10 bit by scikit-image."""
    original, picture = (shard.picture(name, 0).y.astype(int) for name in ("original", signal))
    return float(peak_signal_noise_ratio(4 * original, np.minimum(picture + more, 1023), data_range=1023))


def test_gain_is_measured_at_the_depth_of_the_decoder(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "w.safetensors", brighter(1), {"codecs": ["blur: 1, preset fast"], "bit_depths": [8]})
    common = [str(tmp_path / "w.safetensors"), "--data", str(data), "--out"]
    assert report_gain.main([*common, str(tmp_path / "gain")]) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert warnings == [
        "report-gain: warning: the data are coded at 10 bit, the weights are for 8 bit",
        f"report-gain: warning: {OFF}",
    ]
    found = read_results(tmp_path / "gain")
    shards = open_folder(data)
    for row, shard in zip(found["tables"]["rows"], shards, strict=True):
        assert row["psnr_baseline"] == pytest.approx(expected(shard, "baseline"))
        assert row["psnr_filtered"] == pytest.approx(expected(shard, "baseline", more=1))
        assert row["psnr_unfiltered"] == pytest.approx(expected(shard, "unfiltered"))
        assert row["bits_unfiltered"] == 0.95 * row["bits"]
    bits = [int(shard.bits[0]) for shard in shards]
    curves = [[expected(shard, signal) for shard in shards] for signal in ("baseline", "unfiltered")]
    (clip,) = found["tables"]["clips"]
    own_bits = bd_rate(bits, curves[0], [0.95 * b for b in bits], curves[1])
    assert clip["bd_rate_unfiltered"] == pytest.approx(own_bits)
    assert own_bits < bd_rate(bits, curves[0], bits, curves[1]) - 4
    about = found["about"]
    assert about["in-loop filters"] == "blur: deblocking on, SAO off"
    assert about["bit depth"] == "decoder's output of 10 bit, filtered and measured so, the original of 8 bit scaled up"
    assert about["without in-loop filters"] == "blur: a second encoding without them, with its own bits"
    assert OFF in about["caution"]
    assert report_where.main([*common, str(tmp_path / "where")]) == 0
    rows = [r for r in read_results(tmp_path / "where")["tables"]["rows"] if r["way"] == "ctu"]
    assert [row["psnr_filtered"] for row in rows] == [row["psnr_filtered"] for row in found["tables"]["rows"]]


def test_codecs_are_compared_with_the_precision_of_the_decoder_and_one_peak(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An 8-bit codec and a 10-bit one with the same picture have the same PSNR: 255 * 4 is the peak, not 1023."""
    assert report_codecs.main([str(data), "--anchor", "blur", "--out", str(tmp_path)]) == 0
    for point, shard in zip(read_results(tmp_path)["tables"]["points"], open_folder(data), strict=True):
        original, baseline = (shard.picture(name, 0).y for name in ("original", "baseline"))
        assert point["psnr_y"] == pytest.approx(peak_signal_noise_ratio(original, baseline / 4, data_range=255))
        assert point["kbit_per_frame_unfiltered"] == pytest.approx(0.95 * point["kbit_per_frame"])
        assert point["in_loop_filters"] == "deblocking on, SAO off"
    printed = capsys.readouterr()
    assert f"report-codecs: warning: {OFF}" in printed.err.splitlines()


def test_networks_are_trained_and_validated_at_the_depth_of_the_decoder(data: Path) -> None:
    shards, task = open_folder(data)[:1], InLoopFilter(patch=16)
    batch = task.draws(shards, RdnConfig(channels=4, blocks=1, convolutions=2, growth=4)).draw(
        0, default_rng(0), default_rng(0)
    )
    assert abs(batch.original.astype(int) - batch.windows.y[:, 2:-2, 2:-2]).mean() < 40  # of 1023
    gain = task.validate(brighter(1), shards)["gain"]
    assert gain == pytest.approx(expected(shards[0], "baseline", more=1) - expected(shards[0], "baseline"))


def bits_of_the_baseline(shard: Shard, kept: Sequence[int]) -> tuple[int, int | None]:
    return int(shard.bits[kept].sum()), int(shard.bits[kept].sum())


def at_8_bit(picture: Picture, bit_depth: int) -> Picture:
    return picture


MUTANTS: dict[str, tuple[str, Callable[..., object]]] = {
    "bits of the baseline for the second encoding": ("gain.measure.bits_of", bits_of_the_baseline),
    "originals that are not scaled up": ("shared.frames.convert_bit_depth", at_8_bit),
    "a peak of 8 bit": ("gain.measure.psnr", lambda a, b, depth: psnr(a, b, 8)),
    "the unfiltered picture filtered": (
        "gain.measure.filter_picture",
        lambda network, baseline, unfiltered, *rest: filter_picture(network, unfiltered, unfiltered, *rest),
    ),
    "filters that are all on": ("shared.cautions.filters_off", lambda shards: []),
    "depths that are not compared": ("shared.cautions.codec_cautions", lambda notes, infos: []),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mistakes_of_measuring_are_noticed(
    data: Path,
    tmp_path: Path,
    mutant: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tests of this file fail where the behaviour of a part is another one."""
    name, wrong = MUTANTS[mutant]
    monkeypatch.setattr(f"experiments.reports.{name}", wrong)
    with pytest.raises(AssertionError):
        test_gain_is_measured_at_the_depth_of_the_decoder(data, tmp_path, capsys)
