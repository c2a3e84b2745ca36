"""Does `pdl.optim` do what its page says, on good input and on bad?"""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pdl.errors import ConfigError
from pdl.optim import adamw, constant, cosine, param_groups, schedule, warmup_cosine


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, 5, 4))
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 2)

    def no_weight_decay(self):
        return {"position"}


def names_of(model, group):
    return [name for name, each in model.named_parameters() if any(each is p for p in group)]


def test_only_matrices_decay_and_the_model_may_exempt_more():
    model = Tokens()
    decay, free = param_groups(model, 0.3)
    assert names_of(model, decay["params"]) == ["head.weight"]
    assert names_of(model, free["params"]) == [
        "position",
        "norm.weight",
        "norm.bias",
        "head.bias",
    ]
    assert (decay["weight_decay"], free["weight_decay"]) == (0.3, 0.0)


def test_each_trainable_parameter_is_in_exactly_one_group():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 2))
    model[0].requires_grad_(False)
    grouped = [id(each) for group in param_groups(model, 0.1) for each in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters() if p.requires_grad)


def test_an_empty_group_is_left_out():
    assert len(param_groups(nn.LayerNorm(3), 0.1)) == 1


def test_a_frozen_model_is_refused():
    with pytest.raises(ConfigError, match="got none with requires_grad=True"):
        param_groups(nn.Linear(1, 1).requires_grad_(False), 0.1)


@pytest.mark.parametrize("decay", [-0.1, math.nan, math.inf])
def test_a_bad_decay_is_refused(decay):
    with pytest.raises(ConfigError, match="weight_decay must be 0 or more"):
        param_groups(nn.Linear(1, 1), decay)


@pytest.mark.parametrize("lr", [0.0, -1.0, math.nan, math.inf])
def test_a_bad_learning_rate_is_refused(lr):
    with pytest.raises(ConfigError, match="lr must be a positive number"):
        adamw(nn.Linear(1, 1), lr=lr)


def test_bad_betas_are_refused():
    with pytest.raises(ConfigError, match="betas must lie in"):
        adamw(nn.Linear(1, 1), lr=0.1, betas=(0.9, 1.0))


def test_decay_does_not_go_through_the_gradient():
    """With no gradient at all, AdamW shrinks by lr * decay a step; Adam would collapse."""
    layer = nn.Linear(4, 4)
    before = layer.weight.detach().clone()
    optimizer = adamw(layer, lr=0.003, weight_decay=0.3)
    for _ in range(80):
        for parameter in layer.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    torch.testing.assert_close(layer.weight.detach(), before * (1 - 0.003 * 0.3) ** 80)


def test_one_step_equals_the_formula():
    layer = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(2.0)
    layer.weight.grad = torch.full_like(layer.weight, 0.5)
    adamw(layer, lr=0.1, weight_decay=0.01).step()
    # Decay first, then a step of size lr: in step 1 both means equal the gradient.
    assert layer.weight.item() == pytest.approx(2 * (1 - 0.1 * 0.01) - 0.1, rel=1e-6)


def test_on_the_cpu_it_is_not_fused():
    assert not adamw(nn.Linear(1, 1), lr=0.1).defaults["fused"]


def test_the_landmarks_of_warmup_and_cosine():
    def factor(step):
        return warmup_cosine(step, total_steps=110, warmup_steps=10, min_factor=0.1)

    assert factor(0) == pytest.approx(1 / 11)  # the first step moves already
    assert factor(9) == pytest.approx(10 / 11)
    assert factor(10) == 1.0
    assert factor(60) == pytest.approx(0.55)  # half way down
    assert factor(110) == pytest.approx(0.1)
    assert factor(1000) == pytest.approx(0.1)


@given(st.integers(1, 500), st.data(), st.floats(0, 1))
def test_it_rises_then_falls_and_stays_in_range(total, data, low):
    warmup = data.draw(st.integers(0, total - 1))
    factors = [
        warmup_cosine(step, total_steps=total, warmup_steps=warmup, min_factor=low)
        for step in range(total + 3)
    ]
    assert all(0 <= factor <= 1 for factor in factors)
    assert factors[: warmup + 1] == sorted(factors[: warmup + 1])
    assert factors[warmup:] == sorted(factors[warmup:], reverse=True)
    assert factors[warmup] == 1.0
    assert factors[-1] == pytest.approx(low)
    if warmup == 0:
        assert factors == [
            cosine(step, total_steps=total, min_factor=low) for step in range(total + 3)
        ]


def test_cosine_equals_pytorchs_own():
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20, eta_min=0.2)
    for step in range(20):
        expected = reference.get_last_lr()[0]
        assert cosine(step, total_steps=20, min_factor=0.2) == pytest.approx(expected, rel=1e-9)
        optimizer.step()
        reference.step()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cosine(0, total_steps=0), "total_steps=0"),
        (lambda: cosine(-1, total_steps=5), "step=-1"),
        (lambda: warmup_cosine(0, total_steps=5, warmup_steps=5), "warmup_steps=5"),
        (lambda: warmup_cosine(0, total_steps=5, warmup_steps=-1), "warmup_steps=-1"),
        (lambda: cosine(0, total_steps=5, min_factor=1.5), "min_factor must lie in"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(call, message):
    with pytest.raises(ConfigError, match=message):
        call()


def test_constant_is_one():
    assert {constant(step) for step in range(10)} == {1.0}


def test_a_schedule_multiplies_every_learning_rate():
    optimizer = torch.optim.SGD(
        [{"params": [torch.zeros(1)], "lr": 1.0}, {"params": [torch.zeros(1)], "lr": 0.1}]
    )
    scheduler = schedule(optimizer, lambda step: 1 / (step + 1))
    rates = [scheduler.get_last_lr()]
    for _ in range(2):
        optimizer.step()
        scheduler.step()
        rates.append(scheduler.get_last_lr())
    assert rates == [[1.0, 0.1], [0.5, 0.05], [pytest.approx(1 / 3), pytest.approx(0.1 / 3)]]
