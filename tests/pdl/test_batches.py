"""Does `pdl.batches` do what its page says, on good input and on bad?"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from pdl.batches import check_loader, walk
from pdl.errors import ConfigError, DataError

CPU = torch.device("cpu")


def pairs(*sizes):
    return [(torch.ones(size, 1), torch.ones(size)) for size in sizes]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 5))
def test_groups_cover_all_batches_in_order_and_shares_add_up_to_one(sizes, accumulate):
    batches = list(walk(pairs(*sizes), CPU, accumulate=accumulate))
    assert [len(batch.targets) for batch in batches] == sizes
    assert [batch.first for batch in batches] == [i % accumulate == 0 for i in range(len(sizes))]
    assert batches[-1].last
    groups = [batches[i : i + accumulate] for i in range(0, len(batches), accumulate)]
    for group in groups:
        assert sum(batch.share for batch in group) == pytest.approx(1)
        assert [batch.last for batch in group] == [False] * (len(group) - 1) + [True]
        total = sum(len(batch.targets) for batch in group)
        assert all(batch.share == len(batch.targets) / total for batch in group)


def test_places_have_epoch_and_batch():
    assert [batch.where for batch in walk(pairs(1, 1), CPU, epoch=3)] == [
        "epoch 3, batch 1",
        "epoch 3, batch 2",
    ]
    assert next(walk(pairs(1), CPU)).where == "batch 1"


def test_batches_are_read_one_at_a_time_without_accumulation():
    read = []

    def loader():
        for number, pair in enumerate(pairs(1, 1, 1)):
            read.append(number)
            yield pair

    walker = walk(loader(), CPU)
    next(walker)
    assert read == [0]


def test_images_are_laid_out_channels_last_and_nothing_else():
    images = [(torch.ones(2, 3, 4, 4), torch.ones(2))]
    batch = next(walk(images, CPU, channels_last=True))
    assert batch.inputs.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch.inputs, images[0][0])
    assert next(walk(pairs(2), CPU, channels_last=True)).inputs.shape == (2, 1)


def test_batches_go_to_the_device_and_the_targets_are_kept():
    batch = next(walk(pairs(2), torch.device("meta")))
    assert batch.inputs.is_meta
    assert batch.targets.is_meta
    assert not batch.host_targets.is_meta


def test_a_list_as_data_loaders_give_it_is_a_pair():
    loader = DataLoader(TensorDataset(torch.ones(4, 1), torch.ones(4)), batch_size=2)
    assert [len(batch.inputs) for batch in walk(loader, CPU)] == [2, 2]


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (torch.ones(2, 1), r"got Tensor in batch 1\. For a full batch pass"),
        ((torch.ones(2, 1),), "got tuple of length 1"),
        ((torch.ones(1), torch.ones(1), torch.ones(1)), "got tuple of length 3"),
        ((torch.ones(2, 1), [1, 2]), "got Tensor and list"),
        ((torch.ones(2, 1), torch.ones(3)), r"got shapes \(2, 1\) and \(3,\)"),
        ((torch.tensor(1.0), torch.tensor(1.0)), r"got shapes \(\) and \(\)"),
        ((torch.ones(0, 1), torch.ones(0)), r"got shapes \(0, 1\) and \(0,\)"),
    ],
)
def test_what_is_no_batch_is_refused_with_its_place(batch, message):
    with pytest.raises(DataError, match=message):
        next(walk(iter([batch]), CPU))


class WithoutLength:
    def __iter__(self):
        return iter(pairs(2))


def test_good_loaders_pass():
    for loader in (pairs(2), tuple(pairs(2)), WithoutLength()):
        check_loader(loader, "train_loader")


def test_a_generator_would_be_empty_in_the_second_epoch():
    with pytest.raises(ConfigError, match="val_loader must give its batches again"):
        check_loader((pair for pair in pairs(2)), "val_loader")


def test_an_empty_loader_is_refused():
    with pytest.raises(DataError, match="train_loader gives 0 batches"):
        check_loader([], "train_loader")


def test_a_batch_larger_than_the_data_is_named_as_the_cause():
    data = TensorDataset(torch.ones(5, 1), torch.ones(5))
    loader = DataLoader(data, batch_size=32, drop_last=True)
    with pytest.raises(ConfigError, match=r"5 samples, batch_size=32, drop_last=True"):
        check_loader(loader, "train_loader")
