"""How fast can batches come when all images fit into memory?

Decoding the same files in every epoch takes most of the time of a small training run. Here they
are decoded once and kept as bytes, a quarter of the room of float32, where the model computes.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import ToTensor, v2

from pdl.data.sampling import epoch_order, mixed_seed, torch_chance
from pdl.data.workers import check_count
from pdl.device import choose_device
from pdl.errors import ConfigError, DataError, ShapeError

BLOCK = 16 * 1024**2
"""Bytes that are put into order at once: much less work than batch by batch on a GPU."""


class InMemoryImages(Dataset[tuple[Tensor, int]]):
    """All images of a data set as one tensor of bytes.

    Args:
        data: uint8 of shape ``(S, C, H, W)``.
        targets: Class index of each, of shape ``(S,)``.
        classes: Class names.

    Attributes:
        data: As given.
        targets: As given, int64.
        classes: As given.
        class_to_idx: Class name to class index.

    Raises:
        ShapeError: If the shapes or types do not fit.

    Example:
        >>> images = InMemoryImages(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.arange(4))
        >>> image, label = images[3]
        >>> image.shape, label
        (torch.Size([1, 2, 2]), 3)
    """

    data: Tensor
    targets: Tensor
    classes: list[str]
    class_to_idx: dict[str, int]

    def __init__(self, data: Tensor, targets: Tensor, classes: Sequence[str] = ()) -> None:
        if data.dtype != torch.uint8 or data.dim() != 4 or targets.shape != data.shape[:1]:
            raise ShapeError(
                "images must be uint8 of shape (S, C, H, W) with one label each, got "
                f"{data.dtype} of shape {tuple(data.shape)} and labels of shape "
                f"{tuple(targets.shape)}. Take the bytes, not the scaled numbers."
            )
        self.data, self.targets, self.classes = data, targets.long(), list(classes)
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return _scaled(self.data[index]), int(self.targets[index])


class InMemoryLoader:
    """Batches from memory, with the interface of a `DataLoader`.

    With the same seed the batches hold the same samples as those of `make_loader`. While one epoch
    is being walked through, no other may be.

    Args:
        dataset: A data set that gives PIL images or uint8 tensors, or a pair of tensors
            ``(images, labels)``. Its images are loaded now; a transform of its own would only run
            this once, so it must have none but ``ToTensor``.
        batch_size: Images in a batch.
        shuffle: For training: another order in each epoch.
        seed: Chooses the orders and the chance of ``transform``.
        device: Where the images are kept, or "auto".
        transform: Turns a batch, uint8 of shape ``(B, C, H, W)``, into float32, for example
            `BatchAugment`; divided by 255 if left out. Its chance must come from PyTorch's global
            CPU generator, which is seeded for each batch.
        image_size: Resize images to this side in pixels, or height and width.
        indices: Which samples; all if left out.
        drop_last: Leave out the last batch of an epoch if it is incomplete.

    Attributes:
        dataset: The images and labels.
        batch_size: As given.
        drop_last: As given.
        epoch: Number of the epoch that comes next, from 0.

    Raises:
        ConfigError: If a setting is out of range, leaves no batch, or the data set has a transform.
        DataError: If there are no images, or their sizes differ.

    Example:
        >>> pair = (torch.zeros(5, 1, 2, 2, dtype=torch.uint8), torch.arange(5))
        >>> loader = InMemoryLoader(pair, batch_size=2, shuffle=True)
        >>> [labels.tolist() for images, labels in loader], len(loader)
        ([[1, 3], [4, 2], [0]], 3)
    """

    dataset: InMemoryImages
    batch_size: int
    drop_last: bool
    epoch: int

    def __init__(
        self,
        dataset: Any,
        *,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int = 42,
        device: torch.device | str = "cpu",
        transform: Callable[[Tensor], Tensor] | None = None,
        image_size: int | tuple[int, int] | None = None,
        indices: Sequence[int] | None = None,
        drop_last: bool = False,
    ) -> None:
        check_count("batch_size", batch_size, 1)
        images = load_images(dataset, image_size=image_size, indices=indices)
        if len(images) == 0:
            raise DataError("a loader needs at least one sample, got an empty data set.")
        if drop_last and len(images) < batch_size:
            raise ConfigError(
                f"the loader gives 0 batches: {len(images)} images, batch_size={batch_size}, "
                "drop_last=True. Choose a smaller batch_size or drop_last=False."
            )
        place = choose_device(device)
        self.dataset = InMemoryImages(
            images.data.to(place), images.targets.to(place), images.classes
        )
        self.batch_size, self.drop_last, self.epoch = batch_size, drop_last, 0
        self._shuffle, self._seed, self._transform, self._skip = shuffle, seed, transform, 0

    @property
    def classes(self) -> list[str]:
        """Class names of the data set."""
        return self.dataset.classes

    def set_epoch(self, epoch: int, *, skip_batches: int = 0) -> None:
        """Choose the epoch that comes next, to go on with a run that was interrupted.

        Args:
            epoch: Its number, from 0.
            skip_batches: Number of batches of it that were used already.

        Raises:
            ConfigError: If a number is negative.
        """
        if epoch < 0 or skip_batches < 0:
            raise ConfigError(
                f"epoch and skip_batches must not be negative, got {epoch=} and {skip_batches=}."
            )
        self.epoch, self._skip = epoch, skip_batches

    def __len__(self) -> int:
        batches = len(self.dataset) / self.batch_size
        return math.floor(batches) if self.drop_last else math.ceil(batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        epoch, skip = self.epoch, self._skip
        self.set_epoch(epoch + 1)
        data, targets = self.dataset.data, self.dataset.targets
        order = None
        if self._shuffle:
            order = epoch_order(len(targets), epoch, shuffle=True, seed=self._seed).to(data.device)
            targets = targets[order]
        bytes_a_batch = max(1, self.batch_size * data[0].numel())
        a_block = max(1, BLOCK // bytes_a_batch) * self.batch_size
        start, block, block_start = skip * self.batch_size, data, 0
        for number in range(skip, len(self)):
            if order is not None and (number == skip or start >= block_start + a_block):
                block, block_start = data[order[start : start + a_block]], start
            stop = start + self.batch_size
            images = block[start - block_start : stop - block_start]
            yield self._transformed(images, epoch, number), targets[start:stop]
            start = stop

    def _transformed(self, images: Tensor, epoch: int, number: int) -> Tensor:
        if self._transform is None:
            return _scaled(images)
        with torch_chance(mixed_seed(self._seed, epoch, number, 1)):
            return self._transform(images)


def load_images(
    dataset: Any,
    *,
    image_size: int | tuple[int, int] | None = None,
    indices: Sequence[int] | None = None,
) -> InMemoryImages:
    """Decode all images of a data set into one tensor.

    Args:
        dataset: As for `InMemoryLoader`.
        image_size: Resize images to this side in pixels, or height and width.
        indices: Which samples; all if left out.

    Returns:
        The images on the CPU.

    Raises:
        ConfigError: If the data set has a transform of its own.
        DataError: If the images differ in size.

    Example:
        >>> photos = [(Image.new("RGB", (6, 4)), 0), (Image.new("RGB", (5, 5)), 1)]
        >>> load_images(photos, image_size=8).data.shape
        torch.Size([2, 3, 8, 8])
    """
    if isinstance(dataset, InMemoryImages):
        dataset = (dataset.data, dataset.targets, dataset.classes)
    if isinstance(dataset, tuple) and image_size is not None:
        raise ConfigError(
            f"image_size can not be used with a pair of tensors, got {image_size}. Resize them."
        )
    whole = dataset if isinstance(dataset, tuple) else _ready(dataset, image_size)
    if whole is None:
        return InMemoryImages(*_decoded(dataset, image_size, indices))
    data, targets, *classes = whole
    if indices is not None:
        chosen = torch.as_tensor(list(indices), dtype=torch.int64)
        data, targets = data[chosen], targets[chosen]
    return InMemoryImages(data, targets, *classes)


def _ready(dataset: Any, image_size: object) -> tuple[Tensor, Tensor, list[str]] | None:
    """The bytes of a data set that holds them already, as torchvision's MNIST and CIFAR do."""
    data, targets = getattr(dataset, "data", None), getattr(dataset, "targets", None)
    if image_size is not None or targets is None or len(targets) != len(dataset):
        return None
    if isinstance(data, np.ndarray):
        data = torch.from_numpy(data)
    if not isinstance(data, Tensor) or data.dtype != torch.uint8:
        return None
    _refuse_transform(dataset)
    data = data.unsqueeze(1) if data.dim() == 3 else data
    if data.dim() == 4 and data.shape[1] > 4 and data.shape[-1] in {1, 3, 4}:
        data = data.permute(0, 3, 1, 2)  # (S, H, W, C) -> (S, C, H, W)
    return data.contiguous(), torch.as_tensor(targets), list(getattr(dataset, "classes", []))


