// Routing, the life of a request, and what callers are told when it goes wrong.
#include <gtest/gtest.h>

#include "gateway/test_support.h"

namespace bimodal::gateway {
namespace {

using scheduler::until;

std::string request(std::string_view line, std::string_view more = "") {
  return std::string(line) + " HTTP/1.1\r\nHost: app.localhost\r\n" + std::string(more) + "\r\n";
}

TEST(Gateway, AnswersWhatTheContainerSays) {
  Rig rig;
  rig.publish();
  auto response = rig.get("/hello");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(response.field("content-type"), "text/plain");
  EXPECT_EQ(response.field("bimodal-request-id").size(), 26u);
  EXPECT_FALSE(response.field("date").empty());
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
}

TEST(Gateway, KeepsTheConnectionForTheNextRequest) {
  Rig rig;
  rig.publish();
  Caller caller(rig.gateway->port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(caller.send(request("GET /hello")));
    EXPECT_EQ(caller.read_response().body, "hello");
  }
}

TEST(Gateway, AnswersPipelinedRequestsInOrder) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(
      request("POST /echo", "Content-Length: 3\r\n") + "one" + request("GET /status?404") +
      request("POST /echo", "Transfer-Encoding: chunked\r\n") + "3\r\ntwo\r\n0\r\n\r\n" + request("GET /hello"));
  EXPECT_EQ(caller.read_response().body, "one");
  EXPECT_EQ(caller.read_response().status, 404);
  EXPECT_EQ(caller.read_response().body, "two");
  EXPECT_EQ(caller.read_response().body, "hello");
}

TEST(Gateway, TellsTheContainerEverythingButWhatIsNotForIt) {
  Rig rig;
  rig.version.web_methods.push_back({.method_name = "web"});
  rig.publish({{.host = "cls.localhost", .function_id = "fu-1", .method_name = "web"}});
  auto caller = rig.call(
      "GET /head?a=1&b=%20 HTTP/1.1\r\nHost: CLS.localhost:8080\r\nX-Mine: 1\r\nCookie: c\r\n"
      "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\n"
      "X-Forwarded-For: 1.2.3.4\r\nModal-Key: wk-1\r\nModal-Secret: ws-1\r\nAuthorization: Bearer wk-1.ws-1\r\n\r\n");
  auto response = caller.read_response();
  const std::string id = response.field("bimodal-request-id");
  EXPECT_EQ(
      response.body, "method=GET\npath=/head\nquery=a=1&b=%20\nweb_method=web\nrequest_id=" + id +
                         "\nclient_host=127.0.0.1\nserver_host=127.0.0.1\nversion=11\n"
                         "host=CLS.localhost:8080\nx-mine=1\ncookie=c\nte=trailers\n");
}

TEST(Gateway, HandsTheCallersOwnAuthorizationOver) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(request("GET /head", "Authorization: Bearer mine\r\n"));
  EXPECT_NE(caller.read_response().body.find("authorization=Bearer mine\n"), std::string::npos);
}

