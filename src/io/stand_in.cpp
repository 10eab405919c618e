// Recognition of what stands in a file's place. Not a parser of any of it.
#include "stand_in.hpp"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

namespace mica {

namespace {

// A pointer has about 130 bytes (git-lfs, docs/spec.md: "must be less than 1024 bytes"), an error reply a few lines.
constexpr size_t kStandInBytesMax = 1024;
constexpr std::string_view kPointerStart = "version https://git-lfs.github.com/spec/";

// What servers send where a file was asked for; letters of any case.
struct Reply {
  std::string_view start;
  bool whole;  // the reply is all there is: not the start of a page
  const char* what;
};
constexpr Reply kReplies[] = {
    {"<!doctype html", false, "a web page (HTML)"},
    {"<html", false, "a web page (HTML)"},
    {"<?xml version=\"1.0\" encoding=\"utf-8\"?><error>", false, "a server's error reply (XML)"},
    {"{\"error\":", true, "a server's error reply (JSON)"},
    {"{\"message\":", true, "a server's error reply (JSON)"},
    {"{\"detail\":", true, "a server's error reply (JSON)"},
    {"invalid username or password", true, "a server's error reply"},
    {"access to model ", true, "a server's error reply"},
    {"access denied", true, "a server's error reply"},
    {"entry not found", true, "a server's error reply"},
    {"repository not found", true, "a server's error reply"},
    {"not found", true, "a server's error reply"},
};

// The beginning in small letters, without white space or a byte order mark before it, and without any between tags
// and fields, so that one way of writing stands for all.
std::string beginning_of(Bytes file) {
  const Bytes head = file.first(std::min<size_t>(file.size(), 256));
  std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::string out;
  char last = '\n';
  for (char c : text) {
    const bool white = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (white && (out.empty() || last == '{' || last == '>' || last == '\n')) continue;
    last = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    out += last;
  }
  return out;
}

}  // namespace

Status refuse_pointer(Bytes file, const char* path) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (file.size() >= kStandInBytesMax || !text.starts_with(kPointerStart)) return Status::ok();
  constexpr std::string_view kSize = "\nsize ";
  const size_t at = text.find(kSize);
  unsigned long long bytes = 0;
  if (at != std::string_view::npos) {
    std::from_chars(text.data() + at + kSize.size(), text.data() + text.size(), bytes);
  }
  const std::string size = bytes == 0 ? "" : " of " + std::to_string(bytes) + " bytes";
  return Status::error(Code::corrupt_file,
                       "%s is a Git LFS pointer to a file%s, not the file: fetch it by `git lfs install` and "
                       "`git lfs pull` in its folder, or download it",
                       path, size.c_str());
}

Status refuse_reply(Bytes file, const char* path) {
  const std::string start = beginning_of(file);
  for (const Reply& reply : kReplies) {
    if (!start.starts_with(reply.start) || (reply.whole && file.size() >= kStandInBytesMax)) continue;
    return Status::error(Code::corrupt_file,
                         "%s is %s, saved in the place of the file: download it again, logged in where its page asks "
                         "for that",
                         path, reply.what);
  }
  return Status::ok();
}

Status refuse_address(const char* path) {
  const std::string_view text(path);
  if (text.starts_with("file:/"))
    return Status::error(Code::not_found, "%s is an address: name the file by its path, without file://", path);
  if (!text.starts_with("https://") && !text.starts_with("http://")) return Status::ok();
  return Status::error(Code::not_found,
                       "%s is an address, and mica is offline: it opens files and downloads nothing. Fetch it (`curl "
                       "-LO ADDRESS`) and name the file that came",
                       path);
}

Status refuse_broken_link(const char* path) {
  char target[PATH_MAX];
  const ssize_t bytes = readlink(path, target, sizeof target);
  if (bytes <= 0) return Status::ok();
  return Status::error(Code::not_found,
                       "%s is a link to %.*s, which is not there: fetch the file, or copy it again with what the link "
                       "leads to (cp -rL, as for snapshots of Hugging Face's cache)",
                       path, static_cast<int>(bytes), target);
}

Status ends_early(const char* path, uint64_t bytes, uint64_t bytes_wanted) {
  return Status::error(Code::corrupt_file, "%s ends early: it has %llu of %llu bytes: fetch it again", path,
                       static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(bytes_wanted));
}

}  // namespace mica
