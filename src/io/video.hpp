// Video: chosen frames of a file, or of a folder of pictures, as pictures. Not what a model makes of them: engine.
#pragma once

#include <cstdint>
#include <vector>

#include "frame_sampling.hpp"
#include "picture.hpp"
#include "span.hpp"
#include "status.hpp"

namespace mica {

// Frames of a second, where nobody knows, as transformers has it.
inline constexpr double kUnknownPerSecond = 24;

// The places of the frames that are seen of `total`, as transformers' video processors choose them, rising. `rate`:
// frames of a second; 0 where nobody knows. kVideoFramesMax at most.
std::vector<uint64_t> frame_places(uint64_t total, double rate, const FrameSampling& sampling);

// Of frames at these places when they are seen.
void set_times(const std::vector<uint64_t>& places, uint64_t total, double rate, std::vector<Picture>* frames);

// Repeats the last of several frames until their number is a multiple.
Status fill_group(uint32_t multiple, const char* name, std::vector<Picture>* frames);

// Frames of a video file (where built: libavformat's containers, told by content), or of a folder the pictures in it by
// the order of their names. Errors: unsupported (no video, of a kind that is not read, or a build without videos),
// corrupt_file (nothing of it can be decoded), limit_exceeded; invalid_argument where a folder is asked for frames a
// second. Bounds: limits.hpp.
Status read_video(const char* path, const FrameSampling& sampling, std::vector<Picture>* frames);

// The same of a file in memory; `name` is for messages.
Status decode_video(Bytes file, const char* name, const FrameSampling& sampling, std::vector<Picture>* frames);

// Adds a frame's bytes to those of the frames before: limit_exceeded where they are too many.
Status check_video_bytes(const char* name, const Picture& frame, size_t* bytes);

}  // namespace mica
