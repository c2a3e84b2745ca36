"""Which sizes does a Vision Transformer have, and how many parameters follow from them?

The sizes are those of Table 1 of the paper, "An Image is Worth 16x16 Words" (Dosovitskiy et al.,
2021, arXiv 2010.11929), and the two smaller ones of DeiT (Touvron et al., 2021, arXiv 2012.12877).
"""

from dataclasses import dataclass
from typing import NamedTuple

from pdl.errors import ConfigError
from pdl.inputs import check_counts, check_rate


class _Size(NamedTuple):
    embed_dim: int
    depth: int
    num_heads: int
    mlp_dim: int


_SIZES: dict[str, _Size] = {
    "Ti": _Size(192, 12, 3, 768),  # DeiT, Table 1
    "S": _Size(384, 12, 6, 1536),  # DeiT, Table 1
    "B": _Size(768, 12, 12, 3072),  # Table 1
    "L": _Size(1024, 24, 16, 4096),  # Table 1
    "H": _Size(1280, 32, 16, 5120),  # Table 1
}

PRESETS: tuple[str, ...] = tuple(_SIZES)
"""Tiny, Small, Base, Large, Huge: the letters that `ViTConfig.preset` knows."""


@dataclass(frozen=True, kw_only=True)
class ViTConfig:
    """The sizes of a Vision Transformer; left out, they are those of ViT-B/16.

    | in the paper | here |
    |---|---|
    | ``H``, ``W`` | ``image_size`` (pictures are square) |
    | ``P`` | ``patch_size`` |
    | ``C`` | ``in_channels`` |
    | ``N`` | ``num_patches`` |
    | ``D``, hidden size | ``embed_dim`` |
    | ``L``, layers | ``depth`` |
    | ``k``, heads | ``num_heads`` |
    | MLP size | ``mlp_dim`` |

    Attributes:
        image_size: Height and width of a picture in pixels, a multiple of ``patch_size``.
        patch_size: Height and width of a patch in pixels.
        in_channels: Channels of a picture.
        num_classes: Number of classes, at least 2.
        embed_dim: Width of a token, a multiple of ``num_heads``.
        depth: Number of encoder blocks.
        num_heads: Number of attention heads in each block.
        mlp_dim: Width between the two layers of a block's MLP.
        dropout: Probability of dropping a number after each dense layer but those of query, key
            and value, and after the position embedding (App. B.1), in ``[0, 1)``.
        attention_dropout: Probability of dropping an attention weight, in ``[0, 1)``.
        drop_path: Probability of leaving out a branch of the last block; it grows from 0 in the
            first block in equal steps (stochastic depth, Huang et al., 2016), in ``[0, 1)``.
        representation_dim: Width of a layer with tanh before the head, as the authors used it in
            pretraining (Sec. 3.1); None for the single linear layer of fine-tuning.

    Raises:
        ConfigError: If a number is out of range, or two do not fit together.

    Example:
        >>> config = ViTConfig()
        >>> config.num_patches, config.num_tokens, config.head_dim
        (196, 197, 64)
        >>> f"{config.num_parameters:,}"
        '86,567,656'
    """

    image_size: int = 224  # Sec. 4.1, pretraining
    patch_size: int = 16
    in_channels: int = 3
    num_classes: int = 1000
    embed_dim: int = 768
    depth: int = 12
    num_heads: int = 12
    mlp_dim: int = 3072
    dropout: float = 0.0
    attention_dropout: float = 0.0
    drop_path: float = 0.0
    representation_dim: int | None = None

    def __post_init__(self) -> None:
        check_counts(
            image_size=self.image_size,
            patch_size=self.patch_size,
            in_channels=self.in_channels,
            embed_dim=self.embed_dim,
            depth=self.depth,
            num_heads=self.num_heads,
            mlp_dim=self.mlp_dim,
        )
        check_counts(least=2, num_classes=self.num_classes)
        if self.representation_dim is not None:
            check_counts(representation_dim=self.representation_dim)
        check_rate(
            dropout=self.dropout,
            attention_dropout=self.attention_dropout,
            drop_path=self.drop_path,
        )
        check_patches(self.image_size, self.patch_size)
        check_heads(self.embed_dim, self.num_heads)

    @classmethod
    def preset(
        cls,
        name: str,
        *,
        image_size: int = 224,
        in_channels: int = 3,
        num_classes: int = 1000,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> "ViTConfig":
        """The sizes that have a name.

        Args:
            name: One of `PRESETS`, a slash, and the patch size: ``"B/16"`` is ViT-Base with
                patches of 16 pixels.
            image_size: Height and width of a picture in pixels.
            in_channels: Channels of a picture.
            num_classes: Number of classes.
            dropout: As in `ViTConfig`.
            attention_dropout: As in `ViTConfig`.
            drop_path: As in `ViTConfig`.

        Returns:
            The configuration.

        Raises:
            ConfigError: If there is no such size.

        Example:
            >>> ViTConfig.preset("Ti/8", image_size=64, num_classes=3).num_patches
            64
        """
        letter, slash, patch = name.partition("/")
        if letter not in _SIZES or not slash or not patch.isdecimal():
            raise ConfigError(
                f"name must be one of {', '.join(PRESETS)}, a slash and a patch size, got "
                f'{name!r}. Try "B/16".'
            )
        size = _SIZES[letter]
        return cls(
            image_size=image_size,
            patch_size=int(patch),
            in_channels=in_channels,
            num_classes=num_classes,
            embed_dim=size.embed_dim,
            depth=size.depth,
            num_heads=size.num_heads,
            mlp_dim=size.mlp_dim,
            dropout=dropout,
            attention_dropout=attention_dropout,
            drop_path=drop_path,
        )

    @property
    def grid_size(self) -> int:
        """Patches in a row, and rows of patches."""
        return self.image_size // self.patch_size

    @property
    def num_patches(self) -> int:
        """``N = H * W / P**2`` (Sec. 3.1)."""
        return self.grid_size**2

    @property
    def num_tokens(self) -> int:
        """``T = N + 1``: the patches and the class token."""
        return self.num_patches + 1

    @property
    def head_dim(self) -> int:
        """Width of one head, ``d = D / h`` (App. A)."""
        return self.embed_dim // self.num_heads

    @property
    def num_parameters(self) -> int:
        """The number of parameters, counted from the sizes without building the model."""
        D, M = self.embed_dim, self.mlp_dim
        embeddings = self.in_channels * self.patch_size**2 * D + D  # E of eq. 1, and its bias
        embeddings += D + self.num_tokens * D  # the class token and E_pos of eq. 1
        attention = 4 * (D * D + D)  # query, key, value and output: eq. 5 and 8, with biases
        mlp = (D * M + M) + (M * D + D)
        norm = 2 * D  # a scale and a shift
        block = attention + mlp + 2 * norm
        width = D if self.representation_dim is None else self.representation_dim
        pre_logits = 0 if self.representation_dim is None else D * width + width
        head = width * self.num_classes + self.num_classes
        return embeddings + self.depth * block + norm + pre_logits + head


def check_patches(image_size: int, patch_size: int) -> None:
    """Refuse patches that do not cover the picture: a convolution would cut the rest off silently.

    Args:
        image_size: Height and width of a picture in pixels.
        patch_size: Height and width of a patch in pixels.

    Raises:
        ConfigError: If the picture is not a whole number of patches wide.

    Example:
        >>> check_patches(224, 16)
    """
    if image_size % patch_size:
        fitting = [side for side in range(1, image_size + 1) if image_size % side == 0]
        below = max(side for side in fitting if side < patch_size)
        above = min((side for side in fitting if side > patch_size), default=image_size)
        raise ConfigError(
            f"image_size must be a multiple of patch_size, got image_size={image_size} and "
            f"patch_size={patch_size} (remainder {image_size % patch_size}). "
            f"Try patch_size={below} or patch_size={above}."
        )


def check_heads(embed_dim: int, num_heads: int) -> None:
    """Refuse heads that do not divide the token.

    Args:
        embed_dim: Width of a token.
        num_heads: Number of heads.

    Raises:
        ConfigError: If the width is not a multiple of the number of heads.

    Example:
        >>> check_heads(768, 12)
    """
    if embed_dim % num_heads:
        raise ConfigError(
            f"embed_dim must be a multiple of num_heads, got embed_dim={embed_dim} and "
            f"num_heads={num_heads} (remainder {embed_dim % num_heads}). "
            "Choose num_heads among the divisors of embed_dim."
        )
