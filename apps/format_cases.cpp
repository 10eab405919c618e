// Comparing quantized formats with recorded values, see format_cases.hpp.
#include "format_cases.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "json_files.hpp"

namespace app {
namespace {

namespace fs = std::filesystem;

// What there is to compare, by path.
std::vector<fs::path> find_cases(const std::string& folder) {
  std::error_code fault;
  std::vector<fs::path> paths;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder, fault)) {
    const fs::path& path = entry.path();
    const std::string name = path.filename().string();
    if (name == "golden.safetensors" && fs::exists(path.parent_path() / "config.json")) {
      paths.push_back(path.parent_path());
    } else if (name.starts_with("golden_") && fs::exists(path.parent_path() / "text-f16.gguf")) {
      paths.push_back(path);
    } else if (path.extension() == ".json" && fs::exists(path.parent_path() / "text.txt") &&
               is_published_case(path.string())) {
      paths.push_back(path);
    } else if (path.extension() == ".safetensors") {
      const Tensors file = open_handle<Tensors>(mica_tensors_open, path.c_str());
      if (mica_tensors_metadata(file.get(), "ggml_type", nullptr) != nullptr) paths.push_back(path);
    }
  }
  if (fault) throw Failure(folder + ": " + fault.message(), MICA_NOT_FOUND);
  if (paths.empty())
    throw Failure(folder + ": there are neither blocks with recorded values, nor checkpoints with golden.safetensors, nor "
                           "answers to published files",
                  MICA_NOT_FOUND);
  std::sort(paths.begin(), paths.end());
  return paths;
}

// `recorded`: F32.
void compare_values(const mica_tensor& recorded, const std::vector<float>& values, FormatCase& one) {
  double error_max = 0, magnitude_max = 0;
  for (size_t i = 0; i < values.size(); i++) {
    float expected = 0;
    std::memcpy(&expected, static_cast<const char*>(recorded.data) + i * sizeof expected, sizeof expected);
    one.equal += std::bit_cast<uint32_t>(expected) == std::bit_cast<uint32_t>(values[i]) ? 1 : 0;
    const double difference = std::fabs(double{expected} - double{values[i]});
    error_max = std::isnan(difference) ? INFINITY : std::max(error_max, difference);
    magnitude_max = std::max(magnitude_max, std::fabs(double{expected}));
  }
  one.values += values.size();
  if (error_max > 0) one.relative = std::max(one.relative, error_max / magnitude_max);
}

mica_tensor find_tensor(const Tensors& file, const char* name) {
  mica_tensor tensor{};
  mica_error error{};
  require(mica_tensors_find(file.get(), name, &tensor, &error), error);
  return tensor;
}

void compare_blocks(const fs::path& path, FormatCase& one) {
  const Tensors file = open_handle<Tensors>(mica_tensors_open, path.c_str());
  const mica_tensor blocks = find_tensor(file, "blocks"), recorded = find_tensor(file, "values");
  if (std::strcmp(recorded.dtype, "F32") != 0)
    throw Failure(path.string() + ": values should be F32", MICA_CORRUPT_FILE);
  const char* type = mica_tensors_metadata(file.get(), "ggml_type", nullptr);
  std::vector<float> values(recorded.bytes / sizeof(float));
  mica_error error{};
  require(mica_blocks_values(static_cast<uint32_t>(std::strtoul(type, nullptr, 10)), blocks.data, blocks.bytes,
                             values.data(), values.size(), &error),
          error);
  compare_values(recorded, values, one);
}

// Of every layer whose weights were recorded, "dequantized.LAYER".
void compare_layers(const Model& model, const fs::path& recorded_path, FormatCase& one) {
  constexpr std::string_view kPrefix = "dequantized.";
  const Tensors file = open_handle<Tensors>(mica_tensors_open, recorded_path.c_str());
  for (size_t i = 0; const char* name = mica_tensors_name(file.get(), i); i++) {
    if (!std::string_view(name).starts_with(kPrefix)) continue;
    const mica_tensor recorded = find_tensor(file, name);
    std::vector<float> values(recorded.bytes / sizeof(float));
    size_t count = 0;
    mica_error error{};
    require(mica_model_values(model.get(), (name + kPrefix.size() + std::string(".weight")).c_str(), values.data(),
                              values.size(), &count, &error),
            error);
    if (count != values.size() || std::strcmp(recorded.dtype, "F32") != 0)
      throw Failure(recorded_path.string() + ": " + name + " has another shape than the model's", MICA_CORRUPT_FILE);
    compare_values(recorded, values, one);
  }
}

void compare_checkpoint(const fs::path& folder, Options options, FormatCase& one) {
  options.model = folder.string();
  const Model model = open_model(options);
  compare_layers(model, folder / "golden.safetensors", one);
  one.golden = compare_golden(model, session_options(options), (folder / "golden.safetensors").string());
}

// golden_TYPE_K of a text file and its projector: K is the number of a picture in index.json, or "text".
void compare_pair(const fs::path& path, Options options, FormatCase& one) {
  const fs::path folder = path.parent_path();
  const std::string stem = path.stem().string();
  const size_t begin = std::string_view("golden_").size(), end = stem.rfind('_');
  const std::string type = stem.substr(begin, end - begin), picture = stem.substr(end + 1);
  const fs::path text = folder / ("text-" + type + ".gguf");
  options.model = (fs::exists(text) ? text : folder / "text-f16.gguf").string();
  options.projector = (folder / ("mmproj-" + type + ".gguf")).string();
  std::vector<std::string> pictures;
  if (picture != "text") {
    const std::string index = (folder / "index.json").string();
    const auto names = json_field<std::vector<std::string>>(read_json(index), "images", index);
    const size_t place = std::strtoul(picture.c_str(), nullptr, 10);
    if (place >= names.size()) throw Failure(index + ": there is no picture " + picture, MICA_CORRUPT_FILE);
    pictures.push_back((folder / names[place]).string());
  }
  const Model model = open_model(options);
  one.golden = compare_golden(model, session_options(options), path.string(), &pictures);
}

void compare_answers(const fs::path& path, Options options, FormatCase& one) {
  const std::string file = published_file(path.string(), options.model);
  if (file.empty()) {
    one.absent = path.stem().string() + ".gguf";
    return;
  }
  options.model = file;
  one.published = compare_published(path.string(), options);
}

}  // namespace

void compare_formats(const std::string& folder, const Options& options,
                     const std::function<void(const FormatCase&)>& done) {
  for (const fs::path& path : find_cases(folder)) {
    FormatCase one;
    one.path = path.lexically_relative(folder).string();
    try {
      if (fs::is_directory(path)) compare_checkpoint(path, options, one);
      else if (path.extension() == ".json") compare_answers(path, options, one);
      else if (path.filename().string().starts_with("golden_")) compare_pair(path, options, one);
      else compare_blocks(path, one);
    } catch (const Failure& failure) {
      one.failure = failure.what();
    }
    done(one);
  }
}

}  // namespace app
