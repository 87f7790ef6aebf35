# Precompiled headers where there is no ccache: on a clean machine, which builds everything once, they save a third of the
# time; with ccache they would spoil its hits. They may hide a missing include; the program's release build goes without.
set(minnow_headers <algorithm> <array> <atomic> <chrono> <cmath> <cstddef> <cstdint> <cstdio> <cstdlib> <cstring>
    <filesystem> <functional> <limits> <map> <memory> <mutex> <optional> <random> <span> <string> <string_view> <thread>
    <unordered_map> <utility> <vector>)

function(minnow_precompile target)
  if(CCACHE OR (CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT target STREQUAL "minnow_tests"))
    return()
  endif()
  target_precompile_headers(${target} PRIVATE ${minnow_headers} ${ARGN})
  # A precompiled header fits one set of options.
  get_target_property(files ${target} SOURCES)
  foreach(file ${files})
    get_source_file_property(options ${file} COMPILE_OPTIONS)
    if(options)
      set_source_files_properties(${file} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
    endif()
  endforeach()
endfunction()
