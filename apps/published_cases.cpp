// Comparing with recorded answers, see published_cases.hpp.
#include "published_cases.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "conversation.hpp"
#include "files.hpp"
#include "foretelling.hpp"
#include "json_files.hpp"
#include "tokens.hpp"

namespace app {
namespace {

namespace fs = std::filesystem;

int32_t greatest_logit(const Session& session, size_t vocabulary) {
  const float* logits = nullptr;
  mica_error error{};
  require(mica_session_logits(session.get(), 0, &logits, &error), error);
  return static_cast<int32_t>(std::max_element(logits, logits + vocabulary) - logits);
}

void compare_prompt(const Model& model, const Session& session, const nlohmann::json& prompt, const std::string& path,
                    PublishedDifference& difference) {
  auto ids = json_field<std::vector<int32_t>>(prompt, "prompt_ids", path);
  const auto greedy = json_field<std::vector<int32_t>>(prompt, "greedy", path);
  const auto gaps = json_field<std::vector<double>>(prompt, "gap", path);
  if (gaps.size() != greedy.size()) throw Failure(path + ": gap has not one for each of greedy", MICA_CORRUPT_FILE);
  const auto text = json_field<std::string>(prompt, "text", path);
  // Prompts of models that chat are written with their control tokens.
  constexpr int kFlags = MICA_TOKENIZE_SPECIAL | MICA_TOKENIZE_BEGIN;
  difference.prompts++;
  difference.prompts_equal += tokenize(mica_model_tokenizer(model.get()), text, kFlags) == ids ? 1 : 0;
  mica_session_clear(session.get());
  for (size_t i = 0; i < greedy.size(); i++) {
    mica_error error{};
    require(mica_session_add_tokens(session.get(), ids.data(), ids.size(), nullptr, 0, &error), error);
    require(mica_session_prefill(session.get(), nullptr, nullptr, &error), error);
    const bool equal = greatest_logit(session, mica_model_vocabulary(model.get())) == greedy[i];
    difference.greedy++;
    difference.greedy_equal += equal ? 1 : 0;
    if (!equal) difference.gap = std::max(difference.gap, gaps[i]);
    ids = {greedy[i]};
  }
}

}  // namespace

bool is_published_case(const std::string& path) {
  const nlohmann::json document = read_json(path);
  return document.is_object() && document.contains("prompts") && document.contains("chunk_nll_sum");
}

std::string published_file(const std::string& path, const std::string& folder) {
  const fs::path name = fs::path(path).stem().string() + ".gguf";
  for (const fs::path& place : {fs::path(folder), fs::path(path).parent_path()})
    if (fs::exists(place / name)) return (place / name).string();
  return {};
}

PublishedDifference compare_published(const std::string& path, Options options) {
  const nlohmann::json document = read_json(path);
  PublishedDifference difference;
  const Model model = open_model(options);
  options.context = json_field<uint32_t>(document, "context", path);
  const Session session = create_session(model, session_options(options));
  for (const nlohmann::json& prompt : json_field<nlohmann::json>(document, "prompts", path))
    compare_prompt(model, session, prompt, path, difference);
  const fs::path text = fs::path(path).parent_path() / json_field<std::string>(document, "text", path);
  const Chunks chunks(mica_model_tokenizer(model.get()), read_text(text.string()), options.context);
  const size_t recorded = json_field<size_t>(document, "chunks_float", path);
  if (chunks.ids.size() != json_field<size_t>(document, "text_tokens", path) || chunks.count() < recorded)
    throw Failure(text.string() + " has " + std::to_string(chunks.ids.size()) + " tokens, which " + path +
                      " does not say",
                  MICA_CORRUPT_FILE);
  Scorer scorer(model, {}, session_options(options));
  Scores scores;
  for (size_t i = 0; i < recorded; i++) scorer.score(chunks.at(i), scores);
  difference.perplexity = scores.own.perplexity();
  difference.recorded = json_field<double>(document, "perplexity_float", path);
  return difference;
}

}  // namespace app
