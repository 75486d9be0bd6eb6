// Request whose response is a file that the runner opens and reads itself: ASGI's extension http.response.pathsend.
#include <algorithm>

#include "connection.h"
#include "names.h"
#include "request.h"
#include "served_file.h"
#include "server.h"

namespace bimodal::runner {

// The whole body. Errors go to the application, of whose response nothing has been sent yet.
bool Request::send_path(PyObject* message) {
  if (phase_ != Phase::Started || bytes_accepted_ > 0 || trailers_awaited_) {
    PyErr_SetString(
        PyExc_RuntimeError,
        "unexpected ASGI message http.response.pathsend: http.response.start comes first, and no other body");
    return false;
  }
  PyObject* path = PyDict_GetItemWithError(message, names.path_);
  if (path == nullptr) {
    if (PyErr_Occurred() == nullptr) PyErr_SetString(PyExc_KeyError, "path");
    return false;
  }
  std::unique_ptr<ServedFile> file = ServedFile::open(path);
  if (!file) return false;
  trailers_awaited_ = trailers_;
  const bool end = !trailers_;
  bytes_accepted_ += is_head_ ? 0 : file->left();
  Chunk chunk{Ref::borrow(names.empty_bytes), {}, end};
  if (!is_head_ && file->left() > 0) chunk.file = std::move(file);
  enqueue(std::move(chunk));
  if (end) {
    phase_ = Phase::Complete;
    receivers_.wake_all();
  }
  return true;
}

// send_chunk() for a file. The loop waits for the disk, but for no more than the caller takes: at most the credit.
bool Request::send_file_chunk(Chunk& chunk) {
  while (chunk.file->left() > 0) {
    const std::size_t room = head_.empty() ? wire::kMaxInlineBody : wire::kMaxPayload - head_.size();
    const std::size_t size = std::min<std::uint64_t>({chunk.file->left(), credit_, room, wire::kMaxInlineBody});
    if (size == 0) return false;
    Ref piece = chunk.file->read(size);
    if (!piece) {
      fail_file();
      return true;
    }
    const std::string_view bytes(PyBytes_AsString(piece.get()), size);
    send_piece(piece.get(), bytes, chunk.end && chunk.file->left() == 0);
  }
  return true;
}

// With the Python error set: the response can't be completed, whoever waits for it.
void Request::fail_file() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  Ref owned_type = Ref::steal(type), error = Ref::steal(value), owned_traceback = Ref::steal(traceback);
  append_frame({.type = wire::FrameType::Abort}, server().report(error.get(), false));
  disconnected_ = true;
  receivers_.wake_all();
}

}  // namespace bimodal::runner
