// PicturePrompt: what stands for one picture in a prompt once its plan is known: its tokens in one run or in several,
// with ids of text and control tokens between them. Not where it is put: sequence_prompt.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "family.hpp"
#include "model.hpp"
#include "pixels.hpp"
#include "shot.hpp"
#include "status.hpp"

namespace mica {

struct PicturePrompt {
  struct Run {
    std::vector<int32_t> before;  // ids, which follow the run before
    size_t tokens;
  };
  std::vector<Run> runs;
  std::vector<int32_t> behind;

  size_t text_tokens() const;
};

// The pieces of a family that depend on how a picture is cut, from the first of them to the last; those before and
// behind are the same for every picture.
struct PicturePieces {
  std::span<const PicturePiece> before, inner, behind;
};
PicturePieces pieces_of(const Family& family, Shown shown = Shown::still);
// Whether each of a video's shots has a run of its own, with text between them.
inline bool has_shots_apart(const Family& family) { return pieces_of(family, Shown::frame).inner.size() > 1; }

// What pieces say of a picture beside its plan.
struct PictureFacts {
  size_t index = 0;  // how many pictures go before it in the conversation; of a shot, videos before its own
  // Of a shot of a video.
  size_t shot = 0, frames = 1;
  double seconds = 0, middle_seconds = 0, video_seconds = 0;
};
PictureFacts facts_of(const Shot& shot, const ShownCount& before);
// A piece's text for one picture, without what it says of tiles.
std::string piece_text(const char* text, const PictureFacts& facts);

// Without a tokenizer there is nothing between the runs.
Status write_picture(const Model& model, const PixelPlan& plan, const PictureFacts& facts, PicturePrompt* out);

// The runs that stand at the start of `ids`: all tokens of `prompt` in one run, or in its runs with whatever ids between
// them. `length`: of the ids that they are. False where neither stands there.
bool find_picture(std::span<const int32_t> ids, int32_t placeholder, const PicturePrompt& prompt, PicturePrompt* out,
                  size_t* length);

// The same where tokens around the placeholders tell them (PictureFrame): `ids` begin with the first placeholder.
bool find_framed_picture(std::span<const int32_t> ids, const PictureFrame& frame, const PicturePrompt& prompt,
                         PicturePrompt* out, size_t* length);

}  // namespace mica
