"""What NuttX calls its errors (include/errno.h). The numbers are Linux's."""

from __future__ import annotations

import errno
from collections.abc import Mapping

UNKNOWN = "Unknown error"

_TEXTS = {
    errno.EPERM: "Operation not permitted",
    errno.ENOENT: "No such file or directory",
    errno.ESRCH: "No such process",
    errno.EINTR: "Interrupted system call",
    errno.EIO: "I/O error",
    errno.ENXIO: "No such device or address",
    errno.E2BIG: "Arg list too long",
    errno.ENOEXEC: "Exec format error",
    errno.EBADF: "Bad file number",
    errno.ECHILD: "No child processes",
    errno.EAGAIN: "Try again",
    errno.ENOMEM: "Out of memory",
    errno.EACCES: "Permission denied",
    errno.EFAULT: "Bad address",
    errno.ENOTBLK: "Block device required",
    errno.EBUSY: "Device or resource busy",
    errno.EEXIST: "File exists",
    errno.EXDEV: "Cross-device link",
    errno.ENODEV: "No such device",
    errno.ENOTDIR: "Not a directory",
    errno.EISDIR: "Is a directory",
    errno.EINVAL: "Invalid argument",
    errno.ENFILE: "File table overflow",
    errno.EMFILE: "Too many open files",
    errno.ENOTTY: "Not a typewriter",
    errno.EFBIG: "File too large",
    errno.ENOSPC: "No space left on device",
    errno.ESPIPE: "Illegal seek",
    errno.EROFS: "Read-only file system",
    errno.EPIPE: "Broken pipe",
    errno.ERANGE: "Math result not representable",
    errno.EDEADLK: "Resource deadlock would occur",
    errno.ENAMETOOLONG: "File name too long",
    errno.ENOSYS: "Invalid system call number",
    errno.ENOTEMPTY: "Directory not empty",
    errno.ELOOP: "Too many symbolic links encountered",
    errno.EOVERFLOW: "Value too large for defined data type",
    errno.ENOTSOCK: "Socket operation on non-socket",
    errno.EDESTADDRREQ: "Destination address required",
    errno.EMSGSIZE: "Message too long",
    errno.EPROTOTYPE: "Protocol wrong type for socket",
    errno.ENOPROTOOPT: "Protocol not available",
    errno.EPROTONOSUPPORT: "Protocol not supported",
    errno.EOPNOTSUPP: "Operation not supported on transport endpoint",
    errno.EAFNOSUPPORT: "Address family not supported by protocol",
    errno.EADDRINUSE: "Address already in use",
    errno.EADDRNOTAVAIL: "Cannot assign requested address",
    errno.ENETDOWN: "Network is down",
    errno.ENETUNREACH: "Network is unreachable",
    errno.ECONNABORTED: "Software caused connection abort",
    errno.ECONNRESET: "Connection reset by peer",
    errno.ENOBUFS: "No buffer space available",
    errno.EISCONN: "Transport endpoint is already connected",
    errno.ENOTCONN: "Transport endpoint is not connected",
    errno.ETIMEDOUT: "Connection timed out",
    errno.ECONNREFUSED: "Connection refused",
    errno.EHOSTDOWN: "Host is down",
    errno.EHOSTUNREACH: "No route to host",
    errno.EALREADY: "Operation already in progress",
    errno.EINPROGRESS: "Operation now in progress",
    errno.ECANCELED: "Operation cancelled",
}


def strerror(number: int) -> str:
    """The words for an errno; those of errors that the board does not have are not known."""
    return _TEXTS.get(number, UNKNOWN)


def words(options: Mapping[str, object], error: OSError) -> str:
    """What the C library of a board says of an error: its text only with CONFIG_LIBC_STRERROR."""
    number = error.errno or 0
    return strerror(number) if options["LIBC_STRERROR"] else f"{UNKNOWN} {number}"
