"""How much memory does one epoch take, by where the pictures wait and what the loop keeps?

Each side runs in a process of its own. The peak is what the process and its workers hold at most
beyond what it held before, shared pages counted once.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import report
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import ToTensor

from pdl import engine
from pdl.data.fashion import FashionMNIST
from pdl.data.memory import InMemoryLoader
from pdl.models.mlp import FashionMNISTV0

BATCH = 32
OURS = "pdl.engine, InMemoryLoader"
PLAIN = "pdl.engine, DataLoader"
WORKERS = "pdl.engine, DataLoader with 2 workers"
FLOATS = "pdl.engine, TensorDataset of float32"
GRAPH = "a sum of losses without .item(), DataLoader"


def held() -> int:
    """Bytes of this process and of its children, each shared page divided among its holders."""
    total = 0
    own = Path("/proc/self")
    children = (own / "task" / str(own.resolve().name) / "children").read_text().split()
    for process in (own, *(Path("/proc") / child for child in children)):
        try:
            text = (process / "smaps_rollup").read_text(encoding="utf-8")
        except OSError:  # it has just ended
            continue
        total += next(
            int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")
        )
    return total


class Peak:
    """Watches `held` while a block runs."""

    def __enter__(self) -> Peak:
        self.before = self.most = held()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.is_set():
            self.most = max(self.most, held())
            time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.most = max(self.most, held())

    @property
    def growth(self) -> float:
        """Megabytes beyond the beginning."""
        return (self.most - self.before) / 1e6


def by_the_engine(model: nn.Module, loader: Any) -> None:
    """One epoch of `pdl.engine`."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    engine.train_step(model, loader, nn.CrossEntropyLoss(), optimizer)


def with_a_growing_sum(model: nn.Module, loader: Any) -> None:
    """One epoch whose sum of losses keeps the graph of every batch."""
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
    total: Tensor | float = 0.0
    for images, labels in loader:
        loss = loss_fn(model(images), labels)
        total = total + loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def run_side(side: str, images: int) -> float:
    """Train once and return the peak in megabytes, the loader's own memory included."""

    def plain(workers: int = 0) -> DataLoader[Any]:
        data = FashionMNIST(train=True, transform=ToTensor())
        some = torch.utils.data.Subset(data, range(images))
        return DataLoader(some, batch_size=BATCH, shuffle=True, num_workers=workers)

    def in_memory() -> InMemoryLoader:
        data = FashionMNIST(train=True)
        return InMemoryLoader(data, batch_size=BATCH, shuffle=True, indices=range(images))

    def floats() -> DataLoader[Any]:
        data = FashionMNIST(train=True)
        pixels = data.data[:images].unsqueeze(1).float() / 255
        pairs = TensorDataset(pixels, data.targets[:images])
        return DataLoader(pairs, batch_size=BATCH, shuffle=True)

    sides: dict[str, tuple[Callable[..., None], Callable[[], Any]]] = {
        FLOATS: (by_the_engine, floats),
        OURS: (by_the_engine, in_memory),
        PLAIN: (by_the_engine, plain),
        WORKERS: (by_the_engine, lambda: plain(workers=2)),
        GRAPH: (with_a_growing_sum, plain),
    }
    run, loader = sides[side]
    model = FashionMNISTV0(width=50)
    warm = [(torch.rand(BATCH, 1, 28, 28), torch.zeros(BATCH, dtype=torch.long))]
    by_the_engine(model, warm)
    with Peak() as peak:
        run(model, loader())
    return peak.growth


def main() -> None:
    """Run all sides in turns and print the table."""
    parser = report.parser(__doc__, rounds=3)
    parser.add_argument("--images", type=int, default=60_000, help="pictures in the epoch")
    parser.add_argument("--side", help="run only this one, once, and print what it measured")
    options = parser.parse_args()
    if options.side:
        print(json.dumps({"peak": run_side(options.side, options.images)}))
        return

    def measure(side: str) -> Callable[[], float]:
        words = ["--side", side, "--images", str(options.images)]
        return lambda: report.alone(__file__, *words)["peak"]

    sides = {side: measure(side) for side in (OURS, FLOATS, PLAIN, WORKERS, GRAPH)}
    peaks = report.in_turns(sides, options.rounds)
    found = report.Report()
    found.rows = [report.Row(side, report.median(values), "MB") for side, values in peaks.items()]
    names = {FLOATS: "floats", PLAIN: "dataloader", WORKERS: "workers", GRAPH: "graph"}
    for side, name in names.items():
        found.ratios[f"memory.in_memory.vs_{name}"] = report.ratio(peaks[side], peaks[OURS])
    lines = [
        (side, f"{report.median(values):,.0f} MB", f"{report.ratio(values, peaks[PLAIN]):.2f}")
        for side, values in sorted(peaks.items(), key=lambda item: report.median(item[1]))
    ]
    found.notes.append(
        f"One epoch of {options.images:,} pictures, batches of {BATCH}, a model of two linear "
        f"layers; {report.runs(options.rounds)}."
    )
    head = ("one epoch", "most memory beyond the start", "times the DataLoader")
    report.tell(found, report.table(head, lines), options, "memory")


if __name__ == "__main__":
    main()
