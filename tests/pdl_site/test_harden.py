"""What the last change to every page does, and what it must leave alone."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdl_site.harden import POLICY, add_policy, harden, inline_script_hashes

HEAD = '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>T</title>\n'
PAGE = HEAD + "{head}</head>\n<body>{body}</body>\n</html>\n"


def page(body: str = "", head: str = "") -> str:
    return PAGE.format(head=head, body=body)


def policy_of(html: str) -> dict[str, str]:
    found = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', html)
    assert len(found) == 1
    return {rule.split(" ", 1)[0]: rule.split(" ", 1)[1] for rule in found[0].split("; ")}


def sha256(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


class Shape(HTMLParser):
    """Tags, attributes and words of a page: what a reader or a browser can tell apart."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[object] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.seen.extend(data.split())


class TestPolicy:
    def test_allows_exactly_the_inline_scripts_of_the_page(self) -> None:
        html = harden(page("<script>one()</script><script>two()</script><script>one()</script>"))
        assert policy_of(html)["script-src"].split() == [
            "'self'",
            *sorted({sha256("one()"), sha256("two()")}),
        ]

    def test_scripts_may_never_be_inline_or_evaluated(self) -> None:
        for name, value in policy_of(harden(page("<script>x</script>"))).items():
            assert "unsafe-eval" not in value
            assert "unsafe-inline" not in value or name == "style-src"

    def test_forbids_what_it_does_not_name(self) -> None:
        rules = policy_of(harden(page()))
        assert rules["default-src"] == "'none'"
        assert set(rules) == set(POLICY)
        assert "http" not in " ".join(rules.values())

    def test_comes_before_the_first_script(self) -> None:
        html = harden(page(head="<script>early()</script>"))
        assert html.index("Content-Security-Policy") < html.index("<script>")
        assert html.index("charset") < html.index("Content-Security-Policy")

    def test_files_and_data_need_no_hash(self) -> None:
        scripts = (
            '<script src="a.js"></script>'
            '<script id="__config" type="application/json">{"base": "."}</script>'
            '<script type="application/ld+json">{}</script>'
        )
        assert inline_script_hashes(scripts) == []

    def test_hashes_the_exact_text_with_its_white_space(self) -> None:
        body = "\n  var a = 'ä';\n\n\n  b()\n"
        html = harden(page(f"<script>{body}</script>"))
        assert f"<script>{body}</script>" in html
        assert sha256(body) in policy_of(html)["script-src"]

    def test_an_older_policy_is_replaced(self) -> None:
        once = add_policy(page("<script>a</script>"))
        assert policy_of(add_policy(once.replace(">a<", ">b<")))["script-src"].count("sha256") == 1

    def test_is_left_out_for_live_reload(self) -> None:
        assert "Content-Security-Policy" not in harden(page("<script>a</script>"), policy=False)


class TestValidity:
    def test_autocomplete_goes_from_checkboxes_only(self) -> None:
        box = '<input class="md-toggle" type="checkbox" id="__drawer" autocomplete="off">'
        field = '<input type="text" name="query" autocomplete="off">'
        html = harden(page(box + field))
        assert '<input class="md-toggle" type="checkbox" id="__drawer">' in html
        assert field in html

    def test_an_empty_tabindex_goes(self) -> None:
        html = harden(page('<label for="a" tabindex="">A</label><pre tabindex="0">x</pre>'))
        assert 'tabindex=""' not in html
        assert '<pre tabindex="0">' in html

    def test_an_empty_heading_of_a_table_becomes_a_cell(self) -> None:
        html = harden(page('<tr><th></th><th style="text-align: right;">\n</th><th>a</th></tr>'))
        assert '<td></td><td style="text-align: right;"></td><th>a</th>' in html

    def test_the_generator_is_not_named(self) -> None:
        html = harden(page(head='<meta name="generator" content="mkdocs-1.6.1">\n'))
        assert "generator" not in html

    @pytest.mark.parametrize("there", [True, False])
    def test_a_label_of_a_missing_control_is_no_label(self, there: bool) -> None:
        label = '<label class="md-nav__title" for="__toc"><span></span>\nContents</label>'
        control = '<input type="checkbox" id="__toc">' if there else ""
        html = harden(page(control + label))
        assert ("<label" in html) is there
        assert "Contents" in html


