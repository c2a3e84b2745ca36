# ---
# title: Computer vision
# description: Ten kinds of clothes in small gray pictures, and what a convolution sees in them.
# order: 4
# level: beginner
# needs: [02_classification]
# gives: [images as tensors, data loaders, convolution, pooling, fair comparison]
# minutes: 90
# data: [{name: fashion_mnist}, {name: food_mini}]
# seed: 42
# ---
# %% [markdown]
# # Computer vision
#
# A picture is a grid of numbers. Here a network learns to tell ten kinds of clothes apart: first
# from a plain list of pixels, then with *convolutions*, which know that pixels have neighbors. Two
# failures that were once published as results are repeated on purpose and taken apart.

# %% tags=["hide-input"] name="result" alt="Three rows. Each begins with a gray picture, an ankle boot, a pullover and a pair of trousers. Four maps follow, in which other parts of it are bright, such as its outline or its body. At the end three bars show the likeliest classes; the longest names the picture rightly." caption="Left to right: a picture, what four filters of a small network find in it, and what the network says it is."
import torch
from matplotlib import pyplot
from torch import nn

from pdl import engine, gallery, plotting
from pdl.data.fashion import FashionMNIST
from pdl.data.memory import InMemoryLoader
from pdl.models.tiny_vgg import TinyVGG

plotting.use_style()
clothes = FashionMNIST(train=True)
torch.manual_seed(42)
sketch = TinyVGG(in_channels=1, num_classes=10, image_size=28)
engine.train(
    sketch,
    InMemoryLoader(clothes, shuffle=True, indices=range(4000)),
    optimizer=torch.optim.Adam(sketch.parameters(), lr=0.005),
    loss_fn=nn.CrossEntropyLoss(),
    epochs=1,
    progress=False,
)
widths = [1, 1, 1, 1, 1, 1.5]
figure, panels = pyplot.subplots(3, 6, figsize=(7.2, 3.9), width_ratios=widths)
for row, kind in zip(panels, (9, 2, 1), strict=True):
    place = int((clothes.targets[-5000:] == kind).nonzero()[1]) - 5000
    pixels = clothes.data[place].float()[None, None] / 255
    with torch.inference_mode():
        found = sketch.conv_block_1[:3](pixels)[0]
        best = torch.softmax(sketch(pixels)[0], dim=0).topk(3)
    gallery.show(row[0], pixels[0])
    alike = torch.corrcoef(found.flatten(1)).nan_to_num(1).abs()
    chosen = [int(found.flatten(1).std(dim=1).argmax())]
    while len(chosen) < 4:  # the map that is least like those chosen
        chosen.append(int(alike[chosen].amax(dim=0).argmin()))
    for ax, index in zip(row[1:5], chosen, strict=True):
        ax.imshow(found[index], cmap="PuOr_r", vmin=-1.5, vmax=1.5)
        ax.set_axis_off()
    names = [clothes.classes[index] for index in best.indices]
    row[5].barh(names, best.values, color=plotting.COLORS["teal"], height=0.6)
    row[5].set(xlim=(0, 1), xticks=[0, 1], ylim=(2.5, -0.5))
    row[5].tick_params(labelsize=10)
    row[5].yaxis.tick_right()
    row[5].grid(visible=False)
for ax, title in zip(panels[0, [0, 1, 5]], ("picture", "filters", "answer"), strict=True):
    ax.set_title(title, fontsize=12)

# %% [markdown] covers=["03.01"]
# **You will** read pictures as tensors, hand them out in batches, compare three models one change
# at a time, compute a convolution by hand, and show from two printed numbers that a network
# learned nothing.
#
# **You need** [logits, cross-entropy and the confusion matrix](02_classification.md).
#
# **It takes** no GPU. The pictures are 30 MB; if they are not on your machine, they are fetched
# once.

# %% [markdown] covers=["03.02", "03.03"]
# ## Set up
#
# | library | what it has |
# |---|---|
# | `torchvision` | all that has to do with pictures |
# | `torchvision.datasets` | data sets by name |
# | `torchvision.models` | architectures, with trained weights |
# | `torchvision.transforms.v2` | turns pictures into tensors, and changes them |
# | `torch.utils.data.Dataset` | gives one sample by its number |
# | `torch.utils.data.DataLoader` | gives samples in batches |
# | `torch.nn` | the layers |

# %%
import time

import matplotlib.pyplot as plt
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from pdl.info import info
from pdl.models.mlp import FashionMNISTV0, FashionMNISTV1
from pdl.seed import make_generator

c = plotting.COLORS
print(info())

# %% [markdown] covers=["03.04"]
# ## The data
#
# FashionMNIST has 60,000 pictures to learn from and 10,000 to test on, each 28 by 28 pixels,
# photographed for a shop and made gray. torchvision gets them with
# `datasets.FashionMNIST(root="data", train=True, download=True, transform=..., target_transform=None)`.
# [`pdl.data.fashion.FashionMNIST`][pdl.data.fashion.FashionMNIST] gives the same samples in the
# same order. It first looks on your machine, and it says what it found.

# %%
to_tensor = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
train_data = FashionMNIST(train=True, transform=to_tensor)
test_data = FashionMNIST(train=False, transform=to_tensor)
real = train_data.found.kind == "real"
print(train_data.found.kind, f"{len(train_data):,} + {len(test_data):,} pictures")
print(train_data.class_to_idx)

# %% [markdown]
# One of each, always in this order:

# %% alt="Ten gray pictures, one of each class: T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag and ankle boot." caption="The ten classes. Pullover, coat and shirt are hard to tell apart for people too."
first_of_each = [int((train_data.targets == label).nonzero()[0]) for label in range(10)]
_, panels = plt.subplots(2, 5, figsize=(7.2, 3.5))
for label, (ax, index) in enumerate(zip(panels.flat, first_of_each, strict=True)):
    gallery.show(ax, train_data[index][0])
    ax.set_title(train_data.classes[label], fontsize=11, loc="center")

# %% [markdown] covers=["03.05", "03.06", "03.07"]
# ### A picture is a tensor
#
# Stored pictures have height, width, and bytes from 0 to 255. The transform makes them channels,
# height, width, and decimals from 0 to 1. Gray is one channel, color is three.

# %% [markdown] tags=["checkpoint"]
# Which shape has the first picture? What is its smallest and its largest number?

# %%
image, label = train_data[0]
print(image.shape, image.dtype, image.min().item(), image.max().item())
print(label, train_data.classes[label])

# %% tags=["hide-input"] alt="Left: an ankle boot with a square frame around a part of it. Right: that part, six by six pixels, with the gray value written on each, from 0 at the dark edge to 1 inside the shoe." caption="What you see, and what the network gets."
_, (whole, part) = plt.subplots(1, 2, figsize=(7.2, 3.5))
gallery.show(whole, image)
top, left = 14, 11
frame = {"fill": False, "color": c["orange"], "lw": 2}
whole.add_patch(plt.Rectangle((left - 0.5, top - 0.5), 6, 6, **frame))
patch = image[0, top : top + 6, left : left + 6]
part.imshow(patch, cmap="gray", vmin=0, vmax=1)
for row in range(6):
    for column in range(6):
        value = patch[row, column].item()
        shade = "white" if value < 0.5 else "black"
        part.text(column, row, f"{value:.1f}", ha="center", va="center", color=shade)
part.set_axis_off()

# %% tags=["check"]
# A sample is a (1, 28, 28) tensor of decimals from 0 to 1; the first one is an ankle boot.
assert image.shape == (1, 28, 28)
assert image.dtype == torch.float32
assert (image.min().item(), image.max().item()) == (0.0, 1.0)
assert (label, train_data.classes[label]) == (9, "Ankle boot")
if real:
    assert (len(train_data), len(test_data)) == (60_000, 10_000)

# %% [markdown] tags=["wrong"] corrects=["48", "50"]
# **"`ToTensor` normalizes."** It *scales*: it divides by 255. To *normalize* is to take off a mean
# and divide by a standard deviation. And `ToTensor` is the old name; `v2.ToImage` with
# `v2.ToDtype` replaced it.

# %% [markdown]
# ## Dataset and DataLoader from the inside
#
# A *data set* answers two questions: how many samples are there, and what is sample number *i*?
# Two methods are enough:


# %%
class Clothes(Dataset):
    def __init__(self, pictures, labels):
        self.pictures, self.labels = pictures, labels  # bytes and class numbers

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.pictures[index].unsqueeze(0) / 255, int(self.labels[index])


ours = Clothes(train_data.data, train_data.targets)
print(len(ours), ours[0][0].shape, ours[0][1])

# %% [markdown] covers=["03.08"] corrects=["49"]
# A *loader* deals the samples out in *batches*. Why not all 60,000 at once? One step an epoch would
# be slow learning, and a large model has no memory for so many. Batches give it many chances an
# epoch to update its weights. 32, 64 and 128 are common sizes.
#
# Inside, a loader shuffles the numbers from 0 to the last, cuts them into pieces, and stacks the
# samples of each piece:


