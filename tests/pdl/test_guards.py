"""Does `pdl.guards` do what its page says, on good input and on bad?"""

import math

import pytest
import torch
from torch import nn

from pdl import guards
from pdl.batches import walk
from pdl.errors import ConfigError, DataError, DeviceError, ShapeError, TrainingError


def batch_of(targets, size=2):
    return next(walk([(torch.ones(len(targets), size), targets)], torch.device("cpu"), epoch=1))


def run(batch, error, model=None):
    with guards.explaining(batch, nn.Linear(2, 1) if model is None else model):
        raise error


def test_labels_inside_pass():
    guards.check_labels(torch.zeros(3, 4), batch_of(torch.tensor([0, 3, 2])), nn.CrossEntropyLoss())


@pytest.mark.parametrize("label", [4, -1, 255])
@pytest.mark.parametrize("loss_fn", [nn.CrossEntropyLoss(), nn.NLLLoss()])
def test_a_label_outside_is_named_with_the_range_and_the_place(label, loss_fn):
    batch = batch_of(torch.tensor([0, label, 2]))
    with pytest.raises(DataError, match=f"0 to 3 .* 4 outputs, got {label} in epoch 1, batch 1"):
        guards.check_labels(torch.zeros(3, 4), batch, loss_fn)


def test_the_ignored_label_passes():
    loss_fn = nn.CrossEntropyLoss(ignore_index=255)
    guards.check_labels(torch.zeros(2, 4), batch_of(torch.tensor([0, 255])), loss_fn)
    guards.check_labels(torch.zeros(1, 4), batch_of(torch.tensor([-100])), nn.CrossEntropyLoss())


@pytest.mark.parametrize(
    ("outputs", "targets", "loss_fn"),
    [
        (torch.zeros(2, 4), torch.tensor([9, 9]), nn.L1Loss()),
        (torch.zeros(2, 4), torch.ones(2, 4), nn.CrossEntropyLoss()),  # probabilities
        (torch.zeros(4), torch.tensor([9, 9]), nn.CrossEntropyLoss()),
    ],
)
def test_what_are_no_labels_is_not_judged(outputs, targets, loss_fn):
    guards.check_labels(outputs, batch_of(targets), loss_fn)


def test_labels_on_a_gpu_are_not_waited_for():
    batch = batch_of(torch.tensor([9, 9]))._replace(
        host_targets=torch.ones(2, device="meta").long()
    )
    guards.check_labels(torch.zeros(2, 4), batch, nn.CrossEntropyLoss())


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_a_loss_that_is_no_mean_is_refused(reduction):
    with pytest.raises(ConfigError, match=f"got reduction='{reduction}'"):
        guards.check_loss(nn.L1Loss(reduction=reduction), counts_classes=False)


def test_accuracy_of_a_regression_is_refused():
    with pytest.raises(ConfigError, match=r"loss_fn is L1Loss, .* Pass metric=None"):
        guards.check_loss(nn.L1Loss(), counts_classes=True)
    guards.check_loss(nn.L1Loss(), counts_classes=False)
    guards.check_loss(nn.CrossEntropyLoss(), counts_classes=True)
    guards.check_loss(nn.functional.cross_entropy, counts_classes=True)


def test_a_loss_with_a_shape_is_refused():
    guards.check_scalar(torch.tensor(1.0), "batch 1")
    with pytest.raises(ShapeError, match=r"got shape \(3,\) in batch 1"):
        guards.check_scalar(torch.ones(3), "batch 1")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_named_with_place_rate_and_last_loss(value):
    with pytest.raises(TrainingError) as caught:
        guards.check_finite(value, "the loss", "epoch 2, batch 7", lr=0.5, last=1.25)
    for part in (str(value), "the loss", "epoch 2, batch 7", "lr=0.5", "batch before 1.25"):
        assert part in str(caught.value)


def test_the_first_batch_has_none_before():
    with pytest.raises(TrainingError, match=r"\(lr=0.5\)"):
        guards.check_finite(math.nan, "the loss", "batch 1", lr=0.5, last=None)
    guards.check_finite(0.0, "the loss", "batch 1", lr=0.5, last=None)


def test_an_optimizer_of_another_model_is_refused():
    model, other = nn.Linear(1, 1), nn.Linear(1, 1)
    with pytest.raises(ConfigError, match="got 2 that belong to another one"):
        guards.check_optimizer(torch.optim.SGD(other.parameters(), lr=0.1), model)
    guards.check_optimizer(torch.optim.SGD([model.weight], lr=0.1), model)


@pytest.mark.parametrize("lr", [0.0, math.nan, math.inf])
def test_a_learning_rate_that_learns_nothing_is_refused(lr):
    model = nn.Linear(1, 1)
    with pytest.raises(ConfigError, match="lr must be a positive number"):
        guards.check_optimizer(torch.optim.SGD(model.parameters(), lr=lr), model)


def test_a_schedule_may_start_at_zero():
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0)
    guards.check_optimizer(optimizer, model)


def test_an_unknown_error_passes_with_a_note():
    batch = batch_of(torch.tensor([0, 1]))
    with pytest.raises(KeyError) as caught:
        run(batch, KeyError("boom"))
    assert caught.value.__notes__ == [
        "in epoch 1, batch 1: inputs float32 (2, 2) on cpu, targets int64 (2,) on cpu, "
        "model float32 on cpu"
    ]


def test_a_model_without_parameters_is_said_to_be_one():
    with pytest.raises(KeyError) as caught:
        run(batch_of(torch.tensor([0])), KeyError("boom"), nn.Identity())
    assert caught.value.__notes__[0].endswith("model without parameters")


def test_an_error_of_ours_and_ctrl_c_pass_as_they_are():
    for error in (DataError("ours"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught:
            run(batch_of(torch.tensor([0])), error)
        assert not hasattr(caught.value, "__notes__")


def test_no_error_passes():
    with guards.explaining(batch_of(torch.tensor([0])), nn.Identity()):
        pass


def test_out_of_memory_says_how_to_need_less():
    error = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(DeviceError, match=r"cpu ran out of memory .* 3 samples\. .*batch_size"):
        run(batch_of(torch.tensor([0, 0, 0])), error)


def test_batch_norm_on_a_single_sample_says_how_to_avoid_it():
    batch, norm = batch_of(torch.tensor([0])), nn.BatchNorm1d(2)
    with pytest.raises(ConfigError, match="drop_last=True"), guards.explaining(batch, norm):
        norm(batch.inputs)
