// Sequence: messages and pictures as tokens, and how large a picture may be beside the text of its message. Their
// computing: batch.hpp.
#include <algorithm>

#include "checked.hpp"
#include "limits.hpp"
#include "picture_cuts.hpp"
#include "picture_prompt.hpp"
#include "sequence.hpp"
#include "utf8.hpp"
#include "vision.hpp"

namespace mica {

std::vector<const char*> Sequence::controls() const {
  std::vector<const char*> all;
  if (model_->chat.format) all.assign(model_->chat.format->controls.begin(), model_->chat.format->controls.end());
  for (const Shown shown : {Shown::still, Shown::frame}) {
    const PicturePieces pieces = pieces_of(*model_->spec.family, shown);
    for (const auto& around : {pieces.before, pieces.behind})
      for (const PicturePiece& piece : around)
        if (piece.kind == PicturePiece::Kind::control) all.push_back(piece.text);
  }
  return all;
}

namespace {

// Whether a frame is of the video of the part before it: not where its time begins again.
bool goes_on_video(std::span<const MessagePart> parts, size_t index) {
  if (index == 0 || !parts[index - 1].is_frame) return false;
  const double before = parts[index - 1].picture->time.seconds, time = parts[index].picture->time.seconds;
  return before < 0 || (time > 0 && time >= before);
}

bool can_shrink(const ModelSpec& spec, const Shot& shot) {
  return shot.shown == Shown::still || row_of(spec.frames.cut).any_size;
}

}  // namespace

// The pictures of a message's part: one, or the shots of the video that begins there; none of what follows its first
// frame.
Status Sequence::pictures_at(std::span<const MessagePart> parts, size_t first, std::vector<Piece>* pictures) const {
  pictures->clear();
  if (parts[first].picture == nullptr || (parts[first].is_frame && goes_on_video(parts, first))) return Status::ok();
  if (!parts[first].is_frame) {
    pictures->push_back({.ids = {}, .shot = shot_of(*parts[first].picture)});
    return Status::ok();
  }
  std::vector<const Picture*> frames = {parts[first].picture};
  for (size_t i = first + 1; i < parts.size() && parts[i].is_frame && goes_on_video(parts, i); ++i)
    frames.push_back(parts[i].picture);
  std::vector<Shot> shots;
  MICA_TRY(check_sight(model_->spec, Shown::frame));
  MICA_TRY(shots_of(model_->spec, frames, &shots));
  for (const Shot& shot : shots) pictures->push_back({.ids = {}, .shot = shot});
  return Status::ok();
}

Status Sequence::write_marks(std::span<const PicturePiece> marks, const PictureFacts& facts, TurnWriter* writer) {
  for (const PicturePiece& mark : marks) MICA_TRY(writer->template_text(piece_text(mark.text, facts)));
  return Status::ok();
}

// A message in the model's chat format, in pieces; nothing is pushed, but what the turn leaves open is marked.
Status Sequence::write_message(Role role, std::span<const MessagePart> parts, std::vector<Piece>* pieces) {
  const ChatFormat& format = *model_->chat.format;
  const std::vector<const char*> marks = controls();
  std::vector<int32_t> ids;
  TurnWriter writer(*model_->tokenizer, marks, before_end(), &ids);
  const auto turn = static_cast<size_t>(role);
  if (mark_.answer_open) {
    MICA_TRY(writer.template_text(format.after[static_cast<size_t>(Role::assistant)]));
    mark_.answer_open = false;
  }
  if (mark_.end == 0) {
    if (format.tokenizer_begins)
      for (const int32_t id : model_->tokenizer->around_text().before) MICA_TRY(writer.token(id));
    MICA_TRY(writer.template_text(format.begin));
    if (role != Role::system && model_->chat.has_default_system) {
      MICA_TRY(writer.template_text(format.before[0]));
      MICA_TRY(writer.plain_text(model_->chat.default_system));
      MICA_TRY(writer.template_text(format.after[0]));
      mark_.system_open = format.system_in_user;
    }
  }
  ShownCount before = mark_.shown;
  const auto write_picture_part = [&](size_t part) -> Status {
    std::vector<Piece> shown;
    MICA_TRY(pictures_at(parts, part, &shown));
    if (shown.empty()) return Status::ok();
    const Shot& first = shown.front().shot;
    const PicturePieces around = pieces_of(*model_->spec.family, first.shown);
    const PictureFacts facts = facts_of(first, before);
    before.add(first);
    MICA_TRY(write_marks(around.before, facts, &writer));
    MICA_TRY(writer.flush());
    shown.front().ids = std::move(ids);
    ids.clear();
    std::move(shown.begin(), shown.end(), std::back_inserter(*pieces));
    writer.follow_control();
    MICA_TRY(write_marks(around.behind, facts, &writer));
    return Status::ok();
  };
  for (size_t i = 0; i < parts.size(); ++i)
    if (format.pictures_first) MICA_TRY(write_picture_part(i));
  const bool goes_on = mark_.system_open && role == Role::user;
  if (!goes_on) MICA_TRY(writer.template_text(format.before[turn]));
  mark_.system_open = format.system_in_user && role == Role::system;
  const bool trims = format.trims && !mark_.system_open;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].picture == nullptr) {
      MICA_TRY(check_utf8(parts[i].text));
      const bool at_start = trims && !goes_on && i == 0;
      MICA_TRY(writer.plain_text(trimmed(parts[i].text, at_start, trims && i + 1 == parts.size())));
      continue;
    }
    if (!format.pictures_first) MICA_TRY(write_picture_part(i));
  }
  MICA_TRY(writer.template_text(format.after[turn]));
  MICA_TRY(writer.flush());
  pieces->push_back({.ids = std::move(ids)});
  return Status::ok();
}

