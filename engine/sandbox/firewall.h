// What packets of sandboxes with Network::Egress may do: one nftables table per home.
//
// They may leave the host, masqueraded, and reach the resolvers that the host uses. They reach no address of the host
// itself, no other sandbox, and no link-local address (cloud metadata services). Nothing from outside reaches them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/home_tag.h"

namespace bimodal::sandbox {

// The table as nft(8) reads it; replaces one of the same name. `pool`: the sandboxes' addresses, "10.x.0.0/16".
std::string firewall_script(const HomeTag& tag, const std::string& pool, const std::vector<std::string>& resolvers);

// Loads the table and turns IPv4 forwarding on (and leaves it on: others may have come to need it).
Result<void> raise_firewall(const HomeTag& tag, const std::string& pool, const std::vector<std::string>& resolvers);

void drop_firewall(const HomeTag& tag);

}  // namespace bimodal::sandbox
