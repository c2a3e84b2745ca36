"""Does `pdl.models.backbone` do what its page says, on good input and on bad?"""

import sys

import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config
from torch import Tensor, nn
from torchvision.models import EfficientNet_B0_Weights
from torchvision.transforms import InterpolationMode

import pdl.models.backbone as module
from pdl.checkpoint import load_model, save_model
from pdl.engine import train
from pdl.errors import CheckpointError, ConfigError, DataError, DownloadError, ShapeError
from pdl.models.backbone import BACKBONES, Backbone, create_backbone, extract_features
from pdl.models.pretrained import lite0_weights
from pdl.seed import set_seeds


def parameters(model: nn.Module, *, trainable: bool = False) -> int:
    weights = model.parameters()
    return sum(weight.numel() for weight in weights if weight.requires_grad or not trainable)


def statistics(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.named_buffers()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def lite0() -> Backbone:
    return create_backbone("efficientnet_lite0", 3, seed=0)


@pytest.fixture
def small() -> Backbone:
    """ResNet-18 without weights: quick, with BatchNorm."""
    return create_backbone("resnet18", 3, pretrained=False, freeze=True, seed=0)


def test_n14_b0_has_as_many_parameters_as_published():
    model = create_backbone("efficientnet_b0", 1000, pretrained=False)
    assert parameters(model) == parameters(model, trainable=True) == 5_288_548


def test_n15_a_new_head_for_three_classes():
    model = create_backbone("efficientnet_b0", 3, pretrained=False, freeze=True)
    assert parameters(model, trainable=True) == 3_843
    assert parameters(model) == 4_011_391
    assert parameters(model.features) == 4_007_548


def test_n16_b0_comes_with_its_own_transform():
    preset = create_backbone("efficientnet_b0", 3, pretrained=False).transform
    assert preset.crop_size == [224]
    assert preset.resize_size == [256]
    assert preset.mean == [0.485, 0.456, 0.406]
    assert preset.std == [0.229, 0.224, 0.225]
    assert preset.interpolation == InterpolationMode.BICUBIC
    assert EfficientNet_B0_Weights.DEFAULT is EfficientNet_B0_Weights.IMAGENET1K_V1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "total", "head"),
    [
        ("efficientnet_b2", 7_705_221, 4_227),
        ("efficientnet_lite0", 3_374_851, 3_843),
        ("resnet18", 11_178_051, 1_539),
        ("vit_b_16", 85_800_963, 2_307),
    ],
)
def test_sizes_with_a_head_for_three_classes(name, total, head):
    model = create_backbone(name, 3, pretrained=False, freeze=True)
    assert parameters(model) == total
    assert parameters(model, trainable=True) == head
    assert model.num_features == head // 3 - 1
    image = model.transform(Image.new("RGB", (300, 260), "red"))
    assert model.eval()(image.unsqueeze(0)).shape == (1, 3)


def test_lite0_computes_what_timm_computes_with_the_same_weights(lite0):
    network = timm.create_model("tf_efficientnet_lite0").eval()
    assert len(network.state_dict()) == 296
    network.load_state_dict(lite0_weights(network.state_dict()))
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = network.forward_head(network.forward_features(images), pre_logits=True)
        assert torch.equal(lite0.eval().forward_features(images), expected)
    lite0.train()


def test_lite0_has_the_transform_of_timm(lite0):
    config = resolve_data_config({}, model=timm.create_model("tf_efficientnet_lite0"))
    theirs = create_transform(**config, is_training=False)
    image = Image.effect_noise((300, 200), 60).convert("RGB")
    torch.testing.assert_close(lite0.transform(image), theirs(image), atol=1e-6, rtol=0)


