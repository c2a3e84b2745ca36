"""Where does a classifier draw its borders, and which classes does it mix up?"""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from pdl.errors import ConfigError, DataError, ShapeError
from pdl.mode import device_of, evaluating
from pdl.plotting import COLORS, CYCLE, _figure, style
from pdl.seed import preserve_rng_state

MARKERS = "osD^vP"
"""One for each color of the cycle: nobody has to tell classes apart by color alone."""

MOST = 0.45
"""Opacity of the fullest cell: text of either theme stays readable on it."""


def plot_decision_boundary(
    model: nn.Module,
    X: Tensor,
    y: Tensor,
    *,
    class_names: Sequence[str] | None = None,
    resolution: int = 200,
) -> Figure:
    """Which class the model predicts at every point of the plane, under the samples.

    The model is left as it was: mode, device and random numbers.

    Args:
        model: From points ``(S, 2)`` to logits: ``(S, K)``, or one a point, whose sign decides
            between class 0 and 1.
        X: Points of shape ``(S, 2)``.
        y: Their classes, shape ``(S,)`` or ``(S, 1)``.
        class_names: Names of the classes; their numbers if left out.
        resolution: Number of points asked along each side, at least 2.

    Returns:
        A figure.

    Raises:
        ShapeError: If the points do not lie in a plane, there is not one class for each, or the
            model does not give logits.
        ConfigError: If ``resolution`` is below 2, or there are more classes than names.
        DataError: If the model gives NaN or infinity.

    Example:
        >>> X = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
        >>> figure = plot_decision_boundary(nn.Linear(2, 1), X, torch.tensor([0, 1]))
        >>> [text.get_text() for text in figure.legends[0].get_texts()]
        ['0', '1']
    """
    if X.dim() != 2 or X.shape[1] != 2 or len(X) == 0 or y.numel() != len(X):
        raise ShapeError(
            f"X must have shape (S, 2) with one y for each point, got {tuple(X.shape)} and "
            f"{tuple(y.shape)}. Choose two features to plot."
        )
    if resolution < 2:
        raise ConfigError(f"resolution must be at least 2, got {resolution}. Try 200.")
    points, classes = X.detach().cpu().double().numpy(), y.detach().cpu().reshape(-1).long().numpy()
    low, high = points.min(axis=0), points.max(axis=0)
    edge = np.where(high > low, 0.08 * (high - low), 1.0)
    across = np.linspace(low[0] - edge[0], high[0] + edge[0], resolution)
    up = np.linspace(low[1] - edge[1], high[1] + edge[1], resolution)
    lead = _leads(model, across, up, like=X)
    count = max(len(lead), int(classes.max()) + 1)
    names = [str(index) for index in range(count)] if class_names is None else list(class_names)
    if len(names) < count or classes.min() < 0:
        raise ConfigError(
            f"there must be a name for each class from 0, got {len(names)} names and classes "
            f"{classes.min()} to {max(int(classes.max()), len(lead) - 1)}. Pass class_names for "
            "all of them."
        )
    if not np.isfinite(lead).all():
        raise DataError(
            "the logits must be finite numbers, got NaN or infinity. Train the model again with a "
            "lower learning rate."
        )
    with style():
        figure = _figure()
        axes = figure.subplots()
        for index, heights in enumerate(lead):
            color = COLORS[CYCLE[index % len(CYCLE)]]
            if heights.max() > 0:
                axes.contourf(across, up, heights, levels=[0, np.inf], colors=[color], alpha=0.18)
        for index in range(count):
            own = points[classes == index]
            axes.scatter(
                own[:, 0],
                own[:, 1],
                s=14,
                color=COLORS[CYCLE[index % len(CYCLE)]],
                marker=MARKERS[index % len(MARKERS)],
                linewidths=0,
                label=names[index],
            )
        axes.set(xlabel="$x_1$", ylabel="$x_2$", xlim=across[[0, -1]], ylim=up[[0, -1]])
        axes.grid(visible=False)
        figure.legend(*axes.get_legend_handles_labels(), title="class", loc="outside right center")
    return figure


def plot_confusion_matrix(
    matrix: Tensor | ArrayLike,
    class_names: Sequence[str],
) -> Figure:
    """Which classes are taken for which: a row for each true class, a column for each prediction.

    The numbers are counts, the shade is the share of the row. A good model has its samples on the
    diagonal.

    Args:
        matrix: Counts of shape ``(K, K)``, as `torchmetrics` gives them.
        class_names: Names of the ``K`` classes.

    Returns:
        A figure.

    Raises:
        ShapeError: If the matrix does not have a row and a column for each class.
        DataError: If it holds something else than counts.

    Example:
        >>> figure = plot_confusion_matrix([[8, 2], [1, 9]], ["pizza", "steak"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['8', '2', '1', '9']
    """
    counts = np.asarray(matrix.detach().cpu() if isinstance(matrix, Tensor) else matrix)
    classes = len(class_names)
    if counts.shape != (classes, classes) or classes == 0:
        raise ShapeError(
            f"matrix must have shape ({classes}, {classes}) for {classes} class names, got "
            f"{counts.shape}. Compute it with num_classes={classes}."
        )
    if not np.all(counts >= 0) or not np.all(counts == np.round(counts)):
        raise DataError("matrix must hold counts of samples, got others. Do not normalize it.")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(7.0, 2.2 + 0.48 * classes)
    with style():
        figure = _figure(side, side)
        axes = figure.subplots()
        for row, column in np.ndindex(counts.shape):
            color = COLORS["blue" if row == column else "orange"]
            cell = Rectangle((column - 0.5, row - 0.5), 1, 1, color=color, linewidth=0)
            cell.set_alpha(float(MOST * shares[row, column]))
            axes.add_patch(cell)
            if counts[row, column]:
                text = f"{int(counts[row, column])}"
                axes.text(column, row, text, ha="center", va="center", fontsize=9)
        places = np.arange(classes)
        axes.set_xticks(places, class_names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(places, class_names)
        axes.set(xlabel="predicted", ylabel="true", aspect="equal")
        axes.set(xlim=(-0.5, classes - 0.5), ylim=(classes - 0.5, -0.5))
        axes.tick_params(length=0)
        axes.grid(visible=False)
    return figure


def _leads(
    model: nn.Module, across: NDArray[np.float64], up: NDArray[np.float64], *, like: Tensor
) -> NDArray[np.float64]:
    """How far each class is ahead of all others at each point of the grid, shape (K, H, W)."""
    grid = torch.cartesian_prod(torch.as_tensor(up), torch.as_tensor(across)).flip(dims=(1,))
    grid = grid.to(device_of(model), like.dtype if like.is_floating_point() else torch.float32)
    with evaluating(model), preserve_rng_state():
        logits = model(grid)
    if not isinstance(logits, Tensor) or logits.shape[:1] != grid.shape[:1] or logits.dim() > 2:
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ShapeError(
            f"model must give one row of logits for each of {len(grid)} points, got {shape}. "
            "Pass a model for two features."
        )
    logits = logits.double().reshape(len(grid), -1)
    if logits.shape[1] == 1:
        logits = torch.cat([-logits, logits], dim=1)
    best = logits.topk(2, dim=1).values
    others = torch.where(logits == best[:, :1], best[:, 1:], best[:, :1])
    ahead: NDArray[np.float64] = (logits - others).T.reshape(-1, len(up), len(across)).cpu().numpy()
    return ahead
