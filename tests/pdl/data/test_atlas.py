"""Do pictures come out of an atlas as they went in, and are damaged atlases refused?"""

import json

import pytest
import torch
from PIL import Image

from pdl.data.atlas import COLUMNS, TILE_SIZE, read_atlases, write_atlases
from pdl.data.folder import ImageFolderCustom
from pdl.errors import ConfigError, DataError


def paint(folder, name, colors):
    (folder / name).mkdir(parents=True)
    for number, color in enumerate(colors):
        Image.new("RGB", (80, 64), color).save(folder / name / f"{number:03}.png")


@pytest.fixture
def images(tmp_path):
    """34 gray pictures of one class, so that a second row begins, and 5 red ones of another."""
    folder = tmp_path / "images"
    paint(folder, "gray", [(7 * number, 7 * number, 7 * number) for number in range(34)])
    paint(folder, "red", [(50 * number, 0, 0) for number in range(5)])
    return folder


@pytest.fixture
def atlases(images, tmp_path):
    return write_atlases(images, tmp_path / "atlases", held_out=2, quality=100)


def test_each_tile_is_its_picture_in_the_order_of_names(atlases):
    train, test = read_atlases(atlases)
    assert train.classes == test.classes == ["gray", "red"]
    assert train.data.shape == (32 + 3, 3, TILE_SIZE, TILE_SIZE)
    middles = train.data[:, :, TILE_SIZE // 2, TILE_SIZE // 2].float()
    wanted = torch.tensor([7.0 * number for number in range(32)])
    assert (middles[:32, 0] - wanted).abs().max() <= 4  # WebP is lossy
    assert train.targets.tolist() == [0] * 32 + [1] * 3
    # The second row of the atlas: pictures 32 and 33 are the ones kept apart.
    assert (test.data[:2, 0, 32, 32].float() - torch.tensor([224.0, 231.0])).abs().max() <= 4
    assert test.targets.tolist() == [0, 0, 1, 1]


def test_the_middle_of_a_wide_picture_is_kept(tmp_path):
    wide = Image.new("RGB", (192, 64), (255, 0, 0))
    wide.paste((0, 0, 255), (64, 0, 128, 64))
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(2):
            wide.save(tmp_path / "images" / name / f"{number}.png")
    train, _ = read_atlases(write_atlases(tmp_path / "images", tmp_path / "out", held_out=1))
    assert train.data[0, 2].float().mean() > 200
    assert train.data[0, 0].float().mean() < 50


def test_a_limit_leaves_the_pictures_kept_apart_alone(atlases):
    train, test = read_atlases(atlases, limit=2)
    assert train.targets.tolist() == [0, 0, 1, 1]
    assert len(test) == 4
    with pytest.raises(ConfigError, match="limit"):
        read_atlases(atlases, limit=0)


def test_classes_can_be_left_out(images, tmp_path):
    paint(images, "third", [(0, 0, 0)] * 3)
    folder = write_atlases(images, tmp_path / "two", leave_out=("red",), held_out=1)
    assert read_atlases(folder).train.classes == ["gray", "third"]
    with pytest.raises(DataError, match=r"leave_out must name classes.*purple"):
        write_atlases(images, tmp_path / "none", leave_out=("purple",))
    assert not (tmp_path / "none").exists()


def test_a_class_with_too_few_pictures_is_refused_before_anything_is_written(images, tmp_path):
    with pytest.raises(DataError, match=r"more than held_out=5.*got 5 of red"):
        write_atlases(images, tmp_path / "out", held_out=5)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "meta",
    [
        "no json",
        "[]",
        "{}",
        '{"gray": {"n": 34, "test": 2}}',
        '{"gray": {"n": 34, "test": 34}, "red": {"n": 5, "test": 2}}',
        '{"gray": {"n": "many", "test": 2}, "red": {"n": 5, "test": 2}}',
        '{"gray": 3, "red": {"n": 5, "test": 2}}',
    ],
)
def test_a_wrong_table_of_counts_is_refused(atlases, meta):
    (atlases / "meta.json").write_text(meta)
    with pytest.raises(DataError, match=r"meta\.json"):
        read_atlases(atlases)


def test_a_folder_without_a_table_says_how_to_make_one(tmp_path):
    with pytest.raises(DataError, match="write_atlases"):
        read_atlases(tmp_path)


def test_an_atlas_must_have_room_for_its_tiles(atlases):
    Image.new("RGB", (COLUMNS * TILE_SIZE, TILE_SIZE)).save(atlases / "gray.webp")
    with pytest.raises(DataError, match=r"gray\.webp.*room for 34 tiles, got 2048 x 64"):
        read_atlases(atlases)
    Image.new("RGB", (100, 200)).save(atlases / "gray.webp")
    with pytest.raises(DataError, match="must be 2048 pixels wide"):
        read_atlases(atlases)


def test_missing_and_damaged_atlases_are_named(atlases):
    (atlases / "red.webp").write_bytes(b"RIFF of nothing")
    with pytest.raises(DataError, match=r"red\.webp"):
        read_atlases(atlases)
    (atlases / "red.webp").unlink()
    with pytest.raises(DataError, match=r"red\.webp.*missing"):
        read_atlases(atlases)


def test_the_table_has_what_the_folder_had(atlases, images):
    meta = json.loads((atlases / "meta.json").read_text())
    counts = {name: meta[name]["n"] for name in meta}
    assert sum(counts.values()) == len(ImageFolderCustom(images))