class TestNames:
    def test_the_search_dialog_has_a_name(self) -> None:
        html = harden(page('<div class="md-search" data-md-component="search" role="dialog">'))
        assert 'role="dialog" aria-label="Search">' in html

    def test_the_button_of_the_navigation_has_a_name_and_can_be_reached(self) -> None:
        label = '<label class="md-header__button md-icon" for="__drawer">'
        html = harden(page(f"{label}<svg></svg></label>"))
        reached = label.replace(">", ' tabindex="0">')
        assert f'{reached}<span class="pdl-hidden">Navigation</span><svg></svg></label>' in html

    def test_each_section_of_the_navigation_has_its_own(self) -> None:
        section = (
            '<label class="md-nav__link" for="__nav_{n}" id="__nav_{n}_label" tabindex="0">\n'
            '<span class="md-nav__icon md-icon"></span>\n</label>\n'
            '<nav aria-labelledby="__nav_{n}_label">\n'
            '<label class="md-nav__title" for="__nav_{n}">\n<span class="md-icon"></span>\n'
            "{title}\n</label></nav>"
        )
        html = harden(
            page(section.format(n=1, title="Learn") + section.format(n=2, title="<b>API</b>"))
        )
        assert '<span class="pdl-hidden">Learn</span>' in html
        assert '<span class="pdl-hidden">API</span>' in html

    def test_headings_in_the_table_of_contents_are_no_landmarks(self) -> None:
        toc = '<nav class="md-nav md-nav--secondary" aria-label="Table of contents">'
        html = harden(page(toc + '<nav class="md-nav" aria-label="Data"></nav></nav>'))
        assert toc + '<nav class="md-nav" role="presentation"></nav></nav>' in html

    def test_a_name_that_would_cost_a_tooltip_is_a_label(self) -> None:
        link = '<h2>A<a class="headerlink" href="#a" title="Link to this section">&para;</a></h2>'
        logo = '<a href=".." title="PDL" class="md-header__button md-logo" aria-label="PDL">x</a>'
        html = harden(page(link + logo + '<abbr title="A grid of numbers.">tensor</abbr>'))
        assert 'class="headerlink" href="#a" aria-label="Link to this section">' in html
        assert '<a href=".." class="md-header__button md-logo" aria-label="PDL">' in html
        assert '<abbr title="A grid of numbers.">tensor</abbr>' in html

    def test_a_tooltip_that_repeats_the_word_goes(self) -> None:
        spans = '<span title="int">int</span> <span title="pdl.typing.Tokens">Tokens</span>'
        assert '>int <span title="pdl.typing.Tokens">Tokens</span><' in harden(page(spans))

    def test_a_label_with_words_keeps_them(self) -> None:
        label = '<label id="__nav_1_label">Learn<span class="md-nav__icon md-icon"></span></label>'
        assert label in harden(page(label))


class TestTables:
    BOX = '<div class="md-typeset__scrollwrap"><div class="md-typeset__table">'

    def test_each_is_in_a_box_that_scrolls(self) -> None:
        row = "<tr><td>1</td></tr>"
        html = harden(page(f"<table>\n{row}</table>\n<table>{row}</table>"))
        boxed = f'{self.BOX}<table class="pdl-grid">%s{row}</table></div></div>'
        assert boxed % "\n" in html
        assert boxed % "" in html

    def test_one_with_a_class_is_somebody_elses(self) -> None:
        lines = '<table class="highlighttable"><tr><td>1</td></tr></table>'
        assert lines in harden(page(lines))

    def test_one_around_another_is_left_whole(self) -> None:
        html = harden(page("<table><tr><td><table></table></td></tr></table>"))
        assert html.count("<table") == html.count("</table>") == 2
        assert html.count("<div") == html.count("</div>")


class TestKeyboard:
    def test_blocks_of_code_can_be_reached_and_words_can_not(self) -> None:
        html = harden(page("<pre><span></span><code>a</code></pre><p><code>b</code></p>"))
        assert '<pre><span></span><code tabindex="0">a</code></pre><p><code>b</code></p>' in html

    def test_a_diagram_is_no_code(self) -> None:
        assert "tabindex" not in harden(page('<pre class="mermaid"><code>a</code></pre>'))


class TestPreviews:
    def test_resolved_references_inside_the_site_preview(self) -> None:
        html = harden(page('<a class="autorefs autorefs-internal" href="../api/">a</a>'))
        assert '<a data-preview class="autorefs autorefs-internal" href="../api/">' in html

    def test_others_do_not(self) -> None:
        html = harden(page('<a class="autorefs autorefs-external" href="https://x.org">a</a>'))
        assert "data-preview" not in html


