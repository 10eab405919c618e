// Parsing of JSON: nlohmann-json reads the text, its events fill one flat array of nodes. Not a tree of allocations: a
// tokenizer.json has a million values, and its strings are kept in one piece.
#include "json.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

// The inline functions of nlohmann-json abort here where those of an application throw: in a namespace of our own the
// linker cannot take one for the other.
#define JSON_NOEXCEPTION 1
#define NLOHMANN_JSON_NAMESPACE nlohmann::mica_io
#define NLOHMANN_JSON_NAMESPACE_BEGIN namespace nlohmann { inline namespace mica_io {
#define NLOHMANN_JSON_NAMESPACE_END }}
#include <nlohmann/json.hpp>

#include "limits.hpp"

namespace mica {

namespace {

enum class NumberForm : uint8_t { negative, natural, real, large };

// Nodes stand in the order of the text, so the children of node i begin at i + 1 and the next sibling is at `end`.
struct JsonNode {
  JsonValue::Kind kind = JsonValue::Kind::absent;
  NumberForm form = NumberForm::natural;
  bool truth = false;
  uint32_t end = 0;
  uint32_t key_start = 0;  // into JsonDocument::text
  uint32_t key_bytes = 0;
  union {
    int64_t negative;
    uint64_t natural;
    double real;
    struct {
      uint32_t start, bytes;
    } string;  // also the digits of a large number: an integer beyond 64 bits
    uint64_t child_count = 0;
  };
};

}  // namespace

struct JsonDocument {
  std::string name;
  std::string text;  // all keys and strings, unescaped, one after the other
  std::vector<JsonNode> nodes;

  std::string_view view(uint32_t start, uint32_t bytes) const { return {text.data() + start, bytes}; }
};

namespace {

// NaN, Infinity and -Infinity, which Python's json writes and nlohmann-json does not read: each is replaced by a number
// of the same length that stands nowhere else in the text, and is found again by it.
class NumberWords {
 public:
  // False when `text` has no such words outside of strings; then nothing else is done.
  bool replace(std::string_view text);
  std::string_view replaced() const { return text_; }
  double value_of(std::string_view number, double otherwise) const {
    if (number == nan_) return std::nan("");
    if (number == infinity_) return HUGE_VAL;
    return !number.empty() && number.substr(1) == infinity_ ? -HUGE_VAL : otherwise;
  }

 private:
  bool choose_numbers(std::string_view text);

  std::string text_, nan_, infinity_;
};

// "1e2" and "1e000002": any two digits that give numbers which the text has not.
bool NumberWords::choose_numbers(std::string_view text) {
  for (char first = '1'; first <= '9'; ++first) {
    for (char second = '1'; second <= '9'; ++second) {
      nan_ = {first, 'e', second};
      infinity_ = {first, 'e', '0', '0', '0', '0', '0', second};
      if (text.find(nan_) == std::string_view::npos && text.find(infinity_) == std::string_view::npos) return true;
    }
  }
  return false;
}

// Whether `word` stands at `place` by itself, not within a longer word or number.
bool stands_at(std::string_view text, size_t place, std::string_view word) {
  const auto joins = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_';
  };
  if (!text.substr(place).starts_with(word)) return false;
  const size_t end = place + word.size();
  return (place == 0 || !joins(text[place - 1])) && (end == text.size() || !joins(text[end]));
}

bool NumberWords::replace(std::string_view text) {
  constexpr std::string_view kNan = "NaN", kInfinity = "Infinity";
  if (text.find(kNan) == std::string_view::npos && text.find(kInfinity) == std::string_view::npos) return false;
  if (!choose_numbers(text)) return false;
  text_ = text;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string && stands_at(text, i, kNan) && (i == 0 || text[i - 1] != '-')) {
      text_.replace(i, kNan.size(), nan_);
    } else if (!in_string && stands_at(text, i, kInfinity)) {
      text_.replace(i, kInfinity.size(), infinity_);
    }
  }
  return true;
}

