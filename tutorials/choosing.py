# ---
# title: Which loss, optimizer and metric
# description: One table for six kinds of tasks, from output to metric, and each row of it proven by a cell that runs.
# order: 23
# level: beginner
# needs: [02_classification]
# gives: [a loss for each task, starting learning rates, metrics that do not mislead]
# minutes: 45
# data: []
# seed: 42
# ---
# %% [markdown]
# # Which loss, optimizer and metric
#
# The kind of answer you want decides nearly all: how many outputs, which loss, which targets,
# which metric. One table says it, and the rest of the page proves the table, row by row.

# %% tags=["hide-input"] name="result" alt="Two charts. Left, loss by error: MSE is a parabola that leaves the chart at an error of two, L1 a V, Huber between them, round at zero and straight outside. Right, cross-entropy by the probability of the right class: nothing at one, under one at a half, and steeply up towards zero." caption="What a loss punishes. Left, numbers: a large error costs its square, or only its size. Right, classes: to be sure and wrong costs most."
import torch
from matplotlib import pyplot
from torch.nn import functional

from pdl import plotting

plotting.use_style()
c = plotting.COLORS
error = torch.linspace(-3, 3, 121)
zero = torch.zeros(121)
prob = torch.linspace(0.01, 1, 100)
curves = {
    "MSE": (functional.mse_loss, "orange", (1.5, 3.5)),
    "L1": (functional.l1_loss, "blue", (2.55, 2.75)),
    "Huber": (functional.huber_loss, "green", (2.35, 1.45)),
}
_, (left, right) = pyplot.subplots(1, 2, figsize=(7.2, 3.1))
for name, (function, color, place) in curves.items():
    left.plot(error, function(error, zero, reduction="none"), color=c[color])
    left.text(*place, name, color=c[color], ha="right" if name != "Huber" else "left")
left.set(xlabel="error", ylabel="loss", ylim=(-0.1, 4))
right.plot(prob, -prob.log(), color=c["violet"])
right.text(0.16, 2.4, "cross-entropy", color=c["violet"])
_ = right.set(xlabel="probability of the right class", ylim=(-0.1, 4), xlim=(0, 1.02))

# %% [markdown]
# **You will** find the row for your task, see what a wrong dtype or shape does, and choose a first
# learning rate and a metric that does not flatter.
#
# **You need** [classification](02_classification.md): logits, softmax, cross-entropy.
#
# **It takes** no GPU and no download.
#
# ## The table
#
# `N` samples, `K` classes or labels, `H` and `W` a picture's sides. Outputs are raw numbers: no
# sigmoid, no softmax, no ReLU after the last layer.
#
# | task | output | loss | target dtype, shape | metric |
# |---|---|---|---|---|
# | how much? (regression) | `(N, 1)` | [`MSELoss`][torch.nn.MSELoss], [`HuberLoss`][torch.nn.HuberLoss] | float, `(N, 1)` | [`L1Loss`][torch.nn.L1Loss]: same unit as the data |
# | yes or no? (binary) | `(N, 1)` | [`BCEWithLogitsLoss`][torch.nn.BCEWithLogitsLoss] | float, `(N, 1)` | accuracy, F1 |
# | which one? (multiclass) | `(N, K)` | [`CrossEntropyLoss`][torch.nn.CrossEntropyLoss] | long, `(N,)` | accuracy: [`metrics.accuracy`][pdl.metrics.accuracy] |
# | which of these? (multilabel) | `(N, K)` | [`BCEWithLogitsLoss`][torch.nn.BCEWithLogitsLoss] | float, `(N, K)` | F1 for each label |
# | a class is rare | as above | the same, with `weight` or `pos_weight` | as above | precision and recall |
# | which one, for each pixel? | `(N, K, H, W)` | [`CrossEntropyLoss`][torch.nn.CrossEntropyLoss] | long, `(N, H, W)` | intersection over union |
#
# ## Set up

# %%
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from pdl import metrics, plotting
from pdl.data import toy
from pdl.info import info
from pdl.seed import make_generator

plotting.use_style()
torch.manual_seed(42)
print(info())

# %% [markdown]
# ## How much?
#
# Three losses for numbers, each by hand and by PyTorch. Huber is the square near zero, and
# from an error of `delta` on a straight line.

