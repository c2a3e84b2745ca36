# ---
# title: Numbers, run again
# description: Published digits of a course and of notes, computed again to the last place, and what such a match does and does not prove.
# order: 24
# level: intermediate
# needs: [03_computer_vision]
# gives: [repeating a published run, batch means and true accuracy, spread over seeds, what a count proves]
# minutes: 45
# data: [{name: fashion_mnist}]
# seed: 42
# ---
# %% [markdown]
# # Numbers, run again
#
# A text prints a result. Is it what its program gives? Often one can find out to the last digit: a
# computer that gets the same numbers in the same order does the same sums. This page runs published
# programs again. Most give their digits, some do not, and each that does not has a story.

# %% tags=["hide-input"] name="result" alt="A curve of a weight over 200 passes. It climbs from a third to nearly 0.7, first a little faster, and from pass 170 on swings between two close values. Three dots lie on it: pass 100, which the course prints; pass 101, which the loops of the notes give; and pass 200, a number that the notes print and that no single run of their loops reaches." caption="One program, three published or promised numbers. Computed without PyTorch, by sums in plain Python."
from matplotlib import pyplot

from pdl import plotting

plotting.use_style()
c = plotting.COLORS
points = [(0.02 * step, 0.7 * 0.02 * step + 0.3) for step in range(40)]
slope, shift = 0.33669036626815796, 0.12880940735340118  # what seed 42 draws
by_hand = [(slope, shift)]
for _ in range(200):
    signs = [(x, 1 if slope * x + shift > y else -1) for x, y in points]
    slope -= 0.01 * sum(sign * x for x, sign in signs) / len(points)
    shift -= 0.01 * sum(sign for _, sign in signs) / len(points)
    by_hand.append((slope, shift))
_, ax = pyplot.subplots(figsize=(7.2, 3.1))
ax.plot([weight for weight, _ in by_hand], color=c["orange"])
spots = ((100, "course, after 100", -9, 2), (101, "notes, as written", 5, -0.028))
for epoch, words, right, up in (*spots, (200, "notes, as printed", -34, -0.03)):
    height = by_hand[epoch][0]
    ax.plot(epoch, height, "o", color=c["ink"])
    place = (epoch + right, height + (0.022 if up == 2 else up))
    ax.text(*place, words, ha="right" if up == 2 else "left", va="center", fontsize=11)
_ = ax.set(xlabel="passes over the data", ylabel="weight", xlim=(-3, 206))

# %% [markdown]
# **You will** repeat eight published runs digit by digit, turn a printed decimal back into a count of
# pictures, see how far seeds and widths spread, and read a network's width from its size.
#
# **You need** [batches, loaders and the ReLU on the logits](03_computer_vision.md).
#
# **It takes** no GPU. The notes are those that this book grew from, the [course](../resources.md#courses) is
# the best-known one on the same material. All their numbers stand on [one page](../numbers.md).
#
# ## Set up

# %%
from itertools import pairwise
from statistics import fmean

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import models
from torchvision.transforms import v2

from pdl.data.fashion import FashionMNIST
from pdl.info import info
from pdl.models.mlp import FashionMNISTV0, FashionMNISTV1
from pdl.models.tiny_vgg import TinyVGG

print(info())

# %% [markdown]
# ## Chance is arithmetic
#
# Random numbers of a computer are computed. A *generator* has a state; each draw turns the state
# into a number and into the next state. A seed sets the state. So after seed 42 the first weight of a
# layer is a fixed number, on any machine:

# %%
torch.manual_seed(42)
layer = nn.Linear(1, 1)
print(f"weight {layer.weight.item():.4f}, bias {layer.bias.item():.4f}")

# %% [markdown] tags=["number"] row="01 layer start"
# {{ f"{layer.weight.item():.4f}, {layer.bias.item():.4f}" }}

# %% [markdown]
# The course prints `0.7645` and `0.8300` for it. Training by all points at once draws nothing more. From
# the same start it must take the same way, in PyTorch or by hand.
#
# The picture above is by hand: the slope of the mean absolute error is a sum of signs. Here is the
# program of the notes, with the numbers that they draw.

# %% [markdown] tags=["checkpoint"]
# The notes train the line for one pass, then, in a second cell, for 100 passes more. They print
# `0.6990` and `0.3093`. Do their two cells, each run once, give that?

