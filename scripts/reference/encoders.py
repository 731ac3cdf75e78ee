"""Small checkpoints of every architecture that Seesaw reads, and what transformers makes of them.

Weights are random and large enough that a wrong sign, order or scale shows. Each folder under Tests/Golden/encoders is
a checkpoint as `save_pretrained` writes it, and `expected.safetensors` holds inputs, the rows of every layer, and the
poolings.
"""

import json
import shutil

import numpy
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from .common import GOLDEN, versions, write_json

HOME = GOLDEN / "encoders"
LENGTHS = [7, 3, 5]

BERT = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24, vocab_size=40,
            max_position_embeddings=12)
TOWER = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)


def shaken(model, seed: int):
    """The model with every parameter and statistic drawn anew, and not for training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not value.is_floating_point() or value.numel() == 1:
                continue
            noise = torch.randn(value.shape, generator=generator)
            if name.endswith("running_var"):
                value.copy_(0.5 + noise.abs())
            elif value.dim() == 1 and name.endswith("weight"):
                value.copy_(1 + 0.2 * noise)
            else:
                fan = value[0].numel() if value.dim() > 1 else 4
                value.copy_(noise * (1.2 / max(fan, 1) ** 0.5))
    return model.eval()


def folder(name: str):
    path = HOME / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def save(model, name: str, seed: int, **options):
    path = folder(name)
    shaken(model, seed).save_pretrained(path, **options)
    (path / "generation_config.json").unlink(missing_ok=True)
    return path


def write(path, values: dict) -> None:
    tensors = {name: value.detach().clone().contiguous() for name, value in values.items()}
    save_file(tensors, path / "expected.safetensors")


def hidden(outputs) -> dict:
    """What goes into the first layer, and what each but the last gives; the last one's rows are `rows`."""
    return {f"hidden.{index}": state for index, state in enumerate(outputs.hidden_states[:-1])}


def tokens(vocabulary: int, padding: int, seed: int, end: int | None = None):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.full((len(LENGTHS), max(LENGTHS)), padding)
    mask = torch.zeros_like(rows)
    for index, length in enumerate(LENGTHS):
        rows[index, :length] = torch.randint(3, vocabulary - 1, (length,), generator=generator)
        if end is not None:
            rows[index, length - 1] = end
        mask[index, :length] = 1
    return rows, mask


def text(path, base, rows, mask, projected=None) -> None:
    with torch.no_grad():
        outputs = base(input_ids=rows, attention_mask=mask, output_hidden_states=True)
    values = {"tokens": rows, "lengths": mask.sum(1), **hidden(outputs), "rows": outputs.last_hidden_state}
    if getattr(outputs, "pooler_output", None) is not None:
        values["pooler"] = outputs.pooler_output
    if projected is not None:
        values["projected"] = projected
    write(path, values)


def image(path, base, size, projected=None, seed=5, **options) -> None:
    pixels = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        outputs = base(pixel_values=pixels, output_hidden_states=True, **options)
    values = {"pixels": pixels, **hidden(outputs), "rows": outputs.last_hidden_state}
    if getattr(outputs, "pooler_output", None) is not None:
        values["pooler"] = outputs.pooler_output.flatten(1)
    if projected is not None:
        with torch.no_grad():
            values["projected"] = projected(pixels)
    write(path, values)


def features(found):
    """The tensor of what newer versions wrap."""
    return found if isinstance(found, torch.Tensor) else found.pooler_output


