"""Small vision-language models of every family that Seesaw reads, and what transformers makes of them.

Weights are random and large enough that a wrong sign, order or scale shows. Each folder under Tests/Golden/language-models
is a checkpoint as `save_pretrained` writes it; `expected.safetensors` holds pictures, what the processor and the tower make
of them, a prompt, the rows of every layer, logits, what greedy and beam search go on with, and the likelihoods of labels.
"""

import shutil
import sys

import numpy
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from .common import GOLDEN, versions, write_json

HOME = GOLDEN / "language-models"
VOCABULARY, IMAGE = 40, 37

TEXT = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            head_dim=8, vocab_size=VOCABULARY, pad_token_id=0, bos_token_id=1, eos_token_id=2)
TOWER = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2, patch_size=4)


def shaken(model, seed: int):
    """The model with every parameter drawn anew, and not for training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if value.dim() == 1 and name.endswith("weight"):
                value.copy_(1 + 0.2 * noise)
            elif "embed" in name and value.dim() == 2 and "patch" not in name:
                value.copy_(0.9 * noise)
            else:
                fan = value[0].numel() if value.dim() > 1 else 4
                value.copy_(noise * (0.9 / max(fan, 1) ** 0.5))
    return model.eval()


def save(model, processor, name: str, seed: int):
    path = HOME / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    shaken(model, seed).save_pretrained(path)
    (path / "generation_config.json").unlink(missing_ok=True)
    if processor is not None:
        processor.save_pretrained(path)
    return path


def picture(width: int, height: int, seed: int) -> Image.Image:
    """Waves of all colours with some noise."""
    generator = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    waves = [127 + 100 * numpy.sin(x / (2 + c + seed % 3) + y / (3 + 2 * c) + c) for c in range(3)]
    noisy = numpy.stack(waves, 2) + generator.normal(0, 12, (height, width, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(numpy.uint8))


def words(count: int, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, 36, (count,), generator=generator).tolist()


def describe(path, model, ids: list[int], inputs: dict, extra: dict, before: int = 0, end: int = 2) -> None:
    """Runs a prompt and writes all that the tests look at.

    `before` tokens are read by another part of the model; `model` is given those after them.
    """
    row = torch.tensor([ids[before:]])

    def options(ids_: torch.Tensor) -> dict:
        more = dict(inputs)
        if "image_grid_thw" in more:
            more["mm_token_type_ids"] = (ids_ == IMAGE).int()
        return more

    found = dict(extra)
    with torch.no_grad():
        out = model(input_ids=row, attention_mask=torch.ones_like(row), output_hidden_states=True, **options(row))
        for index, state in enumerate(out.hidden_states):
            found[f"hidden.{index}"] = state[0]
        found["ids"], found["logits"] = torch.tensor(ids), out.logits[0]
        for name, more in (("greedy", {}), ("beam", {"num_beams": 3})):
            written = model.generate(
                input_ids=row, attention_mask=torch.ones_like(row), max_new_tokens=8, do_sample=False, eos_token_id=end,
                pad_token_id=0, **more, **options(row))
            found[name] = written[0, row.shape[1]:]
        labels = [[5], [6, 7], [8, 9, 10]]
        for index, label in enumerate(labels):
            whole = torch.tensor([ids[before:] + label])
            logits = model(input_ids=whole, attention_mask=torch.ones_like(whole), **options(whole)).logits[0].double()
            odds = logits.log_softmax(-1)
            places = range(row.shape[1] - 1, row.shape[1] + len(label) - 1)
            found[f"label.{index}"] = torch.tensor(label)
            found[f"sum.{index}"] = sum(odds[p, t] for p, t in zip(places, label)).reshape(1)
    tensors = {name: value.detach().clone().contiguous() for name, value in found.items()}
    save_file(tensors, path / "expected.safetensors")


def pixels(pictures: list) -> dict:
    return {f"picture.{i}": torch.from_numpy(numpy.array(image)) for i, image in enumerate(pictures)}


def llama() -> None:
    config = transformers.LlamaConfig(
        **TEXT, tie_word_embeddings=True, rms_norm_eps=1e-5, max_position_embeddings=64,
        rope_parameters={"rope_type": "llama3", "rope_theta": 100.0, "factor": 4.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 32})
    model = transformers.LlamaForCausalLM(config)
    path = save(model, None, "llama", 1)
    describe(path, model, words(12, 1), {}, {})


def llava(name: str, tower, text, processor, seed: int, **options) -> None:
    config = transformers.LlavaConfig(vision_config=tower, text_config=text, image_token_index=IMAGE, **options)
    model = transformers.LlavaForConditionalGeneration(config)
    path = save(model, processor, name, seed)
    pictures = [picture(13, 9, seed), picture(8, 20, seed + 1)]
    made = processor(pictures, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        rows = model.model.get_image_features(pixel_values=made).pooler_output
    extra = pixels(pictures)
    ids = words(3, seed)
    for index in range(2):
        extra[f"pixels.{index}"], extra[f"rows.{index}"] = made[index:index + 1], rows[index]
        ids += [IMAGE] * rows[index].shape[0] + words(2 + index, seed + 1 + index)
    describe(path, model, ids, {"pixel_values": made}, extra)


def llavas() -> None:
    clip = transformers.CLIPVisionConfig(**TOWER, image_size=8)
    size = dict(size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8})
    llava("llava-clip", clip, transformers.LlamaConfig(**TEXT), CLIPImageProcessorPil(**size), 10)
    siglip = transformers.SiglipVisionConfig(**TOWER, image_size=8, vision_use_head=False)
    qwen = transformers.Qwen2Config(
        **{k: v for k, v in TEXT.items() if k != "head_dim"} | {"hidden_size": 32}, tie_word_embeddings=True)
    processor = SiglipImageProcessorPil(size={"height": 8, "width": 8})
    llava("llava-siglip", siglip, qwen, processor, 20, vision_feature_layer=-1, vision_feature_select_strategy="full",
          tie_word_embeddings=True)


def tiled(name: str, seed: int) -> None:
    kind = {"idefics3": ("Idefics3", {}), "smolvlm": ("SmolVLM", {})}[name][0]
    vision = dict(TOWER, image_size=16)
    text = transformers.LlamaConfig(**TEXT, rms_norm_eps=1e-5)
    config = getattr(transformers, f"{kind}Config")(
        vision_config=vision, text_config=text, image_token_id=IMAGE, scale_factor=2)
    model = getattr(transformers, f"{kind}ForConditionalGeneration")(config)
    processor = Idefics3ImageProcessorPil(size={"longest_edge": 32}, max_image_size={"longest_edge": 16})
    path = save(model, processor, name, seed)
    pictures = [picture(40, 18, seed), picture(9, 9, seed + 1)]
    extra, ids, tiles = pixels(pictures), words(2, seed), []
    for index, image in enumerate(pictures):
        made = processor([image], return_tensors="pt", return_row_col_info=True)
        values = made["pixel_values"][0]
        with torch.no_grad():
            rows = model.model.get_image_features(pixel_values=made["pixel_values"]).pooler_output
        rows = torch.cat([part.reshape(-1, part.shape[-1]) for part in rows])
        extra[f"pixels.{index}"], extra[f"rows.{index}"] = values, rows
        extra[f"grid.{index}"] = torch.tensor([made["rows"][0][0], made["cols"][0][0]])
        tiles.append(values)
    # One prompt with the picture that was cut; another picture would be filled up with tiles of zeros.
    ids += [IMAGE] * extra["rows.0"].shape[0] + words(4, seed + 2)
    describe(path, model, ids, {"pixel_values": tiles[0][None]}, extra)


def qwen(name: str, seed: int) -> None:
    newer = name == "qwen2_5_vl"
    tower = dict(depth=2, num_heads=2, patch_size=2, spatial_merge_size=2, temporal_patch_size=2, in_channels=3)
    if newer:
        tower |= dict(hidden_size=16, intermediate_size=24, out_hidden_size=24, window_size=8, fullatt_block_indexes=[1])
    else:
        tower |= dict(embed_dim=16, hidden_size=24, mlp_ratio=2)
    text = {k: v for k, v in TEXT.items() if k != "head_dim"} | dict(
        num_attention_heads=3, num_key_value_heads=1,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]})
    kind = "Qwen2_5_VL" if newer else "Qwen2VL"
    config = getattr(transformers, f"{kind}Config")(
        vision_config=tower, text_config=text, image_token_id=IMAGE, video_token_id=38, vision_start_token_id=36,
        vision_end_token_id=39)
    model = getattr(transformers, f"{kind}ForConditionalGeneration")(config)
    processor = Qwen2VLImageProcessorPil(
        patch_size=2, temporal_patch_size=2, merge_size=2, size={"shortest_edge": 64, "longest_edge": 400})
    path = save(model, processor, name, seed)
    pictures = [picture(18, 26, seed), picture(7, 5, seed + 1)]
    extra, ids, made = pixels(pictures), words(2, seed), []
    for index, image in enumerate(pictures):
        values = processor([image], return_tensors="pt")
        made.append(values)
        with torch.no_grad():
            rows = model.model.get_image_features(
                pixel_values=values["pixel_values"], image_grid_thw=values["image_grid_thw"]).pooler_output[0]
        extra[f"pixels.{index}"], extra[f"rows.{index}"] = values["pixel_values"], rows
        extra[f"grid.{index}"] = values["image_grid_thw"][0, 1:]
        ids += [36] + [IMAGE] * rows.shape[0] + [39] + words(2 + index, seed + 1 + index)
    grids = torch.cat([values["image_grid_thw"] for values in made])
    row = torch.tensor([ids])
    positions, _ = model.model.get_rope_index(row, (row == IMAGE).int(), image_grid_thw=grids)
    extra["positions"] = positions[:, 0]
    describe(path, model, ids, {
        "pixel_values": torch.cat([values["pixel_values"] for values in made]), "image_grid_thw": grids}, extra)


def llava_next() -> None:
    points = [[8, 16], [16, 8], [16, 16], [24, 8], [8, 24]]
    config = transformers.LlavaNextConfig(
        vision_config=transformers.CLIPVisionConfig(**TOWER | {"patch_size": 2}, image_size=8),
        text_config=transformers.LlamaConfig(**TEXT), image_token_index=IMAGE, image_grid_pinpoints=points)
    model = transformers.LlavaNextForConditionalGeneration(config)
    processor = LlavaNextImageProcessorPil(
        size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8}, image_grid_pinpoints=points)
    path = save(model, processor, "llava_next", 70)
    pictures = [picture(14, 10, 70), picture(10, 30, 71), picture(8, 8, 72)]
    extra, ids = pixels(pictures), words(2, 70)
    for index, image in enumerate(pictures):
        made = processor([image], return_tensors="pt")
        with torch.no_grad():
            rows = model.model.get_image_features(
                pixel_values=made["pixel_values"], image_sizes=made["image_sizes"]).pooler_output[0]
        extra[f"pixels.{index}"], extra[f"rows.{index}"] = made["pixel_values"][0], rows
        if index < 2:
            ids += [IMAGE] * rows.shape[0] + words(2 + index, 71 + index)
    made = processor(pictures[:2], return_tensors="pt")
    describe(path, model, ids, {"pixel_values": made["pixel_values"], "image_sizes": made["image_sizes"]}, extra)


class Decoder:
    """BLIP's text decoder with the memory that it looks at."""

    def __init__(self, decoder, memory):
        self.decoder, self.memory = decoder, memory

    def __call__(self, **inputs):
        return self.decoder(encoder_hidden_states=self.memory, **inputs)

    def generate(self, num_beams: int = 1, **inputs):
        mask = torch.ones(self.memory.shape[:2], dtype=torch.long)
        return self.decoder.generate(
            num_beams=num_beams, encoder_hidden_states=self.memory, encoder_attention_mask=mask, **inputs)


