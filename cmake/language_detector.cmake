# The trained language detector (tools/language_detector/) becomes constant data of the program, at the start of a page.
set(detector ${CMAKE_SOURCE_DIR}/src/models/builtin/language_detector.minnow)
set(detector_source ${CMAKE_CURRENT_BINARY_DIR}/language_detector_data.cc)
file(CONFIGURE OUTPUT ${detector_source} @ONLY CONTENT "// Made by cmake/language_detector.cmake.
asm(\".section .rodata.minnow_language_detector,\\\"a\\\"\\n\"
    \".balign 4096\\n\"
    \".globl minnow_language_detector_begin\\n\"
    \"minnow_language_detector_begin:\\n\"
    \".incbin \\\"@detector@\\\"\\n\"
    \".globl minnow_language_detector_end\\n\"
    \"minnow_language_detector_end:\\n\"
    \".balign 16\\n\"
    \".previous\\n\");
")
set_source_files_properties(${detector_source} PROPERTIES OBJECT_DEPENDS ${detector} SKIP_PRECOMPILE_HEADERS ON)
target_sources(minnow_core PRIVATE ${detector_source})