def _decoded(
    dataset: Any, image_size: int | tuple[int, int] | None, indices: Sequence[int] | None
) -> tuple[Tensor, Tensor, list[str]]:
    _refuse_transform(dataset)
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    resize = None if size is None else v2.Resize(list(size), antialias=True)
    images: list[Tensor] = []
    labels: list[int] = []
    for index in range(len(dataset)) if indices is None else indices:
        value, label = dataset[index]
        image = _bytes(value if resize is None else resize(value), index)
        if images and image.shape != images[0].shape:
            raise DataError(
                f"all images must have one size, got {tuple(images[0].shape)} and "
                f"{tuple(image.shape)} (sample {index}). Pass image_size=64, for example."
            )
        images.append(image)
        labels.append(int(label))
    if not images:
        raise DataError("a loader needs at least one sample, got an empty data set.")
    return torch.stack(images), torch.tensor(labels), list(getattr(dataset, "classes", []))


def _bytes(value: object, index: int) -> Tensor:
    if isinstance(value, Image.Image):
        array = np.array(value, dtype=np.uint8)
        tensor = torch.from_numpy(array[..., None] if array.ndim == 2 else array)
        return tensor.permute(2, 0, 1).contiguous()  # (H, W, C) -> (C, H, W)
    if isinstance(value, Tensor) and value.dtype == torch.uint8:
        return value
    kind = str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
    raise ConfigError(
        f"the data set must give PIL images or uint8 tensors, got {kind} for sample {index}. Leave "
        "out its transform; the loader scales, and its own transform changes batches."
    )


def _refuse_transform(dataset: Any) -> None:
    transform = getattr(dataset, "transform", None)
    if transform is not None and not isinstance(transform, ToTensor):
        raise ConfigError(
            "the data set of an InMemoryLoader must have no transform, got "
            f"{type(transform).__name__}. Pass image_size and transform to the loader."
        )


def _scaled(images: Tensor) -> Tensor:
    return images.to(torch.float32).div_(255)  # exactly what torchvision's ToTensor does
