"""Does `pdl.vit.convert` give equal outputs, and errors that name what differs?"""

import dataclasses

import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer as TimmViT
from torch import nn
from torchvision.models import VisionTransformer as TorchvisionViT
from torchvision.models import vit_b_16

from pdl.errors import CheckpointError, ConfigError
from pdl.vit.config import ViTConfig
from pdl.vit.convert import export_weights, import_weights
from pdl.vit.model import VisionTransformer

CONFIG = ViTConfig(
    image_size=32, patch_size=8, num_classes=5, embed_dim=24, depth=11, num_heads=3, mlp_dim=48
)
LIBRARIES = ["torchvision", "timm"]


def theirs(library: str, config: ViTConfig = CONFIG) -> nn.Module:
    if library == "torchvision":
        model: nn.Module = TorchvisionViT(
            config.image_size,
            config.patch_size,
            config.depth,
            config.num_heads,
            config.embed_dim,
            config.mlp_dim,
            num_classes=config.num_classes,
            representation_size=config.representation_dim,
        )
    else:
        model = TimmViT(
            img_size=config.image_size,
            patch_size=config.patch_size,
            depth=config.depth,
            num_heads=config.num_heads,
            embed_dim=config.embed_dim,
            mlp_ratio=config.mlp_dim / config.embed_dim,
            num_classes=config.num_classes,
        )
    return shaken(model)


def shaken(model: nn.Module) -> nn.Module:
    """Every tensor different from its neutral start, so that none can be mixed up unseen."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return model.eval()


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("library", LIBRARIES)
def test_outputs_are_equal_and_the_way_back_is_exact(library):
    other, ours = theirs(library), VisionTransformer(CONFIG).eval()
    weights = import_weights(other.state_dict(), CONFIG, library=library)
    ours.load_state_dict(weights)
    images = torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(ours(images), other(images), atol=1e-5, rtol=0)
    back = export_weights(ours.state_dict(), CONFIG, library=library)
    assert back.keys() == other.state_dict().keys()
    assert all(torch.equal(back[name], value) for name, value in other.state_dict().items())
    fresh = theirs(library)
    fresh.load_state_dict(back)
    assert torch.equal(fresh(images), other(images))


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
def test_vit_base_16_gives_equal_outputs(library):
    other = vit_b_16() if library == "torchvision" else timm.create_model("vit_base_patch16_224")
    last = other.heads.head if library == "torchvision" else other.head
    nn.init.normal_(last.weight, std=0.02)
    config = ViTConfig.preset("B/16")
    ours = VisionTransformer(config).eval()
    ours.load_state_dict(import_weights(other.state_dict(), config, library=library))
    images = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        expected = other.eval()(images)
        assert expected.std() > 0.1
        torch.testing.assert_close(ours(images), expected, atol=1e-5, rtol=0)


def test_the_layer_before_the_head_comes_along():
    config = dataclasses.replace(CONFIG, representation_dim=10)
    other, ours = theirs("torchvision", config), VisionTransformer(config).eval()
    ours.load_state_dict(import_weights(other.state_dict(), config, library="torchvision"))
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(ours(images), other(images), atol=1e-5, rtol=0)
    with pytest.raises(ConfigError, match="representation_dim=10"):
        export_weights(ours.state_dict(), config, library="timm")


def test_old_names_of_torchvision_are_understood():
    state = theirs("torchvision").state_dict()
    old = {
        name.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."): value
        for name, value in state.items()
    }
    assert old.keys() != state.keys()
    first = import_weights(old, CONFIG, library="torchvision")
    second = import_weights(state, CONFIG, library="torchvision")
    assert all(torch.equal(first[name], second[name]) for name in second)


@pytest.mark.parametrize("library", LIBRARIES)
def test_gradients_are_equal(library):
    other, ours = theirs(library), VisionTransformer(CONFIG)
    ours.load_state_dict(import_weights(other.state_dict(), CONFIG, library=library))
    images = torch.randn(2, 3, 32, 32)
    for model in (ours, other):
        model(images).square().mean().backward()
    grads = {name: weight.grad for name, weight in other.named_parameters()}
    for name, grad in import_weights(grads, CONFIG, library=library).items():
        torch.testing.assert_close(
            ours.get_parameter(name).grad, grad, atol=2e-5, rtol=1e-3, msg=name
        )


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_size": 64}, r"\(1, 17, 24\) instead of \(1, 65, 24\).* use resize_model"),
        ({"num_classes": 7}, r"\(5, 24\) instead of \(7, 24\).*num_classes, then"),
        ({"depth": 12}, "missing: .*11.* and 9 more.* its depth"),
        ({"depth": 10}, "one too many: .*10.* and 9 more"),
        ({"mlp_dim": 50}, "of another shape: .* with the sizes of their model"),
    ],
)
def test_what_differs_is_named(library, change, message):
    config = dataclasses.replace(CONFIG, **change)
    with pytest.raises(CheckpointError, match=message):
        import_weights(theirs(library).state_dict(), config, library=library)


def test_weights_of_the_other_library_are_refused():
    with pytest.raises(CheckpointError, match=r"timm's tensors.*Choose the library"):
        import_weights(theirs("torchvision").state_dict(), CONFIG, library="timm")


def test_a_model_without_a_class_token_is_refused():
    other = TimmViT(
        img_size=32, patch_size=8, embed_dim=24, depth=11, num_heads=3, mlp_ratio=2, num_classes=5,
        class_token=False, global_pool="avg",
    )  # fmt: skip
    with pytest.raises(CheckpointError, match=r"missing: cls_token.*with a class token"):
        import_weights(other.state_dict(), CONFIG, library="timm")


def test_weights_of_another_model_are_not_exported():
    weights = VisionTransformer(dataclasses.replace(CONFIG, depth=2)).state_dict()
    with pytest.raises(CheckpointError, match=r"must be our tensors.*missing: blocks\.2"):
        export_weights(weights, CONFIG, library="timm")


def test_an_unknown_library_is_refused():
    with pytest.raises(ConfigError, match="got 'keras'"):
        import_weights({}, CONFIG, library="keras")


def test_chance_is_left_alone():
    weights, state = VisionTransformer(CONFIG).state_dict(), torch.get_rng_state()
    export_weights(weights, CONFIG, library="timm")
    assert torch.equal(torch.get_rng_state(), state)
