"""Tokens and texts of small tokenizers as language models have them: Tests/Golden/tokenizers/language.json."""

import json

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from .common import GOLDEN, versions, write_json
from .subwords import FOLDER, SENTENCES, fingerprint

QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
# What the corpus, whose lines have no ends inside, lacks.
TEXTS = [
    "two\nlines", "a\n\n\nb", "dos\r\nlines\r\n", "\n leading", "trailing \n", "  \n  x", "x  \n\t\n  y", "!!\n\nafter", "a !\r\n",
    "I'LL they'Ve IT'S don'T 'ſ'ſa 'K", "'", "''s", "x'", "1234567 12 1 ¾½⅓ Ⅷ①", "\u3000wide\u3000\n\u2028x", "tab\tand  two   spaces",
    "#hash (paren) [x] $5 \u00a0nbsp", "e\u0301 \u0301a n\u0303", "USER: <image>\nWhat is it? ASSISTANT:", "<s>text</s> <unk>",
    "<image><image> a<image>b", "<0x41> <0xE2> <0xZZ>", "▁ ▁▁a", "a▁b ", "   ", " a", "", "\n", "👍🏽\n👨‍👩‍👧",
    "[INST] Hi [/INST]", "<|im_start|>user\nname<|im_end|>\n<|im_start|>assistant\n", "quick quicker unquick",
]


def bytes_first(lines: list[str], special: list[str]) -> tuple[dict, list[tuple[str, str]]]:
    """Pieces as Llama 2 has them: special tokens, bytes, then letters and joins; a third of the letters is not there."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=1400, show_progress=False))
    saved = json.loads(trained.to_str())["model"]
    # All of ASCII, and of the others every third is not there.
    others = sorted({c for line in SENTENCES + lines[::5] for c in line if ord(c) >= 0x80 and ord(c) % 3 and c != "▁"})
    letters = ["▁"] + [chr(c) for c in range(0x21, 0x7F)] + others[:900]
    known = set(letters)
    merges = []
    for left, right in map(tuple, saved["merges"]):
        # Nothing is joined to a special token.
        if left + right not in special and left in known and right in known and len(merges) < 300:
            merges.append((left, right))
            known.add(left + right)
    pieces = special + [f"<0x{b:02X}>" for b in range(256)] + [a + b for a, b in merges] + letters
    return {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}, merges


def fallback(lines: list[str], legacy: bool) -> Tokenizer:
    """Llama 2's and Vicuna's steps; or those that newer files of Mistral's have."""
    special = ["<unk>", "<s>", "</s>"]
    vocabulary, merges = bytes_first(lines, special)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if legacy:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in special])
    tokenizer.add_special_tokens([AddedToken("<image>", normalized=False)])
    if not legacy:
        tokenizer.add_special_tokens([AddedToken("[INST]", normalized=False), AddedToken("[/INST]", normalized=False)])
    return tokenizer


def byte_level(lines: list[str], kind: str) -> Tokenizer:
    """Llama 3's, Qwen2's and SmolLM's steps."""
    if kind == "smollm":
        cut = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    else:
        split = pre_tokenizers.Split(Regex(LLAMA3 if kind == "llama3" else QWEN2), behavior="isolated", invert=False)
        cut = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = cut
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trained.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=900, initial_alphabet=letters, show_progress=False))
    merges = [tuple(merge) for merge in json.loads(trained.to_str())["model"]["merges"]]
    special = {"llama3": ["<|begin_of_text|>", "<|eot_id|>", "<image>"],
               "qwen2": ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|image_pad|>"],
               "smollm": ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"]}[kind]
    pieces = letters + [a + b for a, b in merges]
    if kind == "llama3":
        # No join makes these: they are only found whole.
        pieces += ["Ġquick", "quick", "123", "!Ċ", "ĠðŁĳį"]
    pieces = list(dict.fromkeys(pieces))
    if kind == "smollm":
        pieces = special + pieces
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=kind == "llama3"))
    tokenizer.pre_tokenizer = cut
    if kind == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in special])
    ends = processors.ByteLevel(trim_offsets=False)
    if kind == "llama3":
        first = tokenizer.token_to_id("<|begin_of_text|>")
        ends = processors.Sequence([ends, processors.TemplateProcessing(
            single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", first)])])
    tokenizer.post_processor = ends
    return tokenizer


def text_print(text: str) -> int:
    return fingerprint([ord(c) for c in text])


def main() -> None:
    lines = [line.decode("utf-8", "replace") for line in (FOLDER / "corpus.txt").read_bytes().split(b"\n")]
    made = {"llama2": fallback(lines, True), "mistral": fallback(lines, False),
            **{kind: byte_level(SENTENCES + lines[::3], kind) for kind in ("llama3", "qwen2", "smollm")}}
    expected = {}
    for name, tokenizer in made.items():
        folder = FOLDER / name
        folder.mkdir(exist_ok=True)
        (folder / "tokenizer.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False), "utf-8")
        (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 4096}))
        tokenizer.encode_special_tokens = False
        tokens = [encoding.ids for encoding in tokenizer.encode_batch(lines)]
        own = [tokenizer.encode(text).ids for text in TEXTS]
        tokenizer.encode_special_tokens = True
        plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
        expected[name] = {
            "fingerprints": [fingerprint(row) for row in tokens],
            "decoded": [text_print(tokenizer.decode(row, skip_special_tokens=True)) for row in tokens],
            "tokens": own, "plain": plain,
            "texts": [tokenizer.decode(row, skip_special_tokens=True) for row in own],
            "whole": [tokenizer.decode(row, skip_special_tokens=False) for row in own],
            # Cut anywhere, also inside a letter.
            "halves": [tokenizer.decode(row[len(row) // 2:], skip_special_tokens=True) for row in plain],
        }
    write_json(GOLDEN / "tokenizers" / "language.json", {
        "versions": versions(tokenizers=tokenizers.__version__), "texts": TEXTS, "tokenizers": expected})


if __name__ == "__main__":
    main()
