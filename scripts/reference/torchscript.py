"""Small modules saved as TorchScript, and what PyTorch makes of pictures and texts with them.

Each folder under Tests/Golden/torchscript holds modules beside the processor or tokenizer that they want; `expected.json`
holds the rows. Modules are saved as if for training, so that whoever forgets to say otherwise drops numbers at random.
"""

import json
import shutil
import warnings
from typing import Dict, List, Optional, Tuple

import torch
import transformers
from PIL import Image
from torch import nn
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from .common import GOLDEN, versions, write_json

HOME = GOLDEN / "torchscript"
PICTURES = ["wide", "tall", "tiny"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "red", "moon", "ball", "##s", "a"]
TEXTS = ["the red moon", "", "a ball balls the the the the the the", "unheard"]
FIXED = 6
# Samples, and the angle from one to the next.
SOUNDS = [(4000, 0.05), (1600, 0.31)]


class Pictures(nn.Module):
    """Features [B, 5]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(4, 5)

    def places(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.first(pixels)))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.last(self.drop(self.places(pixels).mean([2, 3])))


class Places(Pictures):
    """A dict of places [B, 4, H, W] and features [B, 5]."""

    def forward(self, pixels: torch.Tensor) -> Dict[str, torch.Tensor]:
        places = self.places(pixels)
        return {"last_hidden_state": places, "pooler_output": self.last(self.drop(places.mean([2, 3])))}


class Single(Pictures):
    """One place [B, 4, 1, 1], as a network without its last layer gives it, first of a list."""

    def forward(self, pixels: torch.Tensor) -> List[torch.Tensor]:
        return [self.places(pixels).mean([2, 3], keepdim=True)]


class Words(nn.Module):
    """Rows [B, L, 6] that look at their neighbours, and features [B, 4]."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(len(WORDS), 6)
        self.segments = nn.Embedding(2, 6)
        self.last = nn.Linear(6, 4)
        self.drop = nn.Dropout(0.5)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor,
                return_nothing: bool = False) -> Tuple[torch.Tensor, Optional[torch.Tensor], torch.Tensor]:
        rows = self.table(input_ids) + self.segments(token_type_ids)
        mask = attention_mask.unsqueeze(2).to(rows.dtype)
        whole = (rows * mask).sum(1) / mask.sum(1)
        rows = torch.tanh(rows + whole.unsqueeze(1))
        return rows, None, self.last(self.drop(rows[:, 0]))


