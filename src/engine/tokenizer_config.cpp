// tokenizer_config.json beside tokenizer.json, see tokenizer_config.hpp.
#include "tokenizer_config.hpp"

#include <charconv>
#include <string>

#include "json_document.hpp"
#include "log.hpp"

namespace mica {
namespace {

constexpr const char* kName = "tokenizer_config.json";

// As text or as {"content": ...}; empty for others.
std::string_view content_of(JsonValue value) {
  std::string_view text;
  (value.is_object() ? value.find("content") : value).as_string(&text);
  return text;
}

Status check_ends(JsonValue root, const TextTokens& around, const char* path) {
  const struct {
    const char* field;
    bool has;
    const char* where;
  } kEnds[] = {
      {"add_bos_token", !around.before.empty(), "before"},
      {"add_eos_token", !around.after.empty(), "behind"},
  };
  for (const auto& end : kEnds) {
    bool wanted = end.has;
    MICA_TRY(get_bool_or(root, end.field, end.has, &wanted).in(path));
    if (wanted == end.has) continue;
    log_message(LogLevel::warning,
                "%s/%s says %s %s, but the post_processor of tokenizer.json sets %s %s a text, which counts, as in "
                "transformers 5; make the two agree if the model was trained otherwise",
                path, kName, end.field, wanted ? "true" : "false", end.has ? "a token" : "none", end.where);
  }
  return Status::ok();
}

class Differences {
 public:
  void add(std::string_view token) {
    constexpr size_t kShown = 3;
    if (count_++ < kShown) names_.append(names_.empty() ? "" : ", ").append(token);
    else if (count_ == kShown + 1) names_ += ", ...";
  }
  size_t count() const { return count_; }
  const char* names() const { return names_.c_str(); }

 private:
  size_t count_ = 0;
  std::string names_;
};

// Tokens that the config has by other ids or kinds than tokenizer.json, or alone.
void check_tokens(JsonValue root, const Tokenizer& tokenizer, const char* path) {
  Differences differences;
  for (JsonValue entry : root.find("added_tokens_decoder")) {
    const std::string_view content = content_of(entry), key = entry.key();
    int32_t id = -1;
    std::from_chars(key.data(), key.data() + key.size(), id);
    bool special = false;
    entry.find("special").as_bool(&special);
    const bool same = tokenizer.id_of(content) == id && id >= 0 && (!special || tokenizer.is_special(id));
    if (!same) differences.add(content);
  }
  for (const char* list : {"extra_special_tokens", "additional_special_tokens"})
    for (JsonValue entry : root.find(list)) {
      const std::string_view content = content_of(entry);
      if (!content.empty() && tokenizer.id_of(content) < 0) differences.add(content);
    }
  if (differences.count() == 0) return;
  log_message(
      LogLevel::warning,
      "%s/%s has %zu tokens otherwise than tokenizer.json, which counts (%s): texts with them are read otherwise "
      "than it says; fetch both files again if they are not of one model",
      path, kName, differences.count(), differences.names());
}

}  // namespace

Status check_tokenizer_config(const ModelFiles& files, const Tokenizer& tokenizer) {
  if (files.kind() == ModelFiles::Kind::gguf) return Status::ok();
  Json json;
  MICA_TRY(read_json_document(files, kName, &json));
  MICA_TRY(check_ends(json.root(), tokenizer.around_text(), files.path()));
  check_tokens(json.root(), tokenizer, files.path());
  bool split = false;
  MICA_TRY(get_bool_or(json.root(), "split_special_tokens", false, &split).in(files.path()));
  if (split)
    log_message(LogLevel::warning,
                "%s/%s asks for split_special_tokens, which mica does not do: control tokens of templates stay tokens, "
                "and what a person types is never one",
                files.path(), kName);
  return Status::ok();
}

}  // namespace mica
