// Video files that are cut, damaged, of another kind, without video or of absurd sizes: a status that says which, or
// the frames that can be read; never more than there are.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "mapped_file.hpp"
#include "video.hpp"

using namespace mica;

namespace {

constexpr size_t kFrames = 12;  // of each recorded video
constexpr const char* kVideos[] = {"h264.mp4", "vp9.webm", "mjpeg.avi", "mpeg2.ts"};

std::vector<uint8_t> bytes_of(const std::string& name) {
  std::vector<uint8_t> bytes;
  REQUIRE(read_file((std::string(MICA_TESTS_DATA) + "/" + name).c_str(), SIZE_MAX, &bytes));
  return bytes;
}

// Whatever the bytes are: frames in their bounds, or a message with the name.
void check(const std::vector<uint8_t>& bytes) {
  std::vector<Picture> frames;
  const Status status = decode_video(bytes, "some.mp4", {}, &frames);
  if (!status) {
    CHECK(frames.empty());
    CHECK_MESSAGE(std::string(status.message()).find("some.mp4") != std::string::npos, status.message());
    return;
  }
  CHECK(!frames.empty());
  for (const Picture& frame : frames) CHECK(frame.rgb != nullptr);
}

}  // namespace

TEST_CASE("videos cut anywhere give the frames before, or say that there are none") {
  for (const char* name : kVideos) {
    CAPTURE(std::string(name));
    const std::vector<uint8_t> whole = bytes_of(std::string("video/") + name);
    for (size_t size = 0; size < whole.size(); size += 1 + whole.size() / 60) {
      CAPTURE(size);
      std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
      check(cut);
      std::vector<Picture> frames;
      if (decode_video(cut, "some.mp4", {}, &frames)) CHECK(frames.size() <= kFrames);
    }
  }
}

TEST_CASE("damaged bytes anywhere are met by a status or by frames") {
  for (const char* name : kVideos) {
    CAPTURE(std::string(name));
    const std::vector<uint8_t> whole = bytes_of(std::string("video/") + name);
    for (size_t at = 0; at < whole.size(); at += 1 + whole.size() / 150)
      for (const uint8_t change : {uint8_t{0xFF}, uint8_t{0x80}, uint8_t{0x01}}) {
        CAPTURE(at);
        std::vector<uint8_t> damaged = whole;
        damaged[at] ^= change;
        check(damaged);
      }
  }
}

#if MICA_TEST_VIDEO
TEST_CASE("what is no video is refused for what it is") {
  const struct {
    const char* file;
    Code code;
    const char* said;
  } cases[] = {
      {"video/sound.mp4", Code::unsupported, "no video in it, only sound"},
      {"images/a_cat.jpg", Code::unsupported, "is no video that mica reads"},
      {"images/d_page.png", Code::unsupported, "is no video that mica reads"},
      {"golden/llama/config.json", Code::unsupported, "is no video that mica reads"},
  };
  for (const auto& each : cases) {
    CAPTURE(std::string(each.file));
    std::vector<Picture> frames;
    const Status status = decode_video(bytes_of(each.file), each.file, {}, &frames);
    CHECK(status.code() == each.code);
    CHECK_MESSAGE(std::string(status.message()).find(each.said) != std::string::npos, status.message());
  }
}

TEST_CASE("playlists and lists of files open nothing else") {
  for (const char* text : {"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "ffconcat version 1.0\nfile /etc/passwd\n",
                           "<?xml version=\"1.0\"?><MPD><Period><BaseURL>/etc/passwd</BaseURL></Period></MPD>"}) {
    std::vector<Picture> frames;
    const std::vector<uint8_t> bytes(text, text + std::string(text).size());
    CHECK(decode_video(bytes, "some.m3u8", {}, &frames).code() == Code::unsupported);
  }
}

TEST_CASE("absurd sizes are refused before memory is taken") {
  std::vector<uint8_t> bytes = bytes_of("video/mjpeg.avi");
  // Every frame's header of its own, and the container's.
  const uint8_t marker[] = {0xFF, 0xC0, 0x00, 0x11, 0x08, 0x00, 0x20, 0x00, 0x30};
  size_t changed = 0;
  const auto find = [&](auto from) { return std::search(from, bytes.end(), std::begin(marker), std::end(marker)); };
  for (auto at = find(bytes.begin()); at != bytes.end(); at = find(at + 1), ++changed)
    std::fill_n(at + 5, 4, uint8_t{0xF0});
  CHECK(changed == kFrames);
  std::vector<Picture> frames;
  CHECK_FALSE(decode_video(bytes, "some.avi", {}, &frames));
  CHECK(frames.empty());
}
#endif
