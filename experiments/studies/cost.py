"""Count the multiply-accumulates of a network of any task."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from codecnn.models.blocks import ModeNetwork
from codecnn.models.chroma_rdn import ChromaRdn
from codecnn.models.costs import kmac_per_block, kmac_per_sample
from codecnn.models.in_loop_filter import FilterNetwork
from codecnn.models.registry import make_network
from codecnn.training.batches import Batches, mapped
from codecnn.training.data import choose_shards
from codecnn.training.recipe import Run


def kmac_of(run: Run) -> float:
    """Return thousand MACs: per luma sample of a CTU of 128 for filters, else per sample of the task."""
    network = make_network(run.recipe.model)
    if isinstance(network, FilterNetwork | ChromaRdn):
        return kmac_per_sample(network)
    if isinstance(network, ModeNetwork):
        return kmac_per_block(network)
    draws = run.recipe.task.draws(choose_shards(run).training, run.recipe.model)
    batch, counts = Batches(draws, batch=1, seed=0)[0], []
    mapped(batch, lambda tensor: counts.append(len(tensor)) or tensor)  # type: ignore[func-returns-value]
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        run.recipe.task.sums(network.eval(), batch)
    return int(counter.get_total_flops()) / 2 / counts[0] / 1000