class TestLightbox:
    def test_nothing_of_it_is_in_the_first_load(self) -> None:
        html = harden(
            page(
                '<a class="glightbox" href="a.svg"><img src="a.svg" alt="A"></a>'
                '<script id="init-glightbox">const lightbox = GLightbox({});\n</script>',
                '<link href="../assets/stylesheets/glightbox.min.css" rel="stylesheet">\n'
                '<script src="../assets/javascripts/glightbox.min.js"></script>\n'
                '<style id="glightbox-style">\n.gslide {}\n</style>\n',
            )
        )
        assert html.count("glightbox") == 1
        assert '<a class="glightbox" href="a.svg">' in html

    def test_a_twin_is_known_by_its_link(self) -> None:
        twins = "".join(
            f'<a class="glightbox" href="a.svg#only-{scheme}">'
            f'<img alt="A" src="a.svg#only-{scheme}"></a>'
            for scheme in ("light", "dark")
        )
        html = harden(page(twins))
        assert '<a class="glightbox pdl-only-light" href="a.svg#only-light">' in html
        assert '<a class="glightbox pdl-only-dark" href="a.svg#only-dark">' in html


class TestSpeed:
    def test_scripts_wait_for_the_page_in_their_order(self) -> None:
        html = harden(page('<script src="a.js"></script><script src="b.js"></script>'))
        assert '<script src="a.js" defer></script><script src="b.js" defer></script>' in html

    def test_the_first_picture_comes_at_once_in_the_scheme_that_shows(self) -> None:
        light = '<img src="a.svg#only-light" loading="lazy" alt="A">'
        dark = '<img src="a-dark.svg#only-dark" loading="lazy" alt="A">'
        logo = '<img src="logo.svg" alt="">'
        html = harden(page(f"{logo}<article><p>T</p>{light}{dark}{light}</article>"))
        assert html.count('<img src="a.svg#only-light" fetchpriority="high" alt="A">') == 1
        assert html.count('loading="lazy"') == 2
        hints = re.findall(r'<link rel="preload"[^>]*href="([^"]*)" media="([^"]*)">', html)
        assert hints == [("a-dark.svg", "(prefers-color-scheme: dark)")]

    @pytest.mark.parametrize(
        "picture", ['<img src="photo.webp" loading="lazy" alt="A">', '<img src="a.svg" alt="A">']
    )
    def test_a_picture_without_a_twin_stays_as_it_is(self, picture: str) -> None:
        html = harden(page(f"<article>{picture}</article>"))
        assert picture in html
        assert "preload" not in html

    def test_the_sheet_of_the_reference_is_for_the_reference(self) -> None:
        sheet = '<link rel="stylesheet" href="../../assets/_mkdocstrings.css">'
        assert sheet in harden(page('<div class="doc doc-object"></div>', sheet))
        assert sheet not in harden(page("<p>T</p>", sheet))

    def test_a_page_without_pictures_asks_for_none(self) -> None:
        assert "preload" not in harden(page("<article><p>T</p></article>"))


class TestWhiteSpace:
    def test_indentation_goes_outside_of_code(self) -> None:
        html = harden(page("\n\n      <p>\n   a\n</p>\n<pre><code>if x:\n\n    y\n</code></pre>"))
        assert (
            '<body>\n<p>\na\n</p>\n<pre><code tabindex="0">if x:\n\n    y\n</code></pre></body>'
            in html
        )

    def test_words_stay_apart(self) -> None:
        assert "<b>a</b>\n<i>b</i> c" in harden(page("<b>a</b>  \n\n   <i>b</i> c"))


class TestWhole:
    BODY = '<p>one <b>two</b></p>\n\n<pre>  a\n\n b</pre><input type="checkbox" autocomplete="off">'

    def test_hardening_twice_changes_nothing(self) -> None:
        once = harden(page(self.BODY + "<script>a</script><table><th></th></table>"))
        assert harden(once) == once

    @given(
        st.lists(
            st.sampled_from(
                ["<p>", "</p>", "word", " ", "\n", "  \n\t", "<pre>", "</pre>", "<script>", "é",
                 "</script>", "<b>", "</b>", '<a href="x">', "</a>", "<style>", "</style>", "&lt;"]
            )
        ).map("".join)
    )  # fmt: skip
    def test_a_page_without_faults_keeps_its_shape(self, body: str) -> None:
        assert Shape(harden(page(body), policy=False)).seen == Shape(page(body)).seen

    @given(st.text(alphabet="<>/ab=\"' \n", max_size=80))
    def test_any_text_is_survived(self, body: str) -> None:
        harden(body)
