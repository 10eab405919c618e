// Batch: rows of one or more sequences on their way through the decoder: which tokens are computed together, in which
// order (visual ones first: DESIGN 2), and what becomes of their logits. Not the loop over layers: decoder.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "pictures.hpp"
#include "sequence.hpp"
#include "status.hpp"
#include "work.hpp"
#include "workspace.hpp"

namespace mica {

class Batch {
 public:
  // Works in `workspace`. A picture whose rows are in several chunks is encoded once in the life of a batch, and not at
  // all when it is among `pictures` (null: nothing is kept).
  explicit Batch(Workspace* workspace, Pictures* pictures = nullptr)
      : workspace_(*workspace), buffers_(workspace->buffers()), model_(workspace->model()), pictures_(pictures) {}

  // Computes the next chunk of what waits before `until`, and keeps the logits of its rows that are among the last
  // logit_rows before `until`. Errors: cancelled, before a picture; context_full.
  Status run_next(Sequence* sequence, const Sequence::Mark& until, Work* work);
  // The same a piece at a time: a layer of the tower for each picture of the chunk, then a layer of the decoder. Between two
  // calls, and before run_next, others may use the workspace: what they took is made anew. Errors: as run_next.
  Status run_piece(Sequence* sequence, const Sequence::Mark& until, Work* work);
  // Layers of the next chunk have been run: in the cache there is more than what its mark says.
  bool is_within_chunk() const { return layers_run_ > 0; }
  // Behind the next chunk.
  size_t chunk_end(const Sequence& sequence, const Sequence::Mark& until) {
    return sequence.done() + chunk_length(sequence, until);
  }

  // What a sequence has in a batch: all that waits before `until`, at least a token.
  struct Share {
    Sequence* sequence;
    Sequence::Mark until;
    size_t count() const { return until.end - sequence->done(); }
  };
  // True when the share may be computed beside others with the bits that it gives alone: it is text and one chunk, and
  // products of so many of its rows are those of each by itself.
  bool can_join(const Share& share) const;
  // Computes shares that can join, as many rows as a batch holds at most: weights are read once for all of them.
  Status run_together(std::span<const Share> shares);

  // Its rows into the workspace's picture_rows: those that are kept, or made now. Errors: cancelled.
  Status bring_picture(const Sequence::PendingPicture& picture, Work* work);

  // For calibration: orders all that waits as one chunk and fills its rows, but computes no layer. The views live until
  // the workspace's next use. Errors: invalid_argument when it is more than a batch.
  Status prepare(const Sequence& sequence, Work* work, Chunk* chunk, const float** rows);

 private:
  // Rows of one sequence in a batch, from `first` on: in the order of the text that of a token is in_order's, or, where
  // that is null, as the tokens stand.
  struct ShareRows {
    size_t first, count;
    const uint32_t* in_order;
  };
  static size_t row_at(ShareRows rows, size_t i) { return rows.first + (rows.in_order ? rows.in_order[i] : i); }

  size_t span_at(const Sequence& sequence, size_t place) const;
  size_t packed_chunk_length(const Sequence& sequence, size_t most);
  size_t chunk_length(const Sequence& sequence, const Sequence::Mark& until);
  size_t block_end(const Sequence& sequence, const Sequence::Mark& until, size_t place) const;
  size_t whole_blocks(const Sequence& sequence, const Sequence::Mark& until, size_t most) const;
  size_t order_chunk(const Sequence& sequence, size_t count);
  void allow_blocks(const Sequence& sequence, const Sequence::Mark& until, ShareRows rows);
  void count_unseen(const Sequence& sequence, ShareRows rows);
  RowSight sight_of(const Sequence& sequence, const Sequence::Mark& until, ShareRows rows);
  void embed(int32_t id, float* row) const;
  bool find_kept(const Sequence::PendingPicture& picture);
  Status encode(const Sequence::PendingPicture& picture, bool by_pieces, Work* work);
  Status gather(const Sequence& sequence, size_t count, bool by_pieces, Work* work, bool* are_there);
  void fill_rows(const Sequence& sequence, size_t count);
  void begin_turn();
  bool has_layer_pieces() const;
  Status run_layers(Sequence* sequence, const Sequence::Mark& until, size_t count, size_t layers);
  uint32_t length_for_rope(const Sequence::Mark& until) const;
  Chunk place_chunk(const Sequence& sequence, size_t count, const Sequence::Mark& until);
  Status does_not_fit(const Sequence& sequence, const Sequence::Mark& until) const;
  void keep_logits(const Share& share, size_t count);
  void fill_share(const Share& share, size_t first_row, DecoderPart* part);
  void keep_logits_of(std::span<const Share> shares, const Compute& apart);

  Workspace& workspace_;
  WorkBuffers& buffers_;
  const Model& model_;
  Pictures* pictures_;
  size_t span_count_ = 0;
  // Of the pictures of the next chunk, as long as the turn is this batch's.
  uint64_t turn_ = 0;
  size_t gathered_ = 0;                // of the chunk's tokens, those before which all rows are in chunk_rows
  size_t layers_run_ = 0;              // of the decoder: then chunk_rows has the stream behind them,
  size_t rows_run_ = 0;                // of a chunk of so many rows
  size_t picture_encoded_ = SIZE_MAX;  // index of the picture whose rows are in picture_rows
  bool encodes_ = false;               // the next one is on its way through the tower
  Vision::Progress progress_;
  Hash128 hash_{};
};

}  // namespace mica
