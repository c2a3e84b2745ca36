"""Does `pdl.vit.init` start a model as the paper's authors do?"""

import math

import pytest
import torch

from pdl.vit.config import ViTConfig
from pdl.vit.init import init_weights, lecun_normal_
from pdl.vit.model import VisionTransformer

CONFIG = ViTConfig(
    image_size=64,
    patch_size=8,
    num_classes=5,
    embed_dim=96,
    depth=2,
    num_heads=4,
    mlp_dim=200,
    representation_dim=64,
)


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(0)
    return dict(VisionTransformer(CONFIG).named_parameters())


def xavier_bound(inputs, outputs):
    return math.sqrt(6 / (inputs + outputs))


@pytest.mark.parametrize("name", ["head.weight", "head.bias", "embeddings.class_token"])
def test_zeros(weights, name):
    assert not weights[name].any()


def test_places_are_small_beside_pictures(weights):
    position = weights["embeddings.position"]
    assert position.std().item() == pytest.approx(0.02, rel=0.05)
    assert position.mean().item() == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        # Query, key and value are drawn as three squares, not as one matrix of 96 x 288.
        ("blocks.0.attention.qkv.weight", 96, 96),
        ("blocks.1.attention.output.weight", 96, 96),
        ("blocks.0.mlp.linear1.weight", 96, 200),
        ("blocks.1.mlp.linear2.weight", 200, 96),
    ],
)
def test_dense_layers_are_uniform_after_xavier(weights, name, inputs, outputs):
    largest, bound = weights[name].abs().max().item(), xavier_bound(inputs, outputs)
    assert 0.99 * bound < largest <= bound
    assert weights[name].std().item() == pytest.approx(bound / math.sqrt(3), rel=0.03)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [("embeddings.patches.projection.weight", 3 * 8 * 8), ("pre_logits.0.weight", 96)],
)
def test_other_layers_have_the_variance_of_lecun(weights, name, inputs):
    assert weights[name].std().item() == pytest.approx(math.sqrt(1 / inputs), rel=0.04)
    assert weights[name].abs().max() <= 2 * math.sqrt(1 / inputs) / 0.8796


def test_biases(weights):
    for name, bias in weights.items():
        if name.endswith("bias") and ".mlp." in name:
            assert 0 < bias.abs().max() < 1e-5
        elif name.endswith("bias"):
            assert not bias.any(), name


def test_norms_change_nothing(weights):
    scales = [value for name, value in weights.items() if "norm" in name and "weight" in name]
    assert len(scales) == 2 * CONFIG.depth + 1
    assert all(bool((scale == 1).all()) for scale in scales)


def test_the_same_seed_gives_the_same_model():
    models = []
    for _ in range(2):
        torch.manual_seed(7)
        models.append(VisionTransformer(CONFIG).state_dict())
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_it_starts_a_model_anew():
    model = VisionTransformer(CONFIG)
    with torch.no_grad():
        model.head.weight.fill_(3)
    init_weights(model)
    assert not model.head.weight.any()


def test_lecun_normal_is_cut_off():
    weight = lecun_normal_(torch.empty(400, 50))
    assert weight.abs().max() <= 2 * math.sqrt(1 / 50) / 0.8796
