// The head of a browser's request, as the gateway sends it to a runner.
#pragma once

#include "wire/head.h"

namespace bimodal::benchmarks {

inline wire::RequestHead browser_head() {
  wire::RequestHead head;
  head.request_id = "01JD3ZK5T2Q8N4W6Y7X9V0B1CM";
  head.method = "GET";
  head.raw_path = "/items/7";
  head.query = "page=3";
  head.client_host = "127.0.0.1";
  head.client_port = 51'234;
  head.server_host = "127.0.0.1";
  head.server_port = 8080;
  head.headers = {
      {"host", "app.localhost:8080"},
      {"user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
      {"accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
      {"accept-language", "en-US,en;q=0.5"},
      {"accept-encoding", "gzip, deflate, br"},
      {"cache-control", "no-cache"},
      {"pragma", "no-cache"},
      {"cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"},
      {"referer", "http://app.localhost:8080/"},
      {"sec-fetch-dest", "document"},
      {"sec-fetch-mode", "navigate"},
      {"sec-fetch-site", "same-origin"},
  };
  return head;
}

}  // namespace bimodal::benchmarks
