// Asking a session: a message with its pictures in, an answer out, and the line of timings afterwards.
// Shared by run, chat, eval and check; knows no options.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "files.hpp"

namespace app {

// Tokens that the picture takes in a prompt; of a frame, as if it were the last. Throws Failure.
uint32_t picture_tokens(const Model& model, const NamedPicture& picture);

// Tokens that the picture takes in this session: as it was added, while it waits to be computed. Throws Failure.
uint32_t session_tokens(const Session& session, const NamedPicture& picture);

// Creates a session that allocates its own memory. Throws Failure.
Session create_session(const Model& model, const mica_session_options& options);

// Tokens of the picture that takes most of them, beside frames: what a session must be made for. 0 without pictures.
uint32_t largest_picture(const Model& model, const std::vector<NamedPicture>& pictures);

// Adds a system turn. Throws Failure, also when the model has no chat format.
// Encoded pictures that the session keeps for the turns to come, and uses; they must outlive it.
Pictures keep_pictures(const Model& model, const Session& session);

// Texts that end every answer of the session; where there are none, those that the model asks for stay.
void set_stops(const Session& session, const std::vector<std::string>& stops);

// Answers of the session keep this JSON schema; empty: none. Throws Failure.
void set_schema(const Session& session, const std::string& schema);

void add_system(const Model& model, const Session& session, const std::string& text);

// Adds a user's turn: the pictures, the frames of videos, then the text. A model without a chat format gets them as
// they are. Throws Failure.
void add_question(const Model& model, const Session& session, const std::vector<NamedPicture>& pictures,
                  const std::string& text);

// What the assistant said to it, as if the model had; a text like any other without a chat format. Throws Failure.
void add_answer(const Model& model, const Session& session, const std::string& text);

// Computes what was added, with a progress bar. Throws Failure; MICA_CANCELLED when the session was cancelled.
void prefill(const Session& session);

// Answers; `print` receives each piece of text and the token that completed it, as a mica_text_callback does. Computes
// what prefill has not. Throws as prefill does.
mica_generation generate(const Session& session, const mica_sampling& sampling,
                         const std::function<void(std::string_view, int32_t)>& print);

// For generate: each piece to standard output at once, on a terminal without control characters.
void print_piece(std::string_view text, int32_t token);

// "image 35 ms | prefill 412 tokens/s | ...": stats, peak memory and KV bytes in one line.
std::string timings(const Session& session);

}  // namespace app