# %%
torch.manual_seed(42)
line = [torch.randn(1, requires_grad=True) for _ in range(2)]  # weight, then bias
x = torch.arange(0, 0.8, 0.02)
truth = 0.7 * x + 0.3
descent = torch.optim.SGD(line, lr=0.01)
path = [tuple(part.item() for part in line)]
for _ in range(200):
    descent.zero_grad()
    nn.L1Loss()(line[0] * x + line[1], truth).backward()
    descent.step()
    path.append(tuple(part.item() for part in line))
for epoch in (1, 100, 101, 199, 200):
    print(f"after {epoch:3}: {path[epoch][0]:.4f}, {path[epoch][1]:.4f}")

# %% [markdown] corrects=["9", "53"]
# They do not. After 101 passes the line is at {{ f"{path[101][0]:.4f}" }} and
# {{ f"{path[101][1]:.4f}" }}. The printed pair comes much later, after 200 for example: somebody ran the
# cell again, and the text kept what the last run left. A program in cells has a history that its text
# does not show. Elsewhere the notes print a training time of `14.60` seconds and go on with `10.67`.
# And of their 57 blocks of code, six are no Python at all. Here the build runs every cell, in order, from the
# start.

# %% tags=["check"]
# PyTorch and plain Python take the same way; it is at the printed pair at 200, not at 101.
for (weight, bias), (other_weight, other_bias) in zip(path, by_hand, strict=True):
    assert abs(weight - other_weight) < 1e-4
    assert abs(bias - other_bias) < 1e-4
assert abs(path[200][0] - 0.6990) < 1e-4
assert abs(path[101][0] - 0.6990) > 0.1

# %% [markdown] tags=["number"] row="01 epoch 101"
# {{ f"{path[101][0]:.4f}, {path[101][1]:.4f}" }}

# %% [markdown]
# ## Who draws?
#
# With batches, the order of the pictures is chance too, and it comes from the same generator. So
# everything that draws from it belongs to the recipe: how many weights are drawn before, and how
# often a loader is started.
#
# The pictures of clothes, as numbers from 0 to 1, once for all:

# %%
torch.set_num_threads(1)  # for steps this small, more threads only wait for each other
train_set, test_set = FashionMNIST(train=True), FashionMNIST(train=False)
real = train_set.found.kind == "real"
X_train, y_train = train_set.data.unsqueeze(1) / 255, train_set.targets
X_test, y_test = test_set.data.unsqueeze(1) / 255, test_set.targets
print(train_set.found.kind, tuple(X_train.shape), tuple(X_test.shape))

# %% [markdown]
# The published runs decode each picture each time it is asked for. That costs minutes. Here a loader
# deals only *numbers* of pictures, 32 at a time, and they are cut out of the tensors.


# %%
def batches(images, labels, shuffle=False):
    for numbers in DataLoader(range(len(labels)), batch_size=32, shuffle=shuffle):
        yield images[numbers], labels[numbers]


# %% tags=["check"]
# Dealt as by a loader over the pictures themselves: the same samples in the same order.
to_tensor = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
for pictures in (
    FashionMNIST(train=True, transform=to_tensor),
    TensorDataset(X_train, y_train),
):
    torch.manual_seed(42)
    theirs = next(iter(DataLoader(pictures, batch_size=32, shuffle=True)))
    torch.manual_seed(42)
    ours = next(batches(X_train, y_train, shuffle=True))
    torch.testing.assert_close(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])

# %% [markdown] tags=["checkpoint"]
# The published loop measures on the test pictures after each pass, with a loader that does *not*
# shuffle. You leave that out and measure once, at the end. Does the training change?


# %%
def second_pass(measure_between):
    torch.manual_seed(42)
    next(batches(X_train, y_train, shuffle=True))  # the first pass begins
    if measure_between:
        next(batches(X_test, y_test))
    return next(batches(X_train, y_train, shuffle=True))[1]


with_it, without = second_pass(measure_between=True), second_pass(measure_between=False)
print("measured between:", with_it[:10].tolist())
print("left out:        ", without[:10].tolist())

