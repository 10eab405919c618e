// SchemaProgram: written from the parts of a schema, each instruction behind the one that follows it. What the parts say:
// schema_parts.hpp.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "json_text.hpp"
#include "limits.hpp"
#include "number_range.hpp"
#include "pattern.hpp"
#include "schema_parts.hpp"
#include "schema_program.hpp"
#include "utf8.hpp"

namespace mica {

namespace {

using Op = SchemaProgram::Op;
using Instruction = SchemaProgram::Instruction;

class Writer {
 public:
  Writer(JsonValue root, SchemaProgram* program) : document_(root), root_(root), program_(*program) {}
  Status write();

 private:
  // The first instructions.
  static constexpr uint32_t kFail = 0, kLeave = 1, kEnd = 2;

  // ---- instructions: each returns where it stands
  uint32_t add(const Instruction& instruction);
  uint32_t literal(std::string_view text, uint32_t next);
  uint32_t split(const std::vector<uint32_t>& targets);
  void set_split(uint32_t at, const std::vector<uint32_t>& targets);
  uint32_t spaced(uint32_t next) { return split({literal(" ", next), next}); }
  uint32_t behind_comma(uint32_t next) { return literal(",", spaced(next)); }
  uint32_t call(uint32_t rule, uint32_t next) { return add({Op::call, next, rule}); }
  uint32_t take(Op op, Regular&& regular, uint32_t next);
  // Notes a failure, which ends the writing.
  uint32_t refuse(const Status& status) {
    if (status_) status_ = status;
    return kFail;
  }
  bool fails(const Status& status) {
    if (!status) refuse(status);
    return !status;
  }

  // ---- values: each returns where its text begins; `next` comes behind it
  uint32_t rule_of(const SchemaParts& parts);
  uint32_t value(const SchemaParts& parts);
  uint32_t branches(const SchemaParts& parts, size_t at, const char* keyword, bool SchemaPart::*is_taken);
  bool are_told_apart(JsonValue branches);
  uint32_t listed(const SchemaParts& parts, const std::vector<SchemaValue>& values, uint32_t types);
  uint32_t exactly(JsonValue value, uint32_t next);
  uint32_t typed(const SchemaParts& parts, uint32_t types);
  uint32_t object(const SchemaParts& parts);
  uint32_t other_members(const SchemaParts& parts, const std::vector<std::string_view>& keys, uint32_t close);
  uint32_t array(const SchemaParts& parts);
  bool items_of(const SchemaParts& parts, size_t index, SchemaParts* items);
  uint32_t first_items(const std::vector<uint32_t>& rules, uint32_t min, uint32_t max, uint32_t close, uint32_t rest);
  uint32_t string(const SchemaParts& parts);
  uint32_t plain_string(uint32_t min, uint32_t max);
  uint32_t number(const SchemaParts& parts, bool is_integer);

