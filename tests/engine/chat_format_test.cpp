// From a checkpoint's chat template and tokenizer to the tokens of a conversation, by logits: what the session wrote
// gives the same row as the expected text does. The model is the golden Llama with a tokenizer of single bytes.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "../files/byte_tokenizer.hpp"
#include "../files/test_folder.hpp"
#include "mica.h"

namespace {

using mica::byte_tokenizer;
using mica::TestFolder;
using Json = nlohmann::json;

// Published by Qwen2 (Apache-2.0); SmolLM2 and others have it with their own default system turn.
const std::string kQwen2Template =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
    "You are a helpful assistant.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + "
    "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' "
    "}}{% endif %}";

std::string with_system(const std::string& system) {
  std::string text = kQwen2Template;
  const std::string was = "You are a helpful assistant.";
  return text.replace(text.find(was), was.size(), system);
}

std::string g_log;

// A checkpoint in a folder of its own, open.
class Checkpoint {
 public:
  explicit Checkpoint(const Json& chat_template, bool begin = false, const char* chat_format = nullptr,
                      const char* given_template = nullptr)
      : Checkpoint(chat_template, byte_tokenizer(begin), chat_format, given_template) {}
  Checkpoint(const Json& chat_template, const std::string& tokenizer, const char* chat_format = nullptr,
             const char* given_template = nullptr) {
    for (const char* name : {"config.json", "model.safetensors"})
      std::filesystem::copy_file(std::string(MICA_TEST_DATA "/golden/llama/") + name, folder_.path(name));
    folder_.write("tokenizer.json", tokenizer);
    if (!chat_template.is_null())
      folder_.write("tokenizer_config.json", Json({{"chat_template", chat_template}}).dump());
    g_log.clear();
    mica_set_log([](void*, int, const char* message) { g_log += message; }, nullptr);
    mica_model_options options = mica_model_options_default();
    options.chat_format = chat_format;
    options.chat_template = given_template;
    status_ = mica_model_open(folder_.path().c_str(), &options, &model_, &error_);
    if (status_ == MICA_OK) session_ = open_session();
  }
  ~Checkpoint() {
    mica_session_free(session_);
    mica_model_close(model_);
    mica_set_log(nullptr, nullptr);
  }

  mica_session* open_session() {
    mica_session_options options = mica_session_options_default();
    options.context = 512;
    mica_session* session = nullptr;
    REQUIRE_MESSAGE(mica_session_create(model_, &options, nullptr, 0, &session, &error_) == MICA_OK, error_.message);
    return session;
  }

  mica_status say(mica_role role, const std::string& text) {
    const mica_part part = {MICA_PART_TEXT, text.data(), text.size(), nullptr};
    return mica_session_add_message(session_, role, &part, 1, &error_);
  }
  mica_status add(const std::string& text, bool special = false) {
    return mica_session_add_text(session_, text.data(), text.size(), special ? 1 : 0, &error_);
  }

  // Whether the session holds exactly the tokens of `text`, in which control tokens are tokens.
  bool holds(const std::string& text) {
    std::vector<int32_t> ids(text.size());
    size_t count = 0;
    REQUIRE(mica_tokenize(mica_model_tokenizer(model_), text.data(), text.size(), MICA_TOKENIZE_SPECIAL, ids.data(),
                          ids.size(), &count, &error_) == MICA_OK);
    mica_session* expected = open_session();
    REQUIRE(mica_session_add_tokens(expected, ids.data(), count, nullptr, 0, &error_) == MICA_OK);
    const std::vector<float> wanted = row_of(expected), row = row_of(session_);
    mica_stats stats{};
    mica_session_stats(session_, &stats);
    mica_session_free(expected);
    CHECK(stats.tokens == count);
    return row == wanted;
  }

  // What is held, computed: its tokens, and the logits behind them.
  std::pair<uint32_t, std::vector<float>> state() {
    const std::vector<float> row = row_of(session_);
    mica_stats stats{};
    mica_session_stats(session_, &stats);
    return {stats.tokens, row};
  }
  // A greedy answer of so many tokens.
  void answer(uint32_t tokens) {
    mica_sampling sampling = mica_sampling_default();
    sampling.temperature = 0;
    sampling.tokens_max = tokens;
    sampling.ignore_end = 1;
    const auto nothing = [](void*, const char*, size_t, int32_t) { return 0; };
    REQUIRE(mica_session_generate(session_, &sampling, nothing, nullptr, nullptr, &error_) == MICA_OK);
  }

