// C API: status, version, log and processor. Not models or sessions.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "available_memory.hpp"
#include "float_gemm.hpp"
#include "handles.hpp"
#include "json_build.hpp"
#include "kernel_choice.hpp"
#include "log.hpp"
#include "fitting_threads.hpp"

namespace mica {

mica_status report(const Status& status, mica_error* error) {
  const auto code = static_cast<mica_status>(status.code());
  if (error != nullptr) {
    error->status = code;
    static_assert(sizeof error->message >= Status::kMessageBytes);
    std::memcpy(error->message, status.message(), std::strlen(status.message()) + 1);
  }
  return code;
}

Status missing_argument(const char* name) {
  return Status::error(Code::invalid_argument, "the argument \"%s\" must not be NULL", name);
}

Status copy_text(const std::string& text, char* out, size_t capacity, size_t* needed) {
  if (needed != nullptr) *needed = text.size() + 1;
  if (out == nullptr && capacity == 0 && needed != nullptr) return Status::ok();
  if (out == nullptr) return missing_argument("json");
  const size_t count = capacity == 0 ? 0 : std::min(capacity - 1, text.size());
  std::memcpy(out, text.data(), count);
  if (capacity > 0) out[count] = '\0';
  if (count < text.size())
    return Status::error(Code::limit_exceeded, "the text has %zu bytes, the buffer %zu", text.size() + 1, capacity);
  return Status::ok();
}

}  // namespace mica

using namespace mica;

extern "C" {

const char* mica_status_name(mica_status status) { return code_name(static_cast<Code>(status)); }
const char* mica_version(void) { return MICA_VERSION; }

void mica_set_log(mica_log_callback callback, void* user) { set_log(callback, user); }

uint64_t mica_memory_available(void) { return available_memory(); }

mica_status mica_set_isa(const char* level, mica_error* error) {
  return guarded(error, [&] { return force_isa(level); });
}

mica_status mica_cpu_describe(char* json, size_t capacity, size_t* needed, mica_error* error) {
  return guarded(error, [&] {
    const simd::Kernels* chosen = nullptr;
    MICA_TRY(kernels_in_use(&chosen));
    JsonBuild out;
#if defined(__x86_64__)
    out["architecture"] = "x86_64";
#elif defined(__aarch64__)
    out["architecture"] = "aarch64";
#else
    out["architecture"] = "other";
#endif
    out["chosen"] = level_of(*chosen);
    out["threads"] = fitting_threads().prompts;
    out["float_products"] = float_gemm_library();
    out["float_products_isa"] = float_gemm_isa(*chosen);
    JsonBuild levels = JsonBuild::array();
    for (size_t i = 0; i < kernel_level_count(); ++i)
      levels.push_back({{"name", kernel_level(i).name}, {"available", kernel_level(i).available}});
    out["levels"] = levels;
    return copy_text(out.dump(), json, capacity, needed);
  });
}

}  // extern "C"
