"""Which samples does an epoch see, in which order, and with which chance?

Order and augmentation depend on the seed, the epoch and the sample, and on nothing else: not on
the number of worker processes, and not on where a run was interrupted.
"""

import hashlib
import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Sampler

from pdl.errors import ConfigError, DataError
from pdl.seed import make_generator


class Seeded(NamedTuple):
    """A sample to load with chance of its own."""

    sample: int
    seed: int


def mixed_seed(*parts: int) -> int:
    """One seed from several numbers, unlike any that differs in one of them.

    Args:
        *parts: Whole numbers, for example the seed of the run, the epoch and the sample.

    Returns:
        A number from 0 to 4294967295.

    Example:
        >>> mixed_seed(42, 0, 1) == mixed_seed(42, 1, 0)
        False
    """
    text = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big")


@contextmanager
def kept_chance() -> Iterator[None]:
    """Put every CPU generator of chance back at the end of a block.

    Yields:
        Nothing.

    Example:
        >>> with kept_chance():
        ...     seed_chance(7)
        ...     first = torch.rand(2)
        >>> with kept_chance():
        ...     seed_chance(7)
        ...     torch.equal(first, torch.rand(2))
        True
    """
    ours, python = torch.get_rng_state(), random.getstate()
    numpy = np.random.get_state()  # noqa: NPY002 - other libraries draw from NumPy's global one
    try:
        yield
    finally:
        torch.set_rng_state(ours)
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 - see above


def seed_chance(seed: int) -> None:
    """Seed every CPU generator of chance.

    Unlike ``torch.manual_seed`` it leaves the GPUs alone: theirs belong to the training loop.

    Args:
        seed: Any whole number from 0 to 4294967295.
    """
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - see kept_chance


@contextmanager
def torch_chance(seed: int) -> Iterator[None]:
    """Run a block with PyTorch's CPU generator seeded, and put it back afterwards.

    A hundred times quicker than `kept_chance`, for code that draws from nothing else.

    Args:
        seed: Any whole number from 0 to 4294967295.

    Yields:
        Nothing.

    Example:
        >>> with torch_chance(7):
        ...     first = torch.rand(2)
        >>> with torch_chance(7):
        ...     torch.equal(first, torch.rand(2))
        True
    """
    state = torch.get_rng_state()
    try:
        torch.default_generator.manual_seed(seed)
        yield
    finally:
        torch.set_rng_state(state)


def epoch_order(num_samples: int, epoch: int, *, shuffle: bool, seed: int) -> torch.Tensor:
    """The order of the samples in one epoch.

    Args:
        num_samples: How many samples ``S`` there are.
        epoch: Number of the epoch, from 0.
        shuffle: A random order; else the order of the data set.
        seed: Chooses the random orders.

    Returns:
        Sample numbers, int64 of shape ``(S,)``.

    Example:
        >>> epoch_order(5, 0, shuffle=True, seed=42)
        tensor([1, 3, 4, 2, 0])
    """
    if not shuffle:
        return torch.arange(num_samples)
    return torch.randperm(num_samples, generator=make_generator(mixed_seed(seed, epoch)))


class EpochSampler(Sampler[Seeded | int]):
    """The order of the samples in each epoch, from the seed and the number of the epoch.

    Args:
        num_samples: How many samples there are.
        shuffle: Another order in each epoch; else the order of the data set, without chance.
        seed: Chooses the orders, and the chance of each sample.
        seed_samples: Give each sample a seed of its own, if shuffled; a waste without random
            transforms.
        rank: Number of this process, from 0, in a distributed run.
        world_size: Number of processes. Together they see each sample once an epoch; some twice
            if the samples do not divide evenly, so that all processes take as many steps.

    Attributes:
        epoch: Number of the epoch that comes next, from 0.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If there are no samples.

    Example:
        >>> sampler = EpochSampler(5, shuffle=True, seed=42)
        >>> first = [seeded.sample for seeded in sampler]
        >>> second = [seeded.sample for seeded in sampler]
        >>> sorted(first) == sorted(second), first == second
        (True, False)
    """

    epoch: int

    def __init__(
        self,
        num_samples: int,
        *,
        shuffle: bool,
        seed: int = 42,
        seed_samples: bool = True,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if not 0 <= rank < world_size:
            raise ConfigError(
                f"rank must be from 0 to world_size - 1, got {rank=} and {world_size=}. "
                "Take both from torch.distributed."
            )
        if num_samples < 1:
            raise DataError("a loader needs at least one sample, got an empty data set.")
        self.epoch = 0
        self._num_samples, self._shuffle, self._seed = num_samples, shuffle, seed
        self._seed_samples = shuffle and seed_samples
        self._rank, self._world_size, self._skip = rank, world_size, 0

    def set_epoch(self, epoch: int, *, skip: int = 0) -> None:
        """Choose the epoch that comes next, to go on with a run that was interrupted.

        Args:
            epoch: Its number, from 0.
            skip: Number of samples of it that were seen already.

        Raises:
            ConfigError: If a number is negative.
        """
        if epoch < 0 or skip < 0:
            raise ConfigError(f"epoch and skip must not be negative, got {epoch=} and {skip=}.")
        self.epoch, self._skip = epoch, skip

    def __iter__(self) -> Iterator[Seeded | int]:
        epoch, skip = self.epoch, self._skip
        self.set_epoch(epoch + 1)
        order = epoch_order(
            self._num_samples, epoch, shuffle=self._shuffle, seed=self._seed
        ).tolist()
        even = islice(cycle(order), len(self) * self._world_size)
        ours = list(even)[self._rank :: self._world_size][skip:]
        if not self._seed_samples:
            yield from ours
            return
        for index in ours:
            yield Seeded(index, mixed_seed(self._seed, epoch, index))

    def __len__(self) -> int:
        return math.ceil(self._num_samples / self._world_size)


def split_indices(
    labels: Sequence[int], fraction: float, *, seed: int = 42
) -> tuple[list[int], list[int]]:
    """Set a share of the samples aside, the same share of each class.

    Args:
        labels: Class index of each sample.
        fraction: Share to set aside, in ``(0, 1)``.
        seed: Chooses which.

    Returns:
        Places of the samples that stay, and of those set aside, each in ascending order.

    Raises:
        ConfigError: If the fraction is out of range.
        DataError: If there are too few samples for it.

    Example:
        >>> split_indices([0, 0, 0, 0, 1, 1, 1, 1], 0.25)
        ([1, 2, 3, 4, 6, 7], [0, 5])
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"fraction must lie between 0 and 1, got {fraction}. Try 0.2.")
    classes: dict[int, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        classes[label].append(index)
    generator = make_generator(mixed_seed(seed, 2))  # another stream than the orders of epochs
    aside: list[int] = []
    taken = seen = 0
    for label in sorted(classes):
        members = classes[label]
        seen += len(members)
        # What is owed so far: rounding in one class is made up for in the next.
        number = min(round(fraction * seen) - taken, len(members) - 1)
        taken += max(number, 0)
        order = torch.randperm(len(members), generator=generator).tolist()
        aside += [members[place] for place in order[: max(number, 0)]]
    if not aside or len(aside) == len(labels):
        raise DataError(
            f"a share of {fraction:g} of {len(labels)} samples in {len(classes)} classes leaves "
            "one part empty. Choose a larger share, or add samples."
        )
    chosen = set(aside)
    return [index for index in range(len(labels)) if index not in chosen], sorted(aside)
