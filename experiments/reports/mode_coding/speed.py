"""Measure the time for a block of several prices on one thread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from codecnn.labels.decoder_side import template_costs, template_gradients
from codecnn.labels.mode_price import fit_price
from codecnn.labels.mode_sets import ModeSet
from codecnn.models.mode_context import ModeCoder
from codecnn.tasks.coded_frames import Frames
from codecnn.tasks.mode_coding import decide
from experiments.reports.mode_coding.measure import name_of_mpms
from experiments.reports.shared.block_networks import Case, Chosen
from experiments.reports.shared.timing import in_turns, one_thread

ROUNDS = 5


@dataclass(frozen=True)
class Time:
    """Hold the time that something takes for a block."""

    size: int
    modes: ModeSet
    what: str
    blocks: int  # in one call
    microseconds: float  # for a block


def times_of(frames: Frames, case: Case, networks: Sequence[Chosen[ModeCoder]]) -> list[Time]:
    """Measure on the blocks of the first frame: the least of several rounds, in which all take turns."""
    frame = frames.read(0)
    picture, depth = frame.priced(), frame.shard.info.bit_depth_of("unfiltered")
    place = frame.reference, frame.grid.blocks, frame.size
    ways: dict[str, Callable[[], object]] = {
        f"decisions, {name_of_mpms(case.modes)}": partial(fit_price(case.modes, [picture]).decide, picture),
        "gradients of DIMD": partial(template_gradients, *place, case.modes),
    }
    if case.modes == "vvc-67":
        ways["template costs of TIMD"] = partial(template_costs, *place, depth)
    for chosen in networks:
        ways[f"decisions, {chosen.name}"] = partial(decide, chosen.network, frame, picture.costs)
    with one_thread():
        seconds = in_turns(ways, ROUNDS)
    count = len(frame.grid.blocks)
    return [Time(*case, what, count, 1e6 * min(each) / count) for what, each in seconds.items()]
