# ---
# title: Replicating the ViT paper
# description: The Vision Transformer, equation by equation, from a sum done by hand to the same outputs as torchvision's.
# order: 9
# level: advanced
# needs: [03_computer_vision, 05_going_modular]
# gives: [attention, patches and tokens, position embedding, LayerNorm, residuals, reading a paper]
# minutes: 90
# data: [{name: food_mini}]
# paper: https://arxiv.org/abs/2010.11929
# seed: 42
# ---
# %% [markdown]
# # Replicating the ViT paper
#
# A paper of 2020 cut pictures into squares, treated the squares like words, and gave them to a
# network made for text. You build that network here, from its four equations, and check every
# piece against a sum done by hand. At the end your model and torchvision's give the same numbers.

# %% tags=["hide-input"] name="result" alt="Left: a photo of a pizza. Middle: the same photo cut into 14 by 14 squares that are pulled apart. Right: a scatter plot of 1000 numbers, those of the model of this page against those of torchvision; all lie on the diagonal." caption="A picture, its 196 patches, and what two Vision Transformers make of them: the model of this book against torchvision's, with the same weights. Each dot is one of 1,000 outputs."
import torch
from matplotlib import pyplot
from torch import nn
from torchvision import models

from pdl import gallery, plotting
from pdl.data import folder, sources
from pdl.vit.config import ViTConfig
from pdl.vit.convert import import_weights
from pdl.vit.model import VisionTransformer

plotting.use_style()
c = plotting.COLORS
food = sources.find("food_mini")
plates = folder.ImageFolderCustom(food.train_dir)
base = ViTConfig.preset("B/16")
torch.manual_seed(42)
theirs = models.vit_b_16(weights=None).eval()
nn.init.normal_(theirs.heads.head.weight, std=0.02)  # it starts with zeros
with torch.device("meta"):  # shapes without numbers: theirs come next
    ours = VisionTransformer(base).eval()
weights = import_weights(theirs.state_dict(), base, library="torchvision")
ours.load_state_dict(weights, assign=True)

photo = ours.transform(plates.load_image(4))  # (3, 224, 224)
with torch.inference_mode():
    their_scores, our_scores = theirs(photo[None])[0], ours(photo[None])[0]
apart = torch.ones(3, 14 * 19 - 3, 14 * 19 - 3)
for row in range(14):
    for column in range(14):
        there = slice(row * 19, row * 19 + 16), slice(column * 19, column * 19 + 16)
        here = slice(row * 16, row * 16 + 16), slice(column * 16, column * 16 + 16)
        apart[(slice(None), *there)] = photo[(slice(None), *here)]
transparent = torch.cat([apart, (apart < 1).any(dim=0, keepdim=True).float()])
shape = {"figsize": (7.2, 2.6), "width_ratios": [1, 1, 1.1]}
_, (left, middle, right) = pyplot.subplots(1, 3, **shape)
gallery.show(left, photo)
gallery.show(middle, transparent)
right.plot(their_scores, our_scores, "o", ms=2.5, color=c["orange"], alpha=0.5)
right.set(xlabel="torchvision", ylabel="this book", aspect="equal", xticks=[-1, 0, 1])
_ = right.set_yticks([-1, 0, 1])

# %% [markdown]
# **You will** do attention with pencil and paper, cut a photo into tokens, write equations 1 to 4
# as classes, find each of the paper's numbers of parameters, and prove your model equal to
# PyTorch's and torchvision's.
#
# **You need** [convolutions](03_computer_vision.md) and [the library](05_going_modular.md).
#
# **It takes** no GPU and no download; nothing is trained here. Training is
# [the next page](08b_vit_training.md). The pictures are
# {{ "photos" if food.kind == "real" else "drawings, since the photos could not be had" }}.

# %% [markdown] covers=["08.01"] corrects=["14"]
# ## A transformer for pictures
#
# The paper is [An Image is Worth 16x16 Words](https://arxiv.org/abs/2010.11929) by Dosovitskiy and
# eleven others. Papers of this field are free to read on [arXiv](https://arxiv.org); search for the
# title. [Hugging Face](https://huggingface.co/papers) lists what is new and links code. (Papers
# with Code, which did that for years, closed in 2025.) Asked how to get good at machine learning,
# George Hotz once said: take a paper, implement it, and repeat until you can. So we do.
#
# | | convolutional network | transformer |
# |---|---|---|
# | what it takes | a grid of pixels | a row of *tokens*: lists of numbers |
# | what a layer mixes | each place with its neighbors | each token with every token |
# | the weights of the mixture | learned, the same for every picture | computed anew from each picture |
# | built in | neighbors belong together | nearly nothing: it must be learned |
#
# We can see the second row. We ask of one output, in the middle of a 9 by 9 grid: which places of
# the input can change it? Those with a gradient.


# %%
from pdl.vit.model import MultiHeadSelfAttention


def reach(layer):
    grid = torch.randn(1, 8, 9, 9, requires_grad=True)
    layer(grid)[0, :, 4, 4].sum().backward()
    return grid.grad[0].abs().sum(dim=0) > 0


def attend(grid):
    tokens = grid.flatten(2).transpose(1, 2)  # (1, 8, 9, 9) -> (1, 81, 8)
    return attention(tokens).transpose(1, 2).reshape(grid.shape)


torch.manual_seed(42)
attention = MultiHeadSelfAttention(8, num_heads=2)
convs = [nn.Conv2d(8, 8, 3, padding=1) for _ in range(3)]
reached = [reach(convs[0]), reach(nn.Sequential(*convs)), reach(attend)]
print([int(each.sum()) for each in reached], "of 81 places")

# %% tags=["hide-input"] alt="Three 9 by 9 grids. With one convolution the output in the middle depends on the 3 by 3 places around it, with three convolutions on 7 by 7, with one attention layer on all 81." caption="Colored: the places on which the output in the middle depends."
from matplotlib.colors import ListedColormap

_, panels = pyplot.subplots(1, 3, figsize=(6.6, 2.4))
names = ("one convolution", "three convolutions", "one attention")
for ax, each, name in zip(panels, reached, names, strict=True):
    ax.pcolormesh(each, cmap=ListedColormap([c["wash"], c["teal"]]), vmin=0, vmax=1)
    ax.grid(visible=False)
    ax.plot(4.5, 4.5, "o", color=c["orange"])
    ax.set_title(name, fontsize=12, loc="center")
    ax.set(aspect="equal", xticks=[], yticks=[])

# %% tags=["check"]
# Three by three places for a convolution, seven by seven for three, all for attention.
assert [int(each.sum()) for each in reached] == [9, 49, 81]

# %% [markdown] covers=["08.02"]
# The plan: *replicate* the model on this page. On [the next](08b_vit_training.md), *train* it on
# our three dishes from random numbers, and then use a *pretrained* one, as features and for
# fine-tuning.
#
# ## Set up

# %%
import importlib
import math
import sys
import tempfile
from pathlib import Path

import torchinfo
from torch.nn.functional import scaled_dot_product_attention
from torch.testing import assert_close