// Receives nlohmann-json's events. Every function returns false to end the parse; `status` then says why.
class NodeBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  // `words` may be null: the text has no number words.
  NodeBuilder(JsonDocument* document, bool unique_keys, const NumberWords* words)
      : document_(document), unique_keys_(unique_keys), words_(words) {}

  Status status;

  bool null() override { return add(JsonValue::Kind::null) != nullptr; }
  bool boolean(bool value) override {
    JsonNode* node = add(JsonValue::Kind::boolean);
    if (node != nullptr) node->truth = value;
    return node != nullptr;
  }
  bool number_integer(number_integer_t value) override {
    JsonNode* node = add(JsonValue::Kind::number);
    if (node == nullptr) return false;
    node->form = NumberForm::negative;
    node->negative = value;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    JsonNode* node = add(JsonValue::Kind::number);
    if (node != nullptr) node->natural = value;
    return node != nullptr;
  }
  bool number_float(number_float_t value, const string_t& text) override {
    JsonNode* node = add(JsonValue::Kind::number);
    if (node == nullptr) return false;
    if (text.find_first_not_of("-0123456789") == std::string::npos) {
      node->form = NumberForm::large;
      node->string.start = keep(text);
      node->string.bytes = static_cast<uint32_t>(text.size());
      return true;
    }
    node->form = NumberForm::real;
    node->real = words_ == nullptr ? value : words_->value_of(text, value);
    return true;
  }
  bool string(string_t& value) override {
    JsonNode* node = add(JsonValue::Kind::string);
    if (node == nullptr) return false;
    node->string.start = keep(value);
    node->string.bytes = static_cast<uint32_t>(value.size());
    return true;
  }
  bool binary(binary_t&) override { return false; }  // never sent for text
  bool start_object(size_t) override { return open(JsonValue::Kind::object); }
  bool start_array(size_t) override { return open(JsonValue::Kind::array); }
  bool end_object() override { return (!unique_keys_ || keys_differ(open_.back())) && close(); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override {
    key_start_ = keep(value);
    key_bytes_ = static_cast<uint32_t>(value.size());
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ...": the part in brackets says nothing to
    // users.
    std::string_view what = error.what();
    for (const std::string_view start : {"] parse error ", "] "}) {
      const size_t at = what.find(start);
      if (at == std::string_view::npos) continue;
      what.remove_prefix(at + start.size());
      break;
    }
    if (what.starts_with("number overflow")) what = "a number is larger than any that is read (1.8e308)";
    const bool ended = what.find("unexpected end of input") != std::string_view::npos;
    status = Status::error(Code::corrupt_file, "%s: not valid JSON at byte %zu, %.*s%s", document_->name.c_str(),
                           position, static_cast<int>(what.size()), what.data(),
                           ended ? ": it ends early; a file that was fetched, fetch it again" : "");
    return false;
  }

 private:
  uint32_t keep(const std::string& value) {
    const auto start = static_cast<uint32_t>(document_->text.size());
    document_->text += value;
    return start;
  }

  JsonNode* add(JsonValue::Kind kind) {
    std::vector<JsonNode>& nodes = document_->nodes;
    if (nodes.size() >= limits::kJsonValuesMax) {
      status = Status::error(Code::limit_exceeded, "%s: more than %zu JSON values", document_->name.c_str(),
                             limits::kJsonValuesMax);
      return nullptr;
    }
    if (!open_.empty()) ++nodes[open_.back()].child_count;
    JsonNode& node = nodes.emplace_back();
    node.kind = kind;
    node.end = static_cast<uint32_t>(nodes.size());
    node.key_start = key_start_;
    node.key_bytes = key_bytes_;
    key_start_ = key_bytes_ = 0;
    return &node;
  }

  bool open(JsonValue::Kind kind) {
    if (open_.size() >= limits::kJsonDepthMax) {
      status = Status::error(Code::limit_exceeded, "%s: JSON nested deeper than %zu levels", document_->name.c_str(),
                             limits::kJsonDepthMax);
      return false;
    }
    if (add(kind) == nullptr) return false;
    open_.push_back(static_cast<uint32_t>(document_->nodes.size() - 1));
    return true;
  }

  bool close() {
    document_->nodes[open_.back()].end = static_cast<uint32_t>(document_->nodes.size());
    open_.pop_back();
    return true;
  }

  bool keys_differ(uint32_t object) {
    const std::vector<JsonNode>& nodes = document_->nodes;
    keys_.clear();
    for (uint32_t i = object + 1; i < nodes.size(); i = nodes[i].end) {
      keys_.push_back(document_->view(nodes[i].key_start, nodes[i].key_bytes));
    }
    std::sort(keys_.begin(), keys_.end());
    const auto twin = std::adjacent_find(keys_.begin(), keys_.end());
    if (twin == keys_.end()) return true;
    status = Status::error(Code::corrupt_file, "%s: the key \"%.*s\" stands twice in one object",
                           document_->name.c_str(), static_cast<int>(twin->size()), twin->data());
    return false;
  }

  JsonDocument* document_;
  bool unique_keys_;
  const NumberWords* words_;
  std::vector<uint32_t> open_;  // nodes of the arrays and objects around the current place
  std::vector<std::string_view> keys_;
  uint32_t key_start_ = 0;
  uint32_t key_bytes_ = 0;
};

}  // namespace

