// Names that other programs download a model by, given in the place of a path: OWNER/NAME and addresses of Hugging
// Face, names of Ollama. Nothing is fetched: what to run is said. Files and folders: foreign_model.cpp.
#include <algorithm>
#include <string_view>

#include "foreign_model.hpp"
#include "mapped_file.hpp"

namespace mica {

namespace {

// A model of Hugging Face, or one file of it.
struct HubName {
  std::string owner, name, file;  // file: may be empty
};

bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !text.empty() && text[0] != '.' && std::all_of(text.begin(), text.end(), fits);
}

// Takes the part before the next '/' from `rest`.
std::string_view take_part(std::string_view* rest) {
  const size_t slash = std::min(rest->find('/'), rest->size());
  const std::string_view part = rest->substr(0, slash);
  rest->remove_prefix(std::min(slash + 1, rest->size()));
  return part;
}

bool strip(std::string_view* text, std::string_view start) {
  if (!text->starts_with(start)) return false;
  text->remove_prefix(start.size());
  return true;
}

// An address on its pages (https://huggingface.co/OWNER/NAME/blob/main/FILE), or what stands for one
// (hf.co/OWNER/NAME:Q8_0).
bool parse_hub_address(std::string_view text, HubName* out) {
  if (!strip(&text, "https://")) strip(&text, "http://");
  if (!strip(&text, "huggingface.co/") && !strip(&text, "hf.co/") && !strip(&text, "hf://")) return false;
  text = text.substr(0, text.find_first_of("?#"));
  const std::string_view owner = take_part(&text), tagged = take_part(&text);
  const std::string_view name = tagged.substr(0, tagged.find(':'));
  if (!is_name(owner) || !is_name(name)) return false;
  *out = {std::string(owner), std::string(name), {}};
  const std::string_view place = take_part(&text);
  if (place != "blob" && place != "resolve" && place != "raw") return true;
  take_part(&text);  // the revision
  out->file = text;
  return true;
}

// OWNER/NAME or OWNER/NAME:Q8_0, where OWNER is no folder here and NAME is none of a file.
bool parse_hub_name(std::string_view text, HubName* out) {
  const std::string_view owner = take_part(&text);
  const std::string_view name = text.substr(0, text.find(':'));
  if (!is_name(owner) || !is_name(name) || is_folder(std::string(owner).c_str())) return false;
  for (const char* end : {".gguf", ".mica", ".safetensors", ".bin", ".json"}) {
    if (name.ends_with(end)) return false;
  }
  *out = {std::string(owner), std::string(name), {}};
  return true;
}

}  // namespace

Status name_of_elsewhere(const std::string& path) {
  HubName hub;
  if (parse_hub_address(path, &hub) || parse_hub_name(path, &hub)) {
    const std::string from = hub.owner + "/" + hub.name + (hub.file.empty() ? "" : " " + hub.file);
    const std::string place = hub.name + (hub.file.empty() ? "" : "/" + hub.file);
    return Status::error(Code::not_found,
                         "%s is no file or folder here, and mica is offline: it opens files and downloads nothing. "
                         "If a model of Hugging Face is meant, fetch it (`hf download %s --local-dir %s`, "
                         "`huggingface-cli download` likewise, or git clone with git lfs) and name what came: %s",
                         path.c_str(), from.c_str(), hub.name.c_str(), place.c_str());
  }
  const auto has = [&path](char c) { return path.find(c) != std::string::npos; };
  if (!has('/') && (has(':') || !has('.')))
    return Status::error(Code::not_found,
                         "%s is no file or folder here, and mica keeps no list of models and downloads nothing: name "
                         "the model's folder, .gguf or .mica file by its path",
                         path.c_str());
  return Status::ok();
}

}  // namespace mica
