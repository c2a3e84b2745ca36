"""Which data is small enough to see whole, and still hard enough to learn something from?

Every function is a formula and a little noise. Classes take turns from sample to sample (0, 1, 0,
1, ...), so any slice holds all of them. Circles, moons and spirals go along their curves from the
first sample to the last: give `train_test_split` a generator, so that it shuffles them.
"""

import math

import torch
from torch import Generator, Tensor

from pdl.errors import ConfigError, DataError
from pdl.typing import Column, PointLabels, Points


def straight_line(
    num_samples: int = 50,
    *,
    weight: float = 0.7,
    bias: float = 0.3,
    start: float = 0.0,
    stop: float = 1.0,
    noise: float = 0.0,
    generator: Generator | None = None,
) -> tuple[Column, Column]:
    """Points on the line ``weight * x + bias``.

    Args:
        num_samples: How many points ``S``, at least 1.
        weight: Slope of the line.
        bias: Height of the line at ``x = 0``.
        start: The first ``x``.
        stop: Where the points end; no point lies on it, as with Python's ``range``.
        noise: Standard deviation of what is added to ``y``.
        generator: Source of the noise; PyTorch's global one if left out.

    Returns:
        X and y, both of shape ``(S, 1)``.

    Raises:
        ConfigError: If a value is out of range.

    Example:
        >>> X, y = straight_line()
        >>> torch.equal(X, torch.arange(0, 1, 0.02).unsqueeze(dim=1))
        True
        >>> y[:3].squeeze()
        tensor([0.3000, 0.3140, 0.3280])
    """
    _check(num_samples, noise)
    if not start < stop:
        raise ConfigError(f"start must be below stop, got {start=} and {stop=}. Swap them.")
    step = (stop - start) / num_samples
    # The end half a step early: exactly num_samples points, whatever the rounding.
    X = torch.arange(start, start + step * (num_samples - 0.5), step).unsqueeze(dim=1)
    return X, _blur(weight * X + bias, noise, generator)


def circles(
    num_samples: int = 1000,
    *,
    noise: float = 0.03,
    factor: float = 0.8,
    generator: Generator | None = None,
) -> tuple[Points, PointLabels]:
    """A small circle (class 1) inside a large one of radius 1 (class 0).

    Args:
        num_samples: How many points ``S`` in all.
        noise: Standard deviation of what is added to each coordinate.
        factor: Radius of the small circle, in ``(0, 1)``.
        generator: Source of the noise; PyTorch's global one if left out.

    Returns:
        Points of shape ``(S, 2)`` and labels of shape ``(S,)``.

    Raises:
        ConfigError: If a value is out of range.

    Example:
        >>> X, y = circles(4, noise=0)
        >>> X.norm(dim=1), y
        (tensor([1.0000, 0.8000, 1.0000, 0.8000]), tensor([0, 1, 0, 1]))
    """
    if not 0 < factor < 1:
        raise ConfigError(f"factor must lie between 0 and 1, got {factor}. Try 0.8.")
    labels, along = _turns(num_samples, 2, noise)
    angle = 2 * math.pi * along
    radius = torch.where(labels == 0, 1.0, factor)
    return _blur(_polar(radius, angle), noise, generator), labels


def moons(
    num_samples: int = 1000, *, noise: float = 0.1, generator: Generator | None = None
) -> tuple[Points, PointLabels]:
    """Two half circles that reach into each other.

    Args:
        num_samples: How many points ``S`` in all.
        noise: Standard deviation of what is added to each coordinate.
        generator: Source of the noise; PyTorch's global one if left out.

    Returns:
        Points of shape ``(S, 2)`` and labels of shape ``(S,)``.

    Example:
        >>> X, y = moons(100, noise=0)
        >>> X.shape, y.bincount()
        (torch.Size([100, 2]), tensor([50, 50]))
    """
    labels, along = _turns(num_samples, 2, noise, closed=True)
    upper = _polar(torch.ones(num_samples), math.pi * along)
    lower = torch.tensor([1.0, 0.5]) - upper
    points = torch.where((labels == 0).unsqueeze(1), upper, lower)
    return _blur(points, noise, generator), labels


