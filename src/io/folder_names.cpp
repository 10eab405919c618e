// folder_names: listings by the system's own functions; the iterators of std::filesystem end the process where memory
// runs out.
#include "folder_names.hpp"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>

#include "limits.hpp"
#include "system_error.hpp"

namespace mica {

Status list_folder(const std::string& folder, size_t names_max, std::vector<std::string>* names) {
  struct Close {
    void operator()(DIR* open) const { closedir(open); }
  };
  const std::unique_ptr<DIR, Close> open(opendir(folder.c_str()));
  if (open == nullptr) return system_error("list", folder.c_str(), errno);
  while (names->size() < names_max) {
    errno = 0;
    const dirent* entry = readdir(open.get());
    if (entry == nullptr && errno != 0) return system_error("list", folder.c_str(), errno);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names->emplace_back(name);
  }
  std::sort(names->begin(), names->end());
  return Status::ok();
}

std::vector<std::string> folder_names(const std::string& folder) {
  std::vector<std::string> names;
  if (!list_folder(folder, limits::kFolderNamesMax, &names)) names.clear();
  return names;
}

}  // namespace mica
