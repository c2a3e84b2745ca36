"""Does `pdl.inputs` do what its page says, on good input and on bad?"""

import pytest
import torch
from PIL import Image

from pdl.errors import ConfigError, ShapeError
from pdl.inputs import check_counts, check_images, check_rate, plain_transform

WEIGHT = torch.zeros(1)


@pytest.mark.parametrize("value", [0, -1, True])
def test_a_count_below_the_least_is_refused_by_name(value):  # M5
    with pytest.raises(ConfigError, match=rf"num_classes must be .* at least 2, got {value}"):
        check_counts(least=2, num_classes=value)


@pytest.mark.parametrize("value", [1.0, 1.5, -0.1, float("nan")])
def test_a_rate_outside_of_zero_to_one_is_refused(value):  # M5
    with pytest.raises(ConfigError, match="dropout must be a probability"):
        check_rate(dropout=value)


@pytest.mark.parametrize(
    ("shape", "size", "remedy"),
    [
        ((3, 64, 64), 64, r"unsqueeze\(0\)"),
        ((8, 64, 64, 3), 64, r"permute\(0, 3, 1, 2\)"),
        ((8, 1, 64, 64), 64, "Load the pictures with 3 channels"),
        ((8, 3, 32, 64), 64, "Resize"),
        ((8, 3), None, "Resize"),
    ],
)
def test_a_wrong_shape_is_named_with_its_remedy(shape, size, remedy):  # M3
    with pytest.raises(ShapeError, match=remedy) as caught:
        check_images(torch.zeros(shape), WEIGHT, channels=3, size=size)
    assert str(shape) in str(caught.value)


def test_gray_is_named_where_gray_is_expected():
    with pytest.raises(ShapeError, match="one gray channel"):
        check_images(torch.zeros(1, 3, 28, 28), WEIGHT, channels=1, size=28)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float64])
def test_another_number_type_is_named(dtype):  # M4
    with pytest.raises(ShapeError, match=str(dtype)):
        check_images(torch.zeros(1, 3, 8, 8, dtype=dtype), WEIGHT, channels=3, size=8)


def test_autocast_may_mix_number_types():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        check_images(torch.zeros(1, 3, 8, 8, dtype=torch.bfloat16), WEIGHT, channels=3, size=8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_plain_transform_gives_the_promised_shape_for_every_mode(mode, channels):
    image = Image.new("RGB", (40, 20), (255, 0, 0)).convert(mode)
    tensor = plain_transform(channels, 16)(image.convert("RGB"))
    assert tensor.shape == (channels, 16, 16)
    assert tensor.dtype == torch.float32
    assert 0 <= float(tensor.min()) <= float(tensor.max()) <= 1
