// folder_names: what lies in a folder. Not a walk through the folders in it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "status.hpp"

namespace mica {

// Appends the names of at most `names_max` files and folders in `folder` and sorts all. Errors are the system's, with
// the folder's name.
Status list_folder(const std::string& folder, size_t names_max, std::vector<std::string>* names);
// The names of at most kFolderNamesMax files and folders in `folder`, sorted; none when it cannot be read.
std::vector<std::string> folder_names(const std::string& folder);

}  // namespace mica
