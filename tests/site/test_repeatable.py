"""Does a second build give the same bytes, and run nothing?"""

from __future__ import annotations

import filecmp
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

Build = "Callable[..., subprocess.CompletedProcess[str]]"


def differences(one: Path, two: Path) -> list[str]:
    """Name the files that are only on one side, or differ in a byte."""
    found: list[str] = []

    def compare(pair: filecmp.dircmp[str], below: str) -> None:
        found.extend(below + name for name in [*pair.left_only, *pair.right_only])
        _, differ, lost = filecmp.cmpfiles(pair.left, pair.right, pair.common_files, shallow=False)
        found.extend(below + name for name in [*differ, *lost])
        for name, inner in pair.subdirs.items():
            compare(inner, f"{below}{name}/")

    compare(filecmp.dircmp(one, two, ignore=[], hide=[]), "")
    return sorted(found)


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({}, id="the same machine"),
        pytest.param(
            {"TZ": "Pacific/Auckland", "LANG": "C", "LC_ALL": "C", "USER": "somebody"},
            id="another time zone, language and user",
        ),
    ],
)
def test_the_same_bytes_and_no_run(
    variables: dict[str, str],
    site: Path,
    tmp_path: Path,
    build_site: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = build_site(tmp_path / "again", **variables)

    assert differences(site, tmp_path / "again") == []
    assert re.search(r"\b0 of \d+ chapters ran", done.stderr), done.stderr
