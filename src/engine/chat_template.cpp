// Chat template: where it stands, and what is compared of it. See chat_template.hpp.
#include "chat_template.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "chat_templates.hpp"
#include "crc32c.hpp"
#include "limits.hpp"
#include "utf8.hpp"

namespace mica {
namespace {

// Of several named ones "default", or the only one.
Status template_text(const ModelFiles& files, std::string* out) {
  std::string place;
  std::vector<TemplateSource> sources;
  MICA_TRY(read_template_sources([&](const char* name) { return files.document(name); },
                                 std::string(files.path()) + "/", &place, &sources));
  for (TemplateSource& source : sources)
    if (source.name == "default" || sources.size() == 1) *out = std::move(source.text);
  if (out->empty()) *out = files.metadata("tokenizer.chat_template");
  return Status::ok();
}

void replace_all(std::string* text, std::string_view from, std::string_view to) {
  std::string replaced;
  size_t begin = 0;
  for (size_t at = text->find(from); at != std::string::npos; at = text->find(from, begin)) {
    replaced.append(*text, begin, at - begin).append(to);
    begin = at + from.size();
  }
  *text = replaced.append(*text, begin);
}

// What stands between the marks and is plain text: neither an end of a literal nor a tag.
std::string default_system_in(std::string_view text) {
  constexpr std::string_view kBefore = "<|im_start|>system\n", kAfter = "<|im_end|>";
  constexpr auto kNone = std::string_view::npos;
  for (size_t at = text.find(kBefore); at != kNone; at = text.find(kBefore, at + 1)) {
    const std::string_view rest = text.substr(at + kBefore.size(), limits::kSystemTurnBytesMax + kAfter.size());
    const size_t end = rest.find(kAfter);
    const std::string_view found = rest.substr(0, end == kNone ? 0 : end);
    const bool plain =
        found.find_first_of("'\"") == kNone && found.find("{{") == kNone && found.find("{%") == kNone;
    if (plain && !found.empty()) return std::string(found);
  }
  return {};
}

// Whether `place` stands within {{ }} or {% %}, where a backslash is written twice.
bool in_tag(const std::string& text, size_t place) {
  const auto last = [&](const char* mark) {
    const size_t at = text.rfind(mark, place);
    return at == std::string::npos ? -1 : static_cast<ptrdiff_t>(at);
  };
  return std::max(last("{{"), last("{%")) > std::max(last("}}"), last("%}"));
}

// Fills in what stands beside the text.
void compare(ChatTemplate* out) {
  // A line end within a literal is written as itself or as \n: one as good as the other.
  std::string compared = out->text;
  replace_all(&compared, "\r\n", "\n");
  replace_all(&compared, "\\n", "\n");
  compared.resize(compared.find_last_not_of(" \n") + 1);
  const std::string system = default_system_in(compared);
  if (!system.empty()) {
    out->default_system = system;
    if (in_tag(compared, compared.find(system))) replace_all(&out->default_system, "\\\\", "\\");
    replace_all(&compared, system, std::string_view("\0", 1));
  }
  out->digest = crc32c(0, {reinterpret_cast<const uint8_t*>(compared.data()), compared.size()});
  out->digest_bytes = compared.size();
}

}  // namespace

Status read_chat_template(const ModelFiles& files, ChatTemplate* result) {
  ChatTemplate out;
  std::string written;
  MICA_TRY(template_text(files, &written));
  out.text = without_byte_order_mark(written);
  if (!out.text.empty() && out.text.size() <= limits::kChatTemplateBytesMax) compare(&out);
  *result = std::move(out);
  return Status::ok();
}

const KnownTemplate* find_known_template(const ChatTemplate& chat_template) {
  const auto same = [&](const KnownTemplate& known) {
    return known.digest == chat_template.digest && known.bytes == chat_template.digest_bytes;
  };
  const auto place = std::find_if(kKnownTemplates.begin(), kKnownTemplates.end(), same);
  return place != kKnownTemplates.end() ? &*place : nullptr;
}

}  // namespace mica
