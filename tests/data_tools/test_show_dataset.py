"""Test show-dataset: what a browser shows against the files, and against plain loops and the numpy prediction."""

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from codecnn.dataset.reader import Shard, open_folder
from codecnn.intra import vvc
from codecnn.intra.block_size import BlockSize
from codecnn.intra.references import reference_samples
from codecnn.video.raw import write_raw
from data_tools import build_dataset
from data_tools.show_dataset import main
from data_tools.viewer.counts import count
from data_tools.viewer.ctus import read_ctu, spread
from data_tools.viewer.page import directions
from tests.browser import opened_page
from tests.pictures import photograph

if TYPE_CHECKING:  # an extra, imported where it is there
    from playwright.sync_api import Browser, Page

SIZES = [BlockSize(8, 8), BlockSize(16, 8)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips: one of 8 bit with partial CTUs and labels, one of 10 bit with two frames."""
    folder = tmp_path_factory.mktemp("shown")
    write_raw(folder / "flat_56x44.yuv", [photograph("chelsea", 44, 56)])
    write_raw(folder / "deep_32x48_10bit.yuv", [photograph(n, 48, 32, 10) for n in ("coffee", "astronaut")])
    options = ["--preset", "ultrafast", "--ctu-size", "32", "--qp", "37", "--out", str(folder / "data")]
    for name in ("flat_56x44", "deep_32x48_10bit"):
        source = str(folder / f"{name}.yuv")
        assert build_dataset.main([source, *options, "--label-sizes", *map(str, SIZES)]) == 0
    return folder / "data"


def layer(page: "Page", number: int) -> np.ndarray:
    found = page.evaluate(
        f"(() => {{ const s = document.querySelector('figure.dataset').shown.layers()[{number}];"
        "return [s.height, s.width, [...s.samples]]; })()"
    )
    return np.array(found[2]).reshape(found[:2])


def predicted(shard: Shard, row: int, size: BlockSize, name: str) -> np.ndarray:
    """The prediction of the labels of a CTU, block by block from the whole picture."""
    frame, x, y, width, height = (int(value) for value in shard.ctus[row])
    modes = shard.maps(size)[f"{name}_mode"][row]
    luma = shard.picture("unfiltered", frame).y.astype(np.int32)
    plane = np.zeros((height, width), np.int32)
    depth, ctu_size = shard.info.bit_depth, shard.info.ctu_size
    for down, across in np.ndindex(height // size.height, width // size.width):
        left, top = across * size.width, down * size.height
        references = reference_samples(luma, x + left, y + top, *size, ctu_size, depth)
        block = vvc.predict(references, *size, int(modes[down, across]), depth)
        plane[top : top + size.height, left : left + size.width] = block
    return plane


def test_a_browser_shows_every_ctu_as_it_is(browser: "Browser", built: Path, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    assert main([str(built), "--out", str(file)]) == 0
    shards = open_folder(built)
    places = [(shard, row) for shard in shards for row in range(len(shard))]
    with opened_page(browser, file) as page:
        page.wait_for_selector("figure.dataset[data-shown='0']")
        names = page.locator("select[aria-label=CTU] option").all_inner_texts()
        assert len(names) == len(places) == 4 + 4
        for number, (shard, row) in enumerate(places):
            page.wait_for_selector(f"figure.dataset[data-shown='{number}']")
            assert names[number].startswith(f"{shard.info.source}, x265, QP 37, frame {shard.ctus[row]['frame']}, ")
            height, width = shard.ctus[row]["height"], shard.ctus[row]["width"]
            for place, signal in enumerate(("original", "baseline", "unfiltered")):
                np.testing.assert_array_equal(layer(page, place), shard.luma(signal, row)[2:-2, 2:-2][:height, :width])
            kinds = [(size, name) for size in SIZES for name in ("hadamard", "dct")]
            for place, (size, name) in enumerate(kinds, start=3):
                np.testing.assert_array_equal(layer(page, place), predicted(shard, row, size, name))
            page.locator(".large").focus()
            page.keyboard.press("ArrowRight")
        page.wait_for_selector("figure.dataset[data-shown='0']")  # round
        page.get_by_role("button", name="16x8").click()
        page.locator(".large").hover(position={"x": 3, "y": 3})
        modes = [int(shards[0].maps(SIZES[1])[f"{name}_mode"][0, 0, 0]) for name in ("hadamard", "dct")]
        told = page.locator(".readout").inner_text()
        assert f"Hadamard SATD: mode {modes[0]} (" in told
        assert f"DCT SATD: mode {modes[1]} (" in told
        assert page.pdf().startswith(b"%PDF")
    with opened_page(browser, file, 390, "dark") as page:
        page.wait_for_selector("figure.dataset[data-shown='0']")
        sides = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert sides[0] <= sides[1]


def test_lines_point_to_the_references() -> None:
    square = directions("vvc-67", BlockSize(8, 8))
    half = round(math.sqrt(0.5), 4)
    assert square[:2] == ["planar", "DC"]
    assert (square[18], square[50]) == ([-1, 0], [0, -1])  # left, above
    assert (square[2], square[34], square[66]) == ([-half, half], [-half, -half], [half, -half])
    wide = directions("vvc-67", BlockSize(16, 4))[2]  # a wide angle: from above right, beyond 45 degrees
    assert isinstance(wide, list)
    assert wide[0] > -wide[1] > 0
    hevc = directions("hevc-35", BlockSize(8, 8))
    assert (hevc[10], hevc[26], hevc[18]) == ([-1, 0], [0, -1], [-half, -half])
    lines = directions("vvc-67-mrl", BlockSize(8, 8))
    assert lines[67] is None  # planar is only on reference line 0
    assert lines[67 + 18] == lines[134 + 18] == square[18]


def test_counts_are_those_of_plain_loops(built: Path) -> None:
    shards = open_folder(built)
    counts = count(shards)
    (stored,) = counts.stored.values()
    assert [*counts.stored] == [("x265", 37)]
    assert (stored.files, len(stored.sources), stored.frames, stored.ctus) == (2, 2, 3, 8)
    assert stored.partial == 3 + 2
    assert stored.bits == sum(int(shard.bits.sum()) for shard in shards)
    assert stored.samples == 56 * 44 + 2 * 32 * 48
    for size in SIZES:
        found = counts.labelled["vvc-67", size]
        both = []
        for shard in shards:
            maps = shard.maps(size)
            both += list(zip(maps["hadamard_mode"].ravel().tolist(), maps["dct_mode"].ravel().tolist(), strict=True))
        inside = [pair for pair in both if pair[0] != 255]
        assert found.blocks == len(inside)
        assert found.equal == sum(a == b for a, b in inside)
        for place, name in enumerate(("hadamard", "dct")):
            expected = Counter(pair[place] for pair in inside)
            assert {mode: n for mode, n in enumerate(found.modes[name].tolist()) if n} == expected


def test_searched_modes_are_the_labels(built: Path, data: Path) -> None:
    """Where labels are stored they are shown; here they are hidden, and searched for."""
    for shard in open_folder(built):
        stored = {row: read_ctu(shard, row, {}, search=False) for row in range(len(shard))}
        maps = {size: shard.maps(size) for size in SIZES}
        object.__setattr__(shard.info, "label_sizes", "")
        for row, shown in stored.items():
            searched = read_ctu(shard, row, {}, search=True)
            assert [str(size) for size in searched.blocks] == ["4", "8", "16", "32"]
            assert [str(size) for size in shown.blocks] == ["8", "16x8"]
            found, (rows, columns) = searched.blocks[SIZES[0]], shown.blocks[SIZES[0]]["DCT SATD"].numbers.shape
            here = {name: values[row, :rows, :columns] for name, values in maps[SIZES[0]].items()}
            np.testing.assert_array_equal(found["Hadamard SATD"].numbers, here["hadamard_mode"])
            costs = found["DCT SATD"].costs
            assert costs is not None
            np.testing.assert_allclose(costs, here["dct_cost"], rtol=1e-4)
    assert read_ctu(open_folder(data)[0], 0, {}, search=False).blocks == {}


def test_ctus_are_spread_evenly(data: Path) -> None:
    shards = open_folder(data)  # eight files of nine CTUs
    assert [(s.path, row) for s, row in spread(shards, 100, None)] == [(s.path, r) for s in shards for r in range(9)]
    few = [*spread(shards, 3, None)]
    assert [(shards.index(shard), row) for shard, row in few] == [(0, 0), (4, 0), (7, 8)]
    assert [(shards.index(shard), row) for shard, row in spread(shards, 2, 5)] == [(0, 5), (7, 5)]


def test_a_network_is_a_third_choice(data: Path, tmp_path: Path, browser: "Browser") -> None:
    file = tmp_path / "page.html"
    options = ["--files", "*_37.h5", "--ctus", "2", "--network", "modes_8", "--search"]
    assert main([str(data), "--out", str(file), *options]) == 0
    with opened_page(browser, file) as page:
        page.wait_for_selector("figure.dataset[data-shown='0']")
        page.get_by_role("button", name="8", exact=True).click()
        labels = page.locator(".controls label").all_inner_texts()
        assert [text.strip() for text in labels[:3]] == ["Hadamard SATD", "DCT SATD", "network modes_8"]


def test_the_blocks_of_the_encoder_are_shown(browser: "Browser", tmp_path: Path) -> None:
    write_raw(tmp_path / "cat_80x72.yuv", [photograph("chelsea", 72, 80)])
    out, file = str(tmp_path / "data"), tmp_path / "page.html"
    options = ["--out", out, "--ctu-size", "32", "--qp", "27", "--label-sizes", "4", "--block-data"]
    assert build_dataset.main([str(tmp_path / "cat_80x72.yuv"), *options]) == 0
    assert main([out, "--out", str(tmp_path / "ctu.png")]) == 0
    assert main([out, "--out", str(file)]) == 0
    (shard,) = open_folder(tmp_path / "data")
    maps = shard.maps(BlockSize(4, 4))
    for row in range(len(shard)):
        _, left, top, width, height = shard.ctus[row].tolist()
        covered = np.zeros((height, width), int)
        for x, y, side, mode, qp in read_ctu(shard, row, {}, search=False).decided:
            assert ((left + x) % side, (top + y) % side, qp) == (0, 0, 27)
            covered[max(y, 0) : y + side, max(x, 0) : x + side] += 1
            cells = np.s_[row, max(y, 0) // 4 : (y + side) // 4, max(x, 0) // 4 : (x + side) // 4]
            assert set(maps["luma_mode"][cells][maps["luma_mode"][cells] != 255].tolist()) == {mode}
        assert (covered == 1).all()
    with opened_page(browser, file) as page:
        page.wait_for_selector("figure.dataset[data-shown='0']")
        before = page.locator(".large").screenshot()
        page.locator(".encoder input").check()
        assert page.locator(".large").screenshot() != before
        page.locator(".large").hover(position={"x": 3, "y": 3})
        size, mode = (int(maps[name][0, 0, 0]) for name in ("prediction_block_size", "luma_mode"))
        assert f"encoder: block of {size}, mode {mode}, QP 27" in page.locator(".readout").inner_text()
        for place, signal in enumerate(("original", "baseline", "unfiltered", "prediction")):
            np.testing.assert_array_equal(layer(page, place), shard.luma(signal, 0)[2:-2, 2:-2])


def test_a_png_is_one_ctu(built: Path, tmp_path: Path) -> None:
    for number, size in (([], []), (["--ctu", "3"], ["--block-size", "16x8"])):
        file = tmp_path / "ctu.png"
        assert main([str(built), "--out", str(file), *number, *size]) == 0
        assert file.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "page.txt"], "'page.txt' ends in none of .html, .png, .vtmbmsstats"),
        (["--files", "none*"], "no dataset file of a name as 'none*'"),
        (["--ctu", "99"], "CTUs, none of the number 99"),
        (["--out", "a.png", "--block-size", "64"], "no modes of blocks of 64; of: 8, 16x8"),
        (["--block-size", "8"], "--block-size: not for a file .html"),
        (["--out", "a.png", "--ctus", "24"], "--ctus: not for a file .png"),
        (["--out", "a.vtmbmsstats", "--ctu", "0", "--network", "modes_8"], "--ctu, --network: not for a file .vtmbms"),
        (["--out", "a.vtmbmsstats", "--search"], "--search: not for a file .vtmbmsstats"),
        (["--block-size", "5"], "'5' is no block size"),
        (["--network", "rdn_s"], "weights of the task in-loop-filter, not of a network that ranks modes"),
        (["--network", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    built: Path,
    options: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,  # noqa: ANN401
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main([str(built), *options])
    except SystemExit as stop:
        code = int(str(stop.code))
    assert code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("show-dataset: ")
    assert said in line
    assert list(tmp_path.iterdir()) == []
