// kv_report: what packing keys and values does to attention, in two tables: the error of its output on the activations
// of a model, by level rule and bits, and the time of a decode step over 16,384 visual tokens. Not the answers that a
// model still gives: mica eval --kv-visual.
//
//   kv_report MODEL --picture FILE     visual rows are the picture's, queries those of a question about it
//   kv_report MODEL --text FILE        the first half of the text's first 512 tokens stands for a picture
//   kv_report --time
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kv_cache.hpp"
#include "median.hpp"
#include "model.hpp"
#include "model_files.hpp"
#include "own_bytes.hpp"
#include "picture.hpp"
#include "session.hpp"

namespace {

using namespace mica;

struct Setting {
  const char* name;
  KvRule rule;
};
constexpr Setting kSettings[] = {{"token", KvRule::token},
                                 {"centroid", KvRule::centroid},
                                 {"quantile=0.2", KvRule::quantile},
                                 {"calibquant", KvRule::calibquant}};

void require(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "kv_report: %s\n", status.message());
  std::exit(1);
}

// The cache of `layers` layers by itself.
class LayerCache {
 public:
  LayerCache(const DecoderSpec& decoder, uint32_t layers, size_t tokens, uint8_t bits, KvRule rule, int threads)
      : layers_(layers), shape_{.heads = decoder.heads, .kv_heads = decoder.kv_heads, .head_dim = decoder.head_dim},
        pool_(static_cast<uint32_t>(threads)) {
    DecoderSpec own = decoder;
    own.layers = layers;
    KvSettings settings;
    settings.levels.rule = rule;
    settings.visual_bits.assign(layers, bits);
    const KvCache::Room room{
        .tokens = tokens, .text = 32, .span_tokens_min = KvCache::kSpanTokensMin, .span_tokens_max = tokens};
    Arena measure;
    cache_.plan(own, settings, room, &measure);
    Arena arena(own_bytes(measure.used(), &owned_), measure.used());
    cache_.plan(own, settings, room, &arena);
    const char* level = std::getenv("MICA_ISA");
    compute_.kernels = find_kernels(level && *level ? level : nullptr);
    if (compute_.kernels == nullptr) require(Status::error(Code::unsupported, "MICA_ISA=%s: not here", level));
    compute_.pool = &pool_;
    compute_.scratch_bytes = std::max(KvCache::scratch_bytes(own, room), cache_attention_scratch_bytes(shape_));
    compute_.scratch = own_bytes(compute_.scratch_bytes * pool_.size(), &owned_);
    partials_.resize(cache_partial_floats(shape_, tokens) + 1);
  }

  // The same rows in every layer. Packing rotates rows in place, so that each layer gets what the one before made of
  // them: as good as any where rows are noise.
  void add_span(const KvRows& rows) {
    const auto tokens = static_cast<uint32_t>(rows.count);
    const KvCache::Appended chunk{.count = rows.count, .visual = rows.count, .spans = &tokens, .span_count = 1};
    for (uint32_t layer = 0; layer < layers_; ++layer) cache_.append(compute_, layer, rows, chunk);
    cache_.advance(chunk);
  }

  void attend(uint32_t layer, const float* queries, size_t stride, size_t rows, float* out) {
    cache_attention(compute_, shape_, queries, stride, rows, cache_.cached(layer), nullptr, 0, partials_.data(), out,
                    shape_.heads * shape_.head_dim);
  }

  size_t visual_bytes() const { return cache_.visual_bytes(); }

 private:
  uint32_t layers_;
  AttentionShape shape_;
  KvCache cache_;
  OwnedBytes owned_;
  ThreadPool pool_;
  Compute compute_;
  std::vector<float> partials_;
};

struct Error {
  double difference = 0, square = 0;
};

