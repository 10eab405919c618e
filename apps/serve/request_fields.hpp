// Fields of a request as a table: what each may hold, what becomes of it, or why it is read past. The tables are those
// of the protocols (chat_request.cpp, ...); here is what reads any of them.
#pragma once

#include <span>
#include <string>

#include "question.hpp"
#include "request_json.hpp"

namespace app::serve {

enum class Kind { boolean, whole, number, text, list, object, any };

struct Field {
  const char* name;
  Kind kind;
  // Takes the value, which is of its kind and within its range.
  void (*take)(const Json& value, Question* question) = nullptr;
  double low = 0, high = 0;  // of a number; both 0: any
  // Where others are not done and would give another answer: the one value that is kept, as JSON.
  const char* only = nullptr;
  const char* also = nullptr;  // another that is as good
  // Where nothing is taken: why the answer is what was asked for without it.
  const char* tolerated = nullptr;
};

// Reads what `json` has of the fields; null is as if it were not there, and names that no table has are read past.
// Throws Refusal with the field's name.
void read_fields(const Json& json, std::span<const Field> fields, Question* question);

// The field, which must be there and of this kind.
const Json& required_field(const Json& json, const char* name, Kind kind);

inline constexpr double kTokensMax = 1u << 24;  // beyond any context
// Why fields of several protocols are tolerated.
inline constexpr const char* kNoTools = "tools may be offered; the model answers in text and calls none";
inline constexpr const char* kOneModel = "there is one, and it answers";

// The fields of sampling that protocols have alike, and what they spell in ways of their own.
std::span<const Field> sampling_fields();
void take_max_tokens(const Json& value, Question* question);  // 0: none may be generated, so it is refused
void take_repeat_penalty(const Json& value, Question* question);
void take_seed(const Json& value, Question* question);
void take_stream(const Json& value, Question* question);

// The schema of what asks for JSON and says nothing more.
inline constexpr const char* kAnyObject = R"({"type": "object"})";

}  // namespace app::serve
