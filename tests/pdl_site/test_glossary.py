"""The glossary page as the one source of the definitions shown on words."""

from __future__ import annotations

import os
import re
from pathlib import Path

import markdown
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdl_site.errors import SiteError
from pdl_site.glossary import parse_glossary, plain, read_glossary, word_pattern

GLOSSARY = """\
# Glossary

Words.

## L

### Learning rate { #learning-rate data-also="step size" }

How far *one step* goes, see [`optim`](api.md).
It is small.

More about it.

### Loss { #loss }

How wrong the model is.

## R

### ReLU

Negative numbers become zero.
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "glossary.md"
    path.write_text(GLOSSARY, encoding="utf-8")
    return path


def convert(text: str, source: Path) -> str:
    return markdown.markdown(
        text,
        extensions=[
            "attr_list",
            "md_in_html",
            "tables",
            "pymdownx.arithmatex",
            "pdl_site.glossary",
        ],
        extension_configs={
            "pdl_site.glossary": {"source": str(source)},
            "pymdownx.arithmatex": {"generic": True},
        },
    )


def marked(html: str) -> list[str]:
    return re.findall(r"<abbr[^>]*>([^<]*)</abbr>", html)


class TestParse:
    def test_reads_names_anchors_and_first_paragraphs(self) -> None:
        first, second, third = parse_glossary(GLOSSARY)
        assert first.names == ("Learning rate", "step size")
        assert first.definition == "How far one step goes, see optim. It is small."
        assert (second.anchor, third.anchor) == ("loss", "relu")

    def test_a_term_without_definition_is_named_with_its_line(self) -> None:
        with pytest.raises(SiteError, match=r"glossary:3: 'Empty' has no definition"):
            parse_glossary("# G\n\n### Empty\n\n### Next\n\nText.\n")

    def test_one_name_belongs_to_one_term(self) -> None:
        text = '### Loss\n\nA.\n\n### Cost { data-also="loss" }\n\nB.\n'
        with pytest.raises(SiteError, match="'loss' already belongs to 'Loss'"):
            parse_glossary(text)

    def test_an_empty_glossary_marks_nothing(self) -> None:
        assert word_pattern(parse_glossary("# G\n")).findall("any words") == []

    @given(st.text())
    def test_plain_text_stays_plain(self, text: str) -> None:
        assert plain(plain(text)) == plain(plain(plain(text)))


class TestMark:
    def test_marks_the_first_use_only(self, source: Path) -> None:
        html = convert("The loss falls.\n\n## More\n\nLoss again, and losses.", source)
        assert marked(html) == ["loss"]
        assert 'title="How wrong the model is."' in html

    def test_finds_plurals_other_names_and_line_breaks(self, source: Path) -> None:
        assert marked(convert("Losses. The learning\nrate.", source)) == [
            "Losses",
            "learning\nrate",
        ]
        assert marked(convert("A step size.", source)) == ["step size"]

    def test_symbols_are_found_only_as_written(self, source: Path) -> None:
        assert marked(convert("relu and RELU, then ReLU.", source)) == ["ReLU"]

    def test_parts_of_words_are_not_words(self, source: Path) -> None:
        assert marked(convert("Lossless, gloss, loss-free, loss_fn.", source)) == []

    @pytest.mark.parametrize(
        "text",
        [
            "# Loss",
            "`loss`",
            "[loss](x.md)",
            "    loss",
            r"\(loss\)",
            "| loss |\n|---|\n| a |",
        ],
    )
    def test_names_and_labels_are_left_alone(self, text: str, source: Path) -> None:
        assert marked(convert(text, source)) == []

    def test_reaches_lists_tables_emphasis_and_boxes(self, source: Path) -> None:
        assert marked(convert("- a **loss**\n- ReLU", source)) == ["loss", "ReLU"]
        assert marked(convert("| a |\n|---|\n| loss |", source)) == ["loss"]
        assert marked(convert('<div markdown="1">\n\nloss\n\n</div>', source)) == ["loss"]

    def test_keeps_the_text_around_in_order(self, source: Path) -> None:
        html = convert("A loss, *b* a ReLU c **d** step size e.", source)
        assert re.sub(r"<[^>]+>", "", html) == "A loss, b a ReLU c d step size e."
        assert marked(html) == ["loss", "ReLU", "step size"]

    def test_the_glossary_itself_is_left_alone(self, source: Path) -> None:
        assert marked(convert(GLOSSARY, source)) == []

    def test_a_changed_file_is_read_again(self, source: Path) -> None:
        assert read_glossary(source).term("cost") is None
        source.write_text(GLOSSARY + "\n### Cost\n\nA loss.\n", encoding="utf-8")
        os.utime(source, ns=(1, 1))
        assert read_glossary(source).term("costs") is not None

    def test_a_missing_file_says_which_option_names_it(self, tmp_path: Path) -> None:
        with pytest.raises(SiteError, match="`source` must name a Markdown file"):
            convert("loss", tmp_path / "none.md")


def test_the_glossary_of_the_site_is_in_alphabetical_order() -> None:
    page = Path(__file__).parents[2] / "docs" / "glossary.md"
    names = [term.name.lower() for term in parse_glossary(page.read_text(encoding="utf-8"))]
    assert len(names) >= 60
    assert names == sorted(names)
