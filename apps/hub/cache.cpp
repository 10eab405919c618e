// The cache of repositories, see cache.hpp.
#include "cache.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "../handles.hpp"
#include "../json_files.hpp"
#include "../terminal.hpp"

namespace app::hub {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFolderStart = "models--";
constexpr const char* kIndex = "model.safetensors.index.json";

// HF_HOME with its default.
fs::path hub_home() {
  if (const std::string home = environment("HF_HOME"); !home.empty()) return home;
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty()) return fs::path(cache) / "huggingface";
  const std::string home = environment("HOME");
  if (home.empty())
    throw Failure("there is no HOME, so no place for downloaded models: set HF_HOME to a folder", MICA_NOT_FOUND);
  return fs::path(home) / ".cache" / "huggingface";
}

// The first line of a file; empty when there is none.
std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  return line;
}

// Every shard that the index names is here; without an index there is nothing to miss.
bool has_all_shards(const fs::path& snapshot) {
  std::error_code ignored;
  if (!fs::exists(snapshot / kIndex, ignored)) return true;
  const nlohmann::json index = read_json((snapshot / kIndex).string());
  const auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object()) return true;  // opening it says what is wrong
  return std::all_of(map->begin(), map->end(), [&](const nlohmann::json& shard) {
    return !shard.is_string() || fs::exists(snapshot / shard.get<std::string>(), ignored);
  });
}

// "models--OWNER--NAME" of a folder; nothing for others.
std::optional<Repository> repository_of(const fs::path& folder) {
  const std::string name = folder.filename().string(), start = kFolderStart;
  if (!name.starts_with(start)) return std::nullopt;
  const size_t between = name.find("--", start.size());
  if (between == std::string::npos) return std::nullopt;
  return Repository{name.substr(start.size(), between - start.size()), name.substr(between + 2), ""};
}

// The commit that "main" is, or of those without it the newest snapshot.
std::string newest_commit(const CachedRepository& cached) {
  if (const std::string commit = cached.commit_of("main"); !commit.empty()) return commit;
  std::string newest;
  fs::file_time_type newest_time = fs::file_time_type::min();
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(cached.folder() / "snapshots", error)) {
    const fs::file_time_type time = entry.last_write_time(error);
    if (error || time < newest_time) continue;
    newest_time = time;
    newest = entry.path().filename().string();
  }
  return newest;
}

// Blobs to which the snapshots' files lead.
std::set<fs::path> blobs_in_use(const fs::path& folder) {
  std::set<fs::path> used;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder / "snapshots", error))
    if (entry.is_symlink(error)) used.insert(fs::read_symlink(entry.path(), error).filename());
  return used;
}

}  // namespace

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

fs::path cache_folder() {
  if (const std::string cache = environment("HF_HUB_CACHE"); !cache.empty()) return cache;
  return hub_home() / "hub";
}

std::string access_token() {
  if (const std::string token = environment("HF_TOKEN"); !token.empty()) return token;
  if (const std::string path = environment("HF_TOKEN_PATH"); !path.empty()) return first_line(path);
  return first_line(hub_home() / "token");
}

CachedRepository::CachedRepository(const Repository& repository)
    : repository_(repository),
      folder_(cache_folder() / (kFolderStart + repository.owner + "--" + repository.name)) {}

std::string CachedRepository::commit_of(const std::string& revision) const {
  const std::string commit = is_hexadecimal(revision, 40) ? revision : first_line(folder_ / "refs" / revision);
  std::error_code ignored;
  return is_hexadecimal(commit, 40) && fs::is_directory(snapshot(commit), ignored) ? commit : "";
}

std::vector<File> CachedRepository::files(const std::string& commit) const {
  const fs::path root = snapshot(commit);
  std::vector<File> found;
  std::error_code error;
  for (fs::recursive_directory_iterator at(root, error), end; !error && at != end; at.increment(error)) {
    std::error_code broken;  // a link whose blob is gone is no file
    const uint64_t bytes = at->is_regular_file(broken) ? at->file_size(broken) : 0;
    if (!broken && at->is_regular_file(broken))
      found.push_back({at->path().lexically_relative(root).generic_string(), bytes, ""});
  }
  if (error) throw Failure(root.string() + ": " + error.message(), MICA_IO_ERROR);
  return found;
}

CachedModel CachedRepository::model(const std::string& commit, const Picked& picked) const {
  const fs::path root = snapshot(commit);
  return {(picked.model.empty() ? root : root / picked.model).string(),
          picked.projector.empty() ? "" : (root / picked.projector).string()};
}

