"""How does a Vision Transformer see pictures of another size than it was trained with?

The patches keep their size, so a larger picture has more of them. All weights fit any number of
tokens but one: the position embedding. It is a map of places, and is resized like a picture
(Sec. 3.2 of the paper).
"""

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pdl.errors import ShapeError
from pdl.mode import device_of
from pdl.seed import preserve_rng_state
from pdl.vit.model import VisionTransformer


def interpolate_position(position: Tensor, grid_size: int) -> Tensor:
    """Resize a position embedding to another number of patches.

    Args:
        position: Position embedding of shape ``(1, N + 1, D)`` of a square grid of ``N`` patches;
            number 0 belongs to the class token and stays as it is.
        grid_size: New number of patches in a row.

    Returns:
        Position embedding of shape ``(1, grid_size**2 + 1, D)``.

    Raises:
        ShapeError: If the old one is of another shape.

    Example:
        >>> interpolate_position(torch.zeros(1, 197, 768), 24).shape
        torch.Size([1, 577, 768])
    """
    side = math.isqrt(max(0, position.shape[1] - 1)) if position.dim() == 3 else 0
    if side == 0 or position.shape[0] != 1 or side**2 + 1 != position.shape[1]:
        raise ShapeError(
            f"position must have shape (1, N + 1, D) with a square number N of patches, got "
            f"{tuple(position.shape)}. Pass the embeddings.position of a VisionTransformer."
        )
    if side == grid_size:
        return position
    first, patches = position[:, :1], position[:, 1:]
    maps = patches.transpose(1, 2).reshape(1, -1, side, side)  # (1, N, D) -> (1, D, side, side)
    # Bicubic and smoothed when it shrinks, as timm does it; in float32, as bfloat16 is too coarse.
    maps = interpolate(
        maps.float(), size=(grid_size, grid_size), mode="bicubic", antialias=True
    ).to(position.dtype)
    return torch.cat([first, maps.flatten(2).transpose(1, 2)], dim=1)


def resize_model(model: VisionTransformer, image_size: int) -> VisionTransformer:
    """The same model for pictures of another size.

    Args:
        model: The model; it is left as it is.
        image_size: New height and width in pixels, a multiple of the patch size.

    Returns:
        A new model with weights of its own, on the same device, in the same mode.

    Raises:
        ConfigError: If the size is not a multiple of the patch size.

    Example:
        >>> from pdl.vit.config import ViTConfig
        >>> model = VisionTransformer(ViTConfig.preset("Ti/8", image_size=64, num_classes=3))
        >>> resize_model(model, 96)(torch.zeros(1, 3, 96, 96)).shape
        torch.Size([1, 3])
    """
    config = replace(model.config, image_size=image_size)
    weights = dict(model.state_dict())
    name = "embeddings.position"
    weights[name] = interpolate_position(weights[name], config.grid_size)
    with preserve_rng_state():  # the random start is overwritten at once
        resized = VisionTransformer(config)
    resized.to(device_of(model), weights[name].dtype)
    resized.load_state_dict(weights)
    return resized.train(model.training)
