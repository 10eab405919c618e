// How well a model foretells a text, by llama.cpp's rule, and what it loses of another one's probabilities: what `mica
// perplexity`, checks of recorded values and the verdict on a packed file share.
// The rule stands at the end of that command's help. Not the reading of texts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "handles.hpp"

namespace app {

struct Estimate {
  double sum = 0, sum_squares = 0;  // of negative log-likelihoods, or of what two models differ by
  size_t tokens = 0;

  void add(double surprise) {
    sum += surprise;
    sum_squares += surprise * surprise;
    tokens++;
  }
  double mean() const { return sum / static_cast<double>(tokens); }
  double mean_error() const {  // one standard error
    const double variance = sum_squares / static_cast<double>(tokens) - mean() * mean();
    return tokens < 2 ? 0 : std::sqrt(std::max(variance, 0.0) / static_cast<double>(tokens - 1));
  }
  double perplexity() const { return std::exp(mean()); }
  double error() const { return mean_error() * perplexity(); }  // carried through exp to first order
};

// The model's surprise and, beside a base, that one's, the difference of both, the divergence of the model's
// probabilities from the base's, and how often both have the same token first.
struct Scores {
  Estimate own, base, rise, divergence;
  size_t same_first = 0;

  // Paired: what makes a text hard is the same for both and leaves the error.
  double perplexity_rise() const { return std::exp(rise.mean()) - 1; }
  double perplexity_rise_error() const { return rise.mean_error() * (1 + perplexity_rise()); }
};

// A text's tokens in chunks of `tokens`. What the tokenizer sets before a text stands before each.
struct Chunks {
  std::vector<int32_t> ids, begin;
  size_t size;

  Chunks(const mica_tokenizer* tokenizer, const std::string& text, size_t tokens);
  size_t count() const { return ids.size() / size; }
  std::vector<int32_t> at(size_t chunk) const;
};

class Scorer {
 public:
  // `base` may be null; both have one vocabulary. `settings` but for the rows of logits, which are chosen by it.
  Scorer(const Model& model, const Model& base, mica_session_options settings);

  // The rule for one chunk: tokens of the second half are scored, all before them in the chunk are their context.
  // `tell`, if any, hears the share of the chunk that is done.
  void score(std::span<const int32_t> chunk, Scores& scores, const std::function<void(double)>& tell = {});
  // Behind what `ask` adds to a session: the rows that foretell an answer of so many tokens, which `ask` adds too.
  // Nothing is known of the tokens themselves, so only both models' probabilities are compared.
  void score_rows(const std::function<void(const Session&)>& ask, size_t answer, Scores& scores);

 private:
  void feed(const int32_t* ids, size_t count);
  const float* logits(const Session& session, size_t back) const;
  void compare(size_t back, int32_t token, Scores& scores) const;

  size_t vocabulary_;
  uint32_t rows_;
  Session model_, base_;
};

}  // namespace app
