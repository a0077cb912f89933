"""Filtering chroma: the planes that the network gets against slices of the picture, both ways against the network."""

import numpy as np
import pytest
import torch
from torch import nn

from codecnn.errors import InputError
from codecnn.inference import filtering
from codecnn.inference.chroma import filter_chroma
from codecnn.inference.filtering import Way, ctu_windows
from codecnn.models.chroma_rdn import ChromaRdn, ChromaRdnConfig, chroma_planes
from codecnn.models.costs import kmac_per_sample
from codecnn.models.in_loop_filter import Input, to_tensors
from codecnn.video.picture import Picture
from tests.inference.test_filtering import pictures

CTU = 32


def network(input_: Input = "both", margin: int = 2) -> ChromaRdn:
    torch.manual_seed(0)
    model = ChromaRdn(ChromaRdnConfig(6, 2, 3, 4, margin, input_)).eval()
    nn.init.normal_(model.last.weight, std=0.05)
    return model


def sliced(picture: Picture, rows: range, columns: range) -> list[np.ndarray]:
    """U, V and luma of even and odd rows and columns where chroma has these rows and columns; beyond it the nearest."""

    def fetch(plane: np.ndarray, step: int, down: int, across: int) -> np.ndarray:
        r, c = (np.array(its) * step for its in (rows, columns))
        height, width = plane.shape
        return plane[np.ix_(np.clip(r + down, 0, height - 1), np.clip(c + across, 0, width - 1))]

    luma = [fetch(picture.y, 2, down, across) for down in (0, 1) for across in (0, 1)]
    return [fetch(picture.u, 1, 0, 0), fetch(picture.v, 1, 0, 0), *luma]


def by_hand(model: ChromaRdn, signals: tuple[Picture, Picture], qp: int, rows: range, columns: range) -> np.ndarray:
    """The filtered U and V of some rows and columns, all planes of the network sliced from the pictures."""
    margin, input_ = model.config.margin // 2, model.config.input
    chosen = {"both": signals, "baseline": signals[:1], "unfiltered": signals[1:]}[input_]
    wider = [range(part.start - margin, part.stop + margin) for part in (rows, columns)]
    samples = [plane for picture in chosen for plane in sliced(picture, *wider)]
    peak = (1 << signals[0].bit_depth) - 1
    planes = np.stack([*(plane / peak for plane in samples), np.full_like(samples[0], qp / 64, np.float64)])
    tensor = torch.from_numpy(planes[None].astype(np.float32))
    with torch.no_grad():
        x = shallow = model.shallow(tensor)
        outputs = [x := block(x) for block in model.blocks]
        residual = model.last(model.fuse(torch.cat(outputs, 1)) + shallow)[0].numpy()
    high, wide = len(rows), len(columns)
    cut = np.s_[:, margin - 1 : margin - 1 + high, margin - 1 : margin - 1 + wide]
    values = planes[:2, margin : margin + high, margin : margin + wide] + residual[cut]
    rounded: np.ndarray = np.clip(np.rint(values * peak), 0, peak)
    return rounded


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_planes_are_slices_of_the_whole_picture(bit_depth: int) -> None:
    signals = pictures(75, 83, bit_depth)
    windows = ctu_windows(ChromaRdnConfig(), *signals, 37, CTU)
    planes = chroma_planes(to_tensors(windows)).numpy()
    assert planes.shape == (9, 13, 18, 18)
    for place, found in enumerate(planes):
        top, left = (CTU // 2 * number - 1 for number in divmod(place, 3))
        expected = [plane for picture in signals for plane in sliced(picture, *(range(s, s + 18) for s in (top, left)))]
        np.testing.assert_allclose(found[:-1] * ((1 << bit_depth) - 1), expected, atol=1e-3)
        assert (found[-1] == np.float32(37 / 64)).all()


@pytest.mark.parametrize("way", ["ctu", "picture"])
@pytest.mark.parametrize(("height", "width", "bit_depth"), [(64, 80, 8), (75, 83, 10)])
def test_an_untrained_network_is_the_identity(way: Way, height: int, width: int, bit_depth: int) -> None:
    baseline, unfiltered = pictures(height, width, bit_depth)
    for input_, expected in (("both", baseline), ("baseline", baseline), ("unfiltered", unfiltered)):
        model = ChromaRdn(ChromaRdnConfig(4, 1, 2, 4, input=input_)).eval()  # type: ignore[arg-type]
        u, v = filter_chroma(model, baseline, unfiltered, 32, CTU, way)
        assert u.dtype == expected.u.dtype
        np.testing.assert_array_equal(u, expected.u)
        np.testing.assert_array_equal(v, expected.v)


@pytest.mark.parametrize("margin", [2, 6])
@pytest.mark.parametrize("input_", ["both", "baseline", "unfiltered"])
def test_ctus_are_filtered_from_their_windows(input_: Input, margin: int) -> None:
    signals, model = pictures(75, 83, 10), network(input_, margin)
    found = np.stack(filter_chroma(model, *signals, 27, CTU))
    assert (found != np.stack(signals[0].planes[1:])).mean() > 0.2
    half = CTU // 2
    for top in range(0, 38, half):
        for left in range(0, 42, half):
            expected = by_hand(model, signals, 27, range(top, top + half), range(left, left + half))
            here = found[:, top : top + half, left : left + half]
            close = np.abs(here - expected[:, : here.shape[1], : here.shape[2]].astype(int))
            assert close.max() <= 1  # where a sum lies between two integers
            assert (close > 0).mean() < 0.01


@pytest.mark.parametrize(("height", "width"), [(75, 83), (64, 96)])
def test_parts_of_a_picture_join_without_seams(height: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    signals, model = pictures(height, width), network()
    expected = by_hand(model, signals, 27, range(-(-height // 2)), range(-(-width // 2)))
    for part in (512, 32):
        monkeypatch.setattr(filtering, "PART", part)
        close = np.abs(np.stack(filter_chroma(model, *signals, 27, way="picture")).astype(int) - expected)
        assert close.max() <= 1
        assert (close > 0).mean() < 0.01


@pytest.mark.parametrize("chroma", ["400", "422", "444"])
def test_other_chroma_formats_are_refused(chroma: str) -> None:
    with pytest.raises(InputError, match=f"the chroma format {chroma}: only chroma of 420 is filtered"):
        filter_chroma(network(), *pictures(chroma=chroma), 32)


@pytest.mark.parametrize("input_", ["both", "baseline"])
def test_multiply_accumulates(input_: Input) -> None:
    """By the formula of a dense block, for a quarter of the luma samples."""
    c, d, n, g = 12, 2, 4, 8
    block = ((n - 1) * c + g * (n - 1) * (n - 2) // 2) * g * 9 + (c + (n - 1) * g) * c
    planes = 13 if input_ == "both" else 7
    each = 9 * planes * c + d * block + d * c * c + 9 * c * c + 9 * c * 2
    assert kmac_per_sample(ChromaRdn(ChromaRdnConfig(c, d, n, g, input=input_))) == each / 4 / 1000


@pytest.mark.parametrize(("field", "value"), [("margin", 3), ("margin", 0), ("channels", 0), ("blocks", 65)])
def test_a_form_that_cannot_be_is_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=field):
        ChromaRdnConfig(**{field: value})  # type: ignore[arg-type]
