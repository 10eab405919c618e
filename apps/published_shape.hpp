// --arch and --weights: a published shape with random weights in the place of a model. What shapes there are: mica.h.
#pragma once

#include <string>

#include "command_line.hpp"
#include "handles.hpp"

namespace app {

struct PublishedShape {
  std::string arch;  // empty: none was asked for
  std::string weights = "bf16";
  // As tables and pages name it: "qwen2-vl-2b w4a8".
  std::string name() const { return arch + ' ' + weights; }
};

// Behind kModelOptions, whose models exclude a shape.
void add_shape_options(CommandLine& line, PublishedShape& shape);

// `with_weights`: without them it can be asked what it would take, and nothing else. Throws Failure.
Model open_shape(const PublishedShape& shape, bool with_weights);

}  // namespace app
