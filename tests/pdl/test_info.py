"""Does `pdl.info` do what its page says, on good input and on bad?"""

import platform
import sys
from importlib.metadata import PackageNotFoundError

import torch

import pdl
from pdl import info as function
from pdl.info import info


def test_one_fact_a_line_and_all_of_them():
    facts = dict(line.split(maxsplit=1) for line in info().splitlines())
    assert list(facts) == ["pdl", "Python", "torch", "torchvision", "device", "threads"]
    assert facts["pdl"] == pdl.__version__
    assert facts["Python"] == platform.python_version()
    assert facts["torch"] == torch.__version__
    assert facts["threads"] == str(torch.get_num_threads())


def test_a_missing_torchvision_is_said_and_no_error(monkeypatch):
    def missing(package):
        raise PackageNotFoundError(package)

    monkeypatch.setitem(
        info.__wrapped__.__globals__ if hasattr(info, "__wrapped__") else info.__globals__,
        "version",
        missing,
    )
    assert "torchvision  not installed" in info()


def test_a_gpu_is_called_by_its_name(monkeypatch):
    monkeypatch.setattr(sys.modules["pdl.info"], "choose_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Test GPU")
    assert "device       Test GPU" in info()


def test_the_package_has_the_function_and_not_the_module():
    assert callable(function)
    assert pdl.info() == info()
