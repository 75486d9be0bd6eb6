// Containers that break the protocol: their caller is told or cut off, their own connection ends, nothing else does.
#include <algorithm>
#include <functional>

#include "gateway/abuse_support.h"

namespace bimodal::gateway {
namespace {

using scheduler::until;
using wire::FrameType;

std::string frame(
    std::uint32_t stream, FrameType type, std::string_view payload = "", std::uint8_t flags = 0,
    std::uint32_t extra = 0) {
  std::string out;
  wire::append_frame(out, {.stream = stream, .type = type, .flags = flags, .extra = extra}, payload);
  return out;
}

std::string response(
    std::uint32_t stream, int status, wire::Headers headers, std::string_view body, std::uint8_t flags = wire::kEnd) {
  std::string payload;
  CHECK(wire::encode(wire::ResponseHead{.status = static_cast<std::uint16_t>(status), .headers = headers}, payload));
  const auto size = static_cast<std::uint32_t>(payload.size());
  return frame(stream, FrameType::Response, payload.append(body), flags, size);
}

std::string trailers(std::uint32_t stream, const wire::Headers& fields) {
  std::string payload;
  CHECK(wire::encode(fields, payload));
  return frame(stream, FrameType::Trailers, payload);
}

std::string done(std::uint32_t stream) {
  return frame(stream, FrameType::Done);
}

std::string raw_header(
    std::uint32_t size, std::uint32_t stream, int type, int flags, int reserved, std::uint32_t extra) {
  std::string out(wire::kHeaderSize, '\0');
  auto put = [&out](std::size_t at, std::uint32_t value, int count) {
    for (int i = 0; i < count; ++i) out[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (8 * i));
  };
  put(0, size, 4);
  put(4, stream, 4);
  put(8, static_cast<std::uint32_t>(type), 1);
  put(9, static_cast<std::uint32_t>(flags), 1);
  put(10, static_cast<std::uint32_t>(reserved), 2);
  put(12, extra, 4);
  return out;
}

// What the container writes when the request comes; afterwards it goes on to read.
using Script = std::function<std::string(std::uint32_t stream)>;

// Writes a script's bytes for /hostile and an honest answer for everything else.
class HostileRunner {
 public:
  HostileRunner(const std::string& path, Script script) : script_(std::move(script)) {
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::memcpy(address.sun_path, path.data(), path.size());
    ::unlink(path.c_str());
    CHECK(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(::listen(listener_.get(), 8) == 0);
    thread_ = std::thread([this] { run(); });
  }

  ~HostileRunner() {
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

 private:
  void run() {
    while (!stopping_) {
      UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket) return;
      const timeval patience{.tv_sec = 0, .tv_usec = 20'000};
      ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      send(socket.get(), frame(0, FrameType::Hello, "ta-hostile", 0, wire::kVersion));
      serve(socket.get());
    }
  }

  void serve(int socket) {
    std::string in;
    char buffer[65536];
    while (!stopping_) {
      const ssize_t count = ::recv(socket, buffer, sizeof buffer, 0);
      if (count == 0 || (count < 0 && errno != EAGAIN)) return;
      if (count > 0) in.append(buffer, static_cast<std::size_t>(count));
      while (in.size() >= wire::kHeaderSize) {
        auto header = wire::decode_frame_header(in.data());
        CHECK(header);
        if (in.size() < wire::kHeaderSize + header->size) break;
        if (header->type == FrameType::Request) answer(socket, *header, in.substr(wire::kHeaderSize, header->extra));
        in.erase(0, wire::kHeaderSize + header->size);
      }
    }
  }

  void answer(int socket, const wire::FrameHeader& header, const std::string& head_bytes) {
    wire::RequestHead head;
    CHECK(wire::decode(head_bytes, head));
    const bool hostile = head.raw_path == "/hostile";
    send(socket, hostile ? script_(header.stream) : response(header.stream, 200, {}, "hello") + done(header.stream));
  }

  void send(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  Script script_;
  UniqueFd listener_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

struct HostileCase {
  const char* name;
  int status;  // that the caller sees; 0: its connection ends without a whole response
  Script script;
};

void PrintTo(const HostileCase& one, std::ostream* out) {
  *out << one.name;
}

HostileCase status_case(const char* name, int status, int seen) {
  return {name, seen, [status](std::uint32_t s) { return response(s, status, {}, "") + done(s); }};
}

HostileCase header_case(const char* name, std::string field, std::string value, int seen = 500) {
  return {name, seen, [=](std::uint32_t s) { return response(s, 200, {{field, value}}, "body") + done(s); }};
}

// Bytes that are no frame, or a frame that may not come: the connection to the container ends.
HostileCase breach(const char* name, Script script) {
  return {name, 500, std::move(script)};
}

const HostileCase kHostile[] = {
    status_case("StatusZero", 0, 500),
    status_case("StatusContinue", 100, 500),
    status_case("StatusSwitchingProtocols", 101, 500),
    status_case("StatusEarlyHints", 103, 500),
    status_case("Status199", 199, 500),
    status_case("StatusOfFourDigits", 1000, 500),
    status_case("StatusHuge", 65535, 500),
    status_case("StatusUnknown", 299, 299),
    status_case("Status999", 999, 500),
    header_case("ValueEndsTheLine", "x-a", "b\r\nset-cookie: c"),
    header_case("ValueEndsTheHead", "x-a", "b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
    header_case("ValueBareLf", "x-a", "b\nc"),
    header_case("ValueBareCr", "x-a", "b\rc"),
    header_case("ValueNul", "x-a", bytes("b\0c")),
    header_case("ValueControl", "x-a", "b\x01"),
    header_case("NameEmpty", "", "b"),
    header_case("NameBlank", "x a", "b"),
    header_case("NameColon", "x:a", "b"),
    header_case("NameLineEnd", "x\r\ny", "b"),
    header_case("NameBeyondAscii", "x\xc3\xa4", "b"),
    header_case("LengthNoNumber", "content-length", "4x"),
    header_case("LengthNegative", "content-length", "-4"),
    header_case("LengthList", "content-length", "4, 4"),
    header_case("LengthEmpty", "content-length", ""),
    header_case("LengthBeyond64Bits", "content-length", "18446744073709551620"),
    header_case("LengthTooLong", "content-length", "5", 0),
    header_case("LengthTooShort", "content-length", "3", 200),
    // The gateway frames the response itself, whatever the application says about framing.
    header_case("TransferEncoding", "transfer-encoding", "chunked", 200),
    header_case("TransferEncodingGzip", "transfer-encoding", "gzip", 200),
    header_case("ConnectionUpgrade", "connection", "upgrade", 200),
    header_case("KeepAlive", "keep-alive", "timeout=99999", 200),
    {"LengthTwice", 500,
     [](std::uint32_t s) {
       return response(s, 200, {{"content-length", "4"}, {"Content-Length", "4"}}, "body") + done(s);
     }},
    {"BodyOf204", 204, [](std::uint32_t s) { return response(s, 204, {}, "HTTP/1.1 200 OK\r\n\r\n") + done(s); }},
    {"BodyOf304", 304, [](std::uint32_t s) { return response(s, 304, {}, "HTTP/1.1 200 OK\r\n\r\n") + done(s); }},
    {"ResponseTwice", 200,
     [](std::uint32_t s) { return response(s, 200, {}, "body") + response(s, 404, {}, "more") + done(s); }},
    {"ResponseTwiceOpen", 0,
     [](std::uint32_t s) { return response(s, 200, {}, "a", 0) + response(s, 404, {}, "b", 0) + done(s); }},
    {"BodyBehindTheEnd", 200,
     [](std::uint32_t s) {
       return response(s, 200, {}, "body") + frame(s, FrameType::Body, "more", wire::kEnd) + done(s);
     }},
    {"BodyBeforeTheResponse", 500,
     [](std::uint32_t s) { return frame(s, FrameType::Body, "body") + response(s, 200, {}, "late") + done(s); }},
    {"EndBeforeTheResponse", 500, [](std::uint32_t s) { return frame(s, FrameType::Body, "", wire::kEnd) + done(s); }},
    {"TrailersBeforeTheResponse", 200,
     [](std::uint32_t s) { return trailers(s, {{"x", "y"}}) + response(s, 200, {}, "body") + done(s); }},
    {"TrailersThatEndTheLine", 200,
     [](std::uint32_t s) {
       return response(s, 200, {}, "body", 0) + trailers(s, {{"x", "y\r\nz: a"}, {"content length", "4"}}) +
              frame(s, FrameType::Body, "", wire::kEnd) + done(s);
     }},
    {"TrailersOfFraming", 200,
     [](std::uint32_t s) {
       return response(s, 200, {}, "body", 0) + trailers(s, {{"Content-Length", "4"}, {"Transfer-Encoding", "x"}}) +
              frame(s, FrameType::Body, "", wire::kEnd) + done(s);
     }},
    {"TrailersWithoutEnd", 0,
     [](std::uint32_t s) {
       std::string all = response(s, 200, {}, "body", 0);
       for (int i = 0; i < 1000; ++i) all += trailers(s, {{"x", std::string(1000, 'y')}});
       return all + frame(s, FrameType::Body, "", wire::kEnd) + done(s);
     }},
    {"AbortTwice", 500,
     [](std::uint32_t s) { return frame(s, FrameType::Abort, "one") + frame(s, FrameType::Abort, "two") + done(s); }},
    {"AbortWithLines", 500,
     [](std::uint32_t s) { return frame(s, FrameType::Abort, "a\r\nset-cookie: b\r\n\r\n") + done(s); }},
    {"AbortOfMaximalSize", 500,
     [](std::uint32_t s) { return frame(s, FrameType::Abort, std::string(wire::kMaxPayload, 'a')) + done(s); }},
    {"AbortInTheMiddle", 0,
     [](std::uint32_t s) { return response(s, 200, {}, "half", 0) + frame(s, FrameType::Abort, "no") + done(s); }},
    {"DoneAtOnce", 500, [](std::uint32_t s) { return done(s); }},
    {"DoneTwice", 200, [](std::uint32_t s) { return response(s, 200, {}, "body") + done(s) + done(s); }},
    {"DoneInTheMiddle", 0, [](std::uint32_t s) { return response(s, 200, {}, "half", 0) + done(s); }},
    {"FramesBehindDone", 200,
     [](std::uint32_t s) { return response(s, 200, {}, "body") + done(s) + response(s, 500, {}, "ghost"); }},
    {"CreditBeyondBelief", 200,
     [](std::uint32_t s) {
       std::string all;
       for (int i = 0; i < 100; ++i) all += frame(s, FrameType::Credit, "", 0, 0xffffffff);
       return all + response(s, 200, {}, "body") + done(s);
     }},
    breach("StreamNeverGiven", [](std::uint32_t s) { return response(s + 1, 200, {}, "body"); }),
    breach("StreamHuge", [](std::uint32_t) { return response(0xffffffff, 200, {}, "body"); }),
    breach("ResponseOnStreamZero", [](std::uint32_t) { return response(0, 200, {}, "body"); }),
    breach(
        "HelloOfAnotherVersion", [](std::uint32_t) { return frame(0, FrameType::Hello, "ta", 0, wire::kVersion + 1); }),
    breach("RequestFromTheContainer", [](std::uint32_t s) { return frame(s, FrameType::Request); }),
    breach("CancelFromTheContainer", [](std::uint32_t s) { return frame(s, FrameType::Cancel, "", 0, 1); }),
    breach("DrainFromTheContainer", [](std::uint32_t) { return frame(0, FrameType::Drain); }),
    breach("TypeUnknown", [](std::uint32_t s) { return raw_header(0, s, 200, 0, 0, 0); }),
    breach("TypeZero", [](std::uint32_t s) { return raw_header(0, s, 0, 0, 0, 0); }),
    breach("ReservedSet", [](std::uint32_t s) { return raw_header(0, s, 8, 0, 1, 0); }),
    breach("PayloadTooLarge", [](std::uint32_t s) { return raw_header(wire::kMaxPayload + 1, s, 4, 0, 0, 0); }),
    breach("PayloadOfAllOnes", [](std::uint32_t s) { return raw_header(0xffffffff, s, 4, 0, 0, 0); }),
    breach("HeadLargerThanPayload", [](std::uint32_t s) { return raw_header(4, s, 3, 0, 0, 5) + "abcd"; }),
    breach("HeadOfGarbage", [](std::uint32_t s) { return frame(s, FrameType::Response, "garbage", 0, 7); }),
    breach("HeadEmpty", [](std::uint32_t s) { return frame(s, FrameType::Response, "", wire::kEnd, 0); }),
    breach("TrailersOfGarbage", [](std::uint32_t s) { return frame(s, FrameType::Trailers, "garbage"); }),
    breach(
        "HttpInsteadOfFrames",
        [](std::uint32_t) { return std::string("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"); }),
};

class Hostile : public testing::TestWithParam<HostileCase> {
 protected:
  // The status of the first whole response, 0 when there is none.
  static int status_seen(std::string_view raw) {
    auto statuses = statuses_in(raw);
    return statuses && !statuses->empty() ? statuses->front() : 0;
  }
};

TEST_P(Hostile, HarmsNobodyButItsOwnCaller) {
  Rig rig({.exit_patience = 10ms});  // these containers live on
  const std::string path = rig.runner->path();
  rig.runner.reset();
  HostileRunner hostile(path, GetParam().script);
  rig.publish();
  EXPECT_EQ(rig.get("/hello").body, "hello");

  Caller caller = rig.call("GET /hostile HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n");
  const std::string raw = caller.read_all();
  EXPECT_EQ(status_seen(raw), GetParam().status) << raw;
  EXPECT_EQ(std::count(raw.begin(), raw.end(), '\0'), 0);
  EXPECT_EQ(raw.find("\r\nset-cookie: "), raw.npos);
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
  EXPECT_EQ(rig.get("/hello").body, "hello");
}

INSTANTIATE_TEST_SUITE_P(All, Hostile, testing::ValuesIn(kHostile), [](const auto& info) { return info.param.name; });

// Pings are answered; a container that sends them and never reads would make the gateway keep all answers.
TEST(HostileFlood, OfPingsThatNobodyReadsTheAnswersOfEndsTheConnection) {
  Rig rig({.exit_patience = 10ms});  // these containers live on
  const std::string path = rig.runner->path();
  rig.runner.reset();
  std::string pings;
  for (int i = 0; i < 2'000'000; ++i) pings += frame(0, FrameType::Ping);
  HostileRunner hostile(path, [&](std::uint32_t) { return pings; });
  rig.publish();
  auto response = rig.get("/hostile");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.field("bimodal-error"), "container-gone");
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
  EXPECT_EQ(rig.get("/hello").body, "hello");
}

}  // namespace
}  // namespace bimodal::gateway
