"""Does `pdl.recipe` read a command line, and refuse what makes no sense, in one sentence?"""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from pdl.errors import ConfigError
from pdl.models.backbone import BACKBONES
from pdl.recipe import MODELS, Recipe, parse


def test_what_is_not_given_is_left_to_the_recipe():
    assert parse(["photos"]).recipe == Recipe(data="photos")
    assert parse(["photos"]).json is False


def test_every_setting_has_an_option():
    given = {
        "out": Path("x"),
        "model": "resnet18",
        "channels": 5,
        "image_size": 32,
        "pretrained": False,
        "fine_tune": True,
        "epochs": 2,
        "batch_size": 8,
        "lr": 0.5,
        "weight_decay": 0.0,
        "optimizer": "sgd",
        "schedule": "cosine",
        "augment": "flip",
        "val_fraction": 0.0,
        "seed": 1,
        "workers": 1,
        "device": "cpu",
        "amp": True,
        "compile": True,
        "channels_last": True,
        "grad_clip": 2.0,
        "track": ("tensorboard", "mlflow"),
        "resume": True,
    }
    words = ["photos"]
    for name, value in given.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-"))
        else:
            for part in value if isinstance(value, tuple) else (value,):
                words += [flag, str(part)]
    recipe = parse([*words, "--json"]).recipe
    assert recipe == Recipe(data="photos", **given)
    assert {field.name for field in fields(Recipe)} == {*given, "data", "overwrite"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "data"),
        (["photos", "--epochs", "x"], "invalid int"),
        (["photos", "--epoch", "2"], "unrecognized"),
        (["photos", "--epochs"], "expected one argument"),
        (["photos", "--model", "vgg"], "invalid choice"),
        (["photos", "more"], "unrecognized"),
    ],
)
def test_a_line_that_can_not_be_read_ends_the_program_with_2(words, says, capsys):
    with pytest.raises(SystemExit) as leaving:
        parse(words, prog="pdl train")
    assert leaving.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith("usage: pdl train")
    assert says in printed
    assert "--help" in printed.splitlines()[-1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"channels": 0},
        {"image_size": -1},
        {"lr": 0.0},
        {"lr": -1.0},
        {"lr": float("nan")},
        {"lr": float("inf")},
        {"weight_decay": -0.1},
        {"grad_clip": 0.0},
        {"val_fraction": 1.0},
        {"workers": -1},
        {"seed": -1},
        {"model": "vgg"},
        {"optimizer": "adam"},
        {"schedule": "linear"},
        {"augment": "all"},
        {"track": ("wandb",)},
    ],
)
def test_a_value_out_of_range_is_refused_by_its_name(wrong):
    (name, value), *_ = wrong.items()
    with pytest.raises(ConfigError, match=name) as refused:
        Recipe(data="photos", **wrong)
    shown = value[0] if isinstance(value, tuple) else value
    assert str(shown) in str(refused.value)


def test_resume_and_overwrite_exclude_each_other():
    with pytest.raises(ConfigError, match="Choose one"):
        Recipe(data="photos", resume=True, overwrite=True)


@pytest.mark.parametrize(
    ("data", "folder"),
    [("food_mini", "runs/food_mini-tiny_vgg"), ("/a/photos/", "runs/photos-tiny_vgg")],
)
def test_a_run_is_named_after_its_data_and_model(data, folder):
    assert Recipe(data=data).folder == Path(folder)
    assert Recipe(data=data, out=Path("mine")).folder == Path("mine")


def test_the_models_are_those_there_are():
    assert set(MODELS) == {"tiny_vgg", *BACKBONES}


def test_help_needs_no_torch():
    code = """
import sys
from pdl.recipe import parse
try:
    parse(["--help"])
except SystemExit as leaving:
    assert leaving.code == 0
assert "torch" not in sys.modules and "numpy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)
