"""How do folders named after classes become a data set of images and labels?

The layout is the field's usual one, ``root/class/image.jpg``; the folder name is the label.
"""

import os
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from torch.utils.data import Dataset

from pdl.data.images import (
    MAX_PIXELS,
    BadImage,
    is_hidden,
    is_image_name,
    open_image,
    why_bad,
)
from pdl.errors import ConfigError, DataError, PdlWarning

LAYOUT = "root/cat/1.jpg, root/dog/2.jpg"
"""What a folder of classes looks like."""
_SHOWN = 10


def find_classes(
    directory: str | Path, *, follow_links: bool = False
) -> tuple[list[str], dict[str, int]]:
    """The class names of a folder: the names of the folders in it.

    They are sorted by code point, so the order is the same on every system. Hidden folders are no
    classes.

    Args:
        directory: Folder that holds one folder for each class.
        follow_links: Also take links to folders.

    Returns:
        The class names, and a dict from name to index.

    Raises:
        DataError: If there is no such folder, or no class folder in it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as root:
        ...     for name in ("sushi", "pizza", ".ipynb_checkpoints"):
        ...         Path(root, name).mkdir()
        ...     find_classes(root)
        (['pizza', 'sushi'], {'pizza': 0, 'sushi': 1})
    """
    directory = Path(directory)
    entries = _entries(directory)
    folders = [entry for entry in entries if entry.is_dir() and not is_hidden(entry.name)]
    classes = sorted(entry.name for entry in folders if follow_links or not entry.is_symlink())
    if links := len(folders) - len(classes):
        _warn(f"{links} linked folders in {str(directory)!r} are no classes; see follow_links")
    if not classes:
        loose = sum(is_image_name(entry.name) for entry in entries)
        hint = f" The {loose} images in it need to go into such folders." if loose else ""
        raise DataError(
            f"{str(directory)!r} must hold one folder for each class, like {LAYOUT}, got none."
            + hint
        )
    alike = Counter(map(_folded, classes))
    if doubles := [name for name in classes if alike[_folded(name)] > 1]:
        _warn(f"classes {doubles} differ by case only: on macOS and Windows they would be one")
    return classes, {name: index for index, name in enumerate(classes)}


class ImageFolderCustom(Dataset[tuple[Any, int]]):
    """Images in one folder for each class, and the index of the class as label.

    It gives the same samples in the same order as ``torchvision.datasets.ImageFolder``, and says
    what is wrong with a folder before training. An image is opened only when it is asked for, by
    `open_image`.

    Args:
        targ_dir: Folder that holds one folder for each class.
        transform: Turns a PIL image into what the model takes; None gives the PIL image.
        classes: The class names in order, for a test set that must count as the training set does;
            the folder names, sorted, if left out.
        allow_empty: Accept classes without an image.
        follow_links: Follow links to folders; each folder is visited once.
        verify: Decode all images now, to find damaged ones before training.
        on_bad: What to do about damaged images that ``verify`` finds; "skip" leaves them out, and
            switches ``verify`` on.
        max_bad_share: Largest share of the images, in ``[0, 1]``, that may be skipped.
        max_pixels: Largest width times height that is decoded.

    Attributes:
        paths: Path of each image.
        targets: Class index of each image.
        classes: Class names, the index of a class is its place.
        class_to_idx: Class name to class index.
        transform: As given.
        skipped: Damaged images that were left out, and why.
        root: The folder.

    Raises:
        DataError: If the folder is missing, has no classes, has empty ones, has other classes than
            asked for, or ``verify`` finds damaged images.
        ConfigError: If ``on_bad`` is neither "raise" nor "skip".

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as root:
        ...     for name in ("pizza", "sushi"):
        ...         Path(root, name).mkdir()
        ...         Image.new("RGB", (8, 6)).save(Path(root, name, "1.jpg"))
        ...     dataset = ImageFolderCustom(root)
        ...     image, label = dataset[1]
        >>> len(dataset), image.size, dataset.classes[label]
        (2, (8, 6), 'sushi')
    """

    paths: list[Path]
    targets: list[int]
    classes: list[str]
    class_to_idx: dict[str, int]
    transform: Callable[[Image.Image], Any] | None
    skipped: list[BadImage]
    root: Path

    def __init__(
        self,
        targ_dir: str | Path,
        transform: Callable[[Image.Image], Any] | None = None,
        *,
        classes: Sequence[str] | None = None,
        allow_empty: bool = False,
        follow_links: bool = False,
        verify: bool = False,
        on_bad: Literal["raise", "skip"] = "raise",
        max_bad_share: float = 0.1,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        if on_bad not in {"raise", "skip"}:
            raise ConfigError(f'on_bad must be "raise" or "skip", got {on_bad!r}. Choose one.')
        self.root, self.transform, self._max_pixels = Path(targ_dir), transform, max_pixels
        self.classes = _classes_of(self.root, classes, follow_links=follow_links)
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}
        samples = [
            (path, index)
            for name, index in self.class_to_idx.items()
            for path in _images_below(self.root / name, self.root, follow_links=follow_links)
        ]
        self.skipped = []
        if verify or on_bad == "skip":
            self.skipped = _bad_ones([path for path, _ in samples], max_pixels)
            _judge(self.skipped, len(samples), max_bad_share if on_bad == "skip" else 0.0)
            left_out = {bad.path for bad in self.skipped}
            samples = [sample for sample in samples if sample[0] not in left_out]
        self.paths = [path for path, _ in samples]
        self.targets = [index for _, index in samples]
        if not allow_empty:
            self._refuse_empty()
        _warn_of_loose(self.root)

    @property
    def samples(self) -> list[tuple[Path, int]]:
        """Path and class index of each image."""
        return list(zip(self.paths, self.targets, strict=True))

    def load_image(self, index: int) -> Image.Image:
        """Open one image.

        Args:
            index: Its number, from 0.

        Returns:
            The image in mode RGB.

        Raises:
            DataError: If it can not be read.
        """
        try:
            return open_image(self.paths[index], max_pixels=self._max_pixels)
        except DataError as error:
            name = self.classes[self.targets[index]]
            raise DataError(f"an image of class {name!r} can not be used: {error}") from error

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = self.load_image(index)
        return self.transformed(self.transform, image, index), self.targets[index]

    def transformed(
        self, transform: Callable[[Image.Image], Any] | None, image: Image.Image, index: int
    ) -> Any:
        """Apply a transform, and name the image if that fails.

        Args:
            transform: The transform, or None.
            image: The image.
            index: Its number.

        Returns:
            What the transform returns.

        Raises:
            DataError: If it fails.
        """
        if transform is None:
            return image
        try:
            return transform(image)
        except Exception as error:
            raise DataError(
                f"the transform failed on {str(self.paths[index])!r}, mode {image.mode}, size "
                f"{image.size}: {type(error).__name__}: {error}"
            ) from error

    def _refuse_empty(self) -> None:
        filled = set(self.targets)
        if empty := [name for index, name in enumerate(self.classes) if index not in filled]:
            raise DataError(
                f"every class needs at least one image, got none for {empty} in "
                f"{str(self.root)!r}. Add images (no GIFs), delete the folders, or pass "
                "allow_empty=True."
            )


