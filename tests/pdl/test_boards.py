"""Does `pdl.boards` do what its page says, on good input and on bad?"""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from pdl.boards import MlflowTracker, TensorBoardTracker
from pdl.errors import ConfigError
from pdl.models.tiny_vgg import TinyVGG


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_tensorboard_gets_scalars_params_images_and_histograms(tmp_path):
    model = nn.Linear(2, 1)
    model(torch.ones(1, 2)).sum().backward()
    tracker = TensorBoardTracker(tmp_path)
    tracker.log_params({"lr": 0.1})
    tracker.log_metrics({"train_loss": 0.5, "val_loss": 0.6, "lr": 0.1, "train_": 1.0}, step=1)
    tracker.log_metrics({"train_loss": 0.4, "val_loss": 0.5, "lr": 0.1}, step=2)
    tracker.log_histograms(model, step=1)
    tracker.log_images("samples", torch.rand(2, 3, 8, 8))
    tracker.close()
    events = read(tmp_path)
    tags = events.Tags()
    assert sorted(tags["scalars"]) == ["loss/train", "loss/val", "lr", "train_"]
    assert [event.step for event in events.Scalars("loss/train")] == [1, 2]
    assert [event.value for event in events.Scalars("loss/val")] == pytest.approx([0.6, 0.5])
    names = ("weights/weight", "weights/bias", "gradients/weight", "gradients/bias")
    assert sorted(tags["histograms"]) == sorted(names)
    assert tags["images"] == ["samples"]
    assert "params/text_summary" in tags["tensors"]


def test_the_graph_is_drawn_and_the_model_left_as_found(tmp_path):
    model = nn.Sequential(TinyVGG(num_classes=3, image_size=16), nn.Dropout())
    model[0].eval()
    images = torch.rand(1, 3, 16, 16)
    mode, state = [part.training for part in model.modules()], torch.get_rng_state()
    tracker = TensorBoardTracker(tmp_path)
    tracker.log_graph(model, images)
    tracker.close()
    assert read(tmp_path).Tags()["graph"]
    assert [part.training for part in model.modules()] == mode
    assert torch.equal(torch.get_rng_state(), state)


def test_values_that_are_no_numbers_make_no_histogram(tmp_path):
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(torch.nan)
    tracker = TensorBoardTracker(tmp_path)
    tracker.log_histograms(model, step=1)
    tracker.close()
    assert read(tmp_path).Tags()["histograms"] == ["weights/bias"]


def test_what_was_logged_is_on_disk_before_closing(tmp_path):
    tracker = TensorBoardTracker(tmp_path)
    tracker.log_metrics({"train_loss": 0.5}, step=1)
    assert read(tmp_path).Scalars("loss/train")[0].value == 0.5
    tracker.close()


def test_mlflow_writes_into_a_folder_and_gathers_runs(tmp_path):
    for name in ("first", "second"):
        tracker = MlflowTracker(tmp_path / "a store", experiment="food", run_name=name)
        tracker.log_params({"lr": 0.1})
        tracker.log_metrics({"val_acc": 0.5, "val_loss": float("nan")}, step=1)
        tracker.log_metrics({"val_acc": 0.75}, step=2)
        tracker.close()
    number = tracker.client.get_experiment_by_name("food").experiment_id
    runs = tracker.client.search_runs([number])
    assert sorted(run.info.run_name for run in runs) == ["first", "second"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {run.data.params["lr"] for run in runs} == {"0.1"}
    history = tracker.client.get_metric_history(tracker.run_id, "val_acc")
    assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.75)]


@pytest.mark.parametrize(
    ("tracker", "module", "package"),
    [
        (TensorBoardTracker, "torch.utils.tensorboard", "tensorboard"),
        (MlflowTracker, "mlflow", "mlflow-skinny"),
    ],
)
def test_a_missing_package_is_named(tmp_path, monkeypatch, tracker, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        ConfigError, match=rf"needs the package {package},.*Run: pip install {package}$"
    ):
        tracker(tmp_path)


def test_neither_is_imported_before_it_is_asked_for():
    program = (
        "import sys, pdl.tracking; "
        "print(any(n in sys.modules for n in ('tensorboard', 'mlflow', 'matplotlib')))"
    )
    command = [sys.executable, "-c", program]
    child = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    assert child.stdout.strip() == "False"
