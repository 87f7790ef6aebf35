# The Python extension minnow._core (python/csrc) over the layers below serving, by Python's limited API: one module for
# every Python from 3.11 on. scripts/build-wheel.sh puts it into a wheel.
#
# It is made of the program's own objects, so that nothing is compiled twice. They are position independent as a program's
# are (-fPIE, GCC's default on Debian), which a shared object can have too, since all that is in it is hidden but its
# entry; only data of the C library may not be reached in that way. Sources that name such data (stderr) are compiled for
# a shared object: whoever adds one hears of it from the linker, "recompile with -fPIC". What libstdc++'s headers name is
# at the end of python/csrc/module.cc. With CMAKE_POSITION_INDEPENDENT_CODE, which python/setup.py gives, all of it is -fPIC.
# libstdc++ is in the module.
function(minnow_python_sources)
  set_property(SOURCE src/base/result.cc src/base/mapped_file.cc src/kernels/dispatch.cc APPEND PROPERTY COMPILE_OPTIONS -fPIC)
endfunction()

function(minnow_python_module)
  if(NOT PYTHON_INCLUDE)  # whichever Python is found first will do: the API is the same
    find_program(PYTHON3 python3)
    execute_process(COMMAND ${PYTHON3} -c "import sysconfig; print(sysconfig.get_paths()['include'])"
                    OUTPUT_VARIABLE python_include OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    find_path(PYTHON_INCLUDE Python.h HINTS ${python_include} PATH_SUFFIXES python3.13 python3.12 python3.11)
  endif()
  if(NOT PYTHON_INCLUDE)
    message(STATUS "No headers of Python (python3-dev): no Python extension")
    return()
  endif()
  file(GLOB files CONFIGURE_DEPENDS python/csrc/*.cc)
  add_library(minnow_python MODULE EXCLUDE_FROM_ALL ${files})
  target_include_directories(minnow_python PRIVATE ${CMAKE_SOURCE_DIR}/python)
  target_include_directories(minnow_python SYSTEM PRIVATE ${PYTHON_INCLUDE})
  target_compile_definitions(minnow_python PRIVATE Py_LIMITED_API=0x030B0000)
  target_compile_options(minnow_python PRIVATE -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections)
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(minnow_python PRIVATE -Os)
  endif()
  target_link_libraries(minnow_python PRIVATE minnow_core)
  set(exports ${CMAKE_BINARY_DIR}/python_exports.map)
  file(CONFIGURE OUTPUT ${exports} CONTENT "{ global: PyInit__core; local: *; };\n")
  set_target_properties(minnow_python PROPERTIES
    PREFIX "" OUTPUT_NAME _core SUFFIX .abi3.so
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/python
    # Instead of the program's, which is linked statically.
    LINK_OPTIONS "-static-libstdc++;-Wl,--gc-sections;-Wl,--version-script=${exports};-Wl,-z,relro;-Wl,-z,now;-Wl,--build-id=none;-s"
    LINK_DEPENDS ${exports})
endfunction()
