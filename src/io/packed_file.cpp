// The reader of packed files (.mica), mapped or in memory. Not the writer (packed_writer.cpp); the format is described
// in packed_format.hpp.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "crc32c.hpp"
#include "model_kinds.hpp"
#include "packed_format.hpp"
#include "safetensors.hpp"
#include "tensor_table.hpp"

namespace mica {

namespace {

// How much is looked at between two calls of a progress callback: some milliseconds.
constexpr size_t kVerifyPieceBytes = 8u << 20;

class PackedFile final : public ModelFiles {
 public:
  PackedFile(MappedFile mapped, std::string path) : mapped_(std::move(mapped)), path_(std::move(path)) {}

  // `file` is what mapped_ holds, or the caller's memory.
  Status read(Bytes file);

  Kind kind() const override { return Kind::packed; }
  const char* path() const override { return path_.c_str(); }
  const TensorView* find(std::string_view name) const override { return table_.find(name); }
  std::span<const TensorView> tensors() const override { return table_.all(); }
  Bytes document(std::string_view name) const override {
    if (name.starts_with(kPackedReservedPrefix)) return {};
    const std::string_view text = metadata(name);
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  }
  std::string_view metadata(std::string_view key) const override {
    std::string_view text;
    return safetensors_.metadata.find(key).as_string(&text) ? text : std::string_view();
  }
  size_t bytes_total() const override { return bytes_total_; }
  Status verify(const VerifyProgress& progress) const override;
  uint32_t checksum(const TensorView& tensor) const override {
    return tensor_checksums_[static_cast<size_t>(&tensor - tensors().data())];
  }

 private:
  Status check_version_and_head(Bytes file) const;
  Status check_layout() const;
  Status read_checksums();

  MappedFile mapped_;
  std::string path_;
  Safetensors safetensors_;
  TensorTable table_;
  Json checksums_;                          // names to digits, as in the file
  std::vector<uint32_t> tensor_checksums_;  // in the order of tensors()
  size_t bytes_total_ = 0;
};

// Before anything of the header is believed: another version may mean anything by the rest.
Status PackedFile::check_version_and_head(Bytes file) const {
  Bytes header;
  MICA_TRY(find_safetensors_header(file, path(), &header));
  const std::string_view text(reinterpret_cast<const char*>(header.data()), header.size());
  const std::string_view rest = text.substr(std::min(kPackedPrefix.size(), text.size()));
  const std::string_view version = rest.substr(0, rest.find('"'));
  if (version != kPackedVersion) {
    return Status::error(Code::unsupported, "%s has format version \"%.*s\"; this mica reads version %s: update mica",
                         path(), static_cast<int>(std::min<size_t>(version.size(), 32)), version.data(),
                         kPackedVersion.data());
  }
  const Bytes head = file.first(sizeof(uint64_t) + header.size());
  const bool complete = head.size() >= kPackedChecksumOffset + kChecksumDigits &&
                        rest.substr(version.size()).starts_with(kPackedAfterVersion);
  if (!complete || std::memcmp(head.data() + kPackedChecksumOffset, checksum_text(packed_head_checksum(head)).data(),
                               kChecksumDigits) != 0) {
    return Status::error(Code::corrupt_file, "%s: the header is damaged: copy the file again or make it anew", path());
  }
  return Status::ok();
}

// Tensors stand one after the other, so that whole lines behind a whole header are whole lines in the file.
Status PackedFile::check_layout() const {
  if (safetensors_.data_start % kPackedAlignment != 0) {
    return Status::error(Code::corrupt_file, "%s: the header is not in whole lines of %zu bytes", path(),
                         kPackedAlignment);
  }
  for (const TensorView& tensor : safetensors_.tensors) {
    if (tensor.bytes.size() % kPackedAlignment == 0) continue;
    return Status::error(Code::corrupt_file, "%s: tensor %.*s is not in whole lines of %zu bytes", path(),
                         static_cast<int>(tensor.name.size()), tensor.name.data(), kPackedAlignment);
  }
  return Status::ok();
}

Status PackedFile::read_checksums() {
  const std::string_view text = metadata(kPackedTensorChecksumsKey);
  const std::string name = path_ + ": " + std::string(kPackedTensorChecksumsKey);
  MICA_TRY(parse_json({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, name.c_str(), true, &checksums_));
  const JsonValue root = checksums_.root();
  if (root.size() != table_.all().size()) return root.error(Code::corrupt_file, "must name every tensor once");
  // Sorted as the table is: find() walks all members, which for thousands of tensors would be millions of steps.
  std::vector<JsonValue> members;
  for (JsonValue member : root) members.push_back(member);
  std::sort(members.begin(), members.end(), [](JsonValue a, JsonValue b) { return a.key() < b.key(); });
  for (size_t i = 0; i < members.size(); ++i) {
    std::string_view digits;
    if (members[i].key() != table_.all()[i].name || !members[i].as_string(&digits)) {
      return members[i].error(Code::corrupt_file, "must be the checksum of a tensor of this name");
    }
    uint32_t checksum = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), checksum, 16);
    if (error != std::errc() || digits != checksum_text(checksum)) {
      return members[i].error(Code::corrupt_file, "must be eight lower-case hexadecimal digits");
    }
    tensor_checksums_.push_back(checksum);
  }
  return Status::ok();
}

Status PackedFile::read(Bytes file) {
  bytes_total_ = file.size();
  MICA_TRY(check_version_and_head(file));
  MICA_TRY(read_safetensors(file, path(), &safetensors_));
  MICA_TRY(check_layout());
  for (const TensorView& tensor : safetensors_.tensors) table_.add(tensor);
  MICA_TRY(table_.finish(path()));
  return read_checksums();
}

Status PackedFile::verify(const VerifyProgress& progress) const {
  size_t total = 0;
  for (const TensorView& tensor : tensors()) total += tensor.bytes.size();
  size_t done = 0;
  for (size_t i = 0; i < tensors().size(); ++i) {
    const TensorView& tensor = tensors()[i];
    uint32_t checksum = 0;
    for (Bytes rest = tensor.bytes; !rest.empty();) {
      const Bytes piece = rest.first(std::min(rest.size(), kVerifyPieceBytes));
      checksum = crc32c(checksum, piece);
      rest = rest.subspan(piece.size());
      done += piece.size();
      if (progress && !progress(done, total)) return Status::error(Code::cancelled, "%s: verify was stopped", path());
    }
    if (checksum != tensor_checksums_[i]) {
      return Status::error(Code::corrupt_file, "%s: tensor %.*s is damaged: copy the file again or make it anew", path(),
                           static_cast<int>(tensor.name.size()), tensor.name.data());
    }
  }
  return Status::ok();
}

Status open_packed(MappedFile mapped, Bytes file, const char* path, std::unique_ptr<ModelFiles>* out) {
  auto packed = std::make_unique<PackedFile>(std::move(mapped), path);
  MICA_TRY(packed->read(file));
  *out = std::move(packed);
  return Status::ok();
}

}  // namespace

Status open_packed_file(MappedFile content, const char* path, std::unique_ptr<ModelFiles>* out) {
  const Bytes file = content.bytes();
  return open_packed(std::move(content), file, path, out);
}

Status open_packed_memory(Bytes bytes, const char* name, std::unique_ptr<ModelFiles>* out) {
  return open_packed(MappedFile(), bytes, name, out);
}

}  // namespace mica
