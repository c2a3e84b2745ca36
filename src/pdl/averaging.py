"""What do the weights come to on average over the last steps of a run?

Each step of training overshoots a little, in a direction that the next one corrects. The running
average of the weights lies in the middle of these steps and is often better than any of them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from pdl.errors import ConfigError

_KEY = "average"


def keep_average(optimizer: torch.optim.Optimizer, *, decay: float = 0.999) -> None:
    """Keep a running average of the weights while an optimizer updates them.

    The averages lie in the state of the optimizer, beside its moments: a checkpoint saves and
    restores them with it, which it would not do with `torch.optim.swa_utils.AveragedModel`. In the
    first steps, which start from random weights, the average forgets faster: the decay of step
    ``t`` is at most ``t / (9 + t)``.

    Args:
        optimizer: The optimizer, before its first step or before its state is restored.
        decay: Share of the average that stays in each step, in ``[0, 1)``.

    Raises:
        ConfigError: If the decay is out of range.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        >>> keep_average(optimizer, decay=0.5)
        >>> for step in range(3):
        ...     model.weight.grad = torch.ones(1, 1)
        ...     optimizer.step()
        >>> bool(averaged(model, optimizer)["weight"] > model.weight)
        True
    """
    if not 0 <= decay < 1:
        raise ConfigError(f"decay must lie in [0, 1), got {decay}. Try 0.999.")

    @torch.no_grad()
    def update(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        weights = [
            each
            for group in optimizer.param_groups
            for each in group["params"]
            if each.grad is not None
        ]
        if not weights:
            return
        states = [optimizer.state[each] for each in weights]
        for state, weight in zip(states, weights, strict=True):
            state.setdefault(_KEY, weight.detach().clone())
        group = optimizer.param_groups[0]
        steps = group[f"{_KEY}_steps"] = group.get(f"{_KEY}_steps", 0) + 1
        move = get_ema_multi_avg_fn(min(decay, steps / (9 + steps)))  # type: ignore[no-untyped-call]  # torch has no type here
        move([state[_KEY] for state in states], weights, None)

    hook: Callable[..., None] = update
    optimizer.register_step_post_hook(hook)


def averaged(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The averages as a state dict.

    Args:
        model: The model that is trained.
        optimizer: The optimizer that was given to `keep_average`.

    Returns:
        A state dict; what was never updated is as in the model.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        >>> averaged(model, optimizer).keys() == model.state_dict().keys()
        True
    """
    weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        average = optimizer.state.get(parameter, {}).get(_KEY)
        if average is not None:
            weights[name] = average.clone()
    return weights
