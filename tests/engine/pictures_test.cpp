// Encoded pictures that are kept: what goes when there is no room, and the hash that they are known by.
#include <doctest/doctest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "pictures.hpp"

using namespace mica;

namespace {

Picture picture_of(uint32_t width, uint32_t height, uint8_t value, bool alpha = false) {
  Picture picture;
  picture.width = width;
  picture.height = height;
  picture.rgb = std::make_unique<uint8_t[]>(size_t{width} * height * 3);
  std::memset(picture.rgb.get(), value, size_t{width} * height * 3);
  if (alpha) {
    picture.alpha = std::make_unique<uint8_t[]>(size_t{width} * height);
    std::memset(picture.alpha.get(), 255, size_t{width} * height);
  }
  return picture;
}

std::vector<float> rows_of(float value, size_t floats) { return std::vector<float>(floats, value); }

}  // namespace

TEST_CASE("the hash is SipHash-2-4 with 128 bits, however its input comes in pieces") {
  HashKey key;
  uint8_t bytes[64];
  for (size_t i = 0; i < 64; ++i) bytes[i] = static_cast<uint8_t>(i);
  std::memcpy(key.words, bytes, sizeof key.words);
  struct Vector {
    size_t count;
    uint8_t hash[16];
  };
  // vectors_sip128 of the authors' implementation.
  const Vector vectors[] = {
      {0, {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93}},
      {1, {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45}},
  };
  for (const Vector& vector : vectors) {
    KeyedHash hash(key);
    hash.add(bytes, vector.count);
    const Hash128 given = hash.finish();
    CHECK(std::memcmp(given.words, vector.hash, sizeof vector.hash) == 0);
  }
  KeyedHash whole(key);
  whole.add(bytes, 61);
  const Hash128 wanted = whole.finish();
  for (size_t cut = 0; cut <= 61; ++cut) {
    KeyedHash pieces(key);
    pieces.add(bytes, cut);
    pieces.add(bytes + cut, 61 - cut);
    CHECK(pieces.finish() == wanted);
  }
}

TEST_CASE("a picture is known by its pixels and by what it becomes, and not to others' keys") {
  const Pictures pictures(1 << 20), others(1 << 20);
  PixelPlan plan;
  plan.width = plan.height = 56;
  PixelPlan smaller = plan;
  smaller.width = 28;
  const auto hash_by = [&](const Pictures& by, const Picture& picture, const PixelPlan& shown) {
    const Picture* one = &picture;
    return by.hash_of({&one, 1}, shown);
  };
  const Hash128 hash = hash_by(pictures, picture_of(4, 6, 9), plan);
  CHECK(hash == hash_by(pictures, picture_of(4, 6, 9), plan));
  CHECK(hash != hash_by(pictures, picture_of(4, 6, 8), plan));
  CHECK(hash != hash_by(pictures, picture_of(6, 4, 9), plan));
  CHECK(hash != hash_by(pictures, picture_of(4, 6, 9, true), plan));
  CHECK(hash != hash_by(pictures, picture_of(4, 6, 9), smaller));
  CHECK(hash != hash_by(others, picture_of(4, 6, 9), plan));
  const Picture first = picture_of(4, 6, 9), second = picture_of(4, 6, 8);
  const Picture *both[] = {&first, &second}, *turned[] = {&second, &first};
  CHECK(pictures.hash_of(both, plan) != hash);
  CHECK(pictures.hash_of(both, plan) != pictures.hash_of(turned, plan));
}

TEST_CASE("what was not used for longest goes first, and nothing is kept beyond the bound") {
  constexpr size_t kFloats = 1000;
  Pictures pictures(3 * (kFloats * sizeof(float) + 300));
  const auto hash = [](uint64_t number) { return Hash128{{number, 1}}; };
  std::vector<float> rows(kFloats);
  for (uint64_t i = 0; i < 3; ++i) pictures.keep(hash(i), kFloats, rows_of(static_cast<float>(i), kFloats).data());
  CHECK(pictures.find(hash(0), kFloats, rows.data()));  // now 1 is the oldest
  pictures.keep(hash(3), kFloats, rows_of(3, kFloats).data());
  CHECK(!pictures.find(hash(1), kFloats, rows.data()));
  for (uint64_t i : {uint64_t{0}, uint64_t{2}, uint64_t{3}}) {
    CHECK(pictures.find(hash(i), kFloats, rows.data()));
    CHECK(rows == rows_of(static_cast<float>(i), kFloats));
  }
  CHECK(!pictures.find(hash(0), kFloats - 1, rows.data()));
  CHECK(pictures.stats().pictures == 3);
  CHECK(pictures.stats().bytes <= pictures.bytes_max());
  const std::vector<float> large(4 * kFloats);
  pictures.keep(hash(9), large.size(), large.data());  // larger than all room: the others stay
  CHECK(pictures.stats().pictures == 3);
  CHECK(pictures.stats().found == 4);
  CHECK(pictures.stats().missed == 2);
  pictures.clear();
  CHECK(pictures.stats().pictures == 0);
  CHECK(pictures.stats().bytes == 0);
  Pictures none(0);
  none.keep(hash(1), kFloats, rows.data());
  CHECK(none.stats().pictures == 0);
}

TEST_CASE("several threads look and keep at once") {
  constexpr size_t kFloats = 500;
  Pictures pictures(8 * kFloats * sizeof(float));
  bool right[3] = {};
  std::vector<std::thread> threads;
  for (bool& good : right)
    threads.emplace_back([&] {
      std::vector<float> rows(kFloats);
      good = true;
      for (uint64_t i = 0; i < 2000; ++i) {
        const uint64_t which = i % 11;
        const std::vector<float> wanted = rows_of(static_cast<float>(which), kFloats);
        if (pictures.find({{which, 0}}, kFloats, rows.data())) good = good && rows == wanted;
        else pictures.keep({{which, 0}}, kFloats, wanted.data());
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (bool good : right) CHECK(good);
  CHECK(pictures.stats().bytes <= pictures.bytes_max());
}
