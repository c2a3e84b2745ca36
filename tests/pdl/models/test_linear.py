"""Does `pdl.models.linear` do what its page says, on good input and on bad?"""

import pytest
import torch
from torch import nn

from pdl.data.toy import straight_line, train_test_split
from pdl.engine import train
from pdl.models.linear import LinearRegression, LinearRegressionLayer


@pytest.fixture
def line():
    torch.manual_seed(42)
    return LinearRegression()


def test_seed_42_starts_with_the_numbers_of_the_notes(line):
    assert line.weight.item() == 0.33669036626815796  # N1
    assert line.bias.item() == 0.12880940735340118
    assert [name for name, _ in line.named_parameters()] == ["weight", "bias"]


def test_the_first_predictions_are_those_of_the_notes(line):
    _, X_test, _, _ = train_test_split(*straight_line())
    with torch.inference_mode():
        predictions = line(X_test).squeeze().tolist()
    expected = [0.3982, 0.4049, 0.4116, 0.4184, 0.4251, 0.4318, 0.4386, 0.4453, 0.4520, 0.4588]
    assert [round(value, 4) for value in predictions] == expected  # N2


# Epoch, weight, bias, training loss before the step, test loss after it: curriculum, table 2.2.
TRAJECTORY = [
    (1, 0.3406, 0.1388, 0.312881, 0.481065),
    (100, 0.5784, 0.3513, 0.024795, 0.056878),
    (101, 0.5800, 0.3503, 0.024459, 0.056463),
    *[(epoch, 0.6990, 0.3093, None, 0.008448) for epoch in (170, 180, 200)],  # N4
    *[(epoch, 0.6951, 0.2993, None, 0.005023) for epoch in (169, 171, 201)],
    (202, 0.6990, 0.3093, 0.002589, 0.008448),
    (203, 0.6951, 0.2993, 0.008932, 0.005023),
]


@pytest.mark.parametrize("row", TRAJECTORY, ids=lambda row: f"epoch {row[0]}")
def test_training_follows_the_trajectory(line, row):
    epochs, weight, bias, train_loss, test_loss = row
    X_train, X_test, y_train, y_test = train_test_split(*straight_line())
    history = train(
        line,
        [(X_train, y_train)],
        [(X_test, y_test)],
        optimizer=torch.optim.SGD(line.parameters(), lr=0.01),
        loss_fn=nn.L1Loss(),
        epochs=epochs,
        metric=None,
    )
    assert round(line.weight.item(), 4) == weight
    assert round(line.bias.item(), 4) == bias
    assert round(history["val_loss"][-1], 6) == test_loss
    if train_loss is not None:
        assert round(history["train_loss"][-1], 6) == train_loss


def test_the_layer_is_the_same_line():
    torch.manual_seed(42)
    layer = LinearRegressionLayer()
    assert round(layer.linear.weight.item(), 4) == 0.7645
    assert round(layer.linear.bias.item(), 4) == 0.8300
    line = LinearRegression()
    line.load_state_dict(
        {"weight": layer.linear.weight[0].detach(), "bias": layer.linear.bias.detach()}
    )
    X, _ = straight_line()
    torch.testing.assert_close(line(X), layer(X))


@pytest.mark.parametrize("model", [LinearRegression, LinearRegressionLayer])
def test_every_parameter_gets_a_gradient(model):
    X, y = straight_line()
    built = model()
    nn.MSELoss()(built(X), y).backward()
    assert all(parameter.grad is not None for parameter in built.parameters())
