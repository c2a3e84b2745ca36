"""What holds for every test: one thread, no display, checked shapes, repeatable examples."""

import os

# Before torch or matplotlib is imported: they read these once.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"

import signal
import sys
from types import ModuleType

import pytest
from beartype import BeartypeConf, beartype
from hypothesis import settings
from jaxtyping import install_import_hook

# jaxtyping takes the type checker by name. With the numeric tower of PEP 484 an int is a float.
checker = ModuleType("pdl_type_checker")
checker.check = beartype(conf=BeartypeConf(is_pep484_tower=True))  # type: ignore[attr-defined]  # made here
sys.modules[checker.__name__] = checker
install_import_hook("pdl", "pdl_type_checker.check")

# No deadline: two shared cores are slow at random. In CI the same examples every time.
settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def unprivileged() -> list[str]:
    """What runs a command without root's right to read and write everything.

    It stays root otherwise: another user could not enter a clone that lies in root's own folder.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


@pytest.fixture(autouse=True)
def _ctrl_c_as_in_a_terminal() -> None:
    """Tests that send SIGINT mean the same in a terminal and in a job in the background."""
    if signal.getsignal(signal.SIGINT) in {signal.SIG_IGN, None}:
        signal.signal(signal.SIGINT, signal.default_int_handler)
