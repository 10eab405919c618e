// Tests of Hugging Face folders: the golden checkpoints against their checksums, sharded copies, documents. Bad
// folders: tests/fault.
#include <doctest/doctest.h>

#include "crc32c.hpp"
#include "json.hpp"
#include "json_text.hpp"
#include "model_files.hpp"
#include "safetensors.hpp"
#include "test_folder.hpp"

using namespace mica;

namespace {

const std::string kGolden = MICA_TESTS_DATA "/golden/";

std::unique_ptr<ModelFiles> opened(const std::string& path) {
  std::unique_ptr<ModelFiles> files;
  const Status status = ModelFiles::open(path.c_str(), &files);
  REQUIRE_MESSAGE(status.is_ok(), said(status));
  return files;
}

// Over all tensors by name: "NAME DTYPE d0,d1\n" and the bytes.
uint32_t digest(const ModelFiles& files) {
  uint32_t crc = 0;
  for (const TensorView& tensor : files.tensors()) {
    std::string head = std::string(tensor.name) + " " + dtype_layout(tensor.dtype).name + " ";
    for (uint32_t i = 0; i < tensor.rank; ++i) head += (i == 0 ? "" : ",") + std::to_string(tensor.shape[i]);
    crc = crc32c(crc, bytes_of(head + "\n"));
    crc = crc32c(crc, tensor.bytes);
  }
  return crc;
}

// The same tensors in `shards_count` files, dealt out by turns, with an index.
void write_sharded(const ModelFiles& files, size_t shards_count, const TestFolder& folder) {
  std::string index;
  for (size_t shard = 0; shard < shards_count; ++shard) {
    const std::string name = "model-0000" + std::to_string(shard + 1) + "-of-00003.safetensors";
    std::vector<TensorDeclaration> declared;
    for (size_t i = shard; i < files.tensors().size(); i += shards_count) {
      const TensorView& tensor = files.tensors()[i];
      declared.push_back({std::string(tensor.name), tensor.dtype, {tensor.shape, tensor.shape + tensor.rank}});
      index += index.empty() ? "" : ",";
      append_json_string(tensor.name, &index);
      index += ":\"" + name + "\"";
    }
    SafetensorsWriter writer;
    REQUIRE(writer.create(folder.path(name).c_str(), declared, {{"format", "pt"}}));
    for (const TensorDeclaration& tensor : declared) {
      REQUIRE(writer.append(tensor.name, files.find(tensor.name)->bytes));
    }
    REQUIRE(writer.finish());
  }
  folder.write("model.safetensors.index.json", "{\"metadata\":{\"total_size\":1},\"weight_map\":{" + index + "}}");
  folder.write("config.json", text_of(files.document("config.json")));
}

}  // namespace

TEST_CASE("the golden checkpoints: tensors as Python's safetensors reads them") {
  // Computed in Python from safetensors.safe_open, with a CRC32C of its own.
  const struct {
    const char* family;
    size_t tensors_count;
    uint32_t digest;
  } cases[] = {
      {"internvl", 91, 0xa1f7ef6c}, {"llama", 21, 0x77e705b4},    {"llava", 80, 0x3b62b1d8},
      {"qwen2", 26, 0x904982a6},    {"qwen2_vl", 58, 0x87de68ef}, {"qwen3", 25, 0x48804b74},
  };
  for (const auto& expected : cases) {
    CAPTURE(expected.family);
    const auto files = opened(kGolden + expected.family);
    CHECK(files->kind() == ModelFiles::Kind::huggingface);
    CHECK(files->tensors().size() == expected.tensors_count);
    CHECK(digest(*files) == expected.digest);
    for (const TensorView& tensor : files->tensors()) CHECK(files->find(tensor.name) == &tensor);
    CHECK(files->find("no.such.tensor") == nullptr);
    CHECK(files->gguf_vocabulary() == nullptr);
    CHECK(files->verify({}).code() == Code::unsupported);
    Json config;
    CHECK(parse_json(files->document("config.json"), "config.json", &config));
    CHECK(config.root().find("model_type").is_string());
  }
}

TEST_CASE("a sharded copy is the same model") {
  const auto single = opened(kGolden + "llama");
  for (size_t shards_count : {1, 2, 3}) {
    const TestFolder folder;
    write_sharded(*single, shards_count, folder);
    const auto sharded = opened(folder.path());
    CHECK(sharded->tensors().size() == single->tensors().size());
    CHECK(digest(*sharded) == digest(*single));
    CHECK(sharded->bytes_total() > single->tensors()[0].bytes.size());
  }
}

TEST_CASE("shards without their index are the same model, when all of them are there") {
  const auto single = opened(kGolden + "llama");
  const TestFolder folder;
  write_sharded(*single, 3, folder);
  std::filesystem::remove(folder.path("model.safetensors.index.json"));
  const auto sharded = opened(folder.path());
  CHECK(sharded->tensors().size() == single->tensors().size());
  CHECK(digest(*sharded) == digest(*single));

  std::unique_ptr<ModelFiles> files;
  std::filesystem::rename(folder.path("model-00002-of-00003.safetensors"), folder.path("kept"));
  Status status = ModelFiles::open(folder.path().c_str(), &files);
  CHECK(status.code() == Code::not_found);
  CHECK(said(status).find("has no model-00002-of-00003.safetensors, which is one of the shards") != std::string::npos);
  // A tensor in two shards is nobody's.
  std::filesystem::copy_file(folder.path("model-00001-of-00003.safetensors"),
                             folder.path("model-00002-of-00003.safetensors"));
  status = ModelFiles::open(folder.path().c_str(), &files);
  CHECK(status.code() == Code::corrupt_file);
  CHECK(said(status).find("stands there twice") != std::string::npos);
}

TEST_CASE("where there are both, the single file counts; the index leaves out what it does not list") {
  const auto single = opened(kGolden + "llama");
  const TestFolder folder;
  write_sharded(*single, 2, folder);
  const std::string index = folder.path("model.safetensors.index.json");
  const std::string first_name(single->tensors()[0].name);
  folder.write("model.safetensors.index.json",
               "{\"weight_map\":{\"" + first_name + "\":\"model-00001-of-00003.safetensors\"}}");
  CHECK(opened(folder.path())->tensors().size() == 1);
  std::filesystem::copy_file(kGolden + "llama/model.safetensors", folder.path("model.safetensors"));
  CHECK(opened(folder.path())->tensors().size() == single->tensors().size());
}

TEST_CASE("documents are the files of known names, and no others") {
  const TestFolder folder;
  std::filesystem::copy_file(kGolden + "llama/model.safetensors", folder.path("model.safetensors"));
  folder.write("config.json", "{}");
  folder.write("tokenizer.json", "{\"a\":1}");
  folder.write("chat_template.jinja", "{{ messages }}");
  folder.write("notes.txt", "mine");
  const auto files = opened(folder.path());
  CHECK(text_of(files->document("tokenizer.json")) == "{\"a\":1}");
  CHECK(text_of(files->document("chat_template.jinja")) == "{{ messages }}");
  CHECK(files->document("notes.txt").empty());
  CHECK(files->document("../config.json").empty());
  CHECK(files->document("").empty());
  CHECK(files->metadata("mica.format").empty());
  // Links are how download caches keep their files.
  std::filesystem::create_symlink(folder.path("notes.txt"), folder.path("merges.txt"));
  CHECK(text_of(opened(folder.path())->document("merges.txt")) == "mine");
}
