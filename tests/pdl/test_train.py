"""Does a run on a folder of images end in a model that predicts, and never in a lost one?"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from pdl import engine
from pdl.checkpoint import save_model
from pdl.data.drawn import draw_food_folder
from pdl.errors import CheckpointError, ConfigError, DataError
from pdl.models.tiny_vgg import TinyVGG
from pdl.recipe import Recipe
from pdl.tracking import read_run
from pdl.train import image_folders, run
from pdl.trained import build_model, load_trained, save_trained


@pytest.fixture(scope="module")
def food(tmp_path_factory):
    """A small folder of drawn pictures, 18 to train, 6 to validate and 6 to test."""
    folder = tmp_path_factory.mktemp("data") / "food"
    counts = {"train": (8, 8, 8), "test": (2, 2, 2)}
    return draw_food_folder(folder, counts=counts)


@pytest.fixture
def recipe(food, tmp_path):
    """Build a recipe that takes a second."""

    def build(**options):
        defaults = {"data": str(food), "out": tmp_path / "run", "image_size": 16, "epochs": 2}
        return Recipe(**defaults | {"batch_size": 6, "val_fraction": 0.25} | options)

    return build


def weights(folder):
    return load_trained(folder).model.state_dict()


def same(left, right):
    return all(torch.equal(value, right[name]) for name, value in left.items())


def losses(history):
    return {key: values for key, values in history.items() if key != "seconds"}


def test_a_run_leaves_a_model_that_predicts_its_history_and_its_settings(recipe, food, capsys):
    outcome = run(recipe(augment="trivial", schedule="cosine", grad_clip=1.0))
    noted = read_run(outcome.folder)
    assert noted.history == dict(outcome.history)
    assert noted.params["epochs"] == 2
    model, class_names = load_trained(outcome.folder)
    assert class_names == ["pizza", "steak", "sushi"]
    assert not model.training
    picture = next((food / "test" / "pizza").iterdir())
    assert model(model.transform(Image.open(picture).convert("RGB"))[None]).shape == (1, 3)
    printed = capsys.readouterr().out
    assert "18 images to train, 6 to validate, 6 to test" in printed
    assert f"accuracy {outcome.test.metric:.2%}" in printed
    assert outcome.facts()["test_acc"] == outcome.test.metric


def test_the_same_recipe_gives_the_same_model_and_another_seed_another(recipe, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(recipe(out=tmp_path / name, seed=seed), quiet=True)
    first, second, third = (weights(tmp_path / name) for name in "abc")
    assert same(first, second)
    assert not same(first, third)


def test_a_resumed_run_equals_one_that_was_never_stopped(recipe, tmp_path):
    whole = run(recipe(out=tmp_path / "whole", epochs=4, augment="trivial"), quiet=True)
    part = recipe(out=tmp_path / "part", augment="trivial")
    run(part, quiet=True)
    rest = run(recipe(out=tmp_path / "part", epochs=4, augment="trivial", resume=True), quiet=True)
    assert losses(rest.history) == losses(whole.history)
    assert same(weights(tmp_path / "part"), weights(tmp_path / "whole"))


def test_a_folder_with_a_run_is_left_alone_unless_asked(recipe):
    run(recipe(), quiet=True)
    before = {path: path.read_bytes() for path in recipe().folder.iterdir()}
    with pytest.raises(ConfigError, match=r"--resume .* --overwrite"):
        run(recipe(seed=1), quiet=True)
    with pytest.raises(ConfigError, match="seed=42 then and 1 now"):
        run(recipe(seed=1, resume=True), quiet=True)
    assert {path: path.read_bytes() for path in recipe().folder.iterdir()} == before
    outcome = run(recipe(seed=1, epochs=1, overwrite=True), quiet=True)
    assert len(read_run(outcome.folder).history["train_loss"]) == 1


def test_a_folder_of_classes_without_a_test_will_do(recipe, food):
    outcome = run(recipe(data=str(food / "train"), epochs=1), quiet=True)
    assert outcome.test is None
    assert "test_acc" not in outcome.facts()


def test_without_validation_all_images_are_learned_from(recipe, capsys):
    outcome = run(recipe(val_fraction=0.0, epochs=1))
    assert "24 images to train, 0 to validate" in capsys.readouterr().out
    assert "val_loss" not in outcome.history


def test_a_known_network_trains_its_head_alone_or_everything(recipe, capsys):
    run(recipe(model="resnet18", pretrained=False, epochs=1))
    assert "11,178,051 parameters" in capsys.readouterr().out
    assert load_trained(recipe().folder).model.name == "resnet18"
    run(recipe(model="efficientnet_lite0", epochs=1, overwrite=True, optimizer="sgd"))
    assert "3,843 parameters" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [{"data": "nowhere"}, {"device": "tpu"}, {"batch_size": 0}])
def test_a_mistake_leaves_nothing_behind(recipe, wrong):
    with pytest.raises((ConfigError, DataError, RuntimeError)):
        run(recipe(**wrong), quiet=True)
    assert not recipe().folder.exists()


def test_one_class_is_nothing_to_learn(recipe, food, tmp_path):
    shutil.copytree(food / "train" / "pizza", tmp_path / "one" / "pizza")
    with pytest.raises(DataError, match="at least 2 classes"):
        run(recipe(data=str(tmp_path / "one")), quiet=True)


def test_images_are_found_by_folder_and_by_name(food):
    assert image_folders(str(food)) == (food / "train", food / "test")
    assert image_folders(str(food / "test")) == (food / "test", None)
    with pytest.raises(DataError, match="nowhere"):
        image_folders("nowhere")


class TestFile:
    def test_a_model_comes_back_from_its_file_alone(self, tmp_path):
        for name in ("tiny_vgg", "resnet18"):
            model = build_model(name, ["a", "b"], pretrained=False).eval()
            save_trained(model, tmp_path)
            again = load_trained(tmp_path)
            assert again.class_names == ["a", "b"]
            assert same(model.state_dict(), again.model.state_dict())
            assert again.model.config == model.config

    def test_building_leaves_the_chance_of_the_program_alone(self):
        torch.manual_seed(0)
        expected = torch.rand(1)
        torch.manual_seed(0)
        build_model("tiny_vgg", ["a", "b"])
        assert torch.equal(torch.rand(1), expected)

    def test_weights_without_their_names_are_refused(self, tmp_path):
        path = save_model(TinyVGG(num_classes=2), tmp_path, "model.safetensors")
        with pytest.raises(CheckpointError, match="does not say how to build"):
            load_trained(path)
        with pytest.raises(CheckpointError, match="could not be read"):
            load_trained(tmp_path / "missing.safetensors")

    def test_an_unknown_name_is_refused(self):
        with pytest.raises(ConfigError, match="'vgg'"):
            build_model("vgg", ["a", "b"])


@pytest.fixture
def started():
    """Start the program in a process of its own; what still runs after the test is killed."""
    processes = []

    def start(*words, ranks=0, program=("-m", "pdl.train")):
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
        process = subprocess.Popen(
            [sys.executable, *(launcher if ranks else ()), *map(str, (*program, *words))],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def settings(recipe):
    shown = ("image_size", "batch_size", "val_fraction", "epochs")
    options = [(f"--{name.replace('_', '-')}", getattr(recipe, name)) for name in shown]
    return [recipe.data, "--out", recipe.folder, *(word for pair in options for word in pair)]


def test_two_processes_learn_what_one_does(started, recipe, tmp_path):
    one = run(recipe(out=tmp_path / "one", epochs=3), quiet=True)
    two = recipe(out=tmp_path / "two", epochs=3)
    process = started(*settings(two), ranks=2)
    printed, complaints = process.communicate(timeout=240)
    assert process.returncode == 0, complaints
    assert printed.count("epoch 3/3") == 1  # rank 0 alone speaks
    assert "18 images to train, 6 to validate, 6 to test" in printed
    noted = read_run(two.folder).history
    for key in ("train_loss", "train_acc", "val_loss", "val_acc", "lr"):
        assert noted[key] == pytest.approx(one.history[key], abs=1e-5), key
    for name, weight in weights(tmp_path / "one").items():
        torch.testing.assert_close(weights(two.folder)[name], weight, rtol=1e-4, atol=1e-5)


LATE = """
import importlib, os, sys, time

