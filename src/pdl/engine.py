"""How does a model learn from batches of data?

Three plain functions over any `torch.nn.Module` and any iterable of batches: `train` calls
`train_step` once an epoch, and `train_step` holds the five steps of the loop.
"""
# ruff: noqa: PT028 - test_step is no test of pytest's; the name is the one readers know

import math
import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from tqdm import tqdm

from pdl import guards
from pdl.batches import Batch, RestOfEpoch, check_loader, start_at, walk
from pdl.checkpoint import (
    Partial,
    Progress,
    claimed,
    generators_of,
    load_checkpoint,
    save_checkpoint,
)
from pdl.device import Arriving, autocast
from pdl.errors import ConfigError, TrainingError
from pdl.metrics import WeightedMean, accuracy, correct
from pdl.mode import device_of, evaluating, preserve_mode
from pdl.ranks import is_main, world_size
from pdl.seed import capture_rng_state, restore_rng_state
from pdl.stopping import StopRequest, stoppable
from pdl.typing import Batches, Loss, Metric

Loaders: TypeAlias = tuple[Batches | None, ...]
"""The loaders of a run, some of them left out."""


class StepResult(NamedTuple):
    """Loss and metric of one pass over a loader, each a mean over all its samples."""

    loss: float
    metric: float
    """NaN when there is no metric."""


class History(dict[str, list[float]]):
    """What `train` measured: a dict of lists, one value for each epoch.

    Keys: ``train_loss``, ``train_acc``, ``val_loss``, ``val_acc``, ``lr`` (at the start of the
    epoch), ``seconds`` (training and validation). ``*_acc`` is missing without a metric, ``val_*``
    without a validation loader. The loss of a training epoch is the mean over its batches, each
    taken before its step.

    Example:
        >>> history = History()
        >>> history.add({"train_loss": 0.5})
        >>> history.add({"train_loss": 0.25})
        >>> history["train_loss"], history.epochs
        ([0.5, 0.25], 2)
    """

    @property
    def epochs(self) -> int:
        """Number of epochs so far."""
        return max((len(values) for values in self.values()), default=0)

    def add(self, row: dict[str, float]) -> None:
        """Append the values of one epoch.

        Args:
            row: One value for each key, the same keys in each epoch.

        Raises:
            ConfigError: If the keys are not those of the epochs before.
        """
        if self and row.keys() != self.keys():
            raise ConfigError(
                f"each epoch must have the same measurements, got {sorted(row)} after "
                f"{sorted(self)}. Resume with the same loaders and metric."
            )
        for key, value in row.items():
            self.setdefault(key, []).append(value)


def train_step(
    model: nn.Module,
    loader: Batches,
    loss_fn: Loss,
    optimizer: torch.optim.Optimizer,
    *,
    device: torch.device | str | None = None,
    metric: Metric | None = accuracy,
    scheduler: LRScheduler | None = None,
    grad_clip: float | None = None,
    accumulate: int = 1,
    amp: bool = False,
    channels_last: bool = False,
    epoch: int | None = None,
) -> StepResult:
    """Train for one epoch: one pass over the loader.

    Args:
        model: The model to train, on ``device`` already.
        loader: Batches ``(inputs, targets)``.
        loss_fn: Gives the mean loss of a batch from outputs and targets.
        optimizer: Updates the parameters of the model.
        device: Where the batches go; where the model is if left out.
        metric: From outputs and targets, a mean or one value for each sample; None for none.
        scheduler: Changes the learning rate after every step, if given.
        grad_clip: Largest allowed norm of all gradients together.
        accumulate: Number of batches whose gradients make one step.
        amp: Compute in bfloat16 where that is safe.
        channels_last: Lay out images with the channels innermost, faster for convolutions on a GPU.
        epoch: Number of the epoch, for error messages.

    Returns:
        Mean loss (each batch's before its step) and mean metric over the samples.

    Raises:
        TrainingError: If a loss is NaN or infinite; no step is taken with it.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> batches = [(torch.zeros(4, 1), model.bias.detach().expand(4, 1) + 1)]
        >>> train_step(model, batches, nn.L1Loss(), optimizer, metric=None)
        StepResult(loss=1.0, metric=nan)
    """
    device = device_of(model) if device is None else torch.device(device)
    so_far = _SoFar()
    _learn(
        model,
        loader,
        loss_fn,
        optimizer,
        so_far=so_far,
        stop=StopRequest(),
        device=device,
        metric=metric,
        scheduler=scheduler,
        grad_clip=grad_clip,
        accumulate=accumulate,
        amp=amp,
        channels_last=channels_last,
        epoch=epoch,
    )
    return so_far.result(metric)


