"""Orders, seeds and shares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdl.data.sampling import EpochSampler, mixed_seed, split_indices
from pdl.errors import ConfigError, DataError


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    fraction=st.floats(0.05, 0.9),
    seed=st.integers(0, 1000),
)
def test_a_share_is_set_aside_of_each_class(counts: list[int], fraction: float, seed: int) -> None:
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    try:
        rest, aside = split_indices(labels, fraction, seed=seed)
    except DataError:
        assert fraction * len(labels) < 2 or max(counts) == 1
        return
    assert sorted(rest + aside) == list(range(len(labels)))
    assert (rest, aside) == (sorted(rest), sorted(aside))
    assert (rest, aside) == split_indices(labels, fraction, seed=seed)
    for label, count in enumerate(counts):
        taken = sum(labels[index] == label for index in aside)
        assert taken < count  # something is left to learn from
        assert abs(taken - fraction * count) <= len(counts) or taken == count - 1


def test_the_share_of_the_photos() -> None:
    labels = [0] * 78 + [1] * 75 + [2] * 72
    _, aside = split_indices(labels, 0.2)
    assert len(aside) == 45
    assert [sum(labels[i] == label for i in aside) for label in range(3)] == [16, 15, 14]


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_shares_that_are_none(fraction: float) -> None:
    with pytest.raises(ConfigError, match="fraction must lie between 0 and 1"):
        split_indices([0, 1], fraction)


@given(size=st.integers(1, 30), world=st.integers(1, 5), epoch=st.integers(0, 3))
def test_ranks_take_as_many_steps_and_see_everything(size: int, world: int, epoch: int) -> None:
    parts = []
    for rank in range(world):
        sampler = EpochSampler(size, shuffle=False, rank=rank, world_size=world)
        sampler.set_epoch(epoch)
        parts.append(list(sampler))
        assert len(parts[-1]) == len(sampler)
    assert len({len(part) for part in parts}) == 1
    assert {index for part in parts for index in part} == set(range(size))


def test_settings_of_the_sampler() -> None:
    with pytest.raises(ConfigError, match="rank=2 and world_size=2"):
        EpochSampler(3, shuffle=False, rank=2, world_size=2)
    with pytest.raises(ConfigError, match="epoch=-1"):
        EpochSampler(3, shuffle=False).set_epoch(-1)
    with pytest.raises(DataError, match="empty data set"):
        EpochSampler(0, shuffle=False)


def test_seeds_differ() -> None:
    seeds = {mixed_seed(a, b, c) for a in range(10) for b in range(10) for c in range(30)}
    assert len(seeds) == 3000
