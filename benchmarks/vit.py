"""How fast is our Vision Transformer next to those of torchvision, timm and vit-pytorch?

All sides have the same sizes and see the same random pictures: one forward pass, and one training
step (forward, backward, AdamW). On a GPU in bfloat16, eager and compiled.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from time import perf_counter

import report
import torch
from torch import nn

from pdl.device import autocast, synchronize
from pdl.vit.config import ViTConfig
from pdl.vit.model import VisionTransformer

OURS, TORCHVISION, TIMM, VIT_PYTORCH = "pdl", "torchvision", "timm", "vit-pytorch"
NEEDS = {TIMM: "timm", VIT_PYTORCH: "vit_pytorch"}
PRESETS = ("Ti/16", "B/16")


def build(side: str, preset: str) -> nn.Module:
    """Build the network of one side.

    Args:
        side: One of the names above.
        preset: One of ``PRESETS``.

    Returns:
        The model, with random weights.
    """
    sizes = ViTConfig.preset(preset)
    square = (sizes.image_size, sizes.patch_size)
    width, depth, heads, mlp = sizes.embed_dim, sizes.depth, sizes.num_heads, sizes.mlp_dim
    if side == OURS:
        return VisionTransformer(sizes)
    if side == TORCHVISION:
        from torchvision.models import VisionTransformer as Theirs  # noqa: PLC0415 - one side each

        return Theirs(*square, depth, heads, width, mlp)
    if side == TIMM:
        from timm.models.vision_transformer import VisionTransformer as Timm  # noqa: PLC0415 - a peer that need not be installed

        return Timm(*square, embed_dim=width, depth=depth, num_heads=heads, mlp_ratio=mlp / width)
    from vit_pytorch import ViT  # noqa: PLC0415 - a peer that need not be installed

    return ViT(
        image_size=sizes.image_size,
        patch_size=sizes.patch_size,
        num_classes=sizes.num_classes,
        dim=width,
        depth=depth,
        heads=heads,
        mlp_dim=mlp,
        dim_head=sizes.head_dim,
    )


def flops(preset: str) -> float:
    """Multiplications and additions of the matrix products of one picture's forward pass.

    Args:
        preset: One of ``PRESETS``.

    Returns:
        Their number; the training step has three times as many.
    """
    sizes = ViTConfig.preset(preset)
    width, tokens = sizes.embed_dim, sizes.num_tokens
    block = tokens * (4 * width**2 + 2 * width * sizes.mlp_dim) + 2 * tokens**2 * width
    patches = sizes.num_patches * width * sizes.in_channels * sizes.patch_size**2
    return 2.0 * (sizes.depth * block + patches + width * sizes.num_classes)


def run_side(
    side: str, preset: str, batch: int, device: str, *, compiled: bool, seconds: float
) -> dict[str, float]:
    """Time one side.

    Args:
        side: One of the names above.
        preset: One of ``PRESETS``.
        batch: Pictures in a pass.
        device: Where to compute.
        compiled: Compile the model first.
        seconds: How long each of the two measurements lasts.

    Returns:
        Pictures a second forward and in training, and the peak memory of a GPU in MB.
    """
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    place = torch.device(device)
    model = build(side, preset).to(place)
    called = torch.compile(model) if compiled else model
    sizes = ViTConfig.preset(preset)
    side_length = sizes.image_size
    images = torch.randn(batch, sizes.in_channels, side_length, side_length, device=place)
    labels = torch.randint(0, sizes.num_classes, (batch,), device=place)
    optimizer = torch.optim.AdamW(model.parameters(), fused=place.type == "cuda" or None)
    loss_fn = nn.CrossEntropyLoss()
    precision = autocast(place, enabled=place.type == "cuda")

    def forward() -> None:
        with torch.inference_mode(), precision:
            called(images)

    def step() -> None:
        with precision:
            loss = loss_fn(called(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def speed(work: Callable[[], None]) -> float:
        for _ in range(3):
            work()
        synchronize(place)
        begun, passes = perf_counter(), 0
        while perf_counter() - begun < seconds or passes < 3:
            work()
            passes += 1
            if place.type == "cuda" and passes % 8 == 0:
                synchronize(place)
        synchronize(place)
        return batch * passes / (perf_counter() - begun)

    model.eval()
    found = {"forward": speed(forward)}
    model.train()
    found["training step"] = speed(step)
    peak = torch.cuda.max_memory_allocated(place) / 1e6 if place.type == "cuda" else 0.0
    return found | {"memory": peak}


def main() -> None:
    """Run all sides in turns and print the table."""
    cuda = torch.cuda.is_available()
    parser = report.parser(__doc__, rounds=3)
    parser.add_argument("--preset", choices=PRESETS, default="B/16" if cuda else "Ti/16")
    parser.add_argument("--batch", type=int, default=256 if cuda else 16, help="pictures in a pass")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each side is timed")
    parser.add_argument("--device", default="cuda" if cuda else "cpu")
    parser.add_argument("--peak", type=float, help="matrix peak of the GPU in TFLOP/s, to compare")
    parser.add_argument("--compiled", action="store_true", help="compile all sides first")
    parser.add_argument("--side", help="run only this one, once, and print what it measured")
    options = parser.parse_args()
    if options.side:
        one = run_side(
            options.side,
            options.preset,
            options.batch,
            options.device,
            compiled=options.compiled,
            seconds=options.seconds,
        )
        print(json.dumps(one))
        return
    found = report.Report()
    words = ["--preset", options.preset, "--batch", str(options.batch)]
    words += ["--seconds", str(options.seconds), "--device", options.device]
    words += ["--compiled"] if options.compiled else []
    measured: dict[str, list[dict[str, float]]] = {}
    sides: dict[str, Callable[[], float]] = {}
    for side in (OURS, TORCHVISION, TIMM, VIT_PYTORCH):
        if side in NEEDS and find_spec(NEEDS[side]) is None:
            found.notes.append(f"{side} is not installed and was left out.")
            continue

        def measure(side: str = side) -> float:
            one = report.alone(__file__, "--side", side, *words)
            measured.setdefault(side, []).append(one)
            return one["training step"]

        sides[side] = measure
    report.in_turns(sides, options.rounds)
    speeds = {
        kind: {side: [one[kind] for one in values] for side, values in measured.items()}
        for kind in ("forward", "training step")
    }
    lines = []
    for kind, values in speeds.items():
        for side, each in values.items():
            found.rows.append(report.Row(f"{side}: {kind}", report.median(each), "images/s"))
            if side != OURS:
                key = f"vit.{options.device}.{kind.replace(' ', '_')}.vs_{side}"
                found.ratios[key] = report.ratio(values[OURS], each)
    for side, ones in measured.items():
        cells = [side]
        for kind, values in speeds.items():
            cells += [
                f"{report.median(values[side]):,.0f}",
                f"{report.ratio(values[side], values[OURS]):.2f}",
            ]
            if options.peak:
                work = flops(options.preset) * (1 if kind == "forward" else 3)
                share = report.median(values[side]) * work / (options.peak * 1e12)
                cells.append(f"{share:.0%}")
        if options.device != "cpu":
            cells.append(f"{ones[-1]['memory']:,.0f} MB")
        lines.append(cells)
    share_of_peak = ["of the peak"] if options.peak else []
    head = [
        f"ViT-{options.preset} on {options.device}",
        "forward, images a second",
        "times pdl",
        *share_of_peak,
        "training step, images a second",
        "times pdl",
        *share_of_peak,
    ]
    head += [] if options.device == "cpu" else ["peak memory"]
    how = "compiled" if options.compiled else "eager"
    size = ViTConfig.preset(options.preset).image_size
    found.notes.append(
        f"Batches of {options.batch} pictures of {size} x {size}, {how}, medians of "
        f"{options.rounds} rounds."
    )
    report.tell(found, report.table(head, lines), options, "vit")


if __name__ == "__main__":
    main()
