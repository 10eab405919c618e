// Foretelling, see foretelling.hpp.
#include "foretelling.hpp"

#include <algorithm>

#include "conversation.hpp"
#include "log_sum.hpp"
#include "tokens.hpp"

namespace app {
namespace {

// Rows of logits kept at once take a row of floats for each word of the vocabulary; this bounds them.
constexpr size_t kLogitBytesMax = 64u << 20;
constexpr size_t kLogitRowsMax = 512;

constexpr int32_t kUnknown = -1;  // a token of which only the place is known

// sum of p (log p - log q), p of the base's row: what the model loses of what the base knows.
double divergence(std::span<const float> base, double base_sum, const float* logits, double sum) {
  double lost = 0;
  for (size_t i = 0; i < base.size(); i++) {
    const double log_p = base[i] - base_sum;
    lost += std::exp(log_p) * (log_p - (logits[i] - sum));
  }
  return lost;
}

void prefill_silently(const Session& session) {
  mica_error error{};
  require(mica_session_prefill(session.get(), nullptr, nullptr, &error), error);
}

}  // namespace

Chunks::Chunks(const mica_tokenizer* tokenizer, const std::string& text, size_t tokens)
    : ids(tokenize(tokenizer, text, MICA_TOKENIZE_BEGIN)),
      begin(tokenize(tokenizer, "", MICA_TOKENIZE_BEGIN)),
      size(tokens) {}

std::vector<int32_t> Chunks::at(size_t chunk) const {
  const auto first = ids.begin() + static_cast<ptrdiff_t>(chunk * size);
  std::vector<int32_t> tokens(first, first + static_cast<ptrdiff_t>(size));
  std::copy(begin.begin(), begin.end(), tokens.begin());
  return tokens;
}

Scorer::Scorer(const Model& model, const Model& base, mica_session_options settings)
    : vocabulary_(mica_model_vocabulary(model.get())) {
  const size_t fitting = kLogitBytesMax / (sizeof(float) * std::max<size_t>(vocabulary_, 1));
  const size_t context = settings.context == 0 ? kLogitRowsMax : settings.context;  // 0: as the library chooses
  rows_ = static_cast<uint32_t>(std::clamp<size_t>(fitting, 1, std::min(kLogitRowsMax, context)));
  settings.logit_rows = rows_;
  model_ = create_session(model, settings);
  if (base) base_ = create_session(base, settings);
}

void Scorer::score(std::span<const int32_t> chunk, Scores& scores, const std::function<void(double)>& tell) {
  mica_session_clear(model_.get());
  if (base_) mica_session_clear(base_.get());
  const size_t size = chunk.size();
  const size_t first = size / 2;  // the first position whose row is used
  feed(chunk.data(), first);
  if (tell) tell(0.5);
  for (size_t begin = first; begin + 1 < size; begin += rows_) {
    const size_t count = std::min<size_t>(rows_, size - 1 - begin);
    feed(chunk.data() + begin, count);
    for (size_t i = 0; i < count; i++) compare(count - 1 - i, chunk[begin + i + 1], scores);
    if (tell) tell(static_cast<double>(begin + count) / static_cast<double>(size));
  }
}

void Scorer::score_rows(const std::function<void(const Session&)>& ask, size_t answer, Scores& scores) {
  for (const Session* session : {&model_, &base_}) {
    mica_session_clear(session->get());
    ask(*session);
    prefill_silently(*session);
  }
  // The last row of the answer foretells what is not there.
  const size_t count = std::min<size_t>(rows_, answer + 1);
  for (size_t back = answer > 0 ? 1 : 0; back < count; back++) compare(back, kUnknown, scores);
}

void Scorer::feed(const int32_t* ids, size_t count) {
  for (const Session* session : {&model_, &base_}) {
    if (*session == nullptr) continue;
    mica_error error{};
    require(mica_session_add_tokens(session->get(), ids, count, nullptr, 0, &error), error);
    prefill_silently(*session);
  }
}

const float* Scorer::logits(const Session& session, size_t back) const {
  const float* row = nullptr;
  mica_error error{};
  require(mica_session_logits(session.get(), static_cast<uint32_t>(back), &row, &error), error);
  return row;
}

void Scorer::compare(size_t back, int32_t token, Scores& scores) const {
  const std::span<const float> row(logits(model_, back), vocabulary_);
  const double sum = log_sum(row);
  if (token != kUnknown) scores.own.add(sum - row[static_cast<size_t>(token)]);
  if (!base_) return;
  const std::span<const float> base(logits(base_, back), vocabulary_);
  const double base_sum = log_sum(base);
  scores.divergence.add(divergence(base, base_sum, row.data(), sum));
  const auto first = [](std::span<const float> from) {
    return std::max_element(from.begin(), from.end()) - from.begin();
  };
  if (first(row) == first(base)) scores.same_first++;
  if (token == kUnknown) return;
  const double surprise = sum - row[static_cast<size_t>(token)];
  const double base_surprise = base_sum - base[static_cast<size_t>(token)];
  scores.base.add(base_surprise);
  scores.rise.add(surprise - base_surprise);
}

}  // namespace app
