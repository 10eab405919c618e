// Foretelling, see foretelling.hpp.
#include "foretelling.hpp"

#include <algorithm>

#include "conversation.hpp"
#include "tokens.hpp"

namespace app {
namespace {

// Rows of logits kept at once take a row of floats for each word of the vocabulary; this bounds them.
constexpr size_t kLogitBytesMax = 64u << 20;
constexpr size_t kLogitRowsMax = 512;

// -log of the probability that the row gives to `token`.
double surprise(const float* logits, size_t vocabulary, int32_t token) {
  const double largest = *std::max_element(logits, logits + vocabulary);
  double sum = 0;
  for (size_t i = 0; i < vocabulary; i++) sum += std::exp(logits[i] - largest);
  return largest + std::log(sum) - logits[token];
}

}  // namespace

double Estimate::error() const {
  const double variance = sum_squares / static_cast<double>(tokens) - mean() * mean();
  return tokens < 2 ? 0 : std::sqrt(std::max(variance, 0.0) / static_cast<double>(tokens - 1)) * perplexity();
}

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

Scorer::Scorer(const Model& model, const Options& options) : vocabulary_(mica_model_vocabulary(model.get())) {
  const size_t fitting = kLogitBytesMax / (sizeof(float) * std::max<size_t>(vocabulary_, 1));
  mica_session_options settings = session_options(options);
  settings.logit_rows =
      static_cast<uint32_t>(std::clamp<size_t>(fitting, 1, std::min<size_t>(kLogitRowsMax, settings.context)));
  rows_ = settings.logit_rows;
  session_ = create_session(model, settings);
}

void Scorer::score(const std::vector<int32_t>& chunk, Estimate& estimate, const std::function<void(double)>& tell) {
  mica_session_clear(session_.get());
  const size_t size = chunk.size();
  const size_t first = size / 2;  // the first position whose row is used
  feed(chunk.data(), first);
  if (tell) tell(0.5);
  for (size_t begin = first; begin + 1 < size; begin += rows_) {
    const size_t count = std::min<size_t>(rows_, size - 1 - begin);
    feed(chunk.data() + begin, count);
    for (size_t i = 0; i < count; i++) {
      const float* logits = nullptr;
      mica_error error{};
      require(mica_session_logits(session_.get(), static_cast<uint32_t>(count - 1 - i), &logits, &error), error);
      estimate.add(surprise(logits, vocabulary_, chunk[begin + i + 1]));
    }
    if (tell) tell(static_cast<double>(begin + count) / static_cast<double>(size));
  }
}

void Scorer::feed(const int32_t* ids, size_t count) {
  mica_error error{};
  require(mica_session_add_tokens(session_.get(), ids, count, nullptr, 0, &error), error);
  require(mica_session_prefill(session_.get(), nullptr, nullptr, &error), error);
}

}  // namespace app
