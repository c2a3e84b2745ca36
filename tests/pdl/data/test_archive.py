"""Rows W10 to W15: archives that are unsafe, too large or damaged."""

import base64
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pdl.data.archive import Limits, unpack
from pdl.errors import ArchiveError

CORPUS = json.loads((Path(__file__).parent / "corpus" / "archive.json").read_text())
BAD_NAMES = [
    "../evil.txt",
    "a/../../evil.txt",
    "/evil.txt",
    "//evil.txt",
    "C:\\evil.txt",
    "C:evil.txt",
    "..\\evil.txt",
    "a\\..\\evil.txt",
    "a\0.txt",
    "a//b.txt",
    "..",
]


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            info = zipfile.ZipInfo("x")
            # ZipInfo would change the name on the way in; a hostile tool does not.
            info.filename = info.orig_filename = name
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, data)
    return path


def make_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]  # the mode is a variable
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def everything_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def refused(archive: Path, match: str = ".", limits: Limits | None = None) -> None:
    """Unpacking fails, and leaves nothing, inside or outside."""
    parent = archive.parent
    before = everything_below(parent)
    with pytest.raises(ArchiveError, match=match):
        unpack(archive, parent / "deep" / "target", limits=limits)
    assert everything_below(parent) - before <= {"deep"}


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_plain_files_and_folders_come_out_as_they_went_in(tmp_path: Path, mode: str) -> None:
    members = {
        "train/pizza/1.jpg": b"one",
        "./train/sushi/2.jpg": b"",
        "Ünï côde.txt": b"3" * 70_000,
    }
    maker: Callable[..., Path] = make_zip if mode == "zip" else make_tar
    archive = (
        maker(tmp_path / "a", members) if mode == "zip" else make_tar(tmp_path / "a", members, mode)
    )
    made = unpack(archive, tmp_path / "out", marker="abc")
    assert (made / "train" / "pizza" / "1.jpg").read_bytes() == b"one"
    assert (made / "train" / "sushi" / "2.jpg").read_bytes() == b""
    assert (made / "Ünï côde.txt").read_bytes() == b"3" * 70_000
    assert (made / ".unpacked").read_text() == "abc"
    assert stat.S_IMODE((made / "train" / "pizza" / "1.jpg").stat().st_mode) == 0o644
    assert {stat.S_IMODE(p.stat().st_mode) for p in [made, made / "train"]} == {0o755}


@pytest.mark.parametrize("name", [*BAD_NAMES, ""])
def test_w10_names_that_leave_the_target_in_a_zip(tmp_path: Path, name: str) -> None:
    refused(make_zip(tmp_path / "a.zip", {"ok.txt": b"1", name: b"evil"}))


@pytest.mark.parametrize("name", [name for name in BAD_NAMES if "\0" not in name])
def test_w10_names_that_leave_the_target_in_a_tar(tmp_path: Path, name: str) -> None:
    refused(make_tar(tmp_path / "a.tar", {"ok.txt": b"1", name: b"evil"}))


PIECES = st.sampled_from(["..", ".", "/", "\\", "a", "C:", "\0", "\u00e9", " "])


