// WeightTags: names with their numbers left out, so that a model of a hundred layers takes a line and not a hundred.
#include "weight_tags.hpp"

#include <algorithm>
#include <array>

#include "json.hpp"
#include "json_build.hpp"
#include "static_format.hpp"

namespace mica {
namespace {

// The tag of a format, in a file.
const char* tag_of(WeightFormat format) {
  return format == WeightFormat::floats ? static_format::kFloatsTag : facts_of(format).tag;
}

// "model.layers.*.mlp.up_proj": with '*' for each part of the name that is a number.
std::string pattern_of(std::string_view name) {
  std::string pattern;
  while (true) {
    const std::string_view part = name.substr(0, name.find('.'));
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    pattern += number ? std::string_view("*") : part;
    if (part.size() == name.size()) return pattern;
    pattern += '.';
    name.remove_prefix(part.size() + 1);
  }
}

}  // namespace

Status WeightTags::read(const ModelFiles& files) {
  path_ = files.path();
  const std::string_view text = files.metadata(static_format::kFormatsKey);
  tagged_ = files.kind() == ModelFiles::Kind::packed && !text.empty();
  if (!tagged_) return Status::ok();
  Json json;
  const std::string name = path_ + ": " + static_format::kFormatsKey;
  MICA_TRY(parse_json({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, name.c_str(), &json));
  if (!json.root().is_object()) return json.root().error(Code::corrupt_file, "must be an object of tags");
  for (const JsonValue tag : json.root()) {
    if (!tag.is_array()) return tag.error(Code::corrupt_file, "must be an array of names");
    for (const JsonValue member : tag) {
      std::string_view matrix;
      if (!member.as_string(&matrix)) return member.error(Code::corrupt_file, "must be the name of a matrix");
      if (!tags_.emplace(matrix, tag.key()).second)
        return member.error(Code::corrupt_file, "is a name that has a tag already");
    }
  }
  return Status::ok();
}

const std::string* WeightTags::find(std::string_view name) const {
  auto found = tags_.find(name);
  if (found == tags_.end()) found = tags_.find(pattern_of(name));
  return found != tags_.end() ? &found->second : nullptr;
}

bool WeightTags::are_floats(std::string_view name) const {
  const std::string* tag = find(name);
  return tag != nullptr && *tag == static_format::kFloatsTag;
}

Status WeightTags::format_of(std::string_view name, DType dtype, WeightFormat* out) const {
  const int width = static_cast<int>(name.size());
  if (!tagged_) {
    *out = dtype == DType::u8 ? WeightFormat::u4 : WeightFormat::s8;
    return Status::ok();
  }
  const std::string* found = find(name);
  if (found == nullptr)
    return Status::error(Code::corrupt_file, "%s: \"%s\" has no tag for \"%.*s.weight\": quantize the model again",
                         path_.c_str(), static_format::kFormatsKey, width, name.data());
  const std::string& tag = *found;
  if (tag == static_format::kFloatsTag)
    return Status::error(Code::corrupt_file, "%s: tensor \"%.*s.weight\" is stored as %s, but tagged as floats",
                         path_.c_str(), width, name.data(), dtype_layout(dtype).name);
  if (tag.empty() || !weight_format_of(tag, &WeightFormatFacts::tag, out))
    return Status::error(Code::unsupported,
                         "%s: tensor \"%.*s.weight\" has weights of format \"%s\", which this mica does not know: "
                         "update mica",
                         path_.c_str(), width, name.data(), tag.c_str());
  if (facts_of(*out).dtype == dtype) return Status::ok();
  return Status::error(
      Code::corrupt_file, "%s: tensor \"%.*s.weight\" is stored as %s, weights of format \"%s\" are %s", path_.c_str(),
      width, name.data(), dtype_layout(dtype).name, tag.c_str(), dtype_layout(facts_of(*out).dtype).name);
}

// A pattern has the format of most of its names; the others are named.
std::string WeightTags::json() const {
  std::map<std::string, std::array<size_t, std::size(kWeightFormats)>> counts;
  for (const auto& [name, format] : formats_) ++counts[pattern_of(name)][static_cast<size_t>(format)];
  std::array<std::vector<std::string>, std::size(kWeightFormats)> names;
  for (const auto& [pattern, count] : counts)
    names[static_cast<size_t>(std::max_element(count.begin(), count.end()) - count.begin())].push_back(pattern);
  for (const auto& [name, format] : formats_) {
    const auto& count = counts[pattern_of(name)];
    const auto most = static_cast<size_t>(std::max_element(count.begin(), count.end()) - count.begin());
    if (most != static_cast<size_t>(format)) names[static_cast<size_t>(format)].push_back(name);
  }
  JsonBuild tags = JsonBuild::object();
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) continue;
    JsonBuild list = JsonBuild::array();
    for (const std::string& name : names[i]) list.push_back(name);
    tags[tag_of(static_cast<WeightFormat>(i))] = list;
  }
  return tags.dump();
}

}  // namespace mica