namespace {

Status parse_text(std::string_view text, const char* name, bool unique_keys, const NumberWords* words,
                  std::unique_ptr<JsonDocument>* out) {
  auto document = std::make_unique<JsonDocument>();
  document->name = name;
  NodeBuilder builder(document.get(), unique_keys, words);
  if (!nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &builder)) return builder.status;
  *out = std::move(document);
  return Status::ok();
}

}  // namespace

Status parse_json(Bytes text, const char* name, bool unique_keys, Json* out) {
  if (text.size() > limits::kJsonBytesMax) {
    return Status::error(Code::limit_exceeded, "%s: %zu bytes of JSON, more than the %zu that mica reads", name,
                         text.size(), limits::kJsonBytesMax);
  }
  if (text.size() >= 2 && (text[0] == 0xFF || text[0] == 0xFE) && (text[0] ^ text[1]) == 0x01) {
    return Status::error(Code::corrupt_file, "%s is UTF-16: JSON is UTF-8, save it again as that", name);
  }
  std::string_view source(reinterpret_cast<const char*>(text.data()), text.size());
  NumberWords words;
  Status status = parse_text(source, name, unique_keys, nullptr, &out->document_);
  if (status.code() == Code::corrupt_file && words.replace(source)) {
    status = parse_text(words.replaced(), name, unique_keys, &words, &out->document_);
  }
  return status;
}

Json::Json() = default;
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

JsonValue Json::root() const { return document_ ? JsonValue(document_.get(), 0) : JsonValue(); }

// --- values
// ------------------------------------------------------------------------------------------------------------

JsonValue::Iterator& JsonValue::Iterator::operator++() {
  index_ = document_->nodes[index_].end;
  return *this;
}

JsonValue::Kind JsonValue::kind() const {
  return document_ == nullptr ? Kind::absent : document_->nodes[index_].kind;
}

std::string_view JsonValue::key() const {
  if (document_ == nullptr) return {};
  const JsonNode& node = document_->nodes[index_];
  return document_->view(node.key_start, node.key_bytes);
}

size_t JsonValue::size() const {
  return is_array() || is_object() ? static_cast<size_t>(document_->nodes[index_].child_count) : 0;
}

JsonValue::Iterator JsonValue::begin() const {
  if (document_ == nullptr) return end();
  return is_array() || is_object() ? Iterator(document_, index_ + 1) : end();
}

JsonValue::Iterator JsonValue::end() const {
  return Iterator(document_, document_ == nullptr ? 0 : document_->nodes[index_].end);
}

JsonValue JsonValue::at(size_t index) const {
  for (JsonValue child : *this) {
    if (index-- == 0) return child;
  }
  return JsonValue();
}

JsonValue JsonValue::find(std::string_view key) const {
  JsonValue found;
  if (!is_object()) return found;
  for (JsonValue child : *this) {
    if (child.key() == key) found = child;
  }
  return found;
}

