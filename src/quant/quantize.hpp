// Quantize: from a checkpoint and calibration samples to a packed file that runs with static scales
// (static_format.hpp). The method: MQuant (arXiv 2502.00425) with GPTQ (arXiv 2210.17323). Not the samples' files
// (calibration_set.hpp) and not how a person reads the outcome (apps/).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "allocation.hpp"
#include "low_rank.hpp"
#include "model_files.hpp"
#include "packed_notes.hpp"
#include "status.hpp"
#include "weight_format.hpp"

namespace mica {

enum class Rounding : uint8_t { gptq, nearest };

struct QuantizeOptions {
  // Floats stay the 16 bits that they are.
  WeightFormat text = WeightFormat::u4;
  WeightFormat vision = WeightFormat::u4;
  WeightFormat head = WeightFormat::s8;  // embedding and lm_head
  // In a decoder of fewer than 8 bits, value matrices whose heads are shared by several query heads: s8 or as the rest.
  WeightFormat shared_heads = WeightFormat::s8;
  // Above 0: so many bits a weight, scales and tables counted, are what the decoder's matrices have on average;
  // `allocation` says by what each gets its own, and `text` and `shared_heads` only that the decoder has static scales.
  double bits = 0;
  double bits_vision = 0;  // likewise of the layers of towers, beside whose matrices `vision` stays
  Allocation allocation = Allocation::error;
  WeightFormat two_bits = WeightFormat::p2;  // of those matrices that an allocation gives 2 bits
  LowRank low_rank = {};
  bool msq = true;       // a scale for visual and one for text rows at each quant point; otherwise the larger for both
  bool aifs = true;      // visual rows of a chunk first; otherwise chunks end where the modality changes
  bool rms = true;       // rotation magnitude suppression, in the layers where it helps
  bool rotation = true;
  Rounding rounding = Rounding::gptq;
  // Matrices by their names in reports, as "layers.7.down", that get another format than the above says. Floats where
  // one of a quant point's matrices has them: then all have, and the rows that enter are not rounded.
  std::map<std::string, WeightFormat> raised = {};
  // Above 0: what the cosine of rows of logits with the checkpoint's has to be: the smallest where rows lose alike, with
  // something to spare for those that were not seen, else the mean. Where it is less, matrices get more bits, those that
  // gain most a bit first, and the model is quantized again (raising.hpp). Of trained models single rows come far below,
  // so that their smallest says little.
  double least_cosine = 0;
  PackedNotes notes = {};
  uint32_t seed = 42;    // of the random signs
  uint32_t threads = 0;  // 0: fitting_threads().prompts
};

// What stands in a sample's pictures instead of what was taken (unlike_samples.hpp).
enum class PaintedOver : uint8_t { nothing, noise, colour, shapes };

// What the model sees while its activations are measured. With a chat format, a user's turn (pictures, then the prompt)
// and the assistant's answer; without one, or without a prompt, plain text.
struct CalibrationSample {
  std::vector<std::string> pictures;  // paths; read when they are needed
  bool is_video = false;              // they are the frames of one, or a single path is that of a video
  PaintedOver painted = PaintedOver::nothing;
  std::string prompt;
  std::string answer;  // so that generated tokens are seen too; may be empty
  std::vector<int32_t> tokens;  // or the whole prompt as ids, a picture's placeholders included: the text is not read
};

// A quant point: the rows that enter one or more linear layers.
struct PointReport {
  std::string name;                         // "layers.7.down_in", "vision.layers.0.mlp_in"
  float max_visual = 0, max_text = 0;       // greatest magnitude seen; 0: no such rows
  float scale_visual = 0, scale_text = 0;
  float loss_visual = 0, loss_text = 0;  // the share of the squared values that eight bits lose
  std::vector<float> visual, text;       // magnitudes at kReportQuantiles
};
inline constexpr double kReportQuantiles[] = {0.5, 0.9, 0.99, 0.999};

// A linear layer.
struct LinearReport {
  std::string name;   // "layers.7.down"
  std::string point;  // "layers.7.down_in", whose rows it reads
  WeightFormat format = WeightFormat::floats;
  size_t rows = 0, columns = 0;
  // Above 0: it is two matrices, the first of so many rows and in a format of its own; `cut` is what the error would be
  // if neither were rounded.
  uint32_t rank = 0;
  WeightFormat first_format = WeightFormat::floats;
  double cut = 0;
  double bits = 0;             // of a weight, with scales, tables and what is kept in float
  double error = 0;            // |W X - Q X|^2 / |W X|^2 over the calibration rows
  // What the fewest bits are expected to cost, by which bits were allotted: of the decoder a divergence of its
  // probabilities, of a tower a share of its last rows, by other rules than the error's a share of the layer's output.
  // 0: not measured.
  double sensitivity = 0;
  // Greatest magnitude over the root mean square of a row of weights, mean over the rows: as they came, rotated, and
  // without the column that RMS keeps apart (equal to the one before where it keeps none).
  double outlier = 0, outlier_rotated = 0, outlier_suppressed = 0;
  bool suppressed = false;     // RMS keeps a rank-1 term
  uint32_t kept_channels = 0;  // inputs with rare, huge values that are multiplied in float
  bool fallback = false;       // rounded to the nearest, since GPTQ's matrix could not be factored
};

// A quant point whose matrices have more bits than was asked for, since the logits were too far from the checkpoint's.
struct RaiseReport {
  std::string point;  // "layers.7.down_in"; "head_in" is of embedding and head
  WeightFormat from = WeightFormat::floats, to = WeightFormat::floats;
  double lost = 0;       // 1 less the cosine, with all else in float: in the format that was asked for ...
  double rows_lost = 0;  // ... and the share of the squared values of its rows that eight bits lose
};

// How near the packed file's logits are to its checkpoint's: cosines of rows.
struct Closeness {
  double least = 1, mean = 1;
  double middle = 1, quarter = 1, twentieth = 1;  // so large a part of the rows is below
  size_t rows = 0, samples = 0;  // none: not measured

