"""Compare weights with data: codecs, sources, and the commit of the code."""

import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from codecnn.dataset.schema import ShardInfo
from codecnn.models.weights_header import Notes


def codecs_of(infos: Iterable[ShardInfo]) -> list[str]:
    """Return the encoders of a dataset with their presets, such as "x265: libx265 4.1 (build 215), preset medium"."""
    return sorted({f"{i.codec}: {i.codec_version}" + (f", preset {i.preset}" if i.preset else "") for i in infos})


def trained_on(notes: Notes, infos: Iterable[ShardInfo]) -> list[str]:
    """Return the sources that weights were trained on, by their content, or by name where that is not noted."""
    return _known(notes, "sources", infos)


def chosen_by(notes: Notes, infos: Iterable[ShardInfo]) -> list[str]:
    """Return the sources that were held out of a training to choose its best checkpoint, as `trained_on` does."""
    return _known(notes, "held_out", infos)


def _known(notes: Notes, field: str, infos: Iterable[ShardInfo]) -> list[str]:
    if (hashes := notes.get(f"{field}_sha256")) is not None:
        return sorted({info.source for info in infos if info.source_sha256 in hashes})
    return sorted({info.source for info in infos} & set(notes.get(field, ())))


def codec_cautions(notes: Notes, infos: Sequence[ShardInfo]) -> list[str]:
    """Say where codec, preset or bit depth of data are others than those that weights were trained for.

    What weights do not tell is not compared.
    """
    presets = trained_for(notes)
    cautions = []
    if presets and (others := {info.codec for info in infos} - presets.keys()):
        cautions.append(f"the data are of {_listed(others)}, the weights for {_listed(presets)}")
    for codec, known in sorted(presets.items()):
        if others := {info.preset or "none" for info in infos if info.codec == codec} - known:
            cautions.append(f"the data are of {codec} preset {_listed(others)}, the weights for {_listed(known)}")
    depths = set(notes.get("bit_depths", ()))
    if depths and (deeper := {info.format_of("baseline").bit_depth for info in infos} - depths):
        cautions.append(f"the data are coded at {_listed(deeper)} bit, the weights are for {_listed(depths)} bit")
    return cautions


def trained_for(notes: Notes) -> dict[str, set[str]]:
    """Return the presets that weights were trained for, by codec; "none" for a codec without presets."""
    presets: dict[str, set[str]] = defaultdict(set)
    for text in notes.get("codecs", ()):
        codec, _, rest = text.partition(":")
        presets[codec].add(rest.partition(", preset ")[2] or "none")
    return presets


def _listed(values: Iterable[object]) -> str:
    return f"{', '.join(sorted(map(str, values))):.80}"


@cache  # what is committed while a study runs is not what it runs
def commit() -> str:
    """Return the commit of this code, with -dirty if files were changed since; "unknown" outside of its repository."""
    here = Path(__file__)

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=here.parent, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)  # where it is installed may lie in another repository
        return git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
