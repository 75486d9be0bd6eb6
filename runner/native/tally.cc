#include "tally.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <utility>

namespace bimodal::runner {

bool Tally::open(int descriptor) {
  if (page_ != nullptr || descriptor < 0) return false;
  void* page = ::mmap(nullptr, sizeof *page_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  if (page == MAP_FAILED) return false;
  page_ = static_cast<std::uint64_t*>(page);
  return true;
}

void Tally::add(std::size_t size) {
  handled_ += size;
  if (page_ != nullptr) std::atomic_ref(*page_).store(handled_, std::memory_order_release);
}

void Tally::close() {
  if (page_ != nullptr) ::munmap(std::exchange(page_, nullptr), sizeof *page_);
}

}  // namespace bimodal::runner
