"""Does a kernel run a chapter's cells as they stand, and does each failure name its place?"""

import asyncio
import base64
import re
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from projects import KEY, Project, chapter, code, options, prose

from pdl_site import kernel
from pdl_site.errors import ExecutionError
from pdl_site.execute import Session, run_chapter
from pdl_site.kernel import fence, kill_kernels, start_kernel
from pdl_site.record import Record

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def of(*cells: str, **changes: Any) -> Record:
        return run_chapter(chapter(*cells), KEY, options(tmp_path, **changes))

    return of


def failure(run: Any, *cells: str, **changes: Any) -> ExecutionError:
    with pytest.raises(ExecutionError) as caught:
        run(*cells, **changes)
    return caught.value


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_dead(*pids: int, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still alive: {[p for p in pids if is_alive(p)]}"
        time.sleep(0.05)


def texts(record: Record) -> list[list[str]]:
    return [[output.get("text", "") for output in outputs] for outputs in record.outputs]


WHOLE = (
    code("import os, sys, pathlib\nx = 41"),
    prose("Now {{ x + 1 }} and {{ f'{x:.2f}' }}."),
    prose("No value here."),
    code("print('one')\nprint('two')\nx"),
    code("x;"),
    code("'a text'"),
    code("# It is so.\nassert x == 41", tags=["check"]),
    code("try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print(error)"),
    code("print('slow', file=sys.stderr)", tags=["stderr"]),
    code("len('ab')"),
    code("pathlib.Path('models').mkdir()\npathlib.Path('models/x').write_text('1')"),
    code("sorted(p.name for p in pathlib.Path().iterdir())"),
    code("os.environ['OMP_NUM_THREADS'], os.environ['PYTHONHASHSEED']"),
    code("import helper\nhelper.VALUE"),
    code("for n in range(3):\n    print(f'{n}%', end='\\r')"),
    code("object()"),
    code("def f():\n    return 1\n\nf()"),
    prose("{{ 'a' if x\nelse 'b' }}"),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Record:
    root = tmp_path_factory.mktemp("whole")
    Project(root).write("src/helper.py", "VALUE = 'from src'\n")
    made = options(root, sources=(root / "src",), threads=1)
    return run_chapter(chapter(*WHOLE), KEY, made)


class TestRun:
    def test_outputs_are_those_of_a_notebook(self, whole: Record) -> None:
        assert texts(whole) == [
            [],
            ["one\ntwo", "41"],
            [],
            ["'a text'"],
            [],
            ["division by zero"],
            ["slow"],
            ["2"],
            ["1"],
            ["['models']"],
            ["('1', '0')"],
            ["'from src'"],
            ["2%"],
            ["<object>"],
            ["1"],
        ]

    def test_values_are_computed_where_they_stand(self, whole: Record) -> None:
        assert whole.values == (["42", "41.00"], ["a"])

    def test_facts(self, whole: Record) -> None:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", whole.facts["started"])
        assert 0 < whole.facts["seconds"] < 60
        assert whole.facts["peak_memory_mb"] > 10
        assert whole.facts["device"] == "CPU"
        assert (whole.key, whole.chapter) == (KEY, "a")

    def test_the_chapter_comes_alone_and_leaves_nothing(self, run: Any) -> None:
        (outputs,) = texts(run(code("import os\nprint(os.getcwd().rpartition('-')[2])")))
        assert not list(Path(tempfile.gettempdir()).glob(f"run-{outputs[0]}*"))

    def test_two_runs_give_the_same(self, run: Any) -> None:
        cells = (
            code("hash('a'), {'b', 'a', 'c'}, object()"),
            code("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()", alt="A line"),
        )
        first, second = run(*cells), run(*cells)
        assert first.outputs == second.outputs


class TestFigures:
    def test_each_way_of_showing_gives_one_drawing(self, run: Any) -> None:
        cells = (
            code("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()", alt="one"),
            code("fig, ax = plt.subplots()\nax.plot([1, 2]);", alt="two"),
            code("from matplotlib.figure import Figure\nf = Figure()\nf.subplots()\nf", alt="3"),
            code("plt.imshow([[0, 1]]);", alt="a picture"),
            code("plt.figure(); plt.plot([1]); plt.figure(); plt.plot([2]);", alt=["a", "b"]),
            code("'nothing more'"),
        )
        outputs = run(*cells).outputs
        figures = [[o["format"] for o in found if o["kind"] == "figure"] for found in outputs]
        assert figures == [["svg"], ["svg"], ["svg"], ["webp"], ["svg", "svg"], []]
        svg = base64.b64decode(outputs[0][0]["data"]).decode()
        assert svg.startswith("<svg")
        assert "<dc:date>" not in svg
        assert outputs[0][0]["alt"] == "one"

    def test_a_figure_without_alt_text(self, run: Any) -> None:
        source = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"
        error = failure(run, code("1"), code(source))
        assert str(error).startswith("tutorials/a.py:15: cell 3: shows 1 figures and has 0 text")


FAILURES = {
    "x = 1\nraise ValueError('boom')": "16: cell 3: ValueError: boom",
    "x = 1\n\nassert x == 2": "17: cell 3: AssertionError",
    "assert False, 'why'": "15: cell 3: AssertionError: why",
    "raise ValueError('two\\nlines')": "15: cell 3: ValueError: two",
    "import not_there": "15: cell 3: ModuleNotFoundError: No module named 'not_there'",
    "x = 1\nopen('missing.csv')": (
        "16: cell 3: FileNotFoundError: [Errno 2] No such file or directory: 'missing.csv'"
    ),
    "def f():\n    return 1 / 0\n\n\nf()": "19: cell 3: ZeroDivisionError: division by zero",
    "x = 1\nearlier()": "16: cell 3: NameError: name 'inner' is not defined",
    "import helper\nhelper.fail()": "16: cell 3: KeyError: 'x'",
    "x = input()": (
        "15: cell 3: StdinNotImplementedError: raw_input was called, but this frontend does not "
        "support input requests."
    ),
    "import sys\nsys.exit(3)": "16: cell 3: SystemExit: 3",
    "raise KeyboardInterrupt": "15: cell 3: KeyboardInterrupt",
    "import warnings\nwarnings.warn('old', DeprecationWarning)": (
        "16: cell 3: DeprecationWarning: old"
    ),
    "import warnings\nwarnings.warn('old', FutureWarning)": "16: cell 3: FutureWarning: old",
    "import helper\nhelper.warn()": "16: cell 3: FutureWarning: from the library",
}
EXPRESSIONS = {
    "unknown": "16: cell 3: {{ unknown }}: NameError: name 'unknown' is not defined",
    "1 / 0": "16: cell 3: {{ 1 / 0 }}: ZeroDivisionError: division by zero",
}


class TestFailures:
    def test_each_names_file_line_cell_and_error(self, tmp_path: Path) -> None:
        """One kernel takes all of them: it outlives an error, though a chapter does not."""
        helper = """\
            import warnings
            def fail(): return {}["x"]
            def warn(): warnings.warn("from the library", FutureWarning, stacklevel=2)
        """
        Project(tmp_path).write("src/helper.py", helper)
        made = options(tmp_path, sources=(tmp_path / "src",))
        earlier = code("def earlier(): inner")

        async def all_of_them() -> dict[str, str]:
            found = {}
            async with start_kernel(made) as (client, work):
                first = Session(client, chapter(earlier), made)
                await first.hidden(fence(made, work))
                await first.cell(first.chapter.cells[1])
                for source in FAILURES:
                    session = Session(client, chapter(earlier, code(source)), made)
                    with pytest.raises(ExecutionError) as caught:
                        await session.cell(session.chapter.cells[2])
                    found[source] = str(caught.value)
                    assert "\x1b" not in caught.value.detail
                    assert source.splitlines()[-1] in caught.value.detail
                for source in EXPRESSIONS:
                    text = prose(f"First.\nThen {{{{ {source} }}}}.")
                    session = Session(client, chapter(earlier, text), made)
                    cell = session.chapter.cells[2]
                    with pytest.raises(ExecutionError) as caught:
                        await session.value(cell, cell.expressions[0])
                    found[source] = str(caught.value)
            return found

        expected = {k: f"tutorials/a.py:{v}" for k, v in (FAILURES | EXPRESSIONS).items()}
        assert asyncio.run(all_of_them()) == expected

    def test_a_chapter_ends_at_its_first_failure(self, run: Any, tmp_path: Path) -> None:
        mark = tmp_path.parent / f"{tmp_path.name}-mark"
        error = failure(run, code("x = 1\n1 / 0"), code(f"open({str(mark)!r}, 'w')"))
        assert str(error) == "tutorials/a.py:13: cell 2: ZeroDivisionError: division by zero"
        assert "1 / 0" in error.detail
        assert not mark.exists()

    def test_an_expression_with_a_dangerous_value(self, run: Any) -> None:
        error = failure(run, prose("{{ '<scr' + 'ipt>' }}"))
        assert str(error).startswith("tutorials/a.py:12: cell 2: computes '<script>'")

    def test_stderr_without_the_tag(self, run: Any) -> None:
        error = failure(run, code("import warnings\nwarnings.warn('mind')"))
        assert str(error).startswith(
            "tutorials/a.py:12: cell 2: wrote to stderr: 'this cell:2: UserWarning: mind'"
        )

    def test_the_tag_allows_stderr_and_no_deprecation(self, run: Any) -> None:
        cells = (
            code("import sys, warnings\nprint('x', file=sys.stderr)", tags=["stderr"]),
            code("warnings.warn('old', FutureWarning)", tags=["stderr"]),
        )
        assert "cell 3: FutureWarning: old" in str(failure(run, *cells))


SPAWN = """
import os, subprocess, time
child = subprocess.Popen(["sleep", "300"])
with open({mark!r}, "w") as file:
    file.write(f"{{os.getpid()}} {{child.pid}}")
"""


class TestLimits:
    def mark(self, tmp_path: Path) -> Path:
        return tmp_path.parent / f"{tmp_path.name}-pids"

    def pids(self, tmp_path: Path) -> list[int]:
        return [int(pid) for pid in self.mark(tmp_path).read_text(encoding="utf-8").split()]

    def spawn(self, tmp_path: Path) -> str:
        return code(SPAWN.format(mark=str(self.mark(tmp_path))))

    @pytest.mark.parametrize(
        "endless", ["time.sleep(300)", "import re\nre.match('(a+)+b', 'a' * 60)"]
    )
    def test_a_cell_that_is_too_long(self, run: Any, tmp_path: Path, endless: str) -> None:
        clock = time.monotonic()
        error = failure(run, self.spawn(tmp_path), code(f"x = 1\n{endless}"), cell_timeout=2)
        assert str(error) == "tutorials/a.py:18: cell 3: timed out after 2 s"
        assert time.monotonic() - clock < 20
        wait_until_dead(*self.pids(tmp_path))

    def test_an_expression_that_is_too_long(self, run: Any) -> None:
        cells = (code("import time"), prose("{{ time.sleep(300) }}"))
        error = failure(run, *cells, cell_timeout=1)
        assert str(error) == "tutorials/a.py:15: cell 3: {{ time.sleep(300) }}: timed out after 1 s"

    def test_a_chapter_that_is_too_long(self, run: Any, tmp_path: Path) -> None:
        cells = [code("import time\ntime.sleep(0.7)")] * 9
        error = failure(run, self.spawn(tmp_path), *cells, chapter_timeout=2)
        assert re.fullmatch(
            r"tutorials/a\.py:\d+: cell [3-6]: the chapter runs for more than 2 s", str(error)
        )
        wait_until_dead(*self.pids(tmp_path))

    @pytest.mark.parametrize("end", ["os._exit(3)", "os.kill(os.getpid(), 9)"])
    def test_a_kernel_that_dies(self, run: Any, tmp_path: Path, end: str) -> None:
        error = failure(run, self.spawn(tmp_path), code(f"x = 1\n{end}"))
        expected = "tutorials/a.py:18: cell 3: the kernel died (out of memory, or killed)"
        assert str(error) == expected
        wait_until_dead(*self.pids(tmp_path))

    def test_a_kernel_that_dies_in_an_expression(self, run: Any) -> None:
        error = failure(run, code("import os"), prose("{{ os._exit(1) }}"))
        assert "cell 3: {{ os._exit(1) }}: the kernel died" in str(error)

    def test_children_of_a_chapter_that_ended_well(self, run: Any, tmp_path: Path) -> None:
        run(self.spawn(tmp_path))
        wait_until_dead(*self.pids(tmp_path))


FORBIDDEN = [
    "open(path, 'w')",
    "open(path, 'a')",
    "open(path, 'r+b')",
    "pathlib.Path(path).write_text('x')",
    "os.open(path, os.O_WRONLY)",
    "os.remove(path)",
    "os.rename(path, path + 'x')",
    "open('mine', 'w').close(); os.replace('mine', path)",
    "os.link('mine', path + 'x')",
    "os.symlink('mine', path + 'x')",
    "os.truncate(path, 0)",
    "os.mkdir(path + 'd')",
    "os.rmdir(root + '/tutorials')",
    "shutil.rmtree(root)",
    "shutil.copy(path, path + 'x')",
    "os.symlink(root, 'there'); open('there/new', 'w')",
    "os.chdir(root); open('file', 'w')",
]


class TestFence:
    def test_no_cell_changes_the_project(self, run: Any, tmp_path: Path) -> None:
        Project(tmp_path).write("tutorials/file", "kept")
        Project(tmp_path).write("file", "kept")
        before = sorted(path.name for path in tmp_path.rglob("*"))
        head = f"import os, pathlib, shutil\nroot = {str(tmp_path)!r}\npath = root + '/file'"
        attempt = "try:\n    {}\nexcept PermissionError as error:\n    print(str(error)[:44])"
        record = run(code(head), *(code(attempt.format(act)) for act in FORBIDDEN))
        refused = ["a chapter writes in its own folder only, not"]
        found = dict(zip(FORBIDDEN, texts(record)[1:], strict=True))
        assert found == dict.fromkeys(FORBIDDEN, refused)
        assert sorted(path.name for path in tmp_path.rglob("*")) == before
        assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"

    def test_reading_and_writing_elsewhere_is_fine(self, run: Any, tmp_path: Path) -> None:
        Project(tmp_path).write("data.csv", "1")
        read = f"print(open({str(tmp_path / 'data.csv')!r}).read())"
        own = (
            "import os\nopen('x', 'w').close()\nos.rename('x', 'y')\nos.remove('y')\nos.mkdir('d')"
        )
        assert texts(run(code(read), code(own))) == [["1"], []]

    def test_a_run_folder_inside_the_project(
        self, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "tmp").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
        assert texts(run(code("open('x', 'w').close()\n1"))) == [["1"]]
        assert not list((tmp_path / "tmp").iterdir())

    def test_the_fence_is_python(self, tmp_path: Path) -> None:
        compile(fence(options(tmp_path), "/w"), "fence", "exec")


def test_a_kernel_that_starts_while_all_are_killed_is_killed_too(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked_to_end(*given: Any, environment: Any = kernel._environment) -> dict[str, str]:
        kill_kernels()
        return environment(*given)

    monkeypatch.setattr(kernel, "_environment", asked_to_end)
    clock = time.monotonic()
    with pytest.raises((ExecutionError, RuntimeError)):
        run(code("import time\ntime.sleep(40)"))
    assert time.monotonic() - clock < 30


def test_killing_all_kernels_ends_a_run_at_once(run: Any, tmp_path: Path) -> None:
    mark = tmp_path.parent / f"{tmp_path.name}-mark"

    def kill_when_it_runs() -> None:
        while not mark.exists():
            time.sleep(0.05)
        kill_kernels()

    killer = threading.Thread(target=kill_when_it_runs, daemon=True)
    killer.start()
    source = f"import time\nopen({str(mark)!r}, 'w').close()\ntime.sleep(25)"
    clock = time.monotonic()
    error = failure(run, code(source))
    assert "cell 2: the kernel died" in str(error)
    assert time.monotonic() - clock < 20
    killer.join()
