// packed_documents: a list of names, and the one document that has to be made with care for its failure.
#include "packed_documents.hpp"

#include <string>
#include <string_view>

#include "tokenizer_gguf.hpp"

namespace mica {

namespace {

constexpr std::string_view kTokenizerName = "tokenizer.json";
constexpr std::string_view kDocumentNames[] = {
    "config.json",  "generation_config.json", "preprocessor_config.json", "processor_config.json",
    kTokenizerName, "tokenizer_config.json",  "chat_template.jinja",      "chat_template.json",
    "added_tokens.json", "video_preprocessor_config.json", "video_processor/preprocessor_config.json"};

}  // namespace

Status packed_documents(const ModelFiles& files, MetadataList* documents) {
  for (std::string_view name : kDocumentNames) {
    std::string text;
    if (name == kTokenizerName && files.gguf_vocabulary() != nullptr) {
      MICA_TRY(make_tokenizer_json(*files.gguf_vocabulary(), files.path(), &text));
    } else {
      const Bytes bytes = files.document(name);
      text.assign(bytes.begin(), bytes.end());
    }
    if (!text.empty()) documents->emplace_back(name, std::move(text));
  }
  return Status::ok();
}

}  // namespace mica
