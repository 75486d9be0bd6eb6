# BIMODAL_SANITIZE="address,undefined" or "thread" instruments everything that we compile.
if(BIMODAL_SANITIZE)
  add_compile_options(-fsanitize=${BIMODAL_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${BIMODAL_SANITIZE})
endif()
