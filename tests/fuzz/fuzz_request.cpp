// Fuzz target: the body of a request, read as each protocol of the server would. It becomes a question or a refusal,
// and what it held of the server's memory is given back.
#include <cstdint>
#include <mutex>
#include <string>

#include "chat_request.hpp"
#include "ollama_request.hpp"

using namespace app::serve;

namespace {

constexpr size_t kHeldMax = size_t{64} << 20;

void require(bool promise) {
  if (!promise) __builtin_trap();
}

void read(const std::string& body, Question (*reader)(const Json&, const Asking&, Held&&)) {
  ByteBudget budget(kHeldMax);
  std::mutex decoding;
  const Asking asking{mica_sampling_default(), true, &decoding};
  try {
    const Question question = reader(parse_request(body), asking, Held(&budget));
    require(question.sampling.temperature >= 0 && question.sampling.top_p <= 1 && question.likeliest <= 20);
    for (const Turn& turn : question.turns) require(!turn.parts.empty());
  } catch (const Refusal& refusal) {
    require(refusal.status() >= 400 && *refusal.what() != '\0');
  }
  require(budget.take(kHeldMax));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  for (const auto reader : {read_chat, read_completion, read_ollama_chat, read_ollama_generate}) read(body, reader);
  return 0;
}