Status Sequence::add_message(Role role, std::span<const MessagePart> parts) {
  if (!model_->tokenizer) return no_tokenizer(model_->files.get());
  if (!model_->chat.writes_turns()) return no_chat(model_->chat);
  return all_or_nothing([&]() -> Status {
    std::vector<Piece> pieces;
    if (model_->chat.templated) {
      MICA_TRY(add_templated(role, parts));
    } else {
      MICA_TRY(write_message(role, parts, &pieces));
      MICA_TRY(push_pieces(pieces));
    }
    mark_.conversation = true;
    return Status::ok();
  });
}

Status Sequence::open_turn() {
  if (!mark_.conversation || mark_.answer_open || !model_->chat.writes_turns()) return Status::ok();
  return all_or_nothing([&]() -> Status {
    if (model_->chat.templated) return open_templated();
    const std::vector<const char*> marks = controls();
    std::vector<int32_t> ids;
    TurnWriter writer(*model_->tokenizer, marks, before_end(), &ids);
    MICA_TRY(writer.template_text(model_->chat.format->before[static_cast<size_t>(Role::assistant)]));
    MICA_TRY(writer.flush());
    MICA_TRY(push_ids(ids));
    mark_.answer_open = true;
    return Status::ok();
  });
}

// How many tokens each picture of a message may take: as many as it wants, or an equal share of what its text and an
// answer leave, where small ones leave theirs to the others. Text between a picture's tokens is counted as that of the
// whole picture; a smaller one has no more.
Status Sequence::share_room(std::span<const Piece> pieces, size_t* tokens_max) {
  size_t text = 0, pictures = 0, whole_pictures = 0, largest = 0;
  std::vector<size_t> wanted;
  for (const Piece& piece : pieces) {
    text += piece.ids.size();
    if (!piece.shows()) continue;
    PendingPicture whole;
    MICA_TRY(plan_within(piece.shot, kNoBound, &whole));
    PicturePrompt prompt;
    MICA_TRY(write_picture(*model_, whole.plan, facts_of(piece.shot, mark_.shown), &prompt));
    text += prompt.text_tokens();
    whole_pictures += whole.tokens;
    largest = std::max(largest, whole.tokens);
    const bool may_shrink = can_shrink(model_->spec, piece.shot);
    wanted.push_back(may_shrink ? std::min<size_t>(whole.tokens, options_.picture_tokens) : whole.tokens);
    pictures += wanted.back();
  }
  *tokens_max = kNoBound;
  std::sort(wanted.begin(), wanted.end());
  want(text + whole_pictures, largest);
  const size_t taken = mark_.end + text + std::min(kAnswerRoom, text_room(options_.context) / 2);
  if (wanted.empty() || taken + pictures <= options_.context) return Status::ok();
  size_t left = options_.context > taken ? options_.context - taken : 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    *tokens_max = left / (wanted.size() - i);
    if (wanted[i] > *tokens_max) break;
    left -= wanted[i];
  }
  return Status::ok();
}

Status Sequence::push_pieces(std::span<const Piece> pieces) {
  size_t tokens_max = 0;
  MICA_TRY(share_room(pieces, &tokens_max));
  for (const Piece& piece : pieces) {
    MICA_TRY(push_ids(piece.ids));
    if (piece.shows()) MICA_TRY(push_picture(piece.shot, tokens_max));
  }
  return Status::ok();
}

