"""Does `pdl.matching` do what its page says, on good input and on bad?"""

import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from pdl.errors import CheckpointError, ConfigError, PdlWarning
from pdl.matching import (
    check_config,
    check_parts,
    check_weights,
    config_text,
    machine,
    unwrapped,
    warn_of_machine,
)

FILE = Path("last.safetensors")


@dataclass(frozen=True)
class Config:
    depth: int = 12
    sizes: tuple[int, ...] = (1, 2)


class WithConfig(nn.Linear):
    def __init__(self, config):
        super().__init__(1, 1)
        self.config = config


def test_weights_that_fit_pass():
    check_weights(nn.Linear(3, 2), nn.Linear(3, 2).state_dict(), FILE)


def test_what_differs_is_named():
    state = {"weight": torch.zeros(2, 4), "extra": torch.zeros(1)}
    with pytest.raises(CheckpointError) as caught:
        check_weights(nn.Linear(3, 2), state, FILE)
    for part in (
        "last.safetensors was written for another model",
        "bias is missing in the file",
        "extra is missing in the model",
        "weight has shape (2, 4) in the file and (2, 3) here",
        "Build the model with the settings",
    ):
        assert part in str(caught.value)


def test_a_long_list_is_cut():
    model = nn.Sequential(*(nn.Linear(1, 1) for _ in range(10)))
    with pytest.raises(CheckpointError) as caught:
        check_weights(model, {}, FILE)
    assert str(caught.value).count("is missing") == 5
    assert "and 15 more" in str(caught.value)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (Config(), '{"depth": 12, "sizes": [1, 2]}'),
        ({"b": 1, "a": None}, '{"a": null, "b": 1}'),
        (Config, "null"),
        ("Base", "null"),
        (None, "null"),
    ],
)
def test_a_config_becomes_sorted_json(config, text):
    assert config_text(WithConfig(config)) == text
    assert config_text(torch.compile(WithConfig(config))) == text


def test_a_given_config_wins():
    assert config_text(WithConfig(Config()), {"depth": 1}) == '{"depth": 1}'


def test_a_config_that_json_can_not_hold_is_refused():
    with pytest.raises(ConfigError, match="config must hold numbers, text"):
        config_text(nn.Linear(1, 1), {"device": torch.device("cpu")})


def test_fields_that_differ_are_named():
    saved = config_text(WithConfig(Config()))
    check_config(saved, WithConfig(Config()), FILE)
    check_config(saved, nn.Linear(1, 1), FILE)
    check_config("null", WithConfig(Config()), FILE)
    with pytest.raises(CheckpointError, match="depth=12 in the file and 6 here"):
        check_config(saved, WithConfig(Config(depth=6)), FILE)
    with pytest.raises(CheckpointError, match="new=None in the file and 1 here"):
        check_config("{}", WithConfig({"new": 1}), FILE)


def test_other_parts_are_refused():
    check_parts({"optimizer": "SGD"}, {"optimizer": "SGD"}, FILE)
    with pytest.raises(CheckpointError, match="optimizer AdamW in the file and SGD here"):
        check_parts({"optimizer": "AdamW"}, {"optimizer": "SGD"}, FILE)


def test_another_machine_is_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_machine(machine(), FILE)
    with pytest.warns(PdlWarning, match=r"threads 64 then, \d+ now.*not equal to the last bit"):
        warn_of_machine(machine() | {"threads": "64"}, FILE)


def test_a_compiled_model_is_unwrapped():
    model = nn.Linear(1, 1)
    assert unwrapped(torch.compile(model)) is model
    assert unwrapped(model) is model
