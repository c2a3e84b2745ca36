"""Batches from memory, and their augmentation."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import ToTensor, v2

from pdl.data.augment import BatchAugment
from pdl.data.fashion import FashionMNIST
from pdl.data.folder import ImageFolderCustom
from pdl.data.loaders import make_loader
from pdl.data.memory import InMemoryImages, InMemoryLoader, load_images
from pdl.data.transforms import eval_transform
from pdl.errors import ConfigError, DataError, ShapeError
from pdl.seed import set_seeds

Batches = list[tuple[Tensor, Tensor]]


def pair(count: int = 10, channels: int = 1, side: int = 4) -> tuple[Tensor, Tensor]:
    values = np.random.default_rng(0).integers(0, 256, (count, channels, side, side))
    return torch.from_numpy(values.astype(np.uint8)), torch.arange(count)


def same(first: Batches, second: Batches) -> bool:
    return len(first) == len(second) and all(
        torch.equal(a, c) and torch.equal(b, d)
        for (a, b), (c, d) in zip(first, second, strict=True)
    )


def test_the_batches_of_a_data_loader() -> None:
    data = FashionMNIST(train=False, transform=ToTensor())
    for shuffle in (False, True):
        options = {"batch_size": 300, "shuffle": shuffle, "seed": 5}
        indices = list(range(0, 1000, 2))
        files = make_loader(data, indices=indices, **options)  # type: ignore[arg-type]  # mixed
        memory = InMemoryLoader(data, indices=indices, **options)  # type: ignore[arg-type]
        assert len(files) == len(memory) == 2
        for _ in range(2):
            assert same(list(files), list(memory))
    assert memory.classes == data.classes
    assert memory.dataset.class_to_idx == data.class_to_idx
    image, label = memory.dataset[0]
    assert torch.equal(image, data[0][0])
    assert label == data[0][1]


def test_photos_are_resized_as_by_the_transform(photos: object) -> None:
    root = photos(a=3, b=2)  # type: ignore[operator]  # the fixture of conftest.py
    Image.new("RGB", (40, 30), (200, 10, 90)).save(root / "a" / "000.png")
    dataset = ImageFolderCustom(root)
    loader = InMemoryLoader(dataset, image_size=8)
    images, labels = next(iter(loader))
    expected = torch.stack([eval_transform(8)(dataset[i][0]) for i in range(5)])
    torch.testing.assert_close(images, expected)
    assert labels.tolist() == dataset.targets
    assert loader.classes == ["a", "b"]
    with pytest.raises(DataError, match=r"one size, got \(3, 30, 40\) and .*Pass image_size=64"):
        InMemoryLoader(dataset)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(InMemoryLoader(pair(), batch_size=3, shuffle=True))
    monkeypatch.setattr("pdl.data.memory.BLOCK", 7 * 16)
    assert same(whole, list(InMemoryLoader(pair(), batch_size=3, shuffle=True)))


def test_epochs_and_going_on_in_the_middle() -> None:
    loader = InMemoryLoader(pair(), batch_size=3, shuffle=True, transform=BatchAugment())
    first, second = list(loader), list(loader)
    assert not same(first, second)
    assert loader.epoch == 2
    loader.set_epoch(1, skip_batches=2)
    assert same(second[2:], list(loader))
    with pytest.raises(ConfigError, match="must not be negative"):
        loader.set_epoch(-1)


def test_drop_last_and_settings() -> None:
    loader = InMemoryLoader(pair(10), batch_size=4, drop_last=True)
    assert [len(labels) for _, labels in loader] == [4, 4]
    assert (len(loader), loader.batch_size, loader.drop_last) == (2, 4, True)
    with pytest.raises(ConfigError, match="0 batches: 10 images, batch_size=32, drop_last=True"):
        InMemoryLoader(pair(10), drop_last=True)
    with pytest.raises(DataError, match="empty data set"):
        InMemoryLoader(pair(0))
    with pytest.raises(DataError, match="empty data set"):
        InMemoryLoader([])


def test_what_can_not_be_kept_in_memory() -> None:
    data = FashionMNIST(train=False, transform=eval_transform(28))
    with pytest.raises(ConfigError, match="must have no transform, got Compose"):
        InMemoryLoader(data)
    with pytest.raises(ConfigError, match=r"uint8 tensors, got torch\.float32 for sample 0"):
        InMemoryLoader([(torch.zeros(1, 2, 2), 0)])
    with pytest.raises(ConfigError, match="uint8 tensors, got str for sample 0"):
        InMemoryLoader([("cat", 0)])
    with pytest.raises(ConfigError, match="image_size can not be used with a pair"):
        InMemoryLoader(pair(), image_size=8)
    with pytest.raises(ShapeError, match=r"uint8 of shape \(S, C, H, W\)"):
        InMemoryLoader((torch.zeros(3, 2, 2, dtype=torch.uint8), torch.arange(3)))


def test_data_sets_of_other_kinds() -> None:
    class Cifar:
        data: Any = np.arange(2 * 6 * 5 * 3, dtype=np.uint8).reshape(2, 6, 5, 3)
        targets = (1, 0)
        classes = ("a", "b")

        def __len__(self) -> int:
            return 2

    images = load_images(Cifar())
    assert images.data.shape == (2, 3, 6, 5)
    assert images.data[1, 2, 3, 4] == Cifar.data[1, 3, 4, 2]
    assert load_images(images).classes == ["a", "b"]
    assert load_images(images, indices=[1, 0]).targets.tolist() == [0, 1]
    floats = Cifar()
    floats.data = torch.zeros(2, 3, 2, 2)  # not bytes
    with pytest.raises(TypeError):  # so its samples are asked for; it has none
        load_images(floats)
    gray = [(Image.new("L", (3, 2), 7), 1), (torch.full((1, 2, 3), 7, dtype=torch.uint8), 0)]
    assert load_images(gray).data.flatten().tolist() == [7] * 12
    assert InMemoryImages(*pair(2))[1][0].dtype == torch.float32


def test_the_global_chance_is_left_alone() -> None:
    set_seeds(1)
    expected = torch.rand(2)
    set_seeds(1)
    list(InMemoryLoader(pair(), shuffle=True, transform=BatchAugment(shift=0.2)))
    assert torch.equal(torch.rand(2), expected)


def test_torchvision_transforms_work_on_batches() -> None:
    scale = v2.ToDtype(torch.float32, scale=True)
    transform = v2.Compose([v2.RandomHorizontalFlip(), scale])
    loader = InMemoryLoader(pair(), batch_size=5, transform=transform)
    assert not same(list(loader), list(loader))


def test_augment_flips_some_images_and_no_pixel_changes() -> None:
    images = pair(64)[0]
    set_seeds(0)
    changed = BatchAugment()(images)
    plain = images / 255
    flipped = [torch.equal(a, b.flip(-1)) for a, b in zip(changed, plain, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(changed, plain, strict=True)]
    assert all(a != b for a, b in zip(flipped, kept, strict=True))
    assert 16 < sum(flipped) < 48
    assert torch.equal(BatchAugment(flip=False)(images), plain)


def test_augment_moves_zooms_turns_and_lights() -> None:
    images = torch.zeros(32, 1, 20, 24, dtype=torch.uint8)
    images[:, :, 8:12, 10:14] = 255
    rows, columns = torch.arange(20.0).view(1, -1, 1), torch.arange(24.0).view(1, 1, -1)

    def middles(values: Tensor) -> Tensor:
        mass = values[:, 0].sum((1, 2))
        spots = [(values[:, 0] * places).sum((1, 2)) / mass for places in (rows, columns)]
        return torch.stack(spots, dim=1)

    set_seeds(0)
    moved = middles(BatchAugment(flip=False, shift=0.25)(images)) - torch.tensor([9.5, 11.5])
    assert moved.abs().amax(0).tolist() == pytest.approx([5, 6], rel=0.15)
    zoomed = BatchAugment(flip=False, zoom=0.5)(images).sum((1, 2, 3))
    assert zoomed.min() < 10
    assert zoomed.max() > 25
    # A turned square keeps its size on a picture that is no square: nothing is squeezed.
    turned = BatchAugment(flip=False, rotate=90)(images)
    torch.testing.assert_close(turned.sum((1, 2, 3)), torch.full((32,), 16.0), rtol=0.1, atol=0.0)
    assert BatchAugment(brightness=0.5)(images).amin() >= 0
    assert len(BatchAugment(brightness=0.5)(images)[:, 0, 0, 0].unique()) > 8
    assert len(BatchAugment(contrast=0.5)(images)[:, 0, 9, 11].unique()) > 8


def test_augment_normalizes_and_checks() -> None:
    images = torch.full((2, 3, 4, 4), 255, dtype=torch.uint8)
    scaled = BatchAugment(mean=(0.5, 0.5, 0.5), std=(0.25, 0.5, 1.0))(images)
    assert scaled[0, :, 0, 0].tolist() == [2.0, 1.0, 0.5]
    for options in ({"shift": 1.0}, {"zoom": -0.1}, {"rotate": 181.0}, {"mean": (0.5,)}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            BatchAugment(**options)  # type: ignore[arg-type]  # one of several
    for wrong in (images.float(), images[0]):
        with pytest.raises(ShapeError, match=r"uint8 of shape \(B, C, H, W\)"):
            BatchAugment()(wrong)


def test_augment_crops_a_window_inside_the_picture() -> None:
    ramp = torch.arange(64, dtype=torch.uint8) * 4
    images = torch.zeros(64, 3, 64, 64, dtype=torch.uint8)
    images[:, 0], images[:, 1] = ramp, ramp.view(-1, 1)  # red grows with x, green with y
    set_seeds(0)
    cut = BatchAugment(flip=False, crop=0.25)(images) * 255 / 4
    for channel, axis in ((0, 2), (1, 1)):
        along = cut[:, channel].diff(dim=axis)
        assert along.min() >= -1e-3  # a window that reached outside would be mirrored there
        assert cut[:, channel].diff(dim=3 - axis).abs().max() < 1e-3
    width = (cut[:, 0, 0, -1] - cut[:, 0, 0, 0]) / 63
    height = (cut[:, 1, -1, 0] - cut[:, 1, 0, 0]) / 63
    area, shape = width * height, width / height
    assert 0.2 < area.min() < 0.4
    assert 0.8 < area.max() <= 1.01
    assert shape.min() > 0.7
    assert shape.max() < 1.4
    assert cut[:, 0, 0, 0].std() > 3  # from everywhere, not only from the middle
    set_seeds(0)
    flipped = BatchAugment(crop=0.25)(images)[:, 0].diff(dim=2).mean((1, 2)) < 0
    assert 16 < int(flipped.sum()) < 48


def test_augment_takes_colors_towards_gray_and_away() -> None:
    images = torch.tensor([150, 100, 50], dtype=torch.uint8).view(1, 3, 1, 1).repeat(64, 1, 2, 2)
    set_seeds(0)
    changed = BatchAugment(saturation=0.5)(images)[:, :, 0, 0]
    luma = torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(changed @ luma, (images[:, :, 0, 0] / 255) @ luma)
    spread = (changed[:, 0] - changed[:, 2]) / (100 / 255)
    assert 0.5 <= spread.min() < 0.6
    assert 1.4 < spread.max() <= 1.5
    with pytest.raises(ShapeError, match="saturation needs 3 channels, got 1"):
        BatchAugment(saturation=0.5)(images[:, :1])
    for options in ({"crop": 0.0}, {"crop": 1.1}, {"saturation": 1.0}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            BatchAugment(**options)
