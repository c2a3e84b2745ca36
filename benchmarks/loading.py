"""How many pictures a second does each loader hand out?

Two data sets: FashionMNIST, and a folder of JPEG files with augmentation. Nothing learns here: the
batches are taken and dropped.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

import report
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import ToTensor, v2

from pdl.data.augment import BatchAugment
from pdl.data.fashion import FashionMNIST
from pdl.data.memory import InMemoryLoader
from pdl.seed import make_generator

BATCH = 32
CLASSES, SIDE = ("pizza", "steak", "sushi"), 256
PLAIN = "DataLoader"
IN_MEMORY = "pdl, InMemoryLoader"


def workers_name(count: int) -> str:
    """The name of the side that has worker processes."""
    return f"DataLoader, {count} workers"


def write_photos(folder: Path, count: int) -> Path:
    """Draw a folder of JPEG files of the size of photos, in class folders."""
    chance = make_generator(0)
    for number in range(count):
        path = folder / CLASSES[number % len(CLASSES)] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = torch.randint(0, 256, (8, 8, 3), generator=chance, dtype=torch.uint8)
        Image.fromarray(coarse.numpy()).resize((SIDE, SIDE)).save(path, quality=90)
    return folder


def speed_of(loader: Iterable[Any], images: int) -> Callable[[], float]:
    """A function that hands out one epoch and returns the pictures a second."""
    next(iter(loader))  # starts workers and fills caches

    def measure() -> float:
        started = perf_counter()
        seen = sum(len(labels) for _, labels in loader)
        seconds = perf_counter() - started
        if seen != images:
            raise SystemExit(f"the loader gave {seen} of {images} pictures")
        return images / seconds

    return measure


def sides(
    data: Dataset[Any], in_memory: InMemoryLoader, workers: int
) -> dict[str, Callable[[], float]]:
    """The plain loader of a data set, the same with workers, and our loader of it."""
    common: dict[str, Any] = {"batch_size": BATCH, "shuffle": True}
    helped = DataLoader(data, num_workers=workers, persistent_workers=True, **common)
    images = len(in_memory.dataset)
    return {
        PLAIN: speed_of(DataLoader(data, **common), images),
        workers_name(workers): speed_of(helped, images),
        IN_MEMORY: speed_of(in_memory, images),
    }


def clothes(images: int, workers: int) -> dict[str, Callable[[], float]]:
    """The loaders for FashionMNIST."""
    data = torch.utils.data.Subset(FashionMNIST(train=True, transform=ToTensor()), range(images))
    memory = InMemoryLoader(
        FashionMNIST(train=True), indices=range(images), batch_size=BATCH, shuffle=True
    )
    return sides(data, memory, workers)


def photos(folder: Path, workers: int) -> dict[str, Callable[[], float]]:
    """The loaders for a folder of files, each with random changes."""
    each = v2.Compose(
        [
            v2.Resize((64, 64)),
            v2.TrivialAugmentWide(),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    memory = InMemoryLoader(
        ImageFolder(str(folder)),
        image_size=64,
        transform=BatchAugment(),
        batch_size=BATCH,
        shuffle=True,
    )
    return sides(ImageFolder(str(folder), transform=each), memory, workers)


def main() -> None:
    """Run all loaders in turns and print the table."""
    parser = report.parser(__doc__, rounds=5)
    parser.add_argument("--images", type=int, default=12_000, help="clothes in an epoch")
    parser.add_argument("--photos", type=int, default=600, help="files in the folder")
    parser.add_argument("--workers", type=int, default=2, help="processes of the DataLoader")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found, lines = report.Report(), []
    with tempfile.TemporaryDirectory(prefix="loading-") as temporary:
        folder = write_photos(Path(temporary), options.photos)
        for data, loaders in (
            ("clothes", clothes(options.images, options.workers)),
            ("photos", photos(folder, options.workers)),
        ):
            speeds = report.in_turns(loaders, options.rounds)
            for side, values in speeds.items():
                found.rows.append(report.Row(f"{data}: {side}", report.median(values), "images/s"))
                times = report.ratio(values, speeds[PLAIN])
                lines.append((f"{data}: {side}", f"{report.median(values):,.0f}", f"{times:.2f}"))
            for peer, name in ((PLAIN, "dataloader"), (workers_name(options.workers), "workers")):
                key = f"loading.{data}.in_memory.vs_{name}"
                found.ratios[key] = report.ratio(speeds[IN_MEMORY], speeds[peer])
    found.notes.append(
        f"{options.images:,} clothes of 28 by 28 pixels; {options.photos} JPEG files of {SIDE} by "
        f"{SIDE}, made 64 by 64 and changed at random: by TrivialAugmentWide picture by picture, "
        "in memory by BatchAugment a batch at a time. "
        f"Batches of {BATCH}, one thread, {report.runs(options.rounds)}."
    )
    head = ("loader", "images a second", "times the DataLoader")
    report.tell(found, report.table(head, lines), options, "loading")


if __name__ == "__main__":
    main()
