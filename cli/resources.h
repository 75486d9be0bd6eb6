// Where the files that ship with the binary are: beside it, in the wheel and in the build tree alike.
//
//   bin/bimodal, bin/bimodal-init, share/bimodal/runner/
#pragma once

#include <filesystem>

namespace bimodal::cli {

struct Resources {
  std::filesystem::path binary;      // this program
  std::filesystem::path init_path;   // bimodal-init
  std::filesystem::path runner_dir;  // sitecustomize.py, bimodal_runner/, _runner.abi3.so
};

const Resources& resources();

}  // namespace bimodal::cli
