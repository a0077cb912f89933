"""Files from anywhere: whatever is in them, a clear error or a picture comes out, and no size is believed blindly."""

import subprocess
import sys
import tracemalloc
import warnings
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codecnn.codecs.template_file import load_template
from codecnn.errors import InputError
from codecnn.tasks.in_loop_filter import InLoopFilter
from codecnn.video.clip import open_clip
from codecnn.video.layouts import LAYOUTS
from experiments.run_arguments import parse_run
from tests.weights_files import load

FUZZ = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])

TAGS = st.one_of(
    st.builds("{}{}".format, st.sampled_from("WHFICAX"), st.integers(-3, 1 << 70)),
    st.builds("F{}:{}".format, st.integers(-2, 1 << 40), st.integers(-2, 1 << 40)),
    st.builds("C{}".format, st.sampled_from(["420jpeg", "422p10", "444p12", "mono", "mono16", "411", "420p99", ""])),
    st.text(st.characters(codec="latin-1"), max_size=8),
)


@FUZZ
@given(tags=st.lists(TAGS, max_size=8), rest=st.binary(max_size=400))
def test_y4m(tmp_path: Path, tags: list[str], rest: bytes) -> None:
    path = tmp_path / "a.y4m"
    path.write_bytes(" ".join(["YUV4MPEG2", *tags]).encode("latin-1") + b"\n" + rest)
    tracemalloc.start()
    with suppress(InputError):
        for _ in open_clip(path).frames():
            pass
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("size", ["16384x16384", "16x16384"])
def test_a_forged_size_takes_no_memory(tmp_path: Path, size: str) -> None:
    width, height = size.split("x")
    path = tmp_path / "a.y4m"
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F30:1 C444p12\nFRAME\n".encode() + bytes(1000))
    tracemalloc.start()
    with pytest.raises(InputError, match="no whole number of frames: frame 0 has 1000 of"):
        next(open_clip(path).frames())
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


NAMES = st.lists(
    st.one_of(
        st.from_regex(r"\A\d{1,9}x\d{1,9}(p\d{0,5})?\Z"),
        st.from_regex(r"\A\d{0,9}(\.\d{1,9})?(fps|hz|bit|b)?\Z"),
        st.sampled_from(["cif", "yuv420p10le", "444", "gray", "nv12", "400p12", "i420", "64x64", "rgb24", "sp", "be"]),
        st.text(st.characters(exclude_characters="/\0", codec="utf-8"), max_size=6),
    ),
    max_size=6,
)


@FUZZ
@given(tokens=NAMES, separator=st.sampled_from("_-. "))
def test_file_names(tmp_path: Path, tokens: list[str], separator: str) -> None:
    name = separator.join(["a", *tokens])[:120] + ".yuv"
    (tmp_path / name).write_bytes(bytes(range(256)) * 24)
    with suppress(InputError), warnings.catch_warnings(action="ignore"):
        clip = open_clip(tmp_path / name)
        frame = LAYOUTS[str(clip.pixel_format)].frame_bytes(clip.format.width, clip.format.height)
        assert len(list(clip.frames())) * frame == 256 * 24
    (tmp_path / name).unlink()


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
KEYS = st.sampled_from(
    ["model", "optimiser", "steps", "channels", "lr", "qps", "loss", "name", "command", "decode", "x"]
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=8,
)
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]" for i in range(9)
)
TEXTS = st.one_of(
    TREES.map(yaml.safe_dump),
    st.text(max_size=40),
    st.sampled_from(
        [BOMB, "!!python/object/apply:os.system ['false']", "a: &a [*a]", "{", "- -", "\t", "model: model"]
    ),
)


@settings(FUZZ, max_examples=60)
@given(text=TEXTS)
def test_configurations(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text, "utf-8")
    with suppress(InputError):
        parse_run("train-filter", InLoopFilter, [str(path), "--data", "data", "--out", "out"])


@settings(FUZZ, max_examples=60)
@given(text=TEXTS)
def test_codec_templates(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text, "utf-8")
    with suppress(InputError):
        load_template(str(path))


@FUZZ
@given(data=st.binary(max_size=200), length=st.integers(0, 1 << 63))
def test_weights(tmp_path: Path, data: bytes, length: int) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + data)
    with pytest.raises(InputError):
        load(path)


MUTATIONS = """
import sys
from pathlib import Path
import numpy as np
from codecnn.dataset.integrity import complaints
from codecnn.errors import InputError
from codecnn.dataset.reader import Shard

whole, rng = Path(sys.argv[1]).read_bytes(), np.random.default_rng(int(sys.argv[2]))
path, found = Path(sys.argv[1]).with_name("mutated.h5"), 0
structure = [i for i in range(0, len(whole), 8) if any(whole[i : i + 8])][:4000]  # the header, and what follows
for number in range(400):
    data = bytearray(whole)
    for place in rng.choice(structure if number % 2 else len(whole), rng.integers(1, 8)):
        data[place + rng.integers(0, 8) - 8] = rng.integers(0, 256)
    path.write_bytes(data)
    found += bool(list(complaints(path)))
    try:
        shard = Shard(path)
        for signal in ("original", "baseline", "unfiltered"):
            shard.picture(signal, 0)
        for size in shard.info.blocks:
            shard.labels(size)
    except InputError:
        pass
print(found)
"""


def test_dataset_files(tmp_path: Path) -> None:
    """In a process of its own, which a crash of the HDF5 library would end."""
    from tests.dataset.test_shard import write

    write(tmp_path / "whole.h5", frames=1)
    command = [sys.executable, "-c", MUTATIONS, str(tmp_path / "whole.h5"), "0"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    assert int(result.stdout) > 300
