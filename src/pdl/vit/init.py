"""With which numbers does a Vision Transformer start?

With those of the authors' code, https://github.com/google-research/vision_transformer, file
``vit_jax/models_vit.py``. They matter: with position embeddings of variance 1, as in many
rewritings, the places drown the pictures.
"""

import math

import torch
from torch import Tensor, nn

_CUT = 0.87962566103423978
"""Standard deviation of a standard normal distribution cut off at -2 and 2 (jax's constant)."""


@torch.no_grad()
def init_weights(model: nn.Module) -> None:
    """Draw the first numbers of a Vision Transformer as its authors do, in place.

    Found by name, so that it works for `pdl.vit.model.VisionTransformer` and for parts of it.

    Args:
        model: The model.

    Example:
        >>> from pdl.vit.config import ViTConfig
        >>> from pdl.vit.model import VisionTransformer
        >>> model = VisionTransformer(ViTConfig.preset("Ti/8", image_size=64))
        >>> model.embeddings.position.std().item(), model.head.weight.abs().sum().item()
        (0.02, 0.0)
    """
    for name, weight in model.named_parameters():
        last = name.rpartition(".")[2]
        if name.endswith("position"):
            weight.normal_(std=0.02)  # AddPositionEmbs: normal(stddev=0.02)
        elif name.endswith("class_token"):
            weight.zero_()  # cls: zeros
        elif "norm" in name:
            weight.fill_(1.0 if last == "weight" else 0.0)  # flax LayerNorm: ones and zeros
        elif ".mlp." in f".{name}":
            # MlpBlock: xavier_uniform, and biases of normal(stddev=1e-6)
            nn.init.xavier_uniform_(weight) if last == "weight" else weight.normal_(std=1e-6)
        elif last == "bias":
            weight.zero_()  # flax: zeros
        elif name.endswith("qkv.weight"):
            for part in weight.chunk(3):  # each projection by itself: xavier_uniform
                nn.init.xavier_uniform_(part)
        elif name.endswith("output.weight"):
            nn.init.xavier_uniform_(weight)  # Encoder1DBlock: xavier_uniform
        elif name.endswith("head.weight"):
            weight.zero_()  # head: zeros
        else:
            lecun_normal_(weight)  # the convolution and pre_logits: flax's default


def lecun_normal_(weight: Tensor) -> Tensor:
    """Flax's default: a cut-off normal distribution of variance 1 / inputs.

    Args:
        weight: The weight of a layer, filled in place; its first dimension counts outputs.

    Returns:
        The same tensor.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> lecun_normal_(torch.empty(1000, 100)).std().item()
        0.100
    """
    std = math.sqrt(1 / weight[0].numel()) / _CUT
    return nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)
