"""What is a Vision Transformer, equation by equation?

The paper is "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale"
(Dosovitskiy et al., 2021, arXiv 2010.11929). The classes stand in its order:

| in the paper | here |
|---|---|
| eq. 1, ``x_p E`` | `PatchEmbedding` |
| eq. 1, all of it | `Embeddings` |
| eq. 5 to 8, MSA | `MultiHeadSelfAttention` |
| Sec. 3.1, MLP | `MLP` |
| eq. 2 and 3 | `EncoderBlock` |
| eq. 4 and the head | `VisionTransformer` |

Sizes are in `pdl.vit.config`, the numbers that a model starts with in `pdl.vit.init`.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from pdl.inputs import Transform, check_images, check_rate, plain_transform
from pdl.typing import Logits, Tokens
from pdl.vit.config import ViTConfig, check_heads, check_patches
from pdl.vit.init import init_weights

LAYER_NORM_EPS = 1e-6
"""Added to a variance before its square root is divided by (authors' code: flax's default)."""


class PatchEmbedding(nn.Module):
    """Cut a picture into patches and turn each into a token: ``x_p E`` of eq. 1.

    A convolution whose step is as long as its filter is wide sees each patch once: the same
    numbers as flattening the patches and multiplying each with the matrix ``E`` (Sec. 3.1).

    Args:
        image_size: Height and width of a picture in pixels.
        patch_size: Height and width of a patch in pixels, a divisor of ``image_size``.
        in_channels: Channels of a picture.
        embed_dim: Width of a token.

    Raises:
        ConfigError: If the picture is not a whole number of patches wide.

    Example:
        >>> embedding = PatchEmbedding(image_size=224, patch_size=16)
        >>> embedding(torch.zeros(1, 3, 224, 224)).shape
        torch.Size([1, 196, 768])
        >>> sum(weight.numel() for weight in embedding.parameters())
        590592
    """

    def __init__(
        self,
        *,
        image_size: int = 224,
        patch_size: int = 16,
        in_channels: int = 3,
        embed_dim: int = 768,
    ) -> None:
        super().__init__()
        check_patches(image_size, patch_size)
        self.image_size = image_size
        self.projection = nn.Conv2d(
            in_channels, embed_dim, kernel_size=patch_size, stride=patch_size
        )

    def forward(self, images: Tensor) -> Tokens:
        """Patches as tokens, row by row from the top left.

        Args:
            images: Pictures of shape ``(B, C, H, W)``.

        Returns:
            Tokens of shape ``(B, N, D)``.
        """
        weight, channels = self.projection.weight, self.projection.in_channels
        check_images(images, weight, channels=channels, size=self.image_size)
        maps = self.projection(images)  # (B, C, H, W) -> (B, D, H/P, W/P)
        tokens: Tokens = maps.flatten(2).transpose(1, 2)  # -> (B, D, N) -> (B, N, D)
        return tokens


class Embeddings(nn.Module):
    """Patches, the class token before them, and where each stands: eq. 1.

    ``z_0 = [x_class; x_p^1 E; ...; x_p^N E] + E_pos``

    Args:
        config: The sizes.

    Example:
        >>> config = ViTConfig.preset("Ti/8", image_size=64)
        >>> Embeddings(config)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 65, 192])
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.patches = PatchEmbedding(
            image_size=config.image_size,
            patch_size=config.patch_size,
            in_channels=config.in_channels,
            embed_dim=config.embed_dim,
        )
        self.class_token = nn.Parameter(torch.zeros(1, 1, config.embed_dim))
        self.position = nn.Parameter(torch.zeros(1, config.num_tokens, config.embed_dim))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, images: Tensor) -> Tokens:
        """What the first encoder block gets.

        Args:
            images: Pictures of shape ``(B, C, H, W)``.

        Returns:
            Tokens of shape ``(B, N + 1, D)``; number 0 is the class token.
        """
        patches = self.patches(images)
        first = self.class_token.expand(patches.shape[0], -1, -1)
        tokens = torch.cat([first, patches], dim=1)  # (B, N, D) -> (B, N + 1, D)
        embedded: Tokens = self.dropout(tokens + self.position)
        return embedded


