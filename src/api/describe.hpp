// Describe: what can be said about a model, as JSON text for people and tools. Not a format that anything reads back.
#pragma once

#include <string>

#include "json_build.hpp"
#include "mica.h"
#include "model.hpp"
#include "session.hpp"

namespace mica {

std::string describe(const Model& model);

// What is static about a model's weights; null where nothing is.
JsonBuild describe_static(const Weights& weights);

// What a session of these (resolved) options is and takes, as JSON text.
Status describe_session(const Model& model, const SessionOptions& options, std::string* out);

// Compares the checksums of a packed file with its data.
Status verify(const ModelFiles& files, mica_progress progress, void* user);

}  // namespace mica
