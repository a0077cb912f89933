"""Read and write HEVC intra bitstreams: decisions, levels, prediction, and the picture before the in-loop filters."""

from codecnn.hevc.picture import CodedPicture
from codecnn.hevc.reading import read
from codecnn.hevc.writing import write

__all__ = ["CodedPicture", "read", "write"]