def test_step(
    model: nn.Module,
    loader: Batches,
    loss_fn: Loss,
    *,
    device: torch.device | str | None = None,
    metric: Metric | None = accuracy,
    amp: bool = False,
    channels_last: bool = False,
    epoch: int | None = None,
) -> StepResult:
    """Measure a model on data it does not learn from: one pass over the loader.

    The model computes in eval mode without recording gradients, and is left in the mode it was in.

    Args:
        model: The model to measure, on ``device`` already.
        loader: Batches ``(inputs, targets)``.
        loss_fn: Gives the mean loss of a batch from outputs and targets.
        device: Where the batches go; where the model is if left out.
        metric: From outputs and targets, a mean or one value for each sample; None for none.
        amp: Compute in bfloat16 where that is safe.
        channels_last: Lay out images with the channels innermost.
        epoch: Number of the epoch, for error messages.

    Returns:
        Mean loss and mean metric over the samples.

    Example:
        >>> batches = [(torch.eye(3), torch.tensor([0, 1, 2]))]
        >>> test_step(nn.Identity(), batches, nn.CrossEntropyLoss())
        StepResult(loss=0.551, metric=1.0)
    """
    device = device_of(model) if device is None else torch.device(device)
    losses, scores = WeightedMean(), WeightedMean()
    precision = autocast(device, enabled=amp)
    with evaluating(model):
        for batch in walk(loader, device, channels_last=channels_last, epoch=epoch):
            with guards.explaining(batch, model), precision:
                outputs = model(batch.inputs)
                guards.check_labels(outputs, batch, loss_fn)
                loss = loss_fn(outputs, batch.targets)
                guards.check_scalar(loss, batch.where)
                losses.update(loss, batch.targets.shape[0])
                _score(scores, metric, outputs, batch)
    return StepResult(losses.compute(), math.nan if metric is None else scores.compute())


