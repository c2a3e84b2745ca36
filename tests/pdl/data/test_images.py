"""Rows D7 to D14, D17 and D20: image files of every kind, and damaged ones."""

import base64
import hashlib
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from pdl.data.images import BadImage, check_images, open_image, to_rgb, why_bad
from pdl.errors import DataError

Run = Callable[..., "subprocess.CompletedProcess[str]"]
CORPUS = json.loads((Path(__file__).parent / "corpus" / "image.json").read_text())


def jpeg(size: tuple[int, int] = (40, 30)) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.jpg", b"", r"is empty \(0 bytes\)"),
        ("text.jpg", b"hello", "not an image of a known format"),
        ("page.png", b"<html></html>", "not an image of a known format"),
        ("half.jpg", jpeg()[:900], r"is damaged \(OSError: image file is truncated"),
        ("movie.gif", b"GIF89a", "is a GIF, which is not read"),
        ("script.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
    ],
)
def test_d07_damaged_files(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=reason) as caught:
        open_image(tmp_path / name)
    assert repr(str(tmp_path / name)) in str(caught.value)
    [bad] = check_images(tmp_path)
    assert bad.path == tmp_path / name
    assert not bad.reason.startswith(("'", ":"))


def test_d07_every_prefix_of_a_photo_is_refused_or_whole(tmp_path: Path) -> None:
    whole = jpeg((24, 16))
    for cut in range(0, len(whole) - 2, 7):
        (tmp_path / "a.jpg").write_bytes(whole[:cut])
        assert why_bad(tmp_path / "a.jpg"), cut


@given(data=st.binary(max_size=200), head=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_d07_any_bytes_give_an_image_or_a_data_error(
    tmp_path: Path, data: bytes, head: bytes
) -> None:
    (tmp_path / "a.png").write_bytes(head + data)
    why_bad(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about damaged metadata
def test_d07_what_fuzzing_found(tmp_path: Path) -> None:
    for text in CORPUS:
        (tmp_path / "a.png").write_bytes(base64.b64decode(text))
        why_bad(tmp_path / "a.png", max_pixels=10**6)


def test_d07_check_lists_every_bad_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "pizza").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("pizza/good.jpg", "good.JPG"):
        (tmp_path / name).write_bytes(jpeg())
    for name in ("pizza/b.jpg", "a.png", ".hidden/c.jpg", "._1.jpg", "notes.txt", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"")
    assert [bad.path for bad in check_images(tmp_path)] == [
        tmp_path / "a.png",
        tmp_path / "pizza" / "b.jpg",
    ]
    with pytest.raises(DataError, match="folder to check must exist"):
        check_images(tmp_path / "missing")


def test_d08_a_flipped_bit_is_seen_by_the_checksums(tmp_path: Path) -> None:
    data = bytearray(jpeg())
    (tmp_path / "sub").mkdir()
    photo = tmp_path / "sub" / "a b.jpg"
    photo.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    lines = f"{digest}  ./sub/a b.jpg\n\n{digest.upper()} *gone.jpg\njunk\n"
    (tmp_path / "SHA256SUMS").write_text(lines)
    gone = BadImage(tmp_path / "gone.jpg", "is in SHA256SUMS but not there")
    assert check_images(tmp_path) == [gone]
    data[len(data) // 2] ^= 1
    photo.write_bytes(data)
    assert why_bad(photo) == ""  # it still decodes, to other pixels
    assert [bad.reason for bad in check_images(tmp_path)] == [
        gone.reason,
        "is not the file in SHA256SUMS: its SHA-256 is another",
    ]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB", "HSV"])
def test_d09_modes_without_transparency(mode: str) -> None:
    gray = Image.new("RGB", (6, 4), (255, 255, 255)).convert("RGB")
    image = to_rgb(
        gray.convert(mode) if mode != "LAB" else Image.new("LAB", (6, 4), (255, 128, 128))
    )
    assert (image.mode, image.size) == ("RGB", (6, 4))
    assert min(image.getpixel((0, 0))) >= 250  # type: ignore[type-var]  # three numbers


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_d09_transparency_lies_over_white(tmp_path: Path, mode: str) -> None:
    clear = Image.new("RGBA", (2, 2), (200, 0, 0, 0)).convert(mode)
    clear.save(tmp_path / "clear.png")
    assert open_image(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)
    half = Image.new("RGBA", (2, 2), (0, 0, 0, 128)).convert(mode)
    assert to_rgb(half).getpixel((0, 0)) == (127, 127, 127)
    multiplied = half.convert({"RGBA": "RGBa", "LA": "La"}[mode])
    assert to_rgb(multiplied).getpixel((0, 0)) == (127, 127, 127)


def test_d09_palette_and_single_color_transparency(tmp_path: Path) -> None:
    palette = Image.new("P", (2, 1), 1)
    palette.putpalette([9, 9, 9, 200, 10, 20])
    palette.putpixel((0, 0), 0)
    palette.save(tmp_path / "p.png", transparency=0)
    image = open_image(tmp_path / "p.png")
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (200, 10, 20)]
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "c.png", transparency=(1, 2, 3))
    assert open_image(tmp_path / "c.png").getpixel((0, 0)) == (255, 255, 255)
    assert open_image(tmp_path / "c.png", background=(9, 8, 7)).getpixel((0, 0)) == (9, 8, 7)


