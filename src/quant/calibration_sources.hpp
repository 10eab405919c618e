// The sources of calibration samples, one function each. Not the choice among what they give (calibration_set.cpp).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "calibration_set.hpp"
#include "status.hpp"

namespace mica {

// Whether `path` ends in one of `endings` (".jpg"), in letters of either case.
bool has_ending(std::string_view path, std::span<const std::string_view> endings);

// Files below `folder` with one of `endings`, in the order of their paths. Links to folders are not followed.
Status list_files(const char* folder, std::span<const std::string_view> endings, std::vector<std::string>* out);

// Lines of JSON, see read_calibration_set. Paths of pictures become relative to where the program runs, or absolute.
Status read_questions(const std::string& path, std::vector<CalibrationSample>* out);

// Texts as pieces; a piece is a sample without a prompt.
Status read_texts(const std::vector<std::string>& paths, size_t tokens, const Tokenizer* tokenizer,
                  std::vector<CalibrationSample>* out);

}  // namespace mica
