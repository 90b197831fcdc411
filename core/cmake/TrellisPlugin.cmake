# trellis_add_plugin(NAME SOURCES ... LIBRARIES ...): a plugin library and the manifest beside it.
# Works inside this project and, through find_package(Trellis), out of tree.
function(trellis_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "OUTPUT_DIRECTORY" "SOURCES;LIBRARIES")
  set(target ${name}_plugin)
  add_library(${target} MODULE ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE Trellis::sdk ${arg_LIBRARIES})
  if(TARGET trellis_build_flags)
    target_link_libraries(${target} PRIVATE trellis_build_flags)
  endif()
  # Only the entry is visible: neither the plugin's own symbols nor those of static libraries.
  target_link_options(${target} PRIVATE -Wl,--exclude-libs,ALL)
  if(NOT arg_OUTPUT_DIRECTORY)
    set(arg_OUTPUT_DIRECTORY ${TRELLIS_PLUGIN_OUTPUT_DIRECTORY})
  endif()
  set_target_properties(
    ${target}
    PROPERTIES OUTPUT_NAME ${name}
               PREFIX ""
               C_VISIBILITY_PRESET hidden
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               LIBRARY_OUTPUT_DIRECTORY ${arg_OUTPUT_DIRECTORY})
  add_custom_command(
    TARGET ${target}
    POST_BUILD
    COMMAND Trellis::manifest $<TARGET_FILE:${target}>
    BYPRODUCTS ${arg_OUTPUT_DIRECTORY}/${name}.json
    COMMENT "Describing plugin ${name}"
    VERBATIM)
  install(TARGETS ${target} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/trellis/plugins)
  install(FILES ${arg_OUTPUT_DIRECTORY}/${name}.json
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/trellis/plugins)
endfunction()
