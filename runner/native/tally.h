// What the gateway looks at when this process has died: how far it got in the frames of one connection (wire/frame.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace bimodal::runner {

class Tally {
 public:
  Tally() = default;
  ~Tally() { close(); }
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  // Keeps the tally in the page behind `descriptor`, which it closes. False when that is no such page.
  bool open(int descriptor);
  // `size` more bytes are handled. Before anything runs that they ask for.
  void add(std::size_t size);
  void close();

 private:
  std::uint64_t handled_ = 0;
  std::uint64_t* page_ = nullptr;  // shared with the gateway, written here only
};

}  // namespace bimodal::runner