  // Rows lose about as much as each other, so that the smallest says what is to be expected of any. Of a trained model
  // some are nearly flat, and lose many times what others do.
  bool rows_alike() const {
    const auto within = [this](double cosine, double times) { return 1 - cosine <= times * (1 - middle); };
    return (within(quarter, 2.5) || within(twentieth, 8)) && within(least, 400);
  }
};

struct QuantizeReport {
  std::string model;
  size_t samples = 0, tokens_visual = 0, tokens_text = 0;
  double seconds = 0;
  uint64_t peak_bytes = 0;              // of the process's memory
  uint64_t bytes_before = 0, bytes_after = 0;  // of the weights, and of the packed file
  std::vector<PointReport> points;
  std::vector<LinearReport> layers;
  Closeness closeness, closeness_before;  // of the file, and of the one without raises
  Closeness closeness_unlike;             // of the file, on samples that are unlike those of calibration
  std::vector<RaiseReport> raises;        // by falling loss
  std::vector<std::string> warnings;
  ExpectedLoss expected, expected_vision;  // by `bits` and `bits_vision`
};

// Told the stage ("layers.3: down") and the share done; return true to cancel.
using QuantizeProgress = std::function<bool(const char* stage, double done)>;

// Quantizes `files` (taken over) to `path`. Memory: the float weights of one layer, its GPTQ matrix, and one row of
// hidden floats a calibration token; where bits are allotted by error, the layer twice and some 1,500 such rows for each
// layer and each kind of matrix. A failure leaves no file under `path`, or the one that was there. Errors:
// invalid_argument for a weight that is not finite, naming its layer, and for samples that do not suit the model; those
// of pictures and files; cancelled. `report` may be null. `held_out`: samples by which least_cosine is judged; where there
// are none, some of the others.
Status quantize(std::unique_ptr<ModelFiles> files, const std::vector<CalibrationSample>& samples,
                const QuantizeOptions& options, const QuantizeProgress& progress, const char* path,
                QuantizeReport* report, const std::vector<CalibrationSample>& held_out = {});

}  // namespace mica
