# ---
# title: Cheat sheet
# description: PyTorch on two sheets of paper, and every line of it runs when this page is built.
# order: 22
# level: beginner
# needs: []
# gives: [PyTorch at a glance]
# minutes: 10
# data: [{name: food_mini}]
# seed: 42
# ---
# %% [markdown]
# # Cheat sheet
#
# For when you know what you want and not what it is called. Every line ran when this page was
# built. It prints on two sheets. Names of shapes: `B` batch, `C` channels, `H` height, `W` width.
# {: .pdl-sheet }

# %% tags=["hide-input"] name="result" alt="Three small charts. Activations between minus 3 and 3: ReLU is zero and then a straight line, GELU dips below zero before it rises, tanh goes from minus 1 to 1, sigmoid from 0 to 1. Losses by error: L1 is a V, MSE a parabola, Huber a parabola that becomes straight. Learning rates by step: cosine falls smoothly from 1 to 0, StepLR in stairs, one-cycle rises first." caption="What is hard to remember in words: activations by input, losses by error, learning rates by step."
import torch
from matplotlib import pyplot
from torch.nn import functional

from pdl import plotting

plotting.use_style()
c = plotting.COLORS
x_axis = torch.linspace(-3, 3, 121)
zero, steps = torch.zeros(121), range(101)
activations = {
    "ReLU": torch.relu(x_axis),
    "GELU": functional.gelu(x_axis),
    "tanh": torch.tanh(x_axis),
    "sigmoid": torch.sigmoid(x_axis),
}
errors = {
    "MSE": functional.mse_loss(x_axis, zero, reduction="none"),
    "L1": functional.l1_loss(x_axis, zero, reduction="none"),
    "Huber": functional.huber_loss(x_axis, zero, reduction="none"),
}


def rates(make):
    walker = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, seen = make(walker), []
    for _ in steps:
        seen.append(scheduler.get_last_lr()[0])
        walker.step()
        if len(seen) < len(steps):
            scheduler.step()
    return seen


lr = torch.optim.lr_scheduler
schedules = {
    "cosine": rates(lambda walker: lr.CosineAnnealingLR(walker, T_max=100)),
    "StepLR": rates(lambda walker: lr.StepLR(walker, step_size=30, gamma=0.4)),
    "one-cycle": rates(lambda walker: lr.OneCycleLR(walker, max_lr=1.0, total_steps=101)),
}
_, panels = pyplot.subplots(1, 3, figsize=(7.2, 2.3))
charts = (
    ("input", x_axis, activations, (-1.2, 2.2)),
    ("error", x_axis, errors, (-0.1, 3.2)),
    ("step", steps, schedules, (0, 1.05)),
)
colors = [c[name] for name in ("blue", "orange", "green", "violet")]
for ax, (name_of_x, across, curves, limits) in zip(panels, charts, strict=True):
    for (name, values), color in zip(curves.items(), colors, strict=False):
        ax.plot(across, values, color=color, label=name, lw=1.6)
    ax.set(ylim=limits)
    ax.set_xlabel(name_of_x, fontsize=10)
    ax.tick_params(labelsize=9)
    ax.legend(fontsize=8.5, frameon=False, handlelength=1, borderaxespad=0.1)

# %% [markdown]
# ## Import

# %%
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

# %% [markdown]
# ## Create

# %%
a = torch.tensor([[1.0, 2.0], [3.0, 4.0]])  # from lists
zeros, ones = torch.zeros(2, 3), torch.ones(2, 3)
uniform = torch.rand(2, 3)  # from 0 up to 1, without 1
normal = torch.randn(2, 3)  # mean 0, standard deviation 1
dice = torch.randint(1, 7, (10,))  # whole numbers from 1 to 6
ladder = torch.arange(0, 10, 2)  # 0, 2, 4, 6, 8
line = torch.linspace(0, 1, 5)  # 0, 0.25, 0.5, 0.75, 1: both ends
alike = torch.zeros_like(a)  # shape, dtype and device of a

# %% [markdown]
# ## Look, convert, move

# %%
print(a.shape, a.ndim, a.numel(), a.dtype, a.device)  # the first things to print
single = a[0, 0].item()  # a number of Python's, of a tensor with one element
halves, whole = a.half(), a.long()  # float16, int64; also .float(), .double(), .bool()
device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
a = a.to(device)  # a copy there: keep the result
a = a.cpu()

# %% tags=["check"]
# What the comments on the first cells say.
assert ladder.tolist() == [0, 2, 4, 6, 8]
assert line.tolist() == [0, 0.25, 0.5, 0.75, 1]
assert set(torch.randint(1, 7, (1000,)).tolist()) == set(range(1, 7))
assert (halves.dtype, whole.dtype) == (torch.float16, torch.int64)
assert single == 1.0

# %% [markdown]
# ## Index and reshape

# %%
t = torch.arange(24).reshape(2, 3, 4)  # as many elements as before; -1: work it out
first, column, last = t[0], t[:, :, 1], t[..., -1]  # (3, 4), (2, 3), (2, 3)
large = t[t > 20]  # a mask: 21, 22, 23
flat = t.flatten(start_dim=1)  # (2, 12)
batch_of_one = t.unsqueeze(0)  # (1, 2, 3, 4)
back = batch_of_one.squeeze(0)  # (2, 3, 4); without a number: every side of 1
channels_first = t.permute(2, 0, 1)  # (4, 2, 3); the same memory
stacked = torch.stack([t, t])  # (2, 2, 3, 4): a new side
joined = torch.cat([t, t], dim=0)  # (4, 3, 4): along a side

# %% [markdown]
# ## Calculate

# %%
b = a * 2 + 1  # element by element; shapes are stretched from the right (broadcasting)
product = a @ b  # matrices: (n, k) @ (k, m) -> (n, m)
by_column, total = a.mean(dim=0), a.sum()  # dim is the side that goes
peak, place = a.max(dim=1)  # values and where they are
winner = a.argmax(dim=1)
rescaled = a.clamp(0, 3).sqrt()
shared = torch.from_numpy(np.ones(3))  # float64, and the same memory
array = a.detach().cpu().numpy()  # back

# %% tags=["check"]
# Shapes and values are as the comments say; permute and from_numpy share memory.
assert (column.shape, last.shape, flat.shape) == ((2, 3), (2, 3), (2, 12))
assert large.tolist() == [21, 22, 23]
assert batch_of_one.shape == (1, 2, 3, 4)
assert back.shape == t.shape
assert channels_first.shape == (4, 2, 3)
assert channels_first.data_ptr() == t.data_ptr()
assert (stacked.shape, joined.shape) == ((2, 2, 3, 4), (4, 3, 4))
assert product.tolist() == [[17, 23], [37, 51]]
assert torch.equal(place, winner)
assert shared.dtype == torch.float64

# %% [markdown]
# ## Seed

# %%
from pdl.seed import make_generator, set_seeds

torch.manual_seed(42)  # PyTorch on every device
set_seeds(42)  # also Python's random and NumPy
generator = make_generator(42)  # one stream for itself: torch.rand(3, generator=generator)

# %% [markdown]
# ## Data

# %%
from pdl.data import sources, toy

points, labels = toy.blobs(1000, generator=generator)  # (1000, 2), four classes
blobs = TensorDataset(points, labels)
parts = random_split(blobs, [0.6, 0.2, 0.2], generator=generator)
train_loader = DataLoader(parts[0], batch_size=32, shuffle=True, generator=generator)
val_loader, test_loader = (DataLoader(part, batch_size=256) for part in parts[1:])


class Squares(Dataset):  # your own: how many, and number i
    def __len__(self):
        return 10

    def __getitem__(self, index):
        return torch.tensor([float(index)]), torch.tensor([float(index**2)])


# %% [markdown]
# Pictures lie in folders, one for each class: `train/pizza/1.jpg`.

# %%
augment = v2.Compose([
    v2.Resize((64, 64), antialias=True),
    v2.RandomHorizontalFlip(),  # training only
    v2.ToImage(),
    v2.ToDtype(torch.float32, scale=True),  # bytes to [0, 1]
    v2.Normalize(mean=[0.5] * 3, std=[0.5] * 3),  # to [-1, 1]
])  # fmt: skip
food = sources.find("food_mini")
photos = ImageFolder(food.train_dir, transform=augment)
images, kinds = next(iter(DataLoader(photos, batch_size=8, shuffle=True)))
print(photos.classes, tuple(images.shape), kinds.dtype)

# %% tags=["check"]
# Three parts without overlap; pictures are (B, C, H, W) in [-1, 1], labels whole numbers.
indices = [set(part.indices) for part in parts]
assert [len(part) for part in indices] == [600, 200, 200]
assert len(set.union(*indices)) == 1000
assert Squares()[3][1].item() == 9
assert images.shape == (8, 3, 64, 64)
assert -1 <= images.min() < 0 < images.max() <= 1
assert kinds.dtype == torch.int64

# %% [markdown]
# ## Layers

# %%
layers = {
    "linear": (nn.Linear(16, 32), torch.rand(8, 16)),
    "convolution": (nn.Conv2d(3, 10, kernel_size=3, padding=1), torch.rand(8, 3, 64, 64)),
    "pooling": (nn.MaxPool2d(2), torch.rand(8, 10, 64, 64)),
    "flatten": (nn.Flatten(), torch.rand(8, 10, 32, 32)),
    "batch norm": (nn.BatchNorm2d(10), torch.rand(8, 10, 32, 32)),
    "layer norm": (nn.LayerNorm(16), torch.rand(8, 5, 16)),
    "dropout": (nn.Dropout(p=0.2), torch.rand(8, 16)),  # only in train()
    "embedding": (nn.Embedding(100, 16), torch.randint(100, (8, 5))),
    "recurrent": (nn.LSTM(16, 32, batch_first=True), torch.rand(8, 5, 16)),
    "transformer": (
        nn.TransformerEncoderLayer(16, nhead=4, batch_first=True),
        torch.rand(8, 5, 16),
    ),
}
for name, (layer, x) in layers.items():
    y = layer(x)
    y = y[0] if isinstance(y, tuple) else y  # an LSTM returns its state as well
    print(f"{name:12} {tuple(x.shape)!s:16} -> {tuple(y.shape)}")

# %% [markdown]
# Activations: `nn.ReLU()`, `nn.GELU()`, `nn.Tanh()`, `nn.Sigmoid()`; `F.softmax(x, dim=-1)` to show
# probabilities, not before a loss.
#
# ## Model, loss, optimizer, schedule


# %%
class Net(nn.Module):
    def __init__(self, features=2, width=16, num_classes=4):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(features, width), nn.ReLU())
        self.head = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.head(self.body(x))  # logits, without softmax


model = Net().to(device)
num_parameters = sum(p.numel() for p in model.parameters())
loss_fn = nn.CrossEntropyLoss()  # nn.BCEWithLogitsLoss(), nn.MSELoss(), nn.L1Loss()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)  # or SGD, Adam
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)  # epochs

# %% [markdown]
# ## Train, by hand

# %%
for _epoch in range(10):
    model.train()  # dropout and batch norm as in training
    for inputs, targets in train_loader:
        x, y = inputs.to(device), targets.to(device)
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    scheduler.step()

# %% [markdown]
# ## Evaluate and predict

# %%
model.eval()
with torch.inference_mode():  # no gradients
    hits, seen = 0, 0
    for x, y in test_loader:
        predicted = model(x.to(device)).argmax(dim=1).cpu()
        hits, seen = hits + (predicted == y).sum().item(), seen + len(y)  # count samples
    probabilities = F.softmax(model(points[:5].to(device)), dim=1)
print(f"{hits} of {seen} right; first point: {probabilities[0].max():.0%} sure")

# %% [markdown]
# ## The same with the library

# %%
from pdl import engine, metrics

twin = Net().to(device)
history = engine.train(
    twin,
    train_loader,
    val_loader,
    optimizer=torch.optim.AdamW(twin.parameters(), lr=0.01),
    loss_fn=loss_fn,
    epochs=10,
    progress=False,
)
result = engine.test_step(twin, test_loader, loss_fn, metric=metrics.accuracy)
print(f"test loss {result.loss:.3f}, accuracy {result.metric:.1%}")

# %% tags=["hide-input"] alt="Two small charts over ten epochs. The loss of training and of validation falls and flattens; the accuracy of both rises towards one." caption="`pdl.plotting.plot_loss_curves(history)`"
figure = plotting.plot_loss_curves(history)
figure.set_size_inches(7.2, 2.4)
figure

# %% tags=["check"]
# Both loops beat the chance of a quarter by far, and name all four classes.
assert hits / seen > 0.8
assert result.metric > 0.8
assert len(predicted.unique()) == 4
torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(5, device=device))

# %% [markdown]
# ## Save and load

# %%
folder = tempfile.TemporaryDirectory()
file = Path(folder.name, "net.pth")
torch.save(model.state_dict(), file)  # the numbers, not the class
loaded = Net()
loaded.load_state_dict(torch.load(file, weights_only=True, map_location="cpu"))
_ = loaded.eval()

# %% [markdown] tags=["wrong"]
# **The answers change each time you ask.** A model is in training mode when it is made. Call
# `eval()` before you predict, or dropout goes on.

# %% [markdown]
# ## A trained network, frozen

# %%
from pdl.models.backbone import create_backbone

backbone = create_backbone("efficientnet_lite0", num_classes=3)  # a new last layer
trainable = sum(p.numel() for p in backbone.parameters() if p.requires_grad)
for p in loaded.body.parameters():  # by hand
    p.requires_grad_(False)

# %% [markdown]
# ## Faster

# %%
vision = nn.Conv2d(3, 8, 3).to(device, memory_format=torch.channels_last)
with torch.autocast(device.type, dtype=torch.bfloat16):  # forward and loss, not backward
    mixed = vision(images.to(device))
compiled = torch.compile(model)  # compiles at its first call; same parameters
pinned = DataLoader(blobs, batch_size=256, pin_memory=device.type == "cuda")

# %% tags=["check"]
# The loaded model is the trained one; only the head of the backbone learns; 16 bits.
torch.testing.assert_close(loaded(points), model(points.to(device)).cpu())
assert trainable == backbone.num_features * 3 + 3
assert mixed.dtype == torch.bfloat16
assert next(compiled.parameters()) is next(model.parameters())
folder.cleanup()

# %% [markdown]
# ## Recap
#
# | look up | in |
# |---|---|
# | tensors, shapes, seeds | [fundamentals](00_fundamentals.md) |
# | loop, saving, schedules | [workflow](01_workflow.md) |
# | logits, losses, metrics | [classification](02_classification.md) |
# | convolutions, loaders | [computer vision](03_computer_vision.md) |
# | folders, augmentation | [custom datasets](04_custom_datasets.md) |
# | scripts, resuming | [going modular](05_going_modular.md) |
# | frozen backbones | [transfer learning](06_transfer_learning.md) |
# | attention | [the ViT paper](08_vision_transformer.md) |
# | messages | [three common errors](common_errors.md) |
# | speed | [how fast it is](../speed.md) |
