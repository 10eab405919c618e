// A chat template that is run: from turns to the text that the session has not read yet. Not the language
// (jinja_template.hpp), and not the formats that mica writes itself (chat.hpp).
//
// What was read stays as it was read. A template may write an earlier answer in another way once a new turn stands
// behind it (Qwen3 leaves out what it thought), so the text behind the newest answer is found by a mark that stands for
// that answer; only what no answer lies between is compared.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model_files.hpp"
#include "status.hpp"
#include "tokenizer.hpp"

namespace mica {

class ChatTemplates;

enum class Role : uint8_t { system, user, assistant };

struct Turn {
  enum class Kind : uint8_t { text, picture, video };
  struct Part {
    Kind kind = Kind::text;
    std::string text;  // of a video what stands in its place then; empty: what the template shows
  };
  Role role = Role::user;
  std::vector<Part> parts;
};

class TemplatedChat {
 public:
  // What a template writes where a picture or a video is; empty: the model takes none. A picture's processor puts
  // `picture_written` in place of that, and of a video what its part says (Turn), in which `video_written` stands.
  struct Placeholders {
    std::string picture, video, picture_written, video_written;
  };
  // The template in `files`, or `source` where it is not null, tried with a turn of text (and a picture, where the
  // model takes one). Errors: why it cannot be run, with what it met.
  static Status load(const ModelFiles& files, const Tokenizer& tokenizer, Placeholders placeholders, const char* source,
                     std::shared_ptr<const TemplatedChat>* out);
  ~TemplatedChat();

  // Text in which `breaker` stands within each string of a control token that somebody wrote: who tokenizes it takes
  // the whole ones for control tokens, and then leaves the breaker out.
  struct Text {
    std::string text, breaker;
  };
  // What stands behind the answer `answered` - 1 of the turns (0: all), with what opens an answer if `opens`. Errors:
  // those of the template; unsupported when it does not show the answer, or makes a control token of what users wrote.
  Status render(const std::vector<Turn>& turns, size_t answered, bool opens, Text* out) const;

  // Appends the ids of a rendering behind `before`.
  Status tokenize(const Tokenizer& tokenizer, const Text& text, TextBefore before, std::vector<int32_t>* ids) const;

  // The bytes that two renderings begin with alike; no control token is cut.
  size_t shared_bytes(std::string_view a, std::string_view b) const;

  const std::string& video_placeholder() const { return places_.video_written; }
  // Where the template is from, and its bytes.
  const std::string& place() const;
  size_t bytes() const;
  // The control token that the template writes behind an answer; -1 when there is none.
  int32_t end_token() const { return end_token_; }

 private:
  TemplatedChat();
  Status try_out();
  std::string breaker_for(const std::vector<Turn>& turns) const;
  std::string broken(std::string_view text, std::string_view breaker) const;
  std::string veiled(std::string_view text, std::string_view veil) const;
  size_t count_controls(std::string_view text) const;
  // One rendering; `veils`: of turns whose users wrote no control token and no beginning of one.
  Status run(const std::vector<Turn>& turns, size_t answered, bool opens, const std::string& breaker, bool veils,
             std::string* text) const;
  void find_end_token(const Tokenizer& tokenizer);
  void try_video();

  std::unique_ptr<ChatTemplates> templates_;
  std::vector<std::string> controls_;  // strings that become control tokens, the longest first
  Placeholders places_;
  bool parts_ = false;                 // content is a list of parts, and no text
  bool video_is_text_ = false;         // in such a list, since the template shows no videos
  int32_t end_token_ = -1;
};

}  // namespace mica
