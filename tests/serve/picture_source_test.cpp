// Pictures of a request and what the server may hold: which may come again later, and which never can. Not over HTTP.
#include <doctest/doctest.h>

#include "picture_source.hpp"
#include "refusal.hpp"
#include "server.hpp"

using namespace app::serve;

TEST_CASE("a picture that fits beside nobody's is too large; one that others leave no room for comes again") {
  const std::string source = serve_test::base64(serve_test::file_bytes(program::data(serve_test::kPicture)));
  std::mutex decoding;
  const auto status = [&](Held held) {
    try {
      const Part part = read_picture(source, &decoding, &held);
      return part.picture == nullptr ? 0 : 200;
    } catch (const Refusal& refusal) {
      return refusal.status();
    }
  };
  constexpr size_t kEnough = size_t{64} << 20;
  ByteBudget small(1000), large(kEnough);
  CHECK(status(Held(&small)) == 413);
  CHECK(status(Held(&large)) == 200);
  Held others(&large);
  REQUIRE(others.add(kEnough - 1000));
  CHECK(status(Held(&large)) == 503);
  // Of one request: what it holds already counts.
  Held own(&small);
  REQUIRE(own.add(900));
  CHECK(own.can_have(100));
  CHECK(!own.can_have(101));
}
