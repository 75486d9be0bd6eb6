// Cuts the byte stream of a runner into frames. Pure; copies only what a read cut in two.
#pragma once

#include <string>
#include <string_view>

#include "wire/frame.h"

namespace bimodal::gateway {

class FrameReader {
 public:
  class Sink {
   public:
    // A frame. One of type Body may come in several pieces, each with its own size and kEnd only on the last.
    // False stops the reading.
    virtual bool on_frame(const wire::FrameHeader& header, std::string_view payload) = 0;

   protected:
    ~Sink() = default;
  };

  // False when the bytes are no frames, or the sink said so; the stream can't be read on then.
  bool feed(std::string_view bytes, Sink& sink);

 private:
  bool take_header(std::string_view& bytes);
  bool take_payload(std::string_view& bytes, Sink& sink);
  bool take_body(std::string_view& bytes, Sink& sink);

  wire::FrameHeader header_;
  bool in_payload_ = false;
  std::size_t left_ = 0;  // of a Body's payload
  std::string carry_;     // the beginning of a header or payload, at most kMaxPayload
};

}  // namespace bimodal::gateway
