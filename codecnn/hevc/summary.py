"""Sum up what is in a stream: headers, tools, bits by syntax, sizes of blocks, modes and QPs."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from codecnn.hevc.picture import CodedPicture
from codecnn.intra.hevc import MODES

HASHES = {True: "right", False: "wrong", None: "none"}
PROFILES = {1: "Main", 2: "Main 10", 3: "Main Still Picture", 4: "range extensions"}


@dataclass(frozen=True)
class StreamSummary:
    """Hold the sums over all pictures of a stream.

    Args:
        headers: of the first picture, by name.
        tools: for each tool of the headers whether it is on, or how it is set, in the first picture.
        used: by tool the share of the area, the 4x4 transform blocks or the CTUs where it is used, 0..1.
        hashes: how many pictures have the hash that the stream says ("right"), after the in-loop filters, another one
            ("wrong"), or the stream says none ("none").
        pictures: their number. slices: slice segments. slice_bytes: of their NAL units.
        bits: of the slice data, by syntax.
        coding_units, prediction_blocks, transform_units: their numbers by size.
        luma_modes: the area of each mode, as a share of what is not PCM, 0..1.
        qps: the area of each QP, 0..1.
    """

    headers: dict[str, Any]
    tools: dict[str, Any]
    used: dict[str, float]
    hashes: dict[str, int]
    pictures: int
    slices: int
    slice_bytes: int
    bits: dict[str, float]
    coding_units: dict[int, int]
    prediction_blocks: dict[int, int]
    transform_units: dict[int, int]
    luma_modes: tuple[float, ...]
    qps: dict[int, float]


def summarise(pictures: Iterable[CodedPicture]) -> StreamSummary:
    """Sum up the pictures of a stream, one after the other; ValueError if there is none."""
    headers: dict[str, Any] = {}
    tools: dict[str, Any] = {}
    bits: Counter[str] = Counter()
    sizes = {name: Counter[int]() for name in ("coding_units", "prediction_blocks", "transform_units")}
    used: Counter[str] = Counter()
    hashes: Counter[str] = Counter()
    qps: Counter[int] = Counter()
    modes = np.zeros(MODES)
    count = slices = slice_bytes = area = small_blocks = ctus = 0
    for picture in pictures:
        if count == 0:
            headers, tools = _headers(picture), _tools(picture)
        count += 1
        slices += len(picture.slices)
        slice_bytes += picture.size
        bits.update(asdict(picture.bits))
        for name, counter in sizes.items():
            counter.update(getattr(picture, name)["size"].tolist())
        units, blocks, transforms = picture.coding_units, picture.prediction_blocks, picture.transform_units
        areas = units["size"].astype(int) ** 2
        area += int(areas.sum())
        for qp in np.unique(units["qp"]):
            qps[int(qp)] += int(areas[units["qp"] == qp].sum())
        for name, flag in (("NxN", units["parts"] == 4), ("PCM", units["pcm"]), ("bypass", units["bypass"])):
            used[name] += int(areas[flag].sum())
        small = (transforms["size"] == 4) & transforms["cbf_y"]
        small_blocks += int(small.sum())
        used["transform skip"] += int((transforms["skip_y"] & small).sum())
        ctus += picture.ctus.size
        used["SAO"] += int(picture.ctus["sao_type"].any(1).sum())
        hashes[HASHES[picture.hash_matches]] += 1
        intra = blocks["luma_mode"] >= 0
        np.add.at(modes, blocks["luma_mode"][intra], blocks["size"][intra].astype(int) ** 2)
    if count == 0:
        raise ValueError("a stream without pictures cannot be summed up")
    whole = {"transform skip": max(small_blocks, 1), "SAO": ctus}
    return StreamSummary(
        headers,
        tools,
        {name: number / whole.get(name, area) for name, number in used.items()},
        dict(hashes),
        count,
        slices,
        slice_bytes,
        dict(bits),
        dict(sorted(sizes["coding_units"].items())),
        dict(sorted(sizes["prediction_blocks"].items())),
        dict(sorted(sizes["transform_units"].items())),
        tuple((modes / max(modes.sum(), 1)).tolist()),
        {qp: qps[qp] / area for qp in sorted(qps)},
    )


def _headers(picture: CodedPicture) -> dict[str, Any]:
    sps, shown = picture.sps, picture.unfiltered
    usability = sps.usability
    return {
        "profile": PROFILES.get(sps.profile.profile, f"profile {sps.profile.profile}"),
        "tier": "High" if sps.profile.high_tier else "Main",
        "level": sps.profile.level / 30,
        "width": shown.y.shape[1],
        "height": shown.y.shape[0],
        "coded width": sps.width,
        "coded height": sps.height,
        "chroma format": sps.chroma,
        "bit depth": sps.luma_depth,
        "bit depth of chroma": sps.chroma_depth,
        "pictures per second": float(usability.rate) if usability and usability.rate else None,
        "full range": usability.full_range if usability else None,
        "CTU": 1 << sps.ctb_bits,
        "smallest coding unit": 1 << sps.min_cb_bits,
        "transform blocks": [1 << sps.min_tb_bits, 1 << sps.max_tb_bits],
        "depth of transform trees": sps.max_depth_intra,
        "slice QP": picture.slices[0].qp,
    }


def _tools(picture: CodedPicture) -> dict[str, Any]:
    sps, pps, header = picture.sps, picture.pps, picture.slices[0]
    return {
        "deblocking": not header.deblocking_disabled,
        "SAO": [header.sao_luma, header.sao_chroma],
        "sign data hiding": pps.sign_hiding,
        "transform skip": pps.transform_skip,
        "strong smoothing": sps.strong_smoothing,
        "constrained intra": pps.constrained_intra,
        "QP delta": None if pps.qp_delta_depth is None else 1 << (sps.ctb_bits - pps.qp_delta_depth),
        "chroma QP offsets": [pps.cb_offset + header.cb_offset, pps.cr_offset + header.cr_offset],
        "scaling lists": sps.scaling is not None,
        "PCM": sps.pcm is not None,
        "transquant bypass": pps.transquant_bypass,
        "tiles": [pps.tiles.columns, pps.tiles.rows] if pps.tiles else None,
        "wavefronts": pps.wavefront,
        "dependent slices": pps.dependent_slices,
    }