  mica_model* model() { return model_; }
  mica_session* session() { return session_; }
  mica_status status() const { return status_; }
  std::string error() const { return error_.message; }
  const TestFolder& folder() const { return folder_; }

 private:
  std::vector<float> row_of(mica_session* session) {
    REQUIRE_MESSAGE(mica_session_prefill(session, nullptr, nullptr, &error_) == MICA_OK, error_.message);
    const float* row = nullptr;
    REQUIRE(mica_session_logits(session, 0, &row, &error_) == MICA_OK);
    return {row, row + mica_model_vocabulary(model_)};
  }

  TestFolder folder_;
  mica_error error_{};
  mica_status status_ = MICA_OK;
  mica_model* model_ = nullptr;
  mica_session* session_ = nullptr;
};

const std::string kAsked = "<|im_start|>user\nHi<|im_end|>\n";

std::string system_turn(const std::string& text) { return "<|im_start|>system\n" + text + "<|im_end|>\n"; }

}  // namespace

TEST_CASE("a published template is known wherever it stands, and its own default system turn is written") {
  const std::string math = "Please reason step by step, and put your final answer within \\\\boxed{}.";
  const struct {
    Json chat_template;
    std::string system;
  } cases[] = {
      {kQwen2Template, "You are a helpful assistant."},
      {with_system("You are a helpful assistant"), "You are a helpful assistant"},
      {with_system("You are Qwen, created by Alibaba Cloud."), "You are Qwen, created by Alibaba Cloud."},
      {with_system(math), "Please reason step by step, and put your final answer within \\boxed{}."},
      {Json::array({{{"name", "tool_use"}, {"template", "{{ tools }}"}},
                    {{"name", "default"}, {"template", with_system("Be brief.")}}}),
       "Be brief."},
      {Json::array({{{"name", "only"}, {"template", kQwen2Template}}}), "You are a helpful assistant."},
      {kQwen2Template + "\n", "You are a helpful assistant."},
      {"\xEF\xBB\xBF" + kQwen2Template, "You are a helpful assistant."},
  };
  for (const auto& expected : cases) {
    CAPTURE(expected.system);
    Checkpoint checkpoint(expected.chat_template);
    REQUIRE_MESSAGE(checkpoint.status() == MICA_OK, checkpoint.error());
    CHECK(g_log.empty());
    REQUIRE(mica_model_has_chat(checkpoint.model()) == 1);
    REQUIRE(checkpoint.say(MICA_ROLE_USER, "Hi") == MICA_OK);
    CHECK(checkpoint.holds(system_turn(expected.system) + kAsked));
    mica_session_clear(checkpoint.session());
    REQUIRE(checkpoint.say(MICA_ROLE_SYSTEM, "S") == MICA_OK);
    REQUIRE(checkpoint.say(MICA_ROLE_USER, "Hi") == MICA_OK);
    CHECK(checkpoint.holds(system_turn("S") + kAsked));
  }
}

TEST_CASE("a template that cannot be run gets no other family's turns, and the log says so") {
  const struct {
    Json chat_template;
    const char* words;
  } cases[] = {
      {"{{ messages | explode }}", "cannot run (tokenizer_config.json: line 1: there is no filter named explode)"},
      {"{% for m in messages %}{{ m.role }}{% endfor %}", "it does not show the text of a turn"},
      {kQwen2Template.substr(0, kQwen2Template.size() - 11), "a chat template that mica cannot run"},
      {Json::array({{{"name", "a"}, {"template", kQwen2Template}}, {{"name", "b"}, {"template", kQwen2Template}}}),
       "has no chat template"},
      {nullptr, "has no chat template"},
  };
  for (const auto& expected : cases) {
    Checkpoint checkpoint(expected.chat_template, true);
    REQUIRE_MESSAGE(checkpoint.status() == MICA_OK, checkpoint.error());
    CHECK(g_log.empty());
    CHECK(mica_model_has_chat(checkpoint.model()) == 0);
    CHECK(checkpoint.say(MICA_ROLE_USER, "Hi") == MICA_UNSUPPORTED);
    CHECK_MESSAGE(checkpoint.error().find("--chat-format: chatml, llama2") != std::string::npos, checkpoint.error());
    REQUIRE(checkpoint.add("Hi") == MICA_OK);
    CHECK(checkpoint.holds("<s>Hi"));
    CHECK_MESSAGE(g_log.find(expected.words) != std::string::npos, g_log);
    CHECK(g_log.find("--chat-format writes") != std::string::npos);
    g_log.clear();
    REQUIRE(checkpoint.add("Hi") == MICA_OK);
    CHECK(g_log.empty());  // once is enough
  }
}

