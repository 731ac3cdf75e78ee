"""One training step of encoders that are trained: what PyTorch makes of features, gradients and running means.

The checkpoints are those of `encoders.py`, whose networks transformers builds; the architectures that are trained from
nothing are written here in plain PyTorch, with weights that both sides compute:

    w[i] = sin(0.7 i + length of the name) · 1.7 / √fan,   norms: 1 + 0.2 sin(…), 0.1 sin(…), running means 0, variances 1

The loss is Σ features · g / B with g[j] = sin(0.3 j + 1). Of large networks only the length of each gradient and its inner
product with cos(0.11 i) are kept.
"""

import copy
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn

from .common import GOLDEN

HOME = GOLDEN / "trained"
CHECKPOINTS = GOLDEN / "encoders"


def wave(count: int, pace: float, start: float) -> torch.Tensor:
    return torch.sin(pace * torch.arange(count, dtype=torch.float64) + start)


def loss_of(features: torch.Tensor) -> torch.Tensor:
    direction = wave(features.numel(), 0.3, 1).reshape(features.shape).to(features.dtype)
    return (features * direction).sum() / features.shape[0]


def pixels(count: int, height: int, width: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator, dtype=torch.uint8)


def scaled(image: torch.Tensor) -> torch.Tensor:
    return (image.float() / 255 - 0.5) / 0.5


def saved_names(model: nn.Module) -> dict[str, str]:
    """What checkpoints call each parameter: transformers has other names in memory."""
    parameters = dict(model.named_parameters())
    if not hasattr(model, "save_pretrained"):
        return {name: name for name in parameters}
    marked = copy.deepcopy(model)
    with torch.no_grad():
        for number, parameter in enumerate(marked.parameters()):
            parameter.fill_(number)
    with tempfile.TemporaryDirectory() as folder:
        marked.save_pretrained(folder)
        numbers = {int(value.flatten()[0]): name
                   for name, value in load_file(Path(folder) / "model.safetensors").items()
                   if value.is_floating_point() and "running_" not in name}
    return {name: numbers[number] for number, name in enumerate(parameters)}


def step(values: dict, name: str, model: nn.Module, inputs: torch.Tensor, features: torch.Tensor) -> None:
    loss_of(features).backward()
    values[f"{name}/inputs"] = inputs
    values[f"{name}/features"] = features
    saved = saved_names(model)
    for path, parameter in model.named_parameters():
        if parameter.grad is not None:
            values[f"{name}/gradient/{saved[path]}"] = parameter.grad
    for path, buffer in model.named_buffers():
        if path.endswith(("running_mean", "running_var")):
            values[f"{name}/statistic/{path}"] = buffer


