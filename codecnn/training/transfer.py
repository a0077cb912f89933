"""Take over what fits of the weights of another network.

In networks of one family, layers of one name belong together. Networks of different families have no names in common:
there, convolutions belong together by their order, from the first one to the first that does not fit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from codecnn.models.network import Network
from codecnn.models.rdn.growth import can_grow, grown
from codecnn.models.rdn.network import Rdn

AddedPlanes = Literal["zero", "mean"]


@dataclass(frozen=True)
class Account:
    """Say what became of each tensor of a network, and of those that it might have taken over."""

    taken: list[str]  # as they were
    adapted: dict[str, str]  # and how
    new: dict[str, str]  # as the untrained network has them, and why
    unused: list[str]  # of the other network

    def lines(self) -> Iterator[str]:
        """Say it in a line for each kind; of a layer whose tensors are new, the first reason."""
        if self.taken:
            yield f"taken over: {', '.join(dict.fromkeys(map(layer_of, self.taken)))}"
        for what, tensors in (("adapted", self.adapted), ("new", self.new)):
            layers: dict[str, str] = {}
            for name, why in tensors.items():
                layers.setdefault(layer_of(name), why)
            if layers:
                yield f"{what}: {', '.join(f'{layer} ({why})' for layer, why in layers.items())}"
        if self.unused:
            yield f"not used: {', '.join(dict.fromkeys(map(layer_of, self.unused)))}"


def layer_of(name: str) -> str:
    """Return the name of the module that a tensor belongs to."""
    return name.rpartition(".")[0]


def transfer(old: Network, new: Network, added: AddedPlanes) -> tuple[dict[str, Tensor], Account]:
    """Return the tensors of a network with those of another wherever they fit, and an account of it.

    A layer is taken over whole if all its tensors fit, and else stays as it is, such as a head for other outputs. The
    first convolution may have other input planes: planes that are left out are the last ones, and further planes get
    weights of zero, or the mean of the kernels over the old planes. Where other planes are at the same place, it stays
    as it is. An Rdn of more residuals keeps those that it has; of fewer, the first ones. One with more blocks,
    convolutions or growth computes what the other did (`codecnn.models.rdn.growth`). Neither network is changed.
    """
    small = old.state_dict()
    if isinstance(old, Rdn) and isinstance(new, Rdn) and can_grow(old.config, new.config):
        small, old = old.merged().state_dict(), grown(old, new.config)
    theirs, tensors = old.state_dict(), new.state_dict()
    pairs = (_of_same_name if type(old) is type(new) else _of_same_order)(theirs, tensors)
    fitting = {name: theirs[origin] for name, origin in pairs.items()}
    first = [name for name in _convolutions(tensors)[:1] if name in fitting]
    for name in first:
        fitting[name] = with_planes(fitting[name], tensors[name].shape[1], added)
    if isinstance(old, Rdn) and isinstance(new, Rdn) and old.config.stride == new.config.stride:
        for name in ("last.weight", "last.bias"):
            fitting[name] = _with_residuals(fitting[name], tensors[name])
    changed = {
        name: f"{_shape(theirs[pairs[name]])} before, {_shape(tensors[name])} now"
        for name, tensor in fitting.items()
        if tensor.shape != tensors[name].shape
    }
    if any(its != own for its, own in zip(old.input_planes, new.input_planes, strict=False)):
        planes = (", ".join(network.input_planes) for network in (old, new))
        changed |= dict.fromkeys(first, "planes {} before, {} now".format(*planes))
    misfits = {layer_of(name): name for name in changed}
    account, used = Account([], {}, {}, []), dict[str, Tensor]()
    for name in tensors:
        if misfit := misfits.get(layer_of(name)):
            account.new[name] = changed.get(name, f"as {misfit}")
        elif name not in fitting:
            account.new[name] = "not there before"
        elif fitting[name].shape == (before := theirs[pairs[name]]).shape:
            used[name] = fitting[name]
            if (its := small.get(pairs[name])) is None:  # of a network that has grown
                account.new[name] = "not there before"
            elif its.shape == before.shape:
                account.taken.append(name)
            else:
                account.adapted[name] = f"{_shape(its)} before, {_shape(tensors[name])} now, computes the same"
        else:
            used[name] = fitting[name]
            axis, what = (0, "outputs") if layer_of(name) == "last" else (1, "input planes")
            account.adapted[name] = f"{before.shape[axis]} {what} before, {tensors[name].shape[axis]} now"
    account.unused.extend(sorted(small.keys() - {pairs[name] for name in used}))
    return tensors | used, account


def with_planes(kernels: Tensor, planes: int, added: AddedPlanes) -> Tensor:
    """Return kernels (outputs, inputs, ...) for another number of input planes: the last ones are added or left out."""
    if (more := planes - kernels.shape[1]) <= 0:
        return kernels[:, :planes]
    mean = kernels.mean(1, keepdim=True)
    return torch.cat((kernels, *[mean if added == "mean" else torch.zeros_like(mean)] * more), 1)


def _with_residuals(tensor: Tensor, untrained: Tensor) -> Tensor:
    """Return weights or biases of a last convolution for as many outputs as those of an untrained network."""
    if tensor.shape[1:] != untrained.shape[1:]:
        return tensor
    return torch.cat((tensor[: len(untrained)], untrained[len(tensor) :]))


def _of_same_name(old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> dict[str, str]:
    return {name: name for name in new if name in old}


def _of_same_order(old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the tensors of the first convolutions of two networks, new and old, as long as they fit."""
    pairs: dict[str, str] = {}
    for theirs, own in zip(_convolutions(old), _convolutions(new), strict=False):
        compared = 1 if pairs else 2  # the planes of the first one may differ
        if old[theirs].shape[0] != new[own].shape[0] or old[theirs].shape[compared:] != new[own].shape[compared:]:
            break
        pairs[own] = theirs
        bias, their_bias = f"{layer_of(own)}.bias", f"{layer_of(theirs)}.bias"
        if bias in new and their_bias in old:
            pairs[bias] = their_bias
    return pairs


def _convolutions(tensors: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the kernels of two-dimensional convolutions."""
    return [name for name, tensor in tensors.items() if tensor.ndim == 4]


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape))
