#!/usr/bin/env python3
"""Writes ../data/tokenizers/steps.json: small tokenizers, one for each kind of step, with what the tokenizers library
(0.23.3, pip install tokenizers) makes of some texts; and text_tokens.json, one for each kind of post-processor, with
the ids with and without the tokens that it puts around a text. Run it in this folder after adding a case."""
import json
from tokenizers import Tokenizer

TEXTS = ["", " ", "abc", "  ab  c ", "Ab cab", "a\u00e9e\u0301\u00c9", "12 3\u00bd4", "a.b, c!", "\u4e16\u754cab", "ab\n\nc\r\n",
         "don't \u017f'S", "\u1112\u1161\u11ab\ud55c", "\ufb01\u00b2\u2163", "a\u0323\u0307\u0301", "<s>ab</s>", "a<s> b <|x|>c", "\u0130I\u03a3",
         "\u2581a\u2581b", "a\u00a0b\u3000c\u180e", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "a\u0bbeb\u20ddc\u0301", "abcabcabc" * 3]


def model(**options):
    characters = "\u2581 abcdAB\u00e9e\u4e16'.,12<s>/|x\u0120!\u00bd"
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for character in characters:
        vocabulary.setdefault(character, len(vocabulary))
    merges = []
    for left, right in ["ab", "bc", ("ab", "c"), ("abc", "abc"), "\u2581a", ("\u2581a", "b"), "\u2581\u2581", "12", "\u0120a", "Ab", "AA",
                        "ca", ("ca", "b"), " a"]:
        merges.append([left, right])
        vocabulary.setdefault(left + right, len(vocabulary))
    if options.pop("all_bytes", False):
        for byte in range(256):
            vocabulary["<0x%02X>" % byte] = len(vocabulary)
    return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": vocabulary, "merges": merges} | options


