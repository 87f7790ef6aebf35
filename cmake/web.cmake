# The page (web/) becomes a source file of the program's library; it is made anew when one of its files changes.
file(GLOB web_files CONFIGURE_DEPENDS web/*.html web/*.js web/*.css web/*.svg)
list(SORT web_files)
set(web_source ${CMAKE_BINARY_DIR}/web_files.cc)
add_custom_command(
  OUTPUT ${web_source}
  COMMAND ${CMAKE_COMMAND} -DOUTPUT=${web_source} "-DFILES=${web_files}" -P ${CMAKE_SOURCE_DIR}/cmake/embed_web.cmake
  DEPENDS ${web_files} ${CMAKE_SOURCE_DIR}/cmake/embed_web.cmake
  COMMENT "Embedding web/"
  VERBATIM)
target_sources(minnow_core PRIVATE ${web_source})
