// The verdict of `mica quantize`: the packed file beside its checkpoint, on samples that calibration did not see.
#pragma once

#include <string>
#include <vector>

#include "quantize_report.hpp"

namespace app {

// Texts are read as `mica perplexity` does; of questions with pictures the rows that foretell the answer are compared.
// `samples`: kept out of calibration; without any the verdict has none. Throws Failure.
Verdict judge(const std::string& checkpoint, const std::string& projector, const std::string& packed,
              const std::vector<mica::CalibrationSample>& samples, uint32_t threads);

}  // namespace app