class MultiHeadSelfAttention(nn.Module):
    """Let every token ask every token, in several heads at once: eq. 5 to 8 (App. A).

    Each head sees the whole sequence through projections of its own to ``d = D / h`` numbers.

    Args:
        embed_dim: Width ``D`` of a token.
        num_heads: Number of heads ``h``, a divisor of ``embed_dim``.
        dropout: Probability of dropping a number of the output, in ``[0, 1)``.
        attention_dropout: Probability of dropping an attention weight, in ``[0, 1)``.

    Raises:
        ConfigError: If ``embed_dim`` is not a multiple of ``num_heads``.

    Example:
        >>> attention = MultiHeadSelfAttention(768, 12)
        >>> attention(torch.zeros(1, 197, 768)).shape
        torch.Size([1, 197, 768])
        >>> sum(weight.numel() for weight in attention.parameters())
        2362368
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_heads(embed_dim, num_heads)
        check_rate(dropout=dropout, attention_dropout=attention_dropout)
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)  # U_qkv, eq. 5
        self.output = nn.Linear(embed_dim, embed_dim)  # U_msa, eq. 8
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tokens) -> Tokens:
        """Mix the tokens, without ever writing down the whole table of weights.

        Args:
            tokens: Tokens of shape ``(B, T, D)``.

        Returns:
            Tokens of the same shape.
        """
        q, k, v = self._project(tokens)
        rate = self.attention_dropout if self.training else 0.0
        mixed = scaled_dot_product_attention(q, k, v, dropout_p=rate)  # eq. 6 and 7
        return self._join(mixed)

    def forward_with_weights(self, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """The same in plain steps, slower, to see who looks at whom.

        Args:
            tokens: Tokens of shape ``(B, T, D)``.

        Returns:
            Tokens of the same shape, and the weights ``A`` of eq. 6 before dropout, of shape
            ``(B, h, T, T)``: a row for each asking token, which sums to 1.

        Example:
            >>> attention = MultiHeadSelfAttention(8, 2)
            >>> _, weights = attention.forward_with_weights(torch.zeros(1, 4, 8))
            >>> weights[0, 0, 0]
            tensor([0.25, 0.25, 0.25, 0.25], grad_fn=<SelectBackward0>)
        """
        q, k, v = self._project(tokens)
        scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
        weights = scores.softmax(dim=-1)  # eq. 6, (B, h, T, T)
        kept = nn.functional.dropout(weights, self.attention_dropout, training=self.training)
        return self._join(kept @ v), weights  # eq. 7

    def _project(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        parts = self.qkv(tokens).unflatten(-1, (3, self.num_heads, -1))  # -> (B, T, 3, h, d)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)  # -> three times (B, h, T, d)
        return q, k, v

    def _join(self, mixed: Tensor) -> Tensor:
        joined: Tensor = self.output(mixed.transpose(1, 2).flatten(2))  # (B, h, T, d) -> (B, T, D)
        dropped: Tensor = self.dropout(joined)
        return dropped


class MLP(nn.Module):
    """Two dense layers with a GELU between, the same for every token (Sec. 3.1).

    Args:
        embed_dim: Width ``D`` of a token.
        mlp_dim: Width between the layers.
        dropout: Probability of dropping a number after each layer, in ``[0, 1)``.

    Example:
        >>> MLP(8, 32)(torch.zeros(1, 5, 8)).shape
        torch.Size([1, 5, 8])
    """

    def __init__(self, embed_dim: int, mlp_dim: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        check_rate(dropout=dropout)
        self.linear1 = nn.Linear(embed_dim, mlp_dim)
        self.activation = nn.GELU()
        self.dropout1 = nn.Dropout(dropout)
        self.linear2 = nn.Linear(mlp_dim, embed_dim)
        self.dropout2 = nn.Dropout(dropout)

    def forward(self, tokens: Tokens) -> Tokens:
        """Change each token by itself.

        Args:
            tokens: Tokens of shape ``(B, T, D)``.

        Returns:
            Tokens of the same shape.
        """
        wide = self.dropout1(self.activation(self.linear1(tokens)))  # (B, T, D) -> (B, T, M)
        changed: Tokens = self.dropout2(self.linear2(wide))  # (B, T, M) -> (B, T, D)
        return changed


class DropPath(nn.Module):
    """Leave a branch out for some samples of a training batch (Huang et al., 2016).

    What stays is divided by the share that stays, so that the mean is kept.

    Args:
        rate: Probability of leaving it out, in ``[0, 1)``.

    Example:
        >>> DropPath(0.5).eval()(torch.ones(3))
        tensor([1., 1., 1.])
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        check_rate(rate=rate)
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """Zero the branch of some samples.

        Args:
            branch: Tensor whose first dimension counts samples.

        Returns:
            Tensor of the same shape.
        """
        if self.rate == 0 or not self.training:
            return branch
        kept = torch.rand(branch.shape[:1] + (1,) * (branch.dim() - 1), device=branch.device)
        return branch * ((kept >= self.rate).to(branch.dtype) / (1 - self.rate))


