// What people give instead of a model, picture or tokenizer: pointers, pages, archives, other programs' checkpoints and
// folders, places beside the model. Each is named as what it is, with what to do. Damaged files of mica's own formats:
// model_file_fault_test.cpp.
#include <doctest/doctest.h>

#include "build_gguf.hpp"
#include "build_safetensors.hpp"
#include "byte_tokenizer.hpp"
#include "chat_template.hpp"
#include "foreign_model.hpp"
#include "log.hpp"
#include "mapped_file.hpp"
#include "model.hpp"
#include "model_files.hpp"
#include "picture.hpp"
#include "test_folder.hpp"

using namespace mica;
namespace fs = std::filesystem;

namespace {

const std::string kGolden = MICA_TESTS_DATA "/golden/";
constexpr std::string_view kPointer =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 269060552\n";
constexpr const char* kPointerWords = "is a Git LFS pointer to a file of 269060552 bytes";

std::string refusal(const std::string& path) {
  std::unique_ptr<ModelFiles> files;
  const Status status = ModelFiles::open(path.c_str(), &files);
  REQUIRE(!status.is_ok());
  CHECK(said(status).find(path.substr(path.rfind('/'))) != std::string::npos);
  return said(status);
}

void check_says(const std::string& message, const std::string& words) {
  CHECK_MESSAGE(message.find(words) != std::string::npos, message);
}

// A copy of a golden checkpoint that a test may change.
void copy_golden(const char* family, const TestFolder& folder) {
  for (const char* name : {"config.json", "model.safetensors"})
    fs::copy_file(kGolden + family + "/" + name, folder.path(name));
}

// Opens the whole model: what only the weights' reader can see.
std::string model_refusal(const std::string& path) {
  std::unique_ptr<ModelFiles> files;
  std::unique_ptr<Model> model;
  Status status = ModelFiles::open(path.c_str(), &files);
  if (status) status = open_model(std::move(files), &model);
  REQUIRE(!status.is_ok());
  return said(status);
}

// What the log says while the model of a folder opens.
std::string opening_log(const TestFolder& folder) {
  std::string log;
  std::unique_ptr<ModelFiles> files;
  std::unique_ptr<Model> model;
  REQUIRE(ModelFiles::open(folder.path().c_str(), &files));
  set_log([](void* user, int, const char* message) { *static_cast<std::string*>(user) += message; }, &log);
  const Status status = open_model(std::move(files), &model);
  set_log(nullptr, nullptr);
  CHECK_MESSAGE(status.is_ok(), said(status));
  return log;
}

// Adds a tensor of 8 bytes to the folder's model.safetensors.
void append_tensor(const TestFolder& folder, const std::string& name, const std::string& dtype) {
  const std::vector<uint8_t> file = read_all(folder.path("model.safetensors"));
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  const std::string header(reinterpret_cast<const char*>(file.data()) + sizeof length, length);
  const size_t data_bytes = file.size() - sizeof length - length;
  const std::string entry = ",\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[8],\"data_offsets\":[" +
                            std::to_string(data_bytes) + "," + std::to_string(data_bytes + 8) + "]}}";
  std::vector<uint8_t> changed = build_safetensors(header.substr(0, header.rfind('}')) + entry, data_bytes + 8);
  const auto bytes = static_cast<std::ptrdiff_t>(data_bytes);
  std::copy(file.end() - bytes, file.end(), changed.end() - 8 - bytes);
  folder.write("model.safetensors", changed);
}

// The folder's model.safetensors with every `from` of its header turned into `to`, which is as long.
void rename_in_header(const TestFolder& folder, const std::string& from, const std::string& to) {
  REQUIRE(from.size() == to.size());
  std::vector<uint8_t> file = read_all(folder.path("model.safetensors"));
  size_t renamed = 0;
  for (auto at = file.begin();; at += static_cast<std::ptrdiff_t>(from.size()), ++renamed) {
    at = std::search(at, file.end(), from.begin(), from.end());
    if (at == file.end()) break;
    std::copy(to.begin(), to.end(), at);
  }
  REQUIRE(renamed > 0);
  folder.write("model.safetensors", file);
}

}  // namespace

