"""Does `pdl.cli` do what its page says, on good input and on bad?"""

import csv
import json
import subprocess
import sys
import time
from importlib import import_module

import pytest
from PIL import Image
from typer.testing import CliRunner

import pdl
from pdl import errors
from pdl.cli import app
from pdl.data.drawn import draw_food_folder

runner = CliRunner()


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["info", "--help"]])
def test_help_lists_what_there_is(arguments):
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0
    assert "info" in result.output


def test_version():
    result = runner.invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"pdl {pdl.__version__}\n")


def test_info_prints_what_the_function_returns():
    result = runner.invoke(app, ["info"])
    assert (result.exit_code, result.output) == (0, pdl.info() + "\n")


@pytest.mark.parametrize("arguments", [["nothing"], ["--nothing"], ["info", "extra"], []])
def test_wrong_usage_exits_with_2(arguments):
    assert runner.invoke(app, arguments).exit_code == 2


@pytest.fixture
def failing(monkeypatch):
    """Make `pdl info` raise an error."""

    def install(error):
        def fail():
            raise error

        monkeypatch.setattr(import_module("pdl.info"), "info", fail)

    return install


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.ConfigError, 2),
        (errors.DeviceError, 2),
        (errors.DataError, 3),
        (errors.ShapeError, 3),
        (errors.DownloadError, 3),
        (errors.ArchiveError, 3),
        (errors.CheckpointError, 4),
        (errors.TrainingError, 5),
        (errors.PdlError, 1),
    ],
)
def test_an_error_of_ours_is_one_line_on_stderr(failing, kind, code):
    failing(kind("first line\n[bold]second line. Do this."))
    result = runner.invoke(app, ["info"])
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == "error: first line [bold]second line. Do this.\n"


def test_debug_shows_where_it_came_from(failing):
    failing(errors.ConfigError("wrong"))
    result = runner.invoke(app, ["--debug", "info"])
    assert isinstance(result.exception, errors.ConfigError)


def test_an_error_nobody_foresaw_keeps_its_traceback(failing):
    failing(ZeroDivisionError("boom"))
    result = runner.invoke(app, ["info"])
    assert result.exit_code == 1
    assert isinstance(result.exception, ZeroDivisionError)


def test_ctrl_c_exits_with_130_and_no_traceback(failing):
    failing(KeyboardInterrupt())
    result = runner.invoke(app, ["info"])
    assert result.exit_code == 130
    assert "Traceback" not in result.output


def program(*arguments, **options):
    code = "from pdl.cli import app; import sys; app(sys.argv[1:], prog_name='pdl')"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_load_no_torch(flag):
    code = f"""
import sys
from pdl.cli import app
try:
    app([{flag!r}], prog_name="pdl")
except SystemExit as exit:
    assert exit.code == 0
assert "torch" not in sys.modules and "numpy" not in sys.modules
"""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert time.perf_counter() - began < 5  # under 1 s on an idle machine; tests share theirs


