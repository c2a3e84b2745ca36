"""Are the cells that later ones stand on found, and no others?"""

import pytest

from pdl_site.slicing import names_in, needed


@pytest.mark.parametrize(
    ("earlier", "later", "places"),
    [
        pytest.param(["x = 1", "y = 2"], "print(x)", [0], id="a name"),
        pytest.param(["x = 1", "x = 2"], "x", [1], id="the last value of a name"),
        pytest.param(["x = 1", "x += 1"], "x", [0, 1], id="a value made from the one before"),
        pytest.param(["import a", "b = a.c()", "d = b"], "d", [0, 1, 2], id="a chain"),
        pytest.param(["x = []", "x.append(1)"], "x", [0, 1], id="a method that is called alone"),
        pytest.param(["x = {}", "x['a'] = 1"], "x", [0, 1], id="an entry that is set"),
        pytest.param(["x = []", "y = len(x)", "print(x)"], "x", [0], id="reading changes nothing"),
        pytest.param(["import t", "t.seed(1)"], "t", [0], id="a module is not changed"),
        pytest.param(
            ["m = M()", "def step(a):\n    a.go()", "step(m)"],
            "m",
            [0, 1, 2],
            id="a function that changes what it is given",
        ),
        pytest.param(
            ["m = M()", "def look(a):\n    return a.go()", "look(m)"],
            "m",
            [0],
            id="a function that only looks",
        ),
        pytest.param(["m = M()", "out = engine.train(m)"], "m", [0, 1], id="training by a library"),
        pytest.param(["w = t()", "nn.init.zeros_(w)"], "w", [0, 1], id="a function in place"),
        pytest.param(
            ["k = 2", "def f(a):\n    return a * k"], "f(1)", [0, 1], id="inside a function"
        ),
        pytest.param(
            ["a = 1", "def f(a):\n    return a"], "f(1)", [1], id="a parameter is its own"
        ),
        pytest.param(["x = 1"], "for x in (1, 2):\n    print(x)", [], id="a loop binds its name"),
        pytest.param(["x = 1"], "[x for x in (1, 2)]", [], id="so does a comprehension"),
        pytest.param(
            ["e = 1"], "try:\n    f()\nexcept ValueError as e:\n    print(e)", [], id="an error"
        ),
        pytest.param(["x = 1"], "if a:\n    x = 2\n    print(x)", [], id="within a block"),
        pytest.param(["x = 1"], "import x", [], id="an import binds, too"),
    ],
)
def test_cells_are_found(earlier: list[str], later: str, places: list[int]) -> None:
    assert needed(earlier, [later]) == places


def test_a_function_that_calls_itself_ends() -> None:
    cells = ["m = M()", "def f(a):\n    f(a)\n    a.go()", "f(m)"]
    assert needed(cells, ["m"]) == [0, 1, 2]


def test_what_the_later_cells_bind_themselves_is_not_looked_for() -> None:
    assert needed(["x = 1"], ["x = 2", "print(x)"]) == []


def test_names_of_python_itself_are_not_needed() -> None:
    assert names_in("print(len(x))").needs == {"x"}


def test_a_cell_that_leaves_a_file_brings_what_it_needs() -> None:
    cells = ["path = f()", "x = 1", "write(path)", "y = 2"]
    assert needed(cells, ["read()"], always=[2]) == [0, 2]
