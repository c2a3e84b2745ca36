# ---
# title: PyTorch fundamentals
# description: "Make tensors, read their dtype, shape and device, multiply, reduce, reshape and index them, and move them between NumPy, CPU and GPU."
# order: 1
# level: beginner
# needs: [introduction]
# gives: [tensors, shapes, matrix multiplication, views and strides, devices]
# minutes: 60
# data: []
# seed: 42
# ---
# %% [markdown]
# # PyTorch fundamentals
#
# A deep-learning model is arithmetic on blocks of numbers. The blocks are called **tensors**.
# On this page you make tensors, read them, compute with them, and meet the errors that
# everybody meets, so that later you recognize them at a glance.

# %% tags=["hide-input"] name="result" alt="Four tensors drawn as blocks with their numbers: a scalar is one cell, a vector a row of two, a matrix two by two cells, and a tensor two sheets of two by three cells. Under each stand its shape and its number of dimensions, from 0 to 3." caption="Everything that flows through a network is such a block. Only the number of dimensions differs; a batch of color pictures has four."
from matplotlib import patches, pyplot

from pdl.plotting import COLORS, use_style

use_style()
large = dict.fromkeys(("font.size", "axes.labelsize"), 13)  # enough for a phone
pyplot.rcParams.update(large | dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 12))
_, axes = pyplot.subplots(figsize=(7.2, 2.5))
axes.set(xlim=(0, 19), ylim=(6.6, 0), position=(0, 0, 1, 1))
axes.set_axis_off()
blocks = [(1.2, 1.9, "blue", [[7]]), (4.4, 1.9, "blue", [[7, 2]])]
blocks += [(9, 1.4, "blue", [[7, 8], [9, 10]])]
blocks += [(14.7, 0.3, "orange", [[7, 8, 9], [10, 11, 12]])]
blocks += [(13.5, 1.35, "orange", [[1, 2, 3], [4, 5, 6]])]
middle = {"ha": "center", "va": "center"}
for layer, (x, y, name, rows) in enumerate(blocks, start=1):
    for i, j in [(i, j) for i in range(len(rows)) for j in range(len(rows[0]))]:
        for face in (COLORS["paper"], (COLORS[name], 0.16)):
            look = {"fc": face, "ec": COLORS[name], "lw": 1, "zorder": layer}
            axes.add_patch(patches.Rectangle((x + j, y + i), 1, 1, **look))
        axes.text(x + j + 0.5, y + i + 0.53, rows[i][j], zorder=layer, **middle)
kinds = {"scalar": "[]", "vector": "[2]", "MATRIX": "[2, 2]", "TENSOR": "[2, 2, 3]"}
for n, (kind, shape) in enumerate(kinds.items()):
    x, name = (1.7, 5.4, 10, 15.6)[n], "orange" if n == 3 else "blue"
    axes.text(x, 4.2, kind, weight="bold", color=COLORS[name], **middle)
    facts = f"shape {shape}\n{n} dimension{'s' * (n != 1)}"
    axes.text(x, 5.5, facts, linespacing=1.6, **middle)

# %% [markdown]
# **You will** make tensors and read their dtype, shape and device; multiply matrices and
# predict the shape of the result; reshape without moving a number; share memory with NumPy;
# repeat a random experiment exactly; and write code that runs on a CPU or a GPU unchanged.
#
# **You need** Python: lists, functions, loops. From mathematics, adding and multiplying.
#
# **It takes** any computer. There is no download, and a GPU is welcome but not needed.

# %% [markdown] covers=["00.01"]
# The imports, and the question to ask before any other: which version is this? Names and
# messages change between versions, so a good bug report begins with this line.

# %%
import numpy as np
import torch
from torch import nn

print(torch.__version__)

# %% [markdown]
# The drawings on this page come from three short functions, folded away here. You can skip them;
# by the end of the page you will be able to read them.


# %% tags=["hide-input"]
def canvas(width, height):
    _, axes = pyplot.subplots(figsize=(7.2, 7.2 * height / width))
    axes.set(xlim=(0, width), ylim=(height, 0), position=(0, 0, 1, 1))
    axes.set_axis_off()
    return axes


def say(axes, x, y, text, color="ink", **look):
    look = {"color": COLORS[color], "ha": "center", "va": "center"} | look
    axes.text(x, y, text, **look)


def draw(axes, x, y, tensor, color="blue", *, title="", form="g", tint=0.16):
    table, layer = torch.atleast_2d(tensor), 1 + len(axes.patches)
    tints = torch.as_tensor(tint).expand(table.shape)
    for i, j in np.ndindex(*table.shape):
        for face in (COLORS["paper"], (COLORS[color], tints[i, j].item())):
            look = {"fc": face, "ec": COLORS[color], "lw": 1, "zorder": layer}
            axes.add_patch(patches.Rectangle((x + j, y + i), 1, 1, **look))
        ink = "ink" if tints[i, j] > 0.1 else "muted"
        number = format(table[i, j].item(), form)
        say(axes, x + j + 0.5, y + i + 0.53, number, ink, zorder=layer)
    say(axes, x + table.shape[1] / 2, y - 0.45, title, color, fontweight="bold")


# %% [markdown] covers=["00.02"]
# ## From one number to a block of numbers
#
# `torch.tensor()` turns Python numbers and lists into a tensor. A single number is a
# **scalar**. It has no dimension, so its shape is empty.

# %%
scalar = torch.tensor(7)
print(scalar, scalar.ndim, scalar.shape)
print(scalar.item(), type(scalar.item()))

# %% [markdown] covers=["00.03", "00.04", "00.05"]
# `.item()` gives the plain Python number back. It works for every tensor that holds exactly
# one number.
#
# A list becomes a **vector**, a list of lists a **matrix**, and anything deeper is simply
# called a tensor. `ndim` counts the dimensions; `shape` gives the length of each.

# %%
vector = torch.tensor([7, 2])
MATRIX = torch.tensor([[7, 8], [9, 10]])
TENSOR = torch.tensor([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]])
for tensor in (scalar, vector, MATRIX, TENSOR):
    print(tensor.ndim, tensor.shape)

# %% [markdown] covers=["00.06", "00.07"] corrects=["25"]
# Two hints for reading such code:
#
# - **Count the opening brackets** before the first number. There are as many as dimensions.
# - Scalars and vectors are often named in lower case, `MATRIX` and `TENSOR` in upper case.
#   It is a custom of mathematics, not a rule of Python; later pages use plain names.

# %% [markdown] tags=["checkpoint"] corrects=["16"]
# How many dimensions does `torch.tensor([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]])` have, and what is
# its shape? Read the shape from outside to inside: how many things does each bracket hold?

# %%
block = torch.tensor([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]])
print(block.ndim, block.shape)

# %% tags=["check"]
# Three opening brackets mean three dimensions; the outermost holds one thing.
assert block.ndim == 3
assert block.shape == torch.Size([1, 3, 3])
assert scalar.shape == torch.Size([])
assert vector.shape == torch.Size([2])
assert MATRIX.shape == torch.Size([2, 2])

# %% [markdown]
# There is a second, older spelling with a capital letter. Watch what it does with the same
# arguments.