from pdl.errors import ConfigError
from pdl.info import info
from pdl.vit.model import MLP, EncoderBlock, PatchEmbedding

print(info())

# %% [markdown] covers=["08.03"]
# ## Attention, by hand
#
# Three patches of a photo: tomato, crust, table. The tomato wants to know what is around it. Each
# patch has three short lists of numbers:
#
# - a *query*: what I am looking for,
# - a *key*: what I have to offer,
# - a *value*: what I hand over if I am asked.
#
# A query is compared with every key by a dot product. The better the match, the more of that
# value is taken. Nothing is chosen for good; every patch gives a *share*.

# %%
names = ["tomato", "crust", "table"]
Q = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
K = torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
V = torch.tensor([[0.0, 0.0], [4.0, 0.0], [2.0, 3.0]])

scores = [sum(q * k for q, k in zip(Q[0].tolist(), key, strict=True)) for key in K.tolist()]
scores = [score / math.sqrt(2) for score in scores]
powers = [math.exp(score) for score in scores]
shares = [power / sum(powers) for power in powers]
tomato = [sum(w * v for w, v in zip(shares, V[:, i].tolist(), strict=True)) for i in (0, 1)]
for name, score, share in zip(names, scores, shares, strict=True):
    print(f"tomato asks {name:6}: score {score:.3f}, share {share:.3f}")
print(f"tomato gets {tomato[0]:.3f}, {tomato[1]:.3f}")

# %% [markdown]
# That is *scaled dot-product attention*. For all patches at once it is one line; `d` is the length
# of a query, here 2:
#
# $$\operatorname{Attention}(Q, K, V) = \operatorname{softmax}\!\left(\frac{Q K^\top}{\sqrt{d}}\right) V$$

# %% [markdown] tags=["checkpoint"]
# The query of the table is `[0, 0]`: it looks for nothing. Which shares does it get?


# %%
def attention_by_hand(q, k, v):
    table = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(dim=-1)
    return table @ v, table


mixed, table = attention_by_hand(Q, K, V)
print(table)
print(mixed)

# %% tags=["hide-input"] alt="Left: a table of three rows and three columns with the shares, rows tomato, crust and table; the first row is mostly on tomato, the last is a third everywhere. Right: a triangle between the three values in a plane; the three outputs lie inside it, that of the tomato near its own value, that of the table in the middle." caption="Left: who takes how much from whom; each row sums to 1. Right: values are the corners, outputs are mixtures, so they lie inside."
_, (left, right) = pyplot.subplots(1, 2, figsize=(7.2, 2.9))
left.imshow(table, vmin=0, vmax=1.4, cmap="cividis_r")
for row in range(3):
    for column in range(3):
        share = table[row, column].item()
        left.text(column, row, f"{share:.2f}", ha="center", va="center", color=c["ink"])
left.set_xticks(range(3), names)
left.set_yticks(range(3), names)
left.set(xlabel="gives", ylabel="asks")
left.grid(visible=False)
corners = V[[0, 1, 2, 0]]
right.plot(*corners.T, color=c["rule"])
for index, (name, color) in enumerate(zip(names, ("orange", "gold", "blue"), strict=True)):
    right.plot(*V[index], "s", color=c[color])
    right.plot(*mixed[index], "o", color=c[color])
    right.annotate(name, mixed[index], (7, -2), textcoords="offset points", color=c[color])
right.set(xlabel="first number", ylabel="second number", ylim=(-0.4, 3.3), xlim=(-0.3, 4.3))
_ = right.set_title("squares: values, dots: outputs", fontsize=11)

# %% tags=["check"]
# By hand, as a matrix, and PyTorch's own function agree; no query, equal shares.
assert_close(mixed[0], torch.tensor(tomato))
assert_close(mixed, scaled_dot_product_attention(Q, K, V))
assert_close(table.sum(dim=1), torch.ones(3))
assert_close(table[2], torch.full((3,), 1 / 3))
assert_close(mixed[2], V.mean(dim=0))

# %% [markdown]
# PyTorch's name for the line is `scaled_dot_product_attention`. It never writes the table down,
# which saves memory and time. In *self-attention* queries, keys and values all come from the same
# tokens. They may come from two places too: when a network writes a caption, the words ask and the
# patches answer, so that "ball" looks at the ball.
#
# ### Why the root?
#
# Longer lists give larger dot products. With numbers of spread 1, a sum of `d` products has spread
# $\sqrt d$. Softmax of large numbers gives nearly everything to one, and then hardly any gradient.
# We draw random queries and 65 random keys, and look at the largest share:

# %% alt="Two curves over the length of a query from 1 to 1024. Without the root the largest of 65 shares rises to nearly one. With the root it stays flat and low." caption="The largest of 65 shares, mean over 200 random queries."
generator = torch.Generator().manual_seed(42)
lengths = [1, 4, 16, 64, 256, 1024]
largest = {"without the root": [], "divided by √d": []}
for d in lengths:
    q, k = (torch.randn(n, d, generator=generator) for n in (200, 65))
    for name, root in (("without the root", 1.0), ("divided by √d", d**0.5)):
        largest[name].append((q @ k.T / root).softmax(dim=1).amax(dim=1).mean().item())
_, ax = pyplot.subplots(figsize=(6, 2.6))
for (name, heights), color in zip(largest.items(), ("orange", "teal"), strict=True):
    ax.plot(lengths, heights, "o-", color=c[color])
    ax.annotate(name, (1024, heights[-1]), (-2, 8), textcoords="offset points", ha="right")
ax.set(xscale="log", xlabel="length d", ylabel="largest share", ylim=(0, 1.15))
ax.set_xticks(lengths, lengths)
ax.minorticks_off()

# %% tags=["check"]
# Without the root one key takes nearly all; with it the length does not matter.
assert largest["without the root"][-1] > 0.9
assert max(largest["divided by √d"]) < 0.35

# %% [markdown] corrects=["105"]
# ### Several heads
#
# In the network nobody writes queries by hand. They are learned: each token of width `D` is
# multiplied with a matrix. One large matrix makes all three (equation 5 of the paper, in its
# appendix). And one comparison is not enough, for a patch may look for color *and* for shape. So
# there are `h` *heads*. Each has queries, keys and values of its own, of length `d = D / h`. Their
# results are laid side by side and mixed by one more matrix (equation 8):
#
# $$[q, k, v] = z\,U_{qkv} \quad (5) \qquad A = \operatorname{softmax}(q k^\top / \sqrt{d}) \quad (6)$$
#
# $$SA(z) = A v \quad (7) \qquad MSA(z) = [SA_1(z);\ \dots;\ SA_h(z)]\ U_{msa} \quad (8)$$
#
# By hand, for a single picture, head after head:


