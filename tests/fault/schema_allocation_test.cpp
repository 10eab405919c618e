// Every allocation of reading a schema fails once, and all from it on: the answers keep the schema of before. All else:
// allocation_fault_test.cpp.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "allocation_faults.hpp"
#include "mica_schema.h"

using namespace mica::test;

namespace {

const std::string kSchema = R"({"type":"object","properties":{"unit":{"type":"string","pattern":"^[A-Z]{2,5}$"},
    "value":{"type":"integer","minimum":-5,"maximum":99}},"required":["unit"],"additionalProperties":false})";
const std::string kBefore = R"({"const":"x"})";

// The tokens that answer a text.
std::vector<int32_t> answer(mica_session* session) {
  mica_session_clear(session);
  REQUIRE(mica_session_add_text(session, "Read the dial.", 14, 0, nullptr) == MICA_OK);
  mica_sampling sampling = mica_sampling_default();
  sampling.temperature = 0;
  sampling.tokens_max = 8;
  std::vector<int32_t> tokens;
  const auto keep = [](void* user, const char*, size_t, int32_t token) {
    static_cast<std::vector<int32_t>*>(user)->push_back(token);
    return 0;
  };
  REQUIRE(mica_session_generate(session, &sampling, keep, &tokens, nullptr, nullptr) == MICA_OK);
  return tokens;
}

}  // namespace

TEST_CASE("a schema that is read and set") {
  mica_model* model = nullptr;
  mica_session* session = nullptr;
  mica_session_options options = mica_session_options_default();
  options.threads = 1;
  options.context = 64;
  REQUIRE(mica_model_open(MICA_DEFAULT_MODEL_FILE, nullptr, &model, nullptr) == MICA_OK);
  REQUIRE(mica_session_create(model, &options, nullptr, 0, &session, nullptr) == MICA_OK);
  const auto set_before = [&] {
    REQUIRE(mica_session_set_schema(session, kBefore.data(), kBefore.size(), nullptr) == MICA_OK);
  };
  set_before();
  const std::vector<int32_t> wanted = answer(session);
  fail_each_allocation(
      [&](mica_error* error) { return mica_session_set_schema(session, kSchema.data(), kSchema.size(), error); },
      [&](mica_status status) {
        if (status == MICA_OK) set_before();
        CHECK(answer(session) == wanted);
      });
  mica_schema* schema = nullptr;
  fail_each_allocation(
      [&](mica_error* error) { return mica_schema_read(model, kSchema.data(), kSchema.size(), &schema, error); },
      [&](mica_status status) {
        CHECK((schema != nullptr) == (status == MICA_OK));
        mica_schema_free(schema);
        schema = nullptr;
      });
  REQUIRE(mica_schema_read(model, kSchema.data(), kSchema.size(), &schema, nullptr) == MICA_OK);
  fail_each_allocation([&](mica_error* error) { return mica_session_use_schema(session, schema, error); },
                       [&](mica_status status) {
                         if (status == MICA_OK) set_before();
                         CHECK(answer(session) == wanted);
                       });
  mica_schema_free(schema);
  mica_session_free(session);
  mica_model_close(model);
}