def walk_through_dir(dir_path: str | Path) -> None:
    """Print how many folders and images each folder holds, from the top down.

    Args:
        dir_path: Where to start. Hidden folders and files do not count.

    Raises:
        DataError: If there is no such folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as root:
        ...     Path(root, "pizza").mkdir()
        ...     walk_through_dir(Path(root, "pizza"))  # doctest: +ELLIPSIS
        There are 0 directories and 0 images in '...pizza'.
    """
    _entries(Path(dir_path))
    for folder, folders, names in os.walk(dir_path):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        images = sum(map(is_image_name, names))
        line = f"There are {len(folders)} directories and {images} images in '{folder}'."
        print(line)  # noqa: T201 - printing is what this function is for


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as found:
            return list(found)
    except OSError as error:
        raise DataError(
            f"the data folder must be a folder like {LAYOUT}, got {str(directory)!r}: "
            f"{(error.strerror or str(error)).lower()}. Check the path."
        ) from error


def _classes_of(root: Path, classes: Sequence[str] | None, *, follow_links: bool) -> list[str]:
    found, _ = find_classes(root, follow_links=follow_links)
    if classes is None or list(classes) == found:
        return found
    missing, more = sorted(set(classes) - set(found)), sorted(set(found) - set(classes))
    if missing or more:
        raise DataError(
            f"{str(root)!r} must have the classes {list(classes)}, got {found}: missing {missing}, "
            f"not known {more}. Rename the folders, or pass other classes."
        )
    return list(classes)


def _images_below(folder: Path, root: Path, *, follow_links: bool) -> Iterator[Path]:
    """Images of one class in torchvision's order: by folder, then by name."""
    found, dangling = [], 0
    seen = {_inode(root)}
    for parent, folders, names in os.walk(folder, followlinks=follow_links, onerror=_refuse):
        inode = _inode(Path(parent))
        if inode in seen:  # a link that leads back to where we were
            folders.clear()
            continue
        seen.add(inode)
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        images = sorted(name for name in names if is_image_name(name))
        whole = [name for name in images if Path(parent, name).is_file()]
        dangling += len(images) - len(whole)
        found.append((parent, whole))
    if dangling:
        _warn(f"{dangling} links in {str(folder)!r} point to nothing and are left out")
    for parent, names in sorted(found):
        yield from (Path(parent, name) for name in names)


def _refuse(error: OSError) -> None:
    words = (error.strerror or str(error)).lower()
    raise DataError(
        f"{error.filename!r} can not be listed: {words}. Change its permissions."
    ) from error


def _inode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _bad_ones(paths: Sequence[Path], max_pixels: int) -> list[BadImage]:
    with ThreadPoolExecutor() as pool:
        reasons = pool.map(partial(why_bad, max_pixels=max_pixels), paths)
        return [
            BadImage(path, reason) for path, reason in zip(paths, reasons, strict=True) if reason
        ]


def _judge(bad: Sequence[BadImage], samples: int, share: float) -> None:
    if not bad:
        return
    named = "; ".join(f"{str(path)!r} {reason}" for path, reason in bad[:_SHOWN])
    more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    if len(bad) > share * samples:
        raise DataError(
            f"at most {share:.0%} of the images may be damaged, got {len(bad)} of {samples}: "
            f'{named}{more}. Repair or remove them, or pass on_bad="skip".'
        )
    _warn(f"skipped {len(bad)} damaged of {samples} images: {named}{more}")


def _warn_of_loose(root: Path) -> None:
    if loose := sum(entry.is_file() and is_image_name(entry.name) for entry in _entries(root)):
        _warn(f"{loose} images lie beside the class folders of {str(root)!r} and are left out")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _warn(message: str) -> None:
    warnings.warn(message, PdlWarning, stacklevel=4)
