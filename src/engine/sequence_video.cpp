// Sequence: videos, whose frames are pictures that follow each other. Pictures by themselves: sequence_prompt.cpp.
#include <algorithm>

#include "family.hpp"
#include "sequence.hpp"
#include "steps.hpp"

namespace mica {

Status check_sight(const ModelSpec& spec, Shown shown) {
  if (!spec.has_vision)
    return Status::error(Code::unsupported, "this model (%s) reads text only; pictures need a vision-language model",
                         spec.family->name);
  if (shown == Shown::still || spec.video_token >= 0) return Status::ok();
  return Status::error(Code::unsupported, "this model (%s) takes pictures, but no videos%s", spec.family->name,
                       spec.family->frame.steps.empty() ? "; show it frames as pictures"
                                                        : ": its files do not say how, or say what mica does not run");
}

Status Sequence::add_video(std::span<const Picture* const> frames) {
  std::vector<Piece> pieces;
  for (const Picture* frame : frames) pieces.push_back({.ids = {}, .picture = frame, .shown = Shown::frame});
  if (pieces.empty()) return Status::error(Code::invalid_argument, "a video without a frame");
  pieces.back().shown = Shown::last_frame;
  return add_pieces(pieces);
}

// The video whose placeholders begin `ids`: frame after frame, until one as the last fills what is left. `length`: of
// the placeholders.
Status Sequence::push_video(std::span<const int32_t> ids, std::span<const Picture* const>* pictures, size_t* length) {
  const size_t whole = count_placeholders(ids, Shown::frame);
  const size_t frame = frame_tokens(model_->spec, Shown::frame), last = frame_tokens(model_->spec, Shown::last_frame);
  const size_t frames = whole < last ? 0 : 1 + (whole - last) / frame;
  if (frames == 0 || (frames - 1) * frame + last != whole)
    return Status::error(Code::invalid_argument,
                         "a video of %zu placeholders; a frame takes %zu, and its last one %zu", whole, frame, last);
  if (frames > pictures->size())
    return Status::error(Code::invalid_argument, "a video of %zu placeholders has %zu frames, but only %zu were given",
                         whole, frames, pictures->size());
  for (size_t i = 0; i < frames; ++i)
    MICA_TRY(push_picture(*(*pictures)[i], i + 1 == frames ? Shown::last_frame : Shown::frame, kNoBound));
  *pictures = pictures->subspan(frames);
  *length = whole;
  return Status::ok();
}

}  // namespace mica
