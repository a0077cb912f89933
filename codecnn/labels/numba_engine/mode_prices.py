"""Choose the modes of blocks in decoding order, each at a price that depends on the modes of its neighbours."""

import numpy as np

from codecnn.labels.numba_engine.cache import compile_cached


def _choose_modes(
    costs: np.ndarray,
    neighbours: np.ndarray,
    absent: int,
    mpms: np.ndarray,
    classes: np.ndarray,
    ranks: np.ndarray,
    weights: np.ndarray,
    rest: np.ndarray,
    modes: np.ndarray,
    bits: np.ndarray,
    weight_counts: np.ndarray,
    rest_counts: np.ndarray,
) -> None:
    """Write for each block the mode with the least cost and price, and its price.

    costs: (N, M) in bits. neighbours: (N, 2) earlier blocks left and above, or -1, which counts as the mode `absent`.
    mpms: (M, M, K) by the modes of both. classes: (2, M, M), for both neighbours present and for others. ranks: (N, M)
    uint8. weights: (classes, K + 1, ranks), rest: (M,): the probability of a mode is in proportion to
    weights[class, place in the list of MPMs or K, rank], times rest[mode] for modes that are in no list.
    modes: (N,) int64. bits: (N,) float64. weight_counts: (2, *weights.shape), rest_counts: (2, M): how often each
    weight belonged to the chosen mode, and how often it was expected to, are added to them.
    """
    count, listed = costs.shape[1], mpms.shape[2]
    place, score = np.empty(count, np.int64), np.empty(count, np.float64)
    for block in range(len(costs)):
        first, second = neighbours[block]
        left = modes[first] if first >= 0 else absent
        above = modes[second] if second >= 0 else absent
        group = classes[int(first < 0 or second < 0), left, above]
        place[:] = listed
        for number in range(listed):
            place[mpms[left, above, number]] = number
        total = 0.0
        for mode in range(count):
            score[mode] = weights[group, place[mode], ranks[block, mode]]
            if place[mode] == listed:
                score[mode] *= rest[mode]
            total += score[mode]
        best, least = 0, np.inf
        for mode in range(count):
            cost = costs[block, mode] - np.log2(score[mode])
            if cost < least:
                best, least = mode, cost
            share = score[mode] / total
            weight_counts[1, group, place[mode], ranks[block, mode]] += share
            if place[mode] == listed:
                rest_counts[1, mode] += share
        weight_counts[0, group, place[best], ranks[block, best]] += 1
        if place[best] == listed:
            rest_counts[0, best] += 1
        modes[block], bits[block] = best, np.log2(total / score[best])


choose_modes = compile_cached(_choose_modes)
