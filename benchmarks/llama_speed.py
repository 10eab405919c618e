"""Tokens a second of llama.cpp's library, as llama-cpp-python carries it: llama_speed.py FILE THREADS PROMPT ANSWER.

Prints what it reads of a prompt of PROMPT tokens and writes of an answer of ANSWER tokens, in that order; both at least
one. Not a comparison: beside_llama.sh.
"""
import ctypes
import sys
import time

import llama_cpp

WARMING = 8  # tokens that fill caches first


def decode(context, tokens):
    ids = (llama_cpp.llama_token * len(tokens))(*tokens)  # which the batch points to
    if llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(ids, len(tokens))) != 0:
        sys.exit("llama_decode failed")
    llama_cpp.llama_synchronize(context)


def main():
    path, threads, prompt, answer = sys.argv[1], *map(int, sys.argv[2:5])
    quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    model_settings = llama_cpp.llama_model_default_params()
    model_settings.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(path.encode(), model_settings)
    if not model:
        sys.exit(f"{path}: llama.cpp does not open it")
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx = prompt + answer + WARMING
    settings.n_batch = settings.n_ubatch = max(prompt, WARMING)
    settings.n_threads = settings.n_threads_batch = threads
    context = llama_cpp.llama_init_from_model(model, settings)
    decode(context, [1] * WARMING)
    speeds = []
    # Each from an empty context, as `mica bench` and llama-bench have it.
    for pieces in ([[1 + i % 100 for i in range(prompt)]], [[1 + i % 100] for i in range(answer)]):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        start = time.perf_counter()
        for piece in pieces:
            decode(context, piece)
        speeds.append(sum(map(len, pieces)) / (time.perf_counter() - start))
    print(*speeds)


main()