# %% [markdown]
# It does. Each time a loader starts, it draws one number, to seed processes that it may not even
# have. After it the generator is in another state, and the second pass comes in another order. To
# *look* was part of the recipe. A generator for the loader alone, `generator=`, ends such surprises.

# %% tags=["check"]
# Measuring between two passes changes the order of the second.
assert not torch.equal(with_it, without)
assert torch.equal(with_it, second_pass(measure_between=True))

# %% [markdown] corrects=["38"]
# ## The baseline, to the last digit
#
# The recipe of both: seed 42, build, seed 42 again, then three passes with SGD at `0.1`. The second
# seed has a use. A wider network draws more numbers for its weights; seeded again, all widths see the
# pictures in one order.
#
# `measure` keeps two accuracies: the mean of the batches' accuracies, as published, and the share
# of all pictures. In `inference_mode` nothing is recorded, so there is nothing to `detach`.

# %%
loss_fn = nn.CrossEntropyLoss()


def measure(model):
    model.eval()
    losses, shares, hits, said = [], [], 0, set()
    with torch.inference_mode():
        for pictures, labels in batches(X_test, y_test):
            logits = model(pictures)
            answers = logits.argmax(dim=1)
            right = (answers == labels).sum().item()
            losses.append(loss_fn(logits, labels))
            shares.append(100 * right / len(labels))
            hits += right
            said |= set(answers.tolist())
    accuracies = {"batches": fmean(shares), "pictures": 100 * hits / len(y_test)}
    loss = (sum(losses) / len(losses)).item()  # in 32 bits, as published
    return accuracies | {"loss": loss, "classes": len(said), "hits": hits}


# %% [markdown] corrects=["52", "114"]
# `measure` leaves the model in eval mode, so each pass begins with `train()`. Once is enough: no batch
# changes it back, though the notes call it in every one. (The course's function that draws a decision boundary
# leaves the model in eval mode and on the CPU. The library's
# [`plot_decision_boundary`][pdl.boundary.plot_decision_boundary] puts back what it changed.)


# %%
def run(build, seed=42):
    torch.manual_seed(seed)
    model = build()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.manual_seed(seed)
    for _ in range(3):
        model.train()
        for pictures, labels in batches(X_train, y_train, shuffle=True):
            loss = loss_fn(model(pictures), labels)
            sgd.zero_grad()
            loss.backward()
            sgd.step()
        found = measure(model)
    return found


# %% [markdown]
# Both widths, and what the notes and the course print for them:

# %%
published = {  # by units: loss and accuracy
    50: (0.4778009355068207, 83.33666134185303),
    10: (0.47663894295692444, 83.42651757188499),
}
v0 = {width: run(lambda width=width: FashionMNISTV0(width)) for width in published}
all_agree = True
for width, found in v0.items():
    loss, accuracy = published[width]
    gaps = abs(found["loss"] - loss), abs(found["batches"] - accuracy)
    all_agree &= gaps[0] < 1e-6 and gaps[1] < 1e-9
    print(f"V0 with {width} units: loss {found['loss']}, by batches {found['batches']},")
    print(f"    by pictures {found['pictures']:.2f}")

# %% [markdown]
# The notes print `0.4778009355068207` and `83.33666134185303`; the course, with ten units,
# `0.47663894295692444` and `83.42651757188499`.
# {{ "The accuracies agree to the last digit and the losses to the sixth at least; a decimal of 32 bits holds about seven. The programs were written years apart and ran on other machines." if all_agree else "Not all of them agree: this page was built on another processor, which may add in another order, or without all pictures." }}

# %% tags=["check"]
# With all pictures the runs end where they were published, up to a few pictures.
for width, (loss, accuracy) in published.items():
    assert v0[width]["classes"] == 10
    assert v0[width]["pictures"] > 60
    if real:  # another processor may add in another order, so not to the last bit
        assert abs(v0[width]["loss"] - loss) < 2e-3
        assert abs(v0[width]["batches"] - accuracy) < 0.1

# %% [markdown] tags=["number"] row="N8"
# {{ f"{v0[50]['loss']:.4f}, {v0[50]['batches']:.4f} %" }}

# %% [markdown] tags=["number"] row="N8 by pictures"
# {{ f"{v0[50]['pictures']:.2f} %" }}

