"""How do the processes of a distributed run agree on what they measured, and who speaks?

``torchrun`` starts the same program several times; each process is a rank. Without it there is one
rank, and everything here is a no-op.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def rank() -> int:
    """Number of this process, from 0.

    Returns:
        0 in a run of one process.

    Example:
        >>> rank(), world_size(), is_main()
        (0, 1, True)
    """
    return dist.get_rank() if _running() else 0


def world_size() -> int:
    """Number of processes of the run.

    Returns:
        1 if it was not started by ``torchrun``.
    """
    return dist.get_world_size() if _running() else 1


def is_main() -> bool:
    """Is this the one process that prints and saves?

    Returns:
        True in a run of one process.
    """
    return rank() == 0


def speaker(*, quiet: bool = False) -> Callable[..., None]:
    """Who says how the run goes: the main process, once.

    Args:
        quiet: Let nobody speak.

    Returns:
        `print` in the main process; elsewhere a function that says nothing.

    Example:
        >>> speaker()("epoch", 1)
        epoch 1
        >>> speaker(quiet=True)("epoch", 1)
    """
    return print if is_main() and not quiet else _nothing


def in_step(model: nn.Module, device: torch.device) -> nn.Module:
    """Let the copies of a model on all ranks take the same steps.

    Args:
        model: The model, on the device already.
        device: The device of this rank.

    Returns:
        The model to train: the same one in a run of one process.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> in_step(model, torch.device("cpu")) is model
        True
    """
    if world_size() == 1:
        return model
    return DistributedDataParallel(model, [device] if device.type == "cuda" else None)


def summed(*values: float, device: torch.device | None = None) -> tuple[float, ...]:
    """Add up numbers over all ranks; every rank must call it.

    Args:
        *values: Numbers of this rank.
        device: Where the ranks exchange them; the CPU, or the GPU for nccl.

    Returns:
        The sums, the same on every rank.

    Example:
        >>> summed(1.5, 2.0)
        (1.5, 2.0)
    """
    if world_size() == 1:
        return values
    if device is None and dist.get_backend() == "nccl":
        device = torch.device("cuda", torch.cuda.current_device())
    sums = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(sums)
    return tuple(sums.tolist())


def wait_for_all() -> None:
    """Wait until every rank is here; every rank must call it.

    Example:
        >>> wait_for_all()  # at once: there is one
    """
    if world_size() > 1:
        dist.barrier()


@contextmanager
def joined(device: torch.device) -> Iterator[torch.device]:
    """Join the other ranks, if ``torchrun`` started this program, until the end of the block.

    Args:
        device: Where the model is to be trained.

    Yields:
        The device of this rank: with several GPUs each rank has its own.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or _running():
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def _running() -> bool:
    return dist.is_available() and dist.is_initialized()


def _nothing(*_: object) -> None:
    """Say nothing."""
