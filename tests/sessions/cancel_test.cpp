// How soon a wish to stop is heard where one step takes long. Not what a session is afterwards: engine/session_test.cpp.
#include <doctest/doctest.h>

#include <vector>

#include "own_bytes.hpp"
#include "small_model.hpp"
#include "test_folder.hpp"
#include "workspace.hpp"

using namespace mica;
using namespace mica::test;

TEST_CASE("a picture is left between two layers of the tower") {
  SmallModel small;
  REQUIRE(make_small_model({.family = "qwen2_vl", .patch = 2}, {WeightFormat::floats}, &small));
  const Model& model = *small.model;
  SessionOptions wanted, options;
  wanted.context = 200;
  REQUIRE(resolve_options(model, wanted, &options));
  size_t bytes = 0;
  OwnedBytes memory;
  std::unique_ptr<Workspace> workspace;
  REQUIRE(Workspace::size(model, options, &bytes));
  REQUIRE(Workspace::create(model, options, own_bytes(bytes, &memory), bytes, &workspace));
  WorkBuffers& buffers = workspace->buffers();
  PixelPlan plan;
  REQUIRE(plan_pixels(model.spec.pictures, 32, 32, &plan));
  const std::vector<float> pixels(plan.values, 0.5f);
  Work work;
  const auto run = [&] {
    return buffers.vision.run(buffers.compute, model, plan, pixels.data(), buffers.picture_rows, &work);
  };
  work.cancel();
  CHECK(run().code() == Code::cancelled);
  CHECK_MESSAGE(run(), "the wish is for one picture");
}
