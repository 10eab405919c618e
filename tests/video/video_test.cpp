// Videos: which frames are chosen, and that files of every container give them in order. Damage:
// fault/video_fault_test.cpp.
#include "video.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "limits.hpp"
#include "mapped_file.hpp"

using namespace mica;

namespace {

std::string data(const char* name) { return std::string(MICA_TESTS_DATA) + "/video/" + name; }

}  // namespace

TEST_CASE("frames are the first of equal stretches, as transformers' video processors choose them") {
  using Places = std::vector<uint64_t>;
  CHECK(frame_places(12, 6, {.frames = 4}) == Places{0, 3, 6, 9});
  CHECK(frame_places(10, 6, {.frames = 4}) == Places{0, 2, 5, 7});
  CHECK(frame_places(3, 6, {.frames = 8}) == Places{0, 1, 2});
  CHECK(frame_places(12, 6, {.per_second = 2}) == Places{0, 3, 6, 9});
  CHECK(frame_places(12, 6, {.per_second = 100}).size() == 12);
  CHECK(frame_places(12, 6, {.per_second = 0.001}) == Places{0});
  CHECK(frame_places(5, 0, {}) == Places{0, 1, 2, 3, 4});
  CHECK(frame_places(1, 0, {.frames = 1}) == Places{0});
  CHECK(frame_places(0, 6, {.frames = 4}).empty());
  CHECK(frame_places(1000000, 25, {}).size() == limits::kVideoFramesMax);
  CHECK(frame_places(1000000, 25, {}).back() < 1000000);
}

TEST_CASE("frames of the Qwen-VL classes come in whole groups, or with both ends, within their bounds") {
  using Places = std::vector<uint64_t>;
  const FrameSampling groups = {.per_second = 2, .multiple = 2, .frames_min = 4, .frames_max = 6};
  CHECK(frame_places(30, 10, groups) == Places{0, 5, 10, 15, 20, 25});
  CHECK(frame_places(35, 10, groups) == Places{0, 5, 11, 17, 23, 29});   // 7 frames, of which 6 are the most
  CHECK(frame_places(10, 10, groups) == Places{0, 2, 5, 7});             // 2 frames, of which 4 are the least
  CHECK(frame_places(3, 10, groups) == Places{0, 1});
  CHECK(frame_places(1, 10, groups) == Places{0});
  CHECK(frame_places(30, 10, {.frames = 5, .multiple = 2}) == Places{0, 7, 15, 22});
  const FrameSampling ends = {.per_second = 2, .spread = FrameSpread::ends, .frames_min = 4, .frames_max = 6};
  CHECK(frame_places(30, 10, ends) == Places{0, 6, 12, 17, 23, 29});
  CHECK(frame_places(10, 10, ends) == Places{0, 3, 6, 9});
  CHECK(frame_places(3, 10, ends) == Places{0, 1, 2});
  CHECK(frame_places(9, 10, {.frames = 1, .spread = FrameSpread::ends}) == Places{0});
}

TEST_CASE("frames at steps of time are those at or behind them, and of long videos as many as of the longest") {
  using Places = std::vector<uint64_t>;
  const FrameSampling steps = {.per_second = 2, .spread = FrameSpread::seconds, .seconds_max = 3};
  CHECK(frame_places(25, 10, steps) == Places{0, 5, 10, 15, 20});
  CHECK(frame_places(7, 3, steps) == Places{0, 2, 3, 5});
  CHECK(frame_places(2, 25, steps) == Places{0});
  CHECK(frame_places(100, 10, steps) == Places{0, 20, 40, 60, 80, 99});
  const FrameSampling all = {.per_second = 100, .spread = FrameSpread::seconds};
  CHECK(frame_places(1000000, 25, all).size() == limits::kVideoFramesMax);
  CHECK(frame_places(0, 25, steps).empty());
  std::vector<Picture> frames(2);
  set_times({0, 15}, 30, 10, &frames);
  CHECK(frames[1].time.seconds == 1.5);
  CHECK(frames[1].time.per_second == doctest::Approx(2.0 / 30 * 10));
}

TEST_CASE("frames in the middle of equal stretches are InternVL's, with torch's rounding to 32 bits") {
  using Places = std::vector<uint64_t>;
  const auto middles = [](uint32_t frames) { return FrameSampling{.frames = frames, .spread = FrameSpread::middles}; };
  CHECK(frame_places(12, 6, middles(4)) == Places{1, 4, 7, 10});
  CHECK(frame_places(10, 6, middles(3)) == Places{1, 5, 8});
  CHECK(frame_places(100, 25, middles(8)) == Places{6, 18, 31, 43, 56, 68, 81, 93});
  CHECK(frame_places(3, 25, middles(8)) == Places{0, 1, 2});
  CHECK(frame_places(30, 10, {.per_second = 2, .spread = FrameSpread::middles}) == Places{2, 7, 12, 17, 22, 27});
  CHECK(frame_places(30, 10, {.frames = 22}).at(11) == 15);  // 14.999999 as 64 bits have it
}

