// SequenceFile: a sequence's state as a packed file (io/packed_format.hpp), and back. Not portable between models or
// settings of keys and values: both are checked. Context, batch and threads may differ.
#pragma once

#include "kv_cache.hpp"
#include "model_files.hpp"
#include "sequence.hpp"
#include "status.hpp"

namespace mica {

class SequenceFile {
 public:
  // Text that waits to be computed is saved too; a picture that waits is refused. Of the logits the newest row is
  // saved. Errors: those of writing; the old file stays on failure.
  static Status save(const Sequence& sequence, const char* path);
  // The file is an untrusted input: all of it is checked before anything of the sequence changes. Errors: unsupported (no
  // session of this version), invalid_argument (another model or other settings of keys and values), context_full (it
  // does not fit), corrupt_file. On failure the sequence is as before.
  static Status restore(Sequence* sequence, const char* path);

 private:
  struct Counts;
  struct Saved;
  static Counts counts_of(const Sequence& sequence);
  static std::vector<Saved> tensors_of(const Sequence& sequence, const Counts& counts, const KvCache::Contents& cached,
                                       Counts* counts_place, float* logits_place);
  static Status check_counts(const Sequence& sequence, const Counts& counts, const char* path);
  static Status check_tokens(const Sequence& sequence, const Counts& counts, const ModelFiles& file);
  static void take_up(const Counts& counts, const KvCache::Contents& cached, Sequence* sequence);
};

}  // namespace mica
