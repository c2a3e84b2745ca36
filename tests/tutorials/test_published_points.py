"""Are the points that the page of repeated numbers makes those of scikit-learn, as it says?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs, make_circles
from sklearn.model_selection import train_test_split

from pdl_site.script import read_chapter

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """The names that the page defines for its points."""
    cells = read_chapter(ROOT / "tutorials/published_numbers.py", ROOT).code_cells
    [making] = [cell.source for cell in cells if "def course_rings" in cell.source]
    [cutting] = [cell.source for cell in cells if "def parts" in cell.source]
    names: dict[str, Any] = {"np": np, "torch": torch}
    exec(making, names)
    exec(cutting[: cutting.index("def learn")], names)
    return names


@pytest.mark.parametrize("kind", ["rings", "clouds"])
def test_points_and_split_are_scikit_learns(page: dict[str, Any], kind: str) -> None:
    made = {
        "rings": lambda: make_circles(1000, noise=0.03, random_state=42),
        "clouds": lambda: make_blobs(1000, centers=4, cluster_std=1.5, random_state=42),
    }
    points, labels = made[kind]()
    ours = page[f"course_{kind}"]()
    np.testing.assert_allclose(ours[0], points)
    np.testing.assert_array_equal(ours[1], labels)

    X, X_kept, y, y_kept = train_test_split(points, labels, test_size=0.2, random_state=42)
    wanted = (X, y, X_kept, y_kept)
    for mine, theirs in zip(page["parts"](*ours), wanted, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-6)
