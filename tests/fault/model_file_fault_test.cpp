// Bad model files: safetensors, packed files and folders that are truncated, damaged, lying or hostile. Each gets a
// status whose message names the file and what is wrong in it. Bad GGUF files: gguf_fault_test.cpp.
#include <doctest/doctest.h>

#include "build_safetensors.hpp"
#include "model_files.hpp"
#include "packed_format.hpp"
#include "packed_writer.hpp"
#include "safetensors.hpp"
#include "test_folder.hpp"

using namespace mica;

namespace {

constexpr const char* kName = "bad.safetensors";
const std::string kGolden = MICA_TESTS_DATA "/golden/";

// `entry` for tensor "t", with 8 bytes of data behind it.
std::string only(const std::string& entry) { return "{\"t\":" + entry + "}"; }

Status read(Bytes file) {
  Safetensors out;
  const AlignedCopy copy{file};
  return read_safetensors(copy.bytes(), kName, &out);
}

// Every byte that find() promises can be read; a sanitizer sees when not.
uint32_t touch(std::span<const TensorView> tensors) {
  uint32_t sum = 0;
  for (const TensorView& tensor : tensors) {
    for (uint8_t byte : tensor.bytes) sum += byte;
  }
  return sum;
}

void check_refused(const Status& status, Code code, const char* words) {
  CHECK_MESSAGE(status.code() == code, said(status));
  CHECK_MESSAGE(said(status).find(words) != std::string::npos, said(status));
}

void check_open_refused(const std::string& path, Code code, const char* words) {
  std::unique_ptr<ModelFiles> files;
  const Status status = ModelFiles::open(path.c_str(), &files);
  CHECK(files == nullptr);
  check_refused(status, code, words);
}

std::vector<uint8_t> packed_model() {
  const TestFolder folder;
  const std::string path = folder.path("m.mica");
  PackedWriter writer;
  REQUIRE(writer.create(path.c_str(), {{"config.json", "{\"model_type\": \"llama\"}"}},
                        {{"a", DType::f32, {16}}, {"b", DType::u8, {2, 64}}}));
  REQUIRE(writer.append("a", std::vector<uint8_t>(64, 1)));
  REQUIRE(writer.append("b", std::vector<uint8_t>(128, 2)));
  REQUIRE(writer.finish());
  return read_all(path);
}

size_t head_bytes(const std::vector<uint8_t>& file) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  return sizeof length + static_cast<size_t>(length);
}

// A packed head after a change of its JSON, with a checksum that fits it again: what only the later checks can refuse.
std::vector<uint8_t> repacked(const std::vector<uint8_t>& file, const std::string& from, const std::string& to) {
  REQUIRE(from.size() == to.size());
  std::vector<uint8_t> changed = file;
  const auto place = std::search(changed.begin(), changed.end(), from.begin(), from.end());
  REQUIRE(place != changed.end());
  std::copy(to.begin(), to.end(), place);
  const Bytes head = Bytes(changed).first(head_bytes(changed));
  const std::string digits = checksum_text(packed_head_checksum(head));
  std::copy(digits.begin(), digits.end(), changed.begin() + kPackedChecksumOffset);
  return changed;
}

Status open_packed(const std::vector<uint8_t>& file) {
  const AlignedCopy copy{file};
  std::unique_ptr<ModelFiles> files;
  return ModelFiles::open_memory(copy.bytes(), "bad.mica", &files);
}

}  // namespace