def test_frozen_is_frozen_in_training_too(small):
    before = statistics(small.features), [w.clone() for w in small.features.parameters()]
    small.train()
    assert small.training
    assert small.head.training
    assert not any(part.training for part in small.features.modules())
    batch = torch.rand(8, 3, 32, 32), torch.arange(8) % 3
    optimizer = torch.optim.SGD(small.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    train(
        small,
        [batch],
        optimizer=optimizer,
        loss_fn=nn.CrossEntropyLoss(),
        epochs=2,
        progress=False,
    )
    assert same(statistics(small.features), before[0])
    assert all(
        torch.equal(a, b) for a, b in zip(small.features.parameters(), before[1], strict=True)
    )


def test_unfrozen_learns_everywhere_and_freezes_again(small):
    before = statistics(small.features)
    small.unfreeze()
    assert not small.frozen
    small(torch.rand(8, 3, 32, 32)).sum().backward()
    assert not same(statistics(small.features), before)
    assert all(weight.grad is not None for weight in small.parameters())
    small.freeze()
    assert small.frozen
    assert not any(part.training for part in small.features.modules())


def test_only_the_frozen_parts_stay_in_eval_mode(small):
    small.features.layer4.requires_grad_(True)
    small.train()
    assert small.features.layer4[0].bn1.training
    assert not small.features.layer3[0].bn1.training
    assert not small.eval().features.layer4[0].bn1.training


def test_left_out_freeze_follows_pretrained(lite0):
    assert lite0.frozen
    assert not create_backbone("resnet18", 3, pretrained=False).frozen
    assert not create_backbone("efficientnet_lite0", 3, freeze=False).frozen


def test_after_set_seeds_the_head_is_that_written_by_hand():
    set_seeds(42)
    by_hand = nn.Linear(1280, 3)
    after = torch.rand(1)
    set_seeds(42)
    model = create_backbone("efficientnet_lite0", 3)
    assert torch.equal(model.head[1].weight, by_hand.weight)
    assert torch.equal(torch.rand(1), after)


def test_a_seed_of_its_own_leaves_the_global_chance_alone():
    state = torch.get_rng_state()
    first = create_backbone("resnet18", 3, pretrained=False, seed=7)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(100)
    second = create_backbone("resnet18", 3, pretrained=False, seed=7)
    assert same(first.state_dict(), second.state_dict())
    third = create_backbone("resnet18", 3, pretrained=False, seed=8)
    assert not torch.equal(first.head[1].weight, third.head[1].weight)


def test_features_and_head_are_the_model_in_two_steps(small):
    images = torch.rand(4, 3, 32, 32)
    small.eval()
    torch.testing.assert_close(small.forward_head(small.forward_features(images)), small(images))


def test_features_computed_once_train_the_same_head(small):
    batches = [(torch.rand(4, 3, 32, 32), torch.tensor([0, 1, 2, 0])) for _ in range(2)]
    mode, state = [part.training for part in small.modules()], torch.get_rng_state()
    features, labels = extract_features(small, batches)
    assert features.shape == (8, 512)
    assert labels.tolist() == [0, 1, 2, 0] * 2
    assert [part.training for part in small.modules()] == mode
    assert torch.equal(torch.get_rng_state(), state)
    small.head(features).sum().backward()  # not tensors of inference mode
    small.eval()
    torch.testing.assert_close(small.head(features[:4]), small(batches[0][0]), atol=1e-5, rtol=1e-4)


def test_no_batch_gives_no_features(small):
    with pytest.raises(DataError, match="at least one batch"):
        extract_features(small, [])


def test_unknown_names_and_bad_settings_are_refused():  # M5
    with pytest.raises(ConfigError, match=r"one of efficientnet_b0, .* got 'resnet999'"):
        create_backbone("resnet999", 3)
    with pytest.raises(ConfigError, match=r"num_classes must be .* at least 2"):
        create_backbone("resnet18", 1)
    with pytest.raises(ConfigError, match="dropout"):
        create_backbone("resnet18", 3, dropout=1.5)


def test_the_rate_of_dropout_is_the_authors_unless_given():
    assert create_backbone("efficientnet_b0", 3, pretrained=False).head[0].p == 0.2
    assert create_backbone("resnet18", 3, pretrained=False, dropout=0.5).head[0].p == 0.5


def test_wrong_pictures_are_refused(small):  # M3 M4
    with pytest.raises(ShapeError, match=r"\(B, 3, H, W\)"):
        small(torch.zeros(2, 1, 32, 32))
    with pytest.raises(ShapeError, match="uint8"):
        small(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))


def test_vit_takes_one_size_only(monkeypatch):  # M3
    # The check comes before the network, which takes seconds to build.
    model = Backbone("vit_b_16", nn.Conv2d(3, 1, 1), num_features=4, num_classes=3, dropout=0.0)
    with pytest.raises(ShapeError, match=r"\(B, 3, 224, 224\)"):
        model(torch.zeros(2, 3, 64, 64))


def test_weights_that_can_not_be_fetched_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("PDL_OFFLINE", "1")
    with pytest.raises(DownloadError, match=r"resnet18-f37072fd.pth must be fetched .* by hand"):
        create_backbone("resnet18", 3)


def test_pretrained_torchvision_weights_are_used(monkeypatch):
    donor = module.get_model("resnet18", weights=None)
    monkeypatch.setattr(module, "torchvision_weights", lambda name: donor.state_dict())
    model = create_backbone("resnet18", 3)
    assert torch.equal(model.features.conv1.weight, donor.conv1.weight)
    assert model.frozen


def test_lite0_without_timm_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r"Run: pip install timm$"):
        create_backbone("efficientnet_lite0", 3)


def test_weights_of_another_backbone_are_named(small, tmp_path):  # C8
    path = save_model(small, tmp_path, "resnet.safetensors")
    again = create_backbone("resnet18", 3, pretrained=False)
    load_model(again, path)
    assert same(again.state_dict(), small.state_dict())
    with pytest.raises(CheckpointError, match="num_classes=3 in the file and 4 here"):
        load_model(create_backbone("resnet18", 4, pretrained=False), path)


def test_every_name_has_a_transform():
    for name in BACKBONES:
        assert module.eval_transform(name)(Image.new("RGB", (300, 300))).shape[0] == 3
