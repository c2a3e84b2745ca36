"""What a reader may ask of a page's outputs: what ran, where, when, how long, on which data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pdl_site.record import Record
    from pdl_site.script import Chapter


def run_facts(chapter: Chapter, record: Record) -> dict[str, Any]:
    """Collect the facts of a chapter's run for ``run.json``.

    Args:
        chapter: The chapter.
        record: Its run.

    Returns:
        Plain data, the same for the same chapter and run.
    """
    return {
        "chapter": chapter.name,
        "title": chapter.front.title,
        "order": chapter.front.order,
        "minutes": chapter.front.minutes,
        "gives": list(chapter.front.gives),
        "cells": len(chapter.code_cells),
        "checks": sum("check" in cell.tags for cell in chapter.cells),
        "computed": sum(len(cell.expressions) for cell in chapter.cells),
        "key": record.key,
        **record.facts,
    }


def run_json(facts: dict[str, Any]) -> bytes:
    """Write the facts of a run as JSON.

    Args:
        facts: The facts.

    Returns:
        UTF-8 text, keys sorted.
    """
    return (json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def duration(seconds: float) -> str:
    """Write a time as a person would say it.

    Args:
        seconds: Seconds.

    Returns:
        Seconds below two minutes, else minutes.

    Example:
        >>> duration(7.44), duration(150)
        ('7 s', '2.5 min')
    """
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def run_card(facts: dict[str, Any], *, subject: str, links: str = "") -> str:
    """Write the quiet line under a chapter's title, which opens into a table.

    Args:
        facts: Facts of the run.
        subject: Package named in the closed line with its version.
        links: Markdown of the download links.

    Returns:
        Markdown.
    """
    packages: dict[str, str] = facts.get("packages", {})
    threads = facts.get("threads", 0)
    where = facts["device"] + (f", {threads} thread{'s' * (threads != 1)}" if threads else "")
    tested = (
        f"{subject} {packages[subject]}" if subject in packages else f"Python {facts['python']}"
    )
    claims = f"{facts['checks']} claim{'s' * (facts['checks'] != 1)}"
    line = " · ".join([f"Ran in {duration(facts['seconds'])}", where, tested, f"{claims} checked"])
    rows = {
        "Run": facts["started"].replace("T", " ").replace("Z", " UTC"),
        "Commit": f"`{facts['commit']}`" if facts.get("commit") else "not in a repository",
        "Time": f"{facts['seconds']} s for {facts['cells']} cells",
        "Device": where,
        "Peak memory": f"{facts['peak_memory_mb']} MB",
        "Python": facts["python"],
        **packages,
        **{f"Data: {entry['name']}": _data(entry) for entry in facts.get("data", [])},
        "Checked": f"{claims}, {facts['computed']} values in the prose computed",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return (
        '<details class="pdl-run" markdown="1">\n'
        f"<summary>{line}</summary>\n\n"
        f"| This page | |\n| --- | --- |\n{table}\n\n</details>"
        + (f'\n\n<p class="pdl-downloads" markdown="span">{links}</p>' if links else "")
    )


def _data(entry: dict[str, Any]) -> str:
    kind = entry.get("kind", "")
    count = f"{entry['count']} images" if "count" in entry else f"{entry.get('files', '?')} files"
    facts = [kind, count, f"fingerprint `{entry['fingerprint']}`", entry.get("licence", "")]
    return ", ".join(fact for fact in facts if fact)