TEST_CASE("safetensors headers that lie") {
  const std::string deep = std::string(limits::kJsonDepthMax + 1, '[');
  const struct {
    std::string header;
    Code code;
    const char* words;
  } cases[] = {
      {"", Code::corrupt_file, "no safetensors header"},
      {"[]", Code::corrupt_file, "no safetensors header"},
      {" {}", Code::corrupt_file, "no safetensors header"},
      {"{}", Code::corrupt_file, "has 8 bytes of tensors where its header names 0"},
      {"{\"t\":{}}", Code::not_found, "t.dtype is missing"},
      {"{\"t\":3}", Code::corrupt_file, "t must be an object"},
      {"{\"t\":" + deep, Code::limit_exceeded, "nested deeper"},
      {only(R"({"shape":[8],"data_offsets":[0,8]})"), Code::not_found, "t.dtype is missing"},
      {only(R"({"dtype":8,"shape":[8],"data_offsets":[0,8]})"), Code::corrupt_file, "t.dtype must be a string"},
      {only(R"({"dtype":"U8","data_offsets":[0,8]})"), Code::not_found, "t.shape is missing"},
      {only(R"({"dtype":"U8","shape":8,"data_offsets":[0,8]})"), Code::corrupt_file, "t.shape must be an array"},
      {only(R"({"dtype":"U8","shape":[7],"data_offsets":[0,8]})"), Code::corrupt_file, "as its shape and dtype say"},
      {only(R"({"dtype":"F16","shape":[8],"data_offsets":[0,8]})"), Code::corrupt_file, "as its shape and dtype say"},
      {only(R"({"dtype":"U8","shape":[-8],"data_offsets":[0,8]})"), Code::corrupt_file, "t.shape[0] must be a whole"},
      {only(R"({"dtype":"U8","shape":[2.5],"data_offsets":[0,8]})"), Code::corrupt_file, "t.shape[0] must be a whole"},
      {only(R"({"dtype":"U8","shape":["8"],"data_offsets":[0,8]})"), Code::corrupt_file, "t.shape[0] must be a whole"},
      {only(R"({"dtype":"F64","shape":[2305843009213693953],"data_offsets":[0,8]})"), Code::corrupt_file, "t.data_off"},
      {only(R"({"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,8]})"), Code::corrupt_file, "t.d"},
      {only(R"({"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,8]})"), Code::corrupt_file, "t.shape[0]"},
      {only(R"({"dtype":"U8","shape":[8]})"), Code::not_found, "t.data_offsets is missing"},
      {only(R"({"dtype":"U8","shape":[8],"data_offsets":[0]})"), Code::corrupt_file, "t.data_offsets must be an array"},
      {only(R"({"dtype":"U8","shape":[8],"data_offsets":[0,8,9]})"), Code::corrupt_file, "t.data_offsets must be an"},
      {only(R"({"dtype":"U8","shape":[8],"data_offsets":[-8,0]})"), Code::corrupt_file, "t.data_offsets[0] must be"},
      {only(R"({"dtype":"U8","shape":[8],"data_offsets":[8,0]})"), Code::corrupt_file, "t.data_offsets[1] must be"},
      {only(R"({"dtype":"U8","shape":[9],"data_offsets":[0,9]})"), Code::corrupt_file, "it has 69 of 70 bytes"},
      {only(R"({"dtype":"U8","shape":[8],"data_offsets":[18446744073709551608,18446744073709551615]})"),
       Code::corrupt_file, "t.data_offsets[0] must be"},
      {only(R"({"dtype":"U8","shape":[4],"data_offsets":[0,4]})"), Code::corrupt_file, "has 8 bytes of tensors"},
      {only(R"({"dtype":"U8","shape":[4],"data_offsets":[4,8]})"), Code::corrupt_file, "does not begin where"},
      {only(R"({"dtype":"U8","shape":[8],"data_offsets":[0,8],"dtype":"I8"})"), Code::corrupt_file, "stands twice"},
      {R"({"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
       Code::corrupt_file, "\"t\" stands twice"},
      {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
       Code::corrupt_file, "overlaps another"},
      {R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
       Code::corrupt_file, "tensor b overlaps another"},
      {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
       Code::corrupt_file, "tensor b does not begin where"},
      {R"({"__metadata__":[],"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})", Code::corrupt_file,
       "__metadata__ must be an object"},
      {R"({"__metadata__":{"a":1},"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})", Code::corrupt_file,
       "__metadata__.a must be a string"},
      {"{\"t\xFF\":{}}", Code::corrupt_file, "not valid JSON"},
  };
  for (const auto& expected : cases) {
    CAPTURE(expected.header.substr(0, 200));
    const Status status = read(build_safetensors(expected.header, 8));
    check_refused(status, expected.code, expected.words);
    CHECK(said(status).rfind(kName, 0) == 0);
  }
}

TEST_CASE("a tensor of a type that mica has not is there, with its bytes and the type's own name") {
  for (const char* type : {"F8_E4M3", "U32", "C64", "Q4_0", "u8"}) {
    const std::vector<uint8_t> file = build_safetensors(
        R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"t":{"dtype":")" + std::string(type) +
            R"(","shape":[8],"data_offsets":[8,16]}})",
        16);
    Safetensors out;
    REQUIRE(read_safetensors(file, kName, &out));
    REQUIRE(out.tensors.size() == 2);
    CHECK(out.tensors[1].dtype == DType::other);
    CHECK(out.tensors[1].type_name == type);
    CHECK(out.tensors[1].bytes.size() == 8);
    CHECK(out.tensors[0].type_name == "F32");
  }
}

