"""The thin shell that hands the chapters' pages to MkDocs."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import shutil
import socket
import tempfile
import weakref
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from mkdocs.config import config_options as opt
from mkdocs.config.base import Config
from mkdocs.exceptions import Abort
from mkdocs.plugins import BasePlugin, CombinedEvent, event_priority
from mkdocs.structure.files import File
from mkdocs.structure.nav import Navigation
from mkdocs.structure.toc import get_toc
from mkdocs.utils import get_relative_url

from pdl_site.address import is_public, robots_txt, without_canonical
from pdl_site.book import EXERCISES, Book, Entry, Settings
from pdl_site.cards import Look, card
from pdl_site.coverage import as_json, places
from pdl_site.errors import CacheError, SiteError
from pdl_site.guest import is_notebook, sections, settle
from pdl_site.harden import harden
from pdl_site.inserts import INSERT, insert
from pdl_site.livecache import Kept, LiveCache, digest_files
from pdl_site.repository import commit_time, repository_url
from pdl_site.serve import Background
from pdl_site.slim import slim
from pdl_site.takeaway import Listed, archive, llms_text
from pdl_site.watch import listen

if TYPE_CHECKING:
    from jinja2 import Environment
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.livereload import LiveReloadServer
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page as MkDocsPage
    from mkdocs.utils.templates import TemplateContext

    from pdl_site.render import Page

log = logging.getLogger("mkdocs.plugins.pdl_site")
OFFLINE_WORKER = "assets/vendor/iframe-worker/shim.js"
"""Lets the search run in a page that is opened from a folder."""
SNIPPET = "--8<--"
"""By this mark a page takes in another file."""
LAST_PORT = 65_535
CARDS = "assets/cards"
"""Folder of the pictures beside shared links."""


class SiteConfig(Config):
    """Options of the plugin in ``mkdocs.yml``; folders are relative to that file."""

    tutorials = opt.Type(str, default="tutorials")
    """Folder of the chapters' scripts."""
    uri = opt.Type(str, default="learn")
    """Folder of their pages in the site."""
    sources = opt.ListOfItems(opt.Type(str), default=["src"])
    """Folders of the project's packages."""
    library = opt.Type(str, default="")
    """Package whose objects the pages link to."""
    packages = opt.ListOfItems(opt.Type(str), default=[])
    """Distributions whose versions are shown and make old outputs stale."""
    cache = opt.Type(str, default=".cache/pdl_site")
    """Folder of kept runs; the variable ``PDL_SITE_CACHE`` overrides it."""
    jobs = opt.Type(int, default=0)
    """Chapters run at once; 0 for one per processor."""
    threads = opt.Type(int, default=1)
    """Threads of the numeric libraries in each kernel; another number gives other bits."""
    cell_timeout = opt.Type(int, default=120)
    """Longest time of one cell in seconds."""
    chapter_timeout = opt.Type(int, default=600)
    """Longest time of one chapter in seconds."""
    dark = opt.Type(dict, default={})
    """Dark color by light color, for the twins of drawings."""
    ground = opt.Type(str, default="#ffffff")
    """Color under photos."""
    find_data = opt.Type(str, default="")
    """``module:function`` that finds a data set by its entry in the front matter."""
    references = opt.Type(str, default="")
    """YAML file of names and addresses that pages may refer to as ``[text][name]``."""
    topics = opt.Type(str, default="")
    """YAML file with a few words for each item of the curriculum that cells cover."""
    numbers = opt.Type(str, default="")
    """YAML file of the published numbers that the chapters compute again."""
    corrections = opt.Type(str, default="")
    """YAML file of the common errors that the chapters set right."""
    cards = opt.Type(str, default="")
    """Folder of the faces for the pictures beside shared links; without it there are none."""
    cards_exclude = opt.ListOfItems(opt.Type(str), default=[])
    """Patterns of pages that share the picture of the first page."""
    polling = opt.Type(bool, default=False)
    """Look for edits twice a second; needed where the system can not tell of them."""
    branch = opt.Type(str, default="gh-pages")
    """Branch from which Colab opens the notebooks."""
    install = opt.Type(str, default="")
    """Name of the project's own distribution, with the extras that chapters need."""


