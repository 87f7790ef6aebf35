# Only the instruction-set files get -m flags; all other code is baseline, so that the program starts anywhere.
# These files include C headers and intrinsics only and keep everything in an anonymous namespace: an inline C++
# function emitted here could be the copy that the linker keeps for the whole program.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  list(FILTER sources EXCLUDE REGEX "/kernels/(avx|amx)[a-z0-9_]*\\.cc$")
else()
  list(FILTER sources EXCLUDE REGEX "/kernels/neon[a-z0-9_]*\\.cc$")
  # GCC 12's own AVX-512 header trips its warnings of uninitialised values (GCC bug 105593).
  set(avx2 -mavx2 -mfma -mf16c -Wno-uninitialized -Wno-maybe-uninitialized)
  set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mprefer-vector-width=512)
  set_property(SOURCE src/kernels/avx2.cc PROPERTY COMPILE_OPTIONS ${avx2} -O3)
  set_property(SOURCE src/kernels/avx512.cc PROPERTY COMPILE_OPTIONS ${avx512} -O3)
endif()
