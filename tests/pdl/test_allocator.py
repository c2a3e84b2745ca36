"""Does freed memory stay, and does nothing happen where it can not?"""

import platform
import subprocess
import sys

import pytest

from pdl import allocator
from pdl.allocator import keep_freed_memory

STEPS = """
import resource, sys
from pdl.allocator import keep_freed_memory
import torch
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def step():
    torch.ones(8_000_000)
    torch.ones(16_000_000)
step()
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(word: str) -> int:
    command = [sys.executable, "-c", STEPS, word]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_the_system_is_asked_for_memory_once(monkeypatch):
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_"):
        monkeypatch.delenv(name, raising=False)
    assert page_faults("keep") < page_faults("as ever") / 4


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(allocator.ctypes, "CDLL", None)  # calling it would raise
    assert not keep_freed_memory()
