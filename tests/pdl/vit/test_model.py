"""Does `pdl.vit.model` compute what the paper says, on good input and on bad?"""

import dataclasses
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torch.nn.functional import unfold

from pdl.checkpoint import load_model, save_model
from pdl.errors import CheckpointError, ConfigError, ShapeError
from pdl.optim import adamw, param_groups
from pdl.vit.config import ViTConfig
from pdl.vit.model import (
    MLP,
    DropPath,
    Embeddings,
    EncoderBlock,
    MultiHeadSelfAttention,
    PatchEmbedding,
    VisionTransformer,
)

SMALL = ViTConfig(
    image_size=32,
    patch_size=8,
    num_classes=5,
    embed_dim=24,
    depth=3,
    num_heads=3,
    mlp_dim=48,
)


def parameters(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def test_the_parts_of_vit_base_have_as_many_parameters_as_counted():
    assert parameters(PatchEmbedding()) == 590_592
    assert parameters(MultiHeadSelfAttention(768, 12)) == 2_362_368
    assert parameters(EncoderBlock(ViTConfig())) == 7_087_872


def test_patches_are_flattened_and_multiplied():
    """The convolution is the paper's matrix E: Sec. 3.1."""
    embedding, images = (
        PatchEmbedding(image_size=32, patch_size=8, embed_dim=10),
        torch.rand(2, 3, 32, 32),
    )
    patches = unfold(images, kernel_size=8, stride=8).transpose(1, 2)  # (B, N, C * P * P)
    E = embedding.projection.weight.flatten(1)
    by_hand = patches @ E.T + embedding.projection.bias
    torch.testing.assert_close(embedding(images), by_hand)


def test_equation_1(small, images):
    tokens = small.embeddings(images)
    position = small.embeddings.position
    patches = small.embeddings.patches(images)
    torch.testing.assert_close(tokens[:, 1:], patches + position[:, 1:])
    first = (small.embeddings.class_token + position[:, :1]).expand(4, 1, -1)
    torch.testing.assert_close(tokens[:, :1], first)


def test_attention_equals_torch():
    ours = MultiHeadSelfAttention(24, 3)
    theirs = nn.MultiheadAttention(24, 3, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.qkv.weight,
            "in_proj_bias": torch.rand(72),
            "out_proj.weight": ours.output.weight,
            "out_proj.bias": torch.rand(24),
        }
    )
    ours.qkv.bias.data, ours.output.bias.data = theirs.in_proj_bias, theirs.out_proj.bias
    tokens = torch.randn(2, 7, 24)
    expected, weights = theirs(tokens, tokens, tokens, average_attn_weights=False)
    torch.testing.assert_close(ours(tokens), expected, atol=1e-5, rtol=0)
    plain, own_weights = ours.forward_with_weights(tokens)
    torch.testing.assert_close(plain, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(own_weights, weights, atol=1e-5, rtol=0)


def test_a_block_equals_torch():
    block = EncoderBlock(SMALL)
    theirs = nn.TransformerEncoderLayer(
        24,
        3,
        48,
        dropout=0,
        activation="gelu",
        norm_first=True,
        batch_first=True,
        layer_norm_eps=1e-6,
    )
    names = {
        "norm1": "norm1",
        "norm2": "norm2",
        "mlp.linear1": "linear1",
        "mlp.linear2": "linear2",
        "attention.output": "self_attn.out_proj",
    }
    state = {
        f"{their_name}.{kind}": block.get_parameter(f"{name}.{kind}")
        for name, their_name in names.items()
        for kind in ("weight", "bias")
    }
    state["self_attn.in_proj_weight"] = block.attention.qkv.weight
    state["self_attn.in_proj_bias"] = block.attention.qkv.bias
    with torch.no_grad():
        for weight in block.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    theirs.load_state_dict(state)
    tokens = torch.randn(2, 7, 24)
    torch.testing.assert_close(block(tokens), theirs(tokens), atol=1e-5, rtol=0)


def test_the_slow_path_says_the_same_and_its_rows_sum_to_one(small, images):
    logits, weights = small.forward_with_weights(images)
    torch.testing.assert_close(logits, small(images))
    assert weights.shape == (3, 4, 3, 17, 17)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 4, 3, 17))


