// The system says no: files without permission, disks that are full, writers that are killed. What is read or written
// does not matter here.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model_files.hpp"
#include "packed_writer.hpp"
#include "run_in_child.hpp"
#include "test_folder.hpp"

using namespace mica;

namespace {

int code_of_opening(const std::string& path) {
  std::unique_ptr<ModelFiles> files;
  const Status status = ModelFiles::open(path.c_str(), &files);
  return static_cast<int>(status.code());
}

constexpr size_t kTensorBytes = 1 << 20;

Status write_model(const std::string& path, uint8_t fill) {
  PackedWriter writer;
  MICA_TRY(writer.create(path.c_str(), {{"config.json", "{}"}}, {{"t", DType::u8, {kTensorBytes}}}));
  const std::vector<uint8_t> piece(4096, fill);
  for (size_t done = 0; done < kTensorBytes; done += piece.size()) MICA_TRY(writer.append("t", piece));
  return writer.finish();
}

bool holds_model(const std::string& path, uint8_t fill) {
  std::unique_ptr<ModelFiles> files;
  return ModelFiles::open(path.c_str(), &files).is_ok() && files->verify({}).is_ok() &&
         files->find("t")->bytes[kTensorBytes - 1] == fill;
}

}  // namespace

TEST_CASE("no permission: a file, a shard's folder, a document") {
  const TestFolder folder;
  REQUIRE(chmod(folder.path().c_str(), 0755) == 0);
  const std::string path = folder.path("m.mica");
  REQUIRE(write_model(path, 1));
  CHECK(run_as_nobody([&] { return code_of_opening(path); }) == static_cast<int>(Code::ok));
  REQUIRE(chmod(path.c_str(), 0) == 0);
  CHECK(run_as_nobody([&] { return code_of_opening(path); }) == static_cast<int>(Code::permission_denied));

  folder.write("config.json", "{}");
  REQUIRE(chmod(folder.path("config.json").c_str(), 0) == 0);
  CHECK(run_as_nobody([&] { return code_of_opening(folder.path()); }) == static_cast<int>(Code::permission_denied));
  // A folder that may not be entered: what is in it is not "missing".
  REQUIRE(chmod(folder.path().c_str(), 0) == 0);
  CHECK(run_as_nobody([&] { return code_of_opening(folder.path()); }) == static_cast<int>(Code::permission_denied));
  CHECK(run_as_nobody([&] { return code_of_opening(path); }) == static_cast<int>(Code::permission_denied));
  REQUIRE(chmod(folder.path().c_str(), 0755) == 0);
}

TEST_CASE("no permission to write") {
  const TestFolder folder;
  REQUIRE(chmod(folder.path().c_str(), 0555) == 0);
  const std::string path = folder.path("m.mica");
  CHECK(run_as_nobody([&] { return static_cast<int>(write_model(path, 1).code()); }) ==
        static_cast<int>(Code::permission_denied));
  REQUIRE(chmod(folder.path().c_str(), 0755) == 0);
  CHECK(folder.names().empty());
}

TEST_CASE("no more room: an error with the path, no temporary, the old file as it was") {
  const TestFolder folder;
  REQUIRE(chmod(folder.path().c_str(), 0777) == 0);
  const std::string path = folder.path("m.mica");
  REQUIRE(write_model(path, 1));
  // The limit on file sizes fails a write as a full disk does: some of it is written, then no more.
  for (rlim_t room : {rlim_t{0}, rlim_t{1}, rlim_t{4096}, rlim_t{100000}, rlim_t{kTensorBytes}}) {
    const int result = run_as_nobody([&] {
      signal(SIGXFSZ, SIG_IGN);
      const rlimit limit = {room, room};
      if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 101;
      const Status status = write_model(path, 2);
      const bool named = said(status).find(path) != std::string::npos;
      return named ? static_cast<int>(status.code()) : 102;
    });
    CHECK(result == static_cast<int>(Code::io_error));
    CHECK(folder.names() == "m.mica");
    CHECK(holds_model(path, 1));
  }
}

TEST_CASE("a device in place of the file is refused and stays what it is") {
  CHECK(write_model("/dev/full", 1).code() == Code::invalid_argument);
  struct stat about;
  REQUIRE(stat("/dev/full", &about) == 0);
  CHECK(S_ISCHR(about.st_mode));
}

TEST_CASE("killed while it writes: nothing, or the old file, stands under the name") {
  const TestFolder folder;
  REQUIRE(chmod(folder.path().c_str(), 0777) == 0);
  const std::string path = folder.path("m.mica");
  const auto killed_after = [&path](size_t pieces) {
    return run_as_nobody([&] {
      PackedWriter writer;
      if (!writer.create(path.c_str(), {{"config.json", "{}"}}, {{"t", DType::u8, {kTensorBytes}}})) return 1;
      const std::vector<uint8_t> piece(4096, 2);
      for (size_t i = 0; i < pieces; ++i) {
        if (!writer.append("t", piece)) return 1;
      }
      kill(getpid(), SIGKILL);
      return 2;
    });
  };
  constexpr size_t kPieces = kTensorBytes / 4096;
  for (size_t pieces : {size_t{0}, size_t{1}, kPieces / 2, kPieces}) {
    CHECK(killed_after(pieces) == -1);
    CHECK_FALSE(std::filesystem::exists(path));
  }
  // What is left behind, where files must have names, is no model either.
  size_t left_behind = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    CHECK(entry.path().extension() == ".partial");
    CHECK(code_of_opening(entry.path().string()) == static_cast<int>(Code::corrupt_file));
    ++left_behind;
  }
  CHECK((left_behind == 0 || left_behind == 4));
  REQUIRE(write_model(path, 1));
  CHECK(killed_after(kPieces) == -1);
  CHECK(holds_model(path, 1));
}
