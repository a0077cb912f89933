"""What is written is what is read, and what is not whole is not taken for it."""

import os
import pickle
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from codecnn.dataset.integrity import complaints
from codecnn.dataset.reader import CtuDataset, Shard, open_folder
from codecnn.dataset.schema import LABEL_MAPS, SIGNALS, ShardInfo, arrays_of
from codecnn.dataset.writer import ShardWriter
from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.labels.label import NO_LABEL, SizeLabels
from codecnn.video.picture import Picture
from tests.pictures import FORMATS, photograph

INFO = ShardInfo(
    source="c.yuv", source_sha256="0" * 64, width=75, height=53, bit_depth=8, chroma="420", fps="30000/1001",
    colour="as stored", first_frames=0, every=1, codec="x265", codec_version="v", preset="p", codec_parameters="qp=32",
    decoder_version="d", unfiltered_by="skip_loop_filter", qp=32, ctu_size=32, margin=2, label_sizes="8 32x16",
    label_modes="vvc-67", label_references="unfiltered", package_version="0",
    maps=" ".join(LABEL_MAPS),
)  # fmt: skip


def labels(seed: int) -> dict[BlockSize, dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    made = {}
    for size in INFO.blocks:
        rows, columns = np.mgrid[: 64 // size.height, : 96 // size.width]
        inside = (rows < INFO.height // size.height) & (columns < INFO.width // size.width)
        modes = [np.where(inside, rng.integers(0, 67, rows.shape), NO_LABEL).astype(np.uint8) for _ in range(2)]
        costs = [np.where(inside, rng.random(rows.shape), np.nan).astype(np.float32) for _ in range(2)]
        made[size] = SizeLabels(
            hadamard_mode=modes[0], hadamard_cost=costs[0], dct_mode=modes[1], dct_cost=costs[1]
        ).maps()
    return made


def frame(seed: int, bit_depth: int, chroma: str = "420") -> tuple[Picture, Picture, Picture]:
    names = ("astronaut", "coffee", "chelsea")
    original, baseline, unfiltered = (photograph(names[(seed + i) % 3], 53, 75, bit_depth, chroma) for i in range(3))
    return original, baseline, unfiltered


def signals(pictures: Sequence[Picture]) -> dict[str, Picture]:
    return dict(zip(SIGNALS, pictures, strict=True))


def write(path: Path, bit_depth: int = 8, storage: str = "fast", frames: int = 3, chroma: str = "420") -> None:
    info = replace(INFO, bit_depth=bit_depth, chroma=chroma)
    with ShardWriter(path, info, storage) as writer:  # type: ignore[arg-type]
        for index in range(frames):
            writer.append(signals(frame(index, bit_depth, chroma)), 1000 + index, 32, labels(index))


@pytest.mark.parametrize("storage", ["fast", "compact"])
@pytest.mark.parametrize("bit_depth", [8, 10])
def test_write_and_read_are_inverse(tmp_path: Path, bit_depth: int, storage: str) -> None:
    write(tmp_path / "a.h5", bit_depth, storage)
    shard = Shard(tmp_path / "a.h5")
    assert shard.info == replace(INFO, bit_depth=bit_depth)
    assert shard.bits.tolist() == [1000, 1001, 1002]
    assert len(shard) == 3 * 2 * 3
    for index in range(3):
        for signal, written in zip(SIGNALS, frame(index, bit_depth), strict=True):
            read = shard.picture(signal, index)
            for a, b in zip(written.planes, read.planes, strict=True):
                np.testing.assert_array_equal(a, b)
                assert a.dtype == b.dtype
    for size in INFO.blocks:
        read_labels = shard.labels(size)
        rows, columns = 32 // size.height, 32 // size.width
        for name in LABEL_MAPS:
            for row in range(len(shard)):
                index, y, x = (int(shard.ctus[row][n]) for n in ("frame", "y", "x"))
                whole = labels(index)[size][name]
                top, left = y // size.height, x // size.width
                there = whole[top : top + rows, left : left + columns]
                np.testing.assert_array_equal(getattr(read_labels, name)[row], there)


@pytest.mark.parametrize("storage", ["fast", "compact"])
def test_the_bytes_do_not_hang_on_who_holds_a_dataset(
    tmp_path: Path, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the profiler of a Dask worker does, which looks at the stack at any moment."""
    write(tmp_path / "a.h5", storage=storage)
    held, get = [], h5py.Group.__getitem__

    def get_and_hold(group: h5py.Group, name: str) -> h5py.Dataset:
        held.append(get(group, name))
        return held[-1]

    monkeypatch.setattr(h5py.Group, "__getitem__", get_and_hold)
    write(tmp_path / "b.h5", storage=storage)
    assert len(held) > 100
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize(("chroma", "bit_depth"), FORMATS)
def test_every_format_is_read_as_it_was_written(tmp_path: Path, chroma: str, bit_depth: int) -> None:
    write(tmp_path / "a.h5", bit_depth, frames=2, chroma=chroma)
    shard = Shard(tmp_path / "a.h5")
    for index in range(2):
        for signal, written in zip(SIGNALS, frame(index, bit_depth, chroma), strict=True):
            read = shard.picture(signal, index)
            assert read.chroma == chroma
            for a, b in zip(written.planes, read.planes, strict=True):
                np.testing.assert_array_equal(a, b)
                assert a.dtype == b.dtype
    high, wide = {"400": (0, 0), "420": (18, 18), "422": (36, 18), "444": (36, 36)}[chroma]
    window = CtuDataset([shard])[7]
    assert window.original.y.shape == (36, 36)
    assert window.original.u.shape == window.baseline.v.shape == (high, wide)
    assert window.original.chroma == shard.windows("baseline", slice(0, 4)).chroma == chroma
    with h5py.File(tmp_path / "a.h5") as file:
        assert sorted(file["baseline"]) == (["y"] if chroma == "400" else ["u", "v", "y"])


@pytest.mark.parametrize("margin", [0, 2, 6])
def test_chroma_windows_have_half_of_the_margin(tmp_path: Path, margin: int) -> None:
    original, baseline, unfiltered = frame(0, 8, "422")
    with ShardWriter(tmp_path / "a.h5", replace(INFO, margin=margin, chroma="422")) as writer:
        writer.append(signals((original, baseline, unfiltered)), 1, 32, labels(0))
    shard = Shard(tmp_path / "a.h5")
    window = shard[4]  # row 1, column 1
    half = margin // 2
    around = np.pad(original.v, ((margin, margin + 11), (half, half + 10)), "edge")
    np.testing.assert_array_equal(window.original.v, around[32 : 64 + 2 * margin, 16 : 32 + margin])
    np.testing.assert_array_equal(shard.picture("original", 0).v, original.v)


def test_a_picture_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="baseline has planes of"), ShardWriter(tmp_path / "a.h5", INFO) as writer:
        writer.append(signals((frame(0, 8)[0], frame(0, 8, "444")[1], frame(0, 8)[2])), 1, 32, labels(0))
    assert list(tmp_path.iterdir()) == []


def test_windows_are_those_of_the_picture(tmp_path: Path) -> None:
    write(tmp_path / "a.h5")
    window = Shard(tmp_path / "a.h5")[4 + 6]  # frame 1, CTU in row 1, column 1
    original = frame(1, 8)[0]
    assert (window.qp, window.valid_width, window.valid_height) == (32, 32, 21)
    np.testing.assert_array_equal(window.original.y[:25], np.pad(original.y[30:], ((0, 2), (0, 0)), "edge")[:, 30:66])
    np.testing.assert_array_equal(window.original.u[:12, 1:17], original.u[15:27, 16:32])


def test_the_file_says_in_plain_attributes_how_it_was_made(tmp_path: Path) -> None:
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["codec_parameters"] == "qp=32"
        assert file.attrs["label_sizes"] == "8 32x16"
        assert set(file["labels"]) == {"8", "32x16"}
        assert file["baseline/y"].chunks == (1, 36, 36)
        assert file["baseline/u"].chunks == (1, 18, 18)


def test_a_dataset_of_several_shards_can_be_sent_to_workers(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", frames=1)
    write(tmp_path / "b.h5", frames=2)
    (tmp_path / ".c.h5.1.partial").write_bytes(b"")
    dataset = CtuDataset(open_folder(tmp_path))
    assert len(dataset) == 18
    before = dataset[7]
    after = pickle.loads(pickle.dumps(dataset))[7]
    np.testing.assert_array_equal(before.baseline.y, after.baseline.y)
    np.testing.assert_array_equal(before.baseline.y, Shard(tmp_path / "b.h5")[1].baseline.y)
    with pytest.raises(IndexError):
        dataset[18]


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), ShardWriter(tmp_path / "a.h5", INFO) as writer:  # noqa: PT012
        writer.append(signals(frame(0, 8)), 1, 32, labels(0))
        assert [p.name.startswith(".") for p in tmp_path.iterdir()] == [True]
        _ = 1 // 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bits", [0, -1, 10**12, 10**30])
def test_bits_that_cannot_be_are_refused_before_they_are_stored(tmp_path: Path, bits: int) -> None:
    with (
        pytest.raises(InputError, match=f"c.yuv: frame 0 of {bits} bits cannot be"),
        ShardWriter(tmp_path / "a.h5", INFO) as writer,
    ):
        writer.append(signals(frame(0, 8)), bits, 32, labels(0))
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_at_the_beginning_closes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 would else write into it when Python ends."""
    opened = []

    def interrupted(file: h5py.File, *_: object, **__: object) -> None:
        opened.append(file)
        raise KeyboardInterrupt

    monkeypatch.setattr(h5py.File, "create_dataset", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ShardWriter(tmp_path / "a.h5", INFO)
    assert [bool(file) for file in opened] == [False]  # closed
    assert list(tmp_path.iterdir()) == []


def test_no_frames_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frames"), ShardWriter(tmp_path / "a.h5", INFO):
        pass
    assert list(tmp_path.iterdir()) == []


def test_foreign_damaged_and_outdated_files_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "good.h5")
    whole = (tmp_path / "good.h5").read_bytes()
    path = tmp_path / "bad.h5"

    def refused(reason: str) -> None:
        with pytest.raises(InputError) as error:
            open_folder(tmp_path)
        assert str(error.value).startswith(f"{path}: ")
        assert reason in str(error.value)
        assert "\n" not in str(error.value)

    path.write_bytes(whole[: len(whole) // 2])
    refused("not a readable dataset file")
    path.write_bytes(b"")
    refused("not a readable dataset file")
    path.write_text("no HDF5 at all")
    refused("not a readable dataset file")
    with h5py.File(path, "w") as file:
        file["x"] = 1
    refused("schema 'none', this version reads 'codecnn-ctu-4'")
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        file.attrs["schema"] = "codecnn-ctu-0"
    refused("schema 'codecnn-ctu-0'")
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        del file.attrs["fps"]
    refused("attribute 'fps' is missing")
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        file.attrs["chroma"] = "411"
    refused("chroma format 411 is not supported")
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        del file["baseline"]
    refused("baseline/y, baseline/u, baseline/v not in it")


def test_a_file_that_is_replaced_after_it_was_checked_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path, frames=1)
    shard = Shard(path)
    write(path, frames=2)
    with pytest.raises(InputError, match=f"{path}: has changed since it was opened"):
        shard.picture("original", 0)
    with pytest.raises(InputError, match=f"{path}: has changed since it was opened"):
        shard.labels(INFO.blocks[0])
    assert Shard(path).picture("original", 1).y.shape == (53, 75)
    path.unlink()
    with pytest.raises(InputError, match=f"{path}: no such file"):
        shard.picture("original", 0)


def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    os.mkfifo(path)
    with pytest.raises(InputError, match=rf"{path}: a pipe or a device, not a file"):
        open_folder(tmp_path)
    assert list(complaints(path)) == ["a pipe or a device, not a file"]


def test_forged_sizes_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        for name in arrays_of(INFO):
            file[name].resize(len(file[name]) << 40, axis=0)
    with pytest.raises(InputError, match=r"a\.h5: .* lacks a part of its"):
        Shard(tmp_path / "a.h5")


def test_a_folder_of_more_files_than_may_be_open_is_read(tmp_path: Path) -> None:
    write(tmp_path / "0.h5", frames=1)
    for index in range(1, 80):
        shutil.copy(tmp_path / "0.h5", tmp_path / f"{index}.h5")
    read_all = """
        import resource, sys
        from pathlib import Path
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
        from codecnn.dataset.reader import CtuDataset, open_folder
        windows = CtuDataset(open_folder(Path(sys.argv[1])))
        print(sum(int(windows[i].original.y.sum()) for _ in range(2) for i in range(len(windows))))
    """
    command = [sys.executable, "-c", textwrap.dedent(read_all), str(tmp_path)]
    read = subprocess.run(command, capture_output=True, text=True, check=False)
    once = int(Shard(tmp_path / "0.h5").windows("original", slice(None)).y.sum())
    assert read.stdout == f"{2 * 80 * once}\n", read.stderr


def test_folders_without_datasets_are_refused(tmp_path: Path) -> None:
    for folder, reason in ((tmp_path, "no dataset files"), (tmp_path / "x", "no such folder")):
        with pytest.raises(InputError, match=reason):
            open_folder(folder)
