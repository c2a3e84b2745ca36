"""Does `pdl.checkpoint` do what its page says, on good input and on bad?"""

# ruff: noqa: NPY002 - about NumPy's global generator, which other libraries draw from
import errno
import os
import random
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from pdl import checkpoint, files
from pdl.checkpoint import (
    Partial,
    claimed,
    load_checkpoint,
    load_model,
    read_metadata,
    save_checkpoint,
    save_model,
)
from pdl.errors import CheckpointError, ConfigError, PdlWarning
from pdl.sealed import seal

NAMES = ["a.safetensors", "a.pt", "a.pth"]


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def equal(left, right):
    left, right = left.state_dict(), right.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


class WithConfig(nn.Linear):
    config = {"depth": 12}  # noqa: RUF012 - a test double


# --- weights


@pytest.mark.parametrize("name", NAMES)
def test_weights_come_back_to_the_bit(tmp_path, name):
    model, other = network(), network()
    path = save_model(model, tmp_path / "all/models", name)
    assert path == tmp_path / "all/models" / name
    assert not equal(model, other)
    assert load_model(other, path) is other
    assert equal(model, other)


def test_files_of_each_released_format_can_be_read():
    """`formats` keeps one file of each format for ever; it holds the layer of seed 0."""
    kept = sorted((Path(__file__).parent / "formats").iterdir())
    assert [path.name for path in kept] == ["v1_linear.safetensors"]
    for path in kept:
        layer = load_model(nn.Linear(3, 2), path)
        torch.testing.assert_close(layer.bias[0].item(), -0.011439144611358643, rtol=0, atol=0)
        torch.testing.assert_close(layer.weight[1, 2].item(), 0.15482072532176971, rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_mode_and_random_numbers_are_left_as_found(tmp_path, name):
    model = network().eval()
    before = torch.get_rng_state()
    load_model(model, save_model(model, tmp_path, name))
    assert not model.training
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_model_is_saved_under_the_original_names(tmp_path, name):
    model, other = network(), network()
    load_model(other, save_model(torch.compile(model), tmp_path, name))
    assert equal(model, other)
    load_model(torch.compile(network()), tmp_path / name)


def test_pt_files_are_plain_state_dicts_as_other_programs_expect(tmp_path):
    model = network()
    path = save_model(model, str(tmp_path), "a.pth")
    other = network()
    other.load_state_dict(torch.load(path, weights_only=True))
    assert equal(model, other)


def test_tied_weights_are_saved(tmp_path):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    load_model(model, save_model(model, tmp_path, "a.safetensors"))
    assert model[1].weight is model[0].weight


@pytest.mark.parametrize("name", ["a.bin", "model", "a.ckpt"])
def test_another_ending_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(ConfigError) as caught:
        save_model(network(), tmp_path, name)
    assert str(caught.value) == (
        f"model_name must end in .safetensors, .pt or .pth, got {name!r}. "
        f"Try {name.split('.')[0] + '.safetensors'!r}."
    )
    assert list(tmp_path.iterdir()) == []


def test_the_metadata_says_what_the_file_is(tmp_path):
    facts = read_metadata(save_model(WithConfig(1, 1), tmp_path, "a.safetensors"))
    assert facts["kind"] == "weights"
    assert facts["config"] == {"depth": 12}
    assert facts["format_version"] == "1"
    assert len(facts["sha256"]) == 64
    other = save_model(network(), tmp_path, "b.safetensors", config={"classes": ["a", "b"]})
    assert read_metadata(other)["config"] == {"classes": ["a", "b"]}


def test_weights_of_another_configuration_are_refused_by_its_fields(tmp_path):
    path = save_model(WithConfig(1, 1), tmp_path, "a.safetensors")
    model = WithConfig(2, 1)
    model.config = {"depth": 6}
    with pytest.raises(CheckpointError, match="depth=12 in the file and 6 here"):
        load_model(model, path)


@pytest.mark.parametrize("name", NAMES)
def test_weights_that_do_not_fit_change_nothing(tmp_path, name):
    path = save_model(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5)), tmp_path, name)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"1\.weight has shape \(5, 4\) in the file"):
        load_model(model, path)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_file_of_another_program_with_a_config_of_its_own_is_read(tmp_path):
    import safetensors.torch

    model = WithConfig(1, 1)
    path = tmp_path / "a.safetensors"
    safetensors.torch.save_file(model.state_dict(), path, metadata={"config": "not json"})
    load_model(model, path)
    assert read_metadata(path) == {"config": "not json"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\xff" * 100, b"PK\x03\x04"])
def test_another_kind_of_file_is_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    reads = {"load_model": lambda: load_model(network(), path)}
    if name == "a.safetensors":
        reads["read_metadata"] = lambda: read_metadata(path)
        reads["load_checkpoint"] = lambda: load_checkpoint(path, model=network())
    for read in reads.values():
        with pytest.raises(CheckpointError, match="damaged") as caught:
            read()
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_and_a_folder_are_refused(tmp_path, name):
    with pytest.raises(CheckpointError, match="could not be read: No such file"):
        load_model(network(), tmp_path / name)
    with pytest.raises(CheckpointError, match="could not be read: Is a directory"):
        load_model(network(), tmp_path)


LIMITED = """
import resource, signal, sys
import torch
from torch import nn
from pdl.checkpoint import save_model
from pdl.errors import CheckpointError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    save_model(nn.Linear(1000, 500), sys.argv[1], sys.argv[2])
except CheckpointError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows can not limit the size of files")
@pytest.mark.parametrize("name", ["a.safetensors", "a.pt"])
def test_a_full_disk_leaves_the_old_file(tmp_path, name):
    model = network()
    path = save_model(model, tmp_path, name)
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), name],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert f"no space left in {tmp_path} for {name} (it needs 2.0 MB)" in result.stdout
    assert equal(load_model(network(), path), model)
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            errno.ENOSPC,
            "no space left in {folder} for a.safetensors (it needs {size} MB). Free some space, or "
            "choose another folder; an older file of that name is untouched.",
        ),
        (
            errno.EIO,
            "{folder}/a.safetensors could not be written: Input/output error. "
            "Choose another folder.",
        ),
    ],
)
def test_a_disk_that_refuses_is_named(tmp_path, monkeypatch, code, message):
    def refuse(handle):
        raise OSError(code, os.strerror(code))

    model = nn.Linear(1000, 300)  # 1.2 MB
    size = save_model(model, tmp_path / "other", "a.safetensors").stat().st_size / 1e6
    shutil.rmtree(tmp_path / "other")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(CheckpointError) as caught:
        save_model(model, tmp_path, "a.safetensors")
    assert str(caught.value) == message.format(folder=tmp_path, size=f"{size:.1f}")
    assert size > 1
    assert list(tmp_path.iterdir()) == []


# --- training state


def parts(seed=0, optimizer=torch.optim.AdamW):
    torch.manual_seed(seed)
    model = network()
    built = optimizer(model.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(12, 3, generator=generator)
    data = TensorDataset(inputs, (inputs.sum(dim=1) > 0).long())
    return {
        "model": model,
        "optimizer": built,
        "scheduler": torch.optim.lr_scheduler.MultiStepLR(built, milestones=[2, 2, 5]),
        "loaders": [
            DataLoader(data, 4, shuffle=True, generator=torch.Generator().manual_seed(seed))
        ],
    }


def learn(parts, epochs):
    losses = []
    for _ in range(epochs):
        for inputs, targets in parts["loaders"][0]:
            # NumPy's and not Python's numbers: beartype, in these tests, draws from those.
            noise = torch.randn_like(inputs) * np.random.rand()
            loss = nn.functional.cross_entropy(parts["model"](inputs + noise), targets)
            parts["optimizer"].zero_grad()
            loss.backward()
            parts["optimizer"].step()
            losses.append(loss.item())
        parts["scheduler"].step()
    return losses


def test_a_restored_run_follows_the_same_path_past_the_checkpoint(tmp_path):
    original = parts()
    np.random.seed(0)
    learn(original, 3)
    path = save_checkpoint(tmp_path / "last.safetensors", epoch=3, history={"a": [1.0]}, **original)
    expected = learn(original, 3)

    restored = parts(seed=99)
    learn(restored, 1)
    progress = load_checkpoint(path, **restored)
    assert progress == (3, {"a": [1.0]}, None)
    assert learn(restored, 3) == expected
    assert equal(original["model"], restored["model"])
    assert (
        restored["optimizer"].param_groups[0]["lr"] == original["optimizer"].param_groups[0]["lr"]
    )
    assert restored["scheduler"].state_dict() == original["scheduler"].state_dict()


SCHEDULERS = [
    lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: 1 / (step + 1)),
    lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=50, cycle_momentum=False),
    lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10),
    lambda o: torch.optim.lr_scheduler.StepLR(o, 2),
    lambda o: torch.optim.lr_scheduler.SequentialLR(
        o,
        [torch.optim.lr_scheduler.LinearLR(o), torch.optim.lr_scheduler.ExponentialLR(o, 0.9)],
        [2],
    ),
]
OPTIMIZERS = [
    lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    lambda p: torch.optim.Adam(p, lr=0.1, amsgrad=True),
    lambda p: torch.optim.RMSprop(p, lr=0.1),
    lambda p: torch.optim.Adagrad(p, lr=0.1),
]


@pytest.mark.parametrize("schedule", SCHEDULERS)
@pytest.mark.parametrize("optimize", OPTIMIZERS)
def test_every_common_optimizer_and_schedule_can_be_saved(tmp_path, optimize, schedule):
    def build():
        model = nn.Linear(2, 1)
        optimizer = optimize(model.parameters())
        return {"model": model, "optimizer": optimizer, "scheduler": schedule(optimizer)}

    def step(run, times):
        for _ in range(times):
            run["optimizer"].zero_grad()
            run["model"](torch.ones(3, 2)).square().mean().backward()
            run["optimizer"].step()
            run["scheduler"].step()

    first, second = build(), build()
    step(first, 3)
    path = save_checkpoint(tmp_path / "a.safetensors", epoch=1, history={}, **first)
    load_checkpoint(path, **second)
    step(first, 4)
    step(second, 4)
    assert equal(first["model"], second["model"])


def test_the_weights_of_a_training_state_can_be_loaded_alone(tmp_path):
    run = parts()
    path = save_checkpoint(tmp_path / "last.safetensors", epoch=1, history={}, **run)
    assert equal(load_model(network(), path), run["model"])
    assert read_metadata(path)["kind"] == "training"
    assert "state" not in read_metadata(path)


def test_weights_are_no_training_state(tmp_path):
    path = save_model(network(), tmp_path, "a.safetensors")
    with pytest.raises(CheckpointError, match=r"no training state\. Load it with load_model"):
        load_checkpoint(path, model=network())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": None}, "optimizer AdamW in the file and none here"),
        ({"scheduler": None}, "scheduler MultiStepLR in the file and none here"),
        ({"loaders": ()}, "generators of loaders 1 in the file and 0 here"),
        (
            {"optimizer": torch.optim.SGD([torch.zeros(1)], lr=1.0)},
            "optimizer AdamW in the file and SGD here",
        ),
        (
            {"optimizer": torch.optim.AdamW([torch.zeros(1)], lr=1.0)},
            "written with another optimizer: loaded state dict contains",
        ),
        ({"model": nn.Linear(1, 1)}, "was written for another model"),
    ],
)
def test_a_run_with_other_parts_is_refused_and_left_alone(tmp_path, change, message):
    path = save_checkpoint(tmp_path / "last.safetensors", epoch=1, history={}, **parts())
    here = parts(seed=1)
    before = {key: value.clone() for key, value in here["model"].state_dict().items()}
    random_state = torch.get_rng_state()
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path, **(here | change))
    assert all(torch.equal(before[key], here["model"].state_dict()[key]) for key in before)
    assert torch.equal(random_state, torch.get_rng_state())


def test_another_number_of_threads_is_a_warning(tmp_path, monkeypatch):
    path = tmp_path / "last.safetensors"
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    save_checkpoint(path, epoch=1, history={}, model=network())
    monkeypatch.undo()
    with pytest.warns(PdlWarning, match="threads 64 then"):
        load_checkpoint(path, model=network())


def test_the_same_machine_is_no_warning(tmp_path):
    path = save_checkpoint(tmp_path / "a.safetensors", epoch=1, history={}, model=network())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_checkpoint(path, model=network())


def test_any_of_200_flipped_bits_and_any_cut_is_noticed(tmp_path):
    path = save_checkpoint(tmp_path / "last.safetensors", epoch=1, history={}, **parts())
    whole = path.read_bytes()
    chance = random.Random(0)
    for _ in range(200):
        position = chance.randrange(8 * len(whole))
        flipped = bytearray(whole)
        flipped[position // 8] ^= 1 << position % 8
        path.write_bytes(flipped)
        with pytest.raises(CheckpointError):
            load_checkpoint(path, model=network())
    for end in (0, 1, len(whole) // 2, len(whole) * 99 // 100, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(CheckpointError, match="damaged"):
            load_checkpoint(path, model=network())


def test_one_generator_used_by_two_loaders_is_saved_once():
    generator = torch.Generator()
    data = TensorDataset(torch.zeros(4))
    loaders = [DataLoader(data, generator=generator), DataLoader(data, generator=generator), None]
    assert checkpoint.generators_of(loaders) == [generator]
    sampler = torch.utils.data.RandomSampler(data, generator=torch.Generator())
    batches = torch.utils.data.BatchSampler(sampler, 2, drop_last=False)
    assert checkpoint.generators_of([DataLoader(data, batch_sampler=batches)]) == [
        sampler.generator
    ]
    # A loader that cuts no batches has the sampler alone.
    assert checkpoint.generators_of([SimpleNamespace(sampler=sampler)]) == [sampler.generator]
    both = [DataLoader(data, generator=generator), DataLoader(data, batch_sampler=batches)]
    assert checkpoint.generators_of(both) == [generator, sampler.generator]


def test_the_part_of_an_epoch_comes_back(tmp_path):
    part = Partial(
        batches=2,
        losses=(1.5, 8),
        scores=(3.0, 8),
        lr=0.01,
        seconds=0.25,
        rng={"torch": torch.arange(3)},
        loaders=[torch.arange(2)],
    )
    path, model = tmp_path / "last.safetensors", network()
    save_checkpoint(path, model=model, epoch=1, history={"loss": [2.0]}, partial=part)
    found = load_checkpoint(path, model=model)
    assert (found.epoch, found.history) == (1, {"loss": [2.0]})
    assert found.partial is not None
    assert tuple(found.partial.losses) == part.losses
    assert tuple(found.partial.scores) == part.scores
    assert (found.partial.batches, found.partial.lr, found.partial.seconds) == (2, 0.01, 0.25)
    assert torch.equal(found.partial.rng["torch"], torch.arange(3))
    assert torch.equal(found.partial.loaders[0], torch.arange(2))
    save_checkpoint(path, model=model, epoch=2, history={})
    assert load_checkpoint(path, model=model).partial is None


def test_a_sealed_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(seal({}, {"kind": "something", "config": "null"}))
    with pytest.raises(CheckpointError, match="no training state"):
        load_checkpoint(path, model=network())


# --- who may write


def test_a_run_without_a_file_claims_nothing():
    with claimed(None, resume=False):
        pass
    with (
        pytest.raises(ConfigError, match="resume=True needs a file"),
        claimed(None, resume=True),
    ):
        pass


def test_an_earlier_run_is_not_overwritten_by_mistake(tmp_path):
    path = tmp_path / "last.safetensors"
    path.touch()
    with pytest.raises(ConfigError, match="Pass resume=True"), claimed(path, resume=False):
        pass
    with claimed(path, resume=True):
        assert (tmp_path / "last.safetensors.lock").exists()
    assert not (tmp_path / "last.safetensors.lock").exists()


def test_two_runs_can_not_write_one_file(tmp_path):
    path = tmp_path / "last.safetensors"
    with (
        claimed(path, resume=False),
        pytest.raises(ConfigError, match="being written by another run"),
        claimed(path, resume=False),
    ):
        pass


def test_a_folder_that_can_not_be_used_is_refused_at_the_start(tmp_path):
    (tmp_path / "runs").touch()
    with (
        pytest.raises(ConfigError, match="folder to write into"),
        claimed(tmp_path / "runs" / "last.safetensors", resume=False),
    ):
        pass


def test_another_ending_is_refused_at_the_start(tmp_path):
    with (
        pytest.raises(ConfigError, match=r"got 'last\.pt'\. Try 'last\.safetensors'"),
        claimed(tmp_path / "last.pt", resume=False),
    ):
        pass


def test_no_lock_is_held_after_all_this():
    assert set() == files._HELD
