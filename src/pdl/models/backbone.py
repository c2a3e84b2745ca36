"""How does a network that already knows pictures learn new classes?

A backbone is a network trained on many pictures, without its last layer. It turns a picture into a
row of numbers, its features; a new last layer, the head, turns those into scores of the new
classes. With a few hundred pictures it is enough to train the head.
"""

import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights
from torchvision.transforms import InterpolationMode, v2

from pdl.errors import ConfigError, DataError
from pdl.inputs import Transform, check_counts, check_images, check_rate
from pdl.mode import device_of, preserve_mode
from pdl.models.pretrained import (
    VIT_TINY_FOOD,
    lite0_weights,
    torchvision_weights,
    vit_tiny_food_weights,
)
from pdl.seed import preserve_rng_state, set_seeds
from pdl.typing import Batches, Labels, Logits
from pdl.vit.config import ViTConfig
from pdl.vit.model import VisionTransformer


class _Recipe(NamedTuple):
    head: str
    """What the network calls its own last layers."""
    dropout: float
    """What its authors trained the last layer with."""
    size: int | None
    """Height and width in pixels, if no other size will do."""


_RECIPES: dict[str, _Recipe] = {
    "efficientnet_b0": _Recipe("classifier", 0.2, None),
    "efficientnet_b2": _Recipe("classifier", 0.3, None),
    "efficientnet_lite0": _Recipe("classifier", 0.2, None),
    "resnet18": _Recipe("fc", 0.0, None),
    "vit_b_16": _Recipe("heads", 0.0, 224),
    VIT_TINY_FOOD: _Recipe("head", 0.0, 64),
}

BACKBONES: tuple[str, ...] = tuple(_RECIPES)
"""The names that `create_backbone` knows."""


class Backbone(nn.Module):
    """A feature extractor and a new head; made by `create_backbone`.

    Parts of ``features`` without a trainable parameter stay in eval mode, also after ``train()``.
    Otherwise BatchNorm would go on collecting statistics of the new pictures, and the "frozen"
    features would drift from batch to batch.

    Args:
        name: Name of the network.
        features: From pictures ``(B, 3, H, W)`` to features ``(B, D)``.
        num_features: Width ``D`` of a row of features.
        num_classes: Number of classes ``K``.
        dropout: Probability of dropping a feature in training.
    """

    def __init__(
        self,
        name: str,
        features: nn.Module,
        *,
        num_features: int,
        num_classes: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.name = name
        self.config = {"name": name, "num_classes": num_classes, "dropout": dropout}
        self.num_features = num_features
        self.features = features
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(num_features, num_classes))

    @property
    def frozen(self) -> bool:
        """Whether no part of the features is being trained."""
        return not any(parameter.requires_grad for parameter in self.features.parameters())

    @property
    def transform(self) -> Transform:
        """What the network's authors do to a picture before they show it to the network.

        Takes a picture of PIL's in RGB, gives a tensor ``(3, H, W)``.
        """
        return eval_transform(self.name)

    def forward(self, images: Tensor) -> Logits:
        """Scores of the classes.

        Args:
            images: Pictures of shape ``(B, 3, H, W)`` out of `transform`.

        Returns:
            Logits of shape ``(B, K)``.
        """
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """What the network sees in the pictures, before any class.

        Args:
            images: Pictures of shape ``(B, 3, H, W)`` out of `transform`.

        Returns:
            Features of shape ``(B, D)``.
        """
        weight = next(self.features.parameters())
        check_images(images, weight, channels=3, size=_RECIPES[self.name].size)
        features: Tensor = self.features(images)
        return features

    def forward_head(self, features: Tensor) -> Logits:
        """Scores of the classes from features that were computed before.

        Args:
            features: Features of shape ``(B, D)``.

        Returns:
            Logits of shape ``(B, K)``.
        """
        logits: Logits = self.head(features)
        return logits

    def freeze(self) -> "Backbone":
        """Keep the features as they are: train the head alone.

        Returns:
            The same model.
        """
        self.features.requires_grad_(False)
        return self.train(self.training)

    def unfreeze(self) -> "Backbone":
        """Train the features too: fine-tuning. Use a learning rate ten times smaller or less.

        Returns:
            The same model.
        """
        self.features.requires_grad_(True)
        return self.train(self.training)

    def train(self, mode: bool = True) -> "Backbone":
        """Switch to train or eval mode, and leave what is frozen in eval mode.

        Args:
            mode: True for training.

        Returns:
            The same model.
        """
        super().train(mode)
        for part in self.features.modules():
            weights = list(part.parameters())
            if weights and not any(weight.requires_grad for weight in weights):
                part.eval()
        return self


