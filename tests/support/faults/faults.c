/* What programs ask of files below one folder: counted, told of, and failed, killed or overtaken at the n-th.
   Loaded before the C library (LD_PRELOAD) and set up through faults_arm; without it, everything goes through. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define KILL -1
#define SWAP -2
#define MOST_FILES 65536

static char root[4096], only[32], swap_from[4096], swap_to[4096];
static size_t root_length;
static long fails_at, calls;
static int what, lasting, told = -1;
/* Which descriptors are of files below the folder. */
static unsigned char ours[MOST_FILES];

#define REAL(type, name, ...)                                                                                          \
    static type (*real)(__VA_ARGS__);                                                                                  \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

/* at: which call, from 1, or 0 for none. error: an errno, KILL or SWAP. only: a name of a call, or "" for all.
   lasting: later calls of the same name fail, too. fd: gets a line for each call, or -1. */
void faults_arm(const char *folder, const char *name, long at, int error, int lasts, const char *from,
                const char *to, int fd) {
    snprintf(root, sizeof root, "%s", folder);
    snprintf(only, sizeof only, "%s", name);
    snprintf(swap_from, sizeof swap_from, "%s", from);
    snprintf(swap_to, sizeof swap_to, "%s", to);
    fails_at = at, what = error, lasting = lasts, told = fd;
    __atomic_store_n(&calls, 0, __ATOMIC_SEQ_CST);
    root_length = strlen(root);
}

/* Let everything through from now on; tell how many calls there were. */
long faults_disarm(void) {
    root_length = 0;
    return __atomic_load_n(&calls, __ATOMIC_SEQ_CST);
}

static int is_ours(int fd) { return root_length && fd >= 0 && fd < MOST_FILES && ours[fd]; }

