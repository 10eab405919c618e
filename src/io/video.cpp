// Video: which frames, and those of folders. Containers and codecs: video_file.cpp.
#include "video.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <string>
#include <utility>

#include "folder_names.hpp"
#include "limits.hpp"
#include "mapped_file.hpp"

namespace mica {
namespace {

bool has_picture_ending(const std::string& name) {
  std::string ending = name.substr(std::min(name.rfind('.'), name.size()));
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); });
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png" || ending == ".webp";
}

Status read_folder(const std::string& folder, const FrameSampling& sampling, std::vector<Picture>* frames) {
  if (sampling.frames == 0 && sampling.per_second > 0)
    return Status::error(Code::invalid_argument, "%s: a folder of pictures has no time, so no frames a second; say how "
                         "many frames are to be seen", folder.c_str());
  std::vector<std::string> names;
  MICA_TRY(list_folder(folder, limits::kFolderNamesMax, &names));
  std::erase_if(names, [](const std::string& name) { return !has_picture_ending(name); });
  if (names.empty())
    return Status::error(Code::not_found, "%s: there are no pictures (.jpg, .jpeg, .png, .webp) in the folder",
                         folder.c_str());
  size_t bytes = 0;
  const std::vector<uint64_t> places = frame_places(names.size(), 0, sampling);
  for (const uint64_t place : places) {
    const std::string path = folder + "/" + names[place];
    std::vector<uint8_t> file;
    MICA_TRY(read_file(path.c_str(), limits::kPictureFileBytesMax, &file));
    MICA_TRY(decode_picture(file, path.c_str(), &frames->emplace_back()));
    MICA_TRY(check_video_bytes(folder.c_str(), frames->back(), &bytes));
  }
  set_times(places, names.size(), kUnknownPerSecond, frames);
  return Status::ok();
}

}  // namespace

Status check_video_bytes(const char* name, const Picture& frame, size_t* bytes) {
  *bytes += size_t{frame.width} * frame.height * 3;
  if (*bytes <= limits::kVideoBytesMax) return Status::ok();
  return Status::error(Code::limit_exceeded,
                       "%s: its frames (%u x %u) take more than %zu bytes; take fewer of them, or smaller ones", name,
                       frame.width, frame.height, limits::kVideoBytesMax);
}

