"""Test reading of picture and video files against Pillow, tifffile and FFmpeg, which wrote them."""

import struct
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from codecnn.errors import InputError
from codecnn.video.clip import open_clip
from codecnn.video.colour import Conversion, rgb_to_picture
from codecnn.video.format_options import FormatOptions
from codecnn.video.frames import frame_from_picture
from codecnn.video.picture import Picture
from codecnn.video.turn import orientation_of
from tests.pictures import PHOTOGRAPHS, photograph

HEIGHT, WIDTH = 48, 64
ORIENTATION = 0x0112

PHOTOGRAPH = photograph("coffee", HEIGHT, WIDTH)


def image(name: str = "coffee", mode: str = "RGB") -> Image.Image:
    """Return a part of a photograph."""
    with Image.open(PHOTOGRAPHS / f"{name}.png") as whole:
        return whole.convert("RGB").crop((200, 100, 200 + WIDTH, 100 + HEIGHT)).convert(mode)


def same(a: Picture, b: Picture) -> None:
    assert (a.bit_depth, a.chroma) == (b.bit_depth, b.chroma)
    for p, q in zip(a.planes, b.planes, strict=True):
        np.testing.assert_array_equal(p, q)


def by_default(rgb: NDArray, bits: int = 8) -> Picture:
    """Return what RGB becomes if nothing is asked for."""
    return rgb_to_picture(rgb, 8 if bits == 8 else 10, Conversion(), bits)


