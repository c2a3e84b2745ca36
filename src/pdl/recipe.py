"""What can be chosen about a training run, and how is it written on a command line?

No torch in here: `--help` and a wrong option are answered at once.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from pdl.errors import ConfigError

MODELS = (
    "tiny_vgg",
    "efficientnet_lite0",
    "efficientnet_b0",
    "efficientnet_b2",
    "resnet18",
    "vit_b_16",
    "vit_tiny_food",
)
"""What ``--model`` takes: the small network of chapter 03, and known networks to learn on from."""

_Rule: TypeAlias = tuple[str, Callable[[Any], bool], float]
"""What a value must be, in words and as a test, and what to try instead."""
_CHOICES: dict[str, tuple[str, ...]] = {
    "model": MODELS,
    "augment": ("none", "flip", "trivial"),
    "optimizer": ("adamw", "sgd"),
    "schedule": ("constant", "cosine"),
}
_COUNT: _Rule = ("at least 1", lambda value: value >= 1, 1)
_NUMBER: _Rule = ("0 or more", lambda value: value >= 0, 0)
_RULES: dict[str, _Rule] = {
    "epochs": _COUNT,
    "batch_size": _COUNT,
    "channels": _COUNT,
    "image_size": _COUNT,
    "workers": _NUMBER,
    "seed": _NUMBER,
    "lr": ("a positive number", lambda value: 0 < value < math.inf, 0.001),
    "weight_decay": ("0 or a positive number", lambda value: 0 <= value < math.inf, 0.01),
    "grad_clip": ("a positive number", lambda value: 0 < value < math.inf, 1.0),
    "val_fraction": ("at least 0 and below 1", lambda value: 0 <= value < 1, 0.2),
}
_TRACKERS = ("tensorboard", "mlflow")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what a run does: the same recipe gives the same model.

    Attributes:
        data: Folder of images: with ``train`` and ``test`` folders in it, each with a folder for
            every class, or with the folders of the classes themselves. Or the name of a data set,
            such as ``food_mini``.
        out: Folder of the run; ``runs/DATA-MODEL`` if left out.
        model: One of `MODELS`.
        channels: Channels of ``tiny_vgg`` between its layers.
        image_size: Height and width for ``tiny_vgg``, in pixels; the others know their own.
        pretrained: Start the known networks from their ImageNet weights.
        fine_tune: Train all of a known network and not only its new head.
        epochs: How often to go through the training images.
        batch_size: Images in a step, over all processes together.
        lr: Learning rate.
        weight_decay: Pull of the weights towards zero.
        optimizer: "adamw", or "sgd" with momentum 0.9.
        schedule: "constant", or "cosine" with a warm-up of a twentieth of the steps.
        augment: "none"; "flip" for mirror images; "trivial" for TrivialAugment.
        val_fraction: Share of the training images for validation, in ``[0, 1)``.
        seed: Chooses the split, the first weights, order and augmentation.
        workers: Processes that load images; 0 loads in this one.
        device: "auto", "cpu", "cuda", "cuda:0", "mps".
        amp: Compute in bfloat16 where that is safe.
        compile: Compile the model first.
        channels_last: Lay out images with the channels innermost.
        grad_clip: Largest allowed norm of all gradients; none if left out.
        track: Trackers on top of the JSON lines: "tensorboard", "mlflow".
        resume: Go on with the run in ``out``.
        overwrite: Start anew in an ``out`` that holds a run.

    Raises:
        ConfigError: If a setting is out of range or two contradict each other.

    Example:
        >>> Recipe(data="photos").folder
        PosixPath('runs/photos-tiny_vgg')
    """

    data: str
    out: Path | None = None
    model: str = "tiny_vgg"
    channels: int = 10
    image_size: int = 64
    pretrained: bool = True
    fine_tune: bool = False
    epochs: int = 5
    batch_size: int = 32
    lr: float = 0.001
    weight_decay: float = 0.01
    optimizer: str = "adamw"
    schedule: str = "constant"
    augment: str = "none"
    val_fraction: float = 0.2
    seed: int = 42
    workers: int = 0
    device: str = "auto"
    amp: bool = False
    compile: bool = False
    channels_last: bool = False
    grad_clip: float | None = None
    track: tuple[str, ...] = ()
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}. "
                    "Choose one of them."
                )
        for kind in self.track:
            if kind not in _TRACKERS:
                raise ConfigError(
                    f"track must be one of {', '.join(_TRACKERS)}, got {kind!r}. JSON lines are "
                    "written in any case."
                )
        for name, (rule, holds, instead) in _RULES.items():
            value = getattr(self, name)
            if value is not None and not holds(value):
                raise ConfigError(f"{name} must be {rule}, got {value}. Try {instead}.")
        if self.resume and self.overwrite:
            raise ConfigError(
                "resume goes on with a run and overwrite throws it away: got both. Choose one."
            )

    @property
    def folder(self) -> Path:
        """Where the run writes its files."""
        name = Path(self.data).resolve().name if "/" in self.data else self.data
        return self.out or Path("runs", f"{name}-{self.model}")

    def params(self) -> dict[str, Any]:
        """The settings that decide the result, for a tracker and to compare runs.

        Returns:
            Values by name, without ``out``, ``resume``, ``overwrite`` and ``track``.
        """
        values = asdict(self)
        for name in ("out", "resume", "overwrite", "track"):
            del values[name]
        return values


