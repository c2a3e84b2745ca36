"""Does `pdl.predict` do what its page says, on good input and on bad?"""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torchvision.transforms import v2

from pdl.errors import ConfigError, DataError, ShapeError
from pdl.models.tiny_vgg import TinyVGG
from pdl.predict import pred_and_plot_image, predict, predict_loader

NAMES = ["pizza", "steak", "sushi"]


class Colors(nn.Module):
    """Its logits are the mean red, green and blue of a picture, times ten."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.dropout = nn.Dropout()

    transform = staticmethod(v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]))

    def forward(self, images):
        return self.dropout(self.scale * images.mean(dim=(2, 3)))


class Fixed(nn.Module):
    """Always the same logits."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, images):
        return self.logits.expand(len(images), -1)


def red(mode: str = "RGB") -> Image.Image:
    return Image.new("RGB", (8, 8), (255, 0, 0)).convert(mode)


def test_n13_logits_become_probabilities_and_a_label():
    model = Fixed(-0.3249, -0.3194, -0.3367)
    result = predict(model, torch.zeros(3, 4, 4), NAMES)[0]
    assert result.label == "steak"
    assert dict(zip(result.labels, result.probs, strict=True)) == {
        "steak": pytest.approx(0.3359, abs=5e-5),
        "pizza": pytest.approx(0.3340, abs=5e-5),
        "sushi": pytest.approx(0.3301, abs=5e-5),
    }
    assert result.prob == result.probs[0]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_a_file_a_picture_and_a_tensor_give_the_same(tmp_path, mode):
    suffix = "tif" if mode == "CMYK" else "png"
    path = tmp_path / f"rot ü.{suffix}"
    red(mode).save(path)
    tensor = torch.tensor([255, 0, 0], dtype=torch.uint8).reshape(3, 1, 1).expand(3, 8, 8)
    results = predict(Colors(), [path, str(path), red(mode), tensor, tensor / 255], NAMES)
    assert {result.label for result in results} == {"pizza"}
    assert len({round(result.prob, 3) for result in results}) == 1
    assert [result.source for result in results[:3]] == [str(path), str(path), "image 3"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_gray_pictures_are_made_rgb(tmp_path, mode):
    image = Image.new("L", (8, 8), 128)
    image = (
        Image.fromarray(np.full((8, 8), 32896, np.uint16))
        if mode == "I;16"
        else image.convert(mode)
    )
    image.save(tmp_path / "gray.png")
    for picture in (tmp_path / "gray.png", image):
        probs = predict(Colors(), picture, NAMES)[0].probs
        assert probs == pytest.approx([1 / 3] * 3, abs=1e-3)
    gray = torch.full((1, 8, 8), 128, dtype=torch.uint8)
    assert predict(Colors(), gray, NAMES)[0].probs == pytest.approx([1 / 3] * 3, abs=1e-3)


def test_transparency_lies_over_white():
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert predict(Colors(), clear, NAMES)[0].probs == pytest.approx([1 / 3] * 3, abs=1e-3)


def test_one_picture_and_many_come_back_as_lists_in_order():
    colors = torch.eye(3).reshape(3, 3, 1, 1).expand(3, 3, 4, 4)
    assert [result.label for result in predict(Colors(), colors, NAMES)] == NAMES
    assert [result.label for result in predict(Colors(), colors[1], NAMES)] == ["steak"]
    assert [result.label for result in predict(Colors(), list(colors), NAMES)] == NAMES
    assert predict(Colors(), [], NAMES) == []


@settings(max_examples=20)
@given(count=st.integers(0, 7), batch_size=st.integers(1, 8), top_k=st.integers(1, 5))
def test_batches_and_top_k_change_no_probability(count, batch_size, top_k):
    images = torch.rand(count, 3, 4, 4)
    whole = predict(Colors(), images, NAMES, top_k=3)
    parts = predict(Colors(), images, NAMES, top_k=top_k, batch_size=batch_size)
    for one, other in zip(whole, parts, strict=True):
        assert other.labels == one.labels[:top_k]
        assert other.probs == pytest.approx(one.probs[:top_k], abs=1e-6)
        assert sum(one.probs) == pytest.approx(1, abs=1e-5)
        assert list(one.probs) == sorted(one.probs, reverse=True)


def test_the_model_and_chance_are_left_as_found():
    model = nn.Sequential(Colors(), nn.Dropout())
    model[0].eval()
    mode, state = [part.training for part in model.modules()], torch.get_rng_state()
    noisy = v2.Compose([Colors.transform, v2.GaussianNoise()])
    predict(model, red(), NAMES, transform=noisy)
    predict_loader(model, [(torch.rand(1, 3, 2, 2), torch.tensor([0]))])
    state_after = torch.get_rng_state()
    assert [part.training for part in model.modules()] == mode
    assert torch.is_grad_enabled()
    torch.set_rng_state(state)
    torch.rand(1, 3, 2, 2)
    assert torch.equal(torch.get_rng_state(), state_after)


def test_results_can_be_used_in_training_code():
    probs, labels = predict_loader(Colors(), [(torch.rand(2, 3, 2, 2), torch.tensor([0, 1]))] * 2)
    assert probs.shape == (4, 3)
    assert labels.tolist() == [0, 1, 0, 1]
    assert not probs.is_inference()


def test_the_models_own_transform_is_taken_unless_one_is_given():
    model = TinyVGG(num_classes=3, image_size=16)
    assert predict(model, Image.new("RGB", (40, 30)), NAMES)[0].labels
    with pytest.raises(ShapeError, match=r"\(B, 3, 16, 16\)"):
        predict(model, Image.new("RGB", (40, 30)), NAMES, transform=Colors.transform)
    with pytest.raises(ConfigError, match=r"Pass transform="):
        predict(Fixed(0.0, 1.0, 2.0), red(), NAMES)


def test_the_number_type_of_the_model_is_used():
    model = TinyVGG(num_classes=3, image_size=16).to(torch.bfloat16)
    assert predict(model, Image.new("RGB", (40, 30)), NAMES)[0].prob < 1


@pytest.mark.parametrize("model", [Fixed(2.0), nn.Sequential(Fixed(2.0), nn.Flatten(0))])
def test_a_single_logit_decides_between_two_classes(model):
    result = predict(model, torch.zeros(1, 2, 2), ["no", "yes"])[0]
    assert result.labels == ("yes", "no")
    assert result.prob == pytest.approx(float(torch.sigmoid(torch.tensor(2.0))))


@pytest.mark.parametrize("names", [["a", "b"], ["a"] * 4, []])
def test_names_must_be_as_many_as_classes(names):
    with pytest.raises(ConfigError, match=f"{len(names)} names and a model with 3 classes"):
        predict(Colors(), torch.zeros(3, 2, 2), names)


@pytest.mark.parametrize("setting", ["top_k", "batch_size"])
def test_settings_below_one_are_refused(setting):
    with pytest.raises(ConfigError, match=setting):
        predict(Colors(), torch.zeros(3, 2, 2), NAMES, **{setting: 0})


def test_pictures_of_different_sizes_are_named():
    with pytest.raises(ShapeError, match=r"image 1 and .* for image 2\. Resize"):
        predict(Colors(), [torch.zeros(3, 2, 2), torch.zeros(3, 4, 4)], NAMES)


@pytest.mark.parametrize("shape", [(8, 8), (8,), (1, 1, 3, 8, 8)])
def test_a_tensor_that_is_no_picture_is_refused(shape):
    with pytest.raises(ShapeError, match=r"must have shape \(C, H, W\)"):
        predict(Colors(), torch.zeros(shape), NAMES)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xd8\xff\xe0 cut"])
def test_a_bad_file_is_named(tmp_path, content):  # K2 D7
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.jpg"):
        predict(Colors(), [red(), path], NAMES)


@pytest.mark.parametrize("name", ["missing.jpg", ""])
def test_a_missing_file_and_a_folder_are_named(tmp_path, name):
    with pytest.raises(DataError):
        predict(Colors(), tmp_path / name, NAMES)


def test_nan_is_never_the_best_class():  # M9
    with pytest.raises(DataError, match="got NaN for image 2"):
        predict(
            Colors(), torch.stack([torch.zeros(3, 2, 2), torch.full((3, 2, 2), torch.nan)]), NAMES
        )


@pytest.mark.parametrize("model", [nn.Identity(), nn.Flatten(0)])
def test_a_model_that_does_not_classify_is_refused(model):
    with pytest.raises(ShapeError, match="Use a model that classifies"):
        predict(model, torch.zeros(3, 2, 2), NAMES)


def test_an_empty_loader_is_refused():
    with pytest.raises(DataError, match="at least one batch"):
        predict_loader(Colors(), [])


@pytest.mark.parametrize("kind", ["path", "picture", "tensor"])
def test_the_plot_shows_the_picture_and_its_classes(tmp_path: Path, kind):
    red().save(tmp_path / "red.png")
    image = {
        "path": tmp_path / "red.png",
        "picture": red(),
        "tensor": Colors.transform(red()),
    }[kind]
    figure = pred_and_plot_image(Colors(), image, NAMES, top_k=2)
    picture, bars = figure.axes
    assert picture.get_title() == "pizza 100%"
    assert len(bars.patches) == 2
    assert np.asarray(picture.images[0].get_array())[0, 0].tolist() == [1, 0, 0]
