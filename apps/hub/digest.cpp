// Digests, see digest.hpp. By the functions that compute them, not by OpenSSL's providers: those are configured by
// files of the machine and would be most of a static program.
#define OPENSSL_API_COMPAT 10101  // whose interface they are
#include "digest.hpp"

#include <span>

namespace app::hub {
namespace {

constexpr size_t kSha256Digits = 64;

}  // namespace

Digest::Digest(const std::string& expected, uint64_t bytes) {
  if (expected.size() == kSha256Digits) {
    SHA256_Init(&context_.emplace<SHA256_CTX>());
    return;
  }
  SHA1_Init(&context_.emplace<SHA_CTX>());
  const std::string head = "blob " + std::to_string(bytes);
  add(head.c_str(), head.size() + 1);  // with the zero
}

void Digest::add(const void* bytes, size_t count) {
  if (auto* sha256 = std::get_if<SHA256_CTX>(&context_)) SHA256_Update(sha256, bytes, count);
  else SHA1_Update(std::get_if<SHA_CTX>(&context_), bytes, count);
}

std::string Digest::finish() {
  unsigned char bytes[SHA256_DIGEST_LENGTH];
  size_t count = SHA_DIGEST_LENGTH;
  if (auto* sha256 = std::get_if<SHA256_CTX>(&context_)) {
    SHA256_Final(bytes, sha256);
    count = SHA256_DIGEST_LENGTH;
  } else {
    SHA1_Final(bytes, std::get_if<SHA_CTX>(&context_));
  }
  std::string text;
  for (const unsigned char byte : std::span(bytes, count)) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace app::hub
