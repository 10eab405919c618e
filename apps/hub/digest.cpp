// Digests, see digest.hpp.
#include "digest.hpp"

#include <openssl/evp.h>

#include "../handles.hpp"

namespace app::hub {
namespace {

constexpr size_t kSha256Digits = 64;

void require_crypto(int result) {
  if (result != 1) throw Failure("libcrypto gives no digests here");
}

}  // namespace

void Digest::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Digest::Digest(const std::string& expected, uint64_t bytes) : context_(EVP_MD_CTX_new()) {
  const bool is_sha256 = expected.size() == kSha256Digits;
  const EVP_MD* kind = is_sha256 ? EVP_sha256() : EVP_sha1();
  require_crypto(context_ != nullptr && EVP_DigestInit_ex(context_.get(), kind, nullptr) == 1);
  if (is_sha256) return;
  const std::string head = "blob " + std::to_string(bytes);
  add(head.c_str(), head.size() + 1);  // with the zero
}

void Digest::add(const void* bytes, size_t count) { require_crypto(EVP_DigestUpdate(context_.get(), bytes, count)); }

std::string Digest::finish() {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned count = 0;
  require_crypto(EVP_DigestFinal_ex(context_.get(), bytes, &count));
  std::string text;
  for (unsigned i = 0; i < count; i++) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace app::hub
