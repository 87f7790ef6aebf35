// SPDX-License-Identifier: Apache-2.0
// The C library's data that the program's objects look at, and that a shared object cannot reach as
// a program does (cmake/python.cmake).

// std::shared_ptr counts without atomic operations while this says that there is one thread. Never
// here: a Python process gets its threads from many. Hidden, so that the C library keeps its own.
extern "C" {
__attribute__((visibility("hidden"))) extern char __libc_single_threaded;
char __libc_single_threaded = 0;
}
