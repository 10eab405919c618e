// Finding, choosing and rendering chat templates, see chat_templates.hpp.
#include "chat_templates.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>

#include "folder_names.hpp"
#include "limits.hpp"
#include "mapped_file.hpp"
#include "utf8.hpp"

namespace mica {
namespace {

constexpr const char* kOwnFile = "chat_template.jinja";
constexpr const char* kConfig = "tokenizer_config.json";
constexpr std::string_view kDefault = "default", kToolUse = "tool_use";

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
Bytes bytes_of(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

// "2024-07-26"
bool read_day(std::string_view text, std::tm* out) {
  int numbers[3] = {};
  for (int& number : numbers) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.starts_with('-')) text.remove_prefix(1);
  }
  using namespace std::chrono;
  const year_month_day date(year(numbers[0]), month(static_cast<unsigned>(numbers[1])),
                            day(static_cast<unsigned>(numbers[2])));
  if (!date.ok()) return false;
  *out = {};
  out->tm_year = numbers[0] - 1900;
  out->tm_mon = numbers[1] - 1;
  out->tm_mday = numbers[2];
  out->tm_wday = static_cast<int>(weekday(sys_days(date)).c_encoding());
  out->tm_yday = static_cast<int>((sys_days(date) - sys_days(date.year() / January / 1)).count());
  return true;
}

// A text, a list of {"name", "template"}, or an object of texts by name.
Status take_templates(JsonValue value, std::vector<TemplateSource>* out) {
  constexpr const char* kForms =
      "must be a text, a list of {\"name\", \"template\"} or an object of texts: without it the turns of a "
      "conversation cannot be written; fetch the file again";
  std::string_view text, name;
  const auto take = [&](std::string_view named) { out->push_back({std::string(named), std::string(text)}); };
  if (value.as_string(&text)) take(kDefault);
  else if (value.is_set() && !value.is_array() && !value.is_object()) return value.error(Code::corrupt_file, kForms);
  for (JsonValue entry : value) {
    if (value.is_object() && entry.as_string(&text)) take(entry.key());
    else if (get_string(entry, "name", &name) && get_string(entry, "template", &text)) take(name);
    else return value.error(Code::corrupt_file, kForms);
  }
  return Status::ok();
}

}  // namespace

Status read_template_sources(const ChatTemplates::Documents& documents, const std::string& folder, std::string* place,
                             std::vector<TemplateSource>* out) {
  *place = kOwnFile;
  const Bytes own = documents(kOwnFile);
  if (!own.empty()) out->push_back({std::string(kDefault), std::string(text_of(own))});
  for (const char* name : {"chat_template.json", kConfig}) {
    Json json;
    const Bytes text = documents(name);
    if (!out->empty() || text.empty()) continue;
    *place = name;
    MICA_TRY(parse_json(text, (folder + name).c_str(), &json));
    MICA_TRY(take_templates(json.root().find("chat_template"), out));
  }
  return Status::ok();
}

void ChatTemplates::add(std::string_view name, std::string_view source) {
  source = without_byte_order_mark(source);
  const std::string title = name == kDefault ? place_ : place_ + " (" + std::string(name) + ")";
  Named one{std::string(name), std::string(source), nullptr, Status::ok()};
  one.status = Template::read(source, title.c_str(), &one.parsed);
  const auto same = std::find_if(named_.begin(), named_.end(), [&](const Named& other) { return other.name == name; });
  if (same != named_.end()) *same = std::move(one);
  else named_.push_back(std::move(one));
}

// As text or as {"content": ...}; a token that is null, or not there, stays undefined.
Status ChatTemplates::read_tokens(const Documents& documents) {
  constexpr const char* kNames[] = {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token",
      "mask_token"};
  const Bytes config = documents(kConfig), map = documents("special_tokens_map.json");
  if (!config.empty()) MICA_TRY(parse_json(config, kConfig, &config_));
  // Older tokenizers have some in a file of their own, which newer ones make from the first.
  if (!map.empty()) MICA_TRY(parse_json(map, "special_tokens_map.json", &map_));
  const auto take = [&](std::string_view name, JsonValue value) {
    if (value.is_object()) value = value.find("content");
    if (value.is_string()) tokens_.push_back({std::string(name), value});
  };
  for (const char* name : kNames) {
    const JsonValue own = config_.root().find(name);
    take(name, own.is_absent() ? map_.root().find(name) : own);
  }
  const JsonValue extra = config_.root().find("extra_special_tokens");
  if (extra.is_object())
    for (JsonValue token : extra) take(token.key(), token);
  return Status::ok();
}

