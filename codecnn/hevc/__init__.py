"""Read and write HEVC intra bitstreams: decisions, levels, prediction, and the picture before the in-loop filters."""

from codecnn.hevc.encoder.block_view import Block
from codecnn.hevc.encoder.chooser import Chooser, Fixed, Full, Labels, Partition
from codecnn.hevc.encoder.encoding import encode
from codecnn.hevc.picture import CodedPicture
from codecnn.hevc.reading import read
from codecnn.hevc.writing import write

__all__ = ["Block", "Chooser", "CodedPicture", "Fixed", "Full", "Labels", "Partition", "encode", "read", "write"]