TEST(Gateway, RoutesByExactNameBeforeWildcard) {
  Rig rig;
  rig.publish(
      {{.host = "*.example.com", .function_id = "fu-1", .method_name = "any"},
       {.host = "a.example.com", .function_id = "fu-1", .method_name = "exact"}});
  auto method = [&](const std::string& host) {
    auto caller = rig.call("GET /head HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    auto response = caller.read_response();
    const std::size_t at = response.body.find("web_method=");
    return response.status == 404 ? "none" : response.body.substr(at + 11, response.body.find('\n', at) - at - 11);
  };
  EXPECT_EQ(method("A.Example.com:8080"), "exact");
  EXPECT_EQ(method("b.example.com"), "any");
  EXPECT_EQ(method("b.example.com."), "any");
  EXPECT_EQ(method("c.b.example.com"), "none");
  EXPECT_EQ(method("example.com"), "none");
  EXPECT_EQ(method(".example.com"), "none");
}

TEST(Gateway, SaysWhatItIsAtItsBareAddress) {
  Rig rig;
  rig.publish();
  for (const char* host : {"127.0.0.1:8080", "localhost", "[::1]:80"}) {
    auto response = rig.call(std::string("GET / HTTP/1.1\r\nHost: ") + host + "\r\n\r\n").read_response();
    EXPECT_EQ(response.status, 200) << host;
    EXPECT_NE(response.body.find("Bimodal"), std::string::npos);
    EXPECT_EQ(response.body.find("app.localhost"), std::string::npos) << "names no function";
    EXPECT_EQ(response.field("bimodal-request-id").size(), 26u);
  }
  for (const char* target :
       {"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a--b.localhost\r\n\r\n"}) {
    auto response = rig.call(target).read_response();
    EXPECT_EQ(response.status, 404) << target;
    EXPECT_EQ(response.body, "modal-http: invalid function call");
    EXPECT_EQ(response.field("bimodal-error"), "unknown-host");
  }
}

TEST(Gateway, AnswersByTheTableThatWasPublishedLast) {
  Rig rig;
  rig.publish();
  EXPECT_EQ(rig.get("/hello").status, 200);
  rig.gateway->publish({{.host = "app.localhost", .function_id = "fu-1", .stopped = true}});
  auto stopped = rig.get("/hello");
  EXPECT_EQ(stopped.status, 404);
  EXPECT_EQ(stopped.body, "modal-http: app for invoked web endpoint is stopped");
  EXPECT_EQ(stopped.field("bimodal-error"), "app-stopped");
  rig.gateway->publish({});
  auto unknown = rig.get("/hello");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.body, "modal-http: invalid function call");
  EXPECT_EQ(unknown.field("bimodal-error"), "unknown-host");
  EXPECT_EQ(unknown.field("bimodal-request-id").size(), 26u);
}

TEST(Gateway, AnswersStoppedWhenTheFunctionHasNoPoolAnyMore) {
  Rig rig;
  rig.publish();
  scheduler::wait_for(rig.control(), rig.functions.stop("ap-1"));
  EXPECT_EQ(rig.get("/hello").body, "modal-http: app for invoked web endpoint is stopped");
}

TEST(Gateway, RefusesEverythingWhereATokenIsRequired) {
  Rig rig;
  rig.publish({{.host = "private.localhost", .function_id = "fu-1", .requires_proxy_auth = true}});
  auto answer = [&](const std::string& fields) {
    return rig.call("GET /hello HTTP/1.1\r\nHost: private.localhost\r\n" + fields + "\r\n").read_response();
  };
  for (const char* missing : {"", "Modal-Key: wk-1\r\n", "Authorization: Bearer eyJ\r\n"}) {
    EXPECT_EQ(answer(missing).status, 401);
    EXPECT_EQ(answer(missing).body, "modal-http: missing credentials for proxy authorization") << missing;
  }
  for (const char* wrong : {"Modal-Key: wk-1\r\nModal-Secret: ws-1\r\n", "Authorization: bearer wk-1.ws-1\r\n"}) {
    EXPECT_EQ(answer(wrong).status, 401);
    EXPECT_EQ(answer(wrong).body, "modal-http: invalid credentials for proxy authorization") << wrong;
  }
}

TEST(Gateway, LetsABrowserAskBeforeItSendsCredentials) {
  Rig rig;
  rig.publish({{.host = "private.localhost", .function_id = "fu-1", .requires_proxy_auth = true}});
  const std::string head = "OPTIONS /hello HTTP/1.1\r\nHost: private.localhost\r\n";
  EXPECT_EQ(rig.call(head + "Access-Control-Request-Method: POST\r\n\r\n").read_response().status, 200);
  EXPECT_EQ(rig.call(head + "\r\n").read_response().status, 401);
}

TEST(Gateway, HasNoQueueForAServer) {
  Rig rig;
  rig.version.is_server = true;
  rig.version.scaling.max_inputs = 1;
  rig.version.scaling.max_containers = 1;
  rig.launcher.start_time = 50ms;
  rig.publish();
  auto early = rig.get("/hello");
  EXPECT_EQ(early.status, 503);
  EXPECT_EQ(early.field("bimodal-error"), "server-not-ready");
  EXPECT_EQ(early.field("retry-after"), "1");
  ASSERT_TRUE(scheduler::until([&] { return rig.load().containers == 1; })) << "the first request had one started";
  EXPECT_EQ(rig.get("/hello").status, 200);

  auto busy = rig.call("GET /silent HTTP/1.1\r\nHost: app.localhost\r\n\r\n");
  ASSERT_TRUE(scheduler::until([&] { return rig.running() == 1; }));
  auto late = rig.get("/hello");
  EXPECT_EQ(late.status, 429);
  EXPECT_EQ(late.field("bimodal-error"), "server-full");
}