TEST_CASE("safetensors: a file that ends early says how much of it is there") {
  const std::vector<uint8_t> whole = build_safetensors(only(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})"), 8);
  check_refused(read(Bytes(whole).first(whole.size() - 1)), Code::corrupt_file, "ends early: it has 69 of 70 bytes");
  check_refused(read(Bytes(whole).first(40)), Code::corrupt_file, "ends early, within its header: it has 40 bytes, of");
  check_refused(read(Bytes(whole).first(7)), Code::corrupt_file, "7 bytes are too few");
  check_refused(open_packed({whole.begin(), whole.end() - 4}), Code::unsupported, "without mica's metadata");
  std::vector<uint8_t> packed = packed_model();
  const std::string sizes = "it has " + std::to_string(packed.size() - 64) + " of " + std::to_string(packed.size());
  packed.resize(packed.size() - 64);
  check_refused(open_packed(packed), Code::corrupt_file, sizes.c_str());
}

TEST_CASE("safetensors: every truncation is refused, and so is every longer file") {
  const std::vector<uint8_t> whole = build_safetensors(only(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})"), 8);
  REQUIRE(read(whole));
  for (size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    CHECK(read(Bytes(whole).first(length)).code() == Code::corrupt_file);
  }
  std::vector<uint8_t> longer = whole;
  longer.push_back(0);
  CHECK(read(longer).code() == Code::corrupt_file);
}

TEST_CASE("safetensors: header lengths from 0 to 2^64 - 1") {
  std::vector<uint8_t> file = build_safetensors(only(R"({"dtype":"U8","shape":[8],"data_offsets":[0,8]})"), 8);
  for (uint64_t length : {uint64_t{0}, uint64_t{1}, uint64_t{file.size()}, uint64_t{UINT32_MAX}, uint64_t{INT64_MAX},
                          UINT64_MAX - 8, UINT64_MAX - 7, UINT64_MAX}) {
    CAPTURE(length);
    std::memcpy(file.data(), &length, sizeof length);
    CHECK_FALSE(read(file));
  }
}

