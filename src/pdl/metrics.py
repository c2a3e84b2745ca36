"""How good are the predictions, counted by samples and not by batches?"""

import torch
from torch import Tensor

from pdl.errors import DataError, ShapeError
from pdl.ranks import summed
from pdl.typing import Hits, Scalar


def correct(logits: Tensor, labels: Tensor) -> Hits:
    """Which predictions are right?

    Args:
        logits: Scores of shape ``(B, K)``, one for each class: the largest one is the prediction.
            With a single score, ``(B, 1)`` or ``(B,)``, its sign decides between class 0 and 1.
        labels: Class indices of shape ``(B,)``; for a single score of any float type too.

    Returns:
        True or False for each sample, of the shape of the labels.

    Raises:
        ShapeError: If there is not one label for each prediction.

    Example:
        >>> correct(torch.tensor([[0.1, 2.0], [3.0, 0.2]]), torch.tensor([1, 1]))
        tensor([ True, False])
    """
    single = logits.dim() < 2 or logits.shape[1] == 1
    predictions = (logits > 0).reshape(-1) if single else logits.argmax(dim=1)
    truth = labels.reshape(-1) if single else labels
    if predictions.shape != truth.shape:
        raise ShapeError(
            f"there must be one label for each prediction, got logits of shape "
            f"{tuple(logits.shape)} and labels of shape {tuple(labels.shape)}. "
            "Give logits (B, K) with labels (B,), or one logit and one label a sample."
        )
    return predictions == truth


def accuracy(logits: Tensor, labels: Tensor) -> Scalar:
    """The share of predictions that are right.

    Args:
        logits: Scores of shape ``(B, K)``; or a single score, ``(B, 1)`` or ``(B,)``.
        labels: Class indices of shape ``(B,)``.

    Returns:
        A scalar in ``[0, 1]``.

    Example:
        >>> accuracy(torch.tensor([[0.1, 2.0], [3.0, 0.2]]), torch.tensor([1, 1]))
        tensor(0.5000)
    """
    return correct(logits, labels).float().mean()


def accuracy_fn(y_true: Tensor, y_pred: Tensor) -> float:
    """The percentage of predicted labels that equal the true ones.

    Args:
        y_true: True labels, any shape.
        y_pred: Predicted labels (not logits) of the same shape.

    Returns:
        Percent, in ``[0, 100]``.

    Raises:
        ShapeError: If the shapes differ.
        DataError: If there is no label at all.

    Example:
        >>> accuracy_fn(torch.tensor([0, 1, 1, 0]), torch.tensor([0, 1, 0, 0]))
        75.0
    """
    if y_true.shape != y_pred.shape:
        raise ShapeError(
            f"y_true and y_pred must have the same shape, got {tuple(y_true.shape)} and "
            f"{tuple(y_pred.shape)}. {_remedy(y_true, y_pred)}"
        )
    if y_true.numel() == 0:
        raise DataError("accuracy needs at least one label, got none. Check the data loader.")
    return 100.0 * int((y_true == y_pred).sum().item()) / y_true.numel()


def _remedy(y_true: Tensor, y_pred: Tensor) -> str:
    if y_true.squeeze().shape == y_pred.squeeze().shape:
        return "Take away the dimension of size 1, with squeeze(dim=1)."
    return "Turn logits into labels first, with argmax(dim=1)."


class WeightedMean:
    """A mean over samples, gathered batch by batch.

    The mean of batch means is wrong as soon as one batch is smaller than the others. This divides
    the sum over all samples by their number. On a GPU the sum stays there until `compute`, so that
    no batch has to wait for the one before.

    Example:
        >>> mean = WeightedMean()
        >>> mean.update(torch.tensor(1.0), 32)
        >>> mean.update(torch.tensor(0.0), 1)
        >>> mean.compute()
        0.9697
    """

    def __init__(self) -> None:
        self.samples = 0
        self._on_host = 0.0
        self._on_device: Tensor | None = None

    def update(self, value: Tensor | float, n: int | None = None) -> None:
        """Add a batch.

        Args:
            value: The mean of the batch, or a tensor with one value for each sample.
            n: Number of samples behind a mean; not needed with one value for each sample.

        Raises:
            ShapeError: If ``value`` is a mean and ``n`` is missing, or ``n`` is not the number of
                values.
        """
        weight = n
        value = value.detach() if isinstance(value, Tensor) else value
        if isinstance(value, Tensor) and value.dim() > 0:
            if n not in {None, value.numel()}:
                raise ShapeError(
                    f"n must be the number of values, got n={n} and {value.numel()} values. "
                    "Leave n out, or give the mean of the batch as a scalar."
                )
            n, weight = value.numel(), 1
            value = value.sum(dtype=_widest(value.device))
        if n is None or weight is None:
            raise ShapeError(
                "a mean needs the number of samples behind it, got n=None. "
                "Call update(value, n=len(labels))."
            )
        self.samples += n
        if isinstance(value, Tensor) and value.device.type != "cpu":
            part = value.to(_widest(value.device)) * weight
            self._on_device = part if self._on_device is None else self._on_device + part
        else:
            self._on_host += float(value) * weight

    @property
    def total(self) -> float:
        """The sum over all samples of this rank. On a GPU, reading it waits for the device."""
        waiting = 0.0 if self._on_device is None else float(self._on_device.item())
        return self._on_host + waiting

    def restore(self, total: float, samples: int) -> None:
        """Go on from sums that were taken before, by a run that was interrupted.

        Args:
            total: Its `total`.
            samples: Its number of samples.
        """
        self._on_host, self._on_device, self.samples = total, None, samples

    def compute(self) -> float:
        """The mean over all samples so far, and over all ranks of a distributed run.

        Returns:
            The mean as a Python float. On a GPU this is the moment that waits for the device.
            Under ``torchrun`` every rank must call it, and gets the same.

        Raises:
            DataError: If there was no sample.
        """
        total, samples = summed(self.total, self.samples)
        if samples == 0:
            raise DataError("a mean needs at least one sample, got none. Check the data loader.")
        return total / samples


def _widest(device: torch.device) -> torch.dtype:
    """The most precise float type of the device: sums over an epoch lose digits in float32."""
    return torch.float32 if device.type == "mps" else torch.float64
