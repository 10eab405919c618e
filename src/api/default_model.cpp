// The default model: its bytes, put into the program by the assembler, 64-byte aligned as a packed file must be.
#include "default_model.hpp"

#if MICA_DEFAULT_MODEL

__asm__(
    ".section .rodata\n"
    ".balign 64\n"
    ".global mica_default_model_begin\n"
    ".global mica_default_model_end\n"
    ".hidden mica_default_model_begin\n"  // from programs that use the shared library
    ".hidden mica_default_model_end\n"
    "mica_default_model_begin:\n"
    ".incbin \"" MICA_DEFAULT_MODEL_PATH
    "\"\n"
    "mica_default_model_end:\n"
    ".byte 0\n"
    ".text\n");

extern "C" const uint8_t mica_default_model_begin[];
extern "C" const uint8_t mica_default_model_end[];

namespace mica {

Status open_default_model(std::unique_ptr<ModelFiles>* out) {
  const Bytes bytes(mica_default_model_begin, static_cast<size_t>(mica_default_model_end - mica_default_model_begin));
  MICA_TRY(ModelFiles::open_memory(bytes, "default model", out));
  // A damaged program (flash that forgets) must not answer wrongly; some milliseconds buy that.
  const Status status = (*out)->verify({});
  if (!status) out->reset();
  return status;
}

}  // namespace mica

#else

namespace mica {

Status open_default_model(std::unique_ptr<ModelFiles>*) {
  return Status::error(Code::not_found, "this library was built without a default model; name one with its path");
}

}  // namespace mica

#endif