  SchemaDocument document_;
  JsonValue root_;
  SchemaProgram& program_;
  Status status_;
  size_t entries_ = 0;  // of the automata
  RegularWork work_;    // for them
  std::map<std::vector<uint32_t>, uint32_t> numbers_;  // of rules, by their parts
  std::vector<SchemaParts> rules_;
};

uint32_t Writer::add(const Instruction& instruction) {
  if (program_.code.size() >= limits::kSchemaInstructionsMax)
    return refuse(Status::error(Code::limit_exceeded, "schema: it takes more than %zu steps",
                                limits::kSchemaInstructionsMax));
  program_.code.push_back(instruction);
  return static_cast<uint32_t>(program_.code.size() - 1);
}

uint32_t Writer::literal(std::string_view text, uint32_t next) {
  const auto first = static_cast<uint32_t>(program_.literals.size());
  program_.literals += text;
  return add({Op::literal, next, first, static_cast<uint32_t>(text.size())});
}

void Writer::set_split(uint32_t at, const std::vector<uint32_t>& targets) {
  Instruction& instruction = program_.code[at];
  instruction.op = Op::split;
  instruction.first = static_cast<uint32_t>(program_.targets.size());
  instruction.count = static_cast<uint32_t>(targets.size());
  program_.targets.insert(program_.targets.end(), targets.begin(), targets.end());
}

uint32_t Writer::split(const std::vector<uint32_t>& targets) {
  if (targets.size() == 1) return targets.front();
  const uint32_t at = add({});
  if (status_) set_split(at, targets);
  return at;
}

uint32_t Writer::take(Op op, Regular&& regular, uint32_t next) {
  if (regular.is_empty()) return kFail;
  entries_ += regular.next.size();
  if (entries_ > limits::kRegularEntriesTotalMax)
    return refuse(Status::error(Code::limit_exceeded, "schema: its patterns and lists of words take too much memory"));
  program_.regulars.push_back(std::move(regular));
  return add({op, next, static_cast<uint32_t>(program_.regulars.size() - 1)});
}

// ---- rules ----------------------------------------------------------------------------------------------------------

uint32_t Writer::rule_of(const SchemaParts& parts) {
  std::vector<uint32_t> key;
  for (const SchemaPart& part : parts)
    key.push_back(part.schema.index() * 4 + (part.any_of_is_taken ? 2 : 0) + (part.one_of_is_taken ? 1 : 0));
  const auto [found, is_new] = numbers_.try_emplace(std::move(key), static_cast<uint32_t>(rules_.size()));
  if (is_new) rules_.push_back(parts);
  if (rules_.size() > limits::kSchemaRulesMax)
    refuse(Status::error(Code::limit_exceeded, "schema: it takes more than %zu rules", limits::kSchemaRulesMax));
  return found->second;
}

Status Writer::write() {
  program_ = {};
  add({Op::fail});
  add({Op::leave});
  add({Op::end});
  SchemaParts parts;
  MICA_TRY(document_.add(root_, &parts));
  program_.start = spaced(call(rule_of(parts), kEnd));
  for (size_t rule = 0; rule < rules_.size() && status_; ++rule) {
    const SchemaParts of_rule = rules_[rule];  // further rules come while it is written
    const uint32_t at = value(of_rule);
    program_.rules.push_back(at);
  }
  MICA_TRY(status_);
  return check_schema_program(&program_);
}

uint32_t Writer::value(const SchemaParts& parts) {
  if (keep_nothing(parts)) return kFail;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].any_of_is_taken && !parts[i].schema.find("anyOf").is_absent())
      return branches(parts, i, "anyOf", &SchemaPart::any_of_is_taken);
    if (!parts[i].one_of_is_taken && !parts[i].schema.find("oneOf").is_absent())
      return branches(parts, i, "oneOf", &SchemaPart::one_of_is_taken);
  }
  bool are_listed = false;
  std::vector<SchemaValue> values;
  uint32_t types = 0;
  if (fails(values_of(parts, &are_listed, &values)) || fails(types_of(parts, are_listed, &types))) return kFail;
  return are_listed ? listed(parts, values, types) : typed(parts, types);
}

uint32_t Writer::branches(const SchemaParts& parts, size_t at, const char* keyword, bool SchemaPart::*is_taken) {
  const JsonValue branches = parts[at].schema.find(keyword);
  if (!branches.is_array() || branches.size() == 0)
    return refuse(branches.error(Code::invalid_argument, "must be a list of schemas"));
  if (branches.size() > limits::kSchemaChoicesMax)
    return refuse(branches.error(Code::limit_exceeded, "has more branches than are followed (256)"));
  if (is_taken == &SchemaPart::one_of_is_taken && !are_told_apart(branches)) return kFail;
  std::vector<uint32_t> targets;
  for (JsonValue branch : branches) {
    SchemaParts chosen = parts;
    chosen[at].*is_taken = true;
    if (fails(document_.add(branch, &chosen))) return kFail;
    targets.push_back(add({Op::enter, 0, rule_of(chosen)}));
  }
  return split(targets);
}

bool Writer::are_told_apart(JsonValue branches) {
  std::vector<SchemaParts> each;
  for (JsonValue branch : branches)
    if (fails(document_.add(branch, &each.emplace_back()))) return false;
  for (size_t i = 0; i < each.size(); ++i)
    for (size_t j = i + 1; j < each.size(); ++j) {
      bool apart = false;
      if (fails(are_apart(&document_, each[i], each[j], 0, &apart))) return false;
      if (apart) continue;
      const std::string what = "has branches " + std::to_string(i) + " and " + std::to_string(j) +
                               ", which a value may both keep: write anyOf, or tell them apart by a constant";
      refuse(branches.error(Code::unsupported, what.c_str()));
      return false;
    }
  return true;
}