# %%
guess, truth = torch.randn(8, 1), torch.randn(8, 1) * 3
gap = guess - truth
by_hand = {
    nn.L1Loss(): gap.abs().mean(),
    nn.MSELoss(): (gap**2).mean(),
    nn.HuberLoss(delta=1.0): torch.where(gap.abs() < 1, gap**2 / 2, gap.abs() - 0.5).mean(),
}
for loss, value in by_hand.items():
    print(f"{type(loss).__name__:10} {loss(guess, truth):.4f}  by hand {value:.4f}")

# %% tags=["check"]
# Each loss is the formula.
for loss, value in by_hand.items():
    torch.testing.assert_close(loss(guess, truth), value)

# %% [markdown] tags=["checkpoint"]
# **Predict first.** Five prices: 1, 2, 3, 4 and 100, the last a slip of the keyboard. A model that
# may say one number for all learns with each loss. Which number does MSE learn, and which L1?

# %%
prices = torch.tensor([1.0, 2.0, 3.0, 4.0, 100.0])
answers = torch.linspace(0, 100, 10_001)
costs = {
    "MSE": ((answers[:, None] - prices) ** 2).mean(dim=1),
    "L1": (answers[:, None] - prices).abs().mean(dim=1),
}
best = {name: answers[cost.argmin()].item() for name, cost in costs.items()}
print(best)

# %% [markdown]
# MSE learns the mean, L1 the median. One slip pulls the mean far from every real price. **MSE
# when large errors are truly worse; L1 or Huber when the data has slips.** In the unit of the
# data, report L1: "wrong by 3 on average" is what people understand.

# %% tags=["check"]
# The best constants are the mean and the median.
assert abs(best["MSE"] - prices.mean().item()) < 0.01
assert abs(best["L1"] - prices.median().item()) < 0.01

# %% [markdown]
# ## Yes or no?
#
# One output, a logit. The loss takes it as it is: sigmoid and logarithm are inside.

# %%
logits, yes = torch.randn(8, 1), torch.randint(0, 2, (8, 1)).float()
p = torch.sigmoid(logits)
bce = -(yes * p.log() + (1 - yes) * (1 - p).log()).mean()
print(f"by hand {bce:.4f}, PyTorch {nn.BCEWithLogitsLoss()(logits, yes):.4f}")
for wrong in (yes.long(), yes.squeeze(1)):
    try:
        nn.BCEWithLogitsLoss()(logits, wrong)
    except (RuntimeError, ValueError) as problem:
        print(f"{type(problem).__name__}: {problem}")

# %% [markdown]
# Whole numbers as targets are refused, and so is another shape. Both are cured where the data is
# made: `.float().unsqueeze(1)`.

# %% [markdown] tags=["checkpoint"]
# **Predict first.** There is also `BCELoss`, which wants probabilities. For a logit of `-200` and the
# truth "yes" the loss should be 200. What do the two ways say?

# %%
sure_and_wrong = torch.tensor([-200.0], requires_grad=True)
one = torch.ones(1)
two_steps = nn.BCELoss()(torch.sigmoid(sure_and_wrong), one)
two_gradient = torch.autograd.grad(two_steps, sure_and_wrong)[0].item() + 0.0  # no -0
in_one = nn.BCEWithLogitsLoss()(sure_and_wrong, one)
one_gradient = torch.autograd.grad(in_one, sure_and_wrong)[0].item()
print(f"sigmoid, then BCELoss: loss {two_steps:.0f}, gradient {two_gradient:.0f}")
print(f"BCEWithLogitsLoss:     loss {in_one:.0f}, gradient {one_gradient:.0f}")

# %% [markdown]
# In 32 bits the sigmoid of `-200` is 0. `BCELoss` cuts its logarithm off, and worse, the gradient is
# {{ f"{two_gradient:.0f}" }}: the model is as wrong as can be and learns nothing from it.

# %% tags=["check"]
# By hand equals PyTorch; only the loss with logits has the right value and a gradient.
torch.testing.assert_close(bce, nn.BCEWithLogitsLoss()(logits, yes))
assert in_one.item() == 200
assert (one_gradient, two_gradient) == (-1, 0)
assert two_steps < 200

