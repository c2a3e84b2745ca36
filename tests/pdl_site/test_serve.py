"""Do stale chapters run behind a live site, once each, and does the page say how they stand?"""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from jinja2 import DictLoader, Environment
from projects import KEY, chapter, code, record

from pdl_site import serve
from pdl_site.book import Entry
from pdl_site.errors import SiteError
from pdl_site.livecache import LiveCache, Templates
from pdl_site.serve import OLD, WAITING, Background


class Book:
    """Stands in for a book: notes what runs, and fails as told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.ran: list[str] = []

    def run(self, entries: list[Entry]) -> int:
        self.ran += [entry.key for entry in entries]
        if self.error is not None:
            raise self.error
        return len(entries)


def entry(key: str = "new", kept: Any = None) -> Entry:
    return Entry(chapter(code("1")), key, [], kept)


@pytest.fixture
def background(tmp_path: Path) -> Background:
    return Background(tmp_path / "deep/ready", jobs=1)


def wait(background: Background) -> None:
    """Let all that was asked for end."""
    ended = threading.Event()
    background._pool.submit(ended.set)
    assert ended.wait(timeout=30)


class TestRuns:
    def test_stale_chapters_run_in_order_and_once(self, background: Background) -> None:
        book: Any = Book()
        entries = [entry("one"), entry(KEY, record()), entry("two")]
        for _ in range(3):
            background.ask(book, entries)
        wait(background)
        assert book.ran == ["one", "two"]
        assert background.marker.read_text(encoding="utf-8").isdigit()

    def test_the_terminal_tells_how_far_it_is(
        self, background: Background, caplog: pytest.LogCaptureFixture
    ) -> None:
        """At each step, and not again when a page was only edited."""
        book: Any = Book()
        caplog.set_level("INFO")
        first, second = entry(KEY, record()), entry("two")
        for entries in ([first, second], [first, second], [first, entry(KEY, record())]):
            background.ask(book, entries)
        wait(background)
        said = [line for line in caplog.messages if "have their outputs" in line]
        assert said == ["1 of 2 chapters have their outputs", "2 of 2 chapters have their outputs"]

    def test_a_whole_book_is_silent(
        self, background: Background, caplog: pytest.LogCaptureFixture
    ) -> None:
        book: Any = Book()
        caplog.set_level("INFO")
        background.ask(book, [entry(KEY, record())])
        assert caplog.messages == []

    def test_each_end_wakes_the_server(self, background: Background) -> None:
        book: Any = Book()
        background.ask(book, [entry("one")])
        wait(background)
        first = background.marker.read_text(encoding="utf-8")
        background.ask(book, [entry("two")])
        wait(background)
        assert background.marker.read_text(encoding="utf-8") != first

    def test_after_the_end_nothing_starts(
        self, background: Background, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        killed: list[bool] = []
        monkeypatch.setattr(serve, "kill_kernels", lambda: killed.append(True))
        background.stop()
        assert killed == [True]
        with pytest.raises(RuntimeError):
            background.ask(Book(), [entry("one")])  # type: ignore[arg-type]  # stands in

    @pytest.mark.parametrize("error", [SiteError("the kernel died"), RuntimeError("no kernel")])
    def test_a_run_that_the_end_stopped_is_no_fault(
        self,
        background: Background,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        error: Exception,
    ) -> None:
        runs, killed = threading.Event(), threading.Event()
        monkeypatch.setattr(serve, "kill_kernels", killed.set)

        class Running(Book):
            def run(self, entries: list[Entry]) -> int:
                runs.set()
                assert killed.wait(timeout=30)
                return super().run(entries)

        book: Any = Running(error)
        background.ask(book, [entry("one")])
        assert runs.wait(timeout=30)
        background.stop()
        background._pool.shutdown(wait=True)
        assert book.ran == ["one"]
        assert not caplog.records
        assert background.notice(entry("one")) == Background(Path("m"), 1).notice(entry("one"))


class TestNotice:
    def test_true_outputs_need_none(self, background: Background) -> None:
        assert background.notice(entry(KEY, record())) == ""

    def test_nothing_yet(self, background: Background) -> None:
        assert background.notice(entry()) == (
            f'<div class="pdl-notice" role="status">{WAITING}</div>'
        )

    def test_old_outputs(self, background: Background) -> None:
        assert OLD in background.notice(entry("new", record()))

    def test_a_failed_run_is_named_on_the_page(
        self, background: Background, caplog: pytest.LogCaptureFixture
    ) -> None:
        error = SiteError("E: a < b & c", path="tutorials/a.py", line=3, cell=2)
        background.ask(Book(error), [entry("one")])  # type: ignore[arg-type]  # stands in
        wait(background)
        notice = background.notice(entry("one"))
        assert "tutorials/a.py:3: cell 2: E: a &lt; b &amp; c</pre>" in notice
        assert "pdl-notice--error" in notice
        assert "\n" not in notice
        assert "tutorials/a.py:3: cell 2: E: a < b & c" in caplog.text
        assert background.marker.exists()

    def test_an_unforeseen_fault_does_not_end_the_server(
        self, background: Background, caplog: pytest.LogCaptureFixture
    ) -> None:
        background.ask(Book(RuntimeError("bug")), [entry("one")])  # type: ignore[arg-type]
        wait(background)
        assert "an unforeseen fault" in background.notice(entry("one"))
        assert "RuntimeError: bug" in caplog.text


class Index:
    """What the search plugin's index does with a page, and how often."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []
        self.asked: list[str] = []

    def add_entry_from_context(self, page: Any) -> None:
        self.asked.append(page.url)
        self.entries += [{"location": page.url, "text": text} for text in page.content.split()]


