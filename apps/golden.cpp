// Comparing a model with one recorded case, see golden.hpp.
#include "golden.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <sstream>
#include <vector>

#include "conversation.hpp"
#include "files.hpp"
#include "mica_video.h"

namespace app {
namespace {

namespace fs = std::filesystem;

// A recorded tensor, copied out of its file.
template <typename T>
struct Recorded {
  std::vector<uint64_t> shape;
  std::vector<T> values;
};

template <typename T>
Recorded<T> read_tensor(const Tensors& file, const std::string& path, const char* name, const char* dtype,
                        uint32_t rank_max) {
  mica_tensor tensor{};
  mica_error error{};
  require(mica_tensors_find(file.get(), name, &tensor, &error), error);
  if (std::strcmp(tensor.dtype, dtype) != 0 || tensor.rank == 0 || tensor.rank > rank_max || tensor.bytes == 0) {
    throw Failure(path + ": tensor " + name + " should be " + dtype + " with up to " + std::to_string(rank_max) +
                      " dimensions, and not empty",
                  MICA_CORRUPT_FILE);
  }
  Recorded<T> recorded{{tensor.shape, tensor.shape + tensor.rank}, std::vector<T>(tensor.bytes / sizeof(T))};
  std::memcpy(recorded.values.data(), tensor.data, recorded.values.size() * sizeof(T));
  return recorded;
}

bool has_tensor(const Tensors& file, const char* name) {
  mica_tensor tensor{};
  return mica_tensors_find(file.get(), name, &tensor, nullptr) == MICA_OK;
}

std::string find_picture(const fs::path& folder, const std::string& name) {
  for (const char* place : {".", "images", "../images", "../../images"}) {
    const fs::path path = folder / place / name;
    std::error_code ignored;
    if (fs::exists(path, ignored)) return path.string();
  }
  throw Failure(
      "picture " + name + " is neither in " + folder.string() + " nor in images/ there or up to two folders up",
      MICA_NOT_FOUND);
}

std::vector<std::string> names_in(const Tensors& file, const char* key) {
  size_t bytes = 0;
  const char* names = mica_tensors_metadata(file.get(), key, &bytes);
  std::vector<std::string> all;
  std::istringstream list(names == nullptr ? std::string() : std::string(names, bytes));
  for (std::string name; std::getline(list, name, ',');) {
    if (!name.empty()) all.push_back(name);
  }
  return all;
}

std::vector<NamedPicture> open_named_pictures(const Tensors& file, const fs::path& folder) {
  const std::vector<std::string> frames = names_in(file, "video_frames");
  std::vector<NamedPicture> pictures;
  for (const std::string& name : names_in(file, "images")) {
    pictures.push_back(open_picture(find_picture(folder, name)));
    pictures.back().is_frame = std::find(frames.begin(), frames.end(), name) != frames.end();
  }
  return pictures;
}

// Processors of MiniCPM-V say how many rows and columns of patches each slice has. Its patches stand beside each other,
// in a tensor of its own (`name` with its number behind) or in one behind those of the slices before it.
std::vector<float> read_slices(const Tensors& file, const std::string& path, std::string name, const char* sizes,
                               bool in_one) {
  const auto grids = read_tensor<int32_t>(file, path, sizes, "I32", 2);
  std::vector<float> planes;
  Recorded<float> recorded;
  const std::string all = name;
  size_t first = 0, strip = 0;  // of a slice; values of all patches beside each other
  if (in_one) recorded = read_tensor<float>(file, path, name.c_str(), "F32", 4);
  for (size_t slice = 0; 2 * slice + 1 < grids.values.size(); slice++) {
    if (!in_one) {
      name = all + "_" + std::to_string(slice);
      recorded = read_tensor<float>(file, path, name.c_str(), "F32", 3);
      first = 0;
    }
    const size_t rank = recorded.shape.size(), patch = rank < 2 ? 0 : recorded.shape[rank - 2];
    const size_t rows = static_cast<size_t>(grids.values[2 * slice]);
    const size_t columns = static_cast<size_t>(grids.values[2 * slice + 1]);
    strip = recorded.shape.back();
    if (rank < 3 || recorded.shape[rank - 3] != 3 || recorded.values.size() != 3 * patch * strip ||
        rows > strip || columns > strip || rows * columns > (strip - first) / std::max<size_t>(1, patch))
      throw Failure(path + ": " + name + " is not 3 rows of the patches that " + sizes + " says", MICA_CORRUPT_FILE);
    const size_t width = columns * patch, height = rows * patch;
    for (size_t c = 0; c < 3; c++)
      for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
          const size_t place = first + (y / patch * columns + x / patch) * patch + x % patch;
          planes.push_back(recorded.values[(c * patch + y % patch) * strip + place]);
        }
    first += rows * columns * patch;
  }
  return first == strip ? planes : std::vector<float>();
}

// Each picture by itself, or the frames of each video: those of one size that follow each other.
std::vector<std::vector<const mica_picture*>> shown_together(const std::vector<NamedPicture>& pictures, bool frames) {
  std::vector<std::vector<const mica_picture*>> all;
  for (size_t i = 0; i < pictures.size(); i++) {
    const mica_picture* picture = pictures[i].picture.get();
    if (pictures[i].is_frame != frames) continue;
    const bool goes_on = frames && i > 0 && pictures[i - 1].is_frame &&
                         mica_picture_width(all.back()[0]) == mica_picture_width(picture) &&
                         mica_picture_height(all.back()[0]) == mica_picture_height(picture);
    if (!goes_on) all.emplace_back();
    all.back().push_back(picture);
  }
  return all;
}

// As far apart as the processor said of the patches of each video, or as where nobody says it.
void set_times(const Tensors& file, const std::string& path, const std::vector<NamedPicture>& pictures) {
  constexpr double kFramesOfPatch = 2, kUnknownStep = 1.0 / 24;
  Recorded<float> seconds;
  if (has_tensor(file, "second_per_grid_ts")) seconds = read_tensor<float>(file, path, "second_per_grid_ts", "F32", 2);
  size_t video = 0;
  for (const auto& frames : shown_together(pictures, true)) {
    const size_t last = seconds.values.size() - 1;
    const double step =
        seconds.values.empty() ? kUnknownStep : seconds.values[std::min(video++, last)] / kFramesOfPatch;
    for (size_t i = 0; i < frames.size(); i++) {
      mica_error error{};
      auto* frame = const_cast<mica_picture*>(frames[i]);
      require(mica_frame_set_time(frame, static_cast<double>(i) * step, 1 / step, &error), error);
    }
  }
}

// Of the pictures, or of a video's frames. Infinite when the model's processor gives another number of values than the
// reference's.
double pixel_difference(const Model& model, const std::vector<NamedPicture>& pictures, bool frames,
                        const std::vector<float>& recorded) {
  double difference = 0;
  size_t done = 0;
  std::vector<float> values(recorded.size());
  for (const std::vector<const mica_picture*>& shown : shown_together(pictures, frames)) {
    mica_error error{};
    size_t count = 0;
    const mica_status status =
        frames ? mica_video_pixels(model.get(), shown.data(), shown.size(), values.data(), values.size() - done, &count,
                                   &error)
               : mica_picture_pixels(model.get(), shown[0], values.data(), values.size() - done, &count, &error);
    if (status == MICA_LIMIT_EXCEEDED) return std::numeric_limits<double>::infinity();
    require(status, error);
    for (size_t i = 0; i < count; i++) {
      difference = std::max(difference, std::fabs(double{values[i]} - double{recorded[done + i]}));
    }
    done += count;
  }
  return done == recorded.size() ? difference : std::numeric_limits<double>::infinity();
}

// Rows in the file are oldest first; the session counts from the newest.
void compare_logits(const Model& model, const Session& session, const Recorded<float>& recorded,
                    GoldenDifference& difference) {
  const size_t rows = recorded.shape[0], width = mica_model_vocabulary(model.get());
  double error_max = 0, magnitude_max = 0;
  difference.cosine = 1;
  for (size_t row = 0; row < rows; row++) {
    const float* logits = nullptr;
    mica_error error{};
    require(mica_session_logits(session.get(), static_cast<uint32_t>(rows - 1 - row), &logits, &error), error);
    double dot = 0, own = 0, other = 0;
    for (size_t i = 0; i < width; i++) {
      const double a = logits[i], b = recorded.values[row * width + i];
      error_max = std::isnan(a) ? a : std::max(error_max, std::fabs(a - b));
      magnitude_max = std::max(magnitude_max, std::fabs(b));
      dot += a * b;
      own += a * a;
      other += b * b;
    }
    difference.cosine = std::min(difference.cosine, dot / std::sqrt(own * other));
  }
  difference.relative = error_max / magnitude_max;
}

int collect_token(void* tokens, const char*, size_t, int32_t token) {
  if (token >= 0) static_cast<std::vector<int32_t>*>(tokens)->push_back(token);
  return 0;
}

std::vector<int32_t> generate_greedy(const Session& session, size_t count) {
  mica_sampling sampling = mica_sampling_default();
  sampling.temperature = 0;
  sampling.tokens_max = static_cast<uint32_t>(count);
  sampling.ignore_end = 1;
  std::vector<int32_t> tokens;
  mica_error error{};
  require(mica_session_generate(session.get(), &sampling, collect_token, &tokens, nullptr, &error), error);
  return tokens;
}

}  // namespace

