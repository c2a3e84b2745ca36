"""Does `pdl.plotting` do what its page says, on good input and on bad?"""

import itertools
import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import font_manager
from matplotlib.colors import to_rgb

from pdl import plotting
from pdl.data.toy import straight_line, train_test_split
from pdl.errors import DataError
from pdl.plotting import COLORS, CYCLE, plot_loss_curves, plot_predictions, style, use_style

X_train, X_test, y_train, y_test = train_test_split(*straight_line())
HISTORY = {
    "train_loss": [0.9, 0.5, 0.3],
    "val_loss": [0.8, 0.6, 0.31],
    "train_acc": [0.5, 0.7, 0.9],
    "val_acc": [0.5, 0.6, 0.89],
    "lr": [0.1, 0.1, 0.1],
}


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def svg(figure):
    return figure._repr_svg_()


def luminance(color):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    low, high = sorted([luminance(first), luminance(second)])
    return (high + 0.05) / (low + 0.05)


def test_the_colors_are_those_that_the_site_knows_the_dark_twins_of():
    assert COLORS == {
        "ink": "#1f2430",
        "muted": "#5c6370",
        "rule": "#c9ccd3",
        "paper": "#fffdfa",
        "wash": "#f1eee8",
        "orange": "#c8431b",
        "blue": "#2b5fa8",
        "green": "#2f7d5b",
        "violet": "#7b4fa3",
        "gold": "#a87400",
        "teal": "#1c7c8c",
    }


@pytest.mark.parametrize("name", ["ink", "muted", "orange", "blue", "green", "violet", "teal"])
def test_what_is_written_in_a_color_can_be_read_on_paper(name):
    assert contrast(COLORS[name], COLORS["paper"]) >= 4.5


@pytest.mark.parametrize("name", CYCLE)
def test_every_line_stands_out_from_paper(name):
    assert contrast(COLORS[name], COLORS["paper"]) >= 3


@pytest.mark.parametrize(
    "figure",
    [
        plot_predictions(X_train, y_train, X_test, y_test),
        plot_predictions(X_train, y_train, X_test, y_test, y_test + 0.1),
        plot_loss_curves(HISTORY),
    ],
    ids=["data", "predictions", "curves"],
)
def test_figures_use_no_other_color_and_have_no_ground(figure):
    drawn = svg(figure)
    used = set(re.findall(r"#[0-9a-f]{6}", drawn))
    assert used <= set(COLORS.values())
    assert "<text" not in drawn  # letters are shapes: the fonts of a page do not reach an image
    assert figure.get_figwidth() == 7
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        assert axes.get_legend() is None


