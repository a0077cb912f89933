"""Find networks by name."""

from typing import Any, NamedTuple

from codecnn.models.network import Network
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn


class Family(NamedTuple):
    """Hold the configuration and the class of the networks of one name."""

    config: type[Any]
    network: type[Network]


FAMILIES: dict[str, Family] = {
    "rdn": Family(RdnConfig, Rdn),
}


def make_network(config: object) -> Network:
    """Return an untrained network of a configuration."""
    return FAMILIES[name_of(config)].network(config)


def name_of(config: object) -> str:
    """Return the name of the family that a configuration belongs to."""
    return next(name for name, family in FAMILIES.items() if type(config) is family.config)