# %%
def msa_by_hand(z, qkv, output, heads):
    q, k, v = (z @ qkv.weight.T + qkv.bias).chunk(3, dim=-1)  # eq. 5
    d, outs = z.shape[-1] // heads, []
    for head in range(heads):
        part = slice(head * d, (head + 1) * d)
        outs.append(attention_by_hand(q[:, part], k[:, part], v[:, part])[0])  # eq. 6 and 7
    return torch.cat(outs, dim=-1) @ output.weight.T + output.bias  # eq. 8


# %% [markdown]
# As a class, for a batch `B` of `T` tokens, the heads are a dimension. Follow the shapes:


# %%
class MultiheadSelfAttention(nn.Module):
    def __init__(self, embed_dim=768, num_heads=12):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.output = nn.Linear(embed_dim, embed_dim)

    def forward(self, z):
        B, T, D = z.shape
        qkv = self.qkv(z).view(B, T, 3, self.num_heads, D // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # three times (B, h, T, d)
        mixed = scaled_dot_product_attention(q, k, v)  # its table is (B, h, T, T)
        return self.output(mixed.transpose(1, 2).flatten(2))  # (B, h, T, d) -> (B, T, D)


torch.manual_seed(42)
msa = MultiheadSelfAttention()
z = torch.randn(2, 197, 768)
print(z.shape, "->", msa(z).shape)
print(f"{sum(p.numel() for p in msa.parameters()):,} parameters")

# %% tags=["check"]
# By hand, this class, the library's and nn.MultiheadAttention agree; 2,362,368 parameters.
library_msa = MultiHeadSelfAttention(768, 12)
library_msa.load_state_dict(msa.state_dict())
torch_msa = nn.MultiheadAttention(768, 12, batch_first=True)
same_names = {"in_proj_weight": "qkv.weight", "in_proj_bias": "qkv.bias"}
same_names |= {"out_proj.weight": "output.weight", "out_proj.bias": "output.bias"}
named = msa.state_dict()
torch_msa.load_state_dict({new: named[old] for new, old in same_names.items()})
with torch.no_grad():
    close = {"atol": 1e-5, "rtol": 1e-4}
    assert_close(msa_by_hand(z[1], msa.qkv, msa.output, 12), msa(z)[1], **close)
    assert_close(library_msa(z), msa(z), **close)
    assert_close(torch_msa(z, z, z, need_weights=False)[0], msa(z), **close)
    assert library_msa.forward_with_weights(z)[1].shape == (2, 12, 197, 197)
assert sum(p.numel() for p in msa.parameters()) == 2_362_368

# %% [markdown] tags=["number"] row="08 attention"
# {{ f"{sum(p.numel() for p in msa.parameters()):,}" }}

# %% [markdown] tags=["wrong"] corrects=["99"]
# **"Each head works on another part of the input."** So say the notes. Every head sees *all*
# tokens; what differs is the matrix it looks through. And the cut must run through the last
# dimension. A `view` straight to `(B, h, T, d)` has the right shape and mixes tokens with heads:

# %%
q = torch.arange(8.0).view(1, 4, 2)  # four tokens: [0, 1], [2, 3], [4, 5], [6, 7]
right_heads = q.view(1, 4, 2, 1).transpose(1, 2)  # two heads of length 1
wrong_heads = q.view(1, 2, 4, 1)
print("head 1, right:", right_heads[0, 0].flatten().tolist(), "first number of each token")
print("head 1, wrong:", wrong_heads[0, 0].flatten().tolist(), "the first two tokens")

# %% tags=["check"]
# Both have the same shape, and only one holds a number of each token.
assert right_heads.shape == wrong_heads.shape
assert right_heads[0, 0].flatten().tolist() == [0, 2, 4, 6]
assert wrong_heads[0, 0].flatten().tolist() == [0, 1, 2, 3]

# %% [markdown] covers=["08.04", "08.05"]
# ## Figure 1: the whole thing
#
# A paper about a network is read from the outside in. *Inputs* and *outputs* first: here a picture
# and one score for each class. Between them are *layers*, which do one thing to a tensor. Layers
# that always come together are a *block*. Blocks in a row make the *model*. Figure 1 of the paper
# shows all that; here it is with our photo and our shapes:

# %% tags=["hide-input"] alt="A diagram from left to right. A photo of 224 by 224 pixels becomes 196 patches of 768 numbers, then 197 tokens of 768 numbers with a class token in front and positions added. They go through 12 encoder blocks, each drawn as norm, attention, plus, norm, MLP, plus with two paths around. The first token leaves through a norm and a head as 1000 scores." caption="Figure 1 of the paper, redrawn with the shapes of ViT-B/16."
_, ax = pyplot.subplots(figsize=(7.2, 3.5))
ax.imshow(photo.permute(1, 2, 0), extent=(0, 1.5, 1.75, 3.25))
ax.text(0.75, 1.55, "picture\n(3, 224, 224)", ha="center", va="top", fontsize=10)


def draw_box(x, y, text, color, *, height=0.5, width=1.25):
    look = {"color": c[color], "alpha": 0.25, "lw": 0}
    ax.add_patch(pyplot.Rectangle((x, y - height / 2), width, height, **look))
    ax.text(x + width / 2, y, text, ha="center", va="center", fontsize=10)


look = {"arrowstyle": "->", "color": c["muted"]}
draw_box(2.0, 2.5, "cut and\nmultiply\nby E\n\n(196, 768)", "teal", height=1.6)
draw_box(3.7, 2.5, "class\ntoken,\n+ $E_{pos}$\n\n(197, 768)", "gold", height=1.6)
ax.text(2.9, 3.85, "equation 1", ha="center", color=c["muted"], fontsize=10)
for start, end in (
    ((1.5, 2.5), (2.0, 2.5)),
    ((3.25, 2.5), (3.7, 2.5)),
    ((4.95, 2.5), (5.6, 2.5)),
):
    ax.annotate("", end, start, arrowprops=look)
frame = pyplot.Rectangle((5.6, 0.45), 2.3, 4.15, fill=False, color=c["rule"])
ax.add_patch(frame)
parts = (("norm", "green"), ("attention", "orange"), ("norm", "green"), ("MLP", "blue"))
for (name, color), y in zip(parts, (0.9, 1.6, 2.9, 3.6), strict=True):
    draw_box(5.8, y, name, color)
for start, end in ((1.15, 1.35), (1.85, 2.05), (2.38, 2.65), (3.15, 3.35), (3.85, 4.05)):
    ax.plot([6.42, 6.42], [start, end], color=c["muted"], lw=1)
for y, label in ((2.2, "equation 2"), (4.2, "equation 3")):
    ax.plot(6.42, y, "o", ms=13, mfc=c["paper"], mec=c["muted"])
    ax.text(6.42, y, "+", ha="center", va="center", fontsize=12)
    bent = look | {"connectionstyle": "angle"}
    ax.annotate("", (6.62, y), (7.35, y - 1.7), arrowprops=bent)
    ax.plot([6.42, 7.35], [y - 1.7, y - 1.7], color=c["muted"], lw=1)
    ax.text(7.43, y - 0.85, label, rotation=90, va="center", fontsize=10, color=c["muted"])
ax.text(6.75, 0.1, "encoder block, 12 times", ha="center", fontsize=10)
draw_box(8.4, 2.5, "token 0:\nnorm,\nhead\n\n(1000)", "violet", height=1.6)
ax.annotate("", (8.4, 2.5), (7.9, 2.5), arrowprops=look)
ax.text(9.0, 3.5, "equation 4", ha="center", color=c["muted"], fontsize=10)
ax.set(xlim=(-0.1, 9.8), ylim=(-0.1, 4.8), aspect="equal")
ax.set_axis_off()

# %% [markdown] covers=["08.06"]
# ## Equation 1: a picture becomes tokens
#
# $$z_0 = [x_{class};\ x_p^1 E;\ x_p^2 E;\ \dots;\ x_p^N E] + E_{pos}$$
#
# Semicolons mean *one below the other*; the plus is ordinary addition. A picture of `H` by `W`
# pixels and `C` channels is cut into `N = HW / P²` patches `x_p` of `P` by `P` pixels, each laid
# out as a row of `P²C` numbers.

# %% [markdown] tags=["checkpoint"]
# Our photo has 224 by 224 pixels and 3 channels, a patch 16 by 16 pixels. How many patches are
# there, and how long is each row?

# %%
P = 16
tiles = photo.unfold(1, P, P).unfold(2, P, P)  # (3, 14, 14, 16, 16)
patches = tiles.permute(1, 2, 0, 3, 4).flatten(0, 1).flatten(1)  # (14 * 14, 3 * 16 * 16)
print(photo.shape, "->", tiles.shape, "->", patches.shape)

# %% [markdown]
# Each row is multiplied with one learned matrix `E` and becomes a token of width `D`. With B/16
# both are 768 by accident: $16 \cdot 16 \cdot 3 = 768$. There is a shorter way to the same
# numbers: a convolution whose step is as long as its filter is wide. Each filter then meets each
# patch once, and that is a dot product.


# %%
class PatchEmbed(nn.Module):
    def __init__(self, in_channels=3, patch_size=16, embed_dim=768):
        super().__init__()
        steps = {"kernel_size": patch_size, "stride": patch_size}
        self.projection = nn.Conv2d(in_channels, embed_dim, **steps)
        self.flatten = nn.Flatten(start_dim=2, end_dim=3)

    def forward(self, images):
        maps = self.projection(images)  # (B, C, H, W) -> (B, D, H/P, W/P)
        return self.flatten(maps).permute(0, 2, 1)  # -> (B, D, N) -> (B, N, D)


torch.manual_seed(42)
patch_embed = PatchEmbed()
step = patch_embed.projection(photo[None])
print(step.shape, "->", step.flatten(2).shape, "->", patch_embed(photo[None]).shape)
print(f"{sum(p.numel() for p in patch_embed.parameters()):,} parameters")

# %% tags=["check"]
# N = 196 rows of 768; E by hand, the convolution and the library agree; 590,592.
E, E_bias = patch_embed.projection.weight.flatten(1).T, patch_embed.projection.bias
tokens = patch_embed(photo[None])
assert patches.shape == (base.num_patches, 16 * 16 * 3) == (196, 768)
assert_close(patches @ E + E_bias, tokens[0], atol=1e-5, rtol=1e-4)
library_patches = PatchEmbedding(image_size=224, patch_size=16)
library_patches.projection.load_state_dict(patch_embed.projection.state_dict())
assert_close(library_patches(photo[None]), tokens)
assert sum(p.numel() for p in patch_embed.parameters()) == 590_592

# %% [markdown] tags=["number"] row="08 patch embedding"
# {{ f"{sum(p.numel() for p in patch_embed.parameters()):,}" }}

# %% [markdown] tags=["number"] row="08 tokens"
# {{ f"{tokens.shape[1]} x {patches.shape[1]}" }}

# %% [markdown] tags=["wrong"] corrects=["106"]
# **Three slips of the notes in this class.** The width was typed as `786` instead of 768. The size
# was checked against a *global* `patch_size`, so a second model with other patches failed. And
# `.forward()` was called by name, which skips hooks. The library refuses the first at once:

# %%
try:
    ViTConfig(embed_dim=786)
except ConfigError as error:
    refusal = str(error)
    print(refusal)

# %% tags=["check"]
# 786 is not divisible by twelve heads.
assert "embed_dim=786" in refusal
assert 786 % 12 != 0

# %% [markdown]
# ### A token for the class, and places
#
# Two learned tensors complete the equation. The *class token* is put in front. It belongs to no
# patch; it collects, block by block, what the answer needs. The *position embedding* `E_pos` is
# added: one row of numbers for each of the 197 places.


# %%
class Embed(nn.Module):
    def __init__(self, num_patches=196, embed_dim=768, **patch):
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.position = nn.Parameter(0.02 * torch.randn(1, num_patches + 1, embed_dim))
        self.patches = PatchEmbed(embed_dim=embed_dim, **patch)

    def forward(self, images):
        patches = self.patches(images)  # (B, N, D)
        first = self.class_token.expand(len(images), -1, -1)  # one for each picture
        return torch.cat([first, patches], dim=1) + self.position  # (B, N + 1, D)


torch.manual_seed(42)
embed = Embed()
print(embed(photo[None]).shape)

# %% [markdown] tags=["wrong"] corrects=["101"]
# **Plus is not plus.** The notes write equation 1 in Python as lists joined by `+`. Between lists
# that sign *appends*; the paper's adds:

# %%
row, place = [1.0, 2.0], [0.5, 0.5]
print("lists:  ", row + place)
print("tensors:", (torch.tensor(row) + torch.tensor(place)).tolist())

# %% tags=["check"]
# 197 tokens; class token first; appending makes a longer row, adding does not.
z0 = embed(photo[None])
assert z0.shape == (1, 197, 768)
assert_close(z0[0, 0], embed.class_token[0, 0] + embed.position[0, 0])
assert_close(z0[0, 5], embed.patches(photo[None])[0, 4] + embed.position[0, 5])
assert len(row + place) == 4

# %% [markdown] tags=["checkpoint"]
# Suppose we leave the positions out and shuffle the patches of the photo. Does the answer of the
# model change?

# %% alt="The photo, and the same photo with its 196 patches in random order, which no person would recognize." caption="Without positions, both are the same picture to a transformer."
order = torch.randperm(196, generator=torch.Generator().manual_seed(42))
mixed_tiles = tiles.flatten(1, 2)[:, order].unflatten(1, (14, 14))
shuffled = mixed_tiles.permute(0, 1, 3, 2, 4).reshape(3, 224, 224)
pair = torch.stack([photo, shuffled])
position = ours.embeddings.position
with torch.inference_mode():
    with_places = ours(pair)
    ours.embeddings.position = nn.Parameter(torch.zeros_like(position))
    without_places = ours(pair)
ours.embeddings.position = position
moved = [(a - b).abs().max().item() for a, b in (with_places, without_places)]
print(f"largest change with positions {moved[0]:.4f}, without {moved[1]:.7f}")
_, panels = pyplot.subplots(1, 2, figsize=(4.4, 2.2))
for ax, each in zip(panels, pair, strict=True):
    gallery.show(ax, each)

# %% tags=["check"]
# Without positions a transformer can not tell the photo from its shuffled patches.
assert moved[1] < 1e-4
assert moved[0] > 100 * moved[1]

# %% [markdown]
# Not at all. Attention treats tokens as a heap. So all it knows of neighborhood is in `E_pos`, and
# that starts as noise and is learned.

# %% [markdown] covers=["08.07"]
# ## Equations 2 and 3: the encoder block
#
# $$z'_\ell = MSA(LN(z_{\ell-1})) + z_{\ell-1} \quad (2) \qquad
# z_\ell = MLP(LN(z'_\ell)) + z'_\ell \quad (3)$$
#
# `MSA` you know. Three things are new: `LN`, the sum, and the `MLP`.
#
# ### LayerNorm
#
# It brings each *token* to mean 0 and spread 1 over its own 768 numbers, then scales and shifts
# them by learned numbers. BatchNorm, of [chapter 06](06_transfer_learning.md), does that to each
# *channel* over the whole batch.

# %%
norm = nn.LayerNorm(768, eps=1e-6)  # eps as in the authors' code
batch = torch.randn(4, 197, 768, generator=torch.Generator().manual_seed(0)) * 3 + 1
mean = batch.mean(dim=-1, keepdim=True)
variance = ((batch - mean) ** 2).mean(dim=-1, keepdim=True)
norm_by_hand = (batch - mean) / (variance + 1e-6).sqrt() * norm.weight + norm.bias
batch_norm = nn.BatchNorm1d(768)  # in train mode
alone = batch_norm(batch[:1].transpose(1, 2)), norm(batch[:1])
together = batch_norm(batch.transpose(1, 2))[:1], norm(batch)[:1]
company = [(a - b).abs().max().item() for a, b in zip(alone, together, strict=True)]
print(f"the first picture changes with its company: BatchNorm {company[0]:.3f}, ", end="")
print(f"LayerNorm {company[1]:.1e}")

# %% tags=["hide-input"] alt="Two tables of five rows, tokens of a batch, and eight columns, features. For LayerNorm one row is colored, for BatchNorm one column." caption="Which numbers share a mean and a spread. Rows are tokens of all pictures of a batch, columns are features."
_, panels = pyplot.subplots(1, 2, figsize=(5.6, 2.2))
parts = (2, slice(None)), (slice(None), 3)
for ax, name, part in zip(panels, ("LayerNorm", "BatchNorm"), parts, strict=True):
    grid = torch.zeros(5, 8)
    grid[part] = 1
    colors = ListedColormap([c["wash"], c["teal"]])
    ax.pcolormesh(grid, cmap=colors, edgecolors=c["paper"], linewidth=2)
    ax.set_title(name, fontsize=12, loc="center")
    ax.set(xlabel="features", ylabel="tokens", xticks=[], yticks=[], aspect="equal")

# %% tags=["check"]
# By hand and nn.LayerNorm agree; a picture's company matters to BatchNorm only.
assert_close(norm_by_hand, norm(batch), atol=1e-5, rtol=1e-4)
assert company[1] < 1e-5
assert company[0] > 0.01

# %% [markdown] corrects=["100"]
# ### The sum: residual connections
#
# A block does not replace its input, it *adds* to it. The notes say that this keeps things from
# getting too small. What it keeps is the *gradient*: through the sum it reaches the first block as
# it left the last one, on a path that no weight can shrink.

# %% [markdown] tags=["checkpoint"]
# We stack 24 layers, with and without the sum, send a gradient in at the end, and measure how much
# of it is left at the first layer. What do you expect?


# %%
def gradients(residual):
    torch.manual_seed(42)
    layers = [nn.Sequential(nn.Linear(64, 64), nn.GELU()) for _ in range(24)]
    flow = [torch.randn(32, 64, requires_grad=True)]
    for layer in layers:
        flow.append(layer(flow[-1]) + flow[-1] if residual else layer(flow[-1]))
        flow[-1].retain_grad()
    flow[-1].backward(torch.randn(32, 64))  # as if it came from a loss
    return [each.grad.norm().item() / flow[-1].grad.norm().item() for each in flow]


grown = {"with the sum": gradients(True), "without": gradients(False)}
for name, norms in grown.items():
    print(f"{name:13} first layer {norms[0]:.1e} times the last")

# %% tags=["hide-input"] alt="Two curves over 24 layers on a logarithmic axis, from the last layer to the first. With the sum the gradient grows a little. Without it, the gradient shrinks by many powers of ten toward the first layer." caption="Size of the gradient at each layer, as a share of the last layer's."
_, ax = pyplot.subplots(figsize=(6, 2.6))
for (name, norms), color in zip(grown.items(), ("teal", "orange"), strict=True):
    ax.semilogy(range(25), norms, color=c[color])
    ax.annotate(name, (12, norms[12]), (4, -18), textcoords="offset points", color=c[color])
_ = ax.set(xlabel="layer", ylabel="size of the gradient", xticks=[0, 6, 12, 18, 24])

# %% tags=["check"]
# With the sum the first layer gets all of it and more, without it next to nothing.
assert 1 < grown["with the sum"][0] < 1000
assert grown["without"][0] < 1e-6

# %% [markdown]
# ### The MLP, and the block
#
# Attention mixes tokens; the MLP then changes each token by itself. It has *two* linear layers with
# a GELU between (a ReLU with a soft corner: $x \cdot \Phi(x)$, where $\Phi$ is the share of a bell
# curve below $x$), and dropout after each. Now both equations, each as a class of one line:


# %%
class MultiheadSelfAttentionBlock(nn.Module):
    def __init__(self, embed_dim=768, num_heads=12):
        super().__init__()
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.attention = MultiheadSelfAttention(embed_dim, num_heads)

    def forward(self, z):
        return self.attention(self.norm(z))  # MSA(LN(z))


class MLPBlock(nn.Module):
    def __init__(self, embed_dim=768, mlp_dim=3072, dropout=0.1):
        super().__init__()
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        wide, narrow = nn.Linear(embed_dim, mlp_dim), nn.Linear(mlp_dim, embed_dim)
        self.layers = nn.Sequential(
            wide, nn.GELU(), nn.Dropout(dropout), narrow, nn.Dropout(dropout)
        )

    def forward(self, z):
        return self.layers(self.norm(z))  # MLP(LN(z))


# %% [markdown]
# The block is the two, each with the way around it:


# %%
class TransformerEncoderBlock(nn.Module):
    def __init__(self, embed_dim=768, num_heads=12, mlp_dim=3072, dropout=0.1):
        super().__init__()
        self.msa = MultiheadSelfAttentionBlock(embed_dim, num_heads)
        self.mlp = MLPBlock(embed_dim, mlp_dim, dropout)

    def forward(self, z):
        z = self.msa(z) + z  # equation 2
        return self.mlp(z) + z  # equation 3


torch.manual_seed(42)
block = TransformerEncoderBlock().eval()
print(z0.shape, "->", block(z0).shape, f"{sum(p.numel() for p in block.parameters()):,}")

# %% [markdown]
# PyTorch has this block too. Its defaults are those of an older transformer, so three settings must
# be changed: the norm comes *first*, the activation is GELU, the batch is the first dimension. And
# `eps`, if we want equal numbers.

# %%
torch_block = nn.TransformerEncoderLayer(
    d_model=768,
    nhead=12,
    dim_feedforward=3072,
    dropout=0.1,
    activation="gelu",
    layer_norm_eps=1e-6,
    batch_first=True,
    norm_first=True,
).eval()
own, other = block.state_dict(), torch_block.state_dict()
pairs = {  # theirs: ours
    "self_attn.in_proj_": "msa.attention.qkv.",
    "self_attn.out_proj.": "msa.attention.output.",
    "linear1.": "mlp.layers.0.",
    "linear2.": "mlp.layers.3.",
    "norm1.": "msa.norm.",
    "norm2.": "mlp.norm.",
}
for new, old in pairs.items():
    for end in ("weight", "bias"):
        other[new + end].copy_(own[old + end])
with torch.inference_mode():
    difference = (torch_block(z0) - block(z0)).abs().max().item()
print(f"largest difference {difference:.1e}")


# %% tags=["check"]
# This block, PyTorch's and the library's agree; 7,087,872 parameters.
def by_order(model, source):
    """The same tensors in the same order, under the names of the model."""
    return dict(zip(model.state_dict(), source.state_dict().values(), strict=True))


library_block = EncoderBlock(base).eval()
library_block.load_state_dict(by_order(library_block, block))
with torch.inference_mode():
    assert_close(library_block(z0), block(z0), **close)
    assert_close(torch_block(z0), block(z0), **close)
x = torch.linspace(-3, 3, 100)
assert_close(nn.functional.gelu(x), x * 0.5 * (1 + torch.erf(x / 2**0.5)), **close)
assert isinstance(library_block.mlp, MLP)
assert sum(p.numel() for p in block.parameters()) == 7_087_872

# %% [markdown] tags=["number"] row="08 block"
# {{ f"{sum(p.numel() for p in block.parameters()):,}" }}

# %% [markdown] covers=["08.08"]
# ## Equation 4: the output
#
# $$y = LN(z_L^0)$$
#
# After the last block `L`, only token 0 is read, the class token. A norm makes `y` of it. The
# *head* that turns `y` into scores is not part of equation 4.

# %% [markdown] tags=["wrong"] corrects=["97", "102"]
# **"The head is an MLP."** In *pretraining* the authors put one hidden layer with tanh before the
# scores; for *fine-tuning* a single linear layer. The notes swap the two. Neither is the MLP of
# equation 3, which has two layers and sits in every block. Our
# [`ViTConfig`][pdl.vit.config.ViTConfig] has the hidden layer as an option,
# `representation_dim`.

# %% [markdown] tags=["wrong"] corrects=["98"]
# **`[0]` for `[:, 0]`.** "Index 0 of the output" sounds like `output[0]`. With the batch first,
# that is the first *picture*, with all its tokens. The shapes then seldom fit the labels, and you
# get an error. But with a batch of 65 pictures and 65 tokens, nothing complains:

# %%
few = {"embed_dim": 48, "depth": 2, "num_heads": 4}
small = ViTConfig(image_size=64, patch_size=8, num_classes=3, **few)
torch.manual_seed(42)
encoder = VisionTransformer(small)
head = nn.Linear(48, 3)
pictures, labels = torch.rand(65, 3, 64, 64), torch.randint(3, (65,))
touched = {}
for name, index in (("[:, 0]", (slice(None), 0)), ("[0]", (0,))):
    pictures.requires_grad_(True).grad = None
    z = encoder.embeddings(pictures)
    for layer in encoder.blocks:
        z = layer(z)
    loss = nn.functional.cross_entropy(head(encoder.norm(z[index])), labels)
    loss.backward()
    touched[name] = int((pictures.grad.abs().amax(dim=(1, 2, 3)) > 0).sum())
    print(f"{name:6} -> {tuple(z[index].shape)}, loss {loss.item():.3f}, ", end="")
    print(f"pictures that matter: {touched[name]} of 65")

# %% tags=["check"]
# With [0], one picture decides the loss of all 65 labels, and no error says so.
assert touched == {"[:, 0]": 65, "[0]": 1}

# %% [markdown] covers=["08.10"]
# ## The model
#
# All pieces are there. The model puts them in a row:


# %%
class ViT(nn.Module):
    def __init__(
        self,
        *,
        image_size=224,
        patch_size=16,
        embed_dim=768,
        depth=12,
        num_heads=12,
        mlp_dim=3072,
        num_classes=1000,
        dropout=0.1,
    ):
        super().__init__()
        num_patches = (image_size // patch_size) ** 2
        self.embed = Embed(num_patches, embed_dim, patch_size=patch_size)
        sizes = (embed_dim, num_heads, mlp_dim, dropout)
        blocks = [TransformerEncoderBlock(*sizes) for _ in range(depth)]
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.head = nn.Linear(embed_dim, num_classes)

    def forward(self, images):
        z = self.blocks(self.embed(images))  # equations 1, then 2 and 3
        return self.head(self.norm(z[:, 0]))  # equation 4, and the head


# %% [markdown]
# And now the proof. We give it the weights of torchvision's model, from the top of this page, and
# show it the photo. The library's [`VisionTransformer`][pdl.vit.model.VisionTransformer] has the
# same parts in the same order.

# %%
with torch.device("meta"):
    vit = ViT().eval()
vit.load_state_dict(by_order(vit, ours), assign=True)
with torch.inference_mode():
    page_scores = vit(photo[None])[0]
off = (page_scores - their_scores).abs().max().item()
print(f"largest difference to torchvision's 1,000 scores: {off:.1e}")

# %% tags=["check"]
# This page's ViT, the library's and torchvision's vit_b_16 give the same 1,000 scores.
assert_close(page_scores, their_scores, atol=1e-5, rtol=1e-4)
assert_close(our_scores, their_scores, atol=1e-5, rtol=1e-4)
assert their_scores.std() > 0.1  # not all the same number
assert len({p.data_ptr() for p in vit.parameters()}) == 152  # tensors

# %% [markdown]
# A summary by `torchinfo`:

# %%
report = torchinfo.summary(
    vit,
    input_size=(1, 3, 224, 224),
    col_names=["output_size", "num_params"],
    row_settings=["var_names"],
    depth=2,
    verbose=0,
)
print(str(report).partition("Total mult")[0].rstrip("=\n"))

# %% [markdown] covers=["08.09"]
# ## Table 1: the sizes
#
# *Layers* is the number `L` of blocks. *Hidden size* is `D`, the width of a token. *MLP size* is
# the width between the MLP's two layers, always `4D`. *Heads* is `h`; a head has `D / h` numbers.
# *Params* follow from those. Count them on paper: `E` and its bias, class token and positions, then
# per block four matrices of attention, two of the MLP, biases, two norms; a norm and a head.


# %%
def count(size):
    P, D, M, L, K = size.patch_size, size.embed_dim, size.mlp_dim, size.depth, 1000
    N = (224 // P) ** 2
    embedding = 3 * P * P * D + D + D + (N + 1) * D
    block = 4 * (D * D + D) + (D * M + M) + (M * D + D) + 4 * D
    return embedding + L * block + 2 * D + (D * K + K)


counted = {}
published = {"B/16": "86M", "L/16": "307M", "L/32": "-", "H/14": "632M"}
print("model  layers     D   MLP  heads       counted  paper")
for name in ("Ti/16", "S/16", *published):
    size = ViTConfig.preset(name)
    counted[name] = count(size)
    row = (size.depth, size.embed_dim, size.mlp_dim, size.num_heads, counted[name])
    line = "{:6} {:6} {:5} {:5} {:6} {:13,}".format(name, *row)
    print(line, "", published.get(name, "-"))

# %% [markdown] corrects=["103"]
# Base and Huge are those of the paper. The paper's `307M` for Large is not L/16 with a head for
# 1,000 classes, which has {{ f"{counted['L/16'] / 1e6:.0f}M" }}; L/32, whose larger patches make a
# larger `E`, has {{ f"{counted['L/32'] / 1e6:.0f}M" }}. The paper does not say which it counted.
# (Tiny and Small came later, with [DeiT](https://arxiv.org/abs/2012.12877).)

# %% tags=["hide-input"] alt="Horizontal stacked bars of millions of parameters for Tiny, Small, Base, Large and Huge. In each about a third is attention and two thirds MLP; embeddings and head are a thin slice that is only visible in the small models." caption="Where the parameters are. Two thirds sit in the MLPs."
_, ax = pyplot.subplots(figsize=(7, 2.7))
shown = ("Ti/16", "S/16", "B/16", "L/16", "H/14")
for y, name in enumerate(shown):
    size = ViTConfig.preset(name)
    D, M = size.embed_dim, size.mlp_dim
    attention_part = size.depth * 4 * (D * D + D) / 1e6
    mlp_part = size.depth * (2 * D * M + M + D) / 1e6
    rest = counted[name] / 1e6 - attention_part - mlp_part
    left_edge = 0
    for width, color in ((attention_part, "orange"), (mlp_part, "blue"), (rest, "gold")):
        ax.barh(y, width, left=left_edge, color=c[color])
        left_edge += width
    ax.text(left_edge + 6, y, f"{counted[name] / 1e6:.0f}", va="center", fontsize=11)
ax.set_yticks(range(5), shown)
for x, text, color in (
    (60, "attention", "orange"),
    (330, "MLP", "blue"),
    (640, "rest", "gold"),
):
    ax.text(x, 4.62, text, color=c[color], ha="center", fontsize=11)
ax.set(xlabel="millions of parameters", ylim=(-0.5, 5.1))
ax.grid(visible=False)

# %% tags=["check"]
# The four counts of the paper's sizes; the formula, the library and torchvision agree.
assert counted["B/16"] == 86_567_656 == sum(p.numel() for p in vit.parameters())
assert counted["L/16"] == 304_326_632
assert counted["L/32"] == 306_535_400
assert counted["H/14"] == 632_045_800
assert all(ViTConfig.preset(name).num_parameters == n for name, n in counted.items())
for name, row in (("B", (12, 768, 3072, 12)), ("L", (24, 1024, 4096, 16))):
    size = ViTConfig.preset(f"{name}/16")
    assert (size.depth, size.embed_dim, size.mlp_dim, size.num_heads) == row
for name in ("vit_b_16", "vit_l_16", "vit_l_32", "vit_h_14"):
    with torch.device("meta"):
        network = models.get_model(name, weights=None)
    key = name.removeprefix("vit_").replace("_", "/").upper()
    assert sum(p.numel() for p in network.parameters()) == counted[key]

# %% [markdown] tags=["number"] row="N17 B/16"
# {{ f"{counted['B/16']:,}" }}

# %% [markdown] tags=["number"] row="N17 L/16"
# {{ f"{counted['L/16']:,}" }}

# %% [markdown] tags=["number"] row="N17 L/32"
# {{ f"{counted['L/32']:,}" }}

# %% [markdown] tags=["number"] row="N17 H/14"
# {{ f"{counted['H/14']:,}" }}

# %% [markdown]
# ## The paper and ours
#
# | | paper | this page | why |
# |---|---|---|---|
# | equations 1 to 4 | as written | the same | |
# | patch embedding | a matrix | a convolution | the same numbers, shown above |
# | `eps` of the norms | not given | `1e-6` | the authors' code; PyTorch's default is `1e-5` |
# | position embedding at the start | not given | spread `0.02` | the authors' code |
# | matrices at the start | not given | PyTorch's defaults; the library takes the authors' ([`pdl.vit.init`](../api/vit.init.md)) | good for any layer |
# | dropout | `0.1` (Table 3), also after the embedding | `0.1`, in the MLP | the library has all places |
# | head | hidden layer in pretraining, one layer for fine-tuning | one layer | we will fine-tune |
# | classes | 21,843 or 18,291 in pretraining | 1,000, then 3 | our data |
#
# ## Recap
#
# - Attention is a weighted mean: a query meets all keys, softmax makes shares, values are mixed.
# - A picture becomes `N = HW / P²` tokens by one matrix, or by a convolution with step `P`.
# - Without position embeddings a transformer sees a heap of patches.
# - A block is norm, attention, sum; norm, MLP, sum. The sums carry the gradient.
# - Equation 4 reads `[:, 0]`; the head is no part of it. The counts follow from five numbers.
#
# ## Exercises

# %% [markdown] tags=["exercise"] level="warm-up" answer=["lengths: a dict from (pixels, patch) to the number of tokens, in the order of the questions"]
# ### Exercise 1: other pictures, other patches
#
# How many tokens has a ViT with patches of 16 pixels at 384 pixels? With patches of 32 at 224? With
# patches of 8 at 64? And how many numbers has one attention table, all 12 heads of it?

# %% tags=["solution"]
lengths = {}
for side, patch in ((384, 16), (224, 32), (64, 8)):
    lengths[side, patch] = (side // patch) ** 2 + 1
    T = lengths[side, patch]
    print(f"{side} pixels, patches of {patch}: {T} tokens, {12 * T * T:,} numbers")

# %% tags=["solution", "check"]
# 577, 50 and 65 tokens, as the library counts.
assert list(lengths.values()) == [577, 50, 65]
for (side, patch), T in lengths.items():
    assert ViTConfig.preset(f"B/{patch}", image_size=side).num_tokens == T

# %% [markdown] tags=["exercise"] level="build" answer=["tiny: a dict with the settings of a small `ViT` of two blocks", "mine: that model, `ViT(**tiny)`, in eval mode", "some: three random pictures for it", "straight: its scores for them", "through: the scores through PyTorch's layers with the same weights"]
# ### Exercise 2: with PyTorch's own layers
#
# Replace the blocks by `nn.TransformerEncoder` of `nn.TransformerEncoderLayer`, copy the weights,
# and show that a model of two blocks gives the same scores.

# %% tags=["solution"]
torch.manual_seed(42)
tiny = {"image_size": 64, "patch_size": 8, "embed_dim": 48}
tiny |= {"depth": 2, "num_heads": 4, "mlp_dim": 96}
mine = ViT(**tiny).eval()
layer = nn.TransformerEncoderLayer(
    48, 4, 96, 0.1, "gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
)
stack = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False).eval()
state = stack.state_dict()
for number, each in enumerate(mine.blocks):
    own = each.state_dict()
    for new, old in pairs.items():
        for end in ("weight", "bias"):
            state[f"layers.{number}.{new}{end}"].copy_(own[old + end])
some = torch.rand(3, 3, 64, 64)
with torch.inference_mode():
    through = mine.head(mine.norm(stack(mine.embed(some))[:, 0]))
    straight = mine(some)
print((through - straight).abs().max().item() < 1e-5)

# %% tags=["solution", "check"]
# The same scores, and different ones for different pictures.
assert_close(through, straight, **close)
assert (straight[0] - straight[1]).abs().max() > 1e-3

# %% [markdown] tags=["exercise"] level="build" answer=["imported: the module; use `tiny`, `mine`, `some` and `straight` of exercise 2"]
# ### Exercise 3: `vit.py`
#
# Turn your ViT into a module: a file `vit.py` with the classes, that another program can import.
# Which imports does it need? (Copy and paste will do; the solution lets Python do it.)

# %% tags=["solution"]
import ast
import linecache


def source_of(each):
    lines = linecache.getlines(each.forward.__code__.co_filename)  # file, or cell
    text = "".join(lines)
    nodes = {getattr(node, "name", ""): node for node in ast.parse(text).body}
    return ast.get_source_segment(text, nodes[each.__name__])


parts = [MultiheadSelfAttention, PatchEmbed, Embed, MultiheadSelfAttentionBlock]
parts += [MLPBlock, TransformerEncoderBlock, ViT]
text = '"""The Vision Transformer."""\n\nimport torch\nfrom torch import nn\n'
text += "from torch.nn.functional import scaled_dot_product_attention\n\n\n"
text += "\n\n\n".join(source_of(part) for part in parts) + "\n"
folder_of_module = tempfile.TemporaryDirectory(prefix="pdl-")
Path(folder_of_module.name, "vit.py").write_text(text, encoding="utf-8")
sys.path.insert(0, folder_of_module.name)
imported = importlib.import_module("vit")
sys.path.remove(folder_of_module.name)
print(f"{len(text.splitlines())} lines")

# %% tags=["solution", "check"]
# The imported model is another class and gives the same scores.
copied = imported.ViT(**tiny).eval()
copied.load_state_dict(mine.state_dict())
assert type(copied) is not ViT
with torch.inference_mode():
    assert_close(copied(some), straight)

# %% [markdown] tags=["exercise"] level="measure" answer=["costs: a dict from each patch size to four numbers: parameters, tokens, GFLOPs, and the table's share of these"]
# ### Exercise 4: what do small patches cost?
#
# Halve the patch size of ViT-B at 224 pixels: 32, 16, 8. How do parameters, tokens and FLOPs grow?
# Which share of the FLOPs is attention's table, which grows with the square of the tokens? Count on
# the device `meta`, as in [chapter 06](06_transfer_learning.md).

# %% tags=["solution"]
from torch.utils.flop_counter import FlopCounterMode

costs = {}
for patch in (32, 16, 8):
    size = ViTConfig.preset(f"B/{patch}")
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        VisionTransformer(size)(torch.empty(1, 3, 224, 224))
    T = size.num_tokens
    flops = counter.get_total_flops()
    share = size.depth * 4 * T * T * size.embed_dim / flops  # two products in a block
    costs[patch] = (size.num_parameters, T, flops / 2e9, share)
    print(
        "B/{:2}: {:,} parameters, {:3} tokens, {:5.1f} GFLOPs, {:.1%} for the table".format(
            patch, *costs[patch]
        )
    )

# %% tags=["solution", "check"]
# About the same parameters, four times the tokens, and more and more work for each.
assert costs[8][0] < 1.02 * costs[32][0]
assert 3.9 < costs[16][2] / costs[32][2] < 4.2
assert costs[8][2] / costs[16][2] > 4.3
assert costs[32][3] < costs[16][3] < costs[8][3]

# %% [markdown] tags=["exercise"] level="build" answer=["swag: the transform of torchvision's SWAG weights", "states: a pair, the `state_dict` of a `VisionTransformer(small)` before and after it was resized to 96", "changed: the names of the weights that have another shape afterwards"]
# ### Exercise 5: a model for 384 pixels
#
# torchvision has weights of ViT-B/16 called SWAG, for pictures of 384 pixels. Which transform do
# they want? All weights of a ViT fit any number of tokens but one: which? Resize it with
# [`resize_model`][pdl.vit.resolution.resize_model], and show a model built for 64 pixels a picture
# of 96.

# %% tags=["solution"]
from pdl.vit.resolution import resize_model

swag = models.ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1.transforms()
print("crop", swag.crop_size, "resize", swag.resize_size, swag.interpolation.value)
torch.manual_seed(42)
at_64 = VisionTransformer(small)
at_96 = resize_model(at_64, 96)
states = at_64.state_dict(), at_96.state_dict()
changed = [name for name in states[0] if states[0][name].shape != states[1][name].shape]
print("resized:", changed, tuple(states[1][changed[0]].shape))
print(at_96(torch.rand(2, 3, 96, 96)).shape)

# %% tags=["solution", "check"]
# 384 pixels, bicubic; only the position embedding changes its shape.
assert swag.crop_size == [384]
assert swag.interpolation.value == "bicubic"
assert changed == ["embeddings.position"]
assert states[1]["embeddings.position"].shape == (1, 12 * 12 + 1, 48)

# %% [markdown]
# ## Where next
#
# The model is right, and knows nothing. [The next page](08b_vit_training.md) trains it, and looks
# at what it looks at. The API pages of what appeared here: [`pdl.vit.model`](../api/vit.model.md),
# [`pdl.vit.config`](../api/vit.config.md), [`pdl.vit.init`](../api/vit.init.md),
# [`pdl.vit.convert`](../api/vit.convert.md) and
# [`pdl.vit.resolution`](../api/vit.resolution.md).
#
# Worth reading besides: Jay Alammar's
# [The Illustrated Transformer](https://jalammar.github.io/illustrated-transformer/), with drawings
# of queries, keys and values;
# [Attention Is All You Need](https://arxiv.org/abs/1706.03762), the paper before this one; and
# [the authors' code](https://github.com/google-research/vision_transformer).
