// Tests of reading and writing safetensors: what is well formed, and each limit on both sides. Bad files: tests/fault.
#include <doctest/doctest.h>

#include "build_safetensors.hpp"
#include "crc32c.hpp"
#include "safetensors.hpp"
#include "tensor_table.hpp"
#include "test_folder.hpp"

using namespace mica;

namespace {

Status read(std::string_view header, size_t data_bytes) {
  const AlignedCopy file{build_safetensors(header, data_bytes)};
  Safetensors out;
  return read_safetensors(file.bytes(), "t.safetensors", &out);
}

// A header with `count` tensors of one byte.
std::string many_tensors(size_t count) {
  std::string header = "{";
  for (size_t i = 0; i < count; ++i) {
    const std::string begin = std::to_string(i), end = std::to_string(i + 1);
    header += i == 0 ? "" : ",";
    header += "\"t" + begin + "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[" + begin + "," + end + "]}";
  }
  return header + "}";
}

std::string with_name(const std::string& name) {
  return "{\"" + name + "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
}

}  // namespace

TEST_CASE("tensors, metadata and bytes are found in order of their place") {
  const AlignedCopy file{build_safetensors(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
      R"("a":{"dtype":"F16","shape":[2,3],"data_offsets":[8,20]},)"
      R"("none":{"dtype":"F32","shape":[0,7],"data_offsets":[20,20]}}  )",
      20)};
  Safetensors out;
  const Status status = read_safetensors(file.bytes(), "t.safetensors", &out);
  REQUIRE_MESSAGE(status.is_ok(), said(status));
  REQUIRE(out.tensors.size() == 3);
  CHECK(out.tensors[0].name == "b");
  CHECK(out.tensors[0].rank == 0);
  CHECK(out.tensors[0].dtype == DType::i64);
  CHECK(out.tensors[1].name == "a");
  CHECK(out.tensors[1].dtype == DType::f16);
  CHECK(out.tensors[1].rank == 2);
  CHECK(out.tensors[1].shape[0] == 2);
  CHECK(out.tensors[1].shape[1] == 3);
  CHECK(out.tensors[1].bytes.size() == 12);
  CHECK(out.tensors[1].bytes[0] == 8);
  CHECK(out.tensors[2].bytes.empty());
  std::string_view format;
  CHECK(out.metadata.find("format").as_string(&format));
  CHECK(format == "pt");
}

TEST_CASE("every type of mica's is read under the name that safetensors gives it") {
  for (const DTypeLayout& layout : kDTypeLayouts) {
    if (layout.block_values != 1) continue;
    const std::string header = std::string("{\"t\":{\"dtype\":\"") + layout.name +
                               "\",\"shape\":[3],\"data_offsets\":[0," + std::to_string(3 * layout.block_bytes) + "]}}";
    CHECK_MESSAGE(read(header, 3 * layout.block_bytes).is_ok(), layout.name);
  }
}

