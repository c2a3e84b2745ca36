"""Is the Markdown of a chapter exactly what the theme and its styles expect?"""

import base64
import re
from typing import Any

import pytest
import yaml
from projects import chapter, code, prose, record, script

from pdl_site.render import LONG, SHOWN, Context, Page, render
from pdl_site.script import parse_chapter

SVG = b'<svg width="72pt" height="36pt"><path stroke="#2b5fa8"/></svg>'
STEM = "result-7f26a9b155"

CELLS = (
    prose("## One {{ x }}\n\nSee [two](01_b.py#part) and [`f`][pkg.f]."),
    code("x = 1\nx"),
    code("plot()", alt="A [line] of `x`\n  over $t$", caption="*C*", name="result"),
    code("table()", tags=["hide-input"]),
    code("draw()", tags=["hide-input"], alt=["One", "Two"]),
    code("# The loss < 1.\nassert x", tags=["check"]),
    prose("What comes?", tags=["checkpoint"]),
    prose("It broke.", tags=["wrong"]),
    prose("### Exercise 1: try\n\nDo it.", tags=["exercise"], level="warm-up"),
    prose("First.", tags=["solution"]),
    code("y = 2", tags=["solution"]),
    code("# It is two.\nassert y == 2", tags=["solution", "check"]),
    prose("End {{ y }}."),
)


def figure(data: bytes = SVG, kind: str = "svg", **more: Any) -> dict[str, Any]:
    encoded = base64.b64encode(data).decode()
    known = {"kind": "figure", "format": kind, "data": encoded, "width": 96, "height": 48}
    return {**known, "alt": "old words", **more}


OUTPUTS: tuple[list[dict[str, Any]], ...] = (
    [
        {"kind": "stream", "name": "stdout", "text": "a < b\nc"},
        {"kind": "stream", "name": "stderr", "text": "slow"},
        {"kind": "result", "text": "1"},
    ],
    [figure()],
    [{"kind": "table", "html": "<table></table>"}],
    [figure(b"1", "webp"), figure(b"2", "webp")],
    [],
    [],
    [],
)
EXPECTED = f"""\
---
title: A
description: One.
level: beginner
minutes: 1
needs: []
gives: []
chapter: a
---

# A

CARD

NOTICE

## One 7

See [two](01_b.md#part) and [`f`][pkg.f].

<div class="pdl-cell" markdown="1">

``````python
x = 1
x
``````

<div class="pdl-output" data-search-exclude markdown="1">

<pre class="pdl-stream" tabindex="0">a &lt; b&#10;c</pre>

<pre class="pdl-stream pdl-stderr" tabindex="0">slow</pre>

<pre class="pdl-result" tabindex="0">1</pre>

</div>

<p class="pdl-uses" markdown="span">In the library: [`f`][pkg.f] · [`g`][pkg.sub.g]</p>

</div>

<div class="pdl-cell" markdown="1">

``````python
plot()
``````

<div class="pdl-output" data-search-exclude markdown="1">

<figure class="pdl-figure" markdown="1">

![A line of x over t](a/{STEM}.svg#only-light){{ .pdl-plot width=96 height=48 loading=lazy }}
![A line of x over t](a/{STEM}-dark.svg#only-dark){{ .pdl-plot width=96 height=48 loading=lazy }}

<figcaption markdown="span">*C*</figcaption>

</figure>

</div>

</div>

<div class="pdl-cell" markdown="1">

<details class="pdl-code" markdown="1">
<summary>Show the code</summary>

``````python
table()
``````

</details>

<div class="pdl-output" data-search-exclude markdown="1">

<div class="pdl-table" tabindex="0" role="region" aria-label="Table shown by cell 5">\
<table></table></div>

</div>

</div>

<div class="pdl-cell" markdown="1">

<div class="pdl-output" data-search-exclude markdown="1">

<figure class="pdl-figure" markdown="1">

![One](a/figure-6b86b273ff.webp){{ .pdl-photo width=96 height=48 loading=lazy }}

</figure>

<figure class="pdl-figure" markdown="1">

![Two](a/figure-d4735e3a26.webp){{ .pdl-photo width=96 height=48 loading=lazy }}

</figure>

</div>

<details class="pdl-code" markdown="1">
<summary>Show the code</summary>

``````python
draw()
``````

</details>

</div>

<details class="pdl-check" markdown="1">
<summary>The loss &lt; 1.</summary>

``````python
assert x
``````

</details>

<div class="pdl-checkpoint" markdown="1">

<p class="pdl-label">Predict first</p>

What comes?

</div>

<div class="pdl-wrong" markdown="1">

<p class="pdl-label">What went wrong</p>

It broke.

</div>

<div class="pdl-exercise" data-level="warm-up" markdown="1">

<p class="pdl-label">warm-up</p>

### Exercise 1: try

Do it.

</div>

<details class="pdl-solution" markdown="1">
<summary>Solution</summary>

First.

<div class="pdl-cell" markdown="1">

``````python
y = 2
``````

</div>

<details class="pdl-check" markdown="1">
<summary>It is two.</summary>

``````python
assert y == 2
``````

</details>

</details>

End 8.

## From the library {{ #from-the-library }}

<ul class="pdl-api"><li><autoref identifier="pkg.f"><code>pkg.f</code></autoref></li>\
<li><autoref identifier="pkg.sub.g"><code>pkg.sub.g</code></autoref></li></ul>
"""


