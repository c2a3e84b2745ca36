"""Does `pdl.init` do what its page says, on good input and on bad?"""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import pdl

STUB = Path(pdl.__file__).with_suffix(".pyi")


def test_all_is_sorted_and_is_what_is_exported():
    assert pdl.__all__ == sorted(pdl.__all__)
    assert set(pdl.__all__) == {"__version__", *pdl._EXPORTS}
    assert set(pdl.__all__) <= set(dir(pdl))


def test_the_exports_are_one_literal_that_tools_can_read():
    tree = ast.parse(Path(pdl.__file__).read_text(encoding="utf-8"))
    literal = next(node for node in tree.body if isinstance(node, ast.AnnAssign))
    assert ast.literal_eval(literal.value) == pdl._EXPORTS


@pytest.mark.parametrize("name", sorted(pdl._EXPORTS))
def test_each_name_is_what_its_module_has(name):
    module = importlib.import_module(pdl._EXPORTS[name])
    assert getattr(pdl, name) is getattr(module, name)
    assert getattr(pdl, name).__doc__


def test_the_stub_for_type_checkers_says_the_same():
    stated = {
        alias.asname: node.module
        for node in ast.parse(STUB.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert stated == {**pdl._EXPORTS, "__version__": "pdl._version"}


def test_an_unknown_name_is_refused_as_in_any_module():
    with pytest.raises(AttributeError, match="module 'pdl' has no attribute 'nothing'"):
        _ = pdl.nothing


def test_names_never_disappear():
    """Readers' programs use them; a name may be added here and none taken away."""
    promised = """History accuracy accuracy_fn adamw choose_device info load_model make_generator
    plot_loss_curves plot_predictions save_model set_seeds test_step train train_step use_style"""
    assert set(promised.split()) <= set(pdl.__all__)


def run(code):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout


def test_importing_the_package_imports_neither_torch_nor_matplotlib():
    loaded = run("import pdl, sys; pdl.__version__; print(*sys.modules)").split()
    assert not {"torch", "matplotlib", "numpy", "pdl.engine"} & set(loaded)


def test_a_function_keeps_its_name_when_a_module_has_the_same():
    code = "import pdl, pdl.info; from pdl.info import info; assert pdl.info is info"
    assert run(code + "; print(pdl.info())").startswith("pdl ")
