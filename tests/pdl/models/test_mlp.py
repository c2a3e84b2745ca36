"""Does `pdl.models.mlp` do what its page says, on good input and on bad?"""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from pdl.checkpoint import load_model, save_model
from pdl.engine import train
from pdl.errors import CheckpointError, ConfigError, ShapeError
from pdl.models.mlp import FashionMNISTV0, FashionMNISTV1

MODELS = [FashionMNISTV0, FashionMNISTV1]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("width", "parameters"), [(10, 7_960), (50, 39_760)])
def test_parameter_counts_are_those_of_the_notes(model, width, parameters):
    assert sum(weight.numel() for weight in model(width).parameters()) == parameters


def test_v0_is_one_linear_map_and_v1_is_not():
    torch.manual_seed(0)
    a, b = torch.rand(2, 8, 1, 28, 28)
    for model, is_linear in ((FashionMNISTV0(), True), (FashionMNISTV1(), False)):
        middle = model((a + b) / 2)
        assert torch.allclose(middle, (model(a) + model(b)) / 2, atol=1e-5) is is_linear


def test_v1_gives_negative_logits():
    # A ReLU after the last layer would cut them off, and with them whole classes.
    torch.manual_seed(0)
    logits = FashionMNISTV1()(torch.rand(64, 1, 28, 28))
    assert bool((logits < 0).any())


@pytest.mark.parametrize("model", MODELS)
def test_every_parameter_gets_a_gradient(model):
    net = model(16)
    net(torch.rand(4, 1, 28, 28)).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in net.parameters())


@pytest.mark.parametrize("model", MODELS)
def test_a_batch_of_one_is_a_row_of_a_batch(model):
    net, images = model(), torch.rand(8, 1, 28, 28)
    torch.testing.assert_close(net(images)[3:4], net(images[3:4]))


@pytest.mark.parametrize("model", MODELS)
def test_bad_settings_are_refused(model):  # M5
    with pytest.raises(ConfigError, match="width"):
        model(0)
    with pytest.raises(ConfigError, match="num_classes"):
        model(num_classes=1)


@pytest.mark.parametrize("model", MODELS)
def test_other_pictures_are_refused(model):  # M3
    with pytest.raises(ShapeError, match=r"\(B, 1, 28, 28\)"):
        model()(torch.zeros(2, 3, 28, 28))


@pytest.mark.parametrize("model", MODELS)
def test_its_own_transform_gives_what_it_accepts(model):
    from PIL import Image

    net = model()
    tensor = net.transform(Image.new("RGB", (100, 50)))
    assert net(tensor.unsqueeze(0)).shape == (1, 10)


def test_a_file_of_another_width_is_named(tmp_path):  # C8
    path = save_model(FashionMNISTV0(10), tmp_path, "v0.safetensors")
    with pytest.raises(CheckpointError, match="width=10 in the file and 50 here"):
        load_model(FashionMNISTV0(50), path)


@pytest.mark.slow
def test_n8_v0_repeats_the_digits_of_the_notes(fashion_mnist):
    """Seed 42 before the model and before the loop; 3 epochs, batches of 32, SGD 0.1."""
    torch.manual_seed(42)
    model = FashionMNISTV0(width=50)
    torch.manual_seed(42)
    train_loader = DataLoader(TensorDataset(*fashion_mnist["train"]), 32, shuffle=True)
    test_loader = DataLoader(TensorDataset(*fashion_mnist["test"]), 32)
    history = train(
        model,
        train_loader,
        test_loader,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        loss_fn=nn.CrossEntropyLoss(),
        epochs=3,
        progress=False,
    )
    assert [round(100 * share, 2) for share in history["val_acc"]][-1] == 83.32

    with torch.inference_mode():  # the notes take means of batch means
        pairs = [(model(images), labels) for images, labels in test_loader]
    losses = [nn.functional.cross_entropy(logits, labels).item() for logits, labels in pairs]
    hits = [(logits.argmax(1) == labels).float().mean().item() for logits, labels in pairs]
    assert 100 * sum(hits) / len(hits) == pytest.approx(83.33666134185303, abs=1e-4)
    assert sum(losses) / len(losses) == pytest.approx(0.4778009355068207, abs=1e-5)
