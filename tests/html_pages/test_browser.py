"""Test the HTML file of a report in a real browser: sorting, curves, flicker, slider, exact samples, printing."""

import itertools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from codecnn.dataset.reader import Shard, open_folder
from codecnn.inference.filtering import filter_picture
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from experiments.reports.gain import command as report_gain
from html_pages.comparison import Compared, View, comparison_html
from html_pages.page import Section, render
from html_pages.pictures import plane_uri
from tests.browser import Scheme, opened_page
from tests.weights_files import save

if TYPE_CHECKING:  # an extra, imported where it is there
    from playwright.sync_api import Browser, Page

LAYERS = ["original", "baseline", "filtered", "unfiltered"]
SHOWN = "figure.comparison[data-shown]"
TwoClips = tuple[Path, list[dict[str, np.ndarray]]]  # a page, and the layers of its clips


@pytest.fixture(scope="module")
def network() -> Rdn:
    """One that changes samples by some steps."""
    torch.manual_seed(1)
    made = Rdn(RdnConfig(channels=4, blocks=1, convolutions=2, growth=4))
    with torch.no_grad():
        made.last.weight.normal_(0, 0.2)
    return made


@pytest.fixture(scope="module")
def report(data: Path, network: Rdn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    save(folder / "best.safetensors", network, {"note": "of a test"})
    assert report_gain.main([str(folder), "--data", str(data), "--out", str(folder / "out")]) == 0
    return folder / "out"


def test_it_opens_from_disk_in_one_file_below_15_mb(browser: "Browser", report: Path) -> None:
    file = report / "report.html"
    assert file.stat().st_size < 15_000_000
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for width, scheme in itertools.product((1200, 390), schemes):
        with opened_page(browser, file, width, scheme) as page:
            page.wait_for_selector(SHOWN)
            page.wait_for_selector(".uplot canvas")
            sides = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert sides[0] <= sides[1]  # only tables scroll sideways, in themselves
            paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(21, 23, 26)")


def test_tables_are_those_of_the_results_and_sort(browser: "Browser", report: Path) -> None:
    results = json.loads((report / "results.json").read_text())
    gains = [f"{row['gain']:+.3f}" for row in results["tables"]["rows"]]
    means = [f"{mean['gain']:+.3f}" for mean in results["tables"]["means"]]
    with opened_page(browser, report / "report.html") as page:
        table = page.locator("section", has_text="Per clip and QP").locator("table").first
        column = table.locator("th").all_inner_texts().index("gain dB")

        def shown() -> list[str]:
            found: list[str] = table.locator(f"tbody td:nth-child({column + 1})").all_inner_texts()
            return found

        assert shown() == gains
        significant = "cell => { cell.innerHTML = `<strong>${cell.innerHTML}</strong>`; }"
        table.locator(f"tbody tr:first-child td:nth-child({column + 1})").evaluate(significant)  # sorted as any other
        button = table.locator(f"th:nth-child({column + 1}) button")
        button.click()
        assert [*map(float, shown())] == sorted(map(float, gains))
        button.click()
        assert [*map(float, shown())] == sorted(map(float, gains), reverse=True)
        button.click()
        assert shown() == gains
        of_clips = page.locator("section", has_text="Per clip, over its QPs").locator("table").first
        for _ in range(2):  # the mean stays below
            of_clips.locator("th:nth-child(3) button").click()
            assert of_clips.locator("tbody tr:last-child td:nth-child(3)").inner_text() == means[0]


def test_the_report_is_copied_as_markdown(browser: "Browser", report: Path) -> None:
    with opened_page(browser, report / "report.html") as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.click("#copy-markdown")
        assert page.evaluate("navigator.clipboard.readText()") == (report / "report.md").read_text()
        page.locator(".table .copy").first.click()
        written = page.evaluate("navigator.clipboard.readText()").splitlines()
        lines = (report / "report.md").read_text().splitlines()
        assert set(written) <= set(lines)
        assert len(written) == 2 + 8


def test_what_the_report_was_made_by_is_there(browser: "Browser", report: Path, data: Path) -> None:
    with opened_page(browser, report / "report.html") as page:
        origin = page.locator("section", has_text="Provenance").last.inner_text()
        assert f"report-gain {report.parent} --data {data}" in origin
        assert re.search(r"8 files, sha256 [0-9a-f]{64}\n", origin)
        assert re.search(r"commit\n(unknown|[0-9a-f]{40}(-dirty)?), version", origin)
        page.locator("summary").click()
        assert '"note": "of a test"' in page.locator("pre").inner_text()


def test_values_are_read_off_the_curves(browser: "Browser", report: Path) -> None:
    """With the pointer at the right edge both panels show the point of the lowest QP."""
    rows = json.loads((report / "results.json").read_text())["tables"]["rows"]
    source = rows[0]["source"]
    best = max((row for row in rows if row["source"] == source), key=lambda row: row["psnr_filtered"])
    with opened_page(browser, report / "report.html") as page:
        plot = page.locator("figure.plot", has_text=f"{source}, blur")
        plot.scroll_into_view_if_needed()
        over = plot.locator(".u-over").first
        box = over.bounding_box()
        assert box
        over.hover(position={"x": box["width"] / 2, "y": box["height"] / 2})
        above, below = (plot.locator(".u-legend").nth(place).inner_text() for place in (0, 1))
        assert f"{best['bits'] / best['frames'] / 1000:g}" in above
        assert "filtered" in below


def samples(page: "Page", layer: str) -> np.ndarray:
    found = page.evaluate(
        f"(() => {{ const s = document.querySelector('figure.comparison').shown.samples('{layer}');"
        "return { ...s, samples: [...s.samples] }; })()"
    )
    return np.array(found["samples"]).reshape(found["height"], found["width"])


def planes_of(shard: Shard, network: Rdn) -> dict[str, np.ndarray]:
    original, baseline, unfiltered = (shard.picture(name, 0) for name in ("original", "baseline", "unfiltered"))
    luma = filter_picture(network, baseline, unfiltered, shard.info.qp, shard.info.ctu_size)
    return {"original": original.y, "baseline": baseline.y, "filtered": luma, "unfiltered": unfiltered.y}


def test_every_sample_is_that_of_the_file(browser: "Browser", report: Path, data: Path, network: Rdn) -> None:
    shards = {shard.info.source: shard for shard in open_folder(data) if shard.info.qp == 37}
    with opened_page(browser, report / "report.html") as page:
        page.wait_for_selector(SHOWN)
        names = page.locator("select[aria-label=clip] option").all_inner_texts()
        assert {name.split(",")[0] for name in names} == shards.keys()
        for place, name in enumerate(names):
            page.locator("select[aria-label=clip]").select_option(index=place)
            page.wait_for_selector(f"figure.comparison[data-shown='{place} 0']")
            planes = planes_of(shards[name.split(",")[0]], network)
            assert not np.array_equal(planes["filtered"], planes["baseline"])
            for layer, plane in planes.items():
                np.testing.assert_array_equal(samples(page, layer), plane)


def pixels(page: "Page") -> np.ndarray:
    """What the stage shows at 1:1, as far as it is the picture."""
    found = page.evaluate(
        "(() => { const c = document.querySelector('.stage');"
        "const s = document.querySelector('figure.comparison').shown.state;"
        "const x = Math.round(c.width / 2 - s.x * s.scale), y = Math.round(c.height / 2 - s.y * s.scale);"
        "return [...c.getContext('2d').getImageData(x, y, 90, 76).data]; })()"
    )
    shown = np.array(found).reshape(76, 90, 4)
    assert (shown[..., 3] == 255).all()
    return shown[40:, :, :3]  # the name of the picture is above


def test_keys_flicker_and_the_slider_moves(browser: "Browser", report: Path, data: Path, network: Rdn) -> None:
    with opened_page(browser, report / "report.html") as page:
        page.wait_for_selector(SHOWN)
        name = page.locator("select[aria-label=clip] option").first.inner_text().split(",")[0]
        shard = next(s for s in open_folder(data) if (s.info.source, s.info.qp) == (name, 37))
        planes = {key: plane[40:] for key, plane in planes_of(shard, network).items()}
        page.locator(".stage").scroll_into_view_if_needed()
        page.get_by_role("button", name="1:1").click()
        page.locator(".stage").hover()

        def check(left: str, right: str, split: int) -> None:
            shown = pixels(page)
            assert (shown == shown[..., :1]).all()
            np.testing.assert_array_equal(shown[:, :split, 0], planes[left][:, :split])
            np.testing.assert_array_equal(shown[:, split + 2 :, 0], planes[right][:, split + 2 :])

        check("filtered", "filtered", 0)
        for key, layer in zip("1234", LAYERS, strict=True):
            page.keyboard.press(key)
            check(layer, layer, 0)
        page.keyboard.press("Space")
        check("filtered", "filtered", 0)
        page.keyboard.press("Space")
        check("unfiltered", "unfiltered", 0)
        page.keyboard.press("5")
        errors = planes["baseline"].astype(int) - planes["original"]
        red, _, blue = np.moveaxis(pixels(page), -1, 0)
        assert (np.sign(red - blue) == np.sign(errors)).all()
        page.keyboard.press("1")
        page.keyboard.press("2")
        page.get_by_role("button", name="slider").click()
        width = page.evaluate("document.querySelector('.stage').width")
        left = width // 2 - 45
        for value in (500, 480):
            page.locator("input[type=range]").fill(str(value))
            check("baseline", "original", round(value / 1000 * width) - left - 1)
        page.get_by_role("button", name="side by side").click()
        page.get_by_role("button", name="+").click()
        assert page.evaluate("document.querySelector('figure.comparison').shown.state.scale") == 2


def test_the_map_is_the_gain_of_each_ctu(browser: "Browser", report: Path, data: Path, network: Rdn) -> None:
    with opened_page(browser, report / "report.html") as page:
        page.wait_for_selector(SHOWN)
        name = page.locator("select[aria-label=clip] option").first.inner_text().split(",")[0]
        shard = next(s for s in open_folder(data) if (s.info.source, s.info.qp) == (name, 37))
        planes = {key: plane.astype(float) for key, plane in planes_of(shard, network).items()}
        expected = {}
        for y, x in itertools.product(range(0, 76, 32), range(0, 90, 32)):
            area = np.s_[y : y + 32, x : x + 32]
            before, after = (
                np.square(planes[k][area] - planes["original"][area]).sum() for k in ("baseline", "filtered")
            )
            expected[x, y] = 10 * np.log10(before / after)
        titles = page.locator(".map title").all_text_contents()
        written = [re.fullmatch(r"x (\d+), y (\d+): (.*) dB", title.replace("\u2212", "-")) for title in titles]
        found = {(int(one[1]), int(one[2])): float(one[3]) for one in written if one}
        assert found == {place: pytest.approx(gain, abs=6e-4) for place, gain in expected.items()}
        first = [int(text) for text in page.locator(".regions tbody tr").first.locator("td").all_inner_texts()[:2]]
        assert tuple(first) == min(expected, key=lambda place: expected[place])
        page.locator(".regions tbody tr").first.click()
        state = page.evaluate("document.querySelector('figure.comparison').shown.state")
        assert first[0] <= state["x"] <= first[0] + 32
        assert first[1] <= state["y"] <= first[1] + 32


def test_a_ctu_without_error_before_or_after_is_told_apart(browser: "Browser", tmp_path: Path) -> None:
    uri = plane_uri(np.zeros((16, 64), np.uint8), 8)
    errors = [[0] * 4, [0, 0, 256, 256], [0, 256, 0, 128]]  # of the original, before, after
    view = View("whole picture", 0, 0, 64, 16, None, [uri] * 3)
    clip = Compared("flat", 64, 16, 16, 8, LAYERS[:3], errors, [view])
    file = tmp_path / "page.html"
    file.write_bytes(render("Flat", [Section("Pictures", comparison_html([clip], "flat"))]))
    with opened_page(browser, file) as page:
        page.wait_for_selector(SHOWN)
        titles = [title.split(": ")[1] for title in page.locator(".map title").all_text_contents()]
        assert titles == ["no error", "was exact", "now exact", "+3.010 dB"]
        fills = page.locator(".map rect").evaluate_all("all => all.map((rect) => rect.getAttribute('fill'))")
        assert fills == ["rgb(247,247,247)", "rgb(178,24,43)", "rgb(33,102,172)", "rgb(33,102,172)"]
        rows = [row.split("\t") for row in page.locator(".regions tbody tr").all_inner_texts()]
        assert [row[0] for row in rows] == ["16", "48", "32"]  # the worst first
        assert [row[2:] for row in rows] == [
            ["was exact", "0.00", "1.00"],
            ["+3.010", "1.00", "0.50"],
            ["now exact", "1.00", "0.00"],
        ]
        gain = page.locator(".regions th:nth-child(3) button")
        for order in (["16", "48", "32"], ["32", "48", "16"]):  # ascending, descending
            gain.click()
            assert page.locator(".regions tbody td:first-child").all_inner_texts() == order


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_prints(browser: "Browser", report: Path, scheme: Scheme) -> None:
    with opened_page(browser, report / "report.html", scheme=scheme) as page:
        page.wait_for_selector(SHOWN)
        page.evaluate("addEventListener('afterprint', () => { window.printed = true; })")
        pdf = page.pdf(format="A4")
        assert pdf.startswith(b"%PDF")
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 2
        assert page.evaluate("window.printed")
        assert page.locator(".uplot canvas").count() == 8  # a plot of two panels for each clip, also those not seen


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
def test_deep_samples_are_exact(browser: "Browser", bit_depth: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(bit_depth)
    planes = {name: rng.integers(0, 1 << bit_depth, (20, 33)).astype(np.uint16) for name in LAYERS}
    if bit_depth == 8:
        planes = {name: plane.astype(np.uint8) for name, plane in planes.items()}
    view = View("whole picture", 0, 0, 33, 20, None, [plane_uri(plane, bit_depth) for plane in planes.values()])
    clip = Compared("noise", 33, 20, 64, bit_depth, LAYERS, [[0], [9], [8], [7]], [view])
    file = tmp_path / "page.html"
    file.write_bytes(render("Noise", [Section("Pictures", comparison_html([clip], "noise"))]))
    with opened_page(browser, file) as page:
        page.wait_for_selector(SHOWN)
        for layer, plane in planes.items():
            np.testing.assert_array_equal(samples(page, layer), plane)


def test_names_are_no_markup(browser: "Browser", tmp_path: Path) -> None:
    name = "</script><img src=x onerror=alert(1)>&amp;\u202e"
    uri = plane_uri(np.zeros((16, 16), np.uint8), 8)
    clip = Compared(name, 16, 16, 16, 8, ["original", name], [[0], [1]], [View(name, 0, 0, 16, 16, None, [uri] * 2)])
    file = tmp_path / "page.html"
    file.write_bytes(render(name, [Section(name, comparison_html([clip], name))], name))
    with opened_page(browser, file) as page:
        page.wait_for_selector(SHOWN)
        assert page.locator("img").count() == 0
        assert page.locator("h1").inner_text() == name.replace("\u202e", "\\u202e")
        assert page.locator("select[aria-label=clip] option").inner_text() == name


@pytest.fixture(scope="module")
def two_clips(tmp_path_factory: pytest.TempPathFactory) -> TwoClips:
    """A page of two clips, the second without the signalled picture."""
    rng, found, clips = np.random.default_rng(0), [], []
    for layers in ([*LAYERS[:3], "signalled", LAYERS[3]], LAYERS):
        planes = {name: rng.integers(0, 256, (20, 33), np.uint8) for name in layers}
        view = View("whole picture", 0, 0, 33, 20, None, [plane_uri(plane, 8) for plane in planes.values()])
        clips.append(Compared("noise", 33, 20, 64, 8, layers, [[place] for place in range(len(layers))], [view]))
        found.append(planes)
    file = tmp_path_factory.mktemp("two") / "page.html"
    file.write_bytes(render("Two", [Section("Pictures", comparison_html(clips, "noise"))]))
    return file, found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("front: 4, back: 2, of: 4, over: 2", [3, 2, 3, 2]),  # the unfiltered and the filtered picture
        ("front: 3, back: 2, of: 3, over: 2", [2, 1, 2, 1]),  # the signalled one is not there
        ("front: 8, back: 6, of: 2, over: 1", [6, 5, 2, 1]),  # the errors of the unfiltered and the filtered picture
        ("front: 1, back: 7, of: 1, over: 3", [2, 1, 2, 1]),  # the error of the signalled one is not there
    ],
)
def test_layers_stay_by_name(browser: "Browser", two_clips: TwoClips, before: str, after: list[int]) -> None:
    with opened_page(browser, two_clips[0]) as page:
        page.wait_for_selector(SHOWN)
        state = page.evaluate(
            "(async () => { const { state, choose } = document.querySelector('figure.comparison').shown;"
            f"Object.assign(state, {{ {before} }}); await choose(1); return state; }})()"
        )
        assert [state[name] for name in ("front", "back", "of", "over")] == after


def test_a_late_clip_is_not_shown(browser: "Browser", two_clips: TwoClips) -> None:
    with opened_page(browser, two_clips[0]) as page:
        page.wait_for_selector(SHOWN)
        page.evaluate(
            "(async () => { const { choose } = document.querySelector('figure.comparison').shown;"
            "const images = HTMLImageElement.prototype; const { decode } = images;"
            "const wait = new Promise((done) => setTimeout(done, 300));"
            "images.decode = async function () { await wait; return decode.call(this); }; const late = choose(1);"
            "images.decode = decode; await choose(0); await late; })()"
        )
        assert page.locator(SHOWN).get_attribute("data-shown") == "0 0"
        for layer, plane in two_clips[1][0].items():
            np.testing.assert_array_equal(samples(page, layer), plane)
