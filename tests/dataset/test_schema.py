"""The schema of dataset files: the former one still reads, and what is declared is written, read and checked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from codecnn.dataset import integrity, opening, reader, schema
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
        for number in (-1, shard.frames):
            with pytest.raises(IndexError, match=f"no frame {number}, it has {shard.frames}"):
                shard.picture(signal, number)
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
    for module in (schema, opening, reader):
        monkeypatch.setattr(module, "OPTIONAL_SIGNALS", ("prediction",))
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
    assert list(complaints(path)) == []
    found = list(complaints(damaged))
    assert "decisions/4/depth has another checksum than when it was written" in found
    assert "decisions/4/depth: 1 blocks have a depth above 3" in found
    write(tmp_path / "without.h5")
    assert Shard(tmp_path / "without.h5").info.signals == "original baseline unfiltered"


def forged_bits(value: int) -> Callable[[h5py.File], None]:
    """With all of the sums right."""

    def forge(file: h5py.File) -> None:
        file["bits"][0] = value
        file.attrs["total_bits"] = file["bits"][:].sum()

    return forge


def forged_ctu(name: str, value: int) -> Callable[[h5py.File], None]:
    def forge(file: h5py.File) -> None:
        ctus = file["ctu"][:]
        ctus[name][2] = value
        file["ctu"][:] = ctus

    return forge


def forged(name: str, index: object, value: object) -> Callable[[h5py.File], None]:
    def forge(file: h5py.File) -> None:
        file[name][index] = value

    return forge


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        *[(forged_bits(value), "bits cannot be") for value in (0, -1000, 1 << 40, -(1 << 62))],
        (forged("bits", 0, 999), "do not add up to 3003"),
        *[(forged_ctu(name, 1 << 14), "the CTUs are not those of 3 frames") for name in ("frame", "x", "y", "height")],
        (forged_ctu("width", -1), "the CTUs are not those of 3 frames"),
        (forged("qp_used", 1, 31), "QP 31 was used"),
    ],
)
def test_forged_numbers_are_refused_at_opening(tmp_path: Path, forge: Callable[[h5py.File], None], reason: str) -> None:
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        forge(file)
    with pytest.raises(InputError, match=rf"a\.h5: .*{reason}"):
        Shard(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("hadamard_mode", 67, "a mode out of range"),
        ("dct_mode", 255, "a mode out of range"),
        *[("dct_cost", value, "a cost that cannot be") for value in (-1, np.nan, np.inf)],
    ],
)
def test_forged_maps_are_refused_when_read(tmp_path: Path, name: str, value: float, rule: str) -> None:
    (size, *_) = INFO.blocks
    write(tmp_path / "a.h5")
    assert Shard(tmp_path / "a.h5").labels(size).dct_mode.max() == 255  # of blocks that are not wholly inside
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file[f"labels/{size}/{name}"][0, 1, 1] = value
    with pytest.raises(InputError, match=rf"labels/8/{name}: 1 blocks have {rule}"):
        Shard(tmp_path / "a.h5").labels(size)


def test_planar_of_another_reference_line_is_no_mode() -> None:
    (mode, *_) = schema.LABEL_MAPS
    modes = np.array([0, 1, 66, 67, 68, 134, 200, 201, 255])
    found = schema.BLOCK_MAPS[mode].valid(modes, replace(INFO, label_modes="vvc-67-mrl"))
    assert modes[found].tolist() == [0, 1, 66, 68, 200]


def test_only_what_is_announced_is_stored(tmp_path: Path) -> None:
    more = signals(frame(0, 8)) | {"prediction": frame(1, 8)[0]}
    with pytest.raises(ValueError, match="prediction"), ShardWriter(tmp_path / "a.h5", INFO) as writer:
        writer.append(more, 1, 32, labels(0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("maps", "hadamard_mode depth"), ("signals", "original baseline"), ("signals", "original " * 3 + "unfiltered")],
)
def test_what_is_not_declared_is_refused(tmp_path: Path, name: str, value: str) -> None:
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file.attrs[name] = value
    with pytest.raises(InputError, match="not known" if name == "maps" else "cannot be"):
        Shard(tmp_path / "a.h5")
    assert len(list(integrity.complaints(tmp_path / "a.h5"))) == 1


def test_a_decoder_of_another_bit_depth_and_a_second_stream(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    info = replace(INFO, coded_bit_depth=10, unfiltered_stream="second")
    original, *coded = frame(0, 8)[0], *frame(1, 10)[:2]
    with ShardWriter(path, info) as writer:
        for bits, sao in ((1000, False), (1200, True), (900, False)):
            filters = {"deblocking": True, "SAO": sao, "ALF": False}
            writer.append(signals([original, *coded]), bits, 32, labels(0), bits + 7, filters)
    shard = Shard(path)
    assert list(complaints(path)) == []
    assert (shard.bits.tolist(), shard.unfiltered_bits.tolist()) == ([1000, 1200, 900], [1007, 1207, 907])  # type: ignore[union-attr]
    assert shard.in_loop_filters == {"deblocking": True, "SAO": True, "ALF": False}
    for signal, written in signals([original, *coded]).items():
        read = shard.picture(signal, 1)
        assert read.bit_depth == shard[0]._asdict()[signal].bit_depth == (8 if signal == "original" else 10)
        np.testing.assert_array_equal(read.y, written.y)
    damaged = tmp_path / "b.h5"
    damaged.write_bytes(path.read_bytes())
    with h5py.File(damaged, "a") as file:
        assert file.attrs["in_loop_filters"] == "deblocking on, SAO on, ALF off"
        assert (file.attrs["total_bits"], file.attrs["total_unfiltered_bits"]) == (3100, 3121)
        assert (file["original/y"].dtype, file["baseline/y"].dtype) == (np.uint8, np.uint16)
        file["baseline/y"][0, 0, 0] = 1024
    with pytest.raises(ValueError, match="SAO maybe' cannot be"):
        schema.split_filters("deblocking on, SAO maybe")
    assert "baseline/y has a sample of 1024, above 1023" in list(complaints(damaged))


def test_bits_of_a_stream_that_is_not_announced_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not announced"), ShardWriter(tmp_path / "a.h5", INFO) as writer:
        writer.append(signals(frame(0, 8)), 1, 32, labels(0), unfiltered_bits=2)
    second = replace(INFO, unfiltered_stream="second")
    with pytest.raises(ValueError, match="missing"), ShardWriter(tmp_path / "a.h5", second) as writer:
        writer.append(signals(frame(0, 8)), 1, 32, labels(0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("unfiltered_by", "known"),
    [("the same bits decoded with skip_loop_filter=all", True), ("a second encoding", False)],
)
def test_bits_of_the_unfiltered_signal_in_files_of_before(tmp_path: Path, unfiltered_by: str, known: bool) -> None:
    write(tmp_path / "a.h5", frames=2)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file.attrs["unfiltered_by"] = unfiltered_by
        for name in ("coded_bit_depth", "unfiltered_stream", "in_loop_filters"):
            del file.attrs[name]
    shard = Shard(tmp_path / "a.h5")
    assert list(complaints(tmp_path / "a.h5")) == []
    assert (shard.unfiltered_bits is not None) == known
    assert not known or np.array_equal(shard.unfiltered_bits, shard.bits)  # type: ignore[arg-type]
    assert shard.in_loop_filters == {}
