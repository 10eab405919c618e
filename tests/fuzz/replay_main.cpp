// The main function of fuzz targets in the plain build: runs every file of the folders named on the command line.
// Not a fuzzer: -Dfuzzing=libfuzzer links libFuzzer's main function instead of this one.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::vector<std::filesystem::path> files_of(const char* folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argument_count, char** arguments) {
  size_t files_count = 0;
  for (int i = 1; i < argument_count; ++i) {
    for (const auto& path : files_of(arguments[i])) {
      std::ifstream file(path, std::ios::binary);
      const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      // The last name printed is the file at fault when the target crashes.
      std::printf("%s: %zu bytes\n", path.c_str(), bytes.size());
      std::fflush(stdout);
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
      ++files_count;
    }
  }
  if (files_count == 0) {
    std::fprintf(stderr, "no corpus: give the folders whose files shall be replayed\n");
    return 1;
  }
  std::printf("%zu files replayed\n", files_count);
  return 0;
}
