"""Does each way in which a build can fail end as reliability asks: rows B1 to B15, by real builds?

A failed build exits with 1, says file, line and cell in its last line, and leaves the old site as
it was. A build that can go on does, and its site is right.
"""

import asyncio
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from projects import (
    Project,
    chapter,
    code,
    last_line,
    make_project,
    options,
    prose,
    script,
)

from pdl_site.errors import ExecutionError, SiteError
from pdl_site.execute import Session
from pdl_site.kernel import start_kernel
from pdl_site.outputs import Policy, clean

pytestmark = pytest.mark.timeout(120)

VALUE = "import lib\nfrom pathlib import Path\nprint('value', lib.VALUE)"
CELLS = (
    code(VALUE),
    prose("The answer is {{ lib.VALUE + 1 }}."),
    code("# It is positive.\nassert lib.VALUE > 0", tags=["check"]),
)
STRICT = """\
site_name: T
theme: {name: null, custom_dir: theme}
markdown_extensions: [attr_list, md_in_html, tables]
validation: {omitted_files: warn, absolute_links: warn, unrecognized_links: warn, anchors: warn}
plugins:
  - autorefs
  - pdl_site: {jobs: 2, cell_timeout: 20}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose site has been built once; tests copy it."""
    project = make_project(tmp_path_factory.mktemp("built"), *CELLS, config=STRICT)
    project.write("src/lib.py", "VALUE = 41\n")
    done = project.build()
    assert done.returncode == 0, done.stdout
    return project


@pytest.fixture
def project(built: Project, tmp_path: Path) -> Project:
    shutil.copytree(built.root, tmp_path / "project")
    return Project(tmp_path / "project")