static int below(int folder, const char *path) {
    if (!root_length || !path) return 0;
    if (path[0] != '/') return is_ours(folder);
    return !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static int is_only(const char *name) { return !only[0] || !strcmp(only, name); }

/* Whether this call must fail; of a descriptor, the path is unknown. */
static int hit(const char *name, const char *path) {
    static __thread char failing[32];
    if (!is_only(name)) return 0;
    long n = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    if (told >= 0) dprintf(told, "%s %s\n", name, path ? path : "");
    if (!fails_at || n < fails_at) return 0;
    if (n == fails_at && what == KILL) kill(getpid(), SIGKILL);
    if (n == fails_at && what == SWAP) {
        REAL(int, "rename", const char *, const char *);
        real(swap_from, swap_to);
    }
    if (what < 0) return 0;
    if (n == fails_at) snprintf(failing, sizeof failing, "%s", name);
    if (n > fails_at && !(lasting && !strcmp(failing, name))) return 0;
    errno = what;
    return 1;
}

static int opened(int fd, int is_below) {
    if (fd >= 0 && fd < MOST_FILES) ours[fd] = is_below;
    return fd;
}

#define OPEN(symbol)                                                                                                   \
    int symbol(const char *path, int flags, ...) {                                                                     \
        REAL(int, #symbol, const char *, int, ...);                                                                    \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        int mode = va_arg(rest, int);                                                                                  \
        va_end(rest);                                                                                                  \
        int is_below = below(AT_FDCWD, path);                                                                          \
        if (is_below && hit("open", path)) return -1;                                                                  \
        return opened(real(path, flags, mode), is_below);                                                              \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(symbol)                                                                                                 \
    int symbol(int folder, const char *path, int flags, ...) {                                                         \
        REAL(int, #symbol, int, const char *, int, ...);                                                               \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        int mode = va_arg(rest, int);                                                                                  \
        va_end(rest);                                                                                                  \
        int is_below = below(folder, path);                                                                            \
        if (is_below && hit("open", path)) return -1;                                                                  \
        return opened(real(folder, path, flags, mode), is_below);                                                      \
    }
OPENAT(openat)
OPENAT(openat64)

/* Calls that name a file by its path. */
#define BY_PATH(symbol, name, parameters, types, arguments)                                                            \
    int symbol parameters {                                                                                            \
        REAL(int, #symbol, types);                                                                                     \
        if (below(AT_FDCWD, path) && hit(name, path)) return -1;                                                       \
        return real arguments;                                                                                         \
    }
#define COMMA ,
BY_PATH(stat, "stat", (const char *path, struct stat *info), const char *COMMA struct stat *, (path, info))
BY_PATH(stat64, "stat", (const char *path, struct stat64 *info), const char *COMMA struct stat64 *, (path, info))
BY_PATH(lstat, "stat", (const char *path, struct stat *info), const char *COMMA struct stat *, (path, info))
BY_PATH(lstat64, "stat", (const char *path, struct stat64 *info), const char *COMMA struct stat64 *, (path, info))
BY_PATH(access, "access", (const char *path, int mode), const char *COMMA int, (path, mode))
BY_PATH(unlink, "unlink", (const char *path), const char *, (path))
BY_PATH(rmdir, "rmdir", (const char *path), const char *, (path))
BY_PATH(mkdir, "mkdir", (const char *path, mode_t mode), const char *COMMA mode_t, (path, mode))
BY_PATH(rename, "rename", (const char *path, const char *to), const char *COMMA const char *, (path, to))
BY_PATH(link, "link", (const char *path, const char *to), const char *COMMA const char *, (path, to))
BY_PATH(symlink, "symlink", (const char *to, const char *path), const char *COMMA const char *, (to, path))

/* Calls that name it by a folder's descriptor. */
#define BY_FOLDER(symbol, name, parameters, types, arguments)                                                          \
    int symbol parameters {                                                                                            \
        REAL(int, #symbol, types);                                                                                     \
        if (below(folder, path) && hit(name, path)) return -1;                                                         \
        return real arguments;                                                                                         \
    }
BY_FOLDER(fstatat, "stat", (int folder, const char *path, struct stat *info, int flags),
          int COMMA const char *COMMA struct stat *COMMA int, (folder, path, info, flags))
BY_FOLDER(fstatat64, "stat", (int folder, const char *path, struct stat64 *info, int flags),
          int COMMA const char *COMMA struct stat64 *COMMA int, (folder, path, info, flags))
BY_FOLDER(unlinkat, "unlink", (int folder, const char *path, int flags), int COMMA const char *COMMA int,
          (folder, path, flags))
BY_FOLDER(mkdirat, "mkdir", (int folder, const char *path, mode_t mode), int COMMA const char *COMMA mode_t,
          (folder, path, mode))
BY_FOLDER(renameat, "rename", (int folder, const char *path, int other, const char *to),
          int COMMA const char *COMMA int COMMA const char *, (folder, path, other, to))
BY_FOLDER(renameat2, "rename", (int folder, const char *path, int other, const char *to, unsigned int flags),
          int COMMA const char *COMMA int COMMA const char *COMMA unsigned int, (folder, path, other, to, flags))
BY_FOLDER(linkat, "link", (int folder, const char *path, int other, const char *to, int flags),
          int COMMA const char *COMMA int COMMA const char *COMMA int, (folder, path, other, to, flags))

/* Calls of an open file. */
#define BY_FILE(symbol, name, parameters, types, arguments)                                                            \
    int symbol parameters {                                                                                            \
        REAL(int, #symbol, types);                                                                                     \
        if (is_ours(fd) && hit(name, 0)) return -1;                                                                    \
        return real arguments;                                                                                         \
    }
BY_FILE(fstat, "fstat", (int fd, struct stat *info), int COMMA struct stat *, (fd, info))
BY_FILE(fstat64, "fstat", (int fd, struct stat64 *info), int COMMA struct stat64 *, (fd, info))
BY_FILE(fsync, "fsync", (int fd), int, (fd))
BY_FILE(fdatasync, "fsync", (int fd), int, (fd))
BY_FILE(flock, "flock", (int fd, int operation), int COMMA int, (fd, operation))
BY_FILE(ftruncate, "ftruncate", (int fd, off_t size), int COMMA off_t, (fd, size))
BY_FILE(ftruncate64, "ftruncate", (int fd, off64_t size), int COMMA off64_t, (fd, size))

#define LOCK(symbol)                                                                                                   \
    int symbol(int fd, int command, ...) {                                                                             \
        REAL(int, #symbol, int, int, ...);                                                                             \
        va_list rest;                                                                                                  \
        va_start(rest, command);                                                                                       \
        void *argument = va_arg(rest, void *);                                                                         \
        va_end(rest);                                                                                                  \
        int is_lock = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;  \
        if (is_lock && is_ours(fd) && hit("flock", 0)) return -1;                                                      \
        int answer = real(fd, command, argument);                                                                      \
        return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? opened(answer, is_ours(fd)) : answer;                \
    }
LOCK(fcntl)
LOCK(fcntl64)

/* As a network disk does, which tells of a write only now; the descriptor is gone all the same. */
int close(int fd) {
    REAL(int, "close", int);
    int fails = is_ours(fd) && hit("close", 0), code = errno;
    opened(fd, 0);
    int answer = real(fd);
    if (!fails) return answer;
    errno = code;
    return -1;
}

#define READ(symbol, parameters, types, arguments)                                                                     \
    ssize_t symbol parameters {                                                                                        \
        REAL(ssize_t, #symbol, types);                                                                                 \
        if (is_ours(fd) && hit("read", 0)) return -1;                                                                  \
        return real arguments;                                                                                         \
    }
READ(read, (int fd, void *data, size_t size), int COMMA void *COMMA size_t, (fd, data, size))
READ(pread, (int fd, void *data, size_t size, off_t at), int COMMA void *COMMA size_t COMMA off_t, (fd, data, size, at))
READ(pread64, (int fd, void *data, size_t size, off64_t at), int COMMA void *COMMA size_t COMMA off64_t,
     (fd, data, size, at))

/* Half of it is on the disk when it fails. */
ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (!is_ours(fd) || !hit("write", 0)) return real(fd, data, size);
    int code = errno;
    real(fd, data, size / 2);
    errno = code;
    return -1;
}

DIR *opendir(const char *path) {
    REAL(DIR *, "opendir", const char *);
    int is_below = below(AT_FDCWD, path);
    if (is_below && hit("opendir", path)) return 0;
    DIR *folder = real(path);
    if (folder) opened(dirfd(folder), is_below);
    return folder;
}

DIR *fdopendir(int fd) {
    REAL(DIR *, "fdopendir", int);
    return is_ours(fd) && hit("opendir", 0) ? 0 : real(fd);
}

int closedir(DIR *folder) {
    REAL(int, "closedir", DIR *);
    opened(dirfd(folder), 0);
    return real(folder);
}

#define READ_FOLDER(symbol, entry)                                                                                     \
    struct entry *symbol(DIR *folder) {                                                                                \
        REAL(struct entry *, #symbol, DIR *);                                                                          \
        return is_ours(dirfd(folder)) && hit("readdir", 0) ? 0 : real(folder);                                         \
    }
READ_FOLDER(readdir, dirent)
READ_FOLDER(readdir64, dirent64)
