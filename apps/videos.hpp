// Videos that the commands read, as the frames of a question. Pictures: files.hpp.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "files.hpp"
#include "options.hpp"

namespace app {

// The frames of a video file, or of a folder of pictures, that the options or the model choose. Throws Failure, also
// where the model takes no videos.
std::vector<NamedPicture> open_video(const Model& model, const std::string& path, const Options& options);

// Appends the frames of what --video names, if anything. Throws Failure.
void add_videos(const Model& model, const Options& options, std::vector<NamedPicture>* pictures);

// "clip.mp4 (8 frames of 640 x 480, 2056 tokens)". `frames` begin with the first of a video.
std::string video_title(const Model& model, std::span<const NamedPicture> frames);

}  // namespace app
