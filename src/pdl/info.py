"""Which versions, on which machine?"""

import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from pdl._version import __version__
from pdl.device import choose_device


def info() -> str:
    """What a bug report or a reader who wants to repeat a result needs to know.

    Returns:
        A short block of text, one fact a line.

    Example:
        >>> [line.split()[0] for line in info().splitlines()]
        ['pdl', 'Python', 'torch', 'torchvision', 'device', 'threads']
    """
    device = choose_device()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    facts = {
        "pdl": __version__,
        "Python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": _version_of("torchvision"),
        "device": name,
        "threads": str(torch.get_num_threads()),
    }
    return "\n".join(f"{fact:<13}{value}" for fact, value in facts.items())


def _version_of(package: str) -> str:
    # The metadata, not the package: importing torchvision takes a second.
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
