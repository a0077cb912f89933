"""Test the reader on streams of x265 in many settings: every sample is that of libavcodec, without filters and with."""

from pathlib import Path

import av
import numpy as np
import pytest

from codecnn.errors import InputError
from codecnn.hevc import CodedPicture, read
from codecnn.video.frames import picture_from_frame
from tests.hevc.streams import GOLDEN, decode, decode_unfiltered, encode, md5s, pictures

SIZE = (136, 200)
PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip
SETTINGS = [
    *((preset, f"qp={10 + 3 * number}", 8, "420", SIZE) for number, preset in enumerate(PRESETS)),
    *(("fast", f"qp={qp}", 8, "420", SIZE) for qp in (0, 4, 45, 51)),
    *((preset, "qp=25", 10, "420", SIZE) for preset in ("ultrafast", "medium", "slower")),
    ("fast", "qp=2", 10, "420", SIZE),
    *(("medium", f"qp=27:ctu={ctu}", 8, "420", SIZE) for ctu in (16, 32, 64)),
    ("slow", "qp=30:ctu=32:min-cu-size=16", 8, "420", SIZE),
    ("slow", "qp=24:ctu=64:min-cu-size=32", 8, "420", (160, 224)),
    ("slow", "qp=24:max-tu-size=8", 8, "420", SIZE),
    ("slow", "qp=24:tu-intra-depth=4:ctu=32", 8, "420", SIZE),
    ("medium", "qp=20:tskip=1", 8, "420", SIZE),
    ("medium", "qp=10:tskip=1:rd=6", 10, "420", SIZE),
    ("medium", "qp=28:rdoq-level=0:signhide=0", 8, "420", SIZE),
    ("medium", "qp=28:rdoq-level=2:psy-rdoq=2", 8, "420", SIZE),
    ("medium", "qp=32:wpp=1:pools=2", 8, "420", (200, 264)),
    ("fast", "qp=32:ctu=16:wpp=1:pools=2", 8, "420", (72, 72)),
    ("medium", "qp=32:slices=3:wpp=1:pools=2", 8, "420", (200, 264)),
    ("medium", "crf=26:aq-mode=1:aq-strength=2", 8, "420", SIZE),
    ("medium", "crf=24:aq-mode=2:qg-size=8", 8, "420", SIZE),
    ("medium", "crf=30:aq-mode=3:qg-size=32:aq-strength=3", 10, "420", SIZE),
    ("fast", "crf=18:aq-mode=2:qg-size=16:ctu=32", 8, "420", SIZE),
    ("medium", "lossless=1", 8, "420", SIZE),
    ("fast", "lossless=1", 10, "420", SIZE),
    ("slow", "qp=20:cu-lossless=1:rd=6", 8, "420", SIZE),
    ("medium", "qp=26:scaling-list=default", 8, "420", SIZE),
    ("medium", "qp=20:scaling-list=default:tskip=1", 10, "420", SIZE),
    ("medium", "qp=30:constrained-intra=1", 8, "420", SIZE),
    ("medium", "qp=30:strong-intra-smoothing=0", 8, "420", (200, 264)),
    ("medium", "qp=30:cbqpoffs=6:crqpoffs=-8", 8, "420", SIZE),
    ("medium", "qp=30:no-sao=1:deblock=2", 8, "420", SIZE),
    ("medium", "qp=30:sao=1:sao-non-deblock=1", 10, "420", SIZE),
    ("medium", "qp=30:no-deblock=1:hash=1", 8, "420", SIZE),
    ("medium", "qp=34:deblock=6,-6:hash=3", 8, "420", SIZE),
    ("medium", "qp=36:deblock=-4,5:hash=3", 10, "420", SIZE),
    ("fast", "crf=36:aq-mode=2:aq-strength=3:qg-size=8:cbqpoffs=12:crqpoffs=-12:hash=1", 10, "420", SIZE),
    ("medium", "qp=36:slices=3:wpp=1:pools=2:hash=3", 8, "420", (200, 264)),
    ("medium", "qp=30:aud=1:repeat-headers=1:hrd=1:vbv-maxrate=9000:vbv-bufsize=9000:sar=4", 8, "420", SIZE),
    ("medium", "qp=30:range=full:colorprim=1:transfer=1:colormatrix=1:chromaloc=2:overscan=show", 8, "420", SIZE),
    ("medium", "qp=30:field=1", 8, "420", SIZE),
    ("medium", "qp=27:hash=2", 8, "400", SIZE),  # the CRC that x265 writes is wrong in chroma
    ("slow", "qp=22:tskip=1:hash=2", 10, "400", SIZE),
    ("fast", "qp=33:hash=3", 8, "420", (66, 600)),  # the checksum of places above 255
    *(("fast", "qp=29", 8, "420", size) for size in ((64, 66), (130, 70), (74, 202), (90, 318))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("preset", "parameters", "bit_depth", "chroma", "size"),
    SETTINGS,
    ids=[f"{s[0]} {s[1]} {s[2]} {s[3]} {s[4][1]}x{s[4][0]}" for s in SETTINGS],
)  # fmt: skip
def test_every_sample_is_that_of_libavcodec(
    preset: str, parameters: str, bit_depth: int, chroma: str, size: tuple[int, int]
) -> None:
    if "pools" not in parameters:
        parameters += ":wpp=0:pools=none"
    packets = encode(pictures(*size, bit_depth, chroma), preset, parameters)
    found = list(read(b"".join(bytes(packet) for packet in packets)))
    assert len(found) == len(pictures(*size))
    assert {picture.hash_matches for picture in found} == {True if "hash" in parameters else None}
    for ours, expected in (
        ([picture.unfiltered for picture in found], decode_unfiltered(packets)),
        ([picture.baseline for picture in found], decode(packets)),
    ):
        for picture, other in zip(ours, expected, strict=True):
            assert picture.bit_depth == other.bit_depth
            for plane, reference in zip(picture.planes, other.planes, strict=True):
                np.testing.assert_array_equal(plane, reference)
                assert plane.dtype == reference.dtype


def test_what_the_settings_are_for_is_there() -> None:
    """The settings above reach the tools that they name."""

    def coded(preset: str, parameters: str) -> list[CodedPicture]:
        packets = encode(pictures(*SIZE), preset, f"{parameters}:wpp=0:pools=none")
        return list(read(b"".join(bytes(packet) for packet in packets)))

    assert any(picture.transform_units["skip_y"].any() for picture in coded("medium", "qp=20:tskip=1"))
    assert all(picture.coding_units["bypass"].all() for picture in coded("medium", "lossless=1"))
    (first, *_) = coded("medium", "crf=24:aq-mode=2:qg-size=8")
    assert np.unique(first.coding_units["qp"]).size >= 4
    assert first.bits.delta_qp > 0
    assert first.sps.profile.profile in (1, 4)
    assert any(picture.ctus["sao_type"].any() for picture in coded("medium", "qp=30"))


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_containers_are_read(tmp_path: Path, kind: str) -> None:
    content = pictures(*SIZE)
    path = tmp_path / f"film.{kind}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=25, options={"x265-params": "keyint=1:log-level=none:qp=30"})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for picture in content:
            frame = av.VideoFrame.from_ndarray(
                np.concatenate([plane.ravel() for plane in picture.planes]).reshape(-1, SIZE[1]), "yuv420p"
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        context = container.streams.video[0].codec_context
        context.options = {"skip_loop_filter": "all"}
        expected = [frame.to_ndarray() for packet in [*packets, None] for frame in context.decode(packet)]
    found = list(read(path))
    assert len(found) == len(expected) == 2
    for coded, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(coded.unfiltered.y, other[: SIZE[0]])


def test_all_items_of_heic_are_read() -> None:
    """The file has two parts of astronaut.png, written by pillow-heif 1.8.1 (libheif 1.23.6, x265), quality 60."""
    path = GOLDEN.parent / "two_pictures.heic"
    expected = []
    with av.open(str(path)) as container:
        for packet in container.demux(video=[0, 1]):
            context = packet.stream.codec_context
            assert isinstance(context, av.VideoCodecContext)
            context.options = {"skip_loop_filter": "all"}
            expected += [picture_from_frame(frame) for frame in context.decode(packet)]
    found = [picture.unfiltered for picture in read(path)]
    assert [picture.y.shape for picture in found] == [(64, 72), (64, 64)]  # the 40 rows of the first are padded
    assert [md5s(picture) for picture in found] == [md5s(picture) for picture in expected]


@pytest.mark.parametrize(
    ("chroma", "bit_depth", "parameters", "reason"),
    [
        ("422", 8, "qp=30", "chroma format 4:2:2"),
        ("444", 8, "qp=30", "chroma format 4:4:4"),
        ("420", 12, "qp=30", "12 bit"),
        ("420", 8, "qp=30:keyint=8", "inter slices"),
    ],
)
def test_other_streams_are_refused_by_name(chroma: str, bit_depth: int, parameters: str, reason: str) -> None:
    packets = encode(pictures(*SIZE, bit_depth, chroma), "fast", f"{parameters}:wpp=0:pools=none")
    with pytest.raises(InputError, match=reason):
        list(read(b"".join(bytes(packet) for packet in packets)))