# %% [markdown] tags=["number"] row="N11"
# {{ f"{v0[50]['pictures']:.0f} %" }}

# %% [markdown] tags=["number"] row="03 V0"
# {{ f"{v0[10]['loss']:.5f}, {v0[10]['batches']:.4f} %" }}

# %% [markdown]
# A match says much. Data, widths, learning rate, seeds, order and number of passes must all be
# right: any other value of one of them gives other digits. It does not say that the model is good, or that its
# accuracy was measured well.
#
# ### What a decimal remembers
#
# 10,000 pictures make 312 batches of 32 and one of 16. With $h$ hits, $s$ of them in the short batch,
# the mean of batch means is
#
# $$\frac{1}{313}\left(\frac{h - s}{32} + \frac{s}{16}\right) = \frac{h + s}{32 \cdot 313}$$

# %% [markdown] tags=["checkpoint"]
# So the published `83.33666134185303`, in percent, hides a whole number. Which? And how many of the
# last 16 pictures were named rightly, when $h$ is what we counted?

# %%
hidden = 83.33666134185303 / 100 * 32 * 313
print(f"h + s = {hidden:.9f}")
if real:
    print(f"h = {v0[50]['hits']:,}, so s = {hidden - v0[50]['hits']:.0f} of 16")

# %% [markdown]
# A mean of batch means counts each of the last 16 pictures twice. With 10,000 pictures that moves
# the second decimal, and nobody is deceived. With
# [75 pictures](04_custom_datasets.md) it made failures look like successes.
#
# The notes round the result to "84". The third form of one number: by pictures it is
# {{ f"{v0[50]['pictures']:.2f} %" }}.

# %% tags=["check"]
# The published decimal is a whole number of hits, and fits the run.
assert abs(hidden - 8347) < 1e-9
if real:
    assert 0 <= 8347 - v0[50]["hits"] + 8 <= 24  # within a few pictures on any processor

# %% [markdown]
# ## A bug, to the last digit
#
# A match can also prove a mistake. For V1 notes and course print `75.01996805111821`. The notes show no code
# for it, only the words "non-linearity" and "GPU". The course's V1 has a ReLU between its layers and one more on
# the logits. Here is what that gives:


# %%
def bugged(width):
    return nn.Sequential(FashionMNISTV1(width), nn.ReLU())


def show(title, runs):
    print(title, ", ".join(f"{one['batches']:.2f} ({one['classes']})" for one in runs))


seeds = (42, 0, 1, 2)
v1 = {("ReLU", 10): [run(lambda: bugged(10), seed) for seed in seeds]}
show("ReLU on the logits:", v1["ReLU", 10])

# %% [markdown]
# In brackets: how many of the ten classes the model ever names. The first number is seed 42, and
# it is the published one{{ "" if real else " where all pictures are there" }}. So the notes ran with that ReLU too,
# and the GPU had no part in the result: this is a CPU. Now without it:

# %%
v1["no ReLU", 10] = [run(lambda: FashionMNISTV1(10), seed) for seed in seeds]
show("logits as they are:", v1["no ReLU", 10])

# %% [markdown]
# And both with 50 units, from seed 42:

# %%
v1["ReLU", 50] = [run(lambda: bugged(50))]
v1["no ReLU", 50] = [run(lambda: FashionMNISTV1(50))]
show("ReLU on the logits:", v1["ReLU", 50])
show("logits as they are:", v1["no ReLU", 50])

# %% [markdown] tags=["wrong"]
# **"Non-linearity made it worse."** The notes compare `83.34` with `75.02`: V0 with 50 units
# against V1 with ten units and a ReLU on the logits. Take one change at a time. Same seed, same ten units,
# without that ReLU: {{ f"{v1['no ReLU', 10][0]['batches']:.2f}" }}, where V0 with ten has
# {{ f"{v0[10]['batches']:.2f}" }}. Same 50 units as V0: {{ f"{v1['no ReLU', 50][0]['batches']:.2f}" }}, where V0
# has {{ f"{v0[50]['batches']:.2f}" }}.

# %% [markdown] tags=["checkpoint"]
# With 50 units, the ReLU on the logits gave {{ f"{v1['ReLU', 50][0]['batches']:.2f}" }}. Is it harmless in a wide
# network? Look at the seeds before you answer.

