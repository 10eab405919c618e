"""The options of sessions and of sampling, by name; what they mean is said in mica.h."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from ._model import Model


class SessionOptions(TypedDict, total=False):
    """What a session or a batch is made with; what is left out is as the library has it.

    - `context`: tokens that it can hold (the model's, at most 4,096); `context_text`: of these, how many may be text
    - `batch`: tokens that pass through the decoder at once (512)
    - `threads`, `threads_batch`: for an answer, and for prompts and pictures (as many as the process may use)
    - `logit_rows`: rows of logits that are kept (1)
    - `picture_tokens`, `picture_tokens_min`: the most and the least tokens of one picture
    - `kv_visual_bits`, `kv_text_bits`: bits of cached keys and values (1, 2, 4, 16, 32; 4, 8, 16, 32)
    - `kv_levels`, `kv_visual_layers`: how visual ones are packed, and exceptions by layer ("0-3=4")
    """

    context: int
    context_text: int
    batch: int
    threads: int
    threads_batch: int
    logit_rows: int
    picture_tokens: int
    picture_tokens_min: int
    kv_visual_bits: int
    kv_text_bits: int
    kv_levels: str
    kv_visual_layers: str


class Sampling(TypedDict, total=False):
    """How tokens are chosen; what is left out is as the model's generation_config.json asks, or else greedy.

    - `temperature`: 0 always takes the likeliest token; `top_k`, `top_p`, `min_p` leave out unlikely ones
    - `repeat_penalty`, `repeat_last`: makes tokens that were there less likely; how far back it looks
    - `seed`: the same seed gives the same text
    - `max_tokens`: of an answer (until its end, or that of the context)
    - `ignore_end`: goes on behind the token that ends an answer, to measure
    """

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repeat_penalty: float
    repeat_last: int
    seed: int
    max_tokens: int
    ignore_end: bool


def sampling_of(model: Model, given: Sampling) -> dict[str, Any]:
    """All that is asked for, over what the model's file asks for."""
    return {**(model.sampling_default() or {"temperature": 0}), **given}