# %% [markdown]
# ## Which one?
#
# One output for each class, and the *number* of the right class as target. The loss is minus the
# logarithm of the probability that softmax gives to it.

# %%
scores, kinds = torch.randn(8, 3), torch.randint(0, 3, (8,))
ce = -scores.log_softmax(dim=1)[range(8), kinds].mean()
print(f"by hand {ce:.4f}, PyTorch {nn.CrossEntropyLoss()(scores, kinds):.4f}")
for wrong in (kinds.float(), kinds.unsqueeze(1)):
    try:
        nn.CrossEntropyLoss()(scores, wrong)
    except RuntimeError as problem:
        print(f"RuntimeError: {problem}")

# %% [markdown] tags=["wrong"]
# **Softmax twice.** The model ends with a softmax, and the loss has one inside. Nothing fails. Since
# the loss now sees only numbers from 0 to 1, it can never say "well done":

# %%
perfect = F.one_hot(kinds, 3) * 100.0
once = nn.CrossEntropyLoss()(perfect, kinds).item()
twice = nn.CrossEntropyLoss()(perfect.softmax(dim=1), kinds).item()
print(f"a perfect answer: loss {once:.3f}; with softmax in the model {twice:.3f}")

# %% tags=["check"]
# By hand equals PyTorch; softmax twice can not go below log(e + 2) - 1 with three classes.
torch.testing.assert_close(ce, nn.CrossEntropyLoss()(scores, kinds))
assert once < 1e-6
assert abs(twice - (math.log(math.e + 2) - 1)) < 1e-4

# %% [markdown]
# Where does a loss start? A model that knows nothing gives each of `K` classes the same chance,
# so its cross-entropy is the logarithm of `K`: {{ f"{math.log(3):.3f}" }} for 3 classes,
# {{ f"{math.log(10):.3f}" }} for 10. A loss that stays there says "nothing learned".
#
# ## Which of these?
#
# With labels that do not exclude each other, each is a question of its own: yes or no, `K` times.
# The loss is the binary one, the targets a table of zeros and ones.

# %%
tags = torch.tensor([[1.0, 1.0, 0.0]])  # dog and beach, no snow
seen = torch.tensor([[6.0, 6.0, -6.0]])  # what a good model says
print("sigmoid:", [f"{value:.2f}" for value in seen.sigmoid()[0].tolist()])
print("softmax:", [f"{value:.2f}" for value in seen.softmax(dim=1)[0].tolist()])
print(f"binary {nn.BCEWithLogitsLoss()(seen, tags):.3f}")

# %% tags=["check"]
# Each label is sure with sigmoid; softmax makes two true labels share.
assert seen.sigmoid()[0, :2].min() > 0.99
assert abs(seen.softmax(dim=1)[0, 0] - 0.5) < 0.01
torch.testing.assert_close(
    nn.BCEWithLogitsLoss()(seen, tags),
    torch.stack([nn.BCEWithLogitsLoss()(seen[:, i], tags[:, i]) for i in range(3)]).mean(),
)

# %% [markdown]
# ## A class is rare
#
# A test for a disease that one in twenty has. We make points of two clouds that overlap, few of the
# second, and train a linear model.

# %% [markdown] tags=["checkpoint"]
# **Predict first.** How many percent are right for a program that says "healthy" to everybody? And
# how many of the sick does it find?

# %%
maker = make_generator(42)
sick = (torch.rand(2000, generator=maker) < 0.05).float().unsqueeze(1)
features = torch.randn(2000, 2, generator=maker) + 1.5 * sick


def judge(says_yes):
    found = (says_yes * sick).sum()
    right = (says_yes == sick).float().mean()
    return {
        "accuracy": right.item(),
        "precision": (found / says_yes.sum().clamp(min=1)).item(),
        "recall": (found / sick.sum()).item(),
    }


reports = {"always no": judge(torch.zeros_like(sick))}
print({name: f"{value:.0%}" for name, value in reports["always no"].items()})

# %% [markdown]
# Accuracy flatters: it counts samples, and nearly all samples are of one class. **Precision** is the
# share of alarms that are true, **recall** the share of the sick who are found.
#
# `pos_weight` makes each missed "yes" cost more. The ratio of no to yes is the usual first value.

