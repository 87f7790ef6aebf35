# Everything that is not the product itself comes from the distribution's packages (scripts/install-deps.sh).
find_package(Threads REQUIRED)
find_library(UTF8PROC_LIBRARY utf8proc REQUIRED)
find_library(SQLITE_LIBRARY sqlite3 REQUIRED)
find_library(ZLIB_LIBRARY z REQUIRED)
find_library(YAML_LIBRARY yaml REQUIRED)
find_library(PNG_LIBRARY png16 REQUIRED)
find_library(JPEG_LIBRARY jpeg REQUIRED)
# The static one in every build: only there can its memory be bounded.
find_library(WEBP_ARCHIVE libwebp.a REQUIRED)
find_library(SHARPYUV_LIBRARY sharpyuv)  # a part of libwebp before version 1.3
if(NOT SHARPYUV_LIBRARY)
  set(SHARPYUV_LIBRARY "")
endif()
find_path(BOOST_INCLUDE boost/beast.hpp REQUIRED)  # and the headers of xxHash, beside it
find_path(JPEG_INCLUDE jconfig.h REQUIRED)  # libjpeg's settings, in a folder of the architecture

add_library(minnow_dependencies INTERFACE)
target_include_directories(minnow_dependencies SYSTEM INTERFACE ${BOOST_INCLUDE} ${JPEG_INCLUDE})
target_link_libraries(minnow_dependencies INTERFACE ${SQLITE_LIBRARY} ${PNG_LIBRARY} ${JPEG_LIBRARY} ${WEBP_ARCHIVE}
  ${SHARPYUV_LIBRARY} ${ZLIB_LIBRARY} ${YAML_LIBRARY} ${UTF8PROC_LIBRARY}
  Threads::Threads ${CMAKE_DL_LIBS} m)
target_link_options(minnow_dependencies INTERFACE -Wl,--wrap=WebPSafeMalloc,--wrap=WebPSafeCalloc)  # image/webp_reader.cc
# Sources compiled once each: Boost's in formats/boost_json.cc and http/boost_asio.cc, xxHash's in formats/xxh64.cc.
target_compile_definitions(minnow_dependencies INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_JSON_NO_LIB UTF8PROC_STATIC)
