"""The reference is whole: each public module of the library has its page, in the navigation."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "src" / "pdl"
PAGES = ROOT / "docs" / "api"


def modules() -> set[str]:
    files = (path.relative_to(LIBRARY).with_suffix("") for path in LIBRARY.rglob("*.py"))
    return {".".join(file.parts) for file in files if not file.name.startswith("_")}


def test_each_public_module_has_a_page_and_each_page_a_module() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} - {"index"} == modules()


def test_each_page_shows_its_module_under_its_name() -> None:
    for module in modules():
        text = (PAGES / f"{module}.md").read_text(encoding="utf-8")
        assert f"\n# `pdl.{module}`\n" in text
        assert text.endswith(f"\n::: pdl.{module}\n")


def test_the_overview_and_the_navigation_name_each_module() -> None:
    overview = (PAGES / "index.md").read_text(encoding="utf-8")
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for module in modules():
        assert f"[`pdl.{module}`]({module}.md)" in overview
        assert f"- pdl.{module}: api/{module}.md\n" in navigation


def test_addresses_of_other_projects_are_secure_and_on_their_own_sites() -> None:
    text = (ROOT / "docs" / "includes" / "torch_urls.yml").read_text(encoding="utf-8")
    for name, url in yaml.safe_load(text).items():
        assert url.startswith("https://"), name
        if name.startswith("torchvision."):
            assert url.startswith("https://docs.pytorch.org/vision/stable/"), name
        elif name.startswith("torch"):
            assert url.startswith("https://docs.pytorch.org/docs/stable/"), name