# %% tags=["hide-input"] alt="Two bands of four dots, one for each seed, at ten units. Without the last ReLU they lie higher, with it lower and farther apart. A hollow dot in each band is the one run with 50 units, to the right of most full dots. A vertical line marks V0, among the best of the full dots." caption="Full dots: ten units; seeds 42, 0, 1 and 2 from above. Hollow: 50 units, seed 42 alone. Line: V0 with ten units, seed 42."
_, ax = plt.subplots(figsize=(7.2, 2.3))
for place, last in enumerate(("no ReLU", "ReLU")):
    marks = {"color": c["teal"] if place == 0 else c["orange"], "ms": 8}
    narrow = [one["pictures"] for one in v1[last, 10]]
    heights = [place + 0.1 * (turn - 1.5) for turn in range(len(narrow))]
    ax.plot(narrow, heights, "o", **marks)
    ax.plot(v1[last, 50][0]["pictures"], place, "o", mfc="none", **marks)
ax.axvline(v0[10]["pictures"], color=c["muted"], lw=1.2)
ax.set_yticks((0, 1), ("logits as they are", "ReLU on the logits"))
ax.set(ylim=(1.5, -0.5), xlabel="test accuracy (%)")
ax.grid(visible=False, axis="y")

# %% [markdown]
# One run can not say. At ten units the seeds are up to
# {{ f"{max(one['pictures'] for one in v1['no ReLU', 10]) - min(one['pictures'] for one in v1['no ReLU', 10]):.1f}" }}
# points apart *without* any bug: SGD at `0.1` is rough for so narrow a network. Whether a class dies is
# chance; at 50 units with seed 42 {{ "it did not happen" if v1["ReLU", 50][0]["classes"] == 10 else "it happened too" }}. Both rows of dots say what single dots
# can not: the ReLU costs
# {{ f"{fmean(one['pictures'] for one in v1['no ReLU', 10]) - fmean(one['pictures'] for one in v1['ReLU', 10]):.0f}" }}
# points in the mean.
#
# So a seed gives the same digits, and tells about one draw only. Use it to *repeat*. To *compare*,
# use several.

# %% tags=["check"]
# The ReLU costs points in the mean, and classes die only with it.
clean, broken = v1["no ReLU", 10], v1["ReLU", 10]
assert fmean(r["pictures"] for r in clean) > fmean(r["pictures"] for r in broken) + 2
assert min(one["classes"] for one in broken) < 10
assert all(one["classes"] == 10 for one in clean)
if real:
    assert abs(broken[0]["batches"] - 75.01996805111821) < 0.5
    assert clean[0]["batches"] > v0[10]["batches"]
    assert v1["no ReLU", 50][0]["batches"] > v0[50]["batches"] + 1

# %% [markdown] tags=["number"] row="N9 seed 42"
# {{ f"{broken[0]['loss']:.4f}, {broken[0]['batches']:.4f} %" }}

# %% [markdown] tags=["number"] row="03 V1 seed 42"
# {{ f"{clean[0]['batches']:.2f} %" }}

# %% [markdown] tags=["number"] row="03 V1 seeds"
# {{ ", ".join(f"{one['batches']:.2f}" for one in clean) }}

# %% [markdown] tags=["number"] row="03 ReLU seeds"
# {{ ", ".join(f"{one['batches']:.2f}" for one in broken) }}

# %% [markdown] tags=["number"] row="03 V1 with 50"
# {{ f"{v1['no ReLU', 50][0]['batches']:.2f} %" }}

# %% [markdown] tags=["number"] row="03 ReLU with 50"
# {{ f"{v1['ReLU', 50][0]['batches']:.2f} %" }}

# %% [markdown]
# ## A snapshot is not the end
#
# The course classifies points on two rings and in four clouds. Its points come from scikit-learn,
# which makes them from a seed of NumPy. Three functions repeat that to the last point:


# %%
def shuffled(points, labels, random):
    order = np.arange(1000)
    random.shuffle(order)
    return points[order], labels[order]


