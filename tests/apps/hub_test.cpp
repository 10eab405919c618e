// Models of a hub: what is fetched of a repository, from a server that misbehaves, and the cache that it comes to.
#include <doctest/doctest.h>

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "handles.hpp"
#include "hub_server.hpp"
#include "program.hpp"
#include "repository.hpp"
#include "test_folder.hpp"

using namespace app::hub;
using mica::TestFolder;
using program::contains;
using program::data;
using program::Outcome;

namespace {

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Bytes in which none repeat what is before.
std::string sample_bytes(size_t count) {
  std::string bytes;
  uint32_t state = 7;
  while (bytes.size() < count) bytes += static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
  return bytes;
}

// A cache of its own, and a hub that this process and the programs it starts know.
struct Room {
  TestFolder folder;
  HubServer hub{TESTS_DATA};
  std::string repository = folder.path("hub") + "/models--owner--name";
  std::string snapshot = repository + "/snapshots/" + HubServer::kCommit;

  Room() {
    for (const char* name : {"HF_HUB_CACHE", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "REQUESTS_CA_BUNDLE",
                             "CURL_CA_BUNDLE"})
      unsetenv(name);
    setenv("HF_HOME", folder.path("").c_str(), 1);
    setenv("HF_ENDPOINT", hub.address().c_str(), 1);
    setenv("SSL_CERT_FILE", (std::string(TESTS_DATA) + "/hub/certificate.pem").c_str(), 1);
    for (const char* proxy : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) unsetenv(proxy);
  }
  std::vector<std::string> kept() const {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(repository + "/blobs", none))
      names.push_back(entry.path().filename().string());
    return names;
  }
};

