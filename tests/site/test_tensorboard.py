"""Does TensorBoard, in a browser, show the runs that the library's writer wrote?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from pdl.tracking import create_writer

if TYPE_CHECKING:
    from types import ModuleType

    from playwright.sync_api import Browser

REPO = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that photographs TensorBoard."""
    monkeypatch.syspath_prepend(str(REPO / "scripts"))
    import tensorboard_screenshot

    return tensorboard_screenshot


@pytest.mark.timeout(240)
def test_the_curves_of_two_runs_are_drawn(
    browser: Browser, script: ModuleType, tmp_path: Path
) -> None:
    for name, start in (("lite0_96", 0.5), ("lite0_224", 0.25)):
        writer = create_writer("data_90", name, "20_epochs_seed_0", root=tmp_path)
        for epoch in range(1, 21):
            writer.add_scalar("loss/val", start / epoch, epoch)
            writer.add_scalar("accuracy/val", 1 - start / epoch, epoch)
        writer.close()
    with script.tensorboard(tmp_path) as url:
        page = script.look(browser, url)
        cards = page.locator("scalar-card")
        page.wait_for_function("document.querySelectorAll('scalar-card').length == 2")
        loss = cards.filter(has_text="loss/val")
        loss.get_by_text("0.025", exact=False).first.wait_for()  # 0.5 / 20
        text = loss.inner_text()
        curves = loss.locator("line-chart path").evaluate_all(
            "all => all.map(each => each.getAttribute('d')).filter(d => d && d.length > 40)"
        )
        page.close()

    assert "data_90/lite0_96/20_epochs_seed_0" in text
    assert "data_90/lite0_224/20_epochs_seed_0" in text
    assert "0.0125" in text
    assert len(set(curves)) >= 2, "two curves of twenty points"


def test_a_folder_without_runs_is_told(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "PATIENCE", 20)
    with pytest.raises(RuntimeError, match="found no run"), script.tensorboard(tmp_path):
        pass


def test_the_picture_of_the_chapter_is_light_enough_to_load(script: ModuleType) -> None:
    with Image.open(script.PICTURE) as picture:
        width, height = picture.size

    assert script.PICTURE.stat().st_size <= 150_000
    assert width > height > 600
