"""Is the running average what the formula says, also over an interruption?"""

import pytest
import torch
from torch import nn

from pdl.averaging import averaged, keep_average
from pdl.checkpoint import load_checkpoint, save_checkpoint
from pdl.errors import ConfigError
from pdl.optim import adamw


@pytest.fixture
def run():
    """Build a model with an averaging optimizer; take steps on fixed data."""

    def build(decay=0.9):
        torch.manual_seed(0)
        model = nn.Linear(3, 2)
        optimizer = adamw(model, lr=0.1)
        keep_average(optimizer, decay=decay)
        return model, optimizer

    return build


def take_steps(model, optimizer, count):
    seen = []
    for _ in range(count):
        optimizer.zero_grad()
        model(torch.ones(4, 3)).square().sum().backward()
        optimizer.step()
        seen.append(model.weight.detach().clone())
    return seen


def test_the_average_is_the_sum_of_the_formula(run):
    model, optimizer = run(decay=0.5)
    weights = take_steps(model, optimizer, 20)
    wanted = weights[0]
    for step, weight in enumerate(weights, start=1):
        decay = min(0.5, step / (9 + step))
        wanted = decay * wanted + (1 - decay) * weight
    assert torch.allclose(averaged(model, optimizer)["weight"], wanted)
    assert not torch.allclose(wanted, weights[-1])


def test_a_resumed_run_has_the_same_average(run, tmp_path):
    whole = run()
    take_steps(*whole, 12)

    model, optimizer = run()
    take_steps(model, optimizer, 5)
    path = tmp_path / "state.safetensors"
    save_checkpoint(path, model=model, optimizer=optimizer, epoch=1, history={})
    model, optimizer = run()
    load_checkpoint(path, model=model, optimizer=optimizer)
    take_steps(model, optimizer, 7)

    for name, value in averaged(*whole).items():
        assert torch.equal(value, averaged(model, optimizer)[name]), name


def test_what_is_not_trained_is_as_in_the_model(run):
    model, optimizer = run()
    model.bias.requires_grad_(False)
    take_steps(model, optimizer, 2)
    assert torch.equal(averaged(model, optimizer)["bias"], model.bias)


def test_the_result_is_a_copy(run):
    model, optimizer = run()
    take_steps(model, optimizer, 1)
    averaged(model, optimizer)["weight"].zero_()
    assert averaged(model, optimizer)["weight"].abs().sum() > 0


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_out_of_range_is_refused(run, decay):
    with pytest.raises(ConfigError, match="decay must lie in"):
        run(decay=decay)
