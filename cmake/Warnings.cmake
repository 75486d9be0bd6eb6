# Warnings for our own targets: every engine module links bimodal_warnings.
add_library(bimodal_warnings INTERFACE)
target_compile_options(bimodal_warnings INTERFACE -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers)
