"""Which pages need not be rendered again while the site is served?

MkDocs renders every page after every edit. A page whose Markdown, and all that its Markdown
includes, is unchanged gets the HTML it had.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from jinja2 import BytecodeCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from jinja2 import Environment, Template
    from jinja2.bccache import Bucket
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.plugins import PluginCollection
    from mkdocs.structure.files import Files
    from mkdocs.structure.nav import Navigation
    from mkdocs.structure.pages import Page

Made = TypeVar("Made")
RENDERED = ("content", "toc", "_title_from_render", "present_anchor_ids")
"""What MkDocs' ``Page.render`` sets, but for the links, which hold files of one build."""


class Templates(BytecodeCache):
    """Compiled templates from one rebuild to the next, each of which makes a new environment."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take a template's code from here, if it was compiled from the same text.

        Args:
            bucket: The template.
        """
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template's code.

        Args:
            bucket: The template.
        """
        self._code[bucket.key] = bucket.bytecode_to_string()


class Kept(Generic[Made]):
    """The last thing made under each name."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[Any, Made]] = {}

    def get(self, name: Any, made_of: Any, make: Callable[[], Made]) -> Made:
        """Take what was made last, or make it anew when what it is made of changed.

        Args:
            name: Whose it is.
            made_of: All that it depends on; compared with what it was the last time.
            make: Makes it.

        Returns:
            What was made.
        """
        known = self._known.get(name)
        if known is None or known[0] != made_of:
            known = self._known[name] = made_of, make()
        return known[1]


Anchor = tuple[tuple[Any, ...], dict[str, Any]]


class _Rendered(NamedTuple):
    digest: str
    attributes: dict[str, Any]
    links: dict[str, dict[str, str]]
    anchors: list[Anchor]


class LiveCache:
    """HTML of pages from one rebuild to the next."""

    def __init__(self) -> None:
        self._rendered: dict[str, _Rendered] = {}
        self._entries: dict[str, tuple[str, list[dict[str, Any]]]] = {}
        self._outputs: Kept[str] = Kept()
        self._lighted: Kept[str] = Kept()
        self.templates = Templates()

    def wrap(self, page: Page, included: str, autorefs: Any) -> None:
        """Let a page take its HTML from here where that is sound.

        Args:
            page: The page, its Markdown read.
            included: Digest of all else that its HTML depends on.
            autorefs: The plugin that is told of a page's anchors while it renders.
        """
        original: Callable[[MkDocsConfig, Files], None] = page.render
        name = page.file.src_uri

        def render(config: MkDocsConfig, files: Files) -> None:
            digest = hashlib.sha256(f"{included}\n{page.markdown}".encode()).hexdigest()
            kept = self._rendered.get(name)
            if kept is None or kept.digest != digest:
                with _noting(autorefs) as anchors:
                    original(config, files)
                self._rendered[name] = _Rendered(
                    digest,
                    {attribute: getattr(page, attribute) for attribute in RENDERED},
                    {file.src_uri: links for file, links in (page.links_to_anchors or {}).items()},
                    anchors,
                )
                return
            for attribute, value in kept.attributes.items():
                setattr(page, attribute, value)
            page.links_to_anchors = {
                file: links
                for uri, links in kept.links.items()
                if (file := files.get_file_from_path(uri)) is not None
            }
            for (_, *arguments), options in kept.anchors:
                autorefs.register_anchor(page, *arguments, **options)

        page.render = render  # type: ignore[method-assign]  # MkDocs offers no hook around it

    def keep_entries(self, index: Any) -> None:
        """Let the index of the search take the entries of unchanged pages from here.

        Args:
            index: The search plugin's index of this build.
        """
        original = index.add_entry_from_context

        def add(page: Page) -> None:
            seen = f"{page.title}\n{dict(page.meta)}\n{page.content}"
            digest = hashlib.sha256(seen.encode()).hexdigest()
            kept = self._entries.get(page.url)
            if kept is not None and kept[0] == digest:
                index.entries.extend(dict(entry) for entry in kept[1])
                return
            before = len(index.entries)
            original(page)
            self._entries[page.url] = digest, [dict(entry) for entry in index.entries[before:]]

        index.add_entry_from_context = add

    def keep_lightbox(self, plugins: PluginCollection) -> None:
        """Let unchanged pages keep what the lightbox makes of them, which parses each page twice.

        Args:
            plugins: The plugins of this build.
        """
        lightbox = plugins.get("glightbox")

        def keep(event: str, method: Callable[..., str]) -> Callable[..., str]:
            def lighted(html: str, *, page: Page, **options: Any) -> str:
                return self._lighted.get(
                    (event, page.url),
                    (html, dict(page.meta)),
                    lambda: method(html, page=page, **options),
                )

            return lighted

        for event in ("page_content", "post_page"):
            plugins.events[event][:] = [
                keep(event, method)
                if lightbox is not None and getattr(method, "__self__", None) is lightbox
                else method
                for method in plugins.events[event]
            ]

    def keep_outputs(self, env: Environment, nav: Navigation, included: str) -> None:
        """Let pages whose content and place in the book are unchanged keep their whole HTML.

        Args:
            env: The environment of this build's templates.
            nav: The navigation, which each page shows.
            included: Digest of all else that the templates show.
        """
        around = f"{included}\n{_outline(nav.items)}"
        original = env.get_template

        def get_template(name: Any, *arguments: Any, **options: Any) -> Any:
            template = original(name, *arguments, **options)
            if arguments or options:  # asked for by another template
                return template
            return _KeptTemplate(template, around, self._outputs)

        env.get_template = get_template  # type: ignore[method-assign]  # MkDocs asks for no other


