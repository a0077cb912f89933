"""Windows that are read past HDF5 are those that HDF5 reads."""

from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import SIGNALS
from codecnn.dataset.stored_rows import rows_of
from codecnn.errors import InputError
from tests.small_data import write_shard


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_shard(tmp_path / "a.h5", "coffee", 37, frames=2)
    return tmp_path / "a.h5"


def test_every_row_of_every_plane(path: Path) -> None:
    shard = Shard(path)
    with h5py.File(path) as file:
        names = [f"{signal}/{plane}" for signal, plane in product(SIGNALS, "yuv")]
        rows = rows_of(file, names)
        assert rows is not None
        for signal, plane in product(SIGNALS, "yuv"):
            name = f"{signal}/{plane}"
            for row in range(18):
                expected = file[name][row]
                np.testing.assert_array_equal(rows[name].read(path, shard._version, row), expected)
                for area in (np.s_[3:9, 2:5], np.s_[:, 4:], np.s_[-4:, :2], np.s_[8:400, :]):
                    np.testing.assert_array_equal(shard.part(signal, plane, row, area), expected[area])


def test_compressed_and_other_chunks_are_left_to_hdf5(path: Path, tmp_path: Path) -> None:
    values = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("as it is", data=values, chunks=(1, 3, 4))
        file.create_dataset("compressed", data=values, chunks=(1, 3, 4), compression="gzip")
        file.create_dataset("two rows", data=values, chunks=(2, 3, 4))
        file.create_dataset("in one piece", data=values)
        file.create_dataset("not written", shape=(2, 3, 4), dtype=np.uint8, chunks=(1, 3, 4))
        assert rows_of(file, ["as it is"]) is not None
        for name in ("compressed", "two rows", "in one piece", "not written"):
            assert rows_of(file, [name]) is None, name


def test_a_shard_that_is_compressed_is_read(path: Path, tmp_path: Path) -> None:
    with h5py.File(path) as file, h5py.File(tmp_path / "b.h5", "w") as other:
        for name, value in file.attrs.items():
            other.attrs[name] = value
        for name in file:
            if isinstance(file[name], h5py.Dataset):
                file.copy(name, other)
                continue
            for plane, dataset in file[name].items():
                other.create_dataset(f"{name}/{plane}", data=dataset[:], chunks=dataset.chunks, compression="gzip")
    shard, compressed = Shard(path), Shard(tmp_path / "b.h5")
    for row in (0, 17):
        np.testing.assert_array_equal(compressed.luma("baseline", row), shard.luma("baseline", row))


@pytest.mark.parametrize("change", ["replaced", "cut", "gone"])
def test_a_file_that_changes_is_one_line(path: Path, change: str) -> None:
    shard = Shard(path)
    shard.luma("original", 0)
    if change == "gone":
        path.unlink()
    elif change == "cut":
        path.write_bytes(path.read_bytes()[:4000])
    else:
        write_shard(path.with_name("b.h5"), "chelsea", 37, frames=2)
        path.with_name("b.h5").replace(path)
    with pytest.raises(InputError, match=f"^{path}: (has changed since it was opened|cannot be read)"):
        shard.luma("original", 1)
