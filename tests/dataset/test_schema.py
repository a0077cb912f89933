"""The schema of dataset files: the former one still reads, and what is declared is written, read and checked."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from codecnn.dataset import integrity, reader, schema
from codecnn.dataset.integrity import complaints
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import BlockMap
from codecnn.dataset.writer import ShardWriter
from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.labels.search import label_picture
from tests.dataset.test_shard import INFO, frame, labels, signals, write

FORMER = Path(__file__).parents[1] / "golden" / "schema_3.h5"  # written by the version before


def test_a_file_of_the_former_schema_reads_as_it_was_written() -> None:
    shard = Shard(FORMER)
    info = shard.info
    assert (info.colour, info.signals) == ("YUV as stored, range not stated", "original baseline unfiltered")
    assert (info.width, info.height, info.qp, shard.bits.tolist()) == (28, 20, 32, [1234])
    for signal, shift in (("original", 0), ("baseline", 1), ("unfiltered", 3)):
        luma = (np.add.outer(np.arange(20), 2 * np.arange(28)) + shift).astype(np.uint8)
        picture = shard.picture(signal, 0)
        np.testing.assert_array_equal(picture.y, luma)
        np.testing.assert_array_equal(picture.u, luma[::2, ::2] // 2)
        np.testing.assert_array_equal(picture.v, luma[::2, ::2] // 3)
    assert list(complaints(FORMER)) == []
    found = label_picture(shard.picture("original", 0).y, shard.picture("unfiltered", 0).y, 8, info.blocks, 16)
    for size in info.blocks:
        across = 16 // size.width
        for name, stored in shard.maps(size).items():
            whole = stored.reshape(2, 2, across, across).swapaxes(1, 2).reshape(2 * across, 2 * across)
            np.testing.assert_array_equal(whole, found[size].maps()[name])


@pytest.fixture
def more_declared(monkeypatch: pytest.MonkeyPatch) -> BlockMap:
    """One more signal, and one more map: of blocks of 4x4, above 9 outside of the picture."""
    monkeypatch.setattr(schema, "OPTIONAL_SIGNALS", ("prediction",))
    monkeypatch.setattr(reader, "OPTIONAL_SIGNALS", ("prediction",))
    depth = BlockMap(
        "depth", np.dtype("u1"), 9, lambda values, info: values < 4, "a depth above 3", "decisions", (BlockSize(4, 4),)
    )
    monkeypatch.setitem(schema.BLOCK_MAPS, "depth", depth)
    return depth


def test_what_is_declared_is_written_read_and_checked(tmp_path: Path, more_declared: BlockMap) -> None:
    path, (four,) = tmp_path / "a.h5", more_declared.sizes
    rows, columns = 64 // 4, 96 // 4
    inside = (np.arange(rows) < 53 // 4)[:, None] & (np.arange(columns) < 75 // 4)
    depth = np.where(inside, np.add.outer(np.arange(rows), np.arange(columns)) % 4, 9).astype(np.uint8)
    info = replace(INFO, signals=INFO.signals + " prediction", maps=INFO.maps + " depth")
    pictures = signals(frame(0, 8)) | {"prediction": frame(1, 8)[0]}
    with ShardWriter(path, info) as writer:
        writer.append(pictures, 1, 32, labels(0) | {four: {"depth": depth}})
    shard = Shard(path)
    np.testing.assert_array_equal(shard.picture("prediction", 0).y, pictures["prediction"].y)
    np.testing.assert_array_equal(shard.maps(four)["depth"][1], depth[:8, 8:16])
    assert set(shard.maps(BlockSize(8, 8))) == set(INFO.maps.split())
    damaged = tmp_path / "b.h5"
    damaged.write_bytes(path.read_bytes())
    with h5py.File(damaged, "a") as file:
        file["decisions/4/depth"][0, 0, 0] = 7
    assert not [fault for fault in complaints(path) if "depth" in fault or "prediction" in fault]
    found = list(complaints(damaged))
    assert "decisions/4/depth has another checksum than when it was written" in found
    assert "decisions/4/depth: 1 blocks have a depth above 3" in found
    write(tmp_path / "without.h5")
    assert Shard(tmp_path / "without.h5").info.signals == "original baseline unfiltered"


def test_only_what_is_announced_is_stored(tmp_path: Path) -> None:
    more = signals(frame(0, 8)) | {"prediction": frame(1, 8)[0]}
    with pytest.raises(ValueError, match="prediction"), ShardWriter(tmp_path / "a.h5", INFO) as writer:
        writer.append(more, 1, 32, labels(0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("maps", "hadamard_mode rd_mode"), ("signals", "original baseline"), ("signals", "original " * 3 + "unfiltered")],
)
def test_what_is_not_declared_is_refused(tmp_path: Path, name: str, value: str) -> None:
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file.attrs[name] = value
    with pytest.raises(InputError, match="not known" if name == "maps" else "cannot be"):
        Shard(tmp_path / "a.h5")
    assert len(list(integrity.complaints(tmp_path / "a.h5"))) == 1
