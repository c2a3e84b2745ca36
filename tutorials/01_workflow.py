# ---
# title: The PyTorch workflow
# description: The whole workflow on one straight line, from data and the five-step loop to saved models.
# order: 2
# level: beginner
# needs: [00_fundamentals]
# gives: [training loop, loss, gradient, learning-rate schedule, saved models]
# minutes: 60
# data: []
# seed: 42
# ---
# %% [markdown] covers=["01.01"]
# # The PyTorch workflow
#
# A model with two numbers inside learns a straight line. It is the smallest problem there is, and
# yet nothing is missing: data, model, loss, optimizer, training loop, test, save, load. Every
# later chapter swaps one of these parts and keeps the others.

# %% tags=["hide-input"] name="result" alt="Orange lines fan upward from a low, flat line labeled epoch 0 to a steep line labeled epoch 200, which runs through forty blue training points and ten green points kept back." caption="The whole chapter in one picture: in 200 passes over the blue points (*epochs*), a random line turns into the pattern behind them. The green points it never saw."
from matplotlib import pyplot
from torch.nn.functional import l1_loss
from torch.optim import SGD

from pdl import plotting, seed
from pdl.data import toy
from pdl.models import linear

plotting.use_style()
c = plotting.COLORS
seed.set_seeds(42)
x_line, y_line = toy.straight_line(50, weight=0.7, bias=0.3)
learner = linear.LinearRegression()
walker = SGD(learner.parameters(), lr=0.01)

_, ax = pyplot.subplots(figsize=(7, 4.2))
ax.grid(visible=False)
ax.scatter(x_line[:40], y_line[:40], s=22, color=c["blue"], zorder=5, linewidths=0)
ax.scatter(x_line[40:], y_line[40:], s=22, color=c["green"], zorder=5, linewidths=0)
for epoch in range(201):
    guess = learner(x_line).detach()
    named = epoch in (0, 10, 20, 40, 200)
    width, strength = (3, 1) if epoch == 200 else (1.4, 0.75) if named else (0.8, 0.22)
    if named or epoch % 2 == 0:
        ends = (x_line[[0, -1]], guess[[0, -1]])
        ax.plot(*ends, color=c["orange"], lw=width, alpha=strength)
    if named:
        label = f"epoch {epoch}" if epoch in (0, 200) else f"{epoch}"
        weight = "bold" if epoch == 200 else "normal"
        ax.text(0.995, guess[-1], label, color=c["orange"], va="center", fontweight=weight)
    walker.zero_grad()
    l1_loss(learner(x_line[:40]), y_line[:40]).backward()
    walker.step()
ax.text(0.3, 0.57, "40 points to learn from", color=c["blue"], ha="right", fontsize=12)
ax.text(0.83, 0.95, "10 points kept back", color=c["green"], ha="right", fontsize=12)
ax.text(0.42, 0.215, "a random start", color=c["orange"], fontsize=12)
_ = ax.set(xlim=(-0.02, 1.13), ylim=(0.1, 1.03), xlabel="x", ylabel="y")

# %% [markdown]
# **You will** build a model out of two parameters, compute its gradient by hand, write the
# five-step training loop, explain why training stops improving, cure it with a learning-rate
# schedule, and save and load the result.
#
# **You need** [tensors](00_fundamentals.md), and the slope of a line from school.
#
# **It takes** no GPU and no download.

# %% [markdown] covers=["01.02"]
# ## Set up
#
# [`torch.nn`](https://docs.pytorch.org/docs/stable/nn.html) holds the building blocks of models.
# The package `pdl` is this book's own small library. Its model and its training loop are written
# by hand on this page first, then proved equal.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

from pdl import plotting
from pdl.info import info

plotting.use_style()  # the look of this book's figures
print(info())

# %% [markdown] covers=["01.03", "01.04"]
# ## Data
#
# Machine learning is a game of two parts: turn data into numbers, then find the pattern in the
# numbers. The data can be anything: a spreadsheet, photos, sound, text, DNA. PyTorch only ever
# sees tensors.
#
# To judge a model we want data whose pattern we know. So we make it: 50 points on a line.
#
# $$y = \text{weight}\cdot x + \text{bias}, \qquad \text{weight}=0.7,\ \text{bias}=0.3$$

# %%
weight, bias = 0.7, 0.3

X = torch.arange(start=0, end=1, step=0.02).unsqueeze(dim=1)
y = weight * X + bias
print(X.shape, y.shape)
print(X[:3].flatten(), y[:3].flatten())

# %% [markdown]
# `unsqueeze` turns 50 numbers into 50 rows of one feature: a model expects a row per sample. The
# model will get `X` and `y`, never the two numbers `0.7` and `0.3`. Finding them is its task.

# %% [markdown] covers=["01.05"]
# ### Keep some points back
#
# A model that repeats what it saw has proved nothing. So part of the data stays hidden from it.
#
# | part | size | what for | how often we look |
# |---|---|---|---|
# | train | most of the data | learn the parameters | every epoch |
# | validation | a slice | choose between models and settings | as often as we like |
# | test | a slice | report one honest number | once, at the end |
#
# The notes that this book grew out of keep ten points, call them "test", and look at them in
# every epoch. Whatever we look at while we decide is a *validation* set, whatever its name. This
# chapter keeps the split and the name, because the exact numbers below depend on them. A split in
# three follows [near the end](#choose-on-validation-report-on-test).

# %%
train_split = int(0.8 * len(X))
X_train, y_train = X[:train_split], y[:train_split]
X_test, y_test = X[train_split:], y[train_split:]
print(len(X_train), "to learn from,", len(X_test), "kept back")

# %% [markdown] covers=["01.06"]
# Numbers in a list say little, so look at them. We use this plot all chapter long: blue to learn
# from, green kept back, and later orange for what the model predicts.

# %% alt="Fifty points on a rising straight line: the forty on the left are blue training points, the ten on the right are green test points."
plotting.plot_predictions(X_train, y_train, X_test, y_test)

# %% [markdown]
# The cut is sequential: every green point lies to the right of every blue one, so the model will
# have to *extrapolate*. Real data is shuffled before it is cut, for example by scikit-learn's
# `train_test_split`, or by [ours][pdl.data.toy.train_test_split] with a generator.

# %% [markdown] covers=["01.07", "01.08"]
# ## A model
#
# How does a machine find two numbers? It starts with random ones, looks at how wrong they are,
# and moves each a little in the direction that makes the error smaller. Then again. *Gradient
# descent* is the name of that walk. *Backpropagation* is how the directions are computed.
#
# A model in PyTorch is a class. It owns the parameters and says how to use them.


# %%
class LinearRegression(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1))
        self.bias = nn.Parameter(torch.randn(1))

    def forward(self, x):
        return self.weight * x + self.bias


# %% [markdown] covers=["01.09"] corrects=["34"]
# Six names carry most PyTorch programs:
#
# | name | what it is |
# |---|---|
# | `torch.nn` | the building blocks: layers, losses |
# | `nn.Parameter` | a tensor that the model owns and the optimizer may change |
# | `nn.Module` | the base class of every model and layer; it collects the parameters |
# | `forward()` | the computation from input to prediction |
# | `torch.optim` | optimizers: how parameters move once their gradients are known |
# | `torch.utils.data` | `Dataset` and `DataLoader`: samples, and batches of them |
#
# `nn.Parameter` already switches gradient tracking on. Writing `requires_grad=True` inside it, as
# many tutorials do, changes nothing. The official [cheat
# sheet](https://docs.pytorch.org/tutorials/beginner/ptcheat.html) lists more names.

# %% [markdown] covers=["01.10"]
# ### Look inside
#
# The parameters come from `torch.randn`, so we set the seed *before the model is built*.

# %%
torch.manual_seed(42)
model = LinearRegression()
print(list(model.parameters()))
print(model.state_dict())

# %% tags=["check"]
# With seed 42 the model starts at weight 0.3367 and bias 0.1288.
assert round(model.weight.item(), 4) == 0.3367
assert round(model.bias.item(), 4) == 0.1288
assert model.weight.requires_grad

# %% [markdown] tags=["number"] row="N1"
# {{ f"{model.weight.item():.4f}, {model.bias.item():.4f}" }}

# %% [markdown]
# `parameters()` yields the tensors themselves, which the optimizer needs. `state_dict()` maps
# names to values, which is what we save later.

# %% [markdown] tags=["wrong"] corrects=["3"]
# **`model.forward(x)` instead of `model(x)`.** Both return the same tensor, so the mistake hides
# for a long time. But `model(x)` does more: it runs the *hooks* that tools attach to a model.
# `model.forward(x)` skips them without a word.

