"""How do weights of torchvision's and timm's Vision Transformers come into ours, and back?

The three compute the same function and name its parts differently. A conversion renames tensors and
changes no number.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from pdl.errors import CheckpointError, ConfigError
from pdl.vit.config import ViTConfig
from pdl.vit.model import VisionTransformer

# ours -> theirs; {} is the number of the block.
_NAMES: dict[str, dict[str, str]] = {
    "torchvision": {
        "embeddings.class_token": "class_token",
        "embeddings.position": "encoder.pos_embedding",
        "embeddings.patches.projection.": "conv_proj.",
        "blocks.{}.norm1.": "encoder.layers.encoder_layer_{}.ln_1.",
        "blocks.{}.attention.qkv.": "encoder.layers.encoder_layer_{}.self_attention.in_proj_",
        "blocks.{}.attention.output.": "encoder.layers.encoder_layer_{}.self_attention.out_proj.",
        "blocks.{}.norm2.": "encoder.layers.encoder_layer_{}.ln_2.",
        "blocks.{}.mlp.linear1.": "encoder.layers.encoder_layer_{}.mlp.0.",
        "blocks.{}.mlp.linear2.": "encoder.layers.encoder_layer_{}.mlp.3.",
        "norm.": "encoder.ln.",
        "pre_logits.0.": "heads.pre_logits.",
        "head.": "heads.head.",
    },
    "timm": {
        "embeddings.class_token": "cls_token",
        "embeddings.position": "pos_embed",
        "embeddings.patches.projection.": "patch_embed.proj.",
        "blocks.{}.norm1.": "blocks.{}.norm1.",
        "blocks.{}.attention.qkv.": "blocks.{}.attn.qkv.",
        "blocks.{}.attention.output.": "blocks.{}.attn.proj.",
        "blocks.{}.norm2.": "blocks.{}.norm2.",
        "blocks.{}.mlp.linear1.": "blocks.{}.mlp.fc1.",
        "blocks.{}.mlp.linear2.": "blocks.{}.mlp.fc2.",
        "norm.": "norm.",
        "head.": "head.",
    },
}
# torchvision's published files of 2022 call the layers so; its models rename them when they load.
_OLD = {".mlp.linear_1.": ".mlp.0.", ".mlp.linear_2.": ".mlp.3."}


def import_weights(
    weights: Mapping[str, Tensor], config: ViTConfig, *, library: str
) -> dict[str, Tensor]:
    """Give the weights of another library our names.

    Args:
        weights: A state dict of theirs.
        config: The sizes of our model.
        library: Whose state dict it is, ``"torchvision"`` or ``"timm"``.

    Returns:
        A state dict for `pdl.vit.model.VisionTransformer`, of the same tensors.

    Raises:
        CheckpointError: If a tensor is missing, has another shape, or is one too many: theirs is
            another model.
        ConfigError: If there is no such library, or it has no such model.

    Example:
        >>> from torchvision.models import VisionTransformer as Theirs
        >>> config = ViTConfig.preset("Ti/8", image_size=64, num_classes=3)
        >>> theirs = Theirs(64, 8, 12, 3, 192, 768, num_classes=3)
        >>> weights = import_weights(theirs.state_dict(), config, library="torchvision")
        >>> VisionTransformer(config).load_state_dict(weights)
        <All keys matched successfully>
    """
    shapes = _shapes(config)
    names = _theirs(shapes, config, library)
    given = {_modern(name) if library == "torchvision" else name: weights[name] for name in weights}
    wanted = {names[own]: shape for own, shape in shapes.items()}
    _check(given, wanted, whose=f"{library}'s")
    return {own: given[theirs] for own, theirs in names.items()}


def export_weights(
    weights: Mapping[str, Tensor], config: ViTConfig, *, library: str
) -> dict[str, Tensor]:
    """Give our weights the names of another library: the way back of `import_weights`.

    Args:
        weights: A state dict of `pdl.vit.model.VisionTransformer`.
        config: The sizes of our model.
        library: Whose names to take, ``"torchvision"`` or ``"timm"``.

    Returns:
        A state dict for their model of the same sizes, of the same tensors.

    Raises:
        CheckpointError: If these are not the weights of a model of that configuration.
        ConfigError: If there is no such library, or it has no such model.

    Example:
        >>> config = ViTConfig.preset("Ti/8", image_size=64, num_classes=3)
        >>> ours = VisionTransformer(config).state_dict()
        >>> list(export_weights(ours, config, library="timm"))[:2]
        ['cls_token', 'pos_embed']
    """
    shapes = _shapes(config)
    names = _theirs(shapes, config, library)
    _check(weights, shapes, whose="our")
    return {theirs: weights[own] for own, theirs in names.items()}


def _shapes(config: ViTConfig) -> dict[str, torch.Size]:
    with torch.device("meta"):  # sizes without numbers: no memory, no chance
        model = VisionTransformer(config)
    return {name: weight.shape for name, weight in model.state_dict().items()}


def _theirs(own: Iterable[str], config: ViTConfig, library: str) -> dict[str, str]:
    if library not in _NAMES:
        raise ConfigError(f'library must be "torchvision" or "timm", got {library!r}. Choose one.')
    if library == "timm" and config.representation_dim is not None:
        raise ConfigError(
            "timm's models have no layer before the head, got representation_dim="
            f"{config.representation_dim}. Build the configuration without it."
        )
    names = {}
    for name in own:
        number = name.split(".")[1] if name.startswith("blocks.") else ""
        template = name.replace(f"blocks.{number}.", "blocks.{}.", 1) if number else name
        head = next(head for head in _NAMES[library] if template.startswith(head))
        names[name] = (_NAMES[library][head] + template[len(head) :]).replace("{}", number)
    return names


def _modern(name: str) -> str:
    for old, new in _OLD.items():
        name = name.replace(old, new)
    return name


def _check(given: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], *, whose: str) -> None:
    missing = [name for name in wanted if name not in given]
    extra = [name for name in given if name not in wanted]
    shapes = [
        f"{name} {tuple(given[name].shape)} instead of {tuple(shape)}"
        for name, shape in wanted.items()
        if name in given and given[name].shape != shape
    ]
    kinds = {"missing": missing, "one too many": extra, "of another shape": shapes}
    found = [
        f"{kind}: {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
        for kind, names in kinds.items()
        if names
    ]
    if found:
        raise CheckpointError(
            f"weights must be {whose} tensors of a model of this configuration, got "
            f"{'; '.join(found)}. {_remedy(missing, extra, shapes)}"
        )


def _remedy(missing: list[str], extra: list[str], shapes: list[str]) -> str:
    if shapes and not missing and not extra:
        if all("pos" in text for text in shapes):
            return "Build the configuration with their image_size, then use resize_model."
        if all("head" in text for text in shapes):
            return "Build the configuration with their num_classes, then give it a new head."
        return "Build the configuration with the sizes of their model."
    if len(missing) > 3 and len(extra) > 3 and not shapes:
        return "Choose the library that the weights come from."
    return "Choose their plain Vision Transformer with a class token, and its depth."