# %%
print(torch.tensor([1, 2]).dtype, torch.Tensor([1, 2]).dtype)
print(torch.tensor(3).shape, torch.Tensor(3).shape)

# %% [markdown] tags=["wrong"] corrects=["28"]
# **`torch.Tensor` is not `torch.tensor`.** The capital one is the class. It turns integers into
# floats without a word, and it takes a single `3` for a *size*: three numbers that nobody
# has set. Write `torch.tensor()` for values, always.

# %% [markdown] covers=["00.08"]
# ## Tensors without typing numbers
#
# A network starts with **random** numbers, looks at data, and updates the numbers so that its
# answers improve. It looks again, updates again. The start must be random: units that begin
# equal would get equal updates and stay copies of one another.

# %%
torch.manual_seed(42)  # the same "random" numbers in each run; explained below
values = torch.rand(100_000)
print(values[:4])
print(values.min() >= 0, values.max() < 1)

# %% [markdown] corrects=["11"]
# `torch.rand` draws **uniformly from [0, 1)**: no part of the interval is preferred, 0 can occur,
# 1 cannot. Its sibling `torch.randn` draws from the bell curve around 0.

# %% tags=["hide-input"] alt="Histogram of one hundred thousand draws of torch.rand: twenty bars between 0 and 1, all close to five thousand." caption="100,000 draws of `torch.rand`. The bars are nearly level, and nothing lies outside [0, 1)."
_, axes = pyplot.subplots(figsize=(7.2, 2.5))
look = {"color": COLORS["blue"], "rwidth": 0.92}
counts, _, _ = axes.hist(values.numpy(), bins=20, range=(0, 1), **look)
axes.set(xlabel="value", ylabel="how often", xlim=(-0.02, 1.02), yticks=[0, 2500, 5000])
axes.axhline(len(values) / 20, color=COLORS["orange"], lw=1.5)
_ = axes.text(1.0, 5250, "expected", color=COLORS["orange"], ha="right", va="bottom")

# %% tags=["check"]
# Every draw lies in [0, 1), and no bar strays more than a tenth from its share.
assert ((values >= 0) & (values < 1)).all()
assert abs(counts / 5_000 - 1).max() < 0.1

# %% [markdown] covers=["00.09"] corrects=["17"]
# The arguments are the shape. A color photo has a height, a width, and three color channels
# (red, green, blue); $224 \times 224$ is the size that many image models expect.

# %%
print(torch.rand(2, 2))
print(torch.rand(1, 2, 3))
image_sized = torch.rand(size=(224, 224, 3))  # height, width, color channels
print(image_sized.shape, image_sized.ndim)

# %% [markdown] covers=["00.10"]
# Zeros and ones come in any shape too. The `_like` functions copy shape, dtype and device
# from a tensor you have.

# %%
print(torch.zeros(2, 3))
print(torch.ones(3))
print(torch.zeros_like(MATRIX))

# %% [markdown] covers=["00.12"]
# `torch.arange(start, end, step)` counts. As in Python's `range`, the end is left out.
# In old code you may meet `torch.range`, which includes the end. It is deprecated: use `arange`.

# %%
print(torch.arange(start=0, end=10, step=2))
print(torch.arange(5))

# %% tags=["check"]
# The old torch.range includes the end, disagrees with Python, and warns that it will go.
import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    old_style = torch.range(0, 10, 2)
assert old_style[-1] == 10
assert "deprecated" in str(caught[0].message)

# %% [markdown] covers=["00.13", "00.15"]
# ## Three questions for every tensor
#
# Three facts about a tensor explain most of the errors you will meet: its **dtype** (what kind of
# number), its **shape** (how many, in which arrangement), its **device** (where it lives). Each is
# an attribute, so you can always ask.

# %%
x = torch.tensor([0.5, 1.5], dtype=torch.float32, device="cpu", requires_grad=False)
print(x.dtype, x.shape, x.device)

# %% [markdown]
# These are the arguments you will use, written out with their defaults:
#
# | argument | meaning | default |
# |---|---|---|
# | the value | numbers, lists, arrays | |
# | `dtype` | kind and precision of each number | `float32` for fractions, `int64` for whole numbers |
# | `device` | where the numbers live | `"cpu"` |
# | `requires_grad` | record operations, so that gradients can be computed | `False` |

# %% [markdown] covers=["00.11", "00.14"]
# ### dtype: how exact is a number?
#
# PyTorch's default, `float32`, spends 32 bits on a number: 1 for the sign, 8 for the
# exponent, 23 for the digits after a leading 1 (the *significand*). Here are the bits of 0.1, and
# the number they stand for: $(1 + \text{significand} / 2^{23}) \cdot 2^{\text{exponent} - 127}$.

# %%
tenth = torch.tensor(0.1)
bits = format(tenth.view(torch.int32).item(), "032b")  # the bits, read as an integer
sign, exponent, significand = bits[0], bits[1:9], bits[9:]
print(sign, exponent, significand)
print((1 + int(significand, 2) / 2**23) * 2.0 ** (int(exponent, 2) - 127))
print(tenth.item())

# %% tags=["hide-input"] alt="The 32 bits of the number 0.1 as 32 cells in two rows: one sign bit, eight exponent bits, twenty-three significand bits, each group in its own color." caption="One `float32`. The exponent sets the range, the significand the number of digits."
strip = canvas(17, 4.6)
bit_tensor = torch.tensor([int(bit) for bit in bits])
draw(strip, 0.5, 0.9, bit_tensor[:1], "orange")
draw(strip, 1.5, 0.9, bit_tensor[1:9], "green")
draw(strip, 9.5, 0.9, bit_tensor[9:16], "blue")
draw(strip, 0.5, 2.4, bit_tensor[16:], "blue")
labels = ("sign", "exponent: 8 bits", "significand: 23 bits")
for x, label, color in zip((1, 5.5, 13), labels, ("orange", "green", "blue"), strict=True):
    say(strip, x, 0.4, label, color, fontweight="bold")
say(strip, 8.5, 4, "0.1 in float32, read line by line", "muted")

# %% [markdown]
# The digits end after 23 bits, so 0.1 is stored as the nearest number that fits. That is
# what **precision** means. More bits cost memory and time; networks do well with few.

# %%
for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
    facts = torch.finfo(dtype)
    print(f"{dtype!s:15} {facts.bits // 8} bytes, next after 1: 1 + {facts.eps:.1e}")

# %% tags=["check"]
# 1 + 8 + 23 bits rebuild the stored value, and float32 is the default for fractions.
assert len(sign) + len(exponent) + len(significand) == 32
assert (1 + int(significand, 2) / 2**23) * 2.0 ** (int(exponent, 2) - 127) == tenth.item()
assert torch.tensor([0.5]).dtype == torch.rand(1).dtype == torch.float32
assert torch.tensor([1, 2]).dtype == torch.int64

# %% [markdown]
# ### The three errors, on purpose
#
# Here is one error of each kind. (`@` multiplies matrices, as explained below.) The device
# `"meta"` exists on every machine: it keeps the shape and no numbers. It stands in for a GPU that
# you may not have.

