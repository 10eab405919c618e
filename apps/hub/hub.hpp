// A model hub: what a repository has, and a model of it brought into the cache. By HTTP as huggingface.co and its
// mirrors speak it: GET /api/models/ID/revision/REVISION?blobs=true and /ID/resolve/COMMIT/PATH
// (https://huggingface.co/docs/hub/api). Without libcurl (-Ddownloads=disabled) all of it says so.
#pragma once

#include <string>

#include "cache.hpp"
#include "transfer.hpp"

namespace app::hub {

// Brings what is wanted of a revision into the cache, at HF_ENDPOINT, else https://huggingface.co; what is there
// already is not fetched again. Throws Failure with what to do about it; also where HF_HUB_OFFLINE is set.
CachedModel bring(const Repository& repository, const std::string& revision, const TransferProgress& progress);

}  // namespace app::hub
