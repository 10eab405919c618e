// SessionSteps: the steps, and shapes and options from bytes. Not a test.
#include "session_steps.hpp"

#include <cstring>

#include "picture_prompt.hpp"
#include "pixels.hpp"

namespace mica::test {
namespace {

// What no step may answer, whatever it is asked.
Status ordinary(const Status& status) { return status.code() == Code::internal ? status : Status::ok(); }

}  // namespace

Status SessionSteps::begin(const Model& model, const SessionOptions& options, const std::string& file) {
  model_ = &model;
  file_ = file;
  SessionOptions resolved;
  MICA_TRY(Session::resolve(model, options, &resolved));
  size_t bytes = 0;
  MICA_TRY(Session::size(model, resolved, &bytes));
  MICA_TRY(Session::create(model, resolved, own_bytes(bytes, &memory_), bytes, &session_));
  return check();
}

Status SessionSteps::check() const {
  MICA_TRY(session_->check_guards());
  const SessionOptions& options = session_->options();
  const size_t held = session_->tokens() + size_t{session_->tokens_pending()};
  if (held > options.context || session_->tokens_visual() > session_->tokens() ||
      session_->cache().rows() != session_->tokens())
    return Status::error(Code::internal, "%zu tokens, %zu rows in a context of %u", held, session_->cache().rows(),
                         options.context);
  return Status::ok();
}

Status SessionSteps::add_tokens(uint32_t count) {
  std::vector<int32_t> ids(count);
  const uint32_t vocabulary = model_->spec.decoder.vocabulary;
  for (uint32_t i = 0; i < count; ++i) ids[i] = static_cast<int32_t>((i * 7 + 11) % vocabulary);
  return session_->add_tokens(ids, {});
}

// As the family's prompt has it, with tokens between the runs of those whose pictures have several.
Status SessionSteps::add_in_runs(const Picture& picture) {
  const Family& family = *model_->spec.family;
  if (pieces_of(family).inner.size() < 2) return session_->add_picture(picture);
  PixelPlan plan;
  PicturePrompt prompt;
  MICA_TRY(plan_pixels(model_->spec.pictures, picture.width, picture.height, &plan));
  MICA_TRY(write_picture(*model_, plan, {}, &prompt));
  std::vector<int32_t> ids;
  for (const PicturePrompt::Run& run : prompt.runs) {
    ids.push_back(1);
    ids.insert(ids.end(), run.tokens, model_->spec.picture_token);
  }
  const Picture* one = &picture;
  return session_->add_tokens(ids, {&one, 1});
}

Status SessionSteps::add_picture(uint32_t width, uint32_t height) {
  auto picture = std::make_unique<Picture>();
  picture->width = width;
  picture->height = height;
  picture->rgb = std::make_unique<uint8_t[]>(size_t{width} * height * 3);
  for (size_t i = 0; i < size_t{width} * height * 3; ++i) picture->rgb[i] = static_cast<uint8_t>(i * 31 >> 3);
  // Where the model takes videos, the picture is shown as two frames, too.
  const Picture* frames[] = {picture.get(), picture.get()};
  Status status = add_in_runs(*picture);
  if (status && model_->spec.video_token >= 0) status = session_->add_video(frames);
  pictures_.push_back(std::move(picture));
  return status;
}

// The token is any that a sampler of finite logits would give; made-up weights need not give finite ones.
Status SessionSteps::decode() {
  int32_t token = 0;
  const Status status = session_->sample({}, nullptr, &token);
  if (status.code() == Code::invalid_argument || status.code() == Code::cancelled) return Status::ok();
  MICA_TRY(session_->push_answer(status ? token : 1));
  return session_->prefill(nullptr, nullptr);
}

Status SessionSteps::grow(uint32_t context) {
  SessionOptions larger;
  MICA_TRY(session_->resolve_larger(context, &larger));
  size_t bytes = 0;
  MICA_TRY(Session::size(*model_, larger, &bytes));
  OwnedBytes memory;
  MICA_TRY(session_->grow(larger, own_bytes(bytes, &memory), bytes));
  memory_ = std::move(memory);
  return Status::ok();
}

Status SessionSteps::step(Choices* choices) {
  const SessionOptions& options = session_->options();
  switch (choices->below(11)) {
    case 0: return add_tokens(choices->between(1, 7));
    case 1: return add_tokens(choices->between(1, options.context));
    case 2: return add_picture(choices->between(1, 128), choices->between(1, 128));
    case 3: {
      struct Stop {
        uint32_t calls;
        static bool call(void* self, const char*, double) { return static_cast<Stop*>(self)->calls-- == 0; }
      } stop{choices->below(4)};
      return session_->prefill(choices->below(3) == 0 ? Stop::call : nullptr, &stop);
    }
    case 4: return session_->prefill(nullptr, nullptr);
    case 5: return decode();
    case 6: {
      const uint32_t text = choices->below(options.batch + 1), tokens = choices->between(1, options.batch);
      return session_->fill(text, choices->below(options.context / tokens + 1), tokens);
    }
    case 7: return session_->save(file_.c_str());
    case 8: return session_->restore(file_.c_str());
    case 9:
      if (choices->below(2) == 0) session_->cancel();
      else session_->clear();
      return Status::ok();
    default: return grow(options.context + choices->between(1, 64));
  }
}

Status SessionSteps::run(Choices* choices, size_t steps) {
  for (size_t i = 0; i < steps && !choices->empty(); ++i) {
    MICA_TRY(ordinary(step(choices)));
    MICA_TRY(check());
  }
  return Status::ok();
}

SmallShape choose_shape(Choices* choices) {
  static constexpr const char* kFamilies[] = {"llama", "qwen2", "qwen3", "qwen2_vl", "llava", "internvl"};
  static constexpr uint32_t kHeadDims[] = {16, 64, 8, 72, 2, 128, 48};
  static constexpr uint32_t kHidden[] = {64, 32, 128, 96, 256, 1024};
  SmallShape shape;
  shape.family = choices->of(kFamilies);
  shape.layers = choices->between(1, 3);
  shape.hidden = choices->of(kHidden);
  shape.kv_heads = choices->between(1, 3);
  shape.heads = shape.kv_heads * choices->between(1, 3);
  shape.head_dim = choices->of(kHeadDims);
  shape.feed_forward = choices->of(kHidden) + 32 * choices->below(3);
  shape.vocabulary = 16 + choices->below(100);
  shape.tied = choices->below(2) == 0;
  if (!has_pictures(shape)) return shape;
  shape.vision_layers = choices->between(1, 3);
  shape.vision_heads = choices->between(1, 3);
  shape.vision_hidden = shape.vision_heads * 8 * choices->between(1, 9);
  shape.vision_feed_forward = choices->of(kHidden);
  shape.patch = choices->between(2, 8);
  shape.patches = 2 * choices->between(1, 9);
  shape.tiles = choices->between(1, 4);
  shape.pixels_max = 64 + 64 * choices->below(200);
  return shape;
}

std::vector<WeightFormat> choose_storages(Choices* choices) {
  static constexpr WeightFormat kStorages[] = {WeightFormat::floats, WeightFormat::u4, WeightFormat::s8};
  std::vector<WeightFormat> storages(choices->between(1, 3));
  for (WeightFormat& storage : storages) storage = choices->of(kStorages);
  return storages;
}

SessionOptions choose_options(const SmallShape& shape, Choices* choices) {
  static constexpr uint32_t kVisualBits[] = {0, 1, 2, 4, 16}, kTextBits[] = {0, 16, 8, 4};
  static constexpr const char* kLevels[] = {nullptr, "token", "centroid", "quantile=0.2", "calibquant"};
  static constexpr const char* kLayers[] = {nullptr, "0=16", "0=4", "0=2"};
  SessionOptions options;
  options.context = choices->between(2, 300);
  options.batch = choices->between(1, 150);
  options.threads = choices->between(1, 3);
  options.logit_rows = choices->between(1, options.context);
  options.context_text = choices->below(4) == 0 ? choices->between(1, options.context) : 0;
  options.picture_tokens = has_pictures(shape) && choices->below(3) == 0 ? choices->between(1, options.context) : 0;
  options.kv_wanted = {.visual_bits = choices->of(kVisualBits),
                       .text_bits = choices->of(kTextBits),
                       .levels = choices->of(kLevels),
                       .visual_layers = choices->of(kLayers)};
  options.guarded = true;
  return options;
}

}  // namespace mica::test
