# trellis_add_plugin(NAME SOURCES ... [LIBRARIES ...] [OUTPUT_DIRECTORY ...] [NO_INSTALL]): a plugin
# library and the manifest beside it, as target NAME_plugin, both installed where Trellis looks for
# them when it has the same prefix. C sources alone get the C ABI, with C++ among them the SDK.
# Works inside this project and, through find_package(Trellis), out of tree.
include(GNUInstallDirs)

set(TRELLIS_PLUGIN_EXPORTS ${CMAKE_CURRENT_LIST_DIR}/trellis_plugin.map)

function(trellis_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_INSTALL" "OUTPUT_DIRECTORY" "SOURCES;LIBRARIES")
  set(target ${name}_plugin)
  add_library(${target} MODULE ${arg_SOURCES})
  set(cxx_sources ${arg_SOURCES})
  list(FILTER cxx_sources INCLUDE REGEX "\\.(cc|cpp|cxx)$")
  if(cxx_sources)
    target_link_libraries(${target} PRIVATE Trellis::sdk)
  else()
    target_link_libraries(${target} PRIVATE Trellis::abi)
  endif()
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES})
  if(TARGET trellis_build_flags)
    target_link_libraries(${target} PRIVATE trellis_build_flags)
  endif()
  # Only the entry is visible: hidden visibility alone leaves templates of the standard library and
  # the symbols of static libraries.
  target_link_options(${target} PRIVATE -Wl,--exclude-libs,ALL
                      -Wl,--version-script,${TRELLIS_PLUGIN_EXPORTS})
  if(NOT arg_OUTPUT_DIRECTORY)
    set(arg_OUTPUT_DIRECTORY ${TRELLIS_PLUGIN_OUTPUT_DIRECTORY})
  endif()
  if(NOT arg_OUTPUT_DIRECTORY)
    set(arg_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugins)
  endif()
  set_target_properties(
    ${target}
    PROPERTIES OUTPUT_NAME ${name}
               PREFIX ""
               SUFFIX ".so"
               C_VISIBILITY_PRESET hidden
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               LINK_DEPENDS ${TRELLIS_PLUGIN_EXPORTS}
               LIBRARY_OUTPUT_DIRECTORY ${arg_OUTPUT_DIRECTORY})
  add_custom_command(
    TARGET ${target}
    POST_BUILD
    COMMAND Trellis::manifest $<TARGET_FILE:${target}>
    BYPRODUCTS ${arg_OUTPUT_DIRECTORY}/${name}.json
    COMMENT "Describing plugin ${name}"
    VERBATIM)
  if(arg_NO_INSTALL)
    return()
  endif()
  set(folder ${CMAKE_INSTALL_LIBDIR}/trellis/plugins)
  install(TARGETS ${target} LIBRARY DESTINATION ${folder} COMPONENT plugins)
  install(FILES ${arg_OUTPUT_DIRECTORY}/${name}.json DESTINATION ${folder} COMPONENT plugins)
  # Stripping changes the library's size, which the manifest holds.
  install(
    CODE "if(CMAKE_INSTALL_DO_STRIP)
            execute_process(COMMAND \"$<TARGET_FILE:Trellis::manifest>\"
              \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${folder}/${name}.so\"
              COMMAND_ERROR_IS_FATAL ANY)
          endif()"
    COMPONENT plugins)
endfunction()
