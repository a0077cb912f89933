"""Test filter-video with networks whose output is known: they add a number to every luma sample of their input."""

import gc
import subprocess
import weakref
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import av
import numpy as np
import pytest
import torch

from codecnn.codecs.registry import CODECS
from codecnn.codecs.x265 import X265
from codecnn.errors import InputError
from codecnn.inference.filtering import filter_picture
from codecnn.io.files import PartialFile
from codecnn.metrics import psnr
from codecnn.models.chroma_rdn import ChromaRdn, ChromaRdnConfig
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.models.weights import load_weights, save_weights
from codecnn.models.weights_header import Notes
from codecnn.video import output
from codecnn.video.clip import open_clip
from codecnn.video.frames import picture_from_frame
from codecnn.video.picture import Picture
from codecnn.video.raw import write_raw
from codecnn.video.y4m import write_y4m
from experiments.filter_video import command
from tests.coded_clips import make_clip, needs, other_ffmpeg
from tests.pictures import photograph
from tests.streams import write_stream, write_video
from tests.weights_files import save

ADDED = 3  # by the networks of these tests, in the scale of 8 bit
NAMES = ("chelsea", "coffee", "astronaut")
NOTES: Notes = {"codecs": ["x265: libx265, preset medium"], "qps": [22, 37], "bit_depths": [8]}
X265_INTER = {"x265-params": "qp=32:pools=none:frame-threads=1:log-level=none"}


def weights(folder: Path, taken: str, notes: Notes | None = None) -> str:
    """Return the path of weights with the input `taken`."""
    network = Rdn(RdnConfig(channels=4, blocks=1, convolutions=2, growth=4, input=taken))  # type: ignore[arg-type]
    with torch.no_grad():
        assert network.last.bias is not None
        network.last.bias.fill_(ADDED / 255)
    path = folder / f"{taken}.safetensors"
    save(path, network, notes or {})
    return str(path)


def added(picture: Picture) -> np.ndarray:
    peak = (1 << picture.bit_depth) - 1
    exact = picture.y.astype(np.float64) + ADDED * peak / 255
    rounded: np.ndarray = np.clip(np.round(exact), 0, peak)
    return rounded


def check(path: Path, luma: Sequence[Picture], chroma: Sequence[Picture]) -> None:
    """Compare a filtered file with the pictures whose luma was filtered, and those whose chroma was kept."""
    for found, y, uv in zip(open_clip(path).frames(), luma, chroma, strict=True):
        assert np.array_equal(found.y, added(y))
        assert np.array_equal(found.u, uv.u)
        assert np.array_equal(found.v, uv.v)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert command.main(arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line and "frame/s" not in line]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("taken", ["baseline", "both", "unfiltered"])
