"""Does `pdl.metrics` do what its page says, on good input and on bad?"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score
from torchmetrics.functional import accuracy as reference

from pdl.errors import DataError, PdlError, ShapeError
from pdl.metrics import WeightedMean, accuracy, accuracy_fn, correct


@given(st.integers(1, 50), st.integers(2, 7), st.integers(0, 10_000))
def test_accuracy_equals_torchmetrics(samples, classes, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(samples, classes, generator=generator)
    labels = torch.randint(classes, (samples,), generator=generator)
    expected = reference(logits, labels, task="multiclass", num_classes=classes)
    assert accuracy(logits, labels) == expected


@given(st.integers(1, 50), st.integers(0, 10_000), st.booleans(), st.booleans(), st.booleans())
def test_a_single_logit_is_judged_by_its_sign(samples, seed, column, label_column, as_float):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(samples, generator=generator)
    labels = torch.randint(2, (samples,), generator=generator)
    expected = accuracy_score(labels, logits > 0)
    logits = logits.unsqueeze(1) if column else logits
    labels = labels.unsqueeze(1) if label_column else labels
    assert accuracy(logits, labels.float() if as_float else labels).item() == pytest.approx(
        expected
    )


def test_every_pixel_counts_when_each_has_a_label():
    logits = torch.zeros(2, 3, 4, 4)
    logits[:, 1] = 1
    labels = torch.ones(2, 4, 4, dtype=torch.int64)
    labels[0, 0, 0] = 2
    assert correct(logits, labels).sum() == 31


@pytest.mark.parametrize(
    ("logits", "labels"), [((4, 3), (5,)), ((4, 1), (3,)), ((4,), (2,)), ((4, 3), (4, 3))]
)
def test_labels_that_do_not_belong_to_the_logits_are_refused(logits, labels):
    with pytest.raises(ShapeError, match="one label for each prediction"):
        accuracy(torch.zeros(logits), torch.zeros(labels, dtype=torch.int64))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_accuracy_fn_is_the_percentage_of_equal_labels(pairs):
    true, predicted = (torch.tensor(part) for part in zip(*pairs, strict=True))
    assert accuracy_fn(true, predicted) == pytest.approx(100 * accuracy_score(true, predicted))


def test_accuracy_fn_refuses_logits_and_nothing():
    with pytest.raises(ShapeError, match=r"argmax\(dim=1\)"):
        accuracy_fn(torch.zeros(4), torch.zeros(4, 3))
    with pytest.raises(DataError, match="at least one label"):
        accuracy_fn(torch.zeros(0), torch.zeros(0))


@given(
    st.lists(st.lists(st.booleans(), min_size=1, max_size=40), min_size=1, max_size=12),
    st.sampled_from(["hits", "means", "floats"]),
)
def test_the_mean_is_over_samples_however_they_are_cut_into_batches(batches, form):
    mean = WeightedMean()
    for batch in batches:
        hits = torch.tensor(batch)
        if form == "hits":
            mean.update(hits)
        elif form == "means":
            mean.update(hits.double().mean(), len(hits))
        else:
            mean.update(sum(batch) / len(batch), len(batch))
    samples = [hit for batch in batches for hit in batch]
    assert mean.samples == len(samples)
    if form == "hits":
        assert mean.compute() == sum(samples) / len(samples)  # to the last bit
    else:
        assert mean.compute() == pytest.approx(sum(samples) / len(samples), rel=1e-12)


class OnDevice(torch.Tensor):
    """A tensor that says it is on another device, and counts how often it is waited for."""

    kind = "cuda"
    waits = 0

    @property
    def device(self):
        return torch.device(self.kind)

    def item(self):
        type(self).waits += 1
        return super().item()

    def __float__(self):
        raise AssertionError("the device was waited for")


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_a_device_is_waited_for_once_an_epoch_and_not_in_each_batch(kind, monkeypatch):
    monkeypatch.setattr(OnDevice, "kind", kind)
    monkeypatch.setattr(OnDevice, "waits", 0)
    mean = WeightedMean()
    for value, n in ((1.0, 32), (0.5, 32), (0.0, 1)):
        mean.update(torch.tensor(value).as_subclass(OnDevice), n)
    mean.update(torch.tensor([True, False]).as_subclass(OnDevice))
    assert OnDevice.waits == 0
    assert mean.compute() == pytest.approx((32 + 16 + 1) / 67)
    assert OnDevice.waits == 1
    assert mean._on_device.dtype == (torch.float32 if kind == "mps" else torch.float64)


def test_a_mean_records_no_gradients():
    mean = WeightedMean()
    mean.update(torch.ones(3, requires_grad=True) * 2)
    mean.update(torch.ones((), requires_grad=True) * 2, 1)
    assert mean.compute() == 2.0


def test_what_can_not_be_weighted_is_refused():
    mean = WeightedMean()
    with pytest.raises(ShapeError, match="number of samples behind it"):
        mean.update(torch.tensor(1.0))
    with pytest.raises(ShapeError, match="got n=3 and 2 values"):
        mean.update(torch.ones(2), 3)
    with pytest.raises(DataError, match="at least one sample"):
        mean.compute()


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (
            lambda: correct(torch.zeros(2, 3), torch.zeros(4)),
            "there must be one label for each prediction, got logits of shape (2, 3) and labels of "
            "shape (4,). Give logits (B, K) with labels (B,), or one logit and one label a sample.",
        ),
        (
            lambda: accuracy_fn(torch.zeros(3), torch.zeros(3, 1)),
            "y_true and y_pred must have the same shape, got (3,) and (3, 1). Take away the "
            "dimension of size 1, with squeeze(dim=1).",
        ),
        (
            lambda: accuracy_fn(torch.zeros(3), torch.zeros(3, 2)),
            "y_true and y_pred must have the same shape, got (3,) and (3, 2). Turn logits into "
            "labels first, with argmax(dim=1).",
        ),
        (
            lambda: accuracy_fn(torch.zeros(0), torch.zeros(0)),
            "accuracy needs at least one label, got none. Check the data loader.",
        ),
        (
            lambda: WeightedMean().update(torch.zeros(3), 2),
            "n must be the number of values, got n=2 and 3 values. Leave n out, or give the mean "
            "of the batch as a scalar.",
        ),
        (
            lambda: WeightedMean().update(1.0),
            "a mean needs the number of samples behind it, got n=None. Call update(value, "
            "n=len(labels)).",
        ),
        (
            lambda: WeightedMean().compute(),
            "a mean needs at least one sample, got none. Check the data loader.",
        ),
    ],
)
def test_a_mistake_is_answered_with_what_was_given_the_rule_and_what_to_do(mistake, message):
    with pytest.raises(PdlError) as caught:
        mistake()
    assert str(caught.value) == message


def test_a_logit_of_exactly_zero_is_not_a_yes():
    assert correct(torch.zeros(1, 1), torch.zeros(1)).tolist() == [True]


def test_many_values_are_added_in_double_precision():
    """In float32 a thousand values of 1e-4 beside 1e4 are lost."""
    mean = WeightedMean()
    mean.update(torch.cat([torch.tensor([1e4]), torch.full((1000,), 1e-4)]))
    assert mean.total == pytest.approx(1e4 + 0.1, abs=1e-6)


def test_an_interrupted_mean_goes_on():
    mean = WeightedMean()
    mean.restore(6.0, 3)
    mean.update(1.0, 1)
    assert mean.compute() == 7 / 4
