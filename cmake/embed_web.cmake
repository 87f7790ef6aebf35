# Writes the definition of GetWebArchive (src/api/web_archive.h): cmake -DOUTPUT=web_files.cc -DFILES=a;b -P embed_web.cmake
# The files stand one after the other, gzipped, in a string literal, so that the build needs no tool but CMake and the
# compiler, for any target. The same files give the same bytes.
set(entries "")
set(hashes "")
set(begin 0)
set(joined ${OUTPUT}.joined)
file(WRITE ${joined} "")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  file(SHA256 ${file} hash)
  file(SIZE ${file} size)
  file(READ ${file} text)
  file(APPEND ${joined} "${text}")
  string(APPEND hashes "${name} ${hash}\n")
  string(APPEND entries "    {\"${name}\", \"${hash}\", ${begin}, ${size}},\n")
  math(EXPR begin "${begin} + ${size}")
endforeach()
file(SIZE ${joined} size)
if(NOT size EQUAL begin)
  message(FATAL_ERROR "web/: a file that is not plain text")
endif()
string(SHA256 version "${hashes}")
string(SUBSTRING ${version} 0 12 version)

file(ARCHIVE_CREATE OUTPUT ${joined}.gz PATHS ${joined} FORMAT raw COMPRESSION GZip COMPRESSION_LEVEL 9)
file(READ ${joined}.gz digits HEX)
string(SUBSTRING "${digits}" 0 8 magic)
string(SUBSTRING "${digits}" 16 -1 digits)
set(digits "${magic}00000000${digits}")  # without the time of the build
string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${digits}")
string(REGEX REPLACE "((\\\\x..)(\\\\x..)(\\\\x..)(\\\\x..)(\\\\x..)(\\\\x..)(\\\\x..)(\\\\x..))" "\\1\"\n    \"" bytes "${bytes}")
file(WRITE ${OUTPUT} "// Made from web/ by cmake/embed_web.cmake.
#include \"api/web_archive.h\"

namespace minnow::api {
namespace {

constexpr char kGzip[] =
    \"${bytes}\";

constexpr WebArchiveEntry kEntries[] = {
${entries}};

}  // namespace

WebArchive GetWebArchive() {
  return {std::string_view(kGzip, sizeof(kGzip) - 1), ${begin}, kEntries, \"${version}\"};
}

}  // namespace minnow::api
")
