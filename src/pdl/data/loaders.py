"""How do images become batches, the same ones on every run and on every number of processes?"""

import multiprocessing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from pdl.data.folder import ImageFolderCustom
from pdl.data.samples import Samples, Transform
from pdl.data.sampling import EpochSampler, split_indices
from pdl.data.transforms import eval_transform, is_fixed
from pdl.data.workers import check_count, check_pickles, explained, has_gpu, worker_count
from pdl.errors import ConfigError, PdlError
from pdl.seed import make_generator, seed_worker

TIMEOUT = 120.0
"""Seconds without a batch after which a worker process counts as stuck."""


class Loader(DataLoader[tuple[Tensor, Tensor]]):
    """A `DataLoader` whose batches depend on the seed and the epoch only.

    Made by `make_loader`. Problems in worker processes come as one sentence: a damaged image with
    its path, a killed worker with what to try.

    Args:
        samples: What to load.
        sampler: In which order.
        **options: For the `DataLoader`.
    """

    def __init__(self, samples: Samples, sampler: EpochSampler, **options: Any) -> None:
        dataset = cast("Dataset[tuple[Tensor, Tensor]]", samples)  # single labels are ints
        super().__init__(dataset, sampler=sampler, **options)
        self._order = sampler

    @property
    def classes(self) -> list[str]:
        """Class names of the data set."""
        return cast("Samples", cast("object", self.dataset)).classes

    @property
    def epoch(self) -> int:
        """Number of the epoch that comes next, from 0."""
        return self._order.epoch

    def set_epoch(self, epoch: int, *, skip_batches: int = 0) -> None:
        """Choose the epoch that comes next, to go on with a run that was interrupted.

        Args:
            epoch: Its number, from 0.
            skip_batches: Number of batches of it that were used already.
        """
        self._order.set_epoch(epoch, skip=skip_batches * cast("int", self.batch_size))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:  # type: ignore[override]  # a generator
        try:
            yield from super().__iter__()
        except (PdlError, RuntimeError) as error:
            self._iterator = None  # workers that live on are of no use after a failure
            known = explained(error, self.timeout)
            if known is error:
                raise
            raise known from error


class DataLoaders(NamedTuple):
    """The batches to train with, to choose by, and to measure with once at the end."""

    train: Loader
    val: Loader | None
    """None if no share was set aside."""
    test: Loader
    class_names: list[str]
    """In the order of the labels."""


def make_loader(
    dataset: Any,
    *,
    batch_size: int = 32,
    shuffle: bool = False,
    seed: int = 42,
    indices: Sequence[int] | None = None,
    transform: Transform | None = None,
    num_workers: int = 0,
    drop_last: bool = False,
    pin_memory: bool = True,
    timeout: float = TIMEOUT,
    start_method: str | None = None,
    rank: int = 0,
    world_size: int = 1,
) -> Loader:
    """Load batches of a data set.

    With ``shuffle`` the order and every random transform follow from the seed, the epoch and the
    sample: the same for any number of workers, another in each epoch. The global generators of
    chance are left as they were.

    Args:
        dataset: Any data set that gives ``(input, label)``.
        batch_size: Samples in a batch.
        shuffle: For training; else the order of the data set.
        seed: Chooses order and augmentation.
        indices: Which samples; all if left out.
        transform: Applied to each input.
        num_workers: Processes that load ahead; 0 loads in this one. At most as many as there are
            cores.
        drop_last: Leave out the last batch of an epoch if it is incomplete.
        pin_memory: Keep batches where a GPU can fetch them, if there is one.
        timeout: Seconds without a batch after which a worker counts as stuck.
        start_method: How workers start, "fork" or "spawn"; the system's way if left out.
        rank: Number of this process in a distributed run.
        world_size: Number of processes in a distributed run; each loads its share.

    Returns:
        The batches, as tensors ``(inputs, labels)``.

    Raises:
        ConfigError: If a setting is out of range, or leaves no batch.
        DataError: If there are no samples.

    Example:
        >>> import torch
        >>> numbers = [(torch.tensor([float(n)]), n) for n in range(5)]
        >>> loader = make_loader(numbers, batch_size=2, shuffle=True)
        >>> [labels.tolist() for _, labels in loader]
        [[1, 3], [4, 2], [0]]
    """
    check_count("batch_size", batch_size, 1)
    samples = Samples(dataset, indices, transform)
    order: dict[str, Any] = {
        "shuffle": shuffle,
        "seed": seed,
        "rank": rank,
        "world_size": world_size,
    }
    by_chance = not (is_fixed(transform) and is_fixed(getattr(dataset, "transform", None)))
    sampler = EpochSampler(len(samples), seed_samples=by_chance, **order)
    if drop_last and len(sampler) < batch_size:
        raise ConfigError(
            f"the loader gives 0 batches: {len(sampler)} images, batch_size={batch_size}, "
            "drop_last=True. Choose a smaller batch_size or drop_last=False."
        )
    workers = worker_count(num_workers)
    context = multiprocessing.get_context(start_method) if workers else None
    if context is not None and context.get_start_method() != "fork":
        check_pickles(transform)
    return Loader(
        samples,
        sampler,
        batch_size=batch_size,
        drop_last=drop_last,
        num_workers=workers,
        collate_fn=_collated,
        pin_memory=pin_memory and has_gpu(),
        timeout=timeout if workers else 0,
        worker_init_fn=seed_worker,
        generator=make_generator(seed),  # for the DataLoader itself, which would use the global one
        multiprocessing_context=context,
        persistent_workers=workers > 0,
    )


