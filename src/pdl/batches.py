"""How do batches get from a loader to the device, checked and in groups?"""

import inspect
from collections.abc import Callable, Iterator, Sized
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from pdl.errors import ConfigError, DataError
from pdl.typing import Batches


class Batch(NamedTuple):
    """A batch on the device, and its place in the run."""

    where: str
    """For messages: ``"epoch 2, batch 7"``."""
    inputs: Tensor
    targets: Tensor
    host_targets: Tensor
    """The targets as they came, to look at without waiting for the device."""
    share: float
    """Samples of this batch among those of its step."""
    first: bool
    """Whether it is the first batch of its step."""
    last: bool
    """Whether it is the last batch of its step."""


def walk(
    loader: Batches,
    device: torch.device,
    *,
    accumulate: int = 1,
    channels_last: bool = False,
    epoch: int | None = None,
    done: int = 0,
) -> Iterator[Batch]:
    """Go through a loader once, in groups of batches that make one step each.

    A group is read whole before its first batch is used: only then is the share of each batch
    known, so that a short last batch, or a short last group, counts for what it holds.

    Args:
        loader: Batches ``(inputs, targets)``.
        device: Where they go.
        accumulate: Number of batches in a group.
        channels_last: Lay out images with the channels innermost.
        epoch: Number of the epoch, for messages.
        done: Batches of the epoch before these, for messages.

    Yields:
        The batches in their order.

    Example:
        >>> pairs = [(torch.ones(3, 1), torch.ones(3)), (torch.ones(1, 1), torch.ones(1))]
        >>> [batch.share for batch in walk(pairs, torch.device("cpu"), accumulate=2)]
        [0.75, 0.25]
    """
    numbered = enumerate(loader, start=done + 1)
    while group := list(islice(numbered, accumulate)):
        pairs = [(_place(number, epoch), batch) for number, batch in group]
        checked = [(where, *_pair(batch, where)) for where, batch in pairs]
        samples = sum(targets.shape[0] for _, _, targets in checked)
        for index, (where, inputs, targets) in enumerate(checked):
            moved = inputs.to(device, non_blocking=True)
            if channels_last and moved.dim() == 4:
                moved = moved.contiguous(memory_format=torch.channels_last)
            yield Batch(
                where,
                moved,
                targets.to(device, non_blocking=True),
                targets,
                share=targets.shape[0] / samples,
                first=index == 0,
                last=index == len(checked) - 1,
            )


def check_loader(loader: Batches, name: str) -> None:
    """Refuse a loader that can not give an epoch, before the first one.

    Args:
        loader: Any iterable of batches.
        name: What the caller calls it.

    Raises:
        ConfigError: If it can be walked through only once, or gives no batch because the only one
            is incomplete and dropped.
        DataError: If it is empty.
    """
    if hasattr(loader, "__next__"):
        raise ConfigError(
            f"{name} must give its batches again in each epoch, got a generator that does so only "
            "once. Pass a DataLoader or a list of batches."
        )
    if not isinstance(loader, Sized) or len(loader) > 0:
        return
    if getattr(loader, "drop_last", False):
        samples, size = len(loader.dataset), loader.batch_size  # type: ignore[attr-defined]  # a DataLoader
        raise ConfigError(
            f"{name} gives 0 batches: {samples} samples, batch_size={size}, drop_last=True. "
            "Choose a smaller batch_size or drop_last=False."
        )
    raise DataError(f"{name} gives 0 batches. Check the data set behind it.")


def start_at(loader: Batches, epoch: int, *, skip_batches: int = 0) -> bool:
    """Tell a loader which epoch comes next, if it counts them.

    The order and the augmentation of such a loader follow from its seed and the epoch: a run gets
    the same batches, whether it was interrupted or not and whatever the loader did before.

    Args:
        loader: A loader; left alone if it has no ``set_epoch``, nor its sampler.
        epoch: Number of epochs done.
        skip_batches: Batches of the next epoch that were used already.

    Returns:
        Whether these batches still have to be skipped, because the loader can not do it.

    Example:
        >>> from torch.utils.data import DataLoader, DistributedSampler
        >>> sampler = DistributedSampler(range(4), num_replicas=1, rank=0)
        >>> start_at(DataLoader(range(4), sampler=sampler), epoch=3)
        False
        >>> sampler.epoch
        3
    """
    for part in (loader, getattr(loader, "sampler", None)):
        set_epoch = getattr(part, "set_epoch", None)
        if set_epoch is None:
            continue
        if skip_batches and "skip_batches" in inspect.signature(set_epoch).parameters:
            set_epoch(epoch, skip_batches=skip_batches)
            return False
        set_epoch(epoch)
        break
    return skip_batches > 0


class RestOfEpoch:
    """The batches of an epoch that an interrupted run had not used yet, once.

    Args:
        loader: All batches of the epoch.
        skip_batches: How many of them were used.
        then: Called when they are skipped, before the next batch.
    """

    def __init__(self, loader: Batches, skip_batches: int, then: Callable[[], None]) -> None:
        self._loader, self._skip, self._then = loader, skip_batches, then

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        batches = iter(self._loader)
        for _ in islice(batches, self._skip):
            pass
        self._then()
        yield from batches


def _place(number: int, epoch: int | None) -> str:
    return f"batch {number}" if epoch is None else f"epoch {epoch}, batch {number}"


def _pair(batch: object, where: str) -> tuple[Tensor, Tensor]:
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        size = f" of length {len(batch)}" if isinstance(batch, (tuple, list)) else ""
        raise DataError(
            f"a batch must be a pair (inputs, targets), got {type(batch).__name__}{size} in "
            f"{where}. For a full batch pass [(inputs, targets)]."
        )
    inputs, targets = batch
    if not isinstance(inputs, Tensor) or not isinstance(targets, Tensor):
        raise DataError(
            f"inputs and targets must be tensors, got {type(inputs).__name__} and "
            f"{type(targets).__name__} in {where}. Convert them with torch.as_tensor."
        )
    sizes = inputs.shape[:1], targets.shape[:1]  # not len(): slower, and it fails on a scalar
    if sizes[0] != sizes[1] or sum(sizes[0]) == 0:
        raise DataError(
            f"a batch must have one target for each input, got shapes {tuple(inputs.shape)} and "
            f"{tuple(targets.shape)} in {where}. Check the data set or the collate function."
        )
    return inputs, targets