// Tokens that pictures which wait to be computed would take beside theirs, if they were whole.
size_t Sequence::tokens_missing() const {
  size_t tokens = 0;
  for (size_t i = 0; i < picture_count_; ++i) tokens += pictures_[i].tokens_whole - pictures_[i].tokens;
  return tokens;
}

// Notes the context in which `tokens` more would stand with all pictures whole, of which `largest` is the most tokens of
// one: an eighth of it is the answer's, if that is less than kAnswerRoom, and beside pictures a quarter is text's likewise.
void Sequence::want(size_t tokens, size_t largest) {
  const size_t all = mark_.end + tokens_missing() + tokens;
  for (size_t i = 0; i < picture_count_; ++i) largest = std::max(largest, pictures_[i].tokens_whole);
  const size_t with_answer = std::min((all * 8 + 6) / 7, all + kAnswerRoom);
  tokens_wanted_ = with_answer;
  if (largest == 0) return;
  const size_t with_text = std::min((largest * 4 + 2) / 3, largest + kTextRoom);
  tokens_wanted_ = std::max(with_answer, with_text);
}

// What a picture may take whose text is not known yet; where the options bound it, that is all.
size_t Sequence::picture_room() const {
  if (options_.wanted.picture_tokens != 0) return kNoBound;
  const size_t left = options_.context - mark_.end;
  const size_t text = text_room(options_.context);
  return left > text ? left - text : 0;
}

Status Sequence::add_picture(const Picture& picture) {
  const Piece piece = {.ids = {}, .shot = shot_of(picture)};
  return add_pieces({&piece, 1});
}

// A picture, or a video's frames, with what the family has around each.
Status Sequence::add_pieces(std::span<const Piece> pictures) {
  return all_or_nothing([&]() -> Status {
    size_t tokens = 0, largest = 0;
    for (const Piece& piece : pictures) {
      PendingPicture whole;
      PicturePrompt prompt;
      MICA_TRY(plan_within(piece.shot, kNoBound, &whole));
      MICA_TRY(write_picture(*model_, whole.plan, facts_of(piece.shot, mark_.shown), &prompt));
      tokens += whole.tokens + prompt.text_tokens();
      largest = std::max(largest, whole.tokens);
    }
    want(tokens, largest);
    if (mark_.end == 0 && model_->tokenizer) MICA_TRY(push_ids(model_->tokenizer->around_text().before));
    const auto push_controls = [&](std::span<const PicturePiece> pieces) {
      for (const PicturePiece& piece : pieces)
        if (piece.kind == PicturePiece::Kind::control && model_->tokenizer)
          MICA_TRY(push_token(model_->tokenizer->id_of(piece.text)));
      return Status::ok();
    };
    const PicturePieces around = pieces_of(*model_->spec.family, pictures.front().shot.shown);
    MICA_TRY(push_controls(around.before));
    const size_t room = picture_room() / pictures.size();
    for (const Piece& piece : pictures) MICA_TRY(push_picture(piece.shot, room));
    return push_controls(around.behind);
  });
}

namespace {

// In positions, rounded down as transformers' float32 has it.
uint32_t steps_before(const ModelSpec& spec, const Shot& shot) {
  if (shot.shown == Shown::still || spec.frame_positions == FramePositions::own) return 0;
  if (spec.frame_positions == FramePositions::steps) return shot.index;
  const float interval = static_cast<float>(spec.tokens_per_second) * static_cast<float>(shot.step_seconds);
  return static_cast<uint32_t>(std::min<float>(static_cast<float>(shot.index) * interval, limits::kVideoStepsMax));
}

}  // namespace

