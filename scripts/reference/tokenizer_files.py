"""Tokens of small checkpoints whose files say different things about their tokenizer: Tests/Golden/tokenizers/files.json.

Each case is a base's files with some of them replaced or added, and what `transformers` makes of the folder.
"""

import json
import tempfile
from pathlib import Path

import tokenizers
import transformers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer

from .common import GOLDEN, versions, write_json

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["hello", "caf", "the", "cat", "sat", "日", "本", "widget", "some", "[", "]", "user", "é", "É", "Café"]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCEHSUW<>|[]"
TEXTS = [
    "hello the cat", "Café ÉA école", " the cat sat ", "hello [USER] said", "a Somewidget here", "日本 cat",
    "x [MASK] y [SEP]", "the<mask> cat <mask>.", "a b c d e f g h i j k l m n o p", "plain", "<|endoftext|>the",
    "<extra>cat <own> <s>a</s>",
]


def bert_vocabulary() -> list[str]:
    pieces = SPECIAL + WORDS + [f"##{c}" for c in LETTERS + "éÉ"] + list(LETTERS)
    return list(dict.fromkeys(pieces))


def bert_file(lowercase: bool = True, kind: str = "BertNormalizer") -> dict:
    tokenizer = Tokenizer(models.WordPiece({p: i for i, p in enumerate(bert_vocabulary())}, unk_token="[UNK]"))
    tokenizer.normalizer = (
        normalizers.BertNormalizer(lowercase=lowercase) if kind == "BertNormalizer" else normalizers.NFC())
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.add_special_tokens(SPECIAL)
    return json.loads(tokenizer.to_str())


def byte_letters(text: str) -> str:
    return "".join(w for w, _ in pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text))


def pairs(clip: bool) -> tuple[dict, list[tuple[str, str]]]:
    end = "</w>" if clip else ""
    special = ["<|startoftext|>", "<|endoftext|>"] if clip else ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    letters = list(dict.fromkeys(byte_letters(" " + LETTERS + "éÉ.日本/" + "".join(c for w in special for c in w))))
    merges = [("t", "h"), ("th", "e" + end), ("c", "a"), ("ca", "t" + end)]
    if not clip:
        merges += [("Ġ", "the"), ("Ġ", "cat")]
    made = [a + b for a, b in merges]
    pieces = special + letters + [c + end for c in letters if end] + made
    return {p: i for i, p in enumerate(dict.fromkeys(pieces))}, merges


def pair_files(clip: bool) -> dict:
    vocabulary, merges = pairs(clip)
    return {
        "vocab.json": json.dumps(vocabulary, ensure_ascii=False),
        "merges.txt": "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges),
    }


def roberta_file(prefix: bool = False) -> dict:
    vocabulary, merges = pairs(False)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, prefix)
    tokenizer.add_special_tokens([
        tokenizers.AddedToken(t, lstrip=t == "<mask>", normalized=False) for t in ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]])
    return json.loads(tokenizer.to_str())


def unigram_file(camembert: bool = False) -> dict:
    first = ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED"] if camembert else ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [(t, 0.0) for t in first]
    pieces += [("▁", -3.0), ("▁the", -2.0), ("▁cat", -2.0), ("the", -3.0), ("cat", -3.0)]
    pieces += [(c, -6.0) for c in LETTERS + "éÉ./"]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens([*first, tokenizers.AddedToken("<mask>", lstrip=True, normalized=False)]
                                 + (["<s>", "</s>"] if camembert else []))
    ids = tokenizer.token_to_id
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(t, ids(t)) for t in ("<s>", "</s>")])
    return json.loads(tokenizer.to_str())


BASES = {
    "bert": {"config.json": {"model_type": "bert"}, "vocab.txt": "\n".join(bert_vocabulary()) + "\n"},
    "bert-file": {"config.json": {"model_type": "bert"}, "tokenizer.json": bert_file()},
    "bert-file-cased": {"config.json": {"model_type": "bert"}, "tokenizer.json": bert_file(False)},
    "bert-file-other": {"config.json": {"model_type": "bert"}, "tokenizer.json": bert_file(kind="NFC")},
    "roberta": {"config.json": {"model_type": "roberta"}, **pair_files(False)},
    "roberta-file": {"config.json": {"model_type": "roberta"}, "tokenizer.json": roberta_file()},
    "roberta-file-prefix": {"config.json": {"model_type": "roberta"}, "tokenizer.json": roberta_file(True)},
    "clip": {"config.json": {"model_type": "clip"}, **pair_files(True)},
    "xlm-roberta-file": {"config.json": {"model_type": "xlm-roberta"}, "tokenizer.json": unigram_file()},
    "camembert-file": {"config.json": {"model_type": "camembert"}, "tokenizer.json": unigram_file(True)},
}