def _collated(samples: list[tuple[Any, int]]) -> Any:
    if isinstance(samples[0][0], Image.Image):
        raise ConfigError(
            "the transform must return tensors, got PIL images. Take "
            "pdl.data.transforms.eval_transform(), or add ToImage and ToDtype to yours."
        )
    return default_collate(samples)


def create_dataloaders(
    train_dir: str | Path,
    test_dir: str | Path,
    *,
    transform: Transform | None = None,
    train_transform: Transform | None = None,
    batch_size: int = 32,
    num_workers: int = 0,
    val_fraction: float = 0.2,
    seed: int = 42,
    drop_last: bool = False,
    pin_memory: bool = True,
    timeout: float = TIMEOUT,
    start_method: str | None = None,
    verify: bool = False,
) -> DataLoaders:
    """Load a folder of training images and one of test images in batches.

    A share of the training images, the same of each class, is set aside for validation: the model
    does not learn from it, and the test images stay untouched until the end.

    Args:
        train_dir: Folder of the training images, with a folder for each class.
        test_dir: Folder of the test images, with the same classes.
        transform: Turns each PIL image into a tensor; `eval_transform` to 64 x 64 if left out.
        train_transform: Used instead for the images to train with, for augmentation.
        batch_size: Images in a batch.
        num_workers: Processes that load ahead; 0 loads in this one.
        val_fraction: Share of the training images for validation, in ``[0, 1)``; 0 for none.
        seed: Chooses the share, the order and the augmentation.
        drop_last: Leave out the last training batch of an epoch if it is incomplete.
        pin_memory: Keep batches where a GPU can fetch them, if there is one.
        timeout: Seconds without a batch after which a worker counts as stuck.
        start_method: How workers start, "fork" or "spawn"; the system's way if left out.
        verify: Decode all images now, to find damaged ones before training.

    Returns:
        ``train``, ``val`` (None without validation), ``test`` and ``class_names``.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If a folder is missing, empty or damaged, or the classes differ.

    Example:
        >>> import tempfile
        >>> from pdl.data.drawn import draw_food_folder
        >>> counts = {"train": (5, 5, 5), "test": (1, 1, 1)}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     food = draw_food_folder(Path(folder, "food"), counts=counts)
        ...     train, val, test, class_names = create_dataloaders(food / "train", food / "test")
        ...     images, labels = next(iter(train))
        >>> images.shape, len(val.dataset), class_names
        (torch.Size([12, 3, 64, 64]), 3, ['pizza', 'steak', 'sushi'])
    """
    if not 0 <= val_fraction < 1:
        raise ConfigError(
            f"val_fraction must be at least 0 and below 1, got {val_fraction}. Try 0.2."
        )
    train_images = ImageFolderCustom(train_dir, verify=verify)
    test_images = ImageFolderCustom(test_dir, verify=verify, classes=train_images.classes)
    measured = transform or eval_transform()
    shared: dict[str, Any] = {
        "batch_size": batch_size,
        "seed": seed,
        "num_workers": num_workers,
        "pin_memory": pin_memory,
        "timeout": timeout,
        "start_method": start_method,
    }
    rest, aside = list(range(len(train_images))), list[int]()
    if val_fraction > 0:
        rest, aside = split_indices(train_images.targets, val_fraction, seed=seed)
    learned: dict[str, Any] = {"transform": train_transform or measured, "drop_last": drop_last}
    train = make_loader(train_images, indices=rest, shuffle=True, **learned, **shared)
    val = make_loader(train_images, indices=aside, transform=measured, **shared) if aside else None
    test = make_loader(test_images, transform=measured, **shared)
    return DataLoaders(train, val, test, train_images.classes)
