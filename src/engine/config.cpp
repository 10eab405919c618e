// Config: walks the tables of a family over the JSON of a checkpoint. Which field means what is in models/.
#include "config.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "config_check.hpp"
#include "config_table.hpp"
#include "family.hpp"
#include "json.hpp"
#include "limits.hpp"
#include "log.hpp"
#include "quantization_config.hpp"

namespace mica {
namespace {

// ---- whose config it is ---------------------------------------------------------------------------------------------

// "TEXT", which mica does not run; it runs A, B.
Status not_run(JsonValue value, std::string_view word, std::span<const char* const> names) {
  std::string text = "is \"" + std::string(word.substr(0, 64)) + "\", which mica does not run; it runs ";
  bool first = true;
  for (const char* name : names) {
    text += (first ? "" : ", ") + std::string(name);
    first = false;
  }
  return value.error(Code::unsupported, text.c_str());
}

bool contains(std::span<const char* const> names, std::string_view word) {
  return std::find(names.begin(), names.end(), word) != names.end();
}

std::vector<const char*> all_types() {
  std::vector<const char*> names;
  for (const Family* family : kFamilies)
    for (const char* type : family->model_types)
      if (!contains(names, type)) names.push_back(type);
  return names;
}

// Families of one model_type differ in their towers. True where nothing is said of one.
bool has_tower(JsonValue root, const Family& family) {
  const JsonValue tower = root.find(family.vision_name);
  std::string_view type;
  return !tower.is_object() || !tower.find("model_type").as_string(&type) || contains(family.towers, type);
}

Status find_family(JsonValue root, const Family** out) {
  const JsonValue named = root.find("model_type");
  std::string_view type;
  if (!named.is_set()) {
    std::string_view architecture;
    const JsonValue first = root.find("architectures").at(0);
    const bool named_class = first.as_string(&architecture);
    for (const Family* family : kFamilies)
      if (named_class && family->model_types.empty() && contains(family->architectures, architecture)) {
        *out = family;
        return Status::ok();
      }
    const bool known = std::any_of(kFamilies.begin(), kFamilies.end(), [&](const Family* family) {
      return contains(family->architectures, architecture);
    });
    if (named_class && !known) return not_run(first, architecture, all_types());
  }
  if (!named.is_set())
    return root.error(Code::not_found, "is missing, and architectures is not of a model that has none", "model_type");
  MICA_TRY(get_string(root, "model_type", &type));
  for (const Family* family : kFamilies) {
    if (!contains(family->model_types, type)) continue;
    if (family->told_by != nullptr && !root.find(family->told_by).is_set()) continue;
    if (*out == nullptr || has_tower(root, *family)) *out = family;
    if (has_tower(root, *family)) break;
  }
  return *out != nullptr ? Status::ok() : not_run(named, type, all_types());
}

// A class without the head that names tokens, such as a classifier's, has the same model_type.
Status check_architecture(JsonValue root, const Family& family) {
  const JsonValue list = root.find("architectures");
  if (list.is_set() && !list.is_array()) return list.error(Code::corrupt_file, "must be a list of names");
  for (JsonValue value : list) {
    std::string_view word;
    if (!value.as_string(&word)) return value.error(Code::corrupt_file, "must be a name");
    if (!contains(family.architectures, word)) return not_run(value, word, family.architectures);
  }
  return Status::ok();
}

// ---- where its fields stand -----------------------------------------------------------------------------------------

class Scopes {
 public:
  Status find(JsonValue root, const Family& family, const char* name);
  // Where the layers of a decoder that have windows have a RoPE of their own: to the object of each kind of layer.
  Status part_ropes(const DecoderKind& decoder);
  Status fill_rope(const DecoderKind& decoder, const char* name);
  JsonValue operator[](ConfigScope scope) const { return values_[static_cast<size_t>(scope)]; }
  bool nested() const { return nested_; }