def train(
    model: nn.Module,
    train_loader: Batches,
    val_loader: Batches | None = None,
    *,
    optimizer: torch.optim.Optimizer,
    loss_fn: Loss,
    epochs: int,
    device: torch.device | str | None = None,
    metric: Metric | None = accuracy,
    scheduler: LRScheduler | None = None,
    schedule_every: Literal["epoch", "step"] = "epoch",
    grad_clip: float | None = None,
    accumulate: int = 1,
    amp: bool = False,
    compile: bool = False,
    channels_last: bool = False,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    on_epoch: Callable[[int, Mapping[str, float]], None] | None = None,
) -> History:
    """Train a model, and measure it on validation data after each epoch.

    Under ``torchrun``, pass a model in `DistributedDataParallel` and loaders of this rank's share:
    the measurements are those of all ranks together, and rank 0 alone saves.

    Args:
        model: The model to train, in place; afterwards in the mode it was in before.
        train_loader: Batches to learn from.
        val_loader: Batches to measure on after each epoch; never the test set.
        optimizer: Updates the parameters of the model.
        loss_fn: Gives the mean loss of a batch from outputs and targets.
        epochs: How often to go through the training batches in all.
        device: Where to train; where the model is if left out.
        metric: From outputs and targets, a mean or one value for each sample; None for none.
        scheduler: Changes the learning rate.
        schedule_every: Whether the scheduler counts epochs or optimizer steps.
        grad_clip: Largest allowed norm of all gradients together.
        accumulate: Number of batches whose gradients make one step.
        amp: Compute in bfloat16 where that is safe.
        compile: Compile the model first: slower to start, faster afterwards.
        channels_last: Lay out images with the channels innermost, faster for convolutions on a GPU.
        checkpoint: File to save the whole state of the run to after each epoch; its name ends in
            ``.safetensors``.
        resume: Continue the run in that file, if there is one, up to ``epochs`` in all. Ctrl-C and
            SIGTERM save between two steps too; a second one does not wait for that. On a CPU with
            the same versions and threads the result is the same, to the last bit, as without the
            interruption.
        progress: Show a bar, if the output is a terminal and ``TQDM_DISABLE`` is not set.
        on_epoch: Called after each epoch, when it is saved, with its number and its measurements:
            to print them, or for a tracker.

    Returns:
        The measurements of each epoch, the resumed ones included.

    Raises:
        ConfigError: If a setting is not valid, before anything is trained.
        TrainingError: If a loss, gradient or weight becomes NaN or infinite. The checkpoint keeps
            the last good epoch.

    Example:
        >>> from pdl.data.toy import straight_line
        >>> from pdl.models.linear import LinearRegression
        >>> _ = torch.manual_seed(42)
        >>> model = LinearRegression()
        >>> history = train(
        ...     model,
        ...     [straight_line()],
        ...     optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
        ...     loss_fn=nn.L1Loss(),
        ...     epochs=3,
        ...     metric=None,
        ... )
        >>> history["train_loss"]
        [0.3492, 0.3368, 0.3244]
    """
    _check_settings(epochs, accumulate, grad_clip, schedule_every)
    guards.check_loss(loss_fn, counts_classes=metric is accuracy)
    guards.check_optimizer(optimizer, model)
    check_loader(train_loader, "train_loader")
    if val_loader is not None:
        check_loader(val_loader, "val_loader")
    device = device_of(model) if device is None else torch.device(device)
    model.to(device)
    if channels_last:
        model.to(memory_format=torch.channels_last)
    called = cast("nn.Module", torch.compile(model)) if compile else model
    shared: dict[str, Any] = {
        "device": device,
        "metric": metric,
        "amp": amp,
        "channels_last": channels_last,
    }
    parts: dict[str, Any] = {
        "model": model,
        "optimizer": optimizer,
        "scheduler": scheduler,
        "loaders": (train_loader, val_loader),
    }
    # Ranks may have batches of different number to measure on; the inner model waits for nobody.
    measured_by = model.module if isinstance(model, DistributedDataParallel) else called
    claim = claimed(checkpoint, resume=resume) if is_main() else nullcontext()
    # A signal reaches ranks at different steps: they would wait for each other for ever.
    stopping = stoppable() if world_size() == 1 else nullcontext(StopRequest())
    with claim, preserve_mode(model), stopping as stop:
        progress_made = _resumed(checkpoint, epochs, parts) if resume else Progress(0, {})
        history, partial = History(progress_made.history), progress_made.partial
        batches = _continued(train_loader, history.epochs, partial, parts["loaders"])
        if val_loader is not None:
            start_at(val_loader, history.epochs)
        bar = _bar(history.epochs, epochs, progress=progress)
        for epoch in range(history.epochs + 1, epochs + 1):
            so_far, begun = _SoFar(partial), _Begun(optimizer, parts["loaders"], partial)
            _learn(
                called,
                batches,
                loss_fn,
                optimizer,
                so_far=so_far,
                stop=stop,
                scheduler=scheduler if schedule_every == "step" else None,
                grad_clip=grad_clip,
                accumulate=accumulate,
                epoch=epoch,
                **shared,
            )
            batches, partial = train_loader, None
            if stop and checkpoint is not None:
                now = begun.partial(so_far)
                save_checkpoint(checkpoint, epoch=epoch - 1, history=history, partial=now, **parts)
            if stop:
                stop.leave()
            row = _named("train", so_far.result(metric), metric)
            if val_loader is not None:
                measured = test_step(measured_by, val_loader, loss_fn, epoch=epoch, **shared)
                row |= _named("val", measured, metric)
            _check_weights(model, epoch)
            if scheduler is not None and schedule_every == "epoch":
                _step_epoch(scheduler, row)
            history.add(row | {"lr": begun.lr, "seconds": begun.seconds()})
            if checkpoint is not None and is_main():
                save_checkpoint(checkpoint, epoch=epoch, history=history, **parts)
            if on_epoch is not None:
                on_epoch(epoch, {key: values[-1] for key, values in history.items()})
            bar.set_postfix(row)
            bar.update()
        bar.close()
        if stop:
            stop.leave()
    return history


