"""Does `pdl.device` do what its page says, on good input and on bad?"""

import logging
from contextlib import nullcontext

import pytest
import torch

from pdl import device as module
from pdl.device import Arriving, autocast, available_devices, choose_device, synchronize
from pdl.errors import DeviceError


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_accelerator(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.xpu, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_the_cpu_is_always_there_and_last(no_accelerator):
    assert available_devices() == ["cpu"]


def test_all_kinds_are_listed(monkeypatch, two_gpus):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.xpu, "device_count", lambda: 1)
    assert available_devices() == ["cuda:0", "cuda:1", "mps", "xpu:0", "cpu"]


def test_auto_falls_back_to_the_cpu_and_says_so(no_accelerator, caplog):
    with caplog.at_level(logging.INFO, logger="pdl.device"):
        assert choose_device() == torch.device("cpu")
    assert "no accelerator found" in caplog.text


def test_auto_takes_the_first_gpu(two_gpus):
    assert choose_device("auto") == torch.device("cuda")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:1", "cpu", torch.device("cuda:1")])
def test_what_is_present_can_be_chosen(two_gpus, name):
    assert choose_device(name) == torch.device(name)


def test_an_index_of_the_only_cpu_is_accepted(no_accelerator):
    assert choose_device("cpu:0").type == "cpu"


@pytest.mark.parametrize("name", ["cuda", "mps", "cuda:7", "gpu0", "", "xpu:1", "meta", "cpu:3"])
def test_what_is_absent_is_refused_in_one_line_with_the_choice(no_accelerator, name):
    with pytest.raises(DeviceError, match='Choose "auto" or one of: cpu') as caught:
        choose_device(name)
    assert "\n" not in str(caught.value)


def test_a_gpu_too_many_is_refused(two_gpus):
    with pytest.raises(DeviceError, match=r"got 'cuda:2'.*cuda:0, cuda:1, cpu"):
        choose_device("cuda:2")


def test_autocast_off_changes_nothing():
    with autocast("cpu", enabled=False) as context:
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    assert context is None
    assert isinstance(autocast("cpu", enabled=False), nullcontext)


def test_autocast_on_computes_in_bfloat16():
    with autocast(torch.device("cpu"), enabled=True):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


def test_synchronize_waits_for_a_gpu_and_not_for_the_cpu(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.accelerator, "synchronize", waited.append)
    synchronize("cpu")
    assert waited == []
    synchronize("cuda:1")
    assert waited == [torch.device("cuda:1")]


def test_a_number_arrives_from_the_cpu_unchanged():
    value = torch.tensor(0.1, requires_grad=True)
    assert Arriving(value).get() == value.item()


class OnGpu(torch.Tensor):
    """A tensor that says it is on a GPU."""

    is_cuda = True


def test_a_number_arrives_from_a_gpu_by_a_copy_that_is_waited_for(monkeypatch):
    calls = []

    class Event:
        def __init__(self, device):
            calls.append(f"event on {device}")

        def record(self):
            calls.append("record")

        def synchronize(self):
            calls.append("wait")

    real_empty = torch.empty
    monkeypatch.setattr(torch, "Event", Event)
    monkeypatch.setattr(
        torch, "empty", lambda size, *, dtype, pin_memory: real_empty(size, dtype=dtype)
    )
    arriving = module.Arriving(torch.tensor(0.5).as_subclass(OnGpu))
    assert calls == ["event on cuda", "record"]
    assert arriving.get() == 0.5
    assert calls[-1] == "wait"