class SitePlugin(BasePlugin[SiteConfig]):
    """Runs the chapters, adds their pages, and hardens every page's HTML."""

    def __init__(self) -> None:
        self.serving = False
        self.offline = False
        self.background: Background | None = None
        self.book: Book | None = None
        self.entries: list[Entry] = []
        self.figures: dict[str, str] = {}
        self.tables: dict[str, dict[str, Any]] = {}
        self.nav = Navigation([], [])
        self.digests: dict[tuple[bool, bool], str] = {}
        self.rendered: Kept[tuple[Page, bytes]] = Kept()
        self.live = LiveCache()
        self.turn = contextlib.ExitStack()
        self.notebooks = tempfile.mkdtemp(prefix="notebooks-")
        """Where the exercise notebooks stand while mkdocs-jupyter reads them."""
        weakref.finalize(self, shutil.rmtree, self.notebooks, ignore_errors=True)

    def on_startup(self, *, command: str, **_: Any) -> None:
        """Remember whether the site is built once or served live."""
        self.serving = command == "serve"

    @event_priority(-50)  # when mike has put the version into the site's address
    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        """Read the options and make the build repeatable."""
        if self.serving and self.book is None:  # before the first build, which takes a while
            _check_address(*config.dev_addr)
        root = Path(config.config_file_path).resolve().parent
        if config.repo_url is None and (found := repository_url(root)):
            config.repo_url = found
            config.repo_name = found.rstrip("/").split("/")[-1]
            config.edit_uri = config.edit_uri or "edit/main/docs/"
        os.environ.setdefault("SOURCE_DATE_EPOCH", commit_time(root))
        config.extra["public"] = is_public(config.site_url or "")
        self.offline = bool(
            (plugin := config.plugins.get("material/offline")) and plugin.config["enabled"]
        )
        config.extra["offline"] = self.offline
        if self.offline:  # opened from a folder, a page may not fetch another
            features = config.theme["features"]
            features[:] = [name for name in features if not name.startswith("navigation.instant")]
            config.extra["polyfills"] = [OFFLINE_WORKER]
            config.extra["homepage"] = "index.html"  # the theme would name the folder
        version = os.environ.get("MIKE_DOCS_VERSION", "")
        if version:  # mike builds one of several
            config.extra["version"] = {"provider": "mike", "default": "latest"}
        options = self.config
        cache = os.environ.get("PDL_SITE_CACHE") or options.cache
        self.book = Book(
            Settings(
                root=root,
                tutorials=root / options.tutorials,
                sources=tuple(root / folder for folder in options.sources),
                cache=root / cache,
                jobs=options.jobs,
                threads=options.threads,
                cell_timeout=options.cell_timeout,
                chapter_timeout=options.chapter_timeout,
                packages=tuple(options.packages),
                library=options.library,
                dark={light.lower(): dark for light, dark in options.dark.items()},
                ground=options.ground,
                find_data=options.find_data,
                site_url=f"{config.site_url.rstrip('/')}/{options.uri}" if config.site_url else "",
                repo_url=config.repo_url or "",
                install=options.install,
                branch="/".join(part for part in (options.branch, version) if part),
                exercises=EXERCISES if "mkdocs-jupyter" in config.plugins else "",
            )
        )
        for folder in (options.tutorials, *options.sources):
            if str(root / folder) not in config.watch:
                config.watch.append(str(root / folder))
        if self.serving:
            self.live.keep_lightbox(config.plugins)
        return config

    def on_pre_build(self, *, config: MkDocsConfig, **_: Any) -> None:
        """Run what must run before the old site is cleared away."""
        book = self._book()
        try:
            if not self.serving:
                self._wait_for_turn(book, config.site_dir)
            self.entries = book.entries()
            if not self.serving:
                ran = book.run(self.entries)
                log.info("%d of %d chapters ran", ran, len(self.entries))
                self.entries = book.true_entries() if ran else self.entries
        except SiteError as error:
            if error.detail:
                log.error("%s", error.detail)  # noqa: TRY400 - the kernel's traceback is in it
            raise Abort(str(error)) from error
        if self.serving and self.background is None:
            jobs = book.settings.jobs or os.cpu_count() or 1
            self.background = Background(book.settings.cache / "ready", jobs)

    @event_priority(50)  # before mkdocs-jupyter looks for notebooks
    def on_files(self, files: Files, *, config: MkDocsConfig) -> Files:
        """Add the chapters' pages and the files beside them."""
        book = self._book()
        uri = self.config.uri
        self.figures = {}
        together: dict[str, bytes] = {}
        for entry in self.entries:
            notice = self.background.notice(entry) if self.background else ""
            page, exercises = self._rendered(book, entry, notice)
            name = entry.chapter.name
            self.figures |= {f"{uri}/{name}#{key}": text for key, text in page.figures.items()}
            file = File.generated(config, f"{uri}/{name}.md", content=page.markdown)
            file.edit_uri = f"../{self.config.tutorials}/{entry.chapter.path.name}"
            files.append(file)
            for own, content in page.files.items():
                files.append(File.generated(config, f"{uri}/{name}/{own}", content=content))
                if own in {f"{name}.ipynb", f"{name}.py"}:
                    together[f"{config.site_name.lower()}/{own}"] = content
            if exercises:
                files.append(self._notebook(f"{EXERCISES}/{name}.ipynb", exercises, entry, config))
                together[f"{config.site_name.lower()}/{EXERCISES}/{name}.ipynb"] = exercises
        packed = archive(together)
        files.append(File.generated(config, "downloads/chapters.zip", content=packed))
        self.tables = {
            option: self._read_yaml(option, config)
            for option in ("topics", "numbers", "corrections", "references")
            if self.config[option]
        }
        if found := places(entry.chapter for entry in self.entries):
            files.append(File.generated(config, "coverage.json", content=as_json(found, uri)))
        return files

    def on_nav(self, nav: Navigation, **_: Any) -> Navigation:
        """Remember the order of the pages."""
        self.nav = nav
        self.digests = {}
        return nav

    @event_priority(-100)  # last, when no plugin changes the Markdown any more
    def _keep_rendered(
        self, markdown: str, *, page: MkDocsPage, config: MkDocsConfig, **_: Any
    ) -> str:
        """Let unchanged pages keep their HTML while the site is served."""
        if self.serving:
            kind = SNIPPET in markdown, "::: " in markdown
            if kind not in self.digests:
                self.digests[kind] = self._included(config, snippets=kind[0], library=kind[1])
            self.live.wrap(page, self.digests[kind], config.plugins["autorefs"])
        return markdown

    def _fill_inserts(self, markdown: str, *, page: MkDocsPage, **_: Any) -> str:
        """Fill the inserts of hand-written pages; leave notebooks of exercises to the reader.

        What a notebook says stands on its chapter's page, too: a search finds it there.
        """
        if page.file.src_uri.endswith(".ipynb"):
            page.meta["search"] = {"exclude": True}
        if not INSERT.search(markdown):
            return markdown
        settings = self._book().settings
        library = settings.sources[0] / settings.library if settings.library else None
        try:
            return insert(
                markdown,
                page=page.file.src_uri,
                uri=self.config.uri,
                entries=self.entries,
                figures=self.figures,
                library=library,
                **self.tables,
            )
        except SiteError as error:
            raise Abort(str(error)) from error

    on_page_markdown = CombinedEvent(_fill_inserts, _keep_rendered)

    @event_priority(50)
    def on_env(self, env: Environment, *, config: MkDocsConfig, **_: Any) -> Environment:
        """Register the addresses of other projects' objects, without asking the network."""
        if self.serving and "mkdocstrings" in config.plugins:
            # Pages taken from the live cache do not wake the handler, which gives the site its
            # styles and the API pages their backlinks.
            mkdocstrings: Any = config.plugins["mkdocstrings"]
            mkdocstrings.get_handler("python").update_env(config)
        if self.serving:
            env.bytecode_cache = self.live.templates
            overrides = Path(config.theme.custom_dir or config.docs_dir)
            shown = [Path(config.config_file_path), *overrides.rglob("*.html")]
            self.live.keep_outputs(env, self.nav, digest_files(shown))
        search: Any = config.plugins.get("material/search") or config.plugins.get("search")
        if self.serving and (index := getattr(search, "search_index", None)) is not None:
            self.live.keep_entries(index)
        if known := self.tables.get("references"):
            autorefs: Any = config.plugins["autorefs"]
            for name, url in known.items():
                autorefs.register_url(name, url)
        return env

    def on_page_content(
        self, html: str, *, page: MkDocsPage, config: MkDocsConfig, files: Files
    ) -> str:
        """Take away markup that shows nothing, and let guests look like all others."""
        if is_notebook(html):
            html = self._settled(html, page, config, files)
            page.toc = get_toc(sections(html))
        return slim(html)

    def on_page_context(
        self, context: TemplateContext, *, page: MkDocsPage, **_: Any
    ) -> TemplateContext:
        """Tell the page which picture stands beside its shared links."""
        if self.config.cards and not self.serving:
            page.meta["card"] = f"{CARDS}/{self._card_name(page)}.png"
        return context

    def on_post_page(self, output: str, *, config: MkDocsConfig, **_: Any) -> str:
        """Allow only the page's own scripts, and mend what validators and axe find.

        While serving, MkDocs adds the script that reloads an open page: no policy then. Nor does
        a page that is opened from a folder have an origin that a policy could name.
        """
        if self.offline or not config.extra["public"]:
            output = without_canonical(output)
        output = harden(output, policy=not (self.serving or self.offline))
        return output.replace(" data-preview", "") if self.offline else output

    def on_post_build(self, *, config: MkDocsConfig, **_: Any) -> None:
        """Write what is made of all pages, and let the next build into the site's folder."""
        site = Path(config.site_dir)
        listed = [_listed(page) for page in self.nav.pages]
        text = llms_text(config.site_name, config.site_description or "", listed)
        (site / "llms.txt").write_text(text, encoding="utf-8")
        (site / "robots.txt").write_text(robots_txt(config.site_url or ""), encoding="utf-8")
        if self.config.cards and not self.serving:
            self._draw_cards(config)
        self.turn.close()
        if self.background is not None:  # not earlier: the pages come first
            self.background.ask(self._book(), self.entries)

    def on_build_error(self, **_: Any) -> None:
        """Let the next build into the site's folder, also after a fault."""
        self.turn.close()

    def on_post_template(self, output: str, *, template_name: str, **_: Any) -> str:
        """Do the same for pages without Markdown, such as the one for a lost address."""
        is_page = template_name.endswith(".html")
        return harden(output, policy=not (self.serving or self.offline)) if is_page else output

    def on_serve(
        self, server: LiveReloadServer, *, config: MkDocsConfig, **_: Any
    ) -> LiveReloadServer:
        """Rebuild at once after an edit, and when a chapter has run."""
        if not self.config.polling:
            listen(server, [config.docs_dir, config.config_file_path, *config.theme.dirs])
        if self.background is not None:
            marker = self.background.marker
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()
            server.watch(str(marker))
        return server

    def on_shutdown(self) -> None:
        """Leave no run behind."""
        if self.background is not None:
            self.background.stop()

    def _rendered(self, book: Book, entry: Entry, notice: str) -> tuple[Page, bytes]:
        """Page and exercises of a chapter, made anew only when something of it changed."""
        chapter, record = entry.chapter, entry.record
        run = None if record is None else (record.key, record.facts["started"])
        stamp = (chapter.text, entry.key, run, notice, book.settings)
        return self.rendered.get(
            chapter.name, stamp, lambda: (book.render(entry, notice), book.exercises(entry))
        )

    def _included(self, config: MkDocsConfig, *, snippets: bool, library: bool) -> str:
        """Digest of the files that a page shows beside its own Markdown; once for all its kind."""
        root, docs = Path(config.config_file_path).parent, Path(config.docs_dir)
        # Terms of the glossary show on hover everywhere.
        included = [Path(config.config_file_path), docs / "glossary.md"]
        if snippets:
            included += [*root.glob("*.md"), *docs.rglob("*.md")]
        if library:
            for folder in self._book().settings.sources:
                included += folder.rglob("*.py")
        included += (root / "docs/includes").glob("*")
        return digest_files(included)

    def _notebook(self, name: str, content: bytes, entry: Entry, config: MkDocsConfig) -> File:
        """A notebook as a file that mkdocs-jupyter takes: one that lies in a folder."""
        path = Path(self.notebooks, name)
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
        file = File(name, self.notebooks, config.site_dir, config.use_directory_urls)
        file.edit_uri = f"../{self.config.tutorials}/{entry.chapter.path.name}"
        return file

    def _card_name(self, page: MkDocsPage) -> str:
        name = page.file.src_uri.removesuffix(".md")
        shared = any(fnmatch(page.file.src_uri, pattern) for pattern in self.config.cards_exclude)
        return "index" if shared else name.replace("/", "-")

    def _draw_cards(self, config: MkDocsConfig) -> None:
        """Draw the pictures that stand beside shared links."""
        folder = Path(config.site_dir, CARDS)
        folder.mkdir(parents=True, exist_ok=True)
        look = Look(fonts=self._book().settings.root / self.config.cards)
        for page in self.nav.pages:
            name = self._card_name(page)
            if name == "index" and page.file.src_uri != "index.md":
                continue
            words = str(page.meta.get("description") or config.site_description or "")
            title = str(page.meta.get("title") or page.title)
            try:
                drawn = card(title, words, config.site_name, look)
            except OSError as error:
                raise Abort(f"option 'cards': no face in {self.config.cards}: {error}") from error
            (folder / f"{name}.png").write_bytes(drawn)

    def _settled(self, html: str, page: MkDocsPage, config: MkDocsConfig, files: Files) -> str:
        """The page of a notebook in the house's form, with links to take it along."""
        name = Path(page.file.src_uri).stem
        links = [f'<a href="{name}.ipynb" download>Notebook</a>']
        if address := self._book().colab(f"{EXERCISES}/{name}/{name}.ipynb"):
            links.append(f'<a href="{address}">Open in Colab</a>')

        def resolve(address: str) -> str:
            path, hash_, fragment = address.partition("#")
            target = files.get_file_from_path(f"{path.rstrip('/')}.md")
            url = target.url if target is not None else path
            return f"{get_relative_url(url, page.url)}{hash_}{fragment}"

        line = f'<p class="pdl-links">{" · ".join(links)}</p>'
        here = f"{(config.site_url or '').rstrip('/')}/"
        return settle(html, here=here, resolve=resolve, links=line)

    def _wait_for_turn(self, book: Book, site_dir: str) -> None:
        """Keep two builds from clearing away each other's pages: the second waits."""
        name = hashlib.sha256(os.path.realpath(site_dir).encode()).hexdigest()[:12]
        with contextlib.suppress(CacheError):  # where nothing can be kept, nothing can be locked
            self.turn.enter_context(book.cache.lock(f"site-{name}"))

    def _book(self) -> Book:
        if self.book is None:
            raise AssertionError("MkDocs calls on_config first")
        return self.book

    def _read_yaml(self, option: str, config: MkDocsConfig) -> dict[str, Any]:
        path = Path(config.config_file_path).parent / self.config[option]
        try:
            found = _yaml(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise Abort(f"option {option!r}: {path.name} can not be read: {error}") from error
        return dict(found)


@functools.lru_cache(maxsize=16)  # while a site is served, they come again with each rebuild
def _yaml(text: str) -> Any:
    return yaml.safe_load(text)


def _check_address(host: str, port: int) -> None:
    """Stop where the live server could not listen."""
    reason = f"the last port is {LAST_PORT}" if port > LAST_PORT else ""
    if not reason:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            reason = str(error.strerror).partition(" (while")[0]
    if reason:
        other = f"{host}:{port + 1 if port < LAST_PORT else 8000}"
        raise Abort(
            f"{host}:{port} can not be used ({reason}); choose another address: "
            f"ADDRESS={other} make serve, or mkdocs serve --dev-addr {other}"
        )


def _listed(page: MkDocsPage) -> Listed:
    """A page as the list of pages names it, under the top of the navigation it stands in."""
    tops = [section.title for section in page.ancestors]
    top = str(tops[-1]) if tops else "Start"
    words = str(page.meta.get("description", ""))
    return Listed(top, str(page.title), page.canonical_url or page.url, words)
