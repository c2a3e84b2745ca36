"""Is there a file that a reader answers with anything but a result or an error of its own?

    pip install atheris
    python scripts/fuzz.py archive --seconds 60 --keep

A coverage-guided fuzzer invents bytes. ``--keep`` adds the shortest of those that reached new code
to the corpus in ``tests/pdl``, whose files the tests read again.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1] / "tests/pdl"
CORPORA = {
    "archive": TESTS / "data/corpus/archive.json",
    "image": TESTS / "data/corpus/image.json",
    "checkpoint": TESTS / "data/corpus/checkpoint.json",
    "pickle": TESTS / "data/corpus/pickle.json",
}
KEPT = 110
"""Files of a corpus; the tests read them all in each run."""


def target(name: str, folder: Path) -> Callable[[bytes], None]:
    """The function to call with invented bytes; what it raises is a finding.

    Args:
        name: A key of ``CORPORA``.
        folder: To write files into.

    Returns:
        The function.
    """
    import atheris  # noqa: PLC0415 - run by hand, in no environment of the project

    with atheris.instrument_imports(include=["pdl.data", "pdl.sealed", "pdl.pickled"]):
        from pdl.data.archive import Limits, unpack  # noqa: PLC0415 - instrumented as it is imported
        from pdl.data.images import why_bad  # noqa: PLC0415 - instrumented as it is imported
        from pdl.errors import ArchiveError, CheckpointError  # noqa: PLC0415 - instrumented as it is imported
        from pdl.pickled import read_state_dict  # noqa: PLC0415 - instrumented as it is imported
        from pdl.sealed import unseal  # noqa: PLC0415 - instrumented as it is imported

    file, out = folder / "a.png", folder / "out"

    def archive(data: bytes) -> None:
        file.write_bytes(data)
        try:
            unpack(file, out, limits=Limits(max_bytes=10**6))
        except ArchiveError:
            left = {path.name for path in folder.iterdir()} - {file.name, "corpus"}
            if left:
                raise AssertionError(f"a refused archive left {left}") from None
        shutil.rmtree(out, ignore_errors=True)

    def image(data: bytes) -> None:
        file.write_bytes(data)
        why_bad(file, max_pixels=10**6)

    def checkpoint(data: bytes) -> None:
        try:
            unseal(data, "a.safetensors")
        except CheckpointError:
            return

    def pickle(data: bytes) -> None:
        try:
            read_state_dict(data, "a.pt")
        except CheckpointError:
            return

    one: Callable[[bytes], None] = {
        "archive": archive,
        "image": image,
        "checkpoint": checkpoint,
        "pickle": pickle,
    }[name]
    return one


def seeds(name: str) -> list[bytes]:
    """Whole files to begin with: chance alone writes no header.

    Args:
        name: A key of ``CORPORA``.

    Returns:
        Their contents; empty where the corpus has some.
    """
    import torch  # noqa: PLC0415 - not needed to show the help

    from pdl.sealed import seal  # noqa: PLC0415 - it imports torch

    weights = {"weight": torch.ones(2, 1), "bias": torch.zeros(2)}
    if name == "checkpoint":
        plain = safetensors_file(weights)
        return [seal(weights, {"kind": "weights"}), plain]
    if name == "pickle":
        with tempfile.TemporaryFile() as file:
            torch.save(weights, file)
            file.seek(0)
            return [file.read()]
    return []


def safetensors_file(weights: dict[str, Any]) -> bytes:
    """A file of another program: no SHA-256 keeps changes from the parser.

    Args:
        weights: Tensors by name.

    Returns:
        Its content.
    """
    import safetensors.torch  # noqa: PLC0415 - not needed to show the help

    content: bytes = safetensors.torch.save(weights)
    return content


def fuzz(name: str, seconds: int, folder: Path) -> None:
    """Run the fuzzer in this process, which does not come back.

    Args:
        name: A key of ``CORPORA``.
        seconds: How long.
        folder: Holds ``corpus``, which grows.
    """
    import atheris  # noqa: PLC0415 - run by hand, in no environment of the project

    options = [f"-max_total_time={seconds}", "-rss_limit_mb=4096", "-verbosity=0", "-timeout=20"]
    options += ["-print_final_stats=1", f"-artifact_prefix={folder}/finding-"]
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], target(name, folder))
    atheris.Fuzz()


def main() -> None:
    """Start the fuzzer in a process of its own and keep what it found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=CORPORA)
    parser.add_argument("--seconds", type=int, default=60, help="how long")
    parser.add_argument("--keep", action="store_true", help="add to the corpus of the tests")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        fuzz(options.name, options.seconds, options.inside)
        return
    file, valid = CORPORA[options.name], seeds(options.name)
    known = (
        [base64.b64decode(text) for text in json.loads(file.read_text())] if file.exists() else []
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = folder / "corpus"
        corpus.mkdir()
        for number, data in enumerate([*known, *valid]):
            (corpus / str(number)).write_bytes(data)
        command = [sys.executable, __file__, options.name, "--seconds", str(options.seconds)]
        ended = subprocess.run([*command, "--inside", name], check=False)
        for finding in folder.glob("finding-*"):
            print(finding.name, base64.b64encode(finding.read_bytes()).decode())  # noqa: T201 - the report of a program
        reached = {path.read_bytes() for path in corpus.iterdir()}
    new = sorted(reached - set(known) - set(valid), key=lambda data: (len(data), data))
    print(f"{options.name}: exit code {ended.returncode}, {len(new)} files reached new code")  # noqa: T201
    if options.keep and ended.returncode == 0:
        kept = [*known, *new][:KEPT]
        file.parent.mkdir(parents=True, exist_ok=True)
        texts = [base64.b64encode(data).decode() for data in kept]
        file.write_text(json.dumps(texts, indent=0) + "\n", encoding="utf-8")
    sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
