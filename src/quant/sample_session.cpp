// SampleSession: turns, bytes where there is no tokenizer, the size of a session. Not the sequence: engine.
#include "sample_session.hpp"

#include <algorithm>

#include "calibration_pictures.hpp"
#include "family.hpp"
#include "limits.hpp"

namespace mica {
namespace {

// A checkpoint without a tokenizer: each byte of the text stands for one token, which one depends on all bytes so far,
// so that tokens come from the whole vocabulary (FNV-1a).
Status add_bytes(const Model& model, const CalibrationSample& sample, Session* session) {
  uint32_t hash = 2166136261u;
  std::vector<int32_t> ids;
  for (const char byte : sample.prompt + sample.answer) {
    hash = (hash ^ static_cast<uint8_t>(byte)) * 16777619u;
    const auto id = static_cast<int32_t>((hash >> 8) % model.spec.decoder.vocabulary);
    const ModelSpec& spec = model.spec;
    if (id != spec.picture_token && id != spec.video_token && id != spec.picture_frame.begin) ids.push_back(id);
  }
  return session->add_tokens(ids, {});
}

}  // namespace

FrameSampling sample_frames(const ModelSpec& spec) {
  constexpr uint32_t kUsual = 8;
  const size_t tokens = std::max<size_t>(1, frame_tokens(spec, Shown::frame));
  const auto most = static_cast<uint32_t>(limits::kCalibrationTokensMax * 3 / 4 / tokens);
  const uint32_t frames = spec.sampling.frames;
  return {.frames = std::clamp(frames == 0 ? kUsual : frames, 1u, std::max(1u, most))};
}

Status open_sample_session(const Model& model, const std::vector<CalibrationSample>& samples, SessionOptions* options,
                           OwnedBytes* memory, std::unique_ptr<Session>* out) {
  size_t picture_tokens = 0;
  for (const CalibrationSample& sample : samples) {
    std::vector<Picture> pictures;
    MICA_TRY(open_pictures(sample, sample_frames(model.spec), &pictures));
    if (!model.spec.has_vision || sample.is_video) continue;  // refused with the sample; frames have one size
    for (size_t i = 0; i < pictures.size(); ++i) {
      PixelPlan plan;
      MICA_TRY(plan_pixels(model.spec.pictures, pictures[i].width, pictures[i].height, &plan)
                   .in(sample.pictures[i].c_str()));
      picture_tokens = std::max(picture_tokens, Vision::tokens_of(model.spec, plan));
    }
  }
  SessionOptions wanted = *options;
  wanted.context = wanted.batch = limits::kCalibrationTokensMax;
  wanted.picture_tokens = static_cast<uint32_t>(std::min<size_t>(picture_tokens, limits::kCalibrationTokensMax));
  MICA_TRY(Session::resolve(model, wanted, options));
  size_t bytes = 0;
  MICA_TRY(Session::size(model, *options, &bytes));
  uint8_t* buffer = own_bytes(bytes, memory);
  if (buffer == nullptr) return Status::error(Code::out_of_memory, "no memory for a session of %zu bytes", bytes);
  return Session::create(model, *options, buffer, bytes, out);
}

Status add_turns(const Model& model, const CalibrationSample& sample, std::span<const Picture> pictures,
                 Session* session) {
  std::vector<const Picture*> borrowed;
  for (const Picture& picture : pictures) borrowed.push_back(&picture);
  if (!sample.tokens.empty()) return session->add_tokens(sample.tokens, borrowed);
  if (!model.tokenizer || !model.chat.format || (sample.prompt.empty() && pictures.empty())) {
    for (const Picture* picture : borrowed)
      if (!sample.is_video) MICA_TRY(session->add_picture(*picture));
    if (sample.is_video) MICA_TRY(session->add_video(borrowed));
    if (!model.tokenizer) return add_bytes(model, sample, session);
    return session->add_text(sample.prompt + sample.answer, false);
  }
  std::vector<MessagePart> parts;
  for (const Picture* picture : borrowed) parts.push_back({{}, picture, sample.is_video});
  if (!sample.prompt.empty()) parts.push_back({sample.prompt, nullptr});
  MICA_TRY(session->add_message(Role::user, parts));
  MICA_TRY(session->open_turn());
  if (sample.answer.empty()) return Status::ok();
  MICA_TRY(session->add_text(sample.answer, false));
  const int32_t end = model.tokenizer->id_of(model.chat.format->end);
  return end < 0 ? Status::ok() : session->add_tokens({&end, 1}, {});
}

}  // namespace mica
