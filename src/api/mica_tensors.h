/* mica_tensors.h: stored values, in C99, for tools that compare a model with recorded inputs and outputs: tensors of
 * safetensors files, blocks of GGUF types, a model's weights. Who runs models needs mica.h alone. Its rules hold.
 */
#ifndef MICA_TENSORS_H
#define MICA_TENSORS_H

#include "mica.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An open safetensors file. */
typedef struct mica_tensors mica_tensors;
typedef struct mica_tensor {
  const char *dtype; /* "F32", "I32", ... */
  uint32_t rank;
  uint64_t shape[8];
  const void *data; /* as stored; lives as long as the file is open */
  size_t bytes;
} mica_tensor;
mica_status mica_tensors_open(const char *path, mica_tensors **tensors, mica_error *error);
void mica_tensors_close(mica_tensors *tensors);
mica_status mica_tensors_find(const mica_tensors *tensors, const char *name, mica_tensor *tensor, mica_error *error);
/* The name of the i-th tensor, NULL at the end. */
const char *mica_tensors_name(const mica_tensors *tensors, size_t index);
/* A string of __metadata__, NULL when absent; the length goes to *bytes if not NULL. */
const char *mica_tensors_metadata(const mica_tensors *tensors, const char *key, size_t *bytes);
/* The values of whole blocks of a GGUF type, as mica reads them. `ggml_type`: its number in GGUF files. `count`: of
 * values, as many as the blocks have. MICA_UNSUPPORTED for a type that mica does not compute with. */
mica_status mica_blocks_values(uint32_t ggml_type, const void *blocks, size_t bytes, float *values, size_t count,
                               mica_error *error);
/* The values of a stored tensor of a model, by its name in the checkpoint ("model.layers.0.mlp.down_proj.weight"), as
 * floats; of a quantized checkpoint those that its integers stand for. *count: how many there are; with a `capacity` of
 * less, MICA_LIMIT_EXCEEDED. */
mica_status mica_model_values(const mica_model *model, const char *name, float *values, size_t capacity, size_t *count,
                              mica_error *error);

#ifdef __cplusplus
}
#endif

#endif /* MICA_TENSORS_H */
