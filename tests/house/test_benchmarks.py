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


FAKE = """#!{python}
import json, sys, urllib.request
with urllib.request.urlopen(sys.argv[1]) as answer:
    size = int(answer.headers["Content-Length"])
audit = lambda value: {{"numericValue": value}}
print(json.dumps({{
    "categories": {{name: {{"score": 0.98}} for name in
                   ("performance", "accessibility", "best-practices", "seo")}},
    "audits": {{"total-byte-weight": audit(size), "largest-contentful-paint": audit(1500),
               "total-blocking-time": audit(20)}},
    "environment": {{"benchmarkIndex": 2400}},
}}))
"""


def test_pages_are_looked_at_compressed_and_told(tmp_path: Path) -> None:
    """With a program in the place of Lighthouse that fetches the page and finds it good."""
    page = tmp_path / "site" / "learn" / "00_fundamentals" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<p>word</p>" * 1000)
    program = tmp_path / "lighthouse"
    program.write_text(FAKE.format(python=sys.executable))
    program.chmod(0o755)
    numbers = tmp_path / "numbers.json"
    script = str(REPO / "benchmarks" / "pages.py")
    words = ["--rounds", "2", "--lighthouse", str(program), "--site", str(tmp_path / "site")]
    words += ["--pages", "chapter 00", "--json", str(numbers)]
    done = subprocess.run(
        [sys.executable, script, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "| chapter 00 | 98 | 98 | 98 | 98 | 0 | 1.5 s | 20 ms |" in done.stdout
    assert "| chapter 00, learnpytorch.io | 49 |" in done.stdout
    told = json.loads(numbers.read_text(encoding="utf-8"))
    assert told["ratios"]["pages.chapter_00.bytes_of_peer"] > 1000


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
