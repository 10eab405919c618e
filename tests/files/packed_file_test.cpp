// Tests of packed files (.mica): written, read mapped and from memory, verified, and found damaged. Damaged headers:
// tests/fault.
#include <doctest/doctest.h>

#include "model_files.hpp"
#include "packed_format.hpp"
#include "packed_writer.hpp"
#include "test_folder.hpp"

using namespace mica;

namespace {

const char* const kConfig = "{\"model_type\": \"llama\", \"note\": \"caf\xC3\xA9\"}";

// Three tensors, the second of no bytes; tensor i is filled with i + 1.
void write_model(const std::string& path) {
  PackedWriter writer;
  const Status status = writer.create(
      path.c_str(), {{"config.json", kConfig}, {"tokenizer.json", "{\"a\": \"b\"}"}, {"mica.family", "llama"}},
      {{"z.weight", DType::f16, {2, 32}}, {"empty", DType::f32, {0, 4}}, {"a.weight", DType::u8, {640}}});
  REQUIRE_MESSAGE(status.is_ok(), said(status));
  REQUIRE(writer.append("z.weight", std::vector<uint8_t>(128, 1)));
  REQUIRE(writer.append("empty", {}));
  for (int piece = 0; piece < 10; ++piece) REQUIRE(writer.append("a.weight", std::vector<uint8_t>(64, 3)));
  REQUIRE(writer.finish());
}

void check_model(const ModelFiles& files) {
  CHECK(files.kind() == ModelFiles::Kind::packed);
  CHECK(text_of(files.document("config.json")) == kConfig);
  CHECK(text_of(files.document("tokenizer.json")) == "{\"a\": \"b\"}");
  CHECK(files.document("preprocessor_config.json").empty());
  CHECK(files.document("mica.family").empty());
  CHECK(files.metadata("mica.family") == "llama");
  CHECK(files.metadata("mica.format") == "1");
  REQUIRE(files.tensors().size() == 3);
  CHECK(files.tensors()[0].name == "a.weight");
  const TensorView* tensor = files.find("z.weight");
  REQUIRE(tensor != nullptr);
  CHECK(tensor->dtype == DType::f16);
  CHECK(tensor->rank == 2);
  CHECK(tensor->shape[1] == 32);
  CHECK(tensor->bytes.size() == 128);
  CHECK(tensor->bytes[127] == 1);
  for (const TensorView& each : files.tensors()) CHECK(reinterpret_cast<uintptr_t>(each.bytes.data()) % 64 == 0);
  CHECK(files.verify({}));
}

}  // namespace

TEST_CASE("a packed model opens mapped and from memory, and is a safetensors file") {
  const TestFolder folder;
  const std::string path = folder.path("m.mica");
  write_model(path);
  CHECK(folder.names() == "m.mica");
  std::unique_ptr<ModelFiles> mapped;
  REQUIRE(ModelFiles::open(path.c_str(), &mapped));
  check_model(*mapped);

  const AlignedCopy copy{read_all(path)};
  CHECK(mapped->bytes_total() == copy.bytes().size());
  std::unique_ptr<ModelFiles> in_memory;
  REQUIRE(ModelFiles::open_memory(copy.bytes(), "built in", &in_memory));
  check_model(*in_memory);
  CHECK(in_memory->find("z.weight")->bytes.data() > copy.bytes().data());  // in place, not copied
  CHECK(in_memory->find("z.weight")->bytes.data() < copy.bytes().data() + copy.bytes().size());

  Safetensors plain;
  REQUIRE(read_safetensors(copy.bytes(), "m.mica", &plain));
  CHECK(plain.tensors.size() == 3);
}

TEST_CASE("verify reports its progress, stops when told, and names the damaged tensor") {
  const TestFolder folder;
  const std::string path = folder.path("m.mica");
  write_model(path);
  std::unique_ptr<ModelFiles> files;
  REQUIRE(ModelFiles::open(path.c_str(), &files));
  size_t last_done = 0, last_total = 0;
  CHECK(files->verify([&](size_t done, size_t total) {
    CHECK(done > last_done);
    last_done = done;
    last_total = total;
    return true;
  }));
  CHECK(last_done == 128 + 640);
  CHECK(last_total == 128 + 640);
  CHECK(files->verify([](size_t, size_t) { return false; }).code() == Code::cancelled);

  // One bit in every byte of every tensor.
  AlignedCopy copy{read_all(path)};
  const size_t data_start = copy.bytes().size() - 128 - 640;
  for (size_t i = data_start; i < copy.bytes().size(); ++i) {
    copy.data()[i] ^= static_cast<uint8_t>(1u << (i % 8));
    std::unique_ptr<ModelFiles> damaged;
    REQUIRE(ModelFiles::open_memory(copy.bytes(), "built in", &damaged));
    const Status status = damaged->verify({});
    CHECK(status.code() == Code::corrupt_file);
    const char* const name = i < data_start + 128 ? "tensor z.weight" : "tensor a.weight";
    CHECK(said(status).find(name) != std::string::npos);
    copy.data()[i] ^= static_cast<uint8_t>(1u << (i % 8));
  }
}

TEST_CASE("a model in memory must be aligned") {
  const TestFolder folder;
  write_model(folder.path("m.mica"));
  const std::vector<uint8_t> file = read_all(folder.path("m.mica"));
  std::vector<uint8_t> shifted = {0};
  shifted.insert(shifted.end(), file.begin(), file.end());
  const AlignedCopy copy{shifted};
  std::unique_ptr<ModelFiles> files;
  CHECK(ModelFiles::open_memory(copy.bytes().subspan(1), "built in", &files).code() == Code::invalid_argument);
  CHECK(files == nullptr);
}

TEST_CASE("the writer asks for whole lines and keeps its own names") {
  const TestFolder folder;
  const std::string path = folder.path("m.mica");
  const auto refused = [&path](const MetadataList& documents, std::vector<TensorDeclaration> tensors) {
    PackedWriter writer;
    return writer.create(path.c_str(), documents, std::move(tensors));
  };
  CHECK(refused({}, {{"t", DType::u8, {64}}}));
  const Status odd = refused({}, {{"odd", DType::u8, {63}}});
  CHECK(odd.code() == Code::invalid_argument);
  CHECK(said(odd).find("tensor odd must have a multiple of 64 bytes") != std::string::npos);
  CHECK_FALSE(refused({}, {{"odd", DType::f32, {8, 3}}}));
  for (std::string_view name : {kPackedFormatKey, kPackedHeaderChecksumKey, kPackedTensorChecksumsKey}) {
    CHECK(refused({{std::string(name), "1"}}, {}).code() == Code::invalid_argument);
  }
  CHECK_FALSE(refused({{"config.json", "\xFF"}}, {}));
  CHECK(folder.names().empty());
}
