/* Adds 4 ms to every sync: LD_PRELOAD it. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_4ms(void) {
  struct timespec span = {0, 4000000};
  nanosleep(&span, 0);
}

int fsync(int fd) {
  wait_4ms();
  return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  wait_4ms();
  return (int)syscall(SYS_fdatasync, fd);
}