def checkpoints() -> None:
    values: dict = {}

    def load(name: str, kind=transformers.AutoModel):
        options = {}
        if name in ("vit", "bert", "roberta"):
            options = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        if name == "distilbert":
            options = {"dropout": 0.0, "attention_dropout": 0.0}
        return kind.from_pretrained(CHECKPOINTS / name, dtype=torch.float32, **options).train()

    model = load("vit")
    config = model.config
    height, width = config.image_size if isinstance(config.image_size, (list, tuple)) else [config.image_size] * 2
    inputs = pixels(3, height, width, 1)
    step(values, "vit", model, inputs, model(pixel_values=scaled(inputs)).last_hidden_state[:, 0])

    model = load("clip", transformers.CLIPModel)
    inputs = pixels(3, 10, 10, 2)
    found = model.get_image_features(pixel_values=scaled(inputs))
    step(values, "clip", model, inputs, found if isinstance(found, torch.Tensor) else found.pooler_output)

    model = load("resnet")
    inputs = pixels(4, 48, 40, 3)
    step(values, "resnet", model, inputs, model(pixel_values=scaled(inputs)).pooler_output.flatten(1))

    for name in ("bert", "distilbert", "roberta"):
        model = load(name)
        lengths, longest = [7, 3, 5], 9
        padding = 1 if name == "roberta" else 0
        rows = torch.full((3, 7), padding)
        mask = torch.zeros_like(rows)
        generator = torch.Generator().manual_seed(4)
        for index, length in enumerate(lengths):
            rows[index, :length] = torch.randint(3, 39, (length,), generator=generator)
            mask[index, :length] = 1
        stored = torch.zeros(3, longest, dtype=torch.int32)
        stored[:, :7] = (rows + 1) * mask
        features = model(input_ids=rows, attention_mask=mask).last_hidden_state[:, 0]
        step(values, name, model, stored, features)
    write("checkpoints", values)


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """As He et al. (2016) describe it, under torchvision's names."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = [64, 64, 128, 256, 512]
        for stage in range(1, 5):
            inputs, outputs, stride = widths[stage - 1], widths[stage], 1 if stage == 1 else 2
            setattr(self, f"layer{stage}", nn.Sequential(Block(inputs, outputs, stride), Block(outputs, outputs, 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return x.mean((2, 3))


class Layer(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.normalization = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.max_pool2d(torch.relu(self.normalization(self.convolution(x))), 2)


class SmallCNN(nn.Module):
    def __init__(self):
        super().__init__()
        widths = [3, 32, 64, 128, 256]
        self.layers = nn.Sequential(*[Layer(widths[i], widths[i + 1]) for i in range(4)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x).mean((2, 3))


def architectures() -> None:
    values: dict = {}
    vit = transformers.ViTModel(
        transformers.ViTConfig(hidden_size=192, intermediate_size=768, num_hidden_layers=12, num_attention_heads=3,
                               image_size=32, patch_size=8, layer_norm_eps=1e-6, hidden_dropout_prob=0.0,
                               attention_probs_dropout_prob=0.0), add_pooling_layer=False)
    models = {"small-cnn": SmallCNN(), "resnet-18": ResNet18(), "vit-tiny": vit}
    for name, model in models.items():
        # The formula goes by the names that checkpoints have.
        saved = saved_names(model)
        renamed = {saved[path]: parameter for path, parameter in model.named_parameters()}
        with torch.no_grad():
            for path, parameter in renamed.items():
                numbers = wave(parameter.numel(), 0.7, len(path)).reshape(parameter.shape)
                if parameter.dim() > 1:
                    numbers = numbers * 1.7 / parameter[0].numel() ** 0.5
                else:
                    numbers = 1 + 0.2 * numbers if path.endswith("weight") else 0.1 * numbers
                parameter.copy_(numbers)
        model.train()
        inputs = pixels(4, 32, 32, 7)
        found = model(scaled(inputs))
        features = found if isinstance(found, torch.Tensor) else found.last_hidden_state[:, 0]
        loss_of(features).backward()
        values[f"{name}/inputs"] = inputs
        values[f"{name}/features"] = features
        for path, parameter in renamed.items():
            gradient = parameter.grad.flatten().double()
            cosine = torch.cos(0.11 * torch.arange(gradient.numel(), dtype=torch.float64))
            values[f"{name}/gradient/{path}"] = torch.stack([gradient.norm(), gradient @ cosine])
        for path, buffer in model.named_buffers():
            if path.endswith(("running_mean", "running_var")):
                values[f"{name}/statistic/{path}"] = buffer
        model.eval()
        with torch.no_grad():
            found = model(scaled(inputs))
        values[f"{name}/evaluated"] = found if isinstance(found, torch.Tensor) else found.last_hidden_state[:, 0]
    write("architectures", values)


def write(name: str, values: dict) -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    tensors = {key: value.detach().clone().contiguous() for key, value in values.items()}
    path = HOME / f"{name}.safetensors"
    save_file(tensors, path)
    print(f"{path.relative_to(GOLDEN.parent.parent)}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    torch.set_num_threads(1)
    checkpoints()
    architectures()
