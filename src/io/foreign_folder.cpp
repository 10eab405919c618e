// Folders that are no model's, or lack a part of one: what lies in them, and where the model may be. Files:
// foreign_model.cpp.
#include <algorithm>
#include <string_view>
#include <vector>

#include "folder_names.hpp"
#include "foreign_model.hpp"
#include "json.hpp"
#include "mapped_file.hpp"

namespace mica {

namespace {

constexpr size_t kNamesMax = 3;  // that a message lists

bool has(const std::string& folder, const char* name) { return file_exists((folder + "/" + name).c_str()); }

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kNamesMax); ++i) text += (i > 0 ? ", " : "") + names[i];
  return names.size() > kNamesMax ? text + ", ..." : text;
}

std::vector<std::string> ending(const std::vector<std::string>& names, std::string_view end) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    if (name.ends_with(end)) found.push_back(name);
  }
  return found;
}

// A model's file in the folder: the file itself is what -m wants.
Status model_file_inside(const std::string& folder, const std::vector<std::string>& names) {
  for (const char* end : {".mica", ".gguf"}) {
    const std::vector<std::string> files = ending(names, end);
    if (files.empty()) continue;
    return Status::error(Code::not_found, "%s is a folder with %s: name the file itself, as in %s/%s", folder.c_str(),
                         listed(files).c_str(), folder.c_str(), files[0].c_str());
  }
  return Status::ok();
}

// The revision that a folder of Hugging Face's cache (models--OWNER--NAME) holds: refs/main names it, else any.
std::string cached_revision(const std::string& folder) {
  std::vector<uint8_t> main;
  constexpr size_t kRevisionBytesMax = 256;
  if (read_file((folder + "/refs/main").c_str(), kRevisionBytesMax, &main)) {
    const std::string path = folder + "/snapshots/" + std::string(main.begin(), main.end());
    if (has(path, "config.json")) return path;
  }
  for (const std::string& name : folder_names(folder + "/snapshots")) {
    const std::string path = folder + "/snapshots/" + name;
    if (has(path, "config.json")) return path;
  }
  return {};
}

// The models one level below: folders with config.json.
std::vector<std::string> models_below(const std::string& folder, const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const std::string path = folder + "/" + name;
    if (is_folder(path.c_str()) && has(path, "config.json")) found.push_back(path);
  }
  return found;
}

Status refuse_adapter(const std::string& folder) {
  std::string base;
  std::vector<uint8_t> text;
  Json json;
  std::string_view name;
  const std::string path = folder + "/adapter_config.json";
  constexpr size_t kAdapterBytesMax = 1u << 20;
  if (read_file(path.c_str(), kAdapterBytesMax, &text) && parse_json(text, path.c_str(), &json) &&
      get_string(json.root(), "base_model_name_or_path", &name)) {
    base = " to " + std::string(name.substr(0, 100));
  }
  return Status::error(Code::unsupported,
                       "%s is an adapter (LoRA)%s, not a whole model: merge it (in Python, with peft: "
                       "model.merge_and_unload().save_pretrained(FOLDER)) and name that folder",
                       folder.c_str(), base.c_str());
}

// Checkpoints that other programs keep in a folder, by a file that only they have.
struct Kind {
  const char* file;
  const char* what;
};
constexpr Kind kKinds[] = {
    {"model_index.json", "a diffusion pipeline, which makes pictures: mica reads them"},
    {"params.json", "a checkpoint in its maker's own form (params.json): take the one in Hugging Face's form, with "
                    "config.json"},
    {"saved_model.pb", "a TensorFlow model: take the model's safetensors folder or a GGUF file"},
    {"openvino_model.xml", "an OpenVINO model: take the model's safetensors folder or a GGUF file"},
    {"model.onnx", "an ONNX model: take the model's safetensors folder or a GGUF file"},
};

// Endings of downloads that run or were broken off: of huggingface_hub, browsers, aria2, wget and curl front ends.
constexpr const char* kPartEndings[] = {".incomplete", ".part", ".partial", ".crdownload", ".download", ".aria2",
                                        ".tmp", ".!qB"};

bool is_part(const std::string& name) {
  return std::any_of(std::begin(kPartEndings), std::end(kPartEndings),
                     [&name](const char* end) { return name.ends_with(end); });
}

// A download of `wanted` (empty: of anything) that did not end: in the folder, or where huggingface_hub puts them, under
// names that do not tell which file they become. Empty when there is none.
std::string part_of(const std::string& folder, std::string_view wanted) {
  for (const std::string& name : folder_names(folder)) {
    if (is_part(name) && name.starts_with(wanted)) return name;
  }
  for (const char* place : {"/.cache/huggingface/download", "/../../blobs"}) {
    for (const std::string& name : folder_names(folder + place)) {
      if (is_part(name)) return folder + place + "/" + name;
    }
  }
  return {};
}

