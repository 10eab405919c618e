// LibAv: the libraries by their names, of the version that the headers are of.
#include "libav.hpp"

#include <dlfcn.h>

#include <string>

namespace mica {
namespace {

#define MICA_TEXT_OF(number) #number
#define MICA_TEXT(number) MICA_TEXT_OF(number)

// By what others stand on first.
struct Library {
  const char* name;
  const char* file;
};
constexpr Library kLibraries[] = {
    {"avutil", "libavutil.so." MICA_TEXT(LIBAVUTIL_VERSION_MAJOR)},
    {"avcodec", "libavcodec.so." MICA_TEXT(LIBAVCODEC_VERSION_MAJOR)},
    {"avformat", "libavformat.so." MICA_TEXT(LIBAVFORMAT_VERSION_MAJOR)},
    {"swscale", "libswscale.so." MICA_TEXT(LIBSWSCALE_VERSION_MAJOR)},
};

class Loader {
 public:
  void* find(std::string_view library, const char* name) {
    for (size_t i = 0; i < std::size(kLibraries) && missing_.empty(); ++i) {
      if (library != kLibraries[i].name) continue;
      if (handles_[i] == nullptr) handles_[i] = dlopen(kLibraries[i].file, RTLD_NOW | RTLD_LOCAL);
      void* found = handles_[i] != nullptr ? dlsym(handles_[i], name) : nullptr;
      if (found == nullptr) missing_ = kLibraries[i].file;
      return found;
    }
    return nullptr;
  }
  const std::string& missing() const { return missing_; }

 private:
  void* handles_[std::size(kLibraries)] = {};  // never closed: what they loaded holds on to them
  std::string missing_;
};

struct Loaded {
  LibAv functions;
  std::string missing;

  Loaded() {
    Loader loader;
#define MICA_LIBAV_FIND(library, name) \
  functions.name = reinterpret_cast<decltype(functions.name)>(loader.find(#library, #name));
    MICA_LIBAV_FUNCTIONS(MICA_LIBAV_FIND)
#undef MICA_LIBAV_FIND
    missing = loader.missing();
    if (missing.empty()) functions.av_log_set_level(AV_LOG_QUIET);
  }
};

}  // namespace

Status load_libav(const LibAv** out) {
  static const Loaded loaded;
  if (!loaded.missing.empty())
    return Status::error(Code::unsupported,
                         "videos are read by FFmpeg's libraries, and %s is not installed here, or is another version "
                         "than mica was built for (Debian: libavformat, libavcodec, libswscale)",
                         loaded.missing.c_str());
  *out = &loaded.functions;
  return Status::ok();
}

}  // namespace mica
