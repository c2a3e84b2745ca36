"""Does the key of a run change with all that could change its outputs, and with nothing else?"""

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import Project, chapter, code, prose

from pdl_site import key as keys
from pdl_site.errors import SiteError
from pdl_site.imports import ModuleMap
from pdl_site.key import accelerator, chapter_key, data_facts, ends_quietly, versions
from pdl_site.script import Chapter

BASE = (prose("The loss is {{ f'{x:.2f}' }}."), code("import pkg\nx = pkg.f()\nx"))


@pytest.fixture
def look(tmp_path: Path) -> Callable[[], ModuleMap]:
    project = Project(tmp_path)
    project.write("src/pkg/__init__.py", "from .a import f\n")
    project.write("src/pkg/a.py", 'def f():\n    """Doc."""\n    return 1.0\n')
    project.write("src/pkg/b.py", "y = 1\n")
    return lambda: ModuleMap([tmp_path / "src"])


@pytest.fixture
def key(look: Callable[[], ModuleMap]) -> Callable[..., str]:
    def of(*cells: str, **changes: Any) -> str:
        known = {"modules": look(), "packages": versions(["torch"]), "data": [], "device": "x86_64"}
        return chapter_key(chapter(*cells), **{**known, **changes})

    return of


Key = Callable[..., str]


class TestWhatChangesNothing:
    @pytest.mark.parametrize(
        "cells",
        [
            (prose("So the loss is {{ f'{x:.2f}' }}, at last."), BASE[1]),
            (prose("One more cell."), *BASE, prose("And one.")),
            (BASE[0], code("# a comment\nimport pkg\n\nx = pkg.f( )  # two\nx")),
            (prose("The loss is {{  f'{x:.2f}'  }}.", tags=["checkpoint"]), BASE[1]),
            (BASE[0], code("import pkg\nx = pkg.f()\nx", tags=["hide-input", "solution"])),
            (BASE[0], code("import pkg\nx = pkg.f()\nx", name="other", caption="C")),
            (prose("The loss is {{ f'{x:.2f}' }}.", covers=["00.01"]), BASE[1]),
        ],
    )
    def test_prose_layout_and_looks(self, key: Key, cells: tuple[str, ...]) -> None:
        assert key(*cells) == key(*BASE)

    def test_front_matter(self, look: Callable[[], ModuleMap]) -> None:
        def of(**front: Any) -> str:
            made = chapter(*BASE, **front)
            return chapter_key(made, modules=look(), packages={}, data=[], device="cpu")

        assert of(title="B", minutes=9, order=4, gives=["x"], description="Two.") == of()

    def test_the_words_of_alt_texts_and_labels_of_checks(self, key: Key) -> None:
        assert key(code("plot()", alt="One")) == key(code("plot()", alt="Other words"))
        first = code("# The claim.\nassert 1", tags=["check"])
        assert key(first) == key(code("# Better words.\nassert 1", tags=["check"]))

    def test_docstrings_and_comments_of_modules(self, key: Key, tmp_path: Path) -> None:
        before = key(*BASE)
        module = tmp_path / "src/pkg/a.py"
        module.write_text('"""M."""\n\n\ndef f():\n    return 1.0  # same\n', encoding="utf-8")
        assert key(*BASE) == before

    def test_modules_that_are_not_reached(self, key: Key, tmp_path: Path) -> None:
        before = key(*BASE)
        (tmp_path / "src/pkg/b.py").write_text("y = 2\n", encoding="utf-8")
        assert key(*BASE) == before

    def test_the_facts_of_data_other_than_the_fingerprint(self, key: Key) -> None:
        one = key(*BASE, data=[{"name": "d", "fingerprint": "1", "licence": "A"}])
        assert one == key(*BASE, data=[{"name": "d", "fingerprint": "1", "licence": "B"}])


