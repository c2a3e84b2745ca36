"""What does it look like when a Vision Transformer looks?

Figures of the numbers of `pdl.vit.explain`. Like all figures of `pdl.plotting` they are made
without pyplot, and a notebook shows them once.
"""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from pdl.errors import ConfigError, ShapeError
from pdl.gallery import show
from pdl.plotting import COLORS, WIDTH, _figure, style

_GAP = 1  # empty cells between the small maps of a mosaic


def plot_attention_maps(image: Tensor, maps: Tensor, *, columns: int = 4) -> Figure:
    """A picture, and beside it what each head looks at, bright on top of it.

    Args:
        image: Picture of shape ``(C, H, W)``.
        maps: Maps of shape ``(h, H / P, W / P)``: one block of one picture from
            `pdl.vit.explain.class_token_maps`. Each is drawn from its own smallest to its own
            largest value.
        columns: Panels in a row.

    Returns:
        A figure of ``h + 1`` panels.

    Raises:
        ShapeError: If the maps have another shape.
        ConfigError: If ``columns`` is below 1.

    Example:
        >>> import torch
        >>> figure = plot_attention_maps(torch.rand(3, 64, 64), torch.rand(3, 8, 8))
        >>> [axes.get_title() for axes in figure.axes]
        ['picture', 'head 1', 'head 2', 'head 3']
    """
    names = [f"head {number + 1}" for number in range(len(maps))]
    return _over(image, maps, names, columns)


def plot_rollout(image: Tensor, shares: Tensor) -> Figure:
    """A picture, and beside it from where the class token got its information (Fig. 6).

    Args:
        image: Picture of shape ``(C, H, W)``.
        shares: Map of shape ``(H / P, W / P)``: one picture of `pdl.vit.explain.rollout`, after
            `pdl.vit.explain.class_token_maps`.

    Returns:
        A figure of two panels.

    Raises:
        ShapeError: If the map has another shape.

    Example:
        >>> import torch
        >>> figure = plot_rollout(torch.rand(3, 64, 64), torch.rand(8, 8))
        >>> [axes.get_title() for axes in figure.axes]
        ['picture', 'all blocks']
    """
    return _over(image, shares.unsqueeze(0), ["all blocks"], 2)


def plot_position_similarity(similarity: Tensor) -> Figure:
    """A small map for each place: how alike all other places are to it (Fig. 7 center).

    Args:
        similarity: Similarities of shape ``(G, G, G, G)`` from
            `pdl.vit.explain.position_similarity`.

    Returns:
        A figure; the small map in row 1, column 1 belongs to the patch at the top left.

    Raises:
        ShapeError: If the similarities have another shape.

    Example:
        >>> import torch
        >>> figure = plot_position_similarity(torch.rand(4, 4, 4, 4))
        >>> figure.axes[0].get_xlabel()
        'column of the patch'
    """
    if similarity.dim() != 4 or len(set(similarity.shape)) != 1 or not similarity.numel():
        raise ShapeError(
            f"similarity must have shape (G, G, G, G), got {tuple(similarity.shape)}. "
            "Pass what position_similarity returned."
        )
    side = similarity.shape[0]
    step = side + _GAP
    mosaic = np.full((side * step - _GAP, side * step - _GAP), np.nan)
    values = _array(similarity)
    for row in range(side):
        for column in range(side):
            place = np.s_[row * step : row * step + side, column * step : column * step + side]
            mosaic[place] = values[row, column]
    with style():
        figure = _figure(WIDTH, 0.85 * WIDTH)
        axes = figure.subplots()
        drawn = axes.imshow(mosaic, vmin=-1, vmax=1, interpolation="nearest")
        middle = [number * step + (side - 1) / 2 for number in range(side)]
        shown = [1, *range(4, side + 1, 4)] if side > 8 else list(range(1, side + 1))
        ticks = [middle[number - 1] for number in shown]
        axes.set_xticks(ticks, [str(number) for number in shown])
        axes.set_yticks(ticks, [str(number) for number in shown])
        axes.set(xlabel="column of the patch", ylabel="row of the patch")
        _plain(axes)
        figure.colorbar(drawn, ax=axes, label="cosine similarity", shrink=0.8)
    return figure


def plot_attention_distance(distances: Tensor) -> Figure:
    """How far the heads of each block look (Fig. 7 right).

    Args:
        distances: Distances in pixels, of shape ``(L, h)``, from
            `pdl.vit.explain.attention_distance`.

    Returns:
        A figure with one point a head, and the mean of each block as a line.

    Raises:
        ShapeError: If the distances have another shape.

    Example:
        >>> import torch
        >>> figure = plot_attention_distance(torch.rand(12, 3))
        >>> figure.axes[0].get_ylabel()
        'mean attention distance (pixels)'
    """
    if distances.dim() != 2 or not distances.numel():
        raise ShapeError(
            f"distances must have shape (L, h), got {tuple(distances.shape)}. "
            "Pass what attention_distance returned."
        )
    values = _array(distances)
    blocks = np.arange(1, len(values) + 1)
    with style():
        figure = _figure()
        axes = figure.subplots()
        for head in values.T:
            axes.scatter(blocks, head, s=26, color=COLORS["blue"], alpha=0.7, linewidths=0)
        axes.plot(blocks, values.mean(axis=1), color=COLORS["orange"])
        axes.set(xlabel="block", ylabel="mean attention distance (pixels)")
        axes.set_ylim(bottom=0)
        axes.set_xticks(blocks[:: math.ceil(len(blocks) / 12)])
        last = (blocks[-1], values[-1].mean())
        axes.annotate(
            "mean of\nthe heads",
            last,
            (8, 0),
            textcoords="offset points",
            color=COLORS["orange"],
            weight="bold",
            va="center",
            annotation_clip=False,
        )
    return figure


def _over(image: Tensor, maps: Tensor, names: list[str], columns: int) -> Figure:
    if maps.dim() != 3 or not maps.numel():
        raise ShapeError(
            f"maps must have shape (h, H / P, W / P), got {tuple(maps.shape)}. "
            "Choose one block and one picture, for example class_token_maps(weights)[-1, 0]."
        )
    if columns < 1:
        raise ConfigError(f"columns must be at least 1, got {columns}. Try columns=4.")
    values = _array(maps)
    count = len(names) + 1
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    side = WIDTH / max(columns, 3)
    with style():
        figure = _figure(side * columns, rows * (side + 0.25))
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes in panels[count:]:
            axes.remove()
        for number, axes in enumerate(panels[:count]):
            height, width = show(axes, image)
            axes.set_title("picture" if number == 0 else names[number - 1], loc="center")
            if number:
                edges = (-0.5, width - 0.5, height - 0.5, -0.5)  # as wide as the picture
                axes.imshow(values[number - 1], extent=edges, alpha=0.65, interpolation="bilinear")
    return figure


def _plain(axes: Axes) -> None:
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _array(values: Tensor) -> NDArray[Any]:
    numbers: NDArray[Any] = values.detach().cpu().double().numpy()
    return numbers
