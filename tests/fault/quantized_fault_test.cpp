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

void replace_all(const std::string& what, const std::string& other, std::string* text) {
  size_t count = 0;
  for (size_t at = text->find(what); at != std::string::npos; at = text->find(what, at + other.size()), ++count)
    text->replace(at, what.size(), other);
  REQUIRE(count > 0);
}

// What stands in config.json, and what instead.
struct Change {
  const char* what = nullptr;
  const char* other = nullptr;
};

// Opens a checkpoint whose header is `header`, as long as its own, and whose first bytes of a tensor may be others.
Status open_changed(const std::string& fixture, std::vector<uint8_t> file, const std::string& header,
                    Change change = {}) {
  const TestFolder folder;
  std::string config(text_of(read_all(fixture + "/config.json")));
  if (change.what != nullptr) replace_all(change.what, change.other, &config);
  folder.write("config.json", config);
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
      {"bnb_int8", {"weight"}},
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

TEST_CASE("what config.json says of a kind and mica does not read, or its tensors contradict, is refused by its name") {
  const struct {
    const char* fixture;
    Change change;
    const char* words;
  } cases[] = {
      {"awq_gemm", {"\"bits\": 4", "\"bits\": 8"}, "awq, 8 bits; bits is not 4"},
      {"awq_gemm", {"\"bits\": 4", "\"bits\": \"four\""}, "bits"},
      {"awq_gemm", {"\"gemm\"", "\"gemv\""}, "version is gemv"},
      {"awq_gemm", {"\"group_size\": 128", "\"group_size\": 64"}, "other groups than group_size says"},
      {"awq_gemm", {"\"group_size\": 128", "\"group_size\": -2"}, "group_size"},
      {"gptq_v1_4bit_actorder", {"\"bits\": 4", "\"bits\": 5"}, "bits is not 2, 3, 4 or 8"},
      {"gptq_v1_4bit_actorder", {"\"bits\": 4", "\"bits\": 8"}, "other bits than config.json says"},
      {"gptq_v1_4bit_actorder", {"\"quant_method\": \"gptq\"", "\"quant_method\": \"hqq\""}, "hqq"},
      {"gptq_v1_4bit_actorder", {"\"checkpoint_format\": \"gptq\"", "\"checkpoint_format\": \"marlin\""}, "marlin"},
      {"gptq_v1_4bit_actorder", {"\"lm_head\": false", "\"format\": \"marlin\""}, "format is marlin"},
      {"gptq_v1_4bit_actorder", {"\"lm_head\": false", "\"rotation\": \"hadamard\""}, "rotation is set"},
      {"gptq_v1_4bit_actorder", {"\"lm_head\": false", "\"is_marlin_format\": true"}, "is_marlin_format is set"},
      {"gptq_v1_4bit_actorder", {"\"lm_head\": false", "\"adapter\": {\"rank\": 8}"}, "adapter is set"},
      {"gptq_v1_4bit_actorder", {"\"lm_head\": false", "\"dynamic\": {\"+:x\": {\"group_size\": -2}}"}, "group_size"},
      {"auto_round_auto_gptq", {"\"group_size\": 128", "\"group_size\": 32"}, "other groups than group_size says"},
      {"auto_round_auto_gptq", {"auto_round:auto_gptq", "auto_round:exllama"}, "packing_format is auto_round:exllama"},
      {"auto_round_auto_gptq", {"\"data_type\": \"int\"", "\"data_type\": \"mx_fp\""}, "data_type is mx_fp"},
      {"ct_pack_3bit_asym", {"pack-quantized", "marlin-24"}, "format is marlin-24"},
      {"ct_groups_uneven", {"\"group_size\": 128", "\"group_size\": 32"}, "of no group size that"},
      {"ct_groups_uneven", {"\"group_size\": 64", "\"group_size\": 112"}, "either of several group sizes"},
      {"ct_pack_3bit_asym", {"\"num_bits\": 3", "\"num_bits\": 9"}, "num_bits"},
      {"ct_pack_3bit_asym", {"\"type\": \"int\"", "\"type\": \"float\""}, "type is float"},
      {"bnb_nf4_double_quant", {"\"nf4\"", "\"nf8\""}, "bnb_4bit_quant_type is nf8"},
      {"bnb_nf4_double_quant", {"\"load_in_4bit\": true", "\"load_in_4bit\": false"}, "bitsandbytes"},
      {"bnb_int8", {"\"load_in_4bit\": false", "\"load_in_4bit\": true"}, "exactly one"},
      {"ct_mixed_precision", {"\"int-quantized\"", "\"float-quantized\""}, "format is float-quantized"},
      {"aqlm_2x8", {"\"nbits_per_codebook\": 8", "\"nbits_per_codebook\": 17"}, "nbits_per_codebook"},
      {"aqlm_2x8", {"\"nbits_per_codebook\": 8", "\"nbits_per_codebook\": 7"}, "or nbits_per_codebook"},
      {"mlx_affine_4bit", {"\"bits\": 4", "\"bits\": 9"}, "bits"},
      {"mlx_affine_4bit", {"\"bits\": 4", "\"bits\": 8"}, "other shapes than bits and group_size"},
      {"mlx_affine_4bit", {"\"group_size\": 64", "\"group_size\": 32"}, "other shapes than bits and group_size"},
      {"mlx_affine_4bit", {"\"affine\"", "\"mxfp4\""}, "mode is mxfp4"},
      {"quip_sharp_e8p12", {"\"E8P12\"", "\"D4\""}, "codebook is D4"},
      {"quip_sharp_e8p12", {"\"codebook_version\": 1", "\"codebook_version\": 2"}, "codebook_version"},
  };
  for (const auto& one : cases) {
    CAPTURE(std::string(one.fixture));
    CAPTURE(std::string(one.change.other));
    const std::string fixture = kFixtures + one.fixture;
    const std::vector<uint8_t> file = read_all(fixture + "/model.safetensors");
    const Status status = open_changed(fixture, file, header_of(file), one.change);
    CHECK(!status.is_ok());
    CHECK_MESSAGE(said(status).find(one.words) != std::string::npos, said(status));
  }
}

namespace {

// Where the bytes of a tensor of the layer stand in the file.
size_t place_of(const std::string& header, const std::string& suffix) {
  const size_t entry = header.find("\"model.layers.0.mlp.down_proj." + suffix + "\"");
  REQUIRE(entry != std::string::npos);
  const size_t offsets = header.find('[', header.find("\"data_offsets\"", entry)) + 1;
  return 8 + header.size() + std::strtoull(header.c_str() + offsets, nullptr, 10);
}

}  // namespace

TEST_CASE("scales that are no numbers, codes of no vector and states that say nothing are refused by their layer") {
  constexpr uint16_t kNaN = 0x7e00, kInfinity = 0xfc00;  // as half precision has them
  const struct {
    const char* fixture;
    const char* suffix;
    std::string bytes;
    const char* words;
  } cases[] = {
      {"awq_gemm", "scales", {reinterpret_cast<const char*>(&kNaN), 2}, "not finite"},
      {"gptq_v1_4bit_actorder", "scales", {reinterpret_cast<const char*>(&kInfinity), 2}, "not finite"},
      {"ct_pack_3bit_asym", "weight_scale", {reinterpret_cast<const char*>(&kNaN), 2}, "not finite"},
      {"ct_int_w8a8_static", "weight_scale", {reinterpret_cast<const char*>(&kNaN), 2}, "not finite"},
      {"mlx_affine_4bit", "biases", {reinterpret_cast<const char*>(&kInfinity), 2}, "not finite"},
      {"bnb_int8", "SCB", std::string("\0\0\xc0\x7f", 4), "not finite"},
      {"bnb_int8", "weight_format", "\1", "weight_format is not 0"},
      {"aqlm_2x8", "codebooks", {reinterpret_cast<const char*>(&kNaN), 2}, "not finite"},
      {"quip_sharp_e8p12", "SU", {reinterpret_cast<const char*>(&kNaN), 2}, "not finite"},
      {"ct_pack_3bit_asym", "weight_shape", std::string("\x81\0\0\0\0\0\0\0", 8), "packed has another shape"},
      {"ct_pack_3bit_asym", "weight_shape", std::string(8, '\xff'), "weight_packed has another shape"},
      {"bnb_nf4_double_quant", "weight.quant_state.bitsandbytes__nf4", "[", "weight.quant_state"},
      {"bnb_nf4_double_quant", "weight.quant_state.bitsandbytes__nf4",
       R"({"quant_type": "nf4", "blocksize": 00)", "weight.quant_state"},
      {"bnb_nf4_double_quant", "weight.quant_state.bitsandbytes__nf4",
       R"({"quant_type": "nf4", "blocksize": 32)", "absmax should be one byte for each block"},
      {"bnb_nf4_double_quant", "weight.quant_state.bitsandbytes__nf4",
       R"({"quant_type": "nf4", "blocksize": 64, "dtype": "float16", "shape": [128, 129])", "half a byte for each"},
  };
  for (const auto& one : cases) {
    CAPTURE(std::string(one.fixture));
    CAPTURE(std::string(one.suffix));
    const std::string fixture = kFixtures + one.fixture;
    std::vector<uint8_t> file = read_all(fixture + "/model.safetensors");
    const std::string header = header_of(file);
    std::copy(one.bytes.begin(), one.bytes.end(), file.begin() + static_cast<ptrdiff_t>(place_of(header, one.suffix)));
    const Status status = open_changed(fixture, file, header);
    CHECK(!status.is_ok());
    CHECK_MESSAGE(said(status).find(one.words) != std::string::npos, said(status));
    CHECK_MESSAGE(said(status).find("model.layers.0.mlp.down_proj") != std::string::npos, said(status));
  }
  // Codebooks of half as many vectors, and codes that fit those of before.
  const std::string fixture = kFixtures + "aqlm_2x8";
  const std::vector<uint8_t> file = read_all(fixture + "/model.safetensors");
  std::string header = header_of(file);
  replace_all("[2,256,1,8]", "[4,128,1,8]", &header);
  replace_all(",16,2]", ",8,4] ", &header);
  const Status status =
      open_changed(fixture, file, header, {"\"nbits_per_codebook\": 8", "\"nbits_per_codebook\": 7"});
  CHECK_MESSAGE(said(status).find("a code is of no vector in its codebook") != std::string::npos, said(status));
}

TEST_CASE("an input of a group that has no scale is refused") {
  const std::string fixture = kFixtures + "gptq_v1_4bit_actorder";
  std::vector<uint8_t> file = read_all(fixture + "/model.safetensors");
  const std::string header = header_of(file);
  const size_t begin = place_of(header, "g_idx");
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
