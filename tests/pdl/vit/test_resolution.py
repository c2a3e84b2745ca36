"""Does `pdl.vit.resolution` do what its page says, on good input and on bad?"""

import dataclasses

import pytest
import torch
from timm.layers import resample_abs_pos_embed

from pdl.errors import ConfigError, ShapeError
from pdl.vit.resolution import interpolate_position, resize_model


@pytest.mark.parametrize("grid_size", [2, 4, 7, 9])
def test_it_equals_timm(grid_size):
    position = torch.randn(1, 26, 8)
    theirs = resample_abs_pos_embed(position, [grid_size, grid_size])
    torch.testing.assert_close(interpolate_position(position, grid_size), theirs)


def test_the_same_size_changes_nothing_and_the_class_token_never_moves():
    position = torch.randn(1, 17, 8)
    assert torch.equal(interpolate_position(position, 4), position)
    assert torch.equal(interpolate_position(position, 6)[:, 0], position[:, 0])


def test_a_slope_stays_a_slope():
    """What stood to the right of something still does."""
    columns = torch.arange(6.0).repeat(6).view(1, 36, 1)
    larger = interpolate_position(torch.cat([torch.zeros(1, 1, 1), columns], dim=1), 12)
    rows = larger[0, 1:, 0].view(12, 12)
    assert bool((rows.diff(dim=1) > 0).all())
    torch.testing.assert_close(rows, rows[:1].expand(12, 12))


@pytest.mark.parametrize("shape", [(1, 16, 8), (2, 17, 8), (17, 8), (1, 1, 8), (1, 0, 8)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ShapeError, match=r"\(1, N \+ 1, D\)"):
        interpolate_position(torch.zeros(shape), 4)


def test_a_resized_model_takes_the_new_size_and_keeps_all_else(small):
    state = torch.get_rng_state()
    larger = resize_model(small, 48)
    assert torch.equal(torch.get_rng_state(), state)
    assert larger.config == dataclasses.replace(small.config, image_size=48)
    assert larger(torch.rand(2, 3, 48, 48)).shape == (2, 5)
    assert not larger.training
    old, new = small.state_dict(), larger.state_dict()
    assert all(torch.equal(old[name], new[name]) for name in old if "position" not in name)
    with torch.no_grad():
        larger.head.weight.zero_()
    assert small.head.weight.any()


def test_half_precision_survives(small):
    assert resize_model(small.to(torch.bfloat16), 16).embeddings.position.dtype == torch.bfloat16


def test_a_size_that_does_not_fit_is_refused(small):
    with pytest.raises(ConfigError, match="multiple of patch_size"):
        resize_model(small, 33)
