"""Enlarge a trained network so that it computes what it did before, with room to learn more.

Chen, Goodfellow, Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016. Untrained kernels compute
the new features. What was there before has weights of zero for them, and these weights learn first.
"""

from dataclasses import replace

import torch
from torch import Tensor

from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn

SIZES = ("blocks", "convolutions", "growth")
Tensors = dict[str, Tensor]


def can_grow(old: RdnConfig, new: RdnConfig) -> bool:
    """Return whether the new network has more blocks, convolutions or growth, and nothing less; channels must be equal.

    A new block gives what it gets: that needs the inner residual, and that no QP modulates its input.
    """
    before, now = ([getattr(config, name) for name in SIZES] for config in (old, new))
    larger = now != before and all(mine >= its for mine, its in zip(now, before, strict=True))
    passes = old.inner_residual and not old.modulation
    return larger and new.channels == old.channels and (passes or new.blocks == old.blocks)


@torch.no_grad()
def grown(old: Rdn, config: RdnConfig) -> Rdn:
    """Return a network that computes the same as the old one, with the blocks, convolutions and growth of `config`.

    It has no branches. For configurations that `can_grow`.
    """
    old = old.merged()
    new = Rdn(replace(old.config, **{name: getattr(config, name) for name in SIZES})).to(old.last.weight.device)
    tensors, before = new.state_dict(), old.state_dict()
    for name, its in before.items():
        if tensors[name].shape == its.shape:
            tensors[name] = its
    tensors["fuse.0.weight"] = _placed(before["fuse.0.weight"], torch.zeros_like(tensors["fuse.0.weight"]))
    for number, block in enumerate(new.blocks):
        if number < len(old.blocks):
            made = _grown_block(old.blocks[number].state_dict(), block.state_dict())
        else:
            made = {name: torch.zeros_like(block.get_parameter(name)) for name in ("fuse.weight", "fuse.bias")}
        tensors |= {f"blocks.{number}.{name}": tensor for name, tensor in made.items()}
    new.load_state_dict(tensors)
    return new.train(old.training)


def _grown_block(old: Tensors, new: Tensors) -> Tensors:
    """Return the convolutions of a block with those of a smaller one at the places of its features."""
    channels, growth, before = len(new["fuse.weight"]), len(new["layers.0.weight"]), len(old["layers.0.weight"])
    inputs, made = [*range(channels)], Tensors()  # where the features of the smaller block are
    for number, weight in enumerate(name for name in new if name.startswith("layers") and name.endswith("weight")):
        bias = weight.replace("weight", "bias")
        made |= {name: new[name].clone() for name in (weight, bias)}
        if weight in old:
            made[weight][:before] = 0
            made |= {weight: _placed(old[weight], made[weight], inputs), bias: _placed(old[bias], made[bias])}
            start = channels + number * growth
            inputs += range(start, start + before)
    return made | {"fuse.weight": _placed(old["fuse.weight"], torch.zeros_like(new["fuse.weight"]), inputs)}


def _placed(tensor: Tensor, among: Tensor, inputs: list[int] | None = None) -> Tensor:
    """Return the larger tensor `among` with the other one as its first outputs, at some of its inputs or the first."""
    if tensor.ndim == 1:
        among[: len(tensor)] = tensor
    else:
        among[: len(tensor), inputs or [*range(tensor.shape[1])]] = tensor
    return among
