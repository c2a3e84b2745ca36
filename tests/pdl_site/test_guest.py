"""Does a page that mkdocs-jupyter made come out like the others, and whole?"""

import nbformat
import pytest
from mkdocs_jupyter import convert

from pdl_site.errors import SiteError
from pdl_site.guest import is_notebook, sections, settle

SITE = "https://e.org/book/"
RESOLVE = "../../{}".format
LINK = "[the chapter](https://e.org/book/learn/a/#b)"
WORDS = f"# Title\n\nSee {LINK}, $a_1 < b$ and `$no$`, or $5.\n\n## Next\n\n- one\n- two"


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    cells = [
        nbformat.v4.new_markdown_cell(WORDS),
        nbformat.v4.new_code_cell("x = 1 < 2  # '</div>'\nprint(x)"),
        nbformat.v4.new_markdown_cell(
            "Then:\n\n```python\ny = 1\n```\n\nand\n\n| a |\n|---|\n| 1 |"
        ),
        nbformat.v4.new_code_cell("# Your answer\n"),
    ]
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": python})
    path = tmp_path_factory.mktemp("guest") / "a.ipynb"
    nbformat.write(notebook, path)
    return str(convert.nb2html(str(path)))


def test_only_pages_of_notebooks_are_taken_for_such(html: str) -> None:
    assert is_notebook(html)
    assert not is_notebook("<h1>A</h1>")


def test_no_style_script_or_box_of_the_other_plugin_stays(html: str) -> None:
    page = settle(html, here=SITE, resolve=RESOLVE)
    for foreign in ("<style", "<script", "jp-", "clipboard", "In [", "cdnjs", "anchor-link"):
        assert foreign not in page
    assert len(page) < len(html) / 100


def test_every_cell_is_there_in_order(html: str) -> None:
    page = settle(html, here=SITE, resolve=RESOLVE)
    assert page.count('<div class="language-python highlight"><pre>') == 2
    places = [page.index(text) for text in ("Title", "print", "Then:", "<table>", "Your answer")]
    assert places == sorted(places)
    assert page.count("<div") == page.count("</div>")


def test_headings_have_the_links_of_other_pages(html: str) -> None:
    page = settle(html, here=SITE, resolve=RESOLVE)
    assert '<a class="headerlink" href="#next" title="Link to this section">&para;</a></h2>' in page


def test_links_into_the_site_are_relative(html: str) -> None:
    assert '<a href="../../learn/a/#b">the chapter</a>' in settle(html, here=SITE, resolve=RESOLVE)


def test_formulas_are_marked_and_code_is_left_alone(html: str) -> None:
    page = settle(html, here=SITE, resolve=RESOLVE)
    assert r'<span class="arithmatex">\(a_1 &lt; b\)</span>' in page
    assert "<code>$no$</code>" in page
    assert "or $5." in page


def test_links_stand_under_the_title(html: str) -> None:
    assert "</h1>\n<p>here</p>" in settle(html, here=SITE, resolve=RESOLVE, links="<p>here</p>")


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(SiteError, match="no cell"):
        settle('<div class="jupyter-wrapper"><p>other</p></div>', here=SITE, resolve=RESOLVE)


def test_sections_are_those_of_the_page(html: str) -> None:
    (title,) = sections(settle(html, here=SITE, resolve=RESOLVE))
    assert (title["id"], title["name"]) == ("title", "Title")
    assert [(one["id"], one["name"]) for one in title["children"]] == [("next", "Next")]
