# ---
# title: Your own pictures
# description: A folder of photos in, a trained model and its predictions out, with three lines in a terminal.
# order: 20
# level: beginner
# needs: []
# gives: [pdl train, pdl predict]
# minutes: 20
# data: [{name: food_mini}]
# seed: 42
# ---
# %% [markdown]
# # Your own pictures
#
# You have photos of a few kinds of things, and want a program that tells them apart. It takes a
# folder, three lines in a terminal, and some minutes of a laptop. No code.

# %% tags=["hide-input"] name="result" alt="Six small photos in two rows. Above each stands what the model takes it for and how sure it is; an answer in orange is wrong." caption="Six pictures that the model has never seen, and what it says. Orange is wrong."
import contextlib
import io
import os
import shutil
import tempfile
from pathlib import Path

from matplotlib import pyplot
from PIL import Image

from pdl import cli, gallery, plotting
from pdl.data.sources import find
from pdl.predict import predict
from pdl.tracking import read_run
from pdl.trained import load_trained

plotting.use_style()
desk = tempfile.TemporaryDirectory(prefix="pdl-")
home = Path.cwd()
os.chdir(desk.name)  # all files of this page go there
food = find("food_mini")
shutil.copytree(food.train_dir, "photos")
shutil.copytree(food.test_dir, "inbox")


def pdl(line):
    return cli.app(line.split(), standalone_mode=False)


with contextlib.redirect_stdout(io.StringIO()):
    pdl("train photos --model efficientnet_lite0 --epochs 3 --out runs/food --device cpu")
model, class_names = load_trained("runs/food")
kinds = [sorted(Path("inbox", name).iterdir()) for name in class_names]
guests = [path for kind in kinds for path in kind[:2]]
answers = predict(model, guests, class_names)
_, panels = pyplot.subplots(2, 3, figsize=(7.2, 5.2))
for ax, path, answer in zip(panels.T.flat, guests, answers, strict=True):
    gallery.show(ax, Image.open(path))
    right = answer.label == path.parent.name
    ink = {"color": plotting.COLORS["ink" if right else "orange"]}
    ax.set_title(f"{answer.label} {answer.prob:.0%}", loc="center", fontsize=12, **ink)

# %% [markdown]
# **You need** this library on your machine ([set up](../setup.md); with pip, in a clone of the book,
# `pip install ".[pretrained]"`) and a few dozen pictures
# of each kind. **It takes** no GPU, and no download: the trained network that we start from comes
# with the library.
#
# On this page the photos are those of `food_mini`:
# {{ "real ones, pizza, steak and sushi" if food.kind == "real" else "the real ones are not at hand where this page was built, so they are drawn" }}.
# Everything below was run when the page was built. Where it says `pdl("...")`, type `pdl ...` in
# your terminal.
#
# ## 1. Put them into folders
#
# One folder for each kind, named as the program shall call it. Nothing else.
#
# ```text
# photos/
#   pizza/   0001.jpg  holiday.png  ...
#   steak/   ...
#   sushi/   ...
# ```
#
# Some of your files will be broken: a download that stopped, a text file with the wrong name. We
# plant one, and let the library look at every picture before it costs an hour:

# %%
Path("photos/pizza/holiday.jpg").write_text("not a picture")
code = pdl("data check photos")
print("exit code", code)

# %% [markdown]
# It names the file and says what is wrong with it. Training would leave it out and say so. We
# remove it.

# %%
Path("photos/pizza/holiday.jpg").unlink()
code_after = pdl("data check photos")

# %% tags=["check"]
# The broken file is found, by name; without it the folder is fine.
assert code == 3
assert not code_after

# %% [markdown]
# ## 2. Train
#
# We do not start from nothing. `efficientnet_lite0` has seen more than a million photos, of a
# thousand kinds. It keeps what it learned, and only its last layer is made new, for your kinds. That
# is called transfer learning; it is why a few dozen pictures are enough.
#
# ```bash
# pdl train photos --out runs/food --model efficientnet_lite0 --epochs 3
# ```
#
# A fifth of the pictures is set aside, `val`, and no step learns from them. What the run at the top
# of this page measured on them:

# %%
history = read_run("runs/food").history
pairs = zip(history["train_acc"], history["val_acc"], strict=True)
for epoch, (train, val) in enumerate(pairs, start=1):
    print(f"epoch {epoch}: training {train:.1%}, validation {val:.1%}")

