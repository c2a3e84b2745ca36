"""How do training and validation images share one folder, with other transforms and own chance?"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from pdl.data.folder import ImageFolderCustom
from pdl.data.sampling import Seeded, kept_chance, seed_chance
from pdl.errors import DataError, PdlError

Transform = Callable[[Image.Image], Any]
"""Turns a PIL image into what the model takes."""


class Samples(Dataset[tuple[Any, int]]):
    """Some samples of a data set, with a transform and chance of their own.

    Training and validation images are two of these over the same folder: other samples, another
    transform. A sample that is asked for with a seed is loaded with that chance, whatever process
    loads it.

    Args:
        dataset: Any data set that gives ``(input, label)``.
        indices: Which of its samples; all if left out.
        transform: Applied to the input, after the data set's own.

    Attributes:
        dataset: As given.
        indices: As given.
        transform: As given.

    Example:
        >>> import torch
        >>> digits = Samples([(torch.zeros(1), 0), (torch.ones(1), 1)], [1])
        >>> len(digits), digits[0]
        (1, (tensor([1.]), 1))
    """

    dataset: Any
    indices: Sequence[int]
    transform: Transform | None

    def __init__(
        self,
        dataset: Any,
        indices: Sequence[int] | None = None,
        transform: Transform | None = None,
    ) -> None:
        self.dataset, self.transform = dataset, transform
        self.indices = range(len(dataset)) if indices is None else indices

    @property
    def classes(self) -> list[str]:
        """Class names of the data set."""
        return list(self.dataset.classes)

    @property
    def class_to_idx(self) -> dict[str, int]:
        """Class name to class index."""
        return dict(self.dataset.class_to_idx)

    @property
    def targets(self) -> list[int]:
        """Class index of each sample."""
        return [int(self.dataset.targets[index]) for index in self.indices]

    @property
    def paths(self) -> list[Path]:
        """Path of each image, if the data set is a folder of images."""
        return [self.dataset.paths[index] for index in self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, key: int | Seeded) -> tuple[Any, int]:
        return self.__getitems__([key])[0]

    def __getitems__(self, keys: Sequence[int | Seeded]) -> list[tuple[Any, int]]:
        """Load samples, as a `DataLoader` does for a batch.

        Args:
            keys: Places of the samples, with a seed each or without.

        Returns:
            The samples.

        Raises:
            DataError: If one can not be loaded, or its shape is not that of the others.
        """
        # A worker process has no other use for chance: nothing needs to be put back there.
        alone = get_worker_info() is not None or not isinstance(keys[0], Seeded)
        with nullcontext() if alone else kept_chance():
            samples = [self._seeded(key) for key in keys]
        if len(samples) > 1:
            self._check_shapes(keys, [value for value, _ in samples])
        return samples

    def _seeded(self, key: int | Seeded) -> tuple[Any, int]:
        if not isinstance(key, Seeded):
            return self._load(self.indices[key])
        seed_chance(key.seed)
        return self._load(self.indices[key.sample])

    def _check_shapes(self, keys: Sequence[int | Seeded], inputs: Sequence[Any]) -> None:
        places = [key.sample if isinstance(key, Seeded) else key for key in keys]
        for place, value in zip(places, inputs, strict=True):
            if isinstance(value, Tensor) and value.shape != inputs[0].shape:
                raise DataError(
                    "all images of a batch must have one shape, got "
                    f"{tuple(inputs[0].shape)} from {self._name(places[0])} and "
                    f"{tuple(value.shape)} from {self._name(place)}. Add a Resize with height and "
                    "width to the transform."
                )

    def _load(self, index: int) -> tuple[Any, int]:
        try:
            value, label = self.dataset[index]
            if isinstance(self.dataset, ImageFolderCustom):
                return self.dataset.transformed(self.transform, value, index), label
            return (value if self.transform is None else self.transform(value)), label
        except PdlError:
            raise
        except Exception as error:
            raise DataError(
                f"sample {index} can not be loaded: {type(error).__name__}: {error}"
            ) from error

    def _name(self, place: int) -> str:
        index = self.indices[place]
        paths = getattr(self.dataset, "paths", None)
        return f"sample {index}" if paths is None else repr(str(paths[index]))
