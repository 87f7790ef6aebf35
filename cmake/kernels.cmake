# Only the instruction-set files get -m flags; all other code is baseline, so that the program starts anywhere.
# These files include C headers and intrinsics only and keep everything in an anonymous namespace: an inline C++
# function emitted here could be the copy that the linker keeps for the whole program.
# -Wno-unused-function: an ISA file need not use all of its vector type.
set(isa_options -O3 -Wno-unused-function)
function(minnow_isa file)
  set_property(SOURCE src/kernels/${file} PROPERTY COMPILE_OPTIONS ${isa_options} ${ARGN})
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  list(FILTER sources EXCLUDE REGEX "/kernels/(avx|amx)[a-z0-9_]*\\.cc$")
  foreach(file neon.cc neon_int8.cc neon_bf16.cc neon_peak.cc neon_int8_peak.cc)
    minnow_isa(${file})
  endforeach()
  minnow_isa(neon_dotprod.cc -march=armv8.2-a+dotprod)
  minnow_isa(neon_dotprod_peak.cc -march=armv8.2-a+dotprod)
else()
  list(FILTER sources EXCLUDE REGEX "/kernels/neon[a-z0-9_]*\\.cc$")
  # GCC 12's own AVX-512 header trips its warnings of uninitialised values (GCC bug 105593).
  set(avx2 -mavx2 -mfma -mf16c -Wno-uninitialized -Wno-maybe-uninitialized)
  set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mprefer-vector-width=512)
  foreach(file avx2.cc avx2_int8.cc avx2_bf16.cc)
    minnow_isa(${file} ${avx2})
  endforeach()
  # Four instructions of loop weigh 4 % here and nothing elsewhere.
  set_property(SOURCE src/kernels/avx2_int8.cc APPEND PROPERTY COMPILE_OPTIONS -funroll-loops)
  foreach(file avx512.cc avx512_int8.cc avx512_soft_bf16.cc)
    minnow_isa(${file} ${avx512})
  endforeach()
  minnow_isa(avx512_vnni.cc ${avx512} -mavx512vnni)
  minnow_isa(avx512_bf16.cc ${avx512} -mavx512bf16)
  # What the core can do at best (minnow cpu --measure).
  minnow_isa(avx2_peak.cc ${avx2})
  minnow_isa(avx2_int8_peak.cc ${avx2})
  minnow_isa(avx_vnni_peak.cc ${avx2} -mavxvnni)
  minnow_isa(avx512_peak.cc ${avx512})
  minnow_isa(avx512_int8_peak.cc ${avx512})
  minnow_isa(avx512_vnni_peak.cc ${avx512} -mavx512vnni)
  minnow_isa(avx512_bf16_peak.cc ${avx512} -mavx512bf16)
endif()