// Errors of all settings on one layer; keys and values are copied, since packing rotates them in place.
void add_errors(const DecoderSpec& d, const float* queries, size_t stride, size_t query_rows, const KvRows& visual,
                std::vector<Error>* errors) {
  const size_t width = size_t{d.kv_heads} * d.head_dim;
  const size_t out_width = size_t{d.heads} * d.head_dim;
  const auto output = [&](uint8_t bits, KvRule rule) {
    std::vector<float> keys, values, out(query_rows * out_width);
    for (size_t i = 0; i < visual.count; ++i) {
      keys.insert(keys.end(), visual.keys + i * visual.stride, visual.keys + i * visual.stride + width);
      values.insert(values.end(), visual.values + i * visual.stride, visual.values + i * visual.stride + width);
    }
    LayerCache cache(d, 1, visual.count, bits, rule, 1);
    cache.add_span({keys.data(), values.data(), width, visual.count});
    cache.attend(0, queries, stride, query_rows, out.data());
    return out;
  };
  const std::vector<float> wanted = output(16, KvRule::token);
  size_t index = 0;
  for (const Setting& setting : kSettings)
    for (uint8_t bits : {uint8_t{1}, uint8_t{2}, uint8_t{4}}) {
      const std::vector<float> got = output(bits, setting.rule);
      Error& error = (*errors)[index++];
      for (size_t i = 0; i < got.size(); ++i) {
        error.difference += (got[i] - wanted[i]) * (got[i] - wanted[i]);
        error.square += wanted[i] * wanted[i];
      }
    }
}

