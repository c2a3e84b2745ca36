"""Which cells of a script must have run before some later cells can?"""

from __future__ import annotations

import ast
import builtins
import symtable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

CHANGING = frozenset({"train", "train_step", "fit", "requires_grad_"})
"""Functions from elsewhere that change what they are given, though they also return something."""
BUILT_IN = frozenset(dir(builtins))
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass
class Names:
    """What a piece of code has to do with the names around it.

    Attributes:
        binds: Names that it gives a value.
        needs: Names that must have a value before it.
        changes: Names whose objects it changes, as a training loop changes its model.
    """

    binds: set[str] = field(default_factory=set)
    needs: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)


def needed(
    earlier: Sequence[str], later: Iterable[str], *, always: Collection[int] = ()
) -> list[int]:
    """Find the cells that some later cells stand on.

    A cell is needed when it binds a name that is needed after it, or changes the object of one.

    Args:
        earlier: Code of all cells before, in order.
        later: Code of the cells that shall run.
        always: Places of cells that are needed for what no name tells, such as a file.

    Returns:
        Places of the needed cells in ``earlier``, in order.

    Example:
        >>> needed(["x = [1]", "y = 2", "x.append(3)", "print(x)"], ["assert x"])
        [0, 2]
    """
    functions: dict[str, ast.FunctionDef] = {}
    found = [names_in(source, functions) for source in earlier]
    fixed = {name for source in earlier for name in _definitions(ast.parse(source))}
    wanted = names_in("\n".join(later), functions).needs
    places: list[int] = []
    for place in range(len(found) - 1, -1, -1):
        cell = found[place]
        if place in always or wanted & (cell.binds | (cell.changes - fixed)):
            places.insert(0, place)
            wanted = (wanted - cell.binds) | cell.needs
    return places


def names_in(source: str, functions: dict[str, ast.FunctionDef] | None = None) -> Names:
    r"""Find the names of a cell, statement by statement.

    Args:
        source: Python code.
        functions: Functions defined before; those of this cell are added.

    Returns:
        Its names. A name that the cell itself has bound before is not needed.

    Example:
        >>> found = names_in("a = f(b)\na += 1\nc.append(a)")
        >>> sorted(found.binds), sorted(found.needs), sorted(found.changes)
        (['a'], ['b', 'c', 'f'], ['c'])
    """
    known = {} if functions is None else functions
    names = Names()
    _read(ast.parse(source).body, names, known)
    return names


def _read(
    statements: Sequence[ast.stmt], names: Names, functions: dict[str, ast.FunctionDef]
) -> None:
    """Add what a run of statements does, the blocks within them in the order in which they run."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef):
            functions[statement.name] = statement
        head, blocks = _split(statement)
        binds, needs = _scope(head)
        if isinstance(statement, ast.AugAssign):
            binds = set()
        own = binds if isinstance(statement, DEFINITIONS) else set()
        names.needs |= needs - names.binds - own - BUILT_IN
        names.changes |= set(_changed(head, functions)) - names.binds - BUILT_IN
        names.binds |= binds
        for block in blocks:
            _read(block, names, functions)


def _split(statement: ast.stmt) -> tuple[ast.stmt, list[list[ast.stmt]]]:
    """Part a statement from the blocks that run within it; a definition runs none."""
    if isinstance(statement, DEFINITIONS):
        return statement, []
    blocks: list[list[ast.stmt]] = []
    shell = type(statement)(**dict(ast.iter_fields(statement)))
    for name, value in ast.iter_fields(statement):
        if name in {"body", "orelse", "finalbody"} and isinstance(value, list) and value:
            blocks.append(value)
            setattr(shell, name, [ast.Pass()] if name == "body" else [])
        elif name == "handlers" and value:
            blocks += [handler.body for handler in value]
            handlers = [ast.ExceptHandler(h.type, h.name, [ast.Pass()]) for h in value]
            setattr(shell, name, handlers)
        elif name == "finalbody":
            setattr(shell, name, [])
    return ast.fix_missing_locations(shell), blocks


def _scope(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Names that a statement binds, and those it takes from around it."""
    top = symtable.symtable(ast.unparse(statement), "cell", "exec")
    binds = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    needs = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    tables = list(top.get_children())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global():
                (binds if symbol.is_assigned() else needs).add(symbol.get_name())
    return binds, needs


def _changed(statement: ast.stmt, functions: Mapping[str, ast.FunctionDef]) -> Iterator[str]:
    """Names whose objects a statement changes."""
    if isinstance(statement, DEFINITIONS):
        return
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        # a method is called for what it does: optimizer.step(), losses.append(loss)
        yield from _root(statement.value.func, behind_a_dot=True)
    for node in ast.walk(statement):
        if isinstance(node, ast.Call):
            yield from _changed_arguments(node, functions)
        elif isinstance(node, ast.Attribute | ast.Subscript):
            if not isinstance(node.ctx, ast.Load):
                yield from _root(node)
        elif isinstance(node, ast.AugAssign):
            yield from _root(node.target)


def _changed_arguments(call: ast.Call, functions: Mapping[str, ast.FunctionDef]) -> Iterator[str]:
    """Names of a call's arguments that the function changes."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    given: list[tuple[str | None, ast.expr]] = [(None, argument) for argument in call.args]
    given += [(keyword.arg, keyword.value) for keyword in call.keywords]
    if isinstance(call.func, ast.Name):
        name = call.func.id
        if name in functions:
            function = functions[name]
            parameters = [argument.arg for argument in function.args.args]
            others = {key: value for key, value in functions.items() if key != name}
            body = Names()
            _read(function.body, body, others)
            for place, (keyword, argument) in enumerate(given):
                parameter = keyword or (parameters[place] if place < len(parameters) else "")
                if parameter in body.changes:
                    yield from _root(argument)
            return
    if name in CHANGING or (name.endswith("_") and not name.startswith("_")):
        for _, argument in given:
            yield from _root(argument)


def _root(node: ast.expr, *, behind_a_dot: bool = False) -> Iterator[str]:
    """The name at the left end of ``a.b[c]``."""
    if behind_a_dot and not isinstance(node, ast.Attribute):
        return
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _definitions(tree: ast.Module) -> Iterator[str]:
    """Names of modules, functions and classes: to call them does not change them."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield (alias.asname or alias.name).split(".")[0]
        elif isinstance(node, DEFINITIONS):
            yield node.name