// A run of a picture's tokens, which are of a kind (visual_), and their positions. M-RoPE (Qwen2-VL, arXiv 2409.12191,
// section 2.1): time stands still, height and width count from the run's start, and text goes on behind the largest of
// them. Where they are shared, those between the first and the last have one. Other families count on. Shots of a video
// that have time all count from where the first of them does.
void Sequence::place_run(const PendingPicture& planned, size_t tokens, uint8_t kind) {
  const PixelPlan& plan = planned.plan;
  const PicturePositions order = model_->spec.picture_positions;
  const bool multimodal = model_->spec.decoder.rope.multimodal() && order != PicturePositions::counted;
  const bool shared = order == PicturePositions::shared;
  const uint32_t side = model_->spec.vision.token_side();
  const auto columns = static_cast<uint32_t>(Vision::token_columns(model_->spec, plan));
  const uint32_t start = mark_.next_position;
  const auto count = static_cast<uint32_t>(tokens);
  const uint32_t time = start + steps_before(model_->spec, planned.shot);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t offset = shared ? (i > 0) + (i > 1 && i + 1 == count) : i;
    uint32_t* position = positions_ + (mark_.end + i) * 3;
    position[0] = multimodal ? time : start + offset;
    position[1] = multimodal ? start + i / columns : start + offset;
    position[2] = multimodal ? start + i % columns : start + offset;
    ids_[mark_.end + i] = model_->spec.placeholder_of(plan.shown);
    visual_[mark_.end + i] = kind;
  }
  const uint32_t positions = multimodal ? std::max(plan.grid_width, plan.grid_height) / side : count;
  const bool more_follow = plan.shown == Shown::frame && model_->spec.frame_positions != FramePositions::own;
  if (!more_follow) mark_.next_position = start + (shared ? std::min(count, 3u) : positions);
  mark_.end += tokens;
}

namespace {

// Where a picture is to be larger than the model's rule asks, its sides are rounded up, and a bound near the most that
// the rule allows would lead beyond that: then the largest bound that does not is searched for, down to the rule's own.
Status keep_to_most(const ModelSpec& spec, const Picture& picture, PictureRule* bounded, PixelPlan* out) {
  const PictureRule& own = spec.pictures;
  PictureRule& rule = *bounded;
  const uint32_t patch = spec.vision.patch;
  const auto is_beyond = [&] {
    return uint64_t{out->grid_width} * out->grid_height * patch * patch * own.frames > own.pixels_max;
  };
  if (rule.cut != PictureCut::smart_resize || rule.pixels_min <= own.pixels_min || !is_beyond()) return Status::ok();
  const auto plan = [&](uint32_t pixels) {
    rule.pixels_min = pixels;
    return plan_pixels(rule, picture.width, picture.height, out);
  };
  uint32_t fits = own.pixels_min, too_many = rule.pixels_min;
  while (too_many - fits > 1) {
    const uint32_t middle = fits + (too_many - fits) / 2;
    MICA_TRY(plan(middle));
    (is_beyond() ? too_many : fits) = middle;
  }
  return plan(fits);
}

}  // namespace

// The picture as it is placed if it may take `tokens_max` tokens. Rules that cannot be reduced so far give more, as
// those of frames of one size do.
Status Sequence::plan_within(const Shot& shot, size_t tokens_max, PendingPicture* out) const {
  MICA_TRY(check_sight(model_->spec, shot.shown));
  const Picture& picture = shot.first();
  const bool is_still = shot.shown == Shown::still;
  PendingPicture planned{.shot = shot,
                         .rule = is_still ? rule_within(*model_, options_, kNoBound) : rule_of(model_->spec, shot),
                         .plan = {}, .first = 0, .end = 0, .tokens = 0, .tokens_whole = 0};
  MICA_TRY(plan_pixels(planned.rule, picture.width, picture.height, &planned.plan));
  planned.plan.shown = shot.shown;
  if (is_still) MICA_TRY(keep_to_most(model_->spec, picture, &planned.rule, &planned.plan));
  planned.tokens = planned.tokens_whole = Vision::tokens_of(model_->spec, planned.plan);
  if (can_shrink(model_->spec, shot) && planned.tokens > tokens_max)
    MICA_TRY(plan_smaller(std::max<size_t>(tokens_max, 1), &planned));
  *out = planned;
  return Status::ok();
}

// By a rule of fewer pixels. Sides are rounded one by one, so that as many pixels as tokens_max windows have may make
// more of them: then the largest bound that does not is searched for.
Status Sequence::plan_smaller(size_t tokens_max, PendingPicture* planned) const {
  const PictureRule& whole = planned->shot.shown == Shown::still ? model_->spec.pictures : planned->rule;
  const PictureRule within = rule_within(*model_, whole, options_, tokens_max);
  uint32_t PictureRule::*const bound = row_of(within.cut).bound;
  const auto plan = [&](uint32_t pixels) -> Status {
    planned->rule = within;
    if (pixels != 0) {
      planned->rule.*bound = pixels;
      planned->rule.pixels_min = std::min(within.pixels_min, pixels);
    }
    MICA_TRY(plan_pixels(planned->rule, planned->shot.first().width, planned->shot.first().height, &planned->plan));
    planned->plan.shown = planned->shot.shown;
    planned->tokens = Vision::tokens_of(model_->spec, planned->plan);
    return Status::ok();
  };
  MICA_TRY(plan(0));
  if (planned->tokens <= tokens_max || !row_of(within.cut).any_size) return Status::ok();
  uint32_t fits = 1, too_many = within.*bound;
  while (too_many - fits > 1) {
    const uint32_t middle = fits + (too_many - fits) / 2;
    MICA_TRY(plan(middle));
    (planned->tokens <= tokens_max ? fits : too_many) = middle;
  }
  return plan(fits);
}

