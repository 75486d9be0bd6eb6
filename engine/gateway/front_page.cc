#include "gateway/front_page.h"

#include <array>

#include "gateway/edge_error.h"
#include "http/target.h"

namespace bimodal::gateway {
namespace {

constexpr std::string_view kPage =
    "<!doctype html>\n"
    "<html lang=\"en\"><meta charset=\"utf-8\"><title>Bimodal</title>\n"
    "<body>\n"
    "<h1>Bimodal answers here</h1>\n"
    "<p>Each web function has a host name of its own at this port; the client prints its URL when an app is served or\n"
    "deployed. On the machine itself, <code>bimodal status</code> lists what runs.</p>\n"
    "</body></html>\n";

// An IPv6 or IPv4 address, or a name without a dot: nothing that a label could stand in front of.
bool is_bare(std::string_view host) {
  if (host.empty() || host.front() == '[') return true;
  const std::size_t dot = host.rfind('.');
  if (dot == host.npos) return true;
  const std::string_view last = host.substr(dot + 1);
  return !last.empty() && last.find_first_not_of("0123456789") == last.npos;
}

}  // namespace

bool is_for_front_page(const http::RequestHead& head) {
  const bool reads = head.method == "GET" || head.method == "HEAD";
  return reads && head.path == "/" && is_bare(http::host_without_port(head.host));
}

void reply_front_page(http::Caller& client, const RequestId& id) {
  const std::array<http::Field, 2> fields{{
      {"content-type", "text/html; charset=utf-8"},
      {kRequestIdHeader, text_of(id)},
  }};
  client.reply(200, fields, kPage);
}

}  // namespace bimodal::gateway
