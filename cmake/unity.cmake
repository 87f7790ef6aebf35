# The sources of a folder compiled as one file: headers are read and templates made once a folder. In the builds of tests
# alone; it may hide a missing include, and the program's release build goes without. Files that match the optional regular
# expression keep to themselves: names of theirs stand twice in a folder.
function(minnow_unity target)
  if(NOT (MINNOW_UNITY STREQUAL "all" OR (MINNOW_UNITY STREQUAL "tests" AND target STREQUAL "minnow_tests")))
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  get_target_property(files ${target} SOURCES)
  foreach(file ${files})
    if(file MATCHES "\\.cc$" AND NOT (ARGC GREATER 1 AND file MATCHES "${ARGV1}"))
      get_filename_component(folder ${file} DIRECTORY)
      string(MAKE_C_IDENTIFIER "${folder}" group)
      set_source_files_properties(${file} PROPERTIES UNITY_GROUP ${group})
    endif()
  endforeach()
endfunction()
