"""How far do fully connected layers get on pictures of clothes?

The two multi-layer perceptrons of the chapter on computer vision. They flatten a picture into a
row of 784 numbers and forget which pixels were neighbors.
"""

from torch import Tensor, nn

from pdl.inputs import Transform, check_counts, check_images, plain_transform
from pdl.typing import Logits

IMAGE_SIZE = 28  # pixels: the side of a FashionMNIST picture


class FashionMNISTV0(nn.Module):
    """The baseline: two linear layers with nothing between, which is one linear map in all.

    Args:
        width: Number of values between the two layers, at least 1.
        num_classes: Number of classes ``K``, at least 2.

    Example:
        >>> import torch
        >>> model = FashionMNISTV0(width=10)
        >>> model(torch.zeros(32, 1, 28, 28)).shape
        torch.Size([32, 10])
        >>> sum(parameter.numel() for parameter in model.parameters())
        7960
    """

    def __init__(self, width: int = 10, *, num_classes: int = 10) -> None:
        super().__init__()
        self.config = _checked(width, num_classes)
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(IMAGE_SIZE * IMAGE_SIZE, width),
            nn.Linear(width, num_classes),
        )

    @property
    def transform(self) -> Transform:
        """What a picture of PIL's goes through to become a tensor ``(1, 28, 28)``."""
        return plain_transform(channels=1, size=IMAGE_SIZE)

    def forward(self, images: Tensor) -> Logits:
        """Scores of the classes.

        Args:
            images: Gray pictures of shape ``(B, 1, 28, 28)``.

        Returns:
            Logits of shape ``(B, K)``.
        """
        return _scores(self.layers, images)


class FashionMNISTV1(nn.Module):
    """The same with a ReLU between the two linear layers, so that it can bend.

    There is no ReLU after the last layer: it would cut off every negative score, and a class whose
    score is cut off for all pictures is never predicted again.

    Args:
        width: Number of values between the two layers, at least 1.
        num_classes: Number of classes ``K``, at least 2.

    Example:
        >>> import torch
        >>> model = FashionMNISTV1(width=10)
        >>> model(torch.zeros(32, 1, 28, 28)).shape
        torch.Size([32, 10])
        >>> model.layers[-1]
        Linear(in_features=10, out_features=10, bias=True)
    """

    def __init__(self, width: int = 10, *, num_classes: int = 10) -> None:
        super().__init__()
        self.config = _checked(width, num_classes)
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(IMAGE_SIZE * IMAGE_SIZE, width),
            nn.ReLU(),
            nn.Linear(width, num_classes),
        )

    @property
    def transform(self) -> Transform:
        """What a picture of PIL's goes through to become a tensor ``(1, 28, 28)``."""
        return plain_transform(channels=1, size=IMAGE_SIZE)

    def forward(self, images: Tensor) -> Logits:
        """Scores of the classes.

        Args:
            images: Gray pictures of shape ``(B, 1, 28, 28)``.

        Returns:
            Logits of shape ``(B, K)``, negative ones among them.
        """
        return _scores(self.layers, images)


def _checked(width: int, num_classes: int) -> dict[str, int]:
    check_counts(width=width)
    check_counts(least=2, num_classes=num_classes)
    return {"width": width, "num_classes": num_classes}


def _scores(layers: nn.Sequential, images: Tensor) -> Logits:
    check_images(images, next(layers.parameters()), channels=1, size=IMAGE_SIZE)
    logits: Logits = layers(images)
    return logits
