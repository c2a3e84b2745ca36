"""How is our small Vision Transformer made that knows food before it sees ours?

``python -m pdl.pretrain FOLDER`` trains ViT-Tiny with patches of 8 pixels on atlases of 64 x 64
photos (`pdl.data.atlas`); ``create_backbone("vit_tiny_food")`` takes the weights from there. The
folder of the run, in the cache if ``--out`` is left out, holds::

    model.safetensors    the averaged weights in float16
    README.md            the card of the model
    run.json             the same facts for programs
    last.safetensors     everything needed to go on, after each epoch

The recipe is that of DeiT (Touvron et al., 2021, arXiv 2012.12877, Table 9), made shorter: fifty
thousand small pictures are little for a Transformer, so most of it is there to keep the network
from learning them by heart.
"""

import argparse
import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from pdl import engine
from pdl._version import __version__
from pdl.allocator import keep_freed_memory
from pdl.averaging import averaged, keep_average
from pdl.card import model_card
from pdl.checkpoint import STATE_FILE, save_model
from pdl.data.atlas import Atlases, read_atlases
from pdl.data.augment import BatchAugment
from pdl.data.memory import InMemoryLoader
from pdl.data.mixing import MixedBatches, mixed_hits
from pdl.device import choose_device
from pdl.engine import History
from pdl.errors import ConfigError
from pdl.files import check_writable, write_atomic
from pdl.inputs import check_counts, check_rate
from pdl.models.pretrained import VIT_TINY_FOOD, VIT_TINY_FOOD_FILE, vit_tiny_food_folders
from pdl.optim import adamw, schedule, warmup_cosine
from pdl.ranks import in_step, is_main, joined, rank, speaker, world_size
from pdl.seed import set_seeds
from pdl.stopping import said_in_one_line
from pdl.vit.config import ViTConfig
from pdl.vit.model import VisionTransformer

CARD_FILE, RUN_FILE = "README.md", "run.json"

_HELP = {
    "data": "folder of atlases, see pdl.data.atlas",
    "out": "folder of the run; in the cache, where create_backbone looks, if left out",
    "preset": "sizes of the network: Ti/8 is ViT-Tiny with patches of 8 pixels",
    "epochs": "times through the pictures",
    "batch_size": "pictures in a step, over all processes",
    "lr": "highest learning rate",
    "weight_decay": "pull of the weights towards zero",
    "warmup_epochs": "epochs in which the learning rate rises",
    "smoothing": "share of each label that is spread over all classes",
    "drop_path": "probability of leaving out a branch of the last block",
    "mixup": "strength of mixup; 0 for none",
    "cutmix": "strength of CutMix; 0 for none",
    "crop": "smallest share of a picture that is cut out",
    "jitter": "change of brightness, contrast and saturation",
    "average": "share of the averaged weights that stays in each step",
    "grad_clip": "largest allowed norm of all gradients",
    "limit": "training pictures of each class, for a quick try; all if left out",
    "seed": "of every random number",
    "device": "auto, cpu, cuda or cuda:0",
    "amp": "compute in bfloat16 where that is safe",
    "compile": "compile the model first",
    "resume": "go on with the run in the folder",
}


