// CalibrationPictures: files, by what the sample says that they are.
#include "calibration_pictures.hpp"

#include "limits.hpp"
#include "mapped_file.hpp"
#include "unlike_samples.hpp"
#include "video.hpp"

namespace mica {
namespace {

Status open_files(const CalibrationSample& sample, const FrameSampling& sampling, std::vector<Picture>* out) {
  out->clear();
  for (const std::string& path : sample.pictures) {
    std::vector<uint8_t> bytes;
    Picture picture;
    const bool may_be_video = sample.is_video && sample.pictures.size() == 1;
    Status status = is_folder(path.c_str()) ? Status::ok()
                                            : read_file(path.c_str(), limits::kPictureFileBytesMax, &bytes);
    if (status) status = bytes.empty() ? status : decode_picture(bytes, path.c_str(), &picture);
    if (may_be_video && (!status || bytes.empty())) return read_video(path.c_str(), sampling, out);
    MICA_TRY(status);
    if (bytes.empty())
      return Status::error(Code::corrupt_file, "%s: a folder, where a picture is wanted", path.c_str());
    out->push_back(std::move(picture));
  }
  return Status::ok();
}

}  // namespace

Status open_pictures(const CalibrationSample& sample, const FrameSampling& sampling, std::vector<Picture>* out) {
  MICA_TRY(open_files(sample, sampling, out));
  for (size_t i = 0; i < out->size(); ++i) paint(sample.painted, static_cast<uint32_t>(i), &(*out)[i]);
  return Status::ok();
}

}  // namespace mica
