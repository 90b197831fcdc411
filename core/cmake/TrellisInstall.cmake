# The CMake package for people who write plugins: find_package(Trellis) gives Trellis::abi,
# Trellis::sdk, Trellis::manifest and trellis_add_plugin. Component "sdk" holds all of it.
include(CMakePackageConfigHelpers)

set(TRELLIS_PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/Trellis)
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/TrellisConfig.cmake.in ${PROJECT_BINARY_DIR}/TrellisConfig.cmake
  INSTALL_DESTINATION ${TRELLIS_PACKAGE_FOLDER} NO_SET_AND_CHECK_MACRO)
# Not ARCH_INDEPENDENT: the package names a program.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/TrellisConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)

install(TARGETS trellis_abi trellis_sdk EXPORT TrellisTargets COMPONENT sdk)
install(
  EXPORT TrellisTargets
  NAMESPACE Trellis::
  DESTINATION ${TRELLIS_PACKAGE_FOLDER}
  COMPONENT sdk)
install(
  DIRECTORY ${PROJECT_SOURCE_DIR}/core/include/trellis
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT sdk)
install(
  FILES ${PROJECT_BINARY_DIR}/TrellisConfig.cmake
        ${PROJECT_BINARY_DIR}/TrellisConfigVersion.cmake
        ${CMAKE_CURRENT_LIST_DIR}/TrellisPlugin.cmake
        ${CMAKE_CURRENT_LIST_DIR}/trellis_plugin.map
  DESTINATION ${TRELLIS_PACKAGE_FOLDER}
  COMPONENT sdk)