def snapshot(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def refused(project: Project, *cells: str, **front: Any) -> str:
    """Build with other cells; return the last line, having seen that the old site stays."""
    project.write("tutorials/a.py", script(*cells, **front))
    return refused_as_it_stands(project)


def refused_as_it_stands(project: Project) -> str:
    before = snapshot(project.root / "site")
    done = project.build()
    assert done.returncode == 1, done.stdout
    assert snapshot(project.root / "site") == before
    return last_line(done)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for(happens: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def assert_same(one: Path, two: Path) -> None:
    """Two sites are byte for byte the same."""
    first, second = snapshot(one), snapshot(two)
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []


# ------------------------------------------------------------------------------- B1, B2: failures


class TestB01RaisingCell:
    def test_b01_the_last_line_names_file_line_and_cell(self, project: Project) -> None:
        cells = (CELLS[0], code("x = 1"), code("y = 2\nraise ValueError('boom')"))
        assert refused(project, *cells) == "tutorials/a.py:21: cell 4: ValueError: boom"

    def test_b01_two_failing_chapters_are_both_named(self, project: Project) -> None:
        project.write("tutorials/b.py", script(code("1 / 0"), order=1))
        project.write("tutorials/a.py", script(code("[][1]")))
        done = project.build()
        assert done.returncode == 1
        output = done.stdout
        assert re.search(r"tutorials/[ab]\.py:12: cell 2: \w+Error", last_line(done))
        assert "ERROR" in output


PARSE_FAULTS: dict[str, tuple[Any, str]] = {
    "syntax error": (
        lambda: script(code("x = 1"), code("y = 1\nif y\n    pass")),
        r"tutorials/a\.py:16: cell 3: SyntaxError: expected ':'",
    ),
    "broken front matter": (
        lambda: script().replace("# title: A", "# title: [A"),
        r"tutorials/a\.py:3: front matter is not YAML: .*",
    ),
    "no front matter": (
        lambda: code("1"),
        r"tutorials/a\.py:1: a chapter begins with front matter .*",
    ),
    "unknown key": (
        lambda: script(tilte="B"),
        r"tutorials/a\.py:7: unknown key 'tilte' in the front matter; known are .*",
    ),
    "unknown tag": (
        lambda: script(code("1", tags=["chekc"])),
        r"tutorials/a\.py:11: cell 2: unknown tag in \['chekc'\] of a code cell; known are .*",
    ),
    "bad expression": (
        lambda: script(prose("One.\nTwo {{ 1 + }}.")),
        r"tutorials/a\.py:13: cell 2: bad expression \{\{ 1 \+ \}\}: invalid syntax",
    ),
    "missing data set": (
        lambda: script(data=[{"name": "pizza", "path": "data/pizza/*.jpg"}]),
        r"tutorials/a\.py:1: data set 'pizza' is missing: no file matches 'data/pizza/\*\.jpg'",
    ),
    "unsafe HTML": (
        lambda: script(prose("<script>alert(1)</script>")),
        r"tutorials/a\.py:12: cell 2: prose must not carry '<script>': .*",
    ),
    "unknown need": (
        lambda: script(needs=["zz"]),
        r"tutorials/a\.py:1: needs 'zz', which is no chapter",
    ),
}


class TestB02OtherFailures:
    @pytest.mark.parametrize("fault", PARSE_FAULTS)
    def test_b02_what_the_parser_finds(self, project: Project, fault: str) -> None:
        make, expected = PARSE_FAULTS[fault]
        project.write("tutorials/a.py", make())
        found = refused_as_it_stands(project)
        assert re.fullmatch(expected, found), found

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
            (
                "open('data/x.csv')",
                "FileNotFoundError: [Errno 2] No such file or directory: 'data/x.csv'",
            ),
        ],
    )
    def test_b02_import_error_and_missing_file(
        self, project: Project, source: str, expected: str
    ) -> None:
        assert refused(project, code(source)) == f"tutorials/a.py:12: cell 2: {expected}"

    def test_b02_an_expression_that_fails(self, project: Project) -> None:
        found = refused(project, code("x = 1"), prose("One.\nTwo {{ x / 0 }}."))
        assert found == (
            "tutorials/a.py:16: cell 3: {{ x / 0 }}: ZeroDivisionError: division by zero"
        )

    def test_b02_a_figure_without_alt_text(self, project: Project) -> None:
        source = "from matplotlib.figure import Figure\nf = Figure()\nf.subplots()\nf"
        assert refused(project, code(source)) == (
            "tutorials/a.py:12: cell 2: shows 1 figures and has 0 text alternatives; "
            'give each figure one: # %% alt="..." (a list for several)'
        )

    def test_b02_a_syntax_error_in_the_library(self, project: Project) -> None:
        project.write("src/lib.py", "VALUE = 41\nif VALUE\n    pass\n")
        assert refused_as_it_stands(project) == "src/lib.py:2: SyntaxError: expected ':'"

    def test_b02_no_chapter_at_all(self, project: Project) -> None:
        (project.root / "tutorials/a.py").unlink()
        assert "there is no chapter (*.py) in " in refused_as_it_stands(project)

    def test_b02_two_chapters_in_one_place(self, project: Project) -> None:
        project.write("tutorials/b.py", script())
        assert refused_as_it_stands(project) == (
            "tutorials/b.py:1: order 0 is taken by tutorials/a.py"
        )


class TestB03DeliberateError:
    def test_b03_a_caught_error_shows_and_the_chapter_goes_on(self, project: Project) -> None:
        source = "try:\n    [1][5]\nexcept IndexError as error:\n    print('Caught:', error)"
        project.write("tutorials/a.py", script(code(source), prose("After {{ 1 + 1 }}.")))
        done = project.build()
        assert done.returncode == 0, done.stdout
        assert "Caught: list index out of range</pre>" in project.page()
        assert "After 2." in project.page()

    def test_b03_no_tag_lets_a_cell_raise(self, project: Project) -> None:
        found = refused(project, code("1 / 0", tags=["raises-exception"]))
        assert "cell 2: unknown tag in ['raises-exception']" in found


# ----------------------------------------------------------------------------- B4, B5: time, death


