"""How is a file of torch.save read without running what is in it?"""

import io
import pickle
import zipfile

import torch
from torch import Tensor

from pdl.errors import CheckpointError


def read_state_dict(data: bytes, source: str) -> dict[str, Tensor]:
    """Take a state dict out of a zip file of torch.save.

    A pickle is a small program. The unpickler used here knows tensors and nothing else, and the
    check sums of the zip file are compared first, which torch itself does not do.

    Args:
        data: The content of the file.
        source: Its name, for messages.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        CheckpointError: If the file is damaged, or holds anything else.

    Example:
        >>> buffer = io.BytesIO()
        >>> torch.save({"weight": torch.ones(2)}, buffer)
        >>> read_state_dict(buffer.getvalue(), "a.pt")
        {'weight': tensor([1., 1.])}
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            changed = archive.testzip()
        if changed is None:
            weights = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(source, "it holds code or objects, which are never loaded") from error
    except Exception as error:  # damaged archives raise nearly anything
        raise _refused(source, str(error).partition("\n")[0][:100]) from error
    if changed is not None:
        raise _refused(source, f"the check sum of {changed} is wrong")
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in weights.values()):
        raise _refused(source, "it holds something else than named tensors")
    return weights


def _refused(source: str, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{source} is damaged, or no state dict of torch.save: {reason}. "
        "Use another copy, or ask for a .safetensors file."
    )
