// CalibrationSet: choosing evenly, pictures and their questions. Lines of questions: calibration_questions.cpp; texts:
// calibration_text.cpp.
#include "calibration_set.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "calibration_pictures.hpp"
#include "calibration_sources.hpp"
#include "guard.hpp"
#include "limits.hpp"
#include "mapped_file.hpp"

namespace mica {

namespace {

constexpr const char* kQuestionsName = "questions.jsonl";
constexpr std::string_view kPictureEndings[] = {".jpg", ".jpeg", ".png", ".webp"};
constexpr std::string_view kTextEndings[] = {".txt"};
constexpr std::string_view kQuestionEndings[] = {".jsonl"};

// Long and short answers, text in the picture and things in it: so that the text rows see some variety.
constexpr const char* kDefaultQuestions[] = {
    "Describe this picture in detail.",
    "What text can be read in the picture? Write it as it stands there.",
    "Which things are in the picture, and where is each of them?",
    "What is the most important thing here? Answer in one word.",
    "How many objects can you count, and which colours have they?",
    "What might have happened just before this picture was taken?",
};

// Opens pictures once, however many samples show them.
class PictureCheck {
 public:
  explicit PictureCheck(CalibrationSet* set) : set_(set) {}

  // Errors: out_of_memory, which says nothing of the picture.
  Status look(const CalibrationSample& sample, bool* readable) {
    *readable = true;
    for (const std::string& path : sample.pictures) {
      const auto [known, is_new] = readable_.emplace(path, false);
      CalibrationSample alone;
      alone.pictures = {path};
      alone.is_video = sample.is_video;
      if (is_new) MICA_TRY(open(alone, &known->second));
      *readable = *readable && known->second;
    }
    return Status::ok();
  }

 private:
  Status open(const CalibrationSample& sample, bool* readable) {
    std::vector<Picture> pictures;
    const Status status = open_pictures(sample, {.frames = 1}, &pictures);
    if (status.code() == Code::out_of_memory) return status;
    if (!status && ++set_->unreadable == 1) set_->first_unreadable = status.message();
    *readable = status.is_ok();
    return Status::ok();
  }

  CalibrationSet* set_;
  std::map<std::string, bool> readable_;
};

// Moves `count` of the candidates to `out`, evenly spread: the first readable one of each of as many equal stretches.
Status take_evenly(std::vector<CalibrationSample>* candidates, size_t count, PictureCheck* check,
                   std::vector<CalibrationSample>* out) {
  std::vector<CalibrationSample> left;
  for (size_t i = 0; i < count; ++i) {
    const size_t end = (i + 1) * candidates->size() / count;
    bool taken = false;
    for (size_t at = i * candidates->size() / count; at < end; ++at) {
      CalibrationSample& candidate = (*candidates)[at];
      bool readable = false;
      if (!taken) MICA_TRY(check->look(candidate, &readable));
      (readable ? *out : left).push_back(std::move(candidate));
      taken = taken || readable;
    }
  }
  *candidates = std::move(left);
  return Status::ok();
}

Status choose(std::vector<CalibrationSample> candidates, const CalibrationOptions& options, const char* path,
              CalibrationSet* out) {
  constexpr size_t kOneIn = 9;  // what is held out is missed by calibration where there is little
  out->found = candidates.size();
  const size_t held_out = std::min(options.held_out, candidates.size() / kOneIn);
  PictureCheck check(out);
  MICA_TRY(take_evenly(&candidates, std::min(options.samples, candidates.size() - held_out), &check, &out->samples));
  std::set<std::string> shown;
  for (const CalibrationSample& sample : out->samples) shown.insert(sample.pictures.begin(), sample.pictures.end());
  std::erase_if(candidates, [&](const CalibrationSample& sample) {
    return std::any_of(sample.pictures.begin(), sample.pictures.end(),
                       [&](const std::string& picture) { return shown.contains(picture); });
  });
  MICA_TRY(take_evenly(&candidates, std::min(held_out, candidates.size()), &check, &out->held_out));
  if (!out->samples.empty()) return Status::ok();
  return Status::error(Code::not_found, "%s: none of its %zu pictures can be read; the first: %s", path,
                       out->unreadable, out->first_unreadable.c_str());
}

// Each picture once; more often, with other questions, when there are fewer than wanted.
std::vector<CalibrationSample> with_questions(const std::vector<std::string>& pictures, size_t wanted) {
  const size_t rounds =
      std::clamp<size_t>((wanted + pictures.size() - 1) / pictures.size(), 1, std::size(kDefaultQuestions));
  std::vector<CalibrationSample> samples;
  for (size_t i = 0; i < pictures.size(); ++i)
    for (size_t round = 0; round < rounds; ++round) {
      CalibrationSample& sample = samples.emplace_back();
      sample.pictures = {pictures[i]};
      sample.prompt = kDefaultQuestions[(i + round) % std::size(kDefaultQuestions)];
    }
  return samples;
}

Status read_folder(const char* path, const CalibrationOptions& options, const Tokenizer* tokenizer,
                   std::vector<CalibrationSample>* candidates) {
  const std::string questions = std::string(path) + "/" + kQuestionsName;
  if (file_exists(questions.c_str())) return read_questions(questions, candidates);
  std::vector<std::string> files;
  const std::span<const std::string_view> pictures = kPictureEndings, texts = kTextEndings;
  MICA_TRY(list_files(path, options.pictures ? pictures : texts, &files));
  if (files.empty())
    return Status::error(Code::not_found, "%s has neither %s nor %s, in folders inside it either", path, kQuestionsName,
                         options.pictures ? "pictures (.jpg, .jpeg, .png, .webp)" : "texts (.txt)");
  if (!options.pictures) return read_texts(files, options.tokens, tokenizer, candidates);
  *candidates = with_questions(files, options.samples);
  return Status::ok();
}

}  // namespace

bool has_ending(std::string_view path, std::span<const std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(), [path](std::string_view ending) {
    return path.size() > ending.size() &&
           strncasecmp(path.data() + path.size() - ending.size(), ending.data(), ending.size()) == 0;
  });
}

Status read_calibration_set(const char* path, const CalibrationOptions& options, const Tokenizer* tokenizer,
                            CalibrationSet* out) {
  return guarded([&] {
    if (options.samples == 0 || options.samples > limits::kCalibrationSamplesMax)
      return Status::error(Code::invalid_argument, "%zu calibration samples: from 1 to %zu", options.samples,
                           limits::kCalibrationSamplesMax);
    std::vector<CalibrationSample> candidates;
    if (is_folder(path)) {
      MICA_TRY(read_folder(path, options, tokenizer, &candidates));
    } else if (!file_exists(path)) {
      return Status::error(Code::not_found, "%s: there is no such file or folder", path);
    } else if (has_ending(path, kQuestionEndings)) {
      MICA_TRY(read_questions(path, &candidates));
    } else if (has_ending(path, kTextEndings)) {
      MICA_TRY(read_texts({path}, options.tokens, tokenizer, &candidates));
    } else if (has_ending(path, kPictureEndings)) {
      candidates = with_questions({path}, options.samples);
    } else {
      return Status::error(Code::invalid_argument, "%s: neither a folder nor a .jsonl, .txt or picture file", path);
    }
    const bool sees =
        std::any_of(candidates.begin(), candidates.end(), [](const auto& sample) { return !sample.pictures.empty(); });
    if (sees && !options.pictures)
      return Status::error(Code::invalid_argument,
                           "%s has pictures, but the model sees none: calibrate it with texts (.txt)", path);
    return choose(std::move(candidates), options, path, out);
  });
}

}  // namespace mica
