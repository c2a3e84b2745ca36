"""Can the model take these settings and these pictures?

Models ask here before they compute, so that a mistake is named by its cause and not by the layer
that stumbles over it.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torchvision.transforms import v2

from pdl.errors import ConfigError, ShapeError

Transform: TypeAlias = Callable[[Any], Tensor]
"""Makes the tensor ``(C, H, W)`` that a model expects out of a picture of PIL's."""


def check_counts(least: int = 1, **settings: int) -> None:
    """Refuse settings that are not whole numbers, or too small to build a layer with.

    Args:
        least: Smallest allowed value.
        **settings: The settings by name.

    Raises:
        ConfigError: If one of them is too small or not a whole number.

    Example:
        >>> check_counts(width=10, num_classes=10)
    """
    for name, value in settings.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(
                f"{name} must be a whole number of at least {least}, got {value!r}. "
                f"Choose {name}={least} or more."
            )


def check_rate(**settings: float) -> None:
    """Refuse a probability outside of ``[0, 1)``.

    Args:
        **settings: The settings by name.

    Raises:
        ConfigError: If one of them is outside.

    Example:
        >>> check_rate(dropout=0.2)
    """
    for name, value in settings.items():
        if not 0 <= value < 1:
            raise ConfigError(
                f"{name} must be a probability in [0, 1), got {value!r}. Try {name}=0.2."
            )


def check_images(images: Tensor, weight: Tensor, *, channels: int, size: int | None) -> None:
    """Refuse a batch that a model of pictures can not compute with.

    Args:
        images: What should be a batch of shape ``(B, C, H, W)``.
        weight: Any weight of the model, for its number type.
        channels: Number of channels ``C`` that the model expects.
        size: Height and width in pixels, if the model takes one size only.

    Raises:
        ShapeError: If the shape or the number type is another one.

    Example:
        >>> check_images(torch.zeros(8, 3, 64, 64), torch.zeros(1), channels=3, size=64)
    """
    side = ("H", "W") if size is None else (size, size)
    fits = images.dim() == 4 and images.shape[1] == channels
    if not fits or (size is not None and tuple(images.shape[2:]) != (size, size)):
        raise ShapeError(
            f"images must have shape (B, {channels}, {side[0]}, {side[1]}) for this model, got "
            f"{tuple(images.shape)}. {_remedy(images, channels)}"
        )
    if not images.is_floating_point():
        raise ShapeError(
            f"images must hold decimal numbers, got {images.dtype}. Scale them to [0, 1] with "
            "torchvision.transforms.v2.ToDtype(torch.float32, scale=True)."
        )
    if images.dtype != weight.dtype and not torch.is_autocast_enabled(images.device.type):
        raise ShapeError(
            f"images must have the number type of the model, {weight.dtype}, got {images.dtype}. "
            f"Convert them with images.to({weight.dtype})."
        )


def plain_transform(channels: int, size: int) -> Transform:
    """Resize a picture and scale it to [0, 1]: nothing random, nothing normalized.

    Args:
        channels: 1 for gray, 3 for color.
        size: Height and width in pixels.

    Returns:
        A transform from a picture of PIL's to a tensor ``(C, H, W)``.

    Example:
        >>> from PIL import Image
        >>> plain_transform(channels=1, size=28)(Image.new("RGB", (40, 30))).shape
        torch.Size([1, 28, 28])
    """
    compose: Transform = v2.Compose(
        [
            v2.Grayscale() if channels == 1 else v2.RGB(),
            v2.Resize((size, size), antialias=True),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    return compose


def _remedy(images: Tensor, channels: int) -> str:
    if images.dim() == 3:
        return "For a single picture add the batch dimension with images.unsqueeze(0)."
    if images.dim() == 4 and images.shape[-1] == channels != images.shape[1]:
        return "The channels come last here: put them second with images.permute(0, 3, 1, 2)."
    if images.dim() == 4 and images.shape[1] != channels:
        wanted = "one gray channel" if channels == 1 else f"{channels} channels"
        return f"Load the pictures with {wanted}, or build the model with in_channels to match."
    return "Resize the pictures to that size, the same way for training and prediction."
