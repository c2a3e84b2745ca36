"""Where does this site stand, and what does that mean for search engines?"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

CANONICAL = '<link rel="canonical"'


def is_public(site_url: str) -> bool:
    """Whether an address is one that others can reach.

    Args:
        site_url: The site's address, as in ``mkdocs.yml``.

    Returns:
        False for no address, this machine, and private networks.

    Example:
        >>> is_public("https://book.example.org/pdl/"), is_public("http://127.0.0.1:8000/")
        (True, False)
    """
    host = urlsplit(site_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".local", ".localhost"))


def robots_txt(site_url: str) -> str:
    """Write what search engines read first.

    Args:
        site_url: The site's address.

    Returns:
        For a public site all doors open and the list of pages; else all doors closed.

    Example:
        >>> print(robots_txt("https://example.org/"), end="")
        User-agent: *
        Allow: /
        Sitemap: https://example.org/sitemap.xml
    """
    if not is_public(site_url):
        return "User-agent: *\nDisallow: /\n"
    return f"User-agent: *\nAllow: /\nSitemap: {site_url.rstrip('/')}/sitemap.xml\n"


def without_canonical(html: str) -> str:
    """Take the canonical address out of a page that nobody else can reach.

    Args:
        html: The page.

    Returns:
        The page without it.
    """
    before, found, after = html.partition(CANONICAL)
    return before.rstrip() + after.partition(">")[2] if found else html
