// One request that a thread answers, and the server's half of PEP 3333 for it (wsgi_call.cc).
//
// The connection's side is called on the loop's thread, everything else on the thread that answers; both hold the GIL,
// which is what guards the members. A thread that must wait gives the GIL up.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "held_output.h"
#include "py.h"
#include "stream.h"
#include "wire/frame.h"
#include "wire/head.h"

namespace bimodal::runner {

class Connection;
class Server;

class WsgiRequest final : public Stream {
 public:
  WsgiRequest(Ref server, Connection& connection, std::uint32_t stream, const wire::RequestHead& head, Ref environ);

  static bool make_type();  // false with a Python error set
  static PyObject* type();

  bool add_body(std::string_view bytes, bool end) override;
  void add_credit(std::uint32_t bytes) override;
  void cancel(CancelReason reason) override;
  void lose_connection() override;
  void detach() override { connection_ = nullptr; }
  bool finished() const override { return finished_; }
  PyObject* task() const override { return nullptr; }
  bool is_tunnel() const override { return is_tunnel_; }

  // For wsgi.py. Null or false with a Python error set.
  Ref take_environ() { return std::move(environ_); }
  bool enter();                // this thread answers it: sets the context's ids
  Ref whole_body();            // bytes when the body came with the head, else None
  Ref read(std::size_t size);  // waits for some of the body; empty at its end
  // Calls the application and sends what it returns.
  bool call(PyObject* app, PyObject* environ);
  // The application has taken the socket of a tunnel, and answers there with this head: nothing else that it says
  // counts.
  bool switch_protocols(PyObject* status, PyObject* headers);
  bool switched() const { return switched_; }
  // Waits until all is on its way. The response ends with `end`, or with the last byte of its Content-Length.
  bool write(PyObject* bytes, bool end);
  // The thread is done with it. Without a reason the response is complete. Done more than once it does nothing.
  void end(const char* abort_reason);
  bool disconnected() const { return disconnected_; }

  // For the application: null or false with a Python error set.
  Ref start_response(PyObject* status, PyObject* headers, PyObject* exc_info);  // the function write()
  bool send(PyObject* data, bool end);

  int traverse(visitproc visit, void* arg);
  void clear();

 private:
  Server& server() const;
  bool start(PyObject* status, PyObject* headers);
  bool send_all(PyObject* result);
  void wait();  // until something changed
  void wake();
  bool is_last(std::size_t size);
  bool send_piece(PyObject* owner, std::string_view& rest, bool end);
  void append(wire::FrameHeader header, std::string_view payload, PyObject* owner, std::string_view part);
  void begun();
  void flush();
  void raise_disconnected();
  void return_credit(std::size_t consumed);

  Ref server_;
  Connection* connection_;  // null once the stream is over or the connection is lost
  const std::uint32_t stream_;
  std::array<char, wire::kRequestIdSize> request_id_;
  const bool is_head_;
  const bool is_tunnel_;
  Ref environ_;
  bool finished_ = false;
  bool disconnected_ = false;
  bool waits_ = true;  // no thread has begun it
  const HeldOutput::Clock::time_point came_ = HeldOutput::Clock::now();
  HeldOutput::Clock::duration waited_{};     // until a thread began it
  unsigned long thread_ = 0;                 // that answers it
  std::vector<PyThread_type_lock> waiting_;  // of threads that wait, each released by wake()

  std::deque<Ref> body_;         // bounded by the credit that we gave
  std::size_t body_offset_ = 0;  // of the first chunk, what was read
  bool body_ended_ = false;
  std::size_t body_credit_ = wire::kInitialCredit;
  std::size_t body_consumed_ = 0;

  std::string head_;  // encoded; held until the first piece of body
  bool started_ = false;
  bool sent_ = false;      // the application gave some of the body, or its end
  bool switched_ = false;  // by a tunnel's application
  bool complete_ = false;
  std::optional<std::uint64_t> left_;  // of its Content-Length
  std::uint64_t credit_ = wire::kInitialCredit;
};

}  // namespace bimodal::runner