def course_rings():
    random = np.random.RandomState(42)
    angle = np.linspace(0, 2 * np.pi, 500, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rings = np.concatenate([circle, 0.8 * circle])
    rings, labels = shuffled(rings, np.repeat((0.0, 1.0), 500), random)
    return rings + random.normal(scale=0.03, size=rings.shape), labels


def course_clouds():
    random = np.random.RandomState(42)
    centers = random.uniform(-10, 10, size=(4, 2))
    clouds = [random.normal(center, 1.5, size=(250, 2)) for center in centers]
    return shuffled(np.concatenate(clouds), np.repeat(range(4), 250), random)


# %% [markdown]
# 200 of the 1,000 points are kept back for the test, and a network learns from all others at once:


# %%
def parts(points, labels):
    order = np.random.RandomState(42).permutation(1000)
    points, labels = torch.from_numpy(points).float(), torch.from_numpy(labels)
    labels = labels if labels.dtype == torch.int64 else labels.float()
    rest, kept = torch.from_numpy(order[200:]), torch.from_numpy(order[:200])
    return points[rest], labels[rest], points[kept], labels[kept]


def learn(widths, data, loss_fn, epochs, relu=False):
    X, y, X_kept, y_kept = data
    torch.manual_seed(42)
    layers = [nn.Linear(*pair) for pair in pairwise(widths)]
    between = [part for layer in layers for part in (layer, nn.ReLU())][:-1]
    model = nn.Sequential(*(between if relu else layers))
    sgd, rows = torch.optim.SGD(model.parameters(), lr=0.1), []
    for _ in range(epochs):
        loss = loss_fn(model(X).squeeze(), y)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        with torch.inference_mode():
            answers = model(X_kept).squeeze()
            rows.append((loss_fn(answers, y_kept).item(), share_right(answers, y_kept)))
    return rows


# %% [markdown]
# How answers are judged depends on the task: the largest of four numbers, or the sign of one.


# %%
def share_right(answers, labels):
    said = answers.argmax(dim=1) if answers.ndim == 2 else answers > 0
    return 100 * (said == labels).float().mean().item()


rings, clouds = parts(*course_rings()), parts(*course_clouds())
yes_no = nn.BCEWithLogitsLoss()
steps = torch.arange(0, 1, 0.01).unsqueeze(1)
line_data = (steps[:80], 0.7 * steps[:80, 0] + 0.3, steps[80:], 0.7 * steps[80:, 0] + 0.3)
learned = {
    "lines": learn((2, 10, 10, 1), rings, yes_no, 1000),
    "ReLU": learn((2, 10, 10, 1), rings, yes_no, 1000, relu=True),
    "clouds": learn((2, 8, 8, 4), clouds, nn.CrossEntropyLoss(), 100),
    "straight": learn((1, 10, 10, 1), line_data, nn.L1Loss(), 1000),
}
for name, (when, what) in {"lines": (900, 1), "ReLU": (900, 1), "clouds": (90, 1)}.items():
    print(f"{name:6} at {when}: {learned[name][when][what]:.1f} %")
print(f"straight at 900: loss {learned['straight'][900][0]:.5f}")

# %% [markdown]
# The course prints `46`, `79.0`, `99.5` and `0.00603`: all four agree. It prints every hundredth
# epoch, or every tenth, so its last line is not the end of the run.

# %% [markdown] tags=["checkpoint"]
# The runs go on to epoch 999. What do the `79.0 %` of the rings and the loss of `0.00603` of the
# straight line become there?

# %% alt="Left: test accuracy over 1000 epochs on the rings. Linear layers stay near one half. With ReLU it rises and falls early, then climbs late and steeply; a dot on the climb marks 79 percent at epoch 900, and the end is above 86. Right: the test loss of the straight line over the last hundred epochs jumps up and down between almost nothing and 0.14; a dot at epoch 900 is near the bottom." caption="The dots are what the course prints. Left, the run was on its way up. Right, the printed value is one of the lucky ones."
_, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.1))
for name, color in (("lines", "muted"), ("ReLU", "orange")):
    left.plot([accuracy for _, accuracy in learned[name]], color=c[color])
left.plot(900, learned["ReLU"][900][1], "o", color=c["ink"])
left.set(xlabel="epoch", ylabel="test accuracy (%)")
late = range(900, 1000)
right.plot(late, [learned["straight"][epoch][0] for epoch in late], color=c["orange"], lw=1)
right.plot(900, learned["straight"][900][0], "o", color=c["ink"])
right.set(xlabel="epoch", ylabel="test loss")
ends = learned["ReLU"][999][1], learned["straight"][999][0]
print(f"at 999: {ends[0]:.1f} %, loss {ends[1]:.5f}")