# %% [markdown]
# Look at the validation numbers only. By chance they would be near
# {{ f"{1 / len(class_names):.0%}" }}. With so few pictures set aside, one picture more or less is
# {{ f"{100 / (0.2 * sum(1 for _ in food.train_dir.glob('*/*'))):.0f}" }} points, so do not
# celebrate a difference of that size.
#
# The folder of the run has all of it: the settings, the measurements of each epoch, the weights.

# %%
for path in sorted(Path("runs/food").iterdir()):
    print(path.name)

# %% tags=["check"]
# Three epochs of the new layer are far above chance.
assert history["val_acc"][-1] > 0.6
assert Path("runs/food/model.safetensors").stat().st_size > 1_000_000

# %% [markdown]
# You stopped it with Ctrl-C, or the battery died? `--resume` goes on where it was, to the same
# result. You want to start over? `--overwrite`. More epochs, `--augment flip`, or `--fine-tune`,
# which trains the whole network, may give some points more. `pdl train --help` has the rest.
#
# ## 3. Predict
#
# Files or whole folders; here `new`, a folder with four pictures that the model has not seen. `--top`
# says how many kinds to name, `--plot` saves a picture of the answers, `--format csv` or `json` is
# for other programs.
#
# ```bash
# pdl predict runs/food new --top 2 --plot answers.png
# ```

# %%
shutil.copytree("inbox/pizza", "new")
for path in sorted(Path("new").iterdir())[4:]:
    path.unlink()
pdl("predict runs/food new --top 2 --plot answers.png --device cpu")

# %% [markdown]
# How good is it on all pictures of the inbox? There we know the truth, and the model has seen none
# of them. In Python the same is two lines, `model, class_names = load_trained("runs/food")` and `predict`,
# which gives a list:

# %%
every = sorted(Path("inbox").glob("*/*"))
said = predict(model, every, class_names)
pairs = zip(every, said, strict=True)
hits = sum(path.parent.name == answer.label for path, answer in pairs)
print(f"{hits} of {len(every)} right, {hits / len(every):.0%}")

# %% tags=["hide-input"] alt="Two rows of dots over the confidence of the model, from a third to one. Above the right answers, most of them to the right; below the wrong ones, further to the left." caption="How sure the model was. Right answers above, wrong ones below."
_, ax = pyplot.subplots(figsize=(7.2, 1.8))
for path, answer in zip(every, said, strict=True):
    right = path.parent.name == answer.label
    color = plotting.COLORS["blue" if right else "orange"]
    ax.plot(answer.prob, 0 if right else 1, "o", color=color, alpha=0.5)
ax.set_yticks([0, 1], ["right", "wrong"])
_ = ax.set(xlabel="probability of the answer", xlim=(0.3, 1.02), ylim=(1.6, -0.6))

# %% tags=["check"]
# The model beats chance by far on new pictures, and says each kind.
assert hits / len(every) > 0.6
assert {answer.label for answer in said} == set(class_names)
assert Image.open("answers.png").size[0] > 100

# %% [markdown]
# Ask a person to look at answers below some probability. Where that line should be, this picture
# tells you, and it is another one for your pictures.
#
# ## When it goes wrong

# %% [markdown] tags=["wrong"]
# **Photos without folders.** The names of the folders are the answers, so there must be at least
# two of them. The message says what it found and what it wants:

# %% tags=["stderr"]
for folder in ("new", "not-there"):
    print("exit code", pdl(f"train {folder}"))

# %% [markdown]
# | you see | likely | do |
# |---|---|---|
# | validation near chance | pictures in the wrong folders | open ten of each folder and look |
# | training high, validation low | too few pictures, or nearly the same ones | more and more different pictures; `--augment trivial` |
# | good here, bad at home | the photos at home are of another kind | put some of those into the folders |
# | one kind never predicted | it has very few pictures | about the same number of each kind |
# | it is sure, and wrong | a picture of none of your kinds | the model must choose one of its names; add a folder for "something else" |
#
# ## Recap
#
# - One folder for each kind, then `pdl data check`, `pdl train`, `pdl predict`.
# - Start from a trained network; a few dozen pictures of each kind are enough to begin.
# - Trust numbers from pictures that the model has not learned from.
#
# What happens inside, in order: [pictures as tensors](03_computer_vision.md),
# [folders as data sets](04_custom_datasets.md), and [the program that you just
# used](05_going_modular.md).

# %% tags=["hide-input"]
os.chdir(home)
desk.cleanup()
