"""Small EfficientNet-Lites in timm's names, and what a plain PyTorch module makes of them.

`tf_efficientnet_lite0` has TensorFlow's padding and an epsilon of 1e-3, `efficientnet_lite0` PyTorch's. With
`--against-timm` the module itself is held to timm's networks, where timm is installed.
"""

import json
import sys

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from .encoders import folder, shaken, write

# Kernel, stride of the first block, and whether the stage widens before its depthwise convolution.
STAGES = [(3, 1, False), (3, 2, True), (5, 2, True), (3, 2, True), (5, 1, True), (5, 2, True), (3, 1, True)]


class Convolution(nn.Conv2d):
    """With TensorFlow's padding where it is asked for."""

    def __init__(self, inputs, outputs, kernel, stride=1, groups=1, same=False):
        super().__init__(inputs, outputs, kernel, stride, padding=0 if same else kernel // 2, groups=groups, bias=False)
        self.same = same

    def forward(self, x):
        if self.same:
            lacking = [max(0, (-(-size // self.stride[0]) - 1) * self.stride[0] + self.kernel_size[0] - size)
                       for size in x.shape[2:]]
            x = functional.pad(x, (lacking[1] // 2, lacking[1] - lacking[1] // 2,
                                   lacking[0] // 2, lacking[0] - lacking[0] // 2))
        return super().forward(x)


class Block(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, widens, factor, same, epsilon):
        super().__init__()
        inner = inputs * factor if widens else inputs
        widths = ([inner] if widens else []) + [inner, outputs]
        if widens:
            self.conv_pw = Convolution(inputs, inner, 1, same=same)
        self.conv_dw = Convolution(inner, inner, kernel, stride, groups=inner, same=same)
        setattr(self, "conv_pwl" if widens else "conv_pw", Convolution(inner, outputs, 1, same=same))
        for index, width in enumerate(widths):
            setattr(self, f"bn{index + 1}", nn.BatchNorm2d(width, eps=epsilon))
        self.order = (["conv_pw", "conv_dw", "conv_pwl"] if widens else ["conv_dw", "conv_pw"])
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        y = x
        for index, name in enumerate(self.order):
            y = getattr(self, f"bn{index + 1}")(getattr(self, name)(y))
            if index + 1 < len(self.order):
                y = functional.relu6(y)
        return x + y if self.residual else y


class Lite(nn.Module):
    def __init__(self, widths, depths, head, classes, same, factor=6):
        super().__init__()
        epsilon = 1e-3 if same else 1e-5
        self.conv_stem = Convolution(3, widths[0], 3, 2, same=same)
        self.bn1 = nn.BatchNorm2d(widths[0], eps=epsilon)
        stages, inputs = [], widths[0]
        for (kernel, stride, widens), depth, width in zip(STAGES, depths, widths[1:]):
            blocks = []
            for index in range(depth):
                blocks.append(Block(inputs, width, kernel, stride if index == 0 else 1, widens, factor, same, epsilon))
                inputs = width
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        self.conv_head = Convolution(inputs, head, 1, same=same)
        self.bn2 = nn.BatchNorm2d(head, eps=epsilon)
        self.classifier = nn.Linear(head, classes)

    def forward(self, pixels):
        """What the stem and each stage give, and what the head gives."""
        states = [functional.relu6(self.bn1(self.conv_stem(pixels)))]
        for stage in self.blocks:
            states.append(stage(states[-1]))
        return states, functional.relu6(self.bn2(self.conv_head(states[-1])))


def checkpoint(name: str, architecture: str, size: tuple, seed: int) -> None:
    model = Lite([4, 4, 6, 6, 8, 8, 10, 12], [1, 2, 2, 1, 1, 2, 1], 16, 3, architecture.startswith("tf_"), factor=2)
    path = folder(name)
    shaken(model, seed)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path / "model.safetensors")
    half = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    (path / "config.json").write_text(json.dumps({
        "architecture": architecture, "num_classes": 3, "num_features": 16,
        "pretrained_cfg": half | {"input_size": [3, 32, 32], "interpolation": "bicubic", "crop_pct": 0.875},
    }, indent=2) + "\n")
    pixels = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(seed + 1))
    with torch.no_grad():
        states, rows = model(pixels)
    write(path, {"pixels": pixels, "rows": rows, "pooler": rows.mean((2, 3))}
          | {f"hidden.{index}": state for index, state in enumerate(states[:-1])})


def against_timm() -> None:
    import timm

    widths, depths = [32, 16, 24, 40, 80, 112, 192, 320], [1, 2, 2, 3, 3, 4, 1]
    for name in ["tf_efficientnet_lite0", "efficientnet_lite0"]:
        theirs = timm.create_model(name, pretrained=False).eval()
        shaken(theirs, 1)
        ours = Lite(widths, depths, 1280, 1000, name.startswith("tf_")).eval()
        ours.load_state_dict(theirs.state_dict())
        for size in [(224, 224), (75, 130)]:
            pixels = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(2))
            with torch.no_grad():
                print(name, size, float((ours(pixels)[1] - theirs.forward_features(pixels)).abs().max()))


if __name__ == "__main__":
    if "--against-timm" in sys.argv:
        against_timm()
    else:
        torch.set_num_threads(1)
        checkpoint("efficientnet-lite-tf", "tf_efficientnet_lite0", (38, 47), 41)
        checkpoint("efficientnet-lite", "efficientnet_lite1", (32, 51), 43)