def test_the_class_token_is_read_and_not_the_first_picture(small, images):  # error 98
    tokens = small.embeddings(images)
    for block in small.blocks:
        tokens = block(tokens)
    torch.testing.assert_close(small.forward_features(images), small.norm(tokens)[:, 0])
    torch.testing.assert_close(small(images), small.head(small.norm(tokens)[:, 0]))


def test_without_places_the_order_of_patches_does_not_matter(small, images):
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    patches = small.embeddings.patches(images)

    def encode(tokens):
        for block in small.blocks:
            tokens = block(tokens)
        return tokens

    torch.testing.assert_close(
        encode(patches)[:, order], encode(patches[:, order]), atol=1e-5, rtol=0
    )
    # With places it does.
    with_places = patches + small.embeddings.position[:, 1:]
    moved = patches[:, order] + small.embeddings.position[:, 1:]
    assert not torch.allclose(encode(with_places)[:, order], encode(moved), atol=1e-3)


def test_every_parameter_gets_a_gradient(small, images):
    small.train()
    small(images).square().sum().backward()
    for name, weight in small.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any(), name


def test_a_batch_of_one_is_a_row_of_a_batch(small, images):
    torch.testing.assert_close(small(images)[2:3], small(images[2:3]), atol=1e-5, rtol=0)


def test_eval_is_repeatable_and_train_with_dropout_is_not(images):
    settings = {"dropout": 0.3, "attention_dropout": 0.3, "drop_path": 0.5}
    torch.manual_seed(0)
    model = VisionTransformer(dataclasses.replace(SMALL, **settings))
    nn.init.normal_(model.head.weight)
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))


@pytest.mark.parametrize("name", ["dropout", "attention_dropout", "drop_path"])
def test_each_kind_of_dropout_reaches_the_model(name, images):
    """The notes' ViT never passes attn_dropout on: error 109."""
    torch.manual_seed(0)
    model = VisionTransformer(dataclasses.replace(SMALL, **{name: 0.5}))
    nn.init.normal_(model.head.weight)
    assert not torch.equal(model(images), model(images))
    assert not torch.equal(
        model.forward_with_weights(images)[0], model.forward_with_weights(images)[0]
    )


def test_drop_path_grows_with_depth_and_keeps_the_mean():
    model = VisionTransformer(dataclasses.replace(SMALL, drop_path=0.4))
    assert [block.drop_path.rate for block in model.blocks] == pytest.approx([0, 0.2, 0.4])
    torch.manual_seed(0)
    dropped = DropPath(0.4)(torch.ones(20_000, 2, 3))
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)
    per_sample = dropped.flatten(1)
    assert bool((per_sample == per_sample[:, :1]).all())
    assert (per_sample[:, 0] == 0).float().mean().item() == pytest.approx(0.4, abs=0.02)


def test_one_block_has_no_path_to_drop():
    assert (
        VisionTransformer(dataclasses.replace(SMALL, depth=1, drop_path=0.4))
        .blocks[0]
        .drop_path.rate
        == 0
    )


@given(
    grid=st.integers(1, 3),
    patch_size=st.integers(1, 4),
    channels=st.integers(1, 4),
    heads=st.integers(1, 3),
    representation_dim=st.none() | st.integers(1, 5),
)
def test_any_valid_size_gives_logits(grid, patch_size, channels, heads, representation_dim):
    config = ViTConfig(
        image_size=grid * patch_size,
        patch_size=patch_size,
        in_channels=channels,
        num_classes=4,
        embed_dim=2 * heads,
        depth=2,
        num_heads=heads,
        mlp_dim=3,
        representation_dim=representation_dim,
    )
    model = VisionTransformer(config)
    assert model(torch.zeros(2, channels, config.image_size, config.image_size)).shape == (2, 4)


@pytest.mark.parametrize(
    "shape", [(2, 1, 32, 32), (2, 3, 32, 24), (3, 32, 32), (2, 32, 32, 3), (2, 3, 40, 40)]
)
@pytest.mark.parametrize("method", ["forward", "forward_features", "forward_with_weights"])
def test_other_pictures_are_refused(small, shape, method):  # M3
    with pytest.raises(ShapeError, match=r"\(B, 3, 32, 32\)"):
        getattr(small, method)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        (torch.uint8, "decimal numbers, got torch.uint8"),
        (torch.int64, "decimal numbers, got torch.int64"),
        (torch.float64, r"images\.to\(torch\.float32\)"),
    ],
)
def test_other_number_types_are_refused(small, dtype, message):  # M4
    with pytest.raises(ShapeError, match=message):
        small(torch.zeros(2, 3, 32, 32, dtype=dtype))