std::string part_text(const std::string& folder, std::string_view wanted) {
  const std::string part = part_of(folder, wanted);
  return part.empty() ? "" : " (" + part + " is a download that did not end)";
}

}  // namespace

Status foreign_folder(const std::string& folder) {
  const std::vector<std::string> names = folder_names(folder);
  if (has(folder, "adapter_config.json")) return refuse_adapter(folder);
  for (const Kind& kind : kKinds) {
    if (has(folder, kind.file)) return Status::error(Code::unsupported, "%s is %s", folder.c_str(), kind.what);
  }
  if (is_folder((folder + "/snapshots").c_str())) {
    const std::string revision = cached_revision(folder);
    if (!revision.empty()) {
      return Status::error(Code::not_found, "%s is a folder of Hugging Face's cache; the model is %s", folder.c_str(),
                           revision.c_str());
    }
  }
  MICA_TRY(model_file_inside(folder, names));
  const std::vector<std::string> below = models_below(folder, names);
  if (!below.empty()) {
    return Status::error(Code::not_found, "%s has no config.json; %s in it: name %s", folder.c_str(),
                         below.size() == 1 ? "a model lies" : "several models lie",
                         listed(below).c_str());
  }
  return missing_file(folder, "config.json", "belongs to every model's folder");
}

Status missing_file(const std::string& folder, const std::string& wanted, const char* why) {
  return Status::error(Code::not_found, "%s has no %s, which %s%s: fetch it", folder.c_str(), wanted.c_str(), why,
                       part_text(folder, wanted).c_str());
}

Status missing_model(const std::string& path, const Status& status) {
  if (file_exists(path.c_str())) return status;  // a link that leads nowhere
  MICA_TRY(name_of_elsewhere(path));
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  for (const std::string& part : folder_names(folder)) {
    if (name.empty() || !is_part(part) || !part.starts_with(name)) continue;
    return Status::error(status.code(), "%s (%s is a download that did not end)", status.message(), part.c_str());
  }
  return status;
}

Status missing_tokenizer(const std::string& folder) {
  for (const char* name : {"tokenizer.model", "spiece.model", "vocab.json", "merges.txt", "vocab.txt", "tekken.json"}) {
    if (!has(folder, name)) continue;
    return Status::error(Code::unsupported,
                         "%s has no tokenizer.json; it has %s: convert it (in Python, with transformers: "
                         "AutoTokenizer.from_pretrained(\"%s\").save_pretrained(\"%s\")), or fetch tokenizer.json",
                         folder.c_str(), name, folder.c_str(), folder.c_str());
  }
  return missing_file(folder, "tokenizer.json", "makes tokens of text");
}

Status folder_without_tensors(const std::string& folder) {
  const std::vector<std::string> names = folder_names(folder);
  if (has(folder, "adapter_config.json")) return refuse_adapter(folder);
  for (const char* end : {".bin", ".pt", ".pth", ".ckpt"}) {
    for (const std::string& name : ending(names, end)) {
      if (name == "training_args.bin" || name == "optimizer.pt" || name == "scheduler.pt") continue;
      return Status::error(Code::unsupported,
                           "%s has its tensors in %s, which can run code: convert it to safetensors (in Python: "
                           "model.save_pretrained(folder, safe_serialization=True))",
                           folder.c_str(), name.c_str());
    }
  }
  for (const char* end : {".h5", ".msgpack", ".onnx", ".npz"}) {
    const std::vector<std::string> files = ending(names, end);
    if (files.empty()) continue;
    return Status::error(Code::unsupported,
                         "%s has its tensors in %s: mica reads model.safetensors, alone or in shards: take the model's "
                         "safetensors files, or convert it",
                         folder.c_str(), files[0].c_str());
  }
  MICA_TRY(model_file_inside(folder, names));
  const std::vector<std::string> others = ending(names, ".safetensors");
  if (!others.empty()) {
    return Status::error(Code::not_found, "%s has %s, but not model.safetensors: give the file of the weights that name",
                         folder.c_str(), listed(others).c_str());
  }
  return Status::error(Code::not_found,
                       "%s has neither model.safetensors nor model.safetensors.index.json with its shards%s: fetch "
                       "the weights",
                       folder.c_str(), part_text(folder, "").c_str());
}

}  // namespace mica
