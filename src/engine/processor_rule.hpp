// ProcessorRule: a rule from one class of processors and the object of a file. Which class and which object:
// picture_config.cpp, frame_config.cpp.
#pragma once

#include "json.hpp"
#include "model_spec.hpp"
#include "picture_processor.hpp"
#include "status.hpp"

namespace mica {

// The values of the object as the class reads them, and their rule; where there is no object (absent), the rule that
// the class was published with, for the tower's size.
Status read_rule(JsonValue root, const PictureProcessor& kind, const ModelSpec& spec, const char* name,
                 ProcessorValues* values, PictureRule* out);

// Whether what the rule gives is what the tower takes. `what`: pictures, or frames.
Status check_against_tower(JsonValue root, const ProcessorValues& values, const ModelSpec& spec,
                           const PictureRule& rule, const char* what);

}  // namespace mica
