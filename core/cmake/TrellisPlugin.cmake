# trellis_add_plugin(NAME SOURCES ... LIBRARIES ...): a plugin library and the manifest beside it.
# Works inside this project and, through find_package(Trellis), out of tree.
function(trellis_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  set(target ${name}_plugin)
  add_library(${target} MODULE ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES} trellis_build_flags)
  target_link_options(${target} PRIVATE -Wl,--exclude-libs,ALL)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name} PREFIX "" LIBRARY_OUTPUT_DIRECTORY
                                             ${TRELLIS_PLUGIN_OUTPUT_DIRECTORY})
  install(TARGETS ${target} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/trellis/plugins)
endfunction()
