"""Compute the number of multiply-accumulates (MACs) of an Rdn by a closed form."""

from codecnn.models.rdn.config import HEAD_EATS, TILE, RdnConfig


def block_macs(config: RdnConfig) -> int:
    """Return the MACs per sample of one residual dense block; quadratic in convolutions and growth."""
    channels, growth, layers = config.channels, config.growth, config.convolutions - 1
    inputs = layers * channels + growth * layers * (layers - 1) // 2  # of all 3x3 convolutions together
    return 9 * inputs * growth + (channels + layers * growth) * channels


def ctu_macs(config: RdnConfig, ctu_size: int = 128) -> int:
    """Return the MACs for one CTU window, exactly.

    The head is computed on a larger area than the CTU; with a margin above 2 all other layers are as well. Counted are
    convolutions and matrix products, as everywhere: the scale of a channel, by attention or by QP, is one
    multiplication for each feature more.
    """
    channels, planes = config.channels, config.convolved_planes
    side = (ctu_size + 2 * (config.margin - HEAD_EATS)) // config.stride  # after the head
    if config.head == "two 3x3":
        head = 9 * planes * channels * (side + 2) ** 2 + 9 * channels**2 * side**2
    else:
        head = (25 if config.head == "one 5x5" else 36) * planes * channels * side**2
    fuse = config.blocks * channels**2 + 9 * channels**2
    last = 9 * channels * config.residuals * config.stride**2
    tiles = (-(-side * config.stride // TILE)) ** 2
    by_channel = 2 * config.blocks * channels * config.attention * tiles
    by_channel += config.modulation * (1 + 2 * channels * (config.blocks + 1))
    return head + (config.blocks * block_macs(config) + fuse + last) * side**2 + by_channel


def kmac_per_sample(config: RdnConfig, ctu_size: int = 128) -> float:
    """Return thousand MACs per luma sample of a CTU."""
    return ctu_macs(config, ctu_size) / ctu_size**2 / 1000