@pytest.mark.parametrize("name", ["x265", "x264", "vp9"])
def test_an_intra_stream(
    name: str, taken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(tmp_path, 64, 96, 8, NAMES)
    path, coded = write_stream(CODECS[name], clip, 35, tmp_path / "a.coded", monkeypatch)
    out = tmp_path / "new" / "b.mkv"
    arguments = [weights(tmp_path, taken), str(path), "--out", str(out), "--reference", str(clip.path)]
    assert command.main(arguments) == 0
    baselines = [frame.baseline for frame in coded]
    check(out, [frame.unfiltered for frame in coded] if taken == "unfiltered" else baselines, baselines)
    said = capsys.readouterr().out
    for plane, sent in (("Y", "y"), ("U", "u"), ("V", "v")):
        before, after = (
            np.mean(
                [psnr(getattr(f.original, sent), getattr(p, sent), 8) for f, p in zip(coded, pictures, strict=True)]
            )
            for pictures in (baselines, open_clip(out).frames())
        )
        assert f"PSNR-{plane} {before:.3f} -> {after:.3f} dB ({after - before:+.3f})" in said


def chroma_weights(folder: Path, taken: str) -> str:
    """Return the path of chroma weights that add 2 to U and 5 to V, in the scale of 8 bit."""
    network = ChromaRdn(ChromaRdnConfig(4, 1, 2, 4, input=taken))  # type: ignore[arg-type]
    with torch.no_grad():
        network.last.bias.copy_(torch.tensor([2 / 255, 5 / 255]))  # type: ignore[union-attr]
    path = folder / f"chroma_{taken}.safetensors"
    save_weights(path, network, "chroma-filter", {"bit_depths": [10]})
    return str(path)


def test_chroma_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clip = make_clip(tmp_path, 64, 96, 8, NAMES[:2])
    path, coded = write_stream(X265(), clip, 35, tmp_path / "a.coded", monkeypatch)
    out = tmp_path / "b.mkv"
    words = [weights(tmp_path, "baseline"), str(path), "--out", str(out), "--chroma-weights"]
    for taken in ("both", "baseline", "unfiltered"):
        assert command.main([*words, chroma_weights(tmp_path, taken)]) == 0
        assert "8 bit; the weights are for 10 bit" in capsys.readouterr().err
        for found, frame in zip(open_clip(out).frames(), coded, strict=True):
            source = frame.unfiltered if taken == "unfiltered" else frame.baseline
            assert np.array_equal(found.y, added(frame.baseline))
            assert np.array_equal(found.u, np.clip(source.u.astype(int) + 2, 0, 255))
            assert np.array_equal(found.v, np.clip(source.v.astype(int) + 5, 0, 255))
    out.unlink()
    inter = write_video(tmp_path / "inter.mkv", moving(4), "libx265", X265_INTER)
    needing = chroma_weights(tmp_path, "both")
    line = refused([words[0], str(inter), *words[2:], needing], capsys)
    assert line.startswith(f"filter-video: {needing}: its input is both, and {inter} gives no unfiltered picture: ")
    write_y4m(tmp_path / "full.y4m", [photograph("coffee", 48, 64, chroma="444")])
    line = refused([words[0], str(tmp_path / "full.y4m"), "--qp", "32", *words[2:], needing], capsys)
    assert line == f"filter-video: {tmp_path}/full.y4m: chroma format 444; chroma filters take 420 only"
    assert not out.exists()


def moving(count: int) -> list[Picture]:
    large = photograph("coffee", 64, 96 + 8 * count).y
    grey = np.full((32, 48), 128, np.uint8)
    return [Picture(large[:, 8 * n :][:, :96].copy(), grey, grey, 8) for n in range(count)]


@pytest.mark.parametrize(
    ("suffix", "library", "options"),
    [
        ("mkv", "libx265", X265_INTER),
        ("mp4", "libx264", {"qp": "32"}),
        ("mp4", "libsvtav1", {"preset": "10", "qp": "40"}),
        ("webm", "libvpx-vp9", {"crf": "40", "b": "0"}),
    ],
)
def test_an_inter_stream_only_by_weights_that_take_the_baseline(
    suffix: str, library: str, options: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_video(tmp_path / f"a.{suffix}", moving(6), library, options)
    out = tmp_path / "out.y4m"
    for taken in ("both", "unfiltered"):
        wrong = weights(tmp_path, taken)
        line = refused([wrong, str(path), "--out", str(out)], capsys)
        assert line.startswith(f"filter-video: {wrong}: its input is {taken}, and {path} gives no unfiltered picture: ")
        assert not out.exists()
        assert not list(tmp_path.glob(".*"))  # nor a part of it
    assert command.main([weights(tmp_path, "baseline", NOTES), str(path), "--out", str(out)]) == 0
    with av.open(path) as file:
        decoded = [picture_from_frame(frame) for frame in file.decode(video=0)]
    check(out, decoded, decoded)
    assert "predicted from others; the weights were trained on intra frames" in capsys.readouterr().err


@needs("libvvenc")
def test_a_stream_of_vvc(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = make_clip(tmp_path, 64, 128, 10, NAMES[:2])
    path, out = tmp_path / "a.266", tmp_path / "out.mp4"
    command_line = [other_ffmpeg(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", "128x64"]
    command_line += ["-r", "25", "-i", f"file:{clip.path}", "-c:v", "libvvenc", "-preset", "faster", "-qp", "37"]
    subprocess.run([*command_line, "-f", "vvc", f"file:{path}"], check=True)
    assert command.main([weights(tmp_path, "baseline"), str(path), "--out", str(out)]) == 0
    with av.open(path, format="vvc") as file:
        decoded = [picture_from_frame(frame) for frame in file.decode(video=0)]
    check(out, decoded, decoded)
    line = refused([weights(tmp_path, "both"), str(path), "--out", str(out)], capsys)
    assert "the decoder of VVC does not give it" in line


@pytest.mark.parametrize(("chroma", "bit_depth"), [("420", 8), ("422", 10), ("444", 12), ("400", 8)])
def test_decoded_files(chroma: str, bit_depth: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An odd size, raw and Y4M, with and without the unfiltered picture."""
    pictures = [photograph(name, 49, 75, bit_depth, chroma) for name in NAMES]
    others = [photograph(name, 49, 75, bit_depth, chroma) for name in reversed(NAMES)]
    raw, y4m = tmp_path / f"a_75x49_50_{bit_depth}bit_{chroma}.yuv", tmp_path / "b.y4m"
    write_raw(raw, pictures)
    write_y4m(y4m, others, Fraction(50))
    out = tmp_path / f"out_75x49_50_{bit_depth}bit_{chroma}.yuv"
    arguments = [str(raw), "--out", str(out), "--qp", "32"]
    assert command.main([weights(tmp_path, "baseline"), *arguments]) == 0
    check(out, pictures, pictures)
    assert command.main([weights(tmp_path, "unfiltered"), *arguments, "--unfiltered", str(y4m)]) == 0
    check(out, others, pictures)
    assert command.main([weights(tmp_path, "both"), *arguments, "--unfiltered", str(y4m), "--frames", "2"]) == 0
    check(out, pictures[:2], pictures[:2])
    wrong = weights(tmp_path, "both")
    assert f"{wrong}: its input is both" in refused([wrong, *arguments], capsys)
    assert "decoded pictures do not tell their QP; give --qp" in refused(
        [weights(tmp_path, "baseline"), str(raw), "--out", str(out)], capsys
    )
    check(out, pictures[:2], pictures[:2])  # what was there before is not lost


def test_files_that_do_not_belong_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "a.y4m", tmp_path / "out.mkv"
    write_y4m(source, [photograph(name, 48, 64) for name in NAMES])
    arguments = [weights(tmp_path, "both"), str(source), "--out", str(out), "--qp", "32"]
    other = tmp_path / "other.y4m"
    write_y4m(other, [photograph("coffee", 48, 80)])
    assert f"{other}: width 80; {source} has width 64" in refused([*arguments, "--unfiltered", str(other)], capsys)
    assert f"{other}: width 80" in refused([*arguments, "--reference", str(other)], capsys)
    write_y4m(other, [photograph("coffee", 48, 64)])
    assert f"{other}: has only 1 frames" in refused([*arguments, "--unfiltered", str(other)], capsys)
    same = [weights(tmp_path, "baseline"), str(source), "--out", str(source), "--qp", "32"]
    assert f"{source}: would be written over while it is read" in refused(same, capsys)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "b.y4m").symlink_to(source)
    for name in ("link/a.y4m", "sub/../a.y4m", "b.y4m"):
        same[3] = str(tmp_path / name)
        assert f"{tmp_path / name}: would be written over while it is read" in refused(same, capsys)
    assert len(list(open_clip(source).frames())) == 3
    assert not out.exists()


def test_two_files_of_a_folder_that_would_become_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a.y4m", "a.mkv", "a.y4m.mkv"):
        write_y4m(folder / name, [photograph("coffee", 48, 64)])
    arguments = [weights(tmp_path, "baseline"), str(folder), "--out", str(out), "--qp", "32"]
    line = refused(arguments, capsys)
    assert f"{folder / 'a.y4m.mkv'}: would become {out / 'a.y4m.mkv'}, as {folder / 'a.y4m'} would" in line
    assert sorted(path.name for path in out.iterdir()) == ["a.mkv.mkv", "a.y4m.mkv"]


def test_raw_files_get_the_format_into_their_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And are compared by the names that they get."""
    folder, out, name = tmp_path / "in", tmp_path / "out", "a_64x48_30_8bit_420.yuv"
    for made in (folder, out):
        made.mkdir()
    write_y4m(folder / "a.y4m", [photograph("coffee", 48, 64)])
    write_raw(out / name, [photograph("coffee", 48, 64)])
    arguments = [weights(tmp_path, "baseline"), str(folder), "--out", str(out), "--qp", "32", "--suffix", ".yuv"]
    line = refused([*arguments, "--reference", str(out / name)], capsys)
    assert f"{out / name}: would be written over while it is read" in line
    write_raw(folder / name, [photograph("coffee", 48, 64)])
    assert f"{folder / name}: would become {out / name}, as {folder / 'a.y4m'} would" in refused(arguments, capsys)


def test_weights_that_are_too_large(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "a.y4m", tmp_path / "out.mkv"
    write_y4m(source, [photograph("coffee", 48, 64)])
    network = load_weights(weights(tmp_path, "baseline"))
    assert isinstance(network, Rdn)
    torch.nn.init.constant_(network.shallow.weight, 3e38)
    torch.nn.init.constant_(network.last.weight, 1)
    save(file := tmp_path / "large.safetensors", network, {})
    line = refused([str(file), str(source), "--out", str(out), "--qp", "32"], capsys)
    assert f"{source}: {file}: the network gives numbers that are not finite" in line
    assert not out.exists()


@pytest.mark.parametrize("qp", ["-65", "256", "9" * 30, "nan"])
def test_a_qp_that_cannot_be(tmp_path: Path, qp: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        command.main(["rdn_xs", "in.y4m", "--out", str(tmp_path / "out.mkv"), f"--qp={qp}"])
    assert error.value.code == 2
    assert f"argument --qp: {qp if qp != 'nan' else repr(qp)} is no" in capsys.readouterr().err


def test_a_reference_that_is_shorter_and_of_8_bit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As for VVC, which codes 8 bit at 10."""
    source, reference = tmp_path / "a.y4m", tmp_path / "original.y4m"
    deep, original = photograph("coffee", 48, 64, 10), photograph("coffee", 48, 64)
    write_y4m(source, [deep] * 3)
    write_y4m(reference, [original] * 2)
    arguments = [weights(tmp_path, "baseline"), str(source), "--out", str(tmp_path / "b.mkv"), "--qp", "32"]
    assert command.main([*arguments, "--reference", str(reference)]) == 0
    said = capsys.readouterr().out
    before, after = (psnr(original.y.astype("u2") * 4, luma, 10) for luma in (deep.y, added(deep).astype("u2")))
    assert f"PSNR-Y {before:.3f} -> {after:.3f} dB ({after - before:+.3f})" in said
    assert "1 frames are not in the reference" in said


def test_a_folder_in_which_one_file_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, originals, out = tmp_path / "in", tmp_path / "originals", tmp_path / "out"
    folder.mkdir()
    originals.mkdir()
    for name in NAMES:
        picture = photograph(name, 48, 64)
        write_y4m(folder / f"{name}.y4m", [picture] * 2)
        write_raw(originals / f"{name}.yuv", [picture] * 2)
    (folder / "broken.hevc").write_bytes(bytes(range(200)) * 20)
    (folder / "cut.y4m").write_bytes((folder / "coffee.y4m").read_bytes()[:-7])
    (folder / ".hidden").touch()
    arguments = [weights(tmp_path, "baseline"), str(folder), "--out", str(out), "--qp", "32", "--suffix", ".yuv"]
    assert command.main(arguments) == 2
    failures = capsys.readouterr().err.splitlines()
    assert len(failures) == 2
    assert failures[0].startswith(f"filter-video: {folder / 'broken.hevc'}: ")
    assert failures[1].startswith(f"filter-video: {folder / 'cut.y4m'}: ")
    assert sorted(file.name for file in out.iterdir()) == [f"{name}_64x48_30_8bit_420.yuv" for name in sorted(NAMES)]
    for name in NAMES:
        check(out / f"{name}_64x48_30_8bit_420.yuv", [photograph(name, 48, 64)] * 2, [photograph(name, 48, 64)] * 2)
    (folder / "broken.hevc").unlink()
    (folder / "cut.y4m").rename(folder / "coffee.mkv")  # by its content still a cut Y4M, of the same stem
    size = ["--width", "64", "--height", "48", "--fps", "30"]
    assert command.main([*arguments, "--reference", str(originals), *size]) == 2
    said = capsys.readouterr()
    assert said.out.count("PSNR-Y") == 0  # every frame is the original
    assert said.out.count("frames without error left out") == 3
    assert (out / "coffee.y4m_64x48_30_8bit_420.yuv").exists()


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "y4m", "yuv"])
def test_few_frames_are_held_however_long_the_video_is(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted are the pictures that are alive whenever one more is decoded."""
    alive = 0

    def one_less() -> None:
        nonlocal alive
        alive -= 1

    def most_alive(count: int) -> int:
        write_video(tmp_path / f"{count}.mkv", moving(8) * (count // 8), "libx265", X265_INTER)
        out = tmp_path / f"out_96x64_25_8bit_420.{suffix}"
        most = 0
        make = Picture.of.__func__  # type: ignore[attr-defined]

        def counted(kind: type[Picture], planes: Iterator[np.ndarray], bit_depth: int) -> Picture:
            nonlocal alive, most
            picture: Picture = make(kind, planes, bit_depth)
            alive += 1
            weakref.finalize(picture.y, one_less)
            most = max(most, alive)
            return picture

        with monkeypatch.context() as patch:
            patch.setattr(Picture, "of", classmethod(counted))
            assert command.main([weights(tmp_path, "baseline"), str(tmp_path / f"{count}.mkv"), "--out", str(out)]) == 0
        gc.collect()
        return most

    few = most_alive(8)
    assert 0 < few <= 6
    assert most_alive(48) == few


def test_it_says_where_weights_meet_what_they_were_not_trained_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(tmp_path, 64, 96, 10)
    path, _ = write_stream(X265(), clip, 41, tmp_path / "a.hevc", monkeypatch)
    arguments = [weights(tmp_path, "baseline", NOTES), str(path), "--out", str(tmp_path / "b.mkv")]
    known = "the weights are for x265 preset medium"
    for options, expected in (
        ([], f"encoder and preset not known (--codec, --preset); {known}"),
        (["--codec", "x265"], f"preset not known (--codec, --preset); {known}"),
        (["--codec", "x265", "--preset", "slow"], f"coded by x265 preset slow; {known}"),
        (["--codec", "x264", "--preset", "medium"], f"coded by x264; {known}"),
        (["--codec", "x265", "--preset", "medium"], ""),
    ):
        assert command.main([*arguments, *options]) == 0
        said = capsys.readouterr().err
        assert "10 bit; the weights are for 8 bit" in said
        assert "frame 0, and perhaps others, is of QP 41; the weights were trained on 22 to 37" in said
        assert said.count("warning") == 2 + bool(expected)
        assert expected in said
    other = write_video(tmp_path / "c.mp4", [photograph("coffee", 64, 96)], "libx264", {"qp": "30"})
    assert command.main([arguments[0], str(other), "--out", str(tmp_path / "b.mkv")]) == 0
    assert f"a stream of AVC; {known}" in capsys.readouterr().err


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("times", [[0, 40, 80], [0, 40, 160]], ids=["constant rate", "uneven"])
@pytest.mark.parametrize("encoder", ["libx264", "ffv1"])
def test_frames_keep_their_times(container: str, times: list[int], encoder: str, tmp_path: Path) -> None:
    pictures = [photograph(name, 64, 96) for name in NAMES]
    options = {"qp": "30"} if encoder == "libx264" else {}
    source = write_video(tmp_path / f"a.{container}", pictures, encoder, options, times)
    out = tmp_path / f"b.{container}"
    assert command.main([weights(tmp_path, "baseline"), str(source), "--out", str(out), "--qp", "30"]) == 0
    with av.open(str(out)) as video:
        shown = [float(frame.time) for frame in video.decode(video=0)]
    assert [b - shown[0] for b in shown] == pytest.approx([time / 1000 for time in times], abs=0.002)


def test_an_interruption_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "in" / "a.y4m", tmp_path / "out"
    source.parent.mkdir()
    write_y4m(source, [photograph(name, 48, 64) for name in NAMES])
    taken = iter([0, 0])

    def interrupted(*arguments: object, **options: object) -> Picture:
        if next(taken, None) is None:
            raise KeyboardInterrupt
        return photograph("coffee", 48, 64)

    monkeypatch.setattr(command.Filters, "filtered", interrupted)
    assert command.main([weights(tmp_path, "baseline"), str(source.parent), "--out", str(out), "--qp", "32"]) == 130
    assert "filter-video: interrupted" in capsys.readouterr().err
    assert list(out.iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(PartialFile):
        def write(self, data: object, /) -> NoReturn:
            raise OSError(28, "No space left on device", str(self.path))

    monkeypatch.setattr(output, "PartialFile", Full)
    source = tmp_path / "a.y4m"
    write_y4m(source, [photograph(name, 48, 64) for name in NAMES])
    for suffix in ("yuv", "y4m", "mkv", "mp4"):
        out = tmp_path / f"out.{suffix}"
        line = refused([weights(tmp_path, "baseline"), str(source), "--out", str(out), "--qp", "32"], capsys)
        assert line == f"filter-video: [Errno 28] No space left on device: '{out}'"
        assert not out.exists()


def test_in_python_a_network_of_the_baseline_needs_no_unfiltered_picture(tmp_path: Path) -> None:
    picture = photograph("coffee", 64, 96)
    network = load_weights(weights(tmp_path, "baseline"))
    assert np.array_equal(filter_picture(network, picture, None, 32), added(picture))  # type: ignore[arg-type]
    for taken in ("both", "unfiltered"):
        other = load_weights(weights(tmp_path, taken))
        with pytest.raises(InputError, match=f"the input of the network is {taken}: it needs the unfiltered picture"):
            filter_picture(other, picture, None, 32)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="not the same format"):
            filter_picture(other, picture, photograph("coffee", 64, 80), 32)  # type: ignore[arg-type]
