"""Find codecs by name."""

from dataclasses import fields, replace

from codecnn.codecs.codec import Codec
from codecnn.codecs.svtav1 import SvtAv1
from codecnn.codecs.template_file import load_template
from codecnn.codecs.vp9 import Vp9
from codecnn.codecs.vvenc import VVenC
from codecnn.codecs.x264 import X264
from codecnn.codecs.x265 import X265
from codecnn.errors import InputError

CODECS: dict[str, Codec] = {
    "x264": X264(),
    "x265": X265(),
    "vvenc": VVenC(),
    "svtav1": SvtAv1(),
    "vp9": Vp9(),
}  # with default settings


def choose_codec(
    name: str,
    preset: str | None = None,
    template: str | None = None,
    encoder: str = "",
    config: str = "",
    seconds_per_frame: float | None = None,
) -> Codec:
    """Return the codec of a name, or that of a template (a file, or the name of a shipped one), with these settings.

    Raises InputError if the template cannot be used, or the codec has no such preset or no time limit.
    """
    codec = CODECS[name] if template is None else load_template(template, encoder, config)
    if preset is not None:
        if preset not in codec.presets:
            known = f"only {', '.join(codec.presets)}" if codec.presets else "it has none"
            raise InputError(f"{codec.name} has no preset {preset}, {known}")
        codec = replace(codec, preset=preset)
    if seconds_per_frame:
        if not any(field.name == "seconds_per_frame" for field in fields(codec)):
            raise InputError(f"{codec.name} runs inside this program: a time limit cannot stop it")
        codec = replace(codec, seconds_per_frame=seconds_per_frame)
    return codec
