// Sequence: prompts that are given as ids, with the pictures whose placeholders stand among them. Videos among them:
// sequence_video.cpp.
#include <algorithm>

#include "picture_prompt.hpp"
#include "sequence.hpp"

namespace mica {

// The plan of a picture whose placeholders begin `ids`: the ids were made for the picture as it is, or for what this
// session makes of it. `length` of them are the picture's, none where they are for neither.
Status Sequence::plan_for(std::span<const int32_t> ids, const Shot& shot, size_t room, PendingPicture* planned,
                          PicturePrompt* prompt, size_t* length) const {
  const PictureFrame& frame = model_->spec.picture_frame;
  *length = 0;
  for (const size_t tokens_max : {kNoBound, room}) {
    PicturePrompt written;
    MICA_TRY(plan_within(shot, tokens_max, planned));
    MICA_TRY(write_picture(*model_, planned->plan, facts_of(shot, mark_.shown), &written));
    const bool found = frame.begin >= 0
                           ? find_framed_picture(ids, frame, written, prompt, length)
                           : find_picture(ids, model_->spec.picture_token, written, prompt, length);
    if (found) break;
  }
  return Status::ok();
}

// At the start of `ids`.
size_t Sequence::count_placeholders(std::span<const int32_t> ids, Shown shown) const {
  const auto is_other = [&](int32_t id) { return id != model_->spec.placeholder_of(shown); };
  return static_cast<size_t>(std::find_if(ids.begin(), ids.end(), is_other) - ids.begin());
}

// Whether a picture's placeholders begin at a place.
bool Sequence::begins_picture(std::span<const int32_t> ids, size_t at) const {
  const PictureFrame& frame = model_->spec.picture_frame;
  if (!model_->spec.has_vision) return false;
  if (frame.begin < 0) return ids[at] == model_->spec.picture_token;
  if (!frame.in_rows) return at > 0 && ids[at - 1] == frame.begin;
  return ids[at] == frame.begin && at + 1 < ids.size() && ids[at + 1] == model_->spec.picture_token;
}

Status Sequence::add_tokens(std::span<const int32_t> ids, std::span<const Picture* const> pictures) {
  return all_or_nothing([&]() -> Status {
    const ModelSpec& spec = model_->spec;
    std::span<const Picture* const> left = pictures;
    bool within_video = false;  // of those whose frames stand as pictures do
    for (size_t i = 0; i < ids.size();) {
      const bool begins = spec.video_begin >= 0 && ids[i] == spec.video_begin;
      within_video = begins || (within_video && ids[i] != spec.video_end);
      const bool is_picture = begins_picture(ids, i);
      const bool is_video = spec.video_token >= 0 && ids[i] == spec.placeholder_of(Shown::frame) &&
                            (spec.video_begin < 0 || within_video) && !spec.frames_stand_as_pictures();
      if (!is_picture && !is_video) {
        MICA_TRY(push_token(ids[i++]));
        continue;
      }
      if (left.empty())
        return Status::error(Code::invalid_argument,
                             "id %zu is a picture's placeholder, but only %zu pictures were given", i, pictures.size());
      size_t length = 0;
      if (is_video) MICA_TRY(push_video(ids.subspan(i), &left, &length));
      else MICA_TRY(push_run(ids.subspan(i), &left, &length));
      i += length;
    }
    if (!left.empty())
      return Status::error(Code::invalid_argument, "%zu pictures were given, but placeholders for %zu", pictures.size(),
                           pictures.size() - left.size());
    return Status::ok();
  });
}

// The picture whose placeholders begin `ids`; `length`: of its own. Where nothing else tells, a picture with a time is a
// video's frame.
Status Sequence::push_run(std::span<const int32_t> ids, std::span<const Picture* const>* pictures, size_t* length) {
  const size_t room = std::min<size_t>(picture_room(), options_.picture_tokens);
  PendingPicture planned;
  PicturePrompt prompt;
  std::vector<Shot> shots = {shot_of(*pictures->front())};
  if (model_->spec.frames_stand_as_pictures() && pictures->front()->time.seconds >= 0)
    MICA_TRY(shots_of(model_->spec, pictures->first(1), &shots));
  MICA_TRY(plan_for(ids, shots[0], room, &planned, &prompt, length));
  if (*length == 0)
    return Status::error(Code::invalid_argument, "picture %u takes %zu placeholders, but only %zu stand there",
                         mark_.shown.pictures + 1, planned.tokens, count_placeholders(ids, Shown::still));
  *pictures = pictures->subspan(1);
  return push_planned(planned, prompt);
}

}  // namespace mica