def write_video(path: Path, encoder: str = "libx264", frames: int = 12, **options: str) -> None:
    """Write a short video; the container follows from the name."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(frames):
            frame = frame_from_picture(Picture.of((np.roll(p, index, 1) for p in PHOTOGRAPH.planes), 8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    "name",
    ["a.png", "b?.png", "c[1].png", "d%03d.png", "e.tga", "f.bmp", "g.pgm", "h.tif", "i.pcx", "j.gif", "k.jp2", "l"],
)
def test_a_grey_picture_is_luma_of_full_range_in_every_kind_of_file(tmp_path: Path, name: str) -> None:
    grey = image(mode="L")
    grey.save(tmp_path / name, **({"format": "PNG"} if "." not in name else {}))
    clip = open_clip(tmp_path / name)
    (picture,) = clip.frames()
    same(picture, Picture.of([np.asarray(grey)], 8))
    assert clip.colour == "grey as luma, full range"


def test_a_grey_jpeg_and_a_grey_palette_are_so_too(tmp_path: Path) -> None:
    grey = image(mode="L")
    grey.save(tmp_path / "a.jpg", quality=100)
    clip = open_clip(tmp_path / "a.jpg")
    (picture,) = clip.frames()
    assert (picture.chroma, clip.colour) == ("400", "grey as luma, full range")
    assert np.abs(picture.y.astype(int) - np.asarray(grey)).max() <= 2
    grey.quantize(256).save(tmp_path / "b.png")
    assert open_clip(tmp_path / "b.png").colour == "grey as luma, full range"


def test_options_convert_grey_as_they_convert_rgb(tmp_path: Path) -> None:
    grey = image(mode="L")
    grey.save(tmp_path / "a.png")
    rgb = np.repeat(np.asarray(grey)[..., None], 3, axis=2)
    clip = open_clip(tmp_path / "a.png", FormatOptions(chroma="420", range="limited"))
    same(next(clip.frames()), by_default(rgb))
    clip = open_clip(tmp_path / "a.png", FormatOptions(range="limited", bit_depth=10))
    same(next(clip.frames()), rgb_to_picture(rgb, 10, Conversion(chroma="400")))
    assert clip.colour == "grey as luma, limited range; 8 bit scaled to 10"


def test_a_file_is_what_it_holds_whatever_its_name(tmp_path: Path) -> None:
    image().save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    for name in ("a.jpg", "a.mp4", "a.m3u8", "a.tga", "a", "a.png.txt", "12:30.png", "-a b'c.png", "größe 畫.png"):
        (tmp_path / name).write_bytes(data)
        same(next(open_clip(tmp_path / name).frames()), by_default(np.asarray(image())))


TIFF_KINDS: dict[str, dict[str, object]] = {
    "plain": {},
    "deflated": {"compression": "zlib"},
    "planes": {"planarconfig": "separate"},
    "big-endian": {"byteorder": ">"},
}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", TIFF_KINDS)
def test_tiff_files_of_all_kinds(tmp_path: Path, kind: str, bits: int) -> None:
    rgb = np.asarray(image()).astype(np.uint16)
    rgb = rgb.astype(np.uint8) if bits == 8 else rgb * np.uint16(257) + np.arange(WIDTH, dtype=np.uint16)[:, None] // 2
    stored = np.moveaxis(rgb, 2, 0) if kind == "planes" else rgb
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", **TIFF_KINDS[kind])  # type: ignore[arg-type]
    clip = open_clip(tmp_path / "a.tif")
    same(next(clip.frames()), by_default(rgb, bits))
    assert clip.colour.endswith("; 16 bit scaled to 10") == (bits == 16)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_packed_tiff_files_of_pillow(tmp_path: Path, compression: str) -> None:
    image().save(tmp_path / "a.tif", compression=compression)
    same(next(open_clip(tmp_path / "a.tif").frames()), by_default(np.asarray(image())))


def test_tiff_files_that_ffmpeg_reads_wrongly_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "tiles.tif", np.asarray(image()), photometric="rgb", tile=(16, 16))
    image().save(tmp_path / "jpeg.tif", compression="jpeg")
    for name in ("tiles.tif", "jpeg.tif"):
        with pytest.raises(InputError, match=rf"{name}: this kind of TIFF is not read"):
            open_clip(tmp_path / name)


def test_deep_rgb_is_scaled_by_its_own_peak(tmp_path: Path) -> None:
    white = av.VideoFrame(WIDTH, HEIGHT, "gbrp10le")
    for plane in white.planes:
        np.frombuffer(memoryview(plane), np.uint16)[:] = np.arange(plane.buffer_size // 2) % 1024
    rgb = white.to_ndarray()
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gbrp10le"
        container.mux(stream.encode(white))
        container.mux(stream.encode(None))
    (picture,) = open_clip(tmp_path / "a.mkv", FormatOptions(chroma="444")).frames()
    factors = np.array([0.2126, 0.7152, 0.0722])
    exact = (219 * (rgb / 1023 @ factors) + 16) * 4
    assert np.abs(picture.y - exact).max() <= 0.5 + 1e-9


def write_one(path: Path, pixel_format: str, samples: bytes) -> None:
    """Write a PNG of a pixel format that Pillow does not write."""
    frame = av.VideoFrame(WIDTH, HEIGHT, pixel_format)
    plane = frame.planes[0]
    row = len(samples) // HEIGHT
    padded = (samples[at : at + row].ljust(plane.line_size, b"\0") for at in range(0, len(samples), row))
    plane.update(b"".join(padded).ljust(plane.buffer_size, b"\0"))
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        container.mux([*stream.encode(frame), *stream.encode(None)])


def test_transparent_parts_and_cmyk_are_refused(tmp_path: Path) -> None:
    picture = image(mode="RGBA")
    picture.save(tmp_path / "opaque.png")
    same(next(open_clip(tmp_path / "opaque.png").frames()), by_default(np.asarray(image())))
    picture.putpixel((5, 5), (1, 2, 3, 254))
    picture.save(tmp_path / "a.png")
    image(mode="LA").save(tmp_path / "grey.png")
    same(next(open_clip(tmp_path / "grey.png").frames()), Picture.of([np.asarray(image(mode="L"))], 8))
    deep = np.repeat(np.asarray(image(mode="L")).astype(np.uint16)[..., None] * 257, 2, axis=2)
    deep[..., 1] = 65535
    write_one(tmp_path / "deep.png", "ya16be", deep.astype(">u2").tobytes())
    (picture16,) = open_clip(tmp_path / "deep.png").frames()
    np.testing.assert_array_equal(picture16.y, np.floor(1023 * (deep[..., 0] / 65535) + 0.5))
    image(mode="CMYK").save(tmp_path / "a.jpg")
    image(mode="CMYK").save(tmp_path / "a.tif")
    for name, reason in (("a.png", "has transparent parts"), ("a.jpg", "CMYK"), ("a.tif", "CMYK")):
        with pytest.raises(InputError, match=rf"{name}: .*{reason}"):
            open_clip(tmp_path / name)


def test_an_alpha_channel_that_is_not_decoded_is_refused(tmp_path: Path) -> None:
    for alpha in ("0", "1"):
        with av.open(str(tmp_path / f"{alpha}.webm"), "w") as container:
            stream = container.add_stream("libvpx-vp9", rate=25)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.metadata["alpha_mode"] = alpha
            container.mux([*stream.encode(frame_from_picture(PHOTOGRAPH)), *stream.encode(None)])
    assert len(list(open_clip(tmp_path / "0.webm").frames())) == 1
    with pytest.raises(InputError, match=r"1\.webm: has an alpha channel, which is not decoded"):
        open_clip(tmp_path / "1.webm")


def write_png_with_a_wrong_checksum(path: Path) -> None:
    image().save(path)
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 4 + struct.unpack_from(">I", data, data.index(b"IDAT") - 4)[0]] ^= 1  # of its CRC
    path.write_bytes(data)


def test_a_wrong_checksum_is_an_error(tmp_path: Path) -> None:
    write_png_with_a_wrong_checksum(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png: "):
        list(open_clip(tmp_path / "a.png").frames())


CUT = [
    *("a.png", "a.jpg", "a.gif", "a.webp", "a.tif", "a.bmp", "a.tga", "a.jp2", "a.avif", "a.ppm", "a.sgi", "a.pcx"),
    *("a.mp4", "a.mov", "a.mkv", "a.avi", "a.flv", "a.ivf", "a.ogg", "a.apng"),
]


def write_any(path: Path) -> None:
    """Write the picture, or frames, that the name says."""
    if path.suffix in (".mp4", ".mov", ".mkv", ".flv", ".avi"):
        write_video(path, movflags="faststart") if path.suffix == ".mp4" else write_video(path)
    elif path.suffix in (".ivf", ".ogg"):
        write_video(path, "libvpx", deadline="realtime")
    elif path.suffix == ".apng":
        image().save(path, "PNG", save_all=True, append_images=[image("chelsea"), image("astronaut")])
    else:
        image().save(path, **({"compression": "tiff_lzw"} if path.suffix == ".tif" else {}))


@pytest.mark.parametrize("part", [0.5, 0.9])
@pytest.mark.parametrize("name", CUT)
def test_a_file_that_was_cut_is_an_error(tmp_path: Path, name: str, part: float) -> None:
    write_any(tmp_path / name)
    frames = list(open_clip(tmp_path / name).frames())
    assert len(frames) == (
        12 if name[2:] in ("mp4", "mov", "mkv", "avi", "flv", "ivf", "ogg") else 3 if "apng" in name else 1
    )
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(part * len(data))])
    with pytest.raises(InputError, match=rf"{name}: "):
        list(open_clip(tmp_path / name).frames())


def test_what_a_camera_adds_to_an_mp4_is_passed_over(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4")
    for added in (b"\xff" * 100, b"\0" * 100, np.random.default_rng(1).bytes(5000)):
        path = tmp_path / "b.mp4"
        path.write_bytes((tmp_path / "a.mp4").read_bytes() + added)
        assert len(list(open_clip(path).frames())) == 12


def test_a_repeated_frame_of_an_avi_is_none_that_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for time in (0, 2, 3, 6):  # FFmpeg stores empty packets at the other times
            frame = frame_from_picture(PHOTOGRAPH)
            frame.pts = time
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert len(list(open_clip(path).frames())) == 4
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"00dc", 0, data.index(b"idx1"))])  # without the last frame and the index
    with pytest.raises(InputError, match="3 frames could be decoded of 6"):
        list(open_clip(path).frames())


@pytest.mark.parametrize("name", ["a.jpg", "a.mp4", "a.mkv", "a.gif", "a.png", "a.tif"])
def test_random_bytes_in_the_middle_are_an_error(tmp_path: Path, name: str) -> None:
    write_any(tmp_path / name)
    data = bytearray((tmp_path / name).read_bytes())
    middle = len(data) * 3 // 4
    data[middle : middle + 200] = np.random.default_rng(1).bytes(200)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=rf"{name}: "):
        list(open_clip(tmp_path / name).frames())


@pytest.mark.parametrize("name", ["a.wmv", "a.tif", "a.avif"])
def test_whatever_is_in_a_file_nothing_is_printed(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    write_video(tmp_path / name, "wmv2", 3) if name == "a.wmv" else image().save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    for at in range(0, min(len(data), 448), 16):
        damaged = bytearray(data)
        damaged[at : at + 4] = b"\xff" * 4
        (tmp_path / name).write_bytes(damaged)
        with suppress(InputError):
            list(open_clip(tmp_path / name).frames())
    assert capfd.readouterr() == ("", "")


def test_lists_of_other_files_are_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "v.ts", "mpeg2video")
    lists = {
        "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.5,\nv.ts\n#EXT-X-ENDLIST\n",
        "a.ffconcat": "ffconcat version 1.0\nfile v.ts\n",
        "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 33\n",
        "a.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
        '<Representation id="1" bandwidth="1"><BaseURL>v.ts</BaseURL></Representation></AdaptationSet></Period></MPD>',
        "a.txt": "v.ts\n",
        "a.svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/hostname"/></svg>',
    }
    for name, text in lists.items():
        for other in (name, name + ".mp4", "plain"):
            (tmp_path / other).write_text(text)
            with pytest.raises(InputError, match=rf"{other}: not a picture or video that can be read"):
                open_clip(tmp_path / other)


def test_a_name_is_never_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("concat:a.png|b.png", "data:image,AAAA", "http:a.png", "subfile,,start,0,end,9,,:a.png"):
        image().save(name, "PNG")
        same(next(open_clip(name).frames()), by_default(np.asarray(image())))


SEVERAL = [image(name) for name in ("coffee", "chelsea", "astronaut")]


@pytest.mark.parametrize("name", ["a.tif", "a.webp", "a.mpo"])
def test_pages_that_are_not_read_are_an_error(tmp_path: Path, name: str) -> None:
    SEVERAL[0].save(tmp_path / name, save_all=True, append_images=SEVERAL[1:])
    with pytest.raises(InputError, match=rf"{name}: holds 3 pictures"):
        open_clip(tmp_path / name)


def test_all_frames_of_animated_pictures_are_read(tmp_path: Path) -> None:
    for name in ("a.png", "a.avif"):
        SEVERAL[0].save(tmp_path / name, save_all=True, append_images=SEVERAL[1:], duration=40, quality=100)
        pictures = list(open_clip(tmp_path / name).frames())
        assert len(pictures) == 3
        for picture, written in zip(pictures, SEVERAL, strict=True):
            luma = by_default(np.asarray(written)).y
            assert np.corrcoef(picture.y.ravel(), luma.ravel())[0, 1] > 0.99
    SEVERAL[0].save(tmp_path / "a.gif", save_all=True, append_images=SEVERAL[1:], duration=40)
    with Image.open(tmp_path / "a.gif") as gif:
        assert len(list(open_clip(tmp_path / "a.gif").frames())) == gif.n_frames == 3  # type: ignore[attr-defined]


def box(kind: bytes, *parts: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, parts)), kind) + b"".join(parts)


def write_tiles(path: Path, columns: int) -> None:
    """Write an AVIF of equal tiles in one row (ISO/IEC 23008-12, derived images of type grid)."""
    image().save(path)
    data = path.read_bytes()

    def part(kind: bytes) -> bytes:
        at = data.index(kind) - 4
        return data[at : at + struct.unpack_from(">I", data, at)[0]]

    tile = part(b"mdat")[8:]
    grid = struct.pack(">BBBBHH", 0, 0, 0, columns - 1, columns * WIDTH, HEIGHT)
    number = range(2, 2 + columns)
    entry = [struct.pack(">I HH4sx", 2 << 24 | (i > 1), i, 0, b"av01" if i > 1 else b"grid") for i in (1, *number)]
    sizes = [struct.pack(">III", 0, width, HEIGHT) for width in (columns * WIDTH, WIDTH)]
    uses = [struct.pack(">HBB", 1, 1, 1), *(struct.pack(">HBBB", i, 2, 2, 0x83) for i in number)]

    def meta(start: int) -> bytes:
        places = [struct.pack(">HHHII", 1, 0, 1, start, len(grid))]
        places += [struct.pack(">HHHII", i, 0, 1, start + len(grid), len(tile)) for i in number]
        return box(
            b"meta",
            bytes(4),
            box(b"hdlr", struct.pack(">8x4s13x", b"pict")),
            box(b"pitm", struct.pack(">IH", 0, 1)),
            box(b"iinf", struct.pack(">IH", 0, len(entry)), *(box(b"infe", e) for e in entry)),
            box(b"iref", bytes(4), box(b"dimg", struct.pack(f">HH{columns}H", 1, columns, *number))),
            box(
                b"iprp",
                box(b"ipco", *(box(b"ispe", size) for size in sizes), part(b"av1C")),
                box(b"ipma", struct.pack(">II", 0, len(uses)), *uses),
            ),
            box(b"iloc", struct.pack(">IBBH", 0, 0x44, 0, len(places)), *places),
        )

    head = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    path.write_bytes(head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", grid, tile))


@pytest.mark.parametrize("columns", [1, 3])
def test_a_picture_made_of_tiles_is_refused(tmp_path: Path, columns: int) -> None:
    write_tiles(tmp_path / "a.avif", columns)
    with Image.open(tmp_path / "a.avif") as picture:
        assert picture.size == (columns * WIDTH, HEIGHT)
    with pytest.raises(InputError, match=rf"a\.avif: made of {columns} tiles"):
        open_clip(tmp_path / "a.avif")


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_several_video_streams_are_an_error(tmp_path: Path, name: str) -> None:
    frame = frame_from_picture(PHOTOGRAPH)
    with av.open(str(tmp_path / name), "w") as container:
        streams = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for stream in streams:
            container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(InputError, match=rf"{name}: holds 2 pictures or video streams"):
        open_clip(tmp_path / name)


def test_sound_beside_the_video_is_passed_over(tmp_path: Path) -> None:
    frames = [frame_from_picture(PHOTOGRAPH)] * 3
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        sound, video = container.add_stream("pcm_s16le", rate=8000), container.add_stream("libx264", rate=25)
        assert isinstance(sound, av.AudioStream)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        tone.rate = 8000
        container.mux(sound.encode(tone))
        for index, frame in enumerate(frames):
            frame.pts = index
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    assert len(list(open_clip(tmp_path / "a.mkv").frames())) == 3


def exif_of(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_exif_says(tmp_path: Path, orientation: int) -> None:
    exif = exif_of(orientation)
    shown = ImageOps.exif_transpose(_with_exif(image(), orientation))
    for name in ("a.png", "a.tif", "b.webp"):
        image().save(tmp_path / name, lossless=True, exif=exif)
        clip = open_clip(tmp_path / name)
        assert (clip.format.width, clip.format.height) == shown.size
        same(next(clip.frames()), by_default(np.asarray(shown)))
    image().save(tmp_path / "a.jpg", quality=95, exif=exif)
    image().save(tmp_path / "a.avif", quality=95, exif=exif)
    upright = tmp_path / "upright.jpg"
    image().save(upright, quality=95)
    (picture,) = open_clip(tmp_path / "a.jpg").frames()
    for plane, stored in zip(picture.planes, next(open_clip(upright).frames()).planes, strict=True):
        turned = ImageOps.exif_transpose(_with_exif(Image.fromarray(stored), orientation))
        np.testing.assert_array_equal(plane, np.asarray(turned))
    (avif,) = open_clip(tmp_path / "a.avif").frames()
    assert np.corrcoef(avif.y.ravel(), picture.y.ravel())[0, 1] > 0.99


def _with_exif(picture: Image.Image, orientation: int) -> Image.Image:
    picture.getexif()[ORIENTATION] = orientation
    return picture


def test_planes_that_cannot_be_turned_are_refused(tmp_path: Path) -> None:
    exif = exif_of(6)
    image().save(tmp_path / "a.jpg", exif=exif, subsampling="4:2:2")
    image().crop((0, 0, 33, 32)).save(tmp_path / "b.jpg", exif=exif, subsampling="4:2:0")
    for name, what in (("a.jpg", "64x48 of 422"), ("b.jpg", "33x32 of 420")):
        with pytest.raises(InputError, match=rf"{name}: .*{what}"):
            open_clip(tmp_path / name)


class _OtherSideData:
    """Stand for a frame with side data that PyAV does not know, such as those of Dolby Vision."""

    def __init__(self, rotation: int) -> None:
        self.rotation = rotation

    @property
    def side_data(self) -> object:
        raise ValueError("24 is not a valid Type")


def test_a_video_that_is_turned_by_another_angle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    for degrees in (90, 180, -90, 45):
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.set_display_rotation(degrees)
            container.mux([*stream.encode(frame_from_picture(PHOTOGRAPH)), *stream.encode(None)])
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            other = cast(av.VideoFrame, _OtherSideData(frame.rotation))
            if degrees != 45:
                assert orientation_of(path, other) == orientation_of(path, frame)
                continue
            for one in (frame, other):
                with pytest.raises(InputError, match="another angle than 90, 180 or 270"):
                    orientation_of(path, one)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_a_video_is_turned_as_its_container_says(tmp_path: Path, degrees: int, turns: int) -> None:
    picture = PHOTOGRAPH
    for name in ("a.mp4", "upright.mp4"):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            if name == "a.mp4":
                stream.set_display_rotation(degrees)
            container.mux([*stream.encode(frame_from_picture(picture)), *stream.encode(None)])
    (turned,) = open_clip(tmp_path / "a.mp4").frames()
    (upright,) = open_clip(tmp_path / "upright.mp4").frames()
    for plane, stored in zip(turned.planes, upright.planes, strict=True):
        np.testing.assert_array_equal(plane, np.rot90(stored, turns))


def test_a_cropped_picture_is_refused(tmp_path: Path) -> None:
    image().save(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    box = struct.pack(">I4s8I", 40, b"clap", 32, 1, 32, 1, 0, 1, 0, 1)
    free = (
        data.index(b"pixi") - 4
    )  # a property that is not needed makes place for the one of the crop, as far as it goes
    assert free > 0
    path = tmp_path / "crop.avif"
    path.write_bytes(_grown(data, b"ipco", box))
    with pytest.raises(InputError, match=r"crop\.avif: is shown cropped to 32x32"):
        open_clip(path)


def _grown(data: bytes, box: bytes, addition: bytes) -> bytes:
    """Append to a box inside of meta > iprp, and move the data behind it."""
    grown = bytearray(data)
    for name in (b"meta", b"iprp", box):
        at = grown.index(name) - 4
        struct.pack_into(">I", grown, at, struct.unpack_from(">I", grown, at)[0] + len(addition))
    at = grown.index(box) - 4
    end = at + struct.unpack_from(">I", grown, at)[0] - len(addition)
    return bytes(grown[:end] + addition + grown[end:])


def test_linear_light_is_refused(tmp_path: Path) -> None:
    rgb = (np.asarray(image()) / 255).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", rgb, photometric="rgb")
    tifffile.imwrite(tmp_path / "grey.tif", rgb[..., 0])
    (tmp_path / "a.pfm").write_bytes(b"PF\n%d %d\n-1.0\n" % (WIDTH, HEIGHT) + rgb.tobytes())
    (tmp_path / "a.hdr").write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 16 +X 16\n" + bytes(1024))
    with av.open(str(tmp_path / "a.exr"), "w", format="image2") as container:
        stream = container.add_stream("exr", rate=1)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gbrpf32le"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="gbrpf32le")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    for name in ("a.tif", "grey.tif", "a.pfm", "a.hdr", "a.exr"):
        with pytest.raises(InputError, match=rf"{name}: .*linear light"):
            open_clip(tmp_path / name)


def test_pq_is_kept_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    picture = photograph("coffee", HEIGHT, WIDTH, 10)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p10le"
        stream.codec_context.color_trc = 16  # SMPTE ST 2084
        frame = frame_from_picture(picture)
        frame.color_trc = 16
        container.mux([*stream.encode(frame), *stream.encode(None)])
    clip = open_clip(path)
    same(next(clip.frames()), picture)
    assert clip.colour.endswith("; PQ")


def test_an_edit_list_shows_a_part(tmp_path: Path) -> None:
    write_video(tmp_path / "whole.mp4", g="100", bf="0")
    with av.open(str(tmp_path / "whole.mp4")) as source, av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.pts is not None and packet.dts is not None and packet.duration:
                packet.pts, packet.dts = packet.pts - 3 * packet.duration, packet.dts - 3 * packet.duration
                packet.stream = stream
                container.mux(packet)
    with av.open(str(tmp_path / "a.mp4")) as container:
        expected = [frame.to_ndarray() for frame in container.decode(video=0)]
        stated = container.streams.video[0].frames
    pictures = list(open_clip(tmp_path / "a.mp4").frames())
    assert len(pictures) == len(expected) < stated == 12


def test_the_rate_is_guessed_where_it_is_not_stated(tmp_path: Path) -> None:
    for name, encoder in (("a.ivf", "libvpx"), ("a.264", "libx264"), ("a.ogv", "libtheora")):
        if encoder in av.codecs_available:
            write_video(tmp_path / name, encoder)
            assert open_clip(tmp_path / name).format.fps == 25
            assert open_clip(tmp_path / name, FormatOptions(fps=Fraction(60))).format.fps == 60


def test_text_of_another_encoding_in_a_container_does_no_harm(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        container.metadata["title"] = "TITLE"
        container.mux([*stream.encode(frame_from_picture(PHOTOGRAPH)), *stream.encode(None)])
    data = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "a.mkv").write_bytes(data.replace(b"TITLE", b"TI\xff\xfeE"))
    assert len(list(open_clip(tmp_path / "a.mkv").frames())) == 1
