// What a sandbox can reach, and what it can't.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <future>
#include <thread>

#include "sandbox/address_pool.h"
#include "sandbox/firewall.h"
#include "sandbox/home_tag.h"
#include "sandbox/testing/fixture.h"

namespace bimodal::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr const char* kRoutes =
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    "eth0\t0000820A\t00000000\t0001\t0\t0\t0\t0000FEFF\t0\t0\t0\n";  // 10.130.0.0/15

TEST(AddressPool, AvoidsTheRoutesAndTheResolversOfTheHost) {
  EXPECT_EQ(choose_network(kRoutes, {}, 1)->text(), "10.129.0.0");
  EXPECT_EQ(choose_network(kRoutes, {}, 2)->text(), "10.132.0.0");
  EXPECT_EQ(choose_network(kRoutes, {"10.132.7.7"}, 3)->text(), "10.133.0.0");
}

TEST(AddressPool, HandsOutNoAddressTwice) {
  AddressPool pool(Ipv4{10U << 24});
  std::set<std::uint32_t> seen;
  for (std::uint32_t i = kFirstAddressIndex; i <= kLastAddressIndex; ++i) EXPECT_TRUE(seen.insert(*pool.take()).second);
  EXPECT_FALSE(pool.take());
  pool.give_back(500);
  EXPECT_EQ(*pool.take(), 500U);
}

class NetworkTest : public SandboxTest {
 protected:
  Spec egress(std::vector<std::string> argv) {
    Spec spec = probe(std::move(argv));
    spec.network = Network::Egress;
    return spec;
  }

  Result<UniqueFd> connect(Sandbox& sandbox, std::uint16_t port) {
    std::promise<Result<UniqueFd>> outcome;
    auto wait = [](Sandbox& sandbox, std::uint16_t port, std::promise<Result<UniqueFd>>& outcome) -> Task<void> {
      auto made = co_await sandbox.connect(port, Deadline::after(10s));
      outcome.set_value(std::move(made));
    };
    boost::asio::co_spawn(loop_->executor(), wait(sandbox, port, outcome), boost::asio::detached);
    return outcome.get_future().get();
  }
};

// Who asks for the host's services: the firewall answers, or there is no route.
const char* refusal() {
  return SandboxTest::rootless() ? "EHOSTUNREACH\n" : "ECONNREFUSED\n";
}

// A listener of the host on every address. Connections are accepted by the kernel's backlog.
struct Listener {
  UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::string port;
  Listener() {
    sockaddr_in address{.sin_family = AF_INET};
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket.get(), 8), 0);
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port = std::to_string(ntohs(address.sin_port));
  }
};

// The host's own IPv4 addresses.
std::vector<std::string> host_addresses() {
  std::vector<std::string> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return found;
  for (ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    char text[INET_ADDRSTRLEN];
    ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(entry->ifa_addr)->sin_addr, text, sizeof text);
    found.emplace_back(text);
  }
  ::freeifaddrs(list);
  return found;
}

bool interface_exists(const std::string& prefix) {
  struct if_nameindex* list = ::if_nameindex();
  bool found = false;
  for (auto* entry = list; entry->if_index != 0; ++entry) found |= std::string(entry->if_name).starts_with(prefix);
  ::if_freenameindex(list);
  return found;
}

TEST_F(NetworkTest, EgressReachesNoServiceOfTheHost) {
  Listener listener;
  auto addresses = host_addresses();
  ASSERT_FALSE(addresses.empty());
  for (const auto& address : addresses) {
    Outcome ran = run(egress({"connect", address, listener.port}));
    ASSERT_FALSE(ran.failure) << ran.failure->message;
    EXPECT_EQ(ran.output, address.starts_with("127.") ? "ECONNREFUSED\n" : refusal()) << address;
  }
}

TEST_F(NetworkTest, EgressReachesNoOtherSandbox) {
  Spec server = egress({"listen", "8000"});
  auto sandbox = start(server);
  Outcome ran = run(egress({"connect", sandbox->address(), "8000"}));
  EXPECT_EQ(ran.output, "ECONNREFUSED\n");
  end(std::move(sandbox));
}

TEST_F(NetworkTest, EgressIsNoWayToLinkLocalServices) {
  EXPECT_EQ(run(egress({"connect", "169.254.169.254", "80"})).output, refusal());
}

TEST_F(NetworkTest, NoneHasNoWayOut) {
  EXPECT_EQ(run_probe({"connect", "192.0.2.1", "80"}).output, "ENETUNREACH\n");
}

TEST_F(NetworkTest, ConnectReachesAServerInsideThatHasNoWayOut) {
  auto sandbox = start(probe({"listen", "8000"}));
  auto made = connect(*sandbox, 8000);
  ASSERT_TRUE(made) << made.error().message;
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  ASSERT_EQ(::getpeername(made->get(), reinterpret_cast<sockaddr*>(&peer), &size), 0);
  EXPECT_EQ(ntohs(peer.sin_port), 8000);
  made->reset();
  end(std::move(sandbox));
}

TEST_F(NetworkTest, ConnectSaysWhenNobodyListensOrTheSandboxHasEnded) {
  auto sandbox = start(probe({"listen", "8000"}));
  auto nobody = connect(*sandbox, 8001);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Code::Unavailable);
  EXPECT_NE(nobody.error().message.find("Connection refused"), std::string::npos) << nobody.error().message;
  on_loop([&] { sandbox->kill(); });
  wait(*sandbox);
  EXPECT_EQ(connect(*sandbox, 8000).error().code, Code::Unavailable);
  end(std::move(sandbox));
}

TEST_F(NetworkTest, TheLauncherComesBackFromASandboxsNetwork) {
  auto sandbox = start(probe({"listen", "8000"}));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(connect(*sandbox, 8000));
  end(std::move(sandbox));
  EXPECT_EQ(run(egress({"id"})).output, "0:0\n");
}

TEST_F(NetworkTest, NoInterfaceOutlivesTheLauncher) {
  if (rootless()) GTEST_SKIP() << "no interface of a rootless sandbox is on the host";
  std::string prefix = tag_of(home_).interface_prefix();
  EXPECT_EQ(run(egress({"id"})).output, "0:0\n");
  EXPECT_TRUE(interface_exists(prefix));
  close_launcher();
  auto deadline = std::chrono::steady_clock::now() + 10s;  // the kernel removes it with its namespace, soon
  while (interface_exists(prefix) && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(5ms);
  EXPECT_FALSE(interface_exists(prefix));
}

}  // namespace
}  // namespace bimodal::sandbox
