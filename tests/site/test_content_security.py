"""Would a script run that got into a page by way of its text, an output, or a broken library?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
SET = "(window.parent || window).probed = true"
# Ways by which markup runs a script. %s is the script.
AUTOMATIC = {
    "script": "<script>%s</script>",
    "module": '<script type="module">%s</script>',
    "script from a data address": '<script src="data:text/javascript,%s"></script>',
    "image that fails": '<img src="nothing.png" alt="" onerror="%s">',
    "drawing that loads": '<svg onload="%s"></svg>',
    "script in a drawing": "<svg><script>%s</script></svg>",
    "frame with a document": '<iframe srcdoc="<script>%s</script>"></iframe>',
    "frame with a script's address": '<iframe src="javascript:%s"></iframe>',
    "details that opens": '<details open ontoggle="%s"><summary>x</summary>y</details>',
    "field that takes the focus": '<input autofocus onfocus="%s">',
    "video without a source": '<video><source src="nothing.mp4" onerror="%s"></video>',
    "sound that fails": '<audio src="nothing.mp3" onerror="%s"></audio>',
}
CLICKED = {
    "link": '<a id="probe" href="javascript:%s">click</a>',
    "button with a handler": '<button id="probe" onclick="%s">click</button>',
    "form": '<form action="javascript:%s"><button id="probe">click</button></form>',
    "drawn link": '<svg width="90" height="40"><a href="javascript:%s">'
    '<rect id="probe" width="90" height="40"/></a></svg>',
}
# What a policy must say, whatever else it says.
RULES = {
    "default-src": {"'none'"},
    "base-uri": {"'none'", "'self'"},
    "form-action": {"'none'", "'self'"},
}


@pytest.fixture(scope="module")
def page(site: Path) -> str:
    """A built page that has everything: math, figures, code, tables."""
    return (site / "learn" / "01_workflow" / "index.html").read_text(encoding="utf-8")


def with_probe(page: str, probe: str) -> str:
    """Put a probe right under the title, where an output of a chapter would stand."""
    found = page.replace("</h1>", f"</h1>{probe % SET}", 1)
    assert found != page
    return found


def ran(seen: Any, click: bool) -> bool:
    """Say whether the probe ran, of itself or when it was clicked."""
    if click:
        seen.page.locator("#probe").click(timeout=5000, no_wait_after=True)
    seen.page.wait_for_timeout(300)
    return bool(seen.page.evaluate("window.probed === true"))


def test_every_page_has_a_policy_that_names_its_own_scripts(page_files: list[Path]) -> None:
    for file in page_files:
        html = file.read_text(encoding="utf-8")
        found = POLICY.findall(html)
        assert len(found) == 1, file
        assert html.index("Content-Security-Policy") < html.index("<script"), file
        policy = {
            words[0]: set(words[1:]) for part in found[0].split(";") if (words := part.split())
        }
        scripts = policy.get("script-src", policy["default-src"])
        assert not scripts & {"'unsafe-inline'", "'unsafe-eval'", "*", "data:", "https:"}, file
        for directive, allowed in RULES.items():
            assert policy[directive] <= allowed, f"{file}: {directive}"
        assert "object-src" not in policy or policy["object-src"] == {"'none'"}, file


@pytest.mark.parametrize("name", [*AUTOMATIC, *CLICKED])
def test_no_probe_runs(name: str, page: str, server: Any, visit: Callable[..., Any]) -> None:
    probe = AUTOMATIC.get(name) or CLICKED[name]
    server.extra["/learn/probe/"] = with_probe(page, probe)

    assert not ran(visit("/learn/probe/"), name in CLICKED)


@pytest.mark.parametrize("name", [*AUTOMATIC, *CLICKED])
def test_the_probes_do_run_without_the_policy(
    name: str, page: str, server: Any, visit: Callable[..., Any]
) -> None:
    """Else the test above would prove nothing."""
    probe = AUTOMATIC.get(name) or CLICKED[name]
    server.extra["/learn/bare/"] = POLICY.sub("", with_probe(page, probe))

    assert ran(visit("/learn/bare/"), name in CLICKED)


def test_a_base_element_moves_no_address(page: str, server: Any, visit: Callable[..., Any]) -> None:
    base = '<base href="https://elsewhere.example/">'
    server.extra["/learn/based/"] = page.replace("</title>", f"</title>{base}", 1)

    assert visit("/learn/based/", quiet=True).foreign == []


def test_nothing_is_sent_elsewhere(page: str, server: Any, visit: Callable[..., Any]) -> None:
    """Not by an image, a style, a frame, nor a font: what leaks is stopped before it is asked."""
    leaks = (
        '<img src="https://elsewhere.example/a.png" alt="">'
        '<link rel="stylesheet" href="https://elsewhere.example/a.css">'
        '<iframe src="https://elsewhere.example/"></iframe>'
        '<object data="https://elsewhere.example/a.svg"></object>'
        '<script src="https://elsewhere.example/a.js"></script>'
        '<video src="https://elsewhere.example/a.mp4"></video>'
        '<div style="background: url(https://elsewhere.example/b.png)">x</div>'
    )
    server.extra["/learn/leaking/"] = page.replace("</h1>", f"</h1>{leaks}", 1)

    assert visit("/learn/leaking/", quiet=True).foreign == []