TEST_CASE("safetensors: any flipped bit of the header gives a status or a file that can be read") {
  const std::vector<uint8_t> whole = build_safetensors(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"I16","shape":[3],"data_offsets":[8,14]}} )", 14);
  size_t refused = 0;
  AlignedCopy copy{whole};
  for (size_t bit = 0; bit < 8 * head_bytes(whole); ++bit) {
    copy.data()[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    Safetensors out;
    const Status status = read_safetensors(copy.bytes(), kName, &out);
    if (!status) {
      ++refused;
      CHECK(said(status).rfind(kName, 0) == 0);
    } else {
      touch(out.tensors);
    }
    copy.data()[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
  }
  // What passes are other names, other metadata and types of the same size: most of the header is structure.
  CHECK(refused > 8 * head_bytes(whole) / 2);
}

TEST_CASE("packed files: every flipped bit of the header is refused when the file is opened") {
  std::vector<uint8_t> file = packed_model();
  REQUIRE(open_packed(file));
  AlignedCopy copy{file};
  for (size_t bit = 0; bit < 8 * head_bytes(file); ++bit) {
    copy.data()[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    std::unique_ptr<ModelFiles> files;
    const Status status = ModelFiles::open_memory(copy.bytes(), "bad.mica", &files);
    CHECK_MESSAGE(!status.is_ok(), bit);
    CHECK(said(status).rfind("bad.mica", 0) == 0);
    copy.data()[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
  }
}

TEST_CASE("packed files: every truncation is refused") {
  const std::vector<uint8_t> file = packed_model();
  for (size_t length = 0; length < file.size(); ++length) {
    const std::vector<uint8_t> cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK_MESSAGE(!open_packed(cut).is_ok(), length);
  }
}

TEST_CASE("packed files whose header is whole but wrong") {
  const std::vector<uint8_t> file = packed_model();
  check_refused(open_packed(repacked(file, "\"mica.format\":\"1\"", "\"mica.format\":\"2\"")), Code::unsupported,
                "format version \"2\"; this mica reads version 1: update mica");
  check_refused(open_packed(repacked(file, "\"mica.crc32c\"", "\"mica.crc32d\"")), Code::corrupt_file, "mica.crc32c");
  check_refused(open_packed(repacked(file, "{\\\"a\\\":", "{\\\"c\\\":")), Code::corrupt_file,
                "b must be the checksum of a tensor of this name");
  check_refused(open_packed(repacked(file, ",\\\"b\\\":", ",\\\"a\\\":")), Code::corrupt_file, "stands twice");
  check_refused(open_packed(repacked(file, "[16],\"data_offsets\":[0,64]", "[15],\"data_offsets\":[0,60]")),
                Code::corrupt_file, "tensor b does not begin where");
  check_refused(open_packed(repacked(file, "[2,64],\"data_offsets\":[64,192]", "[2,60],\"data_offsets\":[64,184]")),
                Code::corrupt_file, "has 192 bytes of tensors where its header names 184");
  check_refused(open_packed(repacked(file, "[2,64]", "[2,46]")), Code::corrupt_file, "as its shape and dtype say");
  const std::string text(text_of(file));
  const size_t place = text.find("{\\\"a\\\":\\\"") + 9;
  const std::string checksum = text.substr(place, 8);
  for (const char* wrong : {"0000000G", "+1234567", "ABCDEF01", "        ", "12345\\n6"}) {
    const Status status = open_packed(repacked(file, "\\\"" + checksum, "\\\"" + std::string(wrong)));
    CHECK_MESSAGE(status.code() == Code::corrupt_file, wrong);
  }
}

TEST_CASE("packed files whose header or tensors are not in whole lines") {
  // As PackedWriter would never write them: a header one blank longer moves every tensor off its line,
  const std::vector<uint8_t> file = packed_model();
  const size_t head = head_bytes(file);
  std::vector<uint8_t> moved = file;
  const uint64_t length = head - sizeof(uint64_t) + 1;
  std::memcpy(moved.data(), &length, sizeof length);
  moved.insert(moved.begin() + static_cast<std::ptrdiff_t>(head), ' ');
  check_refused(open_packed(repacked(moved, "mica.format", "mica.format")), Code::corrupt_file,
                "the header is not in whole lines of 64 bytes");
  // and two tensors of which neither ends with a line.
  std::vector<uint8_t> uneven = repacked(file, "[16],\"data_offsets\":[0,64]", "[15],\"data_offsets\":[0,60]");
  uneven = repacked(uneven, "[2,64],\"data_offsets\":[64,192]", "[2,66],\"data_offsets\":[60,192]");
  check_refused(open_packed(uneven), Code::corrupt_file, "tensor a is not in whole lines of 64 bytes");
}

TEST_CASE("paths that are no model") {
  const TestFolder folder;
  folder.write("empty", "");
  folder.write("short", "GGU");
  folder.write("text", "not a model at all");
  folder.write("t.safetensors", build_safetensors(only(R"({"dtype":"U8","shape":[8],"data_offsets":[0,8]})"), 8));
  check_open_refused(folder.path("missing"), Code::not_found, "missing: No such file");
  check_open_refused(folder.path("empty"), Code::corrupt_file, "is empty");
  check_open_refused(folder.path("short"), Code::unsupported, "is a text");
  check_open_refused(folder.path("text"), Code::unsupported, "is a text");
  check_open_refused(folder.path("t.safetensors"), Code::unsupported, "without mica's metadata");
  check_open_refused(folder.path(), Code::not_found, "has no config.json");
  check_open_refused("/dev/null", Code::invalid_argument, "not a regular file");
  check_open_refused("", Code::not_found, "is no file or folder here");
  std::unique_ptr<ModelFiles> files;
  check_refused(ModelFiles::open_memory({}, "built in", &files), Code::corrupt_file, "built in is no model");
}

TEST_CASE("folders without tensors, or with documents that cannot be read") {
  const TestFolder folder;
  folder.write("config.json", "{}");
  check_open_refused(folder.path(), Code::not_found, "neither model.safetensors nor model.safetensors.index.json");
  folder.write("pytorch_model.bin", "pickled");
  check_open_refused(folder.path(), Code::unsupported, "convert it to safetensors");
  folder.write("model.safetensors", "short");
  check_open_refused(folder.path(), Code::corrupt_file, "model.safetensors");
  folder.write("tokenizer.json", "");
  check_open_refused(folder.path(), Code::corrupt_file, "tokenizer.json is empty");
  std::filesystem::remove(folder.path("tokenizer.json"));
  std::filesystem::create_symlink("tokenizer.json", folder.path("tokenizer.json"));
  check_open_refused(folder.path(), Code::not_found, "tokenizer.json: Too many levels");
}

TEST_CASE("an index that names what is not there, or leads out of the folder") {
  const TestFolder folder;
  folder.write("config.json", "{}");
  folder.write("a.safetensors", build_safetensors(only(R"({"dtype":"U8","shape":[8],"data_offsets":[0,8]})"), 8));
  std::filesystem::create_directory(folder.path("sub"));
  std::filesystem::copy_file(folder.path("a.safetensors"), folder.path("sub/a.safetensors"));
  const std::string deep = std::string(limits::kJsonDepthMax + 1, '[');
  std::string many_files;
  for (size_t i = 0; i <= limits::kShardsMax; ++i) {
    const std::string name = "s" + std::to_string(i);
    many_files += (i == 0 ? "\"" : ",\"") + name + "\":\"" + name + "\"";
    std::filesystem::create_hard_link(folder.path("a.safetensors"), folder.path(name));
  }
  std::string many_tensors;
  for (size_t i = 0; i <= limits::kTensorsMax; ++i) {
    many_tensors += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"a.safetensors\"";
  }
  const auto map = [](const std::string& entries) { return "{\"weight_map\":{" + entries + "}}"; };
  const struct {
    std::string index;
    Code code;
    const char* words;
  } cases[] = {
      {"", Code::corrupt_file, "index.json is empty"},
      {"{", Code::corrupt_file, "not valid JSON"},
      {deep, Code::limit_exceeded, "nested deeper"},
      {"{}", Code::not_found, "weight_map is missing"},
      {"{\"weight_map\":[]}", Code::corrupt_file, "weight_map must be an object"},
      {map("\"t\":1"), Code::corrupt_file, "weight_map.t must be a string"},
      {map("\"t\":\"b.safetensors\""), Code::not_found, "no b.safetensors, which model.safetensors.index.json"},
      {map("\"x\":\"a.safetensors\""), Code::corrupt_file, "weight_map.x is not in the file that it names"},
      {map("\"t\":\"a.safetensors\",\"t\":\"a.safetensors\""), Code::corrupt_file, "stands twice"},
      {map("\"t\":\"sub/a.safetensors\""), Code::corrupt_file, "must be the name of a file in the same folder"},
      {map("\"t\":\"../a.safetensors\""), Code::corrupt_file, "must be the name of a file in the same folder"},
      {map("\"t\":\"/etc/passwd\""), Code::corrupt_file, "must be the name of a file in the same folder"},
      {map("\"t\":\"..\""), Code::corrupt_file, "must be the name of a file in the same folder"},
      {map("\"t\":\"..\\\\a\""), Code::corrupt_file, "must be the name of a file in the same folder"},
      {map("\"t\":\"\""), Code::corrupt_file, "must be the name of a file in the same folder"},
      {map("\"t\":\"a.safetensors\\u0000.txt\""), Code::corrupt_file, "must be the name of a file in the same folder"},
      {map("\"t\":\"" + std::string(600, 'a') + "\""), Code::corrupt_file, "must be the name of a file in the same"},
      {map("\"t\":\"sub\""), Code::invalid_argument, "sub is a folder"},
      {map("\"t\":\"config.json\""), Code::corrupt_file, "config.json"},
      {map(many_files), Code::limit_exceeded, "names more files"},
      {map(many_tensors), Code::limit_exceeded, "names more tensors"},
  };
  for (const auto& expected : cases) {
    CAPTURE(expected.index.substr(0, 100));
    folder.write("model.safetensors.index.json", expected.index);
    check_open_refused(folder.path(), expected.code, expected.words);
  }
  folder.write("model.safetensors.index.json", map("\"t\":\"a.safetensors\""));
  std::unique_ptr<ModelFiles> files;
  CHECK(ModelFiles::open(folder.path().c_str(), &files));
  // A shard that is damaged is named with its path.
  folder.write("a.safetensors", "damaged");
  check_open_refused(folder.path(), Code::corrupt_file, "a.safetensors");
}
