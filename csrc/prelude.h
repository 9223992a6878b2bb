/* prelude.h - first lines of the wrapper that cffi generates; no other file includes it. */
#ifndef NUT_PRELUDE_H
#define NUT_PRELUDE_H

/* Our own files are built with -Wall -Wextra -Werror; a warning about cffi's generated code is not ours to fix. What
 * stays an error here is what shows a cdef that disagrees with the C function: types, counts, missing declarations.
 */

#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wsign-compare"

/* cffi releases the GIL around every call. Ours take nanoseconds and never wait, so giving the GIL away doubles their
 * cost, and beside a busy host thread every call would queue behind a whole switch interval (5 ms) to get it back.
 * So the wrappers keep it. The one call that does wait, live_poll(), releases it itself with PyEval_SaveThread().
 */

#undef Py_BEGIN_ALLOW_THREADS
#undef Py_END_ALLOW_THREADS
#define Py_BEGIN_ALLOW_THREADS {
#define Py_END_ALLOW_THREADS }

/* Nor do they have an errno to carry over: the core answers with negative numbers. */

#undef _cffi_restore_errno
#undef _cffi_save_errno
#define _cffi_restore_errno() ((void)0)
#define _cffi_save_errno() ((void)0)

#endif
