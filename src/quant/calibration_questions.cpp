// Calibration questions: the lines of a questions.jsonl, one by one. Not an evaluation: answers are not compared.
#include <cstring>

#include "calibration_sources.hpp"
#include "json.hpp"
#include "limits.hpp"
#include "mapped_file.hpp"

namespace mica {

namespace {

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

Status add_picture(JsonValue value, const std::string& folder, CalibrationSample* sample) {
  std::string_view name;
  MICA_TRY(get_string(value, {}, &name));
  if (name.empty() || name.find('\0') != std::string_view::npos)
    return value.error(Code::corrupt_file, "must be a path");
  sample->pictures.push_back(name[0] == '/' ? std::string(name) : folder + std::string(name));
  return Status::ok();
}

Status read_pictures(JsonValue line, const std::string& folder, CalibrationSample* sample) {
  const JsonValue one = line.find("image"), several = line.find("images"), video = line.find("video");
  sample->is_video = video.is_set();
  if (video.is_set() && (one.is_set() || several.is_set()))
    return video.error(Code::unsupported, "stands beside pictures; a question has either");
  if (video.is_set()) return add_picture(video, folder, sample);
  if (one.is_set()) MICA_TRY(add_picture(one, folder, sample));
  if (!several.is_set()) return Status::ok();
  JsonValue list;
  MICA_TRY(get_array(line, "images", 0, limits::kPicturesPerPromptMax, &list));
  for (JsonValue value : list) MICA_TRY(add_picture(value, folder, sample));
  return Status::ok();
}

Status read_line(std::string_view text, const std::string& name, const std::string& folder, CalibrationSample* sample) {
  Json json;
  MICA_TRY(parse_json({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, name.c_str(), &json));
  const JsonValue line = json.root();
  std::string_view prompt, answer;
  MICA_TRY(get_string(line, line.find("prompt").is_set() && !line.find("question").is_set() ? "prompt" : "question",
                      &prompt));
  MICA_TRY(get_string_or(line, "answer", "", &answer));
  sample->prompt = prompt;
  sample->answer = answer;
  return read_pictures(line, folder, sample);
}

}  // namespace

Status read_questions(const std::string& path, std::vector<CalibrationSample>* out) {
  MappedFile file;
  MICA_TRY(MappedFile::map(path.c_str(), limits::kCalibrationFileBytesMax, &file));
  std::string_view rest(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  const std::string folder = folder_of(path);
  for (size_t number = 1; !rest.empty(); ++number) {
    const size_t end = rest.find('\n');
    const std::string_view text = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string name = path + " line " + std::to_string(number);
    if (text.size() > limits::kCalibrationLineBytesMax || out->size() == limits::kCalibrationFilesMax)
      return Status::error(Code::limit_exceeded, "%s: longer than %zu bytes, or the file has more than %zu questions",
                           name.c_str(), limits::kCalibrationLineBytesMax, limits::kCalibrationFilesMax);
    MICA_TRY(read_line(text, name, folder, &out->emplace_back()));
  }
  if (out->empty()) return Status::error(Code::corrupt_file, "%s: there are no questions in it", path.c_str());
  return Status::ok();
}

}  // namespace mica
