"""Does the book run what is stale and only that, in order, and render what it knows?"""

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from projects import KEY, Project, code, prose, record, script

from pdl_site import book as books
from pdl_site.book import Book, Entry, commit, total_checks
from pdl_site.errors import ExecutionError, SiteError
from pdl_site.record import Record

CELLS = (code("import lib\nx = lib.f()"), prose("{{ x }}"), code("# C.\nassert x", tags=["check"]))


class Runs:
    """Stands in for kernels: notes which chapters ran, and fails where told to."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.failing: set[str] = set()
        self.lock = threading.Lock()

    def __call__(self, chapter: Any, key: str, options: Any) -> Record:
        with self.lock:
            self.names.append(chapter.name)
        if chapter.name in self.failing:
            raise ExecutionError("ValueError: boom", path=chapter.label, line=9, cell=2)
        outputs = [[{"kind": "result", "text": f"ran {chapter.name}"}] for _ in chapter.code_cells]
        values = [["7"] * len(cell.expressions) for cell in chapter.cells if cell.expressions]
        return Record(key, chapter.name, tuple(outputs), tuple(values), record().facts)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs()
    monkeypatch.setattr(books, "run_chapter", made)
    return made


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.write("src/lib.py", "def f(): return 1\n")
    for n, name in enumerate("abc"):
        made.write(f"tutorials/{name}.py", script(*CELLS, order=n))
    return made


def refused(book: Book) -> str:
    with pytest.raises(SiteError) as caught:
        book.entries()
    return str(caught.value)


class TestChapters:
    def test_in_reading_order(self, project: Project) -> None:
        project.write("tutorials/z.py", script(order=-1))
        assert [chapter.name for chapter in project.book().chapters()] == ["z", "a", "b", "c"]

    def test_none(self, tmp_path: Path) -> None:
        assert "there is no chapter (*.py) in" in refused(Project(tmp_path).book())

    def test_two_in_one_place(self, project: Project) -> None:
        project.write("tutorials/d.py", script(order=1))
        assert refused(project.book()) == "tutorials/d.py:1: order 1 is taken by tutorials/b.py"

    def test_a_need_that_is_no_chapter(self, project: Project) -> None:
        project.write("tutorials/b.py", script(order=1, needs=["a", "zz"]))
        assert refused(project.book()) == "tutorials/b.py:1: needs 'zz', which is no chapter"


class TestRun:
    def test_everything_once(self, project: Project, runs: Runs) -> None:
        book = project.book(jobs=1)
        entries = book.entries()
        assert not any(entry.fresh for entry in entries)
        done: list[str] = []
        assert book.run(entries, lambda entry: done.append(entry.chapter.name)) == 3
        assert runs.names == done == ["a", "b", "c"]
        assert all(entry.fresh for entry in book.true_entries())
        assert book.run(book.entries()) == 0
        assert project.book().run(project.book().entries()) == 0
        assert runs.names == ["a", "b", "c"]

    def test_only_what_changed(self, project: Project, runs: Runs) -> None:
        book = project.book(jobs=2)
        book.run(book.entries())
        runs.names.clear()
        project.write("tutorials/b.py", script(*CELLS, code("y = 2"), order=1))
        assert book.run(book.entries()) == 1
        assert runs.names == ["b"]
        project.write("src/lib.py", "def f(): return 2\n")
        runs.names.clear()
        assert book.run(book.entries()) == 3

    def test_an_old_record_is_kept_at_hand(self, project: Project, runs: Runs) -> None:
        book = project.book()
        book.run(book.entries())
        project.write("src/lib.py", "def f(): return 2\n")
        entries = book.entries()
        assert [(entry.fresh, entry.record is not None) for entry in entries] == [(False, True)] * 3
        with pytest.raises(SiteError, match=r"a\.py: changed while it ran.*; build again"):
            book.true_entries()

    def test_threads_and_ground_make_outputs_stale(self, project: Project, runs: Runs) -> None:
        project.book().run(project.book().entries())
        for changes in ({"threads": 2}, {"ground": "#000000"}, {"packages": ("numpy",)}):
            assert not any(entry.fresh for entry in project.book(**changes).entries())
        assert all(entry.fresh for entry in project.book(cell_timeout=1, jobs=7).entries())

    def test_facts_of_the_project_are_added(self, project: Project, runs: Runs) -> None:
        project.write("data/x.csv", "1")
        data = [{"name": "x", "path": "data/*.csv"}]
        project.write("tutorials/a.py", script(*CELLS, data=data))
        book = project.book(packages=("torch", "not-installed"))
        book.run(book.entries())
        kept = book.entries()[0].record
        assert kept is not None
        assert list(kept.facts["packages"]) == ["torch"]
        assert kept.facts["data"][0]["files"] == 1
        assert kept.facts["commit"] == ""

    def test_the_first_failure_is_raised_and_nothing_is_kept_of_it(
        self, project: Project, runs: Runs, caplog: pytest.LogCaptureFixture
    ) -> None:
        runs.failing = {"a", "b"}
        book = project.book(jobs=3)
        with pytest.raises(ExecutionError, match=r"tutorials/[ab]\.py:9: cell 2: ValueError: boom"):
            book.run(book.entries())
        assert book.entries()[0].record is None

    def test_after_a_failure_waiting_chapters_do_not_start(
        self, project: Project, runs: Runs
    ) -> None:
        runs.failing = {"a"}
        book = project.book(jobs=1)
        with pytest.raises(ExecutionError):
            book.run(book.entries())
        assert "c" not in runs.names

    def test_a_second_book_waits_and_runs_nothing(self, project: Project, runs: Runs) -> None:
        first, second = project.book(), project.book()
        entries = [first.entries(), second.entries()]
        threads = [
            threading.Thread(target=book.run, args=(found,))
            for book, found in zip((first, second), entries, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert sorted(runs.names) == ["a", "b", "c"]

    def test_ctrl_c_ends_the_kernels(
        self, project: Project, runs: Runs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        killed: list[bool] = []

        def interrupt(*_: Any, **__: Any) -> Any:
            raise KeyboardInterrupt

        monkeypatch.setattr(books.concurrent.futures, "wait", interrupt)
        monkeypatch.setattr(books, "kill_kernels", lambda: killed.append(True))
        book = project.book()
        entries = book.entries()
        with pytest.raises(KeyboardInterrupt):
            book.run(entries)
        assert killed


class TestRender:
    def entry(self, project: Project, name: str = "a", **changes: Any) -> tuple[Book, Entry]:
        book = project.book(library="lib", **changes)
        book.run(book.entries())
        return book, next(e for e in book.entries() if e.chapter.name == name)

    def test_page_and_files(self, project: Project, runs: Runs) -> None:
        book, entry = self.entry(project, packages=("torch",))
        page = book.render(entry, "NOTICE")
        assert sorted(page.files) == ["a.ipynb", "a.py", "run.json"]
        assert page.files["a.py"].decode() == entry.chapter.text
        assert json.loads(page.files["run.json"])["checks"] == 1
        assert "ran a</pre>" in page.markdown
        assert "NOTICE" in page.markdown
        assert "In the library: [`f`][lib.f]" in page.markdown
        assert "[Notebook](a/a.ipynb){ download='a.ipynb' }" in page.markdown
        assert "Colab" not in page.markdown

    def test_links_of_a_hosted_project(self, project: Project, runs: Runs) -> None:
        book, entry = self.entry(project, repo_url="https://github.com/o/r/", branch="b")
        page = book.render(entry)
        where = "https://colab.research.google.com/github/o/r/blob/b/learn/a/a.ipynb"
        assert f"[Open in Colab]({where})" in page.markdown
        assert b'%pip install -q \\"git+https://github.com/o/r/\\"' in page.files["a.ipynb"]

    def test_a_notebook_installs_what_the_chapters_need(self, project: Project, runs: Runs) -> None:
        address = "https://github.com/o/r"
        book, entry = self.entry(project, repo_url=address, install="l[x]")
        source = json.loads(book.render(entry).files["a.ipynb"])["cells"][0]["source"]
        assert source.endswith(f'# %pip install -q "l[x] @ git+{address}"')

    def test_without_a_run(self, project: Project, runs: Runs) -> None:
        book = project.book()
        page = book.render(book.entries()[0])
        assert "run.json" not in page.files
        assert "&hellip;" in page.markdown
        assert "pdl-run" not in page.markdown

    def test_an_old_run_that_fits_is_shown(self, project: Project, runs: Runs) -> None:
        book, _ = self.entry(project)
        project.write("src/lib.py", "def f(): return 2\n")
        assert "ran a</pre>" in book.render(book.entries()[0]).markdown

    @pytest.mark.parametrize(
        "cells", [(*CELLS, code("y")), (CELLS[0], prose("{{ x }} {{ x }}"), CELLS[2])]
    )
    def test_an_old_run_that_does_not_fit_is_not(
        self, project: Project, runs: Runs, cells: tuple[str, ...]
    ) -> None:
        book, _ = self.entry(project)
        project.write("tutorials/a.py", script(*cells))
        assert "ran a</pre>" not in book.render(book.entries()[0]).markdown

    def test_a_prose_edit_keeps_everything(self, project: Project, runs: Runs) -> None:
        book, _ = self.entry(project)
        cells = (prose("New first."), CELLS[0], prose("New."), prose("Now {{ x }}."), CELLS[2])
        project.write("tutorials/a.py", script(*cells))
        entry = book.entries()[0]
        assert entry.fresh
        markdown = book.render(entry).markdown
        assert "Now 7." in markdown
        assert "ran a</pre>" in markdown


class TestFindData:
    def test_the_option_is_asked(self, project: Project, runs: Runs) -> None:
        project.write("tutorials/a.py", script(*CELLS, data=[{"name": "d"}]))
        book = project.book(find_data="projects:find_for_test")
        assert book.entries()[0].facts == [{"name": "d", "fingerprint": "print of d"}]

    @pytest.mark.parametrize("option", ["not_there:f", "projects:not_there", "projects"])
    def test_an_option_that_names_nothing(self, project: Project, option: str) -> None:
        project.write("tutorials/a.py", script(data=[{"name": "d"}]))
        found = refused(project.book(find_data=option))
        assert found.startswith("option 'find_data' must be 'module:function', got ")


class TestSmall:
    def test_commit(self, tmp_path: Path) -> None:
        assert commit(tmp_path) == ""
        git = ["git", "-C", str(tmp_path), "-c", "user.name=T", "-c", "user.email=t@e.org"]
        for arguments in (["init", "-q"], ["commit", "-qm", "One", "--allow-empty"]):
            subprocess.run([*git, *arguments], check=True, capture_output=True)
        assert len(commit(tmp_path)) == 10

    def test_commit_without_git(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert commit(tmp_path) == ""

    def test_checks_are_counted(self, project: Project) -> None:
        assert total_checks(project.book().entries()) == 3
        assert project.book().entries()[0].key != KEY
