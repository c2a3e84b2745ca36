"""Do the colors follow the reader's system, and the reader's own choice before it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEME = "document.body.dataset.mdColorScheme"
GROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.mark.parametrize(("system", "scheme"), [("light", "default"), ("dark", "slate")])
def test_follows_the_system(system: str, scheme: str, visit: Callable[..., Any]) -> None:
    seen = visit("/", scheme=system)

    assert seen.page.evaluate(SCHEME) == scheme
    assert seen.errors == []


def test_the_readers_choice_is_kept(visit: Callable[..., Any]) -> None:
    seen = visit("/", scheme="light")
    page = seen.page
    light = page.evaluate(GROUND)

    for _ in range(2):  # from "as the system" to light, from light to dark
        page.locator("form[data-md-component=palette] label:visible").first.click()
    assert page.evaluate(SCHEME) == "slate"
    dark = page.evaluate(GROUND)
    assert dark != light

    seen.go("/setup/")
    assert page.evaluate(SCHEME) == "slate"
    assert page.evaluate(GROUND) == dark
    assert seen.errors == []


def test_figures_have_a_dark_twin(visit: Callable[..., Any]) -> None:
    """Of each pair, the one that fits the ground is shown."""
    for scheme, shown in (("light", "#only-light"), ("dark", "#only-dark")):
        page = visit("/learn/01_workflow/", scheme=scheme).page
        sources = page.locator(".pdl-figure img:visible").evaluate_all(
            "images => images.map(image => image.getAttribute('src')).filter(s => s.includes('#'))"
        )
        assert sources
        assert all(source.endswith(shown) for source in sources)