# %%
calls = []
handle = model.register_forward_hook(lambda *_: calls.append("hook ran"))
model.forward(X_test)
print("after model.forward(x):", calls)
model(X_test)
print("after model(x):        ", calls)
handle.remove()

# %% [markdown] covers=["01.11"]
# ## Predict before learning
#
# Ask the untrained model for the ten points kept back. We only want its answer and will not train
# on it, so we say so with `torch.inference_mode()`.

# %% [markdown] tags=["checkpoint"]
# The model starts at weight `0.3367` and bias `0.1288`. The first test point is at $x = 0.8$.
# What will the model answer there, and is that above or below the green point?

# %%
with torch.inference_mode():
    untrained_preds = model(X_test)

print(torch.cat([untrained_preds, y_test], dim=1)[:4])
print(f"by hand: {0.3367 * 0.8 + 0.1288:.4f}")

# %% tags=["check"]
# All ten predictions and all ten true values are the ones in the notes.
notes = [0.3982, 0.4049, 0.4116, 0.4184, 0.4251, 0.4318, 0.4386, 0.4453, 0.4520, 0.4588]
ours = untrained_preds.flatten()
torch.testing.assert_close(ours, torch.tensor(notes), rtol=0, atol=6e-5)
truth = torch.arange(0.86, 0.99, 0.014)
torch.testing.assert_close(y_test.flatten(), truth, rtol=0, atol=1e-6)

# %% [markdown] tags=["number"] row="N2"
# {{ ", ".join(f"{value:.4f}" for value in untrained_preds.flatten()) }}

# %% [markdown] tags=["number"] row="N3"
# {{ f"{y_test.min():.4f} to {y_test.max():.4f}, step {y_test[1, 0] - y_test[0, 0]:.3f}" }}

# %% alt="The blue and green points rise in a straight line; ten orange predictions lie far below the green points." caption="Far too low: these predictions come from two random numbers."
plotting.plot_predictions(X_train, y_train, X_test, y_test, untrained_preds)

# %% [markdown] covers=["01.12"]
# ### Predict without a trace
#
# Normally PyTorch writes down every operation, so that it can compute gradients later. The output
# carries the record in `grad_fn`, and the record keeps intermediate tensors alive in memory. In
# `inference_mode` nothing is written down.

# %%
recorded = model(X_test)
print("normal:        ", recorded.grad_fn.name(), recorded.requires_grad)
print("inference_mode:", untrained_preds.grad_fn, untrained_preds.requires_grad)


# %% tags=["hide-input"] alt="Left: the recorded graph of our model. Weight and x feed a multiplication, its result and bias feed an addition, which gives the prediction. Right: memory kept for the backward pass grows step by step with each layer of a ten-layer network in normal mode and stays at zero in inference mode." caption="Left: what PyTorch records for our two-parameter model. Right: the bytes such a record keeps alive in a network of ten layers, measured."
def kept_mebibytes(depth):
    layers = [nn.Sequential(nn.Linear(256, 256), nn.ReLU()) for _ in range(depth)]
    net = nn.Sequential(*layers)
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        _out = net(torch.zeros(1024, 256))
    for parameter in net.parameters():  # alive anyway
        kept.pop(parameter.untyped_storage().data_ptr(), None)
    return sum(kept.values()) / 2**20


depths = range(11)
kept_normal = [kept_mebibytes(depth) for depth in depths]
with torch.inference_mode():
    kept_inference = [kept_mebibytes(depth) for depth in depths]

c = plotting.COLORS
_, (ax, bars) = plt.subplots(1, 2, figsize=(7, 2.9), width_ratios=[1.2, 1])
places = {
    "weight": (0.5, 3.3, "orange"),
    "x": (0.5, 2.0, "blue"),
    "bias": (2.2, 0.7, "orange"),
    "MulBackward0": (2.2, 2.65, "ink"),
    "AddBackward0": (4.4, 1.65, "ink"),
    "y_pred": (4.4, 3.3, "orange"),
}
boxes = {}
for name, (left, low, color) in places.items():
    box = {"boxstyle": "round,pad=0.4", "fc": c["wash"], "ec": c[color]}
    node = ax.text(left, low, name, ha="center", va="center", color=c[color], bbox=box)
    boxes[name] = node.get_bbox_patch()
for edge in ("weight Mul", "x Mul", "Mul Add", "bias Add", "y_pred Add"):
    a, b = (name if name in places else f"{name}Backward0" for name in edge.split())
    line = {"arrowstyle": "->", "color": c["muted"], "ls": ":" if a == "y_pred" else "-"}
    line |= {"patchA": boxes[a], "patchB": boxes[b], "shrinkA": 0, "shrinkB": 2}
    ax.annotate("", places[b][:2], places[a][:2], arrowprops=line)
ax.text(4.3, 2.5, "grad_fn", ha="right", va="center", color=c["muted"])
ax.set(xlim=(-0.4, 5.6), ylim=(0.2, 3.8), title="the record of one prediction")
ax.axis("off")
bars.plot(depths, kept_normal, "o-", color=c["orange"])
bars.plot(depths, kept_inference, "o-", color=c["green"])
bars.text(5.4, 5.6, "normal", color=c["orange"], va="top")
bars.text(5.4, 0.5, "inference_mode", color=c["green"], va="bottom")
_ = bars.set(xlabel="layers", ylabel="MiB kept alive", title="memory held for gradients")

# %% [markdown] corrects=["40"]
# Ten layers keep {{ f"{kept_normal[-1]:.0f} MiB" }} in normal mode and
# {{ f"{kept_inference[-1]:.0f}" }} in inference mode. The older `torch.no_grad()` also records
# nothing. `inference_mode` goes further and saves some bookkeeping, at a price: its tensors may
# not take part in a gradient computation later. PyTorch says so when you try.

# %%
try:
    model.weight * untrained_preds
except RuntimeError as error:
    print(str(error).split(".")[0])

# %% [markdown] tags=["wrong"] corrects=["4"]
# **"`model.eval()` turns off gradient tracking."** It does not. `train()` and `eval()` set one
# flag, `model.training`, which some layers read, such as dropout and batch normalization.
# Tracking is stopped by `inference_mode` or `no_grad`; a parameter is frozen by
# `requires_grad_(False)`, and `train()` does not thaw it.

# %%
model.eval()
print("after eval():", model(X_test).grad_fn.name(), "still recorded")

model.bias.requires_grad_(False)
model.train()
print("frozen bias after train(): requires_grad =", model.bias.requires_grad)
_ = model.bias.requires_grad_(True)

# %% [markdown] covers=["01.13", "01.14"]
# ## How wrong, as one number
#
# A *loss function* turns predictions and truth into one number: how wrong. *Cost function* and
# *criterion* are other words for it. Ours is the mean absolute error, in PyTorch `nn.L1Loss`: the
# average vertical distance between line and points.
#
# $$L(w, b) = \frac1N\sum_{i=1}^{N} |e_i|, \qquad e_i = w\,x_i + b - y_i$$
#
# An *optimizer* moves the parameters so that the loss falls. The *learning rate* scales its
# moves. We choose it, so it is a *hyperparameter*; weight and bias are learned, so they are
# *parameters*.

# %%
loss_fn = nn.L1Loss()
optimizer = torch.optim.SGD(params=model.parameters(), lr=0.01)

loss = loss_fn(model(X_train), y_train)
print("nn.L1Loss:", loss.item())
print("by hand:  ", (model(X_train) - y_train).abs().mean().item())

# %% [markdown] corrects=["33"]
# SGD means *stochastic* gradient descent: each step uses a random handful of samples, a batch.
# With only 40 points we use all of them in each step, so nothing here is random. It is plain
# gradient descent under its usual class name.

# %% [markdown] covers=["01.15"]
# Which loss, which optimizer? The problem decides the loss. For the optimizer, these are good
# starts:
#
# | problem | loss | optimizer |
# |---|---|---|
# | regression: predict a number | `nn.L1Loss`, or `nn.MSELoss` | `SGD`, `Adam` |
# | binary classification: yes or no | `nn.BCEWithLogitsLoss` | `SGD`, `Adam`, `RMSprop` |
# | multiclass: one of many | `nn.CrossEntropyLoss` | `SGD`, `Adam` |
#
# The last two take the model's raw outputs, called *logits*, not probabilities. All three
# optimizers live in `torch.optim`.

# %% [markdown]
# ### The slope of the loss
#
# How does the loss change when the weight moves a little, and when the bias does? Those two
# slopes are the *gradient*. For the absolute error they need no calculator: $|e|$ has slope $+1$
# where $e$ is positive and $-1$ where it is negative. (At the kink, PyTorch takes $0$.)
#
# $$\frac{\partial L}{\partial w} = \frac1N\sum_i \operatorname{sign}(e_i)\,x_i, \qquad
# \frac{\partial L}{\partial b} = \frac1N\sum_i \operatorname{sign}(e_i)$$
#
# PyTorch does not need the formula. `loss.backward()` walks its record of operations backward and
# finds the same slopes. This machinery is called *autograd*.

