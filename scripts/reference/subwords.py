"""Tokens of a corpus with every Unicode block, by small tokenizers of each kind: Tests/Golden/tokenizers."""

import collections
import io
import json
import math
import random
import unicodedata

import sentencepiece
import tokenizers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from .common import GOLDEN, versions, write_json

FOLDER = GOLDEN / "tokenizers"
CLIP = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)
SENTENCES = """
The quick brown fox doesn't jump over the lazy dog; it's asleep, and they'll let it be.
Ein Mädchen aß in der Straße fünf Äpfel und zählte dabei bis 12.345,67.
Où est passé l’élève naïf qui préférait son cœur à sa tête ?
El niño comió piñas y bebió café: ¡qué rico!
Příliš žluťoučký kůň úpěl ďábelské ódy.
Zażółć gęślą jaźń, powiedział Łukasz.
Ο Οδυσσέας γύρισε στην Ιθάκη. ΣΙΣΥΦΟΣ ΚΑΙ ΠΕΤΡΟΣ
Съешь же ещё этих мягких французских булок, да выпей чаю.
Їхній єдиний ґанок стояв у полі.
כל אדם נולד חופשי, ושָׁלוֹם לכולם
يولد جميع الناس أحرارًا، والسَّلامُ عليكم
सभी मनुष्यों को गौरव और अधिकारों में स्वतन्त्रता मिली है।
মানুষ স্বাধীনভাবে জন্মায়
மனிதர்கள் சுதந்திரமாகப் பிறக்கின்றனர்
มนุษย์ทั้งหลายเกิดมามีอิสระ
모든 사람은 태어날 때부터 자유롭다
すべての人間は、生まれながらにして自由である。カタカナと「かぎ」
人人生而自由，在尊严和权利上一律平等。漢字𠀀𪜀豈
ქართული ანბანი და Ⴀ Ა
Դիցուք՝ հայերեն տառեր
አማርኛ ፊደላት
İstanbul'da ılık bir gün, IŞIK ve ISI
Việt Nam: tiếng Việt có dấu, NƯỚC Đường
ﬁne ﬂow ½ ⅓ ² ① Ⅷ ㎏ ｆｕｌｌ ﷺ ﬀ
é é à å Å ñ ṩ ṩ ﬁ 각 각
👍🏽 👨‍👩‍👧‍👦 🇩🇪 🏳️‍🌈 ☺️ ❤ 1️⃣ #️⃣ 🫠
C++ && a->b; x = {1, 2}; // €5 £6 ¥7 ₹8 ½¢ §3 «quoted» “curly” ‘single’ – — …
I'M 'S 'll 're '' ' 've'd it''s can't'
[CLS] inside [MASK] text [SEP] <mask> and <s></s> <|startoftext|> then <|endoftext|>! a<mask>b  <mask>  c
http://example.org/a?b=c&d=%20e#f me@example.org @name #tag 3.14e-10 1,000,000 0x1F
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b
""".strip().split("\n")
ODD = [
    b"", b" ", b"   ", b"\t\ta\tb  c\r d ", b"nul\x00in\x00side", b"bell\x07 esc\x1b[31m del\x7f",
    b"\xff\xfe broken", b"cut \xe2\x82", b"over\xc0\xaflong", b"half \xed\xa0\x80 pair", b"\xf4\x90\x80\x80 beyond",
    "zero\u200bwidth\u200dsoft\u00adhyphen\ufeffbom".encode(), "nbsp\u00a0thin\u2009line\u2028para\u2029nel\u0085x".encode(),
    "a\u0301\u0302\u0327\u0323b\u0338".encode(), "\u0301leading mark".encode(), "\U000e0041\ue000\U0010fffd private".encode(),
    "\u3000wide\u3000 space\u3000".encode(), "x\u000by\u000cz\u001cw".encode(), b"  two  spaces   three    four ",
    "\u1885\u1886 \ua9bd \u166d \U000111c9 \U00011938 \u2e43 \u061d \u08e2".encode(),
]


def assigned(first: int, last: int) -> list[str]:
    kept = (chr(c) for c in range(first, last) if not 0xD800 <= c < 0xE000 and c not in (0x0A,))
    return [c for c in kept if unicodedata.category(c) not in ("Cn", "Co", "Cs")]


