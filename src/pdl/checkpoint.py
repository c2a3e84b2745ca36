"""How are weights and training state kept in files, and taken out again unchanged?

Weights go into safetensors files, which hold numbers and nothing that could run. Files of the
training state are safetensors files too; they add optimizer, schedule, epoch, history and the state
of every random generator, so that a resumed run continues as if it had never stopped.
"""

import errno
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from pdl.errors import CheckpointError, ConfigError
from pdl.files import check_writable, exclusive, write_atomic
from pdl.matching import (
    check_config,
    check_parts,
    check_weights,
    config_text,
    machine,
    unwrapped,
    warn_of_machine,
)
from pdl.pickled import read_state_dict
from pdl.sealed import pack, seal, unpack, unseal
from pdl.seed import capture_rng_state, restore_rng_state

Model = TypeVar("Model", bound=nn.Module)

STATE_FILE = "last.safetensors"
"""Name of the training state in the folder of a run."""
_PICKLED = {".pt", ".pth"}


class Partial(NamedTuple):
    """An epoch that was interrupted: how far it came, and how chance stood when it began."""

    batches: int
    """Batches used, whole steps only."""
    losses: tuple[float, int]
    """Sum over the samples so far, and their number."""
    scores: tuple[float, int]
    """The same of the metric."""
    lr: float
    """Learning rate when the epoch began."""
    seconds: float
    """Seconds spent in it."""
    rng: dict[str, Any]
    """Random generators of the program when the epoch began."""
    loaders: list[Tensor]
    """States of the generators of the loaders when the epoch began."""


class Progress(NamedTuple):
    """How far a saved run had come."""

    epoch: int
    history: dict[str, list[float]]
    partial: Partial | None = None
    """The epoch after, if the run was interrupted in it."""


def save_model(
    model: nn.Module,
    target_dir: str | Path,
    model_name: str,
    *,
    config: Mapping[str, Any] | None = None,
) -> Path:
    """Save the weights of a model.

    Args:
        model: The model.
        target_dir: Folder to save into, made if missing.
        model_name: Name of the file. ``.safetensors`` is the safe choice: numbers and a SHA-256.
            ``.pt`` and ``.pth`` save the state dict with `torch.save`, as older programs expect.
        config: What the model was built with; the model's own ``config`` if left out. Kept in
            safetensors files, and compared when the weights are loaded.

    Returns:
        Path of the file.

    Raises:
        ConfigError: If the name has another ending.
        CheckpointError: If the file can not be written; an older file of that name is untouched.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = save_model(nn.Linear(1, 1), folder, "line.safetensors")
        ...     model = load_model(nn.Linear(1, 1), path)
        >>> path.name
        'line.safetensors'
    """
    path = Path(target_dir) / model_name
    weights = unwrapped(model).state_dict()
    if path.suffix == ".safetensors":
        data = seal(weights, {"kind": "weights", "config": config_text(model, config)})
    elif path.suffix in _PICKLED:
        buffer = io.BytesIO()
        torch.save({name: value.cpu() for name, value in weights.items()}, buffer)
        data = buffer.getvalue()
    else:
        raise ConfigError(
            f"model_name must end in .safetensors, .pt or .pth, got {model_name!r}. "
            f"Try {Path(model_name).stem + '.safetensors'!r}."
        )
    _write(path, data)
    return path


def load_model(model: Model, path: str | Path) -> Model:
    """Load weights into a model of the same architecture.

    Args:
        model: The model; it stays on its device and in its mode.
        path: A file of `save_model`, of `save_checkpoint`, or a state dict of another program.

    Returns:
        The same model.

    Raises:
        CheckpointError: If the file is missing, damaged, unsafe, or of another architecture. The
            model is unchanged then.
    """
    path = Path(path)
    data = _read(path)
    if path.suffix in _PICKLED:
        weights = read_state_dict(data, str(path))
    else:
        tensors, metadata = unseal(data, str(path))
        if "pdl_version" in metadata:  # another program's config may be anything
            check_config(metadata["config"], model, path)
        weights = tensors
        if metadata.get("kind") == "training":
            weights = unpack(json.loads(metadata["state"]), tensors)["model"]
    check_weights(model, weights, path)
    unwrapped(model).load_state_dict(weights)
    return model


def read_metadata(path: str | Path) -> dict[str, Any]:
    """What a safetensors file says about itself, without loading it into a model.

    Args:
        path: The file.

    Returns:
        For files of ours: ``kind``, ``config``, ``format_version``, ``pdl_version``, ``sha256``.

    Raises:
        CheckpointError: If this is no safetensors file, or a damaged one.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = save_model(nn.Linear(1, 1), folder, "a.safetensors", config={"depth": 1})
        ...     read_metadata(path)["config"]
        {'depth': 1}
    """
    _, metadata = unseal(_read(Path(path)), str(path))
    facts: dict[str, Any] = {key: value for key, value in metadata.items() if key != "state"}
    if "pdl_version" in metadata:
        facts["config"] = json.loads(metadata["config"])
    return facts


