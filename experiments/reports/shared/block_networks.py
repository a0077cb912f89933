"""Load the networks of a report on blocks, check its data, and describe both."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from codecnn.dataset.reader import Shard
from codecnn.errors import InputError
from codecnn.labels.mode_sets import ModeSet
from codecnn.models.blocks import ModeConfig
from codecnn.models.network import Network
from codecnn.models.weights import find_weights, read_weights
from codecnn.models.weights_header import Notes
from codecnn.training.provenance import codecs_of
from experiments.reports.shared.cautions import cautions, warn
from experiments.reports.shared.names import names_of
from experiments.reports.shared.one_comparison import check_comparable, check_equal

N = TypeVar("N", bound=Network)


class Chosen(NamedTuple, Generic[N]):
    """Hold a network with its name in the report, its file and its notes."""

    name: str
    network: N
    file: Path
    notes: Notes


class Case(NamedTuple):
    """Hold which modes a network is about: those of a set, for blocks of a size."""

    size: int
    modes: ModeSet

    def __str__(self) -> str:
        return f"blocks of {self.size}x{self.size}, {self.modes}"


def case_of(config: ModeConfig) -> Case:
    """Return the case of the configuration of a network."""
    return Case(config.size, config.modes)


def load_networks(words: Sequence[str], kind: type[N], what: str) -> list[Chosen[N]]:
    """Return networks by files, run folders, or names of weights that come with the project.

    The name in the report is that of `names_of`. kind: of the networks; what: the words that say it. InputError for a
    network of another kind, and for one twice.
    """
    found: list[Chosen[N]] = []
    for word, name in zip(words, names_of(words), strict=True):
        file = find_weights(word)
        network, task, notes = read_weights(file)
        if not isinstance(network, kind):
            raise InputError(f"{file}: weights of the task {task}, not of {what}")
        found.append(Chosen(name, network, file, notes))
    return found


def check_data(prog: str, notes: Sequence[Notes], shards: Sequence[Shard]) -> list[str]:
    """Print and return what a reader must know of shards, and of networks with these notes.

    InputError for shards of several codecs, and for those that cannot be compared.
    """
    check_comparable(shards)
    for shard in shards:
        check_equal(shard, shards[0], ("codec",))
    told = list(dict.fromkeys(text for each in notes for text in cautions(each, shards)))
    warn(prog, told)
    return told


def describe(
    weights: Mapping[str, Path], shards: Sequence[Shard], told: Sequence[str], further: Mapping[str, str]
) -> dict[str, str]:
    """Describe what the numbers of a report were measured with and on.

    weights: the files of the networks by their names; further: what only this report has.
    """
    sources = list(dict.fromkeys(shard.info.source for shard in shards))
    qps = ", ".join(map(str, sorted({shard.info.qp for shard in shards})))
    return {
        "weights": ", ".join(f"{name} ({file})" for name, file in weights.items()),
        "data": f"{len(shards)} files, {len(sources)} sources: {', '.join(sources)}",
        "codec": f"{'; '.join(codecs_of(shard.info for shard in shards))}; all-intra, QP {qps}",
        **further,
        **({"caution": "; ".join(told)} if told else {}),
        "package": f"codecnn {version('codecnn')}",
    }
