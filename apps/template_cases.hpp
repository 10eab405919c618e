// Chat templates against the renderings of their reference. Not of a model: a folder with a template and renderings.json
// is all that is read.
#pragma once

#include <string>
#include <vector>

namespace app {

struct TemplateCase {
  size_t place = 0;  // in renderings.json, from 0
  bool equal = false;
  bool should_fail = false;
  std::string is;      // the rendering, or the failure
  std::string should;  // the rendering, or what the failure must say
  bool failed = false;
};

// Every rendering of `folder`. Throws Failure when there is no template or no renderings.json.
std::vector<TemplateCase> compare_templates(const std::string& folder);

}  // namespace app
