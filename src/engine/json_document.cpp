// JSON documents beside the weights, see json_document.hpp.
#include "json_document.hpp"

#include <string>
#include <utility>

#include "log.hpp"

namespace mica {

Status read_json_document(const ModelFiles& files, const char* name, Json* out) {
  const Bytes text = files.document(name);
  if (text.empty()) return Status::ok();
  const std::string path = std::string(files.path()) + "/" + name;
  Json json;
  Status status = parse_json(text, path.c_str(), &json);
  if (status && !json.root().is_object())
    status = Status::error(Code::corrupt_file, "%s must be a JSON object", path.c_str());
  if (status.code() == Code::corrupt_file)
    return Status::error(Code::corrupt_file, "%s; the file is cut or damaged: fetch it again", status.message());
  MICA_TRY(status);
  *out = std::move(json);
  return Status::ok();
}

Status check_json_documents(const ModelFiles& files) {
  Json json;
  // The template of turns, what stands around a text and the number of tokens of a picture.
  for (const char* name : {"tokenizer_config.json", "chat_template.json", "processor_config.json"})
    MICA_TRY(read_json_document(files, name, &json));
  const Status status = read_json_document(files, "special_tokens_map.json", &json);
  if (status.code() == Code::out_of_memory) return status;
  if (!status)
    log_message(LogLevel::warning, "%s. It is not read: mica takes the special tokens from tokenizer.json and "
                "tokenizer_config.json",
                status.message());
  return Status::ok();
}

}  // namespace mica
