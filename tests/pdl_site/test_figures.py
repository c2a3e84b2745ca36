"""Does a figure leave small, the same each time, dark when it should be, and true to its text?"""

import io
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from pdl_site import figures
from pdl_site.figures import choose, clean_svg, darken


def matplotlib_svg(*, photo: bool = False) -> str:
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    if photo:
        axes.imshow([[0.0, 1.0], [1.0, 0.0]])
    else:
        axes.plot([0, 1, 2], [0.12345, 0.5, 0.25], color="#2b5fa8", label="train")
        axes.legend()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True)
    return buffer.getvalue()


def png_of(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def noise(size: int) -> Image.Image:
    return Image.frombytes("RGB", (size, size), random.Random(0).randbytes(size * size * 3))


class TestClean:
    def test_what_a_page_does_not_need_goes(self) -> None:
        svg = (
            '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "x"\n "y">\n<svg width="1pt">'
            "<metadata><dc:date>2026-01-02</dc:date></metadata>\n <!-- a\n b -->\n<g/></svg>\n"
        )
        assert clean_svg(svg) == '<svg width="1pt"><g/></svg>'

    @pytest.mark.parametrize(
        ("long", "short"),
        [
            ("1.23456", "1.23"),
            ("-0.999", "-1"),
            ("10.10000", "10.1"),
            ("7.000", "7"),
            ("0.5", "0.5"),
            ("12.34", "12.34"),
            ("123456", "123456"),
        ],
    )
    def test_numbers_in_markup_are_shortened(self, long: str, short: str) -> None:
        assert clean_svg(f'<path d="M {long} 0"/>') == f'<path d="M {short} 0"/>'

    @pytest.mark.parametrize(
        "kept",
        [
            '<g transform="scale(0.015625)"/>',
            '<g transform="matrix(0.015625 0 0 1 2 3)"/>',
            '<use href="#m1.23456"/>',
            "<text>0.336704</text>",
            "<text>seed 1.23456</text>",
        ],
    )
    def test_numbers_that_must_stay(self, kept: str) -> None:
        assert clean_svg(kept) == kept

    def test_a_drawing_of_matplotlib_keeps_its_glyphs_and_loses_its_date(self) -> None:
        svg = matplotlib_svg()
        small = clean_svg(svg)
        assert len(small) < len(svg)
        assert re.findall(r"scale\([^)]*\)", small) == re.findall(r"scale\([^)]*\)", svg)
        assert "date" not in small
        assert "http://purl" not in small.replace("xmlns", "")

    @given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=8))
    def test_no_point_moves_by_more_than_a_hundredth(self, points: list[float]) -> None:
        texts = [f"{point:.6f}" for point in points]
        path = clean_svg(f'<path d="M {" ".join(texts)} z"/>')
        found = [float(text) for text in path.partition("M ")[2].partition(" z")[0].split()]
        assert found == pytest.approx([float(text) for text in texts], abs=0.0051)

    def test_cleaning_again_changes_nothing(self) -> None:
        once = clean_svg(matplotlib_svg())
        assert clean_svg(once) == once


COLORS = {"#2b5fa8": "#8ab4f8", "#000000": "#e7e3da"}


class TestDarken:
    def test_known_colors_change_and_others_stay(self) -> None:
        svg = b'<svg ><path fill="#2B5FA8" stroke="#123456"/></svg>'
        assert darken(svg, {"#2b5fa8": "#8ab4f8"}) == (
            b'<svg ><path fill="#8ab4f8" stroke="#123456"/></svg>'
        )

    def test_text_without_a_color_of_its_own(self) -> None:
        dark = darken(b'<svg width="1pt"><text>a</text></svg>', COLORS)
        assert dark == b'<svg fill="#e7e3da" width="1pt"><text>a</text></svg>'

    def test_references_stay(self) -> None:
        svg = b'<svg ><use href="#abcdef"/><g clip-path="url(#p1234567890)"/></svg>'
        assert darken(svg, {"#2b5fa8": "#8ab4f8"}) == svg

    def test_no_color_at_all(self) -> None:
        assert darken(b"<svg />", {}) == b"<svg />"

    def test_a_drawing_of_matplotlib(self) -> None:
        dark = darken(clean_svg(matplotlib_svg()).encode(), COLORS)
        assert b"#2b5fa8" not in dark
        assert b"#8ab4f8" in dark
        assert b"#000000" not in dark


class TestSize:
    @pytest.mark.parametrize(
        ("head", "size"),
        [
            ('width="72pt" height="36pt"', (96, 48)),
            ('height="36pt" viewBox="0 0 1 1" width="72.5pt"', (97, 48)),
            ('width="72px" height="36px"', (72, 36)),
            ('width="72" height="36" stroke-width="9"', (72, 36)),
            ('viewBox="0 0 640 480"', (640, 480)),
            ('width="100%" viewBox="0, 0, 64.4, 48"', (64, 48)),
            ("", (300, 150)),
        ],
    )
    def test_drawings(self, head: str, size: tuple[int, int]) -> None:
        figure = choose(f'<svg {head}><rect width="5" height="6"/></svg>', None)
        assert (figure.width, figure.height) == size

    @pytest.mark.parametrize(("scale", "size"), [(1, (9, 4)), (2, (4, 2))])
    def test_pictures(self, scale: int, size: tuple[int, int]) -> None:
        figure = choose(None, png_of(Image.new("RGB", (9, 4))), scale=scale)
        assert (figure.width, figure.height) == size


class TestChoose:
    def test_a_plot_stays_a_drawing(self) -> None:
        figure = choose(matplotlib_svg(), png_of(noise(8)))
        assert figure.kind == "svg"
        assert figure.data.startswith(b"<svg")

    def test_a_drawing_with_a_photo_in_it_becomes_a_picture(self) -> None:
        assert choose(matplotlib_svg(photo=True), png_of(noise(8))).kind == "webp"

    def test_without_a_picture_it_stays_a_drawing(self) -> None:
        assert choose(matplotlib_svg(photo=True), None).kind == "svg"

    def test_a_drawing_that_is_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(figures, "LARGEST_SVG", 100)
        assert choose(matplotlib_svg(), png_of(noise(8))).kind == "webp"

    def test_small_pictures_are_exact(self) -> None:
        image = noise(32)
        figure = choose(None, png_of(image))
        assert figure.kind == "webp"
        back = Image.open(io.BytesIO(figure.data)).convert("RGB")
        assert back.tobytes() == image.tobytes()

    def test_large_pictures_lose_a_little(self, monkeypatch: pytest.MonkeyPatch) -> None:
        exact = choose(None, png_of(noise(64)))
        monkeypatch.setattr(figures, "LARGEST_LOSSLESS", 100)
        assert len(choose(None, png_of(noise(64))).data) < len(exact.data)

    def test_the_ground_shows_through(self) -> None:
        clear = png_of(Image.new("RGBA", (2, 2), (0, 0, 0, 0)))
        figure = choose(None, clear, ground="#fffdfa")
        back = Image.open(io.BytesIO(figure.data)).convert("RGB")
        assert back.getpixel((0, 0)) == (0xFF, 0xFD, 0xFA)

    def test_neither_form(self) -> None:
        with pytest.raises(ValueError, match="needs an SVG or a PNG form"):
            choose(None, None)

    def test_the_same_each_time(self) -> None:
        image = png_of(noise(16))
        assert choose(None, image) == choose(None, image)
        assert choose(matplotlib_svg(), None).data.count(b"<path") > 1
