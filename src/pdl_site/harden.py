"""What must hold for every finished page: only its own scripts run, it validates, all can use it.

The theme is left as it is. What it emits and a validator, axe or a content policy refuses is mended
here, on the text of the page, so that another theme needs no more than this file to be dropped.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re

SCRIPT = re.compile(r"<script\b(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)
DATA_SCRIPT = re.compile(r'\btype="?application/(?:ld\+)?json')
VERBATIM = re.compile(
    r"(<(?:pre|script|style|textarea)\b.*?</(?:pre|script|style|textarea)>)", re.DOTALL
)
META_POLICY = re.compile(r'\s*<meta http-equiv="Content-Security-Policy"[^>]*>')
CHARSET = re.compile(r'<meta charset="utf-8"\s*/?>', re.IGNORECASE)
SECTION_LABEL = re.compile(
    r'(?P<head><label\b[^>]*\bid="(?P<id>__nav_[\d_]+_label)"[^>]*>\s*'
    r'<span class="md-nav__icon md-icon"></span>)(?P<tail>\s*</label>)'
)
TABLE = re.compile(r"<table>((?:(?!<table\b).)*)</table>", re.DOTALL)
FIRST_PICTURE = re.compile(r"<article\b(?:(?!<img\b).)*(<a\b[^>]*>)?(<img\b[^>]*>)", re.DOTALL)
LIGHTBOX = (
    re.compile(r'<link\b[^>]*\bhref="[^"]*glightbox\.min\.css"[^>]*>'),
    re.compile(r'<style id="glightbox-style">.*?</style>', re.DOTALL),
    re.compile(r'<script\b[^>]*\bsrc="[^"]*glightbox\.min\.js"[^>]*></script>'),
    re.compile(r'<script id="init-glightbox">.*?</script>', re.DOTALL),
)
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'self'",
    "form-action": "'none'",
}
"""What a page may load and do. Styles may be inline: formulas and diagrams are made of them."""


@functools.lru_cache(maxsize=512)  # while a site is served, most pages come again unchanged
def harden(html: str, *, policy: bool = True) -> str:
    """Mend one finished page and say which scripts it may run.

    Args:
        html: The page as the theme and all plugins made it.
        policy: Whether to add the content policy. Not under live reload, whose script changes
            with each request.

    Returns:
        The page. Hardening it again changes nothing.

    Example:
        >>> harden('<input type="checkbox" id="__search" autocomplete="off">')
        '<input type="checkbox" id="__search">'
    """
    for mend in (
        _tame_lightbox,
        _mend_validity,
        _mend_names,
        _spare_tooltips,
        _reach_code,
        _box_tables,
        _add_previews,
        _speed_up,
        _squeeze,
    ):
        html = mend(html)
    return add_policy(html) if policy else html


def add_policy(html: str) -> str:
    """Add the content policy as the first thing after the page's character set.

    Args:
        html: A page; without a ``<meta charset>`` it comes back as it is.

    Returns:
        The page, with the hashes of the inline scripts it has now.
    """
    html = META_POLICY.sub("", html)
    rules = dict(POLICY)
    rules["script-src"] = " ".join([rules["script-src"], *inline_script_hashes(html)])
    text = "; ".join(f"{name} {value}" for name, value in rules.items())
    tag = f'<meta http-equiv="Content-Security-Policy" content="{text}">'
    return CHARSET.sub(lambda found: f"{found[0]}\n{tag}", html, count=1)


def inline_script_hashes(html: str) -> list[str]:
    """Hash the scripts that stand in the page itself.

    Args:
        html: A page.

    Returns:
        Sources for ``script-src``, sorted, each once.

    Example:
        >>> inline_script_hashes("<script src='a.js'></script><script>1</script>")
        ["'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='"]
    """
    bodies = {
        found["body"]
        for found in SCRIPT.finditer(html)
        if not re.search(r"\bsrc\s*=", found["attributes"])
        and not DATA_SCRIPT.search(found["attributes"])
    }
    digests = (hashlib.sha256(body.encode()).digest() for body in bodies)
    return sorted(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _tame_lightbox(html: str) -> str:
    """Take the lightbox's files out of the first load: site.js fetches them at the first click.

    A picture comes as a light and a dark twin. The link around each says which it is, so that the
    one around the hidden twin can be hidden with it and is no empty stop for the keyboard.
    """
    for part in LIGHTBOX:
        html = part.sub("", html)
    return re.sub(
        r'<a class="glightbox"([^>]*><img\b[^>]*#only-(light|dark)")',
        r'<a class="glightbox pdl-only-\2"\1',
        html,
    )


def _mend_validity(html: str) -> str:
    """Mend attributes that no standard allows, and a label of a control that is not there."""
    html = re.sub(
        r"<input\b[^>]*>",
        lambda found: (
            found[0].replace(' autocomplete="off"', "")
            if 'type="checkbox"' in found[0]
            else found[0]
        ),
        html,
    )
    html = html.replace(' tabindex=""', "")
    html = re.sub(r"<th\b([^>]*)>\s*</th>", r"<td\1></td>", html)
    html = re.sub(r'\s*<meta name="generator"[^>]*>', "", html)
    if 'id="__toc"' not in html:
        html = re.sub(
            r'<label class="md-nav__title" for="__toc">(.*?)</label>',
            r'<div class="md-nav__title">\1</div>',
            html,
            flags=re.DOTALL,
        )
    return html


def _mend_names(html: str) -> str:
    """Name the search dialog and the parts of the navigation; leave few landmarks.

    The button that opens the navigation is a label, which the keyboard reaches only if told so.
    """
    html = html.replace(
        '<label class="md-header__button md-icon" for="__drawer">',
        '<label class="md-header__button md-icon" for="__drawer" tabindex="0">'
        '<span class="pdl-hidden">Navigation</span>',
    )
    html = html.replace(
        'data-md-component="search" role="dialog">',
        'data-md-component="search" role="dialog" aria-label="Search">',
    )
    # Each heading with children opens one more landmark in the table of contents: too many to help.
    html = re.sub(
        r'<nav class="md-nav" aria-label="[^"]*">', '<nav class="md-nav" role="presentation">', html
    )

    def named(found: re.Match[str]) -> str:
        control = found["id"].removesuffix("_label")
        title = re.search(
            rf'<label class="md-nav__title" for="{control}">\s*<span[^>]*></span>(.*?)</label>',
            html,
            re.DOTALL,
        )
        text = re.sub(r"<[^>]+>", "", title[1]).strip() if title else ""
        return f'{found["head"]}<span class="pdl-hidden">{text}</span>{found["tail"]}'

    return SECTION_LABEL.sub(named, html)


def _spare_tooltips(html: str) -> str:
    """Take away titles that only name or repeat: the theme measures a tooltip for each at start."""
    html = re.sub(r'(<a\b[^>]*\bclass="headerlink"[^>]*) title=', r"\1 aria-label=", html)
    html = re.sub(r'<span title="([\w.]+)">\1</span>', r"\1", html)
    return re.sub(
        r'(<a\b[^>]*) title="[^"]*"( class="[^"]*\bmd-logo"[^>]* aria-label=)', r"\1\2", html
    )


def _reach_code(html: str) -> str:
    """Let the keyboard scroll wide code. The theme does it too, but only when a block is seen."""
    return re.sub(
        r"""(<pre(?! class="mermaid")[^>]*>(?:<span></span>)?<code)>""",
        r'\1 tabindex="0">',
        html,
    )


def _box_tables(html: str) -> str:
    """Give each table the box in which it scrolls, and a class by which the styles know it.

    The theme does the first in the browser, and by ``table:not([class])`` knows them. That one
    selector makes every change of any class a reason to style all that is below it anew.
    """
    return TABLE.sub(
        r'<div class="md-typeset__scrollwrap"><div class="md-typeset__table">'
        r'<table class="pdl-grid">\1</table></div></div>',
        html,
    )


def _add_previews(html: str) -> str:
    """Let links that autorefs resolved inside the site show what they lead to on hover."""
    return re.sub(
        r'<a class="autorefs autorefs-internal"(?![^>]*data-preview)',
        '<a data-preview class="autorefs autorefs-internal"',
        html,
    )


def _speed_up(html: str) -> str:
    """Let scripts wait for the page, fetch the first picture at once, drop an unused sheet.

    Pictures are lazy, so that of a light and a dark twin only the one that shows is fetched. The
    first picture of a page is what its first screen waits for: its light twin comes at once, its
    dark twin for those whose system is dark.
    """
    html = re.sub(r'<script src="([^"]+)"></script>', r'<script src="\1" defer></script>', html)
    if 'class="doc ' not in html:
        html = re.sub(r'\s*<link\b[^>]*\b_mkdocstrings\.css"[^>]*>', "", html)
    first = FIRST_PICTURE.search(html)
    if first is None or "#only-light" not in first[2] or 'loading="lazy"' not in first[2]:
        return html
    eager = first[2].replace('loading="lazy"', 'fetchpriority="high"')
    html = html[: first.start(2)] + eager + html[first.end(2) :]
    dark = re.search(r'<img\b[^>]*\bsrc="([^"#]+)#only-dark"', html)
    if dark is None:
        return html
    hint = (
        f'<link rel="preload" as="image" fetchpriority="high" href="{dark[1]}" '
        'media="(prefers-color-scheme: dark)">\n'
    )
    return html.replace("</head>", f"{hint}</head>", 1)


def _squeeze(html: str) -> str:
    """Drop the templates' empty lines and indentation, where white space means nothing."""
    parts = VERBATIM.split(html)
    parts[::2] = [re.sub(r"\s*\n\s*", "\n", part) for part in parts[::2]]
    return "".join(parts)