# %% [markdown] tags=["checkpoint"]
# The untrained line lies below all 40 blue points, so every $e_i$ is negative. The 40 values of
# $x$ run from $0$ to $0.78$. Which two numbers is the gradient made of?

# %%
sign = torch.sign(model(X_train) - y_train)
by_hand = (sign * X_train).mean().item(), sign.mean().item()
print("by hand:  weight {:.4f}, bias {:.4f}".format(*by_hand))

loss.backward()
by_autograd = model.weight.grad.item(), model.bias.grad.item()
print("autograd: weight {:.4f}, bias {:.4f}".format(*by_autograd))

# %% tags=["check"]
# The gradient by hand, (-0.39, -1), is the one that autograd computes.
torch.testing.assert_close(by_hand, (-0.39, -1.0))
torch.testing.assert_close(by_hand, by_autograd)

# %% tags=["hide-input"] alt="Left: the loss as a function of the bias alone, a valley with straight walls; a tangent with slope minus one touches it at the start. Right: the loss as a map over weight and bias, with a long narrow valley; an arrow from the start points against the gradient." caption="The same slope seen twice. Left: move only the bias. Right: move both; each gray line joins points of equal loss, and the arrow points straight downhill."
c = plotting.COLORS
start_w, start_b = model.weight.item(), model.bias.item()


def l1_of(w, b):
    """Mean absolute error on the 40 training points, for whole grids of w and b."""
    x, y = X_train.flatten(), y_train.flatten()
    return (w[..., None] * x + b[..., None] - y).abs().mean(-1)


def draw_map(ax, w_range, b_range, levels):
    w, b = torch.linspace(*w_range, 240), torch.linspace(*b_range, 240)
    b_grid, w_grid = torch.meshgrid(b, w, indexing="ij")
    height = l1_of(w_grid, b_grid)
    lines = ax.contour(w, b, height, levels=levels, colors=c["rule"], linewidths=1)
    ax.plot(0.7, 0.3, "*", color=c["green"], ms=12, zorder=6, mew=0)
    ax.set(xlabel="weight", ylabel="bias", xlim=w_range, ylim=b_range, aspect="equal")
    ax.grid(visible=False)
    return lines


_, (slice_ax, map_ax) = plt.subplots(1, 2, figsize=(7, 3.4))
b = torch.linspace(-0.1, 1.0, 200)
slice_ax.plot(b, l1_of(torch.full_like(b, start_w), b), color=c["blue"])
touch = torch.tensor([start_b - 0.16, start_b + 0.26])
slice_ax.plot(touch, loss.item() - (touch - start_b), color=c["orange"], lw=2.5)
slice_ax.plot(start_b, loss.item(), "o", color=c["orange"], ms=8)
slice_ax.text(start_b + 0.05, loss.item() + 0.02, "start: slope $-1$", color=c["orange"])
slice_ax.set(xlabel="bias (weight stays)", ylabel="loss", title="loss along the bias")

levels = [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35]
lines = draw_map(map_ax, (0.15, 0.95), (-0.05, 0.75), levels)
map_ax.clabel(lines, levels[1:], fmt="%.2f", fontsize=9, colors=c["muted"])
map_ax.plot(start_w, start_b, "o", color=c["orange"], ms=8)
tip = (start_w + 0.39 * 0.16, start_b + 0.16)
arrow = {"arrowstyle": "-|>", "color": c["orange"], "lw": 2.2}
map_ax.annotate("", tip, (start_w, start_b), arrowprops=arrow)
place = {"ha": "right", "va": "top"}
map_ax.text(start_w - 0.02, start_b - 0.03, "start", color=c["orange"], **place)
map_ax.text(0.72, 0.325, "truth", color=c["green"])
_ = map_ax.set_title("loss over weight and bias")

# %% [markdown] corrects=["32"]
# The gradient points uphill. So the optimizer goes the other way, a learning rate's worth:
# $w \leftarrow w - \text{lr}\cdot\partial L/\partial w$, and the same for $b$. It does not try to
# make the *gradient* small. It makes the *loss* small by walking against the gradient.

# %% [markdown] covers=["01.16"]
# ## The loop: five steps
#
# Five lines train nearly every network in this book. Learn them by heart.

# %% tags=["hide-input"] alt="Five numbered boxes on a ring, joined by arrows clockwise: 1 forward, 2 loss, 3 zero_grad, 4 backward, 5 step. The middle says: one turn with all the data is one epoch." caption="One turn of the loop. With all the data in one batch, a turn is an *epoch*."
from matplotlib.patches import FancyBboxPatch

c = plotting.COLORS
steps = [
    ("1  forward", "y_pred = model(X)", "predict", "orange"),
    ("2  loss", "loss = loss_fn(y_pred, y)", "how wrong?", "blue"),
    ("3  zero_grad", "optimizer.zero_grad()", "forget old slopes", "violet"),
    ("4  backward", "loss.backward()", "new slopes", "violet"),
    ("5  step", "optimizer.step()", "walk downhill", "green"),
]
spots = [(0, 2.3), (2.7, 0.75), (1.75, -1.55), (-1.75, -1.55), (-2.7, 0.75)]
_, ax = plt.subplots(figsize=(7, 4.3))
frames = []
for (name, code, why, color), (left, low) in zip(steps, spots, strict=True):
    half = 0.24 + 0.05 * len(code)
    corner, size = (left - half, low - 0.55), (2 * half, 1.1)
    look = {"boxstyle": "round,pad=0.06", "fc": c["wash"], "ec": c[color], "lw": 1.6}
    frames.append(ax.add_patch(FancyBboxPatch(corner, *size, **look)))
    middle = {"ha": "center", "va": "center"}
    ax.text(left, low + 0.32, name, color=c[color], weight="bold", fontsize=13, **middle)
    ax.text(left, low, code, family="monospace", fontsize=9.5, **middle)
    ax.text(left, low - 0.34, why, color=c["muted"], **middle)
for here in range(5):
    there = (here + 1) % 5
    way = {"arrowstyle": "-|>", "color": c["muted"], "lw": 1.6, "shrinkA": 4, "shrinkB": 4}
    way |= {"patchA": frames[here], "patchB": frames[there]}
    way["connectionstyle"] = "arc3,rad=0" if here == 2 else "arc3,rad=-0.2"
    ax.annotate("", spots[there], spots[here], arrowprops=way)
ax.text(0, 0.4, "one turn\nwith all the data\n= one epoch", fontsize=12, **middle)
ax.set(xlim=(-4.4, 4.4), ylim=(-2.25, 3.0))
_ = ax.axis("off")

# %% [markdown] corrects=["37"]
# In code it is one function, which returns the loss as a plain number. `.item()` matters: a loss
# kept as a tensor drags its whole record along, and `.numpy()` would fail on a GPU.


# %%
def train_step(model, X, y, loss_fn, optimizer):
    model.train()  # training mode, for layers that ask
    y_pred = model(X)  # 1. forward: predict
    loss = loss_fn(y_pred, y)  # 2. loss: how wrong?
    optimizer.zero_grad()  # 3. forget the old gradients
    loss.backward()  # 4. backward: new gradients
    optimizer.step()  # 5. step: move the parameters
    return loss.item()


# %% [markdown]
# Take one step and compare it with the hand calculation: weight plus $0.01\cdot 0.39$, bias plus
# $0.01\cdot 1$.

# %%
torch.manual_seed(42)
model = LinearRegression()
optimizer = torch.optim.SGD(params=model.parameters(), lr=0.01)
train_step(model, X_train, y_train, loss_fn, optimizer)
print(f"weight {model.weight.item():.4f}   by hand {0.3367 + 0.01 * 0.39:.4f}")
print(f"bias   {model.bias.item():.4f}   by hand {0.1288 + 0.01 * 1:.4f}")

# %% [markdown] tags=["wrong"] corrects=["29"]
# **"After training: weight `0.6990`, bias `0.3093`", below a loop with `epochs = 1`.** That is
# what the notes say. But one epoch gives weight {{ f"{model.weight.item():.4f}" }} and bias
# {{ f"{model.bias.item():.4f}" }}, as you just saw. The cell had been run again and again, and a
# model goes on from where it stands. A result belongs to a fresh start: restart, run all, then
# write it down.

# %% tags=["check"]
# One epoch gives 0.3406 and 0.1388, not 0.6990 and 0.3093.
assert round(model.weight.item(), 4) == 0.3406
assert round(model.bias.item(), 4) == 0.1388