TEST_CASE("SmolVLM2's frames are evenly spread, of long videos without the first and the last second") {
  using Places = std::vector<uint64_t>;
  const auto within = [](double per_second, uint32_t most) {
    return FrameSampling{.per_second = per_second, .spread = FrameSpread::within, .frames_max = most};
  };
  CHECK(frame_places(12, 6, within(1, 64)) == Places{0, 11});
  CHECK(frame_places(30, 10, within(2, 64)) == Places{0, 5, 11, 17, 23, 29});
  CHECK(frame_places(100, 10, within(1, 4)) == Places{10, 36, 63, 90});
  CHECK(frame_places(25, 29.97, within(1, 64)) == Places{0});
  CHECK(frame_places(1, 25, within(1, 64)) == Places{0});
  CHECK(frame_places(1000, 24, within(1, 8)) == Places{24, 160, 296, 432, 568, 704, 840, 976});
  CHECK(frame_places(95, 10, within(0.5, 3)) == Places{10, 47, 85});
  CHECK(frame_places(95, 10, {.frames = 3, .spread = FrameSpread::within}) == Places{0, 47, 94});
  CHECK(frame_places(0, 10, within(1, 8)).empty());
}

TEST_CASE("MiniCPM-V's frames are those of whole seconds, of long videos as many of tenths") {
  using Places = std::vector<uint64_t>;
  const auto whole = [](uint32_t most) {
    return FrameSampling{.per_second = 1, .spread = FrameSpread::whole_seconds, .frames_max = most};
  };
  CHECK(frame_places(12, 6, whole(128)) == Places{0, 6});
  CHECK(frame_places(35, 10, whole(128)) == Places{0, 10, 20, 30});
  CHECK(frame_places(60, 10, whole(4)) == Places{0, 19, 39, 59});
  CHECK(frame_places(100, 25, whole(3)) == Places{0, 47, 97});
  CHECK(frame_places(41, 10, whole(4)) == Places{0, 13, 26, 39});
  CHECK(frame_places(1, 25, whole(8)) == Places{0});
  const FrameSampling all = {.per_second = 1e3, .spread = FrameSpread::whole_seconds};
  CHECK(frame_places(40, 10, all).size() == 40);
  CHECK(frame_places(1000000, 25, all).size() == limits::kVideoFramesMax);
}

TEST_CASE("the bytes of all frames are bounded") {
  Picture frame;
  frame.width = frame.height = 10000;
  size_t bytes = 0;
  CHECK(check_video_bytes("v", frame, &bytes));
  CHECK(bytes == 300000000);
  bytes = limits::kVideoBytesMax - 300000000;
  CHECK(check_video_bytes("v", frame, &bytes));
  CHECK(check_video_bytes("v", frame, &bytes).code() == Code::limit_exceeded);
}

TEST_CASE("a folder's pictures are frames by the order of their names") {
  std::vector<Picture> frames;
  const std::string folder = std::string(MICA_TESTS_DATA) + "/images";
  REQUIRE(read_video(folder.c_str(), {}, &frames));
  CHECK(frames.size() == 14);
  REQUIRE(read_video(folder.c_str(), {.frames = 2}, &frames));
  CHECK(frames[0].width == 451);
  CHECK(frames[1].width == 100);  // clip1_0.png, the eighth
  const Status no_time = read_video(folder.c_str(), {.per_second = 1}, &frames);
  CHECK(no_time.code() == Code::invalid_argument);
  CHECK(frames.size() == 2);
  CHECK(read_video(data("").c_str(), {}, &frames).code() == Code::not_found);
}

#if MICA_TEST_VIDEO
namespace {

// Frame i of the recorded videos is gray, of this brightness; codecs and colours in few bits leave it near.
constexpr int kFirst = 24, kStep = 16, kNear = 3;

void check_places(const std::vector<Picture>& frames, const std::vector<int>& places) {
  REQUIRE(frames.size() == places.size());
  for (size_t i = 0; i < frames.size(); ++i) {
    CHECK(frames[i].width == 48);
    CHECK(frames[i].height == 32);
    CAPTURE(i);
    for (const size_t pixel : {size_t{0}, size_t{48 * 32 - 1}})
      for (size_t color = 0; color < 3; ++color)
        CHECK(std::abs(frames[i].rgb[pixel * 3 + color] - (kFirst + kStep * places[i])) <= kNear);
  }
}

}  // namespace

TEST_CASE("files of several containers and codecs give their frames in order") {
  for (const char* name : {"h264.mp4", "vp9.webm", "mjpeg.avi", "mpeg2.ts"}) {
    CAPTURE(std::string(name));
    std::vector<Picture> frames;
    const Status all = read_video(data(name).c_str(), {}, &frames);
    REQUIRE_MESSAGE(all, std::string(all.message()));
    check_places(frames, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    REQUIRE(read_video(data(name).c_str(), {.frames = 5}, &frames));
    check_places(frames, {0, 2, 4, 7, 9});
    REQUIRE(read_video(data(name).c_str(), {.per_second = 2}, &frames));
    check_places(frames, {0, 3, 6, 9});
  }
}
#else
TEST_CASE("a build without videos says so, and what can be done") {
  std::vector<Picture> frames;
  const Status status = read_video(data("h264.mp4").c_str(), {}, &frames);
  CHECK(status.code() == Code::unsupported);
  CHECK(std::string(status.message()).find("-Dvideo=enabled") != std::string::npos);
}
#endif
