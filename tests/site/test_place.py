"""Is the reader's place in a long page kept, though what is far away has a guessed height?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

TOP = "id => document.getElementById(id).getBoundingClientRect().top"
FOLLOW = """id => [...document.links].find(
  link => link.hash === '#' + id && !link.closest('.md-content__inner')).click()"""
HEADINGS = "() => [...document.querySelectorAll('.md-content__inner h2[id]')].map(each => each.id)"
AT_REST = """() => new Promise(done => {
  let last = scrollY, calm = 0;
  const look = () => {
    calm = scrollY === last ? calm + 1 : 0;
    last = scrollY;
    calm > 20 ? done(calm) : setTimeout(look, 20);
  };
  look();
})"""


def longest(folders: Iterable[Path]) -> str:
    found = max(folders, key=lambda folder: (folder / "index.html").stat().st_size)
    return f"/{found.parent.name}/{found.name}/"


@pytest.fixture(params=["learn 1280", "learn 360", "api 1280", "api 360"])
def reader(
    request: pytest.FixtureRequest, visit: Callable[..., Any], site: Path, chapters: list[Path]
) -> Any:
    """Someone who followed a link deep into the longest page, and read on a little."""
    kind, width = request.param.split()
    modules = [page.parent for page in (site / "api").glob("*/index.html")]
    address = longest(chapters if kind == "learn" else modules)
    seen = visit(address, width=int(width))
    seen.address = address
    seen.heading = seen.page.evaluate(HEADINGS)[-3]
    seen.page.goto("about:blank")
    seen.go(f"{address}#{seen.heading}")
    seen.page.evaluate(AT_REST)
    assert 40 < seen.page.evaluate(TOP, seen.heading) < 200
    seen.page.mouse.move(int(width) // 2, 400)  # over the text, not over the navigation
    seen.page.mouse.wheel(0, 400)
    seen.page.evaluate(AT_REST)
    return seen


def test_after_a_reload(reader: Any) -> None:
    before = reader.page.evaluate(TOP, reader.heading)
    assert before < 0
    reader.page.reload(wait_until="load")
    reader.page.evaluate(AT_REST)
    assert reader.page.evaluate(TOP, reader.heading) == pytest.approx(before, abs=4)
    assert reader.errors == []


def test_after_a_look_at_another_page(reader: Any) -> None:
    before = reader.page.evaluate(TOP, reader.heading)
    reader.page.evaluate("() => document.querySelector('.md-footer__link--prev, .md-logo').click()")
    reader.page.wait_for_function("id => !document.getElementById(id)", arg=reader.heading)
    reader.page.evaluate(AT_REST)
    reader.page.go_back()
    reader.page.wait_for_function("id => document.getElementById(id)", arg=reader.heading)
    reader.page.evaluate(AT_REST)
    assert reader.page.evaluate(TOP, reader.heading) == pytest.approx(before, abs=4)
    assert reader.errors == []


@pytest.mark.parametrize("again", [False, True])
def test_a_click_in_the_table_of_contents_goes_there(again: bool, reader: Any) -> None:
    """Also on a page where the reader was before: an anchor is more than a kept place."""
    if again:
        reader.page.goto("about:blank")
        reader.go(reader.address)
    other = reader.page.evaluate(HEADINGS)[2]
    reader.page.evaluate(FOLLOW, other)
    reader.page.evaluate(AT_REST)
    assert 40 < reader.page.evaluate(TOP, other) < 200
    assert reader.errors == []


@pytest.mark.parametrize("width", [1280, 390])
def test_every_part_of_an_api_page_can_be_linked_to(width: int, visit: Callable[..., Any]) -> None:
    seen = visit("/api/engine/", width=width)
    anchors = seen.page.evaluate(HEADINGS)
    assert "pdl.engine.train" in anchors
    for anchor in anchors:
        seen.page.goto("about:blank")
        seen.go(f"/api/engine/#{anchor}")
        seen.page.evaluate(AT_REST)
        assert 40 < seen.page.evaluate(TOP, anchor) < 200, anchor
