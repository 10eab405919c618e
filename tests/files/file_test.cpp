// Tests of mapping, reading and atomically writing files, and of CRC32C. Not of what is in the files.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <numeric>

#include "atomic_file.hpp"
#include "crc32c.hpp"
#include "mapped_file.hpp"
#include "test_folder.hpp"

using namespace mica;

TEST_CASE("CRC32C: the examples of RFC 3720, and any split gives the same") {
  const std::vector<uint8_t> zeros(32, 0), ones(32, 0xFF);
  std::vector<uint8_t> rising(32);
  std::iota(rising.begin(), rising.end(), uint8_t{0});
  const std::vector<uint8_t> falling(rising.rbegin(), rising.rend());
  CHECK(crc32c(0, zeros) == 0x8A9136AA);
  CHECK(crc32c(0, ones) == 0x62A8AB43);
  CHECK(crc32c(0, rising) == 0x46DD794E);
  CHECK(crc32c(0, falling) == 0x113FDB5C);
  CHECK(crc32c(0, bytes_of("123456789")) == 0xE3069283);
  CHECK(crc32c(0, {}) == 0);
  for (size_t cut = 0; cut <= rising.size(); ++cut) {
    const Bytes whole(rising);
    CHECK(crc32c(crc32c(0, whole.first(cut)), whole.subspan(cut)) == 0x46DD794E);
  }
}

TEST_CASE("a mapped file has the file's bytes, also after a move") {
  const TestFolder folder;
  const std::string path = folder.write("a.bin", "some bytes");
  MappedFile first;
  REQUIRE(MappedFile::map(path.c_str(), 10, &first));
  CHECK(text_of(first.bytes()) == "some bytes");
  MappedFile second = std::move(first);
  CHECK(text_of(second.bytes()) == "some bytes");
  CHECK(first.bytes().empty());
  std::vector<uint8_t> content;
  REQUIRE(read_file(path.c_str(), 10, &content));
  CHECK(text_of(content) == "some bytes");
}

TEST_CASE("what cannot be read gets its own code and a message with the path") {
  const TestFolder folder;
  folder.write("empty", "");
  folder.write("ten", "some bytes");
  REQUIRE(mkfifo(folder.path("pipe").c_str(), 0600) == 0);
  REQUIRE(symlink("loop", folder.path("loop").c_str()) == 0);
  REQUIRE(symlink("gone", folder.path("dangling").c_str()) == 0);
  const struct {
    std::string path;
    Code code;
    const char* words;
  } cases[] = {
      {folder.path("missing"), Code::not_found, "No such file"},
      {folder.path("ten/inside"), Code::not_found, "Not a directory"},
      {folder.path("loop"), Code::not_found, "symbolic links"},
      {folder.path("dangling"), Code::not_found, "is a link to gone, which is not there"},
      {folder.path(std::string(300, 'x')), Code::not_found, "too long"},
      {folder.path(), Code::invalid_argument, "is a folder"},
      {folder.path("empty"), Code::corrupt_file, "is empty"},
      {folder.path("ten"), Code::limit_exceeded, "more than the 9"},
  };
  for (const auto& expected : cases) {
    CAPTURE(expected.path);
    MappedFile mapped;
    std::vector<uint8_t> content = {1};
    for (const Status& status : {MappedFile::map(expected.path.c_str(), 9, &mapped),
                                 read_file(expected.path.c_str(), 9, &content)}) {
      CHECK(status.code() == expected.code);
      const std::string message = said(status);
      CHECK(message.find(expected.path.substr(0, 40)) != std::string::npos);
      CHECK_MESSAGE(message.find(expected.words) != std::string::npos, message);
    }
    CHECK(mapped.bytes().empty());
    CHECK(content.size() == 1);
  }
}

TEST_CASE("pipes and devices are read to their end, within the bound, and never mapped") {
  const TestFolder folder;
  const std::string pipe = folder.path("pipe");
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  MappedFile mapped;
  std::vector<uint8_t> content;
  for (const char* path : {pipe.c_str(), "/dev/zero"})
    CHECK(said(MappedFile::map(path, 9, &mapped)).find("not a regular file") != std::string::npos);
  CHECK(read_file("/dev/zero", 100000, &content).code() == Code::limit_exceeded);
  CHECK(said(read_file("/dev/null", 9, &content)).find("gives nothing") != std::string::npos);
  CHECK(said(read_file(pipe.c_str(), 9, &content)).find("gives nothing") != std::string::npos);  // nobody writes
  for (const size_t bytes : {size_t{1}, size_t{65536}, size_t{65537}, size_t{300000}, size_t{300001}}) {
    CAPTURE(bytes);
    const std::string text(bytes, 'x');
    const pid_t writer = fork();
    REQUIRE(writer >= 0);
    if (writer == 0) {
      const int descriptor = open(pipe.c_str(), O_WRONLY);
      for (size_t done = 0; done < bytes;) {
        const ssize_t count = write(descriptor, text.data() + done, bytes - done);
        if (count <= 0) _exit(0);  // the reader had enough
        done += static_cast<size_t>(count);
      }
      _exit(0);
    }
    const Status status = read_file(pipe.c_str(), 300000, &content);
    int state = 0;
    waitpid(writer, &state, 0);
    CHECK(status.code() == (bytes > 300000 ? Code::limit_exceeded : Code::ok));
    if (status) CHECK(text_of(content) == text);
  }
}

