"""Does each item lead to the section that treats it?"""

import json

import pytest
from projects import chapter, code, prose

from pdl_site.coverage import Place, as_json, as_tables, places
from pdl_site.errors import SiteError

CELLS = (
    prose("## First things: `torch` and *more*\n\nText.", covers=["00.02", "00.01"]),
    code("1"),
    prose("Still the first section.", covers=["00.03", "00.01"]),
    prose("The end of it.\n\n### A [link](x.md) inside\n\nNew.", covers=["00.04"]),
    prose("Below that.\n\n```text\n# no heading\n```", covers=["00.05"]),
)


def found() -> dict[str, list[Place]]:
    return places([chapter(*CELLS)])


def test_a_cell_belongs_to_its_heading_or_to_the_one_before() -> None:
    name = chapter(*CELLS).name
    first = Place(name, "first-things-torch-and-more", "First things: torch and more")
    second = Place(name, "a-link-inside", "A link inside")

    assert found() == {
        "00.01": [first],
        "00.02": [first],
        "00.03": [first],
        "00.04": [first],
        "00.05": [second],
    }
    assert list(found()) == sorted(found())


def test_json_has_addresses_from_the_root() -> None:
    told = json.loads(as_json(found(), "learn"))

    name = chapter(*CELLS).name
    assert told["00.05"] == [f"learn/{name}/#a-link-inside"]


def test_tables_link_from_their_page() -> None:
    topics = {item: f"about {item}" for item in found()}
    name = chapter(*CELLS).name
    text = as_tables(found(), topics, {"another": "Empty", name: "The start"}, "../learn")

    assert text.startswith("## The start\n")
    assert "Empty" not in text
    row = f"| 00.05 | about 00.05 | [A link inside](../learn/{name}.md#a-link-inside) |"
    assert row in text.splitlines()


def test_an_item_without_words_is_refused() -> None:
    with pytest.raises(SiteError, match=r"cover 00\.04, which the file of topics does not have"):
        as_tables(found(), dict.fromkeys(["00.01", "00.02", "00.03", "00.05"], "x"), {}, "learn")
