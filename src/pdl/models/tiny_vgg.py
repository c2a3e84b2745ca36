"""What does a small convolutional network look like?

TinyVGG, the network of the CNN Explainer (Wang et al., 2020): two blocks of two convolutions and a
pooling each, then one linear layer. Named after VGG (Simonyan and Zisserman, 2014), which
stacks the same blocks higher.
"""

from torch import Tensor, nn

from pdl.errors import ConfigError
from pdl.inputs import Transform, check_counts, check_images, plain_transform
from pdl.typing import Logits


class TinyVGG(nn.Module):
    """Two convolution blocks and a classifier.

    Two networks go by this name. Without padding, each 3x3 convolution takes a pixel off every
    side; with ``padding=1`` the picture keeps its size. Parameters with 10 channels:

    | ``image_size`` | ``num_classes`` | ``padding`` | parameters |
    |---:|---:|---:|---:|
    | 64 | 3 | 0 | 8,083 |
    | 64 | 3 | 1 | 10,693 |
    | 28, ``in_channels=1`` | 10 | 1 | 7,740 |

    Args:
        in_channels: Channels ``C`` of a picture: 3 for color, 1 for gray.
        channels: Channels between the layers.
        num_classes: Number of classes ``K``.
        image_size: Height and width of a picture in pixels.
        padding: Zeros added on every side before each convolution, in pixels: 0 or 1.

    Raises:
        ConfigError: If a number is too small, ``padding`` is not 0 or 1, or the picture is too
            small for two blocks.

    Example:
        >>> import torch
        >>> model = TinyVGG(num_classes=3, image_size=64, padding=0)
        >>> model(torch.zeros(32, 3, 64, 64)).shape
        torch.Size([32, 3])
        >>> sum(parameter.numel() for parameter in model.parameters())
        8083
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        channels: int = 10,
        num_classes: int,
        image_size: int = 64,
        padding: int = 1,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, channels=channels, image_size=image_size)
        check_counts(least=2, num_classes=num_classes)
        if padding not in {0, 1}:
            raise ConfigError(
                f"padding must be 0 or 1, got {padding!r}. Choose 1 to keep the size of the "
                "picture in each convolution, 0 to lose a pixel on every side."
            )
        side = _side_after_blocks(image_size, padding)
        self.config = {
            "in_channels": in_channels,
            "channels": channels,
            "num_classes": num_classes,
            "image_size": image_size,
            "padding": padding,
        }
        self.conv_block_1 = _block(in_channels, channels, padding)
        self.conv_block_2 = _block(channels, channels, padding)
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * side * side, num_classes)
        )

    @property
    def transform(self) -> Transform:
        """What a picture of PIL's goes through to become a tensor ``(C, H, W)``."""
        return plain_transform(channels=self.config["in_channels"], size=self.config["image_size"])

    def forward(self, images: Tensor) -> Logits:
        """Scores of the classes.

        Args:
            images: Pictures of shape ``(B, C, H, W)``, with the channels and the size that the
                model was built for.

        Returns:
            Logits of shape ``(B, K)``.
        """
        check_images(
            images,
            next(self.parameters()),
            channels=self.config["in_channels"],
            size=self.config["image_size"],
        )
        maps = self.conv_block_1(images)  # (B, C, H, W) -> (B, channels, about H/2, W/2)
        maps = self.conv_block_2(maps)  # -> (B, channels, about H/4, W/4)
        logits: Logits = self.classifier(maps)
        return logits


def _block(in_channels: int, channels: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, kernel_size=3, padding=padding),
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel_size=3, padding=padding),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=2),
    )


def _side_after_blocks(image_size: int, padding: int) -> int:
    side, lost = image_size, 4 * (1 - padding)  # pixels that two convolutions take off
    for _ in range(2):
        side = (side - lost) // 2
    if side < 1:
        raise ConfigError(
            f"image_size must leave a pixel after two blocks, got image_size={image_size} with "
            f"padding={padding}. Choose at least {16 if padding == 0 else 4}."
        )
    return side
