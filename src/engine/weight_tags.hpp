// WeightTags: which format each packed matrix of a file has, as its metadata says: reader and writer of kFormatsKey
// (static_format.hpp). Not the panels themselves: matrix.hpp.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model_files.hpp"
#include "status.hpp"
#include "weight_format.hpp"

namespace mica {

class WeightTags {
 public:
  // What a packed file says; nothing of other files. Errors: corrupt_file.
  Status read(const ModelFiles& files);
  // The format of a matrix's panels, whose tensor is "<name>.weight". Files that were written before there were tags
  // had 4 bits in U8 and 8 bits in I8. Errors, naming file, tensor and tag: unsupported for a tag that is not known,
  // corrupt_file for panels without a tag or of a type that is not the format's.
  Status format_of(std::string_view name, DType dtype, WeightFormat* out) const;

  // Whether a matrix has floats that the quantizer made: as the slot has them, and not as a checkpoint stores them.
  bool are_floats(std::string_view name) const;

  void add(std::string_view name, WeightFormat format) { formats_[std::string(name)] = format; }
  bool empty() const { return formats_.empty(); }
  // Of what was added, as it stands in a file.
  std::string json() const;

 private:
  const std::string* find(std::string_view name) const;  // its tag, or null

  std::map<std::string, WeightFormat> formats_;  // that are to be written
  std::map<std::string, std::string, std::less<>> tags_;  // as read: by name or by pattern
  bool tagged_ = false;
  std::string path_;
};

}  // namespace mica
