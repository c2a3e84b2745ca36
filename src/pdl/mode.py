"""How is a model put into a mode for a while, and left as it was found?"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def preserve_mode(*models: nn.Module) -> Iterator[None]:
    """Put every part of the models back into train or eval mode as it was found.

    Part by part, because a model may be mixed on purpose: a frozen backbone in eval mode under a
    head in train mode.

    Args:
        *models: The models to leave as found.

    Yields:
        Nothing; the modes are put back at the end, also after an exception.

    Example:
        >>> model = nn.Sequential(nn.Dropout(), nn.Linear(1, 1))
        >>> with preserve_mode(model):
        ...     _ = model.eval()
        >>> model[0].training
        True
    """
    found = [(part, part.training) for model in models for part in model.modules()]
    try:
        yield
    finally:
        for part, training in found:
            part.training = training


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch dropout and batch statistics off and record no gradients, for a while.

    Two different things, and evaluation wants both: ``eval()`` changes how some layers compute,
    ``inference_mode()`` stops recording what the backward pass would need.

    Args:
        model: The model to evaluate; its mode is put back afterwards.

    Yields:
        Nothing.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> with evaluating(model):
        ...     model.training, model(torch.ones(1, 1)).requires_grad
        (False, False)
        >>> model.training
        True
    """
    with preserve_mode(model), torch.inference_mode():
        model.eval()
        yield


def device_of(model: nn.Module) -> torch.device:
    """The device that a model's parameters are on.

    Args:
        model: The model to look at.

    Returns:
        The device of the first parameter or buffer; the CPU for a model without any.

    Example:
        >>> device_of(nn.Linear(1, 1))
        device(type='cpu')
    """
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")
