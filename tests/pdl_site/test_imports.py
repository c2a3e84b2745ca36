"""Does the map of imports find every module that code reaches, and no other?"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import Project

from pdl_site.errors import SiteError
from pdl_site.imports import ModuleMap, code_digest

LAZY = """\
from importlib import import_module
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from pkg.heavy import Heavy
_EXPORTS = {"f": "pkg.a", "g": ".b", "C": "pkg.sub.c", "other": "elsewhere.x"}
def __getattr__(name):
    return getattr(import_module(_EXPORTS[name]), name)
"""


@pytest.fixture
def modules(tmp_path: Path) -> ModuleMap:
    project = Project(tmp_path)
    for path, text in {
        "pkg/__init__.py": LAZY,
        "pkg/a.py": "from . import b\nimport math\ndef f(): pass\n",
        "pkg/b.py": "def g(): pass\n",
        "pkg/heavy.py": "class Heavy: pass\n",
        "pkg/alone.py": "x = 1\n",
        "pkg/sub/__init__.py": 'def __getattr__(n): ...\n_T = {"deep": "pkg.sub.d"}\n',
        "pkg/sub/c.py": "from ..b import g\nfrom .d import deep\nclass C: pass\n",
        "pkg/sub/d.py": "from pkg.alone import x\ndef deep(): pass\n",
        "plain/__init__.py": "from plain.one import one\n",
        "plain/one.py": "def one(): import plain.two\n",
        "plain/two.py": "if TYPE_CHECKING:\n    import plain.three\nelse:\n    import single\n",
        "plain/three.py": "",
        "single.py": "import pkg\nvalue = pkg.f\n",
    }.items():
        project.write(f"src/{path}", text)
    return ModuleMap([tmp_path / "src"])


def reached(modules: ModuleMap, code: str) -> set[str]:
    return set(modules.reach(code))


class TestReach:
    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("import torch", set()),
            ("import pkg", {"pkg"}),
            ("import pkg.b", {"pkg", "pkg.b"}),
            ("from pkg import b", {"pkg", "pkg.b"}),
            ("from pkg.b import g", {"pkg", "pkg.b"}),
            ("from pkg import f", {"pkg", "pkg.a", "pkg.b"}),
            ("import pkg\npkg.f()", {"pkg", "pkg.a", "pkg.b"}),
            ("import pkg as p\np.g()", {"pkg", "pkg.b"}),
            ("import pkg.b\npkg.f()", {"pkg", "pkg.a", "pkg.b"}),
            ("from pkg import sub\nsub.deep()", {"pkg", "pkg.sub", "pkg.sub.d", "pkg.alone"}),
            (
                "import pkg\npkg.sub.deep",
                {"pkg", "pkg.sub", "pkg.sub.d", "pkg.alone"},
            ),
            (
                "from pkg import C",
                {"pkg", "pkg.sub", "pkg.sub.c", "pkg.sub.d", "pkg.b", "pkg.alone"},
            ),
            (
                "from pkg import *",
                {"pkg", "pkg.a", "pkg.b", "pkg.sub", "pkg.sub.c", "pkg.sub.d", "pkg.alone"},
            ),
            ("import pkg\npkg.unknown", {"pkg"}),
            ("def f():\n    from pkg import b", {"pkg", "pkg.b"}),
            ("try:\n    import pkg.b\nexcept ImportError: pass", {"pkg", "pkg.b"}),
            (
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pkg.b",
                set(),
            ),
            ("import typing\nif typing.TYPE_CHECKING:\n    import pkg.b", set()),
            (
                "import plain",
                {"plain", "plain.one", "plain.two", "single", "pkg", "pkg.a", "pkg.b"},
            ),
            ("import single", {"single", "pkg", "pkg.a", "pkg.b"}),
            ("from . import x", set()),
            ("", set()),
        ],
    )
    def test_closure(self, modules: ModuleMap, code: str, expected: set[str]) -> None:
        assert reached(modules, code) == expected

    def test_files_are_sorted_by_name(self, modules: ModuleMap) -> None:
        found = modules.reach("from pkg import C")
        assert list(found) == sorted(found)
        assert all(file.is_file() for file in found.values())

    def test_an_edit_is_seen_by_the_next_look(self, modules: ModuleMap, tmp_path: Path) -> None:
        assert reached(modules, "import pkg.b") == {"pkg", "pkg.b"}
        (tmp_path / "src/pkg/b.py").write_text("import pkg.alone\n", encoding="utf-8")
        after = ModuleMap([tmp_path / "src"])
        assert reached(after, "import pkg.b") == {"pkg", "pkg.b", "pkg.alone"}

    def test_several_roots(self, modules: ModuleMap, tmp_path: Path) -> None:
        Project(tmp_path).write("more/extra.py", "import pkg.b\n")
        both = ModuleMap([tmp_path / "src", tmp_path / "more"])
        assert reached(both, "import extra") == {"extra", "pkg", "pkg.b"}

    def test_a_syntax_error_in_a_module_names_file_and_line(
        self, modules: ModuleMap, tmp_path: Path
    ) -> None:
        (tmp_path / "src/pkg/b.py").write_text("x = 1\ny = (\n", encoding="utf-8")
        with pytest.raises(SiteError, match=r"src/pkg/b\.py:2: SyntaxError: '\(' was never"):
            modules.reach("from pkg import f")

    @pytest.mark.parametrize("content", [b"\xff", b"x = '\0'"])
    def test_a_module_that_is_no_text(
        self, modules: ModuleMap, tmp_path: Path, content: bytes
    ) -> None:
        (tmp_path / "src/pkg/b.py").write_bytes(content)
        with pytest.raises(SiteError, match=r"src/pkg/b\.py:.*(is not Python|null bytes)"):
            modules.reach("from pkg import f")


class TestUsedNames:
    def test_names_are_those_of_the_definition(self, modules: ModuleMap) -> None:
        cells = [
            "from pkg import f, b\nimport pkg\nimport pkg.sub.c as c, torch\nf()",
            "pkg.g(); c.C()",
            "b.g.real",
            "torch.f(); g = 1; g",
            "import pkg.b\npkg.b.g()\npkg.sub",
        ]
        assert modules.used_names(cells) == [
            {"pkg.a.f"},
            {"pkg.b.g", "pkg.sub.c.C"},
            {"pkg.b.g"},
            set(),
            {"pkg.b.g"},
        ]

    def test_private_names_have_no_page(self, modules: ModuleMap) -> None:
        cells = ["from pkg import b\nb.__file__; b._hidden; b.g"]
        assert modules.used_names(cells) == [{"pkg.b.g"}]

    def test_modules_and_foreign_names_are_no_objects(self, modules: ModuleMap) -> None:
        assert modules.used_names(["import pkg.sub\npkg.sub", "from .x import y\ny"]) == [
            set(),
            set(),
        ]


class TestDigest:
    @pytest.mark.parametrize(
        "other",
        ["x = f( 1 )  # comment", "# first\n\nx = f(1)", '"""Doc."""\nx = f(1)', "x = \\\n f(1)"],
    )
    def test_comments_layout_and_docstrings_change_nothing(self, other: str) -> None:
        assert code_digest(other) == code_digest("x = f(1)")

    @pytest.mark.parametrize("other", ["x = f(2)", "y = f(1)", "x = f(1); y", "x = f('1')", ""])
    def test_everything_else_changes_it(self, other: str) -> None:
        assert code_digest(other) != code_digest("x = f(1)")

    @pytest.mark.parametrize("head", ["def f():", "async def f():", "class C:"])
    def test_docstrings_inside(self, head: str) -> None:
        plain = code_digest(f"{head}\n    x = 1")
        assert code_digest(f'{head}\n    """D."""\n    x = 1') == plain
        assert code_digest(f'{head}\n    """D."""\n    x = 1', docstrings=True) != plain
        assert code_digest(f"{head}\n    '''D.'''") == code_digest(f"{head}\n    '''E.'''")

    def test_only_the_first_text_is_a_docstring(self) -> None:
        assert code_digest("1\n'a'") != code_digest("1\n'b'")
        assert code_digest("f'{x}'") != code_digest("f'{y}'")

    @given(st.lists(st.sampled_from(["x = 1", "y = 'a'", "f(x)", "# c", "", "if x:\n    y"])))
    def test_comments_and_empty_lines_never_count(self, lines: list[str]) -> None:
        loud = "\n".join(f"{line}\n# note\n" for line in lines)
        assert code_digest(loud) == code_digest("\n".join(lines))
        assert code_digest(loud, docstrings=True) == code_digest("\n".join(lines), docstrings=True)
