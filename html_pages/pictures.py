"""Put pictures into a page: PNG files as they are, and planes of samples without loss."""

from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO

import numpy as np
from markupsafe import Markup
from PIL import Image

from codecnn.video.picture import Plane
from html_pages.page import part

WEBP_SIDE = 16383  # no larger picture can be a WebP file


def plane_uri(plane: Plane, bit_depth: int) -> str:
    """Return a plane (H, W) as a picture without loss, in the text of a page.

    Red holds the upper 8 bits of a sample, and green the others; at 8 bit the picture is grey. A browser gives back
    what it is given, as long as no channel has more than 8 bits.
    """
    lower = bit_depth - 8
    if lower:
        channels = [plane >> lower, plane & ((1 << lower) - 1), np.zeros_like(plane)]
        image = Image.fromarray(np.stack(channels, -1).astype(np.uint8))
    else:
        image = Image.fromarray(plane)
    stored, kind = BytesIO(), "webp" if max(plane.shape) <= WEBP_SIDE else "png"
    image.convert("RGB").save(stored, kind, lossless=True, quality=20, method=4)
    return f"data:image/{kind};base64,{b64encode(stored.getvalue()).decode()}"


def images_html(images: Mapping[str, bytes]) -> Markup:
    """Return PNG files as a part of a page, by their names; empty if there are none."""
    uris = {name: f"data:image/png;base64,{b64encode(png).decode()}" for name, png in images.items()}
    return Markup() if not uris else part("images.html.jinja", images=uris)
