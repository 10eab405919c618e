// Config tables: the kinds of fields. Not what a field is for: models/.
#include "config_table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <string>

#include "checked.hpp"
#include "grid_list.hpp"
#include "log.hpp"

namespace mica {
namespace {

// Calls `visit` with each of the "|"-separated paths until it returns true.
template <class Visit>
bool any_path(std::string_view paths, const Visit& visit) {
  while (true) {
    const size_t bar = paths.find('|');
    if (visit(paths.substr(0, bar))) return true;
    if (bar == std::string_view::npos) return false;
    paths.remove_prefix(bar + 1);
  }
}

// The first of the paths that is set; if none is, the last that the file has as null, or nothing.
JsonValue find_first(JsonValue object, std::string_view paths, std::string_view* path) {
  JsonValue found;
  any_path(paths, [&](std::string_view one) {
    const JsonValue value = object.find_path(one);
    *path = one;
    if (!value.is_absent()) found = value;
    return value.is_set();
  });
  return found;
}

template <class T>
T* target_of(ModelSpec* spec, uint16_t offset) {
  return reinterpret_cast<T*>(reinterpret_cast<char*>(spec) + offset);
}

Status read_choice(JsonValue value, const ConfigField& field, ModelSpec* spec) {
  char number[32];
  std::string_view word;
  double numeric = 0;
  bool boolean = false;
  if (value.as_double(&numeric)) {
    snprintf(number, sizeof number, "%.9g", numeric);
    word = number;
  } else if (value.as_bool(&boolean)) {
    word = boolean ? "true" : "false";
  } else if (value.is_null()) {
    word = "null";
  } else if (!value.as_string(&word)) {
    return value.error(Code::corrupt_file, "must be a word or a number");
  }
  std::string known;
  for (const Choice& choice : field.choices) {
    if (word == choice.word) {
      if (field.kind == FieldKind::choice) *target_of<uint8_t>(spec, field.offset) = choice.value;
      return Status::ok();
    }
    known += known.empty() ? "" : ", ";
    known += choice.word;
  }
  const std::string text = "is \"" + std::string(word.substr(0, 64)) + "\", which mica does not run; it runs " + known;
  return value.error(Code::unsupported, text.c_str());
}

// A number, or the index-th of a list of one or two.
Status read_listed_u32(JsonValue object, JsonValue value, std::string_view path, const ConfigField& field, size_t index,
                       uint32_t* target) {
  const auto low = static_cast<uint32_t>(field.low);
  const auto high = static_cast<uint32_t>(field.high);
  if (!value.is_array()) return get_u32(object, path, low, high, target);
  std::vector<uint32_t> numbers;
  MICA_TRY(get_u32_array(object, path, 1, 2, low, high, &numbers));
  if (field.kind == FieldKind::square_u32 && numbers.front() != numbers.back())
    return value.error(Code::unsupported, "has two different numbers; mica runs squares");
  *target = numbers[index < numbers.size() ? index : 0];
  return Status::ok();
}

Status read_inverse(JsonValue value, const ConfigField& field, uint32_t* target) {
  double number = 0;
  if (!value.as_double(&number) || !(number > 0)) return value.error(Code::corrupt_file, "must be a positive number");
  const double inverse = 1.0 / number;
  if (std::abs(inverse - std::round(inverse)) > 1e-6 || inverse < field.low || inverse > field.high)
    return value.error(Code::unsupported, "must be one over a small whole number");
  *target = static_cast<uint32_t>(std::lround(inverse));
  return Status::ok();
}

Status read_sole_i32(JsonValue object, JsonValue value, std::string_view path, const ConfigField& field,
                     int32_t* target) {
  if (!value.is_array())
    return get_i32(object, path, static_cast<int32_t>(field.low), static_cast<int32_t>(field.high), target);
  if (value.size() != 1)
    return value.error(Code::unsupported, "is a list of several; mica runs one");
  return get_i32(value.at(0), "", static_cast<int32_t>(field.low), static_cast<int32_t>(field.high), target);
}

Status read_states(JsonValue value, const ConfigField& field, StateList* out) {
  const auto low = static_cast<int32_t>(field.low), high = static_cast<int32_t>(field.high);
  StateList list;
  if (!value.is_array()) {
    list.count = 1;
    MICA_TRY(get_i32(value, "", low, high, &list.states[0]));
  } else if (value.size() == 0 || value.size() > std::size(list.states)) {
    return value.error(Code::unsupported, ("must be a layer or a list of 1 to " +
                                           std::to_string(std::size(list.states)) + " of them").c_str());
  }
  for (JsonValue one : value) MICA_TRY(get_i32(one, "", low, high, &list.states[list.count++]));
  *out = list;
  return Status::ok();
}

Status read_layer_types(JsonValue object, std::string_view path, std::span<const Choice> choices, LayerTypes* out) {
  JsonValue list;
  MICA_TRY(get_array(object, path, 1, limits::kLayersMax, &list));
  LayerTypes types;
  for (JsonValue value : list) {
    std::string_view word;
    const bool is_word = value.as_string(&word);
    const auto choice =
        std::find_if(choices.begin(), choices.end(), [&](const Choice& one) { return is_word && word == one.word; });
    if (choice == choices.end()) {
      std::string known = "is not one that mica runs:";
      for (const Choice& one : choices) known += (&one == &choices[0] ? " " : ", ") + std::string(one.word);
      return value.error(Code::unsupported, known.c_str());
    }
    types.types[types.count++] = static_cast<LayerType>(choice->value);
  }
  *out = types;
  return Status::ok();
}

Status read_layers(JsonValue object, std::string_view path, const ConfigField& field, LayerList* out) {
  std::vector<uint32_t> numbers;
  MICA_TRY(get_u32_array(object, path, 0, std::size(out->layers), clamp_u32(field.low), clamp_u32(field.high), &numbers));
  LayerList list;
  std::copy(numbers.begin(), numbers.end(), list.layers);
  list.count = static_cast<uint32_t>(numbers.size());
  *out = list;
  return Status::ok();
}

Status read_layer_numbers(JsonValue object, std::string_view path, const ConfigField& field, uint32_t layers,
                          LayerTypes* out) {
  std::vector<uint32_t> numbers;
  MICA_TRY(get_u32_array(object, path, 0, layers, 0, layers - 1, &numbers));
  out->count = layers;
  std::fill_n(out->types, layers, static_cast<LayerType>(field.choices[1].value));
  for (const uint32_t number : numbers) out->types[number] = static_cast<LayerType>(field.choices[0].value);
  return Status::ok();
}

Status read_floats(JsonValue object, std::string_view path, const ConfigField& field, size_t least, size_t most,
                   float* out, uint32_t* count) {
  std::vector<double> numbers;
  MICA_TRY(get_double_array(object, path, least, most, field.low, field.high, &numbers));
  for (size_t i = 0; i < numbers.size(); ++i) out[i] = static_cast<float>(numbers[i]);
  if (count) *count = static_cast<uint32_t>(numbers.size());
  return Status::ok();
}

// "anyres_max_9", where "anyres_max_" is the word.
Status read_numbered(JsonValue value, const ConfigField& field, uint32_t* target) {
  const std::string_view before = field.choices[0].word;
  std::string_view word;
  uint32_t number = 0;
  const bool fits = value.as_string(&word) && word.starts_with(before);
  if (fits) word.remove_prefix(before.size());
  const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (!fits || fault != std::errc() || end != word.data() + word.size() || number < field.low || number > field.high)
    return value.error(Code::unsupported, (std::string("must be \"") + field.choices[0].word + "\" and a number").c_str());
  *target = number;
  return Status::ok();
}

// Asked for by another kind of model; an empty list or object asks for nothing.
Status refuse(JsonValue value) {
  if ((value.is_array() || value.is_object()) && value.size() == 0) return Status::ok();
  return value.error(Code::unsupported, "is set, and mica does not run what it asks for");
}

Status read_value(JsonValue object, JsonValue value, std::string_view path, const ConfigField& field, ModelSpec* spec) {
  const double low = field.low, high = field.high;
  // Bounds of fields that are no whole numbers may be anything.
  const auto natural_low = clamp_u32(low), natural_high = clamp_u32(high);
  const auto natural = target_of<uint32_t>(spec, field.offset);
  double number = 0;
  switch (field.kind) {
    case FieldKind::u32:
    case FieldKind::null_u32: return get_u32(object, path, natural_low, natural_high, natural);
    case FieldKind::half_u32:
      MICA_TRY(get_u32(object, path, natural_low, natural_high, natural));
      if (*natural % 2 != 0) return value.error(Code::corrupt_file, "must be even");
      *natural /= 2;
      return Status::ok();
    case FieldKind::i32:
      return get_i32(object, path, static_cast<int32_t>(low), static_cast<int32_t>(high),
                     target_of<int32_t>(spec, field.offset));
    case FieldKind::f32:
    case FieldKind::null_f32:
      MICA_TRY(get_double(object, path, low, high, &number));
      *target_of<float>(spec, field.offset) = static_cast<float>(number);
      return Status::ok();
    case FieldKind::f64: return get_double(object, path, low, high, target_of<double>(spec, field.offset));
    case FieldKind::boolean: return get_bool(object, path, target_of<bool>(spec, field.offset));
    case FieldKind::f32x3: return read_floats(object, path, field, 3, 3, target_of<float>(spec, field.offset), nullptr);
    case FieldKind::f32_list: {
      FloatList* list = target_of<FloatList>(spec, field.offset);
      return read_floats(object, path, field, 1, std::size(list->values), list->values, &list->count);
    }
    case FieldKind::u32x3: {
      std::vector<uint32_t> numbers;
      MICA_TRY(get_u32_array(object, path, 3, 3, natural_low, natural_high, &numbers));
      std::copy(numbers.begin(), numbers.end(), natural);
      return Status::ok();
    }
    case FieldKind::first_u32:
    case FieldKind::square_u32: return read_listed_u32(object, value, path, field, 0, natural);
    case FieldKind::second_u32: return read_listed_u32(object, value, path, field, 1, natural);
    case FieldKind::sole_i32: return read_sole_i32(object, value, path, field, target_of<int32_t>(spec, field.offset));
    case FieldKind::states: return read_states(value, field, target_of<StateList>(spec, field.offset));
    case FieldKind::inverse_u32: return read_inverse(value, field, natural);
    case FieldKind::choice:
    case FieldKind::only: return read_choice(value, field, spec);
    case FieldKind::layers: return read_layers(object, path, field, target_of<LayerList>(spec, field.offset));
    case FieldKind::layer_types:
      return read_layer_types(object, path, field.choices, target_of<LayerTypes>(spec, field.offset));
    case FieldKind::grids: return get_grids(object, path, target_of<GridList>(spec, field.offset));
    case FieldKind::numbered: return read_numbered(value, field, natural);
    case FieldKind::layer_numbers:
      return read_layer_numbers(object, path, field, spec->decoder.layers, target_of<LayerTypes>(spec, field.offset));
    case FieldKind::absent: return refuse(value);
    case FieldKind::no_effect: return Status::ok();
  }
  return Status::ok();
}

// "*abc", "abc*" or "*abc*".
bool matches(std::string_view pattern, std::string_view name) {
  const bool open_begin = pattern.starts_with('*'), open_end = pattern.ends_with('*');
  if (open_begin) pattern.remove_prefix(1);
  if (open_end) pattern.remove_suffix(1);
  if (open_begin && open_end) return name.find(pattern) != std::string_view::npos;
  if (open_begin) return name.ends_with(pattern);
  return open_end ? name.starts_with(pattern) : name == pattern;
}

// Whether a row is about the member at `path` itself, or about one below it ("size.width" about "size").
bool is_field(const ConfigField& field, std::string_view path) {
  return any_path(field.paths, [&](std::string_view one) { return one == path; });
}
bool is_above(const ConfigField& field, std::string_view path) {
  return any_path(field.paths, [&](std::string_view one) {
    return one.size() > path.size() && one.starts_with(path) && one[path.size()] == '.';
  });
}

template <class Is>
bool any_field(FieldTables tables, const Is& is) {
  return std::any_of(tables.begin(), tables.end(),
                     [&](const auto& table) { return std::any_of(table.begin(), table.end(), is); });
}

void warn_of_unknown(JsonValue object, const std::string& prefix, FieldTables tables,
                     std::span<const char* const> without_effect) {
  for (JsonValue member : object) {
    if (!member.is_set() || matches_any(without_effect, member.key())) continue;
    const std::string path = prefix + std::string(member.key());
    if (member.is_object() && any_field(tables, [&](const ConfigField& f) { return is_above(f, path); }))
      warn_of_unknown(member, path + ".", tables, without_effect);
    else if (!any_field(tables, [&](const ConfigField& f) { return is_field(f, path); }))
      log_message(LogLevel::warning, "%s",
                  member.error(Code::unsupported, "is not a field that mica knows; it has no effect here").message());
  }
}

}  // namespace

Status read_field(JsonValue object, const ConfigField& field, FieldTables known, ModelSpec* spec) {
  std::string_view path;
  if (field.kind == FieldKind::only || field.kind == FieldKind::absent) {
    Status status = Status::ok();
    bool is_said = false;
    any_path(field.paths, [&](std::string_view one) {
      const JsonValue value = object.find_path(one);
      if (any_field(known, [&](const ConfigField& other) { return is_field(other, one); })) return false;
      if (value.is_set()) status = read_value(object, value, one, field, spec);
      is_said = is_said || value.is_set();
      return !status.is_ok();
    });
    const std::string_view paths = field.paths, name = paths.substr(0, paths.find('|'));
    return is_said || !field.required ? status : object.error(Code::not_found, "is missing", name);
  }
  const JsonValue value = find_first(object, field.paths, &path);
  if (value.is_set()) return read_value(object, value, path, field, spec);
  if (field.kind == FieldKind::null_u32 && value.is_null()) *target_of<uint32_t>(spec, field.offset) = 0;
  if (field.kind == FieldKind::null_f32 && value.is_null()) *target_of<float>(spec, field.offset) = 0;
  const bool has_null = std::any_of(field.choices.begin(), field.choices.end(),
                                    [](const Choice& choice) { return std::string_view(choice.word) == "null"; });
  if (has_null && value.is_null()) return read_value(object, value, path, field, spec);
  const std::string_view paths = field.paths, name = paths.substr(0, paths.find('|'));
  // Of words none is chosen, which no reference runs; of booleans null is what the class has.
  const bool words = field.kind == FieldKind::choice && std::string_view(field.choices[0].word) != "true" &&
                     std::string_view(field.choices[0].word) != "false";
  if (words && value.is_null())
    return object.error(Code::corrupt_file, "is null, and one of its words must be chosen: take the published "
                        "config.json", name);
  return field.required ? object.error(Code::not_found, "is missing", name) : Status::ok();
}

Status read_fields(JsonValue object, std::span<const ConfigField> fields, FieldTables known, ModelSpec* spec) {
  for (const ConfigField& field : fields) MICA_TRY(read_field(object, field, known, spec));
  return Status::ok();
}

bool names_member(const ConfigField& field, std::string_view member) {
  return is_field(field, member) || is_above(field, member);
}

bool matches_any(std::span<const char* const> patterns, std::string_view name) {
  for (const char* pattern : patterns)
    if (matches(pattern, name)) return true;
  return false;
}

void warn_of_unknown_fields(JsonValue object, FieldTables tables, std::span<const char* const> without_effect) {
  warn_of_unknown(object, "", tables, without_effect);
}

}  // namespace mica