def blip(name: str, seed: int) -> None:
    asks = name == "blip-vqa"
    text = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3, vocab_size=VOCABULARY,
                max_position_embeddings=32, encoder_hidden_size=16, bos_token_id=36, sep_token_id=35, pad_token_id=0,
                eos_token_id=2, hidden_act="gelu")
    vision = dict(TOWER, image_size=8)
    if asks:
        # transformers lets the decoder's memory be as wide as the tower, so that both are.
        vision |= dict(hidden_size=24, num_attention_heads=3)
        text |= dict(encoder_hidden_size=24)
    config = transformers.BlipConfig(vision_config=vision, text_config=text)
    kind = transformers.BlipForQuestionAnswering if asks else transformers.BlipForConditionalGeneration
    model = kind(config)
    processor = BlipImageProcessorPil(size={"height": 8, "width": 8})
    path = save(model, processor, name, seed)
    image = picture(13, 9, seed)
    made = processor([image], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        rows = model.vision_model(pixel_values=made).last_hidden_state
        extra = pixels([image]) | {"pixels.0": made, "rows.0": rows[0]}
        question = words(5, seed) if asks else []
        if asks:
            row = torch.tensor([question])
            rows = model.text_encoder(
                input_ids=row, attention_mask=torch.ones_like(row), encoder_hidden_states=rows)[0]
            extra["question"] = rows[0]
    ids = question + [36] + words(3, seed + 1)
    describe(path, Decoder(model.text_decoder, rows), ids, {}, extra, before=len(question), end=35)


FAMILIES = {
    "llama": llama,
    "llava": llavas,
    "idefics3": lambda: tiled("idefics3", 30),
    "smolvlm": lambda: tiled("smolvlm", 40),
    "qwen2_vl": lambda: qwen("qwen2_vl", 50),
    "qwen2_5_vl": lambda: qwen("qwen2_5_vl", 60),
    "llava_next": llava_next,
    "blip-caption": lambda: blip("blip-caption", 80),
    "blip-vqa": lambda: blip("blip-vqa", 90),
}


def main() -> None:
    torch.set_num_threads(1)
    for name in sys.argv[1:] or FAMILIES:
        FAMILIES[name]()
    write_json(HOME / "versions.json", {
        "madeBy": "scripts/reference/mllm.py", "versions": versions(transformers=transformers.__version__)})


if __name__ == "__main__":
    main()