@dataclass(frozen=True, kw_only=True)
class PretrainRecipe:
    """What can be chosen about a pretraining run.

    Attributes:
        data: Folder of atlases.
        out: Folder of the run; in the cache if left out.
        preset: Sizes of the network, see `ViTConfig.preset`.
        epochs: Times through the pictures.
        batch_size: Pictures in a step, over all ranks.
        lr: Highest learning rate.
        weight_decay: Decay of weight matrices.
        warmup_epochs: Epochs in which the learning rate rises.
        smoothing: Label smoothing, in ``[0, 1)``.
        drop_path: Stochastic depth of the last block, in ``[0, 1)``.
        mixup: Strength of mixup; 0 for none.
        cutmix: Strength of CutMix; 0 for none.
        crop: Smallest share of a picture that is cut out, in ``(0, 1]``.
        jitter: Change of brightness, contrast and saturation, in ``[0, 1)``.
        average: Decay of the averaged weights, in ``[0, 1)``.
        grad_clip: Largest allowed norm of all gradients.
        limit: Training pictures of each class; all if None.
        seed: Of every random number.
        device: Where to train.
        amp: Compute in bfloat16 where that is safe.
        compile: Compile the model first.
        resume: Go on with the run in the folder.

    Raises:
        ConfigError: If a value is out of range.
    """

    data: Path
    out: Path | None = None
    preset: str = "Ti/8"
    epochs: int = 150
    batch_size: int = 1024
    lr: float = 1e-3
    weight_decay: float = 0.05
    warmup_epochs: int = 5
    smoothing: float = 0.1
    drop_path: float = 0.1
    mixup: float = 0.8
    cutmix: float = 1.0
    crop: float = 0.35
    jitter: float = 0.3
    average: float = 0.999
    grad_clip: float = 1.0
    limit: int | None = None
    seed: int = 42
    device: str = "auto"
    amp: bool = True
    compile: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        check_counts(epochs=self.epochs, batch_size=self.batch_size)
        check_rate(smoothing=self.smoothing, drop_path=self.drop_path, jitter=self.jitter)
        if not 0 <= self.warmup_epochs < self.epochs:
            raise ConfigError(
                f"warmup_epochs must be 0 or more and below epochs={self.epochs}, got "
                f"{self.warmup_epochs}. Try {self.epochs // 20}."
            )
        if not 0 < self.lr < math.inf:
            raise ConfigError(f"lr must be a positive number, got {self.lr}. Try 0.001.")

    @property
    def folder(self) -> Path:
        """Where the run is written."""
        return self.out or vit_tiny_food_folders()[-1]

    def settings(self) -> dict[str, Any]:
        """What the result depends on.

        Returns:
            Values by name, without folders, device and ``resume``.
        """
        values = asdict(self)
        for name in ("data", "out", "device", "resume"):
            del values[name]
        return values


class Pretrained(NamedTuple):
    """What a run came to."""

    folder: Path
    history: History
    accuracy: float
    """Of the averaged weights on the pictures that were kept apart."""
    last_accuracy: float
    """Of the weights of the last step."""


