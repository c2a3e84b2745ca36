"""Are formulas and diagrams drawn, by scripts of this site, under its own policy for scripts?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DIAGRAM = (
    '<pre class="mermaid"><code>graph LR\n  forward --> loss --> backward --> step</code></pre>'
)


def test_every_formula_is_set(
    visit: Callable[..., Any], page_files: list[Path], pages: list[str]
) -> None:
    with_math = [
        address
        for address, file in zip(pages, page_files, strict=True)
        if 'class="arithmatex"' in file.read_text(encoding="utf-8")
    ]
    assert with_math, "no page has a formula"
    for address in with_math:
        seen = visit(address)
        formulas = seen.page.locator(".arithmatex")
        assert formulas.count() == seen.page.locator(".arithmatex .katex-html").count(), address
        assert seen.page.locator(".katex-error").count() == 0, address
        assert seen.errors == []


def test_a_diagram_is_drawn(visit: Callable[..., Any], site: Path, server: Any) -> None:
    """The page is a built one with a diagram put in, so it carries the policy of all pages."""
    html = (site / "setup" / "index.html").read_text(encoding="utf-8")
    server.extra["/diagram/"] = html.replace("</h1>", f"</h1>{DIAGRAM}", 1)
    seen = visit("/diagram/")

    drawn = seen.page.locator("div.mermaid")
    drawn.wait_for(timeout=20_000)
    assert seen.page.locator("pre.mermaid").count() == 0
    assert drawn.bounding_box()["height"] > 20
    assert any("mermaid" in address for address in seen.bytes)
    assert seen.foreign == []
    assert seen.errors == []