train = importlib.import_module("pdl.train")  # not the function of that name

def check_late(recipe, *, in_time=train.check_folder):
    if os.environ["RANK"] == "1":
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline and not list(recipe.folder.glob("*.json*")):
            time.sleep(0.05)
    in_time(recipe)

train.check_folder = check_late
train.main(train.parse(sys.argv[1:]))
"""


def test_a_process_that_comes_late_finds_no_run_of_the_others(started, recipe, tmp_path):
    script = tmp_path / "late.py"
    script.write_text(LATE, encoding="utf-8")
    process = started(*settings(recipe(epochs=1)), ranks=2, program=[script])
    _, complaints = process.communicate(timeout=240)
    assert process.returncode == 0, complaints


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_program_that_is_asked_to_stop_saves_and_can_go_on(
    started, recipe, tmp_path, number, code
):
    stopped = recipe(out=tmp_path / "stopped", epochs=4000)  # minutes, were it not stopped
    process = started(*settings(stopped))
    deadline = time.monotonic() + 120
    metrics = stopped.folder / "metrics.jsonl"
    while time.monotonic() < deadline and not (metrics.exists() and metrics.read_text()):
        time.sleep(0.05)
    process.send_signal(number)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in complaints
    assert sorted(path.name for path in stopped.folder.iterdir()) == [
        *("last.safetensors", "metrics.jsonl", "params.json")
    ]
    done = len(read_run(stopped.folder).history["train_loss"])
    rest = run(recipe(out=stopped.folder, epochs=done + 1, resume=True), quiet=True)
    whole = run(recipe(out=tmp_path / "whole", epochs=done + 1), quiet=True)
    if torch.get_num_threads() == 1:  # as the stopped program had: then to the last bit
        assert losses(rest.history) == losses(whole.history)
    assert rest.history["train_loss"] == pytest.approx(whole.history["train_loss"], abs=1e-4)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_program_goes_on_to_the_same_bits(started, recipe, tmp_path, workers):
    """`kill -9` leaves no chance to say goodbye; what was saved last must do."""
    killed = recipe(out=tmp_path / "killed", epochs=400)
    metrics = killed.folder / "metrics.jsonl"
    process = started(*settings(killed), "--workers", workers)
    deadline = time.monotonic() + 120
    while not metrics.exists() or metrics.read_text().count("\n") < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    epochs = len(read_run(killed.folder).history["train_loss"]) + 2

    for name, words in (("killed", ["--resume"]), ("whole", [])):
        rest = recipe(out=tmp_path / name, epochs=epochs)
        process = started(*settings(rest), "--workers", workers, *words)
        _, complaints = process.communicate(timeout=120)
        assert process.returncode == 0, complaints
    runs = [tmp_path / name for name in ("killed", "whole")]
    digests = {hashlib.sha256((run / "model.safetensors").read_bytes()).digest() for run in runs}
    assert len(digests) == 1
    states = [load_file(run / "last.safetensors") for run in runs]
    assert states[0].keys() == states[1].keys()
    differ = [name for name in states[0] if not torch.equal(states[0][name], states[1][name])]
    # The moments of the optimizer and the state of chance too; not the generator that names the
    # workers of a loader, on which no sample depends.
    assert [name for name in differ if not name.startswith("state.loaders.")] == []
    first, second = (losses(read_run(run).history) for run in runs)
    assert first == second


def test_the_program_answers_mistakes_in_one_line(started):
    for words, code in ((["nowhere"], 3), (["nowhere", "--lr", "nan"], 2)):
        process = started(*words)
        printed, complaints = process.communicate(timeout=60)
        assert process.returncode == code
        assert printed == ""
        assert complaints.startswith("error: ")
        assert complaints.count("\n") == 1


def test_loss_that_is_no_number_keeps_the_last_good_epoch(recipe, monkeypatch):
    learn, calls = engine._learn, []

    def fail_late(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise engine.TrainingError("the loss must be a finite number")
        learn(*arguments, **options)

    monkeypatch.setattr(engine, "_learn", fail_late)
    with pytest.raises(engine.TrainingError):
        run(recipe(epochs=3), quiet=True)
    monkeypatch.undo()
    assert run(recipe(epochs=3, resume=True), quiet=True).history.epochs == 3


def test_paths_are_relative_to_where_one_stands(recipe, food, tmp_path, monkeypatch):
    monkeypatch.chdir(food.parent)
    outcome = run(recipe(data="food", out=None, epochs=1), quiet=True)
    assert outcome.folder == Path("runs/food-tiny_vgg")
    assert json.loads(Path("runs/food-tiny_vgg/params.json").read_text())["data"] == "food"