def corpus() -> list[bytes]:
    draw = random.Random(0)
    lines = [line.encode() for line in SENTENCES] + ODD
    everything = []
    for first in range(0, 0x30000, 0x80):
        block = assigned(first, first + 0x80)
        if not block or 0x3500 <= first < 0x9F00 or 0xAC80 <= first < 0xD700 or 0x17080 <= first < 0x18C80:
            continue
        if 0x12080 <= first < 0x14700 or 0x20080 <= first < 0x2F800 or 0x1B080 <= first < 0x1B280:
            continue
        everything += block
        words = ["".join(draw.choices(block, k=draw.randint(1, 6))) for _ in range(6)]
        lines.append(("".join(block[:24]) + " " + " a".join(words)).encode())
    for _ in range(250):
        pieces = draw.choices(everything, k=12) + draw.choices([" ", "  ", "a", "Be", "'s", "12", "\u0301", "."], k=14)
        draw.shuffle(pieces)
        lines.append("".join(pieces).encode())
    return [line.replace(b"\n", b" ") for line in lines]


def word_piece(lines: list[str], lowercase: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False))
    learned = [piece for piece, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])]
    # Every letter is an entry, so that no difference hides behind [UNK].
    letters = sorted({c for line in lines for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(
        tokenizer.normalizer.normalize_str(line)) for c in word})
    pieces = list(dict.fromkeys(learned + letters + ["##" + c for c in letters]))
    tokenizer.model = models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]")
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", cls), ("[SEP]", sep)])
    tokenizer.add_special_tokens(special)
    return tokenizer


