"""Which parameters shrink, and how does the learning rate change from step to step?"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from pdl.errors import ConfigError


def param_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Sort the trainable parameters into those that decay and those that do not.

    Weight decay pulls weights towards zero. For matrices and filters that is a useful preference
    for simple models; biases and the scales of normalization layers need to move freely. Those have
    one dimension, the others more.

    Args:
        model: The model. Names in its ``no_weight_decay()``, if it has one, do not decay either
            (position embeddings, for example).
        weight_decay: Decay of the first group, at least 0.

    Returns:
        One or two groups for an optimizer.

    Raises:
        ConfigError: If the decay is negative, or nothing in the model can be trained.

    Example:
        >>> groups = param_groups(nn.Linear(3, 2), weight_decay=0.1)
        >>> [(len(group["params"]), group["weight_decay"]) for group in groups]
        [(1, 0.1), (1, 0.0)]
    """
    if not 0 <= weight_decay < math.inf:
        raise ConfigError(f"weight_decay must be 0 or more, got {weight_decay}. Try 0.01.")
    exempt: set[str] = set(getattr(model, "no_weight_decay", set)())
    named = [(name, each) for name, each in model.named_parameters() if each.requires_grad]
    decay = [each for name, each in named if each.dim() > 1 and name not in exempt]
    free = [each for name, each in named if each.dim() <= 1 or name in exempt]
    if not named:
        raise ConfigError(
            "the model must have parameters to train, got none with requires_grad=True. "
            "Unfreeze a part, for example its head."
        )
    groups = [
        {"params": decay, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def adamw(
    model: nn.Module,
    *,
    lr: float,
    weight_decay: float = 0.01,
    betas: tuple[float, float] = (0.9, 0.999),
) -> torch.optim.AdamW:
    """AdamW over the model, with weight decay where it belongs.

    AdamW and not Adam: Adam adds the decay to the gradient and then divides it by the gradient's
    size, so that weights with a small gradient are pulled to zero.

    Args:
        model: The model, on its device already.
        lr: Learning rate, above 0.
        weight_decay: See `param_groups`.
        betas: How much of the running means of gradient and squared gradient is kept each step.

    Returns:
        The optimizer; on a GPU in its fused form, which updates all parameters at once.

    Raises:
        ConfigError: If a value is out of range.

    Example:
        >>> adamw(nn.Linear(3, 2), lr=0.001).param_groups[0]["weight_decay"]
        0.01
    """
    if not 0 < lr < math.inf:
        raise ConfigError(f"lr must be a positive number, got {lr}. Try 0.001.")
    if not all(0 <= beta < 1 for beta in betas):
        raise ConfigError(f"betas must lie in [0, 1), got {betas}. Try (0.9, 0.999).")
    groups = param_groups(model, weight_decay)
    fused = all(each.is_cuda for group in groups for each in group["params"])
    return torch.optim.AdamW(groups, lr=lr, betas=betas, fused=fused or None)


def constant(step: int) -> float:
    """No schedule: the factor is 1 at every step.

    Args:
        step: Number of steps taken.

    Returns:
        1.

    Example:
        >>> constant(100)
        1.0
    """
    del step
    return 1.0


def cosine(step: int, *, total_steps: int, min_factor: float = 0.0) -> float:
    """Half a cosine wave, from 1 down to ``min_factor``.

    Args:
        step: Number of steps taken.
        total_steps: When the bottom is reached; it stays there.
        min_factor: The bottom, in ``[0, 1]``.

    Returns:
        What to multiply the learning rate with.

    Raises:
        ConfigError: If a value is out of range.

    Example:
        >>> [cosine(step, total_steps=4) for step in range(5)]
        [1.0, 0.8536, 0.5, 0.1464, 0.0]
    """
    return warmup_cosine(step, total_steps=total_steps, warmup_steps=0, min_factor=min_factor)


def warmup_cosine(
    step: int, *, total_steps: int, warmup_steps: int, min_factor: float = 0.0
) -> float:
    """Rise in a line, then fall like half a cosine wave.

    The first steps of training come from weights that know nothing: small steps keep the running
    means of the optimizer and the normalization layers from being thrown far off.

    Args:
        step: Number of steps taken; the first step of training is step 0 and moves already.
        total_steps: When the bottom is reached; it stays there.
        warmup_steps: How many steps rise; step ``warmup_steps`` has the full rate. Below
            ``total_steps``.
        min_factor: The bottom, in ``[0, 1]``.

    Returns:
        What to multiply the learning rate with, in ``(0, 1]`` while it rises.

    Raises:
        ConfigError: If a value is out of range.

    Example:
        >>> [warmup_cosine(step, total_steps=6, warmup_steps=2) for step in range(7)]
        [0.3333, 0.6667, 1.0, 0.8536, 0.5, 0.1464, 0.0]
    """
    if total_steps < 1 or not 0 <= warmup_steps < total_steps or step < 0:
        raise ConfigError(
            f"a schedule needs 0 <= warmup_steps < total_steps and step >= 0, got {warmup_steps=}, "
            f"{total_steps=}, {step=}. Try warmup_steps={max(0, total_steps // 10)}."
        )
    if not 0 <= min_factor <= 1:
        raise ConfigError(f"min_factor must lie in [0, 1], got {min_factor}. Try 0.")
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    done = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))
    return min_factor + (1 - min_factor) * 0.5 * (1 + math.cos(math.pi * done))


def schedule(optimizer: torch.optim.Optimizer, factor: Callable[[int], float]) -> LambdaLR:
    """Let a function of the step decide the learning rate.

    Args:
        optimizer: Its learning rates are multiplied.
        factor: From the number of steps (or epochs) taken to a factor, `warmup_cosine` for example.

    Returns:
        A scheduler for the ``scheduler=`` of `pdl.engine.train`.

    Example:
        >>> optimizer = adamw(nn.Linear(1, 1), lr=0.1)
        >>> scheduler = schedule(optimizer, lambda step: cosine(step, total_steps=10))
        >>> scheduler.get_last_lr()
        [0.1, 0.1]
    """
    return LambdaLR(optimizer, factor)