def berts() -> None:
    rows, mask = tokens(40, 0, 1)
    model = transformers.BertModel(transformers.BertConfig(**BERT))
    text(save(model, "bert", 1), model, rows, mask)

    model = transformers.BertForMaskedLM(
        transformers.BertConfig(**BERT | dict(num_attention_heads=2, hidden_act="gelu_new", layer_norm_eps=1e-3)))
    text(save(model, "bert-prefixed-sharded", 2, max_shard_size="8KB"), model.bert, rows, mask)

    model = transformers.BertModel(
        transformers.BertConfig(**BERT | dict(hidden_act="relu", type_vocab_size=3, num_hidden_layers=3)))
    path = save(model, "bert-half", 3)
    halved = {name: value.half() for name, value in load_file(path / "model.safetensors").items()}
    save_file(halved, path / "model.safetensors", metadata={"format": "pt"})
    text(path, transformers.BertModel.from_pretrained(path, dtype=torch.float32).eval(), rows, mask)

    small = dict(dim=16, n_layers=2, n_heads=4, hidden_dim=24, vocab_size=40, max_position_embeddings=12)
    model = transformers.DistilBertModel(transformers.DistilBertConfig(**small))
    text(save(model, "distilbert", 4), model, rows, mask)
    model = transformers.DistilBertForSequenceClassification(
        transformers.DistilBertConfig(**small | dict(activation="relu", n_heads=2, sinusoidal_pos_embds=True)))
    text(save(model, "distilbert-prefixed", 5), model.distilbert, rows, mask)

    rows, mask = tokens(40, 1, 2)
    model = transformers.RobertaModel(transformers.RobertaConfig(**BERT, pad_token_id=1))
    text(save(model, "roberta", 6), model, rows, mask)
    rows, mask = tokens(40, 2, 3)
    # A padding token within a text keeps its place out of the count.
    rows[0, 3] = 2
    model = transformers.RobertaForMaskedLM(
        transformers.RobertaConfig(**BERT | dict(num_attention_heads=1, layer_norm_eps=1e-5, type_vocab_size=1),
                                   pad_token_id=2))
    text(save(model, "roberta-prefixed", 7), model.roberta, rows, mask)
    rows, mask = tokens(40, 1, 8)
    model = transformers.XLMRobertaModel(transformers.XLMRobertaConfig(**BERT, pad_token_id=1))
    text(save(model, "xlm-roberta", 26), model, rows, mask)


def clips() -> None:
    words = dict(vocab_size=40, max_position_embeddings=9, bos_token_id=0)
    sight = dict(image_size=10, patch_size=4)
    # The checkpoints that OpenAI published say 2 where 49407 is meant: the largest token ends a text.
    rows, mask = tokens(40, 1, 4, end=39)
    model = transformers.CLIPModel(transformers.CLIPConfig(
        text_config=TOWER | words | dict(eos_token_id=2), vision_config=TOWER | sight, projection_dim=6))
    path = save(model, "clip", 8)
    (path / "expected.safetensors").unlink(missing_ok=True)
    with torch.no_grad():
        said = features(model.get_text_features(input_ids=rows, attention_mask=mask))
    text(path, model.text_model, rows, mask, said)
    (path / "expected.safetensors").rename(path / "expected-text.safetensors")
    image(path, model.vision_model, (10, 10), lambda pixels: features(model.get_image_features(pixel_values=pixels)))

    rows, mask = tokens(40, 1, 5, end=17)
    rows[0, 2] = 17
    model = transformers.CLIPTextModelWithProjection(transformers.CLIPTextConfig(
        **TOWER | words | dict(eos_token_id=17, hidden_act="gelu", layer_norm_eps=1e-3, projection_dim=5)))
    path = save(model, "clip-text-projected", 9)
    with torch.no_grad():
        outputs = model(input_ids=rows, attention_mask=mask)
    base = getattr(model, "text_model", model)
    text(path, base, rows, mask, outputs.text_embeds)

    model = transformers.CLIPVisionModel(transformers.CLIPVisionConfig(
        **TOWER | dict(num_attention_heads=4, image_size=12, patch_size=3)))
    image(save(model, "clip-vision", 10), model, (12, 12))


def blips() -> None:
    rows, mask = tokens(40, 0, 6)
    words = dict(vocab_size=40, max_position_embeddings=12, encoder_hidden_size=16, bos_token_id=1, sep_token_id=2)
    config = transformers.BlipConfig(
        text_config=TOWER | words, vision_config=TOWER | dict(image_size=8, patch_size=4), projection_dim=6,
        image_text_hidden_size=5)
    model = transformers.BlipModel(config)
    path = save(model, "blip", 11)
    with torch.no_grad():
        said = features(model.get_text_features(input_ids=rows, attention_mask=mask))
    text(path, model.text_model, rows, mask, said)
    (path / "expected.safetensors").rename(path / "expected-text.safetensors")
    image(path, model.vision_model, (8, 8), lambda pixels: features(model.get_image_features(pixel_values=pixels)))

    model = transformers.BlipForImageTextRetrieval(config)
    path = save(model, "blip-retrieval", 12)
    with torch.no_grad():
        said = model.text_proj(model.text_encoder(input_ids=rows, attention_mask=mask).last_hidden_state[:, 0])
    text(path, model.text_encoder, rows, mask, said)
    (path / "expected.safetensors").rename(path / "expected-text.safetensors")
    image(path, model.vision_model, (8, 8),
          lambda pixels: model.vision_proj(model.vision_model(pixel_values=pixels).last_hidden_state[:, 0]))