std::vector<std::string> picked(const std::string& wanted, const std::vector<std::string>& paths) {
  std::vector<File> files;
  for (const std::string& path : paths) files.push_back({path, 1, ""});
  Repository repository{"owner", "name", wanted};
  std::vector<std::string> names;
  for (const File& file : pick_files(repository, files).files) names.push_back(file.path);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("what mica reads of a repository") {
  const Names checkpoint = {"README.md", "config.json", "consolidated.safetensors", "merges.txt", "model.safetensors",
                            "onnx/model.onnx", "pytorch_model.bin", "tokenizer.json", "chat_template.jinja",
                            "1_Pooling/config.json", "photo.jpg"};
  CHECK(picked("", checkpoint) ==
        Names{"chat_template.jinja", "config.json", "merges.txt", "model.safetensors", "tokenizer.json"});
  const Names ggufs = {"README.md",          "x-Q4_K_S.gguf",        "x-Q4_K_M.gguf", "x-Q8_0.gguf",
                       "mmproj-x-Q8_0.gguf", "mmproj-x-f16.gguf",    "big/x-BF16-00002-of-00002.gguf",
                       "big/x-BF16-00001-of-00002.gguf"};
  CHECK(picked("", ggufs) == Names{"x-Q4_K_M.gguf", "mmproj-x-f16.gguf"});
  CHECK(picked("q8_0", ggufs) == Names{"x-Q8_0.gguf", "mmproj-x-f16.gguf"});
  CHECK(picked("x-Q4_K_S.gguf", ggufs) == Names{"x-Q4_K_S.gguf", "mmproj-x-f16.gguf"});
  CHECK(picked("BF16", ggufs) ==
        Names{"big/x-BF16-00001-of-00002.gguf", "big/x-BF16-00002-of-00002.gguf", "mmproj-x-f16.gguf"});
  CHECK(picked("", {"only.gguf"}) == Names{"only.gguf"});
  CHECK(picked("", {"panel.mica", "README.md"}) == Names{"panel.mica"});
  CHECK_THROWS_WITH_AS(picked("Q4_K", ggufs), doctest::Contains("owner/name has no Q4_K; there are big/x-BF16-0"),
                       app::Failure);
  CHECK_THROWS_WITH_AS(picked("", {"pytorch_model.bin", "config.json"}), doctest::Contains("nothing that mica opens"),
                       app::Failure);
}

TEST_CASE("names of repositories") {
  CHECK(parse_repository("Qwen/Qwen2-VL-2B").id() == "Qwen/Qwen2-VL-2B");
  CHECK(parse_repository("a/b:Q4_K_M").wanted == "Q4_K_M");
  CHECK(parse_repository("a/b:sub/x.gguf").wanted == "sub/x.gguf");
  for (const char* bad : {"", "a", "/b", "a/", "a/b/c", "../b", "a/..", "a/b:", "a/b:../x", "a/b:/x", "-a/b", "a b/c",
                          "a/b--c", "a/b:x\\y", "https://huggingface.co/a/b"}) {
    CAPTURE(std::string(bad));
    CHECK_THROWS_AS(parse_repository(bad), app::UsageError);
  }
  for (const char* bad : {"", "/x", "a//b", "a/../b", "./x", "a\\b", "c:x", "a\nb"}) CHECK(!is_path_inside(bad));
}

TEST_CASE("a checkpoint comes whole, is listed, found again without the hub, and removed") {
  Room room;
  const std::string weights = file_text(data("golden/llama/model.safetensors"));
  const std::string config = file_text(data("golden/llama/config.json"));
  room.hub.add("config.json", config, false);
  room.hub.add("model.safetensors", weights, true);
  room.hub.add("pytorch_model.bin", "not read", true);
  room.hub.add("../../escaped", "nowhere", false);
  const Outcome pulled = program::run({"pull", "owner/name"});
  CAPTURE(pulled.err);
  REQUIRE(pulled.status == 0);
  CHECK(pulled.out == room.snapshot + "\n");
  CHECK(file_text(room.snapshot + "/model.safetensors") == weights);
  CHECK(std::filesystem::is_symlink(room.snapshot + "/model.safetensors"));
  CHECK(file_text(room.repository + "/refs/main") == HubServer::kCommit);
  CHECK(room.kept().size() == 2);
  CHECK(!std::filesystem::exists(room.snapshot + "/pytorch_model.bin"));

  const size_t asked = room.hub.asked().size();
  CHECK(program::run({"pull", "owner/name"}).status == 0);
  CHECK(room.hub.asked().size() == asked);  // nothing twice
  const auto listed = nlohmann::json::parse(program::run({"list", "-o", "json"}).out);
  REQUIRE(listed.size() == 1);
  CHECK(listed[0]["model"] == "owner/name");
  CHECK(listed[0]["kind"] == "llama");
  CHECK(listed[0]["bytes"] == weights.size() + config.size());
  CHECK(listed[0]["fits_in_memory"] == true);
  CHECK(contains(program::run({"list"}).out, "owner/name"));
  setenv("HF_ENDPOINT", "https://localhost:1", 1);
  CHECK(contains(program::run({"inspect", "-hf", "owner/name"}).out, "llama"));
  CHECK(contains(program::run({"remove", "owner/name"}).out, "owner/name: removed, "));
  CHECK(!std::filesystem::exists(room.repository));
  CHECK(contains(program::run({"remove", "owner/name"}).err, "is not in "));
  CHECK(program::run({"list"}).out == "");
}

TEST_CASE("-hf fetches what is not here, and asks it") {
  Room room;
  room.hub.add("panel.mica", file_text(MICA_DEFAULT_MODEL_FILE), true);
  const program::Arguments ask = {"run", "-hf", "owner/name", "--image", data("panel/000.jpg"),
                                  "-p", "Which unit is this?"};
  program::Arguments offline = ask;
  offline.push_back("--offline");
  CHECK(contains(program::run(offline).err, "--offline lets nothing be fetched"));
  CHECK(program::run(ask).out == "SOLAR 1\n");
  CHECK(program::run(offline).out == "SOLAR 1\n");
  CHECK(contains(program::run({"run", "-hf", "owner/name", "-m", "x", "-p", "x"}).err, "both name a model"));
  setenv("HF_HUB_OFFLINE", "1", 1);
  CHECK(contains(program::run({"pull", "owner/name"}).err, "HF_HUB_OFFLINE is set"));
}

TEST_CASE("what breaks off goes on where it was") {
  const std::string bytes = sample_bytes(300000);
  Room room;
  Mischief breaks;
  breaks.breaks = 2;
  SUBCASE("in one run") {}
  SUBCASE("from a server that starts anew") { breaks.ignores_ranges = true; }
  SUBCASE("slowly") { breaks.trickles = true; }
  SUBCASE("after errors that pass") {
    breaks.refusals = 2;
    breaks.status = 503;
  }
  SUBCASE("by redirection") { breaks.redirects = true; }
  SUBCASE("from an earlier run") {
    std::filesystem::create_directories(room.repository + "/blobs");
    room.hub.add("x.gguf", bytes, true);
    const auto listing = room.hub.digest("x.gguf");
    std::ofstream(room.repository + "/blobs/" + listing + ".incomplete") << bytes.substr(0, 200000);
  }
  room.hub.add("x.gguf", bytes, true, breaks);
  const Outcome pulled = program::run({"pull", "owner/name"});
  CAPTURE(pulled.err);
  REQUIRE(pulled.status == 0);
  CHECK(file_text(room.snapshot + "/x.gguf") == bytes);
  CHECK(room.kept().size() == 1);
  const std::vector<std::string> asked = room.hub.asked();
  CHECK(std::any_of(asked.begin(), asked.end(), [](const std::string& one) { return contains(one, "x.gguf bytes="); }));
}

TEST_CASE("the token goes to its host alone") {
  Room room;
  Mischief redirects;
  redirects.redirects = true;
  room.hub.add("x.gguf", "GGUF bytes", true, redirects);
  room.hub.want_token("secret");
  const Outcome without = program::run({"pull", "owner/name"});
  CHECK(contains(without.err, "set HF_TOKEN"));
  setenv("HF_TOKEN", "other", 1);
  CHECK(contains(program::run({"pull", "owner/name"}).err, "is its licence accepted at"));
  unsetenv("HF_TOKEN");
  std::ofstream(room.folder.path("token")) << "secret\n";
  CHECK(program::run({"pull", "owner/name"}).status == 0);
  CHECK(!room.hub.token_leaked());
}

TEST_CASE("what is wrong is said, and nothing of it is kept") {
  const std::string bytes = sample_bytes(5000);
  struct Case {
    const char* what;
    Mischief mischief;
    const char* message;
  };
  Case cases[] = {{"other bytes", {}, "not the digest that the hub names"},
                  {"more bytes", {}, "more bytes than it says"},
                  {"a plain address", {}, ""},
                  {"nowhere", {}, ""},
                  {"gone", {}, "the hub has no such thing"}};
  cases[0].mischief.sent = std::string(5000, 'x');
  cases[1].mischief.sent = bytes + "more";
  cases[2].mischief.redirects_to = "http://localhost:1/x";
  cases[3].mischief.redirects_to = "file:///etc/passwd";
  cases[4].mischief.refusals = 1000;
  cases[4].mischief.status = 404;
  for (const Case& one : cases) {
    CAPTURE(std::string(one.what));
    Room room;
    room.hub.add("x.gguf", bytes, true, one.mischief);
    const Outcome pulled = program::run({"pull", "owner/name"});
    CHECK(pulled.status == 1);
    CHECK(contains(pulled.err, "mica: error: x.gguf: "));
    CHECK_MESSAGE(contains(pulled.err, one.message), pulled.err);
    CHECK(!std::filesystem::exists(room.snapshot));
    CHECK(program::run({"list"}).out == "");
    for (const std::string& name : room.kept())
      CHECK(std::filesystem::file_size(room.repository + "/blobs/" + name) == 0);
  }
}

TEST_CASE("a hub that answers nonsense, and one that is not who it says") {
  Room room;
  room.hub.add("x.gguf", "GGUF", true);
  const std::pair<std::string, const char*> listings[] = {
      {"{", "the hub's list of owner/name: "},
      {"{}", "in a form that mica does not know"},
      {R"({"sha": "main", "siblings": []})", "names no commit"},
      {R"({"sha": "../../../../../../../../../../../../etc/x", "siblings": []})", "names no commit"},
      {R"({"sha": ")" + std::string(HubServer::kCommit) +
           R"(", "siblings": [{"rfilename": "x.gguf", "size": 4, "blobId": "../x"}]})", "no digest of x.gguf"},
      {R"({"sha": ")" + std::string(HubServer::kCommit) +
           R"(", "siblings": [{"rfilename": "x.gguf", "size": 1e18, "blobId": ")" + HubServer::kCommit + R"("}]})", ""},
      {R"({"sha": ")" + std::string(HubServer::kCommit) + R"(", "siblings": []})", "nothing that mica opens"}};
  for (const auto& listing : listings) {
    CAPTURE(listing.first);
    room.hub.set_listing(200, listing.first);
    const Outcome pulled = program::run({"pull", "owner/name"});
    CHECK(pulled.status == 1);
    CHECK_MESSAGE(contains(pulled.err, listing.second), pulled.err);
  }
  room.hub.set_listing(404, "");
  CHECK(contains(program::run({"pull", "owner/name"}).err, "is it spelled as at https://localhost:"));
  unsetenv("SSL_CERT_FILE");
  CHECK(contains(program::run({"pull", "owner/name"}).err, "certificate"));
  setenv("HF_ENDPOINT", "huggingface.co", 1);
  CHECK(contains(program::run({"pull", "owner/name"}).err, "wants https://HOST"));
}

TEST_CASE("one kind of several is removed, and what others share stays") {
  Room room;
  room.hub.add("x-Q4_0.gguf", "GGUF four", true);
  room.hub.add("x-Q8_0.gguf", "GGUF eight", true);
  room.hub.add("mmproj-x-f16.gguf", "GGUF tower", true);
  CHECK(program::run({"pull", "owner/name:Q4_0"}).status == 0);
  CHECK(program::run({"pull", "owner/name:Q8_0"}).status == 0);
  CHECK(room.kept().size() == 3);
  CHECK(contains(program::run({"list"}).out, "owner/name:x-Q8_0.gguf"));
  CHECK(contains(program::run({"list"}).out, "GGUF with pictures"));
  CHECK(program::run({"remove", "owner/name:x-Q4_0.gguf"}).status == 0);
  CHECK(room.kept().size() == 2);
  CHECK(!contains(program::run({"list"}).out, "Q4_0"));
  CHECK(std::filesystem::exists(room.snapshot + "/mmproj-x-f16.gguf"));
}