# %%
def batches_of(dataset, size, generator=None):
    order = torch.arange(len(dataset))
    if generator is not None:  # shuffle, for training
        order = torch.randperm(len(dataset), generator=generator)
    for numbers in order.split(size):
        samples = [dataset[index] for index in numbers.tolist()]
        pictures, labels = zip(*samples, strict=True)
        yield torch.stack(pictures), torch.tensor(labels)


# %% [markdown] tags=["checkpoint"]
# How many batches of 32 make 60,000 pictures, and how many make 10,000? How many pictures are in
# the very last one?

# %%
chance = make_generator(42)
train_loader = DataLoader(train_data, batch_size=32, shuffle=True, generator=chance)
test_loader = DataLoader(test_data, batch_size=32, shuffle=False)
batch_images, batch_labels = next(iter(train_loader))
print(
    len(train_loader),
    len(test_loader),
    "batches of",
    batch_images.shape,
    batch_labels.shape,
)
print("in the last test batch:", len(test_data) - 32 * (len(test_loader) - 1))

# %% [markdown]
# Remember the short last batch: it will give somebody away.
#
# We shuffle the training pictures, so that no order can be learned. To measure, the order does not
# matter.

# %% tags=["check"]
# Our loader gives the batches of torch's; shuffled, it gives each sample exactly once.
few = torch.utils.data.Subset(test_data, range(100))
for mine, theirs in zip(batches_of(few, 32), DataLoader(few, batch_size=32), strict=True):
    torch.testing.assert_close(mine[0], theirs[0])
    assert torch.equal(mine[1], theirs[1])
numbered = Clothes(torch.zeros(100, 28, 28), torch.arange(100))
dealt = torch.cat([labels for _, labels in batches_of(numbered, 32, make_generator(42))])
assert dealt.tolist() != list(range(100)) == sorted(dealt.tolist())
torch.testing.assert_close(ours[5][0], train_data[5][0])
if real:
    assert (len(train_loader), len(test_loader), len(test_data) % 32) == (1875, 313, 16)

# %% [markdown] tags=["number"] row="N6"
# {{ f"{len(train_loader):,} and {len(test_loader)}" }}

# %% [markdown] tags=["number"] row="N7"
# {{ f"{list(image.shape)}, {list(batch_images.shape)}" }}

# %% [markdown]
# ### The loader as bottleneck
#
# Each picture goes one by one through Python: found, made a PIL image, made a tensor, stacked.
# [`InMemoryLoader`][pdl.data.memory.InMemoryLoader] decodes all of them once, keeps the bytes, and
# cuts whole batches out of them. We time 100 batches, and, for comparison, 100 training steps of
# a small model.


# %%
def seconds_for(batches, step=None):
    start = time.perf_counter()
    for _, (pictures, labels) in zip(range(100), batches, strict=False):
        if step is not None:
            step(pictures, labels)
    return time.perf_counter() - start


# %% [markdown]
# The small model, and the two loaders:

# %%
loss_fn = nn.CrossEntropyLoss()
probe = FashionMNISTV0(width=10)
probe_optimizer = torch.optim.SGD(probe.parameters(), lr=0.1)


def train_on(pictures, labels):
    loss = loss_fn(probe(pictures), labels)
    probe_optimizer.zero_grad()
    loss.backward()
    probe_optimizer.step()


in_memory = InMemoryLoader(FashionMNIST(train=True), batch_size=32, shuffle=True)
costs = {
    "DataLoader": min(seconds_for(train_loader) for _ in range(2)),
    "InMemoryLoader": min(seconds_for(in_memory) for _ in range(3)),
}
with_steps = min(seconds_for(in_memory, train_on) for _ in range(3))
costs["training steps"] = with_steps - costs["InMemoryLoader"]

# %% tags=["hide-input"] alt="Three horizontal bars, milliseconds a batch: the DataLoader's is by far the longest, the training step is shorter, and the InMemoryLoader's can hardly be seen." caption="Time for one batch of 32. With the plain loader, the model mostly waits."
_, ax = plt.subplots(figsize=(7.2, 2.1))
lengths = [1000 * value / 100 for value in costs.values()]
bar_colors = [c[name] for name in ("orange", "teal", "muted")]
ax.barh(list(costs), lengths, color=bar_colors, height=0.6)
for place, value in enumerate(lengths):
    ax.text(value + max(lengths) * 0.01, place, f"{value:.2f} ms", va="center", fontsize=11)
ax.set(xlabel="milliseconds a batch", ylim=(2.5, -0.5), xlim=(0, max(lengths) * 1.15))
ax.grid(visible=False, axis="y")

# %% [markdown]
# On the machine that made this page, handing out a batch takes the plain loader
# {{ f"{costs['DataLoader'] / costs['training steps']:.0f}" }} times as long as learning from it,
# and {{ f"{costs['DataLoader'] / costs['InMemoryLoader']:.0f}" }} times as long as the loader in
# memory. For data that fits into memory, that is the answer. Otherwise `num_workers` lets other
# processes load ahead.

# %% tags=["check"]
# The loader in memory is at least four times as fast, and the plain one is the bottleneck.
assert costs["DataLoader"] > 4 * costs["InMemoryLoader"]
assert costs["DataLoader"] > costs["training steps"]

# %% [markdown]
# From here on we use it. We learn from the first part of the training pictures, compare on the last
# twelfth, which no model learns from, and leave the test pictures alone until the end.

