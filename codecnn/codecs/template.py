"""Code with any encoder, by the command that runs it: a template with placeholders for files, sizes and the QP."""

import hashlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from codecnn.codecs.codec import CodedFrame
from codecnn.codecs.encode_once import UNFILTERED_BY
from codecnn.codecs.encoder_process import read_output
from codecnn.codecs.frame_checks import (
    check_qp,
    check_unfiltered,
    crop_to_original,
    name_failures,
    read_source,
    zip_frames,
)
from codecnn.codecs.libavcodec import check_format, padded_size
from codecnn.codecs.picture_headers import QUANTIZER_DECODERS, QUANTIZERS
from codecnn.codecs.placeholders import Command, fill_placeholders, find_program, list_placeholders
from codecnn.codecs.scratch_folder import scratch_folder
from codecnn.codecs.template_check import (
    RECONSTRUCTION,
    check_commands,
    check_decoder,
    check_formats,
    check_name,
    check_numbers,
    check_patterns,
    check_presets,
    check_qps,
)
from codecnn.codecs.template_frames import Frame, frames_of_reconstruction, frames_of_stream
from codecnn.codecs.template_run import Run, find_in_log, run_command
from codecnn.errors import InputError
from codecnn.io.files import require_file
from codecnn.video.clip import Clip
from codecnn.video.picture import VideoFormat