def spawning(mark: Path, then: str) -> str:
    return code(
        "import os, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '300'])\n"
        f"with open({str(mark)!r}, 'w') as file:\n"
        "    file.write(f'{os.getpid()} {child.pid}')\n"
        f"{then}"
    )


def pids_in(mark: Path) -> list[int]:
    return [int(pid) for pid in mark.read_text(encoding="utf-8").split()]


class TestB04Timeouts:
    def test_b04_a_cell_that_is_too_long(self, project: Project, tmp_path: Path) -> None:
        project.write("mkdocs.yml", STRICT.replace("cell_timeout: 20", "cell_timeout: 2"))
        cells = (code("x = 1"), spawning(tmp_path / "mark", "time.sleep(300)"))
        assert refused(project, *cells) == "tutorials/a.py:15: cell 3: timed out after 2 s"
        pids = pids_in(tmp_path / "mark")
        wait_for(lambda: not any(map(is_alive, pids)), 5, "kernel and child are gone")

    def test_b04_a_chapter_that_is_too_long(self, project: Project, tmp_path: Path) -> None:
        limits = "cell_timeout: 20, chapter_timeout: 2"
        project.write("mkdocs.yml", STRICT.replace("cell_timeout: 20", limits))
        found = refused(project, spawning(tmp_path / "mark", "time.sleep(300)"))
        assert found == "tutorials/a.py:12: cell 2: the chapter runs for more than 2 s"
        pids = pids_in(tmp_path / "mark")
        wait_for(lambda: not any(map(is_alive, pids)), 5, "kernel and child are gone")


class TestB05DeadKernel:
    @pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)"])
    def test_b05_a_kernel_that_dies(self, project: Project, tmp_path: Path, end: str) -> None:
        cells = (code("x = 1"), spawning(tmp_path / "mark", end))
        assert refused(project, *cells) == (
            "tutorials/a.py:15: cell 3: the kernel died (out of memory, or killed)"
        )
        pids = pids_in(tmp_path / "mark")
        wait_for(lambda: not any(map(is_alive, pids)), 5, "kernel and child are gone")


# ---------------------------------------------------------------------------------- B6: staleness


class TestB06StalePage:
    def ran(self, project: Project, **environment: str) -> int:
        done = project.build(**environment)
        assert done.returncode == 0, done.stdout
        found = re.search(r"(\d) of \d chapters ran", done.stdout)
        assert found
        return int(found[1])

    def test_b06_nothing_changed_nothing_runs(self, project: Project) -> None:
        before = snapshot(project.root / "site")
        assert self.ran(project) == 0
        assert snapshot(project.root / "site") == before

    def test_b06_the_library(self, project: Project) -> None:
        assert "value 41</pre>" in project.page()
        project.write("src/lib.py", '"""Doc."""\n\nVALUE = 41  # the same\n')
        assert self.ran(project) == 0
        project.write("src/lib.py", "VALUE = 7\n")
        assert self.ran(project) == 1
        assert "value 7</pre>" in project.page()
        assert "The answer is 8." in project.page()

    def test_b06_data_and_packages(self, project: Project) -> None:
        where = f"{str(project.root / 'data/x.csv')!r}"
        source = f"print('data', open({where}).read())\nfrom importlib.metadata import version"
        cells = (code(source), code("print(version('pdl-fake'))"))
        project.write("data/x.csv", "one")
        fake = project.write("dists/pdl_fake-1.0.dist-info/METADATA", "")
        fake.write_text("Name: pdl-fake\nVersion: 1.0\n", encoding="utf-8")
        data = [{"name": "x", "path": "data/*.csv"}]
        project.write("tutorials/a.py", script(*cells, data=data))
        project.write("mkdocs.yml", STRICT.replace("jobs: 2", "jobs: 2, packages: [pdl-fake]"))
        inherited = os.environ.get("PYTHONPATH", "")
        path = {"PYTHONPATH": os.pathsep.join([str(project.root / "dists"), inherited])}
        assert self.ran(project, **path) == 1
        assert self.ran(project, **path) == 0
        assert "data one" in project.page()
        project.write("data/x.csv", "two")
        assert self.ran(project, **path) == 1
        assert "data two" in project.page()
        fake.write_text("Name: pdl-fake\nVersion: 2.0\n", encoding="utf-8")
        assert self.ran(project, **path) == 1
        assert "2.0</pre>" in project.page()
        assert json.loads(project.read("site/learn/a/run.json"))["packages"] == {"pdl-fake": "2.0"}

    def test_b06_prose_executes_nothing_and_reaches_the_page(self, project: Project) -> None:
        new = prose("A new cell before the value.")
        other = prose("Hence the answer is {{ lib.VALUE + 1 }}.")
        project.write("tutorials/a.py", script(CELLS[0], new, other, CELLS[2]))
        assert self.ran(project) == 0
        page = project.page()
        assert "A new cell before the value." in page
        assert "Hence the answer is 42." in page
        assert "value 41</pre>" in page

    def test_b06_what_changes_while_a_chapter_runs_is_not_published(
        self, project: Project, tmp_path: Path
    ) -> None:
        mark = tmp_path / "mark"
        source = f"{VALUE}\nimport time\nopen({str(mark)!r}, 'w').close()\ntime.sleep(2)"
        project.write("tutorials/a.py", script(code(source)))
        before = snapshot(project.root / "site")
        with project.start() as build:
            wait_for(mark.exists, 30, "the chapter runs")
            project.write("src/lib.py", "VALUE = 7\n")
            output, _ = build.communicate(timeout=60)
        assert build.returncode == 1
        assert output.strip().splitlines()[-1] == (
            "tutorials/a.py: changed while it ran, or what it uses did; build again"
        )
        assert snapshot(project.root / "site") == before


