"""Are archive and list of pages whole, and the same for the same book?"""

import io
import zipfile

from pdl_site.takeaway import Listed, archive, llms_text


def test_an_archive_holds_its_files_and_nothing_of_the_clock() -> None:
    files = {"pdl/b.py": b"two", "pdl/a.ipynb": b"{}"}
    packed = archive(files)
    assert packed == archive(dict(reversed(files.items())))
    with zipfile.ZipFile(io.BytesIO(packed)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["pdl/a.ipynb", "pdl/b.py"]
        assert opened.read("pdl/b.py") == b"two"
        assert all(entry.external_attr >> 16 == 0o644 for entry in opened.infolist())


def test_pages_stand_under_their_section_in_the_order_given() -> None:
    pages = [
        Listed("Learn", "Two", "https://x/2/", "Second."),
        Listed("API", "f", "https://x/f/", ""),
        Listed("Learn", "One", "https://x/1/", "First."),
    ]
    lines = llms_text("Book", "It runs.", pages).splitlines()
    assert lines[0] == "# Book"
    assert lines[4:] == [
        "## Learn",
        "",
        "- [Two](https://x/2/): Second.",
        "- [One](https://x/1/): First.",
        "",
        "## API",
        "",
        "- [f](https://x/f/)",
    ]