# %%
ratio = ((1 - sick).sum() / sick.sum()).item()
for name, weight in (("plain", 1.0), ("weighted", ratio)):
    torch.manual_seed(42)
    model = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weight))
    for _ in range(200):
        optimizer.zero_grad()
        loss_fn(model(features), sick).backward()
        optimizer.step()
    reports[name] = judge((model(features) > 0).float())
for name, report in reports.items():
    print(f"{name:10}", {key: f"{value:.0%}" for key, value in report.items()})

# %% [markdown]
# The weighted model has the lower accuracy, and finds {{ f"{reports['weighted']['recall']:.0%}" }} of
# the sick instead of {{ f"{reports['plain']['recall']:.0%}" }}. Which is better, no metric decides: a
# missed patient and a false alarm have prices, and you know them.
#
# For more than two classes [`CrossEntropyLoss`][torch.nn.CrossEntropyLoss] takes `weight`, one number
# a class.

# %% tags=["check"]
# "Always no" looks good and finds nobody; the weight trades precision for recall.
assert reports["always no"]["accuracy"] > 0.9
assert reports["always no"]["recall"] == 0
assert reports["weighted"]["recall"] > reports["plain"]["recall"] + 0.2
assert reports["weighted"]["precision"] < reports["plain"]["precision"]
assert reports["weighted"]["accuracy"] < reports["plain"]["accuracy"]

# %% [markdown]
# ## For each pixel
#
# A map of classes is "which one?" asked at every place. The same loss does it; the classes stay in
# second place, and the targets have no such side.

# %%
maps, masks = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4))
as_rows = maps.permute(0, 2, 3, 1).reshape(-1, 3)  # every pixel a row of three scores
pixel_loss = nn.CrossEntropyLoss()(maps, masks)
row_loss = nn.CrossEntropyLoss()(as_rows, masks.flatten())
print(f"as maps {pixel_loss:.4f}, as {len(as_rows)} rows {row_loss:.4f}")
try:
    nn.CrossEntropyLoss()(maps, masks.unsqueeze(1))
except RuntimeError as problem:
    print(f"RuntimeError: {problem}")

# %% [markdown]
# Most pixels are background, so accuracy flatters again. *Intersection over union* ignores what
# both call background: the pixels in both shapes, divided by those in either.

# %% [markdown] tags=["checkpoint"]
# **Predict first.** A road is two columns wide in a picture of 20. A model draws it one column off. What
# share of all pixels is right, and what is the intersection over union?

# %%
road, drawn = torch.zeros(2, 20, 20, dtype=torch.bool)
road[:, 9:11] = True  # a road of two columns
drawn[:, 10:12] = True  # the same, one column off
pixels_right = (road == drawn).float().mean().item()
iou = ((road & drawn).sum() / (road | drawn).sum()).item()
print(f"pixels right {pixels_right:.0%}, intersection over union {iou:.0%}")

# %% tags=["check"]
# Maps and rows give the same loss; half beside the road, nine tenths of pixels are right.
torch.testing.assert_close(pixel_loss, row_loss)
assert abs(pixels_right - 0.9) < 1e-6
assert abs(iou - 1 / 3) < 1e-6

# %% [markdown]
# ## Optimizer and learning rate
#
# | situation | optimizer | first learning rate | schedule |
# |---|---|---|---|
# | anything small, first try | [`Adam`][torch.optim.Adam] | `1e-3` | none |
# | a network from random numbers | [`AdamW`][torch.optim.AdamW], weight decay `0.01` to `0.1` | `1e-3` | cosine to zero |
# | a CNN, long training | [`SGD`][torch.optim.SGD], momentum `0.9` | `0.1` to `0.01` | cosine or steps |
# | a transformer | [`AdamW`][torch.optim.AdamW] | `1e-3` to `1e-4` | warm-up, then cosine: [`warmup_cosine`][pdl.optim.warmup_cosine] |
# | a new layer on frozen features | [`Adam`][torch.optim.Adam] | `1e-3` | none |
# | fine-tuning a whole network | [`AdamW`][torch.optim.AdamW] | `1e-4` to `1e-5` | warm-up, then cosine |
#
# They are first values, to be multiplied by 3 or divided by 3 as long as the validation loss
# falls. How wide is the valley? We train a small network on two rings, 100 steps each.

