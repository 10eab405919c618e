// CalibrationRows: what the model sees of the samples while it is quantized: residual streams of the float model and of
// the quantized one, advanced layer by layer. Not statistics, and not rounding.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decoder.hpp"
#include "model.hpp"
#include "own_bytes.hpp"
#include "quantize.hpp"
#include "session.hpp"
#include "vision.hpp"

namespace mica {

// The float model, or the one whose layers are quantized so far.
enum class Stream : uint8_t { reference, quantized };

// Rows that some layers work on, item by item: the tiles of all pictures, or the samples' prompts.
class LayerRows {
 public:
  virtual ~LayerRows() = default;
  virtual size_t items() const = 0;
  virtual size_t rows(size_t item) const = 0;
  virtual size_t visual(size_t item) const = 0;
  // Runs a layer, the index-th, over an item's rows of one stream, seen by compute.observer; `keep` makes its output
  // the item's rows.
  virtual void run(const Compute& compute, const LayerWeights& layer, size_t index, size_t item, Stream stream,
                   bool keep) = 0;
  // What is known of an item: the residual stream, and what layers read beside it (Decoder::take_carried), or
  // a projector does (Vision::take_features).
  struct State {
    std::vector<float> x, carried;
  };
  virtual State& state(size_t item, Stream stream) = 0;
};

// The samples with their pictures, ready for both loops of one model. Values are those before the first layer.
class CalibrationRows {
 public:
  // Tokenizes the samples and makes their embeddings; pictures are encoded by the model as it is now, so this comes
  // before any of its matrices change. A sample of more tokens than kCalibrationTokensMax, or without any, is left out
  // with a warning. Errors: invalid_argument when none is left, and those of pictures.
  Status create(const Model& model, const std::vector<CalibrationSample>& samples, uint32_t threads,
                std::vector<std::string>* warnings);

  size_t tokens_visual() const { return tokens_visual_; }
  size_t tokens_text() const { return tokens_text_; }
  size_t samples() const { return samples_.size(); }
  const Compute& compute() const { return compute_; }
  LayerRows& decoder() { return decoder_rows_; }
  // The tiles that pass through a tower: of pictures, or of a video's frames where these have one of their own.
  LayerRows& tower(Section section) { return section == Section::frames ? frame_rows_ : tower_rows_; }
  // The tiles of both, which the projector and taps see.
  size_t tiles() const { return tiles_.size(); }
  LayerRows& squares() { return square_rows_; }  // between enter_squares() and leave_squares()

  // Error: invalid_argument where a tower has seen nothing.
  Status check_towers() const;
  // What layers of both loops, or of one, will do: rows times what a layer's MLP has of weights.
  double work(bool decoder, bool vision);

  // Places the loops' buffers, once the model's streams are as they will be (transform_streams).
  Status plan();

  // Fills both streams of the decoder from the embeddings, rotated as model.weights says; visual rows of the quantized
  // stream are what finish_tower gave.
  void begin_decoder();
  // The embedding of a tile's patches into `stream` with the matrix that model.weights.vision has now.
  Status begin_tile(Section tower, size_t item, Stream stream);
  // The rows of a tower's tile that enter the patch embedding, to the observer only.
  Status show_patches(Section tower, size_t item, RowObserver* observer);
  // The projector on a tile's last rows, to the observer only; and a tap on those behind its layer.
  void show_projector(size_t item, Stream stream, RowObserver* observer);
  void show_tap(size_t item, size_t tap, Stream stream, RowObserver* observer);
  // Keeps a tap's output for the quantized stream, behind its layer.
  void finish_tap(size_t tap);
  // Behind VisionSpec::inner_layer: all rows come to stand square by square; the steps that merge them run on a tile's
  // rows, to the observer only, or on all, whose output is kept for a stream; then both outputs become the rows.
  void enter_squares();
  void show_squares(size_t item, Stream stream, RowObserver* observer);
  void merge_squares(Stream stream);
  void leave_squares();
  // Keeps the projector's output as the visual rows of the quantized stream, and lets go of the tower's rows.
  void finish_tower();
  // The rows of a sample that enter lm_head, to the observer only.
  void show_head(size_t item, RowObserver* observer);
  // The logits of some rows of a residual stream, with the matrix that model.weights has now.
  void logits(const std::vector<float>& x, std::span<const uint32_t> rows, float* logits);

