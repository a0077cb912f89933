"""A small dataset that trains in a second: photographs, and a "codec" that blurs them."""

from pathlib import Path

from scipy.ndimage import gaussian_filter

from codecnn.dataset.schema import ShardInfo
from codecnn.dataset.writer import ShardWriter
from codecnn.video.picture import Picture
from tests.pictures import photograph

NAMES = ("astronaut", "chelsea", "coffee", "motorcycle_left")
HEIGHT, WIDTH, CTU = 76, 90, 32  # 3 x 3 CTUs, the last row and column partial


def coded(picture: Picture, blur: float) -> Picture:
    """The "codec" of these tests."""
    return Picture.of((gaussian_filter(plane, blur) for plane in picture.planes), picture.bit_depth)


def write_shard(path: Path, name: str, qp: int, frames: int = 1, codec: str = "blur") -> None:
    info = ShardInfo(
        source=f"{name}.png", source_sha256=f"{NAMES.index(name) * 11 % 16:x}" * 64, width=WIDTH, height=HEIGHT,
        bit_depth=8, chroma="420", fps="30", colour="", first_frames=0, every=1, codec=codec, codec_version="",
        preset="", codec_parameters="", decoder_version="", unfiltered_by="", qp=qp, ctu_size=CTU, margin=2,
        label_sizes="", label_modes="", label_references="none", package_version="",
    )  # fmt: skip
    original = photograph(name, HEIGHT, WIDTH)
    with ShardWriter(path, info) as writer:
        signals = {"original": original, "baseline": coded(original, qp / 30), "unfiltered": coded(original, qp / 40)}
        for _ in range(frames):
            writer.append(signals, 1000, qp)


def write_dataset(folder: Path, codec: str = "blur") -> Path:
    """Four sources, each at two QPs."""
    for name in NAMES:
        for qp in (22, 37):
            write_shard(folder / f"{name}_{qp}.h5", name, qp, codec=codec)
    return folder
