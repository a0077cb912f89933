"""Move every kernel by an orthogonal matrix, so that all directions are learned equally fast.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024 (kellerjordan.github.io/posts/muon), with
the step size of Liu et al., "Muon is scalable for LLM training", arXiv 2502.16982, 2025, which suits every size.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

ADAM_RMS = 0.2  # root mean square of what Adam moves a weight by, at a learning rate of 1; found in the second paper
# Of the first paper: they bring singular values to about 1, quickly rather than exactly.
QUINTIC = (3.4445, -4.7750, 2.0315)
ROUNDS = 5
BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam


class Muon(torch.optim.Optimizer):
    """Move kernels, (outputs, ...), by orthogonal matrices, and parameters of one dimension as Adam does.

    One learning rate suits both. All parameters of a group with orthogonal=False are moved as Adam does. `momentum` is
    the decay of the mean gradient of the kernels, which looks one step ahead; that of Adam is 0.9. `weight_decay` is
    L2.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "orthogonal": True}
        super().__init__(parameters, settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move all parameters that have a gradient; return the result of `closure`, which may compute them."""
        with torch.enable_grad():
            loss = closure() if closure else None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                gradient, state = parameter.grad.add(parameter, alpha=group["weight_decay"]), self.state[parameter]
                if group["orthogonal"] and parameter.ndim > 1:
                    move = _orthogonal_move(gradient, state, group["momentum"])
                else:
                    move = _adam_move(gradient, state)
                parameter.sub_(move, alpha=group["lr"])
        return loss


def _orthogonal_move(gradient: Tensor, state: dict[str, Any], momentum: float) -> Tensor:
    if not state:
        state["mean"] = torch.zeros_like(gradient)
    mean: Tensor = state["mean"].lerp_(gradient, 1 - momentum)
    ahead = gradient.lerp(mean, momentum).reshape(len(gradient), -1)  # (outputs, inputs * kernel area)
    return orthogonal(ahead).mul_(ADAM_RMS * math.sqrt(max(ahead.shape))).view(gradient.shape)


def _adam_move(gradient: Tensor, state: dict[str, Any]) -> Tensor:
    if not state:
        state |= {"step": 0, "mean": torch.zeros_like(gradient), "square": torch.zeros_like(gradient)}
    state["step"] += 1
    mean: Tensor = state["mean"].lerp_(gradient, 1 - BETAS[0])
    square: Tensor = state["square"].lerp_(gradient.square(), 1 - BETAS[1])
    corrected = (square / (1 - BETAS[1] ** state["step"])).sqrt()
    move: Tensor = mean / (1 - BETAS[0] ** state["step"]) / (corrected + EPSILON)
    return move


def orthogonal(matrix: Tensor) -> Tensor:
    """Return about the nearest (semi-)orthogonal matrix to a float32 matrix (m, n).

    Singular values become 0.7 to 1.2, except those far below the largest. A Newton-Schulz iteration, which needs only
    products of matrices; a matrix of zeros stays as it is.
    """
    a, b, c = QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if tall else matrix  # the products are as large as the smaller side
    x = x / (torch.linalg.matrix_norm(x) + 1e-7)
    for _ in range(ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
