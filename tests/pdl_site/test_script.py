"""Does the parser read what authors write, and say file, line and cell where it can not?"""

import ast
from pathlib import Path

import jupytext
import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import FRONT, chapter, code, parse, prose, script

from pdl_site.errors import SiteError
from pdl_site.script import LEVELS, read_chapter

LABEL = "tutorials/a.py"


def fault(text: str) -> str:
    with pytest.raises(SiteError) as caught:
        parse(text)
    return str(caught.value)


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


def with_front(lines: str) -> str:
    return script(code("1")).replace("# title: A\n", f"# title: A\n{lines}", 1)


class TestFrontMatter:
    def test_all_keys_reach_the_chapter(self) -> None:
        data = [{"name": "d", "path": "data/*"}]
        front = chapter(needs=["b"], gives=["x"], data=data, paper="P", seed=1).front
        assert (front.title, front.order, front.level) == ("A", 0, "beginner")
        assert (front.needs, front.gives, front.paper, front.seed) == (("b",), ("x",), "P", 1)
        assert front.data == ({"name": "d", "path": "data/*"},)

    def test_what_may_be_left_out_is_empty(self) -> None:
        front = chapter().front
        assert (front.needs, front.gives, front.data, front.paper) == ((), (), (), "")
        assert front.seed is None

    @pytest.mark.parametrize("text", ["", "x = 1\n", "# %%\nx = 1\n", "---\ntitle: A\n---\n"])
    def test_a_script_without_front_matter(self, text: str) -> None:
        assert fault(text) == (
            f"{LABEL}:1: a chapter begins with front matter between two lines '# ---'"
        )

    @pytest.mark.parametrize("rest", ["", "x = 1\n", "\n# ---\n"])
    def test_front_matter_that_is_not_closed(self, rest: str) -> None:
        found = fault(f"# ---\n# title: A\n{rest}")
        assert found == f"{LABEL}:1: the front matter is not closed by a line '# ---'"

    @pytest.mark.parametrize(
        ("lines", "line", "words"),
        [
            ("# needs: [b\n", 4, "is not YAML: expected ',' or ']'"),
            ("# gives: {\n", 5, "is not YAML"),
            ("#   indented: 1\n", 3, "is not YAML"),
            ("# paper: 2024-13-45\n", 2, "is not YAML: month must be in 1..12"),
            ("# tilte: B\n", 3, "unknown key 'tilte' in the front matter; known are title,"),
            ("# needs: b\n", 3, "needs must be list, got 'b'"),
            ("# needs:\n", 3, "needs must be list, got None"),
            ("# needs: [1]\n", 3, "each entry of needs must be str, got 1"),
            ("# gives: [[a]]\n", 3, "each entry of gives must be str, got ['a']"),
            ("# paper: [x]\n", 3, "paper must be str, got ['x']"),
            ("# seed: x\n", 3, "seed must be int, got 'x'"),
            ("# data: [x]\n", 3, "each entry of data needs a name, got 'x'"),
            ("# data: [{path: x}]\n", 3, "each entry of data needs a name, got {'path': 'x'}"),
            ("# data: [{name: 1}]\n", 3, "each entry of data needs a name"),
        ],
    )
    def test_faults_name_the_line(self, lines: str, line: int, words: str) -> None:
        found = fault(with_front(lines))
        assert found.startswith(f"{LABEL}:{line}: ")
        assert words in found

    def test_a_list_instead_of_a_mapping(self) -> None:
        assert fault("# ---\n# - a\n# ---\n") == (
            f"{LABEL}:2: front matter must be a mapping 'key: value'"
        )

    @pytest.mark.parametrize("text", ["# ---\n# ---\n", "# ---\n#\n# ---\n"])
    def test_empty_front_matter_lacks_everything(self, text: str) -> None:
        assert fault(text) == (
            f"{LABEL}:1: the front matter lacks title, description, order, level, minutes"
        )

    @pytest.mark.parametrize("key", FRONT)
    def test_each_required_key(self, key: str) -> None:
        lines = script().splitlines(keepends=True)
        text = "".join(line for line in lines if not line.startswith(f"# {key}:"))
        assert fault(text) == f"{LABEL}:1: the front matter lacks {key}"

    @pytest.mark.parametrize("wrong", ["two", True, 1.5, None])
    def test_order_must_be_a_whole_number(self, wrong: object) -> None:
        text = script(order=wrong)
        where = line_of(text, "# order:")
        assert fault(text) == f"{LABEL}:{where}: order must be int, got {wrong!r}"

    def test_the_description_must_fit_a_search_result(self) -> None:
        assert len(chapter(description="x" * 150).front.description) == 150
        text = script(description="x" * 151)
        where = line_of(text, "# description:")
        assert fault(text) == (
            f"{LABEL}:{where}: description has 151 characters, at most 150 are shown"
        )