# %% [markdown] tags=["wrong"] corrects=["31"]
# **"Without `zero_grad` the optimizer's changes accumulate."** The optimizer accumulates nothing.
# `backward()` *adds* to each parameter's `.grad`, and *gradients* pile up there until somebody
# sets them back.

# %%
twice = LinearRegression()
for turn in (1, 2, 3):
    loss_fn(twice(X_train), y_train).backward()
    print(f"after backward number {turn}: bias gradient {twice.bias.grad.item():+.1f}")

# %% [markdown]
# Same line, same points, same slope, but `.grad` doubles and triples. That is why step 3 exists.

# %% [markdown] covers=["01.19"]
# ## Train, and test while training
#
# After each epoch we ask how the model does on the points kept back. The testing step is the
# training step without steps 3 to 5.


# %%
def test_step(model, X, y, loss_fn):
    model.eval()  # evaluation mode, for layers that ask
    with torch.inference_mode():  # record nothing
        return loss_fn(model(X), y).item()


# %% [markdown]
# Now 200 epochs from a fresh start. We keep both losses for a plot and print a few.

# %%
torch.manual_seed(42)
model = LinearRegression()
optimizer = torch.optim.SGD(params=model.parameters(), lr=0.01)

epoch_count, train_loss_values, test_loss_values = [], [], []
path = [(model.weight.item(), model.bias.item())]
for epoch in range(1, 201):
    train_loss_values.append(train_step(model, X_train, y_train, loss_fn, optimizer))
    test_loss_values.append(test_step(model, X_test, y_test, loss_fn))
    epoch_count.append(epoch)
    path.append((model.weight.item(), model.bias.item()))
    if epoch in (1, 10) or epoch % 20 == 0:
        train_loss, test_loss = train_loss_values[-1], test_loss_values[-1]
        print(f"epoch {epoch:3}  train loss {train_loss:.5f}  test loss {test_loss:.5f}")

# %% tags=["check"]
# The reference values of epochs 1, 100, 101 and 200 are met: parameters and both losses.
reference = {
    1: (0.3406, 0.1388, 0.312881, 0.481065),
    100: (0.5784, 0.3513, 0.024795, 0.056878),
    101: (0.5800, 0.3503, 0.024459, 0.056463),
    200: (0.6990, 0.3093, 0.002589, 0.008448),
}
for epoch, (w, b, train_loss, test_loss) in reference.items():
    assert tuple(round(value, 4) for value in path[epoch]) == (w, b)
    assert abs(train_loss_values[epoch - 1] - train_loss) < 2e-6
    assert abs(test_loss_values[epoch - 1] - test_loss) < 2e-6

# %% [markdown] tags=["number"] row="N4"
# {{ f"{path[1][0]:.4f}, {path[1][1]:.4f}" }}

# %% [markdown] tags=["number"] row="01 epoch 100"
# {{ f"{path[100][0]:.4f}, {path[100][1]:.4f}" }}

# %% [markdown] tags=["number"] row="01 epoch 200"
# {{ f"{path[200][0]:.4f}, {path[200][1]:.4f}" }}

# %% [markdown] tags=["number"] row="01 first losses"
# {{ f"{train_loss_values[0]:.5f}, {test_loss_values[0]:.5f}" }}

# %% [markdown] tags=["number"] row="01 losses at 90"
# {{ f"{train_loss_values[90]:.5f}, {test_loss_values[90]:.5f}" }}

# %% [markdown] covers=["01.18"]
# Here it is: weight {{ f"{path[200][0]:.4f}" }}, bias {{ f"{path[200][1]:.4f}" }} after 200
# epochs, close to `0.7` and `0.3`. A hundred epochs are not enough (weight
# {{ f"{path[100][0]:.4f}" }}).

# %% alt="The ten orange predictions now lie on the green test points." caption="Predictions after 200 epochs, on points the model has never trained on."
with torch.inference_mode():
    trained_preds = model(X_test)
plotting.plot_predictions(X_train, y_train, X_test, y_test, trained_preds)

# %% [markdown] covers=["01.20"]
# The two lists make the picture every practitioner looks at first, the *loss curves*. On the
# right the last fifty epochs, magnified.

# %% tags=["hide-input"] alt="Left: train and test loss fall steeply for about twenty-five epochs, then in a long straight slope to nearly zero near epoch 170. Right, magnified: from epoch 170 on both losses jump up and down between two values, epoch after epoch." caption="All is well on the left. On the right it is not: from epoch 170 on, both losses jump between two values, forever."
c = plotting.COLORS
_, (full, zoom) = plt.subplots(1, 2, figsize=(7, 3.3), width_ratios=[1.2, 1])
for ax in (full, zoom):
    ax.plot(epoch_count, train_loss_values, color=c["blue"], lw=2 if ax is full else 1)
    ax.plot(epoch_count, test_loss_values, color=c["green"], lw=2 if ax is full else 1)
    ax.set_xlabel("epoch")
zoom.plot(epoch_count, train_loss_values, "o", color=c["blue"], ms=3.5)
zoom.plot(epoch_count, test_loss_values, "o", color=c["green"], ms=3.5)
full.text(32, 0.15, "test loss", color=c["green"])
full.text(22, 0.004, "train loss", color=c["blue"])
full.axvspan(150, 200, color=c["gold"], alpha=0.15, lw=0)
full.text(175, 0.05, "magnified", color=c["gold"], ha="center")
full.set(ylabel="mean absolute error", title="200 epochs", xlim=(0, 203), ylim=(0, None))
zoom.set(title="the last 50", xlim=(150, 201), ylim=(0, 0.0175))
zoom.axvline(170, color=c["muted"], lw=1, ls=":")
_ = zoom.text(171, 0.0158, "from 170 on", color=c["muted"])

# %% [markdown] tags=["wrong"] corrects=["39"]
# **`torch.manual_seed(42)` before the training loop.** It looks careful and has no effect: a
# full-batch loop draws no random number. Reproducibility comes from the seed before the *model*.

# %%
for seed_before_loop in (42, 7, 123456):
    torch.manual_seed(42)
    trial = LinearRegression()
    torch.manual_seed(seed_before_loop)  # too late to matter
    trial_optimizer = torch.optim.SGD(trial.parameters(), lr=0.01)
    for _ in range(200):
        train_step(trial, X_train, y_train, loss_fn, trial_optimizer)
    print(seed_before_loop, trial.weight.item(), trial.bias.item())

# %% [markdown]
# Where randomness does enter the loop (shuffled batches, dropout, worker processes), one seed is
# not enough; [`set_seeds`][pdl.seed.set_seeds] and generators take over in later chapters.

# %% [markdown]
# ## Why it never arrives
#
# The model stands at {{ f"({path[200][0]:.4f}, {path[200][1]:.4f})" }}. The truth is
# `(0.7, 0.3)`.

# %% [markdown] tags=["checkpoint"]
# Train for one more epoch. Does the bias get nearer to `0.3`? And after a thousand more?

# %%
for epoch in range(201, 205):
    train_step(model, X_train, y_train, loss_fn, optimizer)
    print(f"epoch {epoch}: {model.weight.item():.4f}  {model.bias.item():.4f}")

# %% [markdown]
# Forward, back, forward, back. The reason fits on one line: **the gradient of the absolute error
# knows the side, not the distance.** It is an average of signs. Whenever the line lies on one
# side of all 40 points, the step is the same, however near the line is: $0.01\cdot 0.39$ in the
# weight and $0.01\cdot 1$ in the bias.

# %%
for name, (w, b) in {"A (odd epochs)": path[199], "B (even epochs)": path[200]}.items():
    errors = w * X_train + b - y_train
    step_w = -0.01 * (torch.sign(errors) * X_train).mean().item()
    step_b = -0.01 * torch.sign(errors).mean().item()
    above = int((errors > 0).sum())
    print(f"{name:15} above {above:2} of 40 points, step {step_w:+.4f} {step_b:+.4f}")

# %% [markdown]
# At A the line runs just below every point, so the step goes up, to B. At B it runs just above
# every point, so the same step goes down, to A. Nothing ever breaks the pattern: a *limit cycle*.

# %% tags=["hide-input"] alt="Left: a map of the loss over weight and bias. The path starts at the lower left, runs straight up to the valley, bends, and creeps along its floor to the star at weight 0.7, bias 0.3. Right, magnified: two points A and B, one in the region where the line is below all points, one where it is above all points, joined by arrows in both directions, with the star between them to the right." caption="The walk in the plane of weight and bias. Right: in the blue wedge the line is below all points and the step is always the same arrow; in the orange wedge the same arrow is reversed. A and B throw the model at each other."
_, (wide, near) = plt.subplots(1, 2, figsize=(7, 3.7))
levels = [0.005, 0.02, 0.04, 0.07, 0.11, 0.16, 0.22, 0.28]
draw_map(wide, (0.29, 0.79), (0.05, 0.55), levels)
ws, bs = zip(*path, strict=True)
wide.plot(ws, bs, color=c["orange"], lw=1.2)
for epoch in (0, 20, 40, 100):
    wide.plot(*path[epoch], "o", color=c["orange"], ms=6)
    side, shift = ("right", -0.018) if epoch == 20 else ("left", 0.015)
    at = (path[epoch][0] + shift, path[epoch][1] + 0.01)
    wide.text(*at, f"epoch {epoch}" if epoch == 0 else epoch, color=c["orange"], ha=side)
