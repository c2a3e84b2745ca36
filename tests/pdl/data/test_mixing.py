"""Are mixed pictures mixed as their labels say, and the same in a run that was interrupted?"""

import pytest
import torch

from pdl.data.memory import InMemoryLoader
from pdl.data.mixing import MixedBatches, mixed_hits
from pdl.errors import ConfigError

CLASSES = 4


@pytest.fixture
def loader():
    """Pictures as bright as their label says: a mixture shows in the pixels."""
    labels = torch.arange(CLASSES).repeat(4)
    images = (labels * 60).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 16, 16).contiguous()
    return InMemoryLoader((images, labels), batch_size=8, shuffle=True)


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_the_label_says_how_much_of_each_picture_there_is(loader, kind):
    mixed = MixedBatches(loader, CLASSES, **{kind: 1.0})
    for images, targets in mixed:
        assert targets.shape == (8, CLASSES)
        assert torch.allclose(targets.sum(dim=1), torch.ones(8))
        seen = images.mean(dim=(1, 2, 3)) * 255 / 60
        assert torch.allclose(seen, targets @ torch.arange(CLASSES).float(), atol=1e-3)


def test_both_kinds_take_turns(loader):
    mixed = MixedBatches(loader, CLASSES, mixup=0.8, cutmix=1.0)
    flat = []
    for _ in range(10):
        for images, _targets in mixed:
            spread = images.amax(dim=(2, 3)) - images.amin(dim=(2, 3))
            flat.append(bool((spread < 1e-6).all()))
    assert 3 < sum(flat) < 17  # mixup leaves each picture of one color, CutMix does not


def batches(mixed):
    return [(images.clone(), targets.clone()) for images, targets in mixed]


def same(left, right):
    return all(
        torch.equal(a, b)
        for one, other in zip(left, right, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def test_an_epoch_follows_from_its_number_and_leaves_the_global_chance_alone(loader):
    mixed = MixedBatches(loader, CLASSES, mixup=0.8, cutmix=1.0)
    before = torch.get_rng_state()
    first, second = batches(mixed), batches(mixed)
    assert torch.equal(before, torch.get_rng_state())
    assert not same(first, second)
    mixed.set_epoch(1)
    assert same(batches(mixed), second)
    mixed.set_epoch(1, skip_batches=1)
    assert same(batches(mixed), second[1:])


def test_settings_that_mix_nothing_are_refused(loader):
    with pytest.raises(ConfigError, match="both be 0"):
        MixedBatches(loader, CLASSES)
    with pytest.raises(ConfigError, match=r"mixup must be 0 or more, got -1"):
        MixedBatches(loader, CLASSES, mixup=-1)
    with pytest.raises(ConfigError, match="num_classes"):
        MixedBatches(loader, 1, mixup=0.8)


def test_it_has_as_many_batches_as_its_loader(loader):
    assert len(MixedBatches(loader, CLASSES, mixup=1.0)) == len(loader) == 2


def test_a_hit_is_the_largest_share_or_the_label():
    logits = torch.tensor([[3.0, 0.0], [3.0, 0.0]])
    assert mixed_hits(logits, torch.tensor([0, 1])).tolist() == [True, False]
    assert mixed_hits(logits, torch.tensor([[0.6, 0.4], [0.4, 0.6]])).tolist() == [True, False]


def test_a_loader_that_can_not_skip_is_skipped_here(loader):
    kept = batches(loader)
    mixed = MixedBatches(kept, CLASSES, mixup=0.8)
    whole = batches(mixed)
    mixed.set_epoch(0, skip_batches=1)
    assert same(batches(mixed), whole[1:])