def test_figures_are_unknown_to_pyplot_and_do_not_import_it():
    code = """
import sys
import torch
from pdl.plotting import plot_loss_curves
plot_loss_curves({"train_loss": [1.0]})
print("matplotlib.pyplot" in sys.modules)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert result.stdout == "False\n"
    assert result.stderr == ""


def test_the_same_figure_gives_the_same_file():
    assert svg(plot_loss_curves(HISTORY)) == svg(plot_loss_curves(HISTORY))
    assert "Date" not in svg(plot_loss_curves(HISTORY))


def test_predictions_have_a_label_of_their_own():
    figure = plot_predictions(X_train, y_train, X_test, y_test, predictions=y_test)
    assert texts(figure) == ["training data", "test data", "predictions"]
    colors = [text.get_color() for text in figure.axes[0].texts]
    assert colors == [COLORS["blue"], COLORS["green"], COLORS["orange"]]


def test_tensors_arrays_and_lists_of_any_shape_are_points():
    model = torch.nn.Linear(1, 1)
    figures = [
        plot_predictions(X_train, y_train, X_test, y_test, model(X_test)),
        plot_predictions(X_train.numpy(), y_train.numpy()[:, 0], [1, 2], np.array([3, 4]), (5, 6)),
        plot_predictions(X_train.half(), y_train.bfloat16(), X_test.long(), y_test),
    ]
    assert all(len(figure.axes[0].collections) >= 2 for figure in figures)


def test_inputs_and_random_numbers_are_left_as_found():
    before, state = X_train.clone(), torch.get_rng_state()
    plot_predictions(X_train, y_train, X_test, y_test)
    assert torch.equal(before, X_train)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X_train, y_test, X_test, y_test), "training data .* got 40 x and 10 y"),
        ((X_train, y_train, X_test, y_train), "test data .* got 10 x and 40 y"),
        ((X_train, y_train, X_test, y_test, y_train), "predictions .* got 10 x and 40 y"),
        (([], [], X_test, y_test), "training data .* got 0 x and 0 y"),
    ],
)
def test_points_that_do_not_belong_together_are_refused(arguments, message):
    with pytest.raises(DataError, match=message):
        plot_predictions(*arguments)


def test_loss_and_accuracy_have_a_panel_each_with_their_units():
    figure = plot_loss_curves(HISTORY)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy (%)"]
    assert texts(figure) == ["training", "validation"] * 2
    assert figure.axes[1].lines[0].get_ydata().tolist() == [50, 70, 90]


def test_without_accuracy_there_is_one_panel():
    figure = plot_loss_curves({"train_loss": [1.0, 0.5]})
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss"]
    assert texts(figure) == ["training"]


def test_the_names_of_the_notes_work_too():
    figure = plot_loss_curves({"train_loss": [1.0], "test_loss": [0.9]})
    assert texts(figure) == ["training", "test"]


def test_one_epoch_is_a_point_and_many_are_a_line():
    one = plot_loss_curves({"train_loss": [1.0]})
    many = plot_loss_curves({"train_loss": [1 / epoch for epoch in range(1, 300)]})
    assert one.axes[0].lines[0].get_marker() == "o"
    assert many.axes[0].lines[0].get_marker() == "None" or not many.axes[0].lines[0].get_marker()
    assert all(float(tick).is_integer() for tick in many.axes[0].get_xticks())


@pytest.mark.parametrize("history", [{}, {"train_loss": []}, {"val_loss": [1.0]}])
def test_a_history_without_a_training_loss_is_refused(history):
    with pytest.raises(DataError, match="history must hold a train_loss"):
        plot_loss_curves(history)


@given(st.lists(st.floats(-100, 100), max_size=6), st.floats(0.01, 10))
def test_labels_never_touch_and_keep_their_order_and_middle(values, gap):
    placed = plotting._apart(values, gap)
    assert sum(placed) == pytest.approx(sum(values), abs=1e-6)
    in_order = [placed[index] for index in sorted(range(len(values)), key=values.__getitem__)]
    assert all(high - low >= gap - 1e-9 for low, high in itertools.pairwise(in_order))


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30), st.floats(0.5, 2))
@settings(max_examples=10)
def test_curves_of_any_size_are_drawn_with_readable_labels(losses, factor):
    figure = plot_loss_curves(
        {"train_loss": losses, "val_loss": [factor * loss for loss in losses]}
    )
    figure.draw_without_rendering()
    first, second = (text.get_window_extent() for text in figure.axes[0].texts)
    assert not first.overlaps(second)


def test_losses_that_are_no_numbers_leave_gaps():
    plot_loss_curves({"train_loss": [1.0, float("nan"), 0.5]})
    plot_loss_curves({"train_loss": [1.0, float("inf")]}).draw_without_rendering()


def test_the_style_ends_with_its_block():
    before = dict(mpl.rcParams)
    with style():
        assert mpl.rcParams["font.family"] == ["Source Sans 3", "DejaVu Sans"]
    assert dict(mpl.rcParams) == before


def test_the_style_can_be_set_for_good():
    with mpl.rc_context():
        use_style()
        assert mpl.rcParams["axes.edgecolor"] == COLORS["rule"]


@pytest.mark.parametrize(("weight", "name"), [("normal", "Regular"), ("bold", "SemiBold")])
def test_the_shipped_font_is_used(weight, name):
    with style():
        path = font_manager.findfont(
            font_manager.FontProperties(family="Source Sans 3", weight=weight)
        )
    assert Path(path).name == f"SourceSans3-{name}.ttf"
    assert (Path(path).parent / "LICENSE.txt").read_text().count("SIL OPEN FONT LICENSE")


def test_the_fonts_are_registered_once():
    for _ in range(3):
        with style():
            pass
    ours = [e for e in font_manager.fontManager.ttflist if e.name == "Source Sans 3"]
    assert len([e for e in ours if Path(e.fname).parent.name == "fonts"]) == 2


DRAW = """
import logging, sys
from pathlib import Path
from pdl import plotting
if sys.argv[1] == "without":
    plotting._FONTS = Path("nowhere")
with plotting.style():
    figure = plotting._figure()
    axes = figure.subplots()
    axes.set(title="\\u22121 \\u00d7 10\\u00b2 \\u2192 \\u03b1", xlabel="3 \\u00b0 \\u2264")
    axes.plot([-1, 1])
    figure.savefig("a.svg")
    figure.savefig("a.png")
"""


@pytest.mark.parametrize("fonts", ["with", "without"])
def test_common_signs_are_drawn_without_a_word_on_stderr(fonts, tmp_path):
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", DRAW, fonts],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
    )
    if fonts == "with":
        assert (result.returncode, result.stderr) == (0, "")
    else:
        assert result.returncode == 0, result.stderr


def test_a_notebook_shows_a_figure_once_and_as_svg():
    from IPython.core.formatters import DisplayFormatter

    data, _ = DisplayFormatter().format(plot_loss_curves({"train_loss": [1.0]}))
    assert set(data) == {"text/plain", "image/svg+xml"}
    assert json.dumps(data)


def test_drawing_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg(plot_loss_curves(HISTORY))
