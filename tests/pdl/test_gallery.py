"""Does `pdl.gallery` do what its page says, on good input and on bad?"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image
from torchvision.transforms import v2

from pdl.errors import ConfigError, DataError, ShapeError
from pdl.gallery import (
    display_random_images,
    plot_images_with_predictions,
    plot_prediction,
    plot_transformed_images,
    show,
)
from pdl.plotting import COLORS

NAMES = ["pizza", "steak", "sushi"]
PROBS = torch.tensor([[0.9, 0.05, 0.05], [0.2, 0.5, 0.3]])


def test_each_picture_says_what_the_model_says():
    figure = plot_images_with_predictions(torch.rand(2, 3, 8, 8), PROBS, NAMES)
    assert [axes.get_title() for axes in figure.axes] == ["pizza 90%", "steak 50%"]
    assert plt.get_fignums() == []


def test_a_wrong_answer_is_orange_and_tells_the_truth():
    figure = plot_images_with_predictions(torch.rand(2, 3, 8, 8), PROBS, NAMES, [0, 2])
    right, wrong = figure.axes
    assert right.get_title().strip() == "pizza 90%"
    assert right.title.get_color() == COLORS["ink"]
    assert wrong.get_title() == "steak 50%\nis sushi"
    assert wrong.title.get_color() == COLORS["orange"]


@pytest.mark.parametrize("probs", [torch.rand(3, 3), torch.rand(2, 4), torch.rand(2)])
def test_probabilities_of_other_pictures_are_refused(probs):
    with pytest.raises(ShapeError, match=r"probs must have shape \(2, 3\)"):
        plot_images_with_predictions(torch.rand(2, 3, 8, 8), probs, NAMES)


def test_labels_of_other_pictures_are_refused():
    with pytest.raises(ShapeError, match="one label for each image"):
        plot_images_with_predictions(torch.rand(2, 3, 8, 8), PROBS, NAMES, torch.tensor([0]))


@settings(max_examples=8)
@given(count=st.integers(1, 12), columns=st.integers(1, 6))
def test_the_grid_has_a_panel_for_each_picture_and_no_more(count, columns):
    data = [(torch.rand(1, 4, 4), index % 3) for index in range(count)]
    figure = display_random_images(data, NAMES, n=count, columns=columns, seed=0)
    assert len(figure.axes) == count


def test_the_same_seed_shows_the_same_samples_and_chance_is_left_alone():
    data = [(torch.full((1, 2, 2), index / 100), index % 3) for index in range(100)]
    state = torch.get_rng_state()
    shown = [
        [float(axes.images[0].get_array().max()) for axes in figure.axes]
        for figure in (display_random_images(data, NAMES, seed=seed) for seed in (1, 1, 2, None))
    ]
    assert shown[0] == shown[1] != shown[2]
    assert len(set(shown[3])) == 10
    assert torch.equal(torch.get_rng_state(), state)


def test_no_picture_and_no_column_are_refused():
    with pytest.raises(DataError, match="at least one picture"):
        display_random_images([], NAMES)
    with pytest.raises(DataError, match="at least one picture"):
        display_random_images([(torch.rand(1, 2, 2), 0)], NAMES, n=-1)
    with pytest.raises(ConfigError, match="columns"):
        display_random_images([(torch.rand(1, 2, 2), 0)], NAMES, columns=0)


def test_versions_differ_repeat_by_seed_and_leave_chance_alone():
    images = [Image.effect_noise((20, 30), 60).convert("RGB")] * 2
    transform = v2.Compose([v2.RandomCrop(8), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    state = torch.get_rng_state()
    grids = [
        [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
        for figure in (plot_transformed_images(images, transform, seed=seed) for seed in (1, 1, 2))
    ]
    assert torch.equal(torch.get_rng_state(), state)
    assert [panel.shape[:2] for panel in grids[0]] == [(30, 20), (8, 8), (8, 8), (8, 8)] * 2
    assert all(np.array_equal(a, b) for a, b in zip(grids[0], grids[1], strict=True))
    assert not np.array_equal(grids[0][1], grids[2][1])
    assert not np.array_equal(grids[0][1], grids[0][2])


def test_titles_of_versions_have_the_size():
    figure = plot_transformed_images([torch.rand(3, 20, 30)], v2.CenterCrop(8), versions=1)
    assert [a.get_title() for a in figure.axes] == ["original 20 x 30", "transformed 8 x 8"]
    with pytest.raises(ConfigError, match="versions"):
        plot_transformed_images([torch.rand(3, 8, 8)], v2.Identity(), versions=0)


@pytest.mark.parametrize(
    ("image", "size"),
    [
        (torch.rand(1, 4, 6), (4, 6)),
        (torch.rand(3, 4, 6), (4, 6)),
        (torch.rand(4, 4, 6), (4, 6)),
        (torch.rand(4, 6), (4, 6)),
        (torch.rand(3, 4, 6).to(torch.bfloat16), (4, 6)),
        (torch.zeros(3, 4, 6, dtype=torch.uint8), (4, 6)),
        (torch.rand(3, 4, 6, requires_grad=True), (4, 6)),
        (np.zeros((4, 6, 3), np.uint8), (4, 6)),
        (Image.new("L", (6, 4)), (4, 6)),
        (Image.new("RGBA", (6, 4)), (4, 6)),
    ],
)
def test_a_picture_of_any_kind_is_shown(image, size):
    axes = Figure().subplots()
    assert show(axes, image) == size
    shown = np.asarray(axes.images[0].get_array())
    assert shown.min() >= 0
    assert shown.max() <= 1


def test_gray_is_not_stretched_and_normalized_pictures_are():
    axes = Figure().subplots()
    show(axes, torch.full((1, 2, 2), 0.5))
    assert axes.images[0].get_clim() == (0, 1)
    assert float(np.asarray(axes.images[0].get_array()).max()) == 0.5
    show(axes, torch.tensor([[[-2.0, 2.0]]]))
    assert np.asarray(axes.images[1].get_array()).tolist() == [[0, 1]]
    show(axes, torch.tensor([[[torch.nan, 1.0]]]))
    assert np.asarray(axes.images[2].get_array()).tolist() == [[0, 1]]


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (2, 8, 8), (8,)])
def test_what_is_no_picture_is_refused(shape):
    with pytest.raises(ShapeError, match="single picture"):
        show(Figure().subplots(), torch.rand(shape))


def test_bars_stand_beside_the_picture_best_first():
    figure = plot_prediction(torch.rand(3, 8, 8), NAMES, [0.7, 0.2, 0.1])
    picture, bars = figure.axes
    assert picture.get_title() == "pizza 70%"
    assert [label.get_text() for label in bars.get_yticklabels()] == NAMES
    assert [bar.get_width() for bar in bars.patches] == pytest.approx([70, 20, 10])
    assert bars.yaxis_inverted()


@pytest.mark.parametrize(("labels", "probs"), [(["a"], [0.5, 0.5]), ([], [])])
def test_labels_without_probabilities_are_refused(labels, probs):
    with pytest.raises(DataError, match="one probability for each label"):
        plot_prediction(torch.rand(3, 8, 8), labels, probs)