# %% [markdown]
# The accuracy was still climbing: {{ f"{ends[0]:.1f} %" }} a hundred epochs later. The loss jumps, because the
# learning rate is too large to settle, and what is printed depends on the epoch at which one looks.
# Give a number with its epoch, or better, the curve.

# %% tags=["check"]
# At the printed epochs the printed numbers, up to a few points of 200; at the end others.
assert abs(learned["lines"][900][1] - 46) < 2
assert abs(learned["ReLU"][900][1] - 79.0) < 2
assert abs(learned["clouds"][90][1] - 99.5) < 0.6
assert abs(learned["straight"][900][0] - 0.00603) < 1e-3
assert ends[0] > learned["ReLU"][900][1] + 4
assert max(learned["straight"][epoch][0] for epoch in late) > 0.05

# %% [markdown] tags=["number"] row="02 deep lines"
# {{ f"{learned['lines'][900][1]:.1f} %" }}

# %% [markdown] tags=["number"] row="02 straight line"
# {{ f"{learned['straight'][900][0]:.5f}" }}

# %% [markdown] tags=["number"] row="02 rings at 900"
# {{ f"{learned['ReLU'][900][1]:.1f} %" }}

# %% [markdown] tags=["number"] row="02 clouds at 90"
# {{ f"{learned['clouds'][90][1]:.1f} %" }}

# %% [markdown]
# ## What a count proves
#
# A number of parameters needs no seed, no data and no training, so it can be repeated anywhere. It
# tells about the layout.


# %%
def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


for width in (10, 50):
    print(f"V0 with {width} units: {count(FashionMNISTV0(width)):,}")
for padding in (0, 1):
    network = TinyVGG(num_classes=3, image_size=64, padding=padding)
    print(f"TinyVGG with padding {padding}: {count(network):,}")
same = count(bugged(10)) == count(FashionMNISTV1(10)) == count(FashionMNISTV0(10))
print("V0, V1 and V1 with the ReLU on its logits, equally many:", same)

# %% [markdown] corrects=["113"]
# The notes never say how wide the V0 of their results is. Each unit brings 784 weights, a bias, and
# a weight to each of ten classes, 795 in all, and the classes have ten biases. Had they printed the
# count, 39,760, one would get the width back: {{ f"{(39_760 - 10) // 795}" }}. And two networks of the course that share the name
# TinyVGG are not one: their counts differ, because one pads its pictures.
#
# What has no parameters is invisible. V0, V1 and the V1 with the bug have the same count.

# %% tags=["check"]
# A count gives the width back, tells the two TinyVGGs apart, and does not see a ReLU.
assert count(FashionMNISTV0(50)) == 39_760 == 795 * 50 + 10
assert count(TinyVGG(num_classes=3, image_size=64, padding=0)) == 8_083
assert count(TinyVGG(num_classes=3, image_size=64, padding=1)) == 10_693
assert same

# %% [markdown]
# A count also gives the size of a file, for each number takes four bytes. The largest network of the course
# knows 101 dishes. We build it on the device `meta`, where a tensor has a shape and no content:

# %%
with torch.device("meta"):
    big = models.get_model("efficientnet_b2", num_classes=101)
megabytes = sum(tensor.nbytes for tensor in big.state_dict().values()) / 2**20
print(f"{count(big):,} parameters, {megabytes:.2f} MB")

# %% [markdown]
# Four bytes times the parameters would be {{ f"{4 * count(big) / 2**20:.2f}" }} MB. The rest are the means and variances of its
# BatchNorm layers, which are saved and not trained.

# %% tags=["check"]
# The file is a little larger than four bytes for each parameter.
assert 4 * count(big) < megabytes * 2**20 < 4.1 * count(big)

# %% [markdown] tags=["number"] row="09 Big megabytes"
# {{ f"{megabytes:.0f} MB" }}

# %% [markdown] tags=["number"] row="03 V0 parameters, 50 units"
# {{ f"{count(FashionMNISTV0(50)):,}" }}

