// How well a model foretells a text, by llama.cpp's rule: what `mica perplexity` and checks of recorded values share.
// The rule stands at the end of that command's help. Not the reading of texts.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "handles.hpp"
#include "options.hpp"

namespace app {

struct Estimate {
  double sum = 0, sum_squares = 0;  // of negative log-likelihoods
  size_t tokens = 0;

  void add(double surprise) {
    sum += surprise;
    sum_squares += surprise * surprise;
    tokens++;
  }
  double mean() const { return sum / static_cast<double>(tokens); }
  double perplexity() const { return std::exp(mean()); }
  // One standard error of the mean, carried through exp to first order.
  double error() const;
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
  // options.context is the size of a chunk.
  Scorer(const Model& model, const Options& options);

  // The rule for one chunk: tokens of the second half are scored, all before them in the chunk are their context.
  // `tell`, if any, hears the share of the chunk that is done.
  void score(const std::vector<int32_t>& chunk, Estimate& estimate, const std::function<void(double)>& tell = {});

 private:
  void feed(const int32_t* ids, size_t count);

  Session session_;
  size_t vocabulary_;
  size_t rows_;
};

}  // namespace app
