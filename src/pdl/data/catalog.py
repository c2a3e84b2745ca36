"""Which data sets have a name here, what are they, and how is the real thing recognized?"""

from dataclasses import dataclass
from pathlib import Path

from pdl.data.download import RemoteFile
from pdl.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is known about a data set before looking for it."""

    name: str
    """What it is called here."""
    about: str
    """What it is, in a few words."""
    licence: str
    """Under which terms it may be used."""
    count: int
    """Images of the real data set."""
    size: int
    """Bytes to download."""
    folders: tuple[str, ...]
    """Names of the folder it lies in, below the folder a user names."""
    system: Path | None
    """Folder of a system package that has it."""
    system_name: str
    """Name of that package."""
    remote: tuple[RemoteFile, ...]
    """Files to download."""
    stand_in: str
    """What is used when the real data can not be had."""


# GitHub first; then the bucket that torchvision names, by https; then a copy that Keras uses.
_FASHION_MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
)
_FASHION_FILES = {
    "train-images-idx3-ubyte.gz": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        26_421_880,
    ),
    "train-labels-idx1-ubyte.gz": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        29_515,
    ),
    "t10k-images-idx3-ubyte.gz": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        4_422_102,
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        5_148,
    ),
}
# The unpacked bytes: packages and tools compress them anew, so only these are always the same.
FASHION_CONTENT = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
"""SHA-256 of each file of Fashion-MNIST, unpacked."""
FASHION_PACKED = {sha256 for sha256, _ in _FASHION_FILES.values()} | {
    "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
    "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
    "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
}
"""SHA-256 of packed files known to unpack to these: the authors' and Debian's."""
FASHION_TENTH = {
    "train-images-idx3-ubyte": "cf313073c7eb485392848071d5c433571d7166043e971e3345b095cc30518084",
    "train-labels-idx1-ubyte": "097b93fbcf9bd5bc648b1a457ddc55c9e4ab49afb33f9ecae8ce068399a75e3a",
    "t10k-images-idx3-ubyte": "7cee33c3c6414b1b86c25e665a6c4f41584269de3b7cc9768b1d351922845eef",
    "t10k-labels-idx1-ubyte": "3128d790775889812b73c4f13923559c8b9e281d112c6ea7862acf60a206a909",
}
"""SHA-256 of each file of the tenth of Fashion-MNIST that is shipped, unpacked."""
TENTH_COUNT = 7_000
"""Images in that tenth: 6,000 to train and 1,000 to test."""

_FOOD_ZIP = RemoteFile(
    "pizza_steak_sushi.zip",
    "5e9596fcc939a32996e59bbed8ec690ae39203bbcbc08292a92d44e4c4a27652",
    15_737_296,
    (
        "https://github.com/mrdbourke/pytorch-deep-learning/raw/main/data/pizza_steak_sushi.zip",
        "https://raw.githubusercontent.com/mrdbourke/pytorch-deep-learning/main/data/pizza_steak_sushi.zip",
    ),
)

ENTRIES = {
    "fashion_mnist": Entry(
        name="fashion_mnist",
        about="Fashion-MNIST: clothes in ten classes, 28 x 28 pixels, gray",
        licence="MIT",
        count=70_000,
        size=sum(size for _, size in _FASHION_FILES.values()),
        folders=("fashion_mnist", "fashion-mnist", "FashionMNIST/raw", "FashionMNIST"),
        system=Path("/usr/share/datasets/fashion-mnist"),
        system_name="dataset-fashion-mnist",
        remote=tuple(
            RemoteFile(name, sha256, size, tuple(mirror + name for mirror in _FASHION_MIRRORS))
            for name, (sha256, size) in _FASHION_FILES.items()
        ),
        stand_in="a tenth of the images, shipped with pdl",
    ),
    "food_mini": Entry(
        name="food_mini",
        about="photos of pizza, steak and sushi, a part of Food-101",
        licence="research and teaching (photos belong to their owners)",
        count=300,
        size=_FOOD_ZIP.size,
        folders=("pizza_steak_sushi", "food_mini"),
        system=None,
        system_name="",
        remote=(_FOOD_ZIP,),
        stand_in="pictures drawn by pdl",
    ),
}
"""All data sets by name."""


def entry(name: str) -> Entry:
    """Look up a data set.

    Args:
        name: Its name.

    Returns:
        What is known about it.

    Raises:
        ConfigError: If there is none of that name.

    Example:
        >>> entry("fashion_mnist").count
        70000
    """
    if name not in ENTRIES:
        raise ConfigError(f"no data set is called {name!r}. Try {' or '.join(ENTRIES)}.")
    return ENTRIES[name]
