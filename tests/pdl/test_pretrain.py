"""Does pretraining end in weights that `create_backbone` takes, and go on where it stopped?"""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from pdl.data.atlas import read_atlases, write_atlases
from pdl.data.drawn import draw_food_folder
from pdl.errors import ConfigError, DataError
from pdl.models.backbone import create_backbone
from pdl.pretrain import PretrainRecipe, build_loaders, parse, pretrain


@pytest.fixture(scope="module")
def atlases(tmp_path_factory):
    """Three classes of drawn food, 10 pictures to learn from and 4 to measure on each."""
    folder = tmp_path_factory.mktemp("atlases")
    food = draw_food_folder(folder / "food", counts={"train": (14, 14, 14), "test": (1, 1, 1)})
    return write_atlases(food / "train", folder / "atlases", held_out=4)


@pytest.fixture
def recipe(atlases, tmp_path):
    """Build a recipe of two epochs of a small network, on patches of 16 pixels."""

    def build(**options):
        defaults = {"data": atlases, "out": tmp_path / "run", "epochs": 2, "warmup_epochs": 1}
        more = {"batch_size": 10, "preset": "Ti/16", "amp": False, "device": "cpu"}
        return PretrainRecipe(**defaults | more | options)

    return build


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_the_folder_has_weights_card_and_facts(recipe, capsys):
    outcome = pretrain(recipe())
    names = {path.name for path in outcome.folder.iterdir()}
    assert names == {"model.safetensors", "README.md", "run.json", "last.safetensors"}
    assert {value.dtype for value in weights(outcome.folder).values()} == {torch.float16}
    facts = json.loads((outcome.folder / "run.json").read_text())
    assert facts["accuracy"] == outcome.accuracy
    assert facts["recipe"]["preset"] == "Ti/16"
    assert facts["pictures"] == {"train": 30, "test": 12}
    assert len(facts["history"]["val_acc"]) == 2
    card = (outcome.folder / "README.md").read_text()
    assert f"{outcome.accuracy:.2%}" in card
    assert "pizza, steak, sushi" in card
    assert "| seed | 42 |" in card
    assert f"held-out accuracy {outcome.accuracy:.2%}" in capsys.readouterr().out


def test_an_interrupted_run_ends_in_the_same_file(recipe, tmp_path):
    whole = pretrain(recipe(out=tmp_path / "whole"), quiet=True)

    stopped = tmp_path / "stopped"
    program = (
        "import sys, pdl.pretrain as p; from pdl import engine; add = engine.History.add\n"
        "def stop(self, row):\n"
        "    add(self, row)\n"
        "    if self.epochs == 2: sys.exit(9)\n"
        "engine.History.add = stop; p.pretrain(p.parse())\n"
    )
    options = ["--out", str(stopped), "--epochs", "2", "--warmup-epochs", "1", "--batch-size", "10"]
    options += ["--preset", "Ti/16", "--no-amp", "--device", "cpu"]
    ended = subprocess.run(
        [sys.executable, "-c", program, str(recipe().data), *options], check=False
    )
    assert ended.returncode == 9
    assert not (stopped / "model.safetensors").exists()

    resumed = pretrain(recipe(out=stopped, resume=True), quiet=True)
    assert resumed.history["train_loss"] == whole.history["train_loss"]
    before, after = weights(whole.folder), weights(resumed.folder)
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_the_default_folder_is_where_create_backbone_looks(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("PDL_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match=r"must be made once.*python -m pdl\.pretrain"):
        create_backbone("vit_tiny_food", 3)
    pretrain(recipe(out=None, preset="Ti/8", limit=4, epochs=1, warmup_epochs=0), quiet=True)

    model = create_backbone("vit_tiny_food", 3, seed=0)
    kept = weights(tmp_path / "cache" / "vit_tiny_food")
    own = model.features.state_dict()
    assert own.keys() == {name for name in kept if not name.startswith("head.")}
    assert all(torch.equal(value, kept[name].float()) for name, value in own.items())
    assert model.frozen
    assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 3)
    # Its transform gives the numbers that it was trained on: -1 for black, 1 for white.
    assert model.transform.transforms[-1].mean == [0.5, 0.5, 0.5]


def test_weights_of_another_network_are_refused(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("PDL_CACHE", str(tmp_path / "cache"))
    pretrain(recipe(out=None, limit=4, epochs=1, warmup_epochs=0), quiet=True)
    with pytest.raises(DataError, match="must hold the weights of vit_tiny_food"):
        create_backbone("vit_tiny_food", 3)
    path = tmp_path / "cache" / "vit_tiny_food" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match="make it again"):
        create_backbone("vit_tiny_food", 3)


def test_averaged_weights_are_kept_and_not_the_last(recipe):
    outcome = pretrain(recipe(average=0.9), quiet=True)
    last = load_file(outcome.folder / "last.safetensors")
    kept = weights(outcome.folder)
    differing = [
        name
        for name, value in kept.items()
        if not torch.equal(value, last[f"state.model.{name}"].half())
    ]
    assert len(differing) > len(kept) / 2


def test_the_measured_pictures_are_neither_mixed_nor_changed(recipe, atlases):
    train, test = build_loaders(recipe(), read_atlases(atlases), torch.device("cpu"))
    images, labels = next(iter(train))
    assert labels.shape == (10, 3)
    images, labels = next(iter(test))
    assert labels.dtype == torch.int64
    whole = read_atlases(atlases).test.data.float().div(255).sub(0.5).div(0.5)
    assert torch.allclose(images, whole, atol=1e-6)


def test_without_mixing_labels_stay_labels(recipe, atlases):
    settings = recipe(mixup=0.0, cutmix=0.0)
    train, _ = build_loaders(settings, read_atlases(atlases), torch.device("cpu"))
    assert next(iter(train))[1].dtype == torch.int64


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "epochs"),
        ({"warmup_epochs": 2}, "warmup_epochs must be 0 or more and below epochs=2"),
        ({"lr": 0.0}, "lr must be a positive number"),
        ({"smoothing": 1.0}, "smoothing"),
        ({"drop_path": -0.1}, "drop_path"),
    ],
)
def test_settings_out_of_range_are_refused(recipe, options, words):
    with pytest.raises(ConfigError, match=words):
        recipe(**options)


def test_a_batch_larger_than_the_data_is_refused(recipe):
    with pytest.raises(ConfigError, match="at most 30 pictures, got 31"):
        pretrain(recipe(batch_size=31), quiet=True)


def test_options_of_the_command_line_reach_the_recipe():
    recipe = parse(["atlases", "--epochs", "9", "--no-amp", "--limit", "5", "--compile"])
    assert (recipe.epochs, recipe.amp, recipe.limit, recipe.compile) == (9, False, 5, True)
    assert recipe.resume is False


def test_as_a_program_a_mistake_is_one_sentence(tmp_path):
    command = [sys.executable, "-m", "pdl.pretrain", str(tmp_path), "--out", str(tmp_path / "x")]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode != 0
    assert ended.stderr.startswith("error: a folder of atlases must hold")
    assert ended.stderr.count("\n") == 1


def test_two_processes_share_the_pictures(recipe, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-port", "0", "--standalone", "-m", "pdl.pretrain", str(recipe().data)]
    command += ["--out", str(tmp_path / "two"), "--epochs", "1", "--warmup-epochs", "0"]
    command += ["--batch-size", "10", "--preset", "Ti/16", "--no-amp", "--device", "cpu"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("epoch 1/1") == 1
    assert json.loads((tmp_path / "two" / "run.json").read_text())["pictures"]["test"] == 12
