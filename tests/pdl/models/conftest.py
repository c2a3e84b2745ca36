"""FashionMNIST as Debian packages it, read without the code under test."""

import gzip
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

FOLDER = Path("/usr/share/datasets/fashion-mnist")


def read_idx(path: Path) -> Tensor:
    data = gzip.decompress(path.read_bytes())
    shape = [int.from_bytes(data[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(data[3])]
    start = 4 + 4 * len(shape)
    return torch.frombuffer(bytearray(data), dtype=torch.uint8, offset=start).reshape(shape)


@pytest.fixture(scope="session")
def fashion_mnist() -> dict[str, tuple[Tensor, Tensor]]:
    if not FOLDER.is_dir():
        if os.environ.get("CI"):
            pytest.fail("install Debian's dataset-fashion-mnist in CI")
        pytest.skip("needs Debian's dataset-fashion-mnist")
    return {
        part: (
            read_idx(FOLDER / f"{name}-images-idx3-ubyte.gz").unsqueeze(1).float() / 255,
            read_idx(FOLDER / f"{name}-labels-idx1-ubyte.gz").long(),
        )
        for part, name in (("train", "train"), ("test", "t10k"))
    }
