# The tables of encodings (tools/make_encoding_tables.py) become a source file of the program's library.
set(encoding_tables ${CMAKE_SOURCE_DIR}/src/ingest/input/encoding_tables.bin)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${encoding_tables})
file(READ ${encoding_tables} digits HEX)
string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${digits}")
file(CONFIGURE OUTPUT encoding_tables.cc @ONLY CONTENT "// Made from src/ingest/input/encoding_tables.bin by cmake/encodings.cmake.
#include <string_view>

namespace minnow {
std::string_view PackedEncodingTables();
std::string_view PackedEncodingTables() {
  static constexpr char kBytes[] = \"@bytes@\";
  return {kBytes, sizeof(kBytes) - 1};
}
}  // namespace minnow
")
target_sources(minnow_core PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/encoding_tables.cc)