namespace {

// How many of a video's `total` frames are wanted.
double frames_wanted(double total, double rate, const FrameSampling& sampling) {
  const double multiple = sampling.multiple;
  if (sampling.frames != 0) return std::max(multiple, std::rint(sampling.frames / multiple) * multiple);
  if (!(sampling.per_second > 0 && rate > 0)) return total;
  double wanted = total / rate * sampling.per_second;
  if (sampling.spread != FrameSpread::starts) wanted = std::floor(wanted);
  wanted = std::max(wanted, static_cast<double>(sampling.frames_min));
  if (sampling.frames_max != 0) wanted = std::min(wanted, static_cast<double>(sampling.frames_max));
  return multiple > 1 ? std::floor(std::min(wanted, total) / multiple) * multiple : wanted;
}

// Glm4vVideoProcessor: the frame at or behind each step of time, or of a video that is too long, of as many equal
// steps.
std::vector<uint64_t> places_in_time(uint64_t total, double rate, const FrameSampling& sampling) {
  const auto last = static_cast<double>(total - 1);
  const double seconds = static_cast<double>(total) / rate;
  const bool is_long = sampling.seconds_max > 0 && seconds > sampling.seconds_max;
  const double wanted = std::floor((is_long ? sampling.seconds_max : seconds) * sampling.per_second);
  const double count = std::clamp(wanted, 1.0, std::max(1.0, static_cast<double>(total)));
  const double step = is_long ? seconds / std::max(1.0, count - 1) : 1 / sampling.per_second;
  std::vector<uint64_t> places;
  for (double i = 0; i < count; ++i) {
    const auto place = static_cast<uint64_t>(std::min(last, std::ceil(i * step * rate)));
    if (places.empty() || places.back() != place) places.push_back(place);
  }
  return places;
}

// numpy's linspace of whole numbers.
std::vector<uint64_t> spaced(double first, double last, uint64_t count) {
  std::vector<uint64_t> places(count);
  const double step = count > 1 ? (last - first) / static_cast<double>(count - 1) : 0;
  for (uint64_t i = 0; i < count; ++i)
    places[i] = static_cast<uint64_t>(i > 0 && i + 1 == count ? last : static_cast<double>(i) * step + first);
  return places;
}

std::vector<uint64_t> without_repeats(std::vector<uint64_t> places) {
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

// SmolVLMVideoProcessor: so many of each second, at most frames_max of all; where that leaves much out, nothing of the
// first second and the last one.
std::vector<uint64_t> places_within(uint64_t total, double rate, const FrameSampling& sampling) {
  const auto frames = static_cast<double>(total);
  const double seconds = frames / rate, most = sampling.frames_max != 0 ? sampling.frames_max : frames;
  const double count = std::max(1.0, std::min(std::rint(sampling.per_second * seconds), most));
  double first = 0, last = frames - 1;
  if (seconds - 2 > most * sampling.per_second) {
    first = std::trunc(rate);
    last = std::min(std::trunc(frames - rate), frames - 1);
  }
  if (first >= last) {
    first = 0;
    last = frames - 1;
  }
  return without_repeats(spaced(first, last, static_cast<uint64_t>(count)));
}

// MiniCPMV4_6VideoProcessor: of a video with more than frames_max steps as many of its tenths of a second.
std::vector<uint64_t> places_at_seconds(uint64_t total, double rate, const FrameSampling& sampling) {
  const double seconds = static_cast<double>(total) / rate, per_second = std::min(sampling.per_second, rate);
  const double steps = std::ceil(seconds * per_second);
  const auto place = [&](double time) {
    return static_cast<uint64_t>(std::min(static_cast<double>(total - 1), time * rate));
  };
  std::vector<uint64_t> places;
  if (sampling.frames_max == 0 || steps <= sampling.frames_max) {
    for (double i = 0; i < steps; ++i) places.push_back(place(i / per_second));
  } else {
    constexpr double kTenth = 0.1;
    const double tenths = std::max(1.0, std::trunc(seconds / kTenth));
    const auto count = static_cast<uint64_t>(std::min<double>(tenths, sampling.frames_max));
    for (const uint64_t tenth : spaced(0, tenths - 1, count)) places.push_back(place(static_cast<double>(tenth) / 10));
  }
  return without_repeats(std::move(places));
}

// Those at so many a second, where the spread has rules of its own for that; else none.
std::vector<uint64_t> places_by_rate(uint64_t total, double rate, const FrameSampling& sampling) {
  if (total == 0 || sampling.frames != 0 || !(sampling.per_second > 0 && rate > 0)) return {};
  switch (sampling.spread) {
    case FrameSpread::seconds: return places_in_time(total, rate, sampling);
    case FrameSpread::within: return places_within(total, rate, sampling);
    case FrameSpread::whole_seconds: return places_at_seconds(total, rate, sampling);
    default: return {};
  }
}

}  // namespace

std::vector<uint64_t> frame_places(uint64_t total, double rate, const FrameSampling& sampling) {
  FrameSampling within = sampling;
  if (std::vector<uint64_t> places = places_by_rate(total, rate, sampling); !places.empty()) {
    if (places.size() <= limits::kVideoFramesMax) return places;
    within.frames = static_cast<uint32_t>(limits::kVideoFramesMax);  // then as evenly as they go
  }
  const auto most = static_cast<double>(std::min<uint64_t>(total, limits::kVideoFramesMax));
  const double wanted = frames_wanted(static_cast<double>(total), rate, within);
  const auto count = static_cast<uint64_t>(std::clamp(wanted, std::min(1.0, most), most));
  std::vector<uint64_t> places(count);
  const bool has_ends = sampling.spread == FrameSpread::ends && count > 1;
  if (sampling.spread == FrameSpread::within && count > 0)
    return without_repeats(spaced(0, static_cast<double>(total - 1), count));
  const double step = has_ends ? static_cast<double>(total - 1) / static_cast<double>(count - 1)
                               : static_cast<double>(total) / static_cast<double>(std::max<uint64_t>(count, 1));
  const double first = sampling.spread == FrameSpread::middles ? step / 2 : 0;
  for (uint64_t i = 0; i < count; ++i) {
    const double place = first + static_cast<double>(i) * step;
    // torch.arange makes a float32 of each before it is truncated.
    const double rounded = has_ends ? std::rint(place) : static_cast<double>(static_cast<float>(place));
    places[i] = std::min(total - 1, static_cast<uint64_t>(rounded));
  }
  return places;
}

void set_times(const std::vector<uint64_t>& places, uint64_t total, double rate, std::vector<Picture>* frames) {
  const double per_second = static_cast<double>(places.size()) / static_cast<double>(total) * rate;
  for (size_t i = 0; i < frames->size() && rate > 0 && per_second > 0; ++i)
    (*frames)[i].time = {static_cast<double>(places[i]) / rate, per_second};
}

Status fill_group(uint32_t multiple, const char* name, std::vector<Picture>* frames) {
  while (frames->size() > 1 && frames->size() % std::max(multiple, 1u) != 0) {
    const Picture& last = frames->back();
    const size_t bytes = size_t{last.width} * last.height * 3;
    Picture copy;
    copy.width = last.width;
    copy.height = last.height;
    copy.time = last.time;
    copy.rgb.reset(new (std::nothrow) uint8_t[bytes]);
    if (!copy.rgb) return Status::error(Code::out_of_memory, "%s: no memory to read the video", name);
    std::copy_n(last.rgb.get(), bytes, copy.rgb.get());
    frames->push_back(std::move(copy));
  }
  return Status::ok();
}

Status read_video(const char* path, const FrameSampling& sampling, std::vector<Picture>* frames) {
  std::vector<Picture> read;
  if (is_folder(path)) {
    MICA_TRY(read_folder(path, sampling, &read));
  } else {
    MappedFile file;
    MICA_TRY(MappedFile::map(path, limits::kVideoFileBytesMax, &file));
    MICA_TRY(decode_video(file.bytes(), path, sampling, &read));
  }
  *frames = std::move(read);
  return Status::ok();
}

#ifndef MICA_WITH_VIDEO
Status decode_video(Bytes, const char* name, const FrameSampling&, std::vector<Picture>*) {
  return Status::error(Code::unsupported,
                       "%s: this build reads no video files (-Dvideo=enabled does, with libavformat, libavcodec and "
                       "libswscale); a folder of pictures can be a video", name);
}
#endif

}  // namespace mica
