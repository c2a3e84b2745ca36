"""What is the smallest model that learns: a line with a weight and a bias?"""

import torch
from torch import nn

from pdl.typing import Column


class LinearRegression(nn.Module):
    """The line ``weight * x + bias``, written with bare parameters.

    Both start as random numbers and are learned. Drawn in this order, so that seed 42 always gives
    the same line.

    Example:
        >>> _ = torch.manual_seed(42)
        >>> dict(LinearRegression().state_dict())
        {'weight': tensor([0.3367]), 'bias': tensor([0.1288])}
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1))
        self.bias = nn.Parameter(torch.randn(1))

    def forward(self, x: Column) -> Column:
        """The point on the line above each ``x``.

        Args:
            x: One number a sample, shape ``(S, 1)``.

        Returns:
            The predictions, shape ``(S, 1)``.
        """
        return self.weight * x + self.bias


class LinearRegressionLayer(nn.Module):
    """The same line, with PyTorch's own layer for it.

    Example:
        >>> _ = torch.manual_seed(42)
        >>> LinearRegressionLayer().linear.weight
        Parameter containing:
        tensor([[0.7645]], requires_grad=True)
    """

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features=1, out_features=1)

    def forward(self, x: Column) -> Column:
        """The point on the line above each ``x``.

        Args:
            x: One number a sample, shape ``(S, 1)``.

        Returns:
            The predictions, shape ``(S, 1)``.
        """
        points: Column = self.linear(x)
        return points