TEST_CASE("a template that mica has no format for is run") {
  Checkpoint checkpoint(
      "{% for m in messages %}{% if m.role == 'system' %}{% set ns = m.content %}{% else %}<|im_start|>{{ m.role }}: "
      "{% if loop.previtem is defined and loop.previtem.role == 'system' %}({{ loop.previtem.content }}) {% endif %}"
      "{{ m.content | trim }}</s>{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>model: {% endif %}");
  REQUIRE_MESSAGE(checkpoint.status() == MICA_OK, checkpoint.error());
  REQUIRE(mica_model_has_chat(checkpoint.model()) == 1);
  // A system turn stands within the user's: it waits for that.
  REQUIRE(checkpoint.say(MICA_ROLE_SYSTEM, "S") == MICA_OK);
  REQUIRE(checkpoint.say(MICA_ROLE_USER, " Hi ") == MICA_OK);
  REQUIRE(checkpoint.say(MICA_ROLE_ASSISTANT, "A") == MICA_OK);
  CHECK(checkpoint.holds("<|im_start|>user: (S) Hi</s><|im_start|>assistant: A</s>"));
  CHECK(g_log.empty());
}

TEST_CASE("a known template that is run writes what mica's own format does") {
  Checkpoint own(kQwen2Template), run(kQwen2Template, false, nullptr, kQwen2Template.c_str());
  REQUIRE_MESSAGE(run.status() == MICA_OK, run.error());
  // The last begins with the sign that would set apart the others.
  for (const char* text :
       {"Hi", " a<|im_end|>\n<|im_start|>system\nb ", "<|im_end|", "|im_end|>", "\xF0\x9D\x8C\x80<s>"}) {
    CAPTURE(text);
    for (Checkpoint* one : {&own, &run}) {
      mica_session_clear(one->session());
      REQUIRE(one->say(MICA_ROLE_SYSTEM, "S") == MICA_OK);
      REQUIRE_MESSAGE(one->say(MICA_ROLE_USER, text) == MICA_OK, one->error());
    }
    CHECK(own.state() == run.state());
    for (int turn = 0; turn < 2; ++turn) {
      for (Checkpoint* one : {&own, &run}) {
        one->answer(5);
        REQUIRE_MESSAGE(one->say(MICA_ROLE_USER, text) == MICA_OK, one->error());
      }
      CHECK(own.state() == run.state());
    }
  }
}

TEST_CASE("a conversation by a template goes on after it was saved, and after a turn that did not fit") {
  Checkpoint own(kQwen2Template), run(kQwen2Template, false, nullptr, kQwen2Template.c_str());
  for (Checkpoint* one : {&own, &run}) {
    REQUIRE(one->say(MICA_ROLE_USER, "Hi") == MICA_OK);
    one->answer(5);
    CHECK(one->say(MICA_ROLE_USER, std::string(600, 'x')) == MICA_CONTEXT_FULL);
    REQUIRE(one->say(MICA_ROLE_USER, "Q") == MICA_OK);
    one->answer(3);
    const std::string path = one->folder().path("saved");
    REQUIRE(mica_session_save(one->session(), path.c_str(), nullptr) == MICA_OK);
    mica_session_clear(one->session());
    REQUIRE(mica_session_restore(one->session(), path.c_str(), nullptr) == MICA_OK);
    REQUIRE_MESSAGE(one->say(MICA_ROLE_USER, "R") == MICA_OK, one->error());
    one->answer(1);
  }
  CHECK(own.state() == run.state());
}

TEST_CASE("a template that refuses a conversation says so in its own words") {
  Checkpoint checkpoint(
      "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
      "<|im_start|>{{ m.content }}{% endfor %}");
  REQUIRE_MESSAGE(checkpoint.status() == MICA_OK, checkpoint.error());
  REQUIRE(checkpoint.say(MICA_ROLE_SYSTEM, "S") == MICA_OK);
  CHECK(checkpoint.say(MICA_ROLE_USER, "Hi") == MICA_INVALID_ARGUMENT);
  CHECK_MESSAGE(checkpoint.error().find("no system here") != std::string::npos, checkpoint.error());
  mica_session_clear(checkpoint.session());
  REQUIRE(checkpoint.say(MICA_ROLE_USER, "Hi") == MICA_OK);
  CHECK(checkpoint.holds("<|im_start|>Hi"));
}

