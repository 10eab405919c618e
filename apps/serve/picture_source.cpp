// Pictures of a request, see picture_source.hpp.
#include "picture_source.hpp"

#include "base64.hpp"
#include "digest.hpp"
#include "refusal.hpp"

namespace app::serve {
namespace {

constexpr const char* kField = "image_url";

// What stands behind "data:image/jpeg;base64,"; all of a text that is no URL. The type may be missing: the bytes tell.
std::string_view base64_of(std::string_view source) {
  if (!source.starts_with("data:")) {
    // No base64 has a colon, and every URL has one.
    if (source.substr(0, 64).find(':') == std::string_view::npos) return source;
    throw Refusal(400, "this server reads no picture from elsewhere: send it as data:image/jpeg;base64,...", kField);
  }
  const size_t comma = source.find(',');
  if (comma == std::string_view::npos || !source.substr(0, comma).ends_with(";base64"))
    throw Refusal(400, "the picture's data URL is not in base64: data:image/jpeg;base64,...", kField);
  return source.substr(comma + 1);
}

std::string digest_of(const std::string& bytes) {
  hub::Digest digest(std::string(64, '0'), bytes.size());  // of 64 digits: SHA-256
  digest.add(bytes.data(), bytes.size());
  return digest.finish();
}

}  // namespace

Part read_picture(std::string_view source, std::mutex* decoding, Held* held) {
  const std::optional<std::string> bytes = decode_base64(base64_of(source));
  if (!bytes || bytes->empty()) throw Refusal(400, "a picture is not base64", kField);
  Part part;
  mica_picture* picture = nullptr;
  mica_error error{};
  const std::lock_guard<std::mutex> lock(*decoding);
  if (mica_picture_decode(bytes->data(), bytes->size(), &picture, &error) != MICA_OK)
    throw Refusal(http_status(error.status), std::string("a picture cannot be read: ") + error.message, kField);
  part.picture.reset(picture);
  const size_t pixel_bytes = size_t{3} * mica_picture_width(picture) * mica_picture_height(picture);
  if (!held->can_have(pixel_bytes))
    throw Refusal(413, "the pictures of this request are more than the server ever holds: send fewer, or smaller ones",
                  kField);
  if (!held->add(pixel_bytes)) throw Refusal(503, "the server holds as many pictures as it may: ask again later");
  part.digest = digest_of(*bytes);
  return part;
}

}  // namespace app::serve