Status ChatTemplates::finish() {
  if (named_.empty()) return Status::error(Code::not_found, "there is no chat template");
  const Named* found = find(kDefault);
  default_ = found == nullptr ? 0 : static_cast<size_t>(found - named_.data());
  return parse_json(bytes_of(R"({"none": null, "no": false})"), "nothing", &nothing_);
}

Status ChatTemplates::read(const Documents& documents, std::unique_ptr<ChatTemplates>* out) {
  std::unique_ptr<ChatTemplates> made(new ChatTemplates);
  MICA_TRY(made->read_tokens(documents));
  std::vector<TemplateSource> sources;
  MICA_TRY(read_template_sources(documents, "", &made->place_, &sources));
  for (const TemplateSource& source : sources) made->add(source.name, source.text);
  MICA_TRY(made->finish());
  *out = std::move(made);
  return Status::ok();
}

Status ChatTemplates::of_source(std::string_view source, const char* title, const Documents& documents,
                                std::unique_ptr<ChatTemplates>* out) {
  std::unique_ptr<ChatTemplates> made(new ChatTemplates);
  MICA_TRY(made->read_tokens(documents));
  made->place_ = title;
  made->add(kDefault, source);
  MICA_TRY(made->finish());
  *out = std::move(made);
  return Status::ok();
}

Status ChatTemplates::read_folder(const char* folder, std::unique_ptr<ChatTemplates>* out) {
  const std::string base = std::string(folder) + "/", more = base + "additional_chat_templates";
  std::vector<std::unique_ptr<MappedFile>> files;
  Status fault;
  const auto read = [&](const std::string& path) -> Bytes {
    if (!file_exists(path.c_str())) return {};
    auto file = std::make_unique<MappedFile>();
    const Status status = MappedFile::map(path.c_str(), limits::kJsonBytesMax, file.get());
    if (!status && fault.is_ok()) fault = status;
    return files.emplace_back(std::move(file))->bytes();
  };
  if (!is_folder(folder)) return Status::error(Code::not_found, "%s is no folder", folder);
  const Status status = ChatTemplates::read([&](const char* name) { return read(base + name); }, out);
  MICA_TRY(fault);
  MICA_TRY(status.in(folder));
  constexpr std::string_view kEnd = ".jinja";
  for (const std::string& name : is_folder(more.c_str()) ? folder_names(more) : std::vector<std::string>()) {
    if (!name.ends_with(kEnd)) continue;
    const Bytes source = read(more + "/" + name);
    MICA_TRY(fault);
    (*out)->add(std::string_view(name).substr(0, name.size() - kEnd.size()), text_of(source));
  }
  return Status::ok();
}

const ChatTemplates::Named* ChatTemplates::find(std::string_view name) const {
  const auto found = std::find_if(named_.begin(), named_.end(), [&](const Named& one) { return one.name == name; });
  return found == named_.end() ? nullptr : &*found;
}

Status ChatTemplates::choose(JsonValue conversation, const Template** out) const {
  std::string_view name;
  const Named* chosen = nullptr;
  if (conversation.find("template").as_string(&name)) {
    chosen = find(name);
  } else {
    if (conversation.find("tools").is_set()) chosen = find(kToolUse);
    if (chosen == nullptr) chosen = find(kDefault);
    if (chosen == nullptr && named_.size() == 1) chosen = &named_[0];
  }
  if (chosen == nullptr) {
    return Status::error(Code::not_found, "%s: there is no template named %.*s", place_.c_str(),
                         static_cast<int>(std::min<size_t>(name.size(), 60)), name.data());
  }
  MICA_TRY(chosen->status);
  *out = chosen->parsed.get();
  return Status::ok();
}

Status ChatTemplates::render(JsonValue conversation, std::string* out) const {
  const Template* chosen = nullptr;
  MICA_TRY(choose(conversation, &chosen));
  const auto or_nothing = [&](const char* name, const char* otherwise) {
    const JsonValue value = conversation.find(name);
    return value.is_absent() ? nothing_.root().find(otherwise) : value;
  };
  std::vector<Template::Variable> variables = {
      {"messages", conversation.find("messages"), true},
      {"tools", or_nothing("tools", "none")},
      {"documents", nothing_.root().find("none")},
      {"add_generation_prompt", or_nothing("add_generation_prompt", "no")},
  };
  for (const Token& token : tokens_) variables.push_back({token.name, token.value});
  for (JsonValue variable : conversation.find("kwargs")) variables.push_back({variable.key(), variable});
  std::string_view day;
  std::tm now{};
  if (!conversation.find("date").as_string(&day)) {
    const std::time_t seconds = std::time(nullptr);
    localtime_r(&seconds, &now);
  } else if (!read_day(day, &now)) {
    return Status::error(Code::invalid_argument, "a date must be written as 2024-07-26");
  }
  return chosen->render(variables, now, out);
}

}  // namespace mica