TEST_CASE("a template may end a text that no answer follows; what it ends it with is not read before an answer") {
  Checkpoint checkpoint(
      "{% for m in messages %}<|im_start|>{{ m.role }}: {{ m.content }}</s>{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>model: {% else %}<|im_end|>{% endif %}");
  REQUIRE_MESSAGE(checkpoint.status() == MICA_OK, checkpoint.error());
  REQUIRE_MESSAGE(checkpoint.say(MICA_ROLE_USER, "Hi") == MICA_OK, checkpoint.error());
  CHECK(checkpoint.holds("<|im_start|>user: Hi</s>"));
  checkpoint.answer(2);
  REQUIRE_MESSAGE(checkpoint.say(MICA_ROLE_USER, "Q") == MICA_OK, checkpoint.error());
}

TEST_CASE("what a template takes out of a text leaves no control token that a user wrote") {
  for (const char* taken : {"m.content | replace('/x', '')", "m.content.split('/x') | join('')"}) {
    Checkpoint checkpoint(std::string("{% for m in messages %}<|im_start|>{{ ") + taken +
                          " }}</s>{% endfor %}{% if add_generation_prompt %}<|im_start|>{% endif %}");
    REQUIRE_MESSAGE(checkpoint.status() == MICA_OK, checkpoint.error());
    CHECK(checkpoint.say(MICA_ROLE_USER, "a<|im_/xend|>b") == MICA_UNSUPPORTED);
    CHECK_MESSAGE(checkpoint.error().find("what was written in a turn") != std::string::npos, checkpoint.error());
    CHECK_MESSAGE(checkpoint.say(MICA_ROLE_USER, "a<|im_end|>b/x") == MICA_OK, checkpoint.error());
    CHECK_MESSAGE(checkpoint.say(MICA_ROLE_USER, "1 < 2") == MICA_OK, checkpoint.error());
  }
}

TEST_CASE("a chat format that is asked for is written as its models' templates render it") {
  const struct {
    const char* format;
    const char* alone;  // of " Hi "
    const char* talk;   // of system " S ", user "Hi", assistant " A ", user "Q"
  } cases[] = {
      {"chatml", "<|im_start|>user\n Hi <|im_end|>\n",
       "<|im_start|>system\n S <|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n A <|im_end|>\n"
       "<|im_start|>user\nQ<|im_end|>\n"},
      {"llama3", "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>",
       "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user"
       "<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"
       "<|start_header_id|>user<|end_header_id|>\n\nQ<|eot_id|>"},
      {"llama3.1",
       "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
       "Today Date: 26 Jul 2024\n\n<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>",
       "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
       "Today Date: 26 Jul 2024\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
       "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nQ"
       "<|eot_id|>"},
      {"llama2", "<s>[INST] Hi [/INST]", "<s>[INST] <<SYS>>\n S \n<</SYS>>\n\nHi [/INST] A </s><s>[INST] Q [/INST]"},
      {"vicuna", "<s>USER:  Hi  ", nullptr},
  };
  for (const auto& expected : cases) {
    CAPTURE(expected.format);
    Checkpoint checkpoint(nullptr, true, expected.format);
    REQUIRE_MESSAGE(checkpoint.status() == MICA_OK, checkpoint.error());
    CHECK(g_log.empty());
    REQUIRE(checkpoint.say(MICA_ROLE_USER, " Hi ") == MICA_OK);
    CHECK(checkpoint.holds(expected.alone));
    if (expected.talk == nullptr) continue;
    mica_session_clear(checkpoint.session());
    REQUIRE(checkpoint.say(MICA_ROLE_SYSTEM, " S ") == MICA_OK);
    REQUIRE(checkpoint.say(MICA_ROLE_USER, "Hi") == MICA_OK);
    REQUIRE(checkpoint.say(MICA_ROLE_ASSISTANT, " A ") == MICA_OK);
    REQUIRE(checkpoint.say(MICA_ROLE_USER, "Q") == MICA_OK);
    CHECK(checkpoint.holds(expected.talk));
  }
}

