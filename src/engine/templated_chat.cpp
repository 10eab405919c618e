// Rendering turns by a chat template, see templated_chat.hpp.
#include "templated_chat.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "chat.hpp"
#include "chat_templates.hpp"
#include "json_build.hpp"
#include "utf8.hpp"

namespace mica {
namespace {

constexpr const char* kRoles[] = {"system", "user", "assistant"};
constexpr std::string_view kTried = "What is this?";
constexpr int kMarkBreakers = 3;  // more than stand in a row anywhere else

std::string repeated(std::string_view text, int times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
}

size_t first_character_bytes(std::string_view text) {
  size_t next = 0;
  utf8_next(text, &next);
  return next;
}

// Whether `text` from its start on is a control token, or may become one with what stands around it: the start of one
// at
// the end of a text.
bool starts_control(std::string_view text, std::string_view control) {
  return text.starts_with(control) || (text.size() > 1 && text.size() < control.size() && control.starts_with(text));
}

// Whether a text begins with the end of a control token, or is a part of one.
bool ends_control(std::string_view text, std::string_view control) {
  if (text.size() > 1 && text.size() < control.size() && control.find(text) != std::string_view::npos) return true;
  for (size_t bytes = std::min(text.size(), control.size() - 1); bytes > 1; --bytes)
    if (control.ends_with(text.substr(0, bytes))) return true;
  return false;
}

std::string without(std::string_view text, std::string_view breaker) {
  std::string out;
  for (size_t at = text.find(breaker); at != std::string_view::npos; at = text.find(breaker)) {
    out += text.substr(0, at);
    text.remove_prefix(at + breaker.size());
  }
  return out.append(text);
}

void put_in_place(std::string_view shown, std::string_view written, std::string* text) {
  for (size_t at = text->find(shown); at != std::string::npos; at = text->find(shown, at + written.size()))
    text->replace(at, shown.size(), written);
}

// Of each video in turn.
void put_videos_in_place(std::string_view shown, const std::vector<Turn>& turns, std::string* text) {
  size_t at = 0;
  for (const Turn& turn : turns)
    for (const Turn::Part& part : turn.parts) {
      if (part.kind != Turn::Kind::video || part.text.empty()) continue;
      at = text->find(shown, at);
      if (at == std::string::npos) return;
      text->replace(at, shown.size(), part.text);
      at += part.text.size();
    }
}

std::vector<std::string> control_strings(const Tokenizer& tokenizer) {
  std::vector<std::string> controls;
  for (int32_t id = 0; id < static_cast<int32_t>(tokenizer.size()); ++id) {
    std::string content;
    if (!tokenizer.is_special(id) || !tokenizer.decode({&id, 1}, false, &content)) continue;
    if (tokenizer.id_of(content) == id && first_character_bytes(content) < content.size()) {
      controls.push_back(std::move(content));
    }
  }
  std::stable_sort(controls.begin(), controls.end(),
                   [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  return controls;
}

}  // namespace

TemplatedChat::TemplatedChat() = default;
TemplatedChat::~TemplatedChat() = default;

const std::string& TemplatedChat::place() const { return templates_->place(); }
size_t TemplatedChat::bytes() const { return templates_->source().size(); }

Status TemplatedChat::load(const ModelFiles& files, const Tokenizer& tokenizer, Placeholders placeholders,
                           const char* source, std::shared_ptr<const TemplatedChat>* out) {
  std::shared_ptr<TemplatedChat> made(new TemplatedChat);
  const auto documents = [&](const char* name) { return files.document(name); };
  const std::string_view key = files.metadata("tokenizer.chat_template");
  if (source != nullptr) {
    MICA_TRY(ChatTemplates::of_source(source, "--chat-template", documents, &made->templates_));
  } else if (!key.empty() && files.kind() == ModelFiles::Kind::gguf) {
    MICA_TRY(ChatTemplates::of_source(key, "tokenizer.chat_template", documents, &made->templates_));
  } else {
    MICA_TRY(ChatTemplates::read(documents, &made->templates_));
  }
  MICA_TRY(made->templates_->status());
  made->controls_ = control_strings(tokenizer);
  made->places_ = std::move(placeholders);
  for (const std::string* text : {&made->places_.picture, &made->places_.video, &made->places_.video_written}) {
    std::vector<std::string>& controls = made->controls_;
    if (!text->empty() && std::find(controls.begin(), controls.end(), *text) == controls.end())
      controls.push_back(*text);
  }
  MICA_TRY(made->try_out());
  made->try_video();
  made->find_end_token(tokenizer);
  *out = std::move(made);
  return Status::ok();
}

// A turn with all that turns may have, as a list of parts and as a text: models with pictures have templates for lists,
// mostly, others for texts.
Status TemplatedChat::try_out() {
  Turn turn;
  const bool sees = !places_.picture.empty();
  if (sees) turn.parts.push_back({Turn::Kind::picture, {}});
  turn.parts.push_back({Turn::Kind::text, std::string(kTried)});
  Status first;
  for (const bool parts : {sees, !sees}) {
    parts_ = parts;
    Text text;
    Status status = render({turn}, 0, true, &text);
    const bool shows_text = text.text.find(kTried) != std::string::npos;
    const bool shows_picture = !sees || text.text.find(places_.picture_written) != std::string::npos;
    if (status && shows_text && shows_picture) return status;
    if (status) {
      status = Status::error(Code::unsupported, "%s: it does not show %s of a turn", templates_->place().c_str(),
                             shows_text ? "the picture" : "the text");
    }
    if (first.is_ok()) first = status;
  }
  return first;
}

// Whether the template knows videos; where it does not, what stands for one is written as a text.
void TemplatedChat::try_video() {
  if (!parts_ || places_.video.empty()) return;
  const Turn turn{Role::user, {{Turn::Kind::video, {}}, {Turn::Kind::text, std::string(kTried)}}};
  Text text;
  video_is_text_ = render({turn}, 0, true, &text) && text.text.find(places_.video) == std::string::npos;
}

// What follows an answer: mostly a control token, at once or behind white space.
void TemplatedChat::find_end_token(const Tokenizer& tokenizer) {
  const Turn question{Role::user, {{Turn::Kind::text, std::string(kTried)}}};
  const Turn answer{Role::assistant, {{Turn::Kind::text, "A"}}};
  Text behind;
  if (!render({question, answer}, 2, false, &behind)) return;
  const std::string_view text = trimmed(behind.text, true, false);
  const auto is_here = [&](const std::string& control) { return text.starts_with(control); };
  const auto found = std::find_if(controls_.begin(), controls_.end(), is_here);
  if (found != controls_.end()) end_token_ = tokenizer.id_of(*found);
}

// A printable sign that nobody wrote: Tai Xuan Jing symbols, which have no case and are no space.
std::string TemplatedChat::breaker_for(const std::vector<Turn>& turns) const {
  constexpr char32_t kFirst = 0x1D300, kLast = 0x1D356;
  std::string breaker;
  for (char32_t sign = kFirst; sign <= kLast; ++sign) {
    breaker.clear();
    utf8_append(sign, &breaker);
    bool stands = templates_->source().find(breaker) != std::string::npos;
    for (const Turn& turn : turns)
      for (const Turn::Part& part : turn.parts) stands |= part.text.find(breaker) != std::string::npos;
    if (!stands) return breaker;
  }
  return {};
}

std::string TemplatedChat::broken(std::string_view text, std::string_view breaker) const {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const size_t bytes = first_character_bytes(rest);
    out += rest.substr(0, bytes);
    const auto may_be = [&](const std::string& control) {
      return starts_control(rest, control) || (at == 0 && ends_control(rest, control));
    };
    if (std::any_of(controls_.begin(), controls_.end(), may_be)) out += breaker;
    at += bytes;
  }
  return out;
}

// What users wrote, without any character that a control token begins with.
std::string TemplatedChat::veiled(std::string_view text, std::string_view veil) const {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const std::string_view character = text.substr(at, first_character_bytes(text.substr(at)));
    const bool begins = std::any_of(controls_.begin(), controls_.end(), [&](const std::string& control) {
      return std::string_view(control).starts_with(character);
    });
    out += begins ? veil : character;
    at += character.size();
  }
  return out;
}

size_t TemplatedChat::count_controls(std::string_view text) const {
  size_t count = 0;
  std::string_view found;
  for (;;) {
    const size_t at = first_control(text, controls_, &found);
    if (found.empty()) return count;
    text.remove_prefix(at + found.size());
    ++count;
  }
}

Status TemplatedChat::run(const std::vector<Turn>& turns, size_t answered, bool opens, const std::string& breaker,
                          bool veils, std::string* text) const {
  const std::string mark = repeated(breaker, kMarkBreakers);
  JsonBuild messages = JsonBuild::array();
  for (size_t i = 0; i < turns.size(); ++i) {
    JsonBuild parts = JsonBuild::array();
    std::string content;
    const bool hides = veils && turns[i].role != Role::assistant;
    for (const Turn::Part& part : turns[i].parts) {
      const bool is_text = part.kind == Turn::Kind::text, is_video = part.kind == Turn::Kind::video;
      const std::string said = i + 1 == answered ? mark
                               : hides           ? veiled(part.text, breaker)
                                                 : broken(part.text, breaker);
      if (is_text) parts.push_back({{"type", "text"}, {"text", said}});
      else if (is_video && video_is_text_) parts.push_back({{"type", "text"}, {"text", places_.video}});
      else parts.push_back({{"type", is_video ? "video" : "image"}});
      content += is_text ? said : (is_video ? places_.video : places_.picture) + "\n";
    }
    messages.push_back({{"role", kRoles[static_cast<size_t>(turns[i].role)]},
                        {"content", parts_ ? parts : JsonBuild(content)}});
  }
  JsonBuild conversation{{"messages", messages}, {"add_generation_prompt", opens}};
  const std::string source = conversation.dump();
  Json json;
  MICA_TRY(parse_json({reinterpret_cast<const uint8_t*>(source.data()), source.size()}, "the conversation", &json));
  MICA_TRY(templates_->render(json.root(), text));
  if (places_.picture != places_.picture_written) put_in_place(places_.picture, places_.picture_written, text);
  put_videos_in_place(places_.video, turns, text);
  if (answered == 0) return Status::ok();
  const size_t at = text->rfind(mark);
  if (at == std::string::npos) {
    return Status::error(Code::unsupported, "%s: it leaves out an answer once a turn follows", place().c_str());
  }
  text->erase(0, at + mark.size());
  return Status::ok();
}

Status TemplatedChat::render(const std::vector<Turn>& turns, size_t answered, bool opens, Text* out) const {
  const std::string breaker = breaker_for(turns);
  if (breaker.empty()) return Status::error(Code::unsupported,
                                            "the turns have all signs that mica sets apart texts with");
  bool may_be_written = false;
  for (const Turn& turn : turns)
    for (const Turn::Part& part : turn.parts) {
      if (part.kind != Turn::Kind::text) continue;
      MICA_TRY(check_utf8(part.text));
      may_be_written |= turn.role != Role::assistant && veiled(part.text, breaker) != part.text;
    }
  std::string text, without_written;
  MICA_TRY(run(turns, answered, opens, breaker, false, &text));
  // A template that takes something out of a text may join what is left to a control token; the same conversation
  // without any beginning of one shows it.
  if (may_be_written) {
    MICA_TRY(run(turns, answered, opens, breaker, true, &without_written));
    if (count_controls(text) > count_controls(without_written))
      return Status::error(Code::unsupported,
                           "%s: it makes a control token of what was written in a turn; say it in other words",
                           place().c_str());
  }
  *out = {std::move(text), breaker};
  return Status::ok();
}

size_t TemplatedChat::shared_bytes(std::string_view a, std::string_view b) const {
  size_t shared = 0;
  while (shared < a.size() && shared < b.size() && a[shared] == b[shared]) ++shared;
  size_t whole = shared;  // no control token and no character is cut
  for (const std::string_view text : {a, b})
    for (const std::string& control : controls_)
      for (size_t at = shared - std::min(shared, control.size() - 1); at < shared; ++at)
        if (text.substr(at).starts_with(control)) whole = std::min(whole, at);
  while (whole > 0 && whole < a.size() && (static_cast<uint8_t>(a[whole]) & 0xc0) == 0x80) --whole;
  return whole;
}

Status TemplatedChat::tokenize(const Tokenizer& tokenizer, const Text& text, TextBefore before,
                               std::vector<int32_t>* ids) const {
  // Mostly nobody wrote a control token: then the tokenizer finds those of the template itself.
  if (text.text.find(text.breaker) == std::string::npos) return tokenizer.encode(text.text, true, before, ids);
  std::vector<const char*> none;
  TurnWriter writer(tokenizer, none, before, ids);
  std::string_view rest = text.text;
  while (!rest.empty()) {
    std::string_view found;
    const size_t first = first_control(rest, controls_, &found);
    MICA_TRY(writer.plain_text(without(rest.substr(0, first), text.breaker)));
    if (!found.empty()) MICA_TRY(writer.token(tokenizer.id_of(found)));
    rest.remove_prefix(first + found.size());
  }
  return writer.flush();
}

}  // namespace mica