class _SoFar:
    """What a pass over the training batches has come to; an interrupted one goes on."""

    def __init__(self, partial: Partial | None = None) -> None:
        self.losses, self.scores, self.batches = WeightedMean(), WeightedMean(), 0
        if partial is not None:
            self.losses.restore(*partial.losses)
            self.scores.restore(*partial.scores)
            self.batches = partial.batches

    def result(self, metric: Metric | None) -> StepResult:
        return StepResult(
            self.losses.compute(), math.nan if metric is None else self.scores.compute()
        )


class _Begun:
    """How things stood when an epoch began: what an interrupted one must be begun from again."""

    def __init__(
        self, optimizer: torch.optim.Optimizer, loaders: Loaders, partial: Partial | None
    ) -> None:
        self._clock = perf_counter()
        self._partial = partial or Partial(
            batches=0,
            losses=(0.0, 0),
            scores=(0.0, 0),
            lr=optimizer.param_groups[0]["lr"],
            seconds=0.0,
            rng=capture_rng_state(),
            loaders=[generator.get_state() for generator in generators_of(loaders)],
        )
        self.lr = self._partial.lr

    def seconds(self) -> float:
        return self._partial.seconds + perf_counter() - self._clock

    def partial(self, so_far: _SoFar) -> Partial:
        return self._partial._replace(
            batches=so_far.batches,
            losses=(so_far.losses.total, so_far.losses.samples),
            scores=(so_far.scores.total, so_far.scores.samples),
            seconds=self.seconds(),
        )


def _continued(loader: Batches, epochs: int, partial: Partial | None, loaders: Loaders) -> Batches:
    """The batches that come next, whether or not an epoch was interrupted before them."""
    used = 0 if partial is None else partial.batches
    must_skip = start_at(loader, epochs, skip_batches=used)
    if partial is None or not must_skip:
        return loader
    after = capture_rng_state()  # as the checkpoint left it: where the interrupted run stood
    restore_rng_state(partial.rng)
    for generator, state in zip(generators_of(loaders), partial.loaders, strict=True):
        generator.set_state(state)
    return RestOfEpoch(loader, used, then=lambda: restore_rng_state(after))