void report_errors(const char* model_path, bool picture, const char* path) {
  std::unique_ptr<ModelFiles> files;
  std::unique_ptr<Model> model;
  require(ModelFiles::open(model_path, &files));
  require(open_model(std::move(files), &model));
  const DecoderSpec& d = model->spec.decoder;
  if (!KvCache::can_pack(d.head_dim))
    require(Status::error(Code::unsupported, "heads of %u channels cannot be packed", d.head_dim));
  SessionOptions options;
  options.context = 2048;
  options.batch = 2048;
  options.threads = 1;
  require(Session::resolve(*model, options, &options));
  size_t bytes = 0;
  require(Session::size(*model, options, &bytes));
  OwnedBytes owned;
  std::unique_ptr<Session> session;
  require(Session::create(*model, options, own_bytes(bytes, &owned), bytes, &session));
  std::ifstream file(path, std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  Picture image;
  if (picture) {
    require(decode_picture({reinterpret_cast<const uint8_t*>(content.data()), content.size()}, path, &image));
    require(session->add_picture(image));
    require(session->add_text("What does the picture show? Describe everything that is to be seen on it.", false));
  } else {
    std::vector<int32_t> ids;
    require(model->tokenizer->encode(content, false, TextBefore::nothing, &ids));
    ids.resize(std::min<size_t>(ids.size(), 512));
    require(session->add_tokens(ids, {}));
  }
  Chunk chunk;
  const float* rows = nullptr;
  require(session->prepare(&chunk, &rows));
  const size_t visual = picture ? chunk.visual : chunk.count / 2;
  Arena measure;
  Decoder decoder;
  decoder.plan(*model, {.rows = chunk.count}, &measure);
  Arena arena(own_bytes(measure.used(), &owned), measure.used());
  decoder.plan(*model, {.rows = chunk.count}, &arena);
  std::memcpy(decoder.x(), rows, chunk.count * d.hidden * sizeof(float));
  Compute compute{.kernels = model->kernels};
  compute.scratch_bytes = Decoder::scratch_bytes(*model);
  compute.scratch = own_bytes(compute.scratch_bytes, &owned);
  const DecoderPart part = {chunk, nullptr};
  decoder.begin(compute, *model, {&part, 1});
  std::vector<Error> errors(std::size(kSettings) * 3);
  for (size_t layer = 0; layer < d.layers; ++layer) {
    decoder.run_layer(compute, *model, model->weights.decoder.layers[layer], layer, {&part, 1});
    KvRows all = decoder.key_value_room(d, d.layer(static_cast<uint32_t>(layer)), chunk.count);
    all.count = visual;
    add_errors(d, decoder.queries() + visual * all.stride, all.stride, chunk.count - visual, all, &errors);
  }
  std::printf("Attention output against float16, %zu queries over %zu rows, %u layers: |difference| / |output|\n\n",
              chunk.count - visual, visual, d.layers);
  std::puts("| levels       | 1 bit | 2 bits | 4 bits |\n|--------------|------:|-------:|-------:|");
  for (size_t i = 0; i < std::size(kSettings); ++i) {
    std::printf("| %-12s |", kSettings[i].name);
    for (size_t j = 0; j < 3; ++j)
      std::printf(" %.3f |", std::sqrt(errors[i * 3 + j].difference / errors[i * 3 + j].square));
    std::puts("");
  }
}

// Medians of decode steps in turns, so that the ratio is of one time. All 28 layers of Qwen2-VL-2B: as in a decode
// step, float16 rows (470 MB) come from memory, since no cache holds them until the next token.
void report_time() {
  constexpr size_t kTokens = 16384, kPicture = 256, kRounds = 9;
  constexpr uint32_t kLayers = 28;
  DecoderSpec d;
  d.heads = 12;
  d.kv_heads = 2;
  d.head_dim = 128;
  const size_t width = size_t{d.kv_heads} * d.head_dim;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> noise(kPicture * width * 2), queries(d.heads * d.head_dim), out(queries.size());
  for (float& value : queries) value = normal(random);
  std::puts("One query row, 28 layers of 12 heads of 128 on 2 KV heads, 16,384 tokens in 64 pictures; medians\n");
  std::puts("| threads | float16 us | 1 bit us | ratio | 2 bits us | ratio | 4 bits us | ratio | bytes, 1 bit |");
  std::puts("|--------:|-----------:|---------:|------:|----------:|------:|----------:|------:|-------------:|");
  for (int threads : {1, 2}) {
    constexpr uint8_t kBits[] = {16, 1, 2, 4};
    std::vector<std::unique_ptr<LayerCache>> caches;
    for (uint8_t bits : kBits) {
      caches.push_back(std::make_unique<LayerCache>(d, kLayers, kTokens, bits, KvRule::token, threads));
      for (size_t i = 0; i < kTokens / kPicture; ++i) {
        for (float& value : noise) value = normal(random);
        caches.back()->add_span({noise.data(), noise.data() + kPicture * width, width, kPicture});
      }
    }
    std::vector<double> times[4];
    for (size_t round = 0; round < kRounds; ++round)
      for (size_t i = 0; i < 4; ++i) {
        const auto start = std::chrono::steady_clock::now();
        for (uint32_t layer = 0; layer < kLayers; ++layer)
          caches[i]->attend(layer, queries.data(), queries.size(), 1, out.data());
        times[i].push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
      }
    double medians[4];
    for (size_t i = 0; i < 4; ++i) medians[i] = median(times[i]);
    std::printf(
        "| %7d | %10.0f | %8.0f | %5.2f | %9.0f | %5.2f | %9.0f | %5.2f | %12s |\n", threads, medians[0], medians[1],
        medians[0] / medians[1], medians[2], medians[0] / medians[2], medians[3], medians[0] / medians[3],
        ("1/" +
         std::to_string(static_cast<double>(caches[0]->visual_bytes()) / static_cast<double>(caches[1]->visual_bytes()))
             .substr(0, 5))
            .c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--time") == 0) {
    report_time();
    return 0;
  }
  const bool picture = argc == 4 && std::strcmp(argv[2], "--picture") == 0;
  if (argc != 4 || (!picture && std::strcmp(argv[2], "--text") != 0)) {
    std::fputs("kv_report MODEL --picture FILE | MODEL --text FILE | --time\n", stderr);
    return 2;
  }
  report_errors(argv[1], picture, argv[3]);
  return 0;
}
