// The cache of downloaded repositories, laid out as huggingface_hub has it, so that both find what the other brought:
// models--OWNER--NAME with blobs/DIGEST, snapshots/COMMIT/PATH (links to blobs) and refs/REVISION (a commit).
// https://huggingface.co/docs/huggingface_hub/guides/manage-cache. Not the network (transfer.hpp).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "repository.hpp"

namespace app::hub {

// The environment's variable; empty when it is not set.
std::string environment(const char* name);
// HF_HUB_CACHE, else HF_HOME/hub, else XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub. Throws Failure
// where there is not even a home.
std::filesystem::path cache_folder();
// HF_TOKEN, else what HF_TOKEN_PATH or HF_HOME/token holds; empty: none.
std::string access_token();

// A model of the cache, ready to be opened.
struct CachedModel {
  std::string model;      // a folder or a file
  std::string projector;  // empty: none
};

// A repository's folder in the cache; it need not be there.
class CachedRepository {
 public:
  explicit CachedRepository(const Repository& repository);

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path blob(const std::string& digest) const { return folder_ / "blobs" / digest; }
  std::filesystem::path snapshot(const std::string& commit) const { return folder_ / "snapshots" / commit; }

  // The commit of a revision (a branch, a tag or a commit itself) that is here; empty: none.
  std::string commit_of(const std::string& revision) const;
  // The files of a snapshot. Throws Failure.
  std::vector<File> files(const std::string& commit) const;
  // What was picked of a snapshot's files, as -m takes it.
  CachedModel model(const std::string& commit, const Picked& picked) const;
  // What is wanted of a revision, when all of it is here.
  std::optional<CachedModel> find(const std::string& revision) const;

  // Makes a blob that has arrived a file of the snapshot: a link, or where there are no links the bytes themselves.
  void place(const std::string& commit, const File& file) const;
  // Says that a revision is this commit, once all that was wanted of it is here.
  void set_revision(const std::string& revision, const std::string& commit) const;

 private:
  Repository repository_;
  std::filesystem::path folder_;
};

// A line of `mica list`: a model in the newest snapshot of a repository.
struct CacheEntry {
  std::string id;      // "OWNER/NAME"
  std::string wanted;  // "" of a checkpoint, else the file
  uint64_t bytes = 0;  // of its files
  std::string path;    // what -m takes
  std::string projector;
};
std::vector<CacheEntry> cached_models();
// "qwen2_vl", "GGUF", "GGUF with pictures": what its files say that it is.
std::string kind_of(const CacheEntry& entry);

// Removes a repository, or of it the files that `wanted` names, with the blobs that no other snapshot has. Returns how
// many bytes that freed. Throws Failure when there is nothing of the kind.
uint64_t remove_cached(const Repository& repository);

}  // namespace app::hub
