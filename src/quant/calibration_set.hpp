// CalibrationSet: what a model is shown while its activations are measured, taken from a folder of pictures, a file of
// questions or texts. Not the measuring (quantize.hpp).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "quantize.hpp"
#include "status.hpp"
#include "tokenizer.hpp"

namespace mica {

struct CalibrationOptions {
  size_t samples = 128;  // at most; taken evenly from all that there are
  size_t held_out = 0;   // at most, a ninth of all at most: taken evenly from what is left
  size_t tokens = 512;   // of one piece of a text, about
  bool pictures = true;  // the model sees pictures: a folder is searched for them, otherwise for texts
};

struct CalibrationSet {
  std::vector<CalibrationSample> samples;
  std::vector<CalibrationSample> held_out;  // with other pictures than these have
  size_t found = 0;              // samples to choose from
  size_t unreadable = 0;         // pictures that were left out
  std::string first_unreadable;  // why the first of them was
};

// `path` is one of
// - a folder with questions.jsonl, or such a file (any name, ending in .jsonl): a line is an object with "question" (or
//   "prompt"), and if it likes "image" (a path, relative to the file), "images" (several) or "video" (a video file, or
//   a folder of pictures) and "answer";
// - a folder of pictures (JPEG, PNG, WebP by their endings; folders inside it too): each with one of a few questions;
// - a text (.txt) or a folder of texts: cut at ends of lines into pieces of about `tokens` tokens, which `tokenizer`
//   measures (null: four bytes are taken for one).
// Pictures are opened, those chosen and no others; an unreadable one gives way to the next. Errors: not_found (nothing
// readable), invalid_argument (neither of these kinds, pictures for a model without a vision tower), corrupt_file with
// file and line, limit_exceeded.
Status read_calibration_set(const char* path, const CalibrationOptions& options, const Tokenizer* tokenizer,
                            CalibrationSet* out);

}  // namespace mica
