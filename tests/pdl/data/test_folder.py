"""Rows D1 to D7, D15 and D16, D18 to D20: folders of classes."""

import json
import os
import pickle
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.transforms import ToTensor

from pdl.data.folder import ImageFolderCustom, find_classes, walk_through_dir
from pdl.errors import ConfigError, DataError, PdlWarning

Photos = Callable[..., Path]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_the_same_samples_as_torchvision(photos: Photos) -> None:
    root = photos(pizza=3, steak=2, sushi=4)
    (root / "sushi" / "b").mkdir()
    (root / "sushi" / "a b").mkdir()
    for name in ("b/z.JPG", "b/a.jpeg", "a b/1.webp", "notes.txt"):
        Image.new("RGB", (5, 4), (9, 9, 9)).save(root / "sushi" / name, "JPEG")
    ours, theirs = ImageFolderCustom(root, ToTensor()), ImageFolder(str(root), ToTensor())
    assert (ours.classes, ours.class_to_idx) == (theirs.classes, theirs.class_to_idx)
    assert [(str(path), label) for path, label in ours.samples] == theirs.samples
    assert ours.targets == theirs.targets
    for index in range(len(theirs)):
        assert torch.equal(ours[index][0], theirs[index][0])
    assert len(ours) == len(theirs) == 12


def test_images_are_pil_images_without_a_transform(photos: Photos) -> None:
    dataset = ImageFolderCustom(photos(a=1))
    image, label = dataset[0]
    assert isinstance(image, Image.Image)
    assert (image.mode, label, dataset.load_image(0).size) == ("RGB", 0, image.size)


def test_d01_the_root_is_missing_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, reason in (("gone", "no such file or directory"), ("file", "not a directory")):
        for function in (find_classes, ImageFolderCustom, walk_through_dir):
            with pytest.raises(DataError, match=rf"root/cat/1\.jpg.*{name}': {reason}"):
                function(tmp_path / name)  # type: ignore[operator]  # one of three callables


def test_d02_no_class_folder(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"one folder for each class, like root/cat/1\.jpg.*got none"
    ):
        find_classes(tmp_path)
    for name in ("1.jpg", "2.png"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match="The 2 images in it need to go into such folders"):
        ImageFolderCustom(tmp_path)


def test_d03_empty_classes_are_all_named(photos: Photos) -> None:
    root = photos(a=0, b=1, c=0, d=0)
    (root / "c" / "notes.txt").touch()
    (root / "d" / "movie.gif").touch()
    with pytest.raises(DataError, match=r"got none for \['a', 'c', 'd'\]"):
        ImageFolderCustom(root)
    dataset = ImageFolderCustom(root, allow_empty=True)
    assert (dataset.classes, dataset.targets) == (["a", "b", "c", "d"], [1])


def test_d04_loose_images_are_counted_once(photos: Photos) -> None:
    root = photos(a=1, b=1)
    for name in ("x.jpg", "y.png", ".hidden.png", "readme.md"):
        (root / name).touch()
    with pytest.warns(PdlWarning, match="2 images lie beside the class folders") as seen:
        dataset = ImageFolderCustom(root)
    assert len(seen) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickle.loads(pickle.dumps(dataset))  # what a worker process does


def test_d05_hidden_folders_are_no_classes(photos: Photos) -> None:
    root = photos(a=1, b=1)
    for name in (".ipynb_checkpoints", ".git", "__MACOSX", "b/.ipynb_checkpoints"):
        (root / name).mkdir()
        Image.new("RGB", (2, 2)).save(root / name / "1.jpg")
    assert find_classes(root)[0] == ["a", "b"]
    assert len(ImageFolderCustom(root)) == 2


def test_d06_files_that_systems_leave(photos: Photos) -> None:
    root = photos(a=1)
    for name in ("._000.jpg", "Thumbs.db", ".DS_Store", "desktop.ini", "._1.jpg"):
        (root / "a" / name).write_bytes(b"junk")
    assert len(ImageFolderCustom(root, verify=True)) == 1


def test_d07_verify_finds_all_damaged_images(photos: Photos) -> None:
    root = photos(a=6, b=6)
    bad = [root / "a" / "001.png", root / "b" / "000.png"]
    for path in bad:
        path.write_bytes(b"")
    with pytest.raises(
        DataError, match=r"got 2 of 12: .*a/001\.png' is empty.*b/000\.png' is empty"
    ):
        ImageFolderCustom(root, verify=True)
    with pytest.raises(
        DataError, match=r"an image of class 'a' can not be used: .*001\.png' is empty"
    ):
        ImageFolderCustom(root)[1]
    with pytest.raises(DataError, match="at most 10% of the images may be damaged, got 2 of 12"):
        ImageFolderCustom(root, on_bad="skip")
    with pytest.warns(PdlWarning, match=r"skipped 2 damaged of 12 images: .*001\.png"):
        dataset = ImageFolderCustom(root, on_bad="skip", max_bad_share=0.2)
    assert [entry.path for entry in dataset.skipped] == bad
    assert len(dataset) == 10
    assert not set(bad) & set(dataset.paths)
    assert ImageFolderCustom(photos("whole", a=2), verify=True).skipped == []


def test_d07_a_long_list_is_cut(photos: Photos) -> None:
    root = photos(a=13)
    for path in (root / "a").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"got 13 of 13: .*; and 3 more"):
        ImageFolderCustom(root, verify=True)


