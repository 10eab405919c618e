// How a checkpoint asks to be sampled, see generation_config.hpp.
#include "generation_config.hpp"

#include <algorithm>
#include <climits>
#include <string_view>
#include <utility>

#include "answer.hpp"
#include "json_document.hpp"
#include "limits.hpp"
#include "log.hpp"

namespace mica {
namespace {

constexpr const char* kName = "generation_config.json";

// What else changes an answer: the value that changes nothing, and mica has no other.
struct OtherRule {
  const char* name;
  double neutral;
};
constexpr OtherRule kOtherRules[] = {
    {"num_beams", 1},       {"num_beam_groups", 1}, {"typical_p", 1},
    {"epsilon_cutoff", 0},  {"eta_cutoff", 0},      {"encoder_repetition_penalty", 1},
    {"penalty_alpha", 0},   {"guidance_scale", 1},  {"no_repeat_ngram_size", 0},
    {"min_new_tokens", 0},  {"min_length", 0},      {"encoder_no_repeat_ngram_size", 0},
    {"top_h", 0},           {"diversity_penalty", 0}, {"num_return_sequences", 1},
};
// Null or empty where nothing is asked.
constexpr const char* kOtherWishes[] = {
    "bad_words_ids",       "suppress_tokens",     "begin_suppress_tokens",            "sequence_bias",
    "forced_bos_token_id", "forced_eos_token_id", "exponential_decay_length_penalty", "max_time",
    "watermarking_config", "token_healing",       "dola_layers",                      "force_words_ids",
    "constraints",
};
constexpr std::string_view kRead[] = {
    "do_sample",    "temperature",        "top_k",        "top_p",      "min_p",
    "eos_token_id", "repetition_penalty", "stop_strings", "max_length", "max_new_tokens"};
// Of how transformers computes, what it returns and other kinds of models: no answer of ours hangs on them.
constexpr std::string_view kNoEffect[] = {
    "_commit_hash", "_from_model_config", "assistant_confidence_threshold", "assistant_early_exit",
    "assistant_ensemble_weight", "assistant_lookbehind", "bos_token_id", "cache_config", "cache_implementation",
    "chat_format", "compile_config", "continuous_batching_config", "decoder_start_token_id", "disable_compile",
    "early_stopping", "is_assistant", "length_penalty", "low_memory", "max_cache_len", "max_matching_ngram_size",
    "max_window_size", "num_assistant_tokens", "num_assistant_tokens_schedule", "output_attentions",
    "output_hidden_states", "output_logits", "output_scores", "pad_token_id", "prefill_chunk_size",
    "prompt_lookup_num_tokens", "remove_invalid_values", "renormalize_logits", "return_dict_in_generate",
    "speculation_type", "target_lookbehind", "transformers_version", "trust_remote_code", "use_cache", "use_mtp"};

bool asks(JsonValue value) {
  bool yes = true;
  if (value.as_bool(&yes)) return yes;
  return value.is_set() && !((value.is_array() || value.is_object()) && value.size() == 0);
}

bool is_known(std::string_view name) {
  const auto among = [&](const auto& names) {
    return std::any_of(std::begin(names), std::end(names), [&](std::string_view known) { return known == name; });
  };
  return among(kRead) || among(kNoEffect) || among(kOtherWishes) ||
         std::any_of(std::begin(kOtherRules), std::end(kOtherRules),
                     [&](const OtherRule& rule) { return rule.name == name; });
}

void warn_of_others(JsonValue root, const char* path) {
  const auto warn = [&](const char* name) {
    log_message(LogLevel::warning, "%s/%s asks for %s, which mica does not do: answers may differ from those of the "
                "published program", path, kName, name);
  };
  for (const OtherRule& rule : kOtherRules) {
    const JsonValue said = root.find(rule.name);
    double value = rule.neutral;
    if (said.is_set() && (!said.as_double(&value) || value != rule.neutral)) warn(rule.name);
  }
  for (const char* name : kOtherWishes)
    if (asks(root.find(name))) warn(name);
  std::string unknown;
  for (JsonValue field : root)
    if (!is_known(field.key()) && asks(field)) unknown.append(unknown.empty() ? "" : ", ").append(field.key());
  if (!unknown.empty())
    log_message(LogLevel::warning, "%s/%s has what mica does not know (%.200s): answers may differ from those of the "
                "published program", path, kName, unknown.c_str());
}

// How long answers are is the caller's to say; a bound that the context sets anyway is not worth a word.
Status warn_of_lengths(JsonValue root, uint32_t context, const char* path) {
  for (const char* name : {"max_new_tokens", "max_length"}) {
    uint32_t tokens = context;
    MICA_TRY(get_u32_or(root, name, 0, UINT32_MAX, context, &tokens));
    if (tokens < context)
      log_message(LogLevel::warning, "%s/%s asks for %s %u, which is not used: -n bounds an answer (tokens_max in C)",
                  path, kName, name, tokens);
  }
  return Status::ok();
}

// One text, or a list.
void read_stops(JsonValue value, const char* path, std::vector<std::string>* out) {
  std::vector<std::string_view> texts;
  bool all = value.is_string() || value.is_array() || !value.is_set();
  std::string_view text;
  if (value.as_string(&text)) texts.push_back(text);
  for (JsonValue entry : value) {
    if (entry.as_string(&text)) texts.push_back(text);
    else all = false;
  }
  const Status status = all ? check_stops(texts) : value.error(Code::corrupt_file, "must be a text or a list of texts");
  if (status) out->assign(texts.begin(), texts.end());
  else
    log_message(LogLevel::warning, "%s/%s: stop_strings are not used, and answers go on behind them: %s", path, kName,
                status.message());
}

// One id, or a list.
void read_end_tokens(JsonValue value, const char* path, std::vector<int32_t>* out) {
  const auto take = [&](JsonValue each) {
    int64_t id = -1;
    const bool fits = each.as_i64(&id) && id >= 0 && id < INT32_MAX && out->size() < limits::kEndTokensMax;
    if (fits) out->push_back(static_cast<int32_t>(id));
    return fits;
  };
  bool all = true;
  if (value.is_array()) {
    for (JsonValue each : value) all = take(each) && all;
  } else if (value.is_set()) {
    all = take(value);
  }
  if (!all)
    log_message(LogLevel::warning, "%s/%s: eos_token_id has what is no token (or more than %zu): answers may go on "
                "where it asks to end them", path, kName, limits::kEndTokensMax);
}

Status read_sampling(JsonValue root, std::optional<Sampling>* out) {
  constexpr uint32_t kSampledTopK = 50;  // as transformers has it
  bool sample = false;
  double temperature = 0, top_p = 0, min_p = 0, penalty = 0;
  Sampling sampling;  // its filters stay where answers are greedy: for those who ask for another temperature
  MICA_TRY(get_bool_or(root, "do_sample", false, &sample));
  MICA_TRY(get_double_or(root, "temperature", 0, 100, 1, &temperature));
  MICA_TRY(get_u32_or(root, "top_k", 0, INT32_MAX, sample ? kSampledTopK : sampling.top_k, &sampling.top_k));
  MICA_TRY(get_double_or(root, "top_p", 0, 1, sample ? 1 : sampling.top_p, &top_p));
  MICA_TRY(get_double_or(root, "min_p", 0, 1, sample ? 0 : sampling.min_p, &min_p));
  MICA_TRY(get_double_or(root, "repetition_penalty", 0.01, 100, 1, &penalty));
  sampling.temperature = sample ? static_cast<float>(temperature) : 0.0f;
  sampling.top_p = static_cast<float>(top_p);
  sampling.min_p = static_cast<float>(min_p);
  sampling.repeat_penalty = static_cast<float>(penalty);
  sampling.repeat_last = limits::kContextMax;
  *out = sampling;
  return Status::ok();
}

}  // namespace

Status read_generation_config(const ModelFiles& files, uint32_t context, GenerationConfig* out) {
  Json json;
  // A file that is no JSON was never an obstacle to running a model; it says nothing then.
  if (const Status status = read_json_document(files, kName, &json); !status) {
    if (status.code() == Code::out_of_memory) return status;
    log_message(LogLevel::warning,
                "%s. It is not read, so answers are not sampled as it may ask, and may end at other tokens",
                status.message());
    return Status::ok();
  }
  const JsonValue root = json.root();
  if (root.is_absent()) return Status::ok();
  GenerationConfig config;
  MICA_TRY(read_sampling(root, &config.sampling));
  MICA_TRY(warn_of_lengths(root, context, files.path()));
  read_end_tokens(root.find("eos_token_id"), files.path(), &config.end_tokens);
  read_stops(root.find("stop_strings"), files.path(), &config.stop_texts);
  warn_of_others(root, files.path());
  *out = std::move(config);
  return Status::ok();
}

}  // namespace mica
