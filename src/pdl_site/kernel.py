"""How does a chapter get a kernel of its own, and what keeps that kernel in its place?"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PRELUDE = """
import sys as _sys, warnings as _warnings
if _sys.platform == "linux":  # die with the build, even while a cell holds the interpreter
    import ctypes as _ctypes
    _ctypes.CDLL(None).prctl(1, 9)
    del _ctypes
def _guard(event, args, root={root!r}, own={own!r}):
    import os
    if event == "open":
        path, mode, flags = args
        writes = (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        paths = (path,) if writes else ()
    elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree"):
        paths = args[:1]
    elif event in ("os.rename", "os.link", "os.symlink"):
        paths = args[:2]
    else:
        return
    for path in paths:
        if not isinstance(path, (str, bytes, os.PathLike)):
            continue
        full = os.path.realpath(os.fsdecode(path)) + os.sep
        if full.startswith(root + os.sep) and not full.startswith(own + os.sep):
            raise PermissionError(f"a chapter writes in its own folder only, not {{path}}")
_sys.addaudithook(_guard)
for _category in (DeprecationWarning, FutureWarning):
    _warnings.filterwarnings("error", category=_category, module="__main__")
from IPython.core import pylabtools as _tools
def _print(figure, *args, original=_tools.print_figure, **options):
    # After a save with tight borders, matplotlib gives a figure without a layout engine the one
    # of its settings: the second save of the same figure would move things.
    engine = figure.get_layout_engine()
    try:
        return original(figure, *args, **options)
    finally:
        if engine is None:
            figure.set_layout_engine("none")
_tools.print_figure = _print
def _show(figure, form, tools=_tools):
    if form == "png":
        return tools.retina_figure(figure, base64=True)
    return tools.print_figure(figure, "svg")
_shell = get_ipython()
_shell.config.InlineBackend.figure_formats = {{"svg", "retina"}}
for _type, _form in (("image/svg+xml", "svg"), ("image/png", "png")):
    _shell.display_formatter.formatters[_type].for_type_by_name(
        "matplotlib.figure", "Figure", lambda figure, form=_form: _show(figure, form))
del _sys, _guard, _tools, _print, _warnings, _category, _type, _form, _shell
"""
MATPLOTLIBRC = "svg.hashsalt: pdl_site\nsvg.fonttype: path\nsavefig.bbox: tight\n"


_running: set[int] = set()
"""Process groups of the kernels that run now."""
_kills: list[None] = []
"""One item for each call of `kill_kernels`: a kernel that was starting meanwhile is killed, too."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How chapters are run.

    Attributes:
        root: The project's root, for messages and imports.
        sources: Folders put on the kernel's import path.
        cell_timeout: Longest time of one cell in seconds.
        chapter_timeout: Longest time of one chapter in seconds.
        threads: Threads of the numeric libraries in each kernel.
        ground: Color under photos.
    """

    root: Path
    sources: tuple[Path, ...] = ()
    cell_timeout: int = 120
    chapter_timeout: int = 600
    threads: int = 1
    ground: str = "#ffffff"


class _OwnKernel(KernelSpecManager):
    """Offers one kernel: this very interpreter, whatever else is registered on the machine."""

    def get_kernel_spec(self, _kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher"]
        return KernelSpec(
            argv=[*argv, "-f", "{connection_file}"], display_name="Python 3", language="python"
        )


@contextlib.asynccontextmanager
async def start_kernel(options: RunOptions) -> AsyncIterator[tuple[NotebookClient, str]]:
    """Start a kernel in an empty folder; kill it and its children at the end.

    Args:
        options: How to run it.

    Yields:
        The client that runs cells, and the folder.
    """
    with (
        tempfile.TemporaryDirectory(prefix="run-", ignore_cleanup_errors=True) as work,
        tempfile.TemporaryDirectory(prefix="k-", ignore_cleanup_errors=True) as sockets,
    ):
        rc = Path(sockets) / "matplotlibrc"
        rc.write_text(MATPLOTLIBRC)
        # A folder of sockets for each kernel: two in one folder would share the file "ipc-1".
        manager = AsyncKernelManager(
            kernel_name="python3",
            kernel_spec_manager=_OwnKernel(),
            transport="ipc",
            ip=f"{sockets}/s",
        )
        notebook = nbformat.v4.new_notebook()
        client = NotebookClient(
            notebook, km=manager, timeout=options.cell_timeout, coalesce_streams=True,
            resources={"metadata": {"path": work}},
        )  # fmt: skip
        group: int | None = None
        before = len(_kills)
        try:
            async with client.async_setup_kernel(env=_environment(options, rc), cwd=work):
                group = getattr(manager.provisioner, "pid", None)
                if group is not None:
                    _running.add(group)
                    if len(_kills) > before:
                        _kill(group)
                yield client, work
        finally:
            # The client did not make the manager, so it leaves it running.
            if client.kc is not None:
                client.kc.stop_channels()
            with contextlib.suppress(RuntimeError):  # the kernel is dead already
                await manager.shutdown_kernel(now=True)
            if group is not None:
                _kill(group)
                _running.discard(group)


def kill_kernels() -> None:
    """Kill the kernels that run or start now, and their children: who waits for them goes on."""
    _kills.append(None)
    for group in tuple(_running):
        _kill(group)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _environment(options: RunOptions, matplotlibrc: Path) -> dict[str, str]:
    paths = [str(path) for path in options.sources]
    if inherited := os.environ.get("PYTHONPATH"):
        paths.append(inherited)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": str(matplotlibrc),
        "OMP_NUM_THREADS": str(options.threads),
        "MKL_NUM_THREADS": str(options.threads),
        "TQDM_DISABLE": "1",
        "NO_COLOR": "1",
        "COLUMNS": "88",
    }


def fence(options: RunOptions, work: str) -> str:
    """Write the code that a kernel runs first: no writing into the project, sharp warnings.

    Args:
        options: How chapters are run.
        work: The kernel's own folder.

    Returns:
        Python code.
    """
    return PRELUDE.format(root=os.path.realpath(options.root), own=os.path.realpath(work))