class EncoderBlock(nn.Module):
    """Attention and MLP, each with a LayerNorm before it and a way around it: eq. 2 and 3.

    Args:
        config: The sizes.
        drop_path: Probability of leaving out each of the two branches, in ``[0, 1)``.

    Example:
        >>> block = EncoderBlock(ViTConfig.preset("B/16"))
        >>> block(torch.zeros(1, 197, 768)).shape
        torch.Size([1, 197, 768])
        >>> sum(weight.numel() for weight in block.parameters())
        7087872
    """

    def __init__(self, config: ViTConfig, *, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.embed_dim, eps=LAYER_NORM_EPS)
        self.attention = MultiHeadSelfAttention(
            config.embed_dim,
            config.num_heads,
            dropout=config.dropout,
            attention_dropout=config.attention_dropout,
        )
        self.norm2 = nn.LayerNorm(config.embed_dim, eps=LAYER_NORM_EPS)
        self.mlp = MLP(config.embed_dim, config.mlp_dim, dropout=config.dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tokens) -> Tokens:
        """One layer of the encoder.

        Args:
            tokens: Tokens of shape ``(B, T, D)``.

        Returns:
            Tokens of the same shape.
        """
        tokens = tokens + self.drop_path(self.attention(self.norm1(tokens)))  # eq. 2
        encoded: Tokens = tokens + self.drop_path(self.mlp(self.norm2(tokens)))  # eq. 3
        return encoded

    def forward_with_weights(self, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """The same, slower, with the attention weights.

        Args:
            tokens: Tokens of shape ``(B, T, D)``.

        Returns:
            Tokens of the same shape, and weights of shape ``(B, h, T, T)``.
        """
        mixed, weights = self.attention.forward_with_weights(self.norm1(tokens))
        tokens = tokens + self.drop_path(mixed)  # eq. 2
        tokens = tokens + self.drop_path(self.mlp(self.norm2(tokens)))  # eq. 3
        return tokens, weights


class VisionTransformer(nn.Module):
    """The whole model: embeddings, encoder blocks, and a head that reads the class token (eq. 4).

    Differs from the paper: the head is the single linear layer of fine-tuning, unless
    ``representation_dim`` asks for the layer before it; `DropPath` is not in the paper.

    Args:
        config: The sizes.

    Example:
        >>> model = VisionTransformer(ViTConfig.preset("Ti/8", image_size=64, num_classes=3))
        >>> model(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 3])
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        step = config.drop_path / max(1, config.depth - 1)
        self.blocks = nn.ModuleList(
            EncoderBlock(config, drop_path=number * step) for number in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.embed_dim, eps=LAYER_NORM_EPS)
        width = config.representation_dim
        self.pre_logits = (
            nn.Identity()
            if width is None
            else nn.Sequential(nn.Linear(config.embed_dim, width), nn.Tanh())
        )
        self.head: nn.Module = nn.Linear(width or config.embed_dim, config.num_classes)
        init_weights(self)

    @property
    def transform(self) -> Transform:
        """What a picture of PIL's goes through to become a tensor ``(C, H, W)``."""
        return plain_transform(channels=self.config.in_channels, size=self.config.image_size)

    def no_weight_decay(self) -> set[str]:
        """Which parameters say where something is, and so must not be pulled to zero.

        Returns:
            Names for `pdl.optim.param_groups`.
        """
        return {"embeddings.class_token", "embeddings.position"}

    def forward(self, images: Tensor) -> Logits:
        """Scores of the classes.

        Args:
            images: Pictures of shape ``(B, C, H, W)``, of the size that the model was built for.

        Returns:
            Logits of shape ``(B, K)``.
        """
        logits: Logits = self.head(self.pre_logits(self.forward_features(images)))
        return logits

    def forward_features(self, images: Tensor) -> Tensor:
        """What the model sees in the pictures, before any class: ``y`` of eq. 4.

        Args:
            images: Pictures of shape ``(B, C, H, W)``.

        Returns:
            Features of shape ``(B, D)``.
        """
        tokens = self.embeddings(images)  # eq. 1
        for block in self.blocks:
            tokens = block(tokens)
        features: Tensor = self.norm(tokens[:, 0])  # eq. 4; each token is normalized by itself
        return features

    def forward_with_weights(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the classes, and who looked at whom on the way.

        Args:
            images: Pictures of shape ``(B, C, H, W)``.

        Returns:
            Logits of shape ``(B, K)``, and attention weights of shape ``(L, B, h, T, T)``, one
            table for each of the ``L`` blocks.
        """
        tokens, tables = self.embeddings(images), []
        for block in self.blocks:
            tokens, weights = cast("EncoderBlock", block).forward_with_weights(tokens)
            tables.append(weights)
        logits: Tensor = self.head(self.pre_logits(self.norm(tokens[:, 0])))
        return logits, torch.stack(tables)
