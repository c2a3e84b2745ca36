"""What does the model say about this picture?

A picture goes through the same transform as in evaluation, the model gives logits, and softmax
turns them into probabilities. The model is left in its mode and on its device, and the program's
random numbers as they were.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.v2.functional import to_pil_image

from pdl.data.images import BadImage, image_files, open_image, to_rgb, why_bad
from pdl.errors import ConfigError, DataError, ShapeError
from pdl.mode import device_of, evaluating
from pdl.seed import preserve_rng_state
from pdl.typing import Batches

if TYPE_CHECKING:
    import matplotlib.figure

Picture: TypeAlias = str | Path | Image.Image | Tensor
"""A file, a picture of PIL's, or a tensor ``(C, H, W)``."""

Transform: TypeAlias = Callable[[Any], Tensor]
"""Makes the tensor ``(C, H, W)`` that a model expects out of a picture of PIL's in RGB."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says about one picture."""

    source: str
    """Path of the file, or the picture's place in the list."""
    labels: tuple[str, ...]
    """Names of the likeliest classes, best first."""
    probs: tuple[float, ...]
    """Their probabilities, in ``[0, 1]``."""

    @property
    def label(self) -> str:
        """The likeliest class."""
        return self.labels[0]

    @property
    def prob(self) -> float:
        """Its probability, in ``[0, 1]``."""
        return self.probs[0]


def predict(
    model: nn.Module,
    images: Picture | Sequence[Picture],
    class_names: Sequence[str],
    *,
    transform: Transform | None = None,
    top_k: int = 3,
    batch_size: int = 32,
) -> list[Prediction]:
    """The likeliest classes of one picture or many.

    Files, pictures of PIL's and ``uint8`` tensors are made RGB, whether gray or transparent, and go
    through the transform. Tensors of decimal numbers are taken as they are, as a `DataLoader`
    gives them.

    Args:
        model: From ``(B, C, H, W)`` to logits ``(B, K)``; or one logit a picture, whose sign
            decides between two classes.
        images: A path, a picture of PIL's, a tensor ``(C, H, W)`` or a batch ``(B, C, H, W)``, or a
            sequence of these.
        class_names: Names of the ``K`` classes, in the order of training.
        transform: That of the evaluation data; the model's own ``transform`` if left out.
        top_k: Classes to name for each picture; all if there are fewer.
        batch_size: Pictures in memory at once.

    Returns:
        One prediction for each picture, in their order; a list also for a single one.

    Raises:
        ConfigError: If a setting is out of range, there is no transform, or the names are not as
            many as the logits.
        DataError: If a picture can not be read, or the model gives no number for it. A tensor that
            is no picture, or of another size than the others, is a `ShapeError`.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
        >>> for parameter in model.parameters():
        ...     _ = nn.init.zeros_(parameter)
        >>> result = predict(model, torch.zeros(1, 2, 2), ["pizza", "steak", "sushi"])
        >>> [f"{prob:.2f}" for prob in result[0].probs]
        ['0.33', '0.33', '0.33']
    """
    for name, value in (("top_k", top_k), ("batch_size", batch_size)):
        if value < 1:
            raise ConfigError(f"{name} must be at least 1, got {value}. Try {name}=1.")
    transform = getattr(model, "transform", None) if transform is None else transform
    named = iter(_named(images))
    predictions: list[Prediction] = []
    with preserve_rng_state():
        while group := list(islice(named, batch_size)):
            sources = [source for source, _ in group]
            inputs = [_tensor(picture, source, transform) for source, picture in group]
            probs = _probs(model, _stack(inputs, sources))
            _check_names(class_names, probs.shape[1])
            best = probs.topk(min(top_k, len(class_names)), dim=1)
            for source, values, indices in zip(sources, *best, strict=True):
                if not bool(torch.isfinite(values).all()):
                    raise DataError(
                        f"the model must give finite numbers, got NaN for {source}. Check the "
                        "picture's transform, and whether training went well."
                    )
                labels = tuple(class_names[index] for index in indices.tolist())
                predictions.append(Prediction(source, labels, tuple(values.tolist())))
    return predictions