def test_unchanged_pages_are_not_read_again_for_the_search() -> None:
    live, first, second = LiveCache(), Index(), Index()
    pages = [
        SimpleNamespace(url=url, title=url, meta={}, content=text)
        for url, text in (("a/", "one two"), ("b/", "three"))
    ]
    live.keep_entries(first)
    for page in pages:
        first.add_entry_from_context(page)
    first.entries[0]["text"] = "changed by who writes the file"
    pages[1].content = "three four"
    live.keep_entries(second)
    for page in pages:
        second.add_entry_from_context(page)

    assert second.asked == ["b/"]
    assert [entry["text"] for entry in second.entries] == ["one", "two", "three", "four"]


def test_templates_are_compiled_once_for_all_rebuilds() -> None:
    kept = Templates()

    def rebuilt(text: str) -> tuple[str, int]:
        env = Environment(
            loader=DictLoader({"page.html": text}), bytecode_cache=kept, autoescape=True
        )
        compiled = []
        original = env.compile
        env.compile = lambda *words, **more: compiled.append(1) or original(*words, **more)
        return env.get_template("page.html").render(x=3), len(compiled)

    assert rebuilt("{{ x }}") == ("3", 1)
    assert rebuilt("{{ x }}") == ("3", 0)
    assert rebuilt("{{ x + 1 }}") == ("4", 1)


def page_of(url: str, content: str, **more: Any) -> Any:
    known = {"title": "T", "meta": {}, "toc": [], "edit_url": None}
    neighbors = {"previous_page": None, "next_page": None}
    return SimpleNamespace(url=url, content=content, **{**known, **neighbors, **more})


def nav_of(*titles: str) -> Any:
    return SimpleNamespace(
        items=[SimpleNamespace(title=title, url=title, children=None) for title in titles]
    )