# %%
attempts = {
    "shape": lambda: torch.ones(3, 2) @ torch.ones(3, 2),
    "dtype": lambda: torch.ones(3, 2) @ torch.ones(2, 3, dtype=torch.int64),
    "device": lambda: torch.ones(2) + torch.ones(2, device="meta"),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except RuntimeError as error:
        print(f"{name}: {error}")

# %% [markdown]
# Read such a message as an answer to one of the three questions. Then print `.shape`,
# `.dtype` and `.device` of both tensors in the line above the error.

# %% [markdown] covers=["00.16"]
# ## Compute
#
# `+`, `-`, `*` and `/` work **element by element**: each number meets the one in the same
# place.

# %%
A = torch.tensor([[1, 2], [3, 4], [5, 6]])
print(A + 10)
print(A * A)

# %% tags=["hide-input"] alt="The matrix with rows 1 2, 3 4 and 5 6, times itself, gives 1 4, 9 16 and 25 36. In each of the three, the place in the second row and second column is marked: 4 times 4 is 16." caption="Element-wise: `A * A`. Each number meets the one in its own place."
places = canvas(16, 4.3)
here = torch.tensor([[0.16, 0.16], [0.16, 0.55], [0.16, 0.16]])
draw(places, 2.5, 0.8, A, "blue", tint=here)
draw(places, 6.5, 0.8, A, "green", tint=here)
draw(places, 10.5, 0.8, A * A, "orange", tint=here)
say(places, 5.5, 2.3, "*", fontsize=16)
say(places, 9.5, 2.3, "=", fontsize=16)

# %% [markdown] covers=["00.17"] corrects=["20"]
# ### Matrix multiplication: a row meets a column
#
# Networks spend most of their time on another operation. In `A @ B`, each row of `A`
# meets each column of `B`: multiply the pairs, add up the products. This sum is called a **dot
# product**, and a matrix multiplication is a table of dot products:
# $C_{ij} = \sum_k A_{ik} B_{kj}$.

# %%
B = torch.tensor([[7, 8, 9], [10, 11, 12]])
C = A @ B
print(C)
print(C.shape, torch.equal(C, torch.matmul(A, B)), torch.equal(C, torch.mm(A, B)))

# %% tags=["hide-input"] alt="Matrix A, three by two, stands left of the result and matrix B, two by three, above it. The second row of A, 3 and 4, and the third column of B, 9 and 12, are marked, and so is the entry where they cross: 3 times 9 plus 4 times 12 is 75." caption="Row 1 of `A` and column 2 of `B` cross at `C[1, 2]`. Python counts from 0."
product = canvas(15, 7.4)
row, column = 1, 2
row_tint, column_tint, crossing = (torch.full(t.shape, 0.16) for t in (A, B, C))
row_tint[row], column_tint[:, column], crossing[row, column] = 0.55, 0.55, 0.55
draw(product, 1, 4, A, "blue", title="A  (3, 2)", tint=row_tint)
draw(product, 4, 1, B, "green", title="B  (2, 3)", tint=column_tint)
draw(product, 4, 4, C, "orange", tint=crossing)
say(product, 8.4, 4.3, "C = A @ B  (3, 3)", "orange", ha="left", fontweight="bold")
parts = " + ".join(
    f"{a} · {b}" for a, b in zip(A[row].tolist(), B[:, column].tolist(), strict=True)
)
say(product, 8.4, 5.5, f"{parts} = {C[row, column]}", ha="left")
say(product, 8.4, 6.6, "inner lengths match: 2 and 2", "muted", ha="left")

# %% [markdown]
# `@` is short for `torch.matmul`. (`torch.mm` does the same for two matrices only.) Shapes
# follow one rule: **the inner lengths must match, the outer ones remain**. (3, 2) @ (2, 3) gives
# (3, 3). What about (3, 2) @ (3, 2)?

# %%
try:
    A @ A
except RuntimeError as error:
    print(error)
print((A @ A.T).shape, (A.T @ A).shape)

# %% [markdown] tags=["wrong"]
# **mat1 and mat2 shapes cannot be multiplied.** A row of two numbers cannot meet a column of
# three. `.T` (transpose) exchanges rows and columns, and the shapes fit again. But `A @ A.T` and
# `A.T @ A` both fit and are different things: a shape that fits is necessary, not sufficient.
# Ask which numbers *should* meet.

# %% [markdown] tags=["checkpoint"]
# A batch of 32 small images, each flattened to 784 numbers, goes through a layer that gives
# 10 numbers per image. The layer is a matrix. What must its shape be in `batch @ weight`?

# %%
torch.manual_seed(42)
batch = torch.rand(32, 784)
layer = nn.Linear(in_features=784, out_features=10)
print(layer.weight.shape, layer.bias.shape)
print(layer(batch).shape)

# %% tags=["check"]
# The matrix is (784, 10); nn.Linear stores it transposed and adds a bias.
assert layer.weight.T.shape == (784, 10)
torch.testing.assert_close(layer(batch), batch @ layer.weight.T + layer.bias)

# %% [markdown]
# So `nn.Linear`, the most used layer of all, is a matrix multiplication plus one number per
# output.
#
# ### Why not a loop?
#
# The rule fits in a few lines of Python, and they give the same result. Is it worth having an
# operation for it?


# %%
def dot(row, column):
    return sum(a * b for a, b in zip(row, column, strict=True))


def multiply_by_hand(A, B):
    """Multiply two matrices given as lists of rows."""
    columns = list(zip(*B, strict=True))
    return [[dot(row, column) for column in columns] for row in A]


print(multiply_by_hand(A.tolist(), B.tolist()) == C.tolist())

# %% [markdown]
# Measure it. Each time is the shortest of three, because other programs can only slow us down.

# %%
from functools import partial
from timeit import repeat

threads = torch.get_num_threads()
torch.set_num_threads(1)  # one processor for each side
sizes, by_hand, built_in = [8, 16, 32, 64, 128], [], []
for n in sizes:
    left, right = torch.rand(n, n), torch.rand(n, n)
    loop = partial(multiply_by_hand, left.tolist(), right.tolist())
    compiled = partial(torch.matmul, left, right)
    by_hand.append(min(repeat(loop, number=1, repeat=3)))
    built_in.append(min(repeat(compiled, number=20, repeat=3)) / 20)
ratio = by_hand[-1] / built_in[-1]
torch.set_num_threads(threads)

# %% tags=["hide-input"] alt="Time of one multiplication against the size of the matrices, both axes logarithmic. The line of the Python loop climbs far above the line of the at operator, and the gap widens with the size." caption="The same products, measured during this build. Both axes are logarithmic: one line up is ten times as long, one line to the right twice the size."
_, axes = pyplot.subplots(figsize=(7.2, 3.2))
lines = (("Python loop", by_hand, "blue"), ("A @ B", built_in, "orange"))
for label, times, color in lines:
    axes.loglog(sizes, times, color=COLORS[color], marker="o")
    axes.text(sizes[-1] * 1.1, times[-1], label, color=COLORS[color], va="center")
axes.set(xlabel="rows and columns of each matrix", ylabel="seconds", xlim=(7, 260))
axes.set_xticks(sizes, [str(n) for n in sizes])
axes.minorticks_off()

# %% [markdown]
# For two $128 \times 128$ matrices, `@` was about **{{ f"{float(f'{ratio:.1g}'):,.0f}" }} times** faster
# than the loop on the machine that built this page. It runs compiled code, on many numbers at
# once. Hence the first rule of speed: *no Python loop over the numbers of a tensor*.

# %% tags=["check"]
# Loop and operation agree, and the operation is faster by far more than a factor of ten.
torch.testing.assert_close(torch.tensor(loop()), compiled())
assert ratio > 10

# %% [markdown]
# ### Broadcasting: when shapes differ
#
# Element-wise operations accept different shapes too, if one rule holds. Compare the shapes
# **from the right**: each pair of lengths must be equal, or one of them must be 1 or missing.
# A length of 1 is then repeated, without a copy.

# %%
tens = torch.tensor([[0], [10], [20]])
units = torch.tensor([1, 2, 3, 4])
print(tens.shape, units.shape, (tens + units).shape)

# %% tags=["hide-input"] alt="A column of three numbers, 0, 10 and 20, is repeated to four columns; a row of four numbers, 1 to 4, is repeated to three rows; their sum is a table of three by four numbers from 1 to 24." caption="Shape (3, 1) meets shape (4). Pale cells are repetitions: they take part, and take no memory."
sums = canvas(17.5, 4.6)
draw(sums, 0.5, 1.2, tens.expand(3, 4), "blue", tint=0.06)
draw(sums, 0.5, 1.2, tens, "blue", title="(3, 1)")
draw(sums, 6.5, 1.2, units.expand(3, 4), "green", tint=0.06)
draw(sums, 6.5, 1.2, units, "green", title="(4)")
draw(sums, 12.5, 1.2, tens + units, "orange", title="(3, 4)")
say(sums, 5.5, 2.7, "+", fontsize=16)
say(sums, 11.5, 2.7, "=", fontsize=16)

# %% [markdown]
# Broadcasting is a joy and a trap. Predictions often have shape (N, 1) and labels (N).

# %%
predictions, labels = torch.rand(50, 1), torch.rand(50)
print((predictions - labels).shape)

# %% [markdown] tags=["wrong"]
# **No error, and 2,500 differences instead of 50.** The column met the row, and each prediction
# was compared with *every* label. A loss computed from it is a number, it may even go down, and it
# means nothing. Make the shapes equal first: `predictions - labels.unsqueeze(dim=1)`.

# %% [markdown] covers=["00.18"]
# ### Many numbers to few
#
# `min`, `max`, `mean` and `sum` reduce a tensor to one number, or, with `dim=`, remove one
# dimension.

# %%
X = torch.tensor([[1, 2, 3], [4, 5, 6]])
print(X.min(), X.max(), X.sum())
print(X.sum(dim=0), X.sum(dim=1))

# %% tags=["hide-input"] alt="A matrix with the rows 1 2 3 and 4 5 6. Sum over dim 0 goes down the columns and gives 5 7 9 below. Sum over dim 1 goes along the rows and gives 6 and 15 at the right." caption="`dim` names the dimension that **disappears**. Shape (2, 3) becomes (3) without dim 0, and (2) without dim 1."
reduce = canvas(15, 5.8)
draw(reduce, 3, 1, X, "blue", title="X  (2, 3)")
draw(reduce, 3, 4.2, X.sum(dim=0), "orange")
draw(reduce, 8.4, 1, X.sum(dim=1).unsqueeze(1), "green")
arrow = {"arrowstyle": "-|>", "color": COLORS["muted"], "lw": 1.5}
for x in (3.5, 4.5, 5.5):
    reduce.annotate("", (x, 4.1), (x, 3.1), arrowprops=arrow)
for y in (1.5, 2.5):
    reduce.annotate("", (8.3, y), (6.1, y), arrowprops=arrow)
say(reduce, 6.3, 4.7, "X.sum(dim=0)", "orange", ha="left", fontweight="bold")
say(reduce, 9.7, 2.0, "X.sum(dim=1)", "green", ha="left", fontweight="bold")

# %% [markdown]
# One of the four asks for more. A mean is a fraction, and these are whole numbers.

# %%
try:
    X.mean()
except RuntimeError as error:
    print(error)
print(X.float().mean(), X.type(torch.float32).mean())

# %% [markdown] tags=["wrong"]
# **could not infer output dtype.** PyTorch does not guess how exact the mean should be. Say it:
# `.float()` is short for `.type(torch.float32)`. Labels and pixel values arrive as integers, so
# you will meet this one.

# %% [markdown] covers=["00.19"]
# `argmax` and `argmin` answer *where* instead of *how much*. A classifier ends with them. Its
# raw scores, the **logits**, become probabilities by `softmax`, $p_i = e^{z_i} / \sum_j e^{z_j}$; `argmax` then picks the class.

# %%
logits = torch.tensor([0.4, 1.9, -0.8])  # pizza, steak, sushi
probabilities = torch.softmax(logits, dim=0)
print(probabilities, probabilities.sum())
print(probabilities.argmax(), probabilities.argmin())

# %% tags=["hide-input"] alt="Two bar charts for pizza, steak and sushi. Left, the logits, one of them negative. Right, the probabilities after softmax, all positive. Steak has the longest bar in both." caption="Softmax makes the scores positive and their sum 1. It keeps their order, so `argmax` of logits and of probabilities agree."
_, both = pyplot.subplots(1, 2, figsize=(7.2, 2.4), sharey=True, layout="constrained")
charts = {"logits": logits, "softmax": probabilities}
for axes, (label, scores) in zip(both, charts.items(), strict=True):
    colors = [COLORS["orange" if i == scores.argmax() else "blue"] for i in range(3)]
    axes.barh(["pizza", "steak", "sushi"], scores.tolist(), color=colors, height=0.6)
    axes.axvline(0, color=COLORS["muted"], lw=1)
    axes.set_xlabel(label)
both[0].set_xticks([-1, 0, 1])
both[1].set_xticks([0, 0.5, 1])
both[0].invert_yaxis()

# %% tags=["check"]
# Softmax keeps the order: argmax of the logits is argmax of the probabilities.
assert logits.argmax() == probabilities.argmax() == 1
assert logits.argmin() == probabilities.argmin() == 2
torch.testing.assert_close(probabilities.sum(), torch.tensor(1.0))

# %% [markdown] covers=["00.26"]
# ## Take parts
#
# Indexing reads like the shape: one entry per dimension, separated by commas. `:` means all of
# that dimension; `a:b` means from `a` up to, not including, `b`.

# %%
table = torch.arange(12).reshape(3, 4)
print(table[0], table[:, 1])
print(table[1:, 2:])
print(table[table > 6])

# %% tags=["hide-input"] alt="The same table of three by four numbers four times. Marked are: the first row for table[0]; the second column for table[:, 1]; the lower right two by two block for table[1:, 2:]; and the numbers 7 to 11 for table[table > 6]." caption="Row, column, block, and a condition. A condition gives the chosen numbers as a vector."
grids = canvas(20, 4.6)
choices = {"table[0]": np.s_[0], "table[:, 1]": np.s_[:, 1], "table[1:, 2:]": np.s_[1:, 2:]}
choices["table[table > 6]"] = table > 6
for n, (title, choice) in enumerate(choices.items()):
    tints = torch.full(table.shape, 0.16)
    tints[choice] = 0.55
    draw(grids, 0.5 + 5 * n, 1.2, table, "teal", title=title, tint=tints)

# %% [markdown] covers=["00.20"] corrects=["21"]
# ## Change the shape, keep the numbers
#
# `reshape` arranges the same numbers anew. The **total number of elements must stay the
# same**: ten numbers fit in (5, 2) or (10, 1), never in (3, 3). One length may be `-1`: PyTorch
# works it out.

# %%
ten = torch.arange(10).reshape(1, 10)
print(ten.reshape(5, 2).shape, ten.reshape(10, 1).shape, ten.reshape(2, -1).shape)
try:
    ten.reshape(3, 3)
except RuntimeError as error:
    print(error)

# %% [markdown] covers=["00.21"]
# ### One memory, many views
#
# How can reshaping a million numbers take almost no time? In memory a tensor is always one long row.
# Shape and **stride** tell how to walk through it: a stride of (3, 1) means "one row down is 3
# numbers further, one column right is 1". `view` makes a new description of the *same* memory.

# %%
x = torch.arange(6)
z = x.view(2, 3)
print(z.shape, z.stride(), z.T.shape, z.T.stride())
z[0, 0] = 99
print(x)

# %% tags=["hide-input"] alt="A strip of six numbers labeled memory. Below it, five views of it with shapes (2, 3), (3, 2), (1, 6), (6, 1) and the transpose of (2, 3), each with its stride. All hold the same six numbers; only the transpose reads them in another order." caption="Six numbers lie in memory once. Each grid is only a way to read them."
memory = torch.arange(6)
views = canvas(21, 12)
draw(views, 7.5, 1.1, memory, "orange", title="memory")
plans = {
    "view(2, 3)": (1.2, 4.2, memory.view(2, 3)),
    "view(3, 2)": (7.6, 4.2, memory.view(3, 2)),
    "view(2, 3).T": (12.9, 4.2, memory.view(2, 3).T),
    "view(6, 1)": (18.3, 4.2, memory.view(6, 1)),
    "view(1, 6)": (1.7, 9.4, memory.view(1, 6)),
}
for title, (x_left, y_top, grid) in plans.items():
    draw(views, x_left, y_top, grid, "blue", title=title)
    middle, below = x_left + grid.shape[1] / 2, y_top + grid.shape[0] + 0.5
    say(views, middle, below, f"stride {grid.stride()}", "muted")

# %% tags=["check"]
# A view shares memory: writing to z changed x, and both start at the same address.
assert x[0] == 99
assert z.data_ptr() == x.data_ptr()
assert all(grid.data_ptr() == memory.data_ptr() for _, _, grid in plans.values())

# %% [markdown] tags=["checkpoint"]
# A transpose reads memory in the order 0, 3, 1, 4, 2, 5. Can `view` make it one row of six? Think of
# the walk: is there *one* stride that takes these steps?

# %%
turned = torch.arange(6).view(2, 3).T
try:
    turned.view(6)
except RuntimeError as error:
    print(error)
flat = turned.reshape(6)
print(flat, flat.data_ptr() == turned.data_ptr())

# %% [markdown] corrects=["26"]
# There is none. So **`view` shares or refuses; `reshape` shares if it can and copies if it must.**
# Slices such as `table[0]` share memory, too; a condition such as `table[table > 6]` copies. To be
# sure of a copy, write `.clone()`.

# %% tags=["check"]
# A slice and a transpose share memory; a condition and clone copy.
assert table[0].data_ptr() == table.data_ptr() == table.T.data_ptr()
assert table[table >= 0].data_ptr() != table.data_ptr()
assert table.clone().data_ptr() != table.data_ptr()

# %% [markdown] covers=["00.23", "00.24"] corrects=["23"]
# ### Add or remove a dimension of length 1
#
# `unsqueeze(dim)` adds a dimension of length 1 at that place: a model wants a *batch* of images,
# even when you have one. In the figure above, (1, 6) and (6, 1) are the two ways to do it to a
# vector. `squeeze()` removes **all** dimensions of length 1; `squeeze(dim)` only that one, and only
# if its length is 1.

# %%
x = torch.arange(10)
print(x.unsqueeze(dim=0).shape, x.unsqueeze(dim=1).shape)
odd = torch.zeros(1, 3, 1, 2)
print(odd.squeeze().shape, odd.squeeze(dim=0).shape, odd.squeeze(dim=1).shape)

# %% [markdown] covers=["00.22"]
# ### Join tensors
#
# `torch.stack` puts tensors of equal shape side by side along a **new** dimension. `torch.cat` joins
# tensors along one they **already have**, and `vstack` (rows below rows) and `hstack` (columns beside
# columns) are short for `cat` on matrices.

# %%
a, b = torch.tensor([1, 2, 3]), torch.tensor([4, 5, 6])
print(torch.stack([a, b], dim=0).shape, torch.stack([a, b], dim=1).shape)
print(torch.stack([a, b], dim=-1).shape, torch.cat([a, b]).shape)
print(torch.vstack([a, b]).shape, torch.hstack([a, b]).shape)

# %% tags=["hide-input"] alt="Two vectors, 1 2 3 in blue and 4 5 6 in green. Stack with dim 0 and vstack put them as two rows; stack with dim 1 or minus 1 puts them as two columns; cat and hstack join them to one vector of six." caption="Two vectors of shape (3), joined in three ways. `dim=-1` means the last dimension: here, the same as `dim=1`."
joined = canvas(20, 5.9)
draw(joined, 1.5, 1.7, a, "blue")
draw(joined, 1.5, 2.7, b, "green")
say(joined, 3, 1.2, "stack(dim=0)", fontweight="bold")
say(joined, 3, 4.2, "vstack", fontweight="bold")
draw(joined, 7.5, 1.7, a.unsqueeze(1), "blue")
draw(joined, 8.5, 1.7, b.unsqueeze(1), "green")
say(joined, 8.5, 1.2, "stack(dim=1)", fontweight="bold")
draw(joined, 12.5, 2.2, a, "blue")
draw(joined, 15.5, 2.2, b, "green")
say(joined, 15.5, 1.7, "cat", fontweight="bold")
say(joined, 15.5, 3.7, "hstack", fontweight="bold")
for x_label, y_label, label in ((3, 5, "(2, 3)"), (8.5, 5.3, "(3, 2)"), (15.5, 4.5, "(6)")):
    say(joined, x_label, y_label, label, "muted")

# %% [markdown] tags=["wrong"] corrects=["22"]
# **`hstack` of two vectors is not a matrix.** A vector has no columns, so `hstack` can only make
# it longer: the result is one vector of six. `vstack` first makes a row of each vector. If you mean
# a new dimension, say so with `stack`.

# %% tags=["check"]
# stack adds a dimension; vstack and hstack of matrices are cat along dim 0 and dim 1.
assert torch.equal(torch.hstack([a, b]), torch.tensor([1, 2, 3, 4, 5, 6]))
assert torch.stack([a, a, a], dim=1).equal(torch.stack([a, a, a], dim=-1))
assert torch.stack([MATRIX, MATRIX]).shape == (2, 2, 2)
assert torch.vstack([MATRIX, MATRIX]).equal(torch.cat([MATRIX, MATRIX], dim=0))
assert torch.hstack([MATRIX, MATRIX]).equal(torch.cat([MATRIX, MATRIX], dim=1))

# %% [markdown] covers=["00.25"]
# ### Exchange dimensions
#
# Pictures mostly arrive as height, width, channels. PyTorch's layers want channels, height, width.
# `torch.permute` exchanges dimensions; you list the old ones in their new order. The result is
# again a view.

# %%
photo = torch.rand(224, 224, 3)  # H, W, C
channels_first = torch.permute(photo, (2, 0, 1))  # C, H, W
print(channels_first.size(), channels_first.data_ptr() == photo.data_ptr())

# %% [markdown]
# `.size()` is the same as `.shape`. Here is the exchange on a picture that you can see: a tomato,
# 8 by 8 pixels. And beside it, a shortcut that many have tried.

# %%
down, across = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
tomato = torch.ones(8, 8, 3) * torch.tensor([0.98, 0.93, 0.85])  # red, green, blue
tomato[(down - 4.5) ** 2 + (across - 3.5) ** 2 < 10] = torch.tensor([0.82, 0.16, 0.1])
tomato[:2, 3:6] = torch.tensor([0.2, 0.55, 0.2])
results = [tomato.permute(2, 0, 1), tomato.reshape(3, 8, 8)]
print([result.shape for result in results])


# %% tags=["hide-input"] alt="First row: an 8 by 8 picture of a red tomato with a green leaf, and after permute its red, green and blue planes, each showing the tomato's outline. Second row: the same picture after reshape to (3, 8, 8); the three planes are stripes in which no tomato can be seen." caption="Both results have shape (3, 8, 8). The stronger a cell's color, the larger its number. Only `permute` keeps each pixel's red with red, green with green, blue with blue."
def paint(axes, x, y, plane, color):
    for i, j in np.ndindex(8, 8):
        pixel = plane[i, j].tolist()
        face = (COLORS[color], pixel) if color else tuple(pixel)
        axes.add_patch(patches.Rectangle((x + j / 2, y + i / 2), 0.5, 0.5, fc=face, lw=0))
    axes.add_patch(patches.Rectangle((x, y), 4, 4, fc="none", ec=COLORS["muted"], lw=1))


planes = canvas(22, 12)
for n, (title, result) in enumerate(zip(("permute", "reshape"), results, strict=True)):
    top = 1.2 + 5.8 * n
    paint(planes, 0.5, top, tomato, None)
    say(planes, 2.5, top - 0.6, "(8, 8, 3)", "muted")
    say(planes, 14.3, top - 0.6, title, ("green", "orange")[n], fontweight="bold")
    for channel, color in enumerate(("orange", "green", "blue")):
        paint(planes, 7.3 + 5 * channel, top, result[channel], color)
        label = ("red", "green", "blue")[channel] if n == 0 else "?"
        say(planes, 9.3 + 5 * channel, top + 4.4, label, "muted")
    planes.annotate("", (7, top + 2), (4.8, top + 2), arrowprops=arrow)

# %% [markdown] tags=["wrong"]
# **The shape is right, the picture is gone.** `reshape` keeps the numbers in their order and cuts
# the row anew, so the first plane holds red, green and blue of the upper rows. To *reorder*
# dimensions use `permute`; to *regroup* neighbors use `reshape`. No error will tell you.

# %% tags=["check"]
# Permute keeps the three numbers of a pixel together, reshape does not.
assert results[0].shape == results[1].shape == (3, 8, 8)
assert torch.equal(tomato.permute(2, 0, 1)[:, 5, 3], tomato[5, 3])
assert not torch.equal(tomato.reshape(3, 8, 8)[:, 5, 3], tomato[5, 3])

# %% [markdown] covers=["00.27", "00.28"] corrects=["24"]
# ## NumPy and back
#
# Most data in Python passes through NumPy at some point. `torch.from_numpy` and `.numpy()` cross
# the border. Both **keep the dtype** and both **share the memory**: nothing is copied.

# %%
array = np.ones(5)
tensor = torch.from_numpy(array)
print(array.dtype, tensor.dtype)
array[0] = 7
print(tensor)
print(torch.ones(5).numpy().dtype)

# %% tags=["hide-input"] alt="One strip of five numbers, 7 1 1 1 1, in memory. An arrow from the word array and an arrow from the word tensor both point to it." caption="One memory, two names. Change it through one and the other sees it. `torch.tensor(array)` makes a copy instead."
shared = canvas(15, 4.4)
draw(shared, 5, 1.9, torch.from_numpy(array), "orange", title="five float64 numbers")
say(shared, 1.9, 2.4, "array", "blue", fontweight="bold")
say(shared, 1.9, 3.2, "NumPy", "muted")
say(shared, 13.1, 2.4, "tensor", "green", fontweight="bold")
say(shared, 13.1, 3.2, "PyTorch", "muted")
shared.annotate("", (4.8, 2.4), (2.9, 2.4), arrowprops=arrow)
_ = shared.annotate("", (10.2, 2.4), (12, 2.4), arrowprops=arrow)

# %% [markdown]
# The defaults differ: NumPy's is `float64`, PyTorch's is `float32`. The difference surfaces when
# NumPy data meets a layer.

# %%
try:
    nn.Linear(5, 1)(tensor)
except RuntimeError as error:
    print(error)
print(nn.Linear(5, 1)(tensor.float()).dtype)

# %% [markdown] tags=["wrong"]
# **must have the same dtype, but got Double and Float.** Double is another name for `float64`,
# Float for `float32`. The data came from NumPy and kept its dtype; the layer's weights are
# `float32`. Convert the data once, where it enters: `torch.from_numpy(array).float()`. A new dtype
# means a copy, which no longer shares memory.

# %% [markdown] covers=["00.29", "00.30"]
# ## The same random numbers again
#
# Learning is: start with random numbers, compute, update, again and again. If each run starts
# elsewhere, how can you tell whether your change helped? Fix the start. Computers make
# *pseudo*-random numbers: a formula turns a **seed** into a long sequence that looks random.

# %%
RANDOM_SEED = 42
torch.manual_seed(RANDOM_SEED)
t3 = torch.rand(3, 3)
torch.manual_seed(RANDOM_SEED)
t4 = torch.rand(3, 3)
print(t3 == t4)

# %% [markdown] tags=["checkpoint"]
# Now leave out the second `manual_seed`. Will the two tensors be equal?

# %%
torch.manual_seed(RANDOM_SEED)
first, second = torch.rand(3, 3), torch.rand(3, 3)
print((first == second).any(), torch.equal(first, t3))

# %% tags=["hide-input"] alt="Two sequences of random numbers in grids of three by three. Above: seed 42, then two draws with different numbers. Below: seed 42 set before each draw, and both draws show the same numbers." caption="A seed sets the start of a sequence. Each draw moves on; only a new `manual_seed` goes back."
draws = canvas(17.7, 9.6)
for y, again, second_draw in ((1.3, "no new seed", second), (6.3, "manual_seed(42)", t4)):
    say(draws, 2.5, y + 1.5, "manual_seed(42)", "muted")
    draw(draws, 5.4, y, first, "blue", title="first draw", form=".2f")
    say(draws, 11.4, y + 1.5, again, "muted")
    color = "blue" if torch.equal(first, second_draw) else "orange"
    draw(draws, 14.4, y, second_draw, color, title="second draw", form=".2f")

# %% tags=["check"]
# With the seed set before each draw all nine numbers agree; without it none does.
assert (t3 == t4).all()
assert not (first == second).any()
generator = torch.Generator().manual_seed(RANDOM_SEED)
assert torch.equal(torch.rand(3, 3, generator=generator), t3)

# %% [markdown] tags=["number"] row="N5"
# {{ "all True" if (t3 == t4).all() else "not all True" }}

# %% [markdown] corrects=["7", "18"]
# `torch.manual_seed` sets the global sequence of every device. When one part of a program should
# not disturb another, give it a sequence of its own: `torch.rand(3, 3, generator=generator)` with
# `generator = torch.Generator().manual_seed(42)`. Python's `random` and NumPy have their own
# seeds; our [`set_seeds`][pdl.seed.set_seeds] sets all three. Two limits remain. Another version
# of PyTorch, or a GPU in place of the CPU, may turn the same seed into other numbers. And some GPU
# operations add up in a varying order; `set_seeds(42, deterministic=True)` avoids or refuses them.

# %% [markdown] covers=["00.31", "00.32"]
# ## From CPU to GPU
#
# A GPU does thousands of multiplications at the same time, and a matrix product has that many to
# offer. Most GPUs have memory of their own, so tensors must travel there. **Device-agnostic** code chooses
# once and uses the choice everywhere:

# %%
classic = "cuda" if torch.cuda.is_available() else "cpu"
device = torch.accelerator.current_accelerator(check_available=True) or "cpu"
print(classic, device)
promise = torch.accelerator.current_accelerator()
print(promise, torch.accelerator.is_available())

# %% [markdown] corrects=["27"]
# The first line is the classic one. It knows NVIDIA's GPUs (and AMD's, whose PyTorch uses the
# same name), but not Apple's (`mps`) or Intel's (`xpu`). The second finds those too. And `promise`
# is the same question, asked carelessly.

# %% [markdown] tags=["wrong"]
# **A name is not a GPU.** Without `check_available=True`, `current_accelerator()` tells what this
# PyTorch *was built for*. A PyTorch made for NVIDIA answers `cuda` even where there is no GPU, and
# the first `.to()` fails. Here it answered `{{ str(promise) }}`, and whether one is available:
# `{{ str(torch.accelerator.is_available()) }}`.

# %% [markdown]
# From here on, [`choose_device`][pdl.device.choose_device] decides. It comes from `pdl`, the small
# library that this book builds, and it agrees with the second line.

# %%
import pdl
from pdl.device import choose_device

device = choose_device()
on_device = torch.tensor([1.0, 2.0, 3.0]).to(device)
back = on_device.cpu().numpy()
print(back)

# %% [markdown] corrects=["71"]
# `.to(device)` **returns** a tensor on that device and leaves the original where it is, so keep
# the result. (A tensor that is already there comes back itself, not a copy.) On an NVIDIA GPU, `on_device.device` prints as `cuda:0`, the first one. NumPy works only in
# the CPU's memory, hence `.cpu().numpy()`. What happens without `.cpu()`? The stand-in device shows
# it on any machine.

# %%
try:
    torch.ones(3, device="meta").numpy()
except TypeError as error:
    print(error)

# %% tags=["hide-input"] alt="Two boxes: memory of the CPU with a NumPy array and a tensor inside, and memory of the GPU with a tensor inside. Arrows: from_numpy and numpy between array and tensor, labeled no copy; to(device) and cpu() between the two tensors, labeled copy. A crossed-out line from the GPU's tensor to the array is labeled TypeError." caption="Between NumPy and a CPU tensor nothing moves. Between CPU and GPU every number is copied. There is no direct way from the GPU to NumPy."
travel = canvas(20, 7.4)
for x_left, width, owner in ((0.4, 11.6, "CPU"), (15.2, 4.4, "GPU")):
    shape = {"fc": COLORS["wash"], "ec": COLORS["rule"], "lw": 1}
    box = patches.Rectangle((x_left, 0.9), width, 4.4, **shape)
    travel.add_patch(box)
    say(travel, x_left + width / 2, 0.4, f"memory of the {owner}", "muted")
for x_left, name, color in (
    (0.9, "array", "blue"),
    (8.5, "tensor", "green"),
    (15.9, "tensor", "orange"),
):
    draw(travel, x_left, 2.5, torch.tensor([1, 2, 3]), color, title=name)
steps = [(4.1, 8.3, 2.6, "torch.from_numpy()"), (8.3, 4.1, 3.5, ".numpy()")]
steps += [(11.7, 15.7, 2.6, ".to(device)"), (15.7, 11.7, 3.5, ".cpu()")]
for start, end, y, label in steps:
    travel.annotate("", (end, y), (start, y), arrowprops=arrow)
    up = -0.45 if y < 3 else 0.5
    say(travel, (start + end) / 2, y + up, label, fontsize=11)
bend = arrow | {"color": COLORS["orange"], "connectionstyle": "arc3,rad=-0.22", "ls": "--"}
travel.annotate("", (2.4, 3.7), (17.4, 3.7), arrowprops=bend)
say(travel, 13.6, 5.05, "\N{MULTIPLICATION SIGN}", "orange", fontsize=22)
say(travel, 9.9, 6.6, "TypeError: use .cpu() first", "orange", fontweight="bold")

# %% tags=["check"]
# The way to the device and back changes no number, and the original stays on the CPU.
found = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
assert device.type == found.type
home = torch.tensor([1.0, 2.0, 3.0])
away = home.to(device)
assert home.device.type == "cpu"
assert away.device.type == device.type
assert np.array_equal(away.cpu().numpy(), home.numpy())

# %% [markdown]
# Finally, all the facts about your installation in one call. Put it into every bug report.

# %%
print(pdl.info())

# %% [markdown]
# ## Recap
#
# - A tensor is a block of numbers of one dtype, with a shape, on a device. Nearly every error
#   is about one of these three. Print them.
# - `*` meets place by place, `@` row by column: inner lengths match, outer lengths remain.
# - `dim=` names the dimension that disappears. Broadcasting compares shapes from the right.
# - `view`, `T`, `permute`, `squeeze` describe the same memory anew. `reshape` copies if it must.
# - NumPy shares memory and prefers `float64`. A seed fixes the sequence. `.to(device)` copies.
#
# If in doubt, run the code.

# %% [markdown] covers=["00.33"]
# ## Exercises
#
# Try each one before you open its solution. All solutions run with this page, and their
# asserts held when it was built.

# %% [markdown] tags=["exercise"] level="warm-up"
# ### Exercise 1: a random matrix
#
# Make a random tensor of shape (7, 7).

# %% tags=["solution", "check"]
# Its shape is (7, 7).
X = torch.rand(7, 7)
assert X.shape == (7, 7)

# %% [markdown] tags=["exercise"] level="warm-up"
# ### Exercise 2: make it fit
#
# Multiply that matrix by another random tensor of shape (1, 7), with `@`. One of them needs a
# change first.

# %% tags=["solution", "check"]
# (7, 7) @ (7, 1) gives (7, 1).
Y = torch.rand(1, 7)
result = X @ Y.T
assert result.shape == (7, 1)

# %% [markdown] tags=["exercise"] level="measure"
# ### Exercise 3: twice the same
#
# Do exercises 1 and 2 again, two times, with the seed 0 set each time. Count how many of the 7
# results agree exactly. Then count again without the second seed.


# %% tags=["solution", "check"]
# With the seed all 7 results agree, without it none.
def experiment():
    """Draw both tensors and multiply them."""
    return torch.rand(7, 7) @ torch.rand(1, 7).T


torch.manual_seed(0)
one = experiment()
torch.manual_seed(0)
two, three = experiment(), experiment()
assert (one == two).sum() == 7
assert (one == three).sum() == 0

# %% [markdown] tags=["exercise"] level="build"
# ### Exercise 4: a seed on the device
#
# Is there a seed for the GPU? Set it to 1234, draw three numbers on `device`, and do so again to
# prove that they repeat. Your code must also run where there is no GPU.

# %% [markdown] tags=["solution"]
# `torch.manual_seed` seeds every device at once; `torch.cuda.manual_seed` only NVIDIA's. A
# generator of the device's own works everywhere.

# %% tags=["solution", "check"]
# The same seed gives the same numbers on the device, by either way.
torch.manual_seed(1234)
one = torch.rand(3, device=device)
torch.manual_seed(1234)
two = torch.rand(3, device=device)
own = torch.Generator(device=device).manual_seed(1234)
three = torch.rand(3, device=device, generator=own)
assert torch.equal(one, two)
assert torch.equal(one, three)

# %% [markdown] tags=["exercise"] level="build"
# ### Exercise 5: two tensors on the device
#
# Set the seed 1234. Make two random tensors of shape (2, 3) and send both to `device`.

# %% tags=["solution", "check"]
# Both have shape (2, 3) and live on the chosen device.
torch.manual_seed(1234)
p = torch.rand(2, 3).to(device)
q = torch.rand(2, 3).to(device)
assert p.shape == q.shape == (2, 3)
assert p.device.type == q.device.type == device.type

# %% [markdown] tags=["exercise"] level="build"
# ### Exercise 6: multiply them
#
# Multiply the two matrices of exercise 5. There are two ways to make the shapes fit. Which shapes
# do they give?

# %% tags=["solution", "check"]
# Transposing the second gives (2, 2), transposing the first (3, 3).
r = p @ q.T
assert r.shape == (2, 2)
assert (p.T @ q).shape == (3, 3)

# %% [markdown] tags=["exercise"] level="warm-up"
# ### Exercise 7: the extremes
#
# Find the largest and the smallest number of the (2, 2) result.

# %% tags=["solution", "check"]
# No number lies above the maximum or below the minimum.
largest, smallest = r.max(), r.min()
assert (r <= largest).all()
assert (r >= smallest).all()

# %% [markdown] tags=["exercise"] level="build"
# ### Exercise 8: where are they?
#
# Find the positions of these two numbers. `argmax` gives one index although the result has two
# dimensions. What does it count, and how do you get row and column?

# %% [markdown] tags=["solution"]
# Without `dim=`, the index counts through the flattened tensor. `torch.unravel_index` turns it
# into one index per dimension.

# %% tags=["solution", "check"]
# Row and column lead back to the largest and the smallest number.
place = torch.unravel_index(r.argmax(), r.shape)
assert r[place] == r.max() == r.flatten()[r.argmax()]
assert r[torch.unravel_index(r.argmin(), r.shape)] == r.min()

# %% [markdown] tags=["exercise"] level="warm-up"
# ### Exercise 9: lose the ones
#
# With the seed 7, make a random tensor of shape (1, 1, 1, 10) and from it one of shape (10).
# Print both with their shapes.

# %% tags=["solution", "check"]
# Squeezing keeps the ten numbers.
torch.manual_seed(7)
long = torch.rand(1, 1, 1, 10)
short = long.squeeze()
print(long, long.shape)
print(short, short.shape)
assert short.shape == (10,)
assert torch.equal(short, long[0, 0, 0])

# %% [markdown] tags=["exercise"] level="measure" answer=["error_of: a dict from each of the two dtypes to how far its sum is from 10,000"]
# ### Exercise 10: what does precision cost?
#
# Add 0.1 to itself, one hundred thousand times, once in `float64` and once in `float32`, in a
# plain loop. The answer should be 10,000. By how much is each off, and how many bytes does a
# number take?

# %% tags=["solution"]
error_of = {}
for dtype in (torch.float64, torch.float32):
    total, step = torch.zeros((), dtype=dtype), torch.tensor(0.1, dtype=dtype)
    for _ in range(100_000):
        total += step
    error_of[dtype] = abs(total.item() - 10_000)
    print(dtype, step.element_size(), "bytes, off by", error_of[dtype])

# %% tags=["solution", "check"]
# Half the bytes, and an error at least a million times as large.
assert torch.tensor(0.1, dtype=torch.float32).element_size() == 4
assert error_of[torch.float32] > 1e6 * error_of[torch.float64]

# %% [markdown] tags=["exercise"] level="open"
# ### Exercise 11: read the reference
#
# Spend ten minutes with the documentation of
# [torch.Tensor](https://docs.pytorch.org/docs/stable/tensors.html) and
# [torch.cuda](https://docs.pytorch.org/docs/stable/cuda.html). Pick two methods the chapter did not
# show, predict their results on a small tensor, and run them. How many GPUs does your machine have?

# %% [markdown] tags=["solution"]
# One possible pick: `clamp` cuts values to a range, `cumsum` gives running totals.

# %% tags=["solution", "check"]
# The predictions held.
sample = torch.tensor([-2, 5, 1])
assert sample.clamp(min=0, max=3).tolist() == [0, 3, 1]
assert sample.cumsum(dim=0).tolist() == [-2, 3, 4]
print("GPUs:", torch.cuda.device_count())

# %% [markdown]
# ## Next
#
# You can now hold data and compute with it. In [the PyTorch workflow](01_workflow.md), two random
# numbers learn a straight line, step by step.
#
# Two other explanations worth your time: the PyTorch notes on
# [broadcasting](https://docs.pytorch.org/docs/stable/notes/broadcasting.html) and on
# [reproducibility](https://docs.pytorch.org/docs/stable/notes/randomness.html), and Edward Yang's
# [PyTorch internals](http://blog.ezyang.com/2019/05/pytorch-internals/) for what lies beneath a
# stride.
