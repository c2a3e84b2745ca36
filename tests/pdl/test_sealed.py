"""Does `pdl.sealed` do what its page says, on good input and on bad?"""

import base64
import json
import random
from collections import Counter, OrderedDict
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdl import sealed
from pdl.errors import CheckpointError
from pdl.sealed import pack, read_header, seal, unpack, unseal

WEIGHTS = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.tensor([1, 2])}
SEALED = seal(WEIGHTS, {"kind": "weights"})

CORPUS = Path(__file__).parent / "data/corpus"

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.uint8,
    torch.bool,
]


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20).filter(lambda name: name != "__metadata__"),
        st.tuples(st.lists(st.integers(0, 3), max_size=3), st.sampled_from(DTYPES)),
        max_size=5,
    )
)
def test_any_tensors_come_back_as_they_were(shapes):
    generator = torch.Generator().manual_seed(0)
    tensors = {
        name: (100 * torch.rand(shape, generator=generator)).to(dtype)
        for name, (shape, dtype) in shapes.items()
    }
    back, metadata = unseal(seal(tensors, {}), "a")
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name], tensor)
    assert metadata["format_version"] == "1"


def test_the_same_content_gives_the_same_bytes_in_any_order_of_facts():
    facts = {"b": "2", "a": "1", "c": "3", "d": "4"}
    assert seal(WEIGHTS, facts) == seal(WEIGHTS, dict(reversed(facts.items())))


def test_other_programs_can_read_it():
    assert torch.equal(safetensors.torch.load(SEALED)["weight"], WEIGHTS["weight"])
    assert read_header(SEALED, "a")["format"] == "pt"
    assert (8 + int.from_bytes(SEALED[:8], "little")) % 8 == 0


def test_files_of_other_programs_can_be_read():
    data = safetensors.torch.save(WEIGHTS, metadata={"format": "pt"})
    assert torch.equal(unseal(data, "a")[0]["weight"], WEIGHTS["weight"])
    assert read_header(safetensors.torch.save(WEIGHTS), "a") == {}


def test_views_shared_memory_and_odd_layouts_are_saved_whole():
    base = torch.arange(24.0).reshape(2, 3, 2, 2)
    tensors = {
        "row": base[1],
        "turned": base.transpose(0, 1),
        "last": base.contiguous(memory_format=torch.channels_last),
        "same": base,
        "again": base,
        "grad": torch.ones(2, requires_grad=True),
    }
    back, _ = unseal(seal(tensors, {}), "a")
    for name, tensor in tensors.items():
        assert torch.equal(back[name], tensor), name


def test_a_file_cut_at_any_byte_is_noticed():
    for end in range(len(SEALED)):
        with pytest.raises(CheckpointError, match="cut is damaged"):
            unseal(SEALED[:end], "cut")


def test_bytes_added_are_noticed():
    for data in (SEALED + b"\0", b"\0" + SEALED):
        with pytest.raises(CheckpointError):
            unseal(data, "longer")


def test_every_single_flipped_bit_is_noticed():
    for position in range(8 * len(SEALED)):
        flipped = bytearray(SEALED)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(CheckpointError):
            unseal(bytes(flipped), "flipped")


@given(st.binary(max_size=300))
def test_any_other_bytes_are_refused(data):
    with pytest.raises(CheckpointError, match="noise is damaged, or no safetensors file"):
        unseal(data, "noise")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!doctype html><html>404</html>",
        b"\xff" * 8 + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"null",
        b"\x80\x04\x95cposix\nsystem\n",
        (20).to_bytes(8, "little") + b'{"__metadata__": []}',
        (200_000).to_bytes(8, "little") + b"[" * 200_000,
    ],
)
def test_what_is_something_else_is_said_to_be_damaged(data):
    with pytest.raises(CheckpointError, match="damaged, or no safetensors file"):
        unseal(data, "other")


def test_a_file_of_a_later_pdl_asks_for_an_update(monkeypatch):
    monkeypatch.setattr(sealed, "FORMAT_VERSION", 2)
    monkeypatch.setattr(sealed, "__version__", "9.1")
    later = seal(WEIGHTS, {})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"written by pdl 9\.1 in format 2.*Update pdl"):
        unseal(later, "later")


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.integers(0, 99).map(lambda number: torch.tensor([number])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.integers() | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


def same(left, right):
    if isinstance(left, torch.Tensor):
        return isinstance(right, torch.Tensor) and torch.equal(left, right)
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[k], right[k]) for k in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


@given(values)
def test_nested_state_survives_packing_and_json(value):
    tensors = {}
    text = json.dumps(pack(value, tensors))
    assert same(unpack(json.loads(text), tensors), value)


def test_numbers_that_json_does_not_know_survive():
    packed = json.loads(json.dumps(pack([float("inf"), float("nan"), 0.1, 10**40], {})))
    back = unpack(packed, {})
    assert back[0] == float("inf")
    assert back[1] != back[1]
    assert back[2:] == [0.1, 10**40]


def test_counters_stay_counters_and_other_dicts_become_plain():
    assert unpack(pack(Counter("aab"), {}), {}) == Counter("aab")
    assert type(unpack(pack(Counter("aab"), {}), {})) is Counter
    assert type(unpack(pack(OrderedDict(a=1), {}), {})) is dict


def test_the_state_of_pythons_generator_survives():
    state = random.Random(1).getstate()
    assert unpack(json.loads(json.dumps(pack(state, {}))), {}) == state


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, {2, 3}]}, r"got set at state\.a\.1"),
        ({"f": print}, r"got builtin_function_or_method at state\.f"),
        ({(1, 2): 3}, "got dict at state"),
        (1j, "got complex at state"),
    ],
)
def test_what_can_not_be_saved_is_named_with_its_place(value, message):
    with pytest.raises(CheckpointError, match=message):
        pack(value, {})


def test_files_that_a_fuzzer_invented_give_tensors_or_our_error():
    texts = json.loads((CORPUS / "checkpoint.json").read_text())
    refused = 0
    for data in map(base64.b64decode, texts):
        try:
            tensors = unseal(data, "a.safetensors")[0]
        except CheckpointError:
            refused += 1
        else:
            assert all(isinstance(value, torch.Tensor) for value in tensors.values())
    assert 0 < refused <= len(texts)