def find_images(paths: Iterable[str | Path]) -> list[Path]:
    """The images that paths stand for: files as they are, folders for all images below them.

    Args:
        paths: Files and folders.

    Returns:
        Files in their order; those of a folder by their paths.

    Raises:
        DataError: If a folder has no image, or there is no path at all.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("b.png", "a.jpg", "notes.txt"):
        ...         Path(folder, name).touch()
        ...     [path.name for path in find_images([folder])]
        ['a.jpg', 'b.png']
    """
    found: list[Path] = []
    for path in map(Path, paths):
        below = image_files(path) if path.is_dir() else [path]
        if not below:
            raise DataError(
                f"{path} must be an image or a folder of images, got a folder without any. Check "
                "the path."
            )
        found += below
    if not found:
        raise DataError("there must be an image to look at, got no path. Pass files or folders.")
    return found


def predict_files(
    model: nn.Module,
    paths: Sequence[Path],
    class_names: Sequence[str],
    *,
    transform: Transform | None = None,
    top_k: int = 3,
    batch_size: int = 32,
) -> tuple[list[Prediction], list[BadImage]]:
    """The likeliest classes of every file that can be read, and the reason for every other.

    Args:
        model: The model, as for `predict`.
        paths: Image files.
        class_names: Names of the classes, in the order of training.
        transform: That of the evaluation data; the model's own ``transform`` if left out.
        top_k: Classes to name for each picture; all if there are fewer.
        batch_size: Pictures in memory at once.

    Returns:
        Predictions and damaged files, each in the order of the files.

    Example:
        >>> import tempfile
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "empty.png")
        ...     path.touch()
        ...     done, bad = predict_files(model, [path], ["a", "b", "c"], transform=torch.zeros)
        >>> len(done), bad[0].path.name
        (0, 'empty.png')
    """
    settings: dict[str, Any] = {"transform": transform, "top_k": top_k}
    predictions, bad = list[Prediction](), list[BadImage]()
    for start in range(0, len(paths), batch_size):
        group = list(paths[start : start + batch_size])
        reasons = [BadImage(path, reason) for path in group if (reason := why_bad(path))]
        bad += reasons
        sound = [path for path in group if path not in {image.path for image in reasons}]
        if sound:
            predictions += predict(model, sound, class_names, **settings)
    return predictions, bad


def predict_loader(model: nn.Module, loader: Batches) -> tuple[Tensor, Tensor]:
    """Probabilities for every sample of a loader, with the true labels: to see what goes wrong.

    Args:
        model: From inputs to logits ``(B, K)``, or one logit a sample.
        loader: Batches ``(inputs, labels)``.

    Returns:
        Probabilities of shape ``(N, K)`` and labels of shape ``(N,)``, on the CPU.

    Raises:
        DataError: If there is no batch.

    Example:
        >>> batches = [(torch.eye(2), torch.tensor([0, 1]))]
        >>> probs, labels = predict_loader(nn.Identity(), batches)
        >>> probs
        tensor([[0.7311, 0.2689],
                [0.2689, 0.7311]])
    """
    probs, labels = [], []
    with preserve_rng_state():
        for inputs, targets in loader:
            probs.append(_probs(model, inputs))
            labels.append(targets.cpu())
    if not probs:
        raise DataError("loader must give at least one batch, got none. Check the data set.")
    return torch.cat(probs), torch.cat(labels)


def pred_and_plot_image(
    model: nn.Module,
    image: Picture,
    class_names: Sequence[str],
    *,
    transform: Transform | None = None,
    top_k: int = 3,
) -> "matplotlib.figure.Figure":
    """A picture with what the model takes it for.

    Args:
        model: The model, as for `predict`.
        image: A path, a picture of PIL's, or a tensor ``(C, H, W)``.
        class_names: Names of the classes, in the order of training.
        transform: That of the evaluation data; the model's own ``transform`` if left out.
        top_k: Classes to name; all if there are fewer.

    Returns:
        A figure.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
        >>> figure = pred_and_plot_image(model, torch.zeros(1, 2, 2), ["pizza", "steak", "sushi"])
        >>> figure.axes[1].get_xlabel()
        'probability (%)'
    """
    from pdl.gallery import plot_prediction  # noqa: PLC0415 - predict alone needs no matplotlib

    picture = open_image(image) if isinstance(image, str | Path) else image
    result = predict(model, [picture], class_names, transform=transform, top_k=top_k)[0]
    return plot_prediction(picture, result.labels, result.probs)