def save_checkpoint(
    path: str | Path,
    *,
    model: nn.Module,
    epoch: int,
    history: Mapping[str, list[float]],
    optimizer: torch.optim.Optimizer | None = None,
    scheduler: LRScheduler | None = None,
    loaders: Iterable[object] = (),
    partial: Partial | None = None,
) -> Path:
    """Save all that a run needs to continue as if it had never stopped.

    Args:
        path: The file, by custom ``last.safetensors``; an older one is replaced in one go.
        model: The model.
        epoch: Number of epochs done.
        history: The measurements so far.
        optimizer: Its state, momentum for example.
        scheduler: Its state.
        loaders: Loaders whose own random generators are saved as well.
        partial: The epoch after, if the run stops in the middle of it.

    Returns:
        Path of the file.

    Raises:
        CheckpointError: If the file can not be written; an older one is untouched.
    """
    generators = generators_of(loaders)
    state = {
        "parts": _parts(optimizer, scheduler, generators),
        "model": unwrapped(model).state_dict(),
        "optimizer": None if optimizer is None else optimizer.state_dict(),
        "scheduler": None if scheduler is None else scheduler.state_dict(),
        "epoch": epoch,
        "history": {key: list(values) for key, values in history.items()},
        "rng": capture_rng_state(),
        "loaders": [generator.get_state() for generator in generators],
        "machine": machine(),
        "partial": None if partial is None else partial._asdict(),
    }
    tensors: dict[str, Tensor] = {}
    metadata = {
        "kind": "training",
        "config": config_text(model),
        "state": json.dumps(pack(state, tensors)),
    }
    _write(Path(path), seal(tensors, metadata))
    return Path(path)


def load_checkpoint(
    path: str | Path,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    scheduler: LRScheduler | None = None,
    loaders: Iterable[object] = (),
) -> Progress:
    """Put everything back to where a saved run stood, the random generators last.

    Args:
        path: A file of `save_checkpoint`.
        model: A model of the same architecture.
        optimizer: An optimizer of the same kind over the same parameters.
        scheduler: A scheduler of the same kind.
        loaders: The same loaders in the same order.

    Returns:
        Epochs done and the history up to there.

    Raises:
        CheckpointError: If the file is missing, damaged, or of a run with other parts.
    """
    path = Path(path)
    tensors, metadata = unseal(_read(path), str(path))
    if metadata.get("kind") != "training":
        raise CheckpointError(
            f"{path} holds weights and no training state. Load it with load_model."
        )
    check_config(metadata["config"], model, path)
    state = unpack(json.loads(metadata["state"]), tensors)
    generators = generators_of(loaders)
    check_parts(state["parts"], _parts(optimizer, scheduler, generators), path)
    check_weights(model, state["model"], path)
    try:
        if optimizer is not None:
            optimizer.load_state_dict(state["optimizer"])
        if scheduler is not None:
            scheduler.load_state_dict(state["scheduler"])
    except (ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} was written with another optimizer: {error}. Build it as in that run."
        ) from error
    unwrapped(model).load_state_dict(state["model"])
    warn_of_machine(state["machine"], path)
    for generator, own_state in zip(generators, state["loaders"], strict=True):
        generator.set_state(own_state)
    restore_rng_state(state["rng"])
    partial = state.get("partial")
    return Progress(
        state["epoch"], state["history"], None if partial is None else Partial(**partial)
    )


@contextmanager
def claimed(path: str | Path | None, *, resume: bool) -> Iterator[None]:
    """Make sure, before the first epoch, that a run can save to a file and is alone with it.

    Args:
        path: The file of the training state; None for a run that saves nothing.
        resume: Whether the run continues what is in the file.

    Yields:
        Nothing; until the end of the block the file belongs to this run.

    Raises:
        ConfigError: If the folder can not be written to, another run writes the same file, the
            file exists and is not to be resumed, or there is no file to resume from.
    """
    if path is None:
        if resume:
            raise ConfigError("resume=True needs a file to resume from. Pass checkpoint=PATH too.")
        yield
        return
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ConfigError(
            f"checkpoint must end in .safetensors, got {path.name!r}. "
            f"Try {path.stem + '.safetensors'!r}."
        )
    check_writable(path.parent)
    if path.exists() and not resume:
        raise ConfigError(
            f"{str(path)!r} holds the state of an earlier run. "
            "Pass resume=True to continue it, or choose another file."
        )
    with exclusive(path):
        yield


def _parts(
    optimizer: torch.optim.Optimizer | None,
    scheduler: LRScheduler | None,
    generators: list[torch.Generator],
) -> dict[str, str]:
    return {
        "optimizer": "none" if optimizer is None else type(optimizer).__name__,
        "scheduler": "none" if scheduler is None else type(scheduler).__name__,
        "generators of loaders": str(len(generators)),
    }


def generators_of(loaders: Iterable[object]) -> list[torch.Generator]:
    """The random generators that loaders own, each once.

    Args:
        loaders: Loaders; None and lists have none.

    Returns:
        The generators, of samplers too.

    Example:
        >>> loader = torch.utils.data.DataLoader([0, 1], generator=torch.Generator())
        >>> len(generators_of([loader, None]))
        1
    """
    found: dict[int, torch.Generator] = {}
    for loader in loaders:
        sampler = getattr(loader, "sampler", None)
        batches = getattr(getattr(loader, "batch_sampler", None), "sampler", None)
        for owner in (loader, sampler, batches):
            generator = getattr(owner, "generator", None)
            if isinstance(generator, torch.Generator):
                found[id(generator)] = generator
    return list(found.values())


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
    except OSError as error:
        needs = f"{len(data) / 1e6:.1f} MB"
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise CheckpointError(
                f"no space left in {path.parent} for {path.name} (it needs {needs}). Free some "
                "space, or choose another folder; an older file of that name is untouched."
            ) from error
        raise CheckpointError(
            f"{path} could not be written: {error.strerror}. Choose another folder."
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path} could not be read: {error.strerror}. Check the path."
        ) from error
