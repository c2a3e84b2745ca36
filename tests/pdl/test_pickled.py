"""Does `pdl.pickled` do what its page says, on good input and on bad?"""

import argparse
import base64
import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from pdl.errors import CheckpointError
from pdl.pickled import read_state_dict

CORPUS = Path(__file__).parent / "data/corpus"


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


STATE = nn.Linear(3, 2).state_dict()


def test_a_state_dict_comes_back():
    back = read_state_dict(saved(STATE), "a.pt")
    assert list(back) == ["weight", "bias"]
    assert all(torch.equal(back[name], STATE[name]) for name in STATE)


def test_what_was_saved_on_a_gpu_comes_back_on_the_cpu(monkeypatch):
    """The file names the device of each tensor; here it claims one that is not there."""
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
    elsewhere = saved(STATE)
    monkeypatch.undo()
    assert b"cuda:0" in elsewhere
    back = read_state_dict(elsewhere, "a.pt")
    assert {value.device.type for value in back.values()} == {"cpu"}
    assert torch.equal(back["weight"], STATE["weight"])


class Bomb:
    """Runs a command when it is unpickled by anything that executes pickles."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("form", ["zip", "legacy", "bare pickle"])
def test_code_in_a_pickle_is_never_run(tmp_path, form):
    marker = tmp_path / "marker"
    data = {
        "zip": lambda: saved({"x": Bomb(marker)}),
        "legacy": lambda: saved({"x": Bomb(marker)}, _use_new_zipfile_serialization=False),
        "bare pickle": lambda: pickle.dumps(Bomb(marker)),
    }[form]()
    with pytest.raises(CheckpointError, match=r"bomb\.pt is damaged, or no state dict") as caught:
        read_state_dict(data, "bomb.pt")
    assert not marker.exists()
    assert "weights_only" not in str(caught.value)  # no advice to switch the protection off
    if form == "zip":
        assert "code or objects, which are never loaded" in str(caught.value)


@pytest.mark.parametrize(
    "value", [{"args": argparse.Namespace(lr=1)}, {"path": Path("x")}, nn.Linear(1, 1)]
)
def test_objects_are_refused(value):
    with pytest.raises(CheckpointError, match="code or objects"):
        read_state_dict(saved(value), "a.pt")


@pytest.mark.parametrize("value", [[torch.ones(1)], torch.ones(1), {"epoch": 3}, None])
def test_what_is_no_state_dict_is_refused(value):
    with pytest.raises(CheckpointError, match="something else than named tensors"):
        read_state_dict(saved(value), "a.pt")


def test_a_file_cut_short_is_refused():
    data = saved(STATE)
    for end in (0, 1, len(data) // 2, len(data) - 1):
        with pytest.raises(CheckpointError, match="damaged"):
            read_state_dict(data[:end], "a.pt")


def test_a_flipped_bit_in_the_numbers_is_refused():
    data = saved({"weight": torch.full((1000,), 1.5)})
    position = data.index(torch.full((4,), 1.5).numpy().tobytes()) + 100
    for bit in range(8):
        flipped = bytearray(data)
        flipped[position] ^= 1 << bit
        with pytest.raises(CheckpointError, match="damaged"):
            read_state_dict(bytes(flipped), "a.pt")


@pytest.mark.parametrize("data", [b"<html>404</html>", b"", b"plain text"])
def test_another_kind_of_file_is_refused(data):
    with pytest.raises(CheckpointError, match="damaged, or no state dict"):
        read_state_dict(data, "a.pt")


def test_another_zip_file_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match="damaged, or no state dict"):
        read_state_dict(buffer.getvalue(), "a.pt")


def test_files_that_a_fuzzer_invented_give_tensors_or_our_error():
    texts = json.loads((CORPUS / "pickle.json").read_text())
    refused = 0
    for data in map(base64.b64decode, texts):
        try:
            tensors = read_state_dict(data, "a.pt")
        except CheckpointError:
            refused += 1
        else:
            assert all(isinstance(value, torch.Tensor) for value in tensors.values())
    assert 0 < refused <= len(texts)
