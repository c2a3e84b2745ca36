"""Does what people install work: the built wheel, in an environment of its own, from any folder?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def wheel(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the project."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=repo, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install it beside the packages of this environment, without this project's folder."""
    home = tmp_path_factory.mktemp("clean") / "env"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    binaries = home / ("Scripts" if os.name == "nt" else "bin")
    python = binaries / "python"
    find = "import sysconfig; print(sysconfig.get_path('purelib'))"
    told = subprocess.run([python, "-c", find], check=True, capture_output=True, text=True)
    # A folder that is named here is searched, but its own .pth files, such as that of an editable
    # install, are not read.
    Path(told.stdout.strip(), "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    done = subprocess.run([*pip, "--no-index", wheel], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return binaries


def run(program: Path, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment in a folder."""
    hidden = {"PYTHONPATH", "PDL_DATA_DIR"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment |= {"OMP_NUM_THREADS": "1", "PDL_OFFLINE": "1"}
    return subprocess.run(
        [str(program), *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_wheel_has_what_the_library_reads(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {"pdl/py.typed", "pdl/__init__.pyi"} <= set(names)
    assert any(name.startswith("pdl/fonts/") for name in names)
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


def test_the_library_is_that_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "import pdl, pdl.train; print(pdl.__file__)"
    done = run(installed / "python", "-c", code, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed.parent)


def test_train_and_predict_from_another_folder_with_relative_paths(
    installed: Path, tmp_path: Path
) -> None:
    draw = (
        "from pdl.data.drawn import draw_food_folder\n"
        "draw_food_folder('photos', counts={'train': (6, 6, 6), 'test': (2, 2, 2)})"
    )
    assert run(installed / "python", "-c", draw, folder=tmp_path).returncode == 0
    words = ["--out", "a run", "--image-size", "16", "--epochs", "1", "--device", "cpu"]
    trained = run(installed / "pdl", "train", "photos", *words, folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    asked = ["a run", "photos/test", "--format", "json"]
    told = run(installed / "pdl", "predict", *asked, folder=tmp_path)

    assert told.returncode == 0, told.stderr
    assert len(json.loads(told.stdout)) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a run", "photos"]
