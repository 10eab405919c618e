// PicturePrompt: a family's pieces, written for the tiles and rows of a plan.
#include "picture_prompt.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <string>

#include "chat.hpp"
#include "vision.hpp"

namespace mica {
namespace {

bool is_inner(const PicturePiece& piece) {
  const bool is_outer = piece.of == PieceOf::picture || piece.of == PieceOf::video;
  return piece.kind == PicturePiece::Kind::tokens || !is_outer;
}

// What a piece is written for, again and again.
enum class Loop : uint8_t { none, tiles, token_rows };

Loop loop_of(PieceOf of) {
  switch (of) {
    case PieceOf::tile:
    case PieceOf::tile_row:
    case PieceOf::tile_row_but_last: return Loop::tiles;
    case PieceOf::token_row:
    case PieceOf::token_row_but_last:
    case PieceOf::token_row_last: return Loop::token_rows;
    default: return Loop::none;
  }
}

void replace(std::string_view mark, const std::string& number, std::string* text) {
  const size_t at = text->find(mark);
  if (at != std::string::npos) text->replace(at, mark.size(), number);
}

// As Python's formats have it, whatever the locale: times of videos are bounded by their frames.
std::string in_tenths(double number) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, number, std::chars_format::fixed, 1).ptr};
}

std::string two_digits(uint64_t number) { return (number < 10 ? "0" : "") + std::to_string(number); }

std::string clock_text(double seconds) {
  const auto whole = static_cast<uint64_t>(seconds);
  return two_digits(whole / 60) + ":" + two_digits(whole % 60);
}

// As Python's timedelta has it.
std::string duration_text(double seconds) {
  constexpr double kRounding = 1e-6;  // of a quotient that was a whole number of seconds
  const auto whole = static_cast<uint64_t>(seconds + kRounding);
  const uint64_t days = whole / 86400;
  const std::string before = days == 0 ? "" : std::to_string(days) + (days == 1 ? " day, " : " days, ");
  return before + std::to_string(whole / 3600 % 24) + ":" + two_digits(whole / 60 % 60) + ":" + two_digits(whole % 60);
}

