"""Is the notebook for download valid, plain, and the same each time?"""

import json
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import chapter, code, prose, record

from pdl_site.notebook import plain_markdown, to_notebook

CELLS = (
    prose("The loss is {{ loss }}.\n\nSee [next](01_b.py#x)."),
    code("loss = 1\nloss", tags=["hide-input"]),
    prose("Without a value."),
    prose("What comes?\n\nThink.", tags=["checkpoint"]),
    prose("It broke.", tags=["wrong"]),
    prose("### Exercise 1: x", tags=["exercise"], level="build"),
    prose("{{ a }} and {{ b }}", tags=["solution"]),
    code("# Claim.\nassert 1", tags=["solution", "check"]),
)
VALUES = (["0.31"], ["1", "2"])


def cells_of(**options: Any) -> list[dict[str, Any]]:
    made = record(([], [], []), VALUES)
    cells: list[dict[str, Any]] = json.loads(to_notebook(chapter(*CELLS), made, **options))["cells"]
    return cells


class TestNotebook:
    def test_it_is_valid(self) -> None:
        for kept in (None, record(([], [], []), VALUES)):
            content = to_notebook(chapter(*CELLS), kept, install="git+x", site_url="https://e/l")
            nbformat.validate(nbformat.reads(content.decode(), as_version=4))

    def test_cells_are_those_of_the_chapter(self) -> None:
        cells = cells_of()
        assert [cell["cell_type"] for cell in cells] == [
            cell.kind for cell in chapter(*CELLS).cells
        ]
        assert cells[0]["source"] == "# A"
        assert cells[2]["source"] == "loss = 1\nloss"
        assert cells[2]["metadata"] == {"tags": ["hide-input"]}
        assert cells[8]["metadata"] == {"tags": ["check", "solution"]}
        assert all(not cell.get("outputs") for cell in cells)

    def test_values_are_those_of_the_run(self) -> None:
        sources = [cell["source"] for cell in cells_of()]
        assert sources[1].startswith("The loss is 0.31.")
        assert sources[7] == "1 and 2"

    def test_without_a_run_a_mark_stands_for_each_value(self) -> None:
        content = to_notebook(chapter(*CELLS), None)
        sources = [cell["source"] for cell in json.loads(content)["cells"]]
        assert sources[1].startswith("The loss is ….")
        assert sources[7] == "… and …"

    def test_boxes_become_quotes(self) -> None:
        sources = [cell["source"] for cell in cells_of()]
        assert sources[4] == "> **Predict first**\n>\n> What comes?\n>\n> Think."
        assert sources[5] == "> **What went wrong**\n>\n> It broke."
        assert sources[6] == "### Exercise 1: x"

    def test_the_library_can_be_installed_from_it(self) -> None:
        first = cells_of(install="git+https://e.org/r")[0]
        assert first["source"].splitlines()[-1] == '# %pip install -q "git+https://e.org/r"'
        assert all(line.startswith("#") for line in first["source"].splitlines())

    def test_the_same_each_time(self) -> None:
        made = record(([], [], []), VALUES)
        contents = {to_notebook(chapter(*CELLS), made) for _ in range(3)}
        assert len(contents) == 1
        ids = [cell["id"] for cell in cells_of()]
        assert ids == [f"cell-{n:03d}" for n in range(1, 10)]


class TestPlainMarkdown:
    @pytest.mark.parametrize(
        ("source", "plain"),
        [
            (
                '!!! note "Mind"\n    One.\n\n    Two.\n\nAfter.',
                "> **Mind**\n>\n> One.\n>\n> Two.\n\nAfter.",
            ),
            ("!!! tip\n    One.", "> **Tip**\n>\n> One."),
            ('??? note "More"\n    One.', "> **More**\n>\n> One."),
            ('???+ note "More"\n    One.', "> **More**\n>\n> One."),
            ('=== "A"\n    One.\n\n=== "B"\n    Two.', "> **A**\n>\n> One.\n\n> **B**\n>\n> Two."),
            ("[`f`][pkg.mod.f] and [g][]", "`f` and g"),
            ("[x](b.py#y) and [z](../setup.md)", "x and z"),
            ("[x](https://e.org/b.md)", "[x](https://e.org/b.md)"),
            ("[x](#part)", "[x](#part)"),
            ("![a](x.png){ .wide width=3 } b{: #id }", "![a](x.png) b"),
            ("`x[0][1]` and\n\n```\ny[a][b]\n```", "`x[0][1]` and\n\n```\ny[a][b]\n```"),
            ("`[x](b.py)` `{ .x }`", "`[x](b.py)` `{ .x }`"),
            ("$2^{.5}$ and $a[0][1]$", "$2^{.5}$ and $a[0][1]$"),
            ("```\n!!! note\n    One.\n```", "```\n!!! note\n    One.\n```"),
        ],
    )
    def test_examples(self, source: str, plain: str) -> None:
        assert plain_markdown(source).strip() == plain

    def test_links_lead_to_the_site(self) -> None:
        found = plain_markdown("[x](b.py#y) [z](../setup.md)", "https://e.org/learn/")
        assert found == "[x](https://e.org/learn/b/#y) [z](https://e.org/learn/../setup/)"

    def test_pictures_come_from_the_site(self) -> None:
        found = plain_markdown(
            "![a](../x.webp){ #y } ![b](https://f.org/z.png)", "https://e.org/l/"
        )
        assert found == "![a](https://e.org/l/../x.webp) ![b](https://f.org/z.png)"

    @given(st.text("ab .,\n", max_size=60))
    def test_plain_text_stays(self, text: str) -> None:
        assert plain_markdown(text) == text

    @given(st.text('!?=" note\n    [](){}.#`$', max_size=60))
    def test_any_text_is_read_without_a_fault(self, text: str) -> None:
        plain_markdown(text, "https://e.org")
