// Pictures and the question among plain arguments, see plain_arguments.hpp.
#include "plain_arguments.hpp"

#include <filesystem>

#include "command_line.hpp"
#include "files.hpp"
#include "pasted_paths.hpp"

namespace app {
namespace {

constexpr const char* kAsItStands = ", or give a question that is called so by -p";

std::string in_quotes(const std::string& word) { return '"' + word + '"'; }

bool is_sentence(const std::string& word) { return word.find(' ') != std::string::npos; }

// A picture's path, or what looks like a path; what is there and no picture would become the question, unseen.
std::string picture_of(const std::string& word) {
  std::error_code ignored;
  if (word == "-") return word;
  const std::vector<std::string> paths = pasted_paths(word);
  const std::string path = paths.size() == 1 ? paths[0] : word;
  if (std::filesystem::exists(path, ignored)) {
    if (is_picture_file(path)) return path;
    throw UsageError(word + " is there, but it is no picture" +
                     (std::filesystem::is_directory(path, ignored) ? " but a folder" : "") +
                     ": -m takes a model, -f a file with the question" + kAsItStands);
  }
  if (is_picture_name(path)) return path;  // opening it says what is amiss, also in FILE,FILE
  throw UsageError("there is no file " + in_quotes(word) + ", which looks like a picture's path: mend the path" +
                   kAsItStands);
}

}  // namespace

PlainArguments sort_arguments(const std::vector<std::string>& words) {
  PlainArguments sorted;
  std::vector<std::string> others;
  for (const std::string& word : words) {
    if (is_blank(word))
      throw UsageError("an argument is " + std::string(word.empty() ? "empty" : "blank") +
                       " (a variable that is not set?), where a picture or a question is wanted");
    if (word == "-" || looks_like_path(word)) sorted.pictures.push_back(picture_of(word));
    else others.push_back(word);
  }
  if (others.empty()) return sorted;
  if (others.size() > 1 || (others[0] != words.back() && !is_sentence(others[0])))
    throw UsageError("there is no picture " + in_quotes(others[0]) +
                     "; all arguments but the last are pictures, and the last is the question, in quotes: mica run "
                     "picture.jpg \"What is in the picture?\"");
  const TypedQuestion typed = find_pictures(others[0]);
  if (!typed.missing.empty())
    throw UsageError("there is no picture " + in_quotes(typed.missing[0]) +
                     ", which the question names: mend the path, or give the question by -p to ask it without");
  sorted.pictures.insert(sorted.pictures.end(), typed.pictures.begin(), typed.pictures.end());
  sorted.question = typed.text;
  return sorted;
}

}  // namespace app
