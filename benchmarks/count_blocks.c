/* A plugin of qemu-user (version 1 of its interface, qemu 4.2 to 8): how often each block of instructions ran, a line
 * each, "ADDRESS TIMES INSTRUCTIONS BYTES", the bytes in hexadecimal. Not what they cost: foretell.py.
 *   qemu-aarch64 -plugin count_blocks.so,out=FILE PROGRAM */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of qemu-plugin.h, which no package of Debian 12 has. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
int qemu_plugin_version = 1;
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*call)(qemu_plugin_id_t id, struct qemu_plugin_tb* block));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb* block, enum qemu_plugin_op op, void* to,
                                              uint64_t value);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*call)(qemu_plugin_id_t id, void* data), void* data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* block, size_t index);
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn* instruction);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn* instruction);

struct block {
  struct block* next;
  uint64_t times;
  uint64_t address;
  size_t instructions, bytes;
  unsigned char code[];
};
static struct block* blocks;
static char path[4096];

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb* from) {
  (void)id;
  const size_t count = qemu_plugin_tb_n_insns(from);
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) bytes += qemu_plugin_insn_size(qemu_plugin_tb_get_insn(from, i));
  struct block* made = calloc(1, sizeof *made + bytes);
  if (!made) return;
  made->next = blocks;
  made->address = qemu_plugin_tb_vaddr(from);
  made->instructions = count;
  for (size_t i = 0; i < count; ++i) {
    const struct qemu_plugin_insn* instruction = qemu_plugin_tb_get_insn(from, i);
    const size_t size = qemu_plugin_insn_size(instruction);
    memcpy(made->code + made->bytes, qemu_plugin_insn_data(instruction), size);
    made->bytes += size;
  }
  blocks = made;
  qemu_plugin_register_vcpu_tb_exec_inline(from, QEMU_PLUGIN_INLINE_ADD_U64, &made->times, 1);
}

static void at_exit(qemu_plugin_id_t id, void* data) {
  (void)id, (void)data;
  FILE* out = fopen(path, "w");
  if (!out) return;
  for (const struct block* at = blocks; at; at = at->next) {
    if (at->times == 0) continue;
    fprintf(out, "%" PRIx64 " %" PRIu64 " %zu ", at->address, at->times, at->instructions);
    for (size_t i = 0; i < at->bytes; ++i) fprintf(out, "%02x", at->code[i]);
    fputc('\n', out);
  }
  fclose(out);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void* info, int argc, char** argv) {
  (void)info;
  for (int i = 0; i < argc; ++i)
    if (strncmp(argv[i], "out=", 4) == 0) snprintf(path, sizeof path, "%s", argv[i] + 4);
  if (path[0] == '\0') {
    fputs("count_blocks: say where to, as out=FILE\n", stderr);
    return -1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_atexit_cb(id, at_exit, NULL);
  return 0;
}
