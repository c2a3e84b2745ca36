"""Which faults in a file would no test notice?

    python scripts/mutation.py src/pdl/metrics.py tests/pdl/test_metrics.py

Changes the file in one place at a time, as `mutmut` does, and runs the tests on each change. What
is committed is tried, in a copy; `mutmut` comes into an environment beside it. Both stay in FOLDER,
where ``env/bin/mutmut show NAME`` shows a change that no test noticed. Leave out tests that are
slow, and those that start a Python of their own: it does not see the change.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = [{file}]
also_copy = ["tests"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = {options}
"""
OWN = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
OPTIONS = [
    "-p",
    "no:randomly",
    "-p",
    "no:xdist",
    "-o",
    "addopts=",
    "-o",
    "timeout=30",
    "-m",
    "not slow",
]
NOTICED = ("killed", "timeout", "segfault", "suspicious", "caught_by_type_check")


def prepare(folder: Path, file: str, tests: list[str], without: list[str]) -> Path:
    """Copy the project, and make an environment that adds mutmut to the project's packages.

    Args:
        folder: Where to; empty or not there.
        file: The file to change, relative to the project.
        tests: Test files that run on each change.
        without: Words; a test whose name has one of them is left out.

    Returns:
        The environment's folder of programs.
    """
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    options = OPTIONS + (["-k", f"not ({' or '.join(without)})"] if without else [])
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as settings:
        words = {"file": file, "tests": tests, "options": options}
        settings.write(SETTINGS.format(**{key: json.dumps(value) for key, value in words.items()}))
    env = folder / "env"
    venv.create(env, with_pip=True)
    packages = sysconfig.get_path("purelib", vars={"base": str(env)})
    Path(packages, "project.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    programs = Path(sysconfig.get_path("scripts", vars={"base": str(env)}))
    subprocess.run([programs / "pip", "install", "--quiet", "mutmut"], check=True)
    return programs


def main() -> int:
    """Run mutmut and say how many changes were noticed, and which were not.

    Returns:
        Exit status: 1 where fewer were noticed than wanted.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", help="file to change, as in src/pdl/metrics.py")
    parser.add_argument("tests", nargs="+", help="test files to run")
    parser.add_argument(
        "--without", nargs="*", default=[], help="words in names of tests to leave out"
    )
    parser.add_argument("--folder", type=Path, help="where to work; a new temporary one by default")
    parser.add_argument("--wanted", type=int, default=80, help="percentage that must be noticed")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests of Ctrl-C need it
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mutation-"))
    mutmut = prepare(folder, options.file, options.tests, options.without) / "mutmut"
    run = {"cwd": folder, "env": os.environ | OWN}
    subprocess.run([mutmut, "run", "--max-children", "1"], **run, check=True)
    subprocess.run([mutmut, "export-cicd-stats"], **run, check=True, stdout=subprocess.DEVNULL)
    counts = json.loads((folder / "mutants/mutmut-cicd-stats.json").read_text(encoding="utf-8"))
    noticed, total = sum(counts.get(name, 0) for name in NOTICED), counts["total"]
    subprocess.run([mutmut, "results"], **run, check=True)
    sys.stdout.write(
        f"{options.file}: {noticed} of {total} noticed, {noticed / total:.1%}\n{folder}\n"
    )
    return int(100 * noticed < options.wanted * total)


if __name__ == "__main__":
    sys.exit(main())
