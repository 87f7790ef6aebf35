# Writes the definition of src/api/web_files.h: cmake -DOUTPUT=web_files.cc -DFILES=a;b -P embed_web.cmake
# Bytes become string literals, so that the build needs no tool but CMake and the compiler, for any target.
set(definitions "")
set(entries "")
set(number 0)
set(hashes "")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  file(SHA256 ${file} hash)
  string(APPEND hashes "${name} ${hash}\n")
  file(READ ${file} digits HEX)
  string(REGEX REPLACE "(..)" "\\\\x\\1" text "${digits}")
  string(REPLACE "\\x0a" "\\x0a\"\n    \"" text "${text}")  # a line of the file, a line here
  string(APPEND definitions "constexpr char kBytes${number}[] =\n    \"${text}\";\n")
  string(APPEND entries "    {\"${name}\", \"${hash}\", std::string_view(kBytes${number}, sizeof(kBytes${number}) - 1)},\n")
  math(EXPR number "${number} + 1")
endforeach()
string(SHA256 version "${hashes}")
string(SUBSTRING ${version} 0 12 version)
file(WRITE ${OUTPUT} "// Made from web/ by cmake/embed_web.cmake.
#include \"api/web_files.h\"

namespace minnow::api {
namespace {

${definitions}
constexpr WebFile kFiles[] = {
${entries}};

}  // namespace

std::span<const WebFile> WebFiles() { return kFiles; }
std::string_view WebVersion() { return \"${version}\"; }

}  // namespace minnow::api
")
