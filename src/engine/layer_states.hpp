// LayerStates: what layers keep of a sequence that mix its rows by a state and not by attention. Beside the KV cache,
// but of one size however long the sequence is, so that going back needs a copy: the state when the sequence was last
// settled, and that of the rows behind it.
#pragma once

#include <cstddef>
#include <vector>

#include "arena.hpp"
#include "model_spec.hpp"

namespace mica {

// A layer's state is that of its convolution (ops/short_convolution.hpp), and behind it that of the delta rule.
size_t convolution_floats(const DecoderSpec& decoder, LayerKind kind);
size_t state_floats(const DecoderSpec& decoder, LayerKind kind);

class LayerStates {
 public:
  // Takes its memory from the arena; nothing was seen yet then.
  void plan(const DecoderSpec& decoder, Arena* arena);

  // Where a layer finds its state, and where it leaves the one behind the rows of a chunk; null: it has none.
  struct Place {
    const float* before = nullptr;
    float* after = nullptr;
  };
  Place place(size_t layer) const;
  // Every layer has left its state behind a chunk.
  void advance() { ahead_ = true; }
  // What was computed stays.
  void settle();
  // As it was when it was last settled.
  void take_back() { ahead_ = false; }
  // As if nothing had been seen.
  void clear();

  // All that another one of the same decoder holds.
  void take_over(const LayerStates& other);

  // The state behind all rows, for saving and restoring.
  struct Region {
    float* memory;
    size_t floats;
  };
  Region region(size_t layer) const;

 private:
  struct Layer {
    size_t floats = 0;
    float* states[2] = {nullptr, nullptr};
  };
  std::vector<Layer> layers_;
  size_t settled_ = 0;  // which of the two was settled
  bool ahead_ = false;  // the other one is of rows behind it
};

}  // namespace mica
