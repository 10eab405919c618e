// Checkpoints of other programs' quantization whose tensors contradict each other: a status and a message that names
// the layer, whatever is wrong. Their values: mica check --formats.
#include <doctest/doctest.h>

#include <cctype>
#include <cstdlib>
#include <cstring>

#include "model.hpp"
#include "model_files.hpp"
#include "test_folder.hpp"

using namespace mica;
namespace fs = std::filesystem;

namespace {

const std::string kFixtures = MICA_TESTS_DATA "/formats/st/";

std::string header_of(const std::vector<uint8_t>& file) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  return {reinterpret_cast<const char*>(file.data()) + sizeof length, length};
}

// Opens a checkpoint whose header is `header`, as long as its own, and whose first bytes of a tensor may be others.
Status open_changed(const std::string& fixture, std::vector<uint8_t> file, const std::string& header) {
  const TestFolder folder;
  fs::copy_file(fixture + "/config.json", folder.path("config.json"));
  std::copy(header.begin(), header.end(), file.begin() + 8);
  folder.write("model.safetensors", Bytes(file));
  std::unique_ptr<ModelFiles> files;
  std::unique_ptr<Model> model;
  const Status status = ModelFiles::open(folder.path().c_str(), &files);
  return status ? open_model(std::move(files), &model) : status;
}

// Where the numbers of a tensor's shape stand in the header.
std::string_view shape_in(const std::string& header, const std::string& name) {
  const size_t entry = header.find("\"" + name + "\"");
  REQUIRE(entry != std::string::npos);
  const size_t begin = header.find('[', header.find("\"shape\"", entry)) + 1;
  return std::string_view(header).substr(begin, header.find(']', begin) - begin);
}

}  // namespace

TEST_CASE("a layer that lacks one of its tensors, or has one of another shape, is refused by its name") {
  struct Case {
    const char* fixture;
    std::vector<const char*> needed;
  };
  const Case cases[] = {
      {"awq_gemm", {"qweight", "qzeros", "scales"}},
      {"gptq_v1_4bit_actorder", {"qweight", "qzeros", "scales"}},
      {"ct_pack_3bit_asym", {"weight_packed", "weight_scale", "weight_shape"}},
      {"ct_int_w8a8_static", {"weight_scale"}},
      {"mlx_affine_4bit", {"biases"}},
      {"bnb_nf4_double_quant", {"weight.absmax", "weight.quant_map", "weight.nested_absmax"}},
      {"aqlm_2x8", {"codes", "codebooks", "scales"}},
      {"quip_sharp_e8p12", {"Qidxs", "SU", "SV", "Wscale"}},
  };
  for (const Case& one : cases)
    for (const char* suffix : one.needed) {
      CAPTURE(one.fixture);
      CAPTURE(suffix);
      const std::string fixture = kFixtures + one.fixture, layer = "model.layers.0.mlp.down_proj";
      const std::string name = layer + "." + suffix;
      const std::vector<uint8_t> file = read_all(fixture + "/model.safetensors");
      const std::string header = header_of(file);
      const size_t at = header.find("\"" + name + "\"");
      REQUIRE(at != std::string::npos);
      std::string renamed = header;
      renamed[at + name.size()] = '_';
      const Status missing = open_changed(fixture, file, renamed);
      CHECK(!missing.is_ok());
      CHECK_MESSAGE(std::string(missing.message()).find(layer) != std::string::npos, said(missing));
      // The same number of values in one dimension.
      const std::string_view shape = shape_in(header, name);
      if (shape.find(',') == std::string_view::npos) continue;
      uint64_t count = 1;
      for (size_t i = 0; i < shape.size(); ++i)
        if (i == 0 || !std::isdigit(static_cast<unsigned char>(shape[i - 1])))
          if (std::isdigit(static_cast<unsigned char>(shape[i]))) count *= std::strtoull(shape.data() + i, nullptr, 10);
      std::string flat = std::to_string(count);
      if (flat.size() > shape.size()) continue;
      flat.resize(shape.size(), ' ');
      std::string reshaped = header;
      reshaped.replace(static_cast<size_t>(shape.data() - header.data()), flat.size(), flat);
      const Status other = open_changed(fixture, file, reshaped);
      // Vectors count their values only.
      if (other.is_ok()) continue;
      CHECK_MESSAGE(std::string(other.message()).find(layer) != std::string::npos, said(other));
    }
}

TEST_CASE("an input of a group that has no scale is refused") {
  const std::string fixture = kFixtures + "gptq_v1_4bit_actorder";
  std::vector<uint8_t> file = read_all(fixture + "/model.safetensors");
  const std::string header = header_of(file);
  const size_t entry = header.find("\"model.layers.0.mlp.down_proj.g_idx\"");
  REQUIRE(entry != std::string::npos);
  const size_t offsets = header.find('[', header.find("\"data_offsets\"", entry)) + 1;
  const size_t begin = 8 + header.size() + std::strtoull(header.c_str() + offsets, nullptr, 10);
  for (const uint32_t group : {4u, UINT32_MAX}) {
    std::memcpy(file.data() + begin, &group, sizeof group);
    const Status status = open_changed(fixture, file, header);
    CHECK_MESSAGE(said(status).find("a group that has no scale") != std::string::npos, said(status));
  }
}

TEST_CASE("a quantized file that ends early, or a byte of whose header is another, is no reason to end the program") {
  for (const char* name : {"awq_gemm", "ct_pack_3bit_asym", "bnb_nf4_double_quant", "quip_sharp_e8p12"}) {
    const std::string fixture = kFixtures + name;
    const std::vector<uint8_t> file = read_all(fixture + "/model.safetensors");
    const std::string header = header_of(file);
    for (size_t at = 0; at < header.size(); at += 41) {
      std::string changed = header;
      changed[at] = changed[at] == '1' ? '9' : '1';
      const Status status = open_changed(fixture, file, changed);
      CHECK((status.is_ok() || !said(status).empty()));
    }
  }
}