def blobs(
    num_samples: int = 1000,
    *,
    num_classes: int = 4,
    noise: float = 1.5,
    generator: Generator | None = None,
) -> tuple[Points, PointLabels]:
    """Round clouds of points around centers drawn from a square of side 20.

    Args:
        num_samples: How many points ``S`` in all.
        num_classes: How many clouds ``K``, at least 2.
        noise: Standard deviation of each cloud.
        generator: Source of centers and noise; PyTorch's global one if left out.

    Returns:
        Points of shape ``(S, 2)`` and labels of shape ``(S,)``.

    Example:
        >>> X, y = blobs(8, num_classes=4, generator=torch.Generator().manual_seed(0))
        >>> X.shape, y
        (torch.Size([8, 2]), tensor([0, 1, 2, 3, 0, 1, 2, 3]))
    """
    labels, _ = _turns(num_samples, num_classes, noise)
    centers = 20 * torch.rand(num_classes, 2, generator=generator) - 10
    return _blur(centers[labels], noise, generator), labels


def spirals(
    num_samples: int = 900,
    *,
    num_classes: int = 3,
    noise: float = 0.02,
    turns: float = 0.75,
    generator: Generator | None = None,
) -> tuple[Points, PointLabels]:
    """Arms that wind around one another; no straight line can tell them apart.

    Args:
        num_samples: How many points ``S`` in all.
        num_classes: How many arms ``K``, at least 2.
        noise: Standard deviation of what is added to each coordinate.
        turns: How often an arm goes round.
        generator: Source of the noise; PyTorch's global one if left out.

    Returns:
        Points of shape ``(S, 2)`` inside the circle of radius 1, and labels of shape ``(S,)``.

    Example:
        >>> X, y = spirals(300, noise=0)
        >>> X.norm(dim=1).max()
        tensor(1.)
    """
    labels, along = _turns(num_samples, num_classes, noise, closed=True)
    angle = 2 * math.pi * (turns * along + labels / num_classes)
    return _blur(_polar(along, angle), noise, generator), labels


def train_test_split(
    X: Tensor, y: Tensor, test_fraction: float = 0.2, *, generator: Generator | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Keep a part of the data aside, to test on what the model has not seen.

    Args:
        X: Inputs, one sample a row.
        y: Targets, one for each row of ``X``.
        test_fraction: Share of samples to keep aside, in ``(0, 1)``; rounded up to whole samples.
        generator: Shuffles the samples first; without one they stay in order and the last ones
            become the test set.

    Returns:
        X_train, X_test, y_train, y_test.

    Raises:
        ConfigError: If the fraction leaves one side without samples.
        DataError: If ``X`` and ``y`` differ in length.

    Example:
        >>> X, y = straight_line()
        >>> [len(part) for part in train_test_split(X, y)]
        [40, 10, 40, 10]
    """
    if len(X) != len(y):
        raise DataError(
            f"X and y must have one row for each sample, got {len(X)} and {len(y)} rows. "
            "Pass the inputs with the targets that belong to them."
        )
    # Rounded first: 0.1 * 30 must not become 4 samples because of the 17th digit.
    num_test = math.ceil(round(test_fraction * len(X), 9))
    if not 0 < num_test < len(X):
        raise ConfigError(
            f"both parts need a sample, got test_fraction={test_fraction} of {len(X)} samples. "
            "Choose a fraction between 0 and 1, for example 0.2."
        )
    order = torch.arange(len(X))
    if generator is not None:
        order = torch.randperm(len(X), generator=generator)
    train, test = order[:-num_test], order[-num_test:]
    return X[train], X[test], y[train], y[test]


def _check(num_samples: int, noise: float) -> None:
    if num_samples < 1:
        raise ConfigError(f"num_samples must be at least 1, got {num_samples}. Try 100.")
    if not 0 <= noise < math.inf:
        raise ConfigError(f"noise must be 0 or a positive number, got {noise}. Try 0.1.")


def _turns(
    num_samples: int, num_classes: int, noise: float, *, closed: bool = False
) -> tuple[Tensor, Tensor]:
    """Labels that take turns, and how far along its class each sample is, from 0 to 1.

    A circle must not repeat its first point at 1, an arm or a half circle ends there (``closed``).
    """
    _check(num_samples, noise)
    if num_classes < 2:
        raise ConfigError(f"num_classes must be at least 2, got {num_classes}. Try 3.")
    index = torch.arange(num_samples)
    labels, place = index % num_classes, index // num_classes
    members = labels.bincount(minlength=num_classes)[labels]
    return labels, place / (members - int(closed)).clamp(min=1)


def _polar(radius: Tensor, angle: Tensor) -> Tensor:
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)  # (S,) -> (S, 2)


def _blur(values: Tensor, noise: float, generator: Generator | None) -> Tensor:
    if noise == 0:
        return values
    return values + noise * torch.randn(values.shape, generator=generator)
