"""Adapters of `seesaw mllm train` in PEFT, and PEFT's in the command: `adapter-test.py SEESAW`.

Small random models of Tests/Golden get a tokenizer of letters and a few pictures with texts. Every comparison is of the
logits, or of log p of what is written, in float32.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

import peft
import PIL.Image
import tokenizers
import torch
import transformers

SEESAW = str(pathlib.Path(sys.argv[1]).resolve())
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "Tests/Golden/language-models"
KINDS = {"llama": transformers.LlamaForCausalLM, "llava-clip": transformers.LlavaForConditionalGeneration}
TOLERANCE = 1e-4


def run(*words, folder):
    done = subprocess.run([SEESAW, *map(str, words)], cwd=folder, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"adapter-test: seesaw {' '.join(map(str, words))}\n{done.stderr}")
    return done.stdout


def check(name, difference, limit=TOLERANCE):
    if not difference < limit:
        sys.exit(f"adapter-test: {name}: {difference:.2e}, the limit is {limit:.0e}")
    print(f"adapter-test: {name}: {difference:.1e}")


def tokenizer():
    letters = ["<unk>", "<s>", "</s>", *"abcdefghijklmnopqrstuvwxyz \n:?,."]
    vocabulary = {word: number for number, word in enumerate(letters)} | {"<image>": 37}
    special = [
        {"content": word, "id": vocabulary[word], "special": True, "normalized": False, "single_word": False,
         "lstrip": False, "rstrip": False} for word in ("<unk>", "<s>", "</s>", "<image>")]
    return {
        "version": "1.0", "truncation": None, "padding": None, "pre_tokenizer": None, "added_tokens": special,
        "normalizer": {"type": "Lowercase"}, "decoder": {"type": "Fuse"},
        "post_processor": {
            "type": "TemplateProcessing", "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}]},
        "model": {"type": "BPE", "unk_token": "<unk>", "merges": [], "vocab": vocabulary, "dropout": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False},
    }


def base(folder, name):
    path = folder / name
    shutil.copytree(GOLDEN / name, path)
    (path / "tokenizer.json").write_text(json.dumps(tokenizer()))
    return path


def samples(folder):
    data = folder / "data"
    data.mkdir()
    lines = ["id,image,text,label,split"]
    for number in range(16):
        red, blue = (20 * number) % 256, (250, 5)[number % 2]
        PIL.Image.new("RGB", (8, 8), (red, 3 * number, blue)).save(data / f"{number}.png")
        label, split = ("cat", "dog")[number % 2], "validation" if number < 4 else "train"
        lines.append(f"s{number},{number}.png,a {label} sat,{label},{split}")
    (data / "samples.csv").write_text("\n".join(lines) + "\n")
    return data


def loaded(kind, path, adapter=None):
    model = kind.from_pretrained(path, dtype=torch.float32)
    if adapter is not None:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            model = peft.PeftModel.from_pretrained(model, adapter)
        words = [str(w.message) for w in said if "key" in str(w.message) or "adapter" in str(w.message).lower()]
        if words:
            sys.exit(f"adapter-test: PEFT warns of {path.name}: {words}")
    return model.eval()


def written(model, path, adapter, prompt, folder):
    """log p of the tokens that the command writes, as the command and as transformers find it."""
    answer = json.loads(run(
        "mllm", "generate", path, "--adapter", adapter, "--template", "plain", "--text", prompt, "--tokens", 6, "--json",
        folder=folder))
    ids = tokenizers.Tokenizer.from_file(str(path / "tokenizer.json")).encode(answer["prompt"]).ids
    whole = torch.tensor([ids + answer["tokens"]])
    with torch.no_grad():
        odds = model(input_ids=whole, attention_mask=torch.ones_like(whole)).logits[0].double().log_softmax(-1)
    best = odds[len(ids) - 1:-1]
    taken = best.gather(1, torch.tensor(answer["tokens"])[:, None])[:, 0]
    if best.argmax(-1).tolist() != answer["tokens"]:
        sys.exit(f"adapter-test: {path.name}: the command writes {answer['tokens']}, PEFT's model other tokens")
    return answer["logProbability"], float(taken.sum())


def inputs(name, seed):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 30, (2, 9), generator=generator)
    more = {}
    if name == "llava-clip":
        config = json.loads((GOLDEN / name / "config.json").read_text())
        ids[:, 2:6] = config.get("image_token_index", config.get("image_token_id"))
        more["pixel_values"] = torch.randn((2, 3, 8, 8), generator=generator)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), **more}


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data = samples(folder)
        for name, kind in KINDS.items():
            path = base(folder, name)
            # PEFT's own, of two of the seven maps.
            torch.manual_seed(1)
            config = peft.LoraConfig(
                r=3, lora_alpha=6, init_lora_weights=False,
                target_modules=r".*(model|language_model)\.layers\.\d+\.self_attn\.[qv]_proj")
            own = peft.get_peft_model(loaded(kind, path), config).eval()
            own.save_pretrained(folder / f"{name}-peft")
            ours, theirs = written(own, path, folder / f"{name}-peft", "what is it", folder)
            check(f"{name}: the command reads PEFT's adapter, log p", abs(ours - theirs))

            # The command's own.
            adapter = folder / f"{name}-seesaw"
            run("mllm", "train", path, data, "--out", adapter, "--template", "plain", "--epochs", 2, "--batch-size", 4,
                "--learning-rate", 0.02, "--rank", 3, "--alpha", 6, folder=folder)
            model = loaded(kind, path, adapter)
            ours, theirs = written(model, path, adapter, "what is it", folder)
            check(f"{name}: PEFT reads the command's adapter, log p", abs(ours - theirs))
            run("mllm", "merge", path, adapter, "--out", folder / f"{name}-merged", folder=folder)
            merged, plain = loaded(kind, folder / f"{name}-merged"), loaded(kind, path)
            with torch.no_grad():
                given = inputs(name, 3)
                found = model(**given).logits
                check(f"{name}: PEFT's logits and the merged folder's", float((found - merged(**given).logits).abs().max()))
                if float((found - plain(**given).logits).abs().max()) < 0.01:
                    sys.exit(f"adapter-test: {name}: the adapter changes nothing")

            # What PEFT cannot express, it refuses.
            run("mllm", "train", path, data, "--out", folder / f"{name}-moka", "--template", "plain", "--epochs", 1,
                "--adapter", "moka", folder=folder)
            try:
                peft.PeftModel.from_pretrained(kind.from_pretrained(path), folder / f"{name}-moka")
            except (KeyError, ValueError) as error:
                print(f"adapter-test: {name}: PEFT refuses MokA: {type(error).__name__}")
            else:
                sys.exit(f"adapter-test: {name}: PEFT loads MokA as something else")
    print("adapter-test: all well")


main()
