/* Runs a program as a device would that has no files, no threads and little memory: confined BYTES PROGRAM. Whoever opens a
 * file, makes a thread, a process or a socket is ended by SIGSYS; data and heap take at most BYTES together, the stack
 * STACK_BYTES.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STACK_BYTES = 256 << 10 };

#define ENDS(number) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static struct sock_filter rules[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef __NR_open
    ENDS(__NR_open),
    ENDS(__NR_creat),
    ENDS(__NR_fork),
    ENDS(__NR_vfork),
#endif
    ENDS(__NR_openat),
    ENDS(__NR_openat2),
    ENDS(__NR_clone),
    ENDS(__NR_clone3),
    ENDS(__NR_socket),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const rlim_t bytes = strtoull(argv[1], NULL, 10);
  const struct rlimit limit = {bytes, bytes}, stack = {STACK_BYTES, STACK_BYTES};
  struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
  if (setrlimit(RLIMIT_DATA, &limit) != 0 || setrlimit(RLIMIT_STACK, &stack) != 0 ||
      prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    fprintf(stderr, "confined: %s\n", strerror(errno));
    return 77;
  }
  execv(argv[2], argv + 2);
  fprintf(stderr, "confined: %s: %s\n", argv[2], strerror(errno));
  return 1;
}
