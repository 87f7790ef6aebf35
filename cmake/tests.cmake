# Unit tests stand beside their source (*_test.cc); one program holds them all. tests/ holds what crosses folders.
enable_testing()
if(CMAKE_CROSSCOMPILING)
  # There is no package for the target; Debian's googletest is the same version as source.
  set(INSTALL_GTEST OFF)
  set(BUILD_GMOCK ON)
  add_subdirectory(/usr/src/googletest ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
else()
  find_package(GTest REQUIRED)
endif()
include(GoogleTest)
file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS src/*_test.cc tests/*.cc)
if(MINNOW_TESTS)
  list(FILTER test_sources INCLUDE REGEX "${MINNOW_TESTS}")
  # What the tests share.
  file(GLOB shared_sources CONFIGURE_DEPENDS tests/*.cc)
  list(APPEND test_sources ${shared_sources})
  list(REMOVE_DUPLICATES test_sources)
endif()
if(test_sources)
  list(APPEND test_sources ${CMAKE_SOURCE_DIR}/tests/watchdog.cc)
  list(REMOVE_DUPLICATES test_sources)
  add_executable(minnow_tests ${test_sources})
  set(tested minnow_core)
  if("${test_sources}" MATCHES "/cli/")
    set(tested minnow_cli)
  endif()
  target_link_libraries(minnow_tests PRIVATE ${tested} GTest::gmock GTest::gtest GTest::gtest_main)
  target_include_directories(minnow_tests PRIVATE ${CMAKE_SOURCE_DIR})  # "tests/server/socket_client.h"
  # Only for those that name it, so that a compiler cache serves the others in every checkout.
  foreach(file ${test_sources})
    file(STRINGS ${file} uses REGEX MINNOW_SOURCE_DIR LIMIT_COUNT 1)
    if(uses)
      set_property(SOURCE ${file} APPEND PROPERTY COMPILE_DEFINITIONS MINNOW_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    endif()
  endforeach()
  target_compile_options(minnow_tests PRIVATE -O1)  # the tests' own code: compile time is what counts
  if(MINNOW_SANITIZE MATCHES "undefined")
    target_compile_options(minnow_tests PRIVATE -fno-sanitize=undefined)  # likewise
  endif()
  minnow_precompile(minnow_tests <gmock/gmock.h> <gtest/gtest.h>)
  minnow_unity(minnow_tests "/(kernels|generation)/")
  gtest_discover_tests(minnow_tests DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
endif()

# The program as a black box: tests/cli, tests/server, tests/compat, tests/deploy, tests/golden and tests/web hold unittest
# files that start it; those of tests/web drive a browser, which takes its time on a busy machine.
find_program(PYTHON3 python3)
if(PYTHON3 AND NOT CMAKE_CROSSCOMPILING)
  file(GLOB program_tests CONFIGURE_DEPENDS tests/cli/*_test.py tests/server/*_test.py
       tests/compat/*_test.py tests/deploy/*_test.py tests/golden/*_test.py tests/web/*_test.py)
  foreach(file ${program_tests})
    get_filename_component(name ${file} NAME_WE)
    add_test(NAME ${name} COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tests/run_unittest.py ${file})
    set_tests_properties(${name} PROPERTIES LABELS program TIMEOUT 300 SKIP_RETURN_CODE 77
                         ENVIRONMENT "MINNOW_PROGRAM=$<TARGET_FILE:minnow>")
    if(file MATCHES "/web/")
      set_tests_properties(${name} PROPERTIES LABELS "program;web" TIMEOUT 900)
    elseif(file MATCHES "/deploy/")
      set_tests_properties(${name} PROPERTIES LABELS "program;deploy")
    elseif(file MATCHES "/golden/")
      set_tests_properties(${name} PROPERTIES LABELS "program;golden" TIMEOUT 900)
    endif()
  endforeach()
endif()

# Checks of the source tree; they need Python only. scripts/checks_test.py proves that each of them can fail.
if(PYTHON3 AND NOT CMAKE_CROSSCOMPILING)
  foreach(check check_layers check_docs check_style checks_test)
    add_test(NAME ${check} COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/scripts/${check}.py)
    set_tests_properties(${check} PROPERTIES LABELS source)
  endforeach()
  if(NOT MINNOW_SANITIZE AND CMAKE_BUILD_TYPE STREQUAL "Release")
    add_test(NAME check_simd_objects
             COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/scripts/check_simd_objects.py ${CMAKE_BINARY_DIR})
  endif()
endif()