def settings(**values: object) -> dict:
    return {"tokenizer_config.json": values}


def added(content: str, **flags: bool) -> dict:
    return {"content": content, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False,
            "special": False, **flags}


def listed(base: str, first: int, *tokens: dict) -> dict:
    """An added_tokens_decoder with the base's special tokens and some more."""
    special = {"bert": SPECIAL, "roberta": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"], "clip": ["<|startoftext|>", "<|endoftext|>"],
               "xlm": ["<s>", "<pad>", "</s>", "<unk>"]}[base]
    entries = {str(i): added(t, special=True) for i, t in enumerate(special)}
    return {**entries, **{str(first + i): token for i, token in enumerate(tokens)}}


def with_tokens(file: dict, *tokens: dict) -> dict:
    file = json.loads(json.dumps(file))
    file["added_tokens"] += list(tokens)
    return file


def with_truncation(file: dict, direction: str) -> dict:
    file = json.loads(json.dumps(file))
    file["truncation"] = {"direction": direction, "max_length": 8, "strategy": "LongestFirst", "stride": 0}
    return file


N, R, C = len(bert_vocabulary()), len(pairs(False)[0]), len(pairs(True)[0])
U = len(unigram_file()["model"]["vocab"])
USER, WIDGET = added("[USER]", special=True), added("Somewidget", normalized=True)
CASES: list[tuple[str, dict]] = [
    *[(base, {}) for base in BASES],
    # Casing, accents and ideographs, beside either form of the vocabulary.
    *[(base, settings(tokenizer_class="BertTokenizer", **values))
      for base in ("bert", "bert-file", "bert-file-cased", "bert-file-other")
      for values in ({}, {"strip_accents": False}, {"do_lower_case": False}, {"do_lower_case": False, "strip_accents": True},
                     {"tokenize_chinese_chars": False}, {"strip_accents": None, "do_lower_case": True})],
    *[(base, settings(tokenizer_class=name, do_lower_case=False, strip_accents=False))
      for base in ("bert-file", "bert-file-cased", "bert-file-other")
      for name in ("PreTrainedTokenizerFast", "DistilBertTokenizerFast", "ElectraTokenizer", "NobodysTokenizer")],
    ("bert-file", {"config.json": {"model_type": "bert", "tokenizer_class": "PreTrainedTokenizerFast"},
                   **settings(strip_accents=False)}),
    # Spaces before a text.
    *[(base, settings(tokenizer_class="RobertaTokenizer", add_prefix_space=value))
      for base in ("roberta", "roberta-file", "roberta-file-prefix") for value in (True, False)],
    ("roberta-file-prefix", settings(tokenizer_class="RobertaTokenizer")),
    ("roberta-file-prefix", settings(tokenizer_class="PreTrainedTokenizerFast", add_prefix_space=False)),
    *[("xlm-roberta-file", settings(tokenizer_class="XLMRobertaTokenizer", add_prefix_space=value)) for value in (True, False)],
    ("xlm-roberta-file", settings(tokenizer_class="PreTrainedTokenizerFast", add_prefix_space=False)),
    ("camembert-file", settings(tokenizer_class="CamembertTokenizer", add_prefix_space=False)),
    ("bert-file", {"config.json": {"model_type": "bert"}, "tokenizer.json": unigram_file(),
                   **settings(tokenizer_class="XLMRobertaTokenizer")}),
    # Added tokens, wherever they are declared.
    ("bert", {"added_tokens.json": {"[USER]": N, "Somewidget": N + 1}}),
    ("bert", {"added_tokens.json": {"[USER]": N, "Somewidget": N + 1},
              "special_tokens_map.json": {"additional_special_tokens": ["[USER]"]}}),
    ("bert", {"added_tokens.json": {"[USER]": N}, "special_tokens_map.json": {
        "mask_token": added("[MASK]", lstrip=True), "additional_special_tokens": ["[USER]"]}}),
    ("bert", settings(tokenizer_class="BertTokenizer", added_tokens_decoder=listed("bert", N, USER, WIDGET))),
    ("bert", settings(tokenizer_class="BertTokenizer", do_lower_case=False,
                      added_tokens_decoder=listed("bert", N, USER, WIDGET, added("cat", single_word=True)))),
    ("bert-file", settings(tokenizer_class="BertTokenizer", added_tokens_decoder=listed("bert", N, USER, WIDGET))),
    ("bert-file", {"added_tokens.json": {"[USER]": N, "Somewidget": N + 1}}),
    ("bert-file", {"tokenizer.json": with_tokens(bert_file(), {"id": N, **USER}, {"id": N + 1, **WIDGET})}),
    ("bert-file", {"tokenizer.json": with_tokens(bert_file(), {"id": N, **USER}),
                   **settings(tokenizer_class="PreTrainedTokenizerFast", added_tokens_decoder=listed("bert", N, USER, WIDGET))}),
    ("bert-file", {"tokenizer.json": with_tokens(bert_file(), {"id": N, **USER}),
                   **settings(tokenizer_class="BertTokenizer", added_tokens_decoder=listed("bert", N, WIDGET))}),
    ("bert-file", settings(tokenizer_class="PreTrainedTokenizerFast", additional_special_tokens=["[USER]", "<extra>"],
                           own_token="<own>")),
    ("bert", settings(tokenizer_class="BertTokenizer", extra_special_tokens={"own_token": "<own>", "other_token": "<extra>"})),
    ("bert", settings(tokenizer_class="BertTokenizer", mask_token="<mask>", cls_token="[CLS]")),
    ("roberta", {"added_tokens.json": {"<extra>": R, "Somewidget": R + 1}}),
    ("roberta", settings(tokenizer_class="RobertaTokenizer", mask_token={
        "__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False, "single_word": False})),
    ("roberta-file", settings(tokenizer_class="RobertaTokenizer", added_tokens_decoder=listed("roberta", R, added("<extra>"), WIDGET))),
    ("roberta-file", settings(tokenizer_class="RobertaTokenizer", bos_token="<s>", mask_token="<mask>")),
    ("roberta-file", {"special_tokens_map.json": {"mask_token": added("<mask>", lstrip=True, rstrip=True)}}),
    ("clip", {"added_tokens.json": {"<extra>": C, "Somewidget": C + 1}}),
    ("clip", settings(tokenizer_class="CLIPTokenizer", added_tokens_decoder=listed("clip", C, added("<extra>"), WIDGET))),
    ("clip", settings(tokenizer_class="CLIPTokenizer", pad_token="a", unk_token="<|endoftext|>")),
    ("xlm-roberta-file", settings(tokenizer_class="XLMRobertaTokenizer", added_tokens_decoder={
        **listed("xlm", U + 1, added("<extra>"), WIDGET), str(U): added("<mask>", lstrip=True, special=True)})),
    ("xlm-roberta-file", settings(tokenizer_class="PreTrainedTokenizerFast", additional_special_tokens=["<extra>"])),
    # Which end of a long text goes.
    *[("bert-file", {"tokenizer.json": with_truncation(bert_file(), direction), **settings(model_max_length=8, **values)})
      for direction in ("Left", "Right") for values in ({}, {"truncation_side": "left"}, {"truncation_side": "right"})],
    ("bert", settings(model_max_length=8, truncation_side="left")),
    ("roberta-file", {"tokenizer.json": with_truncation(roberta_file(), "Left"), **settings(model_max_length=8)}),
    ("xlm-roberta-file", {"tokenizer.json": with_truncation(unigram_file(), "Left"),
                          **settings(model_max_length=8, tokenizer_class="PreTrainedTokenizerFast")}),
]


def text(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def tokens(files: dict) -> list[list[int]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in files.items():
            (folder / file).write_text(text(content), "utf-8")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        return [tokenizer(line, truncation=True, max_length=min(tokenizer.model_max_length, 512)).input_ids for line in TEXTS]


def main() -> None:
    transformers.logging.set_verbosity_error()
    cases = [
        {"base": base, "files": {name: text(content) for name, content in more.items()}, "tokens": tokens({**BASES[base], **more})}
        for base, more in CASES
    ]
    write_json(GOLDEN / "tokenizers" / "files.json", {
        "versions": versions(transformers=transformers.__version__, tokenizers=tokenizers.__version__),
        "texts": TEXTS, "bases": {name: {file: text(content) for file, content in files.items()} for name, files in BASES.items()},
        "cases": cases})


if __name__ == "__main__":
    main()