def vits() -> None:
    model = transformers.ViTModel(transformers.ViTConfig(**TOWER, image_size=10, patch_size=4))
    image(save(model, "vit", 13), model, (10, 10))
    model = transformers.ViTForImageClassification(transformers.ViTConfig(
        **TOWER | dict(num_attention_heads=4, hidden_act="quick_gelu", layer_norm_eps=1e-3, qkv_bias=False),
        image_size=[12, 10], patch_size=[4, 2]))
    image(save(model, "vit-prefixed", 14), model.vit, (12, 10))
    model = transformers.ViTModel(transformers.ViTConfig(
        **TOWER, image_size=12, patch_size=4, pooler_output_size=7, pooler_act="relu"))
    image(save(model, "vit-stretched", 15), model, (16, 24), interpolate_pos_encoding=True)


def siglips() -> None:
    model = transformers.SiglipModel(transformers.SiglipConfig(
        text_config=TOWER | dict(vocab_size=40, max_position_embeddings=8, bos_token_id=1, eos_token_id=2),
        vision_config=TOWER | dict(image_size=8, patch_size=4)))
    path = save(model, "siglip", 16)
    # Padding is read like any other token, and every text has the same length.
    rows = torch.randint(3, 39, (3, 8), generator=torch.Generator().manual_seed(9))
    rows[1, 4:] = 1
    text(path, model.text_model, rows, torch.ones_like(rows))
    (path / "expected.safetensors").rename(path / "expected-text.safetensors")
    image(path, model.vision_model, (8, 8))


def resnets() -> None:
    small = dict(embedding_size=4, hidden_sizes=[8, 16], depths=[1, 2])
    model = transformers.ResNetModel(transformers.ResNetConfig(**small, downsample_in_first_stage=True))
    image(save(model, "resnet", 17), model, (35, 40))
    model = transformers.ResNetForImageClassification(transformers.ResNetConfig(
        **small | dict(hidden_sizes=[4, 12], layer_type="basic", hidden_act="silu")))
    image(save(model, "resnet-prefixed", 18), model.resnet, (32, 32))

    model = transformers.ResNetModel(transformers.ResNetConfig(**small, downsample_in_bottleneck=False))
    path = save(model, "resnet-torchvision", 19)
    image(path, model, (33, 47))
    renamed = {}
    for name, value in load_file(path / "model.safetensors").items():
        name = name.replace("embedder.embedder.convolution", "conv1").replace("embedder.embedder.normalization", "bn1")
        parts = name.split(".")
        if parts[0] == "encoder":
            block = f"layer{int(parts[2]) + 1}.{parts[4]}"
            place, kind, last = parts[-3:] if parts[5] == "layer" else ("", parts[6], parts[7])
            if parts[5] == "layer":
                name = f"{block}.{'conv' if kind == 'convolution' else 'bn'}{int(place) + 1}.{last}"
            else:
                name = f"{block}.downsample.{0 if kind == 'convolution' else 1}.{last}"
        renamed[name] = value
    renamed["fc.weight"], renamed["fc.bias"] = torch.zeros(2, 16), torch.zeros(2)
    save_file(renamed, path / "model.safetensors")
    (path / "config.json").unlink()


VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "ball", "and", "the", "moon", "##light", "##s",
              "over", "sea", "!", ","]
TEXTS = ["A red ball", "the moonlight over the sea, and the moons!", "", "zebra", "red red red red red red red red red"]


