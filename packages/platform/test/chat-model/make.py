"""Makes the small tokenizer of this folder, and vectors.json: what Python's transformers says of it.

    python -m venv venv && venv/bin/pip install tokenizers transformers jinja2
    venv/bin/python make.py

Trained on the text of this repository's own pages, so a later run makes another one.
"""

import json
import pathlib

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[3]
SIZE = 640
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKERS = ["<tool_call>", "</tool_call>", "<think>", "</think>"]
SPLIT = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": 'Weather of a "city"',
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
        },
    }
]
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Zürich", "days": 2}'}}
TEXTS = [
    "",
    "Hello, world",
    "  two  spaces\n\n\tand a tab \r\n",
    "naïve – 数字 🙂 👩‍👩‍👧 e\u0301",
    "don't 12345 it's THEY'LL",
    "<|im_start|>user\nHi<|im_end|> <think>x</think>",
    '{"a": [1, 2.5e-3, null]}',
    "\u0000\ufeff\u2028 end",
]


def chats():
    hi = {"role": "user", "content": "Hi é"}
    called = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": '{"t": 3}'}
    thought = {"role": "assistant", "content": "It is 3.", "reasoning_content": "\nhm\n"}
    system = {"role": "system", "content": "Be <brief>."}
    yield [hi], None, {}
    yield [system, hi], None, {"enable_thinking": False}
    yield [hi], TOOLS, {}
    yield [system, hi, called, result], TOOLS, {}
    yield [system, hi, {**called, "content": "Let me see."}, result, result, thought], TOOLS, {}
    yield [hi, thought, {"role": "user", "content": "And now?"}], None, {}


def train():
    tokenizer = Tokenizer(models.BPE(ignore_merges=False))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, special_tokens=[]
    )
    tokenizer.train([str(ROOT / "ARCHITECTURE.md"), str(ROOT / "packages/platform/README.md")], trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in MARKERS])
    tokenizer.save(str(HERE / "tokenizer.json"), pretty=False)


def with_objects(message):
    calls = message.get("tool_calls", [])
    read = [{**call, "function": {**call["function"], "arguments": json.loads(call["function"]["arguments"])}} for call in calls]
    return {**message, "tool_calls": read} if calls else message


def record():
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(HERE / "tokenizer.json"), eos_token="<|im_end|>")
    template = (HERE / "chat_template.jinja").read_text()
    texts = []
    for text in TEXTS:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        texts.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, clean_up_tokenization_spaces=False)})
    told = []
    for messages, tools, variables in chats():
        read = [with_objects(message) for message in messages]
        text = tokenizer.apply_chat_template(
            read, tools=tools, chat_template=template, add_generation_prompt=True, tokenize=False, **variables
        )
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        told.append({"messages": messages, "tools": tools, "variables": variables, "text": text, "ids": ids})
    vectors = {"texts": texts, "chats": told}
    (HERE / "vectors.json").write_text(json.dumps(vectors, ensure_ascii=True, separators=(",", ":")) + "\n")


train()
(HERE / "tokenizer_config.json").write_text(
    json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "clean_up_tokenization_spaces": False}) + "\n"
)
(HERE / "generation_config.json").write_text(json.dumps({"eos_token_id": [642, 640]}) + "\n")
record()