wide.text(0.7, 0.325, "truth", color=c["green"], ha="left")
wide.set_title("200 epochs")

w_span, b_span = (0.6895, 0.7055), (0.2965, 0.3125)
draw_map(near, w_span, b_span, [0.0005, 0.001, 0.002, 0.003, 0.004, 0.006, 0.008, 0.01])
edge_w = torch.linspace(*w_span, 50)
flat, slanted = torch.full_like(edge_w, 0.3), 0.846 - 0.78 * edge_w
wedge_low, wedge_high = torch.minimum(flat, slanted), torch.maximum(flat, slanted)
near.fill_between(edge_w, b_span[0], wedge_low, color=c["blue"], alpha=0.16, lw=0)
near.fill_between(edge_w, wedge_high, b_span[1], color=c["orange"], alpha=0.16, lw=0)
tail_w, tail_b = zip(*path[150:], strict=True)
near.plot(tail_w, tail_b, color=c["orange"], lw=0.7, alpha=0.6)
(aw, ab), (bw, bb) = path[199], path[200]
two_way = {"arrowstyle": "<|-|>", "color": c["orange"], "lw": 2.2}
near.annotate("", (bw, bb), (aw, ab), arrowprops=two_way)
near.plot([aw, bw], [ab, bb], "o", color=c["orange"], ms=7)
near.text(aw - 0.0004, ab - 0.0011, "A", color=c["orange"], weight="bold", ha="right")
near.text(bw + 0.0005, bb + 0.0004, "B", color=c["orange"], weight="bold")
right = {"ha": "right", "fontsize": 10}
near.text(0.7053, 0.3108, "line above all points", color=c["orange"], **right)
near.text(0.7053, 0.2972, "line below all points", color=c["blue"], **right)
near.set_title("the end, magnified")
one_side = [bool((w * X_train + b - y_train < 0).all()) for w, b in path]
long_steps = one_side.index(False)
cycle_start = next(epoch for epoch in range(198) if path[epoch] == path[epoch + 2])

# %% tags=["check"]
# From epoch 169 on, only two points are visited, to the last bit, still after 1,204 epochs.
for _ in range(1_000):
    train_step(model, X_train, y_train, loss_fn, optimizer)
assert (model.weight.item(), model.bias.item()) == path[200]
assert len(set(path[169:])) == 2
assert len(set(train_loss_values[169:])) == len(set(test_loss_values[168:])) == 2
assert path[168] not in path[169:]
assert cycle_start == 169
assert [round(value, 4) for value in path[199]] == [0.6951, 0.2993]
assert abs(train_loss_values[198] - 0.008932) < 2e-6
assert abs(test_loss_values[198] - 0.005023) < 2e-6

# %% [markdown]
# Now the whole story can be told. For {{ long_steps }} epochs all signs agreed: full steps,
# straight ahead. Then points lay on both sides, plus and minus nearly cancelled, and the model
# crept along the valley, which took until epoch {{ cycle_start }}. That is why 100 epochs are not
# enough, and why 200 are.
#
# But `0.6990` and `0.3093` are no destination. They are one end of a swing, seen at even epochs
# from 170 on; at odd epochs you get `0.6951` and `0.2993`.
#
# One trap in reading such tables: the train loss of an epoch is measured *before* the step, the
# test loss *after* it. The two numbers of one row belong to different lines. That is why they
# seem to swing against each other.

# %% [markdown] covers=["01.17"] corrects=["42"]
# ## A schedule: large steps, then small
#
# Large steps travel, small steps land. We need both, one after the other. That is a
# *learning-rate schedule*, and `torch.optim.lr_scheduler` has more than a dozen. First a small function, so
# that experiments differ in one thing only. `scheduler.step()` comes once per epoch, after the
# optimizer's. A scheduler needs the optimizer that `fit` builds, so we hand in a recipe for one:
# a function.


# %%
def fit(loss_fn, lr, make_scheduler=None, epochs=200):
    torch.manual_seed(42)
    model = LinearRegression()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    scheduler = make_scheduler(optimizer) if make_scheduler else None
    path = [(model.weight.item(), model.bias.item())]
    for _ in range(epochs):
        train_step(model, X_train, y_train, loss_fn, optimizer)
        if scheduler:
            scheduler.step()
        path.append((model.weight.item(), model.bias.item()))
    return path


# %% [markdown]
# *Cosine annealing* lowers the rate along half a cosine wave, from its start to zero. On average
# the rate is half of the start, so a start of `0.02` can travel as far as a constant `0.01`.

# %% [markdown] tags=["checkpoint"]
# Three runs of 200 epochs: constant `0.01`, constant `0.02`, and cosine from `0.02`. Rank them by
# their distance from the truth. Does the doubled constant rate arrive, or does it swing wider?

# %%
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR

l1 = nn.L1Loss()
runs = {
    "constant 0.01": fit(l1, lr=0.01),
    "constant 0.02": fit(l1, lr=0.02),
    "cosine from 0.02": fit(l1, 0.02, lambda sgd: CosineAnnealingLR(sgd, T_max=200)),
    "too early: 0.01, x 0.98": fit(l1, 0.01, lambda sgd: ExponentialLR(sgd, gamma=0.98)),
}
for name, run in runs.items():
    print(f"{name:24} weight {run[-1][0]:.4f}  bias {run[-1][1]:.4f}")

# %% [markdown]
# The schedule wins: same start, same data, same number of epochs, and the bias error falls from
# {{ f"{abs(runs['constant 0.01'][-1][1] - 0.3):.4f}" }} to
# {{ f"{abs(runs['cosine from 0.02'][-1][1] - 0.3):.4f}" }}. The doubled constant rate swings
# wider. The last row is a warning: a rate that shrinks too early stops the walk half-way.

# %% [markdown]
# ### Another cure: the squared error
#
# `nn.MSELoss` squares the errors. Its gradient *does* know the distance: near the goal the slope
# is flat, so steps shrink by themselves. The price: the shallow end of the valley is slow, and
# too large a rate explodes ([exercise 7](#exercise-7-find-the-rate-that-explodes)).

# %%
mse = nn.MSELoss()
runs["MSE, constant 0.01"] = fit(mse, lr=0.01)
runs["MSE, constant 0.5"] = fit(mse, lr=0.5)

# %% tags=["hide-input"] alt="Left: two learning rates over 200 epochs, one constant at 0.01, one falling along a cosine from 0.02 to zero. Right: distance from the true parameters on a logarithmic axis. Constant L1 stays near one hundredth, cosine L1 falls below one thousandth at the end, MSE with a small rate stays far away, MSE with rate 0.5 falls in a straight line and is the nearest." caption="Left: the rates of the two L1 runs. Right: the distance of (weight, bias) from the truth, on a logarithmic axis. Thick bands are the swing, up and down in every epoch."
c = plotting.COLORS
_, (rates, dist) = plt.subplots(1, 2, figsize=(7, 3.5), width_ratios=[1, 1.6])
t = torch.arange(201)
rates.axhline(0.01, color=c["orange"])
rates.plot(t, 0.02 * (1 + torch.cos(torch.pi * t / 200)) / 2, color=c["green"])
rates.text(20, 0.0084, "constant", color=c["orange"])
rates.text(66, 0.0168, "cosine", color=c["green"])
rates.set(xlabel="epoch", ylabel="learning rate", ylim=(0, 0.021), xlim=(0, 200))
rates.set_yticks([0, 0.01, 0.02])
rates.set_title("the rate")
labels = {
    "constant 0.01": ("L1 constant 0.01", "orange"),
    "cosine from 0.02": ("L1 cosine from 0.02", "green"),
    "MSE, constant 0.01": ("MSE constant 0.01", "violet"),
    "MSE, constant 0.5": ("MSE constant 0.5", "teal"),
}
for name, (label, color) in labels.items():
    gaps = [((w - 0.7) ** 2 + (b - 0.3) ** 2) ** 0.5 for w, b in runs[name]]
    dist.plot(gaps, color=c[color], lw=1.6)
    dist.text(204, gaps[-1], label, color=c[color], va="center", fontsize=10)
