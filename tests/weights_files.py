"""Weights of in-loop filters, read and written in few words."""

from pathlib import Path

from codecnn.models.rdn.integer import IntegerRdn
from codecnn.models.rdn.network import Rdn
from codecnn.models.weights import read_weights, save_weights
from codecnn.models.weights_header import FILTER_TASK, Notes


def load(path: Path) -> tuple[Rdn, Notes]:
    network, task, notes = read_weights(path)
    assert isinstance(network, Rdn)
    assert task == FILTER_TASK
    return network, notes


def load_filter(path: Path) -> tuple[Rdn | IntegerRdn, Notes]:
    network, _, notes = read_weights(path)
    assert isinstance(network, Rdn | IntegerRdn)
    return network, notes


def save(path: Path, network: Rdn, notes: Notes) -> None:
    save_weights(path, network, FILTER_TASK, notes)