GoldenDifference compare_golden(const Model& model, mica_session_options options, const std::string& path,
                                const std::vector<std::string>* given_pictures) {
  const Tensors file = open_handle<Tensors>(mica_tensors_open, path.c_str());
  const auto ids = read_tensor<int32_t>(file, path, "input_ids", "I32", 1);
  const auto logits = read_tensor<float>(file, path, "logits_last8", "F32", 2);
  const auto greedy = read_tensor<int32_t>(file, path, "greedy", "I32", 1);
  if (logits.shape.size() != 2 || logits.shape[1] != mica_model_vocabulary(model.get())) {
    throw Failure(path + ": logits_last8 has another vocabulary than the model", MICA_INVALID_ARGUMENT);
  }
  const std::vector<NamedPicture> pictures =
      given_pictures ? open_pictures(*given_pictures) : open_named_pictures(file, fs::path(path).parent_path());
  set_times(file, path, pictures);
  GoldenDifference difference;
  if (has_tensor(file, "pixel_values") && has_tensor(file, "target_sizes")) {
    difference.pixels = pixel_difference(model, pictures, false, read_slices(file, path, "pixel_values", "target_sizes", true));
  } else if (has_tensor(file, "pixel_values")) {
    const auto pixels = read_tensor<float>(file, path, "pixel_values", "F32", 8);
    difference.pixels = pixel_difference(model, pictures, false, pixels.values);
  } else if (has_tensor(file, "pixel_values_videos") && has_tensor(file, "target_sizes_videos")) {
    const char* name = "pixel_values_videos";
    difference.pixels =
        pixel_difference(model, pictures, true, read_slices(file, path, name, "target_sizes_videos", true));
  } else if (has_tensor(file, "pixel_values_videos")) {
    const auto pixels = read_tensor<float>(file, path, "pixel_values_videos", "F32", 8);
    difference.pixels = pixel_difference(model, pictures, true, pixels.values);
  } else if (has_tensor(file, "pixel_values_0") && has_tensor(file, "tgt_sizes")) {
    difference.pixels = pixel_difference(model, pictures, false, read_slices(file, path, "pixel_values", "tgt_sizes", false));
  }

  if (options.context == 0) options.context = static_cast<uint32_t>(ids.values.size() + greedy.values.size() + 1);
  options.logit_rows = static_cast<uint32_t>(logits.shape[0]);
  options.picture_tokens = largest_picture(model, pictures);
  const Session session = create_session(model, options);
  std::vector<const mica_picture*> handles;
  for (const NamedPicture& picture : pictures) handles.push_back(picture.picture.get());
  mica_error error{};
  require(mica_session_add_tokens(session.get(), ids.values.data(), ids.values.size(), handles.data(), handles.size(),
                                  &error),
          error);
  require(mica_session_prefill(session.get(), nullptr, nullptr, &error), error);
  compare_logits(model, session, logits, difference);

  const std::vector<int32_t> tokens = generate_greedy(session, greedy.values.size());
  const auto first_other =
      std::mismatch(tokens.begin(), tokens.end(), greedy.values.begin(), greedy.values.end()).first;
  difference.greedy = static_cast<uint32_t>(greedy.values.size());
  difference.greedy_equal = static_cast<uint32_t>(first_other - tokens.begin());
  return difference;
}

}  // namespace app
