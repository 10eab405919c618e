// What reads tables of fields, see request_fields.hpp.
#include "request_fields.hpp"

#include <cmath>
#include <random>

namespace app::serve {
namespace {

constexpr const char* kKindNames[] = {"true or false", "a whole number", "a number", "a text",
                                      "a list",        "an object",      "anything"};

bool is_whole(const Json& value) {
  return value.is_number_integer() || (value.is_number() && std::floor(value.get<double>()) == value.get<double>());
}

bool is_of(Kind kind, const Json& value) {
  switch (kind) {
    case Kind::boolean: return value.is_boolean();
    case Kind::whole: return is_whole(value);
    case Kind::number: return value.is_number();
    case Kind::text: return value.is_string();
    case Kind::list: return value.is_array();
    case Kind::object: return value.is_object();
    case Kind::any: break;
  }
  return true;
}

std::string spelled(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", number);
  return text;
}

void check(const Field& field, const Json& value) {
  const std::string name = std::string("\"") + field.name + '"';
  if (!is_of(field.kind, value))
    throw Refusal(400, name + " wants " + kKindNames[static_cast<size_t>(field.kind)], field.name);
  if (field.low != field.high) {
    const double number = value.get<double>();
    if (!(number >= field.low && number <= field.high))
      throw Refusal(400, name + " wants a number from " + spelled(field.low) + " to " + spelled(field.high),
                    field.name);
  }
  const auto is = [&](const char* kept) { return kept != nullptr && value == Json::parse(kept); };
  if (field.only != nullptr && !is(field.only) && !is(field.also))
    throw Refusal(400, name + " other than " + field.only + " is not done by this server: leave it out", field.name);
}

void take_temperature(const Json& value, Question* question) { question->sampling.temperature = value.get<float>(); }
void take_top_p(const Json& value, Question* question) { question->sampling.top_p = value.get<float>(); }
void take_min_p(const Json& value, Question* question) { question->sampling.min_p = value.get<float>(); }
// -1, as llama.cpp has it, is all.
void take_top_k(const Json& value, Question* question) {
  question->sampling.top_k = static_cast<uint32_t>(std::max(0.0, value.get<double>()));
}
void take_repeat_last(const Json& value, Question* question) {
  const double tokens = value.get<double>();
  question->sampling.repeat_last = tokens < 0 ? UINT32_MAX : static_cast<uint32_t>(tokens);
}

// A text or a list of them.
void take_stop(const Json& value, Question* question) {
  const Json list = value.is_array() ? value : Json::array({value});
  for (const Json& text : list) {
    if (!text.is_string()) throw Refusal(400, "\"stop\" wants a text or a list of texts", "stop");
    question->stops.push_back(text.get<std::string>());
  }
  question->has_stops = !list.empty();
}

const Field kSampling[] = {
    {.name = "temperature", .kind = Kind::number, .take = take_temperature, .low = 0, .high = 100},
    {.name = "top_p", .kind = Kind::number, .take = take_top_p, .low = 0, .high = 1},
    {.name = "top_k", .kind = Kind::whole, .take = take_top_k, .low = -1, .high = kTokensMax},
    {.name = "min_p", .kind = Kind::number, .take = take_min_p, .low = 0, .high = 1},
    {.name = "repeat_penalty", .kind = Kind::number, .take = take_repeat_penalty, .low = 0.01, .high = 100},
    {.name = "repeat_last_n", .kind = Kind::whole, .take = take_repeat_last, .low = -1, .high = kTokensMax},
    {.name = "stop", .kind = Kind::any, .take = take_stop},
    {.name = "frequency_penalty", .kind = Kind::number, .only = "0"},
    {.name = "presence_penalty", .kind = Kind::number, .only = "0"},
    {.name = "typical_p", .kind = Kind::number, .only = "1"},
    {.name = "tfs_z", .kind = Kind::number, .only = "1"},
    {.name = "top_a", .kind = Kind::number, .only = "0"},
    {.name = "top_n_sigma", .kind = Kind::number, .only = "-1"},
    {.name = "mirostat", .kind = Kind::whole, .only = "0"},
    {.name = "mirostat_mode", .kind = Kind::whole, .only = "0"},
    {.name = "dynatemp_range", .kind = Kind::number, .only = "0"},
    {.name = "xtc_probability", .kind = Kind::number, .only = "0"},
    {.name = "dry_multiplier", .kind = Kind::number, .only = "0"},
    {.name = "min_keep", .kind = Kind::whole, .only = "0"},
    {.name = "samplers", .kind = Kind::any, .only = "[]"},
};

}  // namespace

void read_fields(const Json& json, std::span<const Field> fields, Question* question) {
  for (const Field& field : fields) {
    const auto found = json.find(field.name);
    if (found == json.end() || found->is_null() || field.tolerated != nullptr) continue;
    check(field, *found);
    if (field.take != nullptr) field.take(*found, question);
  }
}

const Json& required_field(const Json& json, const char* name, Kind kind) {
  const auto found = json.find(name);
  if (found == json.end() || found->is_null()) throw Refusal(400, std::string("\"") + name + "\" is missing", name);
  check({.name = name, .kind = kind}, *found);
  return *found;
}

void take_max_tokens(const Json& value, Question* question) {
  const double wanted = value.get<double>();
  if (wanted == 0)
    throw Refusal(400, "no tokens are asked for: leave the field out, or ask for 1 at least", "max_tokens");
  // -1, as llama.cpp and Ollama have it: no bound but the server's.
  const uint32_t most = question->sampling.tokens_max;
  if (wanted > 0 && (most == 0 || wanted < most)) question->sampling.tokens_max = static_cast<uint32_t>(wanted);
}

std::span<const Field> sampling_fields() { return kSampling; }

void take_repeat_penalty(const Json& value, Question* question) {
  question->sampling.repeat_penalty = value.get<float>();
}

void take_seed(const Json& value, Question* question) {
  if (value.is_number_float() && value >= 0) question->sampling.seed = static_cast<uint64_t>(value.get<double>());
  else if (value.is_number_float())
    question->sampling.seed = static_cast<uint64_t>(static_cast<int64_t>(value.get<double>()));
  else question->sampling.seed = value.get<uint64_t>();
  if (value == -1) question->sampling.seed = std::random_device{}();
}

void take_stream(const Json& value, Question* question) { question->streams = value.get<bool>(); }

}  // namespace app::serve
