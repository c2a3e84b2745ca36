"""How are two pictures of a batch made into one, with a label between theirs?

A large network learns a small data set by heart. Mixed pictures are new in each epoch: mixup lays
two over each other (Zhang et al., 2018, arXiv 1710.09412), CutMix pastes a rectangle of one into
the other (Yun et al., 2019, arXiv 1905.04899).
"""

from collections.abc import Iterator, Sized
from itertools import islice
from typing import cast

from torch import Tensor
from torchvision.transforms import v2

from pdl.data.sampling import mixed_seed, torch_chance
from pdl.errors import ConfigError
from pdl.inputs import check_counts
from pdl.typing import Batches


class MixedBatches:
    """The batches of a loader, each mixed with itself in another order.

    Half of the batches are mixed by mixup, half by CutMix, if both are on. The mixture of a batch
    follows from the seed, the epoch and its number: an interrupted run goes on with the same.

    Args:
        loader: Batches of pictures ``(B, C, H, W)`` in float and labels ``(B,)``; a list, or an
            `InMemoryLoader`.
        num_classes: Number of classes ``K``.
        mixup: Its strength ``alpha``; 0 for none.
        cutmix: Its strength ``alpha``; 0 for none.
        seed: Chooses the mixtures.

    Attributes:
        loader: As given.
        epoch: Number of the epoch that comes next, from 0.

    Raises:
        ConfigError: If a strength is negative, or both are 0.

    Example:
        >>> import torch
        >>> batch = (torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 0]))
        >>> images, targets = next(iter(MixedBatches([batch], num_classes=3, mixup=0.8)))
        >>> images.shape, targets.shape, targets.sum(dim=1)
        (torch.Size([4, 3, 8, 8]), torch.Size([4, 3]), tensor([1., 1., 1., 1.]))
    """

    loader: Batches
    epoch: int

    def __init__(
        self,
        loader: Batches,
        num_classes: int,
        *,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        seed: int = 42,
    ) -> None:
        check_counts(least=2, num_classes=num_classes)
        for name, alpha in (("mixup", mixup), ("cutmix", cutmix)):
            if not 0 <= alpha < float("inf"):
                raise ConfigError(f"{name} must be 0 or more, got {alpha}. Try 0.8.")
        kinds: list[v2.Transform] = []
        if mixup:
            kinds.append(v2.MixUp(alpha=mixup, num_classes=num_classes))
        if cutmix:
            kinds.append(v2.CutMix(alpha=cutmix, num_classes=num_classes))
        if not kinds:
            raise ConfigError("mixup and cutmix must not both be 0. Use the loader as it is.")
        self.loader, self.epoch = loader, 0
        self._mix, self._seed, self._skip = v2.RandomChoice(kinds), seed, 0

    def __len__(self) -> int:
        return len(cast("Sized", self.loader))

    def set_epoch(self, epoch: int, *, skip_batches: int = 0) -> None:
        """Choose the epoch that comes next, to go on with a run that was interrupted.

        Args:
            epoch: Its number, from 0.
            skip_batches: Number of batches of it that were used already.
        """
        self.epoch, self._skip = epoch, skip_batches
        inner = getattr(self.loader, "set_epoch", None)
        if inner is not None:
            inner(epoch, skip_batches=skip_batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        epoch, skip = self.epoch, self._skip
        self.epoch, self._skip = epoch + 1, 0
        skipped_there = hasattr(self.loader, "set_epoch")
        batches = self.loader if skipped_there else islice(self.loader, skip, None)
        for number, (images, labels) in enumerate(batches, start=skip):
            with torch_chance(mixed_seed(self._seed, epoch, number, 2)):
                yield self._mix(images, labels)


def mixed_hits(logits: Tensor, targets: Tensor) -> Tensor:
    """Is the likeliest class the one that makes up most of the picture?

    Args:
        logits: Scores of shape ``(B, K)``.
        targets: Class indices of shape ``(B,)``, or shares of the classes, ``(B, K)``.

    Returns:
        True or False for each picture, of shape ``(B,)``.

    Example:
        >>> import torch
        >>> mixed_hits(torch.tensor([[2.0, 1.0]]), torch.tensor([[0.7, 0.3]]))
        tensor([True])
    """
    labels = targets.argmax(dim=1) if targets.dim() == 2 else targets
    return logits.argmax(dim=1) == labels