def whole(**changes: Any) -> Page:
    uses = [{"pkg.sub.g", "pkg.f"}, {"pkg.f"}, {"pkg.f"}, set(), set(), set(), set()]
    context = Context(dark={"#2b5fa8": "#8ab4f8"}, uses=uses, card="CARD", notice="NOTICE")
    made = record(OUTPUTS, (["7"], ["8"]))
    return render(chapter(*CELLS), changes.get("record", made), context)


def text_of(*cells: str, outputs: Any = (), values: Any = (), **context: Any) -> str:
    page = render(chapter(*cells), record(outputs, values), Context(**context))
    return page.markdown.partition("\n---\n\n# A")[2].strip()


class TestGolden:
    def test_markdown(self) -> None:
        assert whole().markdown == EXPECTED

    def test_files(self) -> None:
        files = whole().files
        assert sorted(files) == [
            "figure-6b86b273ff.webp",
            "figure-d4735e3a26.webp",
            f"{STEM}-dark.svg",
            f"{STEM}.svg",
        ]
        assert files[f"{STEM}.svg"] == SVG
        assert files[f"{STEM}-dark.svg"] == SVG.replace(b"#2b5fa8", b"#8ab4f8")
        assert files["figure-6b86b273ff.webp"] == b"1"

    def test_every_file_is_linked_and_every_link_has_a_file(self) -> None:
        page = whole()
        linked = set(re.findall(r"\]\(a/([^)#]+)", page.markdown))
        assert linked == set(page.files)

    def test_named_figures(self) -> None:
        figures = whole().figures
        assert list(figures) == ["result"]
        assert figures["result"].startswith(f"![A line of x over t](a/{STEM}.svg#only-light)")

    def test_the_same_each_time(self) -> None:
        assert whole() == whole()


class TestMissingRecord:
    def test_code_and_prose_stand_without_outputs(self) -> None:
        page = whole(record=None)
        assert "pdl-output" not in page.markdown
        assert "## One &hellip;" in page.markdown
        assert "End &hellip;." in page.markdown
        assert "``````python\nplot()\n``````" in page.markdown
        assert page.files == {}
        assert page.figures == {}


class TestPlaceOfTheCard:
    def test_without_card_and_notice_nothing_is_added(self) -> None:
        page = render(chapter(prose("Text.")), None, Context())
        assert page.markdown.endswith("---\n\n# A\n\nText.\n")

    def test_a_title_in_code_is_not_the_title(self) -> None:
        page = render(chapter(code("# comment\n1")), None, Context(card="CARD"))
        assert page.markdown.count("CARD") == 1
        assert "# A\n\nCARD\n" in page.markdown

    def test_a_backslash_in_the_card_stays(self) -> None:
        assert "a\\1b" in render(chapter(), None, Context(card="a\\1b")).markdown


class TestText:
    @pytest.mark.parametrize("kind", ["stream", "result"])
    def test_long_output_is_folded(self, kind: str) -> None:
        lines = [f"line {n}" for n in range(LONG + 1)]
        output = {"kind": kind, "name": "stdout", "text": "\n".join(lines)}
        text = text_of(code("f()"), outputs=([output],))
        shown, _, folded = text.partition('<details class="pdl-long">')
        assert f"line {SHOWN - 1}</pre>" in shown
        assert f"line {SHOWN}" not in shown
        assert folded.startswith(f"<summary>{LONG + 1 - SHOWN} more lines</summary><pre")
        assert f'tabindex="0">line {SHOWN}&#10;' in folded

    def test_output_that_just_fits_is_not(self) -> None:
        text = "\n".join("x" * LONG)
        output = {"kind": "stream", "name": "stdout", "text": text}
        assert "pdl-long" not in text_of(code("f()"), outputs=([output],))

    def test_output_can_not_leave_its_block(self) -> None:
        output = {"kind": "stream", "name": "stdout", "text": '</pre></div>\n\n# H\n--8<-- "x"'}
        text = text_of(code("f()"), outputs=([output],))
        assert '&lt;/pre&gt;&lt;/div&gt;&#10;&#10;# H&#10;--8&lt;-- "x"</pre>' in text


