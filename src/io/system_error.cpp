// system_error: errno to Status. Not a retry policy: callers repeat on EINTR themselves.
#include "system_error.hpp"

#include <cerrno>
#include <string>
#include <system_error>

namespace mica {

Status system_error(const char* doing, const char* path, int error_number) {
  Code code = Code::io_error;
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:  // a link that leads to itself leads to no file
    case ENAMETOOLONG: code = Code::not_found; break;
    case EACCES:
    case EPERM:
    case EROFS: code = Code::permission_denied; break;
    case ENOMEM: code = Code::out_of_memory; break;
    default: break;
  }
  const std::string reason = std::generic_category().message(error_number);
  return Status::error(code, "cannot %s %s: %s", doing, path, reason.c_str());
}

}  // namespace mica
