"""What a step of training sees: pieces of the shards, every one once in an epoch, anywhere and in all orientations."""

import time
from multiprocessing import active_children, get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from codecnn.dataset.reader import CtuDataset, CtuWindow, Shard, open_folder
from codecnn.errors import InputError
from codecnn.models.rdn.config import RdnConfig
from codecnn.tasks import in_loop_filter
from codecnn.tasks.in_loop_filter import Batch, Patches
from codecnn.training.batches import Batches
from codecnn.training.data import split_by_source
from tests.small_data import CTU, HEIGHT, WIDTH

PATCH = 24


def fixed(shards: list[Shard], patch: int = PATCH, rank: int = 0, world: int = 1) -> Batches[Batch]:
    return Batches(Patches(shards, RdnConfig(), patch), 6, 3, rank, world)


def orientations(plane: NDArray) -> list[NDArray]:
    turns = [np.rot90(plane, quarter) for quarter in range(4)]
    return [*turns, *(turn.T for turn in turns)]


def found(window: CtuWindow, drawn: Batch) -> list[tuple[int, int, int]]:
    """Where in a CTU window a patch is from, as (orientation, top, left): all of its planes from the same place."""
    fed, places = drawn.windows, []
    assert fed.unfiltered_y is not None
    pieces = np.lib.stride_tricks.sliding_window_view(window.original.y[2:-2, 2:-2], (PATCH, PATCH))[::2, ::2]
    for number, turned in enumerate(orientations(drawn.original[0])):
        for top, left in np.argwhere((pieces == turned).all((2, 3))).tolist():  # in units of two samples
            luma = np.s_[2 * top : 2 * top + PATCH + 4, 2 * left : 2 * left + PATCH + 4]
            chroma = np.s_[top : top + PATCH // 2 + 2, left : left + PATCH // 2 + 2]
            planes = (
                (window.baseline.y[luma], fed.y),
                (window.baseline.u[chroma], fed.u),
                (window.baseline.v[chroma], fed.v),
                (window.unfiltered.y[luma], fed.unfiltered_y),
            )
            if all(np.array_equal(plane, orientations(got[0])[number]) for plane, got in planes):
                places.append((number, 2 * top, 2 * left))
    return places


def misplaced(data: Path) -> list[str]:
    """What is wrong with patches of a whole CTU, and of one at the right edge of the picture."""
    shard = open_folder(data)[0]
    draws, wrong = Patches([shard], RdnConfig(), PATCH), []
    even = list(range(0, CTU - PATCH + 1, 2))
    for unit, lefts in ((0, even), (2, [0, 2])):  # 26 samples of the third CTU are valid across
        window = draws.windows[unit]
        assert (window.valid_height, window.valid_width) == (CTU, lefts[-1] + PATCH)
        places = []
        for number in range(60):
            drawn = draws.draw(unit, np.random.default_rng(0), np.random.default_rng(number))
            assert (drawn.windows.qp.item(), drawn.windows.peak.item()) == (window.qp, 255)
            if len(here := found(window, drawn)) != 1:
                return [f"patch {number} of {unit} is found at {here}"]
            places += here
        turns, tops, from_left = (sorted(set(values)) for values in zip(*places, strict=True))
        if turns != list(range(8)):
            wrong.append(f"orientations {turns}")
        if (tops, from_left) != (even, lefts):
            wrong.append(f"patches begin at {tops} from the top, {from_left} from the left")
    return wrong


def test_a_patch_is_from_anywhere_in_a_window_and_in_any_orientation(data: Path) -> None:
    assert misplaced(data) == []


def test_wrong_patches_are_noticed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corner, turned = in_loop_filter.corner, in_loop_filter.turned

    def exchanged(own: np.random.Generator, height: int, width: int, patch: int) -> tuple[int, int]:
        return corner(own, height, width, patch)[::-1]

    def beyond(own: np.random.Generator, height: int, width: int, patch: int) -> tuple[int, int]:
        return corner(own, CTU, CTU, patch)

    for name, mutant in (
        ("corner", exchanged),
        ("corner", beyond),
        ("corner", lambda *_: (0, 0)),
        ("turned", lambda plane, _: plane),
        ("turned", lambda plane, turn: turned(plane, turn & 3)),
        ("turned", lambda plane, turn: turned(plane, turn if plane.shape[0] == PATCH else 0)),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(in_loop_filter, name, mutant)
            assert misplaced(data)


def test_what_is_read_from_the_input_that_the_network_takes(data: Path) -> None:
    shards = open_folder(data)
    both, baseline, unfiltered = (
        Batches(Patches(shards, config, 24), 6, 0)[1].windows
        for config in (RdnConfig(), RdnConfig(input="baseline"), RdnConfig(input="unfiltered"))
    )
    assert both.unfiltered_y is not None
    assert baseline.unfiltered_y is unfiltered.unfiltered_y is None
    assert torch.equal(both.y, baseline.y)
    assert torch.equal(both.unfiltered_y, unfiltered.y)
    assert not torch.equal(both.unfiltered_y, both.y)


def test_an_epoch_is_a_permutation(data: Path) -> None:
    batches = fixed(open_folder(data), patch=CTU)  # whole CTUs, so that a patch tells which one it is
    windows, count = CtuDataset(open_folder(data)), batches.draws.units
    assert count == 72

    def epoch(number: int) -> list[bytes]:
        steps = range(number * count // 6, (number + 1) * count // 6)
        return [np.sort(patch.flatten()).tobytes() for step in steps for patch in batches[step].original.numpy()]

    everything = sorted(np.sort(windows[i].original.y[2:-2, 2:-2], axis=None).tobytes() for i in range(count))
    assert sorted(epoch(0)) == sorted(epoch(1)) == everything
    assert epoch(0) != epoch(1)


def test_only_samples_of_the_picture_are_valid(data: Path) -> None:
    batches = fixed(open_folder(data), patch=CTU)
    sizes = sorted(
        (int(valid.any(1).sum()), int(valid.any(0).sum()))
        for step in range(12)
        for valid in batches[step].valid
        if valid.sum() == valid.any(1).sum() * valid.any(0).sum()
    )
    high, wide = HEIGHT % CTU, WIDTH % CTU
    turned = {(CTU, CTU), (high, CTU), (CTU, high), (wide, CTU), (CTU, wide), (high, wide), (wide, high)}
    assert len(sizes) == 72
    assert set(sizes) <= turned
    areas = [height * width for height, width in sizes]
    assert sum(areas) == 8 * HEIGHT * WIDTH


def test_processes_share_a_batch(data: Path) -> None:
    def flat(batch: Batch) -> list[torch.Tensor]:
        return [tensor for tensor in (*batch.windows, *batch[1:]) if tensor is not None]

    shards = open_folder(data)
    whole = flat(fixed(shards)[7])
    parts = [flat(fixed(shards, rank=rank, world=4)[7]) for rank in range(4)]
    for tensor, *pieces in zip(whole, *parts, strict=True):
        assert torch.equal(torch.cat(pieces), tensor)


def test_the_split_goes_by_source_and_knows_no_order(data: Path) -> None:
    shards = open_folder(data)
    training, held_out, test = split_by_source(shards, 0.25)
    assert test == []
    assert {s.path for s in training} | {s.path for s in held_out} == {s.path for s in shards}
    assert len(held_out) == 2
    assert not {s.info.source for s in training} & {s.info.source for s in held_out}
    again = split_by_source(shards[::-1], 0.25)
    assert {s.path for s in again[1]} == {s.path for s in held_out}
    with pytest.raises(InputError, match="1 source"):
        split_by_source(held_out, 0.5)
    parts = split_by_source(shards, 0.25, 0.5)
    assert [len(part) for part in parts] == [2, 2, 4]
    assert sorted(s.path for s in parts.everything) == sorted(s.path for s in shards)
    sources = [{s.info.source for s in part} for part in parts]
    assert not (sources[0] & sources[1] | sources[0] & sources[2] | sources[1] & sources[2])
    assert {s.path for s in parts.held_out} == {s.path for s in held_out}
    with pytest.raises(InputError, match=r"4 source.* share of 0\.25, and a test of 0\.75"):
        split_by_source(shards, 0.25, 0.75)


def test_other_child_processes_live_on(data: Path) -> None:
    """The reading processes end with the context; one that was started meanwhile does not."""
    before = set(active_children())  # of other tests
    with fixed(open_folder(data)).load(0, 9, workers=2) as incoming:
        other = get_context("fork").Process(target=time.sleep, args=(600,))
        other.start()
        next(incoming)
        assert len(set(active_children()) - before) == 3
    assert set(active_children()) - before == {other}
    other.kill()
    other.join()
