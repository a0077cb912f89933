"""Put pictures into a page: PNG files as they are, and planes of samples without loss."""

from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO

import numpy as np
from markupsafe import Markup
from PIL import Image

from codecnn.video.picture import Plane
from html_pages.page import part


def plane_uri(plane: Plane, bit_depth: int) -> str:
    """Return a plane (H, W) as a PNG without loss, in the text of a page.

    At 8 bit it is grey. Above, red holds the upper 8 bits of a sample and green the others, as a browser gives back
    no more than 8 bits of a channel.
    """
    lower, stored = bit_depth - 8, BytesIO()
    if lower:
        channels = [plane >> lower, plane & ((1 << lower) - 1), np.zeros_like(plane)]
        Image.fromarray(np.stack(channels, -1).astype(np.uint8)).save(stored, "png")
    else:
        Image.fromarray(plane).save(stored, "png")
    return _uri(stored.getvalue())


def images_html(images: Mapping[str, bytes]) -> Markup:
    """Return PNG files as a part of a page, by their names; empty if there are none."""
    uris = {name: _uri(png) for name, png in images.items()}
    return Markup() if not uris else part("images.html.jinja", images=uris)


def _uri(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"
