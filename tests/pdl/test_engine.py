"""Does `pdl.engine` do what its page says, on good input and on bad?"""

import inspect
import io
import math
import re
import signal
import sys
from itertools import count

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

from pdl import engine
from pdl.data.augment import BatchAugment
from pdl.data.loaders import make_loader
from pdl.data.memory import InMemoryLoader
from pdl.device import Arriving
from pdl.engine import History, train, train_step
from pdl.errors import CheckpointError, ConfigError, DataError, ShapeError, TrainingError
from pdl.optim import adamw, schedule, warmup_cosine
from pdl.seed import make_generator, set_seeds


def points(samples=24, classes=3, seed=0):
    generator = make_generator(seed)
    inputs = torch.randn(samples, 4, generator=generator)
    return inputs, torch.randint(classes, (samples,), generator=generator)


def batches(inputs, targets, size):
    return list(zip(inputs.split(size), targets.split(size), strict=True))


def network(seed=0, dropout=0.0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 3)
    )


def plain(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(4, 3)


def sgd(model, lr=0.1, **options):
    return torch.optim.SGD(model.parameters(), lr=lr, **options)


def fit(model, loader, *arguments, epochs=1, **options):
    options.setdefault("optimizer", sgd(model))
    options.setdefault("loss_fn", nn.CrossEntropyLoss())
    return train(model, loader, *arguments, epochs=epochs, **options)


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


# --- the loop itself


def by_hand(model, loader, epochs, lr=0.1, momentum=0.0):
    """The five steps as chapter 01 writes them."""
    optimizer, loss_fn = sgd(model, lr, momentum=momentum), nn.CrossEntropyLoss()
    for _ in range(epochs):
        model.train()
        for inputs, targets in loader:
            loss = loss_fn(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def test_training_equals_the_five_steps_by_hand_to_the_bit():
    loader = batches(*points(26), 8)
    ours, hand = network(), network()
    fit(ours, loader, epochs=4, optimizer=sgd(ours, 0.1, momentum=0.9))
    by_hand(hand, loader, epochs=4, momentum=0.9)
    assert same(weights(ours), weights(hand))


def test_the_order_is_forward_loss_zero_grad_backward_step():
    order = []

    class Model(nn.Linear):
        def forward(self, x):
            order.append("forward")
            return super().forward(x)

    class Optimizer(torch.optim.SGD):
        def zero_grad(self, set_to_none=True):
            order.append("zero_grad")
            super().zero_grad(set_to_none)

        def step(self, closure=None):
            order.append("step")
            return super().step(closure)

    model = Model(4, 3)
    model.weight.register_hook(lambda gradient: order.append("backward"))

    def loss_fn(outputs, targets):
        order.append("loss")
        return nn.functional.cross_entropy(outputs, targets)

    train_step(model, batches(*points(4), 2), loss_fn, Optimizer(model.parameters(), lr=0.1))
    assert order == ["forward", "loss", "zero_grad", "backward", "step"] * 2


def test_one_call_takes_one_step_with_each_batch():
    model = plain()
    before = weights(model)
    inputs, targets = points(6)
    nn.functional.cross_entropy(model(inputs), targets).backward()
    expected = {k: before[k] - 0.1 * p.grad for k, p in model.named_parameters()}
    train_step(model, [(inputs, targets)], nn.CrossEntropyLoss(), sgd(model))
    torch.testing.assert_close(weights(model), expected)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_tiny_set_is_learned_by_heart(classes):
    inputs, targets = points(12, classes)
    model = network()
    history = fit(model, [(inputs, targets)], epochs=200, optimizer=adamw(model, lr=0.05))
    assert engine.test_step(model, [(inputs, targets)], nn.CrossEntropyLoss()).metric == 1.0
    assert history["train_loss"][-1] < 0.05


# --- means are over samples


def test_a_ragged_last_batch_counts_for_its_one_sample():
    """225 = 7 * 32 + 1: the mean of batch means would give the last sample the weight of 32."""
    inputs, targets = points(225)
    model = plain()
    with torch.no_grad():
        logits = model(inputs)
    ragged = engine.test_step(model, batches(inputs, targets, 32), nn.CrossEntropyLoss())
    right = int((logits.argmax(dim=1) == targets).sum())
    assert ragged.metric == right / 225  # to the last bit
    expected = nn.functional.cross_entropy(logits.double(), targets).item()
    assert ragged.loss == pytest.approx(expected, rel=1e-6)
    whole = engine.test_step(model, [(inputs, targets)], nn.CrossEntropyLoss())
    assert whole.metric == ragged.metric
    assert whole.loss == pytest.approx(ragged.loss, rel=1e-6)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
@settings(max_examples=30)
def test_how_the_data_is_cut_changes_no_measurement(samples, size, seed):
    inputs, targets = points(samples, seed=seed)
    model = plain(seed)
    cut = engine.test_step(model, batches(inputs, targets, size), nn.CrossEntropyLoss())
    whole = engine.test_step(model, [(inputs, targets)], nn.CrossEntropyLoss())
    assert cut.metric == whole.metric
    assert cut.loss == pytest.approx(whole.loss, rel=1e-5)


def test_training_measures_over_samples_too():
    inputs, targets = points(225)
    model = plain()
    with torch.no_grad():
        right = int((model(inputs).argmax(dim=1) == targets).sum())
    result = train_step(
        model,
        batches(inputs, targets, 32),
        nn.CrossEntropyLoss(),
        torch.optim.SGD(model.parameters(), lr=1e-20),
    )
    assert result.metric == right / 225


def test_a_metric_of_ones_own_may_be_a_mean_or_one_value_a_sample():
    inputs, targets = points(7)
    loader = batches(inputs, targets.float().unsqueeze(1), 3)
    model = nn.Linear(4, 1)

    def each(outputs, truth):
        return (outputs - truth).abs().squeeze(1)

    def mean(outputs, truth):
        return each(outputs, truth).mean()

    one = engine.test_step(model, loader, nn.MSELoss(), metric=each)
    other = engine.test_step(model, loader, nn.MSELoss(), metric=mean)
    assert one.metric == pytest.approx(other.metric, rel=1e-6)
    assert math.isnan(engine.test_step(model, loader, nn.MSELoss(), metric=None).metric)


def test_no_graph_is_kept_alive():
    seen = []

    def metric(outputs, targets):
        seen.append(outputs.requires_grad)
        return (outputs.argmax(1) == targets).float()

    model = plain()
    train_step(model, batches(*points(), 8), nn.CrossEntropyLoss(), sgd(model), metric=metric)
    assert seen == [False] * 3


# --- modes, devices and chance


def modes(model):
    return [part.training for part in model.modules()]


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_as_before(training):
    model = network().train(training)
    model[1].train(not training)
    before = modes(model)
    fit(model, batches(*points(), 8), batches(*points(), 8))
    assert modes(model) == before
    engine.test_step(model, batches(*points(), 8), nn.CrossEntropyLoss())
    assert modes(model) == before
    with pytest.raises(DataError):
        fit(model, [(torch.randn(2, 4), torch.tensor([0, 7]))])
    assert modes(model) == before
    assert torch.is_grad_enabled()


def test_training_is_in_train_mode_and_measuring_in_eval_mode_without_gradients():
    seen = []

    class Model(nn.Linear):
        def forward(self, x):
            seen.append((self.training, torch.is_grad_enabled(), torch.is_inference_mode_enabled()))
            return super().forward(x)

    loader = batches(*points(4), 4)
    fit(Model(4, 3), loader, loader)
    assert seen == [(True, True, False), (False, False, True)]


def test_a_frozen_part_that_keeps_its_statistics_is_respected():
    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone, self.head = nn.BatchNorm1d(4), nn.Linear(4, 3)
            self.backbone.requires_grad_(False)

        def train(self, mode=True):
            super().train(mode)
            self.backbone.eval()
            return self

        def forward(self, x):
            return self.head(self.backbone(x))

    model = Frozen()
    before = weights(model.backbone)
    fit(model, batches(*points(), 8), batches(*points(), 8), optimizer=adamw(model, lr=0.1))
    assert same(before, weights(model.backbone))


def test_measuring_draws_no_random_number():
    model = network(dropout=0.5)
    state = torch.get_rng_state()
    first = engine.test_step(model, batches(*points(), 8), nn.CrossEntropyLoss())
    assert torch.equal(state, torch.get_rng_state())
    assert engine.test_step(model, batches(*points(), 8), nn.CrossEntropyLoss()) == first


def test_the_model_and_the_batches_go_to_the_device():
    model = plain()
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever a meta tensor refuses
        fit(model, batches(*points(), 8), device="meta")
    assert next(model.parameters()).is_meta
    assert "meta" in str(caught.value) + "".join(caught.value.__notes__)


def test_batches_follow_the_model_to_its_device():
    """A meta tensor computes shapes alone, so a pass gets as far as the loss, on any machine."""
    seen = []

    class Model(nn.Linear):
        def forward(self, x):
            seen.append(x.device.type)
            return super().forward(x)

    def loss_fn(outputs, targets):
        seen.append(targets.device.type)
        return nn.functional.cross_entropy(outputs, targets)

    model, loader = Model(4, 3).to("meta"), [points(8)]
    with pytest.raises(RuntimeError, match="meta"):
        train_step(model, loader, loss_fn, sgd(model))
    with pytest.raises(RuntimeError, match="meta"):
        engine.test_step(model, loader, loss_fn)
    assert seen == ["meta"] * 4


def test_batches_go_to_the_device_that_is_named():
    """As a model wants it whose parts lie on several devices: its first weights tell nothing."""

    class Model(nn.Linear):
        def forward(self, x):
            raise RuntimeError(f"got inputs on {x.device}")

    model, loader = Model(4, 3), [points(8)]
    with pytest.raises(RuntimeError, match="got inputs on meta"):
        train_step(model, loader, nn.CrossEntropyLoss(), sgd(model), device="meta")
    with pytest.raises(RuntimeError, match="got inputs on meta"):
        engine.test_step(model, loader, nn.CrossEntropyLoss(), device="meta")


def test_two_runs_with_one_seed_are_equal():
    def run():
        set_seeds(7)
        model = network(seed=7, dropout=0.3)
        data = TensorDataset(*points())
        history = fit(model, DataLoader(data, 5, shuffle=True), epochs=3)
        return weights(model), {k: v for k, v in history.items() if k != "seconds"}

    first, second = run(), run()
    assert same(first[0], second[0])
    assert first[1] == second[1]


# --- what is no number


class Poisoned(nn.Linear):
    """Returns NaN, or a chosen value, in its call number ``at``."""

    def __init__(self, at, value=math.nan):
        super().__init__(4, 3)
        self.at, self.value, self.calls = at, value, 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x) * (self.value if self.calls == self.at else 1.0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(("at", "where"), [(1, "epoch 1, batch 1"), (5, "epoch 2, batch 2")])
def test_a_loss_that_is_no_number_stops_before_the_step(value, at, where):
    loader = batches(*points(), 8)
    torch.manual_seed(0)
    model = Poisoned(at, value)
    torch.manual_seed(0)
    reference = Poisoned(0)
    with pytest.raises(TrainingError, match=rf"the loss must be .* got nan in {where} \(lr=0\.1"):
        fit(model, loader, epochs=3)
    optimizer = sgd(reference)
    for number in range(at - 1):  # the weights are those after the last good step
        inputs, targets = loader[number % 3]
        optimizer.zero_grad()
        nn.functional.cross_entropy(reference(inputs), targets).backward()
        optimizer.step()
    assert same(weights(model), weights(reference))


def test_a_loss_that_is_no_number_comes_with_the_loss_before_it():
    """Whether it grew bit by bit or jumped tells a rate that is too large from a bad batch."""
    loader = batches(*points(), 8)
    torch.manual_seed(0)
    reference = Poisoned(0)
    before = train_step(reference, loader[:1], nn.CrossEntropyLoss(), sgd(reference)).loss
    torch.manual_seed(0)
    with pytest.raises(TrainingError) as caught:
        fit(Poisoned(2), loader)
    told = f"got nan in epoch 1, batch 2 (lr=0.1, loss of the batch before {before:.4g})."
    assert told in str(caught.value)
    with pytest.raises(TrainingError, match=r"got nan in epoch 1, batch 1 \(lr=0\.1\)\."):
        fit(Poisoned(1), loader)


def test_no_step_is_taken_with_any_batch_of_a_poisoned_group():
    torch.manual_seed(0)
    model = Poisoned(2)
    before = weights(model)
    with pytest.raises(TrainingError, match="epoch 1, batch 2"):
        fit(model, batches(*points(), 8), accumulate=3)
    assert same(before, weights(model))


class Root(nn.Module):
    """The square root has a finite value and an infinite slope at 0."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.weight.sqrt() * x


def test_a_gradient_that_is_no_number_stops_before_the_step_when_it_is_measured():
    model = Root()
    loader = [(torch.ones(2, 1), torch.ones(2, 1))]
    with pytest.raises(TrainingError, match=r"the gradient norm must be a finite number, got inf"):
        fit(model, loader, loss_fn=nn.L1Loss(), metric=None, grad_clip=1.0)
    assert model.weight.item() == 0


@pytest.mark.parametrize("at", [1, 2])
def test_a_gradient_that_is_no_number_comes_with_the_loss_before_it(at):
    loader, losses = batches(*points(), 8), []
    model, gradients = plain(), iter([1.0] * (at - 1) + [math.inf])
    model.weight.register_hook(lambda gradient: gradient * next(gradients))

    def loss_fn(outputs, targets):
        loss = nn.functional.cross_entropy(outputs, targets)
        losses.append(loss.item())
        return loss

    with pytest.raises(TrainingError) as caught:
        fit(model, loader, loss_fn=loss_fn, grad_clip=1.0)
    before = f", loss of the batch before {losses[0]:.4g}" if at == 2 else ""
    assert f"got inf in epoch 1, batch {at} (lr=0.1{before})." in str(caught.value)


def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    model, path = Root(), tmp_path / "last.safetensors"
    loader = [(torch.ones(2, 1), torch.ones(2, 1))]
    with pytest.raises(TrainingError) as caught:
        fit(model, loader, loss_fn=nn.L1Loss(), metric=None, checkpoint=path)
    assert str(caught.value) == (
        "the weights must be finite, got NaN or infinity in 'weight' after epoch 1, from a "
        "gradient that was not finite. Lower the learning rate or set grad_clip=1.0."
    )
    assert list(tmp_path.iterdir()) == []


def test_the_last_good_state_survives_a_bad_epoch(tmp_path):
    path = tmp_path / "last.safetensors"
    with pytest.raises(TrainingError, match="epoch 3, batch 1"):
        fit(Poisoned(7), batches(*points(), 8), epochs=5, checkpoint=path)
    model = Poisoned(0)
    history = fit(model, batches(*points(), 8), epochs=2, checkpoint=path, resume=True)
    assert history.epochs == 2
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


def test_all_labels_ignored_is_no_number():
    loader = [(torch.ones(2, 4), torch.tensor([-100, -100]))]
    with pytest.raises(TrainingError, match="got nan in epoch 1, batch 1"):
        fit(plain(), loader)


def test_a_gpu_is_asked_for_the_loss_before_the_backward_pass_and_waited_for_after(monkeypatch):
    """So it always has the backward pass to do while the host waits: it never runs dry."""
    order = []

    class Watched(Arriving):
        def __init__(self, value):
            order.append("ask")
            super().__init__(value)

        def get(self):
            order.append("wait")
            return super().get()

    model = plain()
    model.weight.register_hook(lambda gradient: order.append("backward"))
    monkeypatch.setattr(engine, "Arriving", Watched)
    train_step(model, batches(*points(4), 2), nn.CrossEntropyLoss(), sgd(model))
    assert order == ["ask", "backward", "wait"] * 2


# --- options


def test_accumulated_batches_make_the_step_of_one_large_batch():
    inputs, targets = points(25)
    small, large = plain(), plain()
    fit(small, batches(inputs, targets, 5), epochs=3, accumulate=5)
    fit(large, [(inputs, targets)], epochs=3)
    torch.testing.assert_close(weights(small), weights(large))


@given(st.integers(2, 40), st.integers(1, 10), st.integers(1, 6))
@settings(max_examples=20)
def test_short_batches_and_short_groups_count_for_what_they_hold(samples, size, accumulate):
    inputs, targets = points(samples)
    ours, hand = plain(), plain()
    fit(ours, batches(inputs, targets, size), accumulate=accumulate)
    by_hand(hand, batches(inputs, targets, size * accumulate), epochs=1)
    torch.testing.assert_close(weights(ours), weights(hand))


def test_gradients_are_clipped_to_the_norm():
    model = plain()
    before = weights(model)
    fit(model, [(100 * points()[0], points()[1])], grad_clip=0.5, optimizer=sgd(model, 1.0))
    after = weights(model)
    moved = torch.cat([(after[k] - before[k]).flatten() for k in before])
    assert moved.norm().item() == pytest.approx(0.5, rel=1e-4)


def test_one_pass_clips_and_counts_steps_as_training_does():
    model = plain()
    before = weights(model)
    optimizer = sgd(model, 1.0)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    options = {"device": "cpu", "scheduler": scheduler, "grad_clip": 0.5}
    loader = [(100 * points()[0], points()[1])]
    train_step(model, loader, nn.CrossEntropyLoss(), optimizer, **options)
    moved = torch.cat([(weights(model)[k] - before[k]).flatten() for k in before])
    assert moved.norm().item() == pytest.approx(0.5, rel=1e-4)
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_one_pass_names_the_epoch_it_was_told():
    loader = [(points()[0].clone(), points()[1])]
    loader[0][0][0] = math.nan
    model = plain()
    with pytest.raises(TrainingError, match=r"\bepoch 7\b"):
        train_step(model, loader, nn.CrossEntropyLoss(), sgd(model), epoch=7)
    wrong = [(points()[0][:, :3], points()[1])]
    with pytest.raises(RuntimeError) as caught:
        engine.test_step(model, wrong, nn.CrossEntropyLoss(), device="cpu", epoch=7)
    assert "in epoch 7, batch 1" in caught.value.__notes__[0]


def test_images_keep_their_layout_unless_told_otherwise():
    seen = []

    class Model(nn.Sequential):
        def forward(self, x):
            seen.append(x.is_contiguous())
            return super().forward(x)

    model = Model(nn.Conv2d(3, 2, 1), nn.Flatten(), nn.Linear(32, 3))
    loader = [(torch.rand(2, 3, 4, 4), torch.tensor([0, 1]))]
    train_step(model, loader, nn.CrossEntropyLoss(), sgd(model))
    engine.test_step(model, loader, nn.CrossEntropyLoss())
    fit(model, loader, loader)
    assert seen == [True] * 4


def test_a_schedule_counts_epochs_or_steps():
    loader = batches(*points(), 8)  # 3 steps an epoch
    rates = {}
    for every in ("epoch", "step"):
        model = plain()
        optimizer = sgd(model, 1.0)
        scheduler = schedule(optimizer, lambda step: 1 / (step + 1))
        options = {"optimizer": optimizer, "scheduler": scheduler, "schedule_every": every}
        rates[every] = fit(model, loader, epochs=3, **options)["lr"]
    assert rates["epoch"] == pytest.approx([1, 1 / 2, 1 / 3])
    assert rates["step"] == pytest.approx([1, 1 / 4, 1 / 7])


@pytest.mark.parametrize("with_validation", [True, False])
def test_a_plateau_is_judged_by_the_validation_loss(with_validation):
    model = plain()
    optimizer = sgd(model, 1e-20)  # so that no loss ever improves
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, eps=0.0)
    loader = batches(*points(), 8)
    options = {"optimizer": optimizer, "scheduler": scheduler}
    arguments = (loader, loader) if with_validation else (loader,)
    history = fit(model, *arguments, epochs=3, **options)
    assert history["lr"] == pytest.approx([1e-20, 1e-20, 1e-21])


def test_a_plateau_looks_at_the_validation_loss_alone():
    model = plain()
    loss, measured = nn.CrossEntropyLoss(), []

    def better_on_validation(outputs, targets):
        if model.training:
            return loss(outputs, targets)
        measured.append(1.0)
        return loss(outputs, targets) - len(measured)

    optimizer = sgd(model, 1e-20)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, eps=0.0)
    loader = batches(*points(), 24)
    options = {"optimizer": optimizer, "scheduler": scheduler, "loss_fn": better_on_validation}
    history = fit(model, loader, loader, epochs=4, **options)
    assert history["val_loss"] == sorted(history["val_loss"], reverse=True)
    assert history["lr"] == [1e-20] * 4


def test_amp_computes_in_bfloat16_and_keeps_float32_weights():
    seen = []

    class Model(nn.Linear):
        def forward(self, x):
            outputs = super().forward(x)
            seen.append(outputs.dtype)
            return outputs

    model, loader = Model(4, 3), batches(*points(8), 8)
    history = fit(model, loader, loader, amp=True)
    assert seen == [torch.bfloat16] * 2
    assert model.weight.dtype == torch.float32
    assert math.isfinite(history["val_loss"][0])


def test_channels_last_reaches_model_and_images():
    seen = []

    class Model(nn.Conv2d):
        def forward(self, x):
            seen.append(x.is_contiguous(memory_format=torch.channels_last))
            return super().forward(x).mean(dim=(2, 3))

    torch.manual_seed(0)
    models = Model(3, 3, 3), Model(3, 3, 3)
    models[1].load_state_dict(models[0].state_dict())
    loader = [(torch.randn(4, 3, 8, 8), torch.tensor([0, 1, 2, 0]))]
    fit(models[0], loader, loader, channels_last=True)
    assert seen == [True, True]
    assert models[0].weight.is_contiguous(memory_format=torch.channels_last)
    fit(models[1], loader, loader)
    torch.testing.assert_close(weights(models[0]), weights(models[1]))


def test_a_compiled_model_trains_the_original_one(monkeypatch):
    compiled = []

    def fake(model):
        compiled.append(model)
        return model

    monkeypatch.setattr(torch, "compile", fake)
    model = plain()
    before = weights(model)
    fit(model, batches(*points(), 8), compile=True)
    assert compiled == [model]
    assert not same(before, weights(model))


# --- history and bar


def test_the_history_has_a_list_for_each_measurement():
    loader = batches(*points(), 8)
    assert list(fit(plain(), loader, loader, epochs=2)) == [
        "train_loss",
        "train_acc",
        "val_loss",
        "val_acc",
        "lr",
        "seconds",
    ]
    history = fit(plain(), loader, epochs=2, metric=None)
    assert list(history) == ["train_loss", "lr", "seconds"]
    assert all(len(values) == 2 for values in history.values())
    assert all(isinstance(value, float) for values in history.values() for value in values)
    assert history["lr"] == [0.1, 0.1]
    assert min(history["seconds"]) > 0
    assert isinstance(history, dict)
    assert history.epochs == 2


def test_each_epoch_is_told_when_it_is_saved_with_its_number_and_its_measurements(tmp_path):
    path, loader, told, saved = tmp_path / "last.safetensors", batches(*points(), 8), [], []

    def note(epoch, row):
        told.append((epoch, row))
        saved.append(path.read_bytes())

    model = plain()
    options = {"checkpoint": path, "on_epoch": note}
    fit(model, loader, loader, epochs=2, **options)
    history = fit(model, loader, loader, epochs=3, resume=True, **options)
    assert [epoch for epoch, _ in told] == [1, 2, 3]
    for index, (_, row) in enumerate(told):
        assert row == {key: values[index] for key, values in history.items()}
    assert len(set(saved)) == 3
    assert saved[-1] == path.read_bytes()


def test_a_history_refuses_an_epoch_with_other_measurements():
    history = History()
    assert history.epochs == 0
    history.add({"train_loss": 1.0})
    with pytest.raises(ConfigError, match="same measurements"):
        history.add({"train_loss": 1.0, "val_loss": 1.0})


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "disabled", "progress", "shown"),
    [
        (Terminal, None, None, True),
        (Terminal, None, True, True),
        (Terminal, "1", True, False),
        (Terminal, None, False, False),
        (io.StringIO, None, True, False),
    ],
)
def test_the_bar_is_shown_on_a_terminal_only(monkeypatch, stream, disabled, progress, shown):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    if disabled:
        monkeypatch.setenv("TQDM_DISABLE", disabled)
    output = stream()
    monkeypatch.setattr(sys, "stderr", output)
    chosen = {} if progress is None else {"progress": progress}  # it is shown by default
    fit(plain(), batches(*points(), 8), epochs=2, **chosen)
    text = output.getvalue()
    assert ("2/2" in text and "train_loss=" in text) == shown
    assert bool(text) == shown


def test_the_bar_of_a_resumed_run_counts_all_its_epochs(monkeypatch, tmp_path):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    options = {"checkpoint": tmp_path / "last.safetensors", "resume": True}
    texts = []
    for epochs in (2, 3):
        monkeypatch.setattr(sys, "stderr", Terminal())
        fit(plain(), batches(*points(), 8), epochs=epochs, **options)
        texts.append(sys.stderr.getvalue())
    assert "0/2" in texts[0]
    assert "2/3" in texts[1]
    assert "3/3" in texts[1]
    assert "0/3" not in texts[1]
    assert all(re.search(r"s/epoch|[ ?\d]epoch/s", text) for text in texts)


# --- bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"epochs": -3}, "epochs must be at least 1, got -3"),
        ({"accumulate": 0}, "accumulate must be at least 1, got 0"),
        ({"grad_clip": 0.0}, "grad_clip must be a positive number, got 0"),
        ({"grad_clip": math.nan}, "grad_clip must be a positive number, got nan"),
        ({"grad_clip": math.inf}, "grad_clip must be a positive number, got inf"),
        ({"loss_fn": nn.L1Loss()}, "Pass metric=None"),
        ({"loss_fn": nn.CrossEntropyLoss(reduction="sum")}, "reduction='sum'"),
        ({"optimizer": sgd(plain())}, "belong to another one"),
        ({"resume": True}, "Pass checkpoint=PATH too"),
    ],
)
def test_a_bad_setting_is_refused_before_anything_is_trained(options, message):
    model = plain()
    before = weights(model)
    with pytest.raises(ConfigError, match=message):
        fit(model, batches(*points(), 8), **options)
    assert same(before, weights(model))


def test_a_misspelt_schedule_is_refused_and_not_ignored():
    """Types are checked in tests alone: a reader's program gets this far with any word."""
    model = plain()
    optimizer = sgd(model)
    with pytest.raises(ConfigError) as caught:
        inspect.unwrap(train)(
            model,
            batches(*points(), 8),
            optimizer=optimizer,
            loss_fn=nn.CrossEntropyLoss(),
            epochs=1,
            scheduler=torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5),
            schedule_every="steps",
        )
    told = 'schedule_every must be "epoch" or "step", got \'steps\'. Choose one.'
    assert str(caught.value) == told


def test_bad_loaders_are_refused_by_name():
    loader = batches(*points(), 8)
    with pytest.raises(DataError, match="train_loader gives 0 batches"):
        fit(plain(), [])
    with pytest.raises(DataError, match="val_loader gives 0 batches"):
        fit(plain(), loader, [])
    with pytest.raises(ConfigError, match="val_loader must give its batches again"):
        fit(plain(), loader, iter(loader))


class Nothing:
    def __iter__(self):
        return iter(())


def test_a_loader_that_turns_out_empty_is_refused():
    with pytest.raises(DataError, match="at least one sample"):
        fit(plain(), Nothing())


def test_a_wrong_type_or_shape_says_which_batch_it_was():
    loader = [*batches(*points(8), 8), (torch.randn(2, 4).double(), torch.tensor([0, 1]))]
    with pytest.raises(RuntimeError) as caught:
        fit(plain(), loader)
    assert caught.value.__notes__ == [
        "in epoch 1, batch 2: inputs float64 (2, 4) on cpu, targets int64 (2,) on cpu, "
        "model float32 on cpu"
    ]
    with pytest.raises(RuntimeError) as caught:
        engine.test_step(
            plain(), [(torch.randn(2, 5), torch.tensor([0, 1]))], nn.CrossEntropyLoss()
        )
    assert "inputs float32 (2, 5)" in caught.value.__notes__[0]


def test_a_label_too_large_is_refused_before_the_loss():
    with pytest.raises(DataError, match=r"0 to 2 for a model with 3 outputs, got 3"):
        fit(plain(), [(torch.randn(1, 4), torch.tensor([3]))])


def test_a_label_too_large_is_refused_while_measuring_too():
    inputs, targets = points()
    with pytest.raises(DataError, match=r"labels must lie in 0 to 2 .* got 3 in batch 1"):
        engine.test_step(plain(), [(inputs, targets + 1)], nn.CrossEntropyLoss())


def test_a_loss_for_each_sample_is_refused_with_the_place_it_came_from():
    loader = batches(*points(), 8)

    def each(outputs, targets):
        return nn.functional.cross_entropy(outputs, targets, reduction="none")

    with pytest.raises(ShapeError, match=r"got shape \(8,\) in epoch 1, batch 1\."):
        fit(plain(), loader, loss_fn=each)
    with pytest.raises(ShapeError, match=r"got shape \(8,\) in batch 1\."):
        engine.test_step(plain(), loader, each)


def test_what_goes_wrong_while_validating_names_the_epoch_and_the_batch():
    model, loader = plain(), batches(*points(), 8)
    with pytest.raises(DataError, match=r"got shapes \(8, 4\) and \(7,\) in epoch 1, batch 2\."):
        fit(model, loader, [loader[0], (loader[1][0], loader[1][1][:7])])

    passes = count(1)  # of the model over batches, 3 to learn from and 3 to measure on an epoch

    def loss_fn(outputs, targets):
        if next(passes) == 6 + 3 + 2:
            raise ValueError("boom")
        return nn.functional.cross_entropy(outputs, targets)

    with pytest.raises(ValueError, match="boom") as caught:
        fit(model, loader, loader, epochs=2, loss_fn=loss_fn)
    assert caught.value.__notes__[0].startswith("in epoch 2, batch 2: inputs float32 (8, 4)")


def test_a_single_sample_for_batch_norm_is_explained():
    with pytest.raises(ConfigError, match="a batch of 1 in epoch 1, batch 4"):
        fit(network(), batches(*points(25), 8))


# --- interrupted and resumed


def run_parts(dropout=0.3):
    model = network(seed=3, dropout=dropout)
    optimizer = adamw(model, lr=0.01)
    scheduler = schedule(
        optimizer, lambda step: warmup_cosine(step, total_steps=30, warmup_steps=3)
    )
    data = TensorDataset(*points(25))
    loaders = (
        DataLoader(data, 5, shuffle=True, generator=make_generator(1)),
        DataLoader(data, 5, shuffle=True),
    )
    return model, loaders, {"optimizer": optimizer, "scheduler": scheduler}


def run(epochs, loaders=None, **options):
    set_seeds(11)
    model, own, rest = run_parts()
    history = fit(model, *(loaders or own), epochs=epochs, schedule_every="step", **rest, **options)
    return weights(model), {k: v for k, v in history.items() if k != "seconds"}


class Breaking:
    """A loader that fails in the middle of an epoch, as when somebody presses Ctrl-C."""

    def __init__(self, loader, epoch):
        self.loader, self.epoch = loader, epoch
        self.generator = loader.generator

    def __iter__(self):
        self.epoch -= 1
        for number, batch in enumerate(self.loader):
            if self.epoch == 0 and number == 2:
                raise KeyboardInterrupt
            yield batch


@pytest.mark.parametrize("stop", [1, 2, 4])
def test_stopped_and_resumed_equals_unbroken_to_the_bit(tmp_path, stop):
    path = tmp_path / "runs" / "last.safetensors"
    expected_weights, expected_history = run(5)
    run(stop, checkpoint=path)
    torch.rand(100)  # the new process has drawn other numbers
    resumed_weights, resumed_history = run(5, checkpoint=path, resume=True)
    assert same(expected_weights, resumed_weights)
    assert expected_history == resumed_history


def test_broken_inside_an_epoch_and_resumed_equals_unbroken_to_the_bit(tmp_path):
    path = tmp_path / "last.safetensors"
    expected_weights, expected_history = run(4)
    _, (train_loader, val_loader), _ = run_parts()
    with pytest.raises(KeyboardInterrupt):
        run(4, loaders=(Breaking(train_loader, 3), val_loader), checkpoint=path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    resumed_weights, resumed_history = run(4, checkpoint=path, resume=True)
    assert same(expected_weights, resumed_weights)
    assert expected_history == resumed_history


def test_stopped_twice_inside_one_epoch_and_resumed_equals_unbroken_to_the_bit(tmp_path):
    """The second file must hold how the epoch began, not how its second part did."""
    path, calls = tmp_path / "last.safetensors", count(1)
    expected_weights, expected_history = run(3)

    def asked_to_stop(outputs, targets):
        if next(calls) in {12, 14}:  # an epoch has 5 batches to learn from and 5 to measure on
            signal.raise_signal(signal.SIGTERM)
        return nn.functional.cross_entropy(outputs, targets)

    for _ in range(2):
        with pytest.raises(SystemExit):
            run(3, loss_fn=asked_to_stop, checkpoint=path, resume=True)
    resumed_weights, resumed_history = run(3, checkpoint=path, resume=True)
    assert next(calls) == 15
    assert same(expected_weights, resumed_weights)
    assert expected_history == resumed_history


def test_a_resumed_run_counts_the_batches_of_the_broken_epoch_from_its_start(tmp_path):
    path, loader = tmp_path / "last.safetensors", batches(*points(), 8)
    calls = count(1)

    def asked_to_stop(outputs, targets):
        if next(calls) == 4:
            signal.raise_signal(signal.SIGTERM)
        return nn.functional.cross_entropy(outputs, targets)

    with pytest.raises(SystemExit):
        fit(Poisoned(0), loader, epochs=2, loss_fn=asked_to_stop, checkpoint=path)
    with pytest.raises(TrainingError, match="got nan in epoch 2, batch 3 "):
        fit(Poisoned(2), loader, epochs=2, checkpoint=path, resume=True)


def test_resume_without_a_file_starts_and_with_a_finished_one_only_reads_it(tmp_path):
    path = tmp_path / "last.safetensors"
    first = run(3, checkpoint=path, resume=True)
    written = path.stat().st_mtime_ns
    again = run(3, checkpoint=path, resume=True)
    assert same(first[0], again[0])
    assert first[1] == again[1]
    assert path.stat().st_mtime_ns == written


def test_resume_refuses_what_does_not_belong_together(tmp_path):
    path = tmp_path / "last.safetensors"
    run(2, checkpoint=path)
    with pytest.raises(ConfigError) as caught:
        run(1, checkpoint=path, resume=True)
    assert str(caught.value) == (
        f"{str(path)!r} holds 2 epochs, more than epochs=1. "
        "Set epochs to 2 or more, or start a new file."
    )
    with pytest.raises(ConfigError, match="holds the state of an earlier run"):
        run(3, checkpoint=path)
    with pytest.raises(ConfigError, match="same measurements"):
        run(3, checkpoint=path, resume=True, metric=None)
    model = plain()
    with pytest.raises(CheckpointError, match="other parts"):
        fit(model, batches(*points(), 8), epochs=3, checkpoint=path, resume=True)


def in_memory():
    inputs = torch.randint(256, (25, 1, 2, 2), generator=make_generator(5), dtype=torch.uint8)
    pair = (inputs, torch.arange(25) % 3)
    return InMemoryLoader(pair, batch_size=5, shuffle=True, transform=BatchAugment(brightness=0.2))


def from_processes(workers):
    noise = v2.GaussianNoise(sigma=0.5)
    dataset = [(value, index % 3) for index, value in enumerate(points(25)[0].view(25, 1, 2, 2))]
    return make_loader(
        dataset, batch_size=5, shuffle=True, transform=noise, num_workers=workers, seed=9
    )


@pytest.mark.parametrize(
    "make", [in_memory, lambda: from_processes(0), lambda: from_processes(2)], ids=["m", "0", "2"]
)
def test_loaders_that_count_epochs_go_on_where_the_run_stood(tmp_path, make):
    def fresh(epochs, **options):
        set_seeds(11)
        model = nn.Sequential(nn.Flatten(), network(seed=3, dropout=0.2))
        return weights(model), fit(model, make(), epochs=epochs, **options), weights(model)

    path = tmp_path / "last.safetensors"
    _, history, expected = fresh(4)
    _, _, early = fresh(2, checkpoint=path)
    _, resumed_history, resumed = fresh(4, checkpoint=path, resume=True)
    assert same(expected, resumed)
    assert not same(expected, early)
    assert history["train_loss"] == resumed_history["train_loss"]


def test_a_run_depends_on_its_seed_and_not_on_what_its_loader_did_before():
    loader = in_memory()
    first, second = plain(1), plain(1)
    for model in (first, second):
        fit(nn.Sequential(nn.Flatten(), model), loader, epochs=2)
    assert same(weights(first), weights(second))
