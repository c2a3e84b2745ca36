"""Does `pdl.typing` do what its page says, on good input and on bad?"""

import pytest
import torch
from jaxtyping import TypeCheckError

from pdl import typing
from pdl.models.linear import LinearRegression


def test_every_letter_of_the_shapes_is_explained():
    letters = typing.__doc__
    for name in ("Images", "Tokens", "Logits", "Labels", "Points", "PointLabels", "Column"):
        for letter in getattr(typing, name).dim_str.split():
            assert letter.isdecimal() or f" {letter} " in letters.replace("\n", " "), (name, letter)


def test_shapes_in_signatures_are_checked_in_tests():
    with pytest.raises(TypeCheckError, match="x"):
        LinearRegression()(torch.ones(3))
