"""Does the code we ship call anything that turns data into a running program?"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CALLS = {"eval", "exec", "__import__", "os.system", "os.popen", "pickle.load",
         "pickle.loads", "pickle.Unpickler", "marshal.loads", "shelve.open", "dill.load",
         "joblib.load", "yaml.load", "yaml.unsafe_load",
         "tempfile.mktemp"}  # fmt: skip
METHODS = {"extractall"}
KEYWORDS = {("shell", True), ("weights_only", False), ("allow_pickle", True), ("verify", False)}
ALLOWED = {
    # A subclass of yaml's SafeLoader that drops the tags of mkdocs.yml.
    ("src/pdl_site/__main__.py", "yaml.load"),
}


def faults(source: str) -> list[tuple[int, str]]:
    """List the forbidden calls of a module, each with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in CALLS or (isinstance(node.func, ast.Attribute) and node.func.attr in METHODS):
            found.append((node.lineno, name))
        found += [
            (node.lineno, f"{keyword.arg}={keyword.value.value}")
            for keyword in node.keywords
            if isinstance(keyword.value, ast.Constant)
            and (keyword.arg, keyword.value.value) in KEYWORDS
            and isinstance(keyword.value.value, bool)
        ]
        if name == "torch.load" and "weights_only" not in {k.arg for k in node.keywords}:
            found.append((node.lineno, "torch.load without weights_only=True"))
    return found


def test_no_forbidden_call(repo: Path) -> None:
    found = [
        f"{file.relative_to(repo)}:{line}: {call}"
        for file in sorted((repo / "src").rglob("*.py"))
        for line, call in faults(file.read_text(encoding="utf-8"))
        if (file.relative_to(repo).as_posix(), call) not in ALLOWED
    ]

    assert not found, "\n".join(found)


def test_no_address_without_encryption(repo: Path) -> None:
    found = [
        f"{file.relative_to(repo)}:{number}"
        for file in sorted((repo / "src").rglob("*.py"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if "http://" in line and "127.0.0.1" not in line and "www.w3.org" not in line
        # the doctest that shows such an address refused
        if not ("download.py" in file.name and "http://a.org/x" in line)
    ]

    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "eval(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "archive.extractall(folder)",
        "subprocess.run(line, shell=True)",
        "numpy.load(path, allow_pickle=True)",
    ],
)
def test_each_kind_is_found(line: str) -> None:
    assert faults(f"import x\n\n{line}\n")[0][0] == 3


def test_what_is_safe_is_let_through() -> None:
    assert faults("torch.load(path, weights_only=True)\nmodel.eval()\nre.compile('a')\n") == []