 private:
  struct Sample {
    const CalibrationSample* source = nullptr;
    Chunk chunk;                                  // its pointers are into the vectors below
    std::vector<uint32_t> positions, in_order;
    std::vector<uint32_t> sight;                  // what each row sees, one array of the chunk behind the other
    std::vector<int32_t> tokens;
    LayerRows::State state[2];                    // [count][hidden] by Stream
    std::vector<float> taps[2];                   // [visual][taps][hidden] by Stream, as Chunk has them
    std::vector<float> embeddings;                // [count][hidden]; released by begin_decoder
  };
  struct Tile {
    size_t sample;
    size_t first_token;                           // of its picture's tokens among the sample's visual rows
    size_t picture;                               // in the sample; of a video the first frame
    uint32_t frames;                              // of a video, in one patch; else 1
    uint32_t index;                               // in the picture
    PictureRule rule;
    PixelPlan whole;                              // of the picture
    size_t first_value;                           // of its pixels among the picture's
    PixelPlan plan;                               // of the rows in x
    LayerRows::State state[2];                    // [rows][hidden] by Stream
    std::vector<float> merged[2];                 // of their squares, until these are the rows
  };
  class DecoderRows : public LayerRows {
   public:
    explicit DecoderRows(CalibrationRows* owner) : owner_(owner) {}
    size_t items() const override { return owner_->samples_.size(); }
    size_t rows(size_t item) const override { return owner_->samples_[item].chunk.count; }
    size_t visual(size_t item) const override { return owner_->samples_[item].chunk.visual; }
    void run(const Compute& compute, const LayerWeights& layer, size_t index, size_t item, Stream stream,
             bool keep) override;
    State& state(size_t item, Stream stream) override {
      return owner_->samples_[item].state[static_cast<size_t>(stream)];
    }

   private:
    CalibrationRows* owner_;
  };
  class TowerRows : public LayerRows {
   public:
    explicit TowerRows(CalibrationRows* owner) : owner_(owner) {}
    void add(size_t tile) { tiles_.push_back(tile); }
    void follow(const TowerRows& other) { tiles_ = other.tiles_; }
    Tile& tile(size_t item) const { return owner_->tiles_[tiles_[item]]; }
    size_t items() const override { return tiles_.size(); }
    size_t rows(size_t item) const override { return Vision::rows_of(owner_->model_->spec, tile(item).plan); }
    size_t visual(size_t item) const override { return rows(item); }
    void run(const Compute& compute, const LayerWeights& layer, size_t index, size_t item, Stream stream,
             bool keep) override;
    State& state(size_t item, Stream stream) override {
      return tile(item).state[static_cast<size_t>(stream)];
    }

   protected:
    CalibrationRows* owner_;
    std::vector<size_t> tiles_;  // among the owner's
  };
  class SquareRows : public TowerRows {
   public:
    using TowerRows::TowerRows;
    void run(const Compute& compute, const LayerWeights& layer, size_t index, size_t item, Stream stream,
             bool keep) override;
  };

  void head(const Compute& compute, const std::vector<float>& x, std::span<const uint32_t> rows, float* logits);
  void show_some_as_videos();
  Status add_sample(const CalibrationSample& sample, Session* session, std::vector<std::string>* warnings);
  // The sample's chunk with the taps of a stream.
  static DecoderPart part_of(Sample* sample, Stream stream);
  Status pixels_of(const Tile& tile, const float** out);
  // Room for what the projector or a tap makes of a tile.
  std::vector<float> tile_rows(const Tile& tile) const;
  void load_tile(const Tile& tile, Stream stream);
  void keep_tile(Stream stream, Tile* tile);

  const Model* model_ = nullptr;
  SessionOptions options_;
  std::vector<CalibrationSample> sources_;
  std::vector<Sample> samples_;
  std::vector<Tile> tiles_;
  size_t tokens_visual_ = 0, tokens_text_ = 0;
  ThreadPool pool_;
  Compute compute_;
  Decoder decoder_;
  Vision vision_;
  OwnedBytes memory_;
  // The pixel values of one picture: that of the tile asked for last.
  std::vector<float> pixels_;
  size_t pixels_sample_ = SIZE_MAX, pixels_picture_ = 0;
  std::vector<Picture> pictures_;  // of that sample
  DecoderRows decoder_rows_{this};
  TowerRows tower_rows_{this}, frame_rows_{this};
  SquareRows square_rows_{this};
};

}  // namespace mica
