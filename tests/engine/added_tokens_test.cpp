// Ids of tokens by their texts, from each of the files that may name them.
#include "added_tokens.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace mica;

namespace {

Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

const std::string kMap = R"({"<img>": 7, "</img>": 8})";
const std::string kDecoder = R"({"added_tokens_decoder": {"9": {"content": "<img>"}, "10": {"content": "<pad>"}}})";
const std::string kList = R"({"added_tokens": [{"id": 11, "content": "<img>"}, {"id": 12, "content": "<end>"}]})";

}  // namespace

TEST_CASE("the first file that has the text counts") {
  const TokenDocuments all = {bytes_of(kMap), bytes_of(kDecoder), bytes_of(kList)};
  const struct {
    const char* text;
    int32_t id;
  } cases[] = {{"<img>", 7}, {"</img>", 8}, {"<pad>", 10}, {"<end>", 12}};
  for (const auto& each : cases) {
    CAPTURE(each.text);
    int32_t id = -1;
    const Status status = find_added_token(all, "model", each.text, &id);
    CHECK_MESSAGE(status.is_ok(), status.message());
    CHECK(id == each.id);
  }
}

TEST_CASE("a text that no file has is told, with what to do") {
  int32_t id = -1;
  const Status status = find_added_token({bytes_of(kMap), {}, bytes_of(kList)}, "model", "<slice>", &id);
  CHECK(status.code() == Code::not_found);
  CHECK(std::string(status.message()).find("<slice>") != std::string::npos);
  CHECK(id == -1);
}

TEST_CASE("ids out of range, keys that are none and files that are cut are refused") {
  for (const std::string& text : {std::string(R"({"<img>": -1})"), std::string(R"({"<img>": 4294967296})"),
                                  std::string(R"({"<img>": "7"})"), std::string(R"({"<img>": 7)")}) {
    CAPTURE(text);
    int32_t id = -1;
    CHECK(!find_added_token({bytes_of(text), {}, {}}, "model", "<img>", &id).is_ok());
    CHECK(id == -1);
  }
  const std::string keys = R"({"added_tokens_decoder": {"x9": {"content": "<img>"}}})";
  int32_t id = -1;
  CHECK(find_added_token({{}, bytes_of(keys), {}}, "model", "<img>", &id).code() == Code::corrupt_file);
}