dist.set(yscale="log", xlabel="epoch", ylabel="distance from the truth", xlim=(0, 330))
dist.set_xticks([0, 50, 100, 150, 200])
_ = dist.set_title("what it buys")

# %% tags=["check"]
# Cosine ends at least 20 times nearer than the constant rate; a constant 0.02 ends farther.
gap = {name: abs(run[-1][0] - 0.7) + abs(run[-1][1] - 0.3) for name, run in runs.items()}
assert gap["cosine from 0.02"] < gap["constant 0.01"] / 20
assert gap["constant 0.02"] > gap["constant 0.01"]
assert gap["too early: 0.01, x 0.98"] > 0.2
assert gap["MSE, constant 0.5"] < 1e-4 < gap["MSE, constant 0.01"]

# %% [markdown]
# On these noise-free points, MSE with a good rate came nearest. With outliers L1 often does,
# because one wild point cannot pull harder than any other. Measure on your data.

# %% [markdown] covers=["01.21"]
# ## Save and load
#
# A trained model is its numbers. The class is in your code, so the file needs only the
# `state_dict`.
#
# | call | what it does |
# |---|---|
# | `torch.save(obj, f)` | writes tensors, dictionaries, or (not advised) whole objects |
# | `torch.load(f, weights_only=True)` | reads them back |
# | `model.load_state_dict(d)` | copies the numbers into a model of the same structure |
#
# Saving the *entire* model pickles a pointer to your class. Rename or move the class, and the
# file no longer opens. Save the `state_dict`.

# %% [markdown] covers=["01.22"] corrects=["35"]
# The usual ending is `.pth` or `.pt`.

# %%
MODEL_PATH = Path("models")
MODEL_PATH.mkdir(parents=True, exist_ok=True)
MODEL_SAVE_PATH = MODEL_PATH / "01_pytorch_workflow_Linear_Reg.pth"

torch.save(obj=model.state_dict(), f=MODEL_SAVE_PATH)
print(MODEL_SAVE_PATH.name, MODEL_SAVE_PATH.stat().st_size, "bytes")

# %% [markdown] covers=["01.23"]
# To load, build a new model of the same class and fill it. `map_location="cpu"` makes a file from
# a GPU machine open anywhere. `weights_only=True` allows nothing but data, more on that below.

# %%
loaded = LinearRegression()  # random again
state = torch.load(MODEL_SAVE_PATH, map_location="cpu", weights_only=True)
print(loaded.load_state_dict(state))
loaded.eval()
with torch.inference_mode():
    loaded_preds = loaded(X_test)

# %% [markdown] tags=["wrong"] corrects=["30"]
# **Comparing with the wrong predictions.** The notes compare `loaded_preds` with `y_preds` and
# promise a column of True. But `y_preds` was computed *before* training, so the answer is False
# ten times. Compare with fresh predictions of the *trained* model. (On another machine the last
# bit may differ; there, compare with `torch.allclose`.)

# %%
model.eval()
with torch.inference_mode():
    trained_preds = model(X_test)
print("with the untrained:", (untrained_preds == loaded_preds).flatten().tolist())
print("with the trained:  ", (trained_preds == loaded_preds).flatten().tolist())

# %% tags=["check"]
# The loaded model predicts exactly what the trained one does, not what the untrained did.
assert bool((trained_preds == loaded_preds).all())
assert not bool((untrained_preds == loaded_preds).any())

# %% [markdown] corrects=["36"]
# ### A pickle from a stranger is a program
#
# Inside a `.pth` file is a *pickle*, Python's format for objects. A pickle may name any function
# and have it called *while it is being read*. Ours calls `print`. A stranger's may delete your
# files.


# %%
from pickle import UnpicklingError


class Stranger:
    def __reduce__(self):  # tells pickle: to rebuild me, call this function
        return print, ("...this line ran inside torch.load",)


torch.save(Stranger(), MODEL_PATH / "gift.pth")
try:
    torch.load(MODEL_PATH / "gift.pth")
except UnpicklingError as error:
    reason = str(error).partition("WeightsUnpickler error: ")[2]
    print(f"{type(error).__name__}: {reason.partition(' by default')[0]}")

# %% [markdown]
# `weights_only=True`, the default since PyTorch `2.6`, refused. With `weights_only=False` the
# stranger's function runs:

# %%
torch.load(MODEL_PATH / "gift.pth", weights_only=False)  # we made this file ourselves

# %% [markdown]
# Better still is a format that cannot hold code at all.
# [`save_model`][pdl.checkpoint.save_model] writes *safetensors*: a length, a table of names and
# shapes in JSON, then the bare numbers.

# %%
from pdl import checkpoint

safe_path = checkpoint.save_model(model, target_dir="models", model_name="line.safetensors")
reborn = checkpoint.load_model(LinearRegression(), safe_path)
print(safe_path.name, safe_path.stat().st_size, "bytes;", dict(reborn.state_dict()))

# %% tags=["hide-input"] alt="Two files drawn as strips. The safetensors file has three parts: eight bytes for the length of the header, the header in JSON, and eight bytes with the two numbers. The pth file is a zip archive whose parts are listed with their sizes; one of them is a pickle program, drawn in orange." caption="Both files, byte by byte, as they lie on the disk. Orange is a program, gray is packaging, blue is our model: two numbers of four bytes."
import json
import zipfile

c = plotting.COLORS
raw, pth = safe_path.read_bytes(), MODEL_SAVE_PATH.read_bytes()
size = len(pth)
header_end = 8 + int.from_bytes(raw[:8], "little")
header = json.loads(raw[8:header_end])
notes = header.pop("__metadata__", {})
bars = [(4.3, 0, size, "rule"), (2.9, 0, header_end, "muted")]
bars += [(2.9, header_end, len(raw), "blue"), (2.9, 0, 8, "rule")]
for entry in zipfile.ZipFile(MODEL_SAVE_PATH).infolist():
    at = entry.header_offset + 30  # its last two bytes say how much padding follows
    begin = at + len(entry.filename) + int.from_bytes(pth[at - 2 : at], "little")
    color = "blue" if "/data/" in entry.filename else "muted"
    color = "orange" if entry.filename.endswith(".pkl") else color
    bars += [(4.3, begin, begin + max(entry.file_size, 8), color)]
pickle_at = next(sum(bar[1:3]) / 2 for bar in bars if bar[3] == "orange")

_, ax = plt.subplots(figsize=(7, 3.7))
for row, begin, end, color in bars:
    ax.barh(row, end - begin, left=begin, height=0.5, color=c[color])
middle = {"ha": "center", "va": "center"}
ax.text(0, 4.7, f"{MODEL_SAVE_PATH.name}, {size} bytes: a zip archive", weight="bold")
ax.text(0, 3.3, f"{safe_path.name}, {len(raw)} bytes", weight="bold")
ax.text(pickle_at, 4.3, "data.pkl", color=c["paper"], **middle)
ax.text(0.44 * size, 3.78, "data/0, data/1", color=c["blue"], **middle)

table = [f"{name}: {row['dtype']}, shape {row['shape']}" for name, row in header.items()]
table += ["notes: " + ", ".join(key for key in notes if "_" not in key)]
floats = torch.frombuffer(bytearray(raw[header_end:]), dtype=torch.float)
values = [f"{number:.4f}" for number in floats]
length = header_end - 8
zoomed = [
    (0, 0.17, "rule", "ink", length, "8 bytes: length\nof the header"),
    (0.18, 0.55, "muted", "paper", "\n".join(table), f"{length} bytes: the header, JSON"),
    (0.74, 0.26, "blue", "paper", "  ".join(values), "8 bytes: the numbers"),
]
for left, width, color, ink, text, note in zoomed:
    ax.barh(1.4, width * size, left=left * size, height=0.95, color=c[color])
    ax.text((left + width / 2) * size, 1.4, text, color=c[ink], fontsize=10, **middle)
    ax.text(left * size, 0.8, note, va="top", fontsize=10, color=c["muted"])
for top, low in [(0, 0), (len(raw), size)]:
    ax.plot([top, low], [2.63, 1.9], color=c["muted"], lw=0.8, ls=":")
ax.set(xlim=(-5, size + 5), ylim=(0.1, 5.1))
_ = ax.axis("off")

# %% [markdown] covers=["01.24"]
# ## Putting it all together
#
# You have now built every piece. From here on we import them. First the proof that the library's
# are the same.

# %%
from pdl import engine
from pdl.models import linear

torch.manual_seed(42)
line = linear.LinearRegression()
history = engine.train(
    line,
    train_loader=[(X_train, y_train)],  # one batch holds everything
    val_loader=[(X_test, y_test)],
    optimizer=torch.optim.SGD(line.parameters(), lr=0.01),
    loss_fn=nn.L1Loss(),
    epochs=200,
    metric=None,
    progress=False,
)