class TestKeptLightbox:
    """The plugin that lets figures open large parses each page; unchanged ones need not be."""

    class Lightbox:
        def __init__(self) -> None:
            self.asked: list[str] = []

        def on_page_content(self, html: str, *, page: Any, **_: Any) -> str:
            self.asked.append(page.url)
            return f"<a>{html}</a>"

    def built(self, live: LiveCache, lightbox: Lightbox, *pages: Any) -> list[str]:
        class Plugins(dict[str, Any]):
            events: ClassVar = {"page_content": [str, lightbox.on_page_content], "post_page": []}

        plugins = Plugins(glightbox=lightbox)
        live.keep_lightbox(plugins)  # type: ignore[arg-type]  # stands in
        first, second = plugins.events["page_content"]
        assert first is str
        return [second(page.content, page=page, config=None) for page in pages]

    def test_only_changed_pages_are_parsed(self) -> None:
        live, lightbox = LiveCache(), self.Lightbox()
        before = [page_of("a", "x"), page_of("b", "y"), page_of("c", "z")]
        after = [page_of("a", "x"), page_of("b", "new"), page_of("c", "z", meta={"glightbox": 0})]
        assert self.built(live, lightbox, *before) == ["<a>x</a>", "<a>y</a>", "<a>z</a>"]
        assert self.built(live, lightbox, *after) == ["<a>x</a>", "<a>new</a>", "<a>z</a>"]
        assert lightbox.asked == ["a", "b", "c", "b", "c"]

    def test_a_site_without_it(self) -> None:
        class Plugins(dict[str, Any]):
            events: ClassVar = {"page_content": [str], "post_page": []}

        plugins = Plugins()
        LiveCache().keep_lightbox(plugins)  # type: ignore[arg-type]  # stands in
        assert plugins.events == {"page_content": [str], "post_page": []}


class TestKeptOutputs:
    """Each rebuild has a new environment; what a page shows decides whether it is rendered."""

    def rendered(self, live: LiveCache, page: Any, nav: Any, included: str = "same") -> str:
        counter: list[int] = self.__dict__.setdefault("counter", [])
        env = Environment(
            loader=DictLoader({"main.html": "{{ count() }} {{ page.content }}"}), autoescape=True
        )
        env.globals["count"] = lambda: counter.append(1) or len(counter)
        live.keep_outputs(env, nav, included)
        context = {"page": page, "config": SimpleNamespace(extra_css=[])}
        return env.get_template("main.html").render(context)

    def test_unchanged_pages_are_not_rendered_again(self) -> None:
        live, nav = LiveCache(), nav_of("a", "b")
        assert self.rendered(live, page_of("a", "x"), nav) == "1 x"
        assert self.rendered(live, page_of("a", "x"), nav) == "1 x"
        assert self.rendered(live, page_of("b", "x"), nav) == "2 x"

    @pytest.mark.parametrize(
        ("page", "nav", "included"),
        [
            (page_of("a", "y"), nav_of("a"), "same"),
            (page_of("a", "x", title="New"), nav_of("a"), "same"),
            (page_of("a", "x", meta={"level": 1}), nav_of("a"), "same"),
            (page_of("a", "x", edit_url="e"), nav_of("a"), "same"),
            (
                page_of("a", "x", toc=[SimpleNamespace(title="S", id="s", children=[])]),
                nav_of("a"),
                "same",
            ),
            (page_of("a", "x", next_page=page_of("b", "")), nav_of("a"), "same"),
            (page_of("a", "x"), nav_of("a", "b"), "same"),
            (page_of("a", "x"), nav_of("a"), "changed template"),
        ],
    )
    def test_what_a_page_shows_is_seen(self, page: Any, nav: Any, included: str) -> None:
        live = LiveCache()
        assert self.rendered(live, page_of("a", "x"), nav_of("a")).startswith("1 ")
        assert self.rendered(live, page, nav, included).startswith("2 ")

    def test_pages_without_content_of_their_own_are_always_rendered(self) -> None:
        live = LiveCache()
        assert [self.rendered(live, None, nav_of("a")) for _ in range(2)] == ["1 ", "2 "]

    def test_templates_that_templates_ask_for_are_left_alone(self) -> None:
        live = LiveCache()
        child = "{% extends 'main.html' %}{% block a %}x{% endblock %}"
        templates = {"main.html": "<{% block a %}{% endblock %}>", "404.html": child}
        env = Environment(loader=DictLoader(templates), autoescape=True)
        live.keep_outputs(env, nav_of("a"), "same")
        assert env.get_template("404.html").render({}) == "<x>"