TEST(Gateway, SaysWhyAServerDoesNotStart) {
  Rig rig({}, {.first_retry = 10s});
  rig.version.is_server = true;
  rig.launcher.failure = "nothing listens on port 8000";
  rig.publish();
  EXPECT_EQ(rig.get("/hello").status, 503);
  ASSERT_TRUE(scheduler::until([&] { return rig.get("/hello").status == 500; }));
  EXPECT_EQ(rig.get("/hello").body, "modal-http: internal error: status Failure: nothing listens on port 8000");
}

TEST(Gateway, RefusesABodyThatIsDeclaredTooLarge) {
  Rig rig({.max_body_bytes = 10});
  rig.publish();
  auto caller = rig.call(request("POST /sink", "Content-Length: 11\r\n"));
  auto response = caller.read_response();
  EXPECT_EQ(response.status, 413);
  EXPECT_TRUE(response.body.starts_with("modal-http: ")) << response.body;
  EXPECT_EQ(rig.runner->requests(), 0);
}

TEST(Gateway, RefusesABodyThatTurnsOutTooLarge) {
  Rig rig({.max_body_bytes = 10});
  rig.publish();
  auto caller = rig.call(request("POST /sink", "Transfer-Encoding: chunked\r\n") + "b\r\n01234567890\r\n");
  EXPECT_EQ(caller.read_response().status, 413);
}

TEST(Gateway, RefusesABadRequestInItsOwnWords) {
  Rig rig;
  rig.publish();
  auto caller = rig.call("GET / HTTP/1.1\r\n\r\n");
  auto response = caller.read_response();
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "modal-http: no Host header");
  EXPECT_EQ(response.field("bimodal-error"), "bad-request");
}

TEST(Gateway, SaysWhyNoContainerStarts) {
  Rig rig;
  rig.launcher.failure = "ModuleNotFoundError: No module named 'x'";
  rig.publish();
  auto response = rig.get("/hello");
  EXPECT_EQ(response.status, 500);
  EXPECT_TRUE(response.body.starts_with("modal-http: internal error: status Failure: ")) << response.body;
  EXPECT_NE(response.body.find("No module named 'x'"), std::string::npos) << response.body;
}

TEST(Gateway, RefusesWhenTheQueueIsFull) {
  Rig rig({}, {.max_containers = 1, .max_waiting = 1});
  rig.version.scaling.max_inputs = 1;
  rig.publish();
  auto running = rig.call(request("GET /silent"));
  ASSERT_TRUE(until([&] { return rig.runner->requests() == 1; }));
  auto waiting = rig.call(request("GET /hello"));
  ASSERT_TRUE(until([&] { return rig.load().waiting == 1; }));
  auto response = rig.get("/hello");
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.field("bimodal-error"), "queue-full");
  EXPECT_NE(response.body.find("max_waiting"), std::string::npos) << response.body;
  running.close();
  EXPECT_EQ(waiting.read_response().body, "hello");
}

TEST(Gateway, LeavesTheQueueWhenTheCallerLeaves) {
  Rig rig({}, {.max_containers = 1});
  rig.version.scaling.max_inputs = 1;
  rig.publish();
  auto running = rig.call(request("GET /silent"));
  ASSERT_TRUE(until([&] { return rig.runner->requests() == 1; }));
  auto waiting = rig.call(request("POST /echo", "Content-Length: 4\r\n"));
  ASSERT_TRUE(until([&] { return rig.load().waiting == 1; }));
  waiting.close();
  EXPECT_TRUE(until([&] { return rig.load().waiting == 0; }));
  EXPECT_EQ(rig.runner->requests(), 1);
}

TEST(Gateway, FreesTheSlotOnlyWithDone) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(request("GET /hello"));
  caller.read_response();
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
  auto silent = rig.call(request("GET /silent"));
  EXPECT_TRUE(until([&] { return rig.running() == 1; }));
  silent.close();
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
}