TEST_CASE("folders and files are told apart") {
  const TestFolder folder;
  const std::string file = folder.write("a", "x");
  CHECK(is_folder(folder.path().c_str()));
  CHECK_FALSE(is_folder(file.c_str()));
  CHECK_FALSE(is_folder(folder.path("missing").c_str()));
  CHECK(file_exists(file.c_str()));
  CHECK_FALSE(file_exists(folder.path().c_str()));
  CHECK_FALSE(file_exists(folder.path("missing").c_str()));
}

TEST_CASE("an atomic file appears at commit, and only then") {
  const TestFolder folder;
  const std::string path = folder.path("out.bin");
  {
    AtomicFile file;
    REQUIRE(file.create(path.c_str()));
    REQUIRE(file.write_at(4, bytes_of("later")));
    REQUIRE(file.write_at(0, bytes_of("soon")));
    // Without a name, or under a temporary one.
    CHECK((folder.names().empty() || folder.names().starts_with("out.bin.")));
    REQUIRE(file.commit());
    CHECK(folder.names() == "out.bin");
    CHECK_FALSE(file.write_at(0, bytes_of("too late")));
    CHECK_FALSE(file.commit());
  }
  CHECK(text_of(read_all(path)) == "soonlater");
  struct stat about;
  REQUIRE(stat(path.c_str(), &about) == 0);
  const mode_t mask = umask(0);
  umask(mask);
  CHECK((about.st_mode & 0777) == (0666 & ~mask));
}

TEST_CASE("an abandoned atomic file leaves the old one and no temporary") {
  const TestFolder folder;
  const std::string path = folder.write("out.bin", "old");
  {
    AtomicFile file;
    REQUIRE(file.create(path.c_str()));
    REQUIRE(file.write_at(0, bytes_of("new")));
  }
  CHECK(folder.names() == "out.bin");
  CHECK(text_of(read_all(path)) == "old");
}

TEST_CASE("two atomic files under one name: the last to commit wins, neither harms the other") {
  const TestFolder folder;
  const std::string path = folder.path("out.bin");
  AtomicFile first, second;
  REQUIRE(first.create(path.c_str()));
  REQUIRE(second.create(path.c_str()));
  REQUIRE(first.write_at(0, bytes_of("first")));
  REQUIRE(second.write_at(0, bytes_of("second")));
  REQUIRE(second.commit());
  REQUIRE(first.commit());
  CHECK(text_of(read_all(path)) == "first");
  CHECK(folder.names() == "out.bin");
}

TEST_CASE("a link is written through, what is no regular file is refused untouched") {
  const TestFolder folder;
  const std::string target = folder.write("target", "old");
  REQUIRE(symlink("target", folder.path("link").c_str()) == 0);
  AtomicFile file;
  REQUIRE(file.create(folder.path("link").c_str()));
  REQUIRE(file.write_at(0, bytes_of("new")));
  REQUIRE(file.commit());
  CHECK(text_of(read_all(target)) == "new");
  CHECK(std::filesystem::is_symlink(folder.path("link")));

  for (const std::string& path : {std::string("/dev/full"), folder.path()}) {
    AtomicFile refused;
    const Status status = refused.create(path.c_str());
    CHECK(status.code() == Code::invalid_argument);
    CHECK(said(status).find(path) != std::string::npos);
  }
  AtomicFile nowhere;
  CHECK(nowhere.create(folder.path("missing/out").c_str()).code() == Code::not_found);
  CHECK(nowhere.create(folder.path("target/out").c_str()).code() == Code::not_found);
}

TEST_CASE("a full device is an error of writing, with the path") {
  const int descriptor = open("/dev/full", O_WRONLY);
  REQUIRE(descriptor >= 0);
  const Status status = write_fully(descriptor, bytes_of("x"), 0, "out.mica");
  close(descriptor);
  CHECK(status.code() == Code::io_error);
  CHECK(said(status) == "cannot write to out.mica: No space left on device");
}
