"""The codecs by name, and the one that the user asks for."""

from dataclasses import replace

from codecnn.codecs.codec import Codec
from codecnn.codecs.svtav1 import SvtAv1
from codecnn.codecs.template import CommandTemplate
from codecnn.codecs.template_file import load_template
from codecnn.codecs.vp9 import Vp9
from codecnn.codecs.vvenc import VVenC
from codecnn.codecs.x264 import X264
from codecnn.codecs.x265 import X265
from codecnn.errors import InputError

AnyCodec = X264 | X265 | VVenC | SvtAv1 | Vp9 | CommandTemplate
CODECS: dict[str, AnyCodec] = {
    codec.name: codec for codec in (X264(), X265(), VVenC(), SvtAv1(), Vp9())
}  # with default settings


def choose_codec(
    name: str,
    preset: str | None = None,
    template: str | None = None,
    encoder: str = "",
    config: str = "",
    seconds_per_frame: float | None = None,
) -> Codec:
    """The codec of a name, or that of a template (a file, or the name of a shipped one), with these settings.

    Raises InputError if the template cannot be used or the codec has no such preset.
    """
    codec = CODECS[name] if template is None else load_template(template, encoder, config)
    if preset is not None:
        if preset not in codec.presets:
            known = f"only {', '.join(codec.presets)}" if codec.presets else "it has none"
            raise InputError(f"{codec.name} has no preset {preset}, {known}")
        codec = replace(codec, preset=preset)
    if seconds_per_frame and isinstance(codec, CommandTemplate | VVenC):
        codec = replace(codec, seconds_per_frame=seconds_per_frame)
    return codec
