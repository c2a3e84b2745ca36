"""Rows L1 to L9 and D18: batches from files, in this process and in others."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from pdl.data import workers
from pdl.data.fashion import FashionMNIST
from pdl.data.loaders import create_dataloaders, make_loader
from pdl.data.transforms import eval_transform, train_transform
from pdl.errors import ConfigError, DataError

Photos = Callable[..., Path]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


class Numbers:
    """``(n, n)`` for n below ``count``, with chance of all three kinds if asked for."""

    classes = ("even", "odd")

    def __init__(self, count: int = 10, *, noisy: bool = False) -> None:
        self.count, self.noisy = count, noisy
        self.transform = print if noisy else None  # unknown to the library: it may be random

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        import random

        import numpy as np

        value = [float(index)]
        if self.noisy:
            value = [float(torch.rand(())), random.random(), float(np.random.rand())]  # noqa: NPY002 - the global one is meant
        return torch.tensor(value), index


class Trouble(Numbers):
    """Does something terrible at sample 3."""

    def __init__(self, what: str) -> None:
        super().__init__(8)
        self.what = what

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if index == 3 and self.what == "raise":
            raise KeyError("boom")
        if index == 3 and self.what == "hang":
            time.sleep(60)
        if index == 3 and self.what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


def labels_of(loader: Any) -> list[list[int]]:
    return [labels.tolist() for _, labels in loader]


def flat(batches: list[list[int]]) -> list[int]:
    return [label for batch in batches for label in batch]


def inputs_of(loader: Any) -> Tensor:
    return torch.cat([inputs for inputs, _ in loader])


def test_l01_batch_sizes_that_are_none_and_chance_left_alone(child: Run) -> None:
    code = """
import random
import numpy as np
import torch
from pdl.data.loaders import make_loader
from pdl.data.memory import InMemoryLoader
from pdl.seed import set_seeds

pair = (torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.arange(3))
samples = [(torch.zeros(1), 0)] * 3
trials = [(make_loader, samples, {"batch_size": size}) for size in (0, -1, 2.5, "8", True)]
trials += [(InMemoryLoader, pair, {"batch_size": size}) for size in (0, -1, 2.5, "8", True)]
trials += [(make_loader, samples, {"num_workers": number}) for number in (-1, 1.5, "2")]
for make, data, options in trials:
    try:
        make(data, **options)
    except ValueError as error:
        print(type(error).__name__, error)

class Noisy:
    transform = print  # unknown to the library: it may be random
    def __len__(self): return 4
    def __getitem__(self, index): return torch.rand(1) + random.random() + np.random.rand(), index

def draw():
    return float(torch.rand(())), random.random(), float(np.random.rand())

