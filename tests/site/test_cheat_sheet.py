"""Does the cheat sheet go on two sheets of paper, whole?"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from pypdf import PdfReader

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.timeout(120)
def test_it_prints_on_two_sheets_of_a4(visit: Callable[..., Any]) -> None:
    page = visit("/learn/cheat_sheet/").page
    printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    text = [sheet.extract_text() for sheet in printed.pages]

    assert len(text) == 2
    assert all(abs(float(sheet.mediabox.width) - 595) < 2 for sheet in printed.pages)
    assert "torch.linspace" in text[0]
    assert "torch.compile" in text[1]
    assert "three common errors" in text[1]  # the last table
    assert not any("Show the code" in sheet for sheet in text)
