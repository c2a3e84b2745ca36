"""Run one chapter in a fresh kernel and hand back what it gave, or say where it failed."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import datetime
import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from pdl_site.errors import ExecutionError
from pdl_site.kernel import RunOptions, fence, start_kernel
from pdl_site.outputs import ANSI, Policy, clean, clean_value
from pdl_site.record import Record

if TYPE_CHECKING:
    from nbclient import NotebookClient

    from pdl_site.prose import Expression
    from pdl_site.script import Cell, Chapter

EPILOGUE = """
def _facts():
    import json, resource, sys
    torch, device, threads = sys.modules.get("torch"), "CPU", 0
    if torch is not None:
        threads = torch.get_num_threads()
        if torch.cuda.is_available():
            device = torch.cuda.get_device_name(0)
        elif torch.backends.mps.is_available():
            device = "Apple GPU (MPS)"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return json.dumps({"device": device, "threads": threads, "peak_memory_mb": peak // scale})
_facts()
"""
LOCATE = """
def _line():
    import re, sys, traceback
    frames = traceback.extract_tb(getattr(sys, "last_traceback", None))
    return next((f.lineno for f in frames if re.search(r"ipykernel_\\d+", f.filename)), 1)
_line()
"""
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError)


def run_chapter(chapter: Chapter, key: str, options: RunOptions) -> Record:
    """Run all cells of a chapter, and the expressions of its prose between them.

    The kernel starts in an empty folder that is removed afterwards, and is killed with all its
    children whatever happens.

    Args:
        chapter: The chapter.
        key: Key of the run, kept in the record.
        options: How to run it.

    Returns:
        The record.

    Raises:
        ExecutionError: If a cell raises, warns of a deprecation, runs too long, kills its kernel,
            or shows what a page must not show.
    """
    started = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    clock = time.perf_counter()
    outputs, values, facts = asyncio.run(_run(chapter, options))
    facts |= {
        "started": started.isoformat().replace("+00:00", "Z"),
        "seconds": round(time.perf_counter() - clock, 1),
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    return Record(
        key=key, chapter=chapter.name, outputs=tuple(outputs), values=tuple(values), facts=facts
    )


async def _run(
    chapter: Chapter, options: RunOptions
) -> tuple[list[list[dict[str, Any]]], list[list[str]], dict[str, Any]]:
    outputs: list[list[dict[str, Any]]] = []
    values: list[list[str]] = []
    async with start_kernel(options) as (client, work):
        session = Session(client, chapter, options)
        policy = Policy(paths=_private_paths(options, work), ground=options.ground)
        await session.hidden(fence(options, work))
        deadline = time.monotonic() + options.chapter_timeout
        for cell in chapter.cells:
            left = deadline - time.monotonic()
            if left <= 0:
                raise session.fault(session.too_long, cell, cell.line)
            client.timeout = min(options.cell_timeout, math.ceil(left))
            if cell.expressions:
                found = [await session.value(cell, e) for e in cell.expressions]
                values.append([clean_value(text, cell, chapter, policy) for text in found])
            elif cell.kind == "code":
                raw = await session.cell(cell)
                outputs.append(clean(raw, cell, chapter, policy))
        facts = json.loads(ast.literal_eval(await session.hidden(EPILOGUE)))
    return outputs, values, facts


class Session:
    """A running kernel and the chapter that runs in it.

    Args:
        client: The kernel's client.
        chapter: The chapter, for messages.
        options: The limits of its run.
    """

    def __init__(self, client: NotebookClient, chapter: Chapter, options: RunOptions) -> None:
        self.client, self.chapter, self.options = client, chapter, options
        self.too_long = f"the chapter runs for more than {options.chapter_timeout} s"

    async def cell(self, cell: Cell) -> list[dict[str, Any]]:
        """Run a code cell."""
        try:
            return await self._execute(cell.source, history=True)
        except FAILURES as error:
            line = cell.line
            if isinstance(error, CellExecutionError):
                with contextlib.suppress(*FAILURES):
                    line += int(await self.hidden(LOCATE)) - 1
            raise self._explained(error, cell, line) from None

    async def value(self, cell: Cell, expression: Expression) -> str:
        """Evaluate an expression of the prose, as a string."""
        try:
            raw = await self._execute(f"str({expression.python})", history=False)
        except FAILURES as error:
            prefix = f"{{{{ {expression.code} }}}}: "
            raise self._explained(error, cell, cell.line + expression.line, prefix) from None
        return str(ast.literal_eval(_result(raw)))

    async def hidden(self, source: str) -> str:
        """Run code of ours; return the text of its last expression."""
        outputs = await self._execute(source, history=False)
        return _result(outputs)

    def fault(self, message: str, cell: Cell, line: int, detail: str = "") -> ExecutionError:
        """Say where the chapter failed."""
        return ExecutionError(
            message, path=self.chapter.label, line=line, cell=cell.number, detail=detail
        )

    def _explained(
        self, error: Exception, cell: Cell, line: int, prefix: str = ""
    ) -> ExecutionError:
        """Turn each way in which code can fail into a message with file, line and cell."""
        if isinstance(error, CellTimeoutError):
            limit = self.options.cell_timeout
            is_cell = self.client.timeout == limit
            message = f"timed out after {limit} s" if is_cell else self.too_long
            return self.fault(prefix + message, cell, line)
        if isinstance(error, CellExecutionError):
            detail = ANSI.sub("", str(error.traceback)).strip()
            summary = f"{error.ename}: {error.evalue}".strip().rstrip(":").splitlines()[0]
            return self.fault(prefix + summary, cell, line, detail)
        return self.fault(f"{prefix}the kernel died (out of memory, or killed)", cell, line)

    async def _execute(self, source: str, *, history: bool) -> list[dict[str, Any]]:
        cell = nbformat.v4.new_code_cell(source)
        self.client.nb.cells = [cell]
        await self.client.async_execute_cell(cell, 0, store_history=history)
        return [dict(output) for output in cell.outputs]


def _result(outputs: list[dict[str, Any]]) -> str:
    """The text of the last expression, whatever else was printed or drawn."""
    found = [output for output in outputs if output["output_type"] == "execute_result"]
    return str(found[-1]["data"]["text/plain"]) if found else ""


def _private_paths(options: RunOptions, work: str) -> tuple[str, ...]:
    """Folders of this machine that must not show on a page."""
    candidates = {str(options.root), work, sys.prefix, str(Path(sys.executable).parent)}
    candidates |= {str(Path.home()), tempfile.gettempdir() + "/run-", "site-packages"}
    return tuple(sorted(path for path in candidates if len(path) > 3))
