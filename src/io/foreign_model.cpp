// Formats of other programs by their first bytes. Folders: foreign_folder.cpp.
#include "foreign_model.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "packed_format.hpp"
#include "stand_in.hpp"

namespace mica {

namespace {

constexpr const char* kConvert =
    "mica reads safetensors folders, GGUF and .mica: take the model's Hugging Face folder or a GGUF file of it";
constexpr const char* kPickle =
    "which can run code when it is read: save the model as safetensors (in Python: "
    "model.save_pretrained(folder, safe_serialization=True)) and name the folder";

struct Format {
  size_t offset;
  std::string_view magic;
  const char* what;  // "is ..."
  const char* works;
};

// Views with a length where the magic holds a zero. Longer ones first where one begins another.
constexpr Format kFormats[] = {
    {0, "PK\x03\x04", "a zip archive, as PyTorch writes its checkpoints (.pt, .pth, .bin)", kPickle},
    {0, std::string_view("\x80\x02}", 3), "a Python pickle, as PyTorch writes its checkpoints", kPickle},
    {0, std::string_view("\x80\x02\x8A\x0A", 4), "a Python pickle, as PyTorch writes its checkpoints", kPickle},
    {0, "\x80\x04\x95", "a Python pickle", kPickle},
    {0, "\x80\x05\x95", "a Python pickle", kPickle},
    {0, "\x1F\x8B", "a gzip archive", "unpack it (tar xzf, or gunzip) and name what is in it"},
    {257, "ustar", "a tar archive", "unpack it (tar xf) and name the folder"},
    {0, "\xFD" "7zXZ", "an xz archive", "unpack it (tar xJf) and name what is in it"},
    {0, "BZh", "a bzip2 archive", "unpack it (tar xjf) and name what is in it"},
    {0, "\x28\xB5\x2F\xFD", "a zstd archive", "unpack it (tar --zstd -xf) and name what is in it"},
    {0, "7z\xBC\xAF\x27\x1C", "a 7z archive", "unpack it and name what is in it"},
    {4, "TFL3", "a TensorFlow Lite model", kConvert},
    {0, "\x89HDF\r\n\x1A\n", "an HDF5 file, as Keras writes models (.h5)", kConvert},
    {0, "\x93NUMPY", "a NumPy array", kConvert},
    {0, "lmgg", "a GGML file, older than GGUF", kConvert},
    {0, "fmgg", "a GGML file, older than GGUF", kConvert},
    {0, "tjgg", "a GGML file, older than GGUF", kConvert},
    {0, "algg", "a GGML adapter (LoRA)", "merge it into its model and name that"},
    {0, "FUGG", "a GGUF file of a big-endian machine", "convert it again for a little-endian one"},
    {0, "<?xml", "an XML file, as OpenVINO has beside its models", kConvert},
    {0, "\x89PNG", "a picture", "pictures are given by --image"},
    {0, "\xFF\xD8\xFF", "a picture", "pictures are given by --image"},
    {0, "RIFF", "a picture or a sound", "pictures are given by --image"},
    {0, "GIF8", "a picture", "pictures are given by --image"},
    {0, std::string_view("II*\0", 4), "a picture", "pictures are given by --image"},
    {0, std::string_view("MM\0*", 4), "a picture", "pictures are given by --image"},
    {4, "ftyp", "a picture or a film", "pictures are given by --image"},
    {0, "%PDF", "a PDF document", "the model is in a file of its own"},
    {0, "ID3", "a sound", kConvert},
    {0, "OggS", "a sound", kConvert},
    {0, "\x7F" "ELF", "a program", kConvert},
    {0, "{", "a JSON file", "name the folder that it lies in"},
};

// Eight bytes of length, then JSON: what every safetensors file begins with.
bool is_safetensors(Bytes file) { return file.size() > 8 && file[8] == '{' && file[7] == 0; }

bool has(Bytes file, size_t offset, std::string_view magic) {
  return file.size() >= offset + magic.size() && std::memcmp(file.data() + offset, magic.data(), magic.size()) == 0;
}

// ONNX is a protocol buffer without a magic: its version (field 1), then the producer's name (field 2) or what follows.
bool is_onnx(Bytes file) {
  constexpr uint8_t kVersionField = 0x08, kVersionMax = 32, kProducerField = 0x12, kGraphField = 0x3A;
  return file.size() > 4 && file[0] == kVersionField && file[1] > 0 && file[1] < kVersionMax &&
         (file[2] == kProducerField || file[2] == kGraphField);
}

// A text of any language: no control characters but blanks and line ends.
bool is_text(Bytes file) {
  const Bytes start = file.first(std::min<size_t>(file.size(), 512));
  return std::all_of(start.begin(), start.end(), [](uint8_t byte) {
    return (byte >= 0x20 && byte != 0x7F) || byte == '\n' || byte == '\r' || byte == '\t' || byte == '\f';
  });
}

// Null when it is nothing that is known here.
const Format* find_format(Bytes file) {
  static constexpr Format kOnnx = {0, "", "an ONNX model", kConvert};
  static constexpr Format kText = {0, "", "a text", kConvert};
  for (const Format& format : kFormats) {
    if (has(file, format.offset, format.magic)) return &format;
  }
  if (is_onnx(file)) return &kOnnx;
  return !file.empty() && is_text(file) ? &kText : nullptr;
}

// The first bytes of a packed or GGUF file, too few to be known as one: by what is there and by the name.
bool is_beginning(Bytes file, std::string_view path) {
  constexpr size_t kLength = sizeof(uint64_t);  // before the packed format's first words
  constexpr std::string_view kGguf = "GGUF";
  if (file.size() < kGguf.size() && path.ends_with(".gguf")) return has(file, 0, kGguf.substr(0, file.size()));
  if (file.size() >= kLength + kPackedPrefix.size() || !path.ends_with(".mica")) return false;
  return file.size() <= kLength || has(file, kLength, kPackedPrefix.substr(0, file.size() - kLength));
}

Status refuse_zeros(Bytes file, const char* path) {
  const Bytes start = file.first(std::min<size_t>(file.size(), 64));
  if (start.empty() || std::any_of(start.begin(), start.end(), [](uint8_t byte) { return byte != 0; }))
    return Status::ok();
  return Status::error(Code::corrupt_file,
                       "%s begins with zeros: its room was kept, and the download or copy did not end: fetch it again",
                       path);
}

Status refuse(const char* path, const char* what, const char* works) {
  return Status::error(Code::unsupported, "%s is %s: %s", path, what, works);
}

}  // namespace

Status foreign_file(Bytes file, const char* path) {
  MICA_TRY(refuse_pointer(file, path));
  MICA_TRY(refuse_reply(file, path));
  if (is_beginning(file, path)) {
    return Status::error(Code::corrupt_file, "%s ends early, within its header: it has %zu bytes: fetch it again", path,
                         file.size());
  }
  if (is_safetensors(file)) {
    return refuse(path, "a safetensors file without mica's metadata", "name its folder, which has config.json");
  }
  const Format* format = find_format(file);
  if (format != nullptr) return refuse(path, format->what, format->works);
  MICA_TRY(refuse_zeros(file, path));
  return Status::error(Code::corrupt_file,
                       "%s is no model: neither a folder with config.json, nor a .mica file, nor a GGUF file", path);
}

Status refuse_foreign_tensors(Bytes file, const char* path) {
  MICA_TRY(refuse_reply(file, path));
  if (is_safetensors(file)) return Status::ok();
  MICA_TRY(refuse_zeros(file, path));
  if (has(file, 0, "GGUF")) return refuse(path, "a GGUF file", "call it NAME.gguf and name it itself, as the model");
  const Format* format = find_format(file);
  if (format == nullptr) return Status::ok();
  return Status::error(Code::corrupt_file,
                       "%s is %s, not tensors in safetensors: fetch the model's file of that name again", path,
                       format->what);
}

}  // namespace mica
