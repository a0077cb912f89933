"""Say where weights meet pictures that they were not trained for."""

import warnings
from collections.abc import Iterator, Sequence

from codecnn.codecs.bitstream import STANDARDS, DecodedFrame
from codecnn.codecs.registry import CODECS
from codecnn.errors import InputWarning
from codecnn.models.weights_header import Notes
from codecnn.training.provenance import trained_for
from experiments.filter_video.inputs import Input

TRAINED = "the weights were trained on"


def cautions(notes: Notes, source: Input, codec: str | None, preset: str | None) -> list[str]:
    """Return how a file differs from what weights were trained for; what the weights do not tell is not compared.

    codec, preset: what the user says that the file was coded by.
    """
    path, stream, trained = source.clip.path, source.bitstream, trained_for(notes)
    names = ", ".join(f"{name} preset {', '.join(sorted(presets))}" for name, presets in sorted(trained.items()))
    standards = {STANDARDS.get(CODECS[name].decoder) for name in trained if name in CODECS}
    codec = codec or (stream.encoder if stream else None)
    found = []
    if stream and standards and (standard := STANDARDS[stream.decoder]) not in standards:
        found.append(f"{path}: a stream of {standard}; the weights are for {names}")
    elif trained and codec and codec not in trained:
        found.append(f"{path}: coded by {codec}; the weights are for {names}")
    elif trained and not (codec and preset):
        unknown = "preset" if codec else "encoder and preset"
        found.append(f"{path}: {unknown} not known (--codec, --preset); the weights are for {names}")
    elif trained and codec and preset not in trained[codec]:
        found.append(f"{path}: coded by {codec} preset {preset}; the weights are for {names}")
    depths, depth = notes.get("bit_depths", []), source.clip.format.bit_depth
    if depths and depth not in depths:
        known = ", ".join(map(str, depths))
        found.append(f"{path}: {depth} bit; the weights are for {known} bit")
    return found


def watched(frames: Iterator[DecodedFrame], notes: Sequence[Notes], source: Input) -> Iterator[DecodedFrame]:
    """Yield frames, with an InputWarning for the first that is not intra, and the first whose QP is unusual.

    A QP is usual if it is in the range of one of the weights: some are for one QP each.
    """
    ranges = [known.get("qps") or [-255, 255] for known in notes]
    lowest, highest = min(map(min, ranges)), max(map(max, ranges))
    told: set[str] = set()
    for number, frame in enumerate(frames):
        usual = any(min(qps) <= frame.qp <= max(qps) for qps in ranges)
        unusual = {
            f"predicted from others; {TRAINED} intra frames": any(notes) and not frame.intra,
            f"of QP {frame.qp}; {TRAINED} {lowest} to {highest}": not usual,
        }
        for text in [text for text, applies in unusual.items() if applies and text.split()[0] not in told]:
            told.add(text.split()[0])
            warnings.warn(
                f"{source.clip.path}: frame {number}, and perhaps others, is {text}", InputWarning, stacklevel=2
            )
        yield frame
