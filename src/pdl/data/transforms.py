"""What happens to a picture before the model sees it?

Training pictures may be changed at random, so that the model learns what does not matter; those to
measure on and to predict from never are. Both end as float32 of one size.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torchvision import transforms as v1
from torchvision.transforms import InterpolationMode, v2

from pdl.errors import ConfigError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of red, green and blue over ImageNet, as torchvision's pretrained models were trained."""
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Standard deviation of red, green and blue over ImageNet, from the same place."""

_FIXED = {
    *(v1.ToTensor, v1.PILToTensor, v1.Resize, v1.CenterCrop, v1.Normalize, v1.Grayscale),
    *(v2.ToImage, v2.ToDtype, v2.ToPureTensor, v2.PILToTensor, v2.Resize, v2.CenterCrop),
    *(v2.Normalize, v2.Grayscale),
}
Augment = Literal["none", "flip", "trivial"]


def eval_transform(
    image_size: int | tuple[int, int] = 64,
    *,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> v2.Compose:
    """The transform to measure and to predict with: resize and scale, nothing random.

    Args:
        image_size: Side of the square in pixels, or height and width.
        mean: Subtracted from each channel, for example `IMAGENET_MEAN`.
        std: Then each channel is divided by it.

    Returns:
        Turns a PIL image into float32 of shape ``(C, H, W)``, in ``[0, 1]`` without mean and std.

    Raises:
        ConfigError: If a setting is out of range.

    Example:
        >>> from PIL import Image
        >>> eval_transform(32)(Image.new("RGB", (80, 60), "white")).shape
        torch.Size([3, 32, 32])
    """
    return v2.Compose([_resize(image_size), *_to_tensor(mean, std)])


def train_transform(
    image_size: int | tuple[int, int] = 64,
    *,
    augment: Augment = "trivial",
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> v2.Compose:
    """The transform to train with: like `eval_transform`, with a random change in between.

    Args:
        image_size: Side of the square in pixels, or height and width.
        augment: "none"; "flip" for a mirror image half of the time; "trivial" for one random
            operation of random strength (TrivialAugment, Mueller and Hutter 2021), 31 strengths.
        mean: Subtracted from each channel, for example `IMAGENET_MEAN`.
        std: Then each channel is divided by it.

    Returns:
        Turns a PIL image into float32 of shape ``(C, H, W)``.

    Raises:
        ConfigError: If a setting is out of range or there is no such augmentation.

    Example:
        >>> from PIL import Image
        >>> train_transform(32, augment="flip")(Image.new("RGB", (80, 60))).dtype
        torch.float32
    """
    change = augmentation(augment)
    return v2.Compose([_resize(image_size), *change, *_to_tensor(mean, std)])


def augmentation(augment: str) -> list[v2.Transform]:
    """The random change of pictures that goes by a name, to put into a transform of your own.

    Args:
        augment: "none", "flip" or "trivial", as for `train_transform`.

    Returns:
        The steps; none for "none".

    Raises:
        ConfigError: If there is no such augmentation.

    Example:
        >>> augmentation("flip")
        [RandomHorizontalFlip(p=0.5)]
    """
    if augment not in _AUGMENTS:
        raise ConfigError(f"augment must be one of {list(_AUGMENTS)}, got {augment!r}. Choose one.")
    change = _AUGMENTS[augment]
    return [] if change is None else [change()]


def is_fixed(transform: object) -> bool:
    """Is it known that a transform always does the same to the same image?

    Args:
        transform: Any transform, or None.

    Returns:
        True for none, and for well-known transforms without chance; False in doubt.

    Example:
        >>> is_fixed(eval_transform(64)), is_fixed(train_transform(64))
        (True, False)
    """
    if isinstance(transform, (v1.Compose, v2.Compose)):
        return all(is_fixed(step) for step in transform.transforms)
    return transform is None or type(transform) in _FIXED


def _trivial() -> v2.Transform:
    return v2.TrivialAugmentWide(num_magnitude_bins=31)  # the bins of the paper


_AUGMENTS = {"none": None, "flip": v2.RandomHorizontalFlip, "trivial": _trivial}


def _resize(image_size: int | tuple[int, int]) -> v2.Transform:
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2 or min(size) < 1:
        raise ConfigError(
            f"image_size must be a positive number of pixels or (height, width), got {image_size}. "
            "Try 64 or 224."
        )
    return v2.Resize(size, interpolation=InterpolationMode.BILINEAR, antialias=True)


def _to_tensor(mean: Sequence[float] | None, std: Sequence[float] | None) -> list[v2.Transform]:
    steps: list[v2.Transform] = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    if mean is None and std is None:
        return [*steps, v2.ToPureTensor()]
    if mean is None or std is None or len(mean) != len(std) or min(std) <= 0:
        raise ConfigError(
            f"mean and std need one value for each channel, and std above 0, got mean={mean} and "
            f"std={std}. Pass both, for example IMAGENET_MEAN and IMAGENET_STD."
        )
    return [*steps, v2.Normalize(list(mean), list(std)), v2.ToPureTensor()]