def create_backbone(
    name: str,
    num_classes: int,
    *,
    pretrained: bool = True,
    freeze: bool | None = None,
    dropout: float | None = None,
    seed: int | None = None,
) -> Backbone:
    """Take a known network and give it a new head.

    The head starts from random numbers, drawn as ``nn.Linear`` always does: after
    ``set_seeds(42)`` it is the same head that you would write by hand.

    Args:
        name: One of `BACKBONES`. The weights of ``"efficientnet_lite0"`` come as a package, those
            of ``"vit_tiny_food"`` are made with `pdl.pretrain`, the others are fetched on first
            use.
        num_classes: Number of classes ``K``, at least 2.
        pretrained: Start from weights that know pictures, those of ImageNet for all but
            ``"vit_tiny_food"``; False starts from random numbers.
        freeze: Train the head alone. If left out, frozen when pretrained: random features are not
            worth keeping.
        dropout: Probability of dropping a feature in training, in ``[0, 1)``; what the network's
            authors used if left out.
        seed: Draw from a source of chance of its own and leave the global one alone.

    Returns:
        The model on the CPU, in train mode.

    Raises:
        ConfigError: If there is no such network, a setting is out of range, or a package that the
            network needs is missing. Weights that can not be had are a `DataError`.

    Example:
        >>> model = create_backbone("resnet18", num_classes=3, pretrained=False, freeze=True)
        >>> sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        1539
    """
    if name not in _RECIPES:
        raise ConfigError(
            f"name must be one of {', '.join(BACKBONES)}, got {name!r}. Choose one of them."
        )
    check_counts(least=2, num_classes=num_classes)
    recipe = _RECIPES[name]
    dropout = recipe.dropout if dropout is None else dropout
    check_rate(dropout=dropout)
    with nullcontext() if seed is None else preserve_rng_state():
        if seed is not None:
            set_seeds(seed)
        features, width = _features(name, pretrained=pretrained)
        model = Backbone(
            name, features, num_features=width, num_classes=num_classes, dropout=dropout
        )
    return model.freeze() if (pretrained if freeze is None else freeze) else model


def eval_transform(name: str) -> Transform:
    """What a network's authors do to a picture before they show it to the network.

    Not the same for all: sizes, crops, interpolation and normalization differ.

    Args:
        name: One of `BACKBONES`.

    Returns:
        A transform from a picture of PIL's in RGB to a tensor ``(3, H, W)``.

    Example:
        >>> preset = eval_transform("efficientnet_b0")
        >>> preset.crop_size, preset.resize_size
        ([224], [256])
    """
    if name == VIT_TINY_FOOD:
        return _preset(resize=64, crop=64)
    if name == "efficientnet_lite0":
        # The numbers of timm's tf_efficientnet_lite0.in1k; the crop is 0.875 of the side.
        return _preset(resize=256, crop=224)
    preset: Transform = get_model_weights(name).DEFAULT.transforms()
    return preset


def extract_features(model: Backbone, loader: Batches) -> tuple[Tensor, Labels]:
    """Show every picture to the network once, and keep what it saw.

    A frozen backbone gives the same features in every epoch. Computed once, they make training the
    head a matter of seconds: pass ``[extract_features(model, loader)]``, or a loader over
    them, to `pdl.engine.train` with ``model.head``.

    Args:
        model: The backbone; left in its mode, on its device.
        loader: Batches of pictures ``(B, 3, H, W)`` and labels ``(B,)``.

    Returns:
        Features of shape ``(N, D)`` and labels of shape ``(N,)``, on the CPU.

    Raises:
        DataError: If there is no batch.

    Example:
        >>> model = create_backbone("resnet18", num_classes=3, pretrained=False)
        >>> features, labels = extract_features(
        ...     model, [(torch.zeros(2, 3, 32, 32), torch.tensor([0, 1]))]
        ... )
        >>> features.shape
        torch.Size([2, 512])
    """
    device = device_of(model)
    features, labels = [], []
    # no_grad and not inference_mode: tensors of inference mode can not be trained on later.
    with preserve_rng_state(), preserve_mode(model), torch.no_grad():
        model.eval()
        for images, targets in loader:
            features.append(model.forward_features(images.to(device)).cpu())
            labels.append(targets.cpu())
    if not features:
        raise DataError("loader must give at least one batch, got none. Check the data set.")
    return torch.cat(features), torch.cat(labels)


def _features(name: str, *, pretrained: bool) -> tuple[nn.Module, int]:
    """The network without its last layers, and the width of what it gives."""
    # The random numbers that pretrained weights replace are not taken from the program's stream.
    unused: AbstractContextManager[None] = preserve_rng_state() if pretrained else nullcontext()
    with unused:
        network = _OWN[name].build() if name in _OWN else get_model(name, weights=None)
    if pretrained:
        own = network.state_dict()
        weights = _OWN[name].weights(own) if name in _OWN else torchvision_weights(name)
        network.load_state_dict(weights)
    head = _RECIPES[name].head
    parts = network.get_submodule(head).modules()
    widths = [part.in_features for part in parts if isinstance(part, nn.Linear)]
    setattr(network, head, nn.Identity())
    return network, widths[-1]


def _lite0() -> nn.Module:
    try:
        with warnings.catch_warnings():  # its progress bars miss widgets in a bare kernel
            warnings.filterwarnings("ignore", message="IProgress not found")
            import timm  # noqa: PLC0415 - optional, and seconds to import
    except ImportError as error:
        raise ConfigError(
            "efficientnet_lite0 needs the package timm, which is not installed. "
            "Run: pip install timm"
        ) from error
    network: nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    return network


def _vit_tiny_food() -> nn.Module:
    return VisionTransformer(ViTConfig.preset("Ti/8", image_size=64))


def _preset(*, resize: int, crop: int) -> Transform:
    compose: Transform = v2.Compose(
        [
            v2.Resize(resize, interpolation=InterpolationMode.BICUBIC, antialias=True),
            v2.CenterCrop(crop),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5]),
        ]
    )
    return compose


class _Source(NamedTuple):
    build: Callable[[], nn.Module]
    weights: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


_OWN: dict[str, _Source] = {
    "efficientnet_lite0": _Source(_lite0, lite0_weights),
    VIT_TINY_FOOD: _Source(_vit_tiny_food, vit_tiny_food_weights),
}
"""The networks that torchvision does not have."""
