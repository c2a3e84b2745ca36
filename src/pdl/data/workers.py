"""How many worker processes load images, and what does it mean when one of them fails?"""

import logging
import os
import pickle
import re
from multiprocessing.reduction import ForkingPickler

import torch

from pdl.errors import ConfigError, DataError, PdlError

logger = logging.getLogger(__name__)


def check_count(name: str, value: object, least: int) -> None:
    """Refuse what is not a whole number, or too small.

    Args:
        name: Name of the setting.
        value: Its value.
        least: The smallest that is allowed.

    Raises:
        ConfigError: If it is not allowed.

    Example:
        >>> check_count("batch_size", 0, 1)
        Traceback (most recent call last):
        pdl.errors.ConfigError: batch_size must be a whole number from 1 up, got 0.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{name} must be a whole number from {least} up, got {value!r}.")


def worker_count(asked: int) -> int:
    """How many worker processes to start: as many as asked for, but no more than cores.

    Args:
        asked: What the user wants.

    Returns:
        The number to start.

    Example:
        >>> worker_count(0)
        0
    """
    check_count("num_workers", asked, 0)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    most = cores or 1
    if asked > most:
        logger.info("num_workers=%d is more than the %d cores; using %d", asked, most, most)
    return min(asked, most)


def has_gpu() -> bool:
    """Is there an accelerator that fetches from pinned memory?

    Returns:
        True for CUDA and XPU; on a Mac the processor's memory is the GPU's.
    """
    kind = torch.accelerator.current_accelerator()
    return kind is not None and kind.type in {"cuda", "xpu"} and torch.accelerator.is_available()


def check_pickles(transform: object) -> None:
    """Refuse a transform that can not be sent to a worker process.

    Args:
        transform: Any object.

    Raises:
        ConfigError: If it can not be pickled.
    """
    try:
        ForkingPickler.dumps(transform)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"the transform must be picklable for worker processes, got {error}. Use a function "
            "with a name instead of a lambda, or num_workers=0."
        ) from error


def explained(error: Exception, timeout: float) -> Exception:
    """Turn what PyTorch says about a failed worker process into an error of ours.

    Args:
        error: What the `DataLoader` raised.
        timeout: Its timeout in seconds.

    Returns:
        An error in one sentence; the same error if nothing is known about it.

    Example:
        >>> type(explained(RuntimeError("DataLoader timed out after 1 seconds"), 1.0)).__name__
        'DataError'
    """
    text = str(error)
    if isinstance(error, PdlError):
        # PyTorch puts the whole traceback of the worker into the message; its end is ours.
        said = list(re.finditer(r"^pdl\.errors\.\w+: ", text, flags=re.MULTILINE))
        return type(error)(text[said[-1].end() :].strip()) if said else error
    if "timed out" in text:
        return DataError(
            f"no batch came from the worker processes for {timeout:g} seconds. Look for a slow "
            "disk or a transform that hangs, raise timeout, or try num_workers=0."
        )
    if "DataLoader worker" in text:
        return DataError(
            f"a worker process died ({text.splitlines()[0].rstrip('.')}): killed, out of memory, "
            'or the script lacks `if __name__ == "__main__":`. Try num_workers=0.'
        )
    return error