TEST_CASE("a Git LFS pointer is named, whatever it stands for") {
  for (const char* name : {"model.safetensors", "tokenizer.json", "config.json", "chat_template.jinja",
                           "model.safetensors.index.json", "generation_config.json"}) {
    CAPTURE(name);
    const TestFolder folder;
    folder.write("config.json", "{}");
    folder.write(name, kPointer);
    const std::string message = refusal(folder.path());
    check_says(message, std::string("/") + name + " " + kPointerWords);
    check_says(message, "git lfs pull");
  }
  const TestFolder folder;
  for (const char* name : {"m.gguf", "m.mica", "m.bin"})
    check_says(refusal(folder.write(name, kPointer)), kPointerWords);
  // A picture, and a text: read_file and MappedFile are the door of every file.
  std::vector<uint8_t> bytes;
  check_says(said(read_file(folder.write("a.jpg", kPointer).c_str(), SIZE_MAX, &bytes)), kPointerWords);
  // A shard of two.
  fs::copy_file(kGolden + "llama/config.json", folder.path("config.json"));
  folder.write("model.safetensors.index.json", R"({"weight_map":{"t":"model-00001-of-00001.safetensors"}})");
  folder.write("model-00001-of-00001.safetensors", kPointer);
  check_says(refusal(folder.path()), kPointerWords);
}

TEST_CASE("a page or a reply of a server in the place of a file is named") {
  const struct {
    const char* content;
    const char* words;
  } cases[] = {
      {"<!DOCTYPE html>\n<html><head><title>Log in</title>", "is a web page (HTML)"},
      {"\n  <!doctype HTML>", "is a web page (HTML)"},
      {"\xEF\xBB\xBF<html lang=\"en\">", "is a web page (HTML)"},
      {"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code></Error>", "error reply (XML)"},
      {"{\"error\":\"Invalid credentials\"}", "error reply (JSON)"},
      {"{ \"error\": \"Repository not found\" }", "error reply (JSON)"},
      {"Invalid username or password.", "a server's error reply"},
      {"Access to model meta-llama/Llama-3.2-1B is restricted.", "a server's error reply"},
      {"Entry not found", "a server's error reply"},
  };
  for (const auto& expected : cases) {
    CAPTURE(expected.content);
    const TestFolder folder;
    check_says(refusal(folder.write("m.gguf", expected.content)), expected.words);
    folder.write("config.json", "{}");
    for (const char* name : {"model.safetensors", "tokenizer.json"}) {
      folder.write(name, expected.content);
      check_says(refusal(folder.path()), std::string(name) + " is");
      check_says(refusal(folder.path()), expected.words);
    }
    Picture picture;
    const std::string_view text = expected.content;
    check_says(said(decode_picture(bytes_of(text), "a.jpg", &picture)), expected.words);
  }
  // What only begins like one is what it was: a document that is longer than any reply.
  const TestFolder folder;
  folder.write("config.json", "{\"message\": \"" + std::string(2000, 'x') + "\"}");
  check_says(refusal(folder.path()), "neither model.safetensors");
}

TEST_CASE("files of other programs are named") {
  const std::string zeros(100, '\0');
  const struct {
    std::string content;
    const char* words;
  } cases[] = {
      {"PK\x03\x04" + zeros, "a zip archive, as PyTorch writes"},
      {std::string("\x80\x02}q\0", 5) + zeros, "a Python pickle, as PyTorch writes"},
      {"\x80\x04\x95" + zeros, "a Python pickle"},
      {"\x1F\x8B\x08" + zeros, "a gzip archive: unpack it"},
      {std::string(257, 'x') + "ustar" + zeros, "a tar archive"},
      {std::string("\x1C\0\0\0TFL3", 8) + zeros, "a TensorFlow Lite model"},
      {"\x89HDF\r\n\x1A\n" + zeros, "an HDF5 file"},
      {std::string("\x08\x08\x12\x07pytorch", 11), "an ONNX model"},
      {"tjgg" + zeros, "a GGML file, older than GGUF"},
      {"\xFF\xD8\xFF" + zeros, "a picture: pictures are given by --image"},
      {"{\"model_type\": \"llama\"}", "a JSON file: name the folder that it lies in"},
      {"<?xml version=\"1.0\"?><net>", "an XML file, as OpenVINO"},
      {zeros, "begins with zeros"},
      {"%PDF-1.7\n" + zeros, "a PDF document"},
      {"GIF89a" + zeros, "a picture: pictures are given by --image"},
      {"\x89PNG\r\n" + zeros, "a picture: pictures are given by --image"},
      {"Dear reader, this is not a model.\n", "a text: mica reads"},
  };
  const TestFolder folder;
  folder.write("config.json", "{}");
  for (const auto& expected : cases) {
    CAPTURE(expected.words);
    for (const char* name : {"m.bin", "m.gguf", "m.mica"})
      check_says(refusal(folder.write(name, expected.content)), expected.words);
    const std::string file = folder.write("model.safetensors", expected.content);
    std::unique_ptr<ModelFiles> files;
    const Status status = ModelFiles::open(folder.path().c_str(), &files);
    CHECK(status.code() == Code::corrupt_file);
    const std::string_view words(expected.words);
    check_says(said(status), file + (words.starts_with("begins") ? " " : " is ") +
                                 std::string(words.substr(0, words.find(':'))));
  }
  folder.write("model.safetensors", "GGUF" + zeros);
  std::unique_ptr<ModelFiles> files;
  check_says(said(ModelFiles::open(folder.path().c_str(), &files)), "is a GGUF file: call it NAME.gguf");
}

