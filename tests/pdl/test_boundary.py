"""Does `pdl.boundary` do what its page says, on good input and on bad?"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from torch import nn

from pdl.boundary import MOST, plot_confusion_matrix, plot_decision_boundary
from pdl.data.toy import blobs, circles
from pdl.errors import ConfigError, DataError, ShapeError
from pdl.plotting import COLORS, CYCLE


class Half(nn.Module):
    """Class 1 right of the y axis; draws random numbers and dislikes train mode."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, points):
        assert not self.training
        return self.scale * points[:, 0] + 0 * torch.rand(1)


def test_the_model_is_left_as_it_was_found():
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 1))
    model[1].eval()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    X, y = circles(50)
    mode, state = [part.training for part in model.modules()], torch.get_rng_state()
    grad = torch.is_grad_enabled()
    plot_decision_boundary(model, X, y)
    assert [part.training for part in model.modules()] == mode
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled() is grad
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert {weight.device.type for weight in model.parameters()} == {"cpu"}
    state = torch.get_rng_state()
    plot_decision_boundary(Half(), X, y)
    assert torch.equal(torch.get_rng_state(), state)
    assert plt.get_fignums() == []


def test_the_border_lies_where_the_prediction_changes():
    X = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    figure = plot_decision_boundary(Half(), X, torch.tensor([0, 1]), resolution=101)
    left, right = (
        np.concatenate([path.vertices for path in region.get_paths()])
        for region in figure.axes[0].collections[:2]
    )
    assert left[:, 0].max() == pytest.approx(0, abs=1e-6)
    assert right[:, 0].min() == pytest.approx(0, abs=1e-6)


def test_classes_have_the_colors_of_the_book_in_order():
    X, y = blobs(80)
    names = ["a", "b", "c", "d"]
    figure = plot_decision_boundary(nn.Linear(2, 4), X, y, class_names=names)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == names
    points = figure.axes[0].collections[-4:]
    assert [to_hex(group.get_facecolor()[0]) for group in points] == [
        COLORS[name] for name in CYCLE[:4]
    ]


@pytest.mark.parametrize("shape", [(30,), (30, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_labels_may_have_any_of_the_usual_forms(shape, dtype):
    X, y = circles(30)
    assert plot_decision_boundary(nn.Linear(2, 1), X, y.reshape(shape).to(dtype)).axes


def test_points_on_one_line_and_a_single_point_are_drawn():
    y = torch.tensor([0, 1])
    assert plot_decision_boundary(nn.Linear(2, 1), torch.ones(2, 2), y).axes
    assert plot_decision_boundary(nn.Linear(2, 2), torch.ones(1, 2), y[:1]).axes


@pytest.mark.parametrize(("X", "y"), [((5, 3), (5,)), ((5,), (5,)), ((5, 2), (4,)), ((0, 2), (0,))])
def test_what_is_no_plane_is_refused(X, y):
    with pytest.raises(ShapeError, match=r"X must have shape \(S, 2\)"):
        plot_decision_boundary(nn.Linear(2, 1), torch.zeros(X), torch.zeros(y))


def test_what_gives_no_logits_is_refused():
    X, y = circles(10)
    with pytest.raises(ShapeError, match="one row of logits"):
        plot_decision_boundary(nn.Flatten(0), X, y)
    with pytest.raises(ShapeError, match="one row of logits"):
        plot_decision_boundary(nn.Unflatten(1, (2, 1)), X, y)


def test_a_model_that_gives_nan_is_named():
    X, y = circles(10)
    model = nn.Linear(2, 1)
    nn.init.constant_(model.weight, torch.nan)
    with pytest.raises(DataError, match="finite"):
        plot_decision_boundary(model, X, y)


def test_too_few_names_and_points_are_refused():
    X, y = circles(10)
    with pytest.raises(ConfigError, match="1 names and classes 0 to 1"):
        plot_decision_boundary(nn.Linear(2, 1), X, y, class_names=["a"])
    with pytest.raises(ConfigError, match="classes -1 to 1"):
        plot_decision_boundary(nn.Linear(2, 1), X, y - 1)
    with pytest.raises(ConfigError, match="resolution"):
        plot_decision_boundary(nn.Linear(2, 1), X, y, resolution=1)


@settings(max_examples=10)
@given(
    counts=st.integers(1, 6).flatmap(
        lambda k: st.lists(
            st.lists(st.integers(0, 99), min_size=k, max_size=k), min_size=k, max_size=k
        )
    )
)
def test_every_count_stands_in_its_cell(counts):
    names = [f"class {index}" for index in range(len(counts))]
    axes = plot_confusion_matrix(torch.tensor(counts), names).axes[0]
    shown = {
        (round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in axes.texts
    }
    expected = {
        (row, column): str(count)
        for row, line in enumerate(counts)
        for column, count in enumerate(line)
        if count
    }
    assert shown == expected
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    assert max(cell.get_alpha() for cell in axes.patches) <= MOST


def test_the_shade_is_the_share_of_the_row():
    axes = plot_confusion_matrix([[8, 2], [0, 0]], ["a", "b"]).axes[0]
    assert [cell.get_alpha() for cell in axes.patches] == pytest.approx(
        [0.8 * MOST, 0.2 * MOST, 0, 0]
    )


@pytest.mark.parametrize("matrix", [[[1]], [[1, 2, 3], [4, 5, 6]], [1, 2]])
def test_a_matrix_of_another_size_is_refused(matrix):
    with pytest.raises(ShapeError, match=r"must have shape \(2, 2\)"):
        plot_confusion_matrix(matrix, ["a", "b"])


@pytest.mark.parametrize(
    "matrix", [[[0.5, 0.5], [0.0, 1.0]], [[-1, 0], [0, 1]], [[np.nan, 0], [0, 1]]]
)
def test_shares_are_refused(matrix):
    with pytest.raises(DataError, match="counts"):
        plot_confusion_matrix(matrix, ["a", "b"])
