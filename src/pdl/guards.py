"""What was wrong with this batch, in words that say what to do?

The engine calls these around each batch. None of them makes a GPU wait.
"""

import math
from types import TracebackType

import torch
from torch import Tensor, nn

from pdl.batches import Batch
from pdl.errors import ConfigError, DataError, DeviceError, PdlError, ShapeError, TrainingError

_LOSSES_OF_CLASSES = (nn.CrossEntropyLoss, nn.NLLLoss)
_LOSSES_OF_NUMBERS = (nn.L1Loss, nn.MSELoss, nn.SmoothL1Loss, nn.HuberLoss)


def check_loss(loss_fn: object, *, counts_classes: bool) -> None:
    """Refuse a loss function that does not fit what the engine does with it.

    Args:
        loss_fn: The loss function.
        counts_classes: Whether the metric is the accuracy.

    Raises:
        ConfigError: If it gives a sum instead of a mean, or is made for numbers and the metric for
            classes.
    """
    reduction = getattr(loss_fn, "reduction", "mean")
    if reduction != "mean":
        raise ConfigError(
            f"loss_fn must return the mean over the samples, got reduction={reduction!r}. "
            'Leave reduction at "mean": the engine weights each batch by its samples.'
        )
    if counts_classes and isinstance(loss_fn, _LOSSES_OF_NUMBERS):
        raise ConfigError(
            f"accuracy counts classes, but loss_fn is {type(loss_fn).__name__}, a loss for "
            "numbers. Pass metric=None, or a metric of your own."
        )


def check_optimizer(optimizer: torch.optim.Optimizer, model: nn.Module) -> None:
    """Refuse an optimizer that can not train the model.

    Args:
        optimizer: The optimizer.
        model: The model.

    Raises:
        ConfigError: If it updates no parameter of the model, or a learning rate is not positive.
    """
    own = {id(parameter) for parameter in model.parameters()}
    updated = {id(each) for group in optimizer.param_groups for each in group["params"]}
    if not own & updated:
        raise ConfigError(
            f"the optimizer must update parameters of the model, got {len(updated)} that belong to "
            "another one. Build it after the model, from model.parameters()."
        )
    for group in optimizer.param_groups:
        lr = float(group.get("initial_lr", group["lr"]))  # a schedule may start at 0
        if not 0 < lr < math.inf:
            raise ConfigError(f"lr must be a positive number, got {lr}. Try 0.01.")


def check_labels(outputs: Tensor, batch: Batch, loss_fn: object) -> None:
    """Refuse labels outside the classes, before the loss stumbles over them.

    A GPU would stop the whole process. Only labels that are still on the CPU are looked at, for
    others the GPU would have to be waited for.

    Args:
        outputs: Logits of shape ``(B, K, ...)``.
        batch: The batch with its labels.
        loss_fn: The loss function.

    Raises:
        DataError: If a label is not in ``0 ... K-1``.
    """
    if not isinstance(loss_fn, _LOSSES_OF_CLASSES) or outputs.dim() < 2:
        return
    targets = batch.host_targets
    if targets.device.type != "cpu" or targets.is_floating_point() or targets.numel() == 0:
        return
    classes, ignored = outputs.shape[1], loss_fn.ignore_index
    low, high = (int(bound) for bound in torch.aminmax(targets))
    if low >= 0 and high < classes:
        return
    outside = [label for label in torch.unique(targets).tolist() if not 0 <= label < classes]
    outside = [label for label in outside if label != ignored]
    if outside:
        raise DataError(
            f"labels must lie in 0 to {classes - 1} for a model with {classes} outputs, got "
            f"{outside[0]} in {batch.where}. Check the classes of the data set or num_classes."
        )


def check_scalar(loss: Tensor, where: str) -> None:
    """Refuse a loss that is not one number.

    Args:
        loss: What the loss function returned.
        where: Place in the run, for the message.

    Raises:
        ShapeError: If it has more than one element or a dimension.
    """
    if loss.dim() != 0:
        raise ShapeError(
            f"the loss must be a scalar, got shape {tuple(loss.shape)} in {where}. "
            "Take its mean over the samples."
        )


def check_finite(value: float, name: str, where: str, *, lr: float, last: float | None) -> None:
    """Stop the run when a number is not one, before it gets into the weights.

    Args:
        value: The loss, or the norm of the gradients.
        name: What it is.
        where: Place in the run.
        lr: Learning rate at that moment.
        last: Loss of the batch before, if there was one.

    Raises:
        TrainingError: If the value is NaN or infinite.
    """
    if math.isfinite(value):
        return
    before = "" if last is None else f", loss of the batch before {last:.4g}"
    raise TrainingError(
        f"{name} must be a finite number, got {value} in {where} (lr={lr:g}{before}). The weights "
        "were not updated with it. Lower the learning rate, set grad_clip=1.0, or look for NaN "
        "in the inputs."
    )


class explaining:  # noqa: N801 - used as a statement: with explaining(...)
    """Say what is known about a batch that something failed on, around a ``with`` block.

    An error whose cause is known becomes one of ours; any other passes with a note on it.

    Args:
        batch: The batch.
        model: The model that is called.

    Example:
        >>> from pdl.batches import walk
        >>> batch = next(walk([(torch.ones(2, 1), torch.ones(2))], torch.device("cpu")))
        >>> try:
        ...     with explaining(batch, nn.Linear(1, 1)):
        ...         raise ValueError("boom")
        ... except ValueError as error:
        ...     print(error.__notes__[0])
        in batch 1: inputs float32 (2, 1) on cpu, targets float32 (2,) on cpu, model float32 on cpu
    """

    def __init__(self, batch: Batch, model: nn.Module) -> None:
        self._batch = batch
        self._model = model

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not isinstance(error, Exception) or isinstance(error, PdlError):
            return
        where, inputs, targets = self._batch.where, self._batch.inputs, self._batch.targets
        if isinstance(error, torch.OutOfMemoryError):
            raise DeviceError(
                f"{inputs.device} ran out of memory in {where} with a batch of {len(inputs)} "
                "samples. Choose a smaller batch_size, and accumulate=2 to keep the same step."
            ) from error
        if "Expected more than 1 value per channel" in str(error):
            raise ConfigError(
                f"BatchNorm needs more than one value for each channel, got a batch of "
                f"{len(inputs)} in {where}. Use drop_last=True, or a batch_size that leaves no "
                "single sample."
            ) from error
        weights = next(iter(self._model.parameters()), None)
        model = "without parameters" if weights is None else _kind(weights)
        error.add_note(
            f"in {where}: inputs {_described(inputs)}, targets {_described(targets)}, model {model}"
        )


def _described(tensor: Tensor) -> str:
    return _kind(tensor).replace(" ", f" {tuple(tensor.shape)} ", 1)


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} on {tensor.device}"
