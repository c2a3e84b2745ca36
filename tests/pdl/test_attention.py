"""Does `pdl.attention` draw what its page says, on good input and on bad?"""

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from pdl.attention import (
    plot_attention_distance,
    plot_attention_maps,
    plot_position_similarity,
    plot_rollout,
)
from pdl.errors import ConfigError, ShapeError

PICTURE = torch.rand(3, 64, 64)


def test_each_head_lies_over_the_picture():
    maps = torch.rand(3, 8, 8)
    figure = plot_attention_maps(PICTURE, maps, columns=2)
    assert [axes.get_title() for axes in figure.axes] == ["picture", "head 1", "head 2", "head 3"]
    assert [len(axes.images) for axes in figure.axes] == [1, 2, 2, 2]
    for number, axes in enumerate(figure.axes[1:]):
        picture, over = axes.images
        assert over.get_extent() == picture.get_extent()
        np.testing.assert_allclose(over.get_array(), maps[number])
    assert plt.get_fignums() == []
    assert "<svg" in figure._repr_svg_()


def test_rollout_has_one_map():
    figure = plot_rollout(PICTURE, torch.rand(8, 8))
    assert [len(axes.images) for axes in figure.axes] == [1, 2]


def test_the_mosaic_has_each_map_at_its_place():
    similarity = torch.rand(3, 3, 3, 3)
    mosaic = plot_position_similarity(similarity).axes[0].images[0].get_array()
    assert mosaic.shape == (11, 11)
    np.testing.assert_allclose(mosaic[4:7, 8:11], similarity[1, 2])
    assert np.ma.masked_invalid(mosaic).mask[3].all()


def test_large_grids_number_every_fourth_place():
    axes = plot_position_similarity(torch.rand(14, 14, 14, 14)).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "4", "8", "12"]


def test_distances_are_points_and_their_mean_a_line():
    distances = torch.tensor([[1.0, 3.0], [2.0, 8.0]])
    axes = plot_attention_distance(distances).axes[0]
    points = np.concatenate([group.get_offsets() for group in axes.collections])
    assert sorted(points[:, 1]) == [1, 2, 3, 8]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [2, 5])


@pytest.mark.parametrize("shape", [(8, 8), (1, 3, 8, 8), (0, 8, 8)])
def test_other_maps_are_refused(shape):
    with pytest.raises(ShapeError, match="Choose one block and one picture"):
        plot_attention_maps(PICTURE, torch.rand(shape))


def test_other_values_are_refused():
    with pytest.raises(ShapeError, match=r"\(G, G, G, G\)"):
        plot_position_similarity(torch.rand(3, 3, 3, 4))
    with pytest.raises(ShapeError, match=r"\(L, h\)"):
        plot_attention_distance(torch.rand(3))
    with pytest.raises(ConfigError, match="columns must be"):
        plot_attention_maps(PICTURE, torch.rand(3, 8, 8), columns=0)
