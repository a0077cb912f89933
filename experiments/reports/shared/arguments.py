"""Define the arguments that the commands of reports share."""

import argparse

from command_line.arguments import folder_to_write, path
from command_line.parser import Parser

DEVICE = "where the network runs; auto: on the GPU if there is one; integer weights always run on the CPU"
WEIGHTS = (
    "a run folder of train-filter (its best.safetensors is taken), a weights file, or the name of weights that come "
    "with the project, such as rdn_s; or a foreign filter (docs/foreign_filters.md): an ONNX file, or module:function "
    "in Python; with {qp} in the name, one filter for each QP"
)


def report_parser(prog: str, description: str | None) -> Parser:
    """Return the parser of a report, with --out."""
    parser = Parser(prog=prog, description=description)
    parser.add_argument("--out", type=folder_to_write, required=True, help="folder for the report, made if missing")
    return parser


def add_weights(parser: argparse._ActionsContainer, required: bool = True) -> None:
    """Add the weights of one filter."""
    parser.add_argument("weights", nargs=None if required else "?", help=WEIGHTS)


def add_chroma_weights(parser: argparse._ActionsContainer) -> None:
    """Add the weights of a chroma filter; `--chroma` is the chroma format of raw files."""
    parser.add_argument("--chroma-weights", metavar="WEIGHTS", help="a chroma filter: a run folder of train-chroma "
        "or a weights file; for clips at 4:2:0")  # fmt: skip


def add_data(parser: argparse._ActionsContainer, required: bool = True) -> None:
    """Add --data."""
    parser.add_argument("--data", type=path, required=required, help="a dataset folder of build-dataset")


def add_device(parser: argparse._ActionsContainer) -> None:
    """Add --device."""
    choices = ("auto", "cpu", "cuda")
    parser.add_argument("--device", choices=choices, default="auto", help=DEVICE)
