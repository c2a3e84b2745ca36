"""Does the index of another package's names find each use, and lead to its documentation?"""

from projects import chapter, code, prose

from pdl_site.foreign import documented, foreign_list, uses
from pdl_site.imports import foreign_names

KNOWN = {
    "torch": "https://t/",
    "torch.nn": "https://t/nn",
    "torch.nn.Linear": "https://t/Linear",
    "torch.stack": "https://t/stack",
    "torch.nn.functional.relu": "https://t/relu",
}
CELLS = (
    code("import torch\nfrom torch import nn\nimport torch.nn.functional as F"),
    prose("## Build"),
    code("layer = nn.Linear(1, 2)\nlayer.weight"),
    prose("## Use"),
    code("torch.stack([F.relu(layer.bias)]); nn.Linear.forward"),
    code("stack = 3; mine.stack; torch.float32"),
)


def test_names_are_written_out_whatever_they_were_imported_as() -> None:
    sources = [
        "import torch as t, numpy as np\nfrom torch.nn import functional as F, Linear",
        "t.ones(2) + F.relu(t.nn.Linear(1, 1).weight) + Linear(3, 4) + np.ones(2)",
        "from .torch import own\nown()",
    ]
    assert foreign_names(sources, "torch") == [
        set(),
        {"torch.ones", "torch.nn.functional.relu", "torch.nn.Linear"},
        set(),
    ]


def test_the_longest_known_beginning_counts() -> None:
    assert documented("torch.nn.Linear.weight.data", KNOWN) == "torch.nn.Linear"
    assert documented("torchvision.ops", KNOWN) == ""


def test_each_name_leads_to_the_sections_that_use_it() -> None:
    found = uses([chapter(*CELLS)], "torch", KNOWN)
    assert {name: [place.title for place in each] for name, each in found.items()} == {
        "torch.nn.Linear": ["Build", "Use"],
        "torch.nn.functional.relu": ["Use"],
        "torch.stack": ["Use"],
    }


def test_the_list_has_the_first_section_of_each_chapter() -> None:
    lines = foreign_list([chapter(*CELLS)], "torch", KNOWN, "../learn").splitlines()
    assert lines[0] == "- [`torch.nn.Linear`](https://t/Linear): [A](../learn/a.md#build)"
    assert len(lines) == 3
