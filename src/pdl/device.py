"""On which device does the computation run, and when is it done?"""

import logging
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from pdl.errors import DeviceError

logger = logging.getLogger(__name__)


def available_devices() -> list[str]:
    """The devices of this machine, the fastest kind first.

    Returns:
        Names that `choose_device` accepts; the last is always ``"cpu"``.

    Example:
        >>> available_devices()[-1]
        'cpu'
    """
    devices = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    devices += [f"xpu:{index}" for index in range(torch.xpu.device_count())]
    return [*devices, "cpu"]


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """Choose where to compute, and fail at once if it is not there.

    Args:
        name: ``"auto"`` for the fastest kind present, or a kind (``"cuda"``, ``"mps"``, ``"xpu"``,
            ``"cpu"``), or one of several of a kind (``"cuda:1"``).

    Returns:
        A device that exists on this machine.

    Raises:
        DeviceError: If there is no such device here, or the name is none.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    present = available_devices()
    if name == "auto":
        if present == ["cpu"]:
            logger.info("no accelerator found, computing on the CPU")
        return torch.device(present[0].removesuffix(":0"))
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise _no_such_device(name, present) from error
    kinds = {entry.partition(":")[0] for entry in present}
    only_one = device.type in {"cpu", "mps"} and device.index in {None, 0}
    if device.type not in kinds or (
        device.index is not None and not only_one and str(device) not in present
    ):
        raise _no_such_device(name, present)
    return device


def autocast(device: torch.device | str, *, enabled: bool) -> AbstractContextManager[object]:
    """Compute the heavy operations in bfloat16 inside a ``with`` block.

    Bfloat16 has the range of float32 with fewer digits, so no gradient scaling is needed.

    Args:
        device: Where the operations run.
        enabled: With False the block computes as usual.

    Returns:
        A context manager.

    Example:
        >>> with autocast("cpu", enabled=True):
        ...     product = torch.ones(2, 2) @ torch.ones(2, 2)
        >>> product.dtype
        torch.bfloat16
    """
    if not enabled:
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)


def synchronize(device: torch.device | str) -> None:
    """Wait until the device has done everything it was given, to time it honestly.

    A GPU works through a queue: without this, a clock stops when the work is queued, not done.

    Args:
        device: The device to wait for; on the CPU nothing is ever pending.

    Example:
        >>> synchronize("cpu")
    """
    kind = torch.device(device).type
    if kind != "cpu":
        torch.accelerator.synchronize(torch.device(device))


class Arriving:
    """A number on its way from the device to the host, asked for without draining the device.

    ``tensor.item()`` makes the host wait until *all* queued work is done, and leaves the device
    idle while the next work is being queued. Here the copy is queued right behind the operation
    that computes the number; `get` then waits for that copy alone, and work queued after it (the
    backward pass) keeps the device busy meanwhile. On a CPU there is no queue and no cost.

    Args:
        value: A tensor of one element.

    Example:
        >>> loss = torch.tensor(0.25)
        >>> Arriving(loss).get()
        0.25
    """

    def __init__(self, value: Tensor) -> None:
        self._value = value.detach()
        self._event: torch.Event | None = None
        if self._value.is_cuda:
            host = torch.empty((), dtype=self._value.dtype, pin_memory=True)
            self._value = host.copy_(self._value, non_blocking=True)
            self._event = torch.Event("cuda")
            self._event.record()

    def get(self) -> float:
        """The number, after waiting for its copy to arrive.

        Returns:
            The value as a Python float.
        """
        if self._event is not None:
            self._event.synchronize()
        return float(self._value.item())


def _no_such_device(name: str | torch.device, present: list[str]) -> DeviceError:
    return DeviceError(
        f"device must be present on this machine, got {str(name)!r}. "
        f'Choose "auto" or one of: {", ".join(present)}.'
    )