TEST_CASE("a tensor at an address that its type cannot have is copied to one that it can") {
  std::string header = R"({"f":{"dtype":"F32","shape":[2],"data_offsets":[1,9]},"u":{"dtype":"U8","shape":[1],)"
                       R"("data_offsets":[0,1]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const AlignedCopy file{build_safetensors(header, 9)};
  Safetensors out;
  REQUIRE(read_safetensors(file.bytes(), "t.safetensors", &out));
  REQUIRE(out.copies.size() == 1);
  const Bytes floats = out.tensors[1].bytes;
  CHECK(reinterpret_cast<uintptr_t>(floats.data()) % 4 == 0);
  CHECK(std::vector<uint8_t>(floats.begin(), floats.end()) == std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("limits: tensors, rank, names, header") {
  CHECK(read(many_tensors(limits::kTensorsMax), limits::kTensorsMax));
  CHECK(read(many_tensors(limits::kTensorsMax + 1), limits::kTensorsMax + 1).code() == Code::limit_exceeded);
  // With metadata the members are one more.
  std::string with_metadata = many_tensors(limits::kTensorsMax);
  with_metadata.insert(1, "\"__metadata__\":{},");
  CHECK(read(with_metadata, limits::kTensorsMax));

  CHECK(read(R"({"t":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", 1));
  CHECK_FALSE(read(R"({"t":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", 1));

  CHECK(read(with_name(std::string(limits::kTensorNameBytesMax, 'n')), 1));
  CHECK(read(with_name(std::string(limits::kTensorNameBytesMax + 1, 'n')), 1).code() == Code::limit_exceeded);
  CHECK(read(with_name(""), 1).code() == Code::corrupt_file);
  CHECK(read(with_name("a\\u0007b"), 1).code() == Code::corrupt_file);

  std::string padded = with_name("t");
  padded.resize(limits::kSafetensorsHeaderBytesMax, ' ');
  CHECK(read(padded, 1));
  CHECK(read(padded + " ", 1).code() == Code::limit_exceeded);
}

TEST_CASE("what the writer writes, the reader reads: types, shapes, bytes, metadata, alignment") {
  const TestFolder folder;
  const std::string path = folder.path("t.safetensors");
  const std::vector<uint8_t> floats(24, 0x3F), small = {1, 2, 3};
  const std::string odd = "line\n\"quoted\\\" \x01 \xC3\xA9";
  SafetensorsWriter writer;
  REQUIRE(writer.create(path.c_str(),
                        {{"floats", DType::f32, {2, 3}}, {"none", DType::f32, {0}}, {"small", DType::u8, {3}}},
                        {{"format", "pt"}, {"odd", odd}}));
  // In pieces, as a converter that cannot hold a tensor does.
  REQUIRE(writer.append("floats", Bytes(floats).first(7)));
  REQUIRE(writer.append("floats", Bytes(floats).subspan(7)));
  REQUIRE(writer.append("small", small));
  CHECK(folder.names() != "t.safetensors");
  REQUIRE(writer.finish());
  CHECK(folder.names() == "t.safetensors");
  CHECK(writer.checksums() == std::vector<uint32_t>{crc32c(0, floats), 0, crc32c(0, small)});

  const AlignedCopy file{read_all(path)};
  Safetensors out;
  const Status status = read_safetensors(file.bytes(), path.c_str(), &out);
  REQUIRE_MESSAGE(status.is_ok(), said(status));
  CHECK(out.data_start % 64 == 0);
  REQUIRE(out.tensors.size() == 3);
  CHECK(out.tensors[0].name == "floats");
  CHECK(out.tensors[0].shape[1] == 3);
  CHECK(std::equal(floats.begin(), floats.end(), out.tensors[0].bytes.begin(), out.tensors[0].bytes.end()));
  CHECK(out.tensors[2].name == "small");
  CHECK(out.tensors[2].bytes[2] == 3);
  std::string_view text;
  CHECK(out.metadata.find("odd").as_string(&text));
  CHECK(text == odd);
}

TEST_CASE("the writer refuses what its caller declared or gave wrongly") {
  const TestFolder folder;
  const std::string path = folder.path("t.safetensors");
  const std::vector<uint8_t> bytes(8);
  {
    SafetensorsWriter writer;
    REQUIRE(writer.create(path.c_str(), {{"a", DType::u8, {4}}, {"b", DType::u8, {4}}}, {}));
    CHECK(writer.append("b", Bytes(bytes).first(4)).code() == Code::invalid_argument);
    CHECK(writer.append("a", Bytes(bytes).first(5)).code() == Code::invalid_argument);
    CHECK(writer.append("a", Bytes(bytes).first(4)));
    CHECK(writer.append("a", Bytes(bytes).first(1)).code() == Code::invalid_argument);
    CHECK(writer.append("b", Bytes(bytes).first(3)));
    const Status early = writer.finish();
    CHECK(early.code() == Code::invalid_argument);
    CHECK(said(early).find("tensor b is not complete") != std::string::npos);
    CHECK(writer.replace_metadata("absent", "x").code() == Code::invalid_argument);
  }
  CHECK(folder.names().empty());
  const auto refused = [&path](std::vector<TensorDeclaration> tensors, MetadataList metadata) {
    SafetensorsWriter writer;
    return writer.create(path.c_str(), std::move(tensors), std::move(metadata)).code();
  };
  CHECK(refused({{"a", DType::u8, {1}}, {"a", DType::u8, {1}}}, {}) == Code::corrupt_file);
  CHECK(refused({{"", DType::u8, {1}}}, {}) == Code::corrupt_file);
  CHECK(refused({{"a", DType::q4_0, {32}}}, {}) == Code::invalid_argument);
  const std::vector<uint64_t> deep(limits::kTensorRankMax + 1, 1);
  CHECK(refused({{"a", DType::u8, deep}}, {}) == Code::invalid_argument);
  CHECK(refused({{"a", DType::f32, {UINT64_MAX / 2, 4}}}, {}) == Code::invalid_argument);
  CHECK(refused({{"a", DType::u8, {UINT64_MAX / 2}}, {"b", DType::u8, {UINT64_MAX / 2}}}, {}) == Code::limit_exceeded);
  CHECK(refused({}, {{"k", "\xFF"}}) == Code::corrupt_file);
  CHECK(refused({}, {{"k", "1"}, {"k", "2"}}) == Code::corrupt_file);
  CHECK(refused({}, {{"k", std::string(limits::kSafetensorsHeaderBytesMax, 'x')}}) == Code::limit_exceeded);
  CHECK(folder.names().empty());
}

TEST_CASE("sizes of tensors: overflow and broken blocks are seen") {
  size_t bytes = 0;
  const uint64_t whole[] = {3, 64}, broken[] = {64, 3}, huge[] = {1u << 31, 1u << 31, 8}, empty[] = {UINT64_MAX, 0};
  CHECK(tensor_bytes(DType::q4_1, whole, &bytes));
  CHECK(bytes == 3 * 2 * 20);
  CHECK_FALSE(tensor_bytes(DType::q8_0, broken, &bytes));
  CHECK_FALSE(tensor_bytes(DType::f32, huge, &bytes));
  CHECK(tensor_bytes(DType::f32, empty, &bytes));
  CHECK(bytes == 0);
  CHECK(tensor_bytes(DType::f64, {}, &bytes));
  CHECK(bytes == 8);
}
