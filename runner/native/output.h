// Bytes on their way to a socket: small ones copied together, large bodies referenced where they lie.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "py.h"

namespace bimodal::runner {

class Output {
 public:
  bool empty() const { return first_ == segments_.size(); }

  // Copies `bytes`.
  void append(std::string_view bytes);
  // Appends a part of `owner`, an object of bytes or text, which is kept alive until it was written. Copies a small
  // part.
  void append(PyObject* owner, std::string_view part);

  // Puts `bytes` before everything. Only while nothing of it was written.
  void prepend(std::string_view bytes);
  // Everything, when all of it was copied and nothing written; else empty. Valid until the next change.
  std::string_view untouched() const;

  enum class Written { All, Blocked, Failed };
  // Writes as much as the socket takes, several segments in one system call.
  Written write_to(int socket);

  void clear();

 private:
  struct Segment {
    Ref owner;           // none: the bytes are in copied_
    const char* data;    // with an owner
    std::size_t offset;  // without: where they begin in copied_
    std::size_t size;
  };

  std::string_view bytes_of(const Segment& segment) const;
  void consume(std::size_t size);
  void compact();

  std::string copied_;
  std::vector<Segment> segments_;
  std::size_t first_ = 0;
};

}  // namespace bimodal::runner