def sentences() -> None:
    """A checkpoint of sentence-transformers: two poolings side by side, a dense layer, unit length."""
    model = transformers.BertModel(transformers.BertConfig(**BERT | dict(vocab_size=len(VOCABULARY))))
    path = save(model, "sentence", 20)
    (path / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    (path / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 12}))
    (path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 8, "do_lower_case": False}))
    kinds = ["Transformer", "Pooling", "Dense", "Normalize"]
    (path / "modules.json").write_text(json.dumps([
        {"idx": index, "name": str(index), "path": "" if index == 0 else f"{index}_{kind}",
         "type": f"sentence_transformers.models.{kind}"} for index, kind in enumerate(kinds)]))
    (path / "1_Pooling").mkdir()
    (path / "1_Pooling" / "config.json").write_text(json.dumps(
        {"word_embedding_dimension": 16, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True,
         "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False}))
    dense = shaken(torch.nn.Linear(32, 10), 21)
    (path / "2_Dense").mkdir()
    (path / "2_Dense" / "config.json").write_text(json.dumps(
        {"in_features": 32, "out_features": 10, "bias": True,
         "activation_function": "torch.nn.modules.activation.Tanh"}))
    save_file({"linear.weight": dense.weight.detach(), "linear.bias": dense.bias.detach()},
              path / "2_Dense" / "model.safetensors")
    tokenizer = transformers.BertTokenizer.from_pretrained(path)
    values = {}
    with torch.no_grad():
        for index, sentence in enumerate(TEXTS):
            found = tokenizer(sentence, truncation=True, max_length=8, return_tensors="pt")
            rows = model(**found).last_hidden_state
            values[f"mean.{index}"] = rows.mean(1)[0]
            pooled = torch.cat([rows[:, 0], rows.mean(1)], 1)
            values[f"sentence.{index}"] = torch.nn.functional.normalize(torch.tanh(dense(pooled)))[0]
    write(path, values)
    write_json(path / "texts.json", {"texts": TEXTS})


def pictures() -> dict:
    """Gradients with noise, in sizes that divide by nothing."""
    generator = numpy.random.default_rng(1)
    made = {}
    for name, (height, width) in {"wide": (23, 41), "tall": (50, 19), "tiny": (5, 7), "large": (67, 90)}.items():
        y, x = numpy.mgrid[0:height, 0:width]
        planes = numpy.stack([x * 255 / width, y * 255 / height, (x + y) * 255 / (height + width)], -1)
        noise = generator.integers(-60, 60, planes.shape)
        sharp = ((x // 3 + y // 5) % 2 * 120)[..., None]
        made[name] = Image.fromarray(numpy.clip(planes + noise + sharp - 60, 0, 255).astype(numpy.uint8))
    alpha = numpy.array(made["wide"].convert("RGBA"))
    alpha[..., 3] = generator.integers(0, 256, alpha.shape[:2])
    made["alpha"] = Image.fromarray(alpha)
    made["gray"] = made["tall"].convert("L")
    return made


PROCESSORS = {
    "vit": (ViTImageProcessorPil, dict(size=dict(height=14, width=18))),
    "vit-square": (ViTImageProcessorPil, dict(size=dict(height=12, width=12), image_mean=[0.1, 0.2, 0.3],
                                              image_std=[0.4, 0.5, 0.6], resample=3)),
    "vit-lanczos": (ViTImageProcessorPil, dict(size=dict(height=9, width=31), resample=1)),
    "vit-nearest": (ViTImageProcessorPil, dict(size=dict(height=9, width=31), resample=0)),
    "vit-box": (ViTImageProcessorPil, dict(size=dict(height=11, width=31), resample=4)),
    "vit-hamming": (ViTImageProcessorPil, dict(size=dict(height=11, width=13), resample=5, do_normalize=False)),
    "vit-plain": (ViTImageProcessorPil, dict(size=dict(height=8, width=8), do_rescale=False, do_normalize=False)),
    "clip": (CLIPImageProcessorPil, dict(size=dict(shortest_edge=16), crop_size=dict(height=16, width=16))),
    "clip-odd": (CLIPImageProcessorPil, dict(size=dict(shortest_edge=13), crop_size=dict(height=10, width=11))),
    "clip-margin": (CLIPImageProcessorPil, dict(size=dict(shortest_edge=8), crop_size=dict(height=15, width=16))),
    "convnext": (ConvNextImageProcessorPil, dict(size=dict(shortest_edge=14), crop_pct=0.875)),
    "convnext-old": (ConvNextImageProcessorPil, dict(size=dict(shortest_edge=15), crop_pct=0.9, resample=2)),
    "deit": (DeiTImageProcessorPil, dict(size=dict(height=20, width=20), crop_size=dict(height=16, width=16))),
    "siglip": (SiglipImageProcessorPil, dict(size=dict(height=15, width=15))),
    "blip": (BlipImageProcessorPil, dict(size=dict(height=15, width=12))),
}


def processors() -> None:
    path = folder("processors")
    made = pictures()
    for name, picture in made.items():
        picture.save(path / f"{name}.png")
    white = Image.new("RGBA", made["alpha"].size, (255, 255, 255, 255))
    made["alpha"] = Image.alpha_composite(white, made["alpha"]).convert("RGB")
    made["gray"] = made["gray"].convert("RGB")
    values = {}
    for name, (kind, options) in PROCESSORS.items():
        processor = kind(**options)
        settings = options | {"image_processor_type": kind.__name__.removesuffix("Pil")}
        (path / f"{name}.json").write_text(json.dumps(settings))
        for picture, data in made.items():
            found = processor(images=data, return_tensors="pt")["pixel_values"][0]
            values[f"{name}.{picture}"] = found.float()
    write(path, values)


def main() -> None:
    torch.set_num_threads(1)
    HOME.mkdir(parents=True, exist_ok=True)
    berts()
    clips()
    blips()
    vits()
    siglips()
    resnets()
    sentences()
    processors()
    write_json(HOME / "versions.json", versions(transformers=transformers.__version__))


if __name__ == "__main__":
    main()