def pretrain(recipe: PretrainRecipe, *, quiet: bool = False) -> Pretrained:
    """Train the Vision Transformer on atlases, and write weights, card and facts.

    Under ``torchrun`` each rank has its share of the pictures.

    Args:
        recipe: What to train, and how.
        quiet: Print nothing.

    Returns:
        The measurements.

    Raises:
        ConfigError: If a setting is not valid.
        DataError: If the atlases are missing or damaged.
        TrainingError: If the loss or a weight becomes NaN or infinite.
    """
    with joined(choose_device(recipe.device)) as device:
        say = speaker(quiet=quiet)
        check_writable(recipe.folder)
        atlases = read_atlases(recipe.data, limit=recipe.limit)
        set_seeds(recipe.seed + rank())
        model = build_model(recipe, len(atlases.train.classes)).to(device)
        train_loader, test_loader = build_loaders(recipe, atlases, device)
        steps = len(train_loader)
        say(
            f"{len(atlases.train):,} pictures of {len(atlases.train.classes)} classes, "
            f"{model.config.num_parameters:,} parameters, {recipe.epochs} epochs of {steps} steps "
            f"on {device}"
        )
        optimizer = adamw(model, lr=recipe.lr, weight_decay=recipe.weight_decay)
        keep_average(optimizer, decay=recipe.average)
        warmup, total = recipe.warmup_epochs * steps, recipe.epochs * steps
        scheduler = schedule(
            optimizer, lambda step: warmup_cosine(step, total_steps=total, warmup_steps=warmup)
        )
        loss_fn = nn.CrossEntropyLoss(label_smoothing=recipe.smoothing)

        def note(epoch: int, row: Mapping[str, float]) -> None:
            say(
                f"epoch {epoch:>{len(str(recipe.epochs))}}/{recipe.epochs}  train loss "
                f"{row['train_loss']:.4f}  held-out accuracy {row['val_acc']:.2%}  "
                f"{row['seconds']:.1f} s"
            )

        history = engine.train(
            in_step(model, device),
            train_loader,
            test_loader,
            optimizer=optimizer,
            loss_fn=loss_fn,
            epochs=recipe.epochs,
            device=device,
            metric=mixed_hits,
            scheduler=scheduler,
            schedule_every="step",
            grad_clip=recipe.grad_clip,
            amp=recipe.amp,
            compile=recipe.compile,
            checkpoint=recipe.folder / STATE_FILE,
            resume=recipe.resume,
            progress=False,
            on_epoch=note,
        )
        model.load_state_dict(averaged(model, optimizer))
        model.to(torch.float16)
        if is_main():
            save_model(model, recipe.folder, VIT_TINY_FOOD_FILE)
        model.to(torch.float32)  # measured as it will be used: with the numbers of the file
        result = engine.test_step(model, test_loader, loss_fn, metric=mixed_hits, device=device)
        outcome = Pretrained(recipe.folder, history, result.metric, history["val_acc"][-1])
        if is_main():
            _describe(recipe, atlases, outcome, device)
        say(
            f"held-out accuracy {outcome.accuracy:.2%} (averaged weights), "
            f"{outcome.last_accuracy:.2%} (last weights); the model is in {recipe.folder}"
        )
        return outcome


def build_model(recipe: PretrainRecipe, num_classes: int) -> VisionTransformer:
    """The network of a recipe, with the authors' first weights.

    Args:
        recipe: The recipe.
        num_classes: Number of classes ``K``.

    Returns:
        The model on the CPU.

    Example:
        >>> model = build_model(PretrainRecipe(data=Path("atlases")), 56)
        >>> model(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 56])
    """
    config = ViTConfig.preset(
        recipe.preset, image_size=64, num_classes=num_classes, drop_path=recipe.drop_path
    )
    return VisionTransformer(config)


def build_loaders(
    recipe: PretrainRecipe, atlases: Atlases, device: torch.device
) -> tuple[MixedBatches | InMemoryLoader, InMemoryLoader]:
    """The batches of this rank: changed and mixed to learn from, plain to measure on.

    Args:
        recipe: Batch size, augmentation, seed.
        atlases: The pictures.
        device: Where they are kept.

    Returns:
        Batches to train with, and batches to measure on.

    Raises:
        ConfigError: If a rank has fewer pictures than its share of a batch.
    """
    ranks, size = world_size(), recipe.batch_size // world_size()
    share = len(atlases.train) // ranks
    if not 0 < size <= share or recipe.batch_size % ranks:
        raise ConfigError(
            f"batch_size must be a multiple of {ranks} processes and at most "
            f"{share * ranks} pictures, got {recipe.batch_size}. Choose another batch_size."
        )
    middle, jitter = (0.5, 0.5, 0.5), recipe.jitter  # scaled as create_backbone's transform does
    train: MixedBatches | InMemoryLoader = InMemoryLoader(
        atlases.train,
        indices=range(rank(), share * ranks, ranks),
        batch_size=size,
        shuffle=True,
        drop_last=True,
        seed=recipe.seed + rank(),
        device=device,
        transform=BatchAugment(
            crop=recipe.crop,
            brightness=jitter,
            contrast=jitter,
            saturation=jitter,
            mean=middle,
            std=middle,
        ),
    )
    if recipe.mixup or recipe.cutmix:
        train = MixedBatches(
            train,
            len(atlases.train.classes),
            mixup=recipe.mixup,
            cutmix=recipe.cutmix,
            seed=recipe.seed + rank(),
        )
    test = InMemoryLoader(
        atlases.test,
        indices=range(rank(), len(atlases.test), ranks),
        batch_size=256,
        device=device,
        transform=BatchAugment(flip=False, mean=middle, std=middle),
    )
    return train, test