@pytest.mark.parametrize("variables", [{"LANG": "C"}, {"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_any_terminal_will_do(variables):
    result = program("--help", env={"PATH": "/usr/bin:/bin", **variables})
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stdout


def test_a_reader_that_goes_away_is_no_error(failing):
    failing(BrokenPipeError())
    code = """
import os, sys
import pdl.info
from pdl.cli import app
def gone():
    raise BrokenPipeError
sys.modules["pdl.info"].info = gone
app(["info"], prog_name="pdl")
"""
    result = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.fixture
def own_places(tmp_path, monkeypatch):
    """A cache of its own and no network; the folder that a user named holds three photos."""
    folder = tmp_path / "named"
    for split in ("train", "test"):
        for label in ("pizza", "steak", "sushi"):
            (folder / "food_mini" / split / label).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(folder / "food_mini" / split / label / "a.png")
    monkeypatch.setenv("PDL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PDL_OFFLINE", "1")
    monkeypatch.setenv("PDL_DATA_DIR", str(folder))
    return folder


def test_data_list_names_each_data_set_and_where_it_comes_from(own_places):
    result = runner.invoke(app, ["data", "list", "--json"])
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert result.exit_code == 0
    assert set(rows) == {"fashion_mnist", "food_mini"}
    assert (rows["food_mini"]["kind"], rows["food_mini"]["images"]) == ("real", 6)

    text = runner.invoke(app, ["data", "list"]).stdout
    assert "food_mini: photos of pizza" in text
    assert "real, 6 images: PDL_DATA_DIR" in text


@pytest.mark.parametrize("command", ["where", "fetch"])
def test_data_paths_stand_alone_on_stdout(own_places, command):
    result = runner.invoke(app, ["data", command, "food_mini"])
    assert result.exit_code == 0
    assert result.stdout == f"{own_places / 'food_mini'}\n"
    assert result.stderr == "food_mini: real, PDL_DATA_DIR\n"

    facts = json.loads(runner.invoke(app, ["data", command, "food_mini", "--json"]).stdout)
    assert facts["path"] == str(own_places / "food_mini")
    assert facts["images"] == 6


def test_data_where_falls_back_on_the_stand_in(own_places, monkeypatch):
    monkeypatch.delenv("PDL_DATA_DIR")
    result = runner.invoke(app, ["data", "where", "food_mini", "--json"])
    assert json.loads(result.stdout)["kind"] == "stand-in"


def test_data_fetch_never_gives_the_stand_in(own_places, monkeypatch):
    monkeypatch.delenv("PDL_DATA_DIR")
    result = runner.invoke(app, ["data", "fetch", "food_mini"])
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_data_fetch_reads_all_names_before_it_starts(own_places):
    result = runner.invoke(app, ["data", "fetch", "food_mini", "clothes"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no data set is called 'clothes'" in result.stderr


def test_data_check_names_every_bad_image(own_places):
    good = runner.invoke(app, ["data", "check", str(own_places)])
    assert (good.exit_code, good.stdout) == (0, "every image can be used\n")

    bad = (
        own_places / "food_mini" / "train" / "pizza" / "caf\N{LATIN SMALL LETTER E WITH ACUTE}.jpg"
    )
    bad.write_bytes(b"<html>")
    (own_places / "empty.png").touch()
    result = runner.invoke(app, ["data", "check", str(own_places)])
    assert result.exit_code == 3
    assert f"{bad}: " in result.stdout
    assert "empty.png: is empty (0 bytes)" in result.stdout
    assert result.stdout.endswith("2 damaged\n")

    found = json.loads(runner.invoke(app, ["data", "check", str(own_places), "--json"]).stdout)
    assert {row["path"] for row in found} == {str(bad), str(own_places / "empty.png")}


def test_data_check_of_no_folder_is_an_error_of_data(own_places):
    result = runner.invoke(app, ["data", "check", str(own_places / "nothing")])
    assert (result.exit_code, result.stdout) == (3, "")
    assert "the folder to check must exist" in result.stderr


@pytest.fixture(scope="module")
def food(tmp_path_factory):
    counts = {"train": (5, 5, 5), "test": (1, 1, 1)}
    return draw_food_folder(tmp_path_factory.mktemp("data") / "food", counts=counts)


@pytest.fixture(scope="module")
def trained(food, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    words = ["train", food, "--out", out, "--epochs", "1", "--image-size", "16", "--json"]
    result = runner.invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["model"] == str(out / "model.safetensors")
    return str(out)


class TestTrainAndPredict:
    def test_train_help_is_its_own(self):
        result = program("train", "--help")
        assert result.returncode == 0
        assert result.stdout.startswith("usage: pdl train")

    def test_a_mistake_in_training_is_one_line(self):
        result = runner.invoke(app, ["train", "nowhere"])
        assert (result.exit_code, result.stdout) == (3, "")
        assert result.stderr.startswith("error: data must be a folder")
        assert program("train", "photos", "--epochs", "x").returncode == 2

    def test_files_and_folders_are_predicted_in_every_form(self, trained, food, tmp_path):
        images = sorted((food / "test").rglob("*.jpg"))
        table = runner.invoke(app, ["predict", trained, str(food / "test")])
        assert table.exit_code == 0, table.output
        assert [line.split()[0] for line in table.stdout.splitlines()] == list(map(str, images))
        assert all(line.count("%") == 3 for line in table.stdout.splitlines())
        words = ["predict", trained, *map(str, images), "--top", "1"]
        rows = json.loads(runner.invoke(app, [*words, "--format", "json"]).stdout)
        assert [row["image"] for row in rows] == list(map(str, images))
        assert all(row["top"] == {row["label"]: row["prob"]} for row in rows)
        lines = runner.invoke(app, [*words, "--format", "csv"]).stdout.splitlines()
        assert list(csv.reader(lines))[1:] == [
            [row["image"], row["label"], f"{row['prob']:.6f}"] for row in rows
        ]
        picture = tmp_path / "seen.png"
        assert runner.invoke(app, [*words, "--plot", str(picture)]).exit_code == 0
        with Image.open(picture) as seen:
            assert seen.width > 100

    def test_paths_come_from_stdin(self, trained, food):
        image = str(food / "test" / "pizza" / "0001.jpg")
        result = runner.invoke(app, ["predict", trained, "-"], input=f"{image}\n\n")
        assert result.stdout.startswith(image)

    def test_bad_files_are_named_and_the_others_predicted(self, trained, food, tmp_path):
        good, bad = food / "test" / "steak" / "0001.jpg", tmp_path / "bad.jpg"
        bad.write_bytes(b"no image")
        words = ["predict", trained, bad, good, tmp_path / "missing.jpg", "--format", "json"]
        result = runner.invoke(app, [str(word) for word in words])
        assert result.exit_code == 3
        assert [row["image"] for row in json.loads(result.stdout)] == [str(good)]
        assert str(bad) in result.stderr
        assert "missing.jpg" in result.stderr

    @pytest.mark.parametrize("form", ["table", "csv", "json"])
    def test_output_is_well_formed_when_nothing_can_be_read(self, trained, tmp_path, form):
        (tmp_path / "bad.png").touch()
        result = runner.invoke(app, ["predict", trained, str(tmp_path), "--format", form])
        assert result.exit_code == 3
        assert {"table": "", "csv": "image,label,prob", "json": "[]"}[form] == result.stdout.strip()

    def test_what_can_not_be_predicted_at_all(self, trained, tmp_path):
        empty = runner.invoke(app, ["predict", trained, str(tmp_path)])
        assert (empty.exit_code, "a folder without any" in empty.stderr) == (3, True)
        nothing = runner.invoke(app, ["predict", trained, "-"], input="")
        assert (nothing.exit_code, "got no path" in nothing.stderr) == (3, True)
        no_model = runner.invoke(app, ["predict", str(tmp_path / "x.safetensors"), str(tmp_path)])
        assert no_model.exit_code in {3, 4}