// As num2words has it; a thousand frames and more are beyond what is seen of a video.
std::string number_words(size_t number) {
  constexpr const char* kSmall[] = {"zero",    "one",     "two",       "three",    "four",     "five",    "six",
                                    "seven",   "eight",   "nine",      "ten",      "eleven",   "twelve",  "thirteen",
                                    "fourteen", "fifteen", "sixteen",  "seventeen", "eighteen", "nineteen"};
  constexpr const char* kTens[] = {"", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"};
  if (number >= 1000) return std::to_string(number);
  if (number < std::size(kSmall)) return kSmall[number];
  if (number < 100) return kTens[number / 10] + (number % 10 == 0 ? "" : std::string("-") + kSmall[number % 10]);
  return kSmall[number / 100] + std::string(" hundred") +
         (number % 100 == 0 ? "" : " and " + number_words(number % 100));
}

class PictureWriter {
 public:
  PictureWriter(const Model& model, const PixelPlan& plan, const PictureFacts& facts, PicturePrompt* out)
      : model_(model), plan_(plan), facts_(facts), out_(out) {
    // Control tokens are looked up by their names.
    if (model.tokenizer) writer_.emplace(*model.tokenizer, kNone, TextBefore::control_token, &ids_);
  }

  Status write(std::span<const PicturePiece> pieces) {
    for (size_t i = 0; i < pieces.size();) {
      const Loop loop = loop_of(pieces[i].of);
      size_t end = i + 1;
      while (loop != Loop::none && end < pieces.size() && loop_of(pieces[end].of) == loop) ++end;
      MICA_TRY(write_loop(loop, pieces.subspan(i, end - i)));
      i = end;
    }
    MICA_TRY(flush());
    out_->behind = std::move(ids_);
    return Status::ok();
  }

 private:
  static constexpr std::span<const char* const> kNone = {};

  bool is_cut() const { return plan_.grid_tiles() > 1; }

  Status write_loop(Loop loop, std::span<const PicturePiece> pieces) {
    const size_t token_columns = Vision::token_columns(model_.spec, plan_);
    columns_ = loop == Loop::tiles ? plan_.tile_columns : 1;
    rows_ = loop == Loop::tiles ? plan_.tile_rows
                                : loop == Loop::none ? 1 : Vision::tokens_of(model_.spec, plan_) / token_columns;
    if (loop == Loop::tiles && !is_cut()) return Status::ok();
    for (row_ = 0; row_ < rows_; ++row_)
      for (column_ = 0; column_ < columns_; ++column_)
        for (const PicturePiece& piece : pieces)
          if (applies(piece.of)) MICA_TRY(write_piece(piece));
    return Status::ok();
  }

  bool applies(PieceOf of) const {
    const bool row_ends = column_ + 1 == columns_, is_last = row_ + 1 == rows_;
    switch (of) {
      case PieceOf::cut: return is_cut();
      case PieceOf::thumbnail: return is_cut() && plan_.has_overview();
      case PieceOf::overview: return !is_cut() || plan_.has_overview();
      case PieceOf::tile_row: return row_ends;
      case PieceOf::tile_row_but_last: return row_ends && !is_last;
      case PieceOf::token_row_but_last: return !is_last;
      case PieceOf::token_row_last: return is_last;
      case PieceOf::frame_but_first: return facts_.shot != 0;
      case PieceOf::picture:
      case PieceOf::video:
      case PieceOf::frame:
      case PieceOf::tile:
      case PieceOf::token_row: return true;
    }
    return true;
  }

  size_t tokens_of(PieceOf of) const {
    switch (of) {
      case PieceOf::overview:
        return Vision::tokens_of_tile(model_.spec, plan_, plan_.has_overview() ? plan_.overview_tile() : 0);
      case PieceOf::tile: {
        const uint32_t first = plan_.has_overview() && plan_.overview_first ? 1 : 0;
        return Vision::tokens_of_tile(model_.spec, plan_, first);
      }
      case PieceOf::token_row: return Vision::token_columns(model_.spec, plan_);
      default: return Vision::tokens_of(model_.spec, plan_);
    }
  }

  Status write_piece(const PicturePiece& piece) {
    if (piece.kind == PicturePiece::Kind::tokens) {
      MICA_TRY(flush());
      out_->runs.push_back({std::move(ids_), tokens_of(piece.of)});
      ids_.clear();
      if (writer_) writer_->follow_control();
      return Status::ok();
    }
    if (!writer_) return Status::ok();
    std::string text = piece_text(piece.text, facts_);
    replace("{row}", std::to_string(row_ + 1), &text);
    replace("{column}", std::to_string(column_ + 1), &text);
    const int32_t id = piece.kind == PicturePiece::Kind::control ? model_.tokenizer->id_of(text) : -1;
    return id >= 0 ? writer_->token(id) : writer_->plain_text(text);
  }

  Status flush() { return writer_ ? writer_->flush() : Status::ok(); }

  const Model& model_;
  const PixelPlan& plan_;
  const PictureFacts facts_;
  PicturePrompt* out_;
  std::vector<int32_t> ids_;  // since the last run
  std::optional<TurnWriter> writer_;
  size_t row_ = 0, column_ = 0, rows_ = 1, columns_ = 1;
};

}  // namespace

PictureFacts facts_of(const Shot& shot, const ShownCount& before) {
  const bool is_still = shot.shown == Shown::still;
  return {.index = is_still ? before.pictures : before.videos - (shot.index > 0),
          .shot = shot.index,
          .frames = shot.video_frames,
          .seconds = shot.seconds,
          .middle_seconds = shot.middle_seconds,
          .video_seconds = shot.video_seconds};
}

