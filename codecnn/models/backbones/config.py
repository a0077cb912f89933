"""Hold what the configurations of all backbones share."""

from dataclasses import dataclass, field, fields
from typing import Any

from codecnn.labels.mode_sets import ModeSet
from codecnn.models.blocks import check_block


def ranged(default: float, low: float, high: float) -> Any:  # noqa: ANN401
    """Return a field of a configuration, with its default, its least and its largest value.

    Files from elsewhere could otherwise ask for any amount of memory.
    """
    return field(default=default, metadata={"range": (low, high)})


@dataclass(frozen=True)
class BackboneConfig:
    """Hold the size of a backbone; ValueError if a field is out of its range.

    Args:
        size: side of the blocks in luma samples: 4, 8, 16, 32 or 64.
        modes: mode set to choose from: vvc-67 or hevc-35.
        width: features of the first layer.
        hidden: features of a hidden layer in the dense head.
        dropout: probability of dropout before the hidden layers.
    """

    size: int = 16
    modes: ModeSet = "vvc-67"
    width: int = ranged(8, 1, 1024)
    hidden: int = ranged(64, 1, 4096)
    dropout: float = ranged(0.0, 0, 0.95)

    def __post_init__(self) -> None:
        check_block(self.size, self.modes)
        for each in fields(self):
            low, high = each.metadata.get("range", (None, None))
            if low is not None and not low <= (value := getattr(self, each.name)) <= high:
                raise ValueError(f"{each.name} must be from {low} to {high}, not {value!r:.80}")


@dataclass(frozen=True)
class StagedConfig(BackboneConfig):
    """Hold the size of a backbone of stages, each at half the side of the one before.

    Args:
        width: features of the first stage.
        widening: features of a stage as a multiple of those of the stage before.
    """

    widening: float = ranged(2.0, 1, 4)

    @property
    def widths(self) -> list[int]:
        """Return the features of each stage; there are as many as it takes to come to a side of 2."""
        return [round(self.width * self.widening**stage) for stage in range(self.size.bit_length() - 2)]
