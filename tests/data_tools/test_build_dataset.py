"""build-dataset as a user runs it: whole files, reruns, and every kind of bad input."""

import hashlib
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread, imsave

from codecnn.dataset.reader import Shard, open_folder
from codecnn.intra.block_size import BlockSize
from codecnn.labels.label import NO_LABEL
from codecnn.labels.magnitude_bits import magnitude_bits
from codecnn.labels.mode_sets import ModeSet, count_of
from codecnn.labels.rate_distortion import estimated_bits, lagrange_multiplier, quantisation_step, quantised_dct
from codecnn.labels.residuals import residuals_of
from codecnn.labels.search import blocks_at, label_picture
from codecnn.metrics import psnr
from codecnn.video.colour import Conversion, rgb_to_picture
from codecnn.video.raw import write_raw
from codecnn.video.y4m import write_y4m
from data_tools.build_dataset import main
from tests.pictures import PHOTOGRAPHS, photograph
from tests.video.test_clip import BAD_KINDS, bad_files


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    write_raw(folder / "deep_150x140_10bit.yuv", [photograph(n, 140, 150, 10) for n in ("coffee", "astronaut")])
    write_y4m(folder / "small.y4m", [photograph("chelsea", 17, 19)])
    sources = [folder / "deep_150x140_10bit.yuv", folder / "small.y4m"]
    assert main([*map(str, sources), "--out", str(folder / "out"), "--qp", "22", "37", "--preset", "fast"]) == 0
    return folder


def test_one_file_a_clip_and_qp(built: Path) -> None:
    names = sorted(path.name for path in (built / "out").iterdir())
    assert names == [f"{clip}_x265_qp{qp}.h5" for clip in ("deep_150x140_10bit", "small") for qp in (22, 37)]


def test_the_attributes_say_how_it_was_made(built: Path) -> None:
    info = Shard(built / "out" / "deep_150x140_10bit_x265_qp37.h5").info
    assert (info.width, info.height, info.bit_depth, info.qp) == (150, 140, 10, 37)
    assert info.source == "deep_150x140_10bit.yuv"
    checksum = subprocess.run(["sha256sum", built / info.source], capture_output=True, text=True, check=True)
    assert info.source_sha256 == checksum.stdout.split()[0]
    assert "qp=37:ipratio=1:" in info.codec_parameters
    assert info.codec_parameters.startswith("preset=fast ")
    assert (info.label_modes, info.label_references) == ("vvc-67", "unfiltered")


