"""check-dataset finds every kind of damage, and none where there is none."""

from collections.abc import Callable
from pathlib import Path
from shutil import copy

import h5py
import numpy as np
import pytest

from data_tools.build_dataset import main as build_dataset
from data_tools.check_dataset import main
from tests.pictures import PHOTOGRAPHS


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    options = ["--preset", "ultrafast", "--ctu-size", "64", "--label-sizes", "all", "--label-modes", "vvc-67-mrl"]
    options += ["--labels-rd"]
    assert build_dataset([str(PHOTOGRAPHS / "chelsea.png"), "--out", str(folder), "--qp", "37", *options]) == 0
    return folder


def test_a_dataset_as_it_was_written_has_no_faults(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(built)]) == 0
    assert capsys.readouterr().out == "1 files checked, 0 faults\n"


def change(name: str, index: object, value: object) -> Callable[[h5py.File], None]:
    def changing(file: h5py.File) -> None:
        file[name][index] = value

    return changing


def change_field(file: h5py.File) -> None:
    ctus = file["ctu"][:]
    ctus["x"][3] += 64
    file["ctu"][:] = ctus


def drop(file: h5py.File) -> None:
    del file["labels/16x8/dct_cost"]


def shorten(file: h5py.File) -> None:
    file["unfiltered/v"].resize(5, axis=0)


def retype(file: h5py.File) -> None:
    values = file["labels/8/dct_mode"][:].astype(np.int16)
    del file["labels/8/dct_mode"]
    file["labels/8/dct_mode"] = values


def attribute(name: str, value: object) -> Callable[[h5py.File], None]:
    def changing(file: h5py.File) -> None:
        file.attrs[name] = value

    return changing


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (change("baseline/y", (3, 60, 7), 1), "baseline/y has another checksum"),
        (change("labels/8/hadamard_mode", (0, 0, 0), 205), "labels/8/hadamard_mode: 1 blocks have a mode out of range"),
        (change("labels/16x8/dct_cost", (0, 0, 0), -1), "labels/16x8/dct_cost: 1 blocks have a cost that cannot be"),
        (change("labels/16x8/dct_mode", (0, 0, 0), 255), "labels/16x8/dct_mode: 1 blocks have a mode out of range"),
        (change("labels/64/dct_cost", (-1, 0, 0), 3), "labels/64/dct_cost: 1 blocks have a cost that cannot be"),
        (change("labels/8/rd_mode", (0, 0, 0), 134), "labels/8/rd_mode: 1 blocks have a mode out of range"),
        (change("labels/8/rd_cost", (0, 0, 0), np.inf), "labels/8/rd_cost: 1 blocks have a cost that cannot be"),
        (attribute("rd_measure", ""), "labels by rate-distortion cost do not go with what is said of them, ''"),
        (change("bits", 0, 12), "do not add up"),
        (change("qp_used", 0, 36), "QP 36 was used, the attributes say 37"),
        (change_field, "the CTUs are not those"),
        (drop, "labels/16x8/dct_cost not in it"),
        (shorten, "unfiltered/v is uint8 (5, 34, 34), not uint8 (40, 34, 34)"),
        (retype, "labels/8/dct_mode is int16"),
        (attribute("qp", 32), "QP 37 was used, the attributes say 32"),
        (attribute("frames", 2), "1 frames are stored, the attributes say 2"),
        (attribute("label_modes", "avc-9"), "'avc-9', which is no mode set"),
        (attribute("label_sizes", "8 12"), "'12' is no block size"),
        (attribute("width", 300), "40 CTUs are not 5x5 in each of 1 frames"),
        (attribute("width", 450), "the CTUs are not those"),
        (attribute("width", 1 << 40), "outside of 16x16"),
        (attribute("ctu_size", 63), "CTUs of 63"),
        (attribute("qp", "37"), "attribute: qp: must be a valid integer, not '37'"),
        (attribute("fps", "1/0"), "'1/0' is no frame rate"),
        (attribute("fps", "1e999999999"), "'1e999999999' is no frame rate"),
        (attribute("label_references", "x"), "labels from 'x'"),
        (attribute("qp", 99999), "QP 99999 cannot be"),
        (attribute("schema", "other"), "schema 'other'"),
        (attribute("bit_depth", 10), "original/y is uint8 (40, 68, 68), not uint16"),
    ],
)
def test_damage_is_named(
    built: Path, tmp_path: Path, damage: Callable[[h5py.File], None], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "chelsea_x265_qp37.h5"
    copy(built / path.name, path)
    with h5py.File(path, "r+") as file:
        damage(file)
    assert main([str(tmp_path)]) == 1
    output = capsys.readouterr().out
    assert all(line.startswith(f"{path}: ") for line in output.splitlines()[:-1])
    assert found in output


@pytest.mark.parametrize("length", [0, 100, 5000, -1])
def test_cut_files_are_named(built: Path, tmp_path: Path, length: int, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cut.h5"
    path.write_bytes((built / "chelsea_x265_qp37.h5").read_bytes()[:length])
    assert main([str(built), str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith(f"{path}: ")


def test_nothing_to_check_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert main([str(tmp_path / "none")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
