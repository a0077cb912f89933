"""Test the task of mode coding: what its networks see, what they learn from, and its decisions."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard, open_folder
from codecnn.errors import InputError
from codecnn.intra.references import decoding_order, reference_samples
from codecnn.labels.block_grid import block_grid
from codecnn.labels.mode_price import fit_price
from codecnn.labels.rate_distortion import Coding
from codecnn.labels.tables import lagrangian_table
from codecnn.models.mode_coding.absolute_coder import AbsoluteCoder, AbsoluteCoderConfig
from codecnn.models.modes.absolute import AbsoluteConfig
from codecnn.tasks.coded_frames import CodedFrame, Frames
from codecnn.tasks.mode_coding import (
    Batch,
    BlocksOfFrames,
    ModeCoding,
    decide,
    neighbours,
    on_device,
    prices_for,
    transposed,
    whole_cost,
)
from codecnn.training.loop import train
from codecnn.training.recipe import Optimiser, Recipe, Run, Training
from experiments.train_mode_coding import main
from tests.small_data import CTU, write_shard

SMALL = AbsoluteCoderConfig(8, pairs=48, hidden=32)


def one_frame(folder: Path, size: int = 8) -> CodedFrame:
    write_shard(folder / "a.h5", "coffee", 37, frames=2, codec="x265")
    return Frames([Shard(folder / "a.h5")], size, "vvc-67").read(1)


def coder(seed: int = 0) -> AbsoluteCoder:
    torch.manual_seed(seed)
    network = AbsoluteCoder(SMALL).eval()
    torch.nn.init.normal_(network.neighbours.weight, std=0.5)
    return network


def test_the_context_is_what_surrounds_a_block(tmp_path: Path) -> None:
    frame = one_frame(tmp_path)
    unfiltered = frame.shard.picture("unfiltered", 1).y
    np.testing.assert_array_equal(frame.reference, unfiltered)
    np.testing.assert_array_equal(frame.original, frame.shard.picture("original", 1).y)
    modes = np.random.default_rng(0).integers(0, 67, len(frame.grid.blocks))
    context = frame.context(neighbours(frame, modes, 67))
    place_of = {(x, y): mode for (x, y), mode in zip(frame.grid.blocks[:, :2].tolist(), modes, strict=True)}
    for number, (x, y, right, below) in enumerate(frame.grid.blocks.tolist()):
        lines = [reference_samples(unfiltered, x, y, 8, 8, CTU, 8, line) for line in range(3)]
        np.testing.assert_array_equal(context.references[number], np.concatenate(lines))
        assert context.available[number].tolist() == [x > 0, below / 8, y > 0, right / 8]
        assert context.modes[number, :3].tolist() == [
            place_of.get(there, 67) for there in ((x - 8, y), (x, y - 8), (x - 8, y - 8))
        ]
        assert context.modes[number, 3] == (place_of.get((x + 8, y - 8), 67) if right else 67)
        assert context.modes[number, 4] == (place_of.get((x - 8, y + 8), 67) if below else 67)


def test_prices_depend_on_nothing_that_is_not_decoded(tmp_path: Path) -> None:
    frame, rng = one_frame(tmp_path), np.random.default_rng(0)
    modes = rng.integers(0, 67, len(frame.grid.blocks))
    prices = prices_for(coder(), frame, modes)
    height, width = frame.reference.shape
    y, x = np.mgrid[:height, :width]
    order = decoding_order(x // 8 * 8, y // 8 * 8, width, CTU)
    for number in range(0, len(modes), 9):
        left, top = frame.grid.blocks[number, :2]
        later = order >= order[top, left]
        noise = rng.integers(0, 256, frame.reference.shape)
        other = replace(
            frame, reference=np.where(later, noise, frame.reference).astype(np.uint16), original=noise.astype(np.uint16)
        )
        changed = np.where(np.arange(len(modes)) >= number, (modes + 11) % 67, modes)
        np.testing.assert_array_equal(prices_for(coder(), other, changed)[number], prices[number])


def test_costs_are_in_bits(tmp_path: Path) -> None:
    frame = one_frame(tmp_path)
    planes = frame.original, frame.reference
    table = lagrangian_table(*planes, frame.grid.blocks, frame.size, 8, "vvc-67", CTU, Coding("x265", 37))
    lagrangian = 0.038 * math.exp(0.234 * 37)
    np.testing.assert_allclose(frame.costs(), table / lagrangian, rtol=1e-5)
    chosen = np.array([5, 3, 40])
    np.testing.assert_allclose(frame.costs(chosen), frame.costs()[chosen], rtol=1e-5)


def test_waves_decide_as_one_block_after_the_other(tmp_path: Path) -> None:
    frame, network = one_frame(tmp_path), coder()
    costs = frame.costs()
    found = decide(network, frame, costs)
    modes = np.zeros(len(costs), np.int64)
    for number in range(len(costs)):
        around = np.append(modes, 67)[frame.grid.neighbours[number]]
        context = frame.context(around[None], np.array([number]))
        with torch.inference_mode():
            logits = network(on_device(context, network)).double().numpy()[0]
        prices = (np.log(np.exp(logits).sum()) - logits) / np.log(2)
        modes[number] = (costs[number] + prices).argmin()
        assert found.modes[number] == modes[number]
        assert found.bits[number] == pytest.approx(prices[modes[number]], abs=1e-4)
    np.testing.assert_allclose(
        np.take_along_axis(prices_for(network, frame, modes), modes[:, None], 1)[:, 0], found.bits, atol=1e-4
    )


def exchanged(frame: CodedFrame) -> tuple[CodedFrame, NDArray]:
    """Return a frame with rows and columns exchanged, and the numbers of its blocks in the frame."""
    turned = replace(frame, original=frame.original.T.copy(), reference=frame.reference.T.copy())
    place = {(x, y): number for number, (x, y) in enumerate(frame.grid.blocks[:, :2].tolist())}
    grid = block_grid(frame.size, turned.reference.shape, frame.ctu_size)
    return replace(turned, grid=grid), np.array([place[y, x] for x, y in grid.blocks[:, :2].tolist()])


def test_a_transposed_draw_is_that_of_the_transposed_picture(tmp_path: Path) -> None:
    frame = one_frame(tmp_path)
    turned, place = exchanged(frame)
    modes = np.random.default_rng(0).integers(0, 67, len(place))
    context, costs = frame.context(neighbours(frame, modes, 67)), frame.costs()
    found = transposed(Batch(context, modes, costs), 67)
    mirrored = np.where(modes < 2, modes, 68 - modes)
    expected = turned.context(neighbours(turned, mirrored[place], 67))
    # Inside of a CTU above right is decoded where below left is not: only blocks with neither, or both, are alike.
    alike = [n for n, o in enumerate(place) if (turned.grid.blocks[n, 2:] == frame.grid.blocks[o, [3, 2]]).all()]
    assert len(alike) > 10
    for ours, theirs in zip(found.context, expected, strict=True):
        np.testing.assert_array_equal(ours[place[alike]], theirs[alike])
    np.testing.assert_array_equal(found.modes, mirrored)
    np.testing.assert_allclose(found.costs[place[alike]], turned.costs()[alike], rtol=1e-3)


def test_draws_are_of_decided_modes_and_repeat_themselves(coded: Path) -> None:
    shards = open_folder(coded)
    for kind in ("mpm", "own"):
        draws = ModeCoding(kind, blocks=20, price_frames=2).draws(shards, SMALL)
        first, again = (draws.draw(3, np.random.default_rng(0), np.random.default_rng(5)) for _ in range(2))
        assert first.modes.tolist() == again.modes.tolist()
        assert (first.costs is None) == (kind == "mpm")
        assert first.context.references.shape == (20, 105)
        assert draws.units == len(shards)
    assert isinstance(draws, BlocksOfFrames)
    frame = draws.frames.read(3)
    price = draws.prices[frame.shard.info.qp]
    np.testing.assert_array_equal(draws.decided[3], price.decide(frame.priced()).modes)


def test_the_loss_is_the_price_in_bits(tmp_path: Path) -> None:
    frame, network = one_frame(tmp_path), coder()
    modes = np.random.default_rng(0).integers(0, 67, len(frame.grid.blocks))
    context = frame.context(neighbours(frame, modes, 67))
    prices = prices_for(network, frame, modes)
    own = (frame.costs() + prices).argmin(1)
    for costs, expected in ((None, modes), (torch.from_numpy(frame.costs()), own)):
        sums = ModeCoding().sums(network, Batch(on_device(context, network), torch.from_numpy(modes), costs))
        total, count = sums["loss"]
        wanted = np.take_along_axis(prices, expected[:, None], 1).mean()
        assert float(total.detach() / count) == pytest.approx(float(wanted), rel=1e-4)
        assert float(sums["top1"][0] / count) == pytest.approx(100 * (prices.argmin(1) == expected).mean())


def test_figures_by_their_definition(coded: Path) -> None:
    shards, network = [s for s in open_folder(coded) if s.info.qp == 37], coder()
    found = ModeCoding().validate(network, shards)
    frames = Frames(shards, 8, "vvc-67")
    chosen = [frames.read(number) for number in range(len(frames))]
    price = fit_price("vvc-67", [frame.priced() for frame in chosen])
    listed = [price.decide(frame.priced()) for frame in chosen]
    costs = [frame.costs() for frame in chosen]
    before, after = (
        sum(whole_cost(c, d).sum() for c, d in zip(costs, decided, strict=True))
        for decided in (listed, [decide(network, f, c) for f, c in zip(chosen, costs, strict=True)])
    )
    assert found["cost"] == found["cost_37"] == pytest.approx(100 * (after / before - 1))
    prices = np.concatenate([prices_for(network, f, d.modes) for f, d in zip(chosen, listed, strict=True)])
    modes = np.concatenate([d.modes for d in listed])
    assert found["bits"] == pytest.approx(float(prices[np.arange(len(modes)), modes].mean()), rel=1e-5)
    assert found["top1"] == pytest.approx(100 * float((prices.argmin(1) == modes).mean()))


def test_training_makes_modes_cheaper(coded: Path, tmp_path: Path) -> None:
    training = Training(
        steps=40, batch=4, workers=0, precision="fp32", ema=0.9, clip=0, validate_every=40, checkpoint_every=40,
        holdout=0.25, optimiser=Optimiser(lr=2e-3, last=1, warmup=5),
    )  # fmt: skip
    task = ModeCoding("mpm", blocks=48, price_frames=2)
    found: list[dict[str, float]] = []
    train(
        Run(Recipe(training, task, SMALL), [coded], None, tmp_path / "run"),
        tell=lambda event: found.extend([event.figures] if event.figures else []),
    )
    untrained = task.validate(AbsoluteCoder(SMALL).eval(), open_folder(coded))
    assert found[-1]["bits"] < math.log2(67) - 0.1 < untrained["bits"]
    assert found[-1]["cost"] < untrained["cost"]


def test_frames_are_spread_over_files(tmp_path: Path) -> None:
    for name, qp, count in (("coffee", 37, 5), ("chelsea", 22, 2), ("chelsea", 37, 1)):
        write_shard(tmp_path / f"{name}_{qp}.h5", name, qp, frames=count, codec="x265")
    frames = Frames(open_folder(tmp_path), 8, "vvc-67")  # 0-1, 2, 3-7
    assert frames.spread_in_files(3) == {22: [0, 1], 37: [2, 3, 5, 7]}
    assert frames.spread(3) == {22: [0, 1], 37: [2, 4, 7]}


def test_what_does_not_fit_is_refused(coded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shards = open_folder(coded)
    with pytest.raises(InputError, match="network must be a mode coder, not 'absolute'"):
        ModeCoding().draws(shards, AbsoluteConfig())
    with pytest.raises(InputError, match="CTUs of 32 hold no blocks of 64"):
        Frames(shards, 64, "vvc-67")
    for wrong in ({"blocks": 0}, {"price_frames": 0}, {"validate_frames": -1}):
        with pytest.raises(ValueError, match="must be from 1"):
            ModeCoding(**wrong)  # type: ignore[arg-type]
    words = ["mode_coding_8", f"--data={coded}", f"--out={tmp_path / 'run'}"]
    assert main([*words, "--network=absolute"]) == 2
    assert main([*words, "--model.size=64"]) == 2
    assert "size must be one of (4, 8, 16, 32)" in capsys.readouterr().err


def test_a_codec_without_a_known_lambda_is_refused(data: Path) -> None:
    with pytest.raises(InputError, match=r"\.h5: no lambda is known for the codec blur"):
        Frames(open_folder(data), 8, "vvc-67")