def _describe(
    recipe: PretrainRecipe, atlases: Atlases, outcome: Pretrained, device: torch.device
) -> None:
    """Write the card and ``run.json``."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    minutes = sum(outcome.history["seconds"]) / 60
    hardware = {
        "device": f"{world_size()} x {name}" if world_size() > 1 else name,
        "minutes": f"{minutes:.1f}",
        "pdl": __version__,
        "torch": torch.__version__,
        "Python": platform.python_version(),
    }
    kept = len(atlases.test)
    results = {
        f"accuracy on {kept:,} pictures kept apart, averaged weights": f"{outcome.accuracy:.2%}",
        "the same, weights of the last step": f"{outcome.last_accuracy:.2%}",
        "by guessing": f"{1 / len(atlases.train.classes):.2%}",
    }
    card = model_card(
        title=f"{VIT_TINY_FOOD}: ViT-{recipe.preset} at 64 x 64 pixels, pretrained on food",
        purpose=(
            "To learn on from, with few photos, as the chapter on the Vision Transformer of the "
            "book PDL does. Not for decisions about food, health or people."
        ),
        data=(
            f"{len(atlases.train):,} photos of Food-101 (Bossard, Guillaumin, Van Gool, ECCV "
            f"2014), cut square and scaled to 64 x 64 pixels; {kept:,} more were kept apart."
        ),
        licence=(
            "The photos belong to their owners; Food-101 is for research and teaching. Use the "
            "weights in the same spirit."
        ),
        recipe=recipe.settings(),
        results=results,
        hardware=hardware,
        classes=atlases.train.classes,
        usage=(
            "from pdl.models.backbone import create_backbone\n\n"
            f'model = create_backbone("{VIT_TINY_FOOD}", num_classes=3)'
        ),
    )
    write_atomic(recipe.folder / CARD_FILE, card.encode())
    facts = {
        "recipe": recipe.settings(),
        "accuracy": outcome.accuracy,
        "last_accuracy": outcome.last_accuracy,
        "classes": atlases.train.classes,
        "pictures": {"train": len(atlases.train), "test": kept},
        "machine": hardware,
        "history": dict(outcome.history),
    }
    write_atomic(recipe.folder / RUN_FILE, (json.dumps(facts, indent=2) + "\n").encode())


def parse(arguments: Sequence[str] | None = None) -> PretrainRecipe:
    """Read a command line.

    Args:
        arguments: What stands after the name of the program; ``sys.argv`` if left out.

    Returns:
        The recipe.

    Raises:
        ConfigError: If a value is out of range.

    Example:
        >>> parse(["atlases", "--epochs", "20", "--no-amp"]).epochs
        20
    """
    parser = argparse.ArgumentParser(
        prog="python -m pdl.pretrain",
        description="Pretrain the small Vision Transformer on atlases of photos.",
        allow_abbrev=False,
    )
    parser.add_argument("data", type=Path, help=_HELP["data"])
    for field in fields(PretrainRecipe):
        if field.name == "data":
            continue
        flag, words, default = f"--{field.name.replace('_', '-')}", _HELP[field.name], field.default
        if isinstance(default, bool):
            action = argparse.BooleanOptionalAction if default else "store_true"
            parser.add_argument(flag, action=action, default=argparse.SUPPRESS, help=words)
            continue
        kind: Any = {"out": Path, "limit": int}.get(field.name, type(default))
        shown = "" if default is None else f" ({default})"
        parser.add_argument(
            flag,
            type=kind,
            default=argparse.SUPPRESS,
            metavar=field.name.upper(),
            help=words + shown,
        )
    return PretrainRecipe(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    with said_in_one_line():
        keep_freed_memory()
        pretrain(parse())
