// ScratchFile: a name in a folder of its own, for fuzz targets whose functions take a path. Not a test.
#pragma once

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace mica::test {

class ScratchFile {
 public:
  ScratchFile() : folder_((std::filesystem::temp_directory_path() / "mica-fuzz-XXXXXX").string()) {
    if (mkdtemp(folder_.data()) == nullptr) std::abort();
  }
  ScratchFile(const ScratchFile&) = delete;
  ~ScratchFile() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  std::string path() const { return folder_ + "/file"; }

 private:
  std::string folder_;
};

}  // namespace mica::test