def byte_pairs(lines: list[str], clip: bool) -> Tokenizer:
    suffix = "</w>" if clip else ""
    ending = {"end_of_word_suffix": suffix} if clip else {}
    trained = Tokenizer(models.BPE(**ending))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    split = pre_tokenizers.Split(Regex(CLIP), behavior="removed", invert=True)
    normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    trained.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level]) if clip else byte_level
    if clip:
        trained.normalizer = normalizer
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<|startoftext|>", "<|endoftext|>"] if clip else ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=1200, initial_alphabet=letters, show_progress=False, **ending))
    saved = json.loads(trained.to_str())["model"]
    merges = [tuple(merge) for merge in saved["merges"]]
    pieces = list(dict.fromkeys(
        ([] if clip else special) + letters + [c + suffix for c in letters]
        + [a + b for a, b in merges] + special))
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(
        vocabulary, merges, **ending, **({"unk_token": "<|endoftext|>"} if clip else {})))
    tokenizer.pre_tokenizer = trained.pre_tokenizer
    if clip:
        tokenizer.normalizer = normalizer
    first, last = ("<|startoftext|>", "<|endoftext|>") if clip else ("<s>", "</s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(t, vocabulary[t]) for t in (first, last)])
    tokenizer.add_special_tokens([
        tokenizers.AddedToken(token, lstrip=token == "<mask>", normalized=False) for token in special])
    return tokenizer


def charsmap() -> bytes:
    """SentencePiece's own table of normalization, which every published model of this kind carries."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d"] * 9), model_writer=model, vocab_size=8, hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc", minloglevel=2)

    def field(message: bytes, wanted: int) -> bytes:
        """The bytes of a field of a protocol buffer."""
        at = 0

        def number() -> int:
            nonlocal at
            value = shift = 0
            while True:
                byte = message[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value

        while at < len(message):
            key = number()
            if key & 7 == 2:
                size = number()
                if key >> 3 == wanted:
                    return message[at:at + size]
                at += size
            elif key & 7 == 0:
                number()
            else:
                at += 4 if key & 7 == 5 else 8
        raise ValueError("no such field")

    return field(field(model.getvalue(), 3), 2)


def unigram(lines: list[str], lowercase: bool) -> Tokenizer:
    """XLM-RoBERTa's steps; or SigLIP's, which drop capitals and punctuation and spell what they do not know in bytes."""
    tokenizer = Tokenizer(models.Unigram())
    collapse = normalizers.Replace(Regex(" {2,}"), " ")
    if lowercase:
        punctuation = Regex(r"[!\"#\$%&'\(\)\*\+,\-\./:;<=>\?@\[\\\]\^_`\{\|\}~]")
        tokenizer.normalizer = normalizers.Sequence([
            normalizers.Lowercase(), normalizers.Replace(punctuation, ""), normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(), collapse])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap()), collapse])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["</s>", "<unk>"] if lowercase else ["<s>", "<pad>", "</s>", "<unk>"]
    counts = collections.Counter(
        word[i:i + size]
        for line in lines for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(line))
        for size in range(1, 7) for i in range(len(word) - size + 1))
    total = math.log(sum(counts.values()))
    # A third of the letters are left out, so that there is something not to know.
    pieces = [piece for piece in sorted(counts) if len(piece) == 1 and ord(piece) % 3]
    pieces += sorted((piece for piece in counts if len(piece) > 1), key=lambda piece: (-counts[piece], piece))[:900]
    vocab = [(token, 0.0) for token in special]
    vocab += [(piece, math.log(counts[piece]) - total + 0.5 * len(piece)) for piece in pieces]
    if lowercase:
        vocab += [(f"<0x{byte:02X}>", 0.0) for byte in range(256)]
    tokenizer.model = models.Unigram(vocab, unk_id=special.index("<unk>"), byte_fallback=lowercase)
    ends = "$A </s>" if lowercase else "<s> $A </s>"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=ends, special_tokens=[(t, special.index(t)) for t in ends.split() if t != "$A"])
    tokenizer.add_special_tokens([*special] if lowercase else [
        *special, tokenizers.AddedToken("<mask>", lstrip=True, normalized=False)])
    return tokenizer


def fingerprint(tokens: list[int]) -> int:
    """FNV-1a over the tokens as 32-bit numbers; 52 bits, so that JSON keeps it."""
    value = 0xCBF29CE484222325
    for token in tokens:
        for byte in token.to_bytes(4, "little"):
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return value >> 12


def ranges(characters: list[int]) -> list[int]:
    """First and last of each run."""
    out: list[int] = []
    for c in characters:
        if out and out[-1] == c - 1:
            out[-1] = c
        else:
            out += [c, c]
    return out


def classes() -> dict[str, list[int]]:
    """How each scalar that Unicode 15 knows is treated, measured one by one."""
    scalars = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) != "Cn"]
    clean = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    strip = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    separate = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False)
    cut = pre_tokenizers.BertPreTokenizer()
    marked = "\u0001{}\u0001"

    def matching(pattern: str) -> list[int]:
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        return [c for c in scalars if len(split.pre_tokenize_str(marked.format(chr(c)))) == 3]

    return {
        "removed": ranges([c for c in scalars if clean.normalize_str(f"a{chr(c)}b") == "ab"]),
        "space": ranges([c for c in scalars if len(cut.pre_tokenize_str(f"a{chr(c)}b")) == 2]),
        "punctuation": ranges([c for c in scalars if len(cut.pre_tokenize_str(f"a{chr(c)}b")) == 3]),
        "accent": ranges([c for c in scalars if strip.normalize_str(f"a{chr(c)}b") == "ab"]),
        "ideograph": ranges([c for c in scalars if separate.normalize_str(chr(c)) == f" {chr(c)} "]),
        "letter": ranges(matching(r"\p{L}")),
        "number": ranges(matching(r"\p{N}")),
    }


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    raw = corpus()
    (FOLDER / "corpus.txt").write_bytes(b"\n".join(raw))
    lines = [line.decode("utf-8", "replace") for line in raw]
    made = {
        "wordpiece-uncased": word_piece(lines, True), "wordpiece-cased": word_piece(lines, False),
        "roberta": byte_pairs(lines, False), "clip": byte_pairs(lines, True),
        "unigram-xlm": unigram(lines, False), "unigram-siglip": unigram(lines, True),
    }
    expected = {}
    for name, tokenizer in made.items():
        folder = FOLDER / name
        folder.mkdir(exist_ok=True)
        saved = json.loads(tokenizer.to_str())
        if name == "wordpiece-cased":
            pieces = sorted(saved["model"]["vocab"], key=saved["model"]["vocab"].get)
            (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", "utf-8")
            (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False, "model_max_length": 4096}))
        elif name == "clip":
            (folder / "vocab.json").write_text(json.dumps(saved["model"]["vocab"], ensure_ascii=False), "utf-8")
            merges = "".join(" ".join(merge) + "\n" for merge in saved["model"]["merges"])
            (folder / "merges.txt").write_text("#version: 0.2\n" + merges, "utf-8")
            (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 4096}))
        else:
            (folder / "tokenizer.json").write_text(json.dumps(saved, ensure_ascii=False), "utf-8")
            (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 4096}))
        tokens = [encoding.ids for encoding in tokenizer.encode_batch(lines)]
        expected[name] = {"fingerprints": [fingerprint(row) for row in tokens], "first": tokens[:8]}
    write_json(FOLDER / "expected.json", {
        "versions": versions(tokenizers=tokenizers.__version__, unicode=unicodedata.unidata_version),
        "tokenizers": expected, "classes": classes(),
        "forms": {form: [fingerprint([ord(c) for c in getattr(normalizers, form)().normalize_str(line)]) for line in lines]
                  for form in ("NFC", "NFD", "NFKC", "NFKD")}})


if __name__ == "__main__":
    main()