TEST_CASE("folders of other kinds are named, and folders around a model lead to it") {
  SUBCASE("an adapter") {
    const TestFolder folder;
    folder.write("adapter_config.json", R"({"base_model_name_or_path": "org/base"})");
    folder.write("adapter_model.safetensors", "x");
    check_says(refusal(folder.path()), "is an adapter (LoRA) to org/base, not a whole model: merge it");
    folder.write("config.json", "{}");
    check_says(refusal(folder.path()), "is an adapter (LoRA) to org/base");
  }
  SUBCASE("a folder with a file of a model") {
    const TestFolder folder;
    folder.write("b.gguf", "x");
    check_says(refusal(folder.path()), "name the file itself, as in " + folder.path("b.gguf"));
  }
  SUBCASE("one level above") {
    const TestFolder folder;
    fs::create_directories(folder.path("Qwen2"));
    folder.write("Qwen2/config.json", "{}");
    check_says(refusal(folder.path()), "a model lies in it: name " + folder.path("Qwen2"));
    fs::create_directories(folder.path("SmolLM2"));
    folder.write("SmolLM2/config.json", "{}");
    check_says(refusal(folder.path()), "several models lie in it");
  }
  SUBCASE("a folder of Hugging Face's cache") {
    const TestFolder folder;
    for (const char* name : {"snapshots/aaa", "snapshots/bbb", "refs"}) fs::create_directories(folder.path(name));
    folder.write("snapshots/aaa/config.json", "{}");
    folder.write("snapshots/bbb/config.json", "{}");
    folder.write("refs/main", "bbb");
    check_says(refusal(folder.path()), "the model is " + folder.path("snapshots/bbb"));
    folder.write("refs/main", "../../../elsewhere");
    check_says(refusal(folder.path()), "the model is " + folder.path("snapshots/aaa"));
  }
  SUBCASE("other programs' checkpoints") {
    const TestFolder folder;
    folder.write("params.json", "{}");
    check_says(refusal(folder.path()), "in its maker's own form");
  }
  SUBCASE("weights in other forms") {
    for (const char* name : {"model.ckpt", "consolidated.00.pth", "tf_model.h5", "flax_model.msgpack", "model.onnx"}) {
      const TestFolder folder;
      folder.write("config.json", "{}");
      folder.write("training_args.bin", "x");
      folder.write(name, "x");
      check_says(refusal(folder.path()), std::string("has its tensors in ") + name);
    }
    const TestFolder folder;
    folder.write("config.json", "{}");
    folder.write("weights.safetensors", "x");
    check_says(refusal(folder.path()), "has weights.safetensors, but not model.safetensors");
  }
  SUBCASE("a link to what is not there, a folder in a file's place") {
    for (const char* name : {"config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json",
                             "model-00001-of-00002.safetensors"}) {
      const TestFolder folder;
      if (std::string_view(name) != "config.json") folder.write("config.json", "{}");
      fs::create_symlink("../../blobs/0a1b", folder.path(name));
      check_says(refusal(folder.path()),
                 std::string(name) + " is a link to ../../blobs/0a1b, which is not there: fetch");
      fs::remove(folder.path(name));
      fs::create_directory(folder.path(name));
      check_says(refusal(folder.path()), std::string(name) + " is a folder, not a file");
    }
    const TestFolder folder;
    fs::create_symlink("blob", folder.path("m.gguf"));
    check_says(refusal(folder.path("m.gguf")), "m.gguf is a link to blob, which is not there");
  }
  SUBCASE("the first bytes of a model's file") {
    const TestFolder folder;
    const std::string start = std::string("\x40\x01\0\0\0\0\0\0", 8) + R"({"__metadata__":{"mica.format":")";
    for (const size_t bytes : {1, 7, 8, 9, 20, 39}) {
      folder.write("m.mica", start.substr(0, bytes));
      check_says(refusal(folder.path("m.mica")),
                 "ends early, within its header: it has " + std::to_string(bytes) + " bytes: fetch it again");
    }
    folder.write("m.gguf", "GG");
    check_says(refusal(folder.path("m.gguf")), "ends early, within its header: it has 2 bytes");
  }
  SUBCASE("a download that did not end") {
    const TestFolder folder;
    folder.write("m.gguf.crdownload", "x");
    check_says(refusal(folder.path("m.gguf")), "m.gguf: No such file or directory (m.gguf.crdownload is a download");
    fs::remove(folder.path("m.gguf.crdownload"));
    folder.write("model.safetensors.part", "x");
    folder.write("config.json", "{}");
    check_says(refusal(folder.path()), "(model.safetensors.part is a download that did not end)");
    fs::remove(folder.path("model.safetensors.part"));
    fs::create_directories(folder.path(".cache/huggingface/download"));
    folder.write(".cache/huggingface/download/abc.incomplete", "x");
    check_says(refusal(folder.path()), "abc.incomplete is a download that did not end");
    folder.write("model.safetensors.index.json", R"({"weight_map":{"t":"model-00001-of-00001.safetensors"}})");
    folder.write("model-00001-of-00001.safetensors.incomplete", "x");
    check_says(refusal(folder.path()), "(model-00001-of-00001.safetensors.incomplete is a download");
  }
}

