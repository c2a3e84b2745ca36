"""How are the images of a batch changed at random, each in its own way, on any device?

`pdl.data.transforms` changes one PIL image after the other; this changes a whole batch of bytes at
once, on the GPU if it lies there. It is what `InMemoryLoader` takes as transform.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from pdl.errors import ConfigError, ShapeError

_LUMA = (0.299, 0.587, 0.114)  # how bright red, green and blue look; Rec. 601
_MOST_STRETCH = 4 / 3  # width to height of a crop, as in Inception (Szegedy et al., 2015)


class BatchAugment:
    """Mirror, move, zoom, turn and light each image of a batch differently.

    Chance comes from PyTorch's global CPU generator, which `InMemoryLoader` seeds for each batch.

    Args:
        flip: Mirror left and right half of the time.
        shift: Move by up to this share of the side, in ``[0, 1)``.
        zoom: Enlarge or shrink by up to this share, in ``[0, 1)``.
        rotate: Turn by up to this many degrees.
        crop: Cut out a rectangle of at least this share of the area, with sides of up to 4 to 3,
            and enlarge it to the whole; in ``(0, 1]``, 1 for the whole picture.
        brightness: Add up to this much to all pixels, which are in ``[0, 1]``.
        contrast: Stretch the distance to the mean by up to this share, in ``[0, 1)``.
        saturation: Stretch the distance to gray by up to this share, in ``[0, 1)``.
        mean: Subtracted from each channel at the end, for example `IMAGENET_MEAN`.
        std: Then each channel is divided by it.

    Raises:
        ConfigError: If a setting is out of range.

    Example:
        >>> batch = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
        >>> BatchAugment(shift=0.1)(batch).dtype
        torch.float32
    """

    def __init__(
        self,
        *,
        flip: bool = True,
        shift: float = 0.0,
        zoom: float = 0.0,
        rotate: float = 0.0,
        crop: float = 1.0,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        shares = {"shift": shift, "zoom": zoom, "brightness": brightness, "contrast": contrast}
        for name, value in {**shares, "saturation": saturation}.items():
            if not 0 <= value < 1:
                raise ConfigError(f"{name} must be at least 0 and below 1, got {value}. Try 0.1.")
        if not 0 < crop <= 1:
            raise ConfigError(f"crop must be above 0 and at most 1, got {crop}. Try 0.5.")
        if not 0 <= rotate <= 180:
            raise ConfigError(f"rotate must be from 0 to 180 degrees, got {rotate}. Try 15.")
        if (mean is None) != (std is None):
            raise ConfigError(f"mean and std belong together, got {mean=} and {std=}. Pass both.")
        self._flip, self._shift, self._zoom, self._rotate = flip, shift, zoom, rotate
        self._crop = crop
        self._brightness, self._contrast, self._saturation = brightness, contrast, saturation
        self._mean = None if mean is None else torch.tensor(mean).view(1, -1, 1, 1)
        self._std = None if std is None else torch.tensor(std).view(1, -1, 1, 1)

    def __call__(self, images: Tensor) -> Tensor:
        """Change a batch.

        Args:
            images: uint8 of shape ``(B, C, H, W)``.

        Returns:
            float32 of the same shape; in ``[0, 1]`` without mean and std.

        Raises:
            ShapeError: If they are not uint8 of four dimensions, or have no colors to saturate.
        """
        if images.dim() != 4 or images.dtype != torch.uint8:
            raise ShapeError(
                f"images must be uint8 of shape (B, C, H, W), got {images.dtype} of shape "
                f"{tuple(images.shape)}. Add a batch dimension with unsqueeze(0)."
            )
        if self._saturation and images.shape[1] != 3:
            raise ShapeError(
                f"saturation needs 3 channels, got {images.shape[1]}. Leave it out for gray images."
            )
        values = images.to(torch.float32).div_(255)
        if self._shift or self._zoom or self._rotate or self._crop < 1:
            values = self._moved(values)
        elif self._flip:
            mirrored = (torch.rand(len(values)) < 0.5).to(values.device).view(-1, 1, 1, 1)
            values = torch.where(mirrored, values.flip(-1), values)
        if self._contrast:
            middle = values.mean(dim=(1, 2, 3), keepdim=True)
            values = middle + (values - middle) * (1 + self._drawn(values, self._contrast))
        if self._saturation:
            gray = (values * values.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
            values = gray + (values - gray) * (1 + self._drawn(values, self._saturation))
        if self._brightness:
            values = values + self._drawn(values, self._brightness)
        if self._contrast or self._saturation or self._brightness:
            values = values.clamp_(0, 1)
        if self._mean is not None and self._std is not None:
            values = (values - self._mean.to(values.device)) / self._std.to(values.device)
        return values

    def _moved(self, values: Tensor) -> Tensor:
        """Flip, zoom, turn, move and crop in one resampling."""
        size = len(values)
        angle = _between(size, math.radians(self._rotate))
        # The grid says where each output pixel comes from, so a larger scale shrinks.
        scale = 1 + _between(size, self._zoom)
        sign = torch.where(torch.rand(size) < 0.5, -1.0, 1.0) if self._flip else torch.ones(size)
        ratio = values.shape[-2] / values.shape[-1]  # coordinates run from -1 to 1 on both sides
        theta = torch.zeros(size, 2, 3)
        theta[:, 0, 0] = angle.cos() * scale * sign
        theta[:, 0, 1] = -angle.sin() * scale * ratio
        theta[:, 1, 0] = angle.sin() * scale * sign / ratio
        theta[:, 1, 1] = angle.cos() * scale
        theta[:, :, 2] = 2 * _between((size, 2), self._shift)
        if self._crop < 1:
            area = self._crop + (1 - self._crop) * torch.rand(size)
            stretch = _between(size, math.log(_MOST_STRETCH)).exp()
            window = torch.stack([(area * stretch).sqrt(), (area / stretch).sqrt()], dim=1)
            window = window.clamp_(max=1)
            theta[:, :, 2] += (1 - window) * _between((size, 2), 1)
            theta[:, :, :2] *= window[:, None, :]
        grid = affine_grid(theta.to(values.device), list(values.shape), align_corners=False)
        return grid_sample(values, grid, padding_mode="reflection", align_corners=False)

    @staticmethod
    def _drawn(values: Tensor, most: float) -> Tensor:
        return _between(len(values), most).to(values.device).view(-1, 1, 1, 1)


def _between(size: int | tuple[int, ...], most: float) -> Tensor:
    """Uniform numbers from ``-most`` to ``most``."""
    return (2 * torch.rand(size) - 1) * most