# ----------------------------------------------------------------------------------- B7: the cache


class TestB07Cache:
    @pytest.mark.parametrize("damage", ["truncated", "edited", "empty", "foreign"])
    def test_b07_a_damaged_entry_is_built_again(self, project: Project, damage: str) -> None:
        (entry,) = (project.root / ".cache/pdl_site").glob("a-*.json")
        whole = entry.read_bytes()
        damaged = {
            "truncated": whole[: len(whole) // 2],
            "edited": whole.replace(b"value 41", b"value 99"),
            "empty": b"",
            "foreign": b"{}",
        }
        assert damaged[damage] != whole
        entry.write_bytes(damaged[damage])
        done = project.build()
        assert done.returncode == 0, done.stdout
        assert f"{entry.name} is damaged or was edited; a runs again" in done.stdout
        assert "value 41</pre>" in project.page()
        assert "is damaged" not in project.build().stdout

    def test_b07_a_cache_that_can_not_be_written(
        self, project: Project, tmp_path: Path, unprivileged: list[str]
    ) -> None:
        before = snapshot(project.root / "site")
        cache = project.root / "locked"
        cache.mkdir(mode=0o555)
        site = tmp_path / "elsewhere"
        command = [*unprivileged, *project.command("-d", str(site))]
        done = project.call(command, PDL_SITE_CACHE=str(cache), HOME=str(tmp_path))
        assert done.returncode == 1
        assert last_line(done) == (
            f"the folder of kept runs {cache} can not be written (Permission denied); make it "
            "writable, or name another one by the option 'cache' of pdl_site or the variable "
            "PDL_SITE_CACHE"
        )
        assert not site.exists()
        assert snapshot(project.root / "site") == before

    def test_b07_a_full_cache_that_can_only_be_read(self, project: Project) -> None:
        cache = project.root / ".cache/pdl_site"
        before = snapshot(project.root / "site")
        cache.chmod(0o555)
        done = project.build()
        cache.chmod(0o755)
        assert done.returncode == 0
        assert snapshot(project.root / "site") == before


# ------------------------------------------------------------------- B8, B9: two builds, one killed


class TestB08TwoBuilds:
    @pytest.mark.parametrize("sites", [("site", "site"), ("one", "two")])
    def test_b08_two_builds_at_once(
        self, project: Project, tmp_path: Path, sites: tuple[str, str]
    ) -> None:
        log = tmp_path / "log"
        source = f"with open({str(log)!r}, 'a') as file:\n    file.write('ran ')"
        for n in range(2):
            cells = (code(f"import time\ntime.sleep(1)\n{source}\nprint('two at once', {n})"),)
            project.write(f"tutorials/{'ab'[n]}.py", script(*cells, order=n))
        shutil.rmtree(project.root / "site")
        builds = [project.start("-d", str(project.root / site)) for site in sites]
        outputs = [build.communicate(timeout=60)[0] for build in builds]
        assert [build.returncode for build in builds] == [0, 0], outputs
        assert log.read_text(encoding="utf-8") == "ran ran "
        for site in sites:
            assert "two at once 0</pre>" in project.page("a", site)
            assert "two at once 1</pre>" in project.page("b", site)
        assert project.build("-d", str(project.root / "alone")).returncode == 0
        for site in sites:
            assert_same(project.root / "alone", project.root / site)

    def test_b08_the_second_build_of_a_folder_waits(self, project: Project) -> None:
        """Whoever holds a site's lock is alone in clearing and filling its folder."""
        before = snapshot(project.root / "site")
        assert project.build().returncode == 0
        (lock,) = (project.root / ".cache/pdl_site").glob(f".site-{site_mark(project)}.lock")
        with FileLock(lock):
            build = project.start()
            with pytest.raises(subprocess.TimeoutExpired):
                build.wait(timeout=4)
            assert snapshot(project.root / "site") == before
        output, _ = build.communicate(timeout=60)
        assert build.returncode == 0, output
        assert snapshot(project.root / "site") == before

    def test_b08_builds_of_two_folders_do_not_wait(self, project: Project, tmp_path: Path) -> None:
        lock = project.root / f".cache/pdl_site/.site-{site_mark(project)}.lock"
        with FileLock(lock):
            assert project.build("-d", str(tmp_path / "elsewhere")).returncode == 0


def site_mark(project: Project) -> str:
    """What the name of a lock says of the site's folder."""
    path = os.path.realpath(project.root / "site")
    return hashlib.sha256(path.encode()).hexdigest()[:12]


def without_times(site: Path) -> dict[str, str]:
    """A site's files without what differs between two runs: times and memory."""
    found = {}
    for name, content in snapshot(site).items():
        if name.endswith(("run.json", ".gz")):
            continue
        text = content.decode("utf-8", errors="replace")
        text = re.sub(r"<details class=\"pdl-run\".*?</details>", "", text, flags=re.DOTALL)
        found[name] = text
    return found


class TestB09KilledBuild:
    @pytest.mark.parametrize("busy", ["time.sleep(60)", "import re\nre.match('(a+)+b', 'a' * 60)"])
    def test_b09_a_killed_build_leaves_no_kernel_and_the_next_is_right(
        self, project: Project, tmp_path: Path, busy: str
    ) -> None:
        mark, slow = tmp_path / "mark", tmp_path / "slow"
        source = (
            f"import os, time\nwith open({str(mark)!r}, 'w') as file:\n"
            f"    file.write(str(os.getpid()))\n"
            f"if os.path.exists({str(slow)!r}):\n    " + busy.replace("\n", "; ")
        )
        project.write("tutorials/a.py", script(code(source), *CELLS))
        slow.touch()
        with project.start() as build:
            wait_for(lambda: mark.exists() and mark.read_text(encoding="utf-8"), 30, "it runs")
            build.kill()
        (kernel,) = pids_in(mark)
        wait_for(lambda: not is_alive(kernel), 5, "the kernel is gone")
        slow.unlink()
        assert project.build().returncode == 0
        clean_build = {"PDL_SITE_CACHE": str(tmp_path / "fresh")}
        assert project.build("-d", str(project.root / "clean"), **clean_build).returncode == 0
        assert without_times(project.root / "site") == without_times(project.root / "clean")

    def test_b09_ctrl_c_does_not_wait_for_the_chapter(
        self, project: Project, tmp_path: Path
    ) -> None:
        project.write("tutorials/a.py", script(spawning(tmp_path / "mark", "time.sleep(300)")))
        with project.start() as build:
            mark = tmp_path / "mark"
            wait_for(lambda: mark.exists() and mark.read_text(encoding="utf-8"), 30, "it runs")
            build.send_signal(signal.SIGINT)
            build.communicate(timeout=60)
        assert build.returncode != 0
        wait_for(lambda: not any(map(is_alive, pids_in(mark))), 5, "kernel and child are gone")


# ------------------------------------------------------------------------------ B10: repeatability


class TestB10SameBytes:
    def test_b10_two_folders_two_homes_one_cache(self, project: Project, tmp_path: Path) -> None:
        git = ["git", "-C", str(project.root), "-c", "user.name=T", "-c", "user.email=t@e.org"]
        project.write(".gitignore", "site/\n.cache/\n")
        for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "One"]):
            subprocess.run([*git, *arguments], check=True, capture_output=True)
        other = tmp_path / "a folder with spaces" / "other"
        other.parent.mkdir()
        cache = str(tmp_path / "shared")
        shutil.rmtree(project.root / "site")
        command = ["git", "clone", "-q", str(project.root), str(other)]
        subprocess.run(command, check=True, capture_output=True)
        first = project.build(PDL_SITE_CACHE=cache)
        assert first.returncode == 0, first.stdout
        (tmp_path / "home").mkdir()
        changes = {
            "TZ": "Asia/Kolkata",
            "LANG": "de_DE.UTF-8",
            "LC_ALL": "C",
            "HOME": str(tmp_path / "home"),
            "USER": "somebody",
            "PYTHONHASHSEED": "7",
        }
        second = Project(other).build(PDL_SITE_CACHE=cache, **changes)
        assert second.returncode == 0, second.stdout
        assert "0 of 1 chapters ran" in second.stdout
        assert_same(project.root / "site", other / "site")
        for name, content in snapshot(other / "site").items():
            assert str(tmp_path).encode() not in content, name

    def test_b10_two_runs_give_the_same_outputs(self, project: Project, tmp_path: Path) -> None:
        for name in ("one", "two"):
            cache = {"PDL_SITE_CACHE": str(tmp_path / name)}
            assert project.build("-d", str(tmp_path / f"site-{name}"), **cache).returncode == 0
        assert without_times(tmp_path / "site-one") == without_times(tmp_path / "site-two")


