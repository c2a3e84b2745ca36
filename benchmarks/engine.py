"""How fast is training: with our loop, with the notes' loop, with two frameworks?

FashionMNIST, TinyVGG with ten channels, batches of 32, SGD 0.1. All sides start from the same
weights and see the same pictures in the same order. Ours puts channels last, which adds in another
order, so its accuracy swings apart from theirs; the side with channels first does the sums of the
notes and must reach their accuracy.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import report
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.transforms import ToTensor

from pdl import engine
from pdl.data.fashion import FashionMNIST
from pdl.data.loaders import make_loader
from pdl.data.memory import InMemoryLoader
from pdl.data.sampling import EpochSampler
from pdl.models.tiny_vgg import TinyVGG

SEED, BATCH, RATE = 42, 32, 0.1
OURS = "pdl, InMemoryLoader"
OURS_PLAIN = "pdl, DataLoader"
OURS_FIRST = "pdl, InMemoryLoader, channels first"
NOTES = "the notes' loop, DataLoader"
LIGHTNING = "Lightning, DataLoader"
ACCELERATE = "Accelerate, DataLoader"
NEEDS = {LIGHTNING: "lightning", ACCELERATE: "accelerate"}


def plain_loader(images: int) -> DataLoader[Any]:
    """The loader of torch itself, as the notes use it, in the order of the others."""
    data = FashionMNIST(train=True, transform=ToTensor())
    order = EpochSampler(images, shuffle=True, seed=SEED, seed_samples=False)
    return DataLoader(data, batch_size=BATCH, sampler=order)


def in_our_loop(
    model: nn.Module, loader: Any, epochs: int, device: str, *, channels_last: bool = True
) -> float:
    """Train with `pdl.engine.train`."""
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    started = perf_counter()
    engine.train(
        model,
        loader,
        optimizer=optimizer,
        loss_fn=nn.CrossEntropyLoss(),
        epochs=epochs,
        device=device,
        channels_last=channels_last,
        progress=False,
    )
    return perf_counter() - started


def notes_epochs(
    model: nn.Module,
    loader: Iterable[Any],
    optimizer: torch.optim.Optimizer,
    epochs: int,
    device: str,
    *,
    backward: Callable[[Tensor], None] = Tensor.backward,
) -> float:
    """The five steps as a newcomer writes them, with the two sums of the notes; takes the time."""
    loss_fn = nn.CrossEntropyLoss()
    started = perf_counter()
    for _ in range(epochs):
        model.train()
        loss_sum, accuracy_sum = 0.0, 0.0
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)  # noqa: PLW2901 - as written
            logits = model(images)
            loss = loss_fn(logits, labels)
            loss_sum += loss.item()
            accuracy_sum += (logits.argmax(dim=1) == labels).sum().item() / len(labels)
            optimizer.zero_grad()
            backward(loss)
            optimizer.step()
    return perf_counter() - started


def in_the_notes_loop(model: nn.Module, loader: DataLoader[Any], epochs: int, device: str) -> float:
    """Train with the loop of the notes."""
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    return notes_epochs(model, loader, optimizer, epochs, device)


def in_lightning(model: nn.Module, loader: DataLoader[Any], epochs: int, device: str) -> float:
    """Train with a Lightning trainer that keeps no files and shows no bar."""
    import lightning  # noqa: PLC0415 - a peer that need not be installed

    class Module(lightning.LightningModule):  # type: ignore[misc]  # it ships no types
        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss_fn = model, nn.CrossEntropyLoss()

        def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> Tensor:  # noqa: ARG002 - theirs
            images, labels = batch
            logits = self.model(images)
            loss: Tensor = self.loss_fn(logits, labels)
            correct = (logits.argmax(dim=1) == labels).float().mean()
            self.log_dict({"loss": loss, "acc": correct}, on_step=False, on_epoch=True)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=RATE)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = Module()
    started = perf_counter()
    trainer.fit(module, loader)
    return perf_counter() - started


def in_accelerate(model: nn.Module, loader: DataLoader[Any], epochs: int, device: str) -> float:
    """Train with the notes' loop on what Accelerate has prepared."""
    from accelerate import Accelerator  # noqa: PLC0415 - a peer that need not be installed

    accelerator = Accelerator(cpu=device == "cpu")
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    prepared = accelerator.prepare(model, loader, optimizer)
    return notes_epochs(*prepared, epochs, device, backward=accelerator.backward)