class TestFigures:
    def test_words_of_the_cell_go_before_those_of_the_run(self) -> None:
        text = text_of(code("f()", alt="new words"), outputs=([figure()],))
        assert "![new words](" in text
        assert "old words" not in text

    def test_an_old_run_with_more_figures_keeps_its_words(self) -> None:
        text = text_of(code("f()", alt="new words"), outputs=([figure(), figure(b"2", "webp")],))
        assert "![new words](" in text
        assert "![old words](" in text

    @pytest.mark.parametrize("alt", ["a ] b [ c", "a](http://evil.example) b", "a\n\nb"])
    def test_words_can_not_leave_their_brackets(self, alt: str) -> None:
        text = text_of(code("f()", alt=alt), outputs=([figure()],))
        (first, *_) = re.findall(r"!\[([^\]]*)\]\(a/", text)
        assert not set("[]\n") & set(first)

    def test_only_the_first_of_several_figures_is_named(self) -> None:
        made = chapter(code("f()", alt=["a", "b"], name="n", caption="C"))
        outputs = ([figure(b"1", "webp"), figure(b"2", "webp")],)
        page = render(made, record(outputs), Context())
        assert page.figures["n"].startswith("![a](")
        assert page.markdown.count("<figcaption") == 1
        assert page.markdown.index("<figcaption") > page.markdown.index("![b](")


class TestUses:
    def test_named_once_in_a_section(self) -> None:
        cells = (code("a"), code("b"), prose("## Next"), code("c"))
        uses = [{"p.f"}, {"p.f", "p.g"}, {"p.f"}]
        found = re.findall(r"In the library: (.*?)</p>", text_of(*cells, uses=uses))
        assert found == ["[`f`][p.f]", "[`g`][p.g]", "[`f`][p.f]"]

    def test_a_subsection_does_not_name_them_again(self) -> None:
        cells = (code("a"), prose("### Next"), code("b"))
        text = text_of(*cells, uses=[{"p.f"}, {"p.f"}])
        assert text.count("In the library:") == 1

    def test_nothing_used_nothing_listed(self) -> None:
        text = text_of(code("a"), uses=[set()])
        assert "pdl-uses" not in text
        assert "From the library" not in text

    def test_checks_and_drawings_name_nothing_but_count(self) -> None:
        cells = (code("# C.\nassert 1", tags=["check"]), code("b", tags=["hide-input"]))
        text = text_of(*cells, uses=[{"p.f"}, {"p.g"}])
        assert "pdl-uses" not in text
        assert text.count("<autoref ") == 2


class TestMarkdown:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("[x](01_b.py)", "[x](01_b.md)"),
            ("[x](01_b.py#a-b)", "[x](01_b.md#a-b)"),
            ("[x](https://e.org/b.py)", "[x](https://e.org/b.py)"),
            ("[x](../setup.md)", "[x](../setup.md)"),
            ("`[x](01_b.py)`", "`[x](01_b.py)`"),
            ("the file x.py)", "the file x.py)"),
        ],
    )
    def test_links_to_other_chapters(self, source: str, expected: str) -> None:
        assert text_of(prose(source)) == expected

    def test_values_meet_their_own_cells(self) -> None:
        cells = (prose("a {{ x }}"), prose("no value"), prose("b {{ y }} {{ z }}"))
        assert text_of(*cells, values=(["1"], ["2", "3"])) == "a 1\n\nno value\n\nb 2 3"

    @pytest.mark.parametrize("solves", [False, True])
    def test_a_check_shows_what_it_printed(self, solves: bool) -> None:
        tags = ["solution", "check"] if solves else ["check"]
        cell = code("# It holds.\nassert print('0.5') is None", tags=tags)
        text = text_of(cell, outputs=[[{"kind": "stream", "name": "stdout", "text": "0.5"}]])
        end_of_check = text.index("</details>")
        assert (text.index(">0.5<") > end_of_check) == solves

    def test_two_solutions_are_two(self) -> None:
        cells = (
            prose("one", tags=["solution"]),
            prose("between"),
            prose("two", tags=["solution"]),
        )
        assert text_of(*cells).count("<summary>Solution</summary>") == 2

    def test_front_matter_is_yaml_whatever_the_title(self) -> None:
        title = 'A: "quoted" # and é'
        text = script(title=title, gives=["a", "b: c"], needs=["x"])
        made = parse_chapter(text, chapter().path, "x.py")
        head = render(made, None, Context()).markdown.split("---\n")[1]
        data = yaml.safe_load(head)
        assert (data["title"], data["gives"], data["needs"]) == (title, ["a", "b: c"], ["x"])
