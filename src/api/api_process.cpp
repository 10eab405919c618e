// C API: status, version, log and processor. Not models or sessions.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "float_gemm.hpp"
#include "handles.hpp"
#include "log.hpp"

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

void mica_set_log(mica_log_callback callback, void* user) {
  // LogFunction takes the level as an enum; the values are the same.
  static mica_log_callback g_callback;
  g_callback = callback;
  set_log(callback ? [](void* data, LogLevel level,
                        const char* message) { g_callback(data, static_cast<int>(level), message); }
                   : LogFunction{},
          user);
}

mica_status mica_set_isa(const char* level, mica_error* error) { return report(force_isa(level), error); }

mica_status mica_cpu_describe(char* json, size_t capacity, size_t* needed, mica_error* error) {
  const simd::Kernels* chosen = nullptr;
  if (const Status status = kernels_in_use(&chosen); !status) return report(status, error);
  nlohmann::ordered_json out;
#if defined(__x86_64__)
  out["architecture"] = "x86_64";
#elif defined(__aarch64__)
  out["architecture"] = "aarch64";
#else
  out["architecture"] = "other";
#endif
  out["chosen"] = chosen->name;
  out["threads"] = default_threads();
  out["float_products"] = float_gemm_library();
  out["float_products_isa"] = float_gemm_isa(*chosen);
  out["levels"] = nlohmann::ordered_json::array();
  for (int i = 0; i < static_cast<int>(simd::Level::count); ++i) {
    const auto level = static_cast<simd::Level>(i);
    out["levels"].push_back({{"name", simd::level_name(level)}, {"available", simd::kernels_at(level) != nullptr}});
  }
  return report(copy_text(out.dump(), json, capacity, needed), error);
}

}  // extern "C"