# --------------------------------------------------------------------------------- B11: dangerous


DANGEROUS = {
    "HTML('<script>alert(1)</script>')": "HTML other than a plain table: '<script>'",
    "HTML('<img src=x onerror=alert(1)>')": "HTML other than a plain table: '<img src=x onerror",
    "display({'text/html': '<iframe src=x></iframe>'}, raw=True)": "plain table: '<iframe",
    "HTML('<a href=\"javascript:alert(1)\">x</a>')": "HTML other than a plain table",
    "HTML('<img src=\"https://evil.example/x.png\">')": "HTML other than a plain table",
    "HTML('<table><tr><td onclick=alert(1)>1</td></tr></table>')": "HTML other than a plain table",
    "Javascript('alert(1)')": "shows application/javascript; pages take text, figures",
    "Markdown('<script>alert(1)</script>')": "shows text/markdown",
    "Latex('$x$')": "shows text/latex",
    "SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"><script>1</script></svg>')": "'<script'",
    "IFrame('https://evil.example', 1, 1)": "HTML other than a plain table",
    "Audio(b'', rate=1)": "HTML other than a plain table",
    "display({'text/html': '<script>1</script>'}, raw=True)": "HTML other than a plain table",
}


class TestB11DangerousOutputs:
    def test_b11_each_is_refused_by_cell(self, tmp_path: Path) -> None:
        made = options(tmp_path)
        head = "from IPython.display import *"

        async def all_of_them() -> dict[str, str]:
            found = {}
            async with start_kernel(made) as (client, _):
                for source in DANGEROUS:
                    parsed = chapter(code(f"{head}\n{source}", alt="x" if "SVG" in source else []))
                    cell = parsed.cells[1]
                    raw = await Session(client, parsed, made).cell(cell)
                    with pytest.raises(ExecutionError) as caught:
                        clean(raw, cell, parsed, Policy())
                    found[source] = str(caught.value)
            return found

        for source, message in asyncio.run(all_of_them()).items():
            assert message.startswith("tutorials/a.py:12: cell 2: ")
            assert DANGEROUS[source] in message

    def test_b11_the_build_stops(self, project: Project) -> None:
        source = "from IPython.display import HTML\nHTML('<script>alert(1)</script>')"
        assert refused(project, code("x = 1"), code(source)) == (
            "tutorials/a.py:15: cell 3: shows HTML other than a plain table: '<script>'"
        )

    def test_b11_text_and_tables_are_shown_and_can_not_run(self, project: Project) -> None:
        probes = """\
            class Frame:
                def _repr_html_(self):
                    return "<div><table class=x><tr><td>&lt;script&gt;</td></tr></table></div>"
            print("<script>alert(1)</script>")
            print("\\x1b]8;;http://evil.example\\x07link\\x1b]8;;\\x07 \\x1b[31mred\\x1b[0m")
            Frame()
        """
        project.write("tutorials/a.py", script(code(probes)))
        done = project.build()
        assert done.returncode == 0, done.stdout
        output = project.page().partition("pdl-output")[2]
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in output
        assert "link red</pre>" in output
        assert re.search(r"<td>&lt;script&gt;</td>", output)
        assert "<script" not in output
        assert "evil" not in output


