// Frames as named pictures, see videos.hpp.
#include "videos.hpp"

#include <iterator>

#include "mica_video.h"
#include "terminal.hpp"

namespace app {

std::vector<NamedPicture> open_video(const Model& model, const std::string& path, const Options& options) {
  if (mica_model_has_video(model.get()) == 0)
    throw Failure(std::string("this model (") + mica_model_family(model.get()) + ") takes no videos" +
                      (mica_model_has_vision(model.get()) != 0 ? "; --image shows it pictures" : ""),
                  MICA_UNSUPPORTED);
  const mica_frame_choice choice = {options.video_frames, static_cast<double>(options.video_fps)};
  std::vector<mica_picture*> frames(static_cast<size_t>(kVideoFramesMax));
  size_t count = 0;
  mica_error error{};
  require(mica_video_open(path.c_str(), model.get(), &choice, frames.data(), frames.size(), &count, &error), error);
  std::vector<NamedPicture> named;
  for (size_t i = 0; i < count; ++i) named.push_back({path, Picture(frames[i]), true, i == 0});
  return named;
}

void add_videos(const Model& model, const Options& options, std::vector<NamedPicture>* pictures) {
  for (const std::string& path : options.videos) {
    std::vector<NamedPicture> frames = open_video(model, path, options);
    std::move(frames.begin(), frames.end(), std::back_inserter(*pictures));
  }
}

std::string video_title(const Model& model, std::span<const NamedPicture> frames) {
  const std::vector<const mica_picture*> handles = video_at(frames, 0);
  uint32_t tokens = 0;
  mica_error error{};
  require(mica_video_tokens(model.get(), handles.data(), handles.size(), &tokens, &error), error);
  return screen_text(frames[0].path) + " (" + std::to_string(handles.size()) + " frames of " +
         std::to_string(mica_picture_width(handles[0])) + " x " + std::to_string(mica_picture_height(handles[0])) +
         ", " + std::to_string(tokens) + " tokens)";
}

}  // namespace app
