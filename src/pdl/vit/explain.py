"""Where does a Vision Transformer look, and what does it know about places?

Everything here is numbers; `pdl.attention` draws them. An attention weight says from where a token
takes information. It does not say that the model decided because of it.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pdl.errors import ConfigError, ShapeError
from pdl.mode import evaluating
from pdl.seed import preserve_rng_state
from pdl.vit.model import VisionTransformer


def attention_weights(model: VisionTransformer, images: Tensor) -> Tensor:
    """Who looks at whom, in every block and head.

    Args:
        model: The model; it is left in its mode.
        images: Pictures of shape ``(B, C, H, W)``.

    Returns:
        Weights of shape ``(L, B, h, T, T)`` for ``L`` blocks: a row for each asking token, which
        sums to 1. Token 0 is the class token.

    Example:
        >>> from pdl.vit.config import ViTConfig
        >>> model = VisionTransformer(ViTConfig.preset("Ti/8", image_size=64, num_classes=3))
        >>> attention_weights(model, torch.zeros(2, 3, 64, 64)).shape
        torch.Size([12, 2, 3, 65, 65])
    """
    with preserve_rng_state(), evaluating(model):
        return model.forward_with_weights(images)[1]


def class_token_maps(weights: Tensor) -> Tensor:
    """What the class token looks at, as maps over the picture.

    Args:
        weights: Weights of shape ``(..., T, T)``, from `attention_weights` or `rollout`.

    Returns:
        Maps of shape ``(..., H / P, W / P)``. Their sums are below 1 by what the class token takes
        from itself.

    Raises:
        ShapeError: If the patches do not fill a square.

    Example:
        >>> class_token_maps(torch.full((12, 2, 3, 65, 65), 1 / 65)).shape
        torch.Size([12, 2, 3, 8, 8])
    """
    side = _side(weights)
    return weights[..., 0, 1:].reshape(*weights.shape[:-2], side, side)


def rollout(weights: Tensor) -> Tensor:
    """Follow the attention through all blocks at once (Abnar and Zuidema, 2020; App. D.8).

    A block mixes tokens and adds the mixture to what was there, so half of each token is taken to
    come from itself. The tables of all blocks, averaged over heads, are then multiplied.

    Args:
        weights: Weights of shape ``(L, B, h, T, T)`` from `attention_weights`.

    Returns:
        Shares of shape ``(B, T, T)``: how much of each last token stems from each first token. Rows
        sum to 1.

    Raises:
        ShapeError: If the weights have another shape.

    Example:
        >>> rollout(torch.full((12, 2, 3, 5, 5), 0.2)).shape
        torch.Size([2, 5, 5])
    """
    _check(weights)
    identity = torch.eye(weights.shape[-1], device=weights.device, dtype=weights.dtype)
    mixed = (weights.mean(dim=2) + identity) / 2  # (L, B, h, T, T) -> (L, B, T, T)
    shares = mixed[0]
    for block in mixed[1:]:
        shares = block @ shares
    return shares


def attention_distance(weights: Tensor, patch_size: int) -> Tensor:
    """How far each head looks on average (Fig. 7 right, App. D.7).

    The distance between patches in pixels, weighted by attention, averaged over asking patches and
    pictures. Heads that look nearby work like small filters of a convolution.

    Args:
        weights: Weights of shape ``(L, B, h, T, T)`` from `attention_weights`.
        patch_size: Height and width of a patch in pixels.

    Returns:
        Distances in pixels, of shape ``(L, h)``.

    Raises:
        ShapeError: If the weights have another shape.
        ConfigError: If the patch has no pixels.

    Example:
        >>> attention_distance(torch.full((12, 2, 3, 65, 65), 1 / 65), patch_size=8).shape
        torch.Size([12, 3])
    """
    _check(weights)
    if patch_size < 1:
        raise ConfigError(f"patch_size must be at least 1 pixel, got {patch_size}. Try 16.")
    side = _side(weights)
    row = torch.arange(side, dtype=torch.float32, device=weights.device)
    places = torch.cartesian_prod(row, row).view(-1, 2)
    distances = torch.cdist(places, places) * patch_size  # (N, N)
    among = weights[..., 1:, 1:].float()  # what patches take from patches
    among = among / among.sum(dim=-1, keepdim=True)
    return (among * distances).sum(dim=-1).mean(dim=(1, 3))


def position_similarity(model: VisionTransformer) -> Tensor:
    """How alike the position embeddings of any two places are (Fig. 7 center).

    Nobody told the model which patches are neighbors: what shows here was learned.

    Args:
        model: The model.

    Returns:
        Cosine similarities in ``[-1, 1]`` of shape ``(G, G, G, G)``, ``G = H / P``: first the row
        and column of one patch, then those of the other.

    Example:
        >>> from pdl.vit.config import ViTConfig
        >>> model = VisionTransformer(ViTConfig.preset("Ti/8", image_size=64))
        >>> position_similarity(model)[2, 3, 2, 3].item()
        1.0
    """
    side = model.config.grid_size
    places = normalize(model.embeddings.position.detach()[0, 1:].float(), dim=-1)
    return (places @ places.T).view(side, side, side, side)


def _check(weights: Tensor) -> None:
    if weights.dim() != 5 or weights.shape[-1] != weights.shape[-2] or 0 in weights.shape:
        raise ShapeError(
            f"weights must have shape (L, B, h, T, T), got {tuple(weights.shape)}. "
            "Pass what attention_weights returned."
        )


def _side(weights: Tensor) -> int:
    patches = weights.shape[-1] - 1 if weights.dim() >= 2 else 0
    side = math.isqrt(max(0, patches))
    if side == 0 or side**2 != patches or weights.shape[-2] != weights.shape[-1]:
        raise ShapeError(
            "weights must have shape (..., T, T) with T = N + 1 for a square number N of patches, "
            f"got {tuple(weights.shape)}. Pass what attention_weights or rollout returned."
        )
    return side