def byte_model():
    """Every byte, in the byte-level alphabet, and a few merges."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    others = [byte for byte in range(256) if byte not in printable]
    vocabulary = {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
    merges = [["\u0120", "a"], ["a", "b"], ["\u0120a", "b"], ["\u00c3", "\u00a9"], ["1", "2"]]
    for left, right in merges:
        vocabulary[left + right] = len(vocabulary)
    return model() | {"vocab": vocabulary, "merges": merges}


def added(*tokens):
    """(content, options) each, with the id that the vocabulary gives it or the next free one."""
    vocabulary = dict(model()["vocab"])
    return [{"id": vocabulary.setdefault(content, len(vocabulary)), "content": content, "single_word": False,
             "lstrip": False, "rstrip": False, "normalized": False, "special": False} | options
            for content, options in tokens]


def sequence(key, *steps):
    return {"type": "Sequence", key: list(steps)}


def split(pattern, behavior, invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def regex(expression):
    return {"Regex": expression}


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
         r"\s+(?!\S)|\s+")
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]


def normalizers():
    for form in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"]:
        yield form, {"type": form}
    yield "Strip", {"type": "Strip", "strip_left": True, "strip_right": True}
    yield "Strip left", {"type": "Strip", "strip_left": True, "strip_right": False}
    yield "Strip right", {"type": "Strip", "strip_left": False, "strip_right": True}
    yield "Prepend", {"type": "Prepend", "prepend": "\u2581"}
    yield "Replace string", {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    yield "Replace expression", {"type": "Replace", "pattern": regex(r"\s+|b"), "content": "ab"}
    yield "Sequence", sequence("normalizers", {"type": "NFD"}, sequence("normalizers", {"type": "StripAccents"}),
                               {"type": "Prepend", "prepend": "a"})


def pre_tokenizers():
    for behavior in BEHAVIORS:
        for invert in (False, True):
            yield f"Split {behavior} {invert}", split(regex(r"b|\s+"), behavior, invert)
        yield f"Split string {behavior}", split({"String": "b"}, behavior)
        yield f"Split empty matches {behavior}", split(regex("b*"), behavior)
        yield f"Punctuation {behavior}", {"type": "Punctuation", "behavior": behavior}
    for expression in [r"\w+", r"\W", r"[\w']+", r"\b", r"\B", r"\d+|\h", r"[^\s\d]", r"\p{Lu}\p{Ll}*", r"\p{^L}",
                       r"\P{L}", r"\p{Han}", r"(?i:AB|\u00c9)", r"(?m:b.)", r"^.|.$", r"\A.|.\z", r"[a-b\-]", r"[\d-]",
                       r"a{2}|b{,1}c", r"a{", r"(?<=a)b(?=c)", r"(?<!a)b|(?>c+)", r"\x61|\x{4e16}|\u00E9", r"[\x62-c\t]",
                       r"(a)\1|\.", r"\v|\R", r"a*?b++", r"(?i)AB"]:
        yield f"Expression {expression}", split(regex(expression), "Isolated")
    yield "Digits", {"type": "Digits", "individual_digits": False}
    yield "Digits one by one", {"type": "Digits", "individual_digits": True}
    yield "Whitespace", {"type": "Whitespace"}
    yield "WhitespaceSplit", {"type": "WhitespaceSplit"}
    yield "CharDelimiterSplit", {"type": "CharDelimiterSplit", "delimiter": "b"}
    for scheme in ["always", "first", "never"]:
        for splits in (True, False):
            metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": splits}
            yield f"Metaspace {scheme} {splits}", metaspace
            yield f"Metaspace {scheme} {splits} of pieces", sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace)


def byte_levels():
    for prefix in (False, True):
        for use_regex in (False, True):
            step = BYTE_LEVEL | {"add_prefix_space": prefix, "use_regex": use_regex}
            yield f"ByteLevel {prefix} {use_regex}", step
            yield f"ByteLevel {prefix} {use_regex} of pieces", sequence("pretokenizers", split(regex("b"), "Isolated"), step)
    for name, expression in [("Qwen2", QWEN2), ("Llama 3", LLAMA3)]:
        yield name, sequence("pretokenizers", split(regex(expression), "Isolated"), BYTE_LEVEL | {"use_regex": False})


def decoders():
    spaces = {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    yield "none", None
    yield "Fuse", {"type": "Fuse"}
    yield "ByteFallback", {"type": "ByteFallback"}
    yield "Llama", sequence("decoders", spaces, {"type": "ByteFallback"}, {"type": "Fuse"}, strip)
    yield "Strip of tokens", sequence("decoders", spaces, strip | {"start": 2})
    yield "Strip at the end", {"type": "Strip", "content": "c", "start": 0, "stop": 1}
    yield "Replace expression", {"type": "Replace", "pattern": regex("[bc]+"), "content": "-"}
    for scheme in ["always", "never"]:
        yield f"Metaspace {scheme}", {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": True}


def added_tokens():
    for option in ["single_word", "lstrip", "rstrip", "special"]:
        yield f"added {option}", added(("<s>", {option: True}), ("</s>", {}), ("b ", {option: True}), (" b", {}))
    yield "longest", added(("a", {}), ("abc", {}), ("abcabca", {}), ("<|x|>", {}), ("<|x", {}))
    yield "its normal form is another", added(("Ab", {}), ("cAA", {"special": True}))
    yield "overlap", added(("a ", {"rstrip": True}), (" b", {"lstrip": True}), ("</s>", {"special": True}))


def tokenizers_of_all_kinds():
    nothing = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
               "pre_tokenizer": None, "post_processor": None, "decoder": {"type": "Fuse"}, "model": model()}
    for name, step in normalizers():
        yield "normalizer " + name, nothing | {"normalizer": step, "model": model(unk_token="<unk>")}
    for name, step in pre_tokenizers():
        yield "pre-tokenizer " + name, nothing | {"pre_tokenizer": step, "model": model(unk_token="<unk>", ignore_merges=True)}
    for name, step in byte_levels():
        # Set, since mica restores a missing one for Qwen2's pattern.
        normalizer = {"type": "NFC"} if name == "Qwen2" else None
        yield "pre-tokenizer " + name, nothing | {"normalizer": normalizer, "pre_tokenizer": step, "decoder": BYTE_LEVEL,
                                                  "model": byte_model()}
    for name, step in decoders():
        yield "decoder " + name, nothing | {"decoder": step, "model": model(all_bytes=True, byte_fallback=True)}
    for name, tokens in added_tokens():
        yield name, nothing | {"added_tokens": tokens}
        normalized = [token | {"normalized": True} for token in tokens]
        yield name + " normalized", nothing | {"added_tokens": normalized,
                                               "normalizer": {"type": "Replace", "pattern": {"String": "A"}, "content": "a"}}
    for fuse in (False, True):
        for fallback in (False, True):
            options = dict(unk_token="<unk>", fuse_unk=fuse, byte_fallback=fallback)
            yield f"unknown {fuse} {fallback}", nothing | {"model": model(**options)}
            yield f"unknown {fuse} {fallback} with bytes", nothing | {"model": model(all_bytes=True, **options)}
    yield "ignore_merges", nothing | {"model": model(ignore_merges=True), "pre_tokenizer": {"type": "WhitespaceSplit"}}
    yield "merges as strings", nothing | {"model": model(merges=["a b", "ab c", "\u2581 a"])}


def template(*pieces):
    """TemplateProcessing of the text "$A" and control tokens."""
    ids = {"<s>": [1], "</s>": [2], "<two>": [1, 2]}
    single = [{"Sequence": {"id": "A", "type_id": 0}} if piece == "$A" else {"SpecialToken": {"id": piece, "type_id": 0}}
              for piece in pieces]
    special = {piece: {"id": piece, "ids": ids[piece], "tokens": ["<s>", "</s>"][:len(ids[piece])]}
               for piece in pieces if piece != "$A"}
    return {"type": "TemplateProcessing", "single": single, "pair": [{"Sequence": {"id": "A", "type_id": 0}},
            {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": special}


def post_processors():
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    bert = {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]}
    yield "none", None
    yield "ByteLevel", byte_level
    yield "text alone", template("$A")
    yield "begin", template("<s>", "$A")
    yield "end", template("$A", "</s>")
    yield "both", template("<s>", "$A", "</s>", "</s>")
    yield "two ids of one name", template("<two>", "$A")
    yield "Bert", bert
    yield "Roberta", bert | {"type": "RobertaProcessing", "trim_offsets": True, "add_prefix_space": True}
    yield "Llama 3", sequence("processors", byte_level, template("<s>", "$A"))
    yield "two of which one adds", sequence("processors", template("$A"), template("<s>", "$A", "</s>"))


def write_text_tokens():
    entries = []
    for name, processor in post_processors():
        tokens = added(("<s>", {"special": True}), ("</s>", {"special": True}))
        text = json.dumps({"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": None,
                           "pre_tokenizer": None, "post_processor": processor, "decoder": {"type": "Fuse"},
                           "model": model()}, ensure_ascii=False)
        tokenizer = Tokenizer.from_str(text)
        cases = [{"text": each, "ids": tokenizer.encode(each).ids,
                  "ids_plain": tokenizer.encode(each, add_special_tokens=False).ids} for each in ["", "abc", "<s>ab"]]
        entries.append({"name": name, "tokenizer": text, "cases": cases})
    with open("../data/tokenizers/text_tokens.json", "w", encoding="utf-8") as file:
        json.dump(entries, file, ensure_ascii=False, indent=0)


def encode(tokenizer, text, parse_special):
    tokenizer.encode_special_tokens = not parse_special
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    return {"text": text, "parse_special": parse_special, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)}


def main():
    entries = []
    for name, definition in tokenizers_of_all_kinds():
        text = json.dumps(definition, ensure_ascii=False)
        tokenizer = Tokenizer.from_str(text)
        special = any(token["special"] for token in definition["added_tokens"])
        cases = [encode(tokenizer, each, parse) for parse in ([True, False] if special else [True]) for each in TEXTS]
        entries.append({"name": name, "tokenizer": text, "cases": cases})
    with open("../data/tokenizers/steps.json", "w", encoding="utf-8") as file:
        json.dump(entries, file, ensure_ascii=False, indent=0)
    print(len(entries), "tokenizers,", sum(len(entry["cases"]) for entry in entries), "cases")


if __name__ == "__main__":
    main()
    write_text_tokens()
