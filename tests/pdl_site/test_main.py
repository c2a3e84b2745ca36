"""Do the commands without MkDocs read the same settings, run the same and write the same?"""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from mkdocs.config import load_config
from projects import Project, code, make_project, prose, script

from pdl_site import book as books
from pdl_site.__main__ import main, read_settings
from pdl_site.book import Settings
from pdl_site.errors import ExecutionError, SiteError
from pdl_site.plugin import SitePlugin
from pdl_site.record import Record

REPO = Path(__file__).parents[2]
ALL = """\
site_name: T
site_url: !ENV [TEST_SITE_URL, "https://e.org/book/"]
repo_url: https://github.com/o/r
theme: {name: null, custom_dir: theme}
markdown_extensions:
  - pymdownx.emoji:
      emoji_generator: !!python/name:pymdownx.emoji.to_svg
plugins:
  - search: {enabled: !ENV [TEST_SEARCH, false]}
  - mkdocs-jupyter: {include: ["exercises/*.ipynb"]}
  - pdl_site:
      tutorials: chapters
      uri: read
      sources: [src, more]
      library: lib
      packages: [torch, numpy]
      cache: kept
      jobs: 3
      threads: 2
      cell_timeout: 11
      chapter_timeout: 22
      dark: {"#ABCDEF": "#123456"}
      ground: "#fffdfa"
      find_data: "projects:find_for_test"
      branch: main
      install: "lib[all]"
"""


def of_plugin(config_file: Path) -> Settings:
    config = load_config(str(config_file), dev_addr="127.0.0.1:0")  # any port that is free
    plugin = config.plugins["pdl_site"]
    assert isinstance(plugin, SitePlugin)
    plugin.on_config(config)
    assert plugin.book is not None
    return plugin.book.settings


def as_data(settings: Settings) -> dict[str, Any]:
    return asdict(settings)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PDL_SITE_CACHE", "REPO_URL", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")


class TestSettings:
    @pytest.mark.parametrize(
        "config",
        [
            ALL,
            "site_name: T\nplugins: [pdl_site]\n",
            "site_name: T\nplugins:\n  - pdl_site:\n",
            "site_name: T\nplugins:\n  pdl_site: {jobs: 4}\n",
            "site_name: T\nsite_url: ''\nplugins: [search, pdl_site: {uri: read}]\n",
        ],
    )
    def test_they_are_those_of_the_plugin(self, tmp_path: Path, config: str) -> None:
        project = make_project(tmp_path, config=config)
        file = project.root / "mkdocs.yml"
        assert as_data(read_settings(file)) == as_data(of_plugin(file))

    def test_those_of_this_repository(self) -> None:
        file = REPO / "mkdocs.yml"
        assert as_data(read_settings(file)) == as_data(of_plugin(file))

    def test_every_option_of_the_plugin_is_read(self, tmp_path: Path) -> None:
        project = make_project(tmp_path, config=ALL)
        default = make_project(tmp_path / "default").root / "mkdocs.yml"
        found, known = (
            as_data(read_settings(file)) for file in (project.root / "mkdocs.yml", default)
        )
        assert [key for key in found if found[key] == known[key]] == []

    def test_the_environment_goes_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PDL_SITE_CACHE", "/elsewhere")
        monkeypatch.setenv("TEST_SITE_URL", "https://other.org")
        monkeypatch.setenv("REPO_URL", "https://github.com/x/y")
        file = make_project(tmp_path, config=ALL).root / "mkdocs.yml"
        found = read_settings(file)
        assert as_data(found) == as_data(of_plugin(file))
        assert found.cache == Path("/elsewhere")
        assert found.site_url == "https://other.org/read"

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            ("site_name: T\n", "mkdocs.yml: does not list the plugin pdl_site"),
            ("site_name: T\nplugins: [search]\n", "mkdocs.yml: does not list the plugin pdl_site"),
            ("", "mkdocs.yml: does not list the plugin pdl_site"),
            ("- a\n", "mkdocs.yml: does not list the plugin pdl_site"),
            ("a: [\n", "mkdocs.yml: is not YAML: while parsing"),
        ],
    )
    def test_faults(self, tmp_path: Path, config: str, message: str) -> None:
        file = Project(tmp_path).write("mkdocs.yml", config)
        with pytest.raises(SiteError) as caught:
            read_settings(file)
        assert str(caught.value).startswith(message)

    def test_a_missing_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "no.yml"
        assert main(["-f", str(file), "run"]) == 1
        assert capsys.readouterr().err == f"{file}: can not be read: No such file or directory\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make_project(tmp_path, code("x = 1\nx"), prose("It is {{ x }}."))
    made.write("tutorials/b.py", script(order=1))

    def run(chapter: Any, key: str, options: Any) -> Record:
        if "raise" in chapter.text:
            raise ExecutionError("E: x", path=chapter.label, line=3, cell=2, detail="Traceback")
        outputs = tuple([{"kind": "result", "text": "1"}] for _ in chapter.code_cells)
        values = tuple(["1"] for cell in chapter.cells if cell.expressions)
        facts = {"seconds": 1.0, "device": "CPU", "python": "3", "peak_memory_mb": 1}
        return Record(key, chapter.name, outputs, values, {**facts, "started": "2026-01-02"})

    monkeypatch.setattr(books, "run_chapter", run)
    return made


