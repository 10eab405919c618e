"""One run of llama.cpp's library, as llama-cpp-python carries it: llama_speed.py FILE TOWER THREADS WORK...

WORK is prompt=TOKENS (reads a prompt), answer=TOKENS (writes one), behind=TOKENS (writes an answer of 16 behind so many,
whose keys and values are q8_0: the smallest that keeps answers), picture=SIDE (encodes a square one; TOWER is its file,
else -). Prints JSON: the tokens a second of each, "start", the seconds until the first token, and "memory", the most
bytes that the process had. Not a comparison: beside_llama.sh.
"""
import ctypes
import json
import resource
import sys
import time

import llama_cpp

WARMING = 8  # tokens that fill caches first
PIECE = 512  # tokens at once
WARMING_SIDE = 112  # pixels of a picture that does
BEHIND_ANSWER = 16


class Run:
    def __init__(self, path, tower, threads):
        self.path, self.tower, self.threads = path, tower, threads
        self.quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self.quiet, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        settings = llama_cpp.llama_model_default_params()
        settings.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), settings)
        if not self.model:
            sys.exit(f"{path}: llama.cpp does not open it")

    def context(self, tokens, kv_type=None, sequences=1):
        settings = llama_cpp.llama_context_default_params()
        settings.n_seq_max, settings.kv_unified = sequences, True
        settings.n_ctx = tokens + WARMING
        settings.n_batch = settings.n_ubatch = PIECE
        settings.n_threads = settings.n_threads_batch = self.threads
        if kv_type is not None:
            settings.type_k = settings.type_v = kv_type
            settings.flash_attn_type = 1  # without it values cannot be quantized
        return llama_cpp.llama_init_from_model(self.model, settings)

    def decode(self, context, tokens):
        ids = (llama_cpp.llama_token * len(tokens))(*tokens)  # which the batch points to
        if llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(ids, len(tokens))) != 0:
            sys.exit("llama_decode failed")
        llama_cpp.llama_synchronize(context)

    def read(self, context, count):
        for begin in range(0, count, PIECE):
            self.decode(context, [1 + i % 100 for i in range(begin, min(begin + PIECE, count))])

    def write(self, context, count):
        for i in range(count):
            self.decode(context, [1 + i % 100])

    def timed(self, count, work):
        start = time.perf_counter()
        work()
        return count / (time.perf_counter() - start)

    # From an empty context, as `mica bench` and llama-bench have it.
    def empty(self, count, work):
        context = self.context(count)
        self.decode(context, [1] * WARMING)
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        speed = self.timed(count, lambda: work(context, count))
        llama_cpp.llama_free(context)
        return speed

    def prompt(self, count):
        return self.empty(count, self.read)

    def answer(self, count):
        return self.empty(count, self.write)

    # What is behind is one piece, read once and put there again and again: its speed is that of other tokens, and reading
    # so many would take hours. Copies come as sequences of their own, and then the first has them all.
    def behind(self, count):
        copies = -(-count // PIECE)
        context = self.context(copies * PIECE + BEHIND_ANSWER, llama_cpp.GGML_TYPE_Q8_0, copies)
        self.read(context, PIECE)
        state = (ctypes.c_uint8 * llama_cpp.llama_state_seq_get_size(context, 0))()
        if llama_cpp.llama_state_seq_get_data(context, state, len(state), 0) != len(state):
            sys.exit("llama_state_seq_get_data failed")
        memory = llama_cpp.llama_get_memory(context)
        for copy in range(1, copies):
            if llama_cpp.llama_state_seq_set_data(context, state, len(state), copy) == 0:
                sys.exit("llama_state_seq_set_data failed")
            llama_cpp.llama_memory_seq_cp(memory, copy, 0, -1, -1)
        self.decode(context, [1])
        speed = self.timed(BEHIND_ANSWER, lambda: self.write(context, BEHIND_ANSWER))
        llama_cpp.llama_free(context)
        return speed

    def picture(self, side):
        from llama_cpp import mtmd_cpp as mtmd

        mtmd.mtmd_log_set(self.quiet, ctypes.c_void_p(0))
        settings = mtmd.mtmd_context_params_default()
        settings.use_gpu, settings.n_threads, settings.warmup = False, self.threads, False
        tower = mtmd.mtmd_init_from_file(self.tower.encode(), self.model, settings)
        if not tower:
            sys.exit(f"{self.tower}: llama.cpp does not open it")
        self.encode(mtmd, tower, WARMING_SIDE)
        return self.encode(mtmd, tower, side)

    def encode(self, mtmd, tower, side):
        pixels = (ctypes.c_uint8 * (side * side * 3))(*(i * 7 % 251 for i in range(side * side * 3)))
        pictures = (mtmd.mtmd_bitmap_p_ctypes * 1)(mtmd.mtmd_bitmap_init(side, side, pixels))
        marker = mtmd.mtmd_default_marker()
        text = mtmd.mtmd_input_text(marker, len(marker), False, True)
        chunks = mtmd.mtmd_input_chunks_init()
        if mtmd.mtmd_tokenize(tower, chunks, ctypes.byref(text), pictures, 1) != 0:
            sys.exit("mtmd_tokenize failed")
        for index in range(mtmd.mtmd_input_chunks_size(chunks)):
            chunk = mtmd.mtmd_input_chunks_get(chunks, index)
            if mtmd.mtmd_input_chunk_get_type(chunk) == mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE:
                count = mtmd.mtmd_input_chunk_get_n_tokens(chunk)
                return self.timed(count, lambda: mtmd.mtmd_encode_chunk(tower, chunk))
        sys.exit("mtmd_tokenize made no picture")


def main():
    path, tower, threads, works = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
    start = time.perf_counter()
    run = Run(path, tower, threads)
    run.write(run.context(1), 1)
    found = {"start": time.perf_counter() - start}
    for work in works:
        name, number = work.split("=")
        found[work] = getattr(run, name)(int(number))
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(found))


main()