TEST_CASE("a name or an address that other programs download by says that nothing is downloaded, and how to fetch it") {
  struct Case {
    const char* given;
    const char* words;
  };
  const Case cases[] = {
      {"Qwen/Qwen2-VL-2B-Instruct", "`hf download Qwen/Qwen2-VL-2B-Instruct --local-dir Qwen2-VL-2B-Instruct`"},
      {"ggml-org/SmolVLM-GGUF:Q8_0", "`hf download ggml-org/SmolVLM-GGUF --local-dir SmolVLM-GGUF`"},
      {"https://huggingface.co/a/b", "`hf download a/b --local-dir b`"},
      {"https://huggingface.co/a/b/tree/main", "and name what came: b"},
      {"https://huggingface.co/a/b/resolve/main/x/y.gguf?download=true",
       "`hf download a/b x/y.gguf --local-dir b`, `huggingface-cli download` likewise, or git clone with git lfs) and "
       "name what came: b/x/y.gguf"},
      {"hf.co/a/b:Q4_K_M", "`hf download a/b --local-dir b`"},
      {"hf://a/b", "`hf download a/b --local-dir b`"},
      {"https://example.org/model.gguf", "is an address, and mica is offline"},
      {"file:///x/model.gguf", "name the file by its path"},
      {"qwen2.5vl:3b", "mica keeps no list of models"},
      {"smollm2", "mica keeps no list of models"},
      {"model.gguf", "cannot open model.gguf: No such file"},
      {"folder/model.gguf", "cannot open folder/model.gguf: No such file"},
      {"./a/b", "cannot open ./a/b: No such file"},
      {"/a/b", "cannot open /a/b: No such file"},
      {"a/b/c", "cannot open a/b/c: No such file"},
  };
  for (const Case& row : cases) {
    CAPTURE(row.given);
    std::unique_ptr<ModelFiles> files;
    const Status status = ModelFiles::open(row.given, &files);
    CHECK(status.code() == Code::not_found);
    check_says(said(status), row.words);
    CHECK(said(status).size() < Status::kMessageBytes - 1);
  }
  const TestFolder folder;
  fs::create_directory(folder.path("here"));
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  std::unique_ptr<ModelFiles> files;
  CHECK(said(ModelFiles::open("here/model", &files)) == "cannot open here/model: No such file or directory");
  fs::current_path(before);
}

