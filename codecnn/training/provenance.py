"""Compare weights with data: codecs, sources, and the commit of the code."""

import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from codecnn.dataset.schema import ShardInfo
from codecnn.models.weights_header import Notes


def codecs_of(infos: Iterable[ShardInfo]) -> list[str]:
    """Return the encoders of a dataset with their presets, such as "x265: libx265 4.1 (build 215), preset medium"."""
    return sorted({f"{i.codec}: {i.codec_version}" + (f", preset {i.preset}" if i.preset else "") for i in infos})


def trained_on(notes: Notes, infos: Iterable[ShardInfo]) -> list[str]:
    """Return the sources that weights were trained on, by their content, or by name where that is not noted."""
    if (hashes := notes.get("sources_sha256")) is not None:
        return sorted({info.source for info in infos if info.source_sha256 in hashes})
    return sorted({info.source for info in infos} & set(notes.get("sources", ())))


def codec_caution(notes: Notes, infos: Iterable[ShardInfo]) -> str:
    """Return a caution where data are of codecs that weights were not trained for; "" if not, or if not noted."""
    known = {text.partition(":")[0] for text in notes.get("codecs", ())}
    others = sorted({info.codec for info in infos} - known)
    if not known or not others:
        return ""
    return f"caution: the data are of {', '.join(others)}, the weights for {str(sorted(known))[1:-1]:.80}"


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