 private:
  JsonValue& at(ConfigScope scope) { return values_[static_cast<size_t>(scope)]; }
  static Status find_rope(JsonValue object, JsonValue* out);
  Status fill(ConfigScope scope, const char* json, const char* name);

  JsonValue values_[static_cast<size_t>(ConfigScope::count)];
  bool nested_ = false;  // text_config is there and read
  std::vector<Json> absent_;  // what stands for objects that the file has not
};

// An object, or absent.
Status find_object(JsonValue object, const char* key, JsonValue* out) {
  const JsonValue value = object.find(key);
  if (!value.is_set()) return Status::ok();
  if (!value.is_object()) return value.error(Code::corrupt_file, "must be an object");
  *out = value;
  return Status::ok();
}

// rope_scaling wins where both are there, as in transformers.
Status Scopes::find_rope(JsonValue object, JsonValue* out) {
  JsonValue scaling, parameters;
  MICA_TRY(find_object(object, "rope_scaling", &scaling));
  MICA_TRY(find_object(object, "rope_parameters", &parameters));
  *out = scaling.size() != 0 ? scaling : parameters;
  if (scaling.size() != 0 && parameters.size() != 0)
    log_message(LogLevel::warning, "%s",
                parameters.error(Code::unsupported, "stands beside rope_scaling, which is read instead").message());
  return Status::ok();
}

// Where the file has no such object, its class may have one.
Status Scopes::fill(ConfigScope scope, const char* json, const char* name) {
  if (json == nullptr || at(scope).is_object()) return Status::ok();
  Json filled;
  MICA_TRY(parse_json({reinterpret_cast<const uint8_t*>(json), std::strlen(json)}, name, &filled));
  absent_.push_back(std::move(filled));
  at(scope) = absent_.back().root();
  return Status::ok();
}

Status Scopes::fill_rope(const DecoderKind& decoder, const char* name) {
  return fill(ConfigScope::text_rope, decoder.rope_absent, name);
}

Status Scopes::find(JsonValue root, const Family& family, const char* name) {
  at(ConfigScope::root) = root;
  JsonValue text = root;
  if (family.text != TextPlace::root) {
    JsonValue config;
    MICA_TRY(find_object(root, family.text_name, &config));
    nested_ = config.is_object();
    if (nested_ || family.text == TextPlace::nested) text = config;
  }
  at(ConfigScope::text) = text;
  MICA_TRY(find_rope(text, &at(ConfigScope::text_rope)));
  if (!family.defaults().has_vision) return Status::ok();
  MICA_TRY(find_object(root, family.vision_name, &at(ConfigScope::vision)));
  MICA_TRY(fill(ConfigScope::vision, family.vision_absent, name));
  return find_rope(at(ConfigScope::vision), &at(ConfigScope::vision_rope));
}

Status Scopes::part_ropes(const DecoderKind& decoder) {
  const auto parts = [](const ConfigTable& table) { return table.scope == ConfigScope::text_window_rope; };
  const JsonValue parameters = at(ConfigScope::text).find("rope_parameters");
  if (std::none_of(decoder.config.begin(), decoder.config.end(), parts) || parameters.size() == 0) return Status::ok();
  if (at(ConfigScope::text).find("rope_scaling").size() != 0)
    return parameters.error(Code::unsupported, "stands beside rope_scaling, and both say how positions turn: keep one");
  for (JsonValue member : parameters)
    if (member.key() != "full_attention" && member.key() != "sliding_attention")
      return member.error(Code::unsupported, "stands beside full_attention and sliding_attention, which have a RoPE each "
                                             "in this kind of decoder: put it into them");
  at(ConfigScope::text_rope) = {};
  MICA_TRY(find_object(parameters, "full_attention", &at(ConfigScope::text_rope)));
  return find_object(parameters, "sliding_attention", &at(ConfigScope::text_window_rope));
}

// By the class that the object names; model_type, where it is said, must be that of it.
Status find_decoder_by_class(JsonValue text, const Family& family, const DecoderKind** out) {
  const JsonValue classes = text.find("architectures"), type = text.find("model_type");
  std::string_view class_name, type_name;
  if (!classes.at(0).as_string(&class_name))
    return text.error(Code::corrupt_file, "must be a list that begins with a class", "architectures");
  if (type.is_set() && !type.as_string(&type_name)) return type.error(Code::corrupt_file, "must be a word");
  std::vector<const char*> names;
  for (const DecoderKind* kind : family.decoders) {
    names.push_back(kind->class_name);
    if (class_name != kind->class_name) continue;
    *out = kind;
    if (!type.is_set() || type_name == kind->model_type) return Status::ok();
    return not_run(type, type_name, {&kind->model_type, 1});
  }
  return not_run(classes.at(0), class_name, names);
}

// The class of the decoder: text_config says it; a flat config is of the family's own.
Status find_decoder(const Scopes& scopes, const Family& family, const DecoderKind** out) {
  *out = family.decoders[0];
  if (!scopes.nested()) return Status::ok();
  if (family.text_class_tells && scopes[ConfigScope::text].find("architectures").is_set())
    return find_decoder_by_class(scopes[ConfigScope::text], family, out);
  const JsonValue named = scopes[ConfigScope::text].find("model_type");
  if (!named.is_set()) return Status::ok();
  std::string_view type;
  if (!named.as_string(&type)) return named.error(Code::corrupt_file, "must be a word");
  std::vector<const char*> names;
  for (const DecoderKind* kind : family.decoders) {
    names.push_back(kind->model_type);
    // transformers 4 wrote the family's name here.
    if (type != kind->model_type && !contains(family.model_types, type)) continue;
    *out = kind;
    return Status::ok();
  }
  return not_run(named, type, names);
}

Status check_tower(const Scopes& scopes, const Family& family) {
  const JsonValue named = scopes[ConfigScope::vision].find("model_type");
  std::string_view type;
  if (!named.is_set()) return Status::ok();
  if (!named.as_string(&type)) return named.error(Code::corrupt_file, "must be a word");
  if (contains(family.towers, type)) return Status::ok();
  std::vector<const char*> towers;
  for (const Family* other : kFamilies)
    if (std::ranges::equal(other->model_types, family.model_types, std::equal_to<std::string_view>()))
      towers.insert(towers.end(), other->towers.begin(), other->towers.end());
  return not_run(named, type, towers);
}

// ---- what its fields say --------------------------------------------------------------------------------------------

// Ids that end an answer: a number or a list under eos_token_id; -1 stands for none.
Status add_end_token(JsonValue value, ModelSpec* spec) {
  int32_t id = -1;
  MICA_TRY(get_i32(value, "", -1, limits::kVocabularyMax, &id));
  const auto end = spec->end_tokens + spec->end_token_count;
  if (id < 0 || std::find(spec->end_tokens, end, id) != end) return Status::ok();
  if (spec->end_token_count == limits::kEndTokensMax)
    return value.error(Code::limit_exceeded, "is one id more than mica keeps");
  spec->end_tokens[spec->end_token_count++] = id;
  return Status::ok();
}

Status add_end_tokens(JsonValue value, ModelSpec* spec) {
  if (!value.is_set()) return Status::ok();
  if (!value.is_array()) return add_end_token(value, spec);
  for (JsonValue id : value) MICA_TRY(add_end_token(id, spec));
  return Status::ok();
}

Status read_end_tokens(const Scopes& scopes, const DecoderKind& decoder, ModelSpec* spec) {
  JsonValue value = scopes[ConfigScope::text].find("eos_token_id");
  const JsonValue outer = scopes[ConfigScope::root].find("eos_token_id");
  if (!value.is_set() && !outer.is_absent()) value = outer;
  if (value.is_absent() && decoder.end_token >= 0) spec->end_tokens[spec->end_token_count++] = decoder.end_token;
  MICA_TRY(add_end_tokens(value, spec));
  // A list there is the ends of turns as well, where text_config has what its class says (Gemma 3 by transformers 5).
  return outer.is_array() ? add_end_tokens(outer, spec) : Status::ok();
}

// All tables that apply: the family's, then its decoder's.
std::vector<ConfigTable> tables_of(const Family& family, const DecoderKind& decoder) {
  std::vector<ConfigTable> tables(family.config.begin(), family.config.end());
  tables.insert(tables.end(), kDecoderConfig.begin(), kDecoderConfig.end());
  tables.insert(tables.end(), decoder.config.begin(), decoder.config.end());
  return tables;
}

// What a decoder reads itself of what all are asked for: decoders of other classes refuse it.
std::vector<std::span<const ConfigField>> known_beside(const ConfigTable& table, const DecoderKind& decoder) {
  std::vector<std::span<const ConfigField>> known;
  const bool common = std::any_of(kDecoderConfig.begin(), kDecoderConfig.end(), [&](const ConfigTable& one) {
    return one.fields.data() == table.fields.data();
  });
  for (const ConfigTable& own : decoder.config)
    if (common && own.scope == table.scope) known.push_back(own.fields);
  return known;
}

// Members that are read above, by name, in whatever scope they stand.
constexpr const char* kReadByName[] = {"model_type", "architectures", "eos_token_id", "rope_scaling",
                                       "rope_parameters"};

// Beside text_config, fields of the decoder are not read: transformers 4.52 and later write them in both places.
void warn_of_fields_beside(const Scopes& scopes, std::span<const ConfigTable> tables) {
  for (JsonValue member : scopes[ConfigScope::root]) {
    const auto is_member = [&](const ConfigField& field) { return names_member(field, member.key()); };
    const auto names = [&](ConfigScope scope) {
      return std::any_of(tables.begin(), tables.end(), [&](const ConfigTable& table) {
        return table.scope == scope && std::any_of(table.fields.begin(), table.fields.end(), is_member);
      });
    };
    if (!member.is_set() || names(ConfigScope::root) || !names(ConfigScope::text)) continue;
    if (scopes[ConfigScope::text].find(member.key()).is_absent())
      log_message(LogLevel::warning, "%s",
                  member.error(Code::unsupported, "stands beside text_config, where it is not read").message());
  }
}

void warn_of_unknown(const Scopes& scopes, const Family& family, std::span<const ConfigTable> tables) {
  std::vector<const char*> known(kFieldsWithoutEffect.begin(), kFieldsWithoutEffect.end());
  known.insert(known.end(), std::begin(kReadByName), std::end(kReadByName));
  if (family.text != TextPlace::root) known.push_back(family.text_name);
  if (family.defaults().has_vision) known.push_back(family.vision_name);
  const bool text_at_root = scopes[ConfigScope::text].same(scopes[ConfigScope::root]);
  for (size_t i = 0; i < static_cast<size_t>(ConfigScope::count); ++i) {
    const auto scope = static_cast<ConfigScope>(i);
    if (scope == ConfigScope::text && text_at_root) continue;
    std::vector<std::span<const ConfigField>> of_scope;
    for (const ConfigTable& table : tables) {
      // Of the text's at the root: they stand there, or warn_of_fields_beside has spoken of them.
      const bool here = table.scope == scope || (scope == ConfigScope::root && table.scope == ConfigScope::text &&
                                                 family.text != TextPlace::nested);
      if (here) of_scope.push_back(table.fields);
    }
    warn_of_unknown_fields(scopes[scope], of_scope, known);
  }
  if (scopes.nested() && family.text == TextPlace::nested_or_root) warn_of_fields_beside(scopes, tables);
}

Status read_config(Bytes text, const char* name, ModelSpec* out) {
  Json json;
  MICA_TRY(parse_json(text, name, &json));
  const Family* family = nullptr;
  const DecoderKind* decoder = nullptr;
  Scopes scopes;
  MICA_TRY(find_family(json.root(), &family));
  MICA_TRY(check_architecture(json.root(), *family));
  MICA_TRY(scopes.find(json.root(), *family, name));
  MICA_TRY(find_decoder(scopes, *family, &decoder));
  MICA_TRY(scopes.fill_rope(*decoder, name));
  MICA_TRY(scopes.part_ropes(*decoder));
  MICA_TRY(check_tower(scopes, *family));
  QuantizationConfig quantization;  // of weights, which read_quantized reads
  MICA_TRY(read_quantization_config(json.root(), &quantization));
  ModelSpec spec = family->defaults();
  spec.family = family;
  spec.decoder_kind = decoder;
  spec.decoder = decoder->defaults();
  const std::vector<ConfigTable> tables = tables_of(*family, *decoder);
  for (const ConfigTable& table : tables)
    MICA_TRY(read_fields(scopes[table.scope], table.fields, known_beside(table, *decoder), &spec));
  MICA_TRY(read_end_tokens(scopes, *decoder, &spec));
  warn_of_unknown(scopes, *family, tables);
  *out = spec;
  return Status::ok();
}

}  // namespace

namespace {

// Ids of the tokens around pictures, where a family has them by their texts.
Status find_frame(const TokenDocuments& documents, const char* name, ModelSpec* spec) {
  const auto& texts = spec->family->picture_frame;
  PictureFrame& frame = spec->picture_frame;
  int32_t* const ids[] = {&frame.begin, &frame.end, &frame.next_begin, &frame.next_end};
  for (size_t i = 0; i < std::min(texts.size(), std::size(ids)); ++i)
    MICA_TRY(find_added_token(documents, name, texts[i], ids[i]));
  if (!texts.empty() && spec->picture_token < 0) spec->picture_token = frame.begin;
  return Status::ok();
}

}  // namespace

Status read_model_spec(Bytes config, const PictureDocuments& pictures, const char* name, ModelSpec* out) {
  const std::string config_name = std::string(name) + "/config.json";
  ModelSpec spec;
  MICA_TRY(read_config(config, config_name.c_str(), &spec));
  if (spec.has_vision && spec.picture_token < 0 && spec.family->picture_token != nullptr)
    MICA_TRY(find_added_token(pictures.tokens, name, spec.family->picture_token, &spec.picture_token));
  MICA_TRY(find_frame(pictures.tokens, name, &spec));
  MICA_TRY(finish_spec(&spec, config_name.c_str()));
  if (spec.has_vision) MICA_TRY(read_picture_rule(pictures, name, &spec));
  *out = spec;
  return Status::ok();
}

Status read_model_spec(const Shape& shape, ModelSpec* out) {
  const auto bytes = [](const char* document) {
    return document ? Bytes(reinterpret_cast<const uint8_t*>(document), std::strlen(document)) : Bytes();
  };
  PictureDocuments documents = {bytes(shape.preprocessor), {}};
  documents.tokens.added_tokens = bytes(shape.added_tokens);
  return read_model_spec(bytes(shape.config), documents, shape.name, out);
}

Status read_model_spec(const ModelFiles& files, ModelSpec* out) {
  Bytes frames = files.document("video_preprocessor_config.json");
  if (frames.empty()) frames = files.document("video_processor/preprocessor_config.json");
  const PictureDocuments pictures = {files.document("preprocessor_config.json"),
                                     files.document("processor_config.json"),
                                     frames,
                                     {files.document("added_tokens.json"), files.document("tokenizer_config.json"),
                                      files.document("tokenizer.json")}};
  return read_model_spec(files.document("config.json"), pictures, files.path(), out);
}

}  // namespace mica
