"""Does `pdl.vit.explain` do what its page says, on good input and on bad?"""

import pytest
import torch
from torch import nn

from pdl.errors import ConfigError, ShapeError
from pdl.vit.explain import (
    attention_distance,
    attention_weights,
    class_token_maps,
    position_similarity,
    rollout,
)


def test_weights_are_those_of_the_blocks(small, images):
    weights = attention_weights(small, images)
    tokens = small.embeddings(images)
    _, first = small.blocks[0].forward_with_weights(tokens)
    torch.testing.assert_close(weights[0], first)
    assert not weights.requires_grad


def test_the_model_and_chance_are_left_as_found(small, images):
    small.train()
    small.blocks[0].mlp.dropout1.p = 0.5
    small.blocks[1].eval()
    modes = [part.training for part in small.modules()]
    state = torch.get_rng_state()
    first, second = attention_weights(small, images), attention_weights(small, images)
    assert torch.equal(first, second)
    assert [part.training for part in small.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)


def test_a_map_is_the_row_of_the_class_token():
    weights = torch.zeros(1, 1, 1, 10, 10)
    weights[..., 0, 1 + 5] = 0.75  # patch 5 of a grid of 3 by 3: row 1, column 2
    maps = class_token_maps(weights)
    assert maps.shape == (1, 1, 1, 3, 3)
    assert maps[0, 0, 0, 1, 2] == 0.75
    assert maps.sum() == 0.75


def test_rollout_by_hand():
    """Two blocks of two tokens, worked out on paper."""
    first = torch.tensor([[0.5, 0.5], [0.0, 1.0]])
    second = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    weights = torch.stack([first, second]).view(2, 1, 1, 2, 2)
    # With the half that stays: [[3/4, 1/4], [0, 1]], then [[1/2, 1/2], [1/2, 1/2]].
    by_hand = torch.tensor([[[0.375, 0.625], [0.375, 0.625]]])
    torch.testing.assert_close(rollout(weights), by_hand)


def test_rollout_averages_heads_and_keeps_sums(small, images):
    weights = attention_weights(small, images)
    shares = rollout(weights)
    torch.testing.assert_close(shares.sum(-1), torch.ones(4, 17))
    same = rollout(weights.mean(dim=2, keepdim=True))
    torch.testing.assert_close(shares, same)
    assert class_token_maps(shares).shape == (4, 4, 4)


def test_distance_of_heads_that_look_to_one_side():
    """Each patch looks at the one to its right, 8 pixels away; the last of a row at itself."""
    weights = torch.zeros(1, 1, 2, 10, 10)
    for patch in range(9):
        target = patch + (patch % 3 < 2)
        weights[0, 0, 0, patch + 1, target + 1] = 0.5
        weights[0, 0, 0, patch + 1, 0] = 0.5  # what goes to the class token has no distance
        weights[0, 0, 1, patch + 1, patch + 1] = 1
    distance = attention_distance(weights, patch_size=8)
    torch.testing.assert_close(distance, torch.tensor([[8 * 2 / 3, 0.0]]))


def test_positions_of_equal_embeddings_are_alike(small):
    similarity = position_similarity(small)
    assert similarity.shape == (4, 4, 4, 4)
    torch.testing.assert_close(similarity, similarity.permute(2, 3, 0, 1))
    assert similarity.abs().max() <= 1 + 1e-6
    position = small.embeddings.position
    with torch.no_grad():
        position[0, 1 + 4 * 1 + 2] = 3 * position[0, 1]  # row 1, column 2 points where 0, 0 does
    assert position_similarity(small)[1, 2, 0, 0].item() == pytest.approx(1)
    by_hand = nn.functional.cosine_similarity(position[0, 5], position[0, 16], dim=0)
    assert position_similarity(small)[1, 0, 3, 3].item() == pytest.approx(by_hand.item(), abs=1e-6)


@pytest.mark.parametrize("shape", [(2, 3, 10, 10), (2, 1, 3, 10, 9), (0, 1, 3, 10, 10)])
def test_other_weights_are_refused(shape):
    for function in (rollout, lambda weights: attention_distance(weights, 8)):
        with pytest.raises(ShapeError, match=r"\(L, B, h, T, T\)"):
            function(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(3, 9, 9), (3, 1, 1), (10,), (3, 9, 10)])
def test_maps_that_are_no_square_are_refused(shape):
    with pytest.raises(ShapeError, match="square number N"):
        class_token_maps(torch.zeros(shape))


def test_a_patch_without_pixels_is_refused():
    with pytest.raises(ConfigError, match="patch_size must be"):
        attention_distance(torch.zeros(1, 1, 1, 5, 5), patch_size=0)