@given(name=st.lists(PIECES, max_size=8).map("".join))
@example("a/./b")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_w10_whatever_the_name_nothing_lands_outside(tmp_path: Path, name: str) -> None:
    folder = tmp_path / os.urandom(8).hex()
    folder.mkdir()
    archive = make_zip(folder / "a.zip", {name: b"x"})
    try:
        made = unpack(archive, folder / "in" / "target")
    except ArchiveError:
        assert everything_below(folder) <= {"a.zip", "in"}
    else:
        outside = everything_below(folder) - {"a.zip", "in", "in/target"}
        assert all(path.startswith("in/target/") for path in outside)
        assert not any(path.is_symlink() for path in made.rglob("*"))


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"?"],
)
def test_w11_links_and_devices_in_a_tar(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        info = tarfile.TarInfo("d")
        info.type, info.linkname = kind, "/etc"
        file.addfile(info)
        inside = tarfile.TarInfo("d/evil.txt")
        inside.size = 1
        file.addfile(inside, io.BytesIO(b"x"))
    # tarfile itself reads an unknown type as a plain file; then "d/evil.txt" has no folder.
    refused(tmp_path / "a.tar", "plain files and folders|twice")


def test_w11_sparse_files_in_a_tar(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as file:
        info = tarfile.TarInfo("huge")
        info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": "8000000000000"}
        file.addfile(info)
    refused(tmp_path / "a.tar", "plain files")


def test_w11_links_in_a_zip_and_dangerous_modes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as file:
        info = zipfile.ZipInfo("link")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        file.writestr(info, "/etc/passwd")
    refused(tmp_path / "link.zip", "plain files")
    with zipfile.ZipFile(tmp_path / "setuid.zip", "w") as file:
        info = zipfile.ZipInfo("tool")
        info.create_system, info.external_attr = 3, 0o104777 << 16
        file.writestr(info, "x")
    made = unpack(tmp_path / "setuid.zip", tmp_path / "out")
    assert stat.S_IMODE((made / "tool").stat().st_mode) == 0o644


@pytest.mark.parametrize("mode", ["zip", "w:gz"])
def test_w12_a_bomb_stops_at_the_ratio(tmp_path: Path, mode: str) -> None:
    members = {"zeros.bin": bytes(20_000_000)}
    archive = tmp_path / "bomb"
    make_zip(archive, members) if mode == "zip" else make_tar(archive, members, mode)
    assert archive.stat().st_size < 30_000
    refused(archive, "may be a bomb")


def test_w12_limits_on_bytes_and_members(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a": os.urandom(4000), "b": os.urandom(4000)})
    refused(archive, "at most 5000 bytes", Limits(max_bytes=5000))
    refused(archive, "at most 1 members", Limits(max_members=1))
    unpack(archive, tmp_path / "out", limits=Limits(max_bytes=8000, max_members=2))


def test_w12_too_many_members_that_weigh_nothing(tmp_path: Path) -> None:
    assert Limits().max_members == 100_000
    empty = tarfile.TarInfo("d")
    empty.type = tarfile.DIRTYPE
    (tmp_path / "a.tar").write_bytes(empty.tobuf() * 1001 + bytes(1024))
    refused(tmp_path / "a.tar", "at most 1000 members", Limits(max_members=1000))


def test_w12_headers_that_are_bombs_themselves(tmp_path: Path) -> None:
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 50_000_000
    (tmp_path / "name.tar").write_bytes(header.tobuf() + bytes(50_001_920))
    refused(tmp_path / "name.tar", "at most 65536 bytes")
    header = tarfile.TarInfo("a")
    block = bytearray(header.tobuf())
    block[124:136] = b"\xff" * 11 + b"\x9c"  # the size is -100
    block[148:156] = b"        "
    block[148:155] = b"%06o\0" % sum(block)
    (tmp_path / "negative.tar").write_bytes(bytes(block) + bytes(1024))
    refused(tmp_path / "negative.tar", "-100")
    make_tar(tmp_path / "zeros.tar.gz", {}, "w:gz")
    with tarfile.open(tmp_path / "zeros.tar.gz", "w:gz") as file:
        file.addfile(tarfile.TarInfo("a"))
        file.fileobj.write(bytes(20_000_000))  # type: ignore[union-attr]  # it is open
    refused(tmp_path / "zeros.tar.gz", "may be a bomb")


def test_w12_an_archive_in_an_archive_stays_a_file(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", {"zeros": bytes(10_000)})
    archive = make_zip(tmp_path / "outer.zip", {"inner.zip": inner.read_bytes()})
    made = unpack(archive, tmp_path / "out")
    assert [path.name for path in made.iterdir()] == ["inner.zip"]


@pytest.mark.parametrize(("field", "value"), [(22, 10), (22, 100_000_000), (18, 5)])
def test_w12_sizes_that_lie(tmp_path: Path, field: int, value: int) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a": bytes(5000)})
    data = bytearray(archive.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    for start in (field, central + field + 2):
        data[start : start + 4] = value.to_bytes(4, "little")
    archive.write_bytes(data)
    refused(archive)


@pytest.mark.parametrize(
    "names",
    [
        ("a.txt", "a.txt"),
        ("a.txt", "A.TXT"),
        ("caf\u00e9", "cafe\u0301"),
        ("d", "d/e"),
        ("d/e", "d"),
        ("D/e", "d/f"),
        ("d/", "D/"),
    ],
)
def test_w13_names_that_meet(tmp_path: Path, names: tuple[str, str]) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name in names:
            info = zipfile.ZipInfo("x")
            info.filename = info.orig_filename = name
            if name in {"a.txt"} and file.namelist():
                with pytest.warns(UserWarning, match="Duplicate name"):
                    file.writestr(info, b"1")
            else:
                file.writestr(info, b"" if name.endswith("/") else b"1")
    refused(tmp_path / "a.zip", "twice")


def test_w13_a_folder_may_be_named_twice(tmp_path: Path) -> None:
    made = unpack(
        make_zip(tmp_path / "a.zip", {"d/": b"", "d/e/": b"", "d/x": b"1"}), tmp_path / "o"
    )
    assert everything_below(made) == {"d", "d/e", "d/x"}


def test_w14_empty_or_no_archive(tmp_path: Path) -> None:
    for name, data in {"empty": b"", "page.zip": b"<html>log in</html>", "png": b"\x89PNG"}.items():
        (tmp_path / name).write_bytes(data)
        refused(tmp_path / name, "must be a zip or tar archive")
    refused(tmp_path / "missing.zip", "No such file")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "Is a directory")


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_w14_cut_anywhere(tmp_path: Path, mode: str) -> None:
    members = {"a.txt": os.urandom(600), "b/c.txt": b"2" * 3000}
    archive = tmp_path / "a"
    make_zip(archive, members) if mode == "zip" else make_tar(archive, members, mode)
    whole = archive.read_bytes()
    size = len(whole)
    cuts = {0, 1, 3, 100, 511, 512, 513, 1024, 1536, size // 2, size - 9, size - 1}
    if mode == "w":  # what comes after the first block of the end mark is padding
        cuts = {cut for cut in cuts if cut < 6_000}
    for cut in cuts:
        if cut < size:
            archive.write_bytes(whole[:cut])
            refused(archive)


@pytest.mark.parametrize("mode", ["zip", "w:gz", "w:xz"])
def test_w14_a_flipped_bit_is_seen(tmp_path: Path, mode: str) -> None:
    members = {"a.bin": os.urandom(3000)}
    archive = tmp_path / "a"
    make_zip(archive, members) if mode == "zip" else make_tar(archive, members, mode)
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 4
    archive.write_bytes(data)
    refused(archive, "damaged|whole archive|end mark")


def test_w14_encrypted(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a": b"1"})
    data = bytearray(archive.read_bytes())
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    refused(archive, "encrypted")


def test_w14_what_fuzzing_found(tmp_path: Path) -> None:
    for number, text in enumerate(CORPUS):
        box = tmp_path / str(number)
        box.mkdir()
        (box / "a").write_bytes(base64.b64decode(text))
        try:
            unpack(box / "a", box / "out", limits=Limits(max_bytes=10**6))
        except ArchiveError:
            assert everything_below(box) <= {"a"}


def test_w15_killed_while_unpacking_leaves_no_target(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {f"{n}.bin": bytes([n % 256]) for n in range(4000)})
    code = "import sys; from pdl.data.archive import unpack; unpack(sys.argv[1], sys.argv[2])"
    target = tmp_path / "target"
    process = subprocess.Popen([sys.executable, "-c", code, archive, target])
    limit = time.monotonic() + 30
    while not any(tmp_path.glob(".target.*/5.bin")) and time.monotonic() < limit:
        time.sleep(0.002)
    process.kill()
    process.wait()
    assert any(tmp_path.glob(".target.*"))  # it was in the middle
    assert not target.exists()
    assert len(list(unpack(archive, target).iterdir())) == 4000


def test_the_top_folder_itself_may_be_named(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as file:  # as made by `tar c .`
        top = tarfile.TarInfo("./")
        top.type = tarfile.DIRTYPE
        file.addfile(top)
        inside = tarfile.TarInfo("./a.txt")
        inside.size = 1
        file.addfile(inside, io.BytesIO(b"1"))
    assert everything_below(unpack(tmp_path / "a.tar", tmp_path / "out")) == {"a.txt"}


def test_a_target_that_is_there_is_left_alone(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a": b"1"})
    target = tmp_path / "t"
    target.mkdir()
    (target / "mine").touch()
    with pytest.raises(ArchiveError, match="must not exist yet"):
        unpack(archive, target)
    assert everything_below(target) == {"mine"}


def test_a_target_that_can_not_be_made(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a": b"1"})
    with pytest.raises(ArchiveError, match="must be a folder to write into"):
        unpack(archive, archive / "t")


def test_a_full_disk_is_named(tmp_path: Path, full_disk: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a": os.urandom(3_000_000)})
    with pytest.raises(ArchiveError, match="No space left"):
        unpack(archive, full_disk / "t")
    assert list(full_disk.iterdir()) == []
