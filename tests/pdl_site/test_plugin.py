"""Does the plugin hand MkDocs the right pages, once and live, and stop where it must?"""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort
from projects import Project, code, make_project, prose, record, script

from pdl_site import book as books
from pdl_site.errors import ExecutionError
from pdl_site.plugin import SitePlugin
from pdl_site.record import Record
from pdl_site.serve import OLD, WAITING, Background
from pdl_site.watch import Listener

CONFIG = """\
site_name: T
theme: {name: null, custom_dir: theme}
markdown_extensions: [attr_list, md_in_html]
plugins:
  - autorefs
  - pdl_site: {jobs: 1, library: lib, references: refs.yml}
"""
CELLS = (
    prose("See [`Tensor`][torch.Tensor]."),
    code("import lib\nlib.f()"),
    prose("It is {{ 1 }}."),
    code("draw()", alt="A line", name="result"),
)
HOME = """\
# Home

<!-- site:chapters -->

<!-- site:figure learn/a#result -->

<!-- site:checked -->
"""
SVG = {"kind": "figure", "format": "svg", "data": "PHN2Zy8+", "width": 1, "height": 1, "alt": "x"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose kernels are played by a function."""

    def run(chapter: Any, key: str, options: Any) -> Record:
        if "boom" in chapter.text:
            message, place = "ValueError: boom", {"path": chapter.label, "line": 9, "cell": 2}
            raise ExecutionError(message, detail="the traceback", **place)
        shown = "changed" if "changed" in chapter.text else "first"
        outputs = tuple(
            [SVG] if cell.alt else [{"kind": "result", "text": shown}]
            for cell in chapter.code_cells
        )
        values = tuple(["7"] for cell in chapter.cells if cell.expressions)
        return Record(key, chapter.name, outputs, values, record().facts)

    monkeypatch.setattr(books, "run_chapter", run)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    for name in ("PDL_SITE_CACHE", "REPO_URL", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    made = make_project(tmp_path, *CELLS, config=CONFIG)
    made.write("docs/index.md", HOME)
    made.write("src/lib/__init__.py", '"""L.\n\n>>> 1\n1\n"""\ndef f(): return 1\n')
    made.write("refs.yml", "torch.Tensor: https://pytorch.org/tensor\nlib.f: https://e.org/f\n")
    return made


@pytest.fixture(autouse=True)
def mkdocs_log() -> Iterator[None]:
    """MkDocs adds handlers to its logger; put it back as it was."""
    logger = logging.getLogger("mkdocs")
    before = list(logger.handlers)
    yield
    logger.handlers = before


@pytest.fixture(autouse=True)
def new_plugins() -> None:
    """MkDocs keeps plugins from one configuration to the next; begin with a new one."""
    dict(MkDocsConfig._schema)["plugins"].plugin_cache.clear()


def configured(project: Project, command: str = "build", dev_addr: str = "127.0.0.1:0") -> Any:
    """The configuration as a command loads it; port 0 is one that is free."""
    file = str(project.root / "mkdocs.yml")
    config = load_config(file, strict=True, dev_addr=dev_addr)
    config.plugins.on_startup(command=command, dirty=False)
    return config


def plugin_of(config: Any) -> SitePlugin:
    plugin = config.plugins["pdl_site"]
    assert isinstance(plugin, SitePlugin)
    return plugin


class TestBuild:
    def test_pages_and_the_files_beside_them(self, project: Project) -> None:
        build(configured(project))
        beside = {path.name for path in (project.root / "site/learn/a").iterdir()}
        assert {"index.html", "a.ipynb", "a.py", "run.json"} <= beside
        assert sum(name.endswith(".svg") for name in beside) == 2
        page = project.page()
        assert "first</pre>" in page
        assert "It is 7." in page
        assert 'href="https://pytorch.org/tensor"' in page

    def test_inserts(self, project: Project) -> None:
        build(configured(project))
        home = project.read("site/index.html")
        assert '<a href="learn/a/">A</a>' in home
        assert 'src="learn/a/result-' in home
        assert "<dt>Chapters run</dt><dd>1 of 1</dd>" in home
        assert "<dd>1</dd>" in home.partition("Doctest")[2]

    def test_watched_folders(self, project: Project) -> None:
        config = configured(project)
        build(config)
        assert str(project.root / "tutorials") in config.watch
        assert str(project.root / "src") in config.watch
        plugin_of(config).on_config(config)
        assert config.watch.count(str(project.root / "src")) == 1

    def test_the_edit_link_leads_to_the_script(self, project: Project) -> None:
        project.write("mkdocs.yml", f"repo_url: https://github.com/o/r\n{CONFIG}")
        config = configured(project)
        build(config)
        project.write("theme/main.html", "{{ page.edit_url }}")
        build(configured(project))
        assert project.page().endswith("/tutorials/a.py")

    def test_the_repository_comes_from_the_environment(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REPO_URL", "https://github.com/o/r")
        config = configured(project)
        build(config)
        assert (config.repo_url, config.repo_name) == ("https://github.com/o/r", "r")
        assert config.edit_uri == "edit/main/docs/"

    @pytest.mark.parametrize("content", [None, "a: [\n"])
    def test_references_that_can_not_be_read(self, project: Project, content: str | None) -> None:
        if content is None:
            (project.root / "refs.yml").unlink()
        else:
            project.write("refs.yml", content)
        with pytest.raises(Abort, match=r"option 'references': refs\.yml can not be read"):
            build(configured(project))

    def test_without_references_and_library(self, project: Project) -> None:
        project.write("mkdocs.yml", CONFIG.replace(", library: lib, references: refs.yml", ""))
        project.write("tutorials/a.py", script(*CELLS[1:]))
        build(configured(project))
        assert "Doctest" not in project.read("site/index.html")

    def test_a_failure_says_where_and_shows_its_traceback(
        self, project: Project, caplog: pytest.LogCaptureFixture
    ) -> None:
        build(configured(project))
        before = project.page()
        project.write("tutorials/a.py", script(code("boom")))
        with pytest.raises(Abort, match=r"^tutorials/a\.py:9: cell 2: ValueError: boom$"):
            build(configured(project))
        assert "the traceback" in caplog.text
        assert project.page() == before

    def test_a_failed_build_lets_the_next_one_in(self, project: Project) -> None:
        config = configured(project)
        project.write("tutorials/a.py", script(code("boom")))
        with pytest.raises(Abort):
            build(config)
        project.write("tutorials/a.py", script(*CELLS))
        build(configured(project))
        assert "first</pre>" in project.page()

    def test_an_insert_that_does_not_exist(self, project: Project) -> None:
        project.write("docs/index.md", "<!-- site:nothing -->")
        with pytest.raises(Abort, match=r"docs/index\.md:1: no insert '<!-- site:nothing -->'"):
            build(configured(project))

    def test_hooks_before_the_configuration_are_a_bug_of_ours(self) -> None:
        with pytest.raises(AssertionError, match="on_config first"):
            SitePlugin().on_pre_build(config=None)  # type: ignore[arg-type]  # not reached


class Server:
    """Stands in for the live server, before it watches anything."""

    observer = None

    def __init__(self) -> None:
        self.watched: list[str] = []

    def watch(self, path: str) -> None:
        self.watched.append(path)

    def unwatch(self, path: str) -> None:
        if path not in self.watched:
            raise KeyError(path)
        self.watched.remove(path)


class TestAddress:
    def test_a_taken_one_ends_before_the_first_build(self, project: Project) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            config = configured(project, "serve", dev_addr=f"127.0.0.1:{port}")
            with pytest.raises(Abort) as stopped:
                config.plugins.on_config(config)
        other = f"127.0.0.1:{port + 1}"
        assert str(stopped.value) == (
            f"127.0.0.1:{port} can not be used (Address already in use); choose another address: "
            f"ADDRESS={other} make serve, or mkdocs serve --dev-addr {other}"
        )
        assert not (project.root / ".cache").exists()

    def test_a_port_that_does_not_exist(self, project: Project) -> None:
        config = configured(project, "serve", dev_addr="127.0.0.1:70000")
        with pytest.raises(Abort, match=r"^127\.0\.0\.1:70000 can not be used \(the last port is"):
            config.plugins.on_config(config)

    def test_the_server_itself_does_not_hinder_the_next_build(self, project: Project) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        config = configured(project, "serve", dev_addr=address)
        config.plugins.on_config(config)
        with socket.create_server(("127.0.0.1", config.dev_addr.port)):
            config.plugins.on_config(config)

    def test_a_build_needs_none(self, project: Project) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            build(configured(project, dev_addr=address))
        assert "first</pre>" in project.page()


class TestServe:
    def ended(self, config: Any) -> None:
        background = plugin_of(config).background
        assert background is not None
        background._pool.submit(int).result(timeout=30)

    def test_the_site_is_up_at_once_and_fills_in(self, project: Project) -> None:
        config = configured(project, "serve")
        build(config)
        plugin = plugin_of(config)
        assert WAITING in project.page()
        assert "first</pre>" not in project.page()
        assert "The figure appears when its chapter has run" in project.read("site/index.html")
        self.ended(config)
        build(config)
        assert WAITING not in project.page()
        assert "first</pre>" in project.page()
        server = Server()
        plugin.on_serve(server, config=config)  # type: ignore[arg-type]  # stands in
        (marker,) = server.watched
        assert Path(marker).exists()
        plugin.on_shutdown()

    def test_the_policy_lets_a_served_page_reload_itself(self) -> None:
        """The script that MkDocs adds while serving is none of the page's own."""
        html = '<html><head><meta charset="utf-8"></head><body></body></html>'
        plugin, policy = SitePlugin(), 'http-equiv="Content-Security-Policy"'
        config: Any = SimpleNamespace(extra={"public": True})
        for command, has_policy in (("build", True), ("serve", False)):
            plugin.on_startup(command=command)
            assert (policy in plugin.on_post_page(html, config=config)) is has_policy
            lost = plugin.on_post_template(html, template_name="404.html")
            assert (policy in lost) is has_policy

    def test_nothing_runs_before_the_pages_are_there(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there = []
        monkeypatch.setattr(Background, "ask", lambda *_: there.append(WAITING in project.page()))
        config = configured(project, "serve")
        build(config)
        assert there == [True]
        plugin_of(config).on_shutdown()

    def test_old_outputs_stay_until_the_new_ones_come(self, project: Project) -> None:
        build(configured(project))
        project.write("tutorials/a.py", script(CELLS[0], code("changed"), *CELLS[2:]))
        config = configured(project, "serve")
        build(config)
        assert OLD in project.page()
        assert "first</pre>" in project.page()
        self.ended(config)
        build(config)
        assert OLD not in project.page()
        assert "changed</pre>" in project.page()
        plugin_of(config).on_shutdown()

    def test_a_failure_is_named_on_the_page(self, project: Project) -> None:
        config = configured(project, "serve")
        project.write("tutorials/a.py", script(code("boom")))
        project.write("docs/index.md", "# Home")
        build(config)
        self.ended(config)
        build(config)
        assert "tutorials/a.py:9: cell 2: ValueError: boom" in project.page()
        plugin_of(config).on_shutdown()

    def test_a_failure_while_the_site_is_built_does_not_end_the_server(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = configured(project, "serve")
        project.write("tutorials/a.py", script(code("boom")))
        project.write("docs/index.md", "# Home")
        fill = SitePlugin.on_files

        def on_files(plugin: SitePlugin, files: Any, **more: Any) -> Any:
            self.ended(config)
            return fill(plugin, files, **more)

        build(config)
        monkeypatch.setattr(SitePlugin, "on_files", on_files)
        build(configured(project, "serve"))
        assert "tutorials/a.py:9: cell 2: ValueError: boom" in project.page()
        plugin_of(config).on_shutdown()

    def test_rebuilds_give_what_one_build_gives(self, project: Project) -> None:
        build(configured(project))
        project.write("docs/second.md", "# Second\n\n[home](index.md#home) [`T`][torch.Tensor]\n")
        config = configured(project, "serve")
        for text in ("One.", "Two.", "Two."):
            project.write("tutorials/a.py", script(*CELLS, prose(text)))
            build(config)
        live = {p.name: p.read_bytes() for p in (project.root / "site").rglob("*.html")}
        build(configured(project))
        once = {p.name: p.read_bytes() for p in (project.root / "site").rglob("*.html")}
        assert live == once
        assert b"Two." in (project.root / "site/learn/a/index.html").read_bytes()
        plugin_of(config).on_shutdown()

    def test_an_edit_of_the_library_is_seen_where_it_is_shown(self, project: Project) -> None:
        build(configured(project))
        project.write("docs/index.md", "# Home\n\nTerm.\n")
        config = configured(project, "serve")
        build(config)
        project.write("docs/index.md", "# Home\n\nOther.\n")
        build(config)
        assert "Other." in project.read("site/index.html")
        plugin_of(config).on_shutdown()

    @pytest.mark.parametrize("polling", [True, False])
    def test_the_system_tells_of_edits_unless_it_can_not(
        self, project: Project, polling: bool
    ) -> None:
        config = configured(project, "serve")
        plugin, server = plugin_of(config), Server()
        plugin.config.polling = polling
        server.watch(config.docs_dir)
        served: Any = plugin.on_serve(server, config=config)  # type: ignore[arg-type]  # stands in
        assert served is server
        assert server.watched == [config.docs_dir]  # without a background there is no more
        assert isinstance(server.observer, Listener) != polling
        plugin.on_shutdown()