# %% tags=["check"]
# The library's model and loop give what ours gave, in all 200 epochs.
torch.manual_seed(42)
ours = LinearRegression()
torch.manual_seed(42)
torch.testing.assert_close(linear.LinearRegression()(X), ours(X), rtol=0, atol=0)
torch.testing.assert_close(history["train_loss"], train_loss_values)
torch.testing.assert_close(history["val_loss"], test_loss_values)
torch.testing.assert_close((line.weight.item(), line.bias.item()), path[200])

# %% [markdown]
# **1. Device and data.** Code that names no device runs everywhere.
# [`choose_device`][pdl.device.choose_device] takes CUDA, Apple's MPS or Intel's XPU when present,
# else the CPU. Model and data must live on the same one. A *loader* is anything that hands out
# batches; a list with one batch will do.

# %%
from pdl.data.toy import straight_line, train_test_split
from pdl.device import choose_device

device = choose_device()
X, y = straight_line(50, weight=0.7, bias=0.3)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_fraction=0.2)
train_loader = [(X_train.to(device), y_train.to(device))]
test_loader = [(X_test.to(device), y_test.to(device))]

# %% [markdown]
# **2. Model.** Nobody writes `weight * x + bias` by hand for long: `nn.Linear(1, 1)` owns both
# parameters and does the same. It starts differently, though: not from `randn`, but from a
# uniform distribution. The library's
# [`LinearRegressionLayer`][pdl.models.linear.LinearRegressionLayer] is this class.


# %%
class LinearModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(in_features=1, out_features=1)

    def forward(self, x):
        return self.linear(x)


torch.manual_seed(42)
model = LinearModel().to(device)
print(model, model.state_dict())

# %% [markdown]
# **3. Train**, 1,000 epochs this time.

# %%
history = engine.train(
    model,
    train_loader,
    test_loader,
    optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
    loss_fn=nn.L1Loss(),
    epochs=1000,
    metric=None,
    progress=False,
)
print(f"weight {model.linear.weight.item():.4f}, bias {model.linear.bias.item():.4f}")
train_901, test_901 = history["train_loss"][900], history["val_loss"][900]
print(f"epoch 901: train loss {train_901:.5f}, test loss {test_901:.5f}")

# %% tags=["check"]
# nn.Linear ends at 0.6968, with 0.00126 and 0.01380 in epoch 901; the library's agrees.
theirs = linear.LinearRegressionLayer().to(device)
theirs.load_state_dict(model.state_dict())
assert torch.equal(theirs(train_loader[0][0]), model(train_loader[0][0]))
assert abs(model.linear.weight.item() - 0.7) < 0.01
if device.type == "cpu":
    assert round(model.linear.weight.item(), 4) == 0.6968
    assert abs(history["train_loss"][900] - 0.00126) < 5e-6
    assert abs(history["val_loss"][900] - 0.01380) < 5e-6

# %% [markdown] tags=["number"] row="01 layer weight"
# {{ f"{model.linear.weight.item():.4f}" }}

# %% [markdown] tags=["number"] row="01 layer losses"
# {{ f"{train_901:.5f}, {test_901:.5f}" }}

# %% alt="Loss curves of the nn.Linear model over a thousand epochs: both fall fast, and then stay in a narrow band." caption="A thousand epochs, and the same swing at the end: the thick band is the flip of every epoch. *Validation* is the library's name for the points kept back."
plotting.plot_loss_curves(history)

# %% [markdown]
# **4. Predict. 5. Save and load.** The round trip again, now with safetensors and a device.

# %%
model.eval()
with torch.inference_mode():
    preds = model(X_test.to(device))

file = checkpoint.save_model(model, target_dir="models", model_name="linear.safetensors")
copy = checkpoint.load_model(LinearModel(), file).to(device)
copy.eval()
with torch.inference_mode():
    print("equal:", torch.equal(copy(X_test.to(device)), preds))

# %% [markdown] corrects=["1"]
# ### Average over samples, not over batches
#
# With batches the last one is often short: 40 points in batches of 16 leave a batch of 8. Many
# loops average the batch losses as if all batches were equal. The library weighs each by its
# samples.

# %%
batches = list(zip(X_train.split(16), y_train.split(16), strict=True))
with torch.inference_mode():
    whole = l1(line(X_train), y_train).item()
    means = [l1(line(x), target).item() for x, target in batches]
weighted, _ = engine.test_step(line, batches, l1, metric=None)
print(f"all at once {whole:.6f}  mean of means {sum(means) / 3:.6f}  pdl {weighted:.6f}")

# %% tags=["check"]
# Weighed by samples, the batches give the loss of all points; the mean of means does not.
assert [len(x) for x, _ in batches] == [16, 16, 8]
assert abs(weighted - whole) < 1e-7
assert abs(sum(means) / 3 - whole) > 1e-5

# %% [markdown] corrects=["5"]
# ### Choose on validation, report on test
#
# Now the split in three, with noise, as real data has. We choose the learning rate on the
# validation points, then open the test points once.

# %%
from pdl.seed import make_generator

generator = make_generator(42)
X_noisy, y_noisy = straight_line(200, noise=0.05, generator=generator)
rest_and_final = train_test_split(X_noisy, y_noisy, 0.2, generator=generator)
X_rest, X_final, y_rest, y_final = rest_and_final
X_fit, X_val, y_fit, y_val = train_test_split(X_rest, y_rest, 0.25, generator=generator)

val_loss, candidates = {}, {}
for lr in (0.001, 0.01, 0.1, 1.0):
    torch.manual_seed(42)
    candidates[lr] = LinearRegression()
    sgd = torch.optim.SGD(candidates[lr].parameters(), lr=lr)
    for _ in range(300):
        train_step(candidates[lr], X_fit, y_fit, l1, sgd)
    val_loss[lr] = test_step(candidates[lr], X_val, y_val, l1)
    print(f"rate {lr:5}: validation loss {val_loss[lr]:.4f}")

# %% [markdown]
# The choice is made. Only now do we open the test points.

# %%
best_lr = min(val_loss, key=val_loss.get)
final_loss = test_step(candidates[best_lr], X_final, y_final, l1)
print(f"chosen rate {best_lr}, test loss {final_loss:.4f}")

# %% tags=["check"]
# The three parts are disjoint, and the chosen line comes near the noise, the best there is.
parts = [set(part.flatten().tolist()) for part in (X_fit, X_val, X_final)]
assert [len(part) for part in parts] == [120, 40, 40]
assert len(set.union(*parts)) == 200
noise_floor = 0.05 * (2 / torch.pi) ** 0.5
assert abs(final_loss - noise_floor) < 0.015

# %% [markdown]
# The test loss, {{ f"{final_loss:.4f}" }}, is close to the best any line could do here: normal
# noise with standard deviation $0.05$ has a mean absolute value of $0.05\sqrt{2/\pi}$, which is
# {{ f"{noise_floor:.4f}" }}.
#
# ## Recap
#
# - A model is an `nn.Module` that owns `nn.Parameter`s; call it as `model(x)`.
# - The gradient of the absolute error is an average of signs: the side, not the distance.
# - Five steps: forward, loss, `zero_grad`, `backward`, `step`. Test with `eval()` *and*
#   `inference_mode()`.
# - A constant rate with L1 ends in a limit cycle. A schedule travels first and lands afterwards.
# - Save the `state_dict`, load with `weights_only=True`, and compare with the trained model.
#
# ## Exercises
#
# The first five build on each other: the whole workflow, once more, in your hands.

# %% [markdown] tags=["exercise"] level="warm-up" answer=["ex_y: the labels of the 100 points `0, 0.01, ..., 0.99`, shape (100, 1)", "ex_train: a pair, inputs and labels of the first 80 points", "ex_test: the same of the last 20"]
# ### Exercise 1: a new line
#
# Make at least 100 points on the line with weight `0.3` and bias `0.9`. Keep a fifth of them back
# and plot both parts.

# %% tags=["solution"] alt="A hundred points on a gently rising line, eighty blue ones on the left and twenty green ones on the right."
ex_x = torch.arange(0, 1, 0.01).unsqueeze(dim=1)
ex_y = 0.3 * ex_x + 0.9
ex_train, ex_test = (ex_x[:80], ex_y[:80]), (ex_x[80:], ex_y[80:])
plotting.plot_predictions(*ex_train, *ex_test)

# %% tags=["solution", "check"]
# There are 100 points, 80 to learn from and 20 kept back.
assert len(ex_train[0]) == 80
assert len(ex_test[0]) == 20
torch.testing.assert_close(ex_y[-1].item(), 0.3 * 0.99 + 0.9)

