// Published shapes, see published_shape.hpp.
#include "published_shape.hpp"

#include <vector>

#include "mica.h"
#include "terminal.hpp"

namespace app {
namespace {

std::vector<std::string> names(const char* (*name_at)(size_t)) {
  std::vector<std::string> all;
  for (size_t i = 0; name_at(i) != nullptr; i++) all.push_back(name_at(i));
  return all;
}

// "bf16|w4a8|...", for the whole run.
const char* weights_choices() {
  static const std::string choices = join(names(mica_weights_name), "|");
  return choices.c_str();
}

}  // namespace

void add_shape_options(CommandLine& line, PublishedShape& shape) {
  line.add({.names = "--arch",
            .value = "NAME",
            .help = "a published shape with random weights: " + join(names(mica_shape_name), ", ")},
           &shape.arch);
  line.add({.names = "--weights",
            .value = weights_choices(),
            .help = "how --arch stores them",
            .choices = weights_choices()},
           &shape.weights);
  line.need("--weights", "--arch");
  for (const char* other : {"--model", "--hf-repo", "--hf-file", "--mmproj", "--chat-format", "--chat-template"})
    line.exclude(other, "--arch");
}

Model open_shape(const PublishedShape& shape, bool with_weights) {
  mica_model_options options = mica_model_options_default();
  options.without_weights = !with_weights;
  const std::vector<std::string> storages = names(mica_weights_name);
  for (size_t i = 0; i < storages.size(); i++)
    if (shape.weights == storages[i]) options.text_weights = options.vision_weights = static_cast<mica_weights>(i);
  return open_handle<Model>(mica_model_open_shape, shape.arch.c_str(), &options);
}

}  // namespace app