uint32_t Writer::listed(const SchemaParts& parts, const std::vector<SchemaValue>& values, uint32_t types) {
  for (const SchemaPart& part : parts)
    for (JsonValue value : part.schema)
      for (const char* keyword : {"properties", "required", "additionalProperties", "items", "prefixItems", "minItems",
                                  "maxItems", "minLength", "maxLength", "pattern", "format", "minimum", "maximum",
                                  "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
        if (value.key() == keyword)
          return refuse(value.error(Code::unsupported, "stands beside enum or const: list the values that are left"));
  std::vector<uint32_t> targets;
  std::vector<std::string_view> strings;
  for (const SchemaValue& each : values) {
    std::string_view text;
    if ((type_of(each.value) & types) == 0) continue;
    if (each.value.as_string(&text)) strings.push_back(text);
    else targets.push_back(exactly(each.value, kLeave));
  }
  if (targets.size() > limits::kSchemaChoicesMax)
    return refuse(values.front().value.error(Code::limit_exceeded, "is one of more than 256 values beside strings"));
  Regular regular;
  if (!strings.empty()) {
    if (fails(words(strings, false, &work_, &regular).in("schema: the strings of an enum"))) return kFail;
    targets.push_back(literal("\"", take(Op::string, std::move(regular), literal("\"", kLeave))));
  }
  return targets.empty() ? kFail : split(targets);
}

// One value, as models write it.
uint32_t Writer::exactly(JsonValue value, uint32_t next) {
  std::string text;
  if (value.is_string()) {
    std::string_view string;
    value.as_string(&string);
    append_json_string(string, &text);
    return literal(text, next);
  }
  double number = 0;
  if (value.as_double(&number) && !std::isfinite(number))
    return refuse(value.error(Code::invalid_argument, "is a number that JSON cannot write"));
  if (!value.is_array() && !value.is_object()) return literal(text_of(value), next);
  std::vector<JsonValue> members;
  for (JsonValue member : value) members.push_back(member);
  uint32_t at = literal(value.is_array() ? "]" : "}", next);
  for (size_t i = members.size(); i-- > 0;) {
    at = exactly(members[i], at);
    if (value.is_object()) {
      text.clear();
      append_json_string(members[i].key(), &text);
      at = literal(text + ":", spaced(at));
    }
    if (i > 0) at = behind_comma(at);
  }
  return literal(value.is_array() ? "[" : "{", at);
}

uint32_t Writer::typed(const SchemaParts& parts, uint32_t types) {
  std::vector<uint32_t> targets;
  if (types & kObjectType) targets.push_back(object(parts));
  if (types & kArrayType) targets.push_back(array(parts));
  if (types & kStringType) targets.push_back(string(parts));
  if (types & kNumberTypes) targets.push_back(number(parts, (types & kFractionType) == 0));
  if (types & kBooleanType) targets.push_back(split({literal("true", kLeave), literal("false", kLeave)}));
  if (types & kNullType) targets.push_back(literal("null", kLeave));
  return targets.empty() ? kFail : split(targets);
}

// ---- objects and arrays ---------------------------------------------------------------------------------------------

// Members in the order in which the schema names them, then others.
uint32_t Writer::object(const SchemaParts& parts) {
  std::vector<std::string_view> keys, required;
  for (const SchemaPart& part : parts) {
    JsonValue properties;
    if (fails(properties_of(part, &properties))) return kFail;
    for (JsonValue property : properties)
      if (std::find(keys.begin(), keys.end(), property.key()) == keys.end()) keys.push_back(property.key());
  }
  if (fails(required_of(parts, &required))) return kFail;
  for (const std::string_view key : required)
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  if (keys.size() > limits::kSchemaPropertiesMax)
    return refuse(parts.front().schema.error(Code::limit_exceeded, "has more than 1024 properties"));
  const uint32_t close = literal("}", kLeave);
  // What may come behind a member, and which keys behind its comma.
  uint32_t behind = other_members(parts, keys, close), choice = kFail;
  if (behind != close) choice = program_.code[behind].next;
  bool may_close = true;
  size_t skipped = 0;  // properties in a row that may be left out
  for (size_t i = keys.size(); i-- > 0;) {
    SchemaMember member;
    if (fails(member_of(&document_, parts, keys[i], &member))) return kFail;
    const bool is_required = std::find(required.begin(), required.end(), keys[i]) != required.end();
    std::string key;
    append_json_string(keys[i], &key);
    const uint32_t entry = member.is_forbidden ? kFail
                                               : literal(key + ":", spaced(call(rule_of(member.parts), behind)));
    skipped = is_required ? 0 : skipped + 1;
    if (skipped > limits::kSchemaChoicesMax)
      return refuse(parts.front().schema.error(Code::limit_exceeded,
                                               "has more than 256 properties in a row that may be left out"));
    choice = is_required ? entry : split({entry, choice});
    may_close = may_close && !is_required;
    behind = may_close ? split({close, behind_comma(choice)}) : behind_comma(choice);
  }
  return literal("{", may_close ? split({close, choice}) : choice);
}

// A split of the end and of a further member, whose key is `next` of it; `close` where there is none.
uint32_t Writer::other_members(const SchemaParts& parts, const std::vector<std::string_view>& keys, uint32_t close) {
  SchemaMember other;
  if (fails(other_member_of(&document_, parts, &other)) || other.is_forbidden) return close;
  Regular names;
  if (fails(words(keys, true, &work_, &names).in("schema: the names of properties"))) return close;
  const uint32_t behind = add({});
  const uint32_t value = literal("\":", spaced(call(rule_of(other.parts), behind)));
  const uint32_t key = literal("\"", take(Op::string, std::move(names), value));
  if (!status_) return close;
  set_split(behind, {close, behind_comma(key)});
  program_.code[behind].next = key;
  return behind;
}

// What is said of the item at `index`; false where there may be none.
bool Writer::items_of(const SchemaParts& parts, size_t index, SchemaParts* items) {
  for (const SchemaPart& part : parts) {
    const JsonValue first = part.schema.find("prefixItems");
    if (!first.is_absent() && !first.is_array())
      return refuse(first.error(Code::invalid_argument, "must be a list of schemas")) != kFail;
    const JsonValue schema = index < first.size() ? first.at(index) : part.schema.find("items");
    if (!schema.is_absent() && fails(document_.add(schema, items))) return false;
  }
  return !keep_nothing(*items);
}

uint32_t Writer::array(const SchemaParts& parts) {
  uint32_t min = 0, max = 0;
  if (fails(counts_of(parts, "minItems", "maxItems", &min, &max))) return kFail;
  size_t count = 0;
  for (const SchemaPart& part : parts) count = std::max(count, part.schema.find("prefixItems").size());
  if (count > limits::kSchemaChoicesMax)
    return refuse(parts.front().schema.error(Code::limit_exceeded, "has more than 256 prefixItems"));
  std::vector<uint32_t> rules;
  for (size_t i = 0; i <= count; ++i) {
    SchemaParts items;
    if (!items_of(parts, i, &items)) {
      max = std::min(max, static_cast<uint32_t>(i));
      break;
    }
    rules.push_back(rule_of(items));
  }
  if (!status_ || min > max) return kFail;
  const uint32_t close = literal("]", kLeave);
  // Where there is no other, one item by itself stands before the comma of the next.
  const auto single = static_cast<uint32_t>(std::max<size_t>(count, 1));
  uint32_t rest = close;
  if (max > single) {
    const uint32_t again = add({Op::again});
    const uint32_t body = behind_comma(call(rules.back(), again));
    rest = add({Op::repeat, close, body, 0, min > single ? min - single : 0, max == kUnbounded ? max : max - single});
  }
  if (rules.size() > count && count > 0) rules.pop_back();
  return literal("[", first_items(rules, min, max, close, rest));
}

// Items one by one, each with its own rule, then `rest`.
uint32_t Writer::first_items(const std::vector<uint32_t>& rules, uint32_t min, uint32_t max, uint32_t close,
                             uint32_t rest) {
  uint32_t at = rest;
  for (size_t i = std::min<size_t>(rules.size(), max); i-- > 0;) {
    const uint32_t item = call(rules[i], at);
    const uint32_t entry = i == 0 ? item : behind_comma(item);
    at = i >= min ? split({close, entry}) : entry;
  }
  return at;
}

// ---- strings and numbers --------------------------------------------------------------------------------------------

uint32_t Writer::string(const SchemaParts& parts) {
  uint32_t min = 0, max = 0;
  if (fails(counts_of(parts, "minLength", "maxLength", &min, &max))) return kFail;
  Regular all;
  bool has_pattern = false;
  for (const SchemaPart& part : parts)
    for (const char* keyword : {"pattern", "format"}) {
      const JsonValue value = part.schema.find(keyword);
      std::string_view text;
      if (value.is_absent()) continue;
      if (!value.as_string(&text)) return refuse(value.error(Code::invalid_argument, "must be a string"));
      if (value.key() == "format") {
        const char* pattern = format_pattern(text);
        if (pattern == nullptr)
          return refuse(value.error(Code::unsupported, ("is " + std::string(text) +
                                    ": kept are date, time, date-time, uuid, ipv4, hostname and email").c_str()));
        text = pattern;
      }
      Regular one;
      Status status = read_pattern(text, &work_, &one);
      if (status && has_pattern) status = intersect(all, one, &work_, &all);
      else if (status) all = std::move(one);
      if (!status) return refuse(value.error(status.code(), status.message()));
      has_pattern = true;
    }
  if (!has_pattern) return plain_string(min, max);
  if (min > 0 || max != kUnbounded) {
    Regular fitting;
    Status status = min <= max ? lengths(min, max, &work_, &fitting) : Status::ok();
    if (status) status = intersect(all, fitting, &work_, &all);
    if (!status)
      return refuse(parts.front().schema.error(status.code(), "has a length and a pattern that are too large together"));
  }
  return literal("\"", take(Op::string, std::move(all), literal("\"", kLeave)));
}

uint32_t Writer::plain_string(uint32_t min, uint32_t max) {
  if (min > max) return kFail;
  const uint32_t close = literal("\"", kLeave);
  Regular any;
  if (min == 0 && max == kUnbounded) {
    if (fails(lengths(0, kUnbounded, &work_, &any))) return kFail;
    return literal("\"", take(Op::string, std::move(any), close));
  }
  if (fails(lengths(1, 1, &work_, &any))) return kFail;
  const uint32_t character = take(Op::string, std::move(any), add({Op::again}));
  return literal("\"", add({Op::repeat, close, character, 0, min, max}));
}

uint32_t Writer::number(const SchemaParts& parts, bool is_integer) {
  struct BoundName {
    const char* name;
    bool is_excluded;
    std::vector<NumberRange::Bound> NumberRange::*bounds;
  };
  constexpr BoundName kBounds[] = {{"minimum", false, &NumberRange::low},
                                   {"exclusiveMinimum", true, &NumberRange::low},
                                   {"maximum", false, &NumberRange::high},
                                   {"exclusiveMaximum", true, &NumberRange::high}};
  NumberRange range;
  range.is_integer = is_integer;
  for (const SchemaPart& part : parts) {
    for (const BoundName& bound : kBounds) {
      const JsonValue value = part.schema.find(bound.name);
      if (value.is_absent()) continue;
      NumberRange::Bound read;
      read.is_excluded = bound.is_excluded;
      if (fails(read_decimal(value, &read.at))) return kFail;
      (range.*bound.bounds).push_back(read);
    }
    const JsonValue divisor = part.schema.find("multipleOf");
    uint64_t multiple = 0;
    if (divisor.is_absent()) continue;
    if (!divisor.as_u64(&multiple) || multiple == 0 || multiple > limits::kSchemaMultipleMax)
      return refuse(divisor.error(Code::unsupported, "is kept for whole numbers from 1 to 1000 alone"));
    range.multiples.push_back(static_cast<uint32_t>(multiple));
  }
  Regular numbers;
  const Status status = number_automaton(range, &work_, &numbers);
  if (!status) return refuse(parts.front().schema.error(status.code(), status.message()));
  return take(Op::plain, std::move(numbers), kLeave);
}

}  // namespace

Status read_json_schema(std::string_view text, SchemaProgram* out) {
  if (text.size() > limits::kSchemaBytesMax)
    return Status::error(Code::limit_exceeded, "schema: it has %zu bytes; it may have %zu", text.size(),
                         limits::kSchemaBytesMax);
  MICA_TRY(check_utf8(text).in("schema"));
  Json json;
  MICA_TRY(parse_json({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, "schema", true, &json));
  return Writer(json.root(), out).write();
}

}  // namespace mica
