# ---
# title: What deep learning is, and how to learn it
# description: "From rules to examples: what a neural network does with numbers, when to leave it alone, why PyTorch, and the road through this book."
# order: 0
# level: beginner
# needs: []
# gives: [learning from examples, layers and representations, when not to use a network, the road map]
# minutes: 20
# data: []
# seed: 42
# ---
# %% [markdown]
# # What deep learning is, and how to learn it
#
# Here a small program reads three letters through heavy noise. Nobody told it what a P looks like.
# While this page was built, it saw 300 noisy examples with their answers, and worked it out.

# %% tags=["hide-input"] name="result" alt="Three noisy pictures, five by five pixels each, of the letters P, D and L. Beside each stand three bars, the network's probabilities for P, D and L; each time the bar of the right letter is by far the longest." caption="What the network sees, and what it answers: a probability for each letter."
import torch
from matplotlib import pyplot
from torch import nn

from pdl.plotting import COLORS, use_style

strokes = "1111010001111101000010000 1111010001100011000111110 1000010000100001000011111"
letters = torch.tensor([[float(dot) for dot in stroke] for stroke in strokes.split()])
torch.manual_seed(42)
images = letters.repeat(100, 1) + 0.8 * torch.randn(300, 25)
model = nn.Sequential(nn.Linear(25, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(40):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(images), torch.arange(3).repeat(100)).backward()
    optimizer.step()
use_style()
pyplot.rcParams["font.size"] = 13  # large enough for a phone
_, ax = pyplot.subplots(figsize=(7.2, 1.4))
ax.set(xlim=(0, 36), ylim=(5.2, -1.3), frame_on=False, xticks=[], yticks=[])
seen = letters + 0.8 * torch.randn(3, 25)
for n, answer in enumerate(model(seen).softmax(dim=1).tolist()):
    where = {"x": 12 * n + 1.5 + torch.arange(25) % 5, "y": torch.arange(25) // 5}
    ax.scatter(**where, s=190, marker="s", c=COLORS["ink"], alpha=seen[n].clamp(0, 1), lw=0)
    ax.barh([0.4, 2, 3.6], [4 * p for p in answer], 0.9, 12 * n + 7.6, fc=COLORS["orange"])
    ax.text(12 * n + 6.8, 3.9, "P\nD\nL", linespacing=1.35)

# %% [markdown] covers=["I.01"]
# This is **deep learning**: turn data into numbers, and let a program find the patterns in
# them. This page explains the idea on that small program, and shows the road ahead. Read the code
# as you would read a language you are about to learn; every line returns later, slowly.
#
# **You will** see how pictures, sound and text become numbers; tell rules from learning, and know
# when to prefer rules; follow numbers through the layers of a network; and plan your way through
# the book.
#
# **You need** nothing yet. To try things, [set up your machine](../setup.md).
#
# **It takes** any computer. There is no download, and no GPU.
#
# ## Everything becomes numbers
#
# A network cannot look, listen or read. It can add and multiply. So each kind of data is first
# **encoded** as numbers: a picture as the brightness of its dots, a sound as the pressure of the air,
# thousands of times a second, a text as the codes of its characters or words.

# %% tags=["hide-input"] alt="Three panels. Left: the letter P as a grid of five by five numbers, one for ink and zero for paper. Middle: a sound wave, sampled at regular points. Right: the word pizza, each letter above its number, 112, 105, 122, 122, 97." caption="Three kinds of data, one form in the end: numbers in a row, a grid, or a block."
_, (picture, sound, text) = pyplot.subplots(1, 3, figsize=(7.2, 2.1))
for n, dot in enumerate(letters[0].tolist()):
    shade = {"fc": (COLORS["blue"], 0.1 + 0.4 * dot), "ec": COLORS["blue"]}
    picture.add_patch(pyplot.Rectangle((n % 5, n // 5), 1, 1, **shade))
    picture.text(n % 5 + 0.5, n // 5 + 0.5, f"{dot:g}", ha="center", va="center")
picture.set(xlim=(0, 5), ylim=(5, 0), aspect="equal", title="a picture")
time = torch.linspace(0, 1, 25)
wave = torch.sin(18 * time) * torch.exp(-2 * time)
sound.vlines(time, 0, wave, color=COLORS["green"], lw=1)
sound.plot(time, wave, "o", color=COLORS["green"], ms=4)
sound.set(ylim=(-1.1, 1.1), title="a sound")
for n, character in enumerate("pizza"):
    text.text(n, 0.65, character, fontsize=16, ha="center", color=COLORS["orange"])
    text.text(n, 0.3, ord(character), fontsize=12, ha="center")
text.set(xlim=(-0.5, 4.5), title="a text")
for axes in (picture, sound, text):
    axes.set(frame_on=False, xticks=[], yticks=[])
    axes.grid(visible=False)

# %% [markdown] covers=["I.13"]
# Such an arrangement of numbers is called a **tensor**. One number is a *scalar* (no dimension), a
# row of numbers a *vector* (one), a grid a *matrix* (two); a color picture, three grids on top of
# each other, has three. [The next chapter](00_fundamentals.md) is all about them, and Dan
# Fleisch explains them with blocks and arrows in
# [a short video](https://www.youtube.com/watch?v=f5liqUk0ZTw).

# %% [markdown] tags=["checkpoint"]
# Each of the 300 noisy pictures has 5 rows of 5 dots. Flattened to a row, how many numbers is one
# picture? What is the shape of all of them together?

# %%
print(images.shape)
print(images[0, :5])  # the first row of the first picture

# %% [markdown] covers=["I.02"]
# ## Rules, or examples
#
# In ordinary programming you write the rules, and the computer turns data into answers. In
# machine learning you give data *and* answers, and the computer looks for the rules.

# %% tags=["hide-input"] alt="Two rows. Above, programming: data and rules, which you write, go into a box named program, and answers come out. Below, learning: data and answers, the examples, go into a box named training, and rules, the weights, come out." caption="The same three words, with one arrow turned around."
_, board = pyplot.subplots(figsize=(7.2, 2.9))
board.set(xlim=(0, 20), ylim=(8, 0), frame_on=False, xticks=[], yticks=[])
arrow = {"arrowstyle": "-|>", "color": COLORS["muted"], "lw": 1.5}


def card(axes, corner, size, text, color):
    look = {"fc": (COLORS[color], 0.16), "ec": COLORS[color], "lw": 1.2}
    axes.add_patch(pyplot.Rectangle(corner, *size, **look))
    middle = (corner[0] + size[0] / 2, corner[1] + size[1] / 2)
    axes.text(*middle, text, ha="center", va="center")


rows = (("data", "rules: you write them", "PROGRAM", "answers", 0.4),)
rows += (("data", "answers: the examples", "TRAINING", "rules: the weights", 4.6),)
for first, second, machine, result, y in rows:
    color, tone = ("blue", "green") if machine == "PROGRAM" else ("orange", "orange")
    card(board, (0.3, y), (5.6, 1.3), first, "blue")
    card(board, (0.3, y + 1.7), (5.6, 1.3), second, color)
    card(board, (8.2, y + 0.4), (3.6, 2.2), machine, "teal")
    card(board, (14.1, y + 0.85), (5.6, 1.3), result, tone)
    for start, end, at in ((6, 8.1, 0.9), (6, 8.1, 2.1), (11.9, 14, 1.5)):
        board.annotate("", (end, y + at), (start, y + at), arrowprops=arrow)

# %% [markdown] covers=["I.03"]
# Learning pays when
#
# - **the list of rules would be long**: try to write down what a P looks like, in any handwriting;
# - **the world keeps changing**: new examples are easier to collect than new rules to invent;
# - **the answer hides in a large collection**: say, photos of 101 kinds of food.
#
# Leave it when
#
# - **a simple rule does the job.** Google's
#   [first rule of machine learning](https://developers.google.com/machine-learning/guides/rules-of-ml)
#   is to be ready to do without it;
# - **you must explain each decision**: a million weights are no explanation;
# - **errors are unacceptable**: a network answers with probabilities, and is sometimes wrong;
# - **you have little data**. Here there are remedies: make variants of your examples (*data
#   augmentation*), or start from a network that has learned elsewhere (*transfer learning*).

# %% [markdown] tags=["checkpoint"]
# Even or odd? We show a network 500 of the numbers from 0 to 999 with the answer, and ask it about
# the other 500. How many will it get right?

# %%
torch.manual_seed(42)
numbers = torch.randperm(1000)
odd = numbers % 2
inputs = (numbers / 1000).unsqueeze(1)
parity = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 2))
stepper = torch.optim.Adam(parity.parameters(), lr=0.01)
for _ in range(300):
    stepper.zero_grad()
    nn.functional.cross_entropy(parity(inputs[:500]), odd[:500]).backward()
    stepper.step()
hits = (parity(inputs[500:]).argmax(dim=1) == odd[500:]).sum().item()
print(f"{hits} of 500 right")

# %% [markdown] tags=["wrong"]
# **A model where a rule would do.** With {{ hits }} of 500 it does no better than tossing a coin.
# `number % 2` is right every time, in no time, and you can explain it. Before you train anything,
# ask what the simplest rule would achieve.

# %% tags=["check"]
# The network guesses; the rule is always right.
assert 190 < hits < 310
assert torch.equal(odd, (numbers % 10 % 2))

# %% [markdown] covers=["I.04", "I.05", "I.06"] corrects=["15"]
# ## Machine learning and deep learning
#
# Deep learning is one branch of machine learning. Which branch to take depends on the data:
#
# | | tables with columns (*structured*) | pictures, sound, text (*unstructured*) |
# |---|---|---|
# | usual choice | "shallow" algorithms | deep learning |
# | examples | random forest, gradient boosting (XGBoost), naive Bayes, nearest neighbors, support vector machine | fully connected network, convolutional network (CNN), recurrent network (RNN), Transformer |
#
# That is a rule of thumb and not a law: people train networks on tables, and random forests on
# pictures. This book goes through neural networks in general, fully connected ones, CNNs, and
# a Transformer for images.

# %% [markdown] covers=["I.07", "I.08"]
# ## Inside a network
#
# A neural network takes numbers in, changes them layer by layer, and ends with something a human
# can read. Our letter reader has
#
# - an **input layer**: the 25 numbers of the picture;
# - a **hidden layer**, which turns them into 8 others, its *representation* of the picture;
# - an **output layer**: 3 scores, from which come the **prediction probabilities**.
#
# Each step is a *linear* function (multiply by weights and add), and between the steps stands a
# *non-linear* one, here `ReLU`, which turns negative numbers into 0. Without it, two layers could do
# no more than one. Follow the noisy L, the third picture above.

# %%
hidden = model[1](model[0](seen[2]))  # 25 numbers -> 8: linear, then ReLU
scores = model[2](hidden)  # 8 numbers -> 3: linear
probabilities = scores.softmax(dim=0)  # 3 scores -> 3 probabilities
for numbers_there in (hidden, scores, probabilities):
    print([round(number, 2) for number in numbers_there.tolist()])


# %% tags=["hide-input"]
def draw_weights(axes, x, ys_from, ys_to, weights):
    strengths = 0.7 * weights.abs() / weights.abs().max()
    for j, y_to in enumerate(ys_to):
        for i, y_from in enumerate(ys_from):
            color = COLORS["orange" if weights[j, i] > 0 else "blue"]
            alpha = strengths[j, i].item()
            axes.plot(x, (y_from, y_to), color=color, alpha=alpha, lw=1.2, zorder=1)


def draw_numbers(axes, x, ys, numbers, size):
    look = {"marker": "s" if size < 100 else "o", "s": size, "lw": 0.8, "zorder": 2}
    strengths = (0.8 * numbers / numbers.max()).clamp(0, 1)
    axes.scatter(torch.full_like(ys, x), ys, fc=COLORS["paper"], ec=COLORS["muted"], **look)
    look["zorder"] = 3
    axes.scatter(torch.full_like(ys, x), ys, c=COLORS["ink"], alpha=strengths, **look)


# %% tags=["hide-input"] alt="The network as a diagram. Left, the noisy L as a picture and as a column of 25 squares; in the middle, 8 circles, the hidden layer, the fuller the larger their number; right, 3 circles with the probabilities of P, D and L. Lines connect each input with each hidden circle and each of these with each output, orange for positive weights, blue for negative ones." caption="The whole network, drawn from its numbers. Squares and circles are filled more, the larger their number. Each line is a weight: orange adds, blue takes away, and strong lines weigh more."
_, net = pyplot.subplots(figsize=(7.2, 4.6))
net.set(xlim=(0, 10), ylim=(10.3, -1), frame_on=False, xticks=[], yticks=[])
y_in, y_hidden = torch.linspace(0, 9.3, 25), torch.linspace(0.9, 8.4, 8)
y_out = torch.linspace(2.6, 6.7, 3)
column, row = torch.arange(25) % 5, torch.arange(25) // 5
look = {"marker": "s", "s": 190, "lw": 0, "c": COLORS["ink"]}
net.scatter(0.4 + 0.29 * column, 3.6 + 0.51 * row, alpha=seen[2].clamp(0, 1), **look)
draw_weights(net, (3, 6), y_in, y_hidden, model[0].weight.detach())
draw_weights(net, (6, 8.4), y_hidden, y_out, model[2].weight.detach())
draw_numbers(net, 3, y_in, seen[2], 60)
draw_numbers(net, 6, y_hidden, hidden.detach(), 260)
draw_numbers(net, 8.4, y_out, probabilities.detach(), 420)
for y, name, probability in zip(y_out, "PDL", probabilities.tolist(), strict=True):
    net.text(8.8, y, f"{name}  {probability:.2f}", va="center")
titles = ("picture", "numbers", "representation", "answer")
for title, x in zip(titles, (1, 3, 6, 8.6), strict=True):
    net.text(x, -0.6, title, ha="center", weight="bold")
sizes = ("encoded as", "25 inputs", "8 hidden", "3 probabilities")
for size, x in zip(sizes, (2.3, 3, 6, 8.6), strict=True):
    quiet = {"ha": "center", "color": COLORS["muted"], "fontsize": 11}
    net.text(x, 4.2 if x == 2.3 else 10, size, **quiet)
_ = net.annotate("", (2.75, 4.65), (1.85, 4.65), arrowprops=arrow)

# %% [markdown] tags=["checkpoint"]
# Each line of the drawing is one weight, and each hidden and output number has one more of its own,
# the bias. How many numbers has this network learned?

# %%
print(sum(parameter.numel() for parameter in model.parameters()))
print(25 * 8 + 8 + 8 * 3 + 3)

# %% [markdown] covers=["I.09"]
# ### A word for the pattern
#
# You will read of *patterns*, *weights*, *features* and *embeddings*, often as if they were one
# thing. They are not:
#
# - **weights** (with the biases: the *parameters*) are what the network has learned. They stay
#   the same for every picture.
# - a **representation** (or *feature vector*) is what it makes of *one* picture: the 8 hidden
#   numbers.
# - an **embedding** is a representation in which like things lie close together.
#
# Drawn as a picture, the weights of a hidden unit show the pattern it looks for.

# %% tags=["hide-input"] alt="Eight pictures of five by five squares, the weights of the eight hidden units. Orange squares are positive weights, blue ones negative; strokes of the letters mix with traces of noise." caption="What each hidden unit looks for. Ink on orange raises its number, ink on blue lowers it."
_, filters = pyplot.subplots(figsize=(7.2, 1.05))
filters.set(xlim=(-0.8, 48), ylim=(5.4, -1), frame_on=False, xticks=[], yticks=[])
for n, weights in enumerate(model[0].weight.detach()):
    strengths = weights.abs() / weights.abs().max()
    tones = [COLORS["orange" if weight > 0 else "blue"] for weight in weights]
    look = {"marker": "s", "s": 100, "lw": 0, "c": tones, "alpha": strengths}
    filters.scatter(6.1 * n + column, row, **look)

# %% [markdown] tags=["checkpoint"]
# The weights began as random numbers. How many letters out of 100 does a network read *before*
# training, and how many after it? Both are asked about 3,000 pictures they have never seen.

# %%
torch.manual_seed(0)
answers = torch.arange(3).repeat(1000)
unseen = letters[answers] + 0.8 * torch.randn(3000, 25)


def share_read(network):
    return (network(unseen).argmax(dim=1) == answers).float().mean().item()


fresh = [nn.Sequential(nn.Linear(25, 8), nn.ReLU(), nn.Linear(8, 3)) for _ in range(20)]
before = sum(share_read(network) for network in fresh) / 20
after = share_read(model)
print(f"before {before:.0%} (mean of 20 networks), after {after:.0%}")

# %% [markdown]
# Before: about the third that guessing gives. After: {{ f"{after:.0%}" }}, in noise so heavy
# that the third picture above is hard to read for us, too. It is not perfect, and it knows only
# three letters. But nobody wrote a rule.

# %% tags=["check"]
# Training made the difference, on pictures the network had never seen.
assert 0.25 < before < 0.45
assert after > 0.8
assert model(unseen).argmax(dim=1).unique().numel() == 3
assert sum(parameter.numel() for parameter in model.parameters()) == 25 * 8 + 8 + 8 * 3 + 3

# %% [markdown] covers=["I.10"]
# ## Ways of learning
#
# | | the network gets | example |
# |---|---|---|
# | **supervised** | data with answers (*labels*) | photos with the name of the dish |
# | **unsupervised**, **self-supervised** | data alone; it finds groups, or makes its own questions | guess a hidden word from its neighbors |
# | **transfer** | a network that has learned on other data, and goes on with yours | from a million photos to your 300 |
#
# This book is about supervised and transfer learning. A fourth way, *reinforcement learning* by trial
# and reward, is beyond it.

# %% [markdown] covers=["I.11"]
# ## Where it is used
#
# - **Recommendation**: which film, song or article next?
# - **Sequence to sequence**: translation, speech to text. A sequence goes in, another comes out.
# - **Classification and regression**: what is in the picture, is this message spam, how much will the
#   house cost? A class or a number comes out, from images (*computer vision*) or from text (*natural
#   language processing*).

# %% [markdown] covers=["I.12"]
# ## Why PyTorch
#
# PyTorch is a Python library for such networks, begun at Meta and now looked after by the PyTorch
# Foundation, a part of the Linux Foundation. A network is an ordinary Python object, so you can
# stop anywhere, print, and look, as we did above. PyTorch works out in which direction each weight
# must change. The same code runs on a CPU and, much faster, on a GPU (NVIDIA's through a layer
# called CUDA); with a few more lines, on many. Around it stands the whole stack: data sets,
# pretrained models, tools to deploy. Much research is published with PyTorch code: follow
# [arXiv](https://arxiv.org/list/cs.LG/recent) or
# [Hugging Face papers](https://huggingface.co/papers) to see what is new.

# %% [markdown] covers=["I.15", "I.16"]
# ## The road
#
# Each project in this book takes the same road. Only the data and the model change.

# %% tags=["hide-input"] alt="Six boxes joined by arrows: data to tensors; build or pick a model; fit it to the training data; predict and evaluate on data kept back; save and load; predict on your own data. An arrow labeled improve leads back from evaluate to the model." caption="The PyTorch workflow. Expect to go around its loop more than once."
_, road = pyplot.subplots(figsize=(7.2, 3.1))
road.set(xlim=(0, 20), ylim=(8.6, 0), frame_on=False, xticks=[], yticks=[])
stations = {
    "1  Turn data\ninto tensors": ("blue", 0.2, 0.4),
    "2  Build a model,\nor take a trained one": ("orange", 6.9, 0.4),
    "3  Fit it to the\ntraining data": ("orange", 13.6, 0.4),
    "4  Predict and evaluate\non data kept back": ("green", 13.6, 5.6),
    "5  Save it,\nload it elsewhere": ("teal", 6.9, 5.6),
    "6  Predict on\nyour own data": ("teal", 0.2, 5.6),
}
for station, (tone, x, y) in stations.items():
    card(road, (x, y), (6, 2.4), station, tone)
ways = [(6.3, 1.6, 6.8, 1.6), (13, 1.6, 13.5, 1.6), (16.6, 2.9, 16.6, 5.5)]
ways += [(13.5, 6.8, 13, 6.8), (6.8, 6.8, 6.3, 6.8)]
for x, y, x_to, y_to in ways:
    link = arrow | {"shrinkA": 0, "shrinkB": 0}
    road.annotate("", (x_to, y_to), (x, y), arrowprops=link)
back = arrow | {"color": COLORS["orange"], "connectionstyle": "arc3,rad=0.15"}
road.annotate("", (10.4, 2.9), (13.9, 5.5), arrowprops=back)
_ = road.text(11.3, 4.4, "improve", color=COLORS["orange"], ha="right", weight="bold")

# %% [markdown] covers=["I.14", "I.17"]
# ## How to learn it
#
# Reading alone teaches little. You learn deep learning as you learned to program: with your hands.

# %% tags=["hide-input"] alt="Five boxes in a row joined by arrows: read a section; predict the output; run it; change something; explain it. An arrow leads back from the last to the first." caption="One round takes a few minutes. The sections of this book are cut to fit it."
_, wheel = pyplot.subplots(figsize=(7.2, 1.7))
wheel.set(xlim=(0, 20), ylim=(4.7, 0), frame_on=False, xticks=[], yticks=[])
turns = (
    "read\na section",
    "predict\nthe output",
    "run it",
    "change\nsomething",
    "explain it\nto somebody",
)
tones = ("blue", "teal", "orange", "orange", "green")
for n, (turn, tone) in enumerate(zip(turns, tones, strict=True)):
    card(wheel, (0.2 + 4.05 * n, 0.3), (3.4, 2.2), turn, tone)
    if n:
        wheel.annotate("", (0.2 + 4.05 * n, 1.4), (4.05 * n - 0.4, 1.4), arrowprops=link)
wheel.plot((18.1, 18.1, 1.9), (2.6, 3.9, 3.9), color=COLORS["muted"], lw=1.5)
_ = wheel.annotate("", (1.9, 2.5), (1.9, 3.95), arrowprops=arrow | {"shrinkA": 0})

# %% [markdown]
# Four mottos for the road:
#
# 1. **Run the code.** Type it yourself when you can; do not only look at outputs.
# 2. **Experiment, experiment, experiment.** Change one number, guess what will happen, and look.
# 3. **Visualize, visualize, visualize.** Tensors have pictures, and errors are easier to see than
#    to find.
# 4. **If in doubt, run the code.**
#
# Boxes titled *Predict first* ask you to guess before the answer below. Lines with a check mark are
# claims that were tested when the page was built; a claim that fails stops the build. Solutions of
# exercises were run, too.
#
# ## Recap
#
# - Deep learning finds patterns in numbers, and every kind of data can become numbers.
# - It learns rules from examples. Where a simple rule does the job, use the rule.
# - A network is layers: linear, non-linear, linear. Weights are what it has learned; a representation
#   is what it makes of one input.
# - The road is always the same: tensors, model, fit, evaluate, improve, save, predict.
#
# ## Exercises

# %% [markdown] tags=["exercise"] level="warm-up"
# ### Exercise 1: your name in numbers
#
# Encode your name as a tensor of character codes, then turn the tensor back into text. Python's
# `ord` and `chr` translate one character.

# %% tags=["solution", "check"]
# The way to numbers and back loses nothing.
name = "Ada"
codes = torch.tensor([ord(character) for character in name])
print(codes)
assert "".join(chr(code) for code in codes.tolist()) == name

# %% [markdown] tags=["exercise"] level="measure" answer=["shares: the shares read, as a list, for strengths that begin with 0 and grow"]
# ### Exercise 2: how much noise is too much?
#
# The letters carried noise of strength `0.8`. Guess how many of them the network still reads at
# strengths 0, 1.6, 3.2 and 6.4. Then measure each with 3,000 new pictures.


# %% tags=["solution"]
def share_at(noise):
    pictures = letters[answers] + noise * torch.randn(3000, 25)
    return (model(pictures).argmax(dim=1) == answers).float().mean().item()


shares = [share_at(noise) for noise in (0, 0.8, 1.6, 3.2, 6.4)]
print([f"{share:.0%}" for share in shares])

# %% tags=["solution", "check"]
# Without noise all are read, with more noise fewer, and in the end less than half.
assert shares[0] == 1
assert shares == sorted(shares, reverse=True)
assert 1 / 3 < shares[-1] < 0.5

# %% [markdown]
# ## Next
#
# For the same story in moving pictures, watch
# [3Blue1Brown on neural networks](https://www.3blue1brown.com/topics/neural-networks). Then start
# with the material everything is made of: [PyTorch fundamentals](00_fundamentals.md).