def test_the_pictures_and_labels_are_those_of_the_clip(built: Path) -> None:
    for name, bit_depth, frames in (("deep_150x140_10bit", 10, 2), ("small", 8, 1)):
        quality = []
        for qp in (22, 37):
            shard = Shard(built / "out" / f"{name}_x265_qp{qp}.h5")
            assert shard.frames == frames
            assert (shard.qp_used == qp).all()
            original, baseline, unfiltered = (
                shard.picture(s, frames - 1) for s in ("original", "baseline", "unfiltered")
            )
            source = photograph("astronaut", 140, 150, 10) if frames == 2 else photograph("chelsea", 17, 19)
            np.testing.assert_array_equal(original.y, source.y)
            quality.append(psnr(original.y, baseline.y, bit_depth))
            expected = label_picture(original.y, unfiltered.y, bit_depth)
            for size, labels in expected.items():
                k = 128 // size.width
                rows, cols = labels.dct_mode.shape
                there = shard.labels(size).dct_mode[-(rows // k) * (cols // k) :]
                whole = there.reshape(rows // k, cols // k, k, k).swapaxes(1, 2).reshape(rows, cols)
                np.testing.assert_array_equal(whole, labels.dct_mode)
        assert quality[0] > quality[1] + 3


def test_a_rerun_makes_what_is_missing_and_no_more(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = str(built / "small.y4m"), built / "again"
    command = [source, "--out", str(out), "--preset", "fast", "--qp"]
    assert main([*command, "22"]) == 0
    before = (out / "small_x265_qp22.h5").stat()
    assert main([*command, "22", "32"]) == 0
    assert "2 files asked for, 1 there already, 1 to make" in capsys.readouterr().out
    after = (out / "small_x265_qp22.h5").stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)
    assert (out / "small_x265_qp32.h5").exists()


def test_two_builds_give_the_same_bytes(built: Path) -> None:
    assert main([str(built / "small.y4m"), "--out", str(built / "twin"), "--preset", "fast", "--qp", "37"]) == 0
    one, two = (built / folder / "small_x265_qp37.h5" for folder in ("out", "twin"))
    assert one.read_bytes() == two.read_bytes()


def test_files_made_otherwise_are_not_taken_for_the_same(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = built / "out"
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert main([str(built / "small.y4m"), "--out", str(out), "--qp", "22", "--preset", "slow"]) == 2
    message = capsys.readouterr().err
    assert "small_x265_qp22.h5: is there already with another preset, codec_parameters" in message
    assert before == {path: path.stat().st_mtime_ns for path in out.iterdir()}


def test_labels_may_be_left_out_and_taken_from_the_original(built: Path) -> None:
    source = str(built / "small.y4m")
    assert main([source, "--out", str(built / "bare"), "--qp", "37", "--no-labels", "--storage", "compact"]) == 0
    assert Shard(built / "bare" / "small_x265_qp37.h5").info.blocks == ()
    options = ["--qp", "37", "--label-references", "original", "--label-sizes", "8", "--ctu-size", "64"]
    assert main([source, "--out", str(built / "other"), *options]) == 0
    shard = Shard(built / "other" / "small_x265_qp37.h5")
    original = shard.picture("original", 0)
    expected = label_picture(original.y, original.y, 8, (BlockSize(8, 8),), 64)[BlockSize(8, 8)]
    np.testing.assert_array_equal(shard.labels(BlockSize(8, 8)).hadamard_mode[0], expected.hadamard_mode)


@pytest.mark.parametrize(
    ("words", "modes", "expected"),
    [
        (["all"], "vvc-67-mrl", "4 4x8 4x16 4x32 8x4 8 8x16 8x32 16x4 16x8 16 16x32 32x4 32x8 32x16 32"),
        (["32x4", "square", "4x8"], "vvc-67", "4 4x8 8 16 32x4 32"),
        (["square"], "hevc-35", "4 8 16 32"),
    ],
)
def test_labels_of_other_shapes_and_modes(built: Path, words: list[str], modes: ModeSet, expected: str) -> None:
    source, out = str(built / "small.y4m"), built / "-".join([modes, *words])
    options = ["--qp", "37", "--ctu-size", "32", "--label-modes", modes, "--label-sizes", *words]
    assert main([source, "--out", str(out), *options]) == 0
    shard = Shard(out / "small_x265_qp37.h5")
    assert (shard.info.label_modes, shard.info.label_sizes) == (modes, expected)
    original, unfiltered = shard.picture("original", 0), shard.picture("unfiltered", 0)
    found = label_picture(original.y, unfiltered.y, 8, shard.info.blocks, 32, modes)
    for size, labels in found.items():
        np.testing.assert_array_equal(shard.labels(size).dct_mode[0], labels.dct_mode)
        np.testing.assert_array_equal(shard.labels(size).hadamard_cost[0], labels.hadamard_cost)


@pytest.mark.parametrize(
    ("clip", "modes"), [("deep_150x140_10bit.yuv", "vvc-67"), ("small.y4m", "vvc-67-mrl"), ("small.y4m", "hevc-35")]
)
def test_labels_by_rate_distortion_cost_equal_those_of_numpy(
    built: Path, tmp_path: Path, clip: str, modes: ModeSet
) -> None:
    options = ["--qp", "30", "--ctu-size", "16", "--label-modes", modes, "--label-sizes", "8", "--frames", "1"]
    options += ["--label-sizes", "8", "8x16"] if modes == "vvc-67-mrl" else []
    assert main([str(built / clip), "--out", str(tmp_path), "--labels-rd", *options]) == 0
    (shard,) = open_folder(tmp_path)
    info, depth = shard.info, shard.info.bit_depth
    assert info.rd_measure.startswith("J = SSE + lambda x bits in squared samples of the coded bit depth; lambda 42.5")
    original, unfiltered = shard.picture("original", 0).y, shard.picture("unfiltered", 0).y
    across = -(-info.width // 16)
    for size in info.blocks:
        labels, bits_of = shard.labels(size), magnitude_bits(size, 30)
        assert labels.rd_mode is not None
        assert labels.rd_cost is not None
        inside = labels.rd_mode != NO_LABEL
        ctus, rows, columns = np.nonzero(inside)
        x, y = ctus % across * 16 + columns * size.width, ctus // across * 16 + rows * size.height
        blocks = blocks_at(x, y, size, original.shape, 16)
        table = np.full((len(blocks), count_of(modes)), np.inf)
        for mode in range(count_of(modes)):
            if mode in (67, 134):  # planar has reference line 0 only
                continue
            allowed = np.flatnonzero((mode < 67) | (blocks[:, 1] % 16 > 0))
            chosen = np.full(len(allowed), mode)
            residuals = residuals_of(original, unfiltered, blocks[allowed], size, depth, modes, chosen)
            levels, error = quantised_dct(residuals, quantisation_step(30, depth))
            table[allowed, mode] = error + lagrange_multiplier("x265", 30, depth) * estimated_bits(levels, bits_of)
        found = labels.rd_mode[inside].astype(int)
        # A coefficient at the edge of two levels may become either.
        np.testing.assert_allclose(labels.rd_cost[inside], table.min(1), rtol=0.02)
        assert np.isclose(labels.rd_cost[inside], table.min(1), rtol=1e-4).mean() > 0.97
        np.testing.assert_allclose(table[np.arange(len(found)), found], table.min(1), rtol=0.02)
        assert np.isnan(labels.rd_cost[~inside]).all()


def test_labels_by_rate_distortion_cost_need_a_lambda(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = built / "none"
    assert main([str(built / "small.y4m"), "--out", str(out), "--labels-rd", "--codec", "x264"]) == 2
    message = capsys.readouterr().err.strip()
    expected = "labels by rate-distortion cost cannot be made: no lambda is known for the codec x264"
    assert message == f"build-dataset: {expected}"
    assert not out.exists()
    with pytest.raises(SystemExit):
        main([str(built / "small.y4m"), "--out", str(out), "--labels-rd", "--no-labels"])
    assert "--labels-rd: not with --no-labels" in capsys.readouterr().err


@pytest.mark.parametrize(("chroma", "bit_depth"), [("400", 8), ("420", 12), ("422", 10), ("444", 8)])
def test_rgb_of_any_format_goes_through(tmp_path: Path, chroma: str, bit_depth: int) -> None:
    source, out = PHOTOGRAPHS / "chelsea.png", tmp_path / "out"
    options = ["--chroma", chroma, "--bit-depth", str(bit_depth), "--matrix", "bt2020", "--range", "full"]
    assert main([str(source), "--out", str(out), "--qp", "17", "--preset", "ultrafast", "--no-labels", *options]) == 0
    shard = Shard(out / "chelsea_x265_qp17.h5")
    conversion = Conversion("bt2020", "full", chroma)
    assert (shard.info.chroma, shard.info.bit_depth) == (chroma, bit_depth)
    assert shard.info.colour == conversion.description + (f"; 8 bit scaled to {bit_depth}" if bit_depth > 8 else "")
    original, baseline, unfiltered = (shard.picture(signal, 0) for signal in ("original", "baseline", "unfiltered"))
    assert original.chroma == baseline.chroma == unfiltered.chroma == chroma
    expected = rgb_to_picture(imread(source), bit_depth, conversion)
    for there, wanted, coded in zip(original.planes, expected.planes, baseline.planes, strict=True):
        np.testing.assert_array_equal(there, wanted)
        assert psnr(there, coded, bit_depth) > 38


def run(arguments: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "data_tools.build_dataset", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("kind", [kind for kind in BAD_KINDS if kind != "directory"])  # which is a source
def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    path, reason = bad_files(tmp_path)[kind]
    out = tmp_path / "out"
    assert main([str(path), "--out", str(out), "--qp", "32", "37", "--no-labels"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("build-dataset: ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"build-dataset: {path}: ")
    assert reason in lines[0]
    assert not out.exists() or list(out.iterdir()) == []


def test_bad_options_are_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = str(PHOTOGRAPHS / "chelsea.png")
    for options, reason in (
        (["--codec", "h267"], "invalid choice: 'h267'"),
        (["--qp", "52"], "QP 52 is outside of 0 to 51"),
        (["--qp", "1" + "0" * 30], "0 is outside of 0 to 51"),
        (["--qp", "x" * 5000], "xxx is no whole number"),
        (["--margin", "3"], "3 is not an even number"),
        (["--margin", "1e3"], "'1e3' is no whole number"),
        (["--bit-depth", "9"], "9 bits per sample are not supported, only 8, 10 and 12 are"),
        (["--fps", "1/0"], "1/0 is no frame rate"),
        (["--fps", "1e999999999"], "1e999999999 is no frame rate"),
        (["--frames", "9" * 30], "is not from 0 to 2^31 - 1"),
        (["--frames", "9" * 5000], "9 is no whole number"),
        (["--jobs", "1000000"], "1000000 is not from 1 to "),
        (["--jobs", "0"], "0 is not from 1 to "),
        (["--jobs", "2", "--dask", "tcp://host:1"], "not allowed with argument --jobs"),
        (["--dask", ""], "the address is empty"),
        (["--dask-timeout", "inf"], "inf is not a positive number of seconds"),
        (["--encoder-timeout", "soon"], "soon is not a positive number of seconds"),
        (["--label-modes", "hevc-35"], "hevc-35 cannot be with CTUs of 128"),
        (["--ctu-size", "16", "--label-sizes", "32"], "blocks of 32 cannot be labelled with CTUs of 16"),
        (
            ["--label-sizes", "16x8", "--label-modes", "hevc-35", "--ctu-size", "64"],
            "blocks of 16x8 cannot be labelled",
        ),
        (["--label-sizes", "8", "16x"], "'16x' is no block size"),
        (["--out", ""], "the path is empty"),
        ([""], "the path is empty"),
        (["--qq", "1"], "unrecognized arguments: --qq"),
        (["--frames", "1", picture], "unrecognized arguments"),
    ):
        try:
            status: object = main(
                [picture, *options, *([] if "--out" in options else ["--out", str(tmp_path / "out")])]
            )
        except SystemExit as stop:
            status = stop.code
        (line,) = capsys.readouterr().err.splitlines()
        assert (status, line.startswith("build-dataset: ")) == (2, True)
        assert reason in line
    assert not (tmp_path / "out").exists()


def test_folders_and_numbered_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("000/1.png", "000/2.png", "001/1.png", "001/notes.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".txt"):
            (tmp_path / "in" / name).write_text("no picture")
        else:
            imsave(tmp_path / "in" / name, imread(PHOTOGRAPHS / "chelsea.png")[:32, :48], check_contrast=False)
    fast = ["--qp", "37", "--preset", "ultrafast", "--no-labels"]
    assert main([str(tmp_path / "in"), "--out", str(tmp_path / "out"), *fast]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "notes.txt" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"build-dataset: warning: {tmp_path}/in/001/notes.txt: not a picture or video")
    names = {shard.info.source: shard.path.name for shard in open_folder(tmp_path / "out")}
    assert names == {
        "000/1.png": "000_1_x265_qp37.h5",
        "000/2.png": "000_2_x265_qp37.h5",
        "001/1.png": "001_1_x265_qp37.h5",
    }
    assert main(["--as-clip", str(tmp_path / "in/000"), "--fps", "24", "--out", str(tmp_path / "clip"), *fast]) == 0
    (shard,) = open_folder(tmp_path / "clip")
    data = b"".join((tmp_path / f"in/000/{number}.png").read_bytes() for number in (1, 2))
    assert (shard.info.source, shard.frames, shard.info.fps) == ("000", 2, "24")
    assert shard.info.source_sha256 == hashlib.sha256(data).hexdigest()


def test_a_truncated_file_in_the_folder_is_named(built: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "small_x265_qp37.h5"
    damaged.write_bytes((built / "out" / damaged.name).read_bytes()[:5000])
    result = run([str(built / "small.y4m"), "--out", str(tmp_path), "--preset", "fast", "--qp", "37"])
    assert result.returncode == 2
    assert result.stderr.startswith(f"build-dataset: {damaged}: not a readable dataset file")
    assert damaged.stat().st_size == 5000


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    def no_more_than_a_megabyte() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    out = tmp_path / "out"
    arguments = [str(PHOTOGRAPHS / "astronaut.png"), "--out", str(out), "--qp", "37", "--no-labels"]
    result = run(arguments, preexec_fn=no_more_than_a_megabyte)
    lines = [line for line in result.stderr.splitlines() if line.startswith("build-dataset: ")]
    assert result.returncode == 2, result.stderr
    assert len(lines) == 1
    assert "astronaut_x265_qp37.h5: " in lines[0]
    assert list(out.iterdir()) == []


def test_an_interlaced_source_is_stored_as_such_with_one_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "a_64x64_25_tff.yuv"
    write_raw(source, [photograph("coffee", 64, 64)])
    command = [str(source), "--out", str(tmp_path / "out"), "--preset", "ultrafast", "--no-labels", "--qp", "37", "38"]
    assert main(command) == 0
    warning = f"build-dataset: warning: {source}: interlaced, top field first; its frames are taken as progressive"
    assert [line for line in capsys.readouterr().err.splitlines() if "warning" in line] == [warning]
    assert Shard(tmp_path / "out" / "a_64x64_25_tff_x265_qp37.h5").info.scan == "interlaced, top field first"


@pytest.mark.parametrize("option", ["--width 64", "--bit-depth 10", "--chroma 444", "--fps 50", "--pixel-format nv12",
                                    "--matrix bt601", "--range full"])  # fmt: skip
def test_an_option_that_cannot_apply_ends_the_command(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    source = built / "small.y4m"
    assert main([str(source), "--out", str(tmp_path / "out"), "--qp", "37", *option.split()]) == 2
    assert capsys.readouterr().err.startswith(f"build-dataset: {source}: {option} cannot apply: ")
    assert not (tmp_path / "out").exists()


def test_names_beyond_ascii_in_the_c_locale(tmp_path: Path) -> None:
    write_raw(tmp_path / "日本_ä_64x64.yuv", [photograph("coffee", 64, 64)])
    write_y4m(tmp_path / "ñandú.y4m", [photograph("chelsea", 16, 16)])
    (tmp_path / "ö.png").write_bytes((PHOTOGRAPHS / "coffee.png").read_bytes())
    program = (
        "import sys; from data_tools import build_dataset, check_dataset; "
        "code = build_dataset.main(sys.argv[1:]) or check_dataset.main(['ü']); "
        "sys.exit(code or build_dataset.main(['ß.yuv', *sys.argv[4:]]))"
    )
    names = ["日本_ä_64x64.yuv", "ñandú.y4m", "ö.png"]
    options = ["--out", "ü", "--no-labels", "--qp", "40", "--preset", "ultrafast", "--frames", "1"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHONUTF8"))}
    done = subprocess.run(
        [sys.executable, "-c", program, *names, *options],
        env={**environment, "LC_ALL": "C", "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.decode().splitlines()[-1]) == (2, "build-dataset: ß.yuv: no such file")
    assert done.stdout.decode().splitlines()[-1] == "3 files checked, 0 faults"
    assert Shard(tmp_path / "ü" / "日本_ä_64x64_x265_qp40.h5").info.source == names[0]
