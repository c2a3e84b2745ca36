"""What must a person know who is handed a file of weights?"""

from collections.abc import Mapping, Sequence
from typing import Any


def model_card(
    *,
    title: str,
    purpose: str,
    data: str,
    licence: str,
    recipe: Mapping[str, Any],
    results: Mapping[str, str],
    hardware: Mapping[str, str],
    classes: Sequence[str],
    usage: str,
) -> str:
    """Write the card of a model: what it is for, from which data, how made, how good.

    After Mitchell et al., "Model Cards for Model Reporting", 2019 (arXiv 1810.03993).

    Args:
        title: Name of the model.
        purpose: What it is for, and what not.
        data: What it has seen.
        licence: Who owns the data, and what may be done with the weights.
        recipe: Setting and value of the training run.
        results: What was measured, and what came out.
        hardware: Machine, versions, minutes.
        classes: Names of the classes it was trained to tell apart.
        usage: Program text that loads it.

    Returns:
        Markdown.

    Example:
        >>> card = model_card(
        ...     title="Toy",
        ...     purpose="Nothing.",
        ...     data="Ten drawings.",
        ...     licence="None.",
        ...     recipe={"epochs": 1},
        ...     results={"accuracy": "50 %"},
        ...     hardware={"device": "cpu"},
        ...     classes=["cat", "dog"],
        ...     usage="pass",
        ... )
        >>> card.splitlines()[0]
        '# Toy'
    """
    parts = [
        f"# {title}",
        purpose,
        "## Results",
        _table("measured", "result", results),
        "## Data",
        data,
        f"{len(classes)} classes: {', '.join(classes)}.",
        "## Licence",
        licence,
        "## How it was made",
        _table("setting", "value", recipe),
        "## On which machine",
        _table("fact", "value", hardware),
        "## How to load it",
        f"```python\n{usage}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _table(left: str, right: str, rows: Mapping[str, Any]) -> str:
    lines = [f"| {left} | {right} |", "|---|---|"]
    return "\n".join([*lines, *(f"| {key} | {value} |" for key, value in rows.items())])
