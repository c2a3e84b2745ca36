"""How are programs timed side by side, and how is the result told?"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One measured number.

    Attributes:
        name: What was measured, as words of a table.
        value: The number.
        unit: Its unit.
    """

    name: str
    value: float
    unit: str


def machine(packages: Sequence[str] = ("torch",)) -> str:
    """Describe this machine: processor, how many, versions.

    Args:
        packages: Installed packages whose versions matter.

    Returns:
        One line.
    """
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        found = re.search(r"^model name\s*:\s*(.+)$", facts, re.MULTILINE)
        processor = found[1].strip() if found else platform.machine()
    except OSError:
        processor = platform.processor() or platform.machine()
    versions = [f"{name} {metadata.version(name).partition('+')[0]}" for name in packages]
    python = f"Python {platform.python_version()}"
    return ", ".join([f"{processor}, {os.cpu_count()} processors", python, *versions])


@dataclass
class Report:
    """What a benchmark found.

    Attributes:
        rows: The numbers.
        ratios: Comparisons by a name with dots, ours over the peer's; above 1 is better.
        notes: Sentences that belong under the table, such as who was left out and why.
        machine: Where it ran.
    """

    rows: list[Row] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    machine: str = field(default_factory=machine)

    def as_json(self) -> str:
        """The report for other programs."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def in_turns(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure several programs in turns, so that a slow minute is slow for all of them.

    Args:
        sides: A name and a function that runs once and returns its measurement, for each side.
        rounds: How often each runs.

    Returns:
        The measurements of each side, one for each round.
    """
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        names = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for name in names:
            found[name].append(sides[name]())
            print(f"round {number + 1}: {name}: {found[name][-1]:.4g}", file=sys.stderr)
    return found


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios within the rounds, to three digits.

    Args:
        ours: Our measurements.
        theirs: The peer's in the same rounds.

    Returns:
        How many times ours is the peer's.
    """
    pairs = zip(ours, theirs, strict=True)
    return float(f"{statistics.median(one / other for one, other in pairs):.3g}")


def runs(rounds: int) -> str:
    """Say what the numbers of a table are taken from.

    Args:
        rounds: How often each side ran.

    Returns:
        A few words.
    """
    return "one run each" if rounds == 1 else f"medians of {rounds} runs"


def median(values: Sequence[float]) -> float:
    """The middle one, to four digits.

    Args:
        values: Measurements.

    Returns:
        Their median.
    """
    return float(f"{statistics.median(values):.4g}")


def alone(script: str, *words: str) -> dict[str, float]:
    """Run one side of a benchmark in a process of its own and read the JSON that it prints.

    Args:
        script: File of the benchmark.
        words: Its command line.

    Returns:
        What the process printed last.
    """
    command = [sys.executable, script, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table whose columns after the first are numbers.

    Args:
        head: Names of the columns.
        rows: Their cells.

    Returns:
        The table.
    """
    lines = [" | ".join(head), " | ".join([":--", *["--:"] * (len(head) - 1)])]
    lines += [" | ".join(str(cell) for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def parser(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """The options that every benchmark has.

    Args:
        description: First line of its help.
        rounds: How often each side runs if nothing is said; 1 for always once.

    Returns:
        A parser to add more options to.
    """
    options = argparse.ArgumentParser(description=description)
    if rounds > 1:
        options.add_argument("--rounds", type=int, default=rounds, help="how often each side runs")
    options.add_argument("--json", type=Path, help="write the measurements here as well")
    options.add_argument("--update", type=Path, help="Markdown file whose table to replace")
    return options


def tell(report: Report, text: str, options: argparse.Namespace, name: str) -> None:
    """Print the table, and write it where the options say.

    Args:
        report: What was found.
        text: The table and what else the page shows.
        options: As parsed by `parser`.
        name: Which part of a Markdown file is this benchmark's.
    """
    print(text)
    if options.json:
        options.json.write_text(report.as_json(), encoding="utf-8")
    if options.update:
        command = f"python benchmarks/{name}.py --update {options.update}"
        told = " ".join([f"Measured by `{command}` on {report.machine}.", *report.notes])
        replace_part(options.update, name, f"{text}\n\n{told}")


def replace_part(file: Path, name: str, text: str) -> None:
    """Replace what stands between two marks of a Markdown file.

    Args:
        file: The file; it has ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``.
        name: Name of the part.
        text: Its new text.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    whole = file.read_text(encoding="utf-8")
    if begin not in whole or end not in whole:
        raise SystemExit(f"{file} has no lines {begin} and {end}")
    head, _, rest = whole.partition(begin)
    _, _, tail = rest.partition(end)
    file.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")
