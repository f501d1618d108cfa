# `cmake --install`: headers, archive, program, and what find_package() and pkg-config read.

if(NOT TARGET bluet)
    return()
endif()
include(CMakePackageConfigHelpers)
set(bluet_package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/bluet)

install(TARGETS bluet EXPORT bluet ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/bluet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
if(TARGET bluet_program)
    install(TARGETS bluet_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

install(EXPORT bluet NAMESPACE bluet:: FILE bluetTargets.cmake DESTINATION ${bluet_package_folder})
configure_package_config_file(cmake/bluetConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/bluetConfig.cmake
    INSTALL_DESTINATION ${bluet_package_folder})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/bluetConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bluetConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/bluetConfigVersion.cmake
    DESTINATION ${bluet_package_folder})

set(bluet_private_libraries)
foreach(library ${bluet_system_libraries})
    if(library STREQUAL "Threads::Threads")
        string(APPEND bluet_private_libraries "-pthread ")
    elseif(library)
        string(APPEND bluet_private_libraries "-l${library} ")
    endif()
endforeach()
configure_file(cmake/bluet.pc.in ${CMAKE_CURRENT_BINARY_DIR}/bluet.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bluet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