class TestWhatChangesIt:
    @pytest.mark.parametrize(
        "cells",
        [
            (BASE[0], code("import pkg\nx = pkg.f() + 1\nx")),
            (BASE[0], code("import pkg\nx = pkg.f()\nx;")),
            (BASE[0], code("import pkg\nx = pkg.f()\nx;  # hidden")),
            (BASE[0], code("import pkg\nx = pkg.f()"), code("x")),
            (BASE[0], code("import pkg\nx = pkg.f()\nx", tags=["stderr"])),
            (BASE[0], code("import pkg\nx = pkg.f()\nx", alt="A figure")),
            (BASE[1], BASE[0]),
            (BASE[1],),
            (prose("The loss is {{ f'{x:.3f}' }}."), BASE[1]),
            (prose("{{ f'{x:.2f}' }} {{ x }}."), BASE[1]),
            (*BASE, code("y = 1")),
        ],
    )
    def test_code_expressions_and_tags_that_matter(self, key: Key, cells: tuple[str, ...]) -> None:
        assert key(*cells) != key(*BASE)

    def test_a_text_that_a_cell_shows(self, key: Key) -> None:
        assert key(code("'hello'")) != key(code("'bye'"))
        assert key(prose("{{ 'a' }}")) != key(prose("{{ 'b' }}"))

    def test_the_number_of_figures(self, key: Key) -> None:
        assert key(code("plot()", alt=["a"])) != key(code("plot()", alt=["a", "b"]))

    def test_a_module_it_reaches(self, key: Key, tmp_path: Path) -> None:
        before = key(*BASE)
        (tmp_path / "src/pkg/a.py").write_text("def f(): return 2.0\n", encoding="utf-8")
        assert key(*BASE) != before

    def test_a_module_that_only_an_expression_reaches(self, key: Key, tmp_path: Path) -> None:
        cells = (code("import pkg"), prose("{{ pkg.b.y }}"))
        before = key(*cells)
        (tmp_path / "src/pkg/b.py").write_text("y = 2\n", encoding="utf-8")
        assert key(*cells) != before

    @pytest.mark.parametrize(
        "changes",
        [
            {"packages": {}},
            {"packages": versions(["torch", "numpy"])},
            {"device": "cuda"},
            {"data": [{"name": "d", "fingerprint": "1"}]},
            {"options": (2, "#ffffff")},
        ],
    )
    def test_everything_around_it(self, key: Key, changes: dict[str, Any]) -> None:
        assert key(*BASE, **changes) != key(*BASE)

    def test_a_data_set_that_changes(self, key: Key) -> None:
        one, two = ([{"name": "d", "fingerprint": print_}] for print_ in "12")
        assert key(*BASE, data=one) != key(*BASE, data=two)

    def test_a_package_that_changes(self, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
        before = key(*BASE, packages=versions(["torch"]))
        monkeypatch.setattr(importlib.metadata, "version", lambda name: "99.0")
        assert key(*BASE, packages=versions(["torch"])) != before

    def test_python(self, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
        before = key(*BASE)
        monkeypatch.setattr(keys.sys, "version_info", (3, 99, 0))
        assert key(*BASE) != before

    def test_the_form_of_records(self, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
        before = key(*BASE)
        monkeypatch.setattr(keys, "SCHEMA", keys.SCHEMA + 1)
        assert key(*BASE) != before


def test_an_edit_of_a_module_changes_exactly_the_chapters_that_reach_it(tmp_path: Path) -> None:
    project = Project(tmp_path)
    table = {"f": "lib.a", "g": "lib.b", "h": "lib.c"}
    init = f"_EXPORTS = {table!r}\ndef __getattr__(name): ...\n"
    sources = {
        "__init__": init,
        "a": "def f(): pass",
        "b": "from lib.a import f\ndef g(): pass",
        "c": "def h(): pass",
        "d": "",
    }
    for name, text in sources.items():
        project.write(f"src/lib/{name}.py", text)
    chapters = {
        "f": chapter(code("import lib\nlib.f()")),
        "g": chapter(code("from lib import g")),
        "h": chapter(code("from lib.c import h")),
        "both": chapter(code("import lib as l\nl.f(); l.h()")),
        "none": chapter(code("import math")),
    }

    def all_keys() -> dict[str, str]:
        modules = ModuleMap([tmp_path / "src"])
        known = {"modules": modules, "packages": {}, "data": [], "device": "cpu"}
        return {name: chapter_key(made, **known) for name, made in chapters.items()}

    reach = {
        "__init__": {"f", "g", "h", "both"},
        "a": {"f", "g", "both"},
        "b": {"g"},
        "c": {"h", "both"},
        "d": set(),
    }
    for module, expected in reach.items():
        before = all_keys()
        project.write(f"src/lib/{module}.py", sources[module] + "\nedited = 1\n")
        after = all_keys()
        assert {name for name in chapters if before[name] != after[name]} == expected
        project.write(f"src/lib/{module}.py", sources[module])
        assert all_keys() == before


class TestQuiet:
    @pytest.mark.parametrize("source", ["x;", "x ;  ", "x;\n\n", "x;  # c", "x;\n# c", "f(\n1);"])
    def test_quiet(self, source: str) -> None:
        assert ends_quietly(source)

    @pytest.mark.parametrize("source", ["x", "x  # c;", "x; y", "';'", "", "# only;"])
    def test_loud(self, source: str) -> None:
        assert not ends_quietly(source)


class TestData:
    def facts(self, root: Path, resolve: Any = None, **entry: Any) -> list[dict[str, Any]]:
        return data_facts(self.chapter(**entry), root, resolve)

    def chapter(self, **entry: Any) -> Chapter:
        return chapter(data=[{"name": "d", **entry}])

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        project = Project(tmp_path)
        project.write("data/one.csv", "1\n")
        project.write("data/two.csv", "2\n")
        return tmp_path

    def test_files_and_fingerprint(self, root: Path) -> None:
        (found,) = self.facts(root, path="data/*.csv", licence="CC0")
        assert (found["name"], found["files"], found["licence"]) == ("d", 2, "CC0")
        assert len(found["fingerprint"]) == 16
        assert self.facts(root, path="./data/*.csv")[0]["fingerprint"] == found["fingerprint"]

    def test_contents_names_and_number_change_it(self, root: Path) -> None:
        def mark() -> str:
            return str(self.facts(root, path="data/*.csv")[0]["fingerprint"])

        seen = {mark()}
        (root / "data/one.csv").write_text("11\n", encoding="utf-8")
        seen.add(mark())
        (root / "data/one.csv").rename(root / "data/zero.csv")
        seen.add(mark())
        (root / "data/three.csv").touch()
        seen.add(mark())
        assert len(seen) == 4
        before = mark()
        (root / "data/one.txt").touch()
        assert mark() == before

    @pytest.mark.parametrize("path", ["data/*.png", "nowhere/x", "data", "/etc/*", ""])
    def test_missing(self, root: Path, path: str) -> None:
        with pytest.raises(SiteError) as caught:
            self.facts(root, path=path)
        assert str(caught.value) == (
            f"tutorials/a.py:1: data set 'd' is missing: no file matches {path!r}"
        )

    def test_no_path_and_nobody_to_ask(self, root: Path) -> None:
        with pytest.raises(SiteError, match=r"a\.py:1: data set 'd' has no path, and the site"):
            self.facts(root)

    def test_somebody_to_ask(self, root: Path) -> None:
        (found,) = self.facts(root, lambda entry: {"fingerprint": f"f-{entry['name']}"})
        assert found == {"name": "d", "fingerprint": "f-d"}

    def test_somebody_who_fails(self, root: Path) -> None:
        def fail(entry: Any) -> dict[str, Any]:
            raise OSError("no network")

        with pytest.raises(SiteError, match=r"a\.py:1: data set 'd' can not be had: no network"):
            self.facts(root, fail)


def test_versions_leaves_out_what_is_not_installed() -> None:
    found = versions(["torch", "surely-not-installed"])
    assert list(found) == ["torch"]


@pytest.mark.parametrize(("exists", "expected"), [(True, "cuda"), (False, "riscv64")])
def test_accelerator(monkeypatch: pytest.MonkeyPatch, exists: bool, expected: str) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: exists)
    monkeypatch.setattr(keys.platform, "machine", lambda: "RISCV64")
    assert accelerator() == expected