class TestCells:
    def test_kinds_numbers_and_lines(self) -> None:
        text = script(prose("Text.\n\nMore."), code("x = 1\nx"), code("y = 2"))
        cells = parse(text).cells
        assert [cell.kind for cell in cells] == ["markdown", "markdown", "code", "code"]
        assert [cell.number for cell in cells] == [1, 2, 3, 4]
        lines = text.splitlines()
        firsts = [lines[cell.line - 1].removeprefix("# ") for cell in cells]
        assert firsts == [cell.source.splitlines()[0] for cell in cells]
        assert firsts == ["# A", "Text.", "x = 1", "y = 2"]

    def test_empty_lines_before_the_code_do_not_move_it(self) -> None:
        text = script("# %%\n\n\nx = 1\n", code("y = 1"))
        first, second = parse(text).code_cells
        assert first.source.splitlines()[first.source.splitlines().index("x = 1")] == "x = 1"
        assert first.line + first.source.splitlines().index("x = 1") == line_of(text, "x = 1")
        assert second.line == line_of(text, "y = 1")

    @given(st.lists(st.tuples(st.booleans(), st.integers(1, 4), st.integers(0, 2)), max_size=8))
    def test_every_cell_knows_its_line(self, shape: list[tuple[bool, int, int]]) -> None:
        cells = []
        for n, (is_code, length, gap) in enumerate(shape):
            body = "\n".join(f"v{n}_{i} = {i}" for i in range(length))
            cells.append((code(body) if is_code else prose(body)) + "\n" * gap)
        text = script(*cells)
        lines = text.splitlines()
        parsed = parse(text).cells
        assert len(parsed) == len(shape) + 1
        for n, cell in enumerate(parsed):
            assert cell.number == n + 1
            assert lines[cell.line - 2].startswith("# %%")
            assert lines[cell.line - 1].removeprefix("# ") == cell.source.splitlines()[0]

    def test_jupytext_reads_the_same_cells_and_writes_them_back(self) -> None:
        text = script(prose("Text {{ x }}."), code("x = 1", tags=["hide-input"]), prose("End."))
        notebook = jupytext.reads(text, fmt="py:percent")
        ours = [(cell.kind, cell.source) for cell in parse(text).cells]
        assert ours == [(c.cell_type, c.source) for c in notebook.cells if c.cell_type != "raw"]
        again = jupytext.writes(notebook, fmt="py:percent")
        assert [(cell.kind, cell.source) for cell in parse(again).cells] == ours

    @pytest.mark.parametrize("comment", ["# cat the rows along dim 0", "# !pip install x", "# %x"])
    def test_comments_that_look_like_shell_commands_stay_comments(self, comment: str) -> None:
        assert chapter(code(f"{comment}\nx = 1")).code_cells[0].source == f"{comment}\nx = 1"

    def test_metadata(self) -> None:
        cells = chapter(
            code("plot()", alt="One", caption="C", name="n", tags=["hide-input"]),
            code("plot()", alt=["One", "Two"]),
            prose("### Exercise 1: x", tags=["exercise"], level="build", covers=["00.01"]),
        ).cells[1:]
        assert (cells[0].alt, cells[0].caption, cells[0].name) == (("One",), "C", "n")
        assert cells[0].tags == {"hide-input"}
        assert cells[1].alt == ("One", "Two")
        assert (cells[2].level, cells[2].covers) == ("build", ("00.01",))

    @pytest.mark.parametrize("level", LEVELS)
    def test_levels(self, level: str) -> None:
        assert chapter(prose("### E", tags=["exercise"], level=level)).cells[1].level == level

    @pytest.mark.parametrize(
        ("cell", "words"),
        [
            (code("1", tags=["chekc"]), "unknown tag in ['chekc'] of a code cell; known are"),
            (code("1", tags=["exercise"]), "unknown tag in ['exercise'] of a code cell"),
            (prose("x", tags=["check"]), "unknown tag in ['check'] of a markdown cell"),
            (
                code("1", tags="check"),
                "a key of this cell is wrong: 'check' is not of type 'array'",
            ),
            (code("1", tags=[1]), "a key of this cell is wrong: 'int' object"),
            (code("1", tags=[["check"]]), "a key of this cell is wrong: 'list' object"),
            (code("1", alt=5), "alt must be a text or a list of texts, got 5"),
            (code("1", alt=[5]), "alt must be a text or a list of texts, got [5]"),
            (code("1", caption=["x"]), "caption must be a text, got ['x']"),
            (code("1", name=1), "a key of this cell is wrong: 1 is not of type 'string'"),
            (prose("x", covers="00.01"), "covers must be a list of texts, got '00.01'"),
            (code("1", slt="x"), "unknown key 'slt' of a code cell; known are ['alt',"),
            (prose("x", alt="x"), "unknown key 'alt' of a markdown cell"),
            ("# %% A title\n1\n", "unknown key 'title' of a code cell"),
            ("# %% tags=[check]\n1\n", "can not read 'tags=[check]'"),
            ('# %% tags=["check"\n1\n', "can not read"),
            (prose("x", tags=["exercise"]), "an exercise has a level of"),
            (prose("x", tags=["exercise"], level="easy"), "got 'easy'"),
            (prose("x", tags=["exercise"], level="open", answer=["y"]), "'name: what it is'"),
            (prose("x", answer=["y: a number"]), "of an exercise, got 'y: a number'"),
            (code("assert 1", tags=["check"]), "a check begins with a comment"),
            (code("# Claim.\nx = 1", tags=["check"]), "a check without an assert"),
            ("# %% [raw]\n# x\n", "a raw cell; a chapter has code and Markdown cells only"),
            ('# %% [markdown]\n"""\nx\n"""\n', "unknown key 'cell_marker'"),
        ],
    )
    def test_faults_of_a_marker_name_line_and_cell(self, cell: str, words: str) -> None:
        text = script(code("zero = 0"), cell, code("two = 2"))
        line = line_of(text, "zero = 0") + 2
        found = fault(text)
        assert found.startswith(f"{LABEL}:{line}: cell 3: ")
        assert words in found

    @pytest.mark.parametrize(
        "claim",
        ["# Claim.\nassert x", "# Claim.\ntorch.testing.assert_close(a, b)", "# C.\nraises(E, f)"],
    )
    def test_what_counts_as_a_check(self, claim: str) -> None:
        assert chapter(code(claim, tags=["check"])).cells[1].tags == {"check"}

    def test_a_syntax_error_names_its_own_line(self) -> None:
        text = script(code("x = 1"), code("y = 1\ny = (2\nz = 3"))
        where = line_of(text, "y = (2")
        assert fault(text) == f"{LABEL}:{where}: cell 3: SyntaxError: '(' was never closed"

    def test_a_return_at_the_top_names_its_own_line(self) -> None:
        text = script(code("def f():\n    return 1\n\nreturn f"))
        where = line_of(text, "return f")
        assert fault(text) == f"{LABEL}:{where}: cell 2: SyntaxError: 'return' outside function"

    @pytest.mark.parametrize("fine", ["x = 1 is 1", "await f()"])
    def test_what_only_warns_is_left_to_the_run(self, fine: str) -> None:
        assert chapter(code(fine)).code_cells[0].source == fine

    def test_text_before_the_first_cell(self) -> None:
        text = script().replace("\n# %% [markdown]\n# # A", "\nimport os\n# %% [markdown]\n# # A")
        where = line_of(text, "import os")
        assert fault(text) == f"{LABEL}:{where}: text before the first '# %%'; give it a cell"

    def test_no_cells_at_all(self) -> None:
        front = "\n".join(f"# {key}: {value}" for key, value in FRONT.items())
        assert "the first cell must be Markdown" in fault(f"# ---\n{front}\n# ---\n")

    def test_a_marker_inside_a_string(self) -> None:
        text = script(code("x = 1"), '# %%\ns = """\n# %%\n"""\n')
        where = line_of(text, 's = """') - 1
        assert fault(text) == (
            f"{LABEL}:{where}: cell 3: a line of this cell begins with '# %%', "
            "inside a string; indent it"
        )

    def test_the_title_comes_first(self) -> None:
        text = script(code("x = 1")).replace("# # A", "# A")
        assert "cell 1: the first cell must be Markdown and begin with the title" in fault(text)

    def test_a_name_is_given_once(self) -> None:
        text = script(code("1", name="n", alt="x"), code("2", name="n", alt="x"))
        marker = text.splitlines().index("2")
        assert fault(text) == f"{LABEL}:{marker}: cell 3: the name 'n' is taken by cell 2"


