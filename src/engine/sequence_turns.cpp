// Sequence: turns by a chat template that is run. What the template writes: templated_chat.hpp; turns in a format of
// mica's own: sequence_prompt.cpp.
#include <algorithm>

#include "chat.hpp"
#include "sequence.hpp"

namespace mica {
namespace {

// Of a conversation that was restored from a file, which keeps tokens and no text: a turn that stands for it.
Turn stand_in() { return {Role::user, {{Turn::Kind::text, "-"}}}; }

// Of what the family has on a side of every picture, the control tokens and what stands between them; text beside them
// the template writes itself.
std::span<const PicturePiece> between_controls(std::span<const PicturePiece> marks) {
  const auto is_text = [](const PicturePiece& mark) { return mark.kind == PicturePiece::Kind::text; };
  while (!marks.empty() && is_text(marks.front())) marks = marks.subspan(1);
  while (!marks.empty() && is_text(marks.back())) marks = marks.first(marks.size() - 1);
  return marks;
}

}  // namespace

// Forgets turns that were taken back since.
void Sequence::sync_turns() {
  turns_.resize(mark_.turns);
  rendered_.resize(mark_.rendered_end);
}

// The answer that is open becomes a turn: its text is what its tokens say.
Status Sequence::close_answer() {
  Turn answer{Role::assistant, {{}}};
  std::vector<int32_t> ids;
  for (size_t i = mark_.answer_first; mark_.answer_first > 0 && i < mark_.end; ++i) {
    // A vocabulary may have ids behind the tokenizer's.
    if (static_cast<size_t>(ids_[i]) < model_->tokenizer->size()) ids.push_back(ids_[i]);
  }
  MICA_TRY(model_->tokenizer->decode(ids, true, &answer.parts[0].text));
  turns_.push_back(std::move(answer));
  mark_.turns = mark_.turns_answered = static_cast<uint32_t>(turns_.size());
  mark_.rendered_from = mark_.rendered_end;
  mark_.answer_open = false;
  return Status::ok();
}

// What a template is given for a part of a message. `shown`: of a picture or a video; `before` goes on behind it.
Turn::Part Sequence::part_of_turn(const MessagePart& part, std::span<const Piece> shown, ShownCount* before) const {
  if (part.picture == nullptr) return {Turn::Kind::text, std::string(part.text)};
  const Shot& first = shown.front().shot;
  const PictureFacts facts = facts_of(first, *before);
  before->add(first);
  if (!part.is_frame) return {Turn::Kind::picture, {}};
  const Family& family = *model_->spec.family;
  if (family.video_in_template == nullptr) return {Turn::Kind::video, {}};
  const auto text_of = [&](std::span<const PicturePiece> marks) {
    std::string text;
    for (const PicturePiece& mark : marks)
      if (mark.of == PieceOf::video) text += piece_text(mark.text, facts);
    return text;
  };
  const PicturePieces around = pieces_of(family, first.shown);
  return {Turn::Kind::video,
          text_of(around.before) + model_->chat.templated->video_placeholder() + text_of(around.behind)};
}

Status Sequence::add_templated(Role role, std::span<const MessagePart> parts) {
  sync_turns();
  if (turns_.empty() && mark_.end > 0 && mark_.conversation) turns_.push_back(stand_in());
  if (mark_.answer_open) MICA_TRY(close_answer());
  Turn turn{role, {}};
  ShownCount before = mark_.shown;
  for (size_t i = 0; i < parts.size(); ++i) {
    std::vector<Piece> shown;
    MICA_TRY(pictures_at(parts, i, &shown));
    if (parts[i].picture != nullptr && shown.empty()) continue;  // one more frame of a video
    turn.parts.push_back(part_of_turn(parts[i], shown, &before));
  }
  turns_.push_back(std::move(turn));
  mark_.turns = static_cast<uint32_t>(turns_.size());
  // Many templates write a system turn within the user's, and refuse one that stands alone.
  return role == Role::system ? Status::ok() : write_rendering(false, parts);
}

Status Sequence::open_templated() {
  sync_turns();
  if (turns_.empty()) {  // restored: the user's turn was read
    turns_.push_back(stand_in());
    TemplatedChat::Text read;
    MICA_TRY(model_->chat.templated->render(turns_, 0, false, &read));
    rendered_ = std::move(read.text);
    mark_.turns = 1;
    mark_.rendered_end = rendered_.size();
  }
  MICA_TRY(write_rendering(true, {}));
  mark_.answer_open = true;
  mark_.answer_first = mark_.end;
  return Status::ok();
}

// Pushes what the template writes since what it wrote before. `parts`: those of the newest turn.
Status Sequence::write_rendering(bool opens, std::span<const MessagePart> parts) {
  TemplatedChat::Text whole;
  MICA_TRY(model_->chat.templated->render(turns_, mark_.turns_answered, opens, &whole));
  if (!opens) {
    // A template may end a text that no answer follows, with eos_token (Phi's do): that is not read before one follows.
    TemplatedChat::Text answered;
    MICA_TRY(model_->chat.templated->render(turns_, mark_.turns_answered, true, &answered));
    whole.text.resize(model_->chat.templated->shared_bytes(whole.text, answered.text));
  }
  const std::string_view before = std::string_view(rendered_).substr(mark_.rendered_from);
  if (!std::string_view(whole.text).starts_with(before)) {
    return Status::error(Code::unsupported,
                         "%s: it writes the turns before in another way once this one follows; clear the conversation, "
                         "or say both in one turn",
                         model_->chat.templated->place().c_str());
  }
  const TemplatedChat::Text more{whole.text.substr(before.size()), whole.breaker};
  std::vector<int32_t> ids;
  std::vector<Piece> pieces;
  MICA_TRY(model_->chat.templated->tokenize(*model_->tokenizer, more, before_end(), &ids));
  MICA_TRY(split_at_pictures(ids, parts, &pieces));
  MICA_TRY(push_pieces(pieces));
  rendered_ += more.text;
  mark_.rendered_end = rendered_.size();
  return Status::ok();
}

// A template writes a picture's or a video's place as one placeholder, with the marks around it or without.
Status Sequence::split_at_pictures(std::span<const int32_t> ids, std::span<const MessagePart> parts,
                                  std::vector<Piece>* pieces) {
  const std::vector<const char*> names = controls();
  const auto write = [&](std::span<const PicturePiece> marks, const PictureFacts& facts, std::vector<int32_t>* out) {
    TurnWriter writer(*model_->tokenizer, names, TextBefore::control_token, out);
    MICA_TRY(write_marks(between_controls(marks), facts, &writer));
    return writer.flush();
  };
  ShownCount before = mark_.shown;
  const bool alike = model_->spec.frames_stand_as_pictures();
  size_t next[2] = {0, 0};  // the part behind the newest picture, and behind the newest frame, that found its place
  const auto take = [&](bool frame, std::vector<Piece>* found) -> Status {
    found->clear();
    for (size_t& at = next[frame && !alike]; at < parts.size() && found->empty();)
      if (const size_t part = at++; parts[part].picture != nullptr && (alike || parts[part].is_frame == frame))
        MICA_TRY(pictures_at(parts, part, found));
    return Status::ok();
  };
  std::vector<int32_t> run;
  std::vector<Piece> shown;
  for (const int32_t id : ids) {
    const bool is_video = id >= 0 && id == model_->spec.video_token;
    if (!model_->spec.has_vision || (!is_video && id != model_->spec.picture_token)) {
      run.push_back(id);
      continue;
    }
    MICA_TRY(take(is_video, &shown));
    if (shown.empty()) return Status::error(Code::unsupported, "the chat template shows more pictures than there are");
    const Shot& first = shown.front().shot;
    const PicturePieces around = pieces_of(*model_->spec.family, first.shown);
    const PictureFacts facts = facts_of(first, before);
    before.add(first);
    std::vector<int32_t> opens, closes;
    MICA_TRY(write(around.before, facts, &opens));
    MICA_TRY(write(around.behind, facts, &closes));
    const bool has_marks = opens.empty() || (!run.empty() && run.back() == opens.back());
    if (!has_marks) run.insert(run.end(), opens.begin(), opens.end());
    shown.front().ids = std::move(run);
    std::move(shown.begin(), shown.end(), std::back_inserter(*pieces));
    run.clear();
    if (!has_marks) run.insert(run.end(), closes.begin(), closes.end());
  }
  pieces->push_back({.ids = std::move(run)});
  for (const bool frame : {false, true}) {
    MICA_TRY(take(frame, &shown));
    if (!shown.empty())
      return Status::error(Code::unsupported, "the chat template leaves out a %s", frame ? "video" : "picture");
  }
  return Status::ok();
}

}  // namespace mica
