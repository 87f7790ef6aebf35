# One libFuzzer program a file fuzz/NAME_fuzz.cc. The library is instrumented too, or the fuzzer would see nothing of it.
target_compile_options(minnow_core PRIVATE -fsanitize=fuzzer-no-link)
# clang 14 cannot compile coroutines with this check ("Cannot represent a difference across sections").
target_compile_options(minnow_core PRIVATE -fno-sanitize=function)
target_link_options(minnow_core PUBLIC -fsanitize=fuzzer-no-link)
file(GLOB fuzz_sources CONFIGURE_DEPENDS fuzz/*_fuzz.cc)
foreach(source ${fuzz_sources})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE minnow_core)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})  # "fuzz/memory_file.h"
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endforeach()