def plot_files(
    predictions: Sequence[Prediction], class_names: Sequence[str]
) -> "matplotlib.figure.Figure":
    """Pictures from files, each with its likeliest class.

    Args:
        predictions: What `predict_files` gave, with all classes.
        class_names: Names of the classes.

    Returns:
        A figure.
    """
    from pdl.gallery import plot_images_with_predictions  # noqa: PLC0415 - needs matplotlib

    pictures = [open_image(each.source) for each in predictions]
    shares = [dict(zip(each.labels, each.probs, strict=True)) for each in predictions]
    probs = torch.tensor([[share[name] for name in class_names] for share in shares])
    return plot_images_with_predictions(pictures, probs, class_names)


def _named(images: Picture | Sequence[Picture]) -> list[tuple[str, Picture]]:
    """Pictures with what to call them in messages and results."""
    if isinstance(images, str | Path | Image.Image):
        images = [images]
    elif isinstance(images, Tensor):
        images = [images] if images.dim() == 3 else list(images)
    names = [
        str(picture)
        if isinstance(picture, str | Path)
        else str(getattr(picture, "filename", "") or f"image {number}")
        for number, picture in enumerate(images, start=1)
    ]
    return list(zip(names, images, strict=True))


def _tensor(picture: Picture, source: str, transform: Transform | None) -> Tensor:
    if isinstance(picture, Tensor) and picture.dim() != 3:
        raise ShapeError(
            f"{source} must have shape (C, H, W), got {tuple(picture.shape)}. Pass pictures one by "
            "one, or as a batch (B, C, H, W)."
        )
    if isinstance(picture, Tensor) and picture.is_floating_point():
        return picture
    if transform is None:
        raise ConfigError(
            f"a transform must turn {source} into a tensor, got none and the model has none of its "
            "own. Pass transform= as in evaluation."
        )
    if isinstance(picture, str | Path):
        return transform(open_image(picture))
    image = to_pil_image(picture.cpu()) if isinstance(picture, Tensor) else picture
    return transform(to_rgb(image))


def _stack(inputs: list[Tensor], sources: list[str]) -> Tensor:
    for tensor, source in zip(inputs, sources, strict=True):
        if tensor.shape != inputs[0].shape:
            raise ShapeError(
                f"pictures of a batch must have one shape, got {tuple(inputs[0].shape)} for "
                f"{sources[0]} and {tuple(tensor.shape)} for {source}. Resize them in the "
                "transform."
            )
    return torch.stack(inputs)


def _probs(model: nn.Module, inputs: Tensor) -> Tensor:
    """Probabilities of shape (B, K), on the CPU in float32."""
    types = (weight.dtype for weight in model.parameters() if weight.is_floating_point())
    with evaluating(model):
        logits = model(inputs.to(device_of(model), next(types, inputs.dtype)))
    if not isinstance(logits, Tensor) or len(logits) != len(inputs) or logits.dim() > 2:
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ShapeError(
            f"model must give logits of shape ({len(inputs)}, K) for {len(inputs)} samples, got "
            f"{shape}. Use a model that classifies."
        )
    logits = logits.float().cpu().reshape(len(inputs), -1)
    if logits.shape[1] == 1:  # one logit is that of class 1 against 0
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    return logits.softmax(dim=1)


def _check_names(class_names: Sequence[str], classes: int) -> None:
    if len(class_names) != classes:
        raise ConfigError(
            f"there must be a name for each class, got {len(class_names)} names and a model with "
            f"{classes} classes. Pass the names the model was trained with."
        )
