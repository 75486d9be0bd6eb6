#include "cli/domain.h"

#include <arpa/inet.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "server/account.h"

namespace bimodal::cli {

using nlohmann::json;

namespace {

std::string date_of(std::int64_t unix_seconds) {
  const std::time_t seconds = unix_seconds;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

const CertificateStatus* certificate_of(const EdgeStatus& edge, const std::string& name) {
  auto found = std::find_if(
      edge.certificates.begin(), edge.certificates.end(), [&](const auto& one) { return one.name == name; });
  return found == edge.certificates.end() ? nullptr : &*found;
}

// "valid until 2026-11-01 10:00 UTC (*.example.com)".
std::string certificate_text(const EdgeStatus& edge, const DomainName& name) {
  if (!edge.acme) return "not obtained here";
  if (name.certificate.empty()) return name.name.starts_with("*.") ? "needs acme.dns_hook" : "not obtained";
  const CertificateStatus* found = certificate_of(edge, name.certificate);
  const std::string of = name.certificate == name.name ? "" : fmt::format(" ({})", name.certificate);
  if (found == nullptr || found->state == "unused") return "on first use" + of;
  if (found->state == "valid") return fmt::format("valid until {}{}", date_of(found->expires_at), of);
  if (found->state == "ordering") return "being obtained" + of;
  return fmt::format("failing{}, next try {}", of, date_of(found->retry_at));
}

const DomainName* served(const EdgeStatus& edge, const std::string& name) {
  const std::string above = name.find('.') == name.npos ? "" : "*" + name.substr(name.find('.'));
  const DomainName* wildcard = nullptr;
  for (const DomainName& one : edge.names) {
    if (one.name == name) return &one;
    if (one.name == above) wildcard = &one;
  }
  return wildcard;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

const char* record_type(const std::string& address) {
  return address.find(':') == address.npos ? "A" : "AAAA";
}

// The same address may be written in several ways.
std::string normal(const std::string& address) {
  in6_addr parsed;
  char text[INET6_ADDRSTRLEN];
  if (::inet_pton(AF_INET6, address.c_str(), &parsed) != 1) return address;
  return ::inet_ntop(AF_INET6, &parsed, text, sizeof text) == nullptr ? address : text;
}

}  // namespace

Result<EdgeStatus> read_edge(const std::string& account) {
  const json parsed = json::parse(account, nullptr, /*allow_exceptions=*/false);
  EdgeStatus edge;
  try {
    const json& found = parsed.at("edge");
    edge.base_domain = found.at("base_domain");
    edge.public_addresses = found.at("public_addresses").get<std::vector<std::string>>();
    edge.acme = found.at("acme");
    for (const json& one : found.at("names")) {
      edge.names.push_back(
          {one.at("name"), one.at("custom"), one.at("app"), one.at("environment"), one.at("function"),
           one.at("certificate")});
    }
    for (const json& one : found.at("certificates")) {
      edge.certificates.push_back(
          {one.at("name"), one.at("state"), one.at("expires_at"), one.at("retry_at"), one.at("reason")});
    }
  } catch (const json::exception& why) {
    return error(Code::DataLoss, "the daemon's account isn't understood: {}; do versions differ?", why.what());
  }
  auto custom_first = [](const DomainName& a, const DomainName& b) {
    return std::tuple(!a.custom, a.name) < std::tuple(!b.custom, b.name);
  };
  std::sort(edge.names.begin(), edge.names.end(), custom_first);
  return edge;
}

Result<EdgeStatus> ask_edge(const std::filesystem::path& home) {
  TRY(const std::string account, server::ask_account(home));
  return read_edge(account);
}

std::string as_text(const EdgeStatus& edge) {
  if (edge.names.empty()) return "no app has a name\n";
  std::string text;
  for (const DomainName& one : edge.names) {
    text += fmt::format(
        "{}  {}  {}  {}  certificate: {}\n", one.name, one.environment, one.app, one.function,
        certificate_text(edge, one));
  }
  return text;
}

std::string as_json(const EdgeStatus& edge) {
  json names = json::array();
  for (const DomainName& one : edge.names) {
    json row = {{"name", one.name}, {"custom", one.custom},     {"environment", one.environment},
                {"app", one.app},   {"function", one.function}, {"certificate", nullptr}};
    if (const CertificateStatus* found = certificate_of(edge, one.certificate)) {
      row["certificate"] = {
          {"name", found->name},
          {"state", found->state},
          {"expires_at", found->expires_at},
          {"retry_at", found->retry_at},
          {"reason", found->reason}};
    }
    names.push_back(std::move(row));
  }
  return names.dump(2) + "\n";
}

std::vector<std::string> dns_findings(
    const std::string& name, const DnsAnswer& answer, const std::vector<std::string>& addresses,
    const std::string& base_domain) {
  std::vector<std::string> ours, findings;
  for (const std::string& address : addresses) ours.push_back(normal(address));
  std::vector<std::string> foreign;
  bool leads_here = false;
  for (const std::string& address : answer.addresses) {
    const bool is_ours = std::find(ours.begin(), ours.end(), normal(address)) != ours.end();
    leads_here |= is_ours;
    if (!is_ours) foreign.push_back(address);
  }
  if (!leads_here) {
    for (const std::string& address : addresses) {
      findings.push_back(fmt::format("missing: the DNS record  {}. {} {}", name, record_type(address), address));
    }
    if (addresses.empty()) findings.push_back("this host's address isn't known: set edge.public_address");
    const bool may_alias = base_domain.find('.') != base_domain.npos;
    if (may_alias) findings.push_back(fmt::format("or, in its place:        {}. CNAME {}.", name, base_domain));
  }
  const std::string who = answer.aliases.empty() ? name : fmt::format("{} (as {})", name, answer.aliases.back());
  if (!foreign.empty()) {
    findings.push_back(fmt::format(
        "{} leads to {}, which isn't this host: remove that record, or name the address in edge.public_address", who,
        joined(foreign)));
  }
  return findings;
}

DomainCheck check_domain(
    const EdgeStatus& edge, const std::string& name, const DnsAnswer& answer, const std::vector<std::string>& own) {
  DomainCheck check;
  auto say = [&](std::string line) { check.text += line + "\n"; };
  auto complain = [&](std::string line) {
    check.good = false;
    say(std::move(line));
  };
  const DomainName* served_by = served(edge, name);
  if (served_by == nullptr) {
    complain(fmt::format("no running app has {}: name it in custom_domains= of a web function and deploy that", name));
  } else {
    say(fmt::format(
        "{} leads to {} of app '{}' ({})", name, served_by->function, served_by->app, served_by->environment));
  }
  const auto& addresses = edge.public_addresses.empty() ? own : edge.public_addresses;
  const auto findings = dns_findings(name, answer, addresses, edge.base_domain);
  for (const std::string& one : findings) complain(one);
  if (findings.empty()) say(fmt::format("DNS is good: {}", joined(answer.addresses)));
  if (served_by == nullptr) return check;
  const std::string text = certificate_text(edge, *served_by);
  const CertificateStatus* found = certificate_of(edge, served_by->certificate);
  const bool failed = found != nullptr && found->state == "failing";
  if (failed || (edge.acme && served_by->certificate.empty())) {
    complain("certificate: " + text);
  } else {
    say("certificate: " + text);
  }
  if (found != nullptr && !found->reason.empty()) say("last failure: " + found->reason);
  return check;
}

std::string probe_of(const std::string& name) {
  return name.starts_with("*.") ? "bimodal-check" + name.substr(1) : name;
}

}  // namespace bimodal::cli
