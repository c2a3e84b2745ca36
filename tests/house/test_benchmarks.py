"""Do the benchmarks run, and do they report in the form that the site and other programs read?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
SMALL = {
    "engine": ["--images", "256"],
    "loading": ["--images", "256", "--photos", "48", "--workers", "1"],
    "memory": ["--images", "512"],
    "vit": ["--batch", "2", "--seconds", "0.1"],
}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize("name", SMALL)
def test_a_small_run_reports(name: str, tmp_path: Path) -> None:
    """The numbers of so small a run mean nothing; that each side gave one does."""
    page, numbers = tmp_path / "page.md", tmp_path / "numbers.json"
    page.write_text(f"before\n<!-- {name}:begin -->\nold\n<!-- {name}:end -->\nafter\n")
    script = REPO / "benchmarks" / f"{name}.py"
    words = [*SMALL[name], "--rounds", "1", "--json", str(numbers), "--update", str(page)]
    done = subprocess.run(
        [sys.executable, str(script), *words],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]

    told = json.loads(numbers.read_text(encoding="utf-8"))
    assert "processors" in told["machine"]
    assert len(told["rows"]) >= 3
    assert all(row["value"] > 0 and row["unit"] and row["name"] for row in told["rows"])
    assert told["ratios"]
    assert all(key.startswith(f"{name}.") and value > 0 for key, value in told["ratios"].items())
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before")
    assert text.endswith("after\n")
    assert "old" not in text
    assert done.stdout.strip() in text


def test_a_page_without_the_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here")
    code = "import report, sys, pathlib; report.replace_part(pathlib.Path(sys.argv[1]), 'x', 'y')"
    done = subprocess.run(
        [sys.executable, "-c", code, str(page)],
        cwd=REPO / "benchmarks",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "<!-- x:begin -->" in done.stderr
    assert page.read_text() == "nothing here"
