// One request: the coroutine that its asyncio task runs, and both directions of its ASGI messages.
//
// The task's coroutine is this object itself: it sets the client's context ids in the task's own context, calls the
// application, passes every step through to the application's coroutine, and on its end tells the gateway. Lives
// on the loop's thread; send() and receive() called on other threads are deferred to it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "py.h"
#include "served_file.h"
#include "stream.h"
#include "wait_list.h"
#include "websocket.h"
#include "wire/frame.h"
#include "wire/head.h"

namespace bimodal::runner {

class Connection;
class Server;

class Request final : public Stream {
 public:
  Request(Ref server, Connection& connection, std::uint32_t stream, const wire::RequestHead& head, Ref app, Ref scope);

  static bool make_type();  // false with a Python error set
  static PyObject* type();

  // From the connection.
  bool add_body(std::string_view bytes, bool end) override;
  void add_credit(std::uint32_t bytes) override;
  void cancel(CancelReason reason) override;
  void lose_connection() override;
  void detach() override { connection_ = nullptr; }
  bool add_message(wire::FrameType type, std::string_view bytes, bool end) override;
  bool close_by_caller(std::uint32_t code, std::string_view reason) override;
  void set_task(Ref task) { task_ = std::move(task); }
  PyObject* task() const override { return task_.get(); }
  bool finished() const override { return finished_; }

  // For the application.
  Ref receive();                // an awaitable; null with a Python error set
  Ref send(PyObject* message);  // the same
  Ref receive_or_defer();
  Ref send_or_defer(PyObject* message);

  // For awaitables.
  bool has_message() const;
  Ref take_message();
  bool disconnected() const { return disconnected_; }
  void raise_disconnected();
  std::uint64_t bytes_sent() const { return bytes_sent_; }
  WaitList& receivers() { return receivers_; }
  WaitList& senders() { return senders_; }
  Server& server() const;

  // The coroutine protocol.
  PySendResult step(PyObject* argument, PyObject** result);
  PyObject* throw_into(PyObject* args);
  PyObject* close();
  PyObject* inner() const { return inner_.get(); }

  int traverse(visitproc visit, void* arg);
  void clear();

 private:
  enum class Phase { NotStarted, Started, Complete };

  struct Chunk {
    Ref owner;  // a bytes object, or of a text a str object
    std::string_view rest;
    bool end;
    wire::FrameType type = wire::FrameType::Body;
    std::uint32_t code = 0;                      // of a Close
    std::unique_ptr<ServedFile> file = nullptr;  // in the place of `rest`
  };

  // Coroutine (request_task.cc).
  bool start();
  bool finish_with_error();
  void finish(const char* abort_reason);
  void release_stream();

  // Request body (request_body.cc).
  void return_credit(std::size_t consumed);

  // WebSocket (request_websocket.cc).
  void abandon_socket(CancelReason reason);
  bool has_socket_message() const;
  Ref take_socket_message();
  bool socket_send(PyObject* type, PyObject* message);
  bool accept_socket(PyObject* message);
  bool send_message(PyObject* message);
  bool close_by_application(PyObject* message);
  void enqueue(Chunk chunk);
  bool send_message_chunk(Chunk& chunk);
  bool may_return() const;
  bool is_complete() const;

  // Response from a file (request_file.cc).
  bool send_path(PyObject* message);
  bool send_file_chunk(Chunk& chunk);
  void fail_file();

  // Response (request_response.cc).
  bool start_response(PyObject* message);
  bool add_chunk(PyObject* message);
  bool send_trailers(PyObject* message);
  void send_chunks();
  bool send_chunk(Chunk& chunk);
  void send_piece(PyObject* owner, std::string_view piece, bool end);
  void append_frame(wire::FrameHeader header, std::string_view payload = {});

  Ref server_;              // the Server object
  Connection* connection_;  // null once the stream is over or the connection is lost
  const std::uint32_t stream_;
  std::array<char, wire::kRequestIdSize> request_id_;
  const bool is_head_;  // HEAD: bodies are dropped
  Ref app_, scope_;
  Ref inner_;  // the application's coroutine
  Ref task_;
  bool finished_ = false;
  bool disconnected_ = false;

  const std::unique_ptr<WebSocket> socket_;  // null: HTTP

  // Request body, bounded by the credit that we gave.
  std::vector<Ref> body_;
  std::size_t body_next_ = 0;                       // first chunk that the application has not taken
  bool body_ended_ = false;                         // the gateway sent the end
  bool body_taken_ = false;                         // the application took the end
  int ignored_sends_ = 0;                           // how many more do nothing, because the caller just left
  bool disconnect_taken_ = false;                   // the application was told that nothing more comes
  std::size_t body_credit_ = wire::kInitialCredit;  // what the gateway may still send
  std::size_t body_consumed_ = 0;                   // taken by the application, not yet given back as credit
  WaitList receivers_;

  // Response.
  Phase phase_ = Phase::NotStarted;
  bool trailers_ = false;          // announced with the head
  bool trailers_awaited_ = false;  // the body has ended, the trailers have not been sent
  std::string head_;               // encoded; held until the first piece of body
  std::vector<Chunk> chunks_;      // accepted from the application, waiting for credit
  std::uint64_t credit_ = wire::kInitialCredit;
  std::uint64_t bytes_accepted_ = 0;
  std::uint64_t bytes_sent_ = 0;
  WaitList senders_;
};

// receive and send as the application gets them, bound to a Request object.
extern PyMethodDef receive_method;
extern PyMethodDef send_method;

// Sets the Python error that `args` of a coroutine's throw() describe.
void raise_thrown(PyObject* args);

}  // namespace bimodal::runner
