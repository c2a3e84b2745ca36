"""Is every page valid HTML?"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG = Path(__file__).parent / "html-validate.json"


def test_html_validate(
    page_files: list[Path],
    site: Path,
    tmp_path: Path,
    node_module: Callable[[str], Path],
    program: Callable[[str], str],
) -> None:
    # Into a file: html-validate ends before a pipe has taken all of its report.
    report = tmp_path / "report.json"
    with report.open("w") as out:
        subprocess.run(
            [program("node"), str(node_module("html-validate/bin/html-validate.mjs")),
             "--config", str(CONFIG), "--formatter", "json", *map(str, page_files)],
            stdout=out, cwd=CONFIG.parent, check=False, timeout=280,
        )  # fmt: skip
    found = [
        f"{_name(result['filePath'], site)}:{m['line']}: {m['ruleId']}: {m['message']}"
        for result in json.loads(report.read_text())
        for m in result["messages"]
    ]
    assert not found, "\n".join(found)


def test_vnu(
    page_files: list[Path],
    site: Path,
    node_module: Callable[[str], Path],
    program: Callable[[str], str],
) -> None:
    """The checker of the W3C reports on its standard error."""
    jar = node_module("vnu-jar/build/dist/vnu.jar")
    done = subprocess.run(
        [program("java"), "-jar", str(jar), "--errors-only", "--exit-zero-always",
         "--format", "json", *map(str, page_files)],
        capture_output=True, text=True, check=True, timeout=280,
    )  # fmt: skip
    messages: list[dict[str, Any]] = json.loads(done.stderr)["messages"]
    found = [f"{_name(m['url'], site)}:{m.get('lastLine')}: {m['message']}" for m in messages]

    assert not found, "\n".join(found)


def _name(path: str, site: Path) -> str:
    return path.removeprefix("file:").replace("%20", " ").removeprefix(f"{site}/")