# %% [markdown] tags=["exercise"] level="warm-up" answer=["ex_model: your model; its parameters are called `weight` and `bias`"]
# ### Exercise 2: the model from memory
#
# Write a model with two `nn.Parameter`s and a `forward` without looking up. Build it with seed 42
# and print its `state_dict()`. Why do the numbers look familiar?


# %% tags=["solution"]
class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1))
        self.bias = nn.Parameter(torch.randn(1))

    def forward(self, x):
        return self.weight * x + self.bias


torch.manual_seed(42)
ex_model = Line()
print(ex_model.state_dict())  # the seed decides the start, not the data

# %% tags=["solution", "check"]
# The model has two trainable parameters and the start values of the chapter.
assert [name for name, _ in ex_model.named_parameters()] == ["weight", "bias"]
assert round(ex_model.weight.item(), 4) == 0.3367

# %% [markdown] tags=["exercise"] level="build" answer=["ex_model: the model of exercise 2, now trained on `ex_train`"]
# ### Exercise 3: train it
#
# Use `nn.L1Loss`, SGD with rate `0.01` and 300 epochs. Print the test loss every 20 epochs. At
# the end, do you see the limit cycle?

# %% tags=["solution"]
ex_optimizer = torch.optim.SGD(ex_model.parameters(), lr=0.01)
for epoch in range(1, 301):
    ex_model.train()
    ex_loss = loss_fn(ex_model(ex_train[0]), ex_train[1])
    ex_optimizer.zero_grad()
    ex_loss.backward()
    ex_optimizer.step()
    if epoch % 20 == 0:
        ex_model.eval()
        with torch.inference_mode():
            ex_test_loss = loss_fn(ex_model(ex_test[0]), ex_test[1])
        print(f"epoch {epoch}: train {ex_loss.item():.4f}  test {ex_test_loss.item():.4f}")

# %% [markdown] tags=["solution"]
# The printed losses stand still at the end, because every printed epoch is even. The swing hides
# in the odd ones.

# %% tags=["solution", "check"]
# The trained line is within 0.02 of the truth in both parameters.
assert abs(ex_model.weight.item() - 0.3) < 0.02
assert abs(ex_model.bias.item() - 0.9) < 0.02

# %% [markdown] tags=["exercise"] level="build" answer=["ex_preds: what `ex_model` predicts for the points kept back"]
# ### Exercise 4: predict and plot
#
# Predict the points kept back without recording anything, and plot the predictions with the data.

# %% tags=["solution"] alt="Twenty orange predictions lie on the twenty green test points at the right end of the line."
ex_model.eval()
with torch.inference_mode():
    ex_preds = ex_model(ex_test[0])
plotting.plot_predictions(*ex_train, *ex_test, ex_preds)

# %% tags=["solution", "check"]
# Nothing was recorded, and each prediction is within 0.02 of the truth.
assert ex_preds.grad_fn is None
assert (ex_preds - ex_test[1]).abs().max().item() < 0.02

# %% [markdown] tags=["exercise"] level="build" answer=["ex_loaded_preds: what the loaded model predicts for the same points"]
# ### Exercise 5: save, load, compare
#
# Save the `state_dict`, load it into a new model, and show that both predict the same.

# %% tags=["solution"]
ex_path = Path("models") / "exercise.pth"
ex_path.parent.mkdir(exist_ok=True)
torch.save(ex_model.state_dict(), ex_path)
ex_loaded = Line()
ex_loaded.load_state_dict(torch.load(ex_path, map_location="cpu", weights_only=True))
ex_loaded.eval()
with torch.inference_mode():
    ex_loaded_preds = ex_loaded(ex_test[0])
print(torch.equal(ex_loaded_preds, ex_preds))

# %% tags=["solution", "check"]
# The loaded model repeats the predictions of exercise 4 exactly.
assert torch.equal(ex_loaded_preds, ex_preds)

# %% [markdown] tags=["exercise"] level="measure" answer=["swings: a dict from each rate to a pair, the swing of the weight and of the bias"]
# ### Exercise 6: how wide is the swing?
#
# The cycle of the chapter swings the bias by `0.01` and the weight by `0.0039`. Predict both
# swings for the rates `0.003`, `0.03` and `0.3`. Then train 1,500 epochs with each, measure, and
# plot swing against rate.

# %% tags=["solution"] alt="On two logarithmic axes the measured swing of the bias and of the weight lie exactly on the two predicted straight lines, one rate wide and 0.39 rates wide."
swings = {}
for lr in (0.003, 0.03, 0.3):
    (w1, b1), (w2, b2), (w3, b3) = fit(l1, lr, epochs=1500)[-3:]
    assert (w1, b1) == (w3, b3)  # two points, forever
    swings[lr] = (abs(w2 - w1), abs(b2 - b1))

_, ax = plt.subplots(figsize=(7.2, 3.2))
rates = list(swings)
ax.grid(visible=False)
ax.plot(rates, [0.39 * lr for lr in rates], color=plotting.COLORS["rule"])
ax.plot(rates, rates, color=plotting.COLORS["rule"])
ax.plot(rates, [w for w, _ in swings.values()], "o", color=plotting.COLORS["violet"])
ax.plot(rates, [b for _, b in swings.values()], "o", color=plotting.COLORS["orange"])
ax.text(0.011, 0.016, "bias: 1 x rate", color=plotting.COLORS["orange"], ha="right")
ax.text(0.04, 0.0085, "weight: 0.39 x rate", color=plotting.COLORS["violet"])
_ = ax.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="swing")

# %% tags=["solution", "check"]
# The bias swings by one learning rate, the weight by 0.39 of it.
assert list(swings) == [0.003, 0.03, 0.3]
for lr, (swing_w, swing_b) in swings.items():
    torch.testing.assert_close(swing_b, lr, rtol=1e-3, atol=0)
    torch.testing.assert_close(swing_w, 0.39 * lr, rtol=1e-3, atol=0)

# %% [markdown] tags=["solution"]
# One flip is one step, and a step with all signs equal is the rate times $(0.39, 1)$, where
# `0.39` is the mean of the training `X`. Halve the rate, and the swing halves.

# %% [markdown] tags=["exercise"] level="open" answer=["low: a rate at which the MSE does not explode", "high: a rate at which it does, less than `0.001` above `low`", "curvature: what theory needs, the largest curvature of the loss", "b: the bias that L1 at a rate of `1000` ends with"]
# ### Exercise 7: find the rate that explodes
#
# With `nn.MSELoss`, a large rate makes the loss grow without end. Find the border to three digits
# by bisection. Can theory predict it? And does L1 explode, at a rate of `1000`?


# %% tags=["solution"]
def gap_at(walk, epoch):
    return abs(walk[epoch][0] - weight) + abs(walk[epoch][1] - bias)


low, high = 0.5, 1.0  # converges, explodes
while high - low > 5e-4:
    middle = (low + high) / 2
    walk = fit(mse, middle, epochs=1000)
    exploded = gap_at(walk, 1000) > gap_at(walk, 500) + 1e-6
    low, high = (low, middle) if exploded else (middle, high)

design = torch.cat([X_train, torch.ones_like(X_train)], dim=1)
curvature = torch.linalg.eigvalsh(2 * design.T @ design / len(design)).max().item()
print(f"measured {low:.4f} to {high:.4f}, theory 2 / {curvature:.4f} = {2 / curvature:.4f}")
w, b = fit(l1, lr=1000, epochs=1000)[-1]
print(f"L1 at rate 1000: weight {w:.1f}, bias {b:.1f}")

# %% tags=["solution", "check"]
# The border is two divided by the largest curvature; L1 stays within a few steps.
assert high - low < 1e-3
assert low - 1e-3 < 2 / curvature < high + 1e-3
assert abs(b) < 3000

# %% [markdown] tags=["solution"]
# The *curvature* says how fast the slope changes; `curvature` above is its value where the valley
# is steepest. At a rate of two divided by it, a step lands as far beyond the goal as it began
# before it. Beyond that rate each step lands farther away than it began. L1 has no curvature: its steps never
# grow, so it swings, however wildly, but does not explode.

# %% [markdown]
# ## Where next
#
# You can train anything now that a straight line can describe. [The glossary](../glossary.md)
# collects the new words. The API pages of what appeared here: [`pdl.engine`](../api/engine.md),
# [`pdl.checkpoint`](../api/checkpoint.md) and [`pdl.models.linear`](../api/models.linear.md).
#
# Two other explanations worth reading: PyTorch's own [optimization
# tutorial](https://docs.pytorch.org/tutorials/beginner/basics/optimization_tutorial.html), and
# the chapter on [linear regression](https://d2l.ai/chapter_linear-regression/index.html) in *Dive
# into Deep Learning*, which trains with noise and random batches.
