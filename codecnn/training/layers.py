"""Treat the layers of a network by their depth: freeze the first ones, or move the last ones faster.

Depth is the order in which the modules of a network are made, which is the order of `named_modules`.
"""

from torch import nn

from codecnn.errors import InputError
from codecnn.models.network import Network


def modules_up_to(network: Network, name: str) -> dict[str, nn.Module]:
    """Return a module of a network with all within it and before it, by name; nothing for an empty name.

    InputError if there is no such module, or if no parameters are left after it.
    """
    if not name:
        return {}
    modules = dict(network.named_modules())
    if name not in modules:
        raise InputError(f"freeze must be the name of a module: {', '.join(filter(None, modules))}; not {name!r:.80}")
    names = list(modules)
    last = max(number for number, each in enumerate(names) if f"{each}.".startswith(f"{name}."))
    if not any(True for each in names[last + 1 :] for _ in modules[each].parameters(recurse=False)):
        raise InputError(f"freeze: nothing is left to train after {name}")
    return {each: modules[each] for each in names[: last + 1]}


def freeze(network: Network, name: str) -> None:
    """Keep the parameters of a module and of all before it from being trained, and their batch norm as it is.

    These modules are set to evaluation mode, but for those that hold a module which is trained. InputError as
    `modules_up_to`.
    """
    frozen = modules_up_to(network, name)
    of_frozen = set(frozen.values())
    for module in of_frozen:
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(False)
        if of_frozen.issuperset(module.modules()):
            module.eval()


def shares_by_depth(network: Network, deeper: float) -> dict[nn.Parameter, float]:
    """Return the share of the learning rate of each parameter that is trained, 1 for those of the fastest layer.

    The rate of a layer is `deeper` times that of the layer before it, as in Howard and Ruder, "Universal language model
    fine-tuning for text classification", ACL 2018, where it is 2.6. A layer is a module with parameters of its own.
    """
    layers = [[p for p in module.parameters(recurse=False) if p.requires_grad] for module in network.modules()]
    layers = [layer for layer in layers if layer]
    fastest = len(layers) - 1 if deeper > 1 else 0
    return {p: deeper ** (number - fastest) for number, layer in enumerate(layers) for p in layer}