set_seeds(3)
expected = draw()
set_seeds(3)
list(make_loader(Noisy(), shuffle=True))
list(InMemoryLoader(pair, shuffle=True, transform=lambda batch: batch + torch.rand(1)))
print(draw() == expected)
"""
    said = child(code)
    lines = said.stdout.splitlines()
    assert len(lines) == 14, said.stderr
    for line in lines[:10]:
        assert line.startswith("ConfigError batch_size must be a whole number from 1 up, got ")
    for line in lines[10:13]:
        assert line.startswith("ConfigError num_workers must be a whole number from 0 up, got ")
    assert lines[3].endswith("got '8'.")
    assert lines[13] == "True"


def test_l02_workers_are_capped_at_the_cores(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    with caplog.at_level("INFO", logger="pdl.data.workers"):
        assert workers.worker_count(16) == 2
    assert caplog.messages == ["num_workers=16 is more than the 2 cores; using 2"]
    monkeypatch.delattr(workers.os, "sched_getaffinity")
    monkeypatch.setattr(workers.os, "cpu_count", lambda: None)
    assert workers.worker_count(3) == 1


def test_l03_no_batch_is_left() -> None:
    with pytest.raises(ConfigError, match="0 batches: 5 images, batch_size=32, drop_last=True"):
        make_loader(Numbers(5), drop_last=True)
    assert len(make_loader(Numbers(5), batch_size=5, drop_last=True)) == 1


def test_l04_nothing_to_load(photos: Photos) -> None:
    with pytest.raises(DataError, match="at least one sample, got an empty data set"):
        make_loader(Numbers(0), shuffle=True)
    train, test = photos("train", a=3, b=3), photos("test", a=1, b=1)
    with pytest.raises(DataError, match=r"a share of 0\.01 of 6 samples"):
        create_dataloaders(train, test, val_fraction=0.01)
    loaders = create_dataloaders(train, test, val_fraction=0)
    assert loaders.val is None
    assert len(loaders.train.dataset) == 6  # type: ignore[arg-type]  # it has a length
    with pytest.raises(ConfigError, match="val_fraction must be at least 0 and below 1, got 1"):
        create_dataloaders(train, test, val_fraction=1)


def test_l05_images_of_several_sizes(photos: Photos) -> None:
    root = photos(a=2)
    Image.new("RGB", (4, 4)).save(root / "a" / "001.png")
    test = photos("test", a=1)
    transform = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    train = create_dataloaders(root, test, transform=transform, val_fraction=0).train
    match = r"one shape, got \(3, \d+, \d+\) from '.*00\d\.png' and .* from '.*00\d\.png'.*Resize"
    with pytest.raises(DataError, match=match):
        list(train)
    with pytest.raises(DataError, match=r"from sample 0 and .* from sample 1"):
        list(make_loader([(torch.zeros(1), 0), (torch.zeros(2), 0)]))


def test_a_transform_that_gives_no_tensor(photos: Photos) -> None:
    loader = make_loader([(Image.new("RGB", (2, 2)), 0)])
    with pytest.raises(ConfigError, match="must return tensors, got PIL images"):
        list(loader)


def test_l06_a_worker_raises(photos: Photos) -> None:
    root = photos(a=6)
    (root / "a" / "004.png").write_bytes(b"")
    loaders = create_dataloaders(
        root, photos("test", a=1), val_fraction=0, batch_size=2, num_workers=1
    )
    began = time.monotonic()
    for _ in range(2):  # and the loader is usable again
        with pytest.raises(DataError) as caught:
            list(loaders.train)
        assert f"'{root / 'a' / '004.png'}' is empty" in str(caught.value)
        assert "Traceback" not in str(caught.value)
    assert time.monotonic() - began < 20


def test_l06_any_error_names_the_sample() -> None:
    for workers_used in (0, 1):
        with pytest.raises(DataError, match="sample 3 can not be loaded: KeyError: 'boom'"):
            list(make_loader(Trouble("raise"), batch_size=2, num_workers=workers_used))


def test_a_pdl_error_of_the_data_set_stays_as_it_is() -> None:
    class Strict(Numbers):
        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            raise ConfigError("not today")

    with pytest.raises(ConfigError, match=r"^not today$"):
        list(make_loader(Strict()))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_l06_a_worker_is_killed() -> None:
    began = time.monotonic()
    with pytest.raises(DataError, match=r"a worker process died .*Try num_workers=0"):
        list(make_loader(Trouble("die"), batch_size=2, num_workers=1))
    assert time.monotonic() - began < 10


def test_l06_a_worker_hangs() -> None:
    with pytest.raises(DataError, match="no batch came from the worker processes for 2 seconds"):
        list(make_loader(Trouble("hang"), batch_size=2, num_workers=1, timeout=2))


def test_l06_other_errors_stay_as_they_are() -> None:
    error = RuntimeError("something else")
    assert workers.explained(error, 1.0) is error
    odd = DataError("Caught DataError in a way we do not know")
    assert workers.explained(odd, 1.0) is odd

    loader = make_loader(Numbers(4))
    loader.collate_fn = lambda _: (_ for _ in ()).throw(error)
    with pytest.raises(RuntimeError, match="something else"):
        list(loader)


def test_l07_a_lambda_can_not_be_sent_to_a_spawned_worker(photos: Photos) -> None:
    transform = lambda image: image  # noqa: E731 - a lambda is what users write
    options: dict[str, Any] = {"transform": transform, "num_workers": 1}
    train, test = photos("train", a=5), photos("test", a=1)
    with pytest.raises(ConfigError, match=r"must be picklable for worker processes.*num_workers=0"):
        create_dataloaders(train, test, start_method="spawn", **options)


SPAWN = """
import sys
from pathlib import Path
from pdl.data.drawn import draw_food_folder
from pdl.data.loaders import create_dataloaders
from pdl.data.transforms import train_transform

