// LineEditor on libedit: keys come through PromptSignals, lines go to a history file.
#include "line_editor.hpp"

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <filesystem>
#include <string_view>

#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handles.hpp"
#include "path_completion.hpp"
#include "prompt_signals.hpp"

namespace app {
namespace {

constexpr int kHistoryLinesMax = 1000;
constexpr size_t kHistoryLineBytesMax = 4096;         // a longer one was pasted, and nobody goes back to it
constexpr uintmax_t kHistoryFileBytesMax = 20 << 20;  // a thousand such lines, as libedit escapes them; not ours beyond

// Where the XDG base directory specification puts what a program remembers; empty when there is no such place.
std::string history_path() {
  namespace fs = std::filesystem;
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  fs::path folder;
  if (state != nullptr && state[0] == '/') folder = state;
  else if (home != nullptr && home[0] == '/') folder = fs::path(home) / ".local" / "state";
  else return "";
  std::error_code failed;
  fs::create_directories(folder, failed);
  folder /= "mica";
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return "";
  return folder / "history";
}

class EditedLines : public LineEditor {
 public:
  EditedLines(const std::string& prompt, std::vector<std::string> words)
      : prompt_(prompt), words_(std::move(words)), history_path_(history_path()) {}
  ~EditedLines() override {
    if (editor_ != nullptr) el_end(editor_);
    if (history_ != nullptr) history_end(history_);
  }
  EditedLines(const EditedLines&) = delete;
  EditedLines& operator=(const EditedLines&) = delete;

  bool open();
  LineInput::Result read(std::string& line) override;

 private:
  static EditedLines& of(EditLine* editor);
  static char* prompt(EditLine* editor) { return of(editor).prompt_.data(); }
  static int next_character(EditLine* editor, wchar_t* character);
  static unsigned char complete(EditLine* editor, int key);
  void remember(const char* line);

  std::string prompt_;
  std::vector<std::string> words_;
  std::string history_path_;
  EditLine* editor_ = nullptr;
  History* history_ = nullptr;
  const PromptSignals* signals_ = nullptr;  // while a line is read
  bool left_ = false;
};

EditedLines& EditedLines::of(EditLine* editor) {
  void* self = nullptr;
  el_get(editor, EL_CLIENTDATA, &self);
  return *static_cast<EditedLines*>(self);
}

bool EditedLines::open() {
  // Text is UTF-8 here, whatever the environment says; the other parts of the locale stay those of C.
  if (std::setlocale(LC_CTYPE, "C.UTF-8") == nullptr) return false;
  editor_ = el_init("mica", stdin, stdout, stderr);
  history_ = history_init();
  if (editor_ == nullptr || history_ == nullptr) return false;
  HistEvent event;
  history(history_, &event, H_SETSIZE, kHistoryLinesMax);
  history(history_, &event, H_SETUNIQUE, 1);
  std::error_code absent;
  const uintmax_t bytes = std::filesystem::file_size(history_path_, absent);
  if (!absent && bytes <= kHistoryFileBytesMax) history(history_, &event, H_LOAD, history_path_.c_str());
  el_set(editor_, EL_CLIENTDATA, this);
  el_set(editor_, EL_PROMPT, prompt);
  el_set(editor_, EL_EDITOR, "emacs");
  el_set(editor_, EL_HIST, history, history_);
  el_set(editor_, EL_GETCFN, next_character);
  el_set(editor_, EL_ADDFN, "mica-complete", "completes commands and paths", complete);
  el_set(editor_, EL_BIND, "^I", "mica-complete", nullptr);
  el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_source(editor_, nullptr);  // ~/.editrc, for those who want vi's keys
  return true;
}

int EditedLines::next_character(EditLine* editor, wchar_t* character) {
  EditedLines& self = of(editor);
  std::mbstate_t state{};
  for (;;) {
    switch (self.signals_->wait()) {
      case PromptSignals::Event::kLeave: self.left_ = true; return 0;
      case PromptSignals::Event::kResized: el_resize(editor); continue;
      case PromptSignals::Event::kContinued:  // the shell has set the terminal its way
        el_set(editor, EL_PREP_TERM, 0);  // else libedit believes that it still is as it left it
        el_set(editor, EL_PREP_TERM, 1);
        el_set(editor, EL_REFRESH);
        continue;
      case PromptSignals::Event::kInput: break;
    }
    char byte = 0;
    const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
    if (count <= 0) return static_cast<int>(count);
    // What Ctrl-D leaves when it is typed before the prompt, while the terminal still makes lines.
    constexpr char kEndOfInput = 'D' - '@';
    if (byte == 0) byte = kEndOfInput;
    const size_t length = std::mbrtowc(character, &byte, 1, &state);
    if (length == static_cast<size_t>(-1)) state = {};  // no UTF-8: left out
    else if (length != static_cast<size_t>(-2)) return 1;
  }
}

unsigned char EditedLines::complete(EditLine* editor, int key) {
  const LineInfo* line = el_line(editor);
  const std::string typed(line->buffer, line->cursor);
  std::vector<std::string> fitting;
  for (const std::string& word : of(editor).words_) {
    if (!typed.empty() && word.rfind(typed, 0) == 0) fitting.push_back(word);
  }
  if (fitting.empty()) {
    const std::string added = path_completion(typed);
    if (added.empty()) return _el_fn_complete(editor, key);  // which lists what there is
    return el_insertstr(editor, added.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  }
  std::string common = fitting.front();
  for (const std::string& word : fitting) {
    const auto ends = std::mismatch(common.begin(), common.end(), word.begin(), word.end());
    common.erase(ends.first, common.end());
  }
  if (fitting.size() == 1) common += ' ';
  if (common.size() == typed.size()) return CC_REFRESH_BEEP;
  return el_insertstr(editor, common.c_str() + typed.size()) == 0 ? CC_REFRESH : CC_ERROR;
}

void EditedLines::remember(const char* line) {
  HistEvent event;
  if (std::strlen(line) > kHistoryLineBytesMax || std::strspn(line, " \t\r\n") == std::strlen(line)) return;
  history(history_, &event, H_ENTER, line);
  if (history_path_.empty()) return;
  // libedit makes the file readable by its owner alone. A whole one takes the place of the old one at once.
  const std::string written = history_path_ + ".new";
  if (history(history_, &event, H_SAVE, written.c_str()) >= 0) std::rename(written.c_str(), history_path_.c_str());
}

LineInput::Result EditedLines::read(std::string& line) {
  const PromptSignals signals;
  signals_ = &signals;
  left_ = false;
  el_resize(editor_);  // the window may have changed during the answer
  int count = 0;
  errno = 0;
  const char* text = el_gets(editor_, &count);
  signals_ = nullptr;
  if (left_) return LineInput::Result::kInterrupted;
  if (text == nullptr && count < 0) {
    throw Failure(std::string("standard input: ") + std::strerror(errno), MICA_IO_ERROR);
  }
  if (text == nullptr || count == 0) return LineInput::Result::kEnd;
  remember(text);
  line = text;
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return LineInput::Result::kLine;
}

}  // namespace

std::unique_ptr<LineEditor> LineEditor::open(const std::string& prompt, std::vector<std::string> words) {
  const char* terminal = std::getenv("TERM");
  if (terminal == nullptr || *terminal == '\0' || std::strcmp(terminal, "dumb") == 0) return nullptr;
  auto lines = std::make_unique<EditedLines>(prompt, std::move(words));
  if (!lines->open()) return nullptr;
  return lines;
}

}  // namespace app
