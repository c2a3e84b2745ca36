"""Are the pictures beside shared links of the right shape, legible, and the same each time?"""

import io
from pathlib import Path

import pytest
from PIL import Image

from pdl_site.cards import SIZE, Look, card

LOOK = Look(fonts=Path(__file__).parents[2] / "src/pdl/fonts")
LONG = " ".join(["A sentence that goes on and on."] * 12)


def drawn(title: str = "Title", sentence: str = "What it is about.") -> Image.Image:
    return Image.open(io.BytesIO(card(title, sentence, "PDL", LOOK))).convert("RGB")


def ink_in(image: Image.Image, box: tuple[int, int, int, int]) -> int:
    """Pixels in a part of the picture that have not the color of the ground."""
    part = image.crop(box)
    ground = Image.new("RGB", (1, 1), LOOK.ground).getpixel((0, 0))
    return sum(count for count, color in part.getcolors(1 << 20) or [] if color != ground)


def test_the_picture_has_the_size_that_sites_ask_for_and_is_light() -> None:
    content = card("PyTorch fundamentals", LONG, "PDL", LOOK)
    assert Image.open(io.BytesIO(content)).size == SIZE == (1200, 630)
    assert len(content) < 40_000


def test_the_same_words_give_the_same_bytes() -> None:
    assert card("A", "b", "PDL", LOOK) == card("A", "b", "PDL", LOOK)
    assert card("A", "b", "PDL", LOOK) != card("B", "b", "PDL", LOOK)


@pytest.mark.parametrize(
    "title", ["Short", LONG, "Donaudampfschifffahrtsgesellschaftskapitän " * 3]
)
def test_no_line_leaves_the_picture(title: str) -> None:
    image = drawn(title, LONG)
    width, height = SIZE
    assert ink_in(image, (width - 20, 0, width, height)) == 0
    assert ink_in(image, (0, height - 12, width, height)) == 24 * 12  # the bar and nothing else


def test_the_words_are_drawn() -> None:
    assert ink_in(drawn(), (90, 170, 1110, 300)) > 1000
    assert ink_in(drawn("", ""), (90, 170, 1110, 600)) == 0


def test_a_missing_face_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot open resource"):
        card("A", "b", "PDL", Look(fonts=tmp_path))
