// Reading of the step lists: one function a type of step. Sequences are flattened; they nest no deeper than JSON may.
#include "tokenizer_json_steps.hpp"

#include <cstdio>
#include <string>

#include "limits.hpp"
#include "tokenizer_known.hpp"
#include "tokenizer_parts.hpp"
#include "utf8.hpp"

namespace mica {

namespace {

// Calls read_one(step, type, out) for a step, or for each step of a Sequence, whose list is called `list_key`.
template <class Steps, class ReadOne>
Status read_steps(JsonValue value, std::string_view list_key, ReadOne read_one, Steps* out) {
  if (!value.is_set()) return Status::ok();
  std::string_view type;
  MICA_TRY(get_string(value, "type", &type));
  if (type != "Sequence") {
    MICA_TRY(read_one(value, type, out));
    if (out->steps() <= limits::kTokenizerStepsMax) return Status::ok();
    return value.error(Code::limit_exceeded, "is one step too many");
  }
  JsonValue list;
  MICA_TRY(get_array(value, list_key, 0, limits::kTokenizerStepsMax, &list));
  for (JsonValue step : list) MICA_TRY(read_steps(step, list_key, read_one, out));
  return Status::ok();
}

// {"String": text} or {"Regex": expression}.
Status read_pattern(JsonValue step, Pattern* out, std::string_view* expression) {
  JsonValue pattern;
  MICA_TRY(get_object(step, "pattern", &pattern));
  if (pattern.find("String").is_set()) {
    MICA_TRY(get_string(pattern, "String", expression));
    if (expression->empty()) return pattern.error(Code::unsupported, "is an empty pattern", "String");
    *out = Pattern::literal(*expression);
    return Status::ok();
  }
  MICA_TRY(get_string(pattern, "Regex", expression));
  const Status status = Pattern::compile(*expression, out);
  return status ? status : pattern.error(status.code(), status.message(), "Regex");
}

Status read_character(JsonValue step, std::string_view key, std::string_view fallback, std::string* out) {
  std::string_view text;
  MICA_TRY(get_string_or(step, key, fallback, &text));
  size_t end = 0;
  if (!text.empty()) utf8_next(text, &end);
  if (text.empty() || end != text.size()) return step.error(Code::corrupt_file, "must be one character", key);
  *out = text;
  return Status::ok();
}

// A text that is put in, once for each match at the most.
Status read_content(JsonValue step, std::string_view key, std::string* out) {
  std::string_view text;
  MICA_TRY(get_string(step, key, &text));
  if (text.size() > limits::kTokenBytesMax) return step.error(Code::limit_exceeded, "is too long", key);
  *out = text;
  return Status::ok();
}

// --- normalizer ------------------------------------------------------------------------------------------------------

bool is_normal_form(std::string_view type, NormalForm* form) {
  if (type == "NFC") *form = NormalForm::nfc;
  else if (type == "NFD") *form = NormalForm::nfd;
  else if (type == "NFKC") *form = NormalForm::nfkc;
  else if (type == "NFKD") *form = NormalForm::nfkd;
  else return false;
  return true;
}

Status read_normalize_step(JsonValue value, std::string_view type, Normalizer* out) {
  NormalizeStep step;
  if (is_normal_form(type, &step.form)) {
    step.kind = NormalizeStep::Kind::form;
  } else if (type == "Lowercase") {
    step.kind = NormalizeStep::Kind::lowercase;
  } else if (type == "StripAccents") {
    step.kind = NormalizeStep::Kind::strip_accents;
  } else if (type == "Strip") {
    step.kind = NormalizeStep::Kind::strip;
    MICA_TRY(get_bool(value, "strip_left", &step.left));
    MICA_TRY(get_bool(value, "strip_right", &step.right));
  } else if (type == "Prepend") {
    step.kind = NormalizeStep::Kind::prepend;
    MICA_TRY(read_content(value, "prepend", &step.content));
  } else if (type == "Replace") {
    std::string_view expression;
    step.kind = NormalizeStep::Kind::replace;
    MICA_TRY(read_pattern(value, &step.pattern, &expression));
    MICA_TRY(read_content(value, "content", &step.content));
  } else {
    return unsupported_type(value, type);
  }
  out->add(std::move(step));
  return Status::ok();
}

// --- pre-tokenizer ---------------------------------------------------------------------------------------------------

struct BehaviorName {
  std::string_view name;
  SplitBehavior behavior;
};
constexpr BehaviorName kBehaviors[] = {{"Isolated", SplitBehavior::isolated},
                                       {"Removed", SplitBehavior::removed},
                                       {"MergedWithPrevious", SplitBehavior::merged_with_previous},
                                       {"MergedWithNext", SplitBehavior::merged_with_next},
                                       {"Contiguous", SplitBehavior::contiguous}};

Status read_behavior(JsonValue step, std::string_view fallback, SplitBehavior* out) {
  std::string_view name;
  MICA_TRY(get_string_or(step, "behavior", fallback, &name));
  for (const BehaviorName& known : kBehaviors) {
    if (known.name != name) continue;
    *out = known.behavior;
    return Status::ok();
  }
  return step.error(Code::unsupported, "is no behavior that mica knows", "behavior");
}

Status read_split(JsonValue value, PreTokenizer* out, bool* implies_nfc) {
  PreTokenizeStep step;
  std::string_view expression;
  MICA_TRY(read_pattern(value, &step.pattern, &expression));
  MICA_TRY(read_behavior(value, {}, &step.behavior));
  MICA_TRY(get_bool_or(value, "invert", false, &step.invert));
  *implies_nfc = *implies_nfc || pattern_implies_nfc(expression);
  out->add(std::move(step));
  return Status::ok();
}

Status read_byte_level(JsonValue value, PreTokenizer* out) {
  bool add_prefix_space = true, use_regex = true;
  MICA_TRY(get_bool(value, "add_prefix_space", &add_prefix_space));
  MICA_TRY(get_bool_or(value, "use_regex", true, &use_regex));
  if (add_prefix_space) out->add_prefix(" ", PreTokenizeStep::Prefix::always);
  if (use_regex) MICA_TRY(out->add_split(gpt2_pattern(), SplitBehavior::isolated));
  out->add_byte_level();
  return Status::ok();
}

Status read_metaspace(JsonValue value, PreTokenizer* out) {
  std::string replacement;
  std::string_view scheme;
  bool add_prefix_space = true, splits = true;
  MICA_TRY(read_character(value, "replacement", {}, &replacement));
  MICA_TRY(get_bool_or(value, "add_prefix_space", true, &add_prefix_space));
  MICA_TRY(get_string_or(value, "prepend_scheme", add_prefix_space ? "always" : "never", &scheme));
  MICA_TRY(get_bool_or(value, "split", true, &splits));
  PreTokenizeStep replace;
  replace.kind = PreTokenizeStep::Kind::replace;
  replace.pattern = Pattern::literal(" ");
  replace.content = replacement;
  out->add(std::move(replace));
  if (scheme == "always" || scheme == "first") {
    out->add_prefix(replacement, scheme == "always" ? PreTokenizeStep::Prefix::always : PreTokenizeStep::Prefix::first);
  } else if (scheme != "never") {
    return value.error(Code::unsupported, "must be always, first or never", "prepend_scheme");
  }
  if (!splits) return Status::ok();
  PreTokenizeStep split;
  split.pattern = Pattern::literal(replacement);
  split.behavior = SplitBehavior::merged_with_next;
  out->add(std::move(split));
  return Status::ok();
}

// The pre-tokenizers that are splits at patterns of tokenizers' own. Words are those of Rust's regular expressions.
Status read_named_split(JsonValue value, std::string_view type, PreTokenizer* out) {
  if (type == "WhitespaceSplit") return out->add_split(R"(\s)", SplitBehavior::removed);
  if (type == "Whitespace") {
    return out->add_split(
        R"([^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200C\u200D\s]+|[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200C\u200D]+)",
        SplitBehavior::removed, /*invert=*/true);
  }
  if (type == "Punctuation") {
    SplitBehavior behavior = SplitBehavior::isolated;
    MICA_TRY(read_behavior(value, "Isolated", &behavior));
    return out->add_split(R"([!-/:-@\[-`{-~\p{P}])", behavior);
  }
  if (type == "Digits") {
    bool individual = false;
    MICA_TRY(get_bool(value, "individual_digits", &individual));
    return out->add_split(R"(\p{N})", individual ? SplitBehavior::isolated : SplitBehavior::contiguous);
  }
  if (type == "CharDelimiterSplit") {
    PreTokenizeStep split;
    std::string delimiter;
    MICA_TRY(read_character(value, "delimiter", {}, &delimiter));
    split.pattern = Pattern::literal(delimiter);
    split.behavior = SplitBehavior::removed;
    out->add(std::move(split));
    return Status::ok();
  }
  return unsupported_type(value, type);
}

// --- decoder ---------------------------------------------------------------------------------------------------------

Status read_decode_step(JsonValue value, std::string_view type, Decoder* out) {
  DecodeStep step;
  std::string_view expression;
  if (type == "ByteLevel") {
    step.kind = DecodeStep::Kind::byte_level;
  } else if (type == "ByteFallback") {
    step.kind = DecodeStep::Kind::byte_fallback;
  } else if (type == "Fuse") {
    step.kind = DecodeStep::Kind::fuse;
  } else if (type == "Replace") {
    step.kind = DecodeStep::Kind::replace;
    MICA_TRY(read_pattern(value, &step.pattern, &expression));
    MICA_TRY(read_content(value, "content", &step.content));
  } else if (type == "Strip") {
    uint32_t start = 0, stop = 0;
    step.kind = DecodeStep::Kind::strip;
    MICA_TRY(read_character(value, "content", {}, &step.content));
    MICA_TRY(get_u32(value, "start", 0, UINT32_MAX, &start));
    MICA_TRY(get_u32(value, "stop", 0, UINT32_MAX, &stop));
    step.start = start;
    step.stop = stop;
  } else if (type == "Metaspace") {
    std::string replacement;
    std::string_view scheme;
    step.kind = DecodeStep::Kind::replace;
    step.content = " ";
    MICA_TRY(read_character(value, "replacement", {}, &replacement));
    MICA_TRY(get_string_or(value, "prepend_scheme", "always", &scheme));
    MICA_TRY(get_bool_or(value, "add_prefix_space", scheme != "never", &step.drop_first));
    step.pattern = Pattern::literal(replacement);
  } else {
    return unsupported_type(value, type);
  }
  out->add(std::move(step));
  return Status::ok();
}

}  // namespace

Status unsupported_type(JsonValue value, std::string_view type) {
  type = type.substr(0, 64);
  type = type.substr(0, utf8_invalid_at(type));  // the cut may go through a character
  char what[128];
  snprintf(what, sizeof what, "\"%.*s\" is not supported", static_cast<int>(type.size()), type.data());
  return value.error(Code::unsupported, what, "type");
}

Status read_normalizer(JsonValue value, Normalizer* out) {
  return read_steps(value, "normalizers", read_normalize_step, out);
}

Status read_pre_tokenizer(JsonValue value, PreTokenizer* out, bool* implies_nfc) {
  const auto read_one = [&](JsonValue step, std::string_view type, PreTokenizer* to) {
    if (type == "Split") return read_split(step, to, implies_nfc);
    if (type == "ByteLevel") return read_byte_level(step, to);
    if (type == "Metaspace") return read_metaspace(step, to);
    return read_named_split(step, type, to);
  };
  return read_steps(value, "pretokenizers", read_one, out);
}

Status read_decoder(JsonValue value, Decoder* out) {
  if (!value.is_set()) {  // then the tokens stand with spaces between them
    DecodeStep step;
    step.kind = DecodeStep::Kind::join;
    step.content = " ";
    out->add(std::move(step));
  }
  return read_steps(value, "decoders", read_decode_step, out);
}

}  // namespace mica
