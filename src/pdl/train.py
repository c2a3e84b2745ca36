"""How is a model trained on a folder of images, from the first line to the saved file?

``python -m pdl.train photos`` does it, and so does ``pdl train photos``. Under ``torchrun`` the
processes share the work. The folder of a run holds::

    params.json          the settings
    metrics.jsonl        one line an epoch
    last.safetensors     everything needed to go on, after each epoch
    model.safetensors    the trained model, for ``pdl predict``
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torchvision.transforms import v2

from pdl import engine
from pdl.allocator import keep_freed_memory
from pdl.checkpoint import STATE_FILE
from pdl.data.folder import ImageFolderCustom
from pdl.data.loaders import Loader, make_loader
from pdl.data.sampling import split_indices
from pdl.data.sources import find
from pdl.data.transforms import augmentation
from pdl.device import choose_device
from pdl.engine import History, StepResult
from pdl.errors import ConfigError, DataError
from pdl.optim import adamw, param_groups, schedule, warmup_cosine
from pdl.ranks import in_step, is_main, joined, rank, speaker, wait_for_all, world_size
from pdl.recipe import Recipe, Request, parse
from pdl.seed import set_seeds
from pdl.stopping import said_in_one_line
from pdl.tracking import METRICS_FILE, PARAMS_FILE, create_tracker
from pdl.trained import MODEL_FILE, build_model, save_trained


class Images(NamedTuple):
    """The batches of a run. Each rank has its share."""

    train: Loader
    val: Loader | None
    test: Loader | None
    class_names: list[str]
    counts: dict[str, int]
    """Images to train, validate and test with, over all ranks."""


class Outcome(NamedTuple):
    """What a run came to."""

    folder: Path
    history: History
    test: StepResult | None
    """Loss and accuracy on the test images, measured once; None if there are none."""

    def facts(self) -> dict[str, Any]:
        """The result in one level, as ``--json`` prints it.

        Returns:
            The file of the model, epochs, and the last value of each measurement.
        """
        facts: dict[str, Any] = {"model": str(self.folder / MODEL_FILE)}
        facts["epochs"] = self.history.epochs
        facts |= {key: values[-1] for key, values in self.history.items()}
        facts["seconds"] = sum(self.history["seconds"])
        if self.test is not None:
            facts |= {"test_loss": self.test.loss, "test_acc": self.test.metric}
        return facts


def run(recipe: Recipe, *, quiet: bool = False) -> Outcome:
    """Train a model, and write it into the folder of the run.

    Everything is looked at before the first file is written: a wrong folder of images, a model
    that does not exist or a folder that holds another run leaves nothing behind.

    Args:
        recipe: What to train, on what, and how.
        quiet: Print nothing.

    Returns:
        History and test result.

    Raises:
        ConfigError: If a setting is not valid, or ``recipe.folder`` holds a run that is neither to
            be resumed nor to be overwritten.
        DataError: If the images are missing or damaged.
        TrainingError: If the loss or a weight becomes NaN or infinite.

    Example:
        >>> import tempfile
        >>> from pdl.data.drawn import draw_food_folder
        >>> counts = {"train": (5, 5, 5), "test": (1, 1, 1)}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     food = draw_food_folder(Path(folder, "food"), counts=counts)
        ...     recipe = Recipe(data=str(food), out=Path(folder, "run"), epochs=1)
        ...     outcome = run(recipe, quiet=True)
        ...     sorted(path.name for path in outcome.folder.iterdir())
        ['last.safetensors', 'metrics.jsonl', 'model.safetensors', 'params.json']
    """
    with joined(choose_device(recipe.device)) as device:
        say = speaker(quiet=quiet)
        check_folder(recipe)
        wait_for_all()  # before the main process writes what the others would take for an old run
        train_dir, test_dir = image_folders(recipe.data)
        set_seeds(recipe.seed + rank())
        model = _model(recipe, ImageFolderCustom(train_dir).classes)
        images = load_images(recipe, train_dir, test_dir, model)
        say(_described(model, images, device))
        if is_main():
            _clear(recipe)
        history = _train(recipe, model, images, device, say)
        test = None
        if images.test is not None:
            loss_fn = nn.CrossEntropyLoss()
            test = engine.test_step(model, images.test, loss_fn, device=device, amp=recipe.amp)
        if is_main():
            save_trained(model, recipe.folder)
        outcome = Outcome(recipe.folder, history, test)
        if test is not None:
            say(f"test     loss {test.loss:.4f}  accuracy {test.metric:.2%}")
        say(f"the model is in {recipe.folder / MODEL_FILE}")
        return outcome


def image_folders(data: str) -> tuple[Path, Path | None]:
    """Where the images to train with are, and those to test with.

    Args:
        data: A folder of images, or the name of a data set.

    Returns:
        The folder to train with, and the folder to test with if there is one.

    Raises:
        DataError: If there is neither a folder nor a data set of that name.

    Example:
        >>> train_dir, test_dir = image_folders("food_mini")
        >>> train_dir.name, test_dir.name
        ('train', 'test')
    """
    folder = Path(data)
    if not folder.is_dir():
        try:
            found = find(data)
        except ConfigError as error:
            raise DataError(
                f"data must be a folder of images or the name of a data set, got {data!r}, which "
                "is neither. Check the path; `pdl data list` has the names."
            ) from error
        folder = found.path
    train_dir, test_dir = folder / "train", folder / "test"
    if not train_dir.is_dir():
        return folder, None
    return train_dir, test_dir if test_dir.is_dir() else None


def load_images(recipe: Recipe, train_dir: Path, test_dir: Path | None, model: nn.Module) -> Images:
    """The batches of a run: to learn from, to validate with, to test with.

    Args:
        recipe: Batch size, split, augmentation, workers, seed.
        train_dir: Folder with a folder of images for each class.
        test_dir: The same for the test, if there is one.
        model: Its ``transform`` makes tensors of the pictures.

    Returns:
        The batches, of this rank's share.

    Raises:
        ConfigError: If the batch can not be shared evenly among the ranks.
        DataError: If a folder is empty, damaged, or has other classes than the first.
    """
    ranks = world_size()
    if recipe.batch_size % ranks:
        raise ConfigError(
            f"batch_size must be a multiple of the number of processes, got {recipe.batch_size} "
            f"for {ranks}. Choose {recipe.batch_size - recipe.batch_size % ranks or ranks}."
        )
    shared: dict[str, Any] = {
        "batch_size": recipe.batch_size // ranks,
        "num_workers": recipe.workers,
        "seed": recipe.seed,
    }
    pictures = ImageFolderCustom(train_dir)
    rest, aside = list(range(len(pictures))), list[int]()
    if recipe.val_fraction > 0:
        rest, aside = split_indices(pictures.targets, recipe.val_fraction, seed=recipe.seed)
    transform: Any = model.transform
    train = make_loader(
        pictures,
        indices=rest,
        transform=v2.Compose([*augmentation(recipe.augment), transform]),
        shuffle=True,
        rank=rank(),
        world_size=ranks,
        **shared,
    )

    def measured(dataset: ImageFolderCustom, indices: list[int]) -> Loader | None:
        """Every sample once, on one rank: what is measured counts nothing twice."""
        ours = indices[rank() :: ranks]
        return make_loader(dataset, indices=ours, transform=transform, **shared) if ours else None

    counts = {"train": len(rest), "val": len(aside), "test": 0}
    test = None
    if test_dir is not None:
        unseen = ImageFolderCustom(test_dir, classes=pictures.classes)
        counts["test"] = len(unseen)
        test = measured(unseen, list(range(len(unseen))))
    if ranks > max(1, min((count for count in counts.values() if count), default=1)):
        raise DataError(f"each of {ranks} processes needs an image, got {counts}. Start fewer.")
    return Images(train, measured(pictures, aside), test, pictures.classes, counts)


def check_folder(recipe: Recipe) -> None:
    """Refuse a folder with a run in it, unless it is to be resumed as it was, or overwritten.

    Args:
        recipe: The recipe.

    Raises:
        ConfigError: If it is refused; the message has the settings that differ.
    """
    params, state = recipe.folder / PARAMS_FILE, recipe.folder / STATE_FILE
    if not params.exists() and not state.exists():
        return
    if not (recipe.resume or recipe.overwrite):
        raise ConfigError(
            f"{str(recipe.folder)!r} holds a run. Add --resume to go on with it, --overwrite to "
            "throw it away, or choose another folder with --out."
        )
    if recipe.resume:
        before: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            before = json.loads(params.read_text(encoding="utf-8"))
        now = recipe.params()
        changed = [
            f"{name}={before[name]!r} then and {now[name]!r} now"
            for name in now
            if name in before and name not in _MAY_CHANGE and before[name] != now[name]
        ]
        if changed:
            raise ConfigError(
                f"{str(recipe.folder)!r} holds a run with other settings: {'; '.join(changed)}. "
                "Resume with the same, or choose another folder with --out."
            )


_MAY_CHANGE = {"epochs", "data", "workers", "device", "compile"}


def _model(recipe: Recipe, class_names: list[str]) -> nn.Module:
    if len(class_names) < 2:
        raise DataError(
            f"there must be at least 2 classes to tell apart, got {class_names}. Make a folder of "
            "images for each class."
        )
    return build_model(
        recipe.model,
        class_names,
        channels=recipe.channels,
        image_size=recipe.image_size,
        pretrained=recipe.pretrained,
        freeze=False if recipe.fine_tune else None,
        seed=recipe.seed,
    )


def _train(
    recipe: Recipe, model: nn.Module, images: Images, device: torch.device, say: Any
) -> History:
    model.to(device)
    optimizer = _optimizer(recipe, model)
    steps = recipe.epochs * len(images.train)
    scheduler = None
    if recipe.schedule == "cosine":
        warmup = min(steps // 20, steps - 1)
        scheduler = schedule(
            optimizer, lambda step: warmup_cosine(step, total_steps=steps, warmup_steps=warmup)
        )
    tracker = create_tracker(recipe.folder, kinds=recipe.track) if is_main() else None  # type: ignore[arg-type]  # checked by the recipe
    if tracker is not None:
        tracker.log_params(recipe.params())

    def note(epoch: int, row: Mapping[str, float]) -> None:
        say(_line(epoch, recipe.epochs, row))
        if tracker is not None:
            tracker.log_metrics(row, step=epoch)

    try:
        return engine.train(
            in_step(model, device),
            images.train,
            images.val,
            optimizer=optimizer,
            loss_fn=nn.CrossEntropyLoss(),
            epochs=recipe.epochs,
            device=device,
            scheduler=scheduler,
            schedule_every="step",
            grad_clip=recipe.grad_clip,
            amp=recipe.amp,
            compile=recipe.compile,
            channels_last=recipe.channels_last,
            checkpoint=recipe.folder / STATE_FILE,
            resume=recipe.resume,
            progress=False,
            on_epoch=note,
        )
    finally:
        if tracker is not None:
            tracker.close()


def _optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    if recipe.optimizer == "adamw":
        return adamw(model, lr=recipe.lr, weight_decay=recipe.weight_decay)
    groups = param_groups(model, recipe.weight_decay)
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=0.9)


def _clear(recipe: Recipe) -> None:
    if recipe.overwrite:
        for name in (PARAMS_FILE, METRICS_FILE, STATE_FILE, MODEL_FILE):
            (recipe.folder / name).unlink(missing_ok=True)


def _described(model: nn.Module, images: Images, device: torch.device) -> str:
    counts = images.counts
    learned = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    names = images.class_names
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    where = f"{world_size()} processes on {device.type}" if world_size() > 1 else str(device)
    return (
        f"{shown}: {counts['train']:,} images to train, {counts['val']:,} to validate, "
        f"{counts['test']:,} to test\n{learned:,} parameters to learn, on {where}"
    )


def _line(epoch: int, epochs: int, row: Mapping[str, float]) -> str:
    parts = [f"epoch {epoch:>{len(str(epochs))}}/{epochs}"]
    for part in ("train", "val"):
        if f"{part}_loss" in row:
            loss, accuracy = row[f"{part}_loss"], row[f"{part}_acc"]
            parts.append(f"{part} loss {loss:.4f}  accuracy {accuracy:.2%}")
    return "  ".join([*parts, f"{row['seconds']:.1f} s"])


def main(request: Request) -> None:
    """Train as a command line asked for, and report.

    Args:
        request: What `pdl.recipe.parse` read.
    """
    keep_freed_memory()
    outcome = run(request.recipe, quiet=request.json)
    if request.json and is_main():
        print(json.dumps(outcome.facts(), indent=2))  # noqa: T201 - the report of a program


if __name__ == "__main__":
    with said_in_one_line():
        main(parse(prog="python -m pdl.train"))
