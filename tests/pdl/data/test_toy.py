"""Does `pdl.data.toy` do what its page says, on good input and on bad?"""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split as reference

from pdl.data import toy
from pdl.errors import ConfigError, DataError
from pdl.seed import make_generator

CLOUDS = [toy.circles, toy.moons, toy.blobs, toy.spirals]


def test_the_line_is_that_of_the_notes_to_the_last_bit():
    X, y = toy.straight_line()
    expected = torch.arange(0, 1, 0.02).unsqueeze(dim=1)
    assert torch.equal(X, expected)
    assert torch.equal(y, 0.7 * expected + 0.3)


def test_the_test_labels_are_those_of_the_notes():
    _, _, _, y_test = toy.train_test_split(*toy.straight_line())
    expected = [0.8600, 0.8740, 0.8880, 0.9020, 0.9160, 0.9300, 0.9440, 0.9580, 0.9720, 0.9860]
    assert [round(value, 4) for value in y_test.squeeze().tolist()] == expected  # N3


@given(
    st.integers(1, 400),
    st.floats(-100, 100, width=32),
    st.floats(0.125, 100, width=32),
    st.floats(-5, 5, width=32),
    st.floats(-5, 5, width=32),
)
def test_a_line_has_as_many_points_as_asked_for(samples, start, length, weight, bias):
    X, y = toy.straight_line(samples, start=start, stop=start + length, weight=weight, bias=bias)
    assert X.shape == y.shape == (samples, 1)
    assert X[0].item() == pytest.approx(start, abs=1e-4)
    assert X.max() < start + length + 1e-3
    torch.testing.assert_close(y, weight * X + bias)


def test_noise_blurs_a_line_by_its_standard_deviation():
    _, y = toy.straight_line(20_000, noise=0.5, generator=make_generator(0))
    _, clean = toy.straight_line(20_000)
    assert (y - clean).std().item() == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("cloud", CLOUDS)
@given(samples=st.integers(1, 200), seed=st.integers(0, 1000))
def test_classes_take_turns_and_repeat_with_the_generator(cloud, samples, seed):
    X, y = cloud(samples, generator=make_generator(seed))
    again, _ = cloud(samples, generator=make_generator(seed))
    assert X.shape == (samples, 2)
    assert X.dtype == torch.float32
    assert y.dtype == torch.int64
    assert torch.isfinite(X).all()
    assert torch.equal(X, again)
    classes = int(cloud(20)[1].max()) + 1
    assert y.tolist() == [index % classes for index in range(samples)]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_without_a_generator_the_global_one_is_used(cloud):
    torch.manual_seed(5)
    first, _ = cloud(10)
    second, _ = cloud(10)
    torch.manual_seed(5)
    assert torch.equal(first, cloud(10)[0])
    assert not torch.equal(first, second)


def test_circles_have_their_two_radii_and_go_all_round():
    X, y = toy.circles(400, noise=0, factor=0.5)
    torch.testing.assert_close(X.norm(dim=1), torch.where(y == 0, 1.0, 0.5))
    torch.testing.assert_close(X.mean(dim=0), torch.zeros(2), atol=1e-6, rtol=0)
    assert len(X[y == 0].unique(dim=0)) == 200


def test_moons_reach_into_each_other():
    X, y = toy.moons(200, noise=0)
    upper, lower = X[y == 0], X[y == 1]
    assert upper[:, 1].min() >= -1e-6
    assert lower[:, 1].max() <= 0.5 + 1e-6
    assert lower[:, 0].min() == pytest.approx(0, abs=1e-6)
    assert upper[:, 0].max() == pytest.approx(1, abs=1e-6)


def test_blobs_lie_around_their_centers():
    X, y = toy.blobs(40_000, num_classes=3, noise=0.5, generator=make_generator(1))
    for label in range(3):
        assert X[y == label].std(dim=0).mean().item() == pytest.approx(0.5, rel=0.05)
        assert X[y == label].mean(dim=0).abs().max() < 11


def test_spirals_start_in_the_middle_and_end_on_the_unit_circle():
    X, _ = toy.spirals(300, num_classes=3, noise=0, turns=1.0)
    assert X[:3].norm(dim=1).max() == 0
    torch.testing.assert_close(X[-3:].norm(dim=1), torch.ones(3))
    ends = torch.atan2(X[-3:, 1], X[-3:, 0]) % (2 * math.pi)
    torch.testing.assert_close(ends, torch.tensor([0, 2, 4]) * math.pi / 3, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: toy.straight_line(0), "num_samples must be at least 1, got 0"),
        (lambda: toy.straight_line(noise=-1.0), "noise must be 0 or a positive number, got -1"),
        (lambda: toy.straight_line(noise=math.nan), "got nan"),
        (lambda: toy.straight_line(start=1.0, stop=1.0), "start must be below stop"),
        (lambda: toy.circles(factor=1.0), "factor must lie between 0 and 1, got 1.0"),
        (lambda: toy.circles(-4), "num_samples must be at least 1, got -4"),
        (lambda: toy.blobs(num_classes=1), "num_classes must be at least 2, got 1"),
        (lambda: toy.moons(noise=math.inf), "got inf"),
    ],
)
def test_a_bad_setting_is_refused(call, message):
    with pytest.raises(ConfigError, match=message):
        call()


@given(st.integers(2, 300), st.integers(1, 99))
def test_a_split_keeps_each_sample_once_and_counts_like_scikit_learn(samples, percent):
    X = torch.arange(samples).float().unsqueeze(1)
    fraction = percent / 100
    expected = math.ceil(percent * samples / 100)
    if expected == samples:
        with pytest.raises(ConfigError, match="both parts need a sample"):
            toy.train_test_split(X, 2 * X, fraction)
        return
    X_train, X_test, y_train, y_test = toy.train_test_split(X, 2 * X, fraction)
    assert len(X_test) == expected
    assert torch.equal(torch.cat([X_train, X_test]), X)
    assert torch.equal(torch.cat([y_train, y_test]), 2 * X)
    shuffled = toy.train_test_split(X, 2 * X, fraction, generator=make_generator(samples))
    assert torch.equal(torch.cat(shuffled[:2]).sort(dim=0).values, X)
    assert torch.equal(torch.cat(shuffled[2:]), 2 * torch.cat(shuffled[:2]))


def test_a_split_counts_as_scikit_learn_does():
    for samples in (10, 11, 50, 75, 300):
        ours = toy.train_test_split(torch.arange(samples), torch.arange(samples))
        theirs = reference(list(range(samples)), test_size=0.2)
        assert [len(ours[0]), len(ours[1])] == [len(part) for part in theirs]


def test_a_generator_shuffles_and_repeats():
    X = torch.arange(100)
    first = toy.train_test_split(X, X, generator=make_generator(0))
    assert not torch.equal(first[0], X[:80])
    assert torch.equal(first[0], toy.train_test_split(X, X, generator=make_generator(0))[0])


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.2, 1.5])
def test_a_fraction_that_leaves_nothing_is_refused(fraction):
    with pytest.raises(ConfigError, match=r"test_fraction=.* of 5 samples"):
        toy.train_test_split(torch.zeros(5), torch.zeros(5), fraction)


def test_inputs_and_targets_of_different_length_are_refused():
    with pytest.raises(DataError, match="got 5 and 4 rows"):
        toy.train_test_split(torch.zeros(5), torch.zeros(4))
