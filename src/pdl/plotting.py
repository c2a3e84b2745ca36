"""What do the data and the training look like?

Functions take numbers and return a `matplotlib.figure.Figure`. None of them goes through pyplot:
nothing stays open, and a notebook shows the figure once, when the call is the last line of a cell.
"""

import io
import itertools
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from torch import Tensor

from pdl.errors import DataError

Values: TypeAlias = Tensor | NDArray[Any] | Sequence[float]
"""Numbers to draw: a tensor of any device, an array or a list, of any shape."""

COLORS: dict[str, str] = {
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
"""The colors of every figure by name. Data: blue trains, green tests, orange is the model."""

CYCLE: tuple[str, ...] = ("orange", "blue", "green", "violet", "gold", "teal")
"""The order of colors for things without one of their own; color-blind readers tell them apart."""

WIDTH, HEIGHT = 7.0, 3.6  # inches: the width of a text column of 70 characters

# Any: the names that matplotlib allows grow with its versions.
_STYLE: Any = {
    "figure.figsize": (WIDTH, HEIGHT),
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "axes.facecolor": "none",
    "axes.edgecolor": COLORS["rule"],
    "axes.labelcolor": COLORS["muted"],
    "axes.titlecolor": COLORS["ink"],
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlesize": 14,
    "axes.labelsize": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=[COLORS[name] for name in CYCLE]),
    "grid.color": COLORS["rule"],
    "grid.linewidth": 0.6,
    "xtick.color": COLORS["rule"],
    "ytick.color": COLORS["rule"],
    "xtick.labelcolor": COLORS["muted"],
    "ytick.labelcolor": COLORS["muted"],
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "text.color": COLORS["ink"],
    "font.family": ["Source Sans 3", "DejaVu Sans"],
    "font.size": 13,
    "lines.linewidth": 2,
    "lines.markersize": 6,
    "legend.frameon": False,
    "savefig.facecolor": "none",
    "savefig.edgecolor": "none",
    "image.cmap": "cividis",
    "svg.fonttype": "path",  # a page's fonts do not reach into its images
    "svg.hashsalt": "pdl",  # the same figure gives the same file
}

_FONTS = Path(__file__).parent / "fonts"


def style() -> AbstractContextManager[None]:
    """Our matplotlib style, inside a ``with`` block.

    Returns:
        A context manager.

    Example:
        >>> with style():
        ...     mpl.rcParams["axes.edgecolor"]
        '#c9ccd3'
    """
    _register_fonts()
    return mpl.rc_context(_STYLE)


def use_style() -> None:
    """Our matplotlib style from here on, for figures of your own.

    Example:
        >>> with mpl.rc_context():
        ...     use_style()
        ...     mpl.rcParams["figure.figsize"]
        [7.0, 3.6]
    """
    _register_fonts()
    mpl.rcParams.update(_STYLE)