@dataclass(frozen=True)
class CommandTemplate:
    """Hold the command of an encoder, and how its output is read.

    A command is a list of arguments, or a string that is split as a shell would split it; no shell runs it. Its
    placeholders are {encoder} and {config} (paths), {preset}, {qp}, {qp_prime} (QP + 6 (bit depth - 8), libx264's own
    scale), {width}, {height}, {frames}, {chroma} (such as 420), {bit_depth} and {pixel_format} (of the input; FFmpeg's
    name), {fps} (such as 30000/1001), {fps_rounded}, and files in a temporary folder, the command's working directory:
    {input} (raw planar; without it the frames go to the command's standard input), {bitstream} and {reconstruction}.
    For every shard that is made at the same time, $TMPDIR needs room for the raw clip once with {input}, at the bit
    depth of the encoder's input, and once more for each {reconstruction}.

    Args:
        name: The name in files and attributes: letters, digits, dot, dash and underscore.
        command: Encodes with in-loop filters.
        version_command: Prints the version.
        decoder: FFmpeg's name of the decoder (h264, hevc, vvc, libdav1d, vp9); or reconstruction: the raw file that the
            encoder itself writes is the baseline, and it is not verified that every frame is intra.
        qp_range: Lowest and highest QP. For h264, hevc and vvc it is the slice QP, which is read in the stream and
            checked; for libdav1d and vp9 the quantizer 0 to 63, or base_q_idx if the range ends above 63.
        default_qps: The QPs if the user gives none.
        command_unfiltered: Encodes again with the in-loop filters off; its decisions may differ. May be left out only
            for the decoders h264, hevc and vp9, which can leave out the filters themselves.
        version_pattern: A regular expression; the first line with a match is the version.
        encoder: Path or name of the program that {encoder} stands for.
        config: Path of the file that {config} stands for.
        formats: The formats that the encoder takes, each a chroma format and a bit depth.
        input_bit_depth: Bit depth of the encoder's input and of what is decoded; 0: as the original. Originals of fewer
            bits are shifted up.
        reconstruction_bit_depth: Bit depth of {reconstruction}; 0: as the input.
        minimum_size: Smaller pictures are padded to it.
        size_multiple: Width and height are padded to a multiple of it.
        qp_pattern: A regular expression with one group that finds the QP of every frame in the encoder's output, to be
            checked as well. Without it the QP of a reconstruction is taken to be the requested one.
        bits_pattern: The same for the bits of every frame, only for a reconstruction. In a stream they are counted.
        presets: The values that {preset} may have.
        preset: The value of {preset} if the user gives none.
        seconds_per_frame: The time limit of an encoding, for each frame.
    """

    name: str
    command: Command
    version_command: Command
    decoder: str
    qp_range: tuple[int, int]
    default_qps: tuple[int, ...]
    command_unfiltered: Command = ()
    version_pattern: str = r"\S"
    encoder: str = ""
    config: str = ""
    formats: tuple[str, ...] = ("420 8", "420 10")
    input_bit_depth: int = 0
    reconstruction_bit_depth: int = 0
    minimum_size: int = 2
    size_multiple: int = 2
    qp_pattern: str = ""
    bits_pattern: str = ""
    presets: tuple[str, ...] = ()
    preset: str = ""
    seconds_per_frame: float = 600.0

    def __post_init__(self) -> None:
        try:
            check_name(self.name)
            check_commands(self.commands, self.version_command, self.decoder)
            check_patterns(self.version_pattern, self.qp_pattern, self.bits_pattern)
            check_qps(self.qp_range, self.default_qps)
            check_formats(self.formats)
            check_decoder(self.decoder, bool(self.bits_pattern), len(self.commands) == 2)
            depths = {name: getattr(self, name) for name in ("input_bit_depth", "reconstruction_bit_depth")}
            check_numbers(depths, self.minimum_size, self.size_multiple, self.seconds_per_frame)
            check_presets(self.presets, self.preset, self.commands)
        except ValueError as error:
            raise InputError(f"codec template {self.name!r:.80}: {error}") from error

    @property
    def commands(self) -> tuple[Command, ...]:
        """Return the commands of the one or two encodings: the first with in-loop filters."""
        return (self.command, self.command_unfiltered) if self.command_unfiltered else (self.command,)

    @property
    def default_preset(self) -> str:
        """Return the preset that is used if none is chosen."""
        return self.preset

    @property
    def unfiltered_by(self) -> str:
        """Return a sentence that says how the unfiltered picture is obtained."""
        if self.command_unfiltered:
            return "a second encoding with the in-loop filters off; its decisions may differ"
        return UNFILTERED_BY[self.decoder]

    @property
    def encodes_twice(self) -> bool:
        """Return whether the unfiltered picture is of a second encoding, with bits of its own."""
        return bool(self.command_unfiltered)

    @property
    def coded_bit_depth(self) -> int:
        """Return the bit depth of the decoder's output; 0: that of the original."""
        return (self.reconstruction_bit_depth if self.decoder == RECONSTRUCTION else 0) or self.input_bit_depth

    def describe(self, qp: int) -> str:
        """Return the commands, with the QP but without file names, for a dataset's attributes."""
        values = {"qp": qp, "preset": self.preset}
        parts = [shlex.join(fill_placeholders(self.command, values))]
        if self.command_unfiltered:
            parts.append(f"unfiltered: {shlex.join(fill_placeholders(self.command_unfiltered, values))}")
        if self.config:
            parts.append(f"config: sha256 {_sha256(self.config)}")
        if self.input_bit_depth:
            parts.append(f"coded at {self.input_bit_depth} bit")
        if (self.minimum_size, self.size_multiple) != (2, 2):
            parts.append(f"padded to at least {self.minimum_size} and to multiples of {self.size_multiple}")
        if self.decoder == RECONSTRUCTION:
            parts.append("bits as the encoder prints them; all-intra as asked for, not verified")
            if not self.qp_pattern:
                parts.append("QP as asked for, not verified")
        return "; ".join(parts)

    @cache  # noqa: B019 - a handful of templates in a process
    def version(self) -> str:
        """Return the line with the version that the encoder prints, and the checksum of the program; InputError."""
        command = fill_placeholders(self.version_command, self._program_values(self.version_command))
        command[0] = find_program(command[0])
        lines = read_output(command).replace("\0", "").splitlines()  # HDF5 has no null characters in texts
        found = (line.strip() for line in lines if re.search(self.version_pattern, line))
        line = next(found, None)
        if line is None:
            raise InputError(f"codec template {self.name}: {self.version_pattern} is not in what {command[0]} prints")
        return f"{line}, sha256 {_sha256(command[0])}"

    def encode(self, clip: Clip, qp: int) -> Iterator[CodedFrame]:
        """Run the encoder, once or twice, then decode frame by frame in bounded memory.

        Raises InputError if the encoder cannot be run, fails or takes too long; if its stream does not decode to as
        many pictures as there are frames, in the size, chroma format and bit depth that were asked for; if a frame is
        not intra (unknown for a reconstruction); if a QP is not the requested one; or if an in-loop filter is on in the
        second encoding.
        """
        check_format(clip, self.name, ((chroma, int(depth)) for chroma, depth in map(str.split, self.formats)))
        height, width = padded_size(clip.format, self.minimum_size, self.size_multiple)
        depth = self.input_bit_depth or clip.format.bit_depth
        coded_depth = self.coded_bit_depth or depth
        if (lower := min(depth, coded_depth)) < clip.format.bit_depth:
            raise InputError(f"{clip.path}: {self.name} codes at {lower} bit, fewer than the clip has")
        fmt = replace(clip.format, width=width, height=height, bit_depth=depth)
        name = f"{clip.path}: {self.name} at QP {qp}"
        with scratch_folder() as folder, name_failures(clip, self.name, qp):
            frames = sum(1 for _ in read_source(clip))
            streams = []
            for number, command in enumerate(self.commands):
                values = self._program_values(command) | {"qp": qp, "qp_prime": qp + 6 * (depth - 8)}
                place = folder / str(number)
                run = run_command(command, values, clip, fmt, frames, place, name, self.seconds_per_frame)
                streams.append(self._frames(run, clip, fmt, qp, frames, name))
            for original, *coded in zip_frames(clip, read_source(clip), *streams):
                for one in coded:
                    check_qp(clip, self.name, qp, one.qp_used)
                if self.command_unfiltered:
                    check_unfiltered(clip, self.name, coded[1].in_loop_filters)
                pictures = (picture for one in coded for picture in one.pictures)
                baseline, unfiltered = (
                    crop_to_original(picture, original, (height, width), coded_depth) for picture in pictures
                )
                first, second_bits = coded[0], coded[1].bits if self.encodes_twice else None
                yield CodedFrame(
                    original, baseline, unfiltered, first.bits, qp, second_bits, first.in_loop_filters, first.packet
                )

    def _frames(self, run: Run, clip: Clip, fmt: VideoFormat, qp: int, frames: int, name: str) -> Iterator[Frame]:
        """Yield the coded frames of a run; without a second run, each has the unfiltered picture as well."""
        for printed in find_in_log(self.qp_pattern, run, frames, name) if self.qp_pattern else []:
            check_qp(clip, self.name, qp, printed)
        if self.decoder == RECONSTRUCTION:
            coded = replace(fmt, bit_depth=self.reconstruction_bit_depth or fmt.bit_depth)
            return frames_of_reconstruction(run, clip, coded, self.bits_pattern, frames, qp, name)
        by_quantizer = self.decoder in QUANTIZER_DECODERS and self.qp_range[1] < len(QUANTIZERS)
        return frames_of_stream(run, self.decoder, not self.command_unfiltered, qp, by_quantizer, name)

    def _program_values(self, command: Command) -> dict[str, str]:
        """Return the values of {encoder}, {config} and {preset}; paths are absolute, as the command runs elsewhere."""
        values = {"preset": self.preset}
        for name, path, option in (("encoder", self.encoder, "--encoder"), ("config", self.config, "--encoder-config")):
            if name in list_placeholders(command) and not path:
                raise InputError(f"codec template {self.name}: the {name} is missing: name it there or with {option}")
        if self.encoder:
            values["encoder"] = find_program(self.encoder)
        if self.config:
            values["config"] = str(require_file(Path(self.config)).absolute())
        return values


def _sha256(path: str) -> str:
    with require_file(Path(path)).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
