"""Does a run that is asked to stop save in good order, and go on as if it had never stopped?"""

import signal
import threading
from time import perf_counter

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from pdl.checkpoint import load_checkpoint
from pdl.data.loaders import make_loader
from pdl.data.memory import InMemoryLoader
from pdl.engine import train
from pdl.seed import make_generator, set_seeds
from pdl.stopping import StopRequest, stoppable


@pytest.fixture(autouse=True)
def handlers():
    """Every test leaves the handlers of the signals as it found them."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def images(samples=22):
    generator = make_generator(0)
    data = torch.rand(samples, 1, 4, 4, generator=generator)
    return data, torch.randint(3, (samples,), generator=generator)


def fixed_batches():
    data, targets = images()
    return list(zip(data.split(4), targets.split(4), strict=True))


def pairs():
    data, targets = images()
    return list(zip(data, targets.tolist(), strict=True))


def bytes_():
    data, targets = images()
    return (255 * data).to(torch.uint8), targets


LOADERS = {
    "a list": fixed_batches,
    "global chance": lambda: DataLoader(TensorDataset(*images()), batch_size=4, shuffle=True),
    "own generator": lambda: DataLoader(
        TensorDataset(*images()), batch_size=4, shuffle=True, generator=make_generator(1)
    ),
    "in memory": lambda: InMemoryLoader(bytes_(), batch_size=4, shuffle=True),
    "counts epochs": lambda: make_loader(pairs(), batch_size=4, shuffle=True),
}


class Fit:
    """A run that sends itself a signal at a certain step."""

    def __init__(self, loader, checkpoint, *, at=None, number=signal.SIGTERM, **options):
        set_seeds(3)
        self.model = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(16, 3))
        self.loss = nn.CrossEntropyLoss()
        self.calls, self.at, self.number = 0, at, number
        optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.run = lambda: train(
            self.model,
            loader,
            fixed_batches()[:2],
            optimizer=optimizer,
            loss_fn=self.measure,
            epochs=3,
            checkpoint=checkpoint,
            **options,
        )

    def measure(self, outputs, targets):
        if self.model.training:
            self.calls += 1
            if self.calls == self.at:
                signal.raise_signal(self.number)
        return self.loss(outputs, targets)


def same(history):
    return {key: values for key, values in history.items() if key != "seconds"}


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("at", [1, 6, 9, 18])
@pytest.mark.parametrize("kind", LOADERS)
def test_stopped_at_any_step_and_resumed_equals_never_stopped(tmp_path, kind, at, accumulate):
    whole = Fit(LOADERS[kind](), tmp_path / "whole.safetensors", accumulate=accumulate)
    expected = whole.run()

    path = tmp_path / "last.safetensors"
    stopped = Fit(LOADERS[kind](), path, at=at, accumulate=accumulate)
    with pytest.raises(SystemExit):
        stopped.run()
    resumed = Fit(LOADERS[kind](), path, accumulate=accumulate, resume=True)
    history = resumed.run()

    assert stopped.calls + resumed.calls == whole.calls  # nothing was learned twice
    assert same(history) == same(expected)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], weight), name


def test_the_step_that_the_signal_fell_into_is_finished_and_saved(tmp_path):
    started = perf_counter()
    stopped = Fit(fixed_batches(), tmp_path / "last.safetensors", at=8)
    with pytest.raises(SystemExit) as leaving:
        stopped.run()
    assert leaving.value.code == 143
    progress = load_checkpoint(
        tmp_path / "last.safetensors",
        model=stopped.model,
        optimizer=torch.optim.SGD(stopped.model.parameters(), lr=0.1, momentum=0.9),
    )
    part = progress.partial
    assert (progress.epoch, part.batches) == (1, 2)  # 6 batches an epoch
    assert (part.losses[1], part.scores[1], part.lr) == (8, 8, 0.1)
    assert part.losses[0] > 0
    assert part.seconds > 0
    assert 0 < part.seconds + progress.history["seconds"][0] < perf_counter() - started
    resumed = Fit(fixed_batches(), tmp_path / "last.safetensors", resume=True)
    seconds = resumed.run()["seconds"]
    assert seconds[1] > part.seconds
    assert sum(seconds) < perf_counter() - started
    assert not (tmp_path / "last.safetensors.lock").exists()


def test_ctrl_c_leaves_as_ever_and_needs_no_file():
    with pytest.raises(KeyboardInterrupt):
        Fit(fixed_batches(), None, at=2, number=signal.SIGINT).run()


def test_a_signal_in_the_last_validation_leaves_after_the_run_is_saved(tmp_path):
    path = tmp_path / "last.safetensors"
    fit = Fit(fixed_batches(), path)
    learn = fit.measure

    def asked_late(outputs, targets):
        if not fit.model.training and fit.calls == 18:
            fit.calls += 1  # once
            signal.raise_signal(signal.SIGTERM)
        return learn(outputs, targets)

    fit.measure = asked_late
    with pytest.raises(SystemExit):
        fit.run()
    state = load_checkpoint(
        path,
        model=fit.model,
        optimizer=torch.optim.SGD(fit.model.parameters(), lr=0.1, momentum=0.9),
    )
    assert (state.epoch, state.partial) == (3, None)


def test_the_second_signal_does_not_wait():
    with stoppable() as request:
        signal.raise_signal(signal.SIGINT)
        assert request
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_signal_that_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stoppable() as request:
            signal.raise_signal(signal.SIGINT)
        assert not request
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_signals_alone():
    found = []

    def look():
        with stoppable() as request:
            found.append((bool(request), signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [(False, before)]


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)]
)
def test_leave_ends_the_program_as_the_signal_would(number, error):
    request = StopRequest()
    request.signal = number
    with pytest.raises(error):
        request.leave()