TEST_CASE("a folder without tokenizer.json says what it has in its place") {
  const TestFolder folder;
  check_says(said(missing_tokenizer(folder.path())), "has no tokenizer.json");
  folder.write("merges.txt", "a b");
  check_says(said(missing_tokenizer(folder.path())), "it has merges.txt: convert it");
  folder.write("tokenizer.model", "x");
  check_says(said(missing_tokenizer(folder.path())), "it has tokenizer.model: convert it (in Python, with");
}

TEST_CASE("weights that another program quantized are named by its name") {
  const std::string stem = "model.layers.0.self_attn.q_proj";
  for (const auto& [suffix, words] : {std::pair<const char*, const char*>{".qweight", "is quantized by GPTQ or AWQ"},
                                      {".weight.absmax", "is quantized by bitsandbytes (4 bits)"},
                                      {".SCB", "is quantized by bitsandbytes (8 bits)"},
                                      {".weight_scale_inv", "is quantized by FP8 in blocks"},
                                      {".weight_packed", "is quantized by compressed-tensors"},
                                      {".scales", "is quantized by MLX"}}) {
    const TestFolder folder;
    copy_golden("llama", folder);
    append_tensor(folder, stem + suffix, "U8");
    check_says(model_refusal(folder.path()), words);
    check_says(model_refusal(folder.path()), "take the unquantized model");
    // As GPTQ has it: the weight itself is not there.
    rename_in_header(folder, stem + ".weight\"", stem + ".Xeight\"");
    check_says(model_refusal(folder.path()), words);
  }
  const TestFolder plain;
  copy_golden("llama", plain);
  rename_in_header(plain, stem + ".weight\"", stem + ".Xeight\"");
  check_says(model_refusal(plain.path()), "there is no tensor \"" + stem + ".weight\"");
}

TEST_CASE("a generation_config.json that is no JSON is told, and is no obstacle") {
  const TestFolder folder;
  copy_golden("llama", folder);
  CHECK(opening_log(folder).empty());
  folder.write("generation_config.json", "{\"do_sample\": tru");
  check_says(opening_log(folder), folder.path() + "/generation_config.json");
  for (const char* text : {"{\"do_sample\": tru", "[1]", "null", "\"x\""}) {
    folder.write("generation_config.json", text);
    check_says(opening_log(folder), "fetch it again. It is not read, so answers are not sampled as it may ask");
  }
}

TEST_CASE("documents that turns and pictures hang on are refused when they are cut or of another form") {
  for (const char* name : {"tokenizer_config.json", "chat_template.json", "processor_config.json"}) {
    for (const char* text : {"{\"a", "[1]", "null", "7"}) {
      const TestFolder folder;
      copy_golden("llama", folder);
      folder.write(name, text);
      check_says(model_refusal(folder.path()), folder.path() + "/" + name);
      check_says(model_refusal(folder.path()), "the file is cut or damaged: fetch it again");
    }
  }
  const TestFolder folder;
  copy_golden("llama", folder);
  folder.write("special_tokens_map.json", "{\"a");
  check_says(opening_log(folder), folder.path() + "/special_tokens_map.json");
  check_says(opening_log(folder), "It is not read: mica takes the special tokens from tokenizer.json");
}

TEST_CASE("a chat template that is no text is refused, not taken for none") {
  for (const char* name : {"tokenizer_config.json", "chat_template.json"})
    for (const char* value : {"7", "true", "[1]", "[{\"name\": \"default\"}]", "{\"default\": 7}"}) {
      const TestFolder folder;
      folder.write("config.json", "{}");
      folder.write("model.safetensors", build_safetensors("{}", 0));
      folder.write(name, "{\"chat_template\": " + std::string(value) + "}");
      std::unique_ptr<ModelFiles> files;
      REQUIRE(ModelFiles::open(folder.path().c_str(), &files));
      ChatTemplate found;
      check_says(said(read_chat_template(*files, &found)),
                 folder.path() + "/" + name + ": chat_template must be a text");
    }
}

TEST_CASE("weights that are zeros, as an unfinished download leaves them, are refused") {
  const TestFolder folder;
  copy_golden("llama", folder);
  std::vector<uint8_t> file = read_all(folder.path("model.safetensors"));
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  std::fill(file.begin() + static_cast<std::ptrdiff_t>(sizeof length + length), file.end(), uint8_t{0});
  folder.write("model.safetensors", file);
  check_says(model_refusal(folder.path()), folder.path() + ": the embedding is zeros from end to end");
  check_says(model_refusal(folder.path()), "fetch it again");
}

