/* The first and only process of the emulated machine: runs /test with the arguments of /arguments, reports how it ended
   and switches the machine off. Not a shell, and without a C library.
   Standard output of the test is the second serial line, standard error the third; the kernel's messages go to the first. */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/unistd.h>
#include <fcntl.h>

enum { kArgumentsMax = 64, kBytesMax = 4096 };

static long system_call(long number, long a, long b, long c, long d, long e) {
  register long fourth __asm__("r10") = d;
  register long fifth __asm__("r8") = e;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                   : "rcx", "r11", "memory");
  return result;
}
#define CALL(name, ...) CALL_(name, __VA_ARGS__, 0, 0, 0, 0, 0)
#define CALL_(name, a, b, c, d, e, ...) \
  system_call(__NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

/* Makes a serial line the given file descriptor, without turning a line feed into two characters. */
static void open_line(const char *path, int descriptor) {
  struct termios settings;
  const long line = CALL(open, path, O_RDWR | O_NOCTTY);
  if (line < 0) return;
  CALL(ioctl, line, TCGETS, &settings);
  settings.c_oflag = settings.c_lflag = settings.c_iflag = 0;
  settings.c_cflag = B115200 | CS8 | CREAD | CLOCAL;
  CALL(ioctl, line, TCSETS, &settings);
  CALL(dup2, line, descriptor);
  if (line != descriptor) CALL(close, line);
}

/* Splits the zero-terminated strings of /arguments. */
static void read_arguments(char **arguments) {
  static char bytes[kBytesMax];
  const long file = CALL(open, "/arguments", O_RDONLY);
  const long count = file < 0 ? 0 : CALL(read, file, bytes, sizeof bytes);
  int found = 0;
  for (long i = 0; i < count && found < kArgumentsMax - 1; ++i)
    if (i == 0 || bytes[i - 1] == 0) arguments[found++] = bytes + i;
}

static void run_test(void) {
  static char *arguments[kArgumentsMax];
  static char *environment[] = {"HOME=/tmp", 0};
  read_arguments(arguments);
  CALL(setsid, 0);
  CALL(close, 0);
  CALL(open, "/dev/null", O_RDONLY);
  open_line("/dev/ttyS1", 1);
  open_line("/dev/ttyS2", 2);
  CALL(execve, "/test", arguments, environment);
  CALL(exit, 127);
}

/* "@@STATUS 003@@" on a line of its own, after all that the test wrote. */
static void report(int status) {
  static char line[] = "\n@@STATUS 000@@\n";
  const int code = (status & 127) ? 128 + (status & 127) : (status >> 8) & 255;
  line[10] = (char)('0' + code / 100);
  line[11] = (char)('0' + code / 10 % 10);
  line[12] = (char)('0' + code % 10);
  open_line("/dev/ttyS1", 1);
  open_line("/dev/ttyS2", 2);
  CALL(ioctl, 1, TCSBRK, 1); /* waits until the line is empty */
  CALL(ioctl, 2, TCSBRK, 1);
  CALL(write, 1, line, sizeof line - 1);
  CALL(ioctl, 1, TCSBRK, 1);
}

void _start(void);
void _start(void) {
  int status = 0;
  CALL(mount, "proc", "/proc", "proc", 0, 0);
  CALL(mount, "sysfs", "/sys", "sysfs", 0, 0);
  CALL(mount, "dev", "/dev", "devtmpfs", 0, 0);
  CALL(mount, "tmp", "/tmp", "tmpfs", 0, 0);
  const long child = CALL(fork, 0);
  if (child == 0) run_test();
  while (CALL(wait4, -1, &status, 0, 0) != child) continue;
  report(status);
  /* Bochs' own switch: this word at this port. */
  CALL(iopl, 3);
  for (const char *letter = "Shutdown"; *letter; ++letter)
    __asm__ volatile("outb %0, %1" ::"a"(*letter), "d"((unsigned short)0x8900));
  for (;;) continue;
}
