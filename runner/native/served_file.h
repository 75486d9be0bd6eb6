// A regular file that a response sends, read piece by piece from its beginning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "py.h"

namespace bimodal::runner {

class ServedFile {
 public:
  // `path` is an absolute one, as str, bytes or a path object. Null with a Python error set: OSError when it can't be
  // opened, ValueError when it is relative or no regular file.
  static std::unique_ptr<ServedFile> open(PyObject* path);
  ~ServedFile();
  ServedFile(const ServedFile&) = delete;
  ServedFile& operator=(const ServedFile&) = delete;

  // What is still to be read of the size that the file had when it was opened.
  std::uint64_t left() const { return left_; }
  // The next `size` bytes, of those that are left, as a bytes object. Null with a Python error set, also when the file
  // has become shorter.
  Ref read(std::size_t size);

 private:
  ServedFile(int descriptor, std::uint64_t size) : descriptor_(descriptor), left_(size) {}

  const int descriptor_;
  std::uint64_t left_;
};

}  // namespace bimodal::runner