TEST_CASE("what tokenizer_config.json says otherwise than tokenizer.json is told by name") {
  const std::string control = R"({"content": "<s>", "special": true})", other = R"({"content": "<new>"})";
  const struct {
    bool begin;  // whether tokenizer.json puts <s> before a text
    std::string config;
    const char* words;  // null: the log stays empty
  } kCases[] = {
      {true, R"({"add_bos_token": true, "add_eos_token": false, "do_lower_case": true})", nullptr},
      {false, R"({"add_bos_token": false, "split_special_tokens": false})", nullptr},
      {false, R"({"add_bos_token": true})",
       "add_bos_token true, but the post_processor of tokenizer.json sets none before"},
      {true, R"({"add_bos_token": false})",
       "add_bos_token false, but the post_processor of tokenizer.json sets a token"},
      {true, R"({"add_eos_token": true})",
       "add_eos_token true, but the post_processor of tokenizer.json sets none behind"},
      {true, R"({"split_special_tokens": true})", "asks for split_special_tokens, which mica does not do"},
      {true, R"({"added_tokens_decoder": {"256": )" + control + R"(}, "extra_special_tokens": {"a": "<s>"}})", nullptr},
      {true, R"({"added_tokens_decoder": {"7": )" + control + "}}", "has 1 tokens otherwise than tokenizer.json"},
      {true, R"({"added_tokens_decoder": {"264": )" + other + "}}", "which counts (<new>)"},
      {true, R"({"additional_special_tokens": ["<new>", "</s>"]})", "which counts (<new>)"},
  };
  for (const auto& row : kCases) {
    CAPTURE(row.config);
    const TestFolder folder;
    copy_golden("llama", folder);
    folder.write("tokenizer.json", byte_tokenizer(row.begin));
    folder.write("tokenizer_config.json", row.config);
    const std::string log = opening_log(folder);
    if (row.words != nullptr) check_says(log, row.words);
    CHECK_MESSAGE(log.empty() == (row.words == nullptr), log);
  }
  const TestFolder folder;
  copy_golden("llama", folder);
  folder.write("tokenizer.json", byte_tokenizer(true));
  folder.write("tokenizer_config.json", R"({"add_bos_token": "yes"})");
  check_says(model_refusal(folder.path()), "tokenizer_config.json: add_bos_token must be");
}

TEST_CASE("a bias that a model of the kind has not is told, and changes no answer") {
  for (const char* family : {"llama", "qwen2"})  // with a head of its own, and without
    for (const char* name : {"lm_head.bias", "model.norm.bias", "model.embed_tokens.bias",
                             "model.layers.0.input_layernorm.bias", "model.layers.1.post_attention_layernorm.bias"}) {
      const TestFolder folder;
      copy_golden(family, folder);
      CHECK(opening_log(folder).empty());
      append_tensor(folder, name, "U8");  // whose type would be refused where it is used
      check_says(opening_log(folder), std::string("read by no part of this model (") + name + ")");
    }
}

TEST_CASE("only tensors that a model needs must be of a type that mica reads") {
  const TestFolder folder;
  copy_golden("llama", folder);
  append_tensor(folder, "model.layers.0.self_attn.rotary_emb.inv_freq", "C64");
  CHECK(opening_log(folder).empty());
  for (const char* type : {"F8_E4M3", "U32", "C64"}) append_tensor(folder, std::string("extra.") + type, type);
  check_says(opening_log(folder), "3 of 25 stored tensors are read by no part of this model (extra.C64, extra.F8_E4M3, "
                                  "extra.U32): if they belong to it");
  append_tensor(folder, "visual.blocks.0.norm1.weight", "C64");
  check_says(opening_log(folder), "(extra.C64, extra.F8_E4M3, extra.U32, ...)");
  rename_in_header(folder, "\"F32\"", "\"F8X\"");
  check_says(model_refusal(folder.path()), "is F8X; mica reads F32, F16 and BF16");
  rename_in_header(folder, "\"F8X\"", "\"I32\"");  // whose sizes are known
  check_says(model_refusal(folder.path()), "is I32; mica reads F32, F16 and BF16: save the model as one of these (in");
}
