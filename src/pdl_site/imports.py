"""Which modules of the project a piece of code reaches, found without running it."""

from __future__ import annotations

import ast
import functools
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pdl_site.errors import SiteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Names = dict[str, str]


@functools.lru_cache(maxsize=4096)
def code_digest(source: str, *, docstrings: bool = False) -> str:
    """Hash code so that comments and layout change nothing, and docstrings only if asked.

    Args:
        source: Python code.
        docstrings: Whether texts that stand where a docstring stands count; in a cell they do,
            since a lone text is shown as the cell's result.

    Returns:
        SHA-256 of its syntax tree, in hex.

    Example:
        >>> code_digest("x = 1  # one") == code_digest("x=1")
        True
    """
    tree = ast.parse(source)
    for node in () if docstrings else ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] if isinstance(first.value.value, str) else node.body
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


class ModuleMap:
    """The modules below some source folders, and who imports whom.

    A map is one look: it reads a file when it first needs it, and does not see what is edited,
    comes or goes afterwards.

    Args:
        roots: Folders that hold packages, such as ``src``.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self.roots = tuple(roots)
        self._reached: dict[tuple[str, str], tuple[str, ...]] = {}
        self._found: dict[str, Path | None] = {}
        self._read: dict[Path, str] = {}

    def find(self, module: str) -> Path | None:
        """Find the file of a module.

        Args:
            module: Dotted name.

        Returns:
            The file, or None when the module is not one of the project's.
        """
        if module not in self._found:
            bases = [root.joinpath(*module.split(".")) for root in self.roots]
            files = (f for base in bases for f in (base / "__init__.py", base.with_suffix(".py")))
            self._found[module] = next((file for file in files if file.is_file()), None)
        return self._found[module]

    def read(self, file: Path) -> str:
        """Read a module of the project.

        Args:
            file: The module's file.

        Returns:
            Its text, which is Python.

        Raises:
            SiteError: If it is not.
        """
        if file not in self._read:
            self._read[file] = _read_module(file)
        return self._read[file]

    def reach(self, source: str) -> dict[str, Path]:
        """Find all modules of the project that running some code imports.

        Args:
            source: Python code.

        Returns:
            Files by dotted name, sorted by name: the imported modules, their packages, and
            what these import in turn.
        """
        found: dict[str, Path] = {}
        waiting = list(self._imports(source, package=""))
        while waiting:
            module = waiting.pop()
            file = self.find(module)
            if file is None or module in found:
                continue
            found[module] = file
            package = module if file.name == "__init__.py" else module.rpartition(".")[0]
            waiting += self._imports(self.read(file), package)
        return dict(sorted(found.items()))

    def used_names(self, sources: Iterable[str]) -> list[set[str]]:
        """Find which of the project's objects each of a chapter's cells uses.

        Args:
            sources: Code cells in order; what one imports, those after it may use.

        Returns:
            For each cell the dotted names of the objects (not modules) that it uses, as they
            are defined: ``from pkg import f`` and ``pkg.f`` both give ``pkg.module.f``.
        """
        bound: Names = {}
        used: list[set[str]] = []
        for source in sources:
            facts = _facts(source)
            for node in facts.imports:
                bound |= self._bindings(node)
            names = set()
            for dotted in facts.names:
                head, _, rest = dotted.partition(".")
                if head in bound and (target := self._object(bound[head], rest)):
                    names.add(target)
            used.append(names)
        return used

    def _bindings(self, node: ast.Import | ast.ImportFrom) -> Names:
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level or self.find(module) is None:
                return {}
            return {alias.asname or alias.name: f"{module}.{alias.name}" for alias in node.names}
        return {
            alias.asname or alias.name.partition(".")[0]: (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )
            for alias in node.names
            if self.find(alias.name)
        }

    def _object(self, name: str, rest: str) -> str:
        """Follow ``name.rest`` down to an object of a module; empty when it is a module."""
        full = f"{name}.{rest}" if rest else name
        parts = full.split(".")
        cut = max(
            (n for n in range(1, len(parts) + 1) if self.find(".".join(parts[:n]))), default=0
        )
        if not cut or cut == len(parts):
            return ""
        module, attribute = ".".join(parts[:cut]), parts[cut]
        if attribute.startswith("_"):  # private, or Python's own, like __file__: on no API page
            return ""
        if moved := self._lazy(module).get(attribute):
            module = moved
        return f"{module}.{attribute}"

    def _imports(self, source: str, package: str) -> tuple[str, ...]:
        """As `_direct`, found once for each source: all chapters reach the same modules."""
        key = source, package
        if key not in self._reached:
            self._reached[key] = tuple(self._direct(source, package))
        return self._reached[key]

    def _direct(self, source: str, package: str) -> Iterator[str]:
        """Dotted names that code imports, with the packages on the way to them."""
        facts = _facts(source)
        bound: Names = {}
        for node in facts.imports:
            if node in facts.for_types:
                continue
            bound |= self._bindings(node)
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from _with_parents(alias.name)
            else:
                yield from self._from(node, package)
        for dotted in facts.names:
            head, _, rest = dotted.partition(".")
            if head in bound and rest:
                yield from self._attributes(bound[head], rest)

    def _attributes(self, module: str, rest: str) -> Iterator[str]:
        """Modules that ``module.rest`` loads: lazy names, and modules of the project on the way."""
        for name in rest.split("."):
            if moved := self._lazy(module).get(name):
                yield moved
                return
            module = f"{module}.{name}"
            if self.find(module) is None:
                return
            yield module

    def _from(self, node: ast.ImportFrom, package: str) -> Iterator[str]:
        module = node.module or ""
        if node.level:
            base = package.split(".")
            base = base[: len(base) - node.level + 1]
            module = ".".join([*base, module] if module else base)
        if not module:
            return
        yield from _with_parents(module)
        lazy = self._lazy(module)
        for alias in node.names:
            if alias.name == "*":
                yield from lazy.values()
            else:
                yield lazy.get(alias.name, f"{module}.{alias.name}")

    def _lazy(self, module: str) -> Names:
        """The table of a package that imports its names on first use (PEP 562).

        It is any dict literal in ``__init__.py`` whose values name modules of the project.
        """
        file = self.find(module)
        if file is None or file.name != "__init__.py":
            return {}
        return _tables(self.read(file), module)


def foreign_names(sources: Iterable[str], package: str) -> list[set[str]]:
    """Find which names of another package each of a chapter's cells uses.

    Args:
        sources: Code cells in order; what one imports, those after it may use.
        package: Name of the package.

    Returns:
        For each cell the dotted names as the code writes them, with what the package's own name
        was shortened to written out.

    Example:
        >>> cells = ["import torch; from torch import nn", "nn.ReLU(); torch.e"]
        >>> sorted(foreign_names(cells, "torch")[1])
        ['torch.e', 'torch.nn.ReLU']
    """
    bound: Names = {}
    used: list[set[str]] = []
    for source in sources:
        facts = _facts(source)
        for node in facts.imports:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    bound[alias.asname or top] = alias.name if alias.asname else top
            elif not node.level:
                bound |= {
                    each.asname or each.name: f"{node.module}.{each.name}" for each in node.names
                }
        names = set()
        for dotted in facts.whole_names:
            head, _, rest = dotted.partition(".")
            if head in bound:
                full = f"{bound[head]}.{rest}".rstrip(".")
                if full.startswith(f"{package}."):
                    names.add(full)
        used.append(names)
    return used


def _read_module(file: Path) -> str:
    where = Path(os.path.relpath(file))
    try:
        source = file.read_text(encoding="utf-8")
        _tree(source)
    except SyntaxError as error:
        raise SiteError(f"SyntaxError: {error.msg}", path=where, line=error.lineno) from error
    except ValueError as error:  # not UTF-8, or a null byte
        raise SiteError(f"is not Python: {error}", path=where) from error
    return source


@functools.lru_cache(maxsize=4096)  # every module, and every cell of every chapter
def _tree(source: str) -> ast.Module:
    """Parse once what nobody changes."""
    return ast.parse(source)


class _Facts(NamedTuple):
    """What the questions of this module need of a piece of code."""

    imports: tuple[ast.Import | ast.ImportFrom, ...]
    for_types: frozenset[ast.AST]
    """Those that only a type checker sees."""
    names: tuple[str, ...]
    """Each dotted name, and each beginning of one."""
    whole_names: tuple[str, ...]
    """Each dotted name as far as it goes."""


@functools.lru_cache(maxsize=4096)
def _facts(source: str) -> _Facts:
    """Walk once through code that nobody changes; the site asks of all of it at each rebuild."""
    nodes = list(ast.walk(_tree(source)))
    imports = tuple(node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))
    for_types = frozenset(
        inner
        for node in nodes
        if isinstance(node, ast.If) and _dotted(node.test).endswith("TYPE_CHECKING")
        for part in node.body
        for inner in ast.walk(part)
    )
    inner = {node.value for node in nodes if isinstance(node, ast.Attribute)}
    dotted = [(name, node in inner) for node in nodes if (name := _dotted(node))]
    return _Facts(
        imports,
        for_types & set(imports),
        tuple(dict.fromkeys(name for name, _ in dotted)),
        tuple(dict.fromkeys(name for name, is_inner in dotted if not is_inner)),
    )


@functools.lru_cache(maxsize=64)
def _tables(source: str, module: str) -> Names:
    tree = _tree(source)
    if not any(isinstance(n, ast.FunctionDef) and n.name == "__getattr__" for n in tree.body):
        return {}
    table: Names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                texts = [n.value for n in (key, value) if isinstance(n, ast.Constant)]
                if len(texts) == 2 and all(isinstance(text, str) for text in texts):
                    name, target = map(str, texts)
                    if target.startswith((f"{module}.", ".")):
                        table[name] = module + target if target.startswith(".") else target
    return table


def _with_parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    for n in range(1, len(parts) + 1):
        yield ".".join(parts[:n])


def _dotted(node: ast.AST) -> str:
    """``a.b.c`` of an expression of names and attributes, else an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (head := _dotted(node.value)):
        return f"{head}.{node.attr}"
    return ""