JsonValue JsonValue::find_path(std::string_view path) const {
  JsonValue value = *this;
  while (!path.empty() && !value.is_absent()) {
    const size_t dot = std::min(path.find('.'), path.size());
    value = value.find(path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return value;
}

bool JsonValue::as_bool(bool* out) const {
  if (kind() != Kind::boolean) return false;
  *out = document_->nodes[index_].truth;
  return true;
}

bool JsonValue::as_string(std::string_view* out) const {
  if (!is_string()) return false;
  const JsonNode& node = document_->nodes[index_];
  *out = document_->view(node.string.start, node.string.bytes);
  return true;
}

bool JsonValue::as_double(double* out) const {
  if (!is_number()) return false;
  const JsonNode& node = document_->nodes[index_];
  switch (node.form) {
    case NumberForm::negative: *out = static_cast<double>(node.negative); break;
    case NumberForm::natural: *out = static_cast<double>(node.natural); break;
    case NumberForm::real: *out = node.real; break;
    case NumberForm::large: *out = std::strtod(integer_text().c_str(), nullptr); break;
  }
  return true;
}

std::string JsonValue::integer_text() const {
  if (!is_number()) return {};
  const JsonNode& node = document_->nodes[index_];
  switch (node.form) {
    case NumberForm::negative: return std::to_string(node.negative);
    case NumberForm::natural: return std::to_string(node.natural);
    case NumberForm::large: return std::string(document_->view(node.string.start, node.string.bytes));
    case NumberForm::real: break;
  }
  return {};
}

bool JsonValue::as_u64(uint64_t* out) const {
  if (!is_number()) return false;
  const JsonNode& node = document_->nodes[index_];
  if (node.form == NumberForm::natural) {
    *out = node.natural;
    return true;
  }
  // 2^53: beyond it a double no longer holds every integer.
  const bool whole = node.form == NumberForm::real && node.real >= 0 && node.real <= 9007199254740992.0 &&
                     node.real == std::floor(node.real);
  if (whole) *out = static_cast<uint64_t>(node.real);
  return whole;
}

bool JsonValue::as_i64(int64_t* out) const {
  if (!is_number()) return false;
  const JsonNode& node = document_->nodes[index_];
  if (node.form == NumberForm::negative) {
    *out = node.negative;
    return true;
  }
  if (node.form == NumberForm::real && node.real < 0) {
    const bool whole = node.real >= -9007199254740992.0 && node.real == std::floor(node.real);
    if (whole) *out = static_cast<int64_t>(node.real);
    return whole;
  }
  uint64_t natural = 0;
  if (!as_u64(&natural) || natural > static_cast<uint64_t>(INT64_MAX)) return false;
  *out = static_cast<int64_t>(natural);
  return true;
}

namespace {

// "a.b[3].c" for node `index`, by walking down from the root. Only for messages.
std::string place_of(const JsonDocument& document, uint32_t index) {
  std::string place;
  uint32_t node = 0;
  while (node != index) {
    const bool in_array = document.nodes[node].kind == JsonValue::Kind::array;
    uint32_t child = node + 1;
    size_t ordinal = 0;
    for (; document.nodes[child].end <= index; child = document.nodes[child].end) ++ordinal;
    if (in_array) {
      place += '[';
      place += std::to_string(ordinal);
      place += ']';
    } else {
      if (!place.empty()) place += ".";
      place += document.view(document.nodes[child].key_start, document.nodes[child].key_bytes);
    }
    node = child;
  }
  return place;
}

}  // namespace

Status JsonValue::error(Code code, const char* what, std::string_view member) const {
  std::string place = document_ == nullptr ? std::string() : place_of(*document_, index_);
  if (!member.empty()) {
    if (!place.empty()) place += ".";
    place += member;
  }
  const char* name = document_ == nullptr ? "JSON" : document_->name.c_str();
  return Status::error(code, "%s: %s %s", name, place.empty() ? "the document" : place.c_str(), what);
}

}  // namespace mica