# %%
plain = FashionMNIST(train=True)  # no transform: the loader scales the bytes itself
n = len(plain)
aside = range(n * 11 // 12, n)
learn = range(min(15_000, aside.start))
passes = 1 if real else 3  # the small set that stands in needs more
val_loader = InMemoryLoader(plain, batch_size=500, indices=aside)
print(f"{len(learn):,} to learn from, {len(aside):,} for validation")

# %% [markdown] covers=["03.09"]
# ## A baseline, with the loop by hand
#
# Start simple. `FashionMNISTV0` lays the 28 rows of a picture end to end, 784 numbers, and has two
# linear layers with nothing between: as you know, that is one linear map.

# %%
torch.manual_seed(42)
model_0 = FashionMNISTV0(width=10)
print(model_0.layers)
print(sum(parameter.numel() for parameter in model_0.parameters()), "parameters")

# %% [markdown] covers=["03.10", "03.11"]
# Ten classes mean cross-entropy. The optimizer is SGD. We track two things, how good and how fast:
# accuracy, and a timer.

# %%
from timeit import default_timer as timer

from pdl.metrics import accuracy_fn  # in percent


def print_train_time(start, end, device):
    print(f"trained on {device} in {end - start:.1f} s")


optimizer = torch.optim.SGD(model_0.parameters(), lr=0.1)

# %% [markdown] covers=["03.12", "03.13"]
# The loop of the last chapters gets a second loop inside: for each epoch, for each batch. The loss
# of an epoch is a mean over *samples*, so each batch counts by its size. To measure, we ask the
# model on which device it lies, and send each batch there.


# %%
from tqdm import tqdm


def eval_model(model, data_loader, loss_fn, accuracy_fn):
    loss, hits, count = 0.0, 0.0, 0
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        for pictures, labels in data_loader:
            X, y = pictures.to(device), labels.to(device)
            logits = model(X)
            loss += loss_fn(logits, y).item() * len(y)
            hits += accuracy_fn(y, logits.argmax(dim=1)) * len(y)
            count += len(y)
    name = type(model).__name__
    return {"model_name": name, "model_loss": loss / count, "model_acc": hits / count}


# %% [markdown] tags=["checkpoint"]
# What accuracy is chance here? What loss? And what do you expect after three epochs?

# %%
loader = InMemoryLoader(plain, batch_size=32, shuffle=True, indices=learn, seed=42)
start = timer()
for epoch in tqdm(range(3), disable=None):  # a bar in a terminal, none on this page
    model_0.train()
    train_loss = 0.0
    for number, (pictures, labels) in enumerate(loader):
        loss = loss_fn(model_0(pictures), labels)
        train_loss += loss.item() * len(labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if number % 200 == 0:
            print(f"  {number * 32:5,} pictures seen, loss {loss.item():.3f}")
    measured = eval_model(model_0, val_loader, loss_fn, accuracy_fn)
    print(f"epoch {epoch}: train loss {train_loss / len(learn):.4f}", end=", ")
    print(f"validation {measured['model_acc']:.1f} %, loss {measured['model_loss']:.4f}")
print_train_time(start, timer(), "cpu")

# %% [markdown] covers=["03.14"]
# Chance is one in ten, with a loss of $\ln 10 \approx 2.303$, the price of "one tenth for each".
# Pixels in a row are worth a lot more: {{ f"{measured['model_acc']:.0f} %" }}. The notes that this
# book grew from had `83.34 %`, from all 60,000 pictures and 50 units between the layers.

# %% tags=["check"]
# The baseline beats chance by far, knows all ten classes, and is one linear map.
baseline = engine.test_step(model_0, val_loader, loss_fn)
torch.testing.assert_close(100 * baseline.metric, measured["model_acc"])
torch.testing.assert_close(baseline.loss, measured["model_loss"])
assert measured["model_acc"] > 65
with torch.inference_mode():
    zero, one, two = (model_0(scale * image[None]) for scale in (0, 1, 2))
    assert len(model_0(next(iter(val_loader))[0]).argmax(dim=1).unique()) == 10
torch.testing.assert_close(two - one, one - zero, rtol=1e-4, atol=1e-4)

# %% [markdown] tags=["wrong"] corrects=["2"]
# **`train_loss += loss` without `.item()`.** The sum then remembers how each batch was computed,
# and memory grows with each step. **`model.forward(x)` instead of `model(x)`** skips hooks.
# **The mean of batch means** counts a short last batch too much; it comes back below.

# %% [markdown] covers=["03.15"]
# ### The loop as functions
#
# The next models need the same loop, perhaps on a GPU. So it becomes two functions: one learns for
# an epoch, one measures. `device` says where; the model is moved once, each batch when it comes.


# %%
device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def train_step(model, data_loader, loss_fn, optimizer, device):
    loss_sum, hits, count = 0.0, 0, 0
    model.to(device).train()
    for pictures, labels in data_loader:
        X, y = pictures.to(device), labels.to(device)
        logits = model(X)
        loss = loss_fn(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(y)
        hits += (logits.argmax(dim=1) == y).sum().item()
        count += len(y)
    return loss_sum / count, hits / count


# %% [markdown]
# The other half has no optimizer and records no gradients:


# %%
def test_step(model, data_loader, loss_fn, device):
    loss_sum, hits, count = 0.0, 0, 0
    model.to(device).eval()
    with torch.inference_mode():
        for pictures, labels in data_loader:
            X, y = pictures.to(device), labels.to(device)
            logits = model(X)
            loss_sum += loss_fn(logits, y).item() * len(y)
            hits += (logits.argmax(dim=1) == y).sum().item()
            count += len(y)
    return loss_sum / count, hits / count


# %% [markdown]
# `FashionMNISTV1` is V0 with a ReLU between its layers. One epoch of it by our functions, and one
# by the library's [`train_step`][pdl.engine.train_step] and
# [`test_step`][pdl.engine.test_step], from the same start:

# %%
library = engine.train_step, engine.test_step
steps_by, epoch_by = {"ours": (train_step, test_step), "library": library}, {}
for name, (learn_once, measure) in steps_by.items():
    torch.manual_seed(42)
    model_1 = FashionMNISTV1(width=10).to(device)
    sgd = torch.optim.SGD(model_1.parameters(), lr=0.1)
    some = InMemoryLoader(plain, shuffle=True, indices=range(3200), seed=42)
    learned = learn_once(model_1, some, loss_fn, sgd, device=device)
    epoch_by[name] = (*learned, *measure(model_1, val_loader, loss_fn, device=device))
    seen, unseen = epoch_by[name][1], epoch_by[name][3]
    print(f"{name:8} on {device}: train {seen:.2%}, validation {unseen:.2%}")

# %% tags=["check"]
# Our two functions give the loss and accuracy of the library's, and those of eval_model.
near = {"rtol": 1e-3, "atol": 1e-3}
torch.testing.assert_close(epoch_by["ours"], epoch_by["library"], **near)
measured = eval_model(model_1, val_loader, loss_fn, accuracy_fn)
as_shares = measured["model_loss"], measured["model_acc"] / 100
torch.testing.assert_close(as_shares, epoch_by["library"][2:], **near)
assert epoch_by["ours"][3] > 0.3

# %% [markdown]
# [`engine.train`][pdl.engine.train] calls the two in turn, epoch by epoch, and keeps what they give
# back.

# %% [markdown] covers=["03.17"]
# ## A convolution by hand
#
# A list of pixels has forgotten which pixels were neighbors. A *convolution* looks at neighbors
# only. Lay a small grid of weights, the *filter*, over a corner of the picture, multiply number by
# number, add up, write the sum down. Slide it on by one pixel, and again:
#
# $$y_{r,c} = b + \sum_{i}\sum_{j} w_{i,j}\; x_{r+i,\,c+j}$$


# %%
def convolve(picture, weights, bias=0.0):
    height, width = weights.shape
    rows, columns = picture.shape[0] - height + 1, picture.shape[1] - width + 1
    answer = torch.empty(rows, columns)
    for r in range(rows):
        for k in range(columns):
            window = picture[r : r + height, k : k + width]
            answer[r, k] = bias + (window * weights).sum()
    return answer


# %% [markdown] tags=["checkpoint"]
# This filter has $-1$ on the left and $+1$ on the right. The picture is dark on the left and bright
# on the right. Where will the answer be large? Which shape has it?

# %%
small = torch.tensor([[0, 0, 0, 5], [0, 0, 5, 5], [0, 0, 5, 5], [0, 0, 5, 5.0]])
edge = torch.tensor([[-1.0, 1.0], [-1.0, 1.0]])
print(convolve(small, edge))

# %% [markdown] covers=["03.18"]
# Where dark turns into bright, from left to right: this filter finds edges. Its four weights serve
# every place, so an edge is found wherever it lies.
#
# *Max pooling* then makes the map smaller. Of each two by two numbers it keeps the largest: "there
# is an edge around here".


# %%
def pool(picture, size=2):
    rows, columns = picture.shape[0] // size, picture.shape[1] // size
    answer = torch.empty(rows, columns)
    for r in range(rows):
        for k in range(columns):
            top, left = r * size, k * size
            answer[r, k] = picture[top : top + size, left : left + size].max()
    return answer


print(pool(small))

# %% tags=["hide-input"] alt="Four grids of numbers. The picture, four by four, zeros on the left and fives on the right, with a frame around its upper right two by two numbers 0, 5, 5, 5. The filter, minus one on the left and plus one on the right. The answer, three by three, with the frame on its upper right number 5, and tens where the edge is. At the end the picture after pooling, two by two: 0, 5, 0, 5." caption="Framed: the window 0, 5, 5, 5 times the filter is 0 + 5 - 5 + 5 = 5. Right: the picture after pooling, the largest of each two by two."
grids = {
    "picture": small,
    "filter": edge,
    "convolved": convolve(small, edge),
    "pooled": pool(small),
}
_, panels = plt.subplots(1, 4, figsize=(7.2, 2.2), width_ratios=[4, 2, 3, 2])
frames = {"picture": (1.5, -0.5, 2), "convolved": (1.5, -0.5, 1)}
for ax, (name, grid) in zip(panels, grids.items(), strict=True):
    shown = "filter" if name == "filter" else "others"
    ax.imshow(grid, cmap="cividis", vmin=-10 if shown == "filter" else 0, vmax=12)
    for row in range(len(grid)):
        for column in range(len(grid)):
            number = grid[row, column].item()
            ink = "black" if number > 6 else "white"
            ax.text(column, row, f"{number:.0f}", ha="center", va="center", color=ink)
    if name in frames:
        x, y, wide = frames[name]
        look = {"fill": False, "color": c["orange"], "lw": 3, "clip_on": False}
        ax.add_patch(plt.Rectangle((x, y), wide, wide, **look))
    ax.set_title(name, fontsize=12, loc="center")
    ax.set_axis_off()

# %% [markdown]
# PyTorch's layers do the same, many filters at once. `nn.Conv2d(1, 10, kernel_size=3, padding=1)`
# has ten filters of three by three. `padding=1` puts a rim of zeros around the picture, so that the
# map keeps its size. For $n$ pixels, filter $k$, padding $p$ and *stride* $s$ (pixels it slides on)
# the map has $\lfloor (n + 2p - k)/s \rfloor + 1$ pixels.

# %% tags=["check"]
# Our convolution and pooling equal torch's, on small numbers and on a boot.
F = nn.functional
torch.testing.assert_close(
    convolve(small, edge), F.conv2d(small[None, None], edge[None, None])[0, 0]
)
torch.testing.assert_close(pool(small), F.max_pool2d(small[None], 2)[0])
torch.testing.assert_close(pool(image[0]), nn.MaxPool2d(2)(image)[0])
assert convolve(small, edge).tolist() == [[0, 5, 5], [0, 10, 0], [0, 10, 0]]
layer = nn.Conv2d(1, 10, kernel_size=3, padding=1)
with torch.inference_mode():
    theirs = layer(image[None])[0]
    for number in range(10):
        by_hand = convolve(
            F.pad(image[0], (1, 1, 1, 1)), layer.weight[number, 0], layer.bias[number]
        )
        torch.testing.assert_close(by_hand, theirs[number], rtol=1e-4, atol=1e-5)
assert theirs.shape == (10, 28, 28)

# %% [markdown]
# What do filters written by hand see in a boot?

# %% alt="The ankle boot, and three maps of it. The first has bright and dark lines on its upright edges, the second on its level edges, the third shows its outline and texture." caption="Orange: a large positive answer; purple: a large negative one."
by_hand = {
    "left to right": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "top to bottom": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "unlike neighbors": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
}
_, panels = plt.subplots(1, 4, figsize=(7.2, 2.2))
gallery.show(panels[0], image)
panels[0].set_title("picture", fontsize=11, loc="center")
for ax, (name, rows) in zip(panels[1:], by_hand.items(), strict=True):
    found = convolve(image[0], torch.tensor(rows, dtype=torch.float32))
    ax.imshow(found, cmap="PuOr_r", vmin=-3, vmax=3)
    ax.set_title(name, fontsize=11, loc="center")
    ax.set_axis_off()

# %% [markdown]
# In a network nobody writes the filters. They are weights, and training finds them.
#
# ### TinyVGG
#
# `FashionMNISTV2` of the notes is the network of the
# [CNN Explainer](https://poloclub.github.io/cnn-explainer/). Two blocks of convolution, ReLU,
# convolution, ReLU, pooling; then one linear layer. A filter of the second convolution has one
# grid for each of the ten maps below it, and adds up what they find.

# %%
vgg = TinyVGG(in_channels=1, channels=10, num_classes=10, image_size=28)
print(vgg.conv_block_1)
print(vgg.classifier)

# %% [markdown] tags=["checkpoint"]
# Which shape has the boot after each block? How many parameters has the first layer, and how many
# the whole, against 7,960 of V0?

# %%
step = image[None]  # a batch of one
for name, block in vgg.named_children():
    step = block(step)
    count = sum(parameter.numel() for parameter in block.parameters())
    print(f"{name:13} {tuple(step.shape)!s:16} {count:5,} parameters")
print(f"in all {sum(parameter.numel() for parameter in vgg.parameters()):,}")

# %% tags=["check"]
# Pooling halves the maps; the first layer has 10 x 9 + 10 parameters, all have 7,740.
assert vgg.conv_block_1(image[None]).shape == (1, 10, 14, 14)
assert vgg.conv_block_2(vgg.conv_block_1(image[None])).shape == (1, 10, 7, 7)
assert sum(p.numel() for p in vgg.conv_block_1[0].parameters()) == 100
assert sum(p.numel() for p in vgg.parameters()) == 7740

# %% [markdown] tags=["number"] row="03 V0 parameters"
# {{ f"{sum(p.numel() for p in model_0.parameters()):,}" }}

# %% [markdown] tags=["number"] row="03 V2 parameters"
# {{ f"{sum(p.numel() for p in vgg.parameters()):,}" }}

# %% [markdown] covers=["03.16"] corrects=["6", "46", "54"]
# ## Three models, one change at a time
#
# The notes compared V0 with 50 units on a CPU to V1 with 10 units, one more ReLU and another one at
# the end on a GPU, found V1 worse, and blamed "non-linearity and GPU". Four changes at once, and
# nobody can tell which one did it. A GPU, by the way, changes the speed and not the accuracy. For
# so small a model it may even be slower, because moving the data takes longer than computing.
#
# So: the same device, pictures, batches and optimizer for all. V1 is V0 with a ReLU between its
# layers. Then V1 gets 50 units instead of 10. V2 is TinyVGG. Each starts from three seeds. Adam
# takes the place of SGD, and each model sees the pictures
# {{ "once" if passes == 1 else f"{passes} times" }}, so that this page is built in a minute and a
# half.

# %%
starts = (42, 0, 1)


def learn_from(model, indices, seed):
    loader = InMemoryLoader(plain, batch_size=32, shuffle=True, indices=indices, seed=seed)
    adam = torch.optim.Adam(model.parameters(), lr=0.005)
    steps = passes * len(loader)
    falling = torch.optim.lr_scheduler.LinearLR(adam, 1, 0, total_iters=steps)
    settings = {"optimizer": adam, "loss_fn": loss_fn, "epochs": passes, "progress": False}
    settings |= {"scheduler": falling, "schedule_every": "step"}
    # channels_last only changes the order in memory: convolutions run faster
    history = engine.train(model, loader, val_loader, channels_last=True, **settings)
    return history["val_loss"][-1], history["val_acc"][-1], sum(history["seconds"])


def train_once(build, seed):
    torch.manual_seed(seed)
    model = build()
    return model, *learn_from(model, learn, seed)


# %% [markdown]
# The learning rate falls to zero step by step, so that the weights come to rest.

# %% [markdown] tags=["checkpoint"]
# Which model will win, and by how many points? How far apart will three seeds of one model be?

# %%
models = {
    "V0": lambda: FashionMNISTV0(width=10),
    "V1: V0 with a ReLU": lambda: FashionMNISTV1(width=10),
    "V1 with 50 units": lambda: FashionMNISTV1(width=50),
    "V2: TinyVGG": lambda: TinyVGG(in_channels=1, num_classes=10, image_size=28),
}
runs = {}
for name, build in models.items():
    runs[name] = [train_once(build, seed) for seed in starts]
scores = {name: [accuracy for _, _, accuracy, _ in three] for name, three in runs.items()}
means = {name: sum(three) / 3 for name, three in scores.items()}
print("validation accuracy   seed 42       0       1")
for name, three in scores.items():
    print(f"{name:22}", "  ".join(f"{score:6.1%}" for score in three))

# %% tags=["hide-input"] alt="A row for each of four models, with three dots for three seeds. V0 lies near eighty percent, V1 with ten units below it with its dots far apart, V1 with fifty units above V0, and TinyVGG between them, its dots apart too." caption="Each dot is one seed, the bar is their mean. A difference smaller than the spread of the dots means nothing."
_, ax = plt.subplots(figsize=(7.2, 2.7))
for place, (name, three) in enumerate(scores.items()):
    ax.plot(
        [100 * means[name]] * 2,
        [place - 0.28, place + 0.28],
        color=c["orange"],
    )
    ax.plot(
        [100 * score for score in three],
        [place] * 3,
        "o",
        color=c["ink"],
        ms=7,
    )
ax.set_yticks(range(4), list(scores))
ax.tick_params(axis="y", length=0, labelcolor=c["ink"])
ax.set(xlabel="validation accuracy (%)", ylim=(3.5, -0.5))
ax.grid(visible=False, axis="y")

# %% [markdown] covers=["03.19"]
# Good, steady and fast are three things, so each model gets a row with all of them: means of three
# seeds, and the fastest of three times.

# %%
compared = []
for name, three in runs.items():
    row = {"model": name, "parameters": sum(p.numel() for p in three[0][0].parameters())}
    row |= {"loss": sum(loss for _, loss, _, _ in three) / 3, "accuracy": means[name]}
    row |= {"spread": max(scores[name]) - min(scores[name])}
    compared.append(row | {"seconds": min(seconds for *_, seconds in three)})

# %% [markdown]
# | {{ " | ".join(compared[0]) }} |
# |---|---:|---:|---:|---:|---:|
# | {{ compared[0]["model"] }} | {{ f"{compared[0]['parameters']:,}" }} | {{ f"{compared[0]['loss']:.3f}" }} | {{ f"{compared[0]['accuracy']:.1%}" }} | {{ f"{compared[0]['spread']:.1%}" }} | {{ f"{compared[0]['seconds']:.1f}" }} |
# | {{ compared[1]["model"] }} | {{ f"{compared[1]['parameters']:,}" }} | {{ f"{compared[1]['loss']:.3f}" }} | {{ f"{compared[1]['accuracy']:.1%}" }} | {{ f"{compared[1]['spread']:.1%}" }} | {{ f"{compared[1]['seconds']:.1f}" }} |
# | {{ compared[2]["model"] }} | {{ f"{compared[2]['parameters']:,}" }} | {{ f"{compared[2]['loss']:.3f}" }} | {{ f"{compared[2]['accuracy']:.1%}" }} | {{ f"{compared[2]['spread']:.1%}" }} | {{ f"{compared[2]['seconds']:.1f}" }} |
# | {{ compared[3]["model"] }} | {{ f"{compared[3]['parameters']:,}" }} | {{ f"{compared[3]['loss']:.3f}" }} | {{ f"{compared[3]['accuracy']:.1%}" }} | {{ f"{compared[3]['spread']:.1%}" }} | {{ f"{compared[3]['seconds']:.1f}" }} |
#
# `pandas.DataFrame(compared)` makes the same table of such a list, to sort and plot.
#
# A ReLU between two layers is no gain by itself. All must pass through ten numbers; perhaps it
# hurts that the ReLU zeroes some of them. V1 with ten units is at {{ f"{means['V1: V0 with a ReLU']:.1%}" }} in the
# mean, V0 at {{ f"{means['V0']:.1%}" }}. With 50 units it reaches
# {{ f"{means['V1 with 50 units']:.1%}" }}. TinyVGG has the fewest parameters of all and reaches
# {{ f"{means['V2: TinyVGG']:.1%}" }}. Its price is time:
# {{ f"{compared[3]['seconds'] / compared[0]['seconds']:.0f}" }} times that of V0.
#
# By the rule below the figure, only large gaps count, such as that of V1 with 50 units and V1 with
# ten. A single seed could have told another story. And this is a short race on
# {{ f"{len(learn):,}" }} pictures: the convolutions have only begun to learn.

# %% tags=["check"]
# All beat chance with all classes. At ten units the ReLU is no gain; TinyVGG beats that V1.
assert min(min(three) for three in scores.values()) > 0.6
for name, three in runs.items():
    for model, *_ in three:
        with torch.inference_mode():
            said = torch.cat([model(pictures).argmax(dim=1) for pictures, _ in val_loader])
        assert len(said.unique()) == 10, name
if real:
    assert means["V2: TinyVGG"] > means["V1: V0 with a ReLU"]
    assert means["V1: V0 with a ReLU"] < means["V0"] + 0.01
    assert means["V1: V0 with a ReLU"] < means["V1 with 50 units"]
assert sum(p.numel() for p in runs["V2: TinyVGG"][0][0].parameters()) < 7960

# %% [markdown]
# ## Two failures, taken apart
#
# Both trained without an error. Both were printed as results.

# %%
published_v1 = 75.01996805111821
published_v2, published_v2_loss = 9.994009584664537, 2.3023061752319336

# %% [markdown] tags=["wrong"] corrects=["45", "107"]
# **A ReLU on the logits.** The notes' V1 ended in one, and reached
# {{ f"{published_v1:.2f} %" }}. We add it to ours and change nothing else.


# %%
def bugged():
    return nn.Sequential(FashionMNISTV1(width=10), nn.ReLU())


bug_runs = [train_once(bugged, start) for start in starts]
tallies, dead = [], []
for model, _, accuracy, _ in bug_runs:
    with torch.inference_mode():
        logits = torch.cat([model(pictures) for pictures, _ in val_loader])
    tally = torch.bincount(logits.argmax(dim=1), minlength=10)
    tallies.append(tally)
    never = [plain.classes[k] for k in (tally == 0).nonzero().flatten()]
    dead.append([plain.classes[k] for k in (logits.amax(dim=0) == 0).nonzero().flatten()])
    print(f"{accuracy:.1%}, never said: {never}, logit zero for every picture: {dead[-1]}")
worst = max(range(3), key=lambda run: len(dead[run]))

# %% [markdown]
# The spread is wide, and some classes are gone. How often is each class said, with that ReLU and
# without?

# %% tags=["hide-input"] alt="Two bar charts of how often each of the ten classes is predicted. Without the last ReLU all ten bars are there, near the true tenth. With it some bars are missing and others are too long." caption="Predictions on the validation pictures, same seed. Dotted: a tenth, about what is true. A missing bar is a class that is never predicted."
with torch.inference_mode():
    sane = runs["V1: V0 with a ReLU"][worst][0]
    said = torch.cat([sane(pictures).argmax(dim=1) for pictures, _ in val_loader])
sides = {
    "logits as they are": (torch.bincount(said, minlength=10), "teal"),
    "ReLU on the logits": (tallies[worst], "orange"),
}
_, panels = plt.subplots(1, 2, figsize=(7.2, 3.1), sharey=True, sharex=True)
for ax, (title, (tally, color)) in zip(panels, sides.items(), strict=True):
    ax.barh(plain.classes, 100 * tally / len(aside), color=c[color], height=0.65)
    ax.axvline(10, color=c["muted"], ls=":", lw=1.2)
    ax.set(title=title, xlabel="share of predictions (%)", ylim=(9.5, -0.5))
    ax.tick_params(axis="y", labelsize=11, length=0)
    ax.grid(visible=False)

# %% [markdown]
# Why do they not come back? Where a number is negative, a ReLU gives zero *and has slope zero*. If
# the logit of a class is negative for every picture, no picture sends a gradient to its weights.
# They can never move again. Each class that is lost costs up to a tenth of the pictures. Here are
# the gradients at the weights of the last layer, from all validation pictures:

# %%
broken = bug_runs[worst][0]
broken.zero_grad()
for pictures, labels in val_loader:
    loss_fn(broken(pictures), labels).backward()  # gradients add up
last_layer = broken[0].layers[-1]
for name, gradient in zip(plain.classes, last_layer.weight.grad, strict=True):
    print(f"{name:12} largest gradient {gradient.abs().max():.4f}")

# %% [markdown]
# On three seeds the ReLU on the logits costs
# {{ f"{100 * (means['V1: V0 with a ReLU'] - sum(run[2] for run in bug_runs) / 3):.0f}" }} points in
# the mean. How many classes die is chance: the same program with another order of additions, on
# another processor or with more threads, lost more or fewer. So do not expect the notes' digits.
# A class may also be alive and yet
# never the largest. The remedy is to leave the logits alone.

# %% tags=["check"]
# Classes die, and get no gradient at all; it costs more than three points in the mean.
assert len(dead[worst]) >= 1
silent = last_layer.weight.grad.abs().amax(dim=1) == 0
assert [plain.classes[k] for k in silent.nonzero().flatten()] == dead[worst]
assert min(int((tally > 0).sum()) for tally in tallies) < 10
assert means["V1: V0 with a ReLU"] - sum(run[2] for run in bug_runs) / 3 > 0.03

# %% [markdown] tags=["number"] row="N9"
# {{ f"{100 * sum(run[2] for run in bug_runs) / 3:.2f} %" }}

# %% [markdown] tags=["wrong"] corrects=["47"]
# **A convolutional network with {{ f"{published_v2:.2f} %" }}.** So the notes report their TinyVGG,
# with a loss of {{ f"{published_v2_loss:.4f}" }}, and put it into the chart as the worst of three.
# Two numbers are enough to see that it says the same to every picture.

# %% [markdown]
# First the loss. It is $\ln 10 =$ {{ f"{torch.log(torch.tensor(10.0)):.4f}" }}, up to
# {{ f"{abs(published_v2_loss - torch.log(torch.tensor(10.0)).item()):.4f}" }}: "one tenth for each",
# the loss of a model that knows nothing.
#
# Then the accuracy. The test set has 1,000 pictures of each class, so a constant answer should be
# right for exactly one in ten. Why not `10 %`? Because the notes took the mean of batch means. Of
# 313 batches, the last has 16 pictures, and each of them counts as much as two others. With $h$
# hits in the last batch the result is
#
# $$\frac{1}{313}\left(\frac{1000 - h}{32} + \frac{h}{16}\right) = \frac{1000 + h}{32 \cdot 313}$$

# %% [markdown] tags=["checkpoint"]
# If the network always gives one answer, what is $h$? Multiply the published number by
# $32 \cdot 313$. Then look which constant answers give exactly the published number.

# %%
hits = published_v2 / 100 * 32 * 313
print(f"1000 + h = {hits:.10f}")
constants = {}
for number, name in enumerate(test_data.classes):
    right = (test_data.targets == number).double()
    batch_means = torch.stack([batch.mean() for batch in right.split(32)])
    constants[name] = 100 * batch_means.mean().item()
    by_pictures = 100 * right.mean().item()
    print(f"{name:12} {constants[name]:.12f} by batches, {by_pictures:.2f} by pictures")

# %% tags=["hide-input"] alt="Ten dots, one for each constant answer, around ten percent. Five of them lie exactly on a line at the published 9.994 percent; the others lie below or above it in equal steps." caption="The ten constant answers, measured as the notes did. Five of them give the published number."
_, ax = plt.subplots(figsize=(7.2, 3))
ax.axvline(published_v2, color=c["orange"], lw=1.4)
ax.plot(list(constants.values()), list(constants), "o", color=c["ink"])
ax.set(ylim=(9.5, -0.5), xlabel="accuracy by batch means (%)", title="published: 9.994...")
ax.title.set_color(c["orange"])
ax.tick_params(axis="y", length=0, labelsize=11)

# %% [markdown]
# To the last digit the number of a constant answer: 999 hits in full batches and one in the short
# one. By pictures it is one tenth, as it must be. The comparison in the notes was between two
# models and a stopped clock.

# %% tags=["check"]
# Five constant answers give 9.994009584664537; by pictures each gives one tenth.
assert abs(hits - 1001) < 1e-9
if real:
    same = [name for name, value in constants.items() if abs(value - published_v2) < 1e-11]
    assert len(same) == 5
    assert torch.bincount(test_data.targets).tolist() == [1000] * 10
assert abs(published_v2_loss - torch.log(torch.tensor(10.0)).item()) < 3e-4

# %% [markdown] tags=["number"] row="N10"
# {{ f"{min(constants.values(), key=lambda value: abs(value - published_v2)):.4f} %" }}

# %% [markdown]
# How does a network get there? One way is a learning rate that is too large. We use `1.0`, and look
# at what the last block puts out.

# %%
torch.manual_seed(42)
stuck = TinyVGG(in_channels=1, num_classes=10, image_size=28)
engine.train(
    stuck,
    InMemoryLoader(plain, shuffle=True, indices=range(1600)),
    optimizer=torch.optim.SGD(stuck.parameters(), lr=1.0),
    loss_fn=loss_fn,
    epochs=1,
    progress=False,
)
pictures, labels = next(iter(val_loader))
with torch.inference_mode():
    last_maps = stuck.conv_block_2(stuck.conv_block_1(pictures))
    answers = stuck(pictures)
print(f"{last_maps.numel():,} numbers after the last block, largest {last_maps.max():.3f}")
print("classes predicted:", answers.argmax(dim=1).unique().tolist())
print(f"loss {loss_fn(answers, labels):.4f}")

# %% [markdown]
# A few large steps pushed the numbers before the ReLUs below zero for every picture. All is zero
# after the last block, only the bias of the last layer is left, and no gradient gets through. The
# same death as above, now of the whole network.
#
# **What to do:** a smaller learning rate, another seed, Adam. **What to do always:** ask whether
# the model beats chance and predicts every class. The comparison above and the network below are
# checked for it.

# %% tags=["check"]
# The collapsed network gives one answer to all pictures, at a loss of about ln 10.
assert (answers - answers[0]).abs().max() < 1e-3
assert len(answers.argmax(dim=1).unique()) == 1
assert abs(loss_fn(answers, labels).item() - 2.3026) < 0.05

# %% [markdown] covers=["03.20"]
# ## Predictions of the network
#
# The race was short. V1 with 50 units and TinyVGG, both of seed 42, now learn on, from pictures
# that are new to them.

# %%
more = range(learn.stop, learn.stop + 15_000) if real else learn
further = {}
for name in ("V1 with 50 units", "V2: TinyVGG"):
    _, further[name], _ = learn_from(runs[name][0][0], more, seed=42)
    print(f"{name}: validation {scores[name][0]:.1%}, then {further[name]:.1%}")
vgg = runs["V2: TinyVGG"][0][0]
lead = 100 * (further["V2: TinyVGG"] - further["V1 with 50 units"])

# %% [markdown]
# With {{ f"{len(learn) + len(more):,}" }} pictures seen, the convolutions are
# {{ f"{abs(lead):.1f}" }} points {{ "ahead" if lead > 0 else "behind" }}, with a fifth of the
# parameters. By our own rule that is no proof: it is one seed. We go on with TinyVGG, because
# convolutions are what this chapter is about.

# %% [markdown]
# ### What its filters see
#
# The ten filters that it has learned in its first layer, and what the first block makes of the
# boot:

# %% tags=["hide-input"] alt="Two rows of ten. Above: learned filters, three by three, orange where positive and purple where negative. Below: ten maps of the ankle boot; some show its outline, some its body, some its sole, and a few are nearly empty." caption="Above: learned filters. Below: ten maps after the first block, each scaled by itself. Each map mixes all ten filters, so they do not pair up by column."
vgg.eval()
with torch.inference_mode():
    maps = vgg.conv_block_1(image[None])[0]
filters = vgg.conv_block_1[0].weight.detach()[:, 0]
_, panels = plt.subplots(2, 10, figsize=(7.2, 1.9))
for upper, lower, weights, one_map in zip(*panels, filters, maps, strict=True):
    top = weights.abs().max()
    upper.imshow(weights, cmap="PuOr_r", vmin=-top, vmax=top)
    lower.imshow(one_map, cmap="cividis")
    upper.set_axis_off()
    lower.set_axis_off()

# %% [markdown]
# Some look like our edge filters. Nobody told it about edges.
#
# ### The test, once
#
# No model is chosen any more, so now the test pictures.
# [`predict_loader`][pdl.predict.predict_loader] gives the probabilities for each:

# %%
from pdl.predict import predict_loader

test_plain = FashionMNIST(train=False)
probs, truth = predict_loader(vgg, InMemoryLoader(test_plain, batch_size=500))
guesses = probs.argmax(dim=1)
test_accuracy = (guesses == truth).float().mean().item()
print(f"test accuracy {test_accuracy:.1%}")

# %% [markdown]
# The same by hand for a few, as a list of pictures: each gets a batch dimension, logits become
# probabilities, and the answers are stacked. Nine at random, with what it says and how sure it is:


# %% alt="Three rows of three pictures of clothes, each with the predicted class and its probability above; most are right, and a wrong one would stand in orange with the truth below."
def make_predictions(model, samples):
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        logits = [model(sample.unsqueeze(0).to(device))[0] for sample in samples]
    return torch.softmax(torch.stack(logits), dim=1).cpu()


shown = torch.randperm(len(truth), generator=make_generator(7))[:9]
nine = [test_data[index][0] for index in shown.tolist()]
nine_probs = make_predictions(vgg, nine)
names = test_plain.classes
rows_of_3 = {"labels": truth[shown], "columns": 3}
figure = gallery.plot_images_with_predictions(nine, nine_probs, names, **rows_of_3)
figure.set_size_inches(4.6, 5.2)
figure

# %% [markdown]
# ### Which for which?

# %% alt="A confusion matrix of ten classes. Trousers, sandals, sneakers, bags and boots are nearly all right. Most mistakes are in a block of shirts, T-shirts, pullovers, coats and dresses."
from torchmetrics.classification import MulticlassConfusionMatrix

from pdl.boundary import plot_confusion_matrix

matrix = MulticlassConfusionMatrix(10)(guesses, truth)
plot_confusion_matrix(matrix, test_plain.classes)

# %% [markdown]
# The share of each row that stands on the diagonal is the recall of that class:

# %%
recall = matrix.diagonal() / matrix.sum(dim=1)
hardest = test_plain.classes[int(recall.argmin())]
wrong, tops = guesses != truth, torch.tensor([0, 2, 3, 4, 6])
both_tops = torch.isin(guesses, tops) & torch.isin(truth, tops)
among_tops = both_tops[wrong].float().mean().item()
for name, share in zip(test_plain.classes, recall, strict=True):
    print(f"{name:12} {share:.0%}")

# %% [markdown]
# The hardest class is {{ hardest }}, with {{ f"{recall.min():.0%}" }} found. Of all mistakes,
# {{ f"{among_tops:.0%}" }} are between T-shirt, pullover, dress, coat and shirt. For the shop one
# could join them, collect more of them, or ask for pictures with more pixels.

# %% [markdown]
# ### Most wrong
#
# Sort the mistakes by how sure the model was. The surest ones teach the most.

# %% alt="Ten pictures with the class that the network was sure of in orange, and the true class below it: tops taken for other tops, shoes for other shoes, and some whose label one can doubt." caption="The ten surest mistakes among the test pictures."
wrong_places = wrong.nonzero().flatten()
surest = wrong_places[probs[wrong_places].amax(dim=1).argsort(descending=True)[:10]]
gallery.plot_images_with_predictions(
    test_plain.data[surest].unsqueeze(1), probs[surest], test_plain.classes, truth[surest]
)

# %% [markdown]
# Look at each: did the model fail, or the label?

# %% tags=["check"]
# The network beats chance by far on the test and knows all classes; tops are hardest.
assert test_accuracy > 0.7
assert len(guesses.unique()) == 10
torch.testing.assert_close(nine_probs, probs[shown], rtol=1e-3, atol=1e-4)
assert int(matrix.sum()) == len(truth)
assert int(matrix.diagonal().sum()) == int((guesses == truth).sum())
assert hardest in {"Shirt", "Pullover", "Coat", "T-shirt/top"}
assert among_tops > 0.5
assert (guesses[surest] != truth[surest]).all()
if real:
    assert further["V2: TinyVGG"] > scores["V2: TinyVGG"][0]

# %% [markdown]
# ### Save and load
#
# [`save_model`][pdl.checkpoint.save_model] writes the numbers into a file. A network of the same
# form takes them back, and should give equal logits:

# %%
from pdl.checkpoint import load_model, save_model

path = save_model(vgg, target_dir="models", model_name="03_tiny_vgg.safetensors")
loaded = load_model(TinyVGG(in_channels=1, num_classes=10, image_size=28), path)
loaded.eval()
with torch.inference_mode():
    before, after = vgg(pictures), loaded(pictures)
print(
    path.name,
    f"{path.stat().st_size / 1000:.0f} kB",
    torch.isclose(before, after, atol=1e-4).all(),
)

# %% tags=["check"]
# The loaded network gives the logits of the trained one.
torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-4)
assert torch.equal(before.argmax(dim=1), after.argmax(dim=1))

# %% [markdown]
# ## Recap
#
# - A data set knows its length and its samples by number. A loader shuffles, cuts and stacks.
# - Time the loader. If it is slower than the model, decode once and keep the bytes.
# - A convolution slides few weights over a picture; pooling keeps the largest answers.
# - Compare one change at a time, over several seeds, next to their spread.
# - No ReLU on the logits. Check that a model beats chance and predicts every class.
# - Average over samples, and look at the surest mistakes.
#
# ## Exercises
#
# Exercises 5 to 11 are one project, a network for other pictures. Courses like to take MNIST,
# handwritten digits. It is not in this book's catalog (`pdl data list`) and would have to be
# downloaded, so we take what is: `food_mini`, three dishes. With a network,
# `torchvision.datasets.MNIST` goes the same way.

# %% [markdown] tags=["exercise"] level="open"
# ### Exercise 1: out in the world
#
# Name three uses of computer vision in industry. For each: what goes in, what comes out, and which
# mistake costs more?

# %% [markdown] tags=["solution"]
# For example: sorting fruit (photo, grade; a rotten one let through costs more), reading X-rays
# (picture, finding; a miss costs more), opening a phone (face, yes or no; a stranger let in costs
# more).

# %% [markdown] tags=["exercise"] level="measure" answer=["learned: what `engine.train` returns, with validation", "gap: training accuracy minus validation accuracy, after the last epoch"]
# ### Exercise 2: overfitting
#
# What is it? Show it: train V1 with 100 units on only 200 pictures for 60 epochs.


# %% tags=["solution"]
def memorize(indices, epochs, transform=None):
    torch.manual_seed(42)
    wide = FashionMNISTV1(width=100)
    return engine.train(
        wide,
        InMemoryLoader(plain, shuffle=True, indices=indices, transform=transform),
        InMemoryLoader(plain, batch_size=500, indices=aside[:2000]),
        optimizer=torch.optim.Adam(wide.parameters(), lr=0.003),
        loss_fn=loss_fn,
        epochs=epochs,
        progress=False,
    )


learned = memorize(range(200), epochs=60)
gap = learned["train_acc"][-1] - learned["val_acc"][-1]
print(f"train {learned['train_acc'][-1]:.1%}, validation {learned['val_acc'][-1]:.1%}")

# %% tags=["solution", "check"]
# It knows its 200 pictures by heart, and is far worse on others: that gap is overfitting.
assert learned["train_acc"][-1] > 0.98
assert gap > 0.15
assert learned["val_acc"][-1] > 0.5

# %% [markdown] tags=["exercise"] level="measure" answer=["more_data: what `engine.train` returns for more pictures, say 3,000", "moved: the same for the 200 pictures, changed by augmentation", "best_epoch: of `learned`, the epoch with the lowest validation loss, counted from 0"]
# ### Exercise 3: three ways against it
#
# Name three, and measure what each does here.

# %% tags=["solution"]
from pdl.data.augment import BatchAugment

more_data = memorize(range(3000), epochs=4)  # the same number of steps, about
moved = memorize(range(200), epochs=60, transform=BatchAugment(shift=0.1, zoom=0.1))
best_epoch = min(range(60), key=lambda epoch: learned["val_loss"][epoch])
for name, rows in (("more pictures", more_data), ("moved pictures", moved)):
    seen, unseen = rows["train_acc"][-1], rows["val_acc"][-1]
    print(f"{name}: train {seen:.1%}, validation {unseen:.1%}")
print(f"stop early: lowest validation loss after epoch {best_epoch + 1} of 60")

# %% tags=["solution", "check"]
# More data and augmentation narrow the gap; the validation loss is lowest early.
assert more_data["val_acc"][-1] > learned["val_acc"][-1]
assert more_data["train_acc"][-1] - more_data["val_acc"][-1] < gap
assert moved["train_acc"][-1] - moved["val_acc"][-1] < gap
assert best_epoch < 50
assert learned["val_loss"][best_epoch] < learned["val_loss"][-1]

# %% [markdown] tags=["solution"]
# A smaller gap is not yet a better model. More pictures bring validation from {{ f"{learned['val_acc'][-1]:.1%}" }} to
# {{ f"{more_data['val_acc'][-1]:.1%}" }}. Moved and mirrored pictures bring it to
# {{ f"{moved['val_acc'][-1]:.1%}" }}: here they
# {{ "helped" if moved["val_acc"][-1] > learned["val_acc"][-1] + 0.01 else "did not help" }}.
# {{ "" if moved["val_acc"][-1] > learned["val_acc"][-1] + 0.01 else "The clothes all lie in the middle and look the same way, in training and in validation. What was added is not what is missing, and to this model, which knows no neighbors, a moved shirt is a new picture." }}
# Stopping early costs nothing: after epoch {{ best_epoch + 1 }} the validation loss was
# {{ f"{learned['val_loss'][best_epoch]:.2f}" }}, at the end {{ f"{learned['val_loss'][-1]:.2f}" }}.

# %% [markdown] tags=["exercise"] level="build" answer=["found: what `convolve` answers to a cross: 15 x 15 zeros with ones in row 7 and in column 7, both from 2 to 12; the filter has rows of -1, of 2 and of -1"]
# ### Exercise 4: a picture of your own
#
# Spend a while with the [CNN Explainer](https://poloclub.github.io/cnn-explainer/). Then draw a
# picture and send it through `convolve` with a filter of your own.

# %% tags=["solution"] alt="Left: a white cross on black. Right: the answer of a filter for level lines; the level bar of the cross is bright and its upright bar is not."
cross = torch.zeros(15, 15)
cross[7, 2:13] = cross[2:13, 7] = 1
level_line = torch.tensor([[-1.0, -1, -1], [2, 2, 2], [-1, -1, -1]])
found = convolve(cross, level_line)
_, panels = plt.subplots(1, 2, figsize=(4.6, 2.2))
for ax, grid in zip(panels, (cross, found.clamp(min=0)), strict=True):
    ax.imshow(grid, cmap="cividis")
    ax.set_axis_off()

# %% tags=["solution", "check"]
# The level bar answers with 6, the upright bar with 0.
assert found[6, 3].item() == 6
assert found[2, 6].item() == 0

# %% [markdown] tags=["exercise"] level="warm-up" answer=["food_train: the training part, as `ImageFolderCustom`", "food_test: the test part"]
# ### Exercise 5: load other pictures
#
# Get `food_mini`, training and test part. How many pictures and classes are there?

# %% tags=["solution"]
from pdl.data.folder import ImageFolderCustom
from pdl.data.sources import find

food = find("food_mini")
food_train, food_test = ImageFolderCustom(food.train_dir), ImageFolderCustom(food.test_dir)
real_food = food.kind == "real"
print(food.kind, len(food_train), len(food_test), food_train.classes)

# %% tags=["solution", "check"]
# There are 225 and 75 pictures of three dishes.
assert (len(food_train), len(food_test)) == (225, 75)
assert food_train.classes == ["pizza", "steak", "sushi"] == food_test.classes

# %% [markdown] tags=["exercise"] level="warm-up" answer=["food_train: the data set of exercise 5"]
# ### Exercise 6: look at them
#
# Show five, with their names.

# %% tags=["solution"] alt="Five color pictures of food, each with its name above: pizza, steak or sushi."
gallery.display_random_images(food_train, food_train.classes, n=5, seed=42)

# %% tags=["solution", "check"]
# They are color pictures, with a label from 0 to 2.
picture, number = food_train[0]
assert picture.mode == "RGB"
assert number in {0, 1, 2}

# %% [markdown] tags=["exercise"] level="warm-up" answer=["food_loader: the loader of the training part", "food_test_loader: the loader of the test part, not shuffled"]
# ### Exercise 7: loaders
#
# Make loaders with batches of 32, all pictures 32 by 32 pixels. How many batches will there be?

# %% tags=["solution"]
food_loader = InMemoryLoader(food_train, batch_size=32, shuffle=True, image_size=32)
food_test_loader = InMemoryLoader(food_test, batch_size=32, image_size=32)
print(len(food_loader), len(food_test_loader), next(iter(food_loader))[0].shape)

# %% tags=["solution", "check"]
# 225 pictures make 8 batches and 75 make 3; the last ones are short.
assert (len(food_loader), len(food_test_loader)) == (8, 3)
assert next(iter(food_test_loader))[0].shape == (32, 3, 32, 32)

# %% [markdown] tags=["exercise"] level="build" answer=["food_vgg: the trained model", "food_accuracy: its accuracy on the test part", "commonest: the share of the commonest dish there"]
# ### Exercise 8: a TinyVGG for them
#
# What must change, and how many parameters will it have? Train it until it beats the answer that
# knows nothing: always the commonest dish. 225 pictures are few, so take smaller batches, and move
# the pictures as in exercise 3.

# %% tags=["solution"]
torch.manual_seed(42)
normalize = v2.Normalize(mean=[0.5] * 3, std=[0.25] * 3)  # to between -2 and 2
food_vgg = nn.Sequential(normalize, TinyVGG(in_channels=3, num_classes=3, image_size=32))
moves = BatchAugment(shift=0.1, zoom=0.15, rotate=10, brightness=0.1, contrast=0.2)
by_16 = {"batch_size": 16, "shuffle": True, "image_size": 32, "seed": 42}
moving = InMemoryLoader(food_train, transform=moves, **by_16)
adam = torch.optim.Adam(food_vgg.parameters(), lr=0.003)
falling = torch.optim.lr_scheduler.LinearLR(adam, 1, 0, total_iters=25 * len(moving))
rate = {"optimizer": adam, "scheduler": falling, "schedule_every": "step"}
rate |= {"loss_fn": loss_fn, "progress": False, "channels_last": True}
engine.train(food_vgg, moving, epochs=25, **rate)
food_accuracy = engine.test_step(food_vgg, food_test_loader, loss_fn).metric
commonest = max(food_test.targets.count(dish) for dish in range(3)) / len(food_test)
print(f"{food.kind} pictures: test {food_accuracy:.1%}, commonest dish {commonest:.1%}")

# %% tags=["solution", "check"]
# Three channels in, three classes out: 4,933 parameters; it beats the commonest dish.
assert sum(p.numel() for p in food_vgg.parameters()) == 4933
assert food_accuracy > commonest + 0.03

# %% [markdown] tags=["solution"]
# {{ f"{food_accuracy:.0%}" }} against {{ f"{commonest:.0%}" }}:
# {{ "it has learned something, and it is no expert. 225 small photos are few." if real_food else "drawn dishes are easy to tell apart." }}
# The next chapters are about that.

# %% [markdown] tags=["exercise"] level="measure" answer=["places: a list of device types, \"cpu\" first", "epoch_seconds: a dict from each place to the seconds of the second epoch there"]
# ### Exercise 9: on each device
#
# Time one epoch on the CPU and, if you have one, on a GPU. Which is faster, and why may it be the
# CPU?

# %% tags=["solution"]
places = ["cpu"]
if torch.accelerator.is_available():
    places.append(torch.accelerator.current_accelerator().type)
epoch_seconds = {}
for place in places:
    copy = TinyVGG(in_channels=3, num_classes=3, image_size=32).to(place)
    there = InMemoryLoader(food_train, shuffle=True, image_size=32, device=place)
    sgd = torch.optim.SGD(copy.parameters(), lr=0.01)
    settings = {"optimizer": sgd, "loss_fn": loss_fn, "progress": False}
    epoch_seconds[place] = engine.train(copy, there, epochs=2, **settings)["seconds"][-1]
print({place: f"{seconds:.2f} s" for place, seconds in epoch_seconds.items()})

# %% tags=["solution", "check"]
# The CPU was timed, and each accelerator that is there; the second epoch, after warming up.
assert list(epoch_seconds) == places
assert all(seconds > 0 for seconds in epoch_seconds.values())
assert len(places) == 1 + torch.accelerator.is_available()

# %% [markdown] tags=["solution"]
# The CPU may win. Each layer has to be started on the GPU from Python, and for so few numbers that
# takes longer than the arithmetic.

# %% [markdown] tags=["exercise"] level="build" answer=["food_probs: the probabilities for all test pictures, shape (75, 3)", "food_truth: their labels"]
# ### Exercise 10: predict
#
# Show five test pictures with what the network says.

# %% tags=["solution"] alt="Five test pictures of food with the predicted dish and its probability; wrong ones stand in orange with the true dish below."
food_probs, food_truth = predict_loader(food_vgg, food_test_loader)
five = torch.arange(0, 75, 15)
gallery.plot_images_with_predictions(
    food_test_loader.dataset.data[five],
    food_probs[five],
    food_test.classes,
    food_truth[five],
)

# %% tags=["solution", "check"]
# The probabilities of each picture add up to one, and all three dishes are predicted.
torch.testing.assert_close(food_probs.sum(dim=1), torch.ones(75))
assert food_probs.argmax(dim=1).unique().tolist() == [0, 1, 2]

# %% [markdown] tags=["exercise"] level="build" answer=["food_matrix: your counts, whole numbers of shape (3, 3); a row for each true dish"]
# ### Exercise 11: its confusion matrix
#
# Which dish is taken for which? Count by hand, and compare with `torchmetrics`.

# %% tags=["solution"]
food_matrix = torch.zeros(3, 3, dtype=torch.int64)
for real_dish, said_dish in zip(food_truth, food_probs.argmax(dim=1), strict=True):
    food_matrix[real_dish, said_dish] += 1
print(food_matrix)

# %% tags=["solution", "check"]
# By hand equals torchmetrics; the diagonal is the accuracy.
theirs = MulticlassConfusionMatrix(3)(food_probs.argmax(dim=1), food_truth)
assert torch.equal(food_matrix, theirs)
assert abs(food_matrix.diagonal().sum().item() / 75 - food_accuracy) < 1e-6

# %% [markdown] tags=["exercise"] level="warm-up" answer=["size_after: the formula: side, filter, padding and stride in, the new side out", "shapes: a dict from (filter, padding, stride) to the shape after `nn.Conv2d(3, 10, ...)`; (3, 1, 1) is among them"]
# ### Exercise 12: the settings of `Conv2d`
#
# Send a tensor of shape `(1, 3, 64, 64)` through filters of 3, 5 and 7, strides of 1 and 2, with
# and without padding. Predict each shape with the formula first.


# %% tags=["solution"]
def size_after(n, k, p, s):
    return (n + 2 * p - k) // s + 1


shapes = {}
for k, p, s in ((3, 0, 1), (3, 1, 1), (3, 1, 2), (5, 0, 1), (5, 2, 2), (7, 0, 2)):
    layer = nn.Conv2d(3, 10, kernel_size=k, padding=p, stride=s)
    shapes[k, p, s] = tuple(layer(torch.rand(1, 3, 64, 64)).shape)
    print(f"filter {k}, padding {p}, stride {s}: {shapes[k, p, s]}")

# %% tags=["solution", "check"]
# The formula gives each size: larger filters and strides shrink, padding makes up for it.
for (k, p, s), shape in shapes.items():
    assert shape == (1, 10, size_after(64, k, p, s), size_after(64, k, p, s))
assert shapes[3, 1, 1] == (1, 10, 64, 64)

# %% [markdown] tags=["exercise"] level="measure" answer=["second_right: the share of the mistakes where the second choice is right", "overall: the share of all test pictures that a different model gets wrong", "shared: its share of those that the first model got wrong"]
# ### Exercise 13: model or data?
#
# A mistake may be the model's, or the picture may be hard for anybody. Of the pictures that the
# network got wrong, how often was its *second* choice right? And if you train a different model,
# does it fail on the same pictures?

# %% tags=["solution"]
second = probs.topk(2, dim=1).indices[:, 1]
second_right = (second == truth)[wrong].float().mean().item()
test_loader_plain = InMemoryLoader(test_plain, batch_size=500)
other_probs, _ = predict_loader(runs["V1 with 50 units"][0][0], test_loader_plain)
other_wrong = other_probs.argmax(dim=1) != truth
shared = other_wrong[wrong].float().mean().item()
print(f"second choice right: {second_right:.0%}")
overall = other_wrong.float().mean().item()
print(f"V1 is wrong on {overall:.0%} of all, and on {shared:.0%} of these")

# %% tags=["solution", "check"]
# The second choice is mostly right, and both models fail on the same pictures: hard data.
assert second_right > 0.5
assert shared > 1.5 * overall

# %% [markdown] tags=["solution"]
# Two models that share little but the data fail together. So much of it is the data: 28 by 28 gray
# pixels do not show whether a shirt has buttons.

# %% [markdown]
# ## Where next
#
# The pictures came ready, all of one size. [The next chapter](04_custom_datasets.md) takes photos of food as they lie in
# folders. The API pages of what appeared here:
# [`pdl.data.fashion`](../api/data.fashion.md), [`pdl.data.memory`](../api/data.memory.md),
# [`pdl.models.mlp`](../api/models.mlp.md), [`pdl.models.tiny_vgg`](../api/models.tiny_vgg.md),
# [`pdl.engine`](../api/engine.md), [`pdl.gallery`](../api/gallery.md) and
# [`pdl.predict`](../api/predict.md).
#
# Worth reading besides: [Making Deep Learning Go Brrrr](https://horace.io/brrr_intro.html), on
# where the time of a GPU goes, and [convolutions](https://d2l.ai/chapter_convolutional-neural-networks/index.html)
# in *Dive into Deep Learning*.