class Fixed(nn.Module):
    """Features [B, 3] of texts that all have so many tokens, without a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(len(WORDS), 2)
        self.last = nn.Linear(2 * FIXED, 3)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.last(self.table(input_ids).flatten(1))


class Sounds(nn.Module):
    """Rows [B, L, 4] of sounds, and features [B, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, 4, 16, stride=8)
        self.last = nn.Linear(4, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, sounds: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        rows = torch.relu(self.first(sounds.unsqueeze(1))).transpose(1, 2)
        return rows, self.last(self.drop(rows.mean(1)))


class Both(nn.Module):
    """Logits [B, 2] of a picture and a text: a whole classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2)
        self.table = nn.Embedding(len(WORDS), 4)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(4, 2)

    def forward(self, pixels: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        mask = attention_mask.unsqueeze(2).to(pixels.dtype)
        text = (self.table(input_ids) * mask).sum(1) / mask.sum(1)
        return self.last(self.drop(torch.tanh(self.first(pixels)).mean([2, 3]) * torch.tanh(text) + text))


class Failing(nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        if pixels.shape[2] > 4:
            raise ValueError("no such picture")
        return pixels


class Pair(nn.Module):
    def forward(self, pixels: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return (pixels * scale).mean([2, 3])


class Whole(nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return (pixels > 0).sum([2, 3])


def made(kind: type[nn.Module], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    module = kind()
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if name.endswith("running_var"):
                value.copy_(0.5 + torch.rand(value.shape))
            elif value.is_floating_point():
                value.copy_(torch.randn(value.shape) * 0.7)
    return module


def saved(module: nn.Module, path) -> nn.Module:
    torch.jit.save(torch.jit.script(module.train()), path)
    return module.eval()


def pictures(home) -> dict:
    home.mkdir(parents=True)
    processor = ViTImageProcessorPil(size={"height": 10, "width": 12})
    processor.save_pretrained(home)
    images = [Image.open(GOLDEN / "encoders" / "processors" / f"{name}.png").convert("RGB") for name in PICTURES]
    pixels = processor(images, return_tensors="pt")["pixel_values"]
    plain, places = saved(made(Pictures, 1), home / "plain.pt"), saved(made(Places, 2), home / "places.pt")
    single = saved(made(Single, 3), home / "single.pt")
    # A trace knows its numbers only.
    traced = made(Pictures, 4).eval()
    torch.jit.save(torch.jit.trace(traced, pixels[:1]), home / "traced.pt")
    for kind in (Failing, Pair, Whole):
        saved(kind(), home / f"{kind.__name__.lower()}.pt")
    torch.save(plain.state_dict(), home / "pickle.pt")
    with torch.no_grad():
        given = places(pixels)
        return {
            "plain": plain(pixels), "traced": traced(pixels), "single": single(pixels)[0].flatten(1),
            "places-pooler": given["pooler_output"], "places-mean": given["last_hidden_state"].mean([2, 3]),
            "places-max": given["last_hidden_state"].amax([2, 3]),
        }


def texts(home) -> dict:
    home.mkdir(parents=True)
    (home / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 7}
    (home / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = transformers.BertTokenizer(vocab=str(home / "vocab.txt"))
    found = tokenizer(TEXTS, padding=True, truncation=True, max_length=7, return_tensors="pt")
    words = saved(made(Words, 5), home / "words.pt")
    with torch.no_grad():
        rows, _, features = words(found["input_ids"], found["attention_mask"], found["token_type_ids"])
    mask = found["attention_mask"].unsqueeze(2)
    return {
        "words-pooler": features, "words-cls": rows[:, 0], "words-mean": (rows * mask).sum(1) / mask.sum(1),
    }


def fixed(home) -> dict:
    home.mkdir(parents=True)
    tokenizer = transformers.BertTokenizer(vocab=str(HOME / "texts" / "vocab.txt")).backend_tokenizer
    tokenizer.enable_truncation(FIXED)
    tokenizer.enable_padding(length=FIXED, pad_id=0, pad_token="[PAD]")
    tokenizer.save(str(home / "tokenizer.json"))
    module = saved(made(Fixed, 6), home / "fixed.pt")
    with torch.no_grad():
        return {"fixed": module(torch.tensor([found.ids for found in tokenizer.encode_batch(TEXTS)]))}


def sounds(home) -> dict:
    home.mkdir(parents=True)
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=8000, do_normalize=True)
    extractor.save_pretrained(home)
    module = saved(made(Sounds, 7), home / "sounds.pt")
    found = {"sounds-pooler": [], "sounds-mean": [], "sounds-last": []}
    for count, step in SOUNDS:
        samples = (0.25 + 0.5 * torch.sin(step * torch.arange(count, dtype=torch.float64))).float()
        with torch.no_grad():
            rows, features = module(extractor(samples.numpy(), sampling_rate=8000, return_tensors="pt")["input_values"])
        found["sounds-pooler"].append(features[0])
        found["sounds-mean"].append(rows[0].mean(0))
        found["sounds-last"].append(rows[0, -1])
    return {name: torch.stack(rows) for name, rows in found.items()}


def both(home) -> dict:
    home.mkdir(parents=True)
    processor = ViTImageProcessorPil.from_pretrained(HOME / "pictures")
    images = [Image.open(GOLDEN / "encoders" / "processors" / f"{name}.png").convert("RGB") for name in PICTURES]
    pixels = processor(images, return_tensors="pt")["pixel_values"]
    tokenizer = transformers.BertTokenizer.from_pretrained(str(HOME / "texts"))
    found = tokenizer(TEXTS[: len(PICTURES)], padding=True, truncation=True, max_length=7, return_tensors="pt")
    module = saved(made(Both, 8), home / "both.pt")
    # The same as ONNX, for any number of samples and any length of text.
    torch.onnx.export(
        module, (pixels, found["input_ids"], found["attention_mask"]), home / "both.onnx", dynamo=False,
        input_names=["pixels", "tokens", "mask"], output_names=["logits"],
        dynamic_axes={"pixels": {0: "samples"}, "tokens": {0: "samples", 1: "length"}, "mask": {0: "samples", 1: "length"}})
    with torch.no_grad():
        return {"both": module(pixels, found["input_ids"], found["attention_mask"])}


def main() -> None:
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    shutil.rmtree(HOME, ignore_errors=True)
    rows = pictures(HOME / "pictures") | texts(HOME / "texts") | fixed(HOME / "fixed") | sounds(HOME / "sounds")
    rows |= both(HOME / "both")
    write_json(
        HOME / "expected.json",
        {"made": versions(transformers=transformers.__version__), "pictures": PICTURES, "texts": TEXTS,
         "rows": {name: value.tolist() for name, value in rows.items()}},
    )


if __name__ == "__main__":
    main()
