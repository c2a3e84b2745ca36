"""Does a saved file belong to this model and this run, and if not, what differs?"""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pdl.errors import CheckpointError, ConfigError, PdlWarning

_REMEDY = "Build the model with the settings it was saved with."


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside; a compiled or distributed one would prefix the name of every weight.

    Args:
        model: A model, compiled, distributed, both or neither.

    Returns:
        The original model.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> unwrapped(torch.compile(model)) is model
        True
    """
    original: nn.Module = getattr(model, "_orig_mod", model)
    return original.module if isinstance(original, DistributedDataParallel) else original


def check_weights(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights of another architecture, before anything is changed.

    Args:
        model: The model to load into.
        weights: Tensors by name.
        path: Where they come from.

    Raises:
        CheckpointError: If a name or a shape differs; the message has the first five.
    """
    own = unwrapped(model).state_dict()
    differences = [f"{name} is missing in the file" for name in own if name not in weights]
    differences += [
        f"{name} is missing in the model" for name in sorted(weights) if name not in own
    ]
    differences += [
        f"{name} has shape {tuple(value.shape)} in the file and {tuple(own[name].shape)} here"
        for name, value in weights.items()
        if name in own and own[name].shape != value.shape
    ]
    _refuse(path, "for another model", differences, _REMEDY)


def config_text(model: nn.Module, config: Mapping[str, Any] | None = None) -> str:
    """What a model was built with, as JSON.

    Args:
        model: The model; its ``config`` is used if it is a dataclass or a mapping.
        config: What to use instead.

    Returns:
        JSON, ``"null"`` if nothing is known.

    Raises:
        ConfigError: If there is something in it that JSON can not hold.
    """
    chosen: object = config if config is not None else getattr(unwrapped(model), "config", None)
    if is_dataclass(chosen) and not isinstance(chosen, type):
        chosen = asdict(chosen)
    try:
        return json.dumps(dict(chosen) if isinstance(chosen, Mapping) else None, sort_keys=True)
    except TypeError as error:
        raise ConfigError(
            f"config must hold numbers, text and lists of them, got: {error}. Convert it first."
        ) from error


def check_config(saved: str, model: nn.Module, path: Path) -> None:
    """Refuse a file of a model that was built with other settings.

    Args:
        saved: What `config_text` returned when the file was written.
        model: The model to load into.
        path: The file.

    Raises:
        CheckpointError: If both settings are known and differ; the message has the fields.
    """
    then, now = json.loads(saved), json.loads(config_text(model))
    if then is None or now is None:
        return
    fields = [
        f"{name}={then.get(name)!r} in the file and {now.get(name)!r} here"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]
    _refuse(path, "for another configuration", fields, _REMEDY)


def check_parts(saved: Mapping[str, str], here: Mapping[str, str], path: Path) -> None:
    """Refuse to resume with another optimizer, scheduler or set of loaders.

    Args:
        saved: What each part was.
        here: What each part is.
        path: The file.

    Raises:
        CheckpointError: If one differs.
    """
    differences = [
        f"{name} {saved.get(name)} in the file and {kind} here"
        for name, kind in here.items()
        if saved.get(name) != kind
    ]
    remedy = "Resume with the same parts, or start a new file."
    _refuse(path, "by a run with other parts", differences, remedy)


def machine() -> dict[str, str]:
    """What decides whether results are equal to the last bit.

    Returns:
        Version of torch and number of threads.
    """
    return {"torch": str(torch.__version__), "threads": str(torch.get_num_threads())}


def warn_of_machine(saved: Mapping[str, str], path: Path) -> None:
    """Warn when a run is resumed where it can not be equal to the last bit.

    Args:
        saved: What `machine` returned when the file was written.
        path: The file.
    """
    changed = [
        f"{key} {saved.get(key)} then, {value} now"
        for key, value in machine().items()
        if saved.get(key) != value
    ]
    if changed:
        warnings.warn(
            f"{path} was written on another set-up ({'; '.join(changed)}): the resumed run will be "
            "as good, but not equal to the last bit.",
            PdlWarning,
            stacklevel=4,
        )


def _refuse(path: Path, written: str, differences: Sequence[str], remedy: str) -> None:
    if differences:
        more = f"; and {len(differences) - 5} more" if len(differences) > 5 else ""
        raise CheckpointError(
            f"{path} was written {written}: {'; '.join(differences[:5])}{more}. {remedy}"
        )
