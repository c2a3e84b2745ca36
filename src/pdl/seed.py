"""How is a run made repeatable, and how is the state of chance saved and put back?"""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from pdl.errors import ConfigError

LARGEST_SEED = 2**32 - 1  # numpy takes no larger one


def set_seeds(seed: int = 42, *, deterministic: bool = False) -> None:
    """Seed every source of chance: Python, NumPy, and PyTorch on all devices.

    Results repeat on the same machine with the same versions and the same number of threads;
    PyTorch promises no more than that.

    Args:
        seed: Any whole number from 0 to 4294967295.
        deterministic: Also make PyTorch pick only operations that give the same bits each time.
            Slower on a GPU; it lasts for the rest of the process.

    Raises:
        ConfigError: If the seed is outside that range.

    Example:
        >>> set_seeds(42)
        >>> torch.randn(1)
        tensor([0.3367])
    """
    random.seed(_valid(seed))
    np.random.seed(seed)  # noqa: NPY002 - other libraries draw from NumPy's global generator
    torch.manual_seed(seed)  # CPU, CUDA, MPS and XPU alike
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by cuBLAS
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False


def make_generator(seed: int) -> torch.Generator:
    """A random generator of its own, that nothing else in the program draws from.

    Args:
        seed: Any whole number from 0 to 4294967295.

    Returns:
        A generator on the CPU, for example for the ``generator=`` of a `DataLoader`.

    Example:
        >>> torch.randperm(5, generator=make_generator(0))
        tensor([4, 0, 1, 3, 2])
    """
    return torch.Generator().manual_seed(_valid(seed))


def seed_worker(worker_id: int) -> None:  # noqa: ARG001 - the name DataLoader calls it by
    """Seed Python and NumPy inside a worker of a `DataLoader`.

    PyTorch seeds its own generator in each worker, but not those of Python and NumPy: without this
    all workers repeat the same "random" augmentation. Pass it as ``worker_init_fn=seed_worker``.

    Args:
        worker_id: Number of the worker, from 0; PyTorch has mixed it into the seed already.
    """
    seed = torch.initial_seed() % (LARGEST_SEED + 1)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - see set_seeds


def capture_rng_state() -> dict[str, Any]:
    """The state of every random generator that `set_seeds` seeds.

    Returns:
        Plain values and tensors, which a checkpoint can hold. Give it to `restore_rng_state`.

    Example:
        >>> state = capture_rng_state()
        >>> first = torch.rand(3)
        >>> restore_rng_state(state)
        >>> torch.equal(first, torch.rand(3))
        True
    """
    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002 - see set_seeds
    state: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": (str(name), [int(key) for key in keys], int(position), int(has_gauss), cached),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def restore_rng_state(state: dict[str, Any]) -> None:
    """Put every random generator back to a captured state.

    A generator that is in ``state`` but not on this machine (a GPU's) is left out.

    Args:
        state: What `capture_rng_state` returned.
    """
    random.setstate(state["python"])
    name, keys, position, has_gauss, cached = state["numpy"]
    keys = np.asarray(keys, dtype=np.uint32)
    np.random.set_state((name, keys, position, has_gauss, cached))  # noqa: NPY002 - see set_seeds
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        for index, device_state in enumerate(state["cuda"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(device_state, index)
    if "mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])


@contextmanager
def preserve_rng_state() -> Iterator[None]:
    """Run a block of code without changing what random numbers come after it.

    Yields:
        Nothing; the states are put back at the end, also after an exception.

    Example:
        >>> set_seeds(42)
        >>> with preserve_rng_state():
        ...     _ = torch.rand(1000)
        >>> torch.randn(1)
        tensor([0.3367])
    """
    state = capture_rng_state()
    try:
        yield
    finally:
        restore_rng_state(state)


def _valid(seed: int) -> int:
    if not 0 <= seed <= LARGEST_SEED:
        raise ConfigError(
            f"seed must be a whole number from 0 to {LARGEST_SEED}, got {seed!r}. "
            "Choose one in that range, for example 42."
        )
    return seed
