"""Do the colors follow the reader's system, and the reader's own choice before it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEME = "document.body.dataset.mdColorScheme"
ROOT = "getComputedStyle(document.documentElement).colorScheme"
GROUNDS = "[...document.querySelectorAll('meta[name=theme-color]')].map(each => each.content)"
TWO_FRAMES = "() => new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))"
LIGHT, DARK = "#fffdfa", "#15171c"
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

    button = page.locator(".pdl-palette")
    names = [button.get_attribute("aria-label")]
    for _ in range(2):  # from "as the system" to light, from light to dark
        button.click()
        names.append(button.get_attribute("aria-label"))
    assert len(set(names)) == 3
    assert page.evaluate(SCHEME) == "slate"
    assert page.evaluate(GROUNDS) == [DARK, DARK]
    assert page.evaluate(ROOT) == "dark"
    dark = page.evaluate(GROUND)
    assert dark != light

    seen.go("/setup/")
    assert page.evaluate(SCHEME) == "slate"
    assert page.evaluate(GROUND) == dark
    assert page.locator(".pdl-palette").get_attribute("aria-label") == names[-1]

    page.locator(".pdl-palette").focus()
    page.keyboard.press("Enter")
    assert page.locator(".pdl-palette").get_attribute("aria-label") == names[0]
    assert page.evaluate(SCHEME) == "default"
    assert page.evaluate(GROUNDS) == [LIGHT, DARK]
    assert seen.errors == []


def test_a_change_of_the_system_shows_at_once(visit: Callable[..., Any]) -> None:
    page = visit("/", scheme="light").page
    page.emulate_media(color_scheme="dark")
    page.locator("body[data-md-color-scheme=slate]").wait_for()

    page.locator(".pdl-palette").click()  # light, whatever the system says
    assert page.evaluate(SCHEME) == "default"
    for system in ("light", "dark"):
        page.emulate_media(color_scheme=system)
        page.evaluate(TWO_FRAMES)
    assert page.evaluate(SCHEME) == "default"


@pytest.mark.parametrize("kept", ["null", "7", '"dark"', "{", '{"index": 2, "color": {}}'])
def test_what_can_not_be_read_is_as_the_system_says(kept: str, browser: Any, server: Any) -> None:
    """Another version of the site may have left it there, or another site of the same host."""
    context = browser.new_context(color_scheme="dark")
    context.add_init_script(f"localStorage.setItem('/.__palette', {kept!r})")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(server.url)
    assert page.evaluate("() => localStorage.length") == 1
    assert page.evaluate(SCHEME) == "slate"
    assert errors == []
    context.close()


def test_the_colors_are_there_before_the_theme(browser: Any, server: Any) -> None:
    """A dark page never shows light first: no script that waits has a say in it."""
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.route("**/*.js", lambda route: route.abort())
    page.goto(server.url)
    assert page.evaluate(SCHEME) == "slate"
    context.close()


def test_the_button_works_where_nothing_can_be_kept(browser: Any, server: Any) -> None:
    context = browser.new_context(color_scheme="light")
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no') }})"
    )
    page = context.new_page()
    page.goto(server.url)
    for scheme in ("default", "slate", "default"):
        page.locator(".pdl-palette").click()
        assert page.evaluate(SCHEME) == scheme
    context.close()


def test_the_tooltip_is_that_of_now(visit: Callable[..., Any]) -> None:
    button = visit("/").page.locator(".pdl-palette")
    for _ in range(3):
        button.hover()
        assert button.get_attribute("title") == button.get_attribute("aria-label")
        button.click()
        assert button.get_attribute("title") == button.get_attribute("aria-label")
        button.page.mouse.move(600, 500)
        assert button.get_attribute("title") is None


def test_paper_is_light(visit: Callable[..., Any]) -> None:
    page = visit("/learn/01_workflow/", scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(SCHEME) == "slate"
    ink = page.evaluate("getComputedStyle(document.querySelector('.md-content p')).color")
    assert max(int(part) for part in ink.removeprefix("rgb(").removesuffix(")").split(",")) < 128
    pictures = page.locator(".pdl-figure img:visible").evaluate_all(
        "images => images.map(image => image.getAttribute('src')).filter(s => s.includes('#'))"
    )
    assert pictures
    assert all(source.endswith("#only-light") for source in pictures)


def test_figures_have_a_dark_twin(visit: Callable[..., Any]) -> None:
    """Of each pair, the one that fits the ground is shown."""
    for scheme, shown in (("light", "#only-light"), ("dark", "#only-dark")):
        page = visit("/learn/01_workflow/", scheme=scheme).page
        sources = page.locator(".pdl-figure img:visible").evaluate_all(
            "images => images.map(image => image.getAttribute('src')).filter(s => s.includes('#'))"
        )
        assert sources
        assert all(source.endswith(shown) for source in sources)
