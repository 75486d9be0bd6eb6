#include "acme/fetch.h"

#include <curl/curl.h>

#include <memory>
#include <mutex>

namespace bimodal::acme {
namespace {

constexpr std::size_t kLargest = 1 << 20;  // bytes of an answer
constexpr std::size_t kMaxFields = 100;
constexpr long kTimeout_ms = 30'000;
constexpr long kConnectTimeout_ms = 10'000;
constexpr const char* kAgent = "bimodal (RFC 8555)";  // §6.1 wants one

struct Exchange {
  HttpResponse response;
  std::stop_token stop;
};

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* place) {
  std::string& body = static_cast<Exchange*>(place)->response.body;
  if (body.size() + size > kLargest) return 0;
  body.append(data, size);
  return size;
}

std::size_t take_field(char* data, std::size_t, std::size_t size, void* place) {
  auto& fields = static_cast<Exchange*>(place)->response.fields;
  const std::string_view line(data, size);
  const std::size_t colon = line.find(':');
  if (colon == line.npos || fields.size() >= kMaxFields) return size;
  std::string name(line.substr(0, colon));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' ')) {
    value.remove_suffix(1);
  }
  fields[name] = value;
  return size;
}

int look_for_stop(void* place, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(place)->stop.stop_requested() ? 1 : 0;
}

using Fields = std::unique_ptr<curl_slist, FreeList>;

Fields request_fields(const HttpRequest& request) {
  curl_slist* list = nullptr;
  if (request.method == HttpRequest::Method::Post) {
    list = curl_slist_append(list, "content-type: application/jose+json");
    list = curl_slist_append(list, "expect:");
  }
  if (!request.accept.empty()) list = curl_slist_append(list, ("accept: " + request.accept).c_str());
  return Fields(list);
}

void set_method(CURL* handle, const HttpRequest& request) {
  if (request.method == HttpRequest::Method::Head) curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  if (request.method != HttpRequest::Method::Post) return;
  curl_easy_setopt(handle, CURLOPT_POST, 1L);
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
}

void set_bounds(CURL* handle, Exchange& exchange) {
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, kTimeout_ms);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeout_ms);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);  // other threads run
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, look_for_stop);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &exchange);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_field);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &exchange);
}

Result<HttpResponse> perform(const std::string& ca_file, const HttpRequest& request, std::stop_token stop) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::unique_ptr<CURL, FreeHandle> handle(curl_easy_init());
  if (!handle) return error(Code::Internal, "libcurl gives no handle");
  Exchange exchange{.response = {}, .stop = stop};
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(handle.get(), CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(handle.get(), CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle.get(), CURLOPT_USERAGENT, kAgent);
  if (!ca_file.empty()) {
    curl_easy_setopt(handle.get(), CURLOPT_CAINFO, ca_file.c_str());
    curl_easy_setopt(handle.get(), CURLOPT_CAPATH, nullptr);
  }
  set_bounds(handle.get(), exchange);
  set_method(handle.get(), request);
  const Fields fields = request_fields(request);
  curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, fields.get());
  const CURLcode code = curl_easy_perform(handle.get());
  if (stop.stop_requested()) return error(Code::Cancelled, "{}: stopped", request.url);
  if (code != CURLE_OK) {
    return error(Code::Unavailable, "{}: {}", request.url, *reason ? reason : curl_easy_strerror(code));
  }
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

}  // namespace

std::string HttpResponse::field(const std::string& name) const {
  auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

Fetch https_fetch(std::optional<std::filesystem::path> ca_file) {
  return [ca_file = ca_file ? ca_file->string() : std::string()](const HttpRequest& request, std::stop_token stop) {
    return perform(ca_file, request, std::move(stop));
  };
}

}  // namespace bimodal::acme