def test_parts_refuse_what_the_whole_refuses():
    with pytest.raises(ConfigError, match="multiple of patch_size"):
        PatchEmbedding(image_size=224, patch_size=15)
    with pytest.raises(ConfigError, match="multiple of num_heads"):
        MultiHeadSelfAttention(10, 4)
    with pytest.raises(ConfigError, match="dropout must be"):
        MLP(8, 8, dropout=2.0)
    with pytest.raises(ConfigError, match="rate must be"):
        DropPath(1.0)


def test_the_tokens_of_the_embeddings_count_the_class_token():
    config = ViTConfig.preset("Ti/16", image_size=64)
    assert Embeddings(config)(torch.zeros(1, 3, 64, 64)).shape == (1, config.num_tokens, 192)


def test_places_and_the_class_token_do_not_decay(small):
    decay, free = param_groups(small, weight_decay=0.1)
    assert {id(small.embeddings.position), id(small.embeddings.class_token)} <= {
        id(weight) for weight in free["params"]
    }
    assert all(weight.dim() > 1 for weight in decay["params"])
    assert small.no_weight_decay() <= {name for name, _ in small.named_parameters()}


def test_it_learns_a_few_pictures_by_heart():
    torch.manual_seed(0)
    images, labels = torch.rand(10, 3, 32, 32), torch.arange(10) % 5
    model = VisionTransformer(SMALL)
    optimizer = adamw(model, lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    assert torch.equal(model(images).argmax(dim=1), labels)


def test_its_own_transform_gives_what_it_accepts(small):
    tensor = small.transform(Image.new("RGB", (100, 50)))
    assert small(tensor.unsqueeze(0)).shape == (1, 5)


def test_a_file_keeps_the_sizes(small, images, tmp_path):
    path = save_model(small, tmp_path, "vit.safetensors")
    loaded = load_model(VisionTransformer(SMALL), path).eval()
    assert torch.equal(loaded(images), small(images))
    with pytest.raises(CheckpointError, match="depth=3 in the file and 2 here"):
        load_model(VisionTransformer(dataclasses.replace(SMALL, depth=2)), path)


def test_bfloat16_autocast_gives_nearly_the_same(small, images):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = small(images)
    torch.testing.assert_close(rough.float(), small(images), atol=0.15, rtol=0.1)


# Without the checks of shapes that tests switch on: they are no part of what a reader compiles.
# aot_eager traces and differentiates as the default does, and does not wait for a C++ compiler.
PROGRAM = """
import sys, warnings
import onnxruntime, torch
from torch import nn
from pdl.vit.config import ViTConfig
from pdl.vit.model import VisionTransformer

warnings.simplefilter("ignore")
torch.manual_seed(0)
config = ViTConfig(image_size=32, patch_size=8, num_classes=5, embed_dim=24, depth=2, num_heads=3,
                   mlp_dim=48)
model = VisionTransformer(config).eval()
nn.init.normal_(model.head.weight)
images, more = torch.randn(3, 3, 32, 32), torch.randn(7, 3, 32, 32)

def check(outputs, expected):
    torch.testing.assert_close(outputs.detach(), expected.detach(), atol=1e-4, rtol=0)

model(images).square().sum().backward()
gradients = {name: weight.grad.clone() for name, weight in model.named_parameters()}
model.zero_grad()
compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
outputs = compiled(images)
check(outputs, model(images))
outputs.square().sum().backward()
for name, weight in model.named_parameters():
    check(weight.grad, gradients[name])
print("compiled")

batch = torch.export.Dim("batch", min=1, max=64)
program = torch.export.export(model, (images,), dynamic_shapes=({0: batch},))
check(program.module()(images), model(images))
check(program.module()(more), model(more))
print("exported")

torch.onnx.export(program, f=sys.argv[1], verbose=False, input_names=["images"])
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
for batch in (images, more):
    check(torch.from_numpy(session.run(None, {"images": batch.numpy()})[0]), model(batch))
print("written")
"""


@pytest.mark.slow
def test_it_can_be_compiled_and_exported_with_equal_outputs(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "vit.onnx")],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = [word for word in ("compiled", "exported", "written") if word in done.stdout]
    assert said == ["compiled", "exported", "written"]
