"""What is encoded is what was checksummed: sources that are replaced in between are refused, of every kind."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest
from skimage.io import imsave

from codecnn.codecs.codec import CodedFrame
from codecnn.codecs.x265 import X265
from codecnn.dataset.build import Settings, build_all, build_shard, plan
from codecnn.errors import InputError
from codecnn.video.clip import Clip
from codecnn.video.frames import frame_from_picture
from codecnn.video.raw import write_raw
from codecnn.video.y4m import write_y4m
from data_tools.build_dataset import main
from experiments.reports.shared.encode import encode
from tests.pictures import photograph

CHANGED = "has changed since its checksum was taken"
SETTINGS = Settings(X265("ultrafast"), qps=(22, 37))


def write_video(path: Path, name: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.mux(stream.encode(frame_from_picture(photograph(name, 64, 64))))
        container.mux(stream.encode(None))


KINDS: dict[str, Callable[[Path, str], None]] = {
    "a_64x64_25_8bit_420.yuv": lambda path, name: write_raw(path, [photograph(name, 64, 64)]),
    "a.y4m": lambda path, name: write_y4m(path, [photograph(name, 64, 64)]),
    "a.png": lambda path, name: imsave(path, photograph(name, 64, 64).y),
    "a.mkv": write_video,
}


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A source, and beside it another one in the folder `other`."""
    (tmp_path / "other").mkdir()
    KINDS[request.param](tmp_path / request.param, "coffee")
    KINDS[request.param](tmp_path / "other" / request.param, "astronaut")
    return tmp_path / str(request.param)


def test_a_source_that_is_replaced_after_planning_is_refused(source: Path, tmp_path: Path) -> None:
    tasks = list(plan([source], tmp_path / "out", SETTINGS))
    (tmp_path / "out").mkdir()
    assert build_shard(tasks[0]) is None
    shutil.copyfile(tmp_path / "other" / source.name, source)
    reason = build_shard(tasks[1])
    assert reason is not None
    assert reason.startswith(f"{source}: {CHANGED}")
    assert list((tmp_path / "out").iterdir()) == [tasks[0].path]


def test_one_of_numbered_pictures_that_is_replaced_is_refused(tmp_path: Path) -> None:
    for number, name in enumerate(("coffee", "astronaut", "chelsea")):
        imsave(tmp_path / f"{number}.png", photograph(name, 64, 64).y)
    (task,) = plan([tmp_path / "%d.png"], tmp_path / "out", Settings(X265("ultrafast"), qps=(37,)))
    (tmp_path / "out").mkdir()
    shutil.copyfile(tmp_path / "0.png", tmp_path / "1.png")
    assert CHANGED in str(build_shard(task))
    assert list((tmp_path / "out").iterdir()) == []


def replacing(by: Path, back: bool) -> Callable[[X265, Clip, int], Iterator[CodedFrame]]:
    """An encoder in whose time the source is replaced, and perhaps put back with its times."""
    whole = X265.encode

    def encode_meanwhile(codec: X265, clip: Clip, qp: int) -> Iterator[CodedFrame]:
        saved, stat = clip.path.read_bytes(), clip.path.stat()
        if qp != 22:
            shutil.copyfile(by, clip.path)
        yield from whole(codec, clip, qp)
        if qp != 22 and back:
            clip.path.write_bytes(saved)
            os.utime(clip.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    return encode_meanwhile


@pytest.mark.parametrize("back", [False, True])
def test_a_source_that_is_replaced_between_two_qps_is_refused(
    source: Path, tmp_path: Path, back: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(X265, "encode", replacing(tmp_path / "other" / source.name, back))
    out = tmp_path / "out"
    command = [str(source), "--out", str(out), "--preset", "ultrafast", "--no-labels", "--qp", "22", "37"]
    assert main(command) == 2
    assert f"build-dataset: {source}: {CHANGED}" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == [f"{source.stem}_x265_qp22.h5"]


def test_a_report_that_encodes_refuses_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, other = tmp_path / "a_64x64_25_8bit_420.yuv", tmp_path / "other.yuv"
    write_raw(source, [photograph("coffee", 64, 64)])
    write_raw(other, [photograph("astronaut", 64, 64)])
    monkeypatch.setattr(X265, "encode", replacing(other, back=False))
    with pytest.raises(InputError, match=f"{source}: {CHANGED}"):
        encode([source], tmp_path / "out", {"codec": "x265", "qp": [22, 37], "preset": "ultrafast"})


@pytest.mark.parametrize("name", ["a.y4m", "a.png"])
def test_a_source_of_another_size_or_none_is_one_line(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    KINDS[name](source, "coffee")
    (task, *_) = plan([source], tmp_path / "out", SETTINGS)
    (tmp_path / "out").mkdir()
    if name == "a.png":
        imsave(source, photograph("coffee", 96, 80).y)
    else:
        write_y4m(source, [photograph("coffee", 96, 80)])
    (reason,) = build_all([task])
    assert reason is not None
    assert reason.startswith(f"{source}: ")
    source.unlink()
    (reason,) = build_all([task])
    assert reason is not None
    assert reason.startswith(f"{source}: ")
    assert "No such file" in reason
    assert list((tmp_path / "out").iterdir()) == []
