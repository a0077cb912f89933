"""export-onnx: write a trained filter as one ONNX file.

The graph maps integer samples to integer samples: normalisation, rounding and clipping are part of it. Its inputs are
windows, int32: y (batch, height, width) of the baseline, or of the unfiltered picture if that is the network's input;
u and v (batch, height / 2, width / 2); qp and bit_depth (batch); unfiltered_y if the network's input is "both". Height
and width are even and include the margin on each side; the output, filtered_y, does not. Chroma is 4:2:0: for a grey
source give planes of 2^(bit_depth - 1), and convert other formats to 4:2:0 first.

Before the file is saved, onnxruntime runs it on coded photographs and the result is compared with the network's.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import dataclasses
import json
import logging
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import skimage
import torch
from numpy.typing import NDArray
from torch.export import Dim

from codecnn.dataset import ctu
from codecnn.dataset.reader import Shard
from codecnn.errors import InputError
from codecnn.inference.filtering import ctu_windows, filter_picture
from codecnn.io.files import keep_inputs, write_whole
from codecnn.models.in_loop_filter import FilterNetwork, Windows
from codecnn.models.registry import family_of, name_of
from codecnn.models.weights import find_weights, read_weights
from codecnn.models.weights_header import Notes
from codecnn.video.clip import open_clip
from codecnn.video.format_options import FormatOptions
from codecnn.video.picture import Picture, Plane
from codecnn.video.raw import write_raw
from command_line.arguments import file_to_write
from command_line.parser import Parser, run_command
from command_line.progress import say
from command_line.terminal import printable
from experiments.reports.shared.encode import encode

EXTRA = ("onnx", "onnxruntime", "onnxscript")  # installed by the extra `onnx`
MOST_DIFFERENT = 0.01  # share of the samples that may differ by 1: a sum in another order may round differently


class Comparison(NamedTuple):
    """Hold how the pictures that onnxruntime and PyTorch filter differ."""

    samples: int
    different: float  # share of the samples that differ
    by_at_most: int


def input_names(network: FilterNetwork) -> list[str]:
    """Return the names of the graph's inputs, in order."""
    return ["y", "u", "v", "qp", "bit_depth", *(["unfiltered_y"] if network.config.input == "both" else [])]


def feed(windows: Windows[Plane], bit_depth: int) -> dict[str, NDArray[np.int32]]:
    """Return the inputs of the graph for some windows, by name."""
    inputs = {"y": windows.y, "u": windows.u, "v": windows.v, "qp": windows.qp}
    inputs["bit_depth"] = np.full_like(windows.qp, bit_depth)
    if windows.unfiltered_y is not None:
        inputs["unfiltered_y"] = windows.unfiltered_y
    return {name: array.astype(np.int32) for name, array in inputs.items()}


def export(network: FilterNetwork, notes: Notes) -> bytes:
    """Return the network as an ONNX file with its configuration, contract, margin and the commit of its notes."""
    import onnx

    if (wrap := family_of(network.config).on_integer_samples) is None:
        raise InputError(f"the network {name_of(network.config)} has no form on integer samples")
    names = input_names(network)
    batch, high, wide = Dim("batch", min=1), Dim("chroma_height", min=8), Dim("chroma_width", min=8)
    luma, chroma = ((2, 64, 48), (batch, 2 * high, 2 * wide)), ((2, 32, 24), (batch, high, wide))
    shapes = {"y": luma, "unfiltered_y": luma, "u": chroma, "v": chroma}
    inputs = [shapes.get(name, ((2,), (batch,))) for name in names]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own code
        program = torch.onnx.export(
            wrap(network).eval(),
            tuple(torch.ones(example, dtype=torch.int32) for example, _ in inputs),
            input_names=names,
            output_names=["filtered_y"],
            dynamic_shapes=tuple(dict(enumerate(dynamic)) for _, dynamic in inputs),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    graph = program.model_proto
    graph.doc_string = str(__doc__)
    contract = {
        "input": network.config.input,
        "planes": ["y", "u", "v", "qp", *(["unfiltered_y"] if network.config.input == "both" else [])],
        "margin": network.config.margin,
        "reach": network.config.reach,
        "range": "integers",
    }
    about = {
        "contract": json.dumps(contract),
        "network": json.dumps(dataclasses.asdict(network.config)),  # type: ignore[call-overload]
        "margin": str(network.config.margin),
        "commit": str(notes.get("commit", "unknown")),
    }
    onnx.helper.set_model_props(graph, about)
    onnx.checker.check_model(graph, full_check=True)
    data: bytes = graph.SerializeToString()
    return data


def compare(network: FilterNetwork, graph: bytes) -> Comparison:
    """Filter coded pictures by the network and by the graph, and compare."""
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    differences = []
    with TemporaryDirectory() as folder:
        for shard in coded_pictures(Path(folder)):
            baseline, unfiltered = (shard.picture(signal, 0) for signal in ("baseline", "unfiltered"))
            qp, size = shard.info.hevc_qp, shard.info.ctu_size
            windows = ctu_windows(network.config, baseline, unfiltered, qp, size)
            (filtered,) = session.run(None, feed(windows, shard.info.format_of("baseline").bit_depth))
            wanted = filter_picture(network, baseline, unfiltered, qp, size)
            got = ctu.untile(filtered, *baseline.y.shape)
            differences.append(np.abs(got - wanted.astype(np.int64)).ravel())
    difference = np.concatenate(differences)
    return Comparison(difference.size, float(np.mean(difference != 0)), int(difference.max()))


def coded_pictures(folder: Path) -> list[Shard]:
    """Encode a part of a photograph of scikit-image by x265 at QP 22 and 37, at 8 bit and shifted to 10 bit.

    All files are written into `folder`.
    """
    photograph = Path(skimage.__path__[0]) / "data" / "astronaut.png"
    picture = next(open_clip(photograph, FormatOptions(chroma="420")).frames()).crop(160, 192)
    deep = Picture.of((plane.astype(np.uint16) << 2 for plane in picture.planes), 10)
    sources = [folder / f"astronaut_192x160_{bits}bit_420.yuv" for bits in (8, 10)]
    for source, of_depth in zip(sources, (picture, deep), strict=True):
        write_raw(source, [of_depth])
    return encode(sources, folder, {"codec": "x265", "qp": [22, 37]}, ctu_size=64)


def run(args: argparse.Namespace) -> None:
    """Export, compare, save and print."""
    if missing := [name for name in EXTRA if find_spec(name) is None]:
        raise InputError(f"{', '.join(missing)} not installed: pip install 'codecnn[onnx]'")
    file = find_weights(args.weights)
    keep_inputs(args.out, [file])
    network, _, notes = read_weights(file)
    if not isinstance(network, FilterNetwork):
        raise InputError(f"{file}: no in-loop filter of floating-point numbers")
    try:
        graph = export(network, notes)
    except ValueError as error:
        raise InputError(f"{file}: {error}") from error
    found = compare(network, graph)
    share = f"{found.different:.4%} of {found.samples} samples differ"
    text = f"onnxruntime and PyTorch: {share}, by {found.by_at_most} at most"
    if found.by_at_most > 1 or found.different > MOST_DIFFERENT:
        raise InputError(f"{text}: not saved")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(args.out, graph)
    say(text)
    say(printable(f"saved {args.out}"))


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = Parser(prog="export-onnx", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="a run folder of train-filter, a weights file, or the name of weights that "
        "come with the project, such as rdn_s")  # fmt: skip
    parser.add_argument("--out", type=file_to_write, required=True, metavar="FILE", help="the ONNX file to write")
    return run_command("export-onnx", run, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
