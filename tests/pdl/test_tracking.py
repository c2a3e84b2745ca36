"""Does `pdl.tracking` do what its page says, on good input and on bad?"""

import inspect
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdl.errors import ConfigError, DataError, PdlWarning
from pdl.plotting import plot_loss_curves
from pdl.tracking import (
    METRICS_FILE,
    PARAMS_FILE,
    JsonlTracker,
    Tracker,
    Trackers,
    create_tracker,
    create_writer,
    read_run,
    read_runs,
)


def test_a_run_comes_back_as_it_was_noted(tmp_path):
    tracker = JsonlTracker(tmp_path / "a b" / "ü")
    tracker.log_params({"lr": 0.1, "model": "tiny", "folder": Path("x")})
    tracker.log_metrics({"train_loss": 0.5, "val_loss": 0.75}, step=1)
    tracker.log_metrics({"train_loss": 0.25, "val_loss": 0.5}, step=2)
    tracker.close()
    run = read_run(tmp_path / "a b" / "ü")
    assert run.params == {"lr": 0.1, "model": "tiny", "folder": "x"}
    assert run.history == {"train_loss": [0.5, 0.25], "val_loss": [0.75, 0.5]}
    assert plot_loss_curves(run.history).axes


def test_every_line_is_json_that_any_program_reads(tmp_path):
    tracker = JsonlTracker(tmp_path)
    tracker.log_metrics({"train_loss": math.nan, "val_loss": math.inf, "lr": 0.1}, step=1)
    row = json.loads((tmp_path / METRICS_FILE).read_text(), parse_constant=pytest.fail)
    assert row["step"] == 1
    assert row["time"] > 1.6e9  # seconds since 1970
    assert row["train_loss"] is row["val_loss"] is None
    history = read_run(tmp_path).history
    assert math.isnan(history["train_loss"][0])
    assert history["lr"] == [0.1]


@given(cut=st.integers(0, 200))
def test_a_torn_last_line_costs_one_epoch_and_no_other(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("run")
    tracker = JsonlTracker(folder)
    for step in (1, 2):
        tracker.log_metrics({"loss": float(step)}, step=step)
    path = folder / METRICS_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - min(cut, len(whole) // 2)])
    JsonlTracker(folder).log_metrics({"loss": 3.0}, step=3)
    assert read_run(folder).history["loss"] in ([1.0, 2.0, 3.0], [1.0, 3.0])


def test_a_resumed_run_goes_on_and_the_last_note_of_a_step_counts(tmp_path):
    for first in (1, 2):  # the second run resumes after epoch 1
        tracker = JsonlTracker(tmp_path)
        for step in range(first, 4):
            tracker.log_metrics({"loss": 10.0 * first + step}, step=step)
    assert read_run(tmp_path).history["loss"] == [11.0, 22.0, 23.0]


def test_lines_of_another_program_are_passed_over(tmp_path):
    (tmp_path / METRICS_FILE).write_text('[]\n{"step": "x"}\n{"no": 1}\n\n{"step": 1, "loss": 2}\n')
    (tmp_path / PARAMS_FILE).write_text("{")
    run = read_run(tmp_path)
    assert run.history == {"loss": [2.0]}
    assert run.params == {}


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(DataError, match=r"must be the folder of a run, got: metrics.jsonl"):
        read_run(tmp_path)


def test_a_folder_that_can_not_be_written_is_found_before_the_first_epoch(tmp_path):  # C4
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="must be a folder to write into"):
        JsonlTracker(tmp_path / "file")


def test_a_full_disk_costs_a_note_and_not_the_run(tmp_path):
    tracker = JsonlTracker(tmp_path)
    (tmp_path / METRICS_FILE).mkdir()
    (tmp_path / PARAMS_FILE).mkdir()
    with pytest.warns(PdlWarning, match="The run goes on without this note"):
        tracker.log_metrics({"loss": 1.0}, step=1)
    with pytest.warns(PdlWarning, match=PARAMS_FILE):
        tracker.log_params({"lr": 0.1})


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a signal of Unix")
def test_a_killed_run_has_all_its_epochs(tmp_path):
    program = (
        "import os, sys; from pdl.tracking import JsonlTracker; t = JsonlTracker(sys.argv[1])\n"
        "for step in (1, 2, 3): t.log_metrics({'loss': 0.5}, step=step)\n"
        "os.kill(os.getpid(), 9)"
    )
    child = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=200, check=False)
    assert child.returncode == -signal.SIGKILL
    assert len(read_run(tmp_path).history["loss"]) == 3


def test_runs_are_compared_by_name(tmp_path):
    for name in ("b", "a"):
        tracker = create_tracker(tmp_path / "day" / name)
        tracker.log_params({"name": name})
        tracker.log_metrics({"val_acc": 0.5}, step=1)
        tracker.close()
    assert [run.params["name"] for run in read_runs(tmp_path)] == ["a", "b"]
    assert read_runs(tmp_path / "nowhere") == []


def test_all_trackers_get_everything(tmp_path):
    class Recorder:
        def __init__(self) -> None:
            self.calls: list[object] = []

        def log_params(self, params):
            self.calls.append(dict(params))

        def log_metrics(self, values, *, step):
            self.calls.append((step, dict(values)))

        def close(self):
            self.calls.append("closed")

    recorders = Recorder(), Recorder()
    together = Trackers(recorders)
    together.log_params({"lr": 0.1})
    together.log_metrics({"loss": 1.0}, step=1)
    together.close()
    expected = [{"lr": 0.1}, (1, {"loss": 1.0}), "closed"]
    assert [recorder.calls for recorder in recorders] == [expected, expected]
    assert isinstance(together, Tracker)


def test_json_lines_are_written_whatever_else_is_asked_for(tmp_path):
    folder = tmp_path / "exp" / "run1"
    tracker = create_tracker(folder, kinds=["tensorboard", "mlflow"])
    tracker.log_params({"lr": 0.1})
    tracker.log_metrics({"train_loss": 0.5}, step=1)
    tracker.close()
    assert read_run(folder).history == {"train_loss": [0.5]}
    assert list(folder.glob("events.out.tfevents.*"))
    assert (tmp_path / "exp" / "mlruns").is_dir()


def test_unknown_kinds_are_named(tmp_path):
    with pytest.raises(ConfigError, match="got 'wandb'"):
        inspect.unwrap(create_tracker)(tmp_path, kinds=["wandb"])  # past the type check


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0"])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_names_can_not_lead_out_of_the_folder(tmp_path, name, position):
    names = ["data", "model", "extra"]
    names[position] = name
    with pytest.raises(ConfigError, match="fit for a folder"):
        create_writer(*names, root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_writer_says_when_what_and_with_which_model(tmp_path):
    writer = create_writer("data_10_percent", "tiny_vgg", root=tmp_path)
    writer.add_scalar("loss", 0.5, 1)
    writer.close()
    day, experiment, model = Path(writer.log_dir).relative_to(tmp_path).parts
    assert (experiment, model) == ("data_10_percent", "tiny_vgg")
    assert len(day.split("-")) == 3
    assert list(Path(writer.log_dir).glob("events.*"))