class Request(argparse.Namespace):
    """What was asked for on a command line: a recipe, and how to report."""

    recipe: Recipe
    json: bool


def parse(arguments: Sequence[str] | None = None, *, prog: str | None = None) -> Request:
    """Read a command line.

    Args:
        arguments: What stands after the name of the program; ``sys.argv`` if left out.
        prog: Name of the program in its messages.

    Returns:
        The recipe, and whether JSON is wanted on stdout.

    Raises:
        ConfigError: If a value is out of range. A line that can not be read at all ends the
            program, as `argparse` does, with usage on stderr and exit code 2.

    Example:
        >>> request = parse(["photos", "--epochs", "3", "--lr", "0.01"])
        >>> request.recipe.epochs, request.recipe.lr, request.json
        (3, 0.01, False)
    """
    given = vars(_parser(prog).parse_args(arguments))
    as_json = given.pop("json")
    given["track"] = tuple(given.get("track", ()))
    return Request(recipe=Recipe(**given), json=as_json)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.format_usage()}error: {message}. See {self.prog} --help.\n")


def _parser(prog: str | None) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=prog,
        description="Train a model on a folder of images.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    defaults = {field.name: field.default for field in fields(Recipe)}

    def option(name: str, words: str, **more: Any) -> None:
        flag, default = f"--{name.replace('_', '-')}", defaults[name]
        if isinstance(default, bool):
            switch = argparse.BooleanOptionalAction if default else "store_true"
            group.add_argument(flag, action=switch, default=argparse.SUPPRESS, help=words)
            return
        kind = type(default) if isinstance(default, (int, float)) else str
        settings: dict[str, Any] = {
            "type": kind,
            "default": default,
            "choices": _CHOICES.get(name),
        } | more
        shown = None if "choices" in more or name in _CHOICES else name.upper()
        if settings["default"] in {None, ()}:
            settings["default"] = argparse.SUPPRESS  # what is not given is left to the recipe
        group.add_argument(flag, help=words, metavar=shown, **settings)

    group = parser.add_argument_group("what")
    group.add_argument(
        "data", help="folder of images, by class or with train and test in it, or a data set's name"
    )
    option("out", "folder of the run; runs/DATA-MODEL if left out", type=Path)
    option("model", "network")
    option("channels", "channels of tiny_vgg")
    option("image_size", "height and width for tiny_vgg, in pixels")
    option("pretrained", "start from ImageNet weights")
    option("fine_tune", "train the whole network, not only the new head")
    group = parser.add_argument_group("how to learn")
    option("epochs", "times through the training images")
    option("batch_size", "images in a step")
    option("lr", "learning rate")
    option("weight_decay", "pull of the weights towards zero")
    option("optimizer", "who takes the steps")
    option("schedule", "how the learning rate changes")
    option("augment", "random changes of training images")
    option("val_fraction", "share of the training images for validation")
    option("grad_clip", "largest allowed norm of all gradients; none if left out", type=float)
    option("seed", "of every random number")
    group = parser.add_argument_group("where and how fast")
    option("device", "auto, cpu, cuda, cuda:0 or mps")
    option("workers", "processes that load images; 0 loads in this one")
    option("amp", "compute in bfloat16 where that is safe")
    option("compile", "compile the model first")
    option("channels_last", "lay out images with the channels innermost")
    group = parser.add_argument_group("keeping and reporting")
    option("resume", "go on with the run in the folder")
    option("overwrite", "start anew in a folder that holds a run")
    option(
        "track",
        "tracker on top of the JSON lines; may be repeated",
        action="append",
        choices=_TRACKERS,
    )
    group.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser
