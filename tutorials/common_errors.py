# ---
# title: Three common errors
# description: Shape, dtype and device. How to read what PyTorch says, word by word, and what to do about it.
# order: 21
# level: beginner
# needs: [00_fundamentals]
# gives: [reading error messages, a look at any tensor, shapes through a network]
# minutes: 40
# data: []
# seed: 42
# ---
# %% [markdown]
# # Three common errors
#
# Most errors of beginners, and of everybody else, are one of three. Two tensors do not fit
# together in **shape**, in **dtype**, or in **device**. The messages look cryptic and are exact:
# they name both sides. This page makes each error on purpose and reads the message to you.

# %% tags=["hide-input"] name="result" alt="Two products of matrices, drawn to scale as rectangles. Above, a batch of 32 rows and 784 columns meets a weight of 784 rows and 128 columns; the long sides that meet, both 784, are blue, and the result is 32 by 128. Below, the batch has 2352 columns, three times as wide, the weight still has 784 rows; the two sides are orange, and there is a cross where the result would be." caption="Why shapes do not fit: the columns on the left must be as many as the rows on the right. Below, someone fed color pictures to a network for gray ones."
from matplotlib import pyplot

from pdl import plotting

plotting.use_style()
c = plotting.COLORS
_, panels = pyplot.subplots(2, 1, figsize=(7.2, 4.9))
for ax, columns in zip(panels, (784, 2352), strict=True):
    fits = columns == 784
    ink = c["blue"] if fits else c["orange"]
    wide, tall = columns / 784 * 1.4, 1.4
    for left, bottom, width, height, label in (
        (0, 1.1, wide, 0.3, f"batch\n32 x {columns}"),
        (wide + 0.5, 0.0, 0.5, tall, "weight\n784 x 128"),
        *(((wide + 1.9, 1.1, 0.5, 0.3, "output\n32 x 128"),) if fits else ()),
    ):
        corner = (left, bottom)
        box = pyplot.Rectangle(corner, width, height, fc=c["wash"], ec=c["muted"])
        ax.add_patch(box)
        ax.text(left + width / 2, 1.48, label, ha="center", va="bottom", fontsize=12)
    ax.plot([0, wide], [1.1, 1.1], color=ink, lw=4, solid_capstyle="butt")
    ax.plot([wide + 0.5] * 2, [0, tall], color=ink, lw=4, solid_capstyle="butt")
    words = {"color": ink, "fontsize": 12}
    ax.text(wide / 2, 1.0, f"{columns} columns", ha="center", va="top", **words)
    ax.text(wide + 0.4, 0.35, "784 rows", ha="right", va="center", **words)
    ax.text(wide + 0.25, 1.24, "@", ha="center", va="center")
    sign = "=" if fits else "✗"
    ax.text(wide + 1.45, 1.24, sign, ha="center", va="center", color=ink, fontsize=18)
    ax.set(xlim=(-0.1, 6.2), ylim=(-0.05, 2.1), aspect="equal")
    ax.set_axis_off()

# %% [markdown]
# **You will** read messages from their last line, find both sides in them, follow a batch through
# a network layer by layer, and meet the mistakes that raise nothing at all.
#
# **You need** [tensors](00_fundamentals.md). Losses and layers are explained where chapters
# [01](01_workflow.md) to [03](03_computer_vision.md) build them; here they only fail.
#
# **It takes** no GPU and no download.

# %% [markdown]
# ## Set up
#
# `say` prints an error as the last line of a traceback does, wrapped to the width of the page.
# `other` is a second device. What it is good for comes last.

# %%
import textwrap
import traceback
import warnings

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from pdl import plotting
from pdl.info import info

plotting.use_style()
torch.manual_seed(42)
other = torch.accelerator.current_accelerator(check_available=True) or torch.device("meta")
print(info())


def say(error):
    print(textwrap.fill(f"{type(error).__name__}: {error}", 78))


# %% [markdown]
# ## Read from the bottom
#
# A failing line prints a *traceback*: the calls that were under way, the outermost first. Long
# ones frighten, and most of their lines are PyTorch's own. Two lines matter:
#
# 1. the **last**: the kind of error, and the message;
# 2. the lowest line of **your own** code: there you stand when you mend it.
#
# Here a network fails, and we print the calls as a traceback does, without the files they are in.

# %%
hidden_layers = [nn.Linear(28 * 28, 128), nn.ReLU(), nn.Linear(128, 10)]
network = nn.Sequential(nn.Flatten(), *hidden_layers)
color_pictures = torch.rand(32, 3, 28, 28)

try:
    network(color_pictures)
except RuntimeError as error:
    product_error = error
    calls = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    print(" > ".join(calls))
    say(error)

# %% [markdown]
# The first call, `<module>`, is this page. `Sequential` went through its layers, and the last call
# is the `forward` of a `Linear`. So one of the linear layers refused its input, and the message
# says why. Word by word:
#
# | words | meaning |
# |---|---|
# | `mat1 and mat2` | the two sides of a matrix multiplication: a `Linear` multiplies its input, `mat1`, by its weight, `mat2` |
# | `shapes cannot be multiplied` | the inner sides differ |
# | `(32x2352 and 784x128)` | rows x columns of the one, then of the other |
#
# The two numbers in the middle must be equal. They are
# {{ color_pictures[0].numel() }} and {{ network[1].in_features }}, and their ratio is
# {{ color_pictures[0].numel() // network[1].in_features }}: three color channels, where the layer
# was built for one. A ratio that is a small whole number often names the cause.

# %% tags=["check"]
# The message names both shapes, and the last call is the forward of a layer.
assert "32x2352" in str(product_error)
assert "784x128" in str(product_error)
assert calls[-1] == "forward"

# %% [markdown]
# ## The habit: look
#
# Nearly every one of these errors is found by printing three facts of the tensors in the failing
# line. Do it often enough, and it deserves a function.


# %%
def look(**tensors):
    """Print shape, dtype and device of each tensor, and its range."""
    for name, tensor in tensors.items():
        ends = "no data" if tensor.is_meta else f"{tensor.min():.3g} to {tensor.max():.3g}"
        shape = tuple(tensor.shape)
        print(f"{name:14} {shape!s:18} {tensor.dtype!s:14} {tensor.device!s:6} {ends}")


look(pictures=color_pictures, weight=network[1].weight.detach())

# %% [markdown]
# Shape, dtype, device, and the range for free. The range catches a fourth error, which is silent:
# pixels from 0 to 255 where the network expects 0 to 1.

# %% [markdown]
# ## Shape
#
# ### The wrong number after `Flatten`
#
# After convolutions somebody has to say how many numbers are left. It is easy to get wrong.

# %% [markdown] tags=["checkpoint"]
# **Predict first.** Pictures of 64 x 64 go through a 3 x 3 convolution without padding and a pooling
# of 2. The author thought "half of 64 is 32". How many rows and columns are really left?

# %%
vision = nn.Sequential(
    nn.Conv2d(3, 8, kernel_size=3),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(8 * 32 * 32, 10),
)
batch = torch.rand(4, 3, 64, 64)

try:
    vision(batch)
except RuntimeError as error:
    flatten_error = error
    say(error)


# %% [markdown]
# The layer expects {{ f"{vision[3].in_features:,}" }} numbers and gets
# {{ f"{8 * 31 * 31:,}" }}, which is 8 x 31 x 31. The convolution took a pixel off each border
# before the pooling halved the rest.
#
# Do not compute such numbers in your head. Let a batch walk through the network and print what each
# layer makes of it:


# %%
def trace(model, x):
    """Send x through a Sequential, print each shape, and stop where it fails."""
    shapes = [tuple(x.shape)]
    for layer in model:
        try:
            x = layer(x)
        except RuntimeError as error:
            print(f"{type(layer).__name__:12} fails\n{error}")
            break
        shapes.append(tuple(x.shape))
        print(f"{type(layer).__name__:12} {shapes[-2]} -> {shapes[-1]}")
    return shapes


shapes = trace(vision, batch)

# %% [markdown]
# Or let PyTorch count. A *lazy* layer takes the number of inputs from the first batch it sees, and
# is an ordinary layer from then on. [`LazyLinear`][torch.nn.LazyLinear] and
# [`LazyConv2d`][torch.nn.LazyConv2d] are the two you will want. Send one batch through **before**
# you give the parameters to an optimizer; until then there are none.

# %%
lazy = nn.Sequential(*vision[:3], nn.LazyLinear(10))
print("before:", lazy[3])
lazy(batch)
print("after: ", lazy[3])

# %% tags=["check"]
# The walk ends at the shape that the message names; the lazy layer found it alone.
assert shapes[-1] == (4, 8 * 31 * 31)
assert "4x7688" in str(flatten_error)
assert "8192x10" in str(flatten_error)
assert lazy[3].in_features == 8 * 31 * 31
assert type(lazy[3]) is nn.Linear

# %% [markdown]
# ### Channels last
#
# PyTorch wants pictures as `(batch, channels, height, width)`. NumPy, PIL and matplotlib keep
# the channels last.

# %%
photos = torch.rand(4, 64, 64, 3)  # batch, height, width, channels
try:
    vision(photos)
except RuntimeError as error:
    channel_error = error
    say(error)

# %% [markdown]
# Word by word: the `weight` of the layer has size `[8, 3, 3, 3]`, that is 8 filters over 3 channels of
# 3 x 3. The input is `[4, 64, 64, 3]`. The layer looks at the second place for channels, wants 3,
# and finds 64. (`groups=1` is the ordinary kind of convolution; ignore it.) Seeing the 3 at the end,
# you know the cure: move it.

# %%
shapes = trace(vision[:2], photos.permute(0, 3, 1, 2))

# %% tags=["check"]
# The message tells what it wanted and what it got; permuted, the photos pass.
assert "to have 3 channels, but got 64 channels" in str(channel_error)
assert shapes[-1] == (4, 8, 31, 31)

# %% [markdown]
# ### One picture is not a batch

# %% [markdown] tags=["checkpoint"]
# **Predict first.** We mend the network, `Linear(8 * 31 * 31, 10)`, and give it a single picture of
# shape `(3, 64, 64)`. Which of its four layers will complain?

# %%
mended = nn.Sequential(*vision[:3], nn.Linear(8 * 31 * 31, 10))
picture = batch[0]
shapes_single = trace(mended, picture)

# %% [markdown]
# Not the convolution: it accepts a picture without a batch. `Flatten` then keeps the first side, as
# always, takes the 8 channels for a batch of 8, and the `Linear` gets the blame. **The layer that
# complains is not always the layer that is wrong.** The walk shows it: the first line already has
# three numbers instead of four.
#
# The cure is `unsqueeze(0)`, a batch of one.

# %%
print(tuple(mended(picture.unsqueeze(0)).shape))

# %% tags=["check"]
# The convolution lets a single picture pass, and Flatten makes eight rows of it.
assert shapes_single[1] == (8, 62, 62)
assert shapes_single[-1] == (8, 31 * 31)
assert mended(picture.unsqueeze(0)).shape == (1, 10)

# %% [markdown]
# The models of the book ask before they compute, with
# [`check_images`][pdl.inputs.check_images]. Their [`ShapeError`][pdl.errors.ShapeError] names the
# cause instead of the layer that stumbles:

# %%
from pdl.errors import PdlError
from pdl.models.tiny_vgg import TinyVGG

tiny = TinyVGG(num_classes=3)
for wrong in (picture, photos, batch[:, :1]):
    try:
        tiny(wrong)
    except PdlError as error:
        say(error)

# %% [markdown]
# ### Targets in a column
#
# A network with one output gives `(N, 1)`. Targets often come as `(N,)`. For us that is the same
# list of numbers. For PyTorch it is not.

# %%
targets = torch.rand(8)
outputs = targets.clone().unsqueeze(1)  # every answer is exactly right
try:
    nn.BCEWithLogitsLoss()(outputs, targets)
except ValueError as error:
    column_error = error
    say(error)

# %% [markdown]
# A clear message. Now the same with another loss, of which all right answers should be zero.

# %% [markdown] tags=["checkpoint"]
# **Predict first.** [`MSELoss`][torch.nn.MSELoss] subtracts the two tensors, `(8, 1)` and `(8,)`. Does it
# refuse? If not, of how many squares does it take the mean?

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    wrong_loss = nn.MSELoss()(outputs, targets)
right_loss = nn.MSELoss()(outputs, targets.unsqueeze(1))
differences = outputs - targets
print(f"{differences.numel()} squares, mean {wrong_loss:.3f}")
print(f"in the right shape: {right_loss:.3f}")
print(textwrap.fill(f"a warning: {caught[0].message}", 78))

# %% [markdown]
# It goes on. [Broadcasting](../glossary.md#broadcasting) stretches the column and the row to a
# square of 8 x 8, every output against every target. You get a warning once, among many other
# lines, and a loss that looks like a loss.

# %% tags=["hide-input"] alt="Left, a square of 8 by 8 fields, one for each output against each target; only the diagonal of 8, outlined in blue and empty inside, is wanted. Right, a cloud of points that rises along a line: the blue line, trained on the right shape, follows the points; the orange one, trained on the wrong shape, lies flat at their mean." caption="What the loss sums up, and what a line learns from it: the best answer to all targets at once is their mean."
x_line = torch.linspace(-1, 1, 40).unsqueeze(1)
y_line = 0.8 * x_line + 0.1 * torch.randn(40, 1)
lines = {}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for name, wanted in (("(40, 1)", y_line), ("(40,)", y_line.squeeze(1))):
        torch.manual_seed(42)
        line = nn.Linear(1, 1)
        walker = torch.optim.SGD(line.parameters(), lr=0.1)
        for _ in range(200):
            walker.zero_grad()
            nn.MSELoss()(line(x_line), wanted).backward()
            walker.step()
        lines[name] = line
c = plotting.COLORS
_, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.2), width_ratios=[0.8, 1])
for row, gaps in enumerate(differences.abs()):
    for column, gap in enumerate(gaps):
        box = plt.Rectangle((column, row), 1, 1, fc=c["muted"], alpha=gap.item(), lw=0)
        left.add_patch(box)
for place in range(8):
    left.add_patch(plt.Rectangle((place, place), 1, 1, fill=False, ec=c["blue"], lw=2))
left.set(xlim=(-0.1, 8.1), ylim=(-0.1, 8.1), aspect="equal", xticks=[], yticks=[])
left.set(xlabel="target", ylabel="output")
left.set_title("differences", fontsize=13)
right.scatter(x_line, y_line, s=10, color=c["muted"])
for (name, line), color in zip(lines.items(), ("blue", "orange"), strict=True):
    right.plot(x_line, line(x_line).detach(), color=c[color])
    height = line(torch.tensor([[0.55 if color == "blue" else -0.95]])).item()
    place = (0.5, height + 0.12) if color == "blue" else (-0.98, height + 0.08)
    right.text(*place, name, color=c[color], ha="right" if color == "blue" else "left")
_ = right.set(xlabel="x", ylabel="y")
slopes = {name: line.weight.item() for name, line in lines.items()}

# %% tags=["check"]
# BCE refuses; MSE takes 64 squares, warns once, and a line trained so stays flat.
assert "must be the same" in str(column_error)
assert differences.shape == (8, 8)
torch.testing.assert_close(wrong_loss, differences.square().mean())
assert right_loss == 0
assert wrong_loss > 0.05
assert "broadcasting" in str(caught[0].message)
assert abs(slopes["(40,)"]) < 0.05
assert abs(slopes["(40, 1)"] - 0.8) < 0.1

# %% [markdown] tags=["wrong"]
# **The loss falls, the model learns nothing.** The orange line has a slope of
# {{ f"{slopes['(40,)']:.2f}" }}, the blue one {{ f"{slopes['(40, 1)']:.2f}" }}. Nothing failed.
# Make the shapes equal in one place, where the data is made: `targets.unsqueeze(1)`. In
# notebooks turn the warning into an error:
# `warnings.filterwarnings("error", message="Using a target size")`.

# %% [markdown]
# ## Dtype
#
# Tensors of another number type fit in shape and still do not fit. Four cases cover nearly all.

# %%
hidden = nn.Linear(2, 1)
table = np.random.default_rng(42).random((5, 2))  # NumPy's numbers have 64 bits
bytes_in = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)  # stored pixels
scores, labels = torch.randn(8, 3), torch.randint(0, 3, (8,))
attempts = {
    "NumPy into Linear": lambda: hidden(torch.from_numpy(table)),
    "bytes into Conv2d": lambda: vision(bytes_in),
    "cross-entropy, float targets": lambda: nn.CrossEntropyLoss()(scores, labels.float()),
    "mean of integers": labels.mean,
}
dtype_errors = {}
for name, attempt in attempts.items():
    try:
        attempt()
    except RuntimeError as error:
        dtype_errors[name] = str(error)
        print(f"{name}:")
        say(error)

# %% [markdown]
# The words are the names of types as C++ knows them. A short dictionary:
#
# | the message says | in Python | comes from |
# |---|---|---|
# | `Float` | `torch.float32` | PyTorch's default; weights |
# | `Double` | `torch.float64` | NumPy, pandas |
# | `Half`, `BFloat16` | `torch.float16`, `torch.bfloat16` | autocast |
# | `Long` | `torch.int64` | Python's whole numbers, labels |
# | `Int` | `torch.int32` | NumPy on some machines, files |
# | `Byte`, `unsigned char` | `torch.uint8` | pixels |
# | `Bool` | `torch.bool` | comparisons, masks |
#
# Now each message names its own cure. `got Double and Float`: the data is `Double`, the weights are
# `Float`, and it is the data that should change. `unsigned char` against `float`: make numbers from
# 0 to 1 of the bytes. `expected target dtype to be Long`: class numbers are whole.

# %%
cured = [
    hidden(torch.from_numpy(table).float()),
    vision[:2](bytes_in.float() / 255),
    nn.CrossEntropyLoss()(scores, labels.long()),
    labels.float().mean(),
]
print([tuple(result.shape) for result in cured], {result.dtype for result in cured})

# %% tags=["check"]
# Each attempt fails, its message names the types, and each cure gives decimals of 32 bits.
assert dtype_errors.keys() == attempts.keys()
assert "Double and Float" in dtype_errors["NumPy into Linear"]
assert "unsigned char" in dtype_errors["bytes into Conv2d"]
assert "Long" in dtype_errors["cross-entropy, float targets"]
assert all(result.dtype == torch.float32 for result in cured)

# %% [markdown]
# Change the data, not the model. `model.double()` silences the message as well, and doubles the
# memory and the time.

# %% [markdown] tags=["checkpoint"]
# **Predict first.** A column of labels in a table has text and numbers: pizza 1, steak 2, sushi 3.
# They go into a cross-entropy for three classes. Dtype and shape are right. What now?

# %%
from_table = torch.tensor([1, 2, 3, 3, 1, 2, 2, 1])
try:
    nn.CrossEntropyLoss()(scores, from_table)
except IndexError as error:
    range_error = error
    say(error)

# %% [markdown]
# Classes count from 0, so with three of them 3 is out of bounds. On the CPU that is a clear message.
# On a CUDA device the same mistake says `device-side assert triggered`, at some later line. When
# you read those words, run the same batch on the CPU: there you get the true message.

# %% tags=["check"]
# The label is named; shifted to start at 0, it passes.
assert "Target 3 is out of bounds" in str(range_error)
assert nn.CrossEntropyLoss()(scores, from_table - 1).isfinite()

# %% [markdown]
# ## Device
#
# A tensor lives where it was made. Two that meet must live in the same place: PyTorch does not move
# data by itself, since moving is slow and you should know of it.
#
# To make this error a second device is needed. Where this page was built, that is
# {{ "the accelerator" if str(other) != "meta" else "`meta`, since the machine has no accelerator" }}.
# The `meta` device is part of every PyTorch. Its tensors have a shape and a dtype and no data, and
# nothing can be mixed with them.

# %%
away = nn.Linear(2, 1).to(other)  # a module moves itself
here = torch.rand(5, 2)  # on the CPU, where tensors are made
look(weight=away.weight.detach(), data=here)
try:
    away(here)
except RuntimeError as error:
    device_error = error
    say(error)

# %% [markdown]
# Both places are named. The same mistake on an NVIDIA GPU reads, in this version of PyTorch:
#
# `Expected all tensors to be on the same device, but got mat1 is on cpu, different from other
# tensors on cuda:0 (when checking argument in method wrapper_CUDA_addmm)`
#
# | words | meaning |
# |---|---|
# | `mat1 is on cpu` | the input of a `Linear` was left behind |
# | `cuda:0` | the first NVIDIA GPU; the weights are there |
# | `wrapper_CUDA_addmm` | the operation: `addmm` is "multiply matrices and add", a `Linear` |
#
# Older versions say `found at least two devices, cuda:0 and cpu!`. In a convolution `Input type
# (torch.FloatTensor) and weight type (torch.cuda.FloatTensor) should be the same` is this error as
# well, although it speaks of types: read `cuda.` in it.
#
# The cure has a trap. `model.to(device)` moves the model. `tensor.to(device)` moves nothing: it
# returns a copy, and the copy must be caught.

# %%
here.to(other)  # has no effect
stayed = here.device
there = here.to(other)  # this has
look(data=here, copy=there, output=away(there).detach())

# %% tags=["check"]
# The message names a place; a call without an assignment leaves the tensor where it was.
assert "device" in str(device_error)
assert other.type in str(device_error)
assert stayed.type == "cpu"
assert away(there).device.type == other.type

# %% [markdown]
# Three habits, and the error becomes rare:
#
# 1. choose the device once, at the top, and move the model once;
# 2. move each batch in the loop: `x, y = x.to(device), y.to(device)`;
# 3. make new tensors where the old ones are: `torch.zeros(3, device=x.device)`, `torch.zeros_like(x)`.
#
# The way back is the same error with another face: NumPy and matplotlib only read the CPU's memory.

# %%
try:
    there.numpy()
except TypeError as error:
    numpy_error = error
    say(error)

# %% [markdown]
# The message has the cure in it: `.cpu()`, and for a tensor with gradients `.detach().cpu().numpy()`.
#
# A device that does not exist is said differently by every backend. The library's
# [`choose_device`][pdl.device.choose_device] says what there is:

# %%
from pdl.device import choose_device

try:
    choose_device("cuda:7")
except PdlError as error:
    missing_error = error
    say(error)

# %% tags=["check"]
# The way to NumPy names .cpu(); the library names the device, and one that is there.
assert ".cpu()" in str(numpy_error)
assert "cuda:7" in str(missing_error)
assert "cpu" in str(missing_error)
assert choose_device().type in ("cuda", "mps", "xpu", "cpu")

# %% [markdown]
# ## What the message says, where to look
#
# | the message says | look at | likely cure |
# |---|---|---|
# | `mat1 and mat2 shapes cannot be multiplied` | the two numbers in the middle | `in_features`, or a batch dimension that is missing |
# | `expected input[...] to have 3 channels, but got ...` | second place of the input | `permute(0, 3, 1, 2)`, or gray pictures |
# | `Expected 3D (unbatched) or 4D (batched) input` | number of dimensions | `unsqueeze` |
# | `The size of tensor a ... must match the size of tensor b` | both shapes from the right | `unsqueeze`, `reshape` |
# | `shape '[...]' is invalid for input of size` | the product of the sides | one side of `-1` |
# | `stack expects each tensor to be equal size` | sizes of the pictures in a batch | `Resize` in the transform |
# | `Target size ... must be the same as input size`, or a warning | target | `targets.unsqueeze(1)` |
# | `Double and Float` | data from NumPy | `.float()` |
# | `unsigned char` ... `should be the same` | pixels | `.float() / 255` |
# | `expected target dtype to be Long` | targets of cross-entropy | `.long()` |
# | `Target 3 is out of bounds`, `device-side assert` | lowest and highest label | count from 0 |
# | `same device`, `cuda:0 and cpu` | `.device` of both | `x = x.to(device)` |
# | `can't convert ... to numpy` | device, gradient | `.detach().cpu().numpy()` |
#
# ## Recap
#
# - Read the last line, then your own lowest line. The message names both sides.
# - `look` at shape, dtype, device and range. Walk a batch through the layers.
# - The layer that complains may be innocent: follow the first shape that surprises you.
# - The worst error raises nothing: shapes that broadcast. Compare shapes before a loss.
#
# ## Exercises

# %% [markdown] tags=["exercise"] level="warm-up" answer=["fed: a batch as it was fed", "gray_model: a model that gives the message", "ex_message: the text of the error"]
# ### Exercise 1: read it cold
#
# Without running it: a model says `mat1 and mat2 shapes cannot be multiplied (16x12288 and 4096x256)`.
# It was built for pictures of 64 x 64. What was it fed, and how many in a batch? Prove it.

# %% tags=["solution"]
gray_model = nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 256))
fed = torch.rand(16, 3, 64, 64)  # 12288 / 4096 = 3: color, and 16 of them
try:
    gray_model(fed)
except RuntimeError as error:
    ex_message = str(error)
    print(ex_message)

# %% tags=["solution", "check"]
# Sixteen color pictures give the message; made gray, they pass.
assert "16x12288 and 4096x256" in ex_message
assert gray_model(fed.mean(dim=1)).shape == (16, 256)

# %% [markdown] tags=["exercise"] level="build" answer=["x: the picture as `mended` wants it, with numbers from 0 to 1", "ex_loss: the cross-entropy of `mended(x)` and the label"]
# ### Exercise 2: three mistakes in four lines
#
# `pixels` is what PIL gives: bytes, height x width x channels. `answer` is the label of the picture, a
# decimal by accident. Make `mended(x)` and the cross-entropy of it run, with one change at a time.

# %%
pixels = torch.randint(0, 256, (64, 64, 3), dtype=torch.uint8)
answer = torch.tensor(2.0)

# %% tags=["solution"]
x = pixels.permute(2, 0, 1)  # shape: channels first
x = x.unsqueeze(0).float() / 255  # shape: a batch of one; dtype: decimals from 0 to 1
y = answer.long().unsqueeze(0)  # dtype: a class number; shape: one for each picture
ex_loss = nn.CrossEntropyLoss()(mended(x), y)
look(x=x, y=y)

# %% tags=["solution", "check"]
# The picture is the same one, and the loss is that of class 2.
torch.testing.assert_close(x[0, 1], pixels[..., 1] / 255)
torch.testing.assert_close(ex_loss, -mended(x).log_softmax(dim=1)[0, 2])

# %% [markdown] tags=["exercise"] level="build" answer=["same_shape: takes a loss and returns a guarded one", "guard_message: the text of the error for `outputs` and `targets`, with `(8, 1) and (8,)` in it"]
# ### Exercise 3: a guard for losses
#
# Write `same_shape(loss_fn)`, which returns a loss that refuses to broadcast and says both shapes.
# Try it with `(8, 1)` and `(8,)`.


# %% tags=["solution"]
def same_shape(loss_fn):
    def guarded(output, target):
        if output.shape != target.shape:
            found = f"{tuple(output.shape)} and {tuple(target.shape)}"
            raise ValueError(f"output and target must have the same shape, got {found}")
        return loss_fn(output, target)

    return guarded


try:
    same_shape(nn.MSELoss())(outputs, targets)
except ValueError as error:
    guard_message = str(error)
    print(guard_message)

# %% tags=["solution", "check"]
# The guard names both shapes, and changes nothing where they are equal.
assert "(8, 1) and (8,)" in guard_message
guarded_loss = same_shape(nn.MSELoss())(outputs, targets.unsqueeze(1))
torch.testing.assert_close(guarded_loss, right_loss)

# %% [markdown] tags=["exercise"] level="open"
# ### Exercise 4: your last three
#
# Look up the last three errors that cost you more than ten minutes. Which of the three kinds was
# each? Which line of `look` would have shown it?

# %% [markdown]
# ## Where next
#
# [Which loss, optimizer and metric](choosing.md) has the shapes and dtypes that each loss wants, and
# the [cheat sheet](cheat_sheet.md) the calls that change them. The API pages of what appeared here:
# [`pdl.inputs`](../api/inputs.md), [`pdl.errors`](../api/errors.md) and
# [`pdl.device`](../api/device.md).
