"""Define what every codec provides: an encoder with its settings, and the frames that it codes."""

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field
from typing import Any, ClassVar, Protocol

from codecnn.video.clip import Clip
from codecnn.video.picture import Picture


@dataclass(frozen=True)
class CodedFrame:
    """Hold one frame before and after coding."""

    original: Picture
    baseline: Picture  # the decoder's output; as `unfiltered` at the coded bit depth
    unfiltered: Picture  # without in-loop filters; the codec's unfiltered_by says how it was obtained
    bits: int  # of the baseline, by the rule of codecnn.codecs.coded_bits
    qp_used: int
    unfiltered_bits: int | None = None  # of the second encoding; None: the unfiltered picture is of the same stream
    in_loop_filters: Mapping[str, bool] = field(default_factory=dict)  # by name, whether on, as the stream says
    packet: bytes = b""  # of the baseline's stream; empty where there is no stream


class Codec(Protocol):
    """Describe an encoder with its settings, and its decoder: a frozen dataclass. All-intra, at a constant QP."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # of every dataclass

    @property
    def name(self) -> str:
        """Return the name for files and the command line."""

    @property
    def preset(self) -> str:
        """Return the preset in use, empty for an encoder without presets."""

    @property
    def presets(self) -> tuple[str, ...]:
        """Return the presets that can be chosen, none for an encoder without presets."""

    @property
    def default_preset(self) -> str:
        """Return the preset that is used if none is chosen."""

    @property
    def qp_range(self) -> tuple[int, int]:
        """Return the lowest and the highest QP, in the codec's own scale."""

    @property
    def default_qps(self) -> tuple[int, ...]:
        """Return four QPs from high quality to low; all codecs reach about the same PSNR with theirs."""

    @property
    def decoder(self) -> str:
        """Return FFmpeg's name of the decoder, or `reconstruction` if the encoder's own reconstruction is taken."""

    @property
    def unfiltered_by(self) -> str:
        """Return a sentence that says how the unfiltered picture is obtained."""

    @property
    def encodes_twice(self) -> bool:
        """Return whether the unfiltered picture is of a second encoding, with bits of its own."""

    @property
    def coded_bit_depth(self) -> int:
        """Return the bit depth of the decoder's output; 0: that of the original."""

    def describe(self, qp: int) -> str:
        """Return all parameters of an encoding, for a dataset's attributes."""

    def version(self) -> str:
        """Return the encoder's name and version."""

    def encode(self, clip: Clip, qp: int) -> Iterator[CodedFrame]:
        """Encode and decode a clip frame by frame, in memory that does not grow with its length.

        Raises InputError that names the clip if this fails.
        """