TEST(Gateway, CancelsWhenTheCallerLeaves) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(request("GET /silent"));
  ASSERT_TRUE(until([&] { return rig.runner->requests() == 1; }));
  const auto left = std::chrono::steady_clock::now();
  caller.close();
  ASSERT_TRUE(until([&] { return rig.runner->cancels() == std::vector<std::uint32_t>{1}; }));
  EXPECT_LT(std::chrono::steady_clock::now() - left, 2s) << "at once, not when some time is over";
}

TEST(Gateway, CancelsAndAnswersWhenTheFunctionTakesTooLong) {
  Rig rig;
  rig.version.timeout = 200ms;
  rig.publish();
  auto response = rig.get("/silent");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "modal-http: internal error: function execution timed out");
  EXPECT_TRUE(until([&] { return rig.runner->cancels() == std::vector<std::uint32_t>{2}; }));
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
}

TEST(Gateway, KillsAContainerWhoseRequestCannotBeCancelled) {
  Rig rig;
  rig.version.timeout = 100ms;
  rig.publish();
  EXPECT_EQ(rig.get("/stuck").status, 500);
  EXPECT_TRUE(until([&] { return rig.launcher.alive() == 0; }));
}

// Its connection breaks first, as with a real one.
Caller::Response crash(Rig& rig, scheduler::ExitKind kind) {
  auto caller = rig.call(request("GET /crash"));
  EXPECT_TRUE(until([&] { return rig.runner->requests() == 1; }));
  scheduler::on(rig.control(), [&] {
    rig.launcher.containers().front()->end(kind, "why");
    return true;
  });
  return caller.read_response();
}

TEST(Gateway, AnswersForAContainerThatDies) {
  Rig rig;
  rig.publish();
  auto response = crash(rig, scheduler::ExitKind::Signalled);
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "modal-http: internal error: function was terminated by signal");
  EXPECT_EQ(response.field("bimodal-error"), "container-gone");
  EXPECT_EQ(rig.get("/hello").status, 200);
}

TEST(Gateway, SaysThatAContainerRanOutOfMemory) {
  Rig rig;
  rig.publish();
  auto response = crash(rig, scheduler::ExitKind::OutOfMemory);
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "modal-http: internal error: function was terminated by signal (out of memory)");
  EXPECT_EQ(response.field("bimodal-error"), "out-of-memory");
}

TEST(Gateway, AnswersForAConnectionThatBreaksThoughItsContainerLives) {
  Rig rig;
  rig.publish();
  EXPECT_EQ(rig.get("/crash").field("bimodal-error"), "container-gone");
  EXPECT_EQ(rig.running(), 0);
}

TEST(Gateway, ForgetsACallerThatLeavesWhileTheContainersEndIsAwaited) {
  Rig rig;
  rig.publish();
  {
    auto caller = rig.call(request("GET /crash"));
    ASSERT_TRUE(until([&] { return rig.runner->requests() == 1; }));
  }
  EXPECT_EQ(rig.get("/hello").status, 200);
}

TEST(Gateway, RefusesAnAnnouncedBodyThatDoesNotBegin) {
  Rig rig({.first_message_timeout = 50ms});
  rig.publish();
  auto caller = rig.call(request("POST /echo", "Content-Length: 4\r\n"));
  auto response = caller.read_response();
  EXPECT_EQ(response.status, 408);
  EXPECT_EQ(response.field("bimodal-error"), "first-message-late");
  EXPECT_NE(response.body.find("limits.first_message_timeout"), std::string::npos) << response.body;
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
}

TEST(Gateway, WaitsForTheRestOfABodyThatHasBegun) {
  Rig rig({.first_message_timeout = 50ms});
  rig.version.timeout = 400ms;
  rig.publish();
  auto caller = rig.call(request("POST /echo", "Content-Length: 4\r\n") + "ab");
  EXPECT_FALSE(caller.readable(150ms));
  caller.send("cd");
  EXPECT_EQ(caller.read_response().body, "abcd");
  auto late = rig.call(request("POST /echo", "Content-Length: 4\r\n") + "ab");
  EXPECT_EQ(late.read_response().body, "modal-http: internal error: function execution timed out");
}

TEST(Gateway, CutsTheCallerWhenTheContainerDiesInTheMiddle) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(request("GET /cut"));
  std::string all = caller.read_all();
  EXPECT_NE(all.find("half"), std::string::npos);
  EXPECT_EQ(all.find("\r\n0\r\n"), std::string::npos);
}

