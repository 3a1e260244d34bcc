/* Fails the n-th disk call of a process: LD_PRELOAD this library (see shim.py, which compiles it and knows the names).
 *
 * Only calls on files below one folder count. The plan comes from the environment when the process starts
 * (DISK_SHIM_ROOT, DISK_SHIM_AT, DISK_SHIM_ERRNO, DISK_SHIM_CALLS, DISK_SHIM_REPEAT, DISK_SHIM_JOURNAL) or from
 * disk_shim_arm() through ctypes. Each failure is appended to the journal as "fault CALL PATH", in one write, so that
 * its place among other lines of an O_APPEND file tells what came before it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { C_OPEN = 1, C_WRITE = 2, C_FSYNC = 4, C_FDATASYNC = 8, C_RENAME = 16, C_UNLINK = 32, C_TRUNCATE = 64, C_MKDIR = 128 };

static char root[PATH_MAX];
static size_t root_length;
static long fail_at;   /* 0: off */
static long repeat;    /* how many calls fail from there on; 0: all */
static int fail_errno; /* -1: short write */
static unsigned calls_mask;
static int journal = -1;
static long count;

#define REAL(type, name, args)                                                                                         \
    static type(*real_##name) args;                                                                                    \
    if (!real_##name) real_##name = (type(*) args)dlsym(RTLD_NEXT, #name)

long disk_shim_count(void) { return __atomic_load_n(&count, __ATOMIC_SEQ_CST); }

void disk_shim_arm(const char *folder, long at, long how_many, int number, unsigned mask, int journal_fd) {
    strncpy(root, folder, sizeof root - 1);
    root_length = strlen(root);
    repeat = how_many;
    fail_errno = number;
    calls_mask = mask;
    journal = journal_fd;
    __atomic_store_n(&count, 0, __ATOMIC_SEQ_CST);
    fail_at = at;
}

__attribute__((constructor)) static void start(void) {
    const char *folder = getenv("DISK_SHIM_ROOT"), *at = getenv("DISK_SHIM_AT"), *path = getenv("DISK_SHIM_JOURNAL");
    const char *number = getenv("DISK_SHIM_ERRNO"), *mask = getenv("DISK_SHIM_CALLS"), *times = getenv("DISK_SHIM_REPEAT");
    if (!folder || !at) return;
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    disk_shim_arm(folder, atol(at), times ? atol(times) : 1, number ? atoi(number) : EIO,
                  mask ? (unsigned)strtoul(mask, NULL, 0) : 0xffffffffu, fd);
}

static int below(const char *path) { return strncmp(path, root, root_length) == 0; }

/* Whether this call is the one to fail; says so in the journal. */
static int hit(unsigned kind, const char *name, const char *path) {
    if (!fail_at || !(calls_mask & kind) || !below(path)) return 0;
    long n = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    if (fail_at < 0 || n < fail_at || (repeat && n >= fail_at + repeat)) return 0; /* negative: only count */
    if (journal >= 0) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "fault %s %s\n", name, path);
        REAL(ssize_t, write, (int, const void *, size_t));
        if (real_write(journal, line, (size_t)length) < 0) return 1;
    }
    return 1;
}

static int hit_fd(unsigned kind, const char *name, int fd) {
    char link[64], path[PATH_MAX];
    if (!fail_at || !(calls_mask & kind)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return hit(kind, name, path);
}

static int hit_path(unsigned kind, const char *name, const char *path) {
    char whole[PATH_MAX * 2];
    if (!fail_at || !(calls_mask & kind)) return 0;
    if (path[0] == '/') return hit(kind, name, path);
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here)) return 0;
    snprintf(whole, sizeof whole, "%s/%s", here, path);
    return hit(kind, name, whole);
}

#define FAIL(type)                                                                                                     \
    do {                                                                                                               \
        errno = fail_errno < 0 ? EIO : fail_errno;                                                                     \
        return (type)-1;                                                                                               \
    } while (0)

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        REAL(int, name, (const char *, int, ...));                                                                     \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;                                      \
        va_end(rest);                                                                                                  \
        if (fail_errno >= 0 && hit_path(C_OPEN, "open", path)) FAIL(int);                                              \
        return real_##name(path, flags, mode);                                                                         \
    }
OPEN(open)
OPEN(open64)

#define WRITE(name, args, call, fd, length)                                                                            \
    ssize_t name args {                                                                                                \
        REAL(ssize_t, name, args);                                                                                     \
        if (hit_fd(C_WRITE, "write", fd)) {                                                                            \
            if (fail_errno >= 0) FAIL(ssize_t);                                                                        \
            length = length > 1 ? length / 2 : length;                                                                 \
        }                                                                                                              \
        return real_##name call;                                                                                       \
    }
WRITE(write, (int fd, const void *data, size_t length), (fd, data, length), fd, length)
WRITE(pwrite, (int fd, const void *data, size_t length, off_t offset), (fd, data, length, offset), fd, length)
WRITE(pwrite64, (int fd, const void *data, size_t length, off64_t offset), (fd, data, length, offset), fd, length)

ssize_t writev(int fd, const struct iovec *parts, int number) {
    REAL(ssize_t, writev, (int, const struct iovec *, int));
    if (number > 0 && hit_fd(C_WRITE, "write", fd)) {
        if (fail_errno >= 0) FAIL(ssize_t);
        size_t length = parts[0].iov_len;
        REAL(ssize_t, write, (int, const void *, size_t));
        return real_write(fd, parts[0].iov_base, length > 1 ? length / 2 : length);
    }
    return real_writev(fd, parts, number);
}

#define ON_FD(name, kind, args, call)                                                                                  \
    int name args {                                                                                                    \
        REAL(int, name, args);                                                                                         \
        if (fail_errno >= 0 && hit_fd(kind, #name, fd)) FAIL(int);                                                     \
        return real_##name call;                                                                                       \
    }
ON_FD(fsync, C_FSYNC, (int fd), (fd))
ON_FD(fdatasync, C_FDATASYNC, (int fd), (fd))
ON_FD(ftruncate, C_TRUNCATE, (int fd, off_t size), (fd, size))
ON_FD(ftruncate64, C_TRUNCATE, (int fd, off64_t size), (fd, size))

int rename(const char *from, const char *to) {
    REAL(int, rename, (const char *, const char *));
    if (fail_errno >= 0 && hit_path(C_RENAME, "rename", to)) FAIL(int);
    return real_rename(from, to);
}

int unlink(const char *path) {
    REAL(int, unlink, (const char *));
    if (fail_errno >= 0 && hit_path(C_UNLINK, "unlink", path)) FAIL(int);
    return real_unlink(path);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, (const char *, mode_t));
    if (fail_errno >= 0 && hit_path(C_MKDIR, "mkdir", path)) FAIL(int);
    return real_mkdir(path, mode);
}
