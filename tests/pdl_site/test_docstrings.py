"""Doctests under the project's singular heading are code on the API pages."""

from __future__ import annotations

import griffe
import pytest

from pdl_site.docstrings import ExampleSections

SOURCE = '''
def f():
    """Do it.

    Example:
        >>> f()
        [1, 2]
    """
'''


@pytest.mark.parametrize("mended", [True, False])
def test_an_example_is_a_section_of_code(mended: bool) -> None:
    extensions = griffe.load_extensions(*([ExampleSections()] if mended else []))
    with griffe.temporary_visited_module(SOURCE, extensions=extensions) as module:
        docstring = module["f"].docstring
        kinds = [section.kind.value for section in docstring.parse("google")]
    assert kinds == ["text", "examples" if mended else "admonition"]
