"""A small Vision Transformer whose every weight does something."""

import pytest
import torch

from pdl.vit.config import ViTConfig
from pdl.vit.model import VisionTransformer

SMALL = ViTConfig(
    image_size=32,
    patch_size=8,
    num_classes=5,
    embed_dim=24,
    depth=3,
    num_heads=3,
    mlp_dim=48,
)


def randomized(config: ViTConfig, seed: int = 0) -> VisionTransformer:
    """The authors start the head from zeros, which would hide any mistake before it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = VisionTransformer(config)
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(0.1 * torch.randn_like(weight))
    return model.eval()


@pytest.fixture
def small() -> VisionTransformer:
    return randomized(SMALL)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
