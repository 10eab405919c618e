// Video: which frames, and those of folders. Containers and codecs: video_file.cpp.
#include "video.hpp"

#include <algorithm>
#include <string>

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
  for (const uint64_t place : frame_places(names.size(), 0, sampling)) {
    const std::string path = folder + "/" + names[place];
    std::vector<uint8_t> file;
    MICA_TRY(read_file(path.c_str(), limits::kPictureFileBytesMax, &file));
    MICA_TRY(decode_picture(file, path.c_str(), &frames->emplace_back()));
    MICA_TRY(check_video_bytes(folder.c_str(), frames->back(), &bytes));
  }
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

std::vector<uint64_t> frame_places(uint64_t total, double rate, const FrameSampling& sampling) {
  double wanted = static_cast<double>(total);
  if (sampling.frames != 0) wanted = sampling.frames;
  else if (sampling.per_second > 0 && rate > 0) wanted = static_cast<double>(total) / rate * sampling.per_second;
  const auto most = static_cast<double>(std::min<uint64_t>(total, limits::kVideoFramesMax));
  const auto count = static_cast<uint64_t>(std::clamp(wanted, std::min(1.0, most), most));
  std::vector<uint64_t> places(count);
  const double step = static_cast<double>(total) / static_cast<double>(std::max<uint64_t>(count, 1));
  for (uint64_t i = 0; i < count; ++i) places[i] = static_cast<uint64_t>(static_cast<double>(i) * step);
  return places;
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
