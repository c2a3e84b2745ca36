"""Transforms of single images."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms as v1
from torchvision.transforms import v2

from pdl.data.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    eval_transform,
    is_fixed,
    train_transform,
)
from pdl.errors import ConfigError


def photo(size: tuple[int, int] = (90, 60)) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(values)


def test_the_transform_of_the_notes() -> None:
    notes = v1.Compose([v1.Resize((64, 64)), v1.ToTensor()])
    torch.testing.assert_close(eval_transform(64)(photo()), notes(photo()), rtol=0, atol=1e-6)
    scaled = eval_transform((32, 48), mean=IMAGENET_MEAN, std=IMAGENET_STD)(photo())
    plain = eval_transform((32, 48))(photo())
    expected = v1.functional.normalize(plain, list(IMAGENET_MEAN), list(IMAGENET_STD))
    torch.testing.assert_close(scaled, expected)
    assert type(scaled) is torch.Tensor
    assert scaled.shape == (3, 32, 48)


@pytest.mark.parametrize("size", [(1, 1), (2000, 1), (1, 50), (64, 64)])
def test_d14_the_size_is_always_the_same(size: tuple[int, int]) -> None:
    assert eval_transform(32)(Image.new("RGB", size)).shape == (3, 32, 32)


def test_augmentation() -> None:
    torch.manual_seed(0)
    image = photo()
    plain = eval_transform(16)(image)
    flips = [train_transform(16, augment="flip")(image) for _ in range(20)]
    assert {torch.equal(flip, plain) for flip in flips} == {True, False}
    trivial = torch.stack([train_transform(16)(image) for _ in range(20)])
    assert len(trivial.sum((1, 2, 3)).unique()) > 5
    assert torch.equal(train_transform(16, augment="none")(image), plain)


@pytest.mark.parametrize("size", [0, -3, (64, 0)])
def test_sizes_that_are_none(size: int | tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="image_size must be a positive number of pixels"):
        eval_transform(size)


def test_settings() -> None:
    for options in (
        {"mean": (0.5,)},
        {"std": (0.5,)},
        {"mean": (0.5, 0.5), "std": (1.0,)},
        {"mean": (0.5,), "std": (0.0,)},
    ):
        with pytest.raises(ConfigError, match="mean and std need one value for each channel"):
            eval_transform(8, **options)  # type: ignore[arg-type]  # one of several
    with pytest.raises(ConfigError, match=r"augment must be one of \['none', 'flip', 'trivial'\]"):
        train_transform.__wrapped__(8, augment="mixup")  # type: ignore[attr-defined]  # unchecked


def test_what_is_known_to_be_fixed() -> None:
    assert is_fixed(None)
    assert is_fixed(v1.Compose([v1.Resize(3), v1.ToTensor()]))
    assert not is_fixed(v1.Compose([v1.RandomHorizontalFlip(), v1.ToTensor()]))
    assert not is_fixed(v2.RandomErasing())
    assert not is_fixed(lambda image: image)