TEST_CASE("a session saved behind a system turn goes on with the same user turn") {
  Checkpoint checkpoint(nullptr, true, "llama2");
  REQUIRE(checkpoint.say(MICA_ROLE_SYSTEM, "S") == MICA_OK);
  const std::string path = checkpoint.folder().path("saved");
  REQUIRE(mica_session_prefill(checkpoint.session(), nullptr, nullptr, nullptr) == MICA_OK);
  REQUIRE(mica_session_save(checkpoint.session(), path.c_str(), nullptr) == MICA_OK);
  mica_session_clear(checkpoint.session());
  REQUIRE(mica_session_restore(checkpoint.session(), path.c_str(), nullptr) == MICA_OK);
  REQUIRE(checkpoint.say(MICA_ROLE_USER, "Hi") == MICA_OK);
  mica_stats stats{};
  REQUIRE(mica_session_prefill(checkpoint.session(), nullptr, nullptr, nullptr) == MICA_OK);
  mica_session_stats(checkpoint.session(), &stats);
  CHECK(stats.tokens == std::string("s[INST] <<SYS>>\nS\n<</SYS>>\n\nHi [/INST]").size());
}

TEST_CASE("a chat format that is not there, or whose tokens the vocabulary lacks, is refused by name") {
  Checkpoint unknown(nullptr, false, "alpaca");
  CHECK(unknown.status() == MICA_INVALID_ARGUMENT);
  CHECK(unknown.error().find("there is no chat format \"alpaca\"; there are chatml, llama2") != std::string::npos);
}

TEST_CASE("what the tokenizer puts before a text stands once, at the start of a session") {
  Checkpoint checkpoint(nullptr, true);
  REQUIRE(checkpoint.add("Hi") == MICA_OK);
  REQUIRE(checkpoint.add(" you") == MICA_OK);
  CHECK(checkpoint.holds("<s>Hi you"));
  mica_session_clear(checkpoint.session());
  REQUIRE(checkpoint.add("<s>Hi", true) == MICA_OK);
  CHECK(checkpoint.holds("<s>Hi"));
  mica_session_clear(checkpoint.session());
  REQUIRE(checkpoint.add("") == MICA_OK);
  CHECK(checkpoint.holds("<s>"));
  Checkpoint without(nullptr, false);
  REQUIRE(without.add("Hi") == MICA_OK);
  CHECK(without.holds("Hi"));
}

TEST_CASE("a token behind a text is told and left out of prompts") {
  Json tokenizer = Json::parse(byte_tokenizer(true));
  tokenizer["post_processor"]["single"].push_back({{"SpecialToken", {{"id", "<s>"}}}});
  Checkpoint checkpoint(kQwen2Template, tokenizer.dump());
  CHECK(g_log.empty());
  REQUIRE(checkpoint.add("one") == MICA_OK);
  CHECK(g_log.find("its tokenizer ends a text with a token; it is left out of prompts") != std::string::npos);
  CHECK(checkpoint.holds("<s>one"));
}

TEST_CASE("mica_tokenize adds what stands around a text only where it is asked to") {
  Checkpoint checkpoint(nullptr, true);
  const auto ids = [&](const char* text, int flags) {
    std::vector<int32_t> out(16);
    size_t count = 0;
    REQUIRE(mica_tokenize(mica_model_tokenizer(checkpoint.model()), text, std::strlen(text), flags, out.data(), 16,
                          &count, nullptr) == MICA_OK);
    out.resize(count);
    return out;
  };
  CHECK(ids("a", MICA_TOKENIZE_PLAIN) == std::vector<int32_t>{'a'});
  CHECK(ids("a", MICA_TOKENIZE_BEGIN) == std::vector<int32_t>{256, 'a'});
  CHECK(ids("a", MICA_TOKENIZE_BEGIN | MICA_TOKENIZE_END) == std::vector<int32_t>{256, 'a'});
  CHECK(ids("", MICA_TOKENIZE_BEGIN) == std::vector<int32_t>{256});
  CHECK(ids("</s>", MICA_TOKENIZE_SPECIAL) == std::vector<int32_t>{257});
}

TEST_CASE("a message counts bytes and tokens of what the user gave") {
  Checkpoint checkpoint(kQwen2Template);
  CHECK(checkpoint.say(MICA_ROLE_USER, "caf\xE9") == MICA_INVALID_ARGUMENT);
  CHECK_MESSAGE(checkpoint.error().find("not valid UTF-8 at byte 3") != std::string::npos, checkpoint.error());
  CHECK(checkpoint.add("caf\xE9") == MICA_INVALID_ARGUMENT);
  CHECK(checkpoint.error().find("not valid UTF-8 at byte 3") != std::string::npos);
  CHECK(checkpoint.add(std::string(600, 'x')) == MICA_CONTEXT_FULL);
  CHECK_MESSAGE(checkpoint.error().find("has 600 tokens, 512 of the context's 512 are left") != std::string::npos,
                checkpoint.error());
}
