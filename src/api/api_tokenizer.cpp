// C API: tokenizers. Thin: checks arguments and passes on.
#include "foreign_model.hpp"
#include "handles.hpp"
#include "limits.hpp"
#include "mapped_file.hpp"
#include "mica_tokens.h"
#include "stand_in.hpp"

using namespace mica;

namespace {

Status open_tokenizer(const char* path, mica_tokenizer* out) {
  const std::string json_path = is_folder(path) ? std::string(path) + "/tokenizer.json" : path;
  if (is_folder(path) && !file_exists(json_path.c_str())) return missing_tokenizer(path);
  MappedFile file;
  MICA_TRY(MappedFile::map(json_path.c_str(), SIZE_MAX, &file));
  MICA_TRY(refuse_reply(file.bytes(), json_path.c_str()));
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  if (text.starts_with('{') || text.starts_with("\xEF\xBB\xBF{"))
    return Tokenizer::load(file.bytes(), json_path.c_str(), &out->own);
  // A model file, then, with the tokenizer inside.
  MICA_TRY(ModelFiles::open(path, &out->files));
  if (const GgufVocabulary* vocabulary = out->files->gguf_vocabulary())
    return Tokenizer::load(*vocabulary, path, &out->own);
  return Tokenizer::load(out->files->document("tokenizer.json"), path, &out->own);
}

}  // namespace

extern "C" {

mica_status mica_tokenizer_open(const char* path, mica_tokenizer** tokenizer, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(path);
    MICA_REQUIRE(tokenizer);
    auto handle = std::make_unique<mica_tokenizer>();
    MICA_TRY(open_tokenizer(path, handle.get()));
    handle->tokenizer = handle->own.get();
    *tokenizer = handle.release();
    return Status::ok();
  });
}

void mica_tokenizer_close(mica_tokenizer* tokenizer) { delete tokenizer; }

const mica_tokenizer* mica_model_tokenizer(const mica_model* model) {
  return model && model->model->tokenizer ? &model->tokenizer : nullptr;
}

mica_status mica_tokenize(const mica_tokenizer* tokenizer, const char* text, size_t bytes, int flags, int32_t* ids,
                          size_t capacity, size_t* count, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(tokenizer);
    MICA_REQUIRE(count);
    if (bytes > 0) MICA_REQUIRE(text);
    const Tokenizer& encoder = *tokenizer->tokenizer;
    std::vector<int32_t> encoded;
    if ((flags & MICA_TOKENIZE_BEGIN) != 0) encoded = encoder.around_text().before;
    MICA_TRY(encoder.encode({text, bytes}, (flags & MICA_TOKENIZE_SPECIAL) != 0, TextBefore::nothing, &encoded));
    if ((flags & MICA_TOKENIZE_END) != 0) {
      const std::vector<int32_t>& after = encoder.around_text().after;
      encoded.insert(encoded.end(), after.begin(), after.end());
    }
    return copy_out(encoded.data(), encoded.size(), ids, capacity, count, "ids");
  });
}

mica_status mica_detokenize(const mica_tokenizer* tokenizer, const int32_t* ids, size_t count, int skip_special,
                            char* text, size_t capacity, size_t* bytes, mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(tokenizer);
    MICA_REQUIRE(bytes);
    if (count > 0) MICA_REQUIRE(ids);
    std::string decoded;
    MICA_TRY(tokenizer->tokenizer->decode({ids, count}, skip_special != 0, &decoded));
    return copy_out(decoded.data(), decoded.size(), text, capacity, bytes, "bytes of text");
  });
}

mica_status mica_token_bytes(const mica_tokenizer* tokenizer, int32_t id, char* bytes, size_t capacity, size_t* count,
                             mica_error* error) {
  return guarded(error, [&] {
    MICA_REQUIRE(tokenizer);
    MICA_REQUIRE(count);
    *count = 0;
    if (id < 0 || static_cast<size_t>(id) >= tokenizer->tokenizer->size())
      return Status::error(Code::invalid_argument, "there is no token %d: the tokenizer has %zu", id,
                           tokenizer->tokenizer->size());
    const std::string_view written = tokenizer->tokenizer->token_bytes(id);
    return copy_out(written.data(), written.size(), bytes, capacity, count, "bytes");
  });
}

}  // extern "C"
