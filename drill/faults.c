/*
 * Preloaded into every process of the drill. Fails writes and syncs of files below DRILL_STORE, and shifts
 * the wall clock, as the shared page DRILL_CONTROL says. Everything else goes to the C library as it came.
 * The page is laid out by fault-page.ts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { WRITE_EIO = 1, WRITE_ENOSPC = 2, SYNC_EIO = 3, CLOCK = 4 };
enum { ENTRIES = 32, EVERYBODY = -1, TORN_BYTES = 512 };

struct entry {
  int32_t pid; /* 0: free */
  int32_t kind;
  int64_t offset_ns; /* CLOCK only */
  uint64_t hits;
};

struct page {
  volatile int32_t armed; /* entries in use */
  int32_t full;           /* writes of the store that found no room on the disk itself */
  struct entry entries[ENTRIES];
};

static struct page *page;
static const char *store;
static size_t store_length;
static pid_t self;

static void forked(void) { self = getpid(); }

__attribute__((constructor)) static void start(void) {
  const char *control = getenv("DRILL_CONTROL");
  store = getenv("DRILL_STORE");
  if (control == NULL || store == NULL) return;
  store_length = strlen(store);
  self = getpid();
  pthread_atfork(NULL, NULL, forked);
  int fd = open(control, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *mapped = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped != MAP_FAILED) page = mapped;
}

static struct entry *find(int32_t kind) {
  if (page == NULL || page->armed == 0) return NULL;
  for (int i = 0; i < ENTRIES; i++) {
    struct entry *entry = &page->entries[i];
    if (entry->kind == kind && (entry->pid == self || entry->pid == EVERYBODY)) return entry;
  }
  return NULL;
}

static int is_in_store(int fd) {
  char link[32], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path);
  return length > (ssize_t)store_length && memcmp(path, store, store_length) == 0 && path[store_length] == '/';
}

static void hit(struct entry *entry) { __atomic_fetch_add(&entry->hits, 1, __ATOMIC_RELAXED); }

/* How much of a write of `size` bytes takes place: all of it, some of it (a torn write), or -1 with errno set. */
static ssize_t allowed(int fd, size_t size) {
  if (page == NULL || page->armed == 0) return (ssize_t)size;
  int before = errno;
  struct entry *entry = find(WRITE_EIO);
  struct entry *full = entry == NULL ? find(WRITE_ENOSPC) : NULL;
  if (entry == NULL) entry = full;
  int is_ours = entry != NULL && is_in_store(fd);
  errno = before;
  if (!is_ours) return (ssize_t)size;
  hit(entry);
  if (full != NULL && size > TORN_BYTES) return (ssize_t)(size / 2);
  errno = full != NULL ? ENOSPC : EIO;
  return -1;
}

static ssize_t noted(int fd, ssize_t result) {
  if (result >= 0 || errno != ENOSPC || page == NULL) return result;
  if (is_in_store(fd)) __atomic_fetch_add(&page->full, 1, __ATOMIC_RELAXED);
  errno = ENOSPC;
  return result;
}

#define REAL(name, type) \
  static type real; \
  if (real == NULL) real = (type)dlsym(RTLD_NEXT, #name)

typedef ssize_t (*write_fn)(int, const void *, size_t);
typedef ssize_t (*pwrite_fn)(int, const void *, size_t, off_t);
typedef ssize_t (*writev_fn)(int, const struct iovec *, int);
typedef ssize_t (*pwritev_fn)(int, const struct iovec *, int, off_t);
typedef int (*sync_fn)(int);
typedef int (*clock_fn)(clockid_t, struct timespec *);
typedef int (*day_fn)(struct timeval *, void *);

ssize_t write(int fd, const void *bytes, size_t size) {
  REAL(write, write_fn);
  ssize_t size_now = allowed(fd, size);
  return size_now < 0 ? -1 : noted(fd, real(fd, bytes, (size_t)size_now));
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  REAL(pwrite, pwrite_fn);
  ssize_t size_now = allowed(fd, size);
  return size_now < 0 ? -1 : noted(fd, real(fd, bytes, (size_t)size_now, at));
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t at) {
  REAL(pwrite64, pwrite_fn);
  ssize_t size_now = allowed(fd, size);
  return size_now < 0 ? -1 : noted(fd, real(fd, bytes, (size_t)size_now, at));
}

/* Gathered writes are never torn: they fail as a whole. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev, writev_fn);
  return allowed(fd, 1) < 0 ? -1 : noted(fd, real(fd, parts, count));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  REAL(pwritev, pwritev_fn);
  return allowed(fd, 1) < 0 ? -1 : noted(fd, real(fd, parts, count, at));
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) {
  REAL(pwritev64, pwritev_fn);
  return allowed(fd, 1) < 0 ? -1 : noted(fd, real(fd, parts, count, at));
}

static int may_sync(int fd) {
  struct entry *entry = find(SYNC_EIO);
  if (entry == NULL || !is_in_store(fd)) return 1;
  hit(entry);
  errno = EIO;
  return 0;
}

int fsync(int fd) {
  REAL(fsync, sync_fn);
  return may_sync(fd) ? real(fd) : -1;
}

int fdatasync(int fd) {
  REAL(fdatasync, sync_fn);
  return may_sync(fd) ? real(fd) : -1;
}

static int64_t shift_ns(void) {
  struct entry *entry = find(CLOCK);
  if (entry == NULL) return 0;
  hit(entry);
  return entry->offset_ns;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  REAL(clock_gettime, clock_fn);
  int result = real(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += shift_ns() / 1000000000;
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  REAL(gettimeofday, day_fn);
  int result = real(now, zone);
  if (result == 0) now->tv_sec += shift_ns() / 1000000000;
  return result;
}

time_t time(time_t *out) {
  struct timespec now = {0};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}
