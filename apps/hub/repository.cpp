// Names of repositories and what is read of them, see repository.hpp.
#include "repository.hpp"

#include <algorithm>
#include <cctype>

#include "../handles.hpp"
#include "../terminal.hpp"
#include "../words.hpp"

namespace app::hub {
namespace {

// The hub's own bound of a name.
constexpr size_t kNameCharactersMax = 96;
// Of file systems.
constexpr size_t kComponentBytesMax = 255;
constexpr size_t kPathBytesMax = 1024;

// Kinds of GGUF files for which nobody asked: the first that there is. llama.cpp's own choice comes first.
constexpr const char* kKinds[] = {"Q4_K_M", "Q4_0", "Q8_0", "Q5_K_M", "Q6_K", "BF16", "F16", "F32"};
// Of a tower the exact ones come first: it is small.
constexpr const char* kProjectorKinds[] = {"F16", "BF16", "F32", "Q8_0"};

// What a checkpoint's folder has beside its weights: configs, tokenizers, templates.
constexpr const char* kCheckpointEnds[] = {".json", ".jinja", ".model", ".tiktoken", "merges.txt", "vocab.txt"};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= kNameCharactersMax && text[0] != '.' && text[0] != '-' &&
         text.find("..") == std::string::npos && text.find("--") == std::string::npos &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
         });
}

bool is_gguf(const File& file) { return lower(file.path).ends_with(".gguf"); }
bool is_projector(const File& file) {
  return is_gguf(file) && lower(name_of(file.path)).find("mmproj") != std::string::npos;
}
bool is_model(const File& file) { return is_gguf(file) && !is_projector(file); }
bool is_packed(const File& file) { return file.path.ends_with(".mica"); }
bool is_at_the_root(const File& file) { return file.path.find('/') == std::string::npos; }

// Whether the kind stands in a file's name by itself: "Q4_K" is not in "x-Q4_K_M.gguf".
bool has_kind(const File& file, const std::string& kind) {
  const std::string name = lower(name_of(file.path)), wanted = lower(kind);
  const auto is_part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (size_t at = name.find(wanted); at != std::string::npos; at = name.find(wanted, at + 1)) {
    const size_t end = at + wanted.size();
    if ((at == 0 || !is_part(name[at - 1])) && (end == name.size() || !is_part(name[end]))) return true;
  }
  return false;
}

// "x-00001-of-00003.gguf" without its number; other names as they are.
std::string name_of_parts(const std::string& path) {
  constexpr size_t kTail = sizeof "-00001-of-00003.gguf" - 1;
  if (path.size() <= kTail) return path;
  const size_t at = path.size() - kTail;
  if (path.compare(at + 6, 4, "-of-") != 0) return path;
  for (const size_t digit : {at + 1, at + 2, at + 3, at + 4, at + 5})
    if (std::isdigit(static_cast<unsigned char>(path[digit])) == 0) return path;
  return path.substr(0, at) + path.substr(at + 6);
}

template <class Wanted>
std::vector<File> those(const std::vector<File>& files, Wanted wanted) {
  std::vector<File> found;
  std::copy_if(files.begin(), files.end(), std::back_inserter(found), wanted);
  std::sort(found.begin(), found.end(), [](const File& a, const File& b) { return a.path < b.path; });
  return found;
}

// A GGUF model with all its parts, and the tower for it where the repository has one.
Picked pick_gguf(const std::vector<File>& files, const File& model) {
  Picked picked;
  picked.files = those(files, [&](const File& file) {
    return is_model(file) && name_of_parts(file.path) == name_of_parts(model.path);
  });
  picked.model = picked.files.front().path;
  const std::vector<File> projectors = those(files, is_projector);
  if (projectors.empty()) return picked;
  const File* chosen = &projectors.front();
  for (const char* kind : kProjectorKinds) {
    const auto found = std::find_if(projectors.begin(), projectors.end(),
                                    [&](const File& file) { return has_kind(file, kind); });
    if (found == projectors.end()) continue;
    chosen = &*found;
    break;
  }
  picked.projector = chosen->path;
  picked.files.push_back(*chosen);
  return picked;
}

// Some repositories have the weights twice, in files of another program ("consolidated.safetensors").
bool is_checkpoint_file(const File& file, bool has_model_files) {
  if (!is_at_the_root(file)) return false;
  if (file.path.ends_with(".safetensors")) return !has_model_files || file.path.starts_with("model");
  return std::any_of(std::begin(kCheckpointEnds), std::end(kCheckpointEnds),
                     [&](const char* end) { return file.path.ends_with(end); });
}