# %%
rings, inside = toy.circles(500, generator=make_generator(42))
inside = inside.float().unsqueeze(1)


def final_loss(make, rate):
    torch.manual_seed(42)
    net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = make(net.parameters(), lr=rate)
    for _ in range(100):
        loss = F.binary_cross_entropy_with_logits(net(rings), inside)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return F.binary_cross_entropy_with_logits(net(rings), inside).item()


rates = [10 ** (power / 2) for power in range(-8, 3)]
makers = {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam}
valleys = {}
for name, make in makers.items():
    valleys[name] = [final_loss(make, rate) for rate in rates]
lowest = {name: rates[losses.index(min(losses))] for name, losses in valleys.items()}

# %% tags=["hide-input"] alt="Loss after 100 steps by learning rate, from one ten-thousandth to ten, on a logarithmic axis. Both curves are flat and high on the left, fall into a valley, and rise or become ragged on the right. The valley of Adam lies at a lower rate than that of SGD, and is deeper." caption="The learning rate is the first number to try. Left of the valley training is slow, right of it, it jumps about. Each optimizer has a valley of its own."
c = plotting.COLORS
_, ax = plt.subplots(figsize=(7.2, 3.2))
for (name, losses), color in zip(valleys.items(), ("blue", "orange"), strict=True):
    ax.plot(rates, losses, "o-", color=c[color], ms=4)
    at = {"SGD": 6, "Adam": losses.index(min(losses))}[name]  # where there is room
    up = 0.1 if name == "SGD" else -0.1
    ax.text(rates[at], losses[at] + up, name, color=c[color], ha="center", va="center")
ax.axhline(math.log(2), color=c["muted"], lw=1, ls=":")
ax.text(rates[0], math.log(2) + 0.02, "knows nothing", color=c["muted"])
_ = ax.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(-0.12, 1.0))

# %% [markdown]
# Adam is best near {{ f"{lowest['Adam']:.2g}" }} here, SGD near {{ f"{lowest['SGD']:.2g}" }}. So a
# learning rate does not carry over from one optimizer to another, and "Adam is better than SGD" at
# one rate says nothing. Both lie far above the table: a tiny network with few steps likes large ones.
# The deeper the network and the longer the run, the more the table is right.

# %% tags=["check"]
# Adam's valley lies at a lower rate; both valleys are inside the range, and below chance.
assert lowest["Adam"] < lowest["SGD"]
for name, losses in valleys.items():
    assert rates[0] < lowest[name] < rates[-1]
    assert min(losses) < 0.6 < losses[0]

# %% [markdown]
# ## Metric
#
# The loss is for the optimizer; the metric is for people. Choose it before you train, from what a
# mistake costs. [`accuracy`][pdl.metrics.accuracy] takes logits and class numbers,
# [`accuracy_fn`][pdl.metrics.accuracy_fn] takes labels and gives percent, and `torchmetrics` has the rest.
# Over batches, weight by samples: [`WeightedMean`][pdl.metrics.WeightedMean].

# %%
labels = scores.argmax(dim=1)
print(f"{metrics.accuracy(scores, kinds):.3f}", metrics.accuracy_fn(kinds, labels))
average = metrics.WeightedMean()
for size, value in ((32, 0.5), (1, 1.0)):  # a full batch, and one lone sample
    average.update(torch.tensor(value), size)
print(f"by samples {average.compute():.3f}, by batches {(0.5 + 1.0) / 2:.3f}")

# %% tags=["check"]
# The two accuracies agree; the lone sample counts as one of 33.
share = metrics.accuracy(scores, kinds).item()
assert abs(share * 100 - metrics.accuracy_fn(kinds, labels)) < 1e-3
assert abs(float(average.compute()) - 17 / 33) < 1e-6

# %% [markdown]
# ## Recap
#
# - The task decides: number, yes or no, which one, which of these. Then read the table.
# - Losses take logits. Float targets of the same shape for MSE and BCE, long class numbers for
#   cross-entropy.
# - Start with Adam and `1e-3`, then try three times more and three times less.
# - When a class is rare, accuracy flatters. Look at precision and recall.
#
# ## Exercises