TEST(Gateway, AnswersForAnApplicationThatFails) {
  Rig rig;
  rig.publish();
  auto response = rig.get("/abort");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "Internal Server Error") << "the exception's text is for the log";
  EXPECT_EQ(response.field("bimodal-error"), "application-failed");
  EXPECT_EQ(rig.get("/done").status, 500);
  EXPECT_EQ(rig.get("/evil").field("bimodal-error"), "invalid-response");
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
}

TEST(Gateway, DropsARunnerThatSendsBeyondItsCredit) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(request("GET /overrun"));
  ASSERT_TRUE(until([&] { return rig.runner->requests() == 1; }));
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
  EXPECT_LT(caller.read_all().size(), 32u << 20);  // of which it sent more
  EXPECT_EQ(rig.get("/hello").status, 200);
}

TEST(Gateway, WaitsForAContainerWhoseSocketIsNotThereYet) {
  Rig rig;
  const std::string path = rig.runner->path();
  rig.runner.reset();
  rig.publish();
  auto caller = rig.call(request("POST /echo", "Content-Length: 4\r\n") + "body");
  ASSERT_TRUE(until([&] { return rig.launcher.started() == 1; }));
  EXPECT_FALSE(caller.readable(150ms));
  rig.runner = std::make_unique<FakeRunner>(path);
  EXPECT_EQ(caller.read_response().body, "body");
}

TEST(Gateway, SendsTheRequestElsewhereWhenNothingOfItWasWritten) {
  Rig rig;
  rig.publish();
  EXPECT_EQ(rig.get("/hello").status, 200);
  // The gateway is connected; the runner goes, and the next request finds a dead socket.
  const std::string path = rig.runner->path();
  rig.runner.reset();
  rig.runner = std::make_unique<FakeRunner>(path);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(rig.get("/hello").status, 200);
}

TEST(Gateway, GoesToTheNewVersionWhenTheOldOneClosesUnderTheQueue) {
  Rig rig({}, {.max_containers = 1});
  rig.launcher.start_time = 300ms;
  rig.publish();
  auto caller = rig.call(request("GET /hello"));
  ASSERT_TRUE(until([&] { return rig.load().waiting == 1; }));
  rig.version.definition_id = "de-2";
  rig.publish();
  EXPECT_EQ(caller.read_response().body, "hello");
}

TEST(Gateway, LetsRunningRequestsFinishWhenItCloses) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(request("POST /echo", "Content-Length: 4\r\n"));
  auto idle = rig.call(request("GET /hello"));
  idle.read_response();
  ASSERT_TRUE(until([&] { return rig.runner->requests() == 2; }));
  const std::uint16_t port = rig.gateway->port();
  std::thread closing([&] { rig.close(Deadline::after(10s)); });
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_TRUE(until([&] { return !Caller(port).connected(); }));
  caller.send("body");
  auto response = caller.read_response();
  EXPECT_EQ(response.body, "body");
  EXPECT_EQ(response.field("connection"), "close");
  closing.join();
}

TEST(Gateway, CutsWhatIsStillRunningAfterTheGraceTime) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(request("GET /silent"));
  ASSERT_TRUE(until([&] { return rig.runner->requests() == 1; }));
  rig.close(Deadline::after(100ms));
  EXPECT_EQ(caller.read_all(), "");
  EXPECT_TRUE(until([&] { return rig.runner->cancels() == std::vector<std::uint32_t>{3}; }));
}

TEST(Gateway, RefusesAnAddressThatIsInUse) {
  Rig rig;
  Loop loop("other");
  auto second =
      Gateway::listen({&loop}, "127.0.0.1:" + std::to_string(rig.gateway->port()), rig.functions, rig.blobs, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::AlreadyExists);
}

TEST(Gateway, TakesNoMoreConnectionsThanItMay) {
  Rig rig({.max_connections = 2});
  rig.publish();
  auto first = rig.call(request("GET /hello"));
  auto second = rig.call(request("GET /hello"));
  EXPECT_EQ(first.read_response().status, 200);
  EXPECT_EQ(second.read_response().status, 200);
  auto third = rig.call(request("GET /hello"));
  EXPECT_FALSE(third.readable(200ms));
  first.close();
  EXPECT_EQ(third.read_response().status, 200);
}

}  // namespace
}  // namespace bimodal::gateway
