// The bounds of what a client may send and of what is kept of it, each named and with the reason for its size.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace app::serve {

using Clock = std::chrono::steady_clock;

// A dozen photographs of a phone, in base64.
constexpr size_t kBodyBytesMax = size_t{64} << 20;
// Of all requests that are being read or answered, bodies and decoded pictures together: several of the largest.
constexpr size_t kHeldBytesMax = size_t{512} << 20;
constexpr size_t kHeadBytesMax = size_t{32} << 10;  // the request line and all headers
constexpr size_t kPathBytesMax = 256;

// A request's JSON: values in all, and how deep they are nested. A conversation of 1,000 turns has some 10,000.
constexpr size_t kJsonValuesMax = 200000;
constexpr int kJsonDepthMax = 32;
// Of one object, whose members are looked for one by one. The schemas of large services have some hundred.
constexpr size_t kJsonMembersMax = 1024;
constexpr size_t kTurnsMax = 1024;
constexpr size_t kPicturesMax = 64;  // of one request
// Of all texts of a question together: a million tokens as people write. More is refused before it is looked at, and so is
// what is longer than a context full of the longest token.
constexpr size_t kTextBytesMax = size_t{4} << 20;
// More text than this is measured before it comes to the thread that computes, which reads so much in a few milliseconds.
constexpr size_t kTextBytesAtOnce = size_t{32} << 10;
// Of /tokenize, which takes some thirty times as much for a moment, and has an answer of up to seven times as much.
constexpr size_t kTokenizeBytesMax = size_t{1} << 20;

constexpr size_t kRefusedAtOnce = 32;  // connections beyond the most, which are told so; more wait in the system

// A client sends its head and each piece of its body at once; one that does not is cut off.
constexpr std::chrono::seconds kHeadTimeMax{10};
constexpr std::chrono::seconds kBodyTimeMax{120};  // 64 MiB at 4.5 Mbit/s
constexpr std::chrono::seconds kStallTimeMax{15};  // without a byte, of a body or of an answer that is not read
constexpr std::chrono::seconds kIdleTimeMax{30};   // between two requests of a connection

// How often it is looked whether a client that waits is still there.
constexpr std::chrono::milliseconds kLookTime{100};
// A stream begins then, also where nothing can be said yet; until then a failure can have a status of its own.
constexpr std::chrono::seconds kBeginTime{2};
// Between two comments of a stream that waits, as for a picture: below what proxies and clients take for silence.
constexpr std::chrono::seconds kPingTime{5};
// After a signal, running answers have so long to end.
constexpr std::chrono::seconds kDrainTime{30};

// A longer prompt joins no step of others, who would wait for all of it: it is read a layer at a time between their steps.
// So many tokens take about as long as the weights, which a step reads anyway.
constexpr uint32_t kTokensJoiningMax = 16;

constexpr uint32_t kLikeliestMax = 20;  // top_logprobs

}  // namespace app::serve