# ----------------------------------------------------------------------------------- B12: links


class TestB12Links:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("[x](02_none.md)", "contains a link '02_none.md', but the target 'learn/02_none.md'"),
            ("[x](02_none.py)", "contains a link '02_none.md'"),
            ("[x](#nowhere)", "contains a link '#nowhere', but there is no such anchor"),
            ("[x](../index.md#nowhere)", "does not contain an anchor '#nowhere'"),
            ("![x](none.png)", "contains a link 'none.png'"),
            ("[`f`][pdl.none]", "Could not find cross-reference target 'pdl.none'"),
        ],
    )
    def test_b12_a_dead_link_fails_and_names_the_page(
        self, project: Project, text: str, words: str
    ) -> None:
        project.write("tutorials/a.py", script(*CELLS, prose(f"See {text}.")))
        done = project.build()
        output = done.stdout
        assert done.returncode == 1, output
        assert words in output
        assert "learn/a.md" in output
        assert "0 of 1 chapters ran" in output

    def test_b12_live_links_pass(self, project: Project) -> None:
        text = "## Part\n\n[x](#part) [y](../index.md#home) [z](a.md) [w](a.py#part)"
        project.write("tutorials/a.py", script(*CELLS, prose(text)))
        done = project.build()
        assert done.returncode == 0, done.stdout
        assert '<a href="#part">w</a>' in project.page() or 'href="./#part">w' in project.page()

    def test_b12_an_insert_that_does_not_exist(self, project: Project) -> None:
        project.write("docs/index.md", "# Home\n\n<!-- site:figure learn/a#none -->\n")
        done = project.build()
        assert done.returncode == 1
        assert last_line(done).endswith(
            "docs/index.md:3: no insert '<!-- site:figure learn/a#none -->'; known figures: none"
        )