bool is_checkpoint(const std::vector<File>& files) {
  const auto has = [&](auto wanted) { return std::any_of(files.begin(), files.end(), wanted); };
  return has([](const File& file) { return file.path == "config.json"; }) &&
         has([](const File& file) { return is_at_the_root(file) && file.path.ends_with(".safetensors"); });
}

Picked pick_checkpoint(const std::vector<File>& files) {
  const bool has_model_files = std::any_of(files.begin(), files.end(), [](const File& file) {
    return file.path.starts_with("model") && file.path.ends_with(".safetensors");
  });
  return {those(files, [&](const File& file) { return is_checkpoint_file(file, has_model_files); }), "", ""};
}

[[noreturn]] void refuse(const Repository& repository, const std::string& wanted, const std::vector<File>& files) {
  std::vector<std::string> models = models_among(files);
  std::erase(models, "");
  std::string text = repository.id() + " has " + (wanted.empty() ? "nothing that mica opens" : "no " + wanted);
  if (!models.empty()) text += "; there are " + join(models, ", ");
  else if (wanted.empty()) text += ": no safetensors with a config.json, no .gguf and no .mica file";
  throw Failure(text, MICA_NOT_FOUND);
}

Picked pick_wanted(const Repository& repository, const std::vector<File>& files) {
  for (const File& file : files) {
    if (file.path != repository.wanted) continue;
    if (is_model(file)) return pick_gguf(files, file);
    if (is_packed(file)) return {{file}, file.path, ""};
  }
  const std::vector<File> models =
      those(files, [&](const File& file) { return is_model(file) && has_kind(file, repository.wanted); });
  if (models.empty()) refuse(repository, repository.wanted, files);
  return pick_gguf(files, models.front());
}

}  // namespace

Repository parse_repository(const std::string& text) {
  Repository repository;
  std::string id = text.substr(0, text.find(':'));
  if (id.size() < text.size()) repository.wanted = text.substr(id.size() + 1);
  const size_t slash = id.find('/');
  if (slash != std::string::npos) {
    repository.owner = id.substr(0, slash);
    repository.name = id.substr(slash + 1);
  }
  const bool wants_nothing = id.size() < text.size() && repository.wanted.empty();
  if (!is_name(repository.owner) || !is_name(repository.name) || wants_nothing ||
      (!repository.wanted.empty() && !is_path_inside(repository.wanted)))
    throw UsageError("\"" + screen_text(text) + "\" is no repository: wants OWNER/NAME, as Qwen/Qwen2-VL-2B-Instruct, "
                     "or OWNER/NAME:KIND for a GGUF file of a kind, as :Q4_K_M, or :FILE");
  return repository;
}

bool is_path_inside(const std::string& path) {
  if (path.empty() || path.size() > kPathBytesMax) return false;
  for (const std::string& component : split(path, '/'))
    if (component.empty() || component == "." || component == ".." || component.size() > kComponentBytesMax)
      return false;
  return std::none_of(path.begin(), path.end(),
                      [](unsigned char c) { return c < ' ' || c == 0x7F || c == '\\' || c == ':'; });
}

bool is_hexadecimal(const std::string& text, size_t count) {
  return text.size() == count &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

Picked pick_files(const Repository& repository, const std::vector<File>& files) {
  if (!repository.wanted.empty()) return pick_wanted(repository, files);
  if (is_checkpoint(files)) return pick_checkpoint(files);
  const std::vector<File> models = those(files, is_model);
  for (const char* kind : kKinds) {
    const auto found =
        std::find_if(models.begin(), models.end(), [&](const File& file) { return has_kind(file, kind); });
    if (found != models.end()) return pick_gguf(files, *found);
  }
  if (!models.empty()) return pick_gguf(files, models.front());
  const std::vector<File> packed = those(files, is_packed);
  if (packed.size() != 1) refuse(repository, "", files);
  return {packed, packed[0].path, ""};
}

std::vector<std::string> models_among(const std::vector<File>& files) {
  std::vector<std::string> names;
  if (is_checkpoint(files)) names.push_back("");
  std::string before;
  for (const File& file : those(files, [](const File& f) { return is_model(f) || is_packed(f); })) {
    const std::string parts = name_of_parts(file.path);
    if (parts != before) names.push_back(file.path);
    before = parts;
  }
  return names;
}

}  // namespace app::hub