def test_d10_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256 * 16).astype(np.uint16).reshape(16, 256)
    for name in ("a.png", "a.tif", "a.pgm"):
        Image.fromarray(ramp).save(tmp_path / name)
        got = np.asarray(open_image(tmp_path / name)).astype(float)
        assert got.shape == (16, 256, 3)
        assert np.abs(got[..., 0] / 255 - ramp / 65535).max() <= 1 / 255


@pytest.mark.parametrize("values", [np.float32([[0.5]]), np.int32([[-1]]), np.int32([[70_000]])])
def test_d10_numbers_of_unknown_range_are_refused(tmp_path: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif': an image must have 8 or 16 bits"):
        open_image(tmp_path / "a.tif")


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 20)), (3, (40, 20)), (6, (20, 40))])
def test_d11_photos_stand_upright(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    image = Image.new("RGB", (40, 20), (0, 0, 255))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.jpg", exif=exif)
    assert open_image(tmp_path / "a.jpg").size == size


def test_d11_a_damaged_note_about_rotation_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Image.Image) -> Image.Image:
        raise SyntaxError("not a TIFF file")

    monkeypatch.setattr("PIL.ImageOps.exif_transpose", broken)
    assert to_rgb(Image.new("L", (3, 2))).size == (3, 2)


def test_d12_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    options = {"save_all": True, "append_images": frames[1:], "lossless": True}
    frames[0].save(tmp_path / "a.webp", **options)
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    for name in ("a.webp", "a.png"):
        assert open_image(tmp_path / name).getpixel((0, 0)) == (255, 0, 0)
    with pytest.raises(DataError, match="is a GIF, which is not read"):
        open_image(tmp_path / "a.gif")


def giant_png(path: Path, side: int) -> Path:
    """A PNG that says it is huge, with next to nothing in it."""
    with path.open("wb") as file:
        Image.new("1", (8, 8)).save(file, "PNG")
    data = bytearray(path.read_bytes())
    data[16:24] = side.to_bytes(4, "big") * 2
    crc = PngImagePlugin._crc32(data[12:29])
    data[29:33] = crc.to_bytes(4, "big")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("side", [8_000, 9_400])
def test_d13_too_many_pixels_are_refused_before_decoding(tmp_path: Path, side: int) -> None:
    path = giant_png(tmp_path / "a.png", side)
    with pytest.raises(
        DataError, match=rf"at most 50000000 pixels, got {side} x {side}.*max_pixels"
    ):
        open_image(path)


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_d13_more_pixels_than_pillow_allows(tmp_path: Path, side: int) -> None:
    # A warning of Pillow's (an error in these tests), then an error of its.
    path = giant_png(tmp_path / "a.png", side)
    with pytest.raises(DataError, match="pixels"):
        open_image(path, max_pixels=10**9)


def test_d13_memory_stays_small(child: Run, tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 100_000
    code = """
import sys
from pathlib import Path
from pdl.data.images import why_bad
print(why_bad(sys.argv[1]))
# Not getrusage: it starts from the memory of the process that started this one.
print(next(line.split()[1] for line in Path("/proc/self/status").open() if "VmHWM" in line))
"""
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell how much memory was used")
    said = child(code, tmp_path / "a.png")
    reason, kilobytes = said.stdout.splitlines()
    assert "pixels" in reason, said.stderr
    assert int(kilobytes) < 300_000


def test_d14_very_small_and_very_long(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    assert open_image(tmp_path / "dot.png").size == (1, 1)
    Image.new("RGB", (50, 1)).save(tmp_path / "ok.png")
    assert open_image(tmp_path / "ok.png").size == (50, 1)
    Image.new("RGB", (2000, 1)).save(tmp_path / "line.png")
    with pytest.raises(DataError, match=r"at most 50 times the short one, got 2000 x 1"):
        open_image(tmp_path / "line.png")


def test_d16_links_that_point_to_nothing_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    assert check_images(tmp_path) == [
        BadImage(tmp_path / "a.jpg", "is a link to a file that is not there")
    ]
    (tmp_path / "b.png").mkdir()
    assert why_bad(tmp_path / "b.png") == "is a folder, not an image"


def test_d17_no_permission(powerless_child: Run, tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(jpeg())
    photo.chmod(0)
    said = powerless_child(
        "import sys; from pdl.data.images import why_bad; print(why_bad(sys.argv[1]))", photo
    )
    assert said.stdout.startswith("can not be read: permission denied."), said.stderr


def test_d20_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg' is missing: it was deleted or moved"):
        open_image(tmp_path / "gone.jpg")


def test_the_original_is_not_changed() -> None:
    image = Image.new("RGBA", (2, 2), (1, 2, 3, 0))
    before = image.tobytes()
    to_rgb(image)
    assert (image.mode, image.tobytes()) == ("RGBA", before)
