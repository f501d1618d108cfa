# The Python package. In a build it stands in python/ of the build folder, sources and extension together; a wheel takes
# the sources from the tree (pyproject.toml) and only the extension from here.

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/python/src/*.c)
if(NOT sources OR NOT TARGET bluet)
    return()
endif()

# The stable ABI of Python 3.11: one extension for all versions from there on.
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter Development.Module)
Python3_add_library(bluet_extension MODULE ${sources})
set_target_properties(bluet_extension PROPERTIES
    OUTPUT_NAME _bluetooth SUFFIX .abi3.so LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/python/bluet)
target_compile_definitions(bluet_extension PRIVATE _GNU_SOURCE Py_LIMITED_API=0x030b0000)
target_link_libraries(bluet_extension PRIVATE bluet bluet_flags)
target_link_options(bluet_extension PRIVATE -Wl,--exclude-libs,ALL -Wl,--gc-sections)
# Python's own headers are not ours to keep free of warnings.
get_target_property(python_includes Python3::Module INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(bluet_extension SYSTEM PRIVATE ${python_includes})

if(SKBUILD)
    install(TARGETS bluet_extension LIBRARY DESTINATION bluet)
    return()
endif()

file(GLOB_RECURSE modules RELATIVE ${PROJECT_SOURCE_DIR}/python CONFIGURE_DEPENDS
    ${PROJECT_SOURCE_DIR}/python/*.py ${PROJECT_SOURCE_DIR}/python/*.pyi ${PROJECT_SOURCE_DIR}/python/py.typed)
set(copies)
foreach(module ${modules})
    set(copy ${CMAKE_CURRENT_BINARY_DIR}/python/${module})
    add_custom_command(OUTPUT ${copy}
        COMMAND ${CMAKE_COMMAND} -E copy ${PROJECT_SOURCE_DIR}/python/${module} ${copy}
        DEPENDS ${PROJECT_SOURCE_DIR}/python/${module}
        VERBATIM)
    list(APPEND copies ${copy})
endforeach()
add_custom_target(bluet_python ALL DEPENDS ${copies} bluet_extension)
