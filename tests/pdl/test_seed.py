"""Does `pdl.seed` do what its page says, on good input and on bad?"""

# ruff: noqa: NPY002 - about NumPy's global generator, which other libraries draw from
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from pdl import seed
from pdl.errors import ConfigError

seeds = st.integers(0, seed.LARGEST_SEED)


def draw():
    return random.random(), float(np.random.rand()), torch.rand(3).tolist()


@given(seeds)
def test_the_same_seed_gives_the_same_numbers(number):
    seed.set_seeds(number)
    first = draw()
    seed.set_seeds(number)
    assert draw() == first


def test_the_first_numbers_of_seed_42_are_those_of_the_notes():
    seed.set_seeds(42)
    assert torch.randn(1).item() == 0.33669036626815796
    assert torch.randn(1).item() == 0.12880940735340118


@pytest.mark.parametrize("number", [-1, 2**32])
@pytest.mark.parametrize("function", [seed.set_seeds, seed.make_generator])
def test_a_seed_out_of_range_is_refused(function, number):
    with pytest.raises(ConfigError, match=f"from 0 to 4294967295, got {number}"):
        function(number)


def test_deterministic_asks_pytorch_for_it(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    try:
        seed.set_seeds(1, deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.benchmark
    finally:
        torch.use_deterministic_algorithms(False)
        monkeypatch.undo()


def test_a_generator_does_not_touch_the_global_one():
    seed.set_seeds(1)
    before = torch.get_rng_state()
    torch.rand(10, generator=seed.make_generator(5))
    assert torch.equal(before, torch.get_rng_state())


@given(seeds, st.integers(0, 700))
def test_restored_state_continues_with_the_same_numbers(number, drawn):
    seed.set_seeds(number)
    np.random.standard_normal(drawn)  # leaves a cached number behind when odd
    state = seed.capture_rng_state()
    first = (draw(), float(np.random.standard_normal()))
    seed.restore_rng_state(state)
    assert (draw(), float(np.random.standard_normal())) == first


def test_preserve_puts_the_state_back_even_after_an_error():
    seed.set_seeds(3)
    expected = draw()
    seed.set_seeds(3)
    with pytest.raises(ZeroDivisionError), seed.preserve_rng_state():
        draw()[0] / 0
    assert draw() == expected


class FakeAccelerator:
    """Stands in for torch.cuda or torch.mps: one number of state a device."""

    def __init__(self):
        self.states = [torch.tensor([1]), torch.tensor([2])]

    def get_all(self):
        return list(self.states)

    def put(self, state, index=0):
        self.states[index] = state


def test_states_of_gpus_are_captured_and_restored(monkeypatch):
    fake = FakeAccelerator()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", fake.get_all)
    monkeypatch.setattr(torch.cuda, "set_rng_state", fake.put)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: torch.tensor([9]))
    restored = []
    monkeypatch.setattr(torch.mps, "set_rng_state", restored.append)
    state = seed.capture_rng_state()
    fake.states = [torch.tensor([0]), torch.tensor([0])]
    seed.restore_rng_state(state)
    assert [int(each) for each in fake.states] == [1, 2]
    assert [int(each) for each in restored] == [9]


def test_a_state_with_a_gpu_restores_on_a_machine_without(monkeypatch):
    state = seed.capture_rng_state() | {"cuda": [torch.tensor([1])], "mps": torch.tensor([1])}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    seed.restore_rng_state(state)


class Noise(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return float(np.random.rand()), random.random()


def test_workers_draw_different_numbers_and_the_same_in_each_run():
    def epoch():
        loader = DataLoader(
            Noise(),
            batch_size=4,
            num_workers=2,
            worker_init_fn=seed.seed_worker,
            generator=seed.make_generator(7),
        )
        return [value.tolist() for batch in loader for value in batch]

    first = epoch()
    assert epoch() == first
    numbers = [number for batch in first for number in batch]
    assert len(set(numbers)) == len(numbers)


def test_seed_worker_takes_the_seed_that_pytorch_gave_the_worker():
    torch.manual_seed(2**40 + 5)  # larger than NumPy takes
    seed.seed_worker(0)
    first = random.random()
    torch.manual_seed(2**40 + 5)
    seed.seed_worker(1)
    assert random.random() == first
