"""List the pictures that weights of the project were trained on once, and not in each of their files."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from codecnn.models.weights_header import Notes


class KnownPicture(NamedTuple):
    """Hold the file name of a picture, and its perceptual hash."""

    name: str
    hash: str


@cache
def known_pictures() -> Mapping[str, KnownPicture]:
    """Return the listed pictures by the SHA-256 of their files; `hash-pictures` makes the list."""
    text = (files("codecnn.models") / "pretrained" / "pictures.json").read_text()
    return {sha256: KnownPicture(*fields) for sha256, fields in json.loads(text).items()}


def hashes_of(notes: Notes) -> dict[str, str]:
    """Return the perceptual hashes of all pictures of a training by name, from its notes and from the list."""
    found, known = dict(notes.get("perceptual_hashes", {})), known_pictures()
    for field in ("sources_sha256", "held_out_sha256"):
        for sha256 in notes.get(field) or ():
            if sha256 in known:
                add_hash(found, sha256, known[sha256])
    return found


def add_hash(hashes: dict[str, str], sha256: str, picture: KnownPicture) -> None:
    """Add a hash under the name of its picture, with its checksum if another picture has this name."""
    name, its = picture
    hashes[name if hashes.get(name, its) == its else f"{name} ({sha256[:8]})"] = its