std::optional<CachedModel> CachedRepository::find(const std::string& revision) const {
  const std::string commit = commit_of(revision);
  if (commit.empty()) return std::nullopt;
  try {
    const Picked picked = pick_files(repository_, files(commit));
    if (picked.model.empty() && !has_all_shards(snapshot(commit))) return std::nullopt;
    return model(commit, picked);
  } catch (const Failure&) {  // the snapshot has other files than those that are wanted
    return std::nullopt;
  }
}

void CachedRepository::place(const std::string& commit, const File& file) const {
  const fs::path link = snapshot(commit) / file.path;
  fs::create_directories(link.parent_path());
  std::error_code error;
  fs::remove(link, error);
  fs::create_symlink(blob(file.digest).lexically_relative(link.parent_path()), link, error);
  if (error) fs::rename(blob(file.digest), link, error);
  if (error) throw Failure(link.string() + ": " + error.message(), MICA_IO_ERROR);
}

void CachedRepository::set_revision(const std::string& revision, const std::string& commit) const {
  if (is_hexadecimal(revision, 40)) return;
  const fs::path path = folder_ / "refs" / revision, written = path.string() + ".new";
  fs::create_directories(path.parent_path());
  std::ofstream file(written, std::ios::trunc);
  file << commit;
  file.close();
  std::error_code error;
  if (file) fs::rename(written, path, error);
  if (!file || error) throw Failure(path.string() + ": cannot be written", MICA_IO_ERROR);
}

std::vector<CacheEntry> cached_models() {
  std::vector<CacheEntry> entries;
  std::error_code error;
  for (const fs::directory_entry& folder : fs::directory_iterator(cache_folder(), error)) {
    const std::optional<Repository> repository = repository_of(folder.path());
    if (!repository) continue;
    const CachedRepository cached(*repository);
    const std::string commit = newest_commit(cached);
    if (commit.empty()) continue;
    const std::vector<File> files = cached.files(commit);
    for (const std::string& wanted : models_among(files)) {
      Repository one = *repository;
      one.wanted = wanted;
      const Picked picked = pick_files(one, files);
      if (wanted.empty() && !has_all_shards(cached.snapshot(commit))) continue;
      const CachedModel model = cached.model(commit, picked);
      uint64_t bytes = 0;
      for (const File& file : picked.files) bytes += file.bytes;
      entries.push_back({one.id(), wanted, bytes, model.model, model.projector});
    }
  }
  std::sort(entries.begin(), entries.end(), [](const CacheEntry& a, const CacheEntry& b) {
    return std::tie(a.id, a.wanted) < std::tie(b.id, b.wanted);
  });
  return entries;
}

std::string kind_of(const CacheEntry& entry) {
  if (entry.wanted.ends_with(".mica")) return "packed";
  if (!entry.wanted.empty()) return entry.projector.empty() ? "GGUF" : "GGUF with pictures";
  try {
    return read_json((fs::path(entry.path) / "config.json").string()).value("model_type", "safetensors");
  } catch (const std::exception&) {  // opening it says what is wrong
    return "safetensors";
  }
}

uint64_t remove_cached(const Repository& repository) {
  const CachedRepository cached(repository);
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(cached.folder(), error)))
    throw Failure(repository.id() + " is not in " + cache_folder().string() + "; mica list shows what is",
                  MICA_NOT_FOUND);
  uint64_t freed = 0;
  const auto drop = [&](const fs::path& path) {
    std::error_code ignored;
    if (fs::is_regular_file(fs::symlink_status(path, ignored))) freed += fs::file_size(path, ignored);
    fs::remove(path, error);
    if (error) throw Failure(path.string() + ": " + error.message(), MICA_IO_ERROR);
  };
  if (repository.wanted.empty()) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(cached.folder(), error))
      if (fs::is_regular_file(entry.symlink_status(error))) freed += entry.file_size(error);
    fs::remove_all(cached.folder(), error);
    if (error) throw Failure(cached.folder().string() + ": " + error.message(), MICA_IO_ERROR);
    return freed;
  }
  const std::string commit = newest_commit(cached);
  const Picked picked = pick_files(repository, commit.empty() ? std::vector<File>{} : cached.files(commit));
  const std::set<fs::path> used_before = blobs_in_use(cached.folder());
  // The tower stays: other kinds of the model read it.
  for (const File& file : picked.files)
    if (file.path != picked.projector) drop(cached.snapshot(commit) / file.path);
  const std::set<fs::path> used = blobs_in_use(cached.folder());
  for (const fs::path& blob : used_before)
    if (!used.contains(blob)) drop(cached.folder() / "blobs" / blob);
  return freed;
}

}  // namespace app::hub