# %% [markdown] tags=["number"] row="04 TinyVGG without padding"
# {{ f"{count(TinyVGG(num_classes=3, image_size=64, padding=0)):,}" }}

# %% [markdown]
# ## Sums that anybody can check
#
# Three more, without any network. How large is a photo of 12 million pixels once it is a tensor, and
# after the resize? Food-101 has 101 dishes with 750 photos to learn from and 250 to test: how many is
# that? And how much slower than the small network is the large one, whose times the course prints?

# %%
photo = v2.PILToTensor()(Image.new("RGB", (3024, 4032)))  # PIL counts width first
as_floats = photo.float() / 255
small = v2.Resize((64, 64))(as_floats)
shapes = [list(one.shape) for one in (as_floats, small, small.unsqueeze(0))]
dishes = 101 * (750 + 250)
slower = 0.0641 / 0.0269  # seconds for a photo
print(f"{shapes}, {dishes:,} photos, {slower:.2f} times")

# %% [markdown] tags=["wrong"] corrects=["112"]
# **Prose that no program wrote.** "More than 2.5 times as long", says the course, where its own two
# times give {{ f"{slower:.2f}" }}. The notes make 100,000 photos of {{ f"{dishes:,}" }}. Perhaps the tables
# changed and the sentences stayed. On these pages such a number is computed in the sentence.

# %% tags=["check"]
# The shapes are those of the notes; the two sentences do not fit their own numbers.
assert shapes == [[3, 4032, 3024], [3, 64, 64], [1, 3, 64, 64]]
assert as_floats.dtype == torch.float32
assert dishes != 100_000
assert slower < 2.5

# %% [markdown] tags=["number"] row="N12"
# {{ ", ".join(str(shape) for shape in shapes) }}

# %% [markdown] tags=["number"] row="N18"
# {{ f"{dishes:,}" }}

# %% [markdown] tags=["number"] row="09 slower"
# {{ f"{slower:.2f}x" }}

# %% [markdown]
# ## Programs grow old
#
# To repeat a run one also needs versions with which it runs. The course asks whether PyTorch is at
# least `1.12`. It looks at the second part of the version alone, and if that is too small, it installs
# another PyTorch.

# %% [markdown] tags=["checkpoint"]
# For which of `1.11`, `1.12`, `2.0` and `2.11` does it do so? And for the version that made this page?


# %%
def course_is_content(version):
    return int(version.split(".")[1]) >= 12


def is_new_enough(version):
    return tuple(int(part) for part in version.split(".")[:2]) >= (1, 12)


for version in ("1.11", "1.12", "2.0", "2.11", torch.__version__):
    print(f"{version:12} new enough: {is_new_enough(version)}, ", end="")
    print("kept" if course_is_content(version) else "replaced by an old one")

# %% [markdown] corrects=["115", "116", "117"]
# Compare versions as a whole, part by part. The same chapters put a bare `except:` around their imports, which takes every error
# for a missing package, a typo too: name the error, `except ModuleNotFoundError:`. Their `!wget` and `!rm` need a
# Unix shell, where `pathlib` and `shutil` run anywhere. And they install `torchmetrics==0.9.3` for
# `Accuracy(task="multiclass")`, an argument that this version does not have: one line was
# brought up to date, the other not.

# %% tags=["check"]
# Part by part 2.0 and 2.11 are new enough; by the second part alone they are not.
assert not is_new_enough("1.11")
assert is_new_enough("1.12")
assert is_new_enough(torch.__version__)
for version in ("2.0", "2.11"):
    assert is_new_enough(version)
    assert not course_is_content(version)

# %% [markdown]
# ## Recap
#
# - Seed, data, widths, order, epochs: if all are the same, so are the digits. If one is not, you see it.
# - Every loader draws when it starts. Give it a generator of its own.
# - A mean over batches hides a whole number of hits. Count pictures.
# - A seed is for repeating. Compare over several.
# - A number belongs to its epoch. A count belongs to a layout, and sees nothing else.
#
# ## Where next
#
# [The numbers](../numbers.md) has all of them, with those that can not be checked here. Who dies under
# a ReLU, and why, is in [computer vision](03_computer_vision.md); how to compare over seeds, in [experiment
# tracking](07_experiment_tracking.md).
