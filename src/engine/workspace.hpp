// Workspace: all memory and threads that computing needs beside what sequences keep. Large, and one is enough for each
// thread that computes, however many sequences it serves. Between two calls it holds nothing but the picture that is on
// its way through the tower, and what is gathered of those of a chunk: has_turn(). Not what is done with it: batch.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "arena.hpp"
#include "compute.hpp"
#include "decoder.hpp"
#include "model.hpp"
#include "sampler.hpp"
#include "session_options.hpp"
#include "status.hpp"
#include "thread_pool.hpp"
#include "vision.hpp"

namespace mica {

// The pieces of a workspace; those of the rows of a batch are in the order of computation.
struct WorkBuffers {
  Compute compute;
  Decoder decoder;
  Vision vision;
  Sampler sampler;

  uint32_t* order = nullptr;      // [batch]: place of each row, from the batch's first token
  int32_t* tokens = nullptr;      // [batch]
  uint32_t* positions = nullptr;  // [batch][3]
  uint32_t* in_order = nullptr;   // [batch]: its inverse
  RowSight sight;                 // [batch]
  uint32_t* spans = nullptr;           // [batch]: tokens of each span of its visual rows
  uint32_t* rows_wanted = nullptr;     // [batch]: rows whose logits are kept
  DecoderPart* parts = nullptr;        // [sequences]
  float* logits = nullptr;             // [sequences][vocabulary], where there are several
  float* logits_before = nullptr;      // [vocabulary]: a sequence's newest before a prefill that may fail later

  bool weights_are_packed = false;     // all of the decoder's layers: products of rows are those of each by itself

  PixelRoom pixel_room;
  float* picture_rows = nullptr;  // [picture_rows_max][hidden], as Vision::run writes them
  float* chunk_rows = nullptr;    // [batch][hidden], of the pictures in a chunk, in the text's order; then its stream
  float* tap_rows = nullptr;      // [batch][taps][hidden], of the visual rows of a batch
  float* pixels = nullptr;
  uint8_t* pixel_scratch = nullptr;
};

class Workspace {
 public:
  // The bytes that it needs, with resolved options.
  static Status size(const Model& model, const SessionOptions& options, size_t* bytes);
  // In `buffer` (64-byte aligned, kept by the caller), with threads of its own.
  static Status create(const Model& model, const SessionOptions& options, void* buffer, size_t bytes,
                       std::unique_ptr<Workspace>* out);

  // The same as part of a larger plan: takes the pieces, which a workspace then adopts. It may adopt larger ones later.
  static void plan(const Model& model, const SessionOptions& options, Arena* arena, WorkBuffers* out);
  explicit Workspace(const Model& model) : model_(model) {}
  void adopt(SessionOptions&& options, const WorkBuffers& buffers);
  // Here, and not when they are first needed: what a workspace begins with, it keeps.
  void make_threads();
  // Pictures are one sequence's at a time: they stay from call to call while nobody else takes the turn.
  uint64_t take_turn() { return ++turn_; }
  bool has_turn(uint64_t turn) const { return turn == turn_; }
  // Threads of the next calls: for one token of each sequence, or for more.
  void use_threads(bool decodes) { pool_.use(decodes ? options_.threads : options_.threads_batch); }

  const Model& model() const { return model_; }
  const SessionOptions& options() const { return options_; }
  WorkBuffers& buffers() { return buffers_; }
  const WorkBuffers& buffers() const { return buffers_; }
  size_t bytes() const { return bytes_; }
  Status check_guards() const;

 private:
  const Model& model_;
  SessionOptions options_;
  size_t bytes_ = 0;  // of an own buffer
  ArenaGuards guards_;
  ThreadPool pool_;
  WorkBuffers buffers_;
  uint64_t turn_ = 0;
};

// Fails with internal when something was written behind a piece of memory that they stand behind.
Status check_guards(const ArenaGuards& guards);
// The bytes that plan(&arena) takes with these options. Errors: limit_exceeded. `what`: for the message.
template <class Plan>
Status measure_plan(const char* what, const SessionOptions& options, const Plan& plan, size_t* bytes) {
  ArenaGuards guards;
  Arena arena;
  if (options.guarded) arena.guard_with(&guards);
  plan(&arena);
  if (arena.failed())
    return Status::error(Code::limit_exceeded, "a %s of these options does not fit an address space", what);
  *bytes = arena.used();
  return Status::ok();
}
// A buffer for what needs `needed` bytes: invalid_argument when it is smaller, or not aligned. `what`: for messages.
Status check_buffer(const char* what, const void* buffer, size_t bytes, size_t needed);

}  // namespace mica
