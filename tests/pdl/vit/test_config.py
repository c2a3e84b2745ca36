"""Does `pdl.vit.config` do what its page says, on good input and on bad?"""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdl.errors import ConfigError
from pdl.vit.config import PRESETS, ViTConfig
from pdl.vit.model import VisionTransformer


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("B/16", 86_567_656),
        ("L/16", 304_326_632),
        ("L/32", 306_535_400),
        ("H/14", 632_045_800),
    ],
)
def test_n17_the_paper_sizes_have_as_many_parameters_as_counted(name, parameters):
    config = ViTConfig.preset(name)
    assert config.num_parameters == parameters
    with torch.device("meta"):
        model = VisionTransformer(config)
    assert sum(weight.numel() for weight in model.parameters()) == parameters


def test_the_defaults_are_vit_base_16():
    assert ViTConfig() == ViTConfig.preset("B/16")


@pytest.mark.parametrize(
    ("letter", "row"),  # DeiT, Table 1; ViT, Table 1
    [
        ("Ti", (192, 12, 3, 768)),
        ("S", (384, 12, 6, 1536)),
        ("B", (768, 12, 12, 3072)),
        ("L", (1024, 24, 16, 4096)),
        ("H", (1280, 32, 16, 5120)),
    ],
)
def test_presets_are_the_rows_of_the_tables(letter, row):
    config = ViTConfig.preset(f"{letter}/14")
    assert (config.embed_dim, config.depth, config.num_heads, config.mlp_dim) == row
    assert letter in PRESETS


@given(
    grid=st.integers(1, 4),
    heads=st.integers(1, 3),
    width=st.integers(1, 4),
    settings=st.fixed_dictionaries(
        {
            "patch_size": st.integers(1, 5),
            "in_channels": st.integers(1, 4),
            "num_classes": st.integers(2, 5),
            "depth": st.integers(1, 3),
            "mlp_dim": st.integers(1, 9),
            "representation_dim": st.none() | st.integers(1, 6),
        }
    ),
)
def test_the_formula_counts_any_model(grid, heads, width, settings):
    config = ViTConfig(
        image_size=grid * settings["patch_size"],
        embed_dim=heads * width,
        num_heads=heads,
        **settings,
    )
    with torch.device("meta"):
        model = VisionTransformer(config)
    assert sum(weight.numel() for weight in model.parameters()) == config.num_parameters
    assert model.embeddings.position.shape == (1, grid**2 + 1, heads * width)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patch_size": 15}, "Try patch_size=14 or patch_size=16"),  # M1
        ({"patch_size": 15}, r"image_size=224 and patch_size=15 \(remainder 14\)"),
        ({"image_size": 8}, "Try patch_size=8 or patch_size=8"),
        ({"num_heads": 7}, r"embed_dim=768 and num_heads=7 \(remainder 5\)"),  # M2
        ({"num_classes": 1}, "^num_classes must be a whole number of at least 2"),
        ({"depth": 0}, "^depth must be"),
        ({"mlp_dim": 0}, "^mlp_dim must be"),
        ({"in_channels": 0}, "^in_channels must be"),
        ({"representation_dim": 0}, "^representation_dim must be"),
        ({"dropout": 1.0}, r"^dropout must be a probability in \[0, 1\)"),
        ({"attention_dropout": -0.1}, "^attention_dropout must be"),
        ({"drop_path": 1.5}, "^drop_path must be"),
    ],
)
def test_bad_settings_are_refused_with_a_remedy(settings, message):
    with pytest.raises(ConfigError, match=message):
        ViTConfig(**settings)


@pytest.mark.parametrize("name", ["B", "X/16", "B/", "B/x", "B16", "", "B/16/2"])
def test_unknown_names_are_refused(name):
    with pytest.raises(ConfigError, match='Try "B/16"'):
        ViTConfig.preset(name)


def test_a_patch_of_no_pixels_is_refused():
    with pytest.raises(ConfigError, match="patch_size must be"):
        ViTConfig.preset("B/0")


def test_it_can_not_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ViTConfig().depth = 3