# ------------------------------------------------------------------------- B13 to B15: surroundings


UNSHARE = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]


def can_cut_the_network() -> bool:
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


class TestB13WithoutNetwork:
    def test_b13_a_build_needs_no_network(self, project: Project) -> None:
        if not can_cut_the_network() and not os.environ.get("CI"):
            pytest.skip("this machine does not let a process leave the network")
        shutil.rmtree(project.root / ".cache")
        before = (project.root / "site/index.html").read_bytes()
        done = project.call([*UNSHARE, *project.command()])
        assert done.returncode == 0, done.stdout
        assert "1 of 1 chapters ran" in done.stdout
        assert "value 41</pre>" in project.page()
        assert (project.root / "site/index.html").read_bytes() == before


class TestB14Noise:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("import sys\nprint('a note', file=sys.stderr)", "wrote to stderr: 'a note'; mend"),
            ("import warnings\nwarnings.warn('mind')", "wrote to stderr: 'this cell:2: UserWarn"),
            ("import logging\nlogging.warning('mind')", "wrote to stderr: 'WARNING:root:mind'"),
            (
                "import warnings\nwarnings.warn('old', DeprecationWarning)",
                "DeprecationWarning: old",
            ),
            ("import warnings\nwarnings.warn('old', FutureWarning)", "FutureWarning: old"),
            ("import os\nprint(os.getcwd())", "its output shows '"),
            ("import sys\nsys.prefix", "its output shows '"),
            ("import lib\nlib", "its output shows '"),
        ],
    )
    def test_b14_noise_stops_the_build(self, project: Project, source: str, expected: str) -> None:
        project.write("tutorials/a.py", script(code(source)))
        book = project.book()
        entries = book.entries()
        with pytest.raises(SiteError) as caught:
            book.run(entries)
        found = str(caught.value)
        assert re.match(r"tutorials/a\.py:1[23]: cell 2: ", found), found
        assert expected in found

    def test_b14_what_is_shown_names_no_machine(self, project: Project, tmp_path: Path) -> None:
        cells = (
            code("import sys, traceback, warnings\nobject(), print"),
            code("warnings.warn('shown')", tags=["stderr"]),
            code("try:\n    1 / 0\nexcept ZeroDivisionError:\n    print(traceback.format_exc())"),
        )
        project.write("tutorials/a.py", script(*cells))
        done = project.build()
        assert done.returncode == 0, done.stdout
        site = project.root / "site"
        for name, content in snapshot(site).items():
            for trace in (str(tmp_path), sys.prefix, str(Path.home()) + "/", "ipykernel_", "0x7"):
                assert trace.encode() not in content, f"{trace} in {name}"
        assert "UserWarning: shown" in project.page()
        assert 'File "this cell", line 2' in project.page()


