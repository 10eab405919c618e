// Flags of other programs, see foreign_flags.hpp.
#include "foreign_flags.hpp"

#include <algorithm>
#include <iterator>

#include "words.hpp"

namespace app {
namespace {

constexpr auto kNothing = ForeignFlag::Takes::nothing;
constexpr auto kValue = ForeignFlag::Takes::value;
constexpr auto kMaybe = ForeignFlag::Takes::maybe;
constexpr auto kNote = ForeignFlag::Answer::note;
constexpr auto kRefusal = ForeignFlag::Answer::refusal;

constexpr const char* kNoGpu = "mica computes on the CPU, so it has no meaning here and is left out";
constexpr const char* kNoMeaning = "it has no meaning here and is left out";

constexpr ForeignFlag kForeignFlags[] = {
    {"-ngl,--gpu-layers,--n-gpu-layers", kValue, kNote, kNoGpu},
    {"-sm,--split-mode,-mg,--main-gpu,-ts,--tensor-split,-dev,--device", kValue, kNote, kNoGpu},
    {"-nkvo,--no-kv-offload,-kvo,--kv-offload,--no-mmproj-offload,--mmproj-offload", kNothing, kNote, kNoGpu},
    {"-fa,--flash-attn", kMaybe, kNote, "attention is computed in one way on a CPU; it is left out"},
    {"--mmap,--no-mmap", kNothing, kNote, "a model's file is always mapped; it is left out"},
    {"-mmp", kValue, kNote, "a model's file is always mapped; it is left out"},
    {"--mlock", kNothing, kNote, "which pages stay in memory is left to the system; it is left out"},
    {"--numa", kValue, kNote, "threads run where the system puts them; it is left out"},
    {"-ub,--ubatch-size", kValue, kNote, "-b alone says how many tokens pass at once; it is left out"},
    {"--warmup,--no-warmup", kNothing, kNote, "nothing is run before the first question; it is left out"},
    {"--jinja", kNothing, kNote, "the chat template that the model brings is run anyway; it is left out"},
    {"-st,--single-turn", kNothing, kNote, "this command has no second turn; it is left out"},
    {"-cnv,--conversation", kNothing, kNote, "mica chat is the conversation; it is left out"},
    {"--no-display-prompt", kNothing, kNote, "the question is no part of the output anyway; it is left out"},
    {"--no-context-shift", kNothing, kNote, "a full context is never shifted anyway; it is left out"},
    {"-co,--color,--simple-io,--log-disable,--perf,--no-perf,-cb,--cont-batching", kNothing, kNote, kNoMeaning},
    {"-fit,--fit", kMaybe, kNote, kNoMeaning},
    {"-fitt,--fit-target,-fitc,--fit-ctx", kValue, kNote, kNoMeaning},
    {"-ot,--override-tensor,-otd,--override-tensor-draft,-ncmoe,--n-cpu-moe,-ngld,--gpu-layers-draft,-devd,"
     "--device-draft", kValue, kNote, kNoGpu},
    {"-cmoe,--cpu-moe,--op-offload,--no-op-offload,--no-host", kNothing, kNote, kNoGpu},
    {"-nr,--no-repack,--repack", kNothing, kNote, "weights are computed as they are stored; it is left out"},
    {"-C,--cpu-mask,-Cr,--cpu-range,-Cb,--cpu-mask-batch,-Crb,--cpu-range-batch", kValue, kNote,
     "threads run where the system puts them (taskset chooses processors); it is left out"},
    {"--cpu-strict,--cpu-strict-batch,--prio,--prio-batch,--poll,--poll-batch", kValue, kNote,
     "threads run where the system puts them and wait without taking its time; it is left out"},
    {"--keep", kValue, kNote, "a full context is never shifted, so all of it stays; it is left out"},
    {"-np,--parallel", kValue, kNote, "one question is answered at a time; it is left out"},
    {"--swa-full,-nocb,--no-cont-batching,--display-prompt,--verbose-prompt,--special,-sp,--check-tensors", kNothing,
     kNote, kNoMeaning},
    {"-dt,--defrag-thold,-lv,--verbosity,--log-verbosity,-ptc,--print-token-count", kValue, kNote, kNoMeaning},
    {"--log-prefix,--log-timestamps,--no-log-prefix,--no-log-timestamps", kNothing, kNote, kNoMeaning},
    {"--log-colors", kMaybe, kNote, kNoMeaning},
    {"--log-file", kValue, kNote, "what is said goes to standard error (2> FILE keeps it); it is left out"},
    {"-mli,--multiline-input", kNothing, kNote, "mica run -f FILE reads a question of several lines; it is left out"},
    {"--typical,--typical-p", kValue, kNote, "1 is off; it is left out", "1,1.0"},
    {"--presence-penalty,--frequency-penalty,--mirostat,--dry-multiplier,--xtc-probability,--dynatemp-range", kValue,
     kNote, "0 is off; it is left out", "0,0.0"},
    {"--top-n-sigma,--top-nsigma", kValue, kNote, "-1 is off; it is left out", "-1,-1.0"},
    {"--samplers,--sampler-seq,--sampling-seq,--typical,--typical-p,--presence-penalty,--frequency-penalty,--mirostat,"
     "--mirostat-lr,--mirostat-ent,--dry-multiplier,--dry-base,--dry-allowed-length,--dry-penalty-last-n,"
     "--dry-sequence-breaker,--xtc-probability,--xtc-threshold,--dynatemp-range,--dynatemp-exp,--top-n-sigma,"
     "--top-nsigma,--adaptive-target,--adaptive-decay,-l,--logit-bias", kValue, kRefusal,
     "mica samples by --temp, --top-k, --top-p, --min-p and --repeat-penalty alone; leave it out"},
    {"-r,--reverse-prompt", kValue, kRefusal,
     "--stop TEXT ends an answer before a text, which is what it is for"},
    {"-sysf,--system-prompt-file", kValue, kRefusal, "a system turn is given as text: -sys \"$(cat %)\""},
    {"-bf,--binary-file", kValue, kRefusal, "-f FILE reads a question from a file"},
    {"--prompt-cache", kValue, kRefusal, "prompts are not kept between runs; mica chat reads a conversation once"},
    {"--prompt-cache-all,--prompt-cache-ro", kNothing, kRefusal, "prompts are not kept between runs"},
    {"--in-prefix,--in-suffix", kValue, kRefusal, "turns are written as the model's chat format says"},
    {"--in-prefix-bos,-cml,--chatml,--no-jinja", kNothing, kRefusal,
     "turns are written as the model's chat format says; --chat-format names another"},
    {"--chat-template-kwargs,--reasoning-format,--reasoning-budget,-rea,--reasoning", kValue, kRefusal,
     "the chat format has no such choices here"},
    {"--context-shift", kNothing, kRefusal, "a full context is not shifted; a larger -c has room for more"},
    {"-gan,--grp-attn-n,-gaw,--grp-attn-w,--yarn-orig-ctx,--yarn-ext-factor,--yarn-attn-factor,--yarn-beta-slow,"
     "--yarn-beta-fast", kValue, kRefusal, "positions are encoded as the model's config says"},
    {"--override-kv", kValue, kRefusal, "a model is run as its file says"},
    {"--host,--port,--api-key,--api-key-file,-a,--alias", kValue, kRefusal, "that is for the server: mica serve"},
    {"--path,-to,--timeout,--threads-http,--slot-save-path,--models-dir,--media-path,--ssl-key-file,--ssl-cert-file",
     kValue, kRefusal, "the server, mica serve, has no such choice"},
    {"--metrics,--slots,--props", kNothing, kNote, "mica serve always has that"},
    {"--no-slots,--webui,--no-webui,--embedding,--embeddings,--rerank,--reranking", kNothing, kRefusal,
     "the server, mica serve, has no such choice"},
    {"--pooling", kValue, kRefusal, "mica answers questions and gives no embeddings"},
    {"-cram,--cache-ram,-ctxcp,--ctx-checkpoints,--cache-reuse", kValue, kNote, kNoMeaning},
    {"--list-devices", kNothing, kRefusal, "the only device is this processor: mica inspect --cpu"},
    {"-cl,--cache-list", kNothing, kRefusal, "mica list shows the models of the cache"},
    {"--license,--usage,--completion-bash", kNothing, kRefusal, "mica --help and mica --version say what there is"},

    {"-hft,--hf-token", kValue, kRefusal,
     "a token is for your eyes, and other users see arguments: set HF_TOKEN, or log in by huggingface-cli login"},
    {"-mu,--model-url,-dr,--docker-repo", kValue, kRefusal,
     "models come from a hub, -hf OWNER/NAME, or from your disk, -m PATH"},
    {"-mmu,--mmproj-url", kValue, kRefusal,
     "-hf fetches the projector with its model; one that you have is given by --mmproj FILE"},
    {"-ctk,--cache-type-k,-ctv,--cache-type-v", kValue, kNote, "f16 is what --kv-text 16 keeps, the default", "f16"},
    {"-ctk,--cache-type-k,-ctv,--cache-type-v", kValue, kRefusal,
     "keys and values keep the same bits here. f32 for both is --kv-visual 32 --kv-text 32", "f32"},
    {"-ctk,--cache-type-k,-ctv,--cache-type-v", kValue, kRefusal,
     "keys and values keep the same bits here. q8_0 for both is --kv-text 8 (and --kv-visual for those of pictures)",
     "q8_0"},
    {"-ctk,--cache-type-k,-ctv,--cache-type-v", kValue, kRefusal,
     "keys and values keep the same bits here. q4_0 for both is --kv-text 4 (and --kv-visual for those of pictures)",
     "q4_0"},
    {"-ctk,--cache-type-k,-ctv,--cache-type-v", kValue, kRefusal,
     "there is no % here; --kv-text 32, 16, 8 or 4 says the bits of keys and values (and --kv-visual of those of "
     "pictures)"},
    {"-no-cnv,--no-conversation", kNothing, kRefusal,
     "mica run answers once, always in the model's chat format where it has one; leave it out"},
    {"-i,--interactive,-if,--interactive-first,-ins,--instruct", kNothing, kRefusal,
     "a conversation is a command of its own: mica chat"},
    {"-e,--escape,--no-escape", kNothing, kRefusal,
     "text is taken as it stands; a shell writes line ends as $'first\\nsecond'"},
    {"--audio,-mv,--model-vocoder,-hfv,-hffv", kValue, kRefusal, "mica reads pictures and text, no sound"},
    {"--video", kValue, kRefusal, "mica reads pictures and text, no films; give single pictures by --image"},
    {"--lora,--lora-scaled,--control-vector,--control-vector-scaled,--control-vector-layer-range", kValue, kRefusal,
     "adapters are not applied at run time; merge it into the checkpoint first"},
    {"--grammar,--grammar-file", kValue, kRefusal,
     "answers cannot be held to a grammar; --json-schema TEXT holds them to JSON of a kind"},
    {"-md,--model-draft,-hfd,-hfrd,--hf-repo-draft,-cd,--ctx-size-draft,--draft,--draft-n,--draft-max,--draft-min,"
     "--draft-n-min,--draft-p-min,-td,--threads-draft,-tbd,--threads-batch-draft,-ctkd,--cache-type-k-draft,-ctvd,"
     "--cache-type-v-draft,-lcs,--lookup-cache-static,-lcd,--lookup-cache-dynamic,--spec-type", kValue, kRefusal,
     "there are no draft models here"},
    {"--rope-scaling,--rope-scale,--rope-freq-base,--rope-freq-scale", kValue, kRefusal,
     "positions are encoded as the model's config says"},
};

}  // namespace

const ForeignFlag* find_foreign_flag(const std::string& name, const std::string& value) {
  const auto* row = std::find_if(std::begin(kForeignFlags), std::end(kForeignFlags), [&](const ForeignFlag& flag) {
    return contains(split(flag.names, ','), name) && (flag.value == nullptr || contains(split(flag.value, ','), value));
  });
  return row == std::end(kForeignFlags) ? nullptr : row;
}

bool is_switch_word(const std::string& word) { return contains(split("on,off,auto,0,1", ','), word); }

std::string foreign_flag_text(const ForeignFlag& flag, const std::string& name, const std::string& value) {
  std::string text = name + ": ";
  for (const char* at = flag.text; *at != '\0'; at++) {
    if (*at == '%') text += value.empty() ? "OWNER/NAME" : value.substr(0, value.find(':'));  // OWNER/NAME:Q4_K_M
    else text += *at;
  }
  return text;
}

}  // namespace app
