"""Does `pdl.mode` do what its page says, on good input and on bad?"""

import pytest
import torch
from torch import nn

from pdl.mode import device_of, evaluating, preserve_mode


def mixed():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Sequential(nn.Dropout()), nn.Linear(2, 1))
    model.train()
    model[0].eval()
    return model


def modes(model):
    return [part.training for part in model.modules()]


def test_a_mixed_model_is_left_mixed():
    model = mixed()
    before = modes(model)
    with preserve_mode(model):
        model.train()
    assert modes(model) == before


def test_evaluating_puts_all_back_after_an_error():
    model = mixed()
    before = modes(model)
    seen = []

    def fail():
        seen.append((any(modes(model)), torch.is_inference_mode_enabled()))
        raise KeyError

    with pytest.raises(KeyError), evaluating(model):
        fail()
    assert seen == [(False, True)]
    assert modes(model) == before
    assert not torch.is_inference_mode_enabled()


def test_several_models_at_once():
    models = mixed(), nn.Linear(1, 1).eval()
    with preserve_mode(*models):
        models[1].train()
    assert not models[1].training


def test_the_device_is_that_of_the_parameters_or_buffers():
    assert device_of(nn.Linear(1, 1, device="meta")) == torch.device("meta")
    assert device_of(nn.BatchNorm1d(2, affine=False, device="meta")) == torch.device("meta")
    assert device_of(nn.Identity()) == torch.device("cpu")
