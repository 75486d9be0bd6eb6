// One connection from the daemon: reads frames, hands them to requests, and collects what they answer.
//
// Writes happen once per turn of the loop (Server::flush). A peer that breaks the rules of wire/frame.h is cut off.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "held_output.h"
#include "output.h"
#include "py.h"
#include "server.h"
#include "stream.h"
#include "tally.h"
#include "wire/frame.h"
#include "wire/head.h"

namespace bimodal::runner {

class Connection {
 public:
  enum class Greeting { Say, Said };
  // Owns `socket`, which is non-blocking. Says Hello, unless that was done (greet()).
  Connection(Ref server, int socket, Greeting greeting);
  ~Connection();

  static bool make_type();  // false with a Python error set
  static PyObject* type();

  // Begins to watch the socket. False with a Python error set.
  bool watch();

  // What a readable socket holds, up to a bound per turn; the loop calls again while there is more. False with a
  // Python error set, see Server::begin_tasks().
  bool read();
  // Writes as much as the socket takes; when it takes no more, goes on as soon as it does.
  void flush();
  bool flushed() const { return output_.empty(); }
  Server& server() const;

  // The same from another thread than the loop's, which is asked to do the rest. Whoever calls append() there calls
  // this behind it.
  void flush_from_thread();
  // As flush_from_thread(), but together with what is appended within `patience`. Somebody asks is_due() now and then.
  void hold_from_thread(HeldOutput::Clock::duration patience);
  bool is_due() const { return held_->is_due(); }

  // Appends a frame whose payload is `payload` and then `part`, which lies in the bytes or str object `owner`.
  void append(const wire::FrameHeader& header, std::string_view payload, PyObject* owner, std::string_view part);
  // The stream is over. May destroy its request.
  void remove(std::uint32_t stream) { streams_.erase(stream); }

  // Disconnects the callers of all its requests and closes the socket.
  void close();

  template <class F>
  void for_each_stream(F f) const {
    for (const auto& [number, entry] : streams_) f(entry);
  }

  int traverse(visitproc visit, void* arg);
  void clear();

 private:
  enum class Received { Full, Some, Nothing };
  Received receive();
  ssize_t receive_into(char* buffer, std::size_t size);
  std::size_t consume(std::string_view bytes);
  bool handle(const wire::FrameHeader& header, std::string_view payload);
  bool handle_control(const wire::FrameHeader& header);
  bool begin_request(const wire::FrameHeader& header, std::string_view payload);
  StreamRef make_request(std::uint32_t number, const wire::RequestHead& head, const Server::Mount& mount);
  StreamRef make_wsgi_request(std::uint32_t number, const wire::RequestHead& head, const Server::Mount& mount);
  bool begin_stream(const wire::FrameHeader& header, std::string_view body, StreamRef entry);
  void refuse(std::uint32_t stream, std::string_view reason);
  Output::Written write_out();
  void watch_writes(bool wanted);

  Ref server_;
  int socket_;
  std::string partial_;  // a frame of which not all has come
  Tally tally_;
  int tally_fd_ = -1;       // what came with the first bytes, until the frame that it belongs to is handled
  bool spoken_to_ = false;  // the first bytes have come
  Output output_;
  const std::shared_ptr<HeldOutput> held_;  // goes before output_, of which nothing was written while this holds any
  bool writes_watched_ = false;
  std::unordered_map<std::uint32_t, StreamRef> streams_;
};

// Accepts a connection that waits at `listen_fd` already, and says Hello on it. -1 when none waits, or it is gone.
int greet(int listen_fd, std::string_view task_id);

}  // namespace bimodal::runner