class TestB15CleanTree:
    def test_b15_writing_into_the_project_is_refused(self, project: Project) -> None:
        path = str(project.root / "data.csv")
        found = refused(project, code(f"open({path!r}, 'w')"))
        assert found == (
            "tutorials/a.py:12: cell 2: PermissionError: a chapter writes in its own folder only, "
            f"not {path}"
        )
        assert not Path(path).exists()

    def test_b15_a_build_leaves_only_site_and_cache(self, project: Project, tmp_path: Path) -> None:
        own = "Path('models').mkdir()\nPath('models/m.bin').write_bytes(b'1')\nlen('ab')"
        project.write("tutorials/a.py", script(*CELLS, code(own)))
        before = snapshot(project.root)
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        done = project.build(TMPDIR=str(scratch))
        assert done.returncode == 0, done.stdout
        after = snapshot(project.root)
        new = {name.partition("/")[0] for name in after if after[name] != before.get(name)}
        assert new <= {"site", ".cache"}
        assert sorted(before) == sorted(name for name in after if name in before)
        assert [path.name for path in scratch.iterdir()] == [], "nothing stays behind"

    def test_b15_a_failed_build_leaves_nothing_behind(
        self, project: Project, tmp_path: Path
    ) -> None:
        project.write("tutorials/a.py", script(code("1 / 0")))
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        before = snapshot(project.root)
        assert project.build(TMPDIR=str(scratch)).returncode == 1
        after = snapshot(project.root)
        new = {name for name in after if after[name] != before.get(name)}
        assert [name for name in new if not name.endswith(".lock")] == []
        assert sorted(set(before) - set(after)) == []
        assert list(scratch.iterdir()) == []
