"""Read HEVC intra bitstreams into arrays: decisions, levels, prediction, and the picture before the in-loop filters."""

from codecnn.hevc.picture import CodedPicture
from codecnn.hevc.reading import read

__all__ = ["CodedPicture", "read"]
