// Fields of config.json that transformers and the tools around it write and that have no effect on what a model answers:
// notes, ids of tokens that a prompt names itself, what only training or transformers' own sampling reads. Data only.
#include "tables.hpp"

namespace mica {
namespace {

constexpr const char* kNames[] = {
    // where it comes from
    "_name_or_path", "_commit_hash", "name_or_path", "base_model_name_or_path", "transformers_version", "unsloth_*",
    "transformers.js_config", "model_name", "is_llama_config", "auto_map",
    // storage and execution; how weights are quantized is read where they are (engine/quantization_config.hpp)
    "quantization_config", "compression_config", "quantization", "quip_params",
    "dtype", "torch_dtype", "_attn_implementation*", "attn_implementation", "use_cache", "torchscript", "use_bfloat16",
    "tf_legacy_loss", "return_dict", "return_dict_in_generate", "output_attentions", "output_hidden_states",
    "output_scores", "chunk_size_feed_forward",
    "cache_implementation",
    "pretraining_tp",  // splits products into parts whose sum is the same
    // training
    "initializer_range", "initializer_factor", "layer_scale_init_value", "*dropout*", "use_mask_token", "ignore_index",
    "tie_encoder_decoder", "is_decoder", "cross_attention_hidden_size", "finetuning_task", "problem_type", "id2label",
    "label2id", "num_labels", "task_specific_params", "use_reentrant_checkpointing",
    "debug", "ep_size", "micro_forward", "skip_checkpoint", "use_deepep",  // of InternVL 3.5
    // tokens: prompts name them by their text, and the tokenizer's file says which begin a text
    "bos_token_id", "pad_token_id", "_pad_token_id", "sep_token_id", "unk_token_id", "decoder_start_token_id",
    "video_token_id",
    "vision_start_token_id", "vision_end_token_id", "vision_token_id", "image_seq_length", "video_seq_length",
    "tokenizer_class", "prefix",
    // sampling as transformers' generate would do it
    "max_length", "min_length", "max_new_tokens", "do_sample", "early_stopping", "num_beams", "num_beam_groups",
    "diversity_penalty", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty",
    "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences",
    "remove_invalid_values", "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens",
    "forced_bos_token_id", "forced_eos_token_id",
};

}  // namespace

constinit const std::span<const char* const> kFieldsWithoutEffect = kNames;

}  // namespace mica
