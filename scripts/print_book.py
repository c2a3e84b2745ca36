"""The book as one PDF: all chapters of the built site in one document, printed by Chromium."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright
from serving import launch, served

REPO = Path(__file__).parents[1]
NUMBERS = (
    '<div style="width: 100%; font: 8pt sans-serif; color: #5c6370; text-align: center">'
    '<span class="pageNumber"></span></div>'
)
STYLE = """
@page { size: A4; margin: 18mm 17mm 20mm }
body, .pdl-book { background: none }
.pdl-book { margin: 0; max-width: none }
.pdl-book > section { break-before: page }
.pdl-book > section:first-child { break-before: auto }
.pdl-book .pdl-cover { padding-top: 30vh }
.pdl-book .pdl-cover h1 { font-size: 34pt }
.pdl-book img { max-width: 100%; height: auto; max-height: 215mm; object-fit: contain }
.pdl-book .highlight { content-visibility: visible }
.pdl-book h1 { font-size: 22pt; max-width: none; white-space: nowrap }
.pdl-book summary::before, .pdl-book summary::after { display: none }
.pdl-book :is(.pdl-cell, details, .highlight, pre) { break-inside: auto }
.pdl-book .pdl-contents li { margin: .3em 0 }
"""
COLLECT = """async ({chapters, title, home}) => {
  const book = document.createElement("article");
  book.className = "md-content__inner md-typeset pdl-book";
  const names = new Map(chapters.map((address) => [new URL(address, location.href).href, address]));
  const slug = (address) => address.replace(/\\W+/g, "-").replace(/^-|-$/g, "");
  const contents = [];
  for (const address of chapters) {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const base = new URL(address, location.href);
    const article = page.querySelector("article");
    const furniture = ".headerlink, .md-content__button, .md-source-file, script, input";
    article.querySelectorAll(`${furniture}, [src$='#only-dark'], .pdl-only-dark`)
      .forEach((each) => each.remove());
    for (const image of article.querySelectorAll("img")) {
      image.src = new URL(image.getAttribute("src"), base).href.split("#")[0];
      image.loading = "eager";
    }
    for (const link of article.querySelectorAll("a[href]")) {
      const to = new URL(link.getAttribute("href"), base);
      const target = names.get(to.href.split("#")[0]);
      if (target) link.setAttribute("href", `#${slug(target)}--${to.hash.slice(1) || "top"}`);
      else if (to.origin === location.origin) {
        link.setAttribute("href", to.href.replace(location.href, home));
      }
      if (link.classList.contains("glightbox")) link.replaceWith(...link.childNodes);
    }
    for (const each of article.querySelectorAll("[id]")) each.id = `${slug(address)}--${each.id}`;
    article.querySelectorAll("details.pdl-code").forEach((each) => each.remove());
    article.querySelectorAll("details:not(.pdl-run)").forEach((each) => { each.open = true; });
    const section = document.createElement("section");
    section.id = `${slug(address)}--top`;
    section.append(...article.childNodes);
    contents.push([section.id, section.querySelector("h1").textContent.trim()]);
    book.append(section);
  }
  const cover = document.createElement("section");
  cover.className = "pdl-cover";
  const list = contents.map(([id, text]) => `<li><a href="#${id}">${text}</a></li>`).join("");
  cover.innerHTML = `<h1>${title}</h1><p></p><ol class="pdl-contents">${list}</ol>`;
  cover.querySelector("p").textContent = document.querySelector("meta[name=description]").content;
  book.prepend(cover);
  document.body.replaceChildren(book);
  document.title = title;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {
    throw new Error(`no picture at ${image.src}`);
  })));
}"""
SET_FORMULAS = """() => {
  for (const each of document.querySelectorAll(".arithmatex")) {
    const source = each.textContent.trim();
    const displayMode = source.startsWith("\\\\[");
    katex.render(source.slice(2, -2), each, {displayMode, throwOnError: true});
  }
}"""


def print_book(base: str, chapters: list[str], title: str, home: str, path: Path) -> None:
    """Print chapters into one PDF with bookmarks and page numbers.

    Args:
        base: Address of the served site.
        chapters: Addresses of the chapters from there, in order.
        title: Title of the book.
        home: Address of the published site, for links that lead out of the book.
        path: Where to write.
    """
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(bypass_csp=True, color_scheme="light", reduced_motion="reduce")
        page.set_default_timeout(300_000)
        page.goto(base, wait_until="networkidle")
        page.evaluate(COLLECT, {"chapters": chapters, "title": title, "home": home})
        page.add_style_tag(content=STYLE)
        page.add_style_tag(url=f"{base}assets/vendor/katex/katex.min.css")
        page.add_script_tag(url=f"{base}assets/vendor/katex/katex.min.js")
        page.evaluate(SET_FORMULAS)
        page.evaluate("document.fonts.ready.then(() => true)")
        path.parent.mkdir(parents=True, exist_ok=True)
        page.pdf(
            path=path,
            prefer_css_page_size=True,
            print_background=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=NUMBERS,
            outline=True,
            tagged=True,
        )
        browser.close()


def chapters_of(site: Path) -> list[str]:
    """Find the chapters of the built site in the order of its list of pages.

    Args:
        site: The built site.

    Returns:
        Addresses from the site's root.
    """
    found = sorted(facts.parent.name for facts in (site / "learn").glob("*/run.json"))
    listed = (site / "llms.txt").read_text(encoding="utf-8")
    return [f"learn/{name}/" for name in sorted(found, key=lambda name: listed.index(f"/{name}/"))]


def main() -> None:
    """Print the whole book, or the chapters that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these chapters")
    parser.add_argument("--site", type=Path, default=REPO / "site", help="the built site")
    parser.add_argument("--to", type=Path, default=REPO / "dist" / "pdl.pdf")
    parser.add_argument("--title", default="PDL, PyTorch Deep Learning")
    parser.add_argument("--home", default="", help="address of the published site")
    options = parser.parse_args()
    with served(options.site) as base:
        chosen = [f"learn/{name}/" for name in options.names] or chapters_of(options.site)
        print_book(base, chosen, options.title, options.home or base, options.to)
    sys.stdout.write(f"{options.to}: {options.to.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main()