def main():
    root = Path(sys.argv[1]) / "food"
    if not root.exists():
        draw_food_folder(root, counts={"train": (4, 4, 4), "test": (1, 1, 1)})
    for workers in (0, 1):
        loaders = create_dataloaders(
            root / "train", root / "test", num_workers=workers, start_method="spawn", batch_size=4,
            train_transform=train_transform(32), transform=train_transform(32, augment="none"),
        )
        print(sum(float(images.double().sum()) for _ in range(2) for images, _ in loaders.train))

GUARD
"""


def test_l07_everything_works_in_spawned_workers(child: Run, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SPAWN.replace("GUARD", 'if __name__ == "__main__":\n    main()'))
    command = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))"
    said = child(command, script, tmp_path)
    here, there = said.stdout.split()
    assert here == there, said.stderr


def test_l09_a_script_without_a_guard_is_told_so(child: Run, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SPAWN.replace("GUARD", "main()"))
    command = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))"
    said = child(command, script, tmp_path)
    assert said.returncode != 0
    assert 'the script lacks `if __name__ == "__main__":`' in said.stderr


def test_l09_little_shared_memory_is_named() -> None:
    text = (
        "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that "
        "dataloader's workers are out of shared memory. Please try to raise it."
    )
    known = workers.explained(RuntimeError(text), 1.0)
    assert isinstance(known, DataError)
    assert "out of shared memory" in str(known)
    assert "num_workers=0" in str(known)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_l08_chance_is_the_same_for_any_number_of_workers(count: int) -> None:
    def epochs(seed: int, number: int) -> list[Tensor]:
        options = {"batch_size": 3, "shuffle": True, "seed": seed, "num_workers": number}
        loader = make_loader(Numbers(8, noisy=True), **options)  # type: ignore[arg-type]  # mixed
        return [inputs_of(loader) for _ in range(2)]

    workers_used = min(count, workers.worker_count(count))
    first, second = epochs(1, workers_used)
    assert torch.equal(torch.stack(epochs(1, 0)), torch.stack([first, second]))
    assert len({tuple(row) for row in torch.cat([first, second]).tolist()}) == 16  # all distinct
    assert not torch.equal(torch.stack(epochs(2, 0)), torch.stack([first, second]))


def test_order_differs_by_epoch_and_repeats_by_seed() -> None:
    loader = make_loader(Numbers(20), shuffle=True, batch_size=6)
    first, second = labels_of(loader), labels_of(loader)
    assert first != second
    assert sorted(flat(first)) == sorted(flat(second)) == list(range(20))
    assert [len(batch) for batch in first] == [6, 6, 6, 2]
    assert loader.epoch == 2
    loader.set_epoch(1)
    assert labels_of(loader) == second
    loader.set_epoch(1, skip_batches=2)
    assert labels_of(loader) == second[2:]
    assert labels_of(make_loader(Numbers(20), shuffle=True, batch_size=6, seed=7)) != first
    plain = make_loader(Numbers(5), batch_size=2)
    assert labels_of(plain) == labels_of(plain) == [[0, 1], [2, 3], [4]]


def test_two_ranks_share_each_epoch() -> None:
    parts = [
        make_loader(Numbers(7), shuffle=True, batch_size=2, rank=rank, world_size=2)
        for rank in range(2)
    ]
    whole = flat(labels_of(make_loader(Numbers(7), shuffle=True, batch_size=7)))
    ours = [flat(labels_of(part)) for part in parts]
    assert ours[0] == whole[0::2]
    assert ours[1][:3] == whole[1::2]
    assert len(ours[0]) == len(ours[1]) == 4


def test_create_dataloaders_on_a_tree(photos: Photos) -> None:
    train, test = photos("train", a=10, b=20), photos("test", a=2, b=3)
    loaders = create_dataloaders(train, test, batch_size=8)
    assert loaders.class_names == loaders.train.classes == loaders.test.classes == ["a", "b"]
    assert [len(part.dataset) for part in loaders[:3]] == [24, 6, 5]
    assert loaders.val is not None
    for part in (loaders.train, loaders.val):
        counts = part.dataset.targets  # type: ignore[attr-defined]  # ours
        assert counts.count(1) == 2 * counts.count(0)
    paths = [set(part.dataset.paths) for part in loaders[:2]]  # type: ignore[union-attr]
    assert paths[0].isdisjoint(paths[1])
    images, labels = next(iter(loaders.test))
    assert (images.shape, images.dtype, labels.dtype) == (
        (5, 3, 64, 64),
        torch.float32,
        torch.int64,
    )
    assert loaders.test.dataset.class_to_idx == {"a": 0, "b": 1}  # type: ignore[attr-defined]
    again = create_dataloaders(train, test, batch_size=8)
    assert again.val.dataset.paths == loaders.val.dataset.paths  # type: ignore[union-attr]
    other = create_dataloaders(train, test, batch_size=8, seed=1)
    assert other.val.dataset.paths != loaders.val.dataset.paths  # type: ignore[union-attr]


def test_only_training_images_are_augmented(photos: Photos) -> None:
    train, test = photos("train", a=10), photos("test", a=2)
    loaders = create_dataloaders(
        train, test, transform=eval_transform(16), train_transform=train_transform(16)
    )
    assert loaders.val is not None
    for part, same in ((loaders.train, False), (loaders.val, True), (loaders.test, True)):
        sums = [sorted(images.sum().item() for images, _ in part) for _ in range(2)]
        assert (sums[0] == sums[1]) is same


def test_d18_train_and_test_must_have_the_same_classes(photos: Photos) -> None:
    train, test = photos("train", a=5, b=5), photos("test", b=1, c=1)
    with pytest.raises(DataError, match=r"missing \['a'\], not known \['c'\]"):
        create_dataloaders(train, test)


def test_verify_looks_at_both_folders(photos: Photos) -> None:
    train, test = photos("train", a=5), photos("test", a=2)
    (test / "a" / "001.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"got 1 of 2: .*test/a/001\.png"):
        create_dataloaders(train, test, verify=True)


def test_memory_is_pinned_only_with_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, pinned in (("cuda", True), ("mps", False), (None, False)):
        device = None if kind is None else torch.device(kind)
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda d=device: d)
        monkeypatch.setattr(torch.accelerator, "is_available", lambda d=device: d is not None)
        assert make_loader(Numbers(2)).pin_memory is pinned
        assert make_loader(Numbers(2), pin_memory=False).pin_memory is False


def test_fashion_mnist_in_batches() -> None:
    data = FashionMNIST(train=False, transform=eval_transform(28))
    images, labels = next(iter(make_loader(data, batch_size=4)))
    assert images.shape == (4, 1, 28, 28)
    assert labels.tolist()[0] == 9


@pytest.fixture(autouse=True)
def no_worker_stays() -> Iterator[None]:
    yield
    import gc

    gc.collect()  # loaders keep their workers until they go
