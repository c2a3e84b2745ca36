"""Do the run card and ``run.json`` say what the run left, and nothing typed by hand?"""

import json
from typing import Any

import pytest
from projects import chapter, code, prose, record

from pdl_site.runcard import duration, run_card, run_facts, run_json

CELLS = (
    prose("{{ a }} {{ b }}"),
    code("x = 1"),
    code("# C.\nassert x", tags=["check"]),
    prose("{{ c }}"),
)
DATA = [
    {"name": "pizza", "files": 3, "fingerprint": "ab", "licence": "CC0"},
    {"name": "digits", "kind": "stand-in", "count": 900, "fingerprint": "cd"},
]


def facts(**changes: Any) -> dict[str, Any]:
    made = chapter(*CELLS, order=4, minutes=9, gives=["x"])
    return run_facts(made, record(([], []), (["1", "2"], ["3"]), **changes))


def card(subject: str = "torch", links: str = "", **changes: Any) -> str:
    return run_card(facts(**changes), subject=subject, links=links)


class TestFacts:
    def test_counted_from_the_chapter(self) -> None:
        found = facts()
        assert (found["title"], found["order"], found["minutes"]) == ("A", 4, 9)
        assert (found["chapter"], found["gives"]) == ("a", ["x"])
        assert (found["cells"], found["checks"], found["computed"]) == (2, 1, 3)

    def test_taken_from_the_run(self) -> None:
        found = facts(seconds=7.0, device="GPU")
        assert (found["key"], found["seconds"], found["device"]) == ("0" * 24, 7.0, "GPU")

    def test_json_is_sorted_and_stable(self) -> None:
        text = run_json(facts(title="é"))
        assert text == run_json(facts(title="é"))
        assert list(json.loads(text)) == sorted(json.loads(text))
        assert "é".encode() in text
        assert text.endswith(b"}\n")


class TestDuration:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "0 s"),
            (0.4, "0 s"),
            (1.5, "2 s"),
            (119.4, "119 s"),
            (120, "2.0 min"),
            (150, "2.5 min"),
            (3600, "60.0 min"),
        ],
    )
    def test_examples(self, seconds: float, text: str) -> None:
        assert duration(seconds) == text


class TestCard:
    def test_the_closed_line(self) -> None:
        text = card(packages={"torch": "2.10"}, seconds=7.2)
        line = "Ran in 7 s · CPU, 1 thread · torch 2.10 · 1 claim checked"
        assert f"<summary>{line}</summary>" in text

    def test_the_table(self) -> None:
        text = card(packages={"torch": "2.10", "numpy": "2.0"}, data=DATA, threads=4)
        table = text.partition("| --- | --- |\n")[2].partition("\n\n")[0]
        rows = dict(line.strip("| ").split(" | ") for line in table.splitlines())
        assert rows == {
            "Run": "2026-01-02 03:04:05 UTC",
            "Commit": "`abc`",
            "Time": "1.5 s for 2 cells",
            "Device": "CPU, 4 threads",
            "Peak memory": "90 MB",
            "Python": "3.11.7",
            "torch": "2.10",
            "numpy": "2.0",
            "Data: pizza": "3 files, fingerprint `ab`, CC0",
            "Data: digits": "stand-in, 900 images, fingerprint `cd`",
            "Checked": "1 claim, 3 values in the prose computed",
        }

    def test_one_claim_and_many(self) -> None:
        assert "· 1 claim checked<" in card()
        assert "· 2 claims checked<" in run_card({**facts(), "checks": 2}, subject="torch")

    def test_without_torch_and_without_a_repository(self) -> None:
        text = card(threads=0, commit="")
        assert "· CPU · Python 3.11.7 ·" in text
        assert "| Commit | not in a repository |" in text

    def test_links_stand_below(self) -> None:
        assert "pdl-downloads" not in card()
        text = card(links="[Notebook](a/a.ipynb)")
        assert text.endswith('<p class="pdl-downloads" markdown="span">[Notebook](a/a.ipynb)</p>')
