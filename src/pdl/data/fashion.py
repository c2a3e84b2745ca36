"""What is Fashion-MNIST, as a data set of images and labels?"""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from pdl.data.places import idx_file
from pdl.data.sources import Found, find
from pdl.errors import DataError

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""The ten classes in the order of their labels."""


class FashionMNIST(Dataset[tuple[Any, int]]):
    """Clothes in ten classes: 60,000 training and 10,000 test images of 28 x 28 pixels.

    The same samples in the same order as ``torchvision.datasets.FashionMNIST``. Where the real
    images can not be had, a tenth of them that ships with the library is used; `found` says so.

    Args:
        train: The training images; the test images if False.
        transform: Turns a PIL image into what the model takes; None gives the PIL image.
        data_dir: Folder that holds the files; by default they are looked for, see `find`.
        allow_download: Download them if they are not on this machine.

    Attributes:
        data: All images, uint8 of shape ``(S, 28, 28)``.
        targets: Class index of each, int64 of shape ``(S,)``.
        classes: Class names.
        class_to_idx: Class name to class index.
        transform: As given.
        found: Where the images came from.

    Raises:
        DataError: If the files in ``data_dir`` are missing or damaged.

    Example:
        >>> test_data = FashionMNIST(train=False, allow_download=False)
        >>> image, label = test_data[0]
        >>> image.size, test_data.classes[label]
        ((28, 28), 'Ankle boot')
    """

    data: Tensor
    targets: Tensor
    classes: list[str]
    class_to_idx: dict[str, int]
    transform: Callable[[Image.Image], Any] | None
    found: Found

    def __init__(
        self,
        *,
        train: bool = True,
        transform: Callable[[Image.Image], Any] | None = None,
        data_dir: str | Path | None = None,
        allow_download: bool = True,
    ) -> None:
        self.found = find("fashion_mnist", data_dir=data_dir, allow_download=allow_download)
        part = "train" if train else "t10k"
        self.data = _read(self.found.path, f"{part}-images-idx3-ubyte", dims=3)
        self.targets = _read(self.found.path, f"{part}-labels-idx1-ubyte", dims=1).long()
        self.classes = list(CLASSES)
        self.class_to_idx = {name: index for index, name in enumerate(CLASSES)}
        self.transform = transform

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = Image.fromarray(self.data[index].numpy())
        label = int(self.targets[index])
        return (image if self.transform is None else self.transform(image)), label

    def __repr__(self) -> str:
        return f"FashionMNIST({len(self)} images, {self.found.kind}: {self.found.source})"


def _read(folder: Path, name: str, *, dims: int) -> Tensor:
    """Read an IDX file: a magic number, the length of each dimension, then bytes."""
    path = idx_file(folder, name)
    if path is None:
        raise DataError(f"{str(folder / name)!r} is missing. Run `pdl data fetch fashion_mnist`.")
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    shape = np.frombuffer(raw, dtype=">i4", count=dims, offset=4).tolist()
    values = np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * dims)
    return torch.from_numpy(values.copy()).reshape(shape)
