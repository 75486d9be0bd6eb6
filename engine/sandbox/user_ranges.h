// Hands each live sandbox its own range of host user ids, with the user namespace that maps it.
//
// A range is kRangeSize ids from its base; inside, they are 0…65535. The namespace is made once per range and kept, so
// that most starts pay nothing for it. Rootless there is one range, with a new namespace for each sandbox all the same:
// RLIMIT_NPROC counts per user and namespace. In the launcher only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::sandbox {

inline constexpr std::uint32_t kRangeSize = 65'536;
inline constexpr std::uint32_t kFirstUid = 1'000'000'000;  // far above people, services and /etc/subuid
inline constexpr std::uint32_t kRangesPerHome = 4'096;     // live sandboxes of one home
inline constexpr std::uint32_t kHomeSlots = 12;            // homes that can't meet: kFirstUid + all of them < 2^32

enum class Privilege {
  Root,      // the host's root: any range, idmapped layers
  Rootless,  // root of the daemon's own user namespace (own_namespace.h): every sandbox shares its ids
};

class UserRanges {
 public:
  UserRanges(Privilege privilege, std::uint64_t home_hash);

  // A range that no live sandbox has; `wanted` is its base, 0: any. ResourceExhausted when all are taken.
  Result<std::uint32_t> take(std::uint32_t wanted);
  void give_back(std::uint32_t base);

  // The user namespace of a taken range; owned by this object, until the next call when rootless.
  Result<int> user_namespace(std::uint32_t base);

 private:
  Privilege privilege_;
  std::uint32_t first_;
  std::multiset<std::uint32_t> taken_;
  std::map<std::uint32_t, UniqueFd> namespaces_;  // at most kKeptNamespaces beside those of live sandboxes
};

}  // namespace bimodal::sandbox
