// C API: tokenizers. Thin: checks arguments and passes on.
#include <cstring>
#include <new>

#include "handles.hpp"
#include "limits.hpp"
#include "mapped_file.hpp"

using namespace mica;

namespace {

template <class T>
Status copy_out(const T* source, size_t size, T* target, size_t capacity, size_t* count, const char* what) {
  *count = size;
  if (target == nullptr && capacity == 0) return Status::ok();
  if (target == nullptr) return missing_argument(what);
  std::memcpy(target, source, std::min(size, capacity) * sizeof(T));
  if (size > capacity)
    return Status::error(Code::limit_exceeded, "%zu %s do not fit a buffer of %zu", size, what, capacity);
  return Status::ok();
}

Status open_tokenizer(const char* path, mica_tokenizer* out) {
  const std::string json_path = is_folder(path) ? std::string(path) + "/tokenizer.json" : path;
  MappedFile file;
  MICA_TRY(MappedFile::map(json_path.c_str(), SIZE_MAX, &file));
  if (file.bytes()[0] == '{') return Tokenizer::load(file.bytes(), json_path.c_str(), &out->own);
  // A model file, then, with the tokenizer inside.
  MICA_TRY(ModelFiles::open(path, &out->files));
  if (const GgufVocabulary* vocabulary = out->files->gguf_vocabulary())
    return Tokenizer::load(*vocabulary, path, &out->own);
  return Tokenizer::load(out->files->document("tokenizer.json"), path, &out->own);
}

}  // namespace

extern "C" {

mica_status mica_tokenizer_open(const char* path, mica_tokenizer** tokenizer, mica_error* error) {
  MICA_REQUIRE(path);
  MICA_REQUIRE(tokenizer);
  std::unique_ptr<mica_tokenizer> handle(new (std::nothrow) mica_tokenizer);
  if (!handle) return report(Status::error(Code::out_of_memory, "no memory for a tokenizer"), error);
  const Status status = open_tokenizer(path, handle.get());
  if (status) {
    handle->tokenizer = handle->own.get();
    *tokenizer = handle.release();
  }
  return report(status, error);
}

void mica_tokenizer_close(mica_tokenizer* tokenizer) { delete tokenizer; }

const mica_tokenizer* mica_model_tokenizer(const mica_model* model) {
  return model->model->tokenizer ? &model->tokenizer : nullptr;
}

mica_status mica_tokenize(const mica_tokenizer* tokenizer, const char* text, size_t bytes, int parse_special,
                          int32_t* ids, size_t capacity, size_t* count, mica_error* error) {
  MICA_REQUIRE(tokenizer);
  MICA_REQUIRE(count);
  if (bytes > 0) MICA_REQUIRE(text);
  std::vector<int32_t> encoded;
  Status status = tokenizer->tokenizer->encode({text, bytes}, parse_special != 0, TextBefore::nothing, &encoded);
  if (status) status = copy_out(encoded.data(), encoded.size(), ids, capacity, count, "ids");
  return report(status, error);
}

mica_status mica_detokenize(const mica_tokenizer* tokenizer, const int32_t* ids, size_t count, int skip_special,
                            char* text, size_t capacity, size_t* bytes, mica_error* error) {
  MICA_REQUIRE(tokenizer);
  MICA_REQUIRE(bytes);
  if (count > 0) MICA_REQUIRE(ids);
  std::string decoded;
  Status status = tokenizer->tokenizer->decode({ids, count}, skip_special != 0, &decoded);
  if (status) status = copy_out(decoded.data(), decoded.size(), text, capacity, bytes, "bytes of text");
  return report(status, error);
}

}  // extern "C"