def plot_predictions(
    train_data: Values,
    train_labels: Values,
    test_data: Values,
    test_labels: Values,
    predictions: Values | None = None,
) -> Figure:
    """Training data, test data and what a model predicts for the test data, as points.

    Args:
        train_data: The ``x`` of the training samples.
        train_labels: Their ``y``.
        test_data: The ``x`` of the test samples.
        test_labels: Their ``y``.
        predictions: Predicted ``y`` for ``test_data``, if there are any.

    Returns:
        A figure; each group carries its name.

    Raises:
        DataError: If a group has not one ``y`` for each ``x``.

    Example:
        >>> from pdl.data.toy import straight_line, train_test_split
        >>> X_train, X_test, y_train, y_test = train_test_split(*straight_line())
        >>> figure = plot_predictions(X_train, y_train, X_test, y_test)
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['training data', 'test data']
    """
    train = _points("training data", train_data, train_labels)
    test = _points("test data", test_data, test_labels)
    groups = [("training data", train, "blue", "o", 1), ("test data", test, "green", "s", -1)]
    if predictions is not None:
        guess = _points("predictions", test_data, predictions)
        above = 1 if guess[1].mean() >= test[1].mean() else -1
        groups[1] = ("test data", test, "green", "s", -above)
        groups.append(("predictions", guess, "orange", "D", above))
    with style():
        figure = _figure()
        axes = figure.subplots()
        axes.margins(y=0.12)
        for name, (x, y), color, marker, side in groups:
            axes.scatter(x, y, s=22, color=COLORS[color], marker=marker, linewidths=0)
            middle = int(np.argsort(x)[x.size // 2])
            at = (float(x[middle]), float(y[middle]))
            _label(axes, name, at, color, shift=(-8 * side, 8 * side))
        axes.set(xlabel="x", ylabel="y")
    return figure


def plot_loss_curves(history: Mapping[str, Sequence[float]]) -> Figure:
    """Loss, and accuracy if there is one, over the epochs.

    Args:
        history: What `pdl.engine.train` returned, or any dict of lists with the keys
            ``train_loss`` and optionally ``val_loss`` or ``test_loss``, and the same with ``acc``.

    Returns:
        A figure with one or two panels; each curve carries its name.

    Raises:
        DataError: If there is no training loss.

    Example:
        >>> figure = plot_loss_curves({"train_loss": [0.9, 0.4], "val_loss": [0.8, 0.5]})
        >>> len(figure.axes)
        1
    """
    if not history.get("train_loss"):
        raise DataError(
            f"history must hold a train_loss of at least one epoch, got the keys "
            f"{sorted(history)}. Pass what train() returned."
        )
    panels = [("loss", 1.0, "loss"), ("acc", 100.0, "accuracy (%)")]
    panels = [panel for panel in panels if f"train_{panel[0]}" in history]
    with style():
        figure = _figure()
        for axes, (kind, factor, name) in zip(
            figure.subplots(ncols=len(panels), squeeze=False)[0], panels, strict=True
        ):
            _curves(axes, history, kind, factor)
            axes.set(xlabel="epoch", ylabel=name)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    return figure


def _curves(axes: Axes, history: Mapping[str, Sequence[float]], kind: str, factor: float) -> None:
    parts = [("train", "blue"), ("val", "green"), ("test", "green")]
    names = {"train": "training", "val": "validation", "test": "test"}
    ends: list[tuple[float, str, str, int]] = []
    for part, color in parts:
        values = factor * _numbers(history.get(f"{part}_{kind}", []))
        if not values.size:
            continue
        epochs = np.arange(1, values.size + 1)
        marker = "o" if values.size < 16 else ""
        axes.plot(epochs, values, color=COLORS[color], marker=marker, markersize=4)
        ends.append((float(values[-1]), part, color, values.size))
    low, high = axes.get_ylim()
    heights = _apart([end[0] for end in ends], 0.11 * (high - low))
    # Curves that end at the bottom would push a name down to the numbers of the axis.
    rise = max(0.0, low + 0.04 * (high - low) - min(heights, default=low))
    heights = [height + rise for height in heights]
    for height, (_, part, color, last) in zip(heights, ends, strict=True):
        _label(axes, names[part], (last, height), color, shift=(8, 0))


def _apart(values: list[float], gap: float) -> list[float]:
    """Heights for labels, pushed apart where two would touch, and as far up as down."""
    placed = list(values)
    order = sorted(range(len(values)), key=values.__getitem__)
    for below, above in itertools.pairwise(order):
        placed[above] = max(placed[above], placed[below] + gap)
    lift = (sum(placed) - sum(values)) / max(1, len(values))
    return [height - lift for height in placed]


def _label(
    axes: Axes,
    text: str,
    at: tuple[float, float],
    color: str,
    *,
    shift: tuple[float, float],
) -> None:
    """A name beside what it names, in its color: no legend to look up."""
    ha = "left" if shift[0] > 0 else "right"
    va = "center" if shift[1] == 0 else "bottom" if shift[1] > 0 else "top"
    axes.annotate(
        text,
        at,
        shift,
        textcoords="offset points",
        color=COLORS[color],
        weight="bold",
        ha=ha,
        va=va,
        annotation_clip=False,
    )


class _Figure(Figure):
    """A figure that a notebook can show although pyplot does not know it."""

    def _repr_svg_(self) -> str:
        with style(), io.StringIO() as text:
            self.savefig(text, format="svg", metadata={"Date": None})
            return text.getvalue()


def _figure(width: float = WIDTH, height: float = HEIGHT) -> Figure:
    return _Figure(figsize=(width, height), layout="constrained")


def _points(name: str, x: Values, y: Values) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points = _numbers(x), _numbers(y)
    if points[0].size != points[1].size or points[0].size == 0:
        raise DataError(
            f"{name} must have one y for each x, got {points[0].size} x and {points[1].size} y. "
            "Pass the tensors of the same samples."
        )
    return points


def _numbers(values: Values) -> NDArray[np.float64]:
    if isinstance(values, Tensor):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=np.float64).reshape(-1)


def _register_fonts() -> None:
    """Make the two shipped faces known to matplotlib; without them it falls back to its own.

    Under a name of ours: the files call themselves "Source Sans 3 ExtraLight", after the variable
    font they were cut from.
    """
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for name, weight in (("SourceSans3-Regular.ttf", 400), ("SourceSans3-SemiBold.ttf", 700)):
        path = str(_FONTS / name)
        if path not in known and Path(path).is_file():
            font_manager.fontManager.ttflist.append(
                font_manager.FontEntry(
                    fname=path,
                    name="Source Sans 3",
                    style="normal",
                    variant="normal",
                    weight=weight,
                    stretch="normal",
                    size="scalable",
                )
            )