def test_d07_skipping_a_whole_class_is_refused(photos: Photos) -> None:
    root = photos(a=20, b=1)
    (root / "b" / "000.png").write_bytes(b"")
    with (
        pytest.warns(PdlWarning, match="skipped 1"),
        pytest.raises(DataError, match=r"got none for \['b'\]"),
    ):
        ImageFolderCustom(root, on_bad="skip")


def test_on_bad_has_two_values(child: Run, photos: Photos) -> None:
    code = """
import sys
from pdl.data.folder import ImageFolderCustom
try:
    ImageFolderCustom(sys.argv[1], on_bad="ignore")
except ValueError as error:
    print(type(error).__name__, error)
"""
    said = child(code, photos(a=1)).stdout
    assert said.startswith('ConfigError on_bad must be "raise" or "skip", got \'ignore\'')
    assert issubclass(ConfigError, ValueError)


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: not name.startswith(".") and len(name.encode()) < 200)


@given(label=NAMES, name=NAMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_d15_any_name_works(tmp_path: Path, label: str, name: str) -> None:
    if label == "__MACOSX":
        return
    root = tmp_path / os.urandom(6).hex()
    (root / label).mkdir(parents=True)
    path = root / label / f"{name}.PNG"
    Image.new("RGB", (3, 2)).save(path)
    dataset = ImageFolderCustom(root)
    assert (dataset.classes, dataset.paths) == ([label], [path])
    assert dataset[0][0].size == (3, 2)
    assert json.loads(json.dumps(str(dataset.paths[0]))) == str(path)


def test_d15_longest_name_newline_and_spaces(tmp_path: Path) -> None:
    root = tmp_path / "a folder\nof two lines"
    (root / "cläss 1").mkdir(parents=True)
    name = "x" * 251 + ".png"
    Image.new("RGB", (3, 2)).save(root / "cläss 1" / name)
    assert ImageFolderCustom(str(root))[0][1] == 0


def test_d16_links_to_folders_are_not_followed_unless_asked(photos: Photos, tmp_path: Path) -> None:
    root, other = photos(a=2, b=1), photos("other", c=3)
    (root / "a" / "loop").symlink_to(root, target_is_directory=True)
    (root / "a" / "more").symlink_to(other / "c", target_is_directory=True)
    (root / "c").symlink_to(other / "c", target_is_directory=True)
    with pytest.warns(PdlWarning, match="1 linked folders .* are no classes"):
        dataset = ImageFolderCustom(root)
    assert (dataset.classes, len(dataset)) == (["a", "b"], 3)
    followed = ImageFolderCustom(root, follow_links=True)
    assert followed.classes == ["a", "b", "c"]
    assert [followed.targets.count(label) for label in range(3)] == [5, 1, 3]


def test_d16_dangling_links_and_folders_named_like_images(photos: Photos) -> None:
    root = photos(a=1)
    (root / "a" / "gone.jpg").symlink_to(root / "nothing.jpg")
    (root / "a" / "folder.jpg").mkdir()
    with pytest.warns(PdlWarning, match="1 links in .* point to nothing"):
        dataset = ImageFolderCustom(root)
    assert [path.name for path in dataset.paths] == ["000.png"]


def test_d17_a_folder_that_can_not_be_listed(powerless_child: Run, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o000)
    code = """
import sys
from pdl.data.folder import ImageFolderCustom
try:
    ImageFolderCustom(sys.argv[1])
except ValueError as error:
    print(type(error).__name__, error)
"""
    said = powerless_child(code, tmp_path)
    assert "DataError" in said.stdout, said.stderr
    assert "can not be listed: permission denied" in said.stdout


def test_d18_other_classes_than_asked_for(photos: Photos) -> None:
    root = photos(pizza=1, steak=1, susi=1)
    match = r"missing \['sushi'\], not known \['susi'\]"
    with pytest.raises(DataError, match=match):
        ImageFolderCustom(root, classes=["pizza", "steak", "sushi"])
    turned = ImageFolderCustom(root, classes=["susi", "pizza", "steak"])
    assert turned.class_to_idx == {"susi": 0, "pizza": 1, "steak": 2}
    assert [path.parent.name for path in turned.paths] == ["susi", "pizza", "steak"]


def test_d19_order_and_names_that_differ_by_case(photos: Photos) -> None:
    root = photos(b=1, a=1, B=1, Z=1)
    with pytest.warns(PdlWarning, match=r"\['B', 'b'\] differ by case only"):
        classes, _ = find_classes(root)
    assert classes == ["B", "Z", "a", "b"]


def test_d20_a_file_deleted_after_the_scan(photos: Photos) -> None:
    dataset = ImageFolderCustom(photos(a=2))
    dataset.paths[1].unlink()
    with pytest.raises(DataError, match=r"class 'a' can not be used: .*001\.png' is missing"):
        dataset[1]


def test_a_transform_that_fails_names_the_image(photos: Photos) -> None:
    def broken(_: Image.Image) -> None:
        raise KeyError("scale")

    with pytest.raises(DataError, match=r"000\.png', mode RGB, size \(12, 9\): KeyError: 'scale'"):
        ImageFolderCustom(photos(a=1), broken)[0]


def test_walk_through_dir_prints_from_the_top(
    photos: Photos, capsys: pytest.CaptureFixture[str]
) -> None:
    root = photos(b=1, a=2)
    (root / ".git").mkdir()
    (root / "a" / "x.txt").touch()
    walk_through_dir(root)
    assert capsys.readouterr().out.splitlines() == [
        f"There are 2 directories and 0 images in '{root}'.",
        f"There are 0 directories and 2 images in '{root / 'a'}'.",
        f"There are 0 directories and 1 images in '{root / 'b'}'.",
    ]
