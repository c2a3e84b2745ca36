"""How do the doctests of the library become code on its pages, and not prose?

Griffe reads a Google docstring's ``Examples:`` as a section of doctests; the singular ``Example:``,
which this project writes, it takes for a note in Markdown, where ``[1, 2]`` is a link.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"^( *)Example:$", re.MULTILINE)


class ExampleSections(Extension):
    """Griffe extension that reads ``Example:`` as ``Examples:``."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Rename the section in the docstring of one object.

        Args:
            obj: The object that was just read.
        """
        if obj.docstring is not None:
            obj.docstring.value = EXAMPLE.sub(r"\1Examples:", obj.docstring.value)