class _KeptTemplate:
    """A template that renders a page only when something of it changed."""

    def __init__(self, template: Template, around: str, kept: Kept[str]) -> None:
        self._template, self._around, self._kept = template, around, kept

    def render(self, context: Mapping[str, Any]) -> str:
        page = context.get("page")
        if page is None:  # of no page: a sitemap, the page for lost addresses
            return self._template.render(context)
        neighbors = [
            (other.url, other.title, other.meta.get("gives")) if other else None
            for other in (page.previous_page, page.next_page)
        ]
        seen = (
            f"{self._around}\n{page.title}\n{dict(page.meta)}\n{neighbors}\n{page.edit_url}\n"
            f"{_contents(page.toc)}\n{context['config'].extra_css}\n{page.content}"
        )
        digest = hashlib.sha256(seen.encode()).hexdigest()
        return self._kept.get(page.url, digest, lambda: self._template.render(context))


def _outline(items: Iterable[Any]) -> list[Any]:
    """Titles and addresses of the navigation, level by level."""
    return [
        (item.title, getattr(item, "url", None), _outline(item.children or ())) for item in items
    ]


def _contents(items: Iterable[Any]) -> list[Any]:
    """Titles and places of a page's table of contents."""
    return [(item.title, item.id, _contents(item.children)) for item in items]


@contextlib.contextmanager
def _noting(autorefs: Any) -> Iterator[list[Anchor]]:
    """Note the anchors that are registered meanwhile."""
    anchors: list[Anchor] = []
    register = autorefs.register_anchor

    def note(*arguments: Any, **options: Any) -> None:
        anchors.append((arguments, options))
        register(*arguments, **options)

    autorefs.register_anchor = note
    try:
        yield anchors
    finally:
        autorefs.register_anchor = register


def digest_files(paths: Iterable[Path]) -> str:
    """Hash files by name, size and time of change.

    Args:
        paths: Files; those that are gone count as such.

    Returns:
        SHA-256 in hex.
    """
    digest = hashlib.sha256()
    for path in sorted(paths):
        stamp = path.stat() if path.exists() else None
        mark = (stamp.st_size, stamp.st_mtime_ns) if stamp else None
        digest.update(f"{path}:{mark}\n".encode())
    return digest.hexdigest()
