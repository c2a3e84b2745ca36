"""Do hand-written pages show the build, and does a wrong insert name its file and line?"""

from pathlib import Path
from typing import Any

import pytest
from projects import KEY, Project, chapter, code, record

from pdl_site.book import Entry
from pdl_site.errors import SiteError
from pdl_site.inserts import count_doctests, insert

CHECK = code("# C.\nassert 1", tags=["check"])


def entry(kept: Any = None, key: str = KEY, **front: Any) -> Entry:
    return Entry(chapter(CHECK, **front), key, [], kept)


def filled(markdown: str, *entries: Entry, page: str = "index.md", **more: Any) -> str:
    known = {"uri": "learn", "figures": {"learn/a#result": "![x](a/r.svg){ .p }\n![x](a/d.svg)"}}
    return insert(markdown, page=page, entries=entries, **{**known, **more})


class TestChapters:
    def test_the_track(self) -> None:
        ran = entry(record(seconds=7.0), title="One", gives=["a", "b < c"], minutes=45)
        text = filled("Before\n<!-- site:chapters -->\nafter", ran, entry(title="Two"))
        assert text == (
            'Before\n<ol class="pdl-track" markdown="1">\n'
            '<li markdown="span">[One](learn/a.md) <span class="pdl-track-gives">a, b &lt; c</span>'
            ' <span class="pdl-track-time">45 min to read and try · runs in 7 s</span></li>\n'
            '<li markdown="span">[Two](learn/a.md) <span class="pdl-track-gives"></span>'
            ' <span class="pdl-track-time">1 min to read and try</span></li>\n</ol>\nafter'
        )

    @pytest.mark.parametrize(
        ("page", "path"),
        [("index.md", "learn/a.md"), ("deep/x.md", "../learn/a.md"), ("learn/x.md", "./a.md")],
    )
    def test_links_start_from_the_page(self, page: str, path: str) -> None:
        assert f"]({path})" in filled("<!-- site:chapters -->", entry(), page=page)


class TestProgress:
    def test_a_whole_book_needs_none(self) -> None:
        assert filled("a\n<!-- site:progress -->\nb", entry(record())) == "a\n\nb"

    def test_it_tells_how_many_have_run(self) -> None:
        entries = (entry(record()), entry(record(), key="1" * 24), entry())
        text = filled("<!-- site:progress -->", *entries)
        assert text.startswith('<div class="pdl-notice" role="status">1 of 3 chapters have run')
        assert '<progress max="3" value="1"' in text


class TestChecked:
    def test_only_fresh_runs_count(self) -> None:
        packages = {"torch": "2.10", "numpy": "2.0", "matplotlib": "3.9"}
        entries = (
            entry(record(seconds=60, started="2026-01-02T00:00:00Z")),
            entry(record(seconds=90, started="2026-03-04T00:00:00Z", packages=packages)),
            entry(record(seconds=999), key="1" * 24),
            entry(),
        )
        text = filled("<!-- site:checked -->", *entries)
        assert text.startswith('<dl class="pdl-checked"><div><dt>Chapters run</dt><dd>2 of 4</dd>')
        assert "<dt>Claims checked</dt><dd>2</dd>" in text
        assert "<dt>Computing time</dt><dd>2.5 min</dd>" in text
        assert "<dt>Versions</dt><dd>Python 3.11.7, torch 2.10, numpy 2.0</dd>" in text
        assert "<dt>Last run</dt><dd>2026-03-04</dd>" in text
        assert "Doctest" not in text

    def test_before_any_run(self) -> None:
        text = filled("<!-- site:checked -->", entry())
        assert "0 of 1" in text
        assert "Computing time" not in text

    def test_doctests_are_counted(self, tmp_path: Path) -> None:
        project = Project(tmp_path)
        source = '"""M.\n\n>>> 1\n1\n"""\ndef f():\n    """F.\n\n    >>> 2\n    >>> 3\n    """\n'
        project.write("lib/a.py", source + "x = '>>> 4'\nclass C:\n    async def g(self): ...\n")
        project.write("lib/sub/b.py", 'class C:\n    """C.\n\n    >>> 5\n    """\n')
        assert count_doctests(tmp_path / "lib") == 4
        text = filled("<!-- site:checked -->", entry(), library=tmp_path / "lib")
        assert "Doctest examples" in text
        assert "<dd>4</dd>" in text


class TestFigure:
    @pytest.mark.parametrize(("page", "folder"), [("index.md", "learn"), ("a/b.md", "../learn")])
    def test_paths_start_from_the_page(self, page: str, folder: str) -> None:
        text = filled("<!-- site:figure learn/a#result -->", entry(record()), page=page)
        assert text == f"![x]({folder}/a/r.svg){{ .p }}\n![x]({folder}/a/d.svg)"

    def test_not_yet_run(self) -> None:
        text = filled("<!-- site:figure learn/b#x -->", entry())
        assert 'role="status">The figure appears when its chapter has run.' in text


class TestFaults:
    @pytest.mark.parametrize("what", ["figure learn/a#no", "figure", "chapter", "checked-all"])
    def test_unknown(self, what: str) -> None:
        with pytest.raises(SiteError) as caught:
            filled(f"# T\n\n<!-- site:{what} -->", entry(record()), page="deep/x.md")
        assert str(caught.value) == (
            f"docs/deep/x.md:3: no insert '<!-- site:{what} -->'; known figures: learn/a#result"
        )

    def test_other_comments_stay(self) -> None:
        assert filled("<!-- note --> <!-- site : x -->") == "<!-- note --> <!-- site : x -->"