class TestCommands:
    def call(self, project: Project, *arguments: str) -> int:
        return main(["-f", str(project.root / "mkdocs.yml"), *arguments])

    def test_run(self, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.call(project, "run") == 0
        assert capsys.readouterr().out == "2 of 2 chapters ran\n"
        assert self.call(project, "run") == 0
        assert capsys.readouterr().out == "0 of 2 chapters ran\n"

    def test_run_by_name(self, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.call(project, "run", "b") == 0
        assert capsys.readouterr().out == "1 of 1 chapters ran\n"
        assert self.call(project, "run", "b", "c") == 1
        assert capsys.readouterr().err == "no chapter is named 'c'; there are a, b\n"

    def test_names_are_read_before_data_is_looked_for(
        self, project: Project, capsys: pytest.CaptureFixture[str]
    ) -> None:
        missing = [{"name": "m", "path": "missing/*.csv"}]
        project.write("tutorials/b.py", script(order=1, data=missing))
        assert self.call(project, "run", "c") == 1
        assert capsys.readouterr().err == "no chapter is named 'c'; there are a, b\n"
        assert self.call(project, "run", "a") == 0  # the data of another chapter is not its own
        assert self.call(project, "run", "b") == 1
        assert "missing/*.csv" in capsys.readouterr().err

    def test_ctrl_c_ends_quietly(
        self,
        project: Project,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def interrupt(*_: Any) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr(books.Book, "run", interrupt)
        assert self.call(project, "run") == 130
        assert capsys.readouterr().err == ""

    def test_export(self, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
        out = project.root / "deep/out"
        assert self.call(project, "export", str(out)) == 0
        files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*"))
        assert files == [
            *("a.md", "a/a.ipynb", "a/a.py", "a/run.json"),
            *("b.md", "b/b.ipynb", "b/b.py", "b/run.json"),
        ]
        assert "It is 1." in (out / "a.md").read_text(encoding="utf-8")
        assert (out / "a/a.py").read_text(encoding="utf-8") == project.read("tutorials/a.py")

    def test_a_fault_is_the_last_line(
        self, project: Project, capsys: pytest.CaptureFixture[str]
    ) -> None:
        project.write("tutorials/b.py", script(code("raise ValueError"), order=1))
        assert self.call(project, "run") == 1
        assert capsys.readouterr().err == "Traceback\ntutorials/b.py:3: cell 2: E: x\n"

    def test_no_configuration(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["-f", str(tmp_path / "none.yml"), "run"]) == 1
        assert "No such file" in capsys.readouterr().err

    def test_a_folder_that_can_not_be_written(
        self, project: Project, capsys: pytest.CaptureFixture[str]
    ) -> None:
        project.write("file", "")
        assert self.call(project, "export", str(project.root / "file")) == 1
        assert capsys.readouterr().err.strip().endswith("file/a'")


def test_as_a_program(tmp_path: Path) -> None:
    project = make_project(tmp_path, code("print(40 + 2)"))
    command = [sys.executable, "-m", "pdl_site", "export", "out"]
    done = project.call(command)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "1 of 1 chapters ran"
    assert "42</pre>" in project.read("out/a.md")
    built = project.build()
    assert "0 of 1 chapters ran" in built.stdout, "both use the same key and cache"
    command = [sys.executable, "-m", "pdl_site", "dance"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
