// Digests by which a hub names bytes: SHA-256, and SHA-1 of a git blob. By OpenSSL's libcrypto; only names, no trust.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include <openssl/sha.h>

namespace app::hub {

class Digest {
 public:
  // Of `bytes` bytes, to be compared with `expected` (File::digest): its length says which digest.
  Digest(const std::string& expected, uint64_t bytes);

  void add(const void* bytes, size_t count);
  // In lower case hexadecimal; nothing can be added afterwards.
  std::string finish();

 private:
  std::variant<SHA256_CTX, SHA_CTX> context_;
};

}  // namespace app::hub
