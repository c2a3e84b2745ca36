"""How does a trained model become one file, and the file a model again that can predict?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from pdl.checkpoint import load_model, read_metadata, save_model
from pdl.errors import CheckpointError, ConfigError, PdlError
from pdl.models.backbone import BACKBONES, create_backbone
from pdl.models.tiny_vgg import TinyVGG
from pdl.seed import preserve_rng_state, set_seeds

MODEL_FILE = "model.safetensors"
"""Name of the weights in the folder of a run."""


class Trained(NamedTuple):
    """A model and the names of the classes it tells apart."""

    model: nn.Module
    class_names: list[str]


def build_model(
    name: str,
    class_names: Sequence[str],
    *,
    channels: int = 10,
    image_size: int = 64,
    pretrained: bool = True,
    freeze: bool | None = None,
    seed: int = 42,
) -> nn.Module:
    """Build a model by its name, which keeps in its ``config`` how to build it again.

    Args:
        name: "tiny_vgg", or one of `pdl.models.backbone.BACKBONES`.
        class_names: Names of the classes, in the order of their labels.
        channels: Channels of TinyVGG between its layers.
        image_size: Height and width for TinyVGG, in pixels.
        pretrained: Start a backbone from its ImageNet weights.
        freeze: Train its head alone; if left out, when it is pretrained.
        seed: Chooses the first weights of what is not pretrained.

    Returns:
        The model, on the CPU, with a ``transform`` for pictures.

    Raises:
        ConfigError: If there is no such model, or a setting is out of range.

    Example:
        >>> model = build_model("tiny_vgg", ["pizza", "steak", "sushi"])
        >>> model.config["name"], model.config["class_names"]
        ('tiny_vgg', ['pizza', 'steak', 'sushi'])
    """
    model: TinyVGG | nn.Module
    if name == "tiny_vgg":
        with preserve_rng_state():
            set_seeds(seed)
            model = TinyVGG(channels=channels, num_classes=len(class_names), image_size=image_size)
    elif name in BACKBONES:
        model = create_backbone(
            name, len(class_names), pretrained=pretrained, freeze=freeze, seed=seed
        )
    else:
        raise ConfigError(
            f"model must be tiny_vgg or one of {', '.join(BACKBONES)}, got {name!r}. Choose one."
        )
    return _named(model, name, class_names)


def save_trained(model: nn.Module, folder: str | Path) -> Path:
    """Save a model of `build_model` so that it can be had again from the file alone.

    Args:
        model: The model.
        folder: The folder of its run.

    Returns:
        Path of the file.
    """
    return save_model(model, folder, MODEL_FILE)


def load_trained(path: str | Path) -> Trained:
    """Take a model out of the file of `save_trained`.

    Args:
        path: The file, or the folder of a run that has it.

    Returns:
        The model in eval mode, and the names of its classes.

    Raises:
        CheckpointError: If there is no such file, or it does not say how to build its model.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = save_trained(build_model("tiny_vgg", ["cat", "dog"]), folder)
        ...     load_trained(folder).class_names
        ['cat', 'dog']
    """
    path = Path(path)
    path = path / MODEL_FILE if path.is_dir() else path
    config: Any = read_metadata(path).get("config")
    try:
        model = _rebuilt(config)
    except (KeyError, TypeError, AttributeError, PdlError) as error:
        raise CheckpointError(
            f"{path} does not say how to build its model. Pass a {MODEL_FILE} that `pdl train` "
            "wrote; weights of your own go into your own model with load_model."
        ) from error
    return Trained(load_model(model, path).eval(), list(config["class_names"]))


def _named(model: nn.Module, name: str, class_names: Sequence[str]) -> nn.Module:
    config: dict[str, Any] = dict(model.config)  # type: ignore[arg-type]  # a dict in all of ours
    model.config = config | {"name": name, "class_names": list(class_names)}  # type: ignore[assignment]
    return model


def _rebuilt(config: dict[str, Any]) -> nn.Module:
    settings = dict(config)
    name, class_names = settings.pop("name"), list(settings.pop("class_names"))
    if name == "tiny_vgg":
        return _named(TinyVGG(**settings), name, class_names)
    count = settings.pop("num_classes")
    model = create_backbone(name, count, pretrained=False, freeze=True, **settings)
    return _named(model, name, class_names)
