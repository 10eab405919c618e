// The verdict of `mica quantize`: both files are opened as every command opens them, and read the same samples.
#include "quantize_verdict.hpp"

#include <algorithm>
#include <optional>

#include "context.hpp"
#include "conversation.hpp"
#include "foretelling.hpp"
#include "options.hpp"
#include "terminal.hpp"
#include "tokens.hpp"

namespace app {
namespace {

constexpr size_t kTokensMax = 512;  // of a text
constexpr size_t kTokensMin = 16;   // fewer say nothing
constexpr uint32_t kAnswerTokens = 48;

bool is_text(const mica::CalibrationSample& sample) { return sample.pictures.empty() && sample.prompt.empty(); }

void score_text(const Model& model, Scorer& scorer, const std::string& text, Scores& scores) {
  std::vector<int32_t> ids = tokenize(mica_model_tokenizer(model.get()), text, MICA_TOKENIZE_BEGIN);
  if (ids.size() < kTokensMin) return;
  ids.resize(std::min(ids.size(), kTokensMax));
  scorer.score(ids, scores);
}

// What the checkpoint answers, where nobody says what is right.
std::string answer_of(const Model& base, const std::vector<NamedPicture>& pictures, const std::string& prompt,
                      const mica_session_options& settings) {
  const Session session = create_session(base, settings);
  mica_sampling sampling = mica_sampling_default();
  sampling.temperature = 0;
  sampling.tokens_max = kAnswerTokens;
  std::string answer;
  add_question(base, session, pictures, prompt);
  generate(session, sampling, [&](std::string_view piece, int32_t) { answer += piece; });
  return answer;
}

void score_question(const Model& model, const Model& base, const mica::CalibrationSample& sample,
                    mica_session_options settings, Scores& scores) {
  std::vector<NamedPicture> pictures;
  for (const std::string& path : sample.pictures) pictures.push_back(open_picture(path));
  choose_context(model, pictures, sample.prompt + sample.answer, kAnswerTokens, &settings);
  const std::string answer =
      sample.answer.empty() ? answer_of(base, pictures, sample.prompt, settings) : sample.answer;
  const auto ask = [&](const Session& session) {
    add_question(model, session, pictures, sample.prompt);
    add_answer(model, session, answer);
  };
  Scorer scorer(model, base, settings);
  scorer.score_rows(ask, tokenize(mica_model_tokenizer(model.get()), answer, 0).size(), scores);
}

}  // namespace

Verdict judge(const std::string& checkpoint, const std::string& projector, const std::string& packed,
              const std::vector<mica::CalibrationSample>& samples, uint32_t threads) {
  Verdict verdict;
  if (samples.empty()) return verdict;
  Options options;
  options.model = packed;
  const Model model = open_model(options);
  if (mica_model_tokenizer(model.get()) == nullptr) return verdict;
  options.model = checkpoint;
  options.projector = projector;
  const Model base = open_model(options);
  options.threads = threads;
  options.context = kTokensMax;
  mica_session_options settings = session_options(options);
  std::optional<Scorer> texts;
  Scores scores;
  Progress progress("judging");
  for (const mica::CalibrationSample& sample : samples) {
    progress.update(static_cast<double>(verdict.samples) / static_cast<double>(samples.size()), "");
    if (sample.is_video || !sample.tokens.empty()) continue;
    if (is_text(sample)) {
      if (!texts) texts.emplace(model, base, settings);
      score_text(model, *texts, sample.answer, scores);
    } else {
      settings.context = 0;
      score_question(model, base, sample, settings, scores);
    }
    verdict.samples++;
  }
  progress.clear();
  if (scores.divergence.tokens == 0) return {};
  verdict.rows = scores.divergence.tokens;
  verdict.divergence = scores.divergence.mean();
  verdict.divergence_error = scores.divergence.mean_error();
  verdict.same_first = static_cast<double>(scores.same_first) / static_cast<double>(verdict.rows);
  if (scores.base.tokens == 0) return verdict;
  verdict.perplexity_before = scores.base.perplexity();
  verdict.perplexity_after = scores.own.perplexity();
  return verdict;
}

}  // namespace app