def run_side(side: str, images: int, epochs: int, device: str) -> dict[str, float]:
    """Train once.

    Args:
        side: One of the names above.
        images: Number of pictures in an epoch.
        epochs: Number of epochs.
        device: Where to compute.

    Returns:
        Pictures a second, and the accuracy on the test pictures afterwards, in percent.
    """
    warnings.filterwarnings("ignore")

    def in_memory() -> InMemoryLoader:
        return InMemoryLoader(
            FashionMNIST(train=True),
            batch_size=BATCH,
            shuffle=True,
            seed=SEED,
            indices=range(images),
            device=device,
        )

    loops: dict[str, tuple[Callable[..., float], Callable[[], Any]]] = {
        OURS: (in_our_loop, in_memory),
        OURS_FIRST: (partial(in_our_loop, channels_last=False), in_memory),
        OURS_PLAIN: (
            in_our_loop,
            lambda: make_loader(
                torch.utils.data.Subset(
                    FashionMNIST(train=True, transform=ToTensor()), range(images)
                ),
                batch_size=BATCH,
                shuffle=True,
                seed=SEED,
                num_workers=0,
            ),
        ),
        NOTES: (in_the_notes_loop, lambda: plain_loader(images)),
        LIGHTNING: (in_lightning, lambda: plain_loader(images)),
        ACCELERATE: (in_accelerate, lambda: plain_loader(images)),
    }
    loop, loader = loops[side]
    torch.manual_seed(SEED)
    model = TinyVGG(in_channels=1, channels=10, num_classes=10, image_size=28).to(device)
    seconds = loop(model, loader(), epochs, device)
    test = InMemoryLoader(FashionMNIST(train=False), batch_size=500, device=device)
    accuracy = engine.test_step(model.to(device), test, nn.CrossEntropyLoss()).metric
    return {"speed": images * epochs / seconds, "accuracy": 100 * accuracy}


def main() -> None:
    """Run all sides in turns and print the table."""
    parser = report.parser(__doc__, rounds=3)
    parser.add_argument("--images", type=int, default=60_000, help="pictures in an epoch")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--side", help="run only this one, once, and print what it measured")
    options = parser.parse_args()
    if options.side:
        measured = run_side(options.side, options.images, options.epochs, options.device)
        print(json.dumps(measured))
        return
    found = report.Report()
    accuracies: dict[str, float] = {}
    sides: dict[str, Callable[[], float]] = {}
    for side in (OURS, OURS_PLAIN, OURS_FIRST, NOTES, LIGHTNING, ACCELERATE):
        if side in NEEDS and find_spec(NEEDS[side]) is None:
            found.notes.append(f"{NEEDS[side]} is not installed and was left out.")
            continue

        def measure(side: str = side) -> float:
            words = {"side": side, "images": options.images, "epochs": options.epochs}
            words["device"] = options.device
            one = report.alone(__file__, *(f"--{name}={value}" for name, value in words.items()))
            accuracies[side] = one["accuracy"]
            return one["speed"]

        sides[side] = measure
    speeds = report.in_turns(sides, options.rounds)
    for side, values in speeds.items():
        found.rows.append(report.Row(side, report.median(values), "images/s"))
        found.rows.append(report.Row(f"{side}: test accuracy", accuracies[side], "%"))
    names = {NOTES: "notes_loop", LIGHTNING: "lightning", ACCELERATE: "accelerate"}
    prefixes = {OURS: "in_memory", OURS_PLAIN: "dataloader", OURS_FIRST: "channels_first"}
    for ours, prefix in prefixes.items():
        for peer in sides.keys() & names.keys():
            key = f"engine.{options.device}.{prefix}.vs_{names[peer]}"
            found.ratios[key] = report.ratio(speeds[ours], speeds[peer])
    lines = [
        (
            side,
            f"{report.median(values):,.0f}",
            f"{report.ratio(values, speeds[NOTES]):.2f}",
            f"{accuracies[side]:.2f} %",
        )
        for side, values in sorted(speeds.items(), key=lambda item: -report.median(item[1]))
    ]
    head = (f"training on {options.device}", "images a second", "times the notes' loop", "accuracy")
    found.notes.append(
        f"{options.epochs} epochs of {options.images:,} images, {report.runs(options.rounds)}."
    )
    report.tell(found, report.table(head, lines), options, "engine")


if __name__ == "__main__":
    main()
