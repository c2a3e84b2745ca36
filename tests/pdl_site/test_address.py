"""Are sites that only their author can reach told apart from published ones?"""

import pytest

from pdl_site.address import is_public, robots_txt, without_canonical


@pytest.mark.parametrize(
    "address",
    ["https://example.org/book/", "http://book.example.org", "https://8.8.8.8/"],
)
def test_public(address: str) -> None:
    assert is_public(address)
    assert robots_txt(address) == (
        f"User-agent: *\nAllow: /\nSitemap: {address.rstrip('/')}/sitemap.xml\n"
    )


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://127.0.0.1:8000/",
        "http://localhost:8000/",
        "http://[::1]/",
        "http://192.168.1.7/",
        "http://10.0.0.1/",
        "http://laptop.local/",
        "http://build-host/",
    ],
)
def test_private(address: str) -> None:
    assert not is_public(address)
    assert robots_txt(address) == "User-agent: *\nDisallow: /\n"


def test_the_canonical_address_goes_and_nothing_else() -> None:
    page = '<link rel="icon" href="i">\n<link rel="canonical" href="http://127.0.0.1/a/">\n<meta>'
    assert without_canonical(page) == '<link rel="icon" href="i">\n<meta>'