class TestExpressions:
    def test_found_with_their_lines(self) -> None:
        cell = chapter(prose("One {{ a }}.\nTwo {{ b + c }} and {{ d }}.")).cells[1]
        assert [(e.code, e.line) for e in cell.expressions] == [("a", 0), ("b + c", 1), ("d", 1)]

    def test_one_may_go_on_over_lines(self) -> None:
        (found,) = chapter(prose("It is {{ a if b\nelse c }}.")).cells[1].expressions
        assert ast.unparse(ast.parse(found.python, mode="eval")) == "a if b else c"

    @pytest.mark.parametrize("bad", ["1 +", "x = 1", "f(", "for"])
    def test_bad_syntax_names_its_line(self, bad: str) -> None:
        text = script(prose(f"First line.\nSecond {{{{ {bad} }}}}."))
        where = line_of(text, "Second")
        found = fault(text)
        assert found.startswith(f"{LABEL}:{where}: cell 2: bad expression {{{{ {bad} }}}}: ")

    def test_braces_without_spaces_are_no_expression_and_no_prose(self) -> None:
        text = script(prose("One.\nThe loss is {{loss}}."))
        where = line_of(text, "The loss")
        assert fault(text) == (
            f"{LABEL}:{where}: cell 2: '{{{{' begins an expression only when a space "
            "follows: {{ x }}"
        )

    @pytest.mark.parametrize("fine", ["$x^{{2}}$", "`{{x}}`", "```\n{{x}}\n```", "{ {x} }"])
    def test_braces_in_math_and_code_are_fine(self, fine: str) -> None:
        assert chapter(prose(fine)).cells[1].expressions == ()

    def test_a_typed_result_names_its_line(self) -> None:
        text = script(prose("One.\n\nWe reach 84 % now."))
        where = line_of(text, "84 %")
        assert fault(text).startswith(f"{LABEL}:{where}: cell 2: '84 %' was typed by hand; ")

    def test_unsafe_html_names_its_line(self) -> None:
        text = script(prose("One.\n\n<script>alert(1)</script>"))
        where = line_of(text, "<script>")
        assert fault(text).startswith(f"{LABEL}:{where}: cell 2: prose must not carry '<script>'")


class TestFile:
    def test_the_label_is_the_path_from_the_root(self, tmp_path: Path) -> None:
        file = tmp_path / "book" / "b.py"
        file.parent.mkdir()
        file.write_text(script(), encoding="utf-8")
        assert read_chapter(file).label == "book/b.py"
        assert read_chapter(file, tmp_path / "book").label == "b.py"
        assert read_chapter(file, tmp_path / "elsewhere").label == "b.py"
        assert read_chapter(file).name == "b"

    def test_a_file_that_is_not_utf8(self, tmp_path: Path) -> None:
        file = tmp_path / "book" / "b.py"
        file.parent.mkdir()
        file.write_bytes(script().encode() + b"\xff")
        with pytest.raises(SiteError, match=r"book/b\.py: can not be read as UTF-8 text"):
            read_chapter(file)
