"""Which pictures are these, and which did the model get wrong?

Grids of pictures. Like all figures of `pdl.plotting` they are made without pyplot, and a notebook
shows them once.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pdl.errors import ConfigError, DataError, ShapeError
from pdl.plotting import COLORS, WIDTH, _figure, style
from pdl.seed import make_generator, preserve_rng_state, set_seeds

TITLE = 0.30  # inches above each picture, for a line of text


@runtime_checkable
class Pictures(Protocol):
    """Any data set of ``(picture, label)`` with a length."""

    def __len__(self) -> int:
        """Number of samples."""

    def __getitem__(self, index: int, /) -> tuple[Any, Any]:
        """A picture and its label."""


def plot_images_with_predictions(
    images: Sequence[Tensor | Image.Image] | Tensor,
    probs: Tensor,
    class_names: Sequence[str],
    labels: Sequence[int] | Tensor | None = None,
    *,
    columns: int = 5,
) -> Figure:
    """Pictures, each with what the model says and how sure it is.

    Where the true labels are given, a wrong answer stands in orange, with the truth below it.

    Args:
        images: ``N`` pictures: a tensor ``(N, C, H, W)``, or a sequence of tensors ``(C, H, W)`` or
            pictures of PIL's. Values outside of [0, 1] are stretched to what can be shown.
        probs: Probabilities of the classes, shape ``(N, K)``.
        class_names: Names of the ``K`` classes.
        labels: True classes, as numbers.
        columns: Pictures in a row.

    Returns:
        A figure.

    Raises:
        ShapeError: If there is not one row of probabilities, or one label, for each picture.

    Example:
        >>> figure = plot_images_with_predictions(
        ...     torch.rand(2, 1, 28, 28), torch.tensor([[0.9, 0.1], [0.4, 0.6]]), ["bag", "shirt"]
        ... )
        >>> [axes.get_title() for axes in figure.axes]
        ['bag 90%', 'shirt 60%']
    """
    if probs.dim() != 2 or len(probs) != len(images) or probs.shape[1] != len(class_names):
        raise ShapeError(
            f"probs must have shape ({len(images)}, {len(class_names)}) for {len(images)} images "
            f"and {len(class_names)} classes, got {tuple(probs.shape)}. Pass those of the same "
            "images."
        )
    if labels is not None and len(labels) != len(images):
        raise ShapeError(
            f"there must be one label for each image, got {len(labels)} labels and {len(images)} "
            "images. Pass those of the same images."
        )
    sure, chosen = probs.detach().float().cpu().max(dim=1)
    with style():
        figure, panels = _grid(len(images), columns, lines=1 if labels is None else 2)
        for index, axes in enumerate(panels):
            guess = int(chosen[index])
            show(axes, images[index])
            text, color = f"{class_names[guess]} {sure[index]:.0%}", COLORS["ink"]
            if labels is not None:
                truth = int(labels[index])
                color = COLORS["ink" if truth == guess else "orange"]
                text += "\n" if truth == guess else f"\nis {class_names[truth]}"
            axes.set_title(text, color=color, loc="center", fontsize=10)
    return figure


def plot_prediction(
    image: Tensor | Image.Image, labels: Sequence[str], probs: Sequence[float]
) -> Figure:
    """A picture, and beside it what the model takes it for.

    Args:
        image: The picture, as `show` takes it.
        labels: Names of the likeliest classes, best first.
        probs: Their probabilities, in ``[0, 1]``.

    Returns:
        A figure.

    Raises:
        DataError: If there is not one probability for each name.

    Example:
        >>> figure = plot_prediction(torch.rand(3, 64, 64), ["pizza", "steak"], [0.9, 0.1])
        >>> figure.axes[0].get_title()
        'pizza 90%'
    """
    if len(labels) != len(probs) or not labels:
        raise DataError(
            f"there must be one probability for each label, got {len(labels)} labels and "
            f"{len(probs)} probabilities. Pass those of one prediction."
        )
    with style():
        figure = _figure(WIDTH, 0.45 * WIDTH)
        picture, bars = figure.subplots(ncols=2)
        show(picture, image)
        picture.set_title(f"{labels[0]} {probs[0]:.0%}", loc="center")
        places = np.arange(len(labels))
        bars.barh(places, [100 * prob for prob in probs], color=COLORS["orange"], height=0.6)
        bars.set_yticks(places, labels)
        bars.tick_params(axis="y", length=0)
        bars.grid(visible=False, axis="y")
        bars.set(xlabel="probability (%)", xlim=(0, 100), ylim=(len(labels) - 0.5, -0.5))
    return figure


def plot_transformed_images(
    images: Sequence[Image.Image | Tensor],
    transform: Callable[[Any], Tensor],
    *,
    versions: int = 3,
    seed: int = 42,
) -> Figure:
    """Pictures before and after a transform, one a row.

    A random transform gives another version each time. The program's own random numbers are left
    as they were.

    Args:
        images: Pictures that the transform accepts.
        transform: Any transform that gives a tensor ``(C, H, W)``.
        versions: How often to transform each picture.
        seed: Of the random numbers that the transform draws.

    Returns:
        A figure.

    Raises:
        ConfigError: If ``versions`` is below 1.

    Example:
        >>> from torchvision.transforms import v2
        >>> figure = plot_transformed_images([torch.rand(3, 64, 64)], v2.Resize(8), versions=1)
        >>> [axes.get_title() for axes in figure.axes]
        ['original 64 x 64', 'transformed 8 x 8']
    """
    if versions < 1:
        raise ConfigError(f"versions must be at least 1, got {versions}. Try versions=3.")
    with style(), preserve_rng_state():
        set_seeds(seed)
        columns = versions + 1
        figure, panels = _grid(len(images) * columns, columns)
        for row, image in enumerate(images):
            for column in range(columns):
                picture = image if column == 0 else transform(image)
                height, width = show(panels[row * columns + column], picture)
                name = "original" if column == 0 else "transformed"
                panels[row * columns + column].set_title(
                    f"{name} {height} x {width}", loc="center", fontsize=10
                )
    return figure


def display_random_images(
    dataset: Pictures,
    class_names: Sequence[str],
    n: int = 10,
    *,
    seed: int | None = None,
    columns: int = 5,
) -> Figure:
    """Some samples of a data set, each with its class. Look at them before you train.

    Args:
        dataset: Anything with a length that gives ``(picture, label)`` by number.
        class_names: Names of the classes.
        n: How many; all if there are fewer.
        seed: Which ones; others each time if left out. The program's own random numbers are left as
            they were.
        columns: Pictures in a row.

    Returns:
        A figure.

    Example:
        >>> data = [(torch.rand(1, 28, 28), 0), (torch.rand(1, 28, 28), 1)]
        >>> figure = display_random_images(data, ["bag", "shirt"], seed=42)
        >>> sorted(axes.get_title() for axes in figure.axes)
        ['bag', 'shirt']
    """
    chance = torch.Generator() if seed is None else make_generator(seed)
    if seed is None:
        chance.seed()
    chosen = torch.randperm(len(dataset), generator=chance)[: max(n, 0)].tolist()
    with style(), preserve_rng_state():
        figure, panels = _grid(len(chosen), columns)
        for axes, index in zip(panels, chosen, strict=True):
            image, label = dataset[index]
            show(axes, image)
            axes.set_title(class_names[int(label)], loc="center", fontsize=10)
    return figure


def show(axes: Axes, image: Tensor | Image.Image | NDArray[Any]) -> tuple[int, int]:
    """Draw a picture into a panel of a figure.

    Args:
        axes: The panel.
        image: A tensor ``(C, H, W)`` with one, three or four channels, a picture of PIL's, or an
            array ``(H, W)`` or ``(H, W, C)``.

    Returns:
        Height and width in pixels.

    Example:
        >>> from matplotlib.figure import Figure
        >>> show(Figure().subplots(), torch.rand(3, 20, 30))
        (20, 30)
    """
    pixels = _pixels(image)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()
    return pixels.shape[0], pixels.shape[1]


def _pixels(image: Tensor | Image.Image | NDArray[Any]) -> NDArray[Any]:
    """Numbers in [0, 1] that matplotlib can show; channels last, no third dimension for gray."""
    if isinstance(image, Tensor):
        if image.dim() == 3 and image.shape[0] in {1, 3, 4}:
            image = image.permute(1, 2, 0)
        image = image.detach().cpu()
        image = (image.float() if image.is_floating_point() else image).numpy()
    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in {2, 3} or (pixels.ndim == 3 and pixels.shape[2] not in {3, 4}):
        raise ShapeError(
            f"a picture must have shape (C, H, W) with 1, 3 or 4 channels, got {pixels.shape}. "
            "Pass a single picture, not a batch."
        )
    top = 255.0 if pixels.dtype == np.uint8 else 1.0
    numbers = np.nan_to_num(pixels.astype(np.float64) / top)
    low, high = numbers.min(initial=0.0), numbers.max(initial=1.0)
    stretched: NDArray[Any] = (numbers - low) / (high - low)  # normalized pictures lie outside
    return stretched


def _grid(count: int, columns: int, *, lines: int = 1) -> tuple[Figure, list[Axes]]:
    if count < 1:
        raise DataError("a grid needs at least one picture, got none. Check the data set.")
    if columns < 1:
        raise ConfigError(f"columns must be at least 1, got {columns}. Try columns=5.")
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    side = WIDTH / max(columns, 3)
    figure = _figure(side * columns, rows * (side + TITLE * lines - 0.1))
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in panels[count:]:
        axes.remove()
    return figure, panels[:count]