std::string piece_text(const char* text, const PictureFacts& facts) {
  std::string out = text;
  replace("{index}", std::to_string(facts.index), &out);
  replace("{number}", std::to_string(facts.index + 1), &out);
  replace("{frame}", std::to_string(facts.shot + 1), &out);
  replace("{frames}", number_words(facts.frames), &out);
  replace("{seconds}", std::to_string(static_cast<uint64_t>(facts.seconds)), &out);
  replace("{middle_seconds}", in_tenths(facts.middle_seconds), &out);
  replace("{clock}", clock_text(facts.seconds), &out);
  replace("{duration}", duration_text(facts.video_seconds), &out);
  return out;
}

size_t PicturePrompt::text_tokens() const {
  size_t count = behind.size();
  for (const Run& run : runs) count += run.before.size();
  return count;
}

PicturePieces pieces_of(const Family& family, Shown shown) {
  const bool has_own = shown != Shown::still && !family.video.empty();
  const std::span<const PicturePiece> all = has_own ? family.video : family.picture;
  const auto first = static_cast<size_t>(std::find_if(all.begin(), all.end(), is_inner) - all.begin());
  size_t end = all.size();
  while (end > first && !is_inner(all[end - 1])) --end;
  return {all.first(first), all.subspan(first, end - first), all.subspan(end)};
}

Status write_picture(const Model& model, const PixelPlan& plan, const PictureFacts& facts, PicturePrompt* out) {
  *out = {};
  return PictureWriter(model, plan, facts, out).write(pieces_of(*model.spec.family, plan.shown).inner);
}

bool find_picture(std::span<const int32_t> ids, int32_t placeholder, const PicturePrompt& prompt, PicturePrompt* out,
                  size_t* length) {
  const auto run_at = [&](size_t at) {
    size_t run = 0;
    while (at + run < ids.size() && ids[at + run] == placeholder) ++run;
    return run;
  };
  size_t tokens = 0;
  for (const PicturePrompt::Run& run : prompt.runs) tokens += run.tokens;
  if (tokens <= run_at(0)) {
    *out = {.runs = {{{}, tokens}}, .behind = {}};
    *length = tokens;
    return true;
  }
  PicturePrompt found;
  size_t at = 0;
  for (const PicturePrompt::Run& run : prompt.runs) {
    const size_t before = at;
    while (!found.runs.empty() && at < ids.size() && ids[at] != placeholder) ++at;
    const bool is_last = &run == &prompt.runs.back();  // another picture may follow at once
    if (is_last ? run_at(at) < run.tokens : run_at(at) != run.tokens) return false;
    found.runs.push_back({{ids.begin() + static_cast<ptrdiff_t>(before), ids.begin() + static_cast<ptrdiff_t>(at)},
                          run.tokens});
    at += run.tokens;
  }
  *out = std::move(found);
  *length = at;
  return true;
}

bool find_framed_picture(std::span<const int32_t> ids, const PictureFrame& frame, const PicturePrompt& prompt,
                         PicturePrompt* out, size_t* length) {
  PicturePrompt found;
  size_t at = 0;
  for (const PicturePrompt::Run& run : prompt.runs) {
    const bool is_first = found.runs.empty();
    const size_t before = at;
    while (!is_first && at < ids.size() && ids[at] != frame.next_begin) ++at;
    at += !is_first;
    const size_t end = at + run.tokens - frame.in_rows;
    if (run.tokens == 0 || end >= ids.size() || ids[end] != (is_first ? frame.end : frame.next_end)) return false;
    found.runs.push_back({{ids.begin() + static_cast<ptrdiff_t>(before), ids.begin() + static_cast<ptrdiff_t>(at)},
                          run.tokens});
    at += run.tokens;
  }
  *out = std::move(found);
  *length = at;
  return true;
}

}  // namespace mica
