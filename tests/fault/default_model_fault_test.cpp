// The default model, built in with a damaged byte: it does not open. The rest of the library is not needed for that.
#include <doctest/doctest.h>

#include "default_model.hpp"
#include "test_folder.hpp"

TEST_CASE("a default model with a damaged byte is refused when it is opened, by the tensor's name") {
  std::unique_ptr<mica::ModelFiles> files;
  const mica::Status status = mica::open_default_model(&files);
  CHECK(status.code() == mica::Code::corrupt_file);
  CHECK(mica::said(status).find("default model: tensor ") == 0);
  CHECK(files == nullptr);
}
