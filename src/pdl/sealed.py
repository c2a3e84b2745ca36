"""How is a file of tensors written so that any later change to it is noticed?

The format is safetensors: a length, a header in JSON, then the plain numbers. Nothing in such a
file can be executed, unlike in a pickle. The header's metadata carries one more entry, the SHA-256
of the whole file with that entry itself set to zeros.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from pdl._version import __version__
from pdl.errors import CheckpointError

FORMAT_VERSION = 1
_BLANK = "0" * 64  # where the SHA-256 will stand


def seal(tensors: dict[str, Tensor], metadata: dict[str, str]) -> bytes:
    """Put tensors and metadata into the bytes of a safetensors file.

    The same content gives the same bytes.

    Args:
        tensors: Tensors by name, on any device.
        metadata: Further facts, as text.

    Returns:
        The content of the file.

    Example:
        >>> data = seal({"weight": torch.ones(2)}, {"kind": "weights"})
        >>> unseal(data, "a.safetensors")[0]
        {'weight': tensor([1., 1.])}
    """
    raw = safetensors.torch.save(_plain(tensors))
    header, numbers = _split(raw)
    facts = {
        **metadata,
        "format": "pt",
        "format_version": str(FORMAT_VERSION),
        "pdl_version": __version__,
        "sha256": _BLANK,
    }
    header = {"__metadata__": dict(sorted(facts.items())), **header}
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)  # the numbers start at a multiple of 8 bytes
    content = len(text).to_bytes(8, "little") + text + numbers
    digest = hashlib.sha256(content).hexdigest()
    blank, stamp = f'"sha256":"{_BLANK}"'.encode(), f'"sha256":"{digest}"'.encode()
    return content.replace(blank, stamp, 1)


def unseal(data: bytes, source: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Take a safetensors file apart, after checking that it is as it was written.

    A file of another program is accepted too; it has no SHA-256 to check.

    Args:
        data: The content of the file.
        source: Its name, for messages.

    Returns:
        Tensors and metadata.

    Raises:
        CheckpointError: If the file is cut short, changed, no safetensors file, or of a later
            version of pdl.
    """
    metadata = read_header(data, source)
    if {"sha256", "pdl_version", "format_version"} & metadata.keys():
        _check_version(metadata, source)
        stamp = metadata.get("sha256", "")
        blank = data.replace(f'"sha256":"{stamp}"'.encode(), f'"sha256":"{_BLANK}"'.encode(), 1)
        if hashlib.sha256(blank).hexdigest() != stamp:
            raise CheckpointError(
                f"{source} is damaged: its content does not have the SHA-256 it was written with. "
                "Use another copy of the file."
            )
    try:
        return safetensors.torch.load(data), metadata
    except (SafetensorError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise _damaged(source, error) from error


def read_header(data: bytes, source: str) -> dict[str, str]:
    """The metadata of a safetensors file, unchecked.

    Args:
        data: The content of the file.
        source: Its name, for messages.

    Returns:
        The metadata; empty if there is none.

    Raises:
        CheckpointError: If this is no safetensors file.
    """
    try:
        metadata = _split(data)[0].get("__metadata__", {})
    except (ValueError, RecursionError) as error:
        raise _damaged(source, error) from error
    if not isinstance(metadata, dict):
        raise _damaged(source, "its metadata is no table")
    return metadata


def pack(value: Any, tensors: dict[str, Tensor], name: str = "state") -> Any:
    """Turn nested state into values that JSON can hold, with its tensors put aside.

    Args:
        value: Dicts, lists, tuples, tensors, numbers, text and None, nested at will.
        tensors: Receives the tensors, named by their place in ``value``.
        name: Name of the place.

    Returns:
        Lists, numbers, text and None. Give it to `unpack`.

    Raises:
        CheckpointError: If there is something else in it.

    Example:
        >>> tensors = {}
        >>> packed = pack({"step": 3, 0: (torch.ones(1), None)}, tensors)
        >>> list(tensors), unpack(packed, tensors)
        (['state.0.0'], {'step': 3, 0: (tensor([1.]), None)})
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Tensor):
        tensors[name] = value
        return ["tensor", name]
    kinds = ((Counter, "counter"), (dict, "dict"), (tuple, "tuple"), (list, "list"))
    for kind, tag in kinds:
        if isinstance(value, kind):
            parts: Iterable[Any] = value.items() if isinstance(value, dict) else enumerate(value)
            packed = [[key, pack(part, tensors, f"{name}.{key}")] for key, part in parts]
            if all(key is None or isinstance(key, (bool, int, float, str)) for key, _ in packed):
                return [tag, packed if isinstance(value, dict) else [part for _, part in packed]]
    raise CheckpointError(
        f"state to save must be made of dicts, lists, tuples, tensors, numbers and text, got "
        f"{type(value).__name__} at {name}. Leave it out of the state_dict."
    )


def unpack(packed: Any, tensors: dict[str, Tensor]) -> Any:
    """Build the nested state again.

    Args:
        packed: What `pack` returned, perhaps after a way through JSON.
        tensors: The tensors that were put aside.

    Returns:
        State equal to the packed one, of plain dicts, lists and tuples.
    """
    if not isinstance(packed, list):
        return packed
    tag, content = packed
    if tag == "tensor":
        return tensors[content]
    if tag in {"dict", "counter"}:
        items = {key: unpack(part, tensors) for key, part in content}
        return Counter(items) if tag == "counter" else items
    parts = [unpack(part, tensors) for part in content]
    return tuple(parts) if tag == "tuple" else parts


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, without gaps, and each with memory of its own, as safetensors wants them."""
    plain: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        copy = tensor.detach().to("cpu", memory_format=torch.contiguous_format).contiguous()
        place = copy.untyped_storage().data_ptr()
        plain[name] = copy.clone() if place in seen else copy
        seen.add(place)
    return plain


def _split(data: bytes) -> tuple[dict[str, Any], bytes]:
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > len(data) - 8:
        raise ValueError("it is shorter than it says")
    header = json.loads(data[8 : 8 + size])
    if not isinstance(header, dict):
        raise ValueError("its header is no table")  # noqa: TRY004 - about the file, not about a type
    return header, data[8 + size :]


def _check_version(metadata: dict[str, str], source: str) -> None:
    found = str(metadata.get("format_version", ""))
    if found.isdecimal() and int(found) > FORMAT_VERSION:
        raise CheckpointError(
            f"{source} was written by pdl {metadata.get('pdl_version', '?')} in format {found}, "
            f"this pdl {__version__} reads up to format {FORMAT_VERSION}. Update pdl."
        )


def _damaged(source: str, reason: object) -> CheckpointError:
    return CheckpointError(
        f"{source} is damaged, or no safetensors file: {str(reason)[:100]}. "
        "Use another copy of the file."
    )
