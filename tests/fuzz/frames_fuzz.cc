// The frames of a container, which is not trusted: no crash, and how the bytes were cut must not matter.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "gateway/frame_reader.h"

namespace {

using bimodal::gateway::FrameReader;
namespace wire = bimodal::wire;

void require(bool condition) {
  if (!condition) std::abort();
}

// Writes down what came; pieces of one body are one entry.
class Notes final : public FrameReader::Sink {
 public:
  bool on_frame(const wire::FrameHeader& header, std::string_view payload) override {
    require(header.size == payload.size());
    require(payload.size() <= wire::kMaxPayload && header.extra <= 0xffffffff);
    if (header.type == wire::FrameType::Response) require(header.extra <= payload.size());
    const bool is_body = header.type == wire::FrameType::Body;
    if (!is_body || !(open_body_ && header.stream == stream_)) {
      text += "|" + std::to_string(header.stream) + "," + std::to_string(static_cast<int>(header.type)) + "," +
              std::to_string(header.extra) + ",";
    }
    text.append(payload);
    open_body_ = is_body && !(header.flags & wire::kEnd);
    stream_ = header.stream;
    return true;
  }

  std::string text;

 private:
  bool open_body_ = false;
  std::uint32_t stream_ = 0;
};

struct Read {
  bool good = true;
  std::string text;
};

Read read_in_pieces(std::string_view bytes, std::size_t piece) {
  FrameReader reader;
  Notes notes;
  Read read;
  while (read.good && !bytes.empty()) {
    read.good = reader.feed(bytes.substr(0, piece), notes);
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  read.text = std::move(notes.text);
  return read;
}

}  // namespace

// The first byte says how the rest is cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const Read whole = read_in_pieces(bytes, bytes.size());
  const Read cut = read_in_pieces(bytes, 1 + data[0]);
  require(whole.good == cut.good);
  require(whole.text == cut.text);
  return 0;
}