def _learn(
    model: nn.Module,
    loader: Batches,
    loss_fn: Loss,
    optimizer: torch.optim.Optimizer,
    *,
    so_far: _SoFar,
    stop: StopRequest,
    device: torch.device,
    metric: Metric | None,
    scheduler: LRScheduler | None,
    grad_clip: float | None,
    accumulate: int,
    amp: bool,
    channels_last: bool,
    epoch: int | None,
) -> None:
    """Go through the loader and learn; after a step of a run that is to stop, return early."""
    last = None
    precision = autocast(device, enabled=amp)
    model.train()
    for batch in walk(
        loader,
        device,
        accumulate=accumulate,
        channels_last=channels_last,
        epoch=epoch,
        done=so_far.batches,
    ):
        with guards.explaining(batch, model):
            with precision:
                outputs = model(batch.inputs)  # 1. forward
                guards.check_labels(outputs, batch, loss_fn)
                loss = loss_fn(outputs, batch.targets)  # 2. loss
            guards.check_scalar(loss, batch.where)
            arriving = Arriving(loss)
            if batch.first:
                optimizer.zero_grad()  # 3. zero_grad: forget the gradients of the step before
            part = loss if batch.share == 1 else loss * batch.share
            part.backward()  # type: ignore[no-untyped-call]  # 4. backward; torch has no type here
            # Waits for the forward pass only: the backward pass keeps a GPU busy meanwhile.
            value, lr = arriving.get(), optimizer.param_groups[0]["lr"]
            guards.check_finite(value, "the loss", batch.where, lr=lr, last=last)
            if batch.last:
                if grad_clip is not None:
                    norm = float(nn.utils.clip_grad_norm_(model.parameters(), grad_clip))
                    guards.check_finite(norm, "the gradient norm", batch.where, lr=lr, last=last)
                optimizer.step()  # 5. step
                if scheduler is not None:
                    scheduler.step()
            so_far.losses.update(value, batch.targets.shape[0])
            _score(so_far.scores, metric, outputs, batch)
        last = value
        so_far.batches += 1
        if stop and batch.last:
            return


def _score(scores: WeightedMean, metric: Metric | None, outputs: Tensor, batch: Batch) -> None:
    if metric is None:
        return
    # Counted hits add up exactly; shares such as 5/7 are rounded in each batch.
    value = (correct if metric is accuracy else metric)(outputs.detach(), batch.targets)
    scores.update(value, batch.targets.shape[0] if value.dim() == 0 else None)


def _check_settings(
    epochs: int, accumulate: int, grad_clip: float | None, schedule_every: str
) -> None:
    for name, value in (("epochs", epochs), ("accumulate", accumulate)):
        if value < 1:
            raise ConfigError(f"{name} must be at least 1, got {value}. Try {name}=1.")
    if grad_clip is not None and not 0 < grad_clip < math.inf:
        raise ConfigError(f"grad_clip must be a positive number, got {grad_clip}. Try 1.0.")
    if schedule_every not in {"epoch", "step"}:
        raise ConfigError(
            f'schedule_every must be "epoch" or "step", got {schedule_every!r}. Choose one.'
        )


def _check_weights(model: nn.Module, epoch: int) -> None:
    """Look for NaN before the weights are saved: a gradient can be infinite under a finite loss."""
    sums = {name: parameter.detach().sum() for name, parameter in model.named_parameters()}
    if not sums or bool(torch.isfinite(torch.stack(list(sums.values()))).all()):
        return
    name = next(name for name, total in sums.items() if not math.isfinite(float(total)))
    raise TrainingError(
        f"the weights must be finite, got NaN or infinity in {name!r} after epoch {epoch}, from a "
        "gradient that was not finite. Lower the learning rate or set grad_clip=1.0."
    )


def _named(part: str, result: StepResult, metric: Metric | None) -> dict[str, float]:
    row = {f"{part}_loss": result.loss}
    return row if metric is None else row | {f"{part}_acc": result.metric}


def _step_epoch(scheduler: LRScheduler, row: dict[str, float]) -> None:
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(row.get("val_loss", row["train_loss"]))
    else:
        scheduler.step()


def _resumed(checkpoint: str | Path | None, epochs: int, parts: dict[str, Any]) -> Progress:
    if checkpoint is None or not Path(checkpoint).exists():
        return Progress(0, {})
    progress = load_checkpoint(checkpoint, **parts)
    if progress.epoch > epochs:
        raise ConfigError(
            f"{str(checkpoint)!r} holds {progress.epoch} epochs, more than epochs={epochs}. "
            f"Set epochs to {progress.epoch} or more, or start a new file."
        )
    return progress


def _bar(done: int, epochs: int, *, progress: bool) -> "tqdm[Any]":
    # disable=None means: only where the output is a terminal.
    hidden = not progress or not is_main() or bool(os.environ.get("TQDM_DISABLE"))
    return tqdm(total=epochs, initial=done, unit="epoch", disable=True if hidden else None)
