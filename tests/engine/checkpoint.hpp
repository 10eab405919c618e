// A copy of a golden checkpoint with other documents. Not a test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "golden.hpp"

namespace mica::test {

using Json = nlohmann::json;
namespace fs = std::filesystem;

inline Json read_json(const fs::path& path) {
  std::ifstream in(path);
  return Json::parse(in);
}

// A copy of a golden checkpoint with other documents; the tensors are linked, not copied.
class Checkpoint {
 public:
  explicit Checkpoint(const std::string& family) : source_(mica::test::golden_path(family)) {
    folder_ = fs::temp_directory_path() / ("mica_checkpoint_" + std::to_string(reinterpret_cast<uintptr_t>(this)));
    fs::create_directories(folder_);
    fs::create_symlink(source_ / "model.safetensors", folder_ / "model.safetensors");
    config = read_json(source_ / "config.json");
    if (fs::exists(source_ / "preprocessor_config.json"))
      preprocessor = read_json(source_ / "preprocessor_config.json");
  }
  ~Checkpoint() { fs::remove_all(folder_); }

  // Null when it does not open; to be closed.
  mica_model* open_model(mica_error* error) const {
    std::ofstream(folder_ / "config.json") << config;
    if (!preprocessor.is_null()) std::ofstream(folder_ / "preprocessor_config.json") << preprocessor;
    mica_model* model = nullptr;
    *error = {};
    return mica_model_open(folder_.c_str(), nullptr, &model, error) == MICA_OK ? model : nullptr;
  }
  mica_status open(mica_error* error) const {
    mica_model* model = open_model(error);
    if (model == nullptr) return error->status;
    mica_model_close(model);
    return MICA_OK;
  }

  fs::path file(const char* name) const { return folder_ / name; }

  Json config, preprocessor;

 private:
  fs::path source_, folder_;
};

}  // namespace mica::test
