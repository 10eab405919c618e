// Sequence: videos, whose frames stand in shots that follow each other. Pictures by themselves: sequence_prompt.cpp.
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
  std::vector<Shot> shots;
  std::vector<Piece> pieces;
  MICA_TRY(check_sight(model_->spec, Shown::frame));
  MICA_TRY(shots_of(model_->spec, frames, &shots));
  for (const Shot& shot : shots) pieces.push_back({.ids = {}, .shot = shot});
  return add_pieces(pieces);
}

bool Sequence::is_placeholder(int32_t id) const {
  return id >= 0 && (id == model_->spec.picture_token || id == model_->spec.placeholder_of(Shown::frame));
}

// Runs of placeholders, each of which takes a picture at least.
size_t Sequence::count_runs(std::span<const int32_t> ids) const {
  size_t runs = 0;
  for (size_t i = 0; i < ids.size(); ++i) runs += is_placeholder(ids[i]) && (i == 0 || ids[i] != ids[i - 1]);
  return runs;
}

// The placeholders that begin `ids`, as those of a video with these frames: its shots behind each other, or each in a
// run of its own. No length where they are not.
Status Sequence::find_video(std::span<const int32_t> ids, std::span<const Picture* const> frames,
                            VideoRuns* out) const {
  const bool apart = has_shots_apart(*model_->spec.family);
  std::vector<Shot> shots;
  *out = {};
  MICA_TRY(shots_of(model_->spec, frames, &shots));
  size_t at = 0, more = 0;  // placeholders behind the newest shot's
  for (const Shot& shot : shots) {
    const size_t before = at;
    PendingPicture planned;
    MICA_TRY(plan_within(shot, kNoBound, &planned));
    while (apart && shot.index > 0 && at < ids.size() && !is_placeholder(ids[at]) && ids[at] != model_->spec.video_end)
      ++at;
    PicturePrompt written = {.runs = {{{}, planned.tokens}}, .behind = {}}, found;
    if (planned.plan.tiles > 1)
      MICA_TRY(write_picture(*model_, planned.plan, facts_of(shot, mark_.shown), &written));
    size_t length = 0;
    const int32_t placeholder = model_->spec.placeholder_of(shot.shown);
    if (!find_picture(ids.subspan(at), placeholder, written, &found, &length)) return Status::ok();
    more = count_placeholders(ids.subspan(at + length), shot.shown);
    if (apart && more != 0) return Status::ok();
    found.runs[0].before = {ids.begin() + static_cast<ptrdiff_t>(before), ids.begin() + static_cast<ptrdiff_t>(at)};
    out->shots.push_back(planned);
    out->prompts.push_back(std::move(found));
    at += length;
  }
  if (more == 0) out->length = at;
  return Status::ok();
}

// The video whose placeholders begin `ids`, with as many of the pictures as fill them. Where several numbers do, since
// the last frame is repeated to a whole shot, it is the largest that leaves a picture to each run behind. `length`: of
// the ids that are the video's.
Status Sequence::push_video(std::span<const int32_t> ids, std::span<const Picture* const>* pictures, size_t* length) {
  const std::span<const Picture* const> all = *pictures;
  const bool alike = model_->spec.vision.temporal > 1;
  size_t most = 1;
  while (most < all.size() && (!alike || (all[most]->width == all[0]->width && all[most]->height == all[0]->height)))
    ++most;
  for (size_t frames = most; frames > 0; --frames) {
    VideoRuns found;
    MICA_TRY(find_video(ids, all.first(frames), &found));
    if (found.length == 0 || all.size() - frames < count_runs(ids.subspan(found.length))) continue;
    for (size_t i = 0; i < found.shots.size(); ++i) MICA_TRY(push_planned(found.shots[i], found.prompts[i]));
    *pictures = all.subspan(frames);
    *length = found.length;
    return Status::ok();
  }
  PendingPicture one;
  std::vector<Shot> shots;
  MICA_TRY(shots_of(model_->spec, all.first(most), &shots));
  MICA_TRY(plan_within(shots.back(), kNoBound, &one));
  return Status::error(Code::invalid_argument,
                       "%zu placeholders of a video, of which the last %u frames take %zu: no number of the %zu "
                       "pictures that are given fills them",
                       count_placeholders(ids, Shown::frame), shots.back().count, one.tokens, all.size());
}

}  // namespace mica