Status Sequence::push_picture(const Shot& shot, size_t tokens_max) {
  PendingPicture planned;
  PicturePrompt prompt;
  MICA_TRY(plan_within(shot, std::min<size_t>(tokens_max, options_.picture_tokens), &planned));
  MICA_TRY(write_picture(*model_, planned.plan, facts_of(shot, mark_.shown), &prompt));
  return push_planned(planned, prompt);
}

Status Sequence::check_pixel_room(const PendingPicture& planned) const {
  const Picture& picture = planned.shot.first();
  const size_t scratch = pixels_scratch_bytes(planned.rule, planned.plan, picture.width);
  const bool too_long = planned.plan.shown == Shown::still && planned.tokens > options_.picture_tokens;
  if (planned.plan.values > picture_limits_.values || scratch > picture_limits_.scratch_bytes || too_long)
    return Status::error(Code::limit_exceeded,
                         "a picture of %u x %u takes %zu tokens; this session was made for pictures of at most %u",
                         picture.width, picture.height, planned.tokens, options_.picture_tokens);
  return Status::ok();
}

Status Sequence::check_room(const PendingPicture& planned, const PicturePrompt& prompt) const {
  MICA_TRY(check_pixel_room(planned));
  if (picture_count_ == picture_capacity_)
    return Status::error(Code::limit_exceeded,
                         "more than %zu pictures at once; compute some of them before adding more", picture_capacity_);
  const size_t tokens = planned.tokens + prompt.text_tokens();
  if (options_.context - mark_.end < tokens)
    return Status::error(Code::context_full,
                         "a picture of %zu tokens does not fit: %zu of %u tokens of the context are left, and %zu are "
                         "needed in all", tokens, options_.context - mark_.end, options_.context,
                         std::max<size_t>(tokens_wanted_, mark_.end + tokens));
  return Status::ok();
}

Status Sequence::push_planned(PendingPicture planned, const PicturePrompt& prompt) {
  MICA_TRY(check_room(planned, prompt));
  const auto push_run = [&](size_t tokens, bool ends_as_text) -> Status {
    const bool as_text = options_.kv.packs_visual() && tokens - ends_as_text < KvCache::kSpanTokensMin;
    const size_t text = as_text ? tokens : ends_as_text;
    if (options_.context_text - mark_.text < text)
      return Status::error(Code::context_full,
                           "%zu tokens of a picture are kept as text is, and there is room for %zu more text tokens "
                           "(context_text)",
                           text, options_.context_text - mark_.text);
    mark_.text += text;
    place_run(planned, tokens, as_text ? kVisualKeptAsText : kVisual);
    if (ends_as_text) visual_[mark_.end - 1] = kPictureAsText;
    return Status::ok();
  };
  for (size_t i = 0; i < prompt.runs.size(); ++i) {
    MICA_TRY(push_ids(prompt.runs[i].before));
    if (i == 0) planned.first = mark_.end;
    const bool is_last = i + 1 == prompt.runs.size();
    MICA_TRY(push_run(prompt.runs[i].tokens, is_last && model_->spec.picture_ends_as_text));
  }
  planned.end = mark_.end;
  pictures_[picture_count_++] = planned;
  mark_.shown.add(planned.shot);
  return push_ids(prompt.behind);
}

Status Sequence::picture_tokens(const Picture& picture, size_t* tokens) const {
  for (size_t i = 0; i < picture_count_; ++i) {
    const std::span<const Picture* const> shown = pictures_[i].shot.pictures();
    if (std::find(shown.begin(), shown.end(), &picture) == shown.end()) continue;
    *tokens = pictures_[i].tokens;
    return Status::ok();
  }
  PendingPicture planned;
  MICA_TRY(plan_alone(picture, &planned));
  *tokens = planned.tokens;
  return Status::ok();
}

Status Sequence::plan_alone(const Picture& picture, PendingPicture* planned) const {
  return plan_within(shot_of(picture), std::min<size_t>(picture_room(), options_.picture_tokens), planned);
}

Status Sequence::plan_picture(const Picture& picture, PendingPicture* planned) const {
  MICA_TRY(plan_alone(picture, planned));
  return check_pixel_room(*planned);
}

}  // namespace mica
