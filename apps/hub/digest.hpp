// Digests by which a hub names bytes: SHA-256, and SHA-1 of a git blob. By OpenSSL's libcrypto; only names, no trust.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

struct evp_md_ctx_st;

namespace app::hub {

class Digest {
 public:
  // Of `bytes` bytes, to be compared with `expected` (File::digest): its length says which digest. Throws Failure.
  Digest(const std::string& expected, uint64_t bytes);

  void add(const void* bytes, size_t count);
  // In lower case hexadecimal; nothing can be added afterwards.
  std::string finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace app::hub