# %% [markdown] tags=["exercise"] level="warm-up" answer=["choices: a dict from \"temperature\", \"dish\" and \"allergens\" to three things each: the loss, an output, a target", "ex_losses: a dict from the same names to the loss of output and target"]
# ### Exercise 1: choose
#
# Give output shape, loss and target dtype for batches of 16: (a) tomorrow's temperature, (b) one of 101
# dishes, (c) which of 5 allergens a dish has. Show that each runs.

# %% tags=["solution"]
choices = {
    "temperature": (nn.HuberLoss(), torch.randn(16, 1), torch.randn(16, 1)),
    "dish": (nn.CrossEntropyLoss(), torch.randn(16, 101), torch.randint(0, 101, (16,))),
    "allergens": (nn.BCEWithLogitsLoss(), torch.randn(16, 5), torch.ones(16, 5)),
}
ex_losses = {name: loss(output, target) for name, (loss, output, target) in choices.items()}
print({name: f"{value:.2f}" for name, value in ex_losses.items()})

# %% tags=["solution", "check"]
# Each loss is one finite number; only the dishes have whole numbers as targets.
assert all(value.ndim == 0 and value.isfinite() for value in ex_losses.values())
kinds_of_target = {name: target.dtype for name, (_, _, target) in choices.items()}
assert kinds_of_target["dish"] == torch.int64
assert kinds_of_target["temperature"] == kinds_of_target["allergens"] == torch.float32

# %% [markdown] tags=["exercise"] level="build" answer=["goal: what the loss aims at, for `kinds`, shape (8, 3)", "smooth_by_hand: your loss of `scores`", "smooth: PyTorch's"]
# ### Exercise 2: label smoothing by hand
#
# `CrossEntropyLoss(label_smoothing=0.1)` aims at nine tenths for the right class and spreads the rest over all
# classes evenly. Write it with `log_softmax`, and compare.

# %% tags=["solution"]
goal = F.one_hot(kinds, 3) * 0.9 + 0.1 / 3
smooth_by_hand = -(goal * scores.log_softmax(dim=1)).sum(dim=1).mean()
smooth = nn.CrossEntropyLoss(label_smoothing=0.1)(scores, kinds)
print(f"by hand {smooth_by_hand:.4f}, PyTorch {smooth:.4f}")

# %% tags=["solution", "check"]
# By hand equals PyTorch, and each row of the goal adds up to one.
torch.testing.assert_close(smooth_by_hand, smooth)
torch.testing.assert_close(goal.sum(dim=1), torch.ones(8))

# %% [markdown] tags=["exercise"] level="measure" answer=["wanted: the recall of the weighted model, in `reports`", "line: the lower probability", "moved: what `judge` says of the plain model with that line; train it once more for this"]
# ### Exercise 3: move the line instead
#
# Take the *plain* model of the rare disease, without `pos_weight`, and say "sick" above a lower
# probability than one half. Which line gives the recall of the weighted model? What is the precision?

# %% tags=["solution"]
torch.manual_seed(42)
plain = nn.Linear(2, 1)
optimizer = torch.optim.Adam(plain.parameters(), lr=0.1)
for _ in range(200):
    optimizer.zero_grad()
    F.binary_cross_entropy_with_logits(plain(features), sick).backward()
    optimizer.step()
chance = plain(features).sigmoid().detach()
lines = torch.arange(0.5, 0.0, -0.01).tolist()
wanted = reports["weighted"]["recall"]
line = next(line for line in lines if judge((chance > line).float())["recall"] >= wanted)
moved = judge((chance > line).float())
print(f"line {line:.2f}: recall {moved['recall']:.0%}, precision {moved['precision']:.0%}")

# %% tags=["solution", "check"]
# A lower line does what the weight does: the same recall, and about the same precision.
assert line < 0.2
assert moved["recall"] >= wanted
assert abs(moved["precision"] - reports["weighted"]["precision"]) < 0.1

# %% [markdown]
# ## Where next
#
# [Three common errors](common_errors.md) reads the messages of this page word by word. Schedules are
# built in [the workflow](01_workflow.md), warm-up in [training a Vision
# Transformer](08b_vit_training.md). The API pages: [`pdl.metrics`](../api/metrics.md) and
# [`pdl.optim`](../api/optim.md).
