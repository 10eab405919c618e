// The context of a session: how many tokens a question with its pictures and an answer need, what memory allows, and
// what is said when that is not enough. Shared by run and chat.
#pragma once

#include <string>
#include <vector>

#include "files.hpp"

namespace app {

// Options by which only the model's rules bound a picture.
mica_session_options unbounded_options(const Model& model);
// What pictures take at least and at most in a session of these options; of a model that has pictures.
struct PictureBounds {
  uint32_t least = 0, most = 0;  // tokens
};
PictureBounds picture_bounds(const Model& model, const mica_session_options& settings);

// Tokens of a question as one turn: its pictures as large as the model's rules and the settings ask, its text, and an
// answer of `answer` tokens (0: one of usual length).
uint32_t tokens_needed(const Model& model, const mica_session_options& settings,
                       const std::vector<NamedPicture>& pictures, const std::string& text, uint32_t answer);

// The context of a session whose settings leave it to the library.
uint32_t default_context(const Model& model);

// The largest context up to `tokens` that the model was trained for and memory has room for; default_context at least.
uint32_t fitting_context(const Model& model, const mica_session_options& settings, uint32_t tokens);

// Sets what the settings leave open so that one question fits: the context, and the room for its largest picture.
void choose_context(const Model& model, const std::vector<NamedPicture>& pictures, const std::string& text,
                    uint32_t answer, mica_session_options* settings);

// Compares what weights and a session take with `available`, the memory that there was before the model was opened. A
// session that does not fit gets a smaller context, or, where its context was `asked` for, is refused with one that
// does; weights that do not fit beside it are warned of. Throws Failure.
void fit_memory(const Model& model, uint64_t available, bool asked, mica_session_options* settings);

// add_question, with notes about pictures that were made smaller (asked for: only if too small), and the context
// that would do where there is no room.
void add_fitting_question(const Model& model, const Session& session, const mica_session_options& settings,
                          uint32_t image_max_tokens, const std::vector<NamedPicture>& pictures,
                          const std::string& text);

// What helps where a context of `context` tokens is full: "a larger -c has room for more", or why none does.
std::string more_room(const Model& model, const mica_session_options& settings, uint32_t context);

// How a larger context would help after MICA_CONTEXT_FULL: "-c 15900 has room for it and takes 1.2 GB".
std::string larger_context(const Model& model, const Session& session, const mica_session_options& settings);

}  // namespace app
